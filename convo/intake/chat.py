"""Answers of Chat Completions: a reply's draft, its audio, its usage; nothing of it is lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from convo.audio.value import Audio
from convo.canonical import printable
from convo.content import TEXT_COLUMN
from convo.errors import AnswerError, ConvoError
from convo.extract import decode_base64, spoken
from convo.intake.answer import NAME_COLUMN, Answer, as_dict, canonical, held, mapping, mapping_or_none, text_or_none
from convo.messages import REPLY, Draft, Media, text_of
from convo.times import expiry_micros
from convo.usage import Usage

if TYPE_CHECKING:
    from convo.origin import Origin

WHOLE_ANSWER = "pass the ChatCompletion that the client returned"


def read_chat(answer: object, *, asked: Mapping[str, Any], origin: Origin | None = None) -> Answer:
    """Read a `ChatCompletion` of the SDK, its dict, or its JSON text.

    `asked` is what was asked for (`model`, and `audio` with its format and voice, which the answer does not tell);
    `origin` is where its audio id is valid. Raises `AnswerError` for anything that is not one answer.
    """
    body = as_dict(answer, WHOLE_ANSWER)
    choice = _one_choice(body)
    message = mapping(choice.get("message"), "its choice holds no message", WHOLE_ANSWER)
    usage = Usage.from_chat(mapping_or_none(body.get("usage")))
    model = body.get("model") if isinstance(body.get("model"), str) else None
    draft = _draft(message, asked, usage, origin)
    rest = {**body, "choices": [{**choice, "message": None}]}
    return Answer(
        id=text_or_none(body.get("id")),
        model=model,
        draft=attrs.evolve(draft, model=text_or_none(asked.get("model")) or (model and printable(model, NAME_COLUMN))),
        finish_reason=text_or_none(choice.get("finish_reason")),
        usage=usage,
        raw=canonical(rest, WHOLE_ANSWER),
    )


def _one_choice(body: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise AnswerError("it holds no choice", WHOLE_ANSWER)
    if len(choices) > 1:
        raise AnswerError(f"it holds {len(choices)} choices", "keep one of them: a conversation goes on with one answer")
    return mapping(choices[0], "its choice is no object", WHOLE_ANSWER)


def _draft(message: Mapping[str, Any], asked: Mapping[str, Any], usage: Usage, origin: Origin | None) -> Draft:
    whole = dict(message) if "role" in message else {"role": "assistant", **message}
    body, media = _bytes_out(whole, mapping_or_none(asked.get("audio")) or {})
    audio = mapping_or_none(body.get("audio")) or {}
    remote = _usable_id(audio.get("id"))
    return Draft(
        role="assistant",
        body=canonical(body, WHOLE_ANSWER),
        text=printable(text_of(body), TEXT_COLUMN),
        media=media,
        audio_id=remote,
        audio_expires=expiry_micros(audio.get("expires_at")) if remote else None,
        audio_origin=str(origin) if remote and origin else None,
        text_tokens=held(usage),
        audio_tokens=usage.output_audio,
    )


def _usable_id(value: object) -> str | None:
    """Give an audio id that a request can carry and a column can hold; any other refers to nothing."""
    return value if isinstance(value, str) and value and value == printable(value, NAME_COLUMN) else None


def _bytes_out(body: dict[str, Any], asked: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Media, ...]]:
    """Take the audio out of a reply. Data that is no base64 stays in the body: an answer is always stored."""
    audio = body.get("audio")
    if not isinstance(audio, Mapping) or not isinstance(audio.get("data"), str) or not audio["data"]:
        return body, ()
    try:
        data = decode_base64(audio["data"], "the audio")
    except ConvoError:
        return body, ()
    voice = asked.get("voice")
    said = text_or_none(audio.get("transcript"))
    piece = _piece(data, text_or_none(asked.get("format")), said, voice if isinstance(voice, str) else _voice_id(voice))
    return {**body, "audio": {**audio, "data": {"$blob": piece.digest}}}, (piece,)


def _piece(data: bytes, claimed: str | None, said: str | None, voice: str | None) -> Media:
    """Describe the audio as far as its bytes allow: odd bytes are kept, with the format that was asked for."""
    try:
        audio = Audio.from_bytes(data, claimed)
    except ConvoError:
        audio = Audio.unchecked(data, claimed or "unknown")
    return attrs.evolve(spoken(audio, REPLY), transcript=said and printable(said, TEXT_COLUMN), voice=voice)


def _voice_id(voice: object) -> str | None:
    return text_or_none(voice.get("id")) if isinstance(voice, Mapping) else None
