"""Whatever JSON comes, the fake gives a verdict; and what it accepts it answers in the API's shape."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

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
RESPONSE: dict[str, Any] = {
    "model": "gpt-5.5",
    "instructions": "Be brief.",
    "metadata": {"channel": "phone"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"format": {"type": "text"}},
    "include": ["reasoning.encrypted_content"],
    "tools": [{"type": "function", "name": "look_up", "parameters": {}}, {"type": "web_search"}],
    "tool_choice": {"type": "function", "name": "look_up"},
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "Is it?"}]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look_up", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": [{"type": "input_text", "text": "It is."}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It is."}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {}},
        {"type": "shell_call", "call_id": "call_2", "action": {"commands": []}},
        {"type": "shell_call_output", "call_id": "call_2", "output": []},
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
def damaged(draw: st.DrawFn, whole: dict[str, Any]) -> dict[str, Any]:
    """Make a good request of which up to three places were replaced or removed."""
    body = copy.deepcopy(whole)
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


@given(body=damaged(REQUEST))
def test_a_damaged_request_gets_an_answer_or_an_error(body: dict[str, Any]) -> None:
    headers = {"authorization": "Bearer test-key"}
    wire = FakeAPI().answer(Call("POST", "/v1/chat/completions", headers, json.dumps(body).encode()))
    answer = json.loads(b"".join(wire.pieces))
    if wire.status == 200:
        ChatCompletion.model_validate(answer, strict=True)
    else:
        assert wire.status in {400, 404}
        assert set(answer["error"]) == {"message", "type", "param", "code"}


@given(body=damaged(RESPONSE), stream=st.booleans())
def test_a_damaged_request_for_a_response_gets_an_answer_or_an_error(body: dict[str, Any], stream: bool) -> None:  # noqa: FBT001 - a case
    headers = {"authorization": "Bearer test-key"}
    raw = json.dumps({**body, "stream": True} if stream else body).encode()
    fake = FakeAPI()
    wire = fake.answer(Call("POST", "/v1/responses", headers, raw))
    answer = fake.last.response or {}
    if wire.status == 200:
        Response.model_validate(answer)
    else:
        assert wire.status in {400, 404}
        assert set(answer["error"]) == {"message", "type", "param", "code"}


@given(body=st.dictionaries(st.sampled_from(sorted(REQUEST)), JSON))
def test_any_object_gets_a_verdict(body: dict[str, Any]) -> None:
    assert isinstance(refusal_of(body, now=NOW), ApiRefusal)
