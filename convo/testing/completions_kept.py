"""Chat completions that were asked for with `store=True`: listed, given, and deleted; the messages of each request with them.

The API keeps text and images of them; sound is told by its transcript. Parts of a message stand apart from its content. What
it says when it refuses here is not published, and written in its style.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from convo.testing.refusals import ApiRefusal, invalid
from convo.testing.wire import Given, no_such_url, refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convo.testing.asked import Json, Origin
    from convo.testing.wire import Call

COMPLETIONS = "/v1/chat/completions"
_MOST = 100
"""Entries of one page."""
_USUAL = 20
_KEPT_PARTS = ("text", "image_url")


@attrs.frozen
class _Kept:
    body: Json
    messages: tuple[Json, ...]
    origin: Origin


class KeptCompletions:
    """What the API keeps of the completions that it gave."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def add(self, asked: Json, body: Json, origin: Origin) -> None:
        """Keep a completion, if its request asks for it."""
        if asked.get("store") is not True:
            return
        answer = body["choices"][0]["message"]
        told = {**body, "metadata": asked.get("metadata") or {}, "object": "chat.completion"}
        told["choices"] = [{**body["choices"][0], "message": {**_message(answer), "refusal": answer.get("refusal")}}]
        messages = tuple({"id": f"{body['id']}-{place}", **_message(one)} for place, one in enumerate(asked["messages"]))
        self._kept[body["id"]] = _Kept(told, messages, origin)

    def given(self, call: Call, origin: Origin) -> Given:
        """Answer a request about what is kept."""
        mine = {key: kept for key, kept in self._kept.items() if kept.origin == origin}
        path = call.path.removeprefix(COMPLETIONS).strip("/")
        identifier, _, rest = path.partition("/")
        if call.method == "GET" and not path:
            return _listed(call.query, [kept.body for kept in mine.values() if _fits(kept.body, call.query)])
        if (kept := mine.get(identifier)) is None:
            return refused(ApiRefusal(404, f"Chat completion with id '{identifier}' not found.", param="completion_id"))
        if (call.method, rest) == ("GET", ""):
            return Given(200, kept.body)
        if (call.method, rest) == ("GET", "messages"):
            return _listed(call.query, kept.messages)
        if (call.method, rest) == ("DELETE", ""):
            del self._kept[identifier]
            return Given(200, {"id": identifier, "object": "chat.completion.deleted", "deleted": True})
        return refused(no_such_url(call))


def _message(body: Json) -> Json:
    """Give a message as it is kept: its text, or its parts apart."""
    content, audio = body.get("content"), body.get("audio")
    if content is None and isinstance(audio, dict):
        content = audio.get("transcript")
    parts = content if isinstance(content, list) else None
    kept = {key: body[key] for key in ("name", "tool_calls", "tool_call_id") if body.get(key) is not None}
    told = [part for part in parts or () if isinstance(part, dict) and part.get("type") in _KEPT_PARTS]
    return {"role": body["role"], "content": None if parts is not None else content, "content_parts": told or None, **kept}


def _fits(body: Json, query: Mapping[str, str]) -> bool:
    wanted = {name[9:-1]: value for name, value in query.items() if name.startswith("metadata[")}
    return query.get("model", body["model"]) == body["model"] and all(body["metadata"].get(k) == v for k, v in wanted.items())


def _listed(query: Mapping[str, str], entries: Sequence[Any]) -> Given:
    """Give a page: oldest first, unless told otherwise."""
    limit = query.get("limit", str(_USUAL))
    if not limit.isdecimal() or not 0 < int(limit) <= _MOST:
        return refused(invalid(f"Invalid 'limit': expected an integer from 1 to {_MOST}.", "limit", "integer_out_of_range"))
    found = list(reversed(entries)) if query.get("order") == "desc" else list(entries)
    ids = [entry["id"] for entry in found]
    if (after := query.get("after")) is not None:
        if after not in ids:
            return refused(invalid(f"Invalid 'after': no entry has the id '{after}'.", "after", "invalid_value"))
        found = found[ids.index(after) + 1 :]
    page = found[: int(limit)]
    ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {"first_id": None, "last_id": None}
    return Given(200, {"object": "list", "data": page, **ends, "has_more": len(found) > len(page)})
