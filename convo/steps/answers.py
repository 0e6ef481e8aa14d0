"""What each API that is asked answers: where it is asked, how its answer is read, whole or in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from convo.canonical import decode, encode
from convo.errors import ConflictingArguments, UnsupportedApi
from convo.intake import ChatFold, read_chat, rebuilt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convo.intake import Answer, ResponseFold
    from convo.origin import Origin

    Fold = ChatFold | ResponseFold

USAGE: Mapping[str, Any] = {"include_usage": True}
"""What a stream of Chat Completions is asked for unless the caller says otherwise: without it nobody knows what it cost."""
ENDPOINTS = {"chat": "chat.completions", "responses": "responses"}
"""By API, the client's resource whose `create` asks it."""
SESSIONS = ("realtime", "live")
APIS = (*ENDPOINTS, *SESSIONS)


def check_api(api: str) -> None:
    """Raise `UnsupportedApi` for an API that convo does not know."""
    if api not in APIS:
        raise UnsupportedApi(api, APIS)


def check_called(api: str) -> None:
    """Raise `ConflictingArguments` for an API that is no call but a session."""
    check_api(api)
    if api in SESSIONS:
        raise ConflictingArguments(
            f"api={api!r} is a session and no call: begin one with the items of request(model, api={api!r})"
        )


def streamed(api: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Give the arguments of a call whose answer comes in pieces."""
    return {**({"stream_options": USAGE} if api == "chat" else {}), **arguments, "stream": True}


def api_of(answer: object) -> str:
    """Say which API gave an answer, by what it is."""
    if is_fold(answer):
        return "chat" if isinstance(answer, ChatFold) else "responses"
    kind = answer.get("object") if isinstance(answer, dict) else getattr(answer, "object", None)
    return "responses" if kind == "response" else "chat"


def read_answer(api: str, answer: object, *, asked: Mapping[str, Any], origin: Origin | None, seen: int | None) -> Answer:
    """Read a whole answer; `seen` is the position of the last message that the model was shown. Raises `AnswerError`."""
    if api == "chat":
        return read_chat(answer, asked=asked, origin=origin)
    from convo.intake.responses import read_response

    found = read_response(answer, asked=asked, origin=origin)
    if seen is None:
        return found
    body = encode({**decode(found.draft.body), "seen": seen})
    return attrs.evolve(found, draft=attrs.evolve(found.draft, body=body))


def is_fold(answer: object) -> bool:
    """Say whether something is the fold of a stream and no answer; without importing every kind there is."""
    return isinstance(answer, ChatFold) or callable(getattr(answer, "skeleton", None))


def fold_of(api: str) -> Fold:
    """Give what folds a stream."""
    if api == "chat":
        return ChatFold()
    from convo.intake.response_stream import ResponseFold

    return ResponseFold()


def rebuilt_answer(api: str, answer: Any, audio: bytes) -> dict[str, Any]:
    """Give the answer of a stream as it was saved."""
    return rebuilt(answer, audio) if api == "chat" else answer
