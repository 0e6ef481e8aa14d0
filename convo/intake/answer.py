"""What an exchange gave, whichever API answered; and how an answer becomes JSON that is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from convo.canonical import decode, encode
from convo.errors import AnswerError

if TYPE_CHECKING:
    from convo.messages import Draft
    from convo.usage import Usage

NAME_COLUMN = 1_000
"""Characters of ids and names that columns hold; the body holds all of them."""


@attrs.frozen
class Answer:
    """What an exchange gave. `raw` is the whole answer as canonical text, null in the place of its message or its output."""

    id: str | None
    model: str | None
    draft: Draft
    finish_reason: str | None
    usage: Usage
    raw: str = attrs.field(repr=False)


def as_dict(answer: object, remedy: str) -> Mapping[str, Any]:
    """Give an object of the SDK, a dict or JSON text as a mapping. Raises `AnswerError`, with `remedy`, for anything else."""
    dump = getattr(answer, "to_dict", None)
    if callable(dump):
        answer = dump(mode="python", exclude_unset=True, warnings=False)
    elif isinstance(answer, str | bytes):
        try:
            answer = json.loads(answer)
        except (ValueError, RecursionError) as error:
            raise AnswerError("it is no JSON", remedy) from error
    return mapping(answer, f"a {type(answer).__name__} is no answer of the API", remedy)


def canonical(value: object, remedy: str) -> str:
    """Give the canonical text of a part of an answer. Raises `AnswerError` for what could not be read again."""
    try:
        text = encode(value)
        decode(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise AnswerError("it is no JSON, or nested too deeply", remedy) from error
    return text


def held(usage: Usage) -> int | None:
    """Give the text tokens of what a message holds: what was thought, or predicted in vain, was billed and is not in it."""
    spare = (usage.output_reasoning or 0) + (usage.rejected_prediction or 0)
    if usage.output_text is None or not spare:
        return usage.output_text
    rest = (usage.output_tokens or 0) - (usage.output_audio or 0) - spare
    return min(usage.output_text, rest) if rest > 0 else None


def mapping(value: object, reason: str, remedy: str) -> Mapping[str, Any]:
    """Give a value that has to be an object. Raises `AnswerError`."""
    if not isinstance(value, Mapping):
        raise AnswerError(reason, remedy)
    return value


def mapping_or_none(value: object) -> Mapping[str, Any] | None:
    """Give a value if it is an object."""
    return value if isinstance(value, Mapping) else None


def text_or_none(value: object) -> str | None:
    """Give a value if it is a text."""
    return value if isinstance(value, str) else None
