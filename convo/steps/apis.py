"""The APIs that a request may be for: which are called, and where, and which are sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.errors import ConflictingArguments, UnsupportedApi

if TYPE_CHECKING:
    from collections.abc import Mapping

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
