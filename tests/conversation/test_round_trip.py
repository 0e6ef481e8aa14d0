"""Messages in and out: what a conversation gives, another one takes, and gives again."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import openai
import pytest

import convo
from tests.support.builders import recording

if TYPE_CHECKING:
    from convo.testing import FakeAPI

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
WAV = base64.b64encode(recording().data).decode()
ODD: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "words whose sound never came": (
        {"content": None, "audio": {"id": "audio_1", "data": "", "expires_at": 0, "transcript": "Yes."}},
        {"content": None, "audio": {"id": "audio_1", "expires_at": 0, "transcript": "Yes."}},
    ),
    "sound that is no base64": (
        {"content": None, "audio": {"id": "audio_1", "data": "!", "expires_at": 0, "transcript": "Yes."}},
        {"content": None, "audio": {"id": "audio_1", "expires_at": 0, "transcript": "Yes."}},
    ),
    "bytes that are no sound": (
        {"content": None, "audio": {"id": "audio_1", "data": "bm9pc2U=", "expires_at": 0, "transcript": "Yes."}},
        {"content": None, "audio": {"id": "audio_1", "expires_at": 0, "transcript": "Yes."}},
    ),
    "sound": (
        {"content": None, "audio": {"id": "audio_1", "data": WAV, "expires_at": 0, "transcript": "Yes."}},
        {"content": None, "audio": {"id": "audio_1", "data": WAV, "expires_at": 0, "transcript": "Yes."}},
    ),
    "a part of another server": (
        {"content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Yes."}, "No."]},
        {"content": [{"type": "text", "text": "Yes."}]},
    ),
}  # fmt: skip


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


@pytest.mark.parametrize("case", ODD)
def test_what_an_api_answered_goes_in_again_whatever_it_was(store: Any, case: str) -> None:
    answered, given = ODD[case]
    chat = store.create(messages=[{"role": "user", "content": "Is it?"}])
    message = {"role": "assistant", **answered}
    chat.record({"object": "chat.completion", "model": "gpt-audio-1.5", "choices": [{"index": 0, "message": message}]})
    assert chat.to_chat()[1:] == [{"role": "assistant", **given}]
    copy = store.create(messages=chat.to_chat())
    assert [said.text for said in copy.history()] == [said.text for said in chat.history()]


def test_a_stream_that_broke_before_its_sound_goes_in_again(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_drop(chunks=6)
    with pytest.raises(openai.APIError), chat.stream(client, "Hello?", **VOICE) as stream:
        for _ in stream:
            pass
    _, cut = chat.to_chat()
    assert cut["audio"]["transcript"]
    assert "data" not in cut["audio"]
    assert store.create(messages=chat.to_chat()).history()[1].text == cut["audio"]["transcript"]


def test_speech_of_a_session_that_nobody_wrote_down_is_left_out(store: Any) -> None:
    item = {"id": "item_1", "type": "message", "role": "user", "status": "completed", "content": [{"type": "input_audio"}]}
    chat = store.create(instructions="Be brief.")
    with chat.listen("gpt-realtime-2.1") as heard:
        heard.feed({"type": "conversation.item.done", "event_id": "event_1", "item": item})
    chat.add("Hello?")
    assert chat.to_chat() == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
    assert len(store.create(messages=chat.to_chat()).history()) == 2
