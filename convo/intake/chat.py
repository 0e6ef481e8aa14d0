"""Answers of Chat Completions: a reply's draft, its audio, its usage; nothing of it is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from convo.audio import Audio
from convo.canonical import decode, encode, printable
from convo.content import TEXT_COLUMN
from convo.errors import AnswerError, ConvoError
from convo.extract import REPLY, decode_base64, spoken
from convo.messages import Draft, Media, text_of
from convo.times import expiry_micros
from convo.usage import Usage

if TYPE_CHECKING:
    from convo.origin import Origin

NAME_COLUMN = 1_000
"""Characters of ids and names that columns hold; the body holds all of them."""
WHOLE_ANSWER = "pass the ChatCompletion that the client returned"


@attrs.frozen
class Answer:
    """What an exchange gave. `raw` is the whole answer as canonical text, null in the place of its message."""

    id: str | None
    model: str | None
    draft: Draft
    finish_reason: str | None
    usage: Usage
    raw: str = attrs.field(repr=False)


def read_chat(answer: object, *, asked: Mapping[str, Any], origin: Origin | None = None) -> Answer:
    """Read a `ChatCompletion` of the SDK, its dict, or its JSON text.

    `asked` is what was asked for (`model`, and `audio` with its format and voice, which the answer does not tell);
    `origin` is where its audio id is valid. Raises `AnswerError` for anything that is not one answer.
    """
    body = as_dict(answer)
    choice = _one_choice(body)
    message = _mapping(choice.get("message"), "its choice holds no message")
    usage = Usage.from_chat(_mapping_or_none(body.get("usage")))
    model = body.get("model") if isinstance(body.get("model"), str) else None
    draft = _draft(message, asked, usage, origin)
    rest = {**body, "choices": [{**choice, "message": None}]}
    return Answer(
        id=_text(body.get("id")),
        model=model,
        draft=attrs.evolve(draft, model=_text(asked.get("model")) or (model and printable(model, NAME_COLUMN))),
        finish_reason=_text(choice.get("finish_reason")),
        usage=usage,
        raw=_canonical(rest),
    )


def unreadable(answer: object) -> tuple[str | None, Usage]:
    """Give what can be kept of an answer that `read_chat` refuses: its text, None where it has none, and its usage."""
    try:
        body = as_dict(answer)
        return encode(body), Usage.from_chat(_mapping_or_none(body.get("usage")))
    except (ConvoError, TypeError, ValueError, RecursionError):
        return None, Usage()


def as_dict(answer: object, remedy: str = WHOLE_ANSWER) -> Mapping[str, Any]:
    """Give an object of the SDK, a dict or JSON text as a mapping. Raises `AnswerError`, with `remedy`, for anything else."""
    dump = getattr(answer, "to_dict", None)
    if callable(dump):
        answer = dump(mode="python", exclude_unset=True, warnings=False)
    elif isinstance(answer, str | bytes):
        try:
            answer = json.loads(answer)
        except (ValueError, RecursionError) as error:
            raise AnswerError("it is no JSON", remedy) from error
    return _mapping(answer, f"a {type(answer).__name__} is no answer of the API", remedy)


def _canonical(value: object) -> str:
    """Give the canonical text of a part of an answer. Raises `AnswerError` for what could not be read again."""
    try:
        text = encode(value)
        decode(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise AnswerError("it is no JSON, or nested too deeply", WHOLE_ANSWER) from error
    return text


def _one_choice(body: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise AnswerError("it holds no choice", WHOLE_ANSWER)
    if len(choices) > 1:
        raise AnswerError(f"it holds {len(choices)} choices", "keep one of them: a conversation goes on with one answer")
    return _mapping(choices[0], "its choice is no object")


def _draft(message: Mapping[str, Any], asked: Mapping[str, Any], usage: Usage, origin: Origin | None) -> Draft:
    whole = dict(message) if "role" in message else {"role": "assistant", **message}
    body, media = _bytes_out(whole, _mapping_or_none(asked.get("audio")) or {})
    audio = _mapping_or_none(body.get("audio")) or {}
    remote = _usable_id(audio.get("id"))
    return Draft(
        role="assistant",
        body=_canonical(body),
        text=printable(text_of(body), TEXT_COLUMN),
        media=media,
        audio_id=remote,
        audio_expires=expiry_micros(audio.get("expires_at")) if remote else None,
        audio_origin=str(origin) if remote and origin else None,
        text_tokens=_held(usage),
        audio_tokens=usage.output_audio,
    )


def _held(usage: Usage) -> int | None:
    """Give the text tokens of what a message holds: what was thought, or predicted in vain, was billed and is not in it."""
    spare = (usage.output_reasoning or 0) + (usage.rejected_prediction or 0)
    if usage.output_text is None or not spare:
        return usage.output_text
    rest = (usage.output_tokens or 0) - (usage.output_audio or 0) - spare
    return min(usage.output_text, rest) if rest > 0 else None


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
    said = _text(audio.get("transcript"))
    piece = _piece(data, _text(asked.get("format")), said, voice if isinstance(voice, str) else _voice_id(voice))
    return {**body, "audio": {**audio, "data": {"$blob": piece.digest}}}, (piece,)


def _piece(data: bytes, claimed: str | None, said: str | None, voice: str | None) -> Media:
    """Describe the audio as far as its bytes allow: odd bytes are kept, with the format that was asked for."""
    try:
        audio = Audio.from_bytes(data, claimed)
    except ConvoError:
        audio = Audio.unchecked(data, claimed or "unknown")
    return attrs.evolve(spoken(audio, REPLY), transcript=said and printable(said, TEXT_COLUMN), voice=voice)


def _voice_id(voice: object) -> str | None:
    return _text(voice.get("id")) if isinstance(voice, Mapping) else None


def _mapping(value: object, reason: str, remedy: str = WHOLE_ANSWER) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise AnswerError(reason, remedy)
    return value


def _mapping_or_none(value: object) -> Mapping[str, Any] | None:
    return value if isinstance(value, Mapping) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
