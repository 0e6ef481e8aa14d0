"""What each API that is asked answers: where it is asked, how its answer is read, whole or in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from convo.canonical import decode, encode
from convo.errors import ConflictingArguments, UnsupportedApi
from convo.intake import read_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convo.assembly import Plan
    from convo.intake import Answer
    from convo.origin import Origin

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


def read_reply(answer: object, *, asked: Mapping[str, Any], origin: Origin | None, plan: Plan | None) -> Answer:
    """Read an answer of any API; a Response, to which later requests may refer, has in its body a digest of what it answered.

    `plan` is that of the request, where it is known. Raises `AnswerError`.
    """
    found = read_answer(answer, asked=asked, origin=origin)
    if plan is None or found.draft.api != "responses":
        return found
    from convo.assembly.responses import INPUT, input_digest

    body = encode({**decode(found.draft.body), INPUT: input_digest(plan.wires)})
    return attrs.evolve(found, draft=attrs.evolve(found.draft, body=body))
