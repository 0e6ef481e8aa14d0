"""Whatever JSON comes, the fake gives a verdict; and what it accepts it answers in the API's shape."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from convo.testing import ApiRefusal, FakeAPI, refusal_of
from convo.testing.wire import Call

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
REQUEST: dict[str, Any] = {
    "model": "gpt-audio",
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
    "metadata": {"channel": "phone"},
    "tools": [{"type": "function", "function": {"name": "look_up", "parameters": {}}}],
    "messages": [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Is it?"}], "name": "Ann"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "It is."},
        {"role": "assistant", "content": "It is."},
    ],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the path of everything inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in items:
        yield (*path, key)
        yield from places(inside, (*path, key))


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """Make a good request of which up to three places were replaced or removed."""
    body = copy.deepcopy(REQUEST)
    for _ in range(draw(st.integers(0, 3))):
        *path, key = draw(st.sampled_from(sorted(places(body), key=repr)))
        parent: Any = body
        for step in path:
            parent = parent[step]
        if draw(st.booleans()):
            parent[key] = draw(JSON)
        else:
            del parent[key]
        if not body:
            break
    return body


@given(body=damaged())
def test_a_damaged_request_gets_an_answer_or_an_error(body: dict[str, Any]) -> None:
    headers = {"authorization": "Bearer test-key"}
    wire = FakeAPI().answer(Call("POST", "/v1/chat/completions", headers, json.dumps(body).encode()))
    answer = json.loads(b"".join(wire.pieces))
    if wire.status == 200:
        ChatCompletion.model_validate(answer, strict=True)
    else:
        assert wire.status in {400, 404}
        assert set(answer["error"]) == {"message", "type", "param", "code"}


@given(body=st.dictionaries(st.sampled_from(sorted(REQUEST)), JSON))
def test_any_object_gets_a_verdict(body: dict[str, Any]) -> None:
    assert isinstance(refusal_of(body, now=NOW), ApiRefusal)
