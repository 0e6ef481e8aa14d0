"""Answers of whichever API: which reader takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.canonical import encode
from convo.errors import ConvoError
from convo.forms import is_response
from convo.intake.answer import Answer, as_dict
from convo.intake.chat import read_chat
from convo.intake.stream import ChatFold
from convo.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convo.intake.fold import Fold
    from convo.origin import Origin

_WHOLE = "pass the ChatCompletion or the Response that the client returned"


def read_answer(answer: object, *, asked: Mapping[str, Any], origin: Origin | None = None) -> Answer:
    """Read an answer of Chat Completions or of Responses, as an object of the SDK, its dict, or its JSON text.

    `asked` and `origin` are those of `read_chat` and `read_response`. Raises `AnswerError` for anything else.
    """
    body = _body(answer)
    if not is_response(body):
        return read_chat(body, asked=asked, origin=origin)
    from convo.intake.responses import read_response

    return read_response(body, asked=asked, origin=origin)


def unreadable(answer: object) -> tuple[str | None, Usage]:
    """Give what can be kept of an answer that no reader takes: its text, None where it has none, and its usage."""
    try:
        body = _body(answer)
        usage = body.get("usage")
        return encode(body), Usage.from_response(usage) if is_response(body) else Usage.from_chat(usage)
    except (ConvoError, TypeError, ValueError, RecursionError):
        return None, Usage()


def fold_of(api: str) -> Fold:
    """Give what folds a stream of an API, `"chat"` or `"responses"`."""
    if api == "chat":
        return ChatFold()
    from convo.intake.response_stream import ResponseFold

    return ResponseFold()


def _body(answer: object) -> Mapping[str, Any]:
    body = as_dict(answer, _WHOLE)
    if not hasattr(answer, "to_dict") or not is_response(body):
        return body
    from convo.intake.responses import as_sent

    return as_sent(body)
