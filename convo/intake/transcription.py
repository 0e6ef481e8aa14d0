"""Answers of the transcription API: the text, what it used, and the rest of the answer."""

from __future__ import annotations

from collections.abc import Mapping

from convo.canonical import encode, printable
from convo.content import MAX_STRING
from convo.errors import AnswerError
from convo.usage import Usage


def read_transcription(answer: object) -> tuple[str, Usage, str]:
    """Give the text ("" for silence), the usage, and the answer as canonical text with null in the place of its text.

    `answer` is a `Transcription` of the SDK, or its dict. Raises `AnswerError` for anything without a text.
    """
    dump = getattr(answer, "to_dict", None)
    body = dump(mode="python", exclude_unset=True, warnings=False) if callable(dump) else answer
    if not isinstance(body, Mapping) or not isinstance(body.get("text"), str):
        raise AnswerError("it is no transcription with a text", "ask a model that transcribes, for response_format='json'")
    try:
        raw = encode({**body, "text": None})
    except (TypeError, ValueError, RecursionError) as error:
        raise AnswerError("it is no JSON", "ask a model that transcribes, for response_format='json'") from error
    said = printable(body["text"], MAX_STRING)
    return said if said.strip() else "", Usage.from_transcription(body.get("usage")), raw
