"""Items of a Realtime conversation as messages: bodies in the shape of Chat Completions, bytes beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pybase64

from convo.audio.telephony import wav_of_g711
from convo.audio.value import Audio
from convo.audio.wave import wav_of_pcm16
from convo.canonical import encode, printable
from convo.content import MAX_STRING, TEXT_COLUMN
from convo.errors import ConvoError
from convo.extract import decode_base64, spoken, take_bytes_out
from convo.heard import heard
from convo.intake.chat import read_chat
from convo.messages import Draft, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from convo.messages import Media, Status

LAWS: Mapping[str, Literal["mu", "A"]] = {
    "audio/pcmu": "mu", "g711_ulaw": "mu",
    "audio/pcma": "A", "g711_alaw": "A",
}  # fmt: skip
"""Formats of telephones, by the names that the API gives them; all others are pcm16 of 24 kHz."""
SPOKEN = "spoken"
"""The key in `item` that marks speech of which only the words are known: no bytes of it were fed."""
UNFINISHED = "in_progress"
"""The status in `item` of what was still being said when its recording ended."""
HEARD = "heard"
"""The key in `item` of how many seconds were heard of what is unfinished: once the whole has come, it is cut to these."""
AUDIO_PARTS = ("output_audio", "audio")
"""Parts of a reply that are speech, by their names today and before."""


def bytes_a_millisecond(format_: str | None) -> int:
    """Give how many bytes a millisecond of sound has in a format of the API."""
    return 8 if format_ in LAWS else 48


@attrs.frozen
class Reply:
    """What is known of an item of the model: its texts, its speech, and how much of that was heard, in seconds."""

    texts: tuple[str, ...] = ()
    transcript: str | None = None
    sound: bytes = b""
    format: str | None = None
    voice: str | None = None
    heard: float | None = None


def said_by_model(item: Mapping[str, Any], reply: Reply, status: Status, model: str | None) -> Draft:
    """Give the draft of an assistant's message: its speech in pcm16, that of a telephone as a wav."""
    body: dict[str, Any] = {"role": "assistant", "content": "".join(reply.texts) or None}
    if reply.transcript is not None or reply.sound:
        body["audio"] = {"transcript": reply.transcript}
        if reply.sound:
            law = LAWS.get(reply.format or "")
            data = wav_of_g711(reply.sound, law) if law else reply.sound
            body["audio"]["data"] = pybase64.b64encode(data).decode("ascii")
    body["item"] = kept_of(item)
    format_ = "wav" if reply.format in LAWS else "pcm16"
    if reply.heard is not None:
        body = heard_until(body, reply.heard)
    answer = whole = {"choices": [{"index": 0, "message": body, "finish_reason": None}]}
    if reply.heard is not None and "audio" in body:
        answer = heard(whole, reply.heard, format_, whole=True)
    asked = {"model": model, "audio": {"format": format_, "voice": reply.voice}}
    draft = read_chat(answer, asked=asked).draft
    return attrs.evolve(draft, api="realtime", status="complete" if status == "complete" and answer == whole else "interrupted")


def called_by_model(item: Mapping[str, Any], arguments: str, status: Status, model: str | None) -> Draft:
    """Give the draft of a call of a function; it has the id by which its output names it."""
    function = {"name": _text(item.get("name")) or "", "arguments": arguments}
    call = {"id": _text(item.get("call_id")) or _text(item.get("id")) or "", "type": "function", "function": function}
    body = {"role": "assistant", "content": None, "tool_calls": [call], "item": kept_of(item)}
    return attrs.evolve(_drafted(body), status=status, model=model)


def output_of_tool(item: Mapping[str, Any]) -> Draft:
    """Give the draft of a function's output."""
    content = _text(item.get("output")) or ""
    return _drafted({"role": "tool", "tool_call_id": _text(item.get("call_id")) or "", "content": content, "item": kept_of(item)})


def said_by_author(item: Mapping[str, Any], sound: bytes, format_: str | None, said: Mapping[int, str]) -> Draft:
    """Give the draft of what a user or the application said: text, images, and speech as a wav with its transcript.

    `sound` holds the bytes of speech that was taken from the input buffer, in the API's `format_`; `said` the transcripts by
    the index of the part. Speech without bytes is written as its transcript, `""` while it has none.
    """
    contents = item.get("content")
    parts: list[dict[str, Any]] = []
    media: list[Media] = []
    unheard = False
    for index, part in enumerate(contents if isinstance(contents, list) else ()):
        found, piece, lost = _part(part if isinstance(part, dict) else {}, index, sound, format_, said.get(index))
        parts.append(found)
        media += [piece] if piece else []
        unheard = unheard or lost
    kept = kept_of(item) | ({SPOKEN: True} if unheard else {})
    only = parts[0].get("text") if len(parts) == 1 and not media else None
    content = "" if not parts else only if isinstance(only, str) else parts
    role = item.get("role")
    return _drafted({"role": role if role == "system" else "user", "content": content, "item": kept}, tuple(media))


def of_another_kind(item: Mapping[str, Any]) -> Draft:
    """Give the draft of an item that has no place in a chat, such as a tool that a server ran: it is kept as it is."""
    return _drafted({"role": "assistant", "content": None, "item": dict(item)})


def with_transcript(body: dict[str, Any], transcript: str) -> Draft | None:
    """Give the draft of a stored message of speech without bytes, once its words are known; None for any other message."""
    item = body.get("item")
    if not isinstance(item, dict) or not item.get(SPOKEN) or body.get("content") != "":
        return None
    return _drafted({**body, "content": transcript})


def is_unfinished(body: Mapping[str, Any]) -> bool:
    """Say whether a stored message is part of what an item became later."""
    item = body.get("item")
    return isinstance(item, dict) and item.get("status") == UNFINISHED


def heard_of(body: Mapping[str, Any]) -> float | None:
    """Give how many seconds were heard of a stored message that is unfinished; None where that is not known."""
    found = body["item"].get(HEARD) if is_unfinished(body) else None
    return found if isinstance(found, int | float) else None


def heard_until(body: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Give a body that says how many seconds were heard, where it is unfinished: the fewest of those that it was told."""
    if not is_unfinished(body):
        return dict(body)
    known = heard_of(body)
    return {**body, "item": {**body["item"], HEARD: seconds if known is None else min(known, seconds)}}


def kept_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a body keeps of an item: its id, that it was unfinished, and fields that have no other place."""
    known = ("object", "type", "role", "content", "name", "arguments", "call_id", "output", "status")
    rest = {name: value for name, value in item.items() if name not in known}
    return {"id": item.get("id"), **rest} | ({"status": UNFINISHED} if item.get("status") == UNFINISHED else {})


def _part(
    part: dict[str, Any], index: int, sound: bytes, format_: str | None, said: str | None
) -> tuple[dict[str, Any], Media | None, bool]:
    """Give a content part, its media, and whether it is speech without bytes."""
    match part:
        case {"type": "input_audio"}:
            given = _text(part.get("audio"))
            data = _bytes(given) if given else sound
            words = said if said is not None else _text(part.get("transcript"))
            if not data:
                return {"type": "text", "text": words or ""}, None, True
            piece = _recording(data, format_, words, index)
            return {"type": "input_audio", "input_audio": {"data": {"$blob": piece.digest}, "format": "wav"}}, piece, False
        case {"type": "input_image", "image_url": str(url)}:
            detail = {} if part.get("detail") is None else {"detail": part["detail"]}
            return *_image({"type": "image_url", "image_url": {"url": url, **detail}}, index), False
    return {"type": "text", "text": _text(part.get("text")) or ""}, None, False


def _recording(data: bytes, format_: str | None, words: str | None, index: int) -> Media:
    law = LAWS.get(format_ or "")
    wav = wav_of_g711(data, law) if law else wav_of_pcm16(data[: len(data) // 2 * 2])
    try:
        audio = Audio.from_bytes(wav, "wav")
    except ConvoError:  # too short for one sample
        audio = Audio.unchecked(wav, "wav")
    return attrs.evolve(spoken(audio, index), transcript=None if words is None else printable(words, MAX_STRING))


def _image(part: dict[str, Any], index: int) -> tuple[dict[str, Any], Media | None]:
    try:
        body, media = take_bytes_out({"content": [part]})
    except ConvoError:  # no image that could be sent again; what the API took is kept as it is
        return part, None
    return body["content"][0], attrs.evolve(media[0], part=index) if media else None


def _drafted(body: dict[str, Any], media: tuple[Media, ...] = ()) -> Draft:
    text = printable(text_of(body, media), TEXT_COLUMN)
    return Draft(role=body["role"], body=encode(body), api="realtime", media=media, text=text)


def _bytes(encoded: str) -> bytes:
    try:
        return decode_base64(encoded, "the audio")
    except ConvoError:
        return b""


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
