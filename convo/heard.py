"""The cut at a barge-in: of a reply that the user interrupted, only what was heard stays."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import pybase64

from convo.assembly.estimate import SPEECH_RATE
from convo.audio.formats import format_named
from convo.audio.measure import measure
from convo.audio.rates import PCM16_RATE
from convo.audio.wave import cut_pcm16, cut_wav
from convo.checks import check_seconds
from convo.errors import ConvoError
from convo.extract import decode_base64
from convo.forms import is_response, items_of, joined
from convo.messages import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_CUTTERS = {"pcm16": cut_pcm16, "wav": cut_wav}
"""Formats whose bytes are samples; others cannot be cut without decoding them."""
_BESIDE = ("annotations", "logprobs")
"""What refers to places in a text."""
_WORD = re.compile("\\s*(?:[\u3040-\u30ff\u3400-\u9fff]|[^\\s\u3040-\u30ff\u3400-\u9fff]+)")
"""A word with the space before it; in Chinese and Japanese, which have no spaces, a character."""


def cut(
    transcript: str | None,
    data: bytes | None,
    format: str | None,  # noqa: A002 - the API's name
    seconds: float,
    *,
    whole: bool = True,
    lasts: float | None = None,
) -> tuple[str | None, bytes | None]:
    """Give the (transcript, bytes) that were heard in the first `seconds`; `""` and None where it was nothing.

    `whole` says that the bytes are all of the sound: then the text is cut in proportion, else by the usual rate of
    speech, because a stream's words come before their sound. It is cut after a word. Bytes of pcm16 and wav are cut
    at a sample; those of other formats are kept if all was heard, and otherwise go. `lasts` is how long sound is whose bytes
    are not here. Raises `InputError` for seconds
    that are negative or no number.
    """
    check_seconds(seconds)
    duration = _duration(data, format) if data else lasts
    return _words(transcript, seconds, duration, whole=whole), _bytes(data, format, seconds, duration) or None


def heard(
    answer: Mapping[str, Any],
    seconds: float,
    format: str | None,  # noqa: A002 - the API's name
    *,
    whole: bool,
    lasts: float | None = None,
) -> dict[str, Any]:
    """Give an answer's body with what was heard of it in the first `seconds`, its sound being in `format`.

    An answer that is `whole` and was heard to its end is given as it is. Of any other, speech is cut as `cut` does,
    and what was written by the usual rate of speech. It has no `finish_reason`, no tool calls (nobody waits for them
    any more), and no audio id: that would stand for all of the sound, also for what was not heard. Of a Response only its
    messages stay, cut as what was written, and it is incomplete. `lasts` is how long sound is whose bytes are not here.
    """
    check_seconds(seconds)
    if is_response(answer):
        return _heard_of_response(answer, seconds, whole=whole)
    choice = answer["choices"][0]
    message = dict(choice["message"])
    if whole and seconds >= _length(message, format, lasts):
        return dict(answer)
    for key in ("tool_calls", "function_call"):
        message.pop(key, None)
    written = text_of({"content": message.get("content")})
    message["content"] = _words(written, seconds) or None
    message["refusal"] = _words(_text(message.get("refusal")), seconds) or None
    _cut_audio(message, seconds, format, whole=whole, lasts=lasts)
    logprobs = {"logprobs": None} if "logprobs" in choice else {}
    return {**answer, "choices": [{**choice, "message": message, "finish_reason": None, **logprobs}]}


def _heard_of_response(answer: Mapping[str, Any], seconds: float, *, whole: bool) -> dict[str, Any]:
    said, refused = (joined(items_of(answer), key) for key in ("text", "refusal"))
    if whole and seconds >= _length({"content": said, "refusal": refused}, None):
        return dict(answer)
    return shortened(answer, *(len(_words(text, seconds) or "") for text in (said, refused)))


def shortened(answer: Mapping[str, Any], said: int, refused: int = 0) -> dict[str, Any]:
    """Give a Response, or the body of a reply that was one, with the beginning of its texts, and nothing else in its output.

    `said` and `refused` are characters of what `as_chat` gives as content and as refusal. What the API put beside a text,
    such as citations, goes with the end of it.
    """
    left = {"text": said, "refusal": refused}
    messages = [_shorter(item, left) for item in items_of(answer) if joined([item], "text") or joined([item], "refusal")]
    ended = {"status": "incomplete", "incomplete_details": None} if "status" in answer else {}
    return {**answer, **ended, "output": [item for item in messages if item["content"]]}


def _shorter(item: dict[str, Any], left: dict[str, int]) -> dict[str, Any]:
    """Give a message item with as much of its texts as is left, and take that off."""
    parts: list[dict[str, Any]] = []
    cut = False
    for part in item["content"]:
        key = next((key for key in left if isinstance(part, dict) and isinstance(part.get(key), str) and part[key]), None)
        if key is None:
            continue
        text = part[key]
        if left[key] >= len(text):
            parts.append(part)
        else:
            cut = True
            if left[key] > 0:
                parts.append({**part, key: text[: left[key]], **{beside: [] for beside in _BESIDE if beside in part}})
        left[key] -= len(text) + 1  # the line end that joins it to the next one
    return {**item, "content": parts, **({"status": "incomplete"} if cut and "status" in item else {})}


def _cut_audio(message: dict[str, Any], seconds: float, claimed: str | None, *, whole: bool, lasts: float | None) -> None:
    audio = message.get("audio")
    if not isinstance(audio, dict):
        return
    said, data = cut(_text(audio.get("transcript")), _sound(audio), claimed, seconds, whole=whole, lasts=lasts)
    if said or data:
        encoded = pybase64.b64encode(data or b"").decode("ascii")
        message["audio"] = {**audio, "id": None, "data": encoded, "expires_at": None, "transcript": said}
    else:
        del message["audio"]


def _length(message: Mapping[str, Any], claimed: str | None, lasts: float | None = None) -> float:
    """Give the seconds that it takes to hear all of a message."""
    audio = message.get("audio")
    spoken = audio if isinstance(audio, dict) else {}
    data = _sound(spoken)
    said = _duration(data, claimed) if data else lasts
    written = text_of({"content": message.get("content"), "refusal": message.get("refusal")})
    texts = (_text(spoken.get("transcript")) if said is None else None, written)
    return max(said or 0.0, *(len(_WORD.findall(text or "")) / SPEECH_RATE for text in texts))


def _words(text: str | None, seconds: float, duration: float | None = None, *, whole: bool = False) -> str | None:
    """Give the words of a text that were heard."""
    if not text:
        return text
    words = list(_WORD.finditer(text))
    if duration is not None and whole:
        return text if seconds >= duration else _until(text, words, len(text) * seconds / duration)
    count = min(seconds, math.inf if duration is None else duration) * SPEECH_RATE
    return text if count >= len(words) else _until(text, words[: int(count)], len(text))


def _until(text: str, words: list[re.Match[str]], end: float) -> str:
    """Give a text up to the last of the words that ends by `end`, counted in characters."""
    return text[: max((word.end() for word in words if word.end() <= end), default=0)]


def _bytes(data: bytes | None, claimed: str | None, seconds: float, duration: float | None) -> bytes | None:
    if not data or seconds >= (math.inf if duration is None else duration):
        return data
    cutter = _CUTTERS.get(_format(data, claimed)) if duration is not None else None
    return cutter(data, seconds) if cutter else None


def _duration(data: bytes, claimed: str | None) -> float | None:
    if _format(data, claimed) == "pcm16":
        return len(data) / 2 / PCM16_RATE
    try:
        return measure(data, claimed).duration
    except ConvoError:
        return None


def _format(data: bytes, claimed: str | None) -> str:
    """Give the format that was claimed; a wav tells itself."""
    return "wav" if claimed is None and data.startswith(b"RIFF") else format_named(claimed or "")


def _sound(audio: Mapping[str, Any]) -> bytes | None:
    data = audio.get("data")
    try:
        return decode_base64(data, "the audio") if isinstance(data, str) and data else None
    except ConvoError:
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
