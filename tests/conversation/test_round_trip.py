"""Messages in and out: what a conversation gives, another one takes, and gives again."""

from __future__ import annotations

from typing import Any

import pytest

import convo
from tests.support.builders import recording

VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
CALLS = [
    {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{"}},
    {"id": "call_2", "type": "custom", "custom": {"name": "run", "input": "x"}},
]
GIVEN: dict[str, list[dict[str, Any]]] = {
    "nothing": [],
    "a group chat": [
        {"role": "user", "content": "Hi", "name": "ann"},
        {"role": "user", "content": [{"type": "text", "text": "Ho"}], "name": "bob"},
        {"role": "assistant", "content": "Hello both.", "name": "bot", "x_new": {"deep": [1, 2**70]}},
    ],
    "rules": [{"role": "system", "content": "Be brief."}, {"role": "developer", "content": "Be kind.", "name": "rules"}],
    "tools": [
        {"role": "user", "content": "What is up?"},
        {"role": "assistant", "content": None, "tool_calls": CALLS, "refusal": None},
        {"role": "tool", "tool_call_id": "call_2", "content": ""},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "42"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "42."}, {"type": "refusal", "refusal": "No."}]},
    ],
    "functions": [
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "42"},
    ],
}


@pytest.mark.parametrize("case", GIVEN)
def test_messages_come_out_as_they_went_in(store: Any, case: str) -> None:
    chat = store.create(messages=GIVEN[case])
    assert chat.to_chat() == chat.history().to_chat() == GIVEN[case]
    assert store.create(messages=chat.to_chat()).to_chat() == GIVEN[case]
    assert chat.fork().to_chat() == GIVEN[case]


@pytest.mark.parametrize("sound", ["wav", "mp3", "pcm16"])
def test_media_come_out_with_their_bytes_and_go_in_again(store: Any, client: Any, sound: str) -> None:
    chat = store.create(instructions="Be brief.")
    chat.add("Look", recording(), name="ann")
    chat.send(client, **VOICE, format=sound)
    chat.add(convo.Image(data=PNG, detail="low"), convo.File(name="a.pdf", data=b"%PDF-1.4"))
    given = chat.to_chat()
    assert "$blob" not in str(given)
    copy = store.owned_by(f"{chat.owner}-other").create(messages=given)
    assert copy.to_chat() == given
    assert copy.load(copy.history()[1].audio).data == chat.load(chat.history()[1].audio).data
    assert chat.to_chat(last=1) == given[-1:]


def test_a_redacted_message_goes_in_as_its_mark(store: Any) -> None:
    chat = store.create(messages=GIVEN["tools"])
    for position in range(1, 6):
        chat.redact(position)
    copy = store.create(messages=chat.to_chat())
    assert {message.text for message in copy.history()} == {"[redacted]"}
