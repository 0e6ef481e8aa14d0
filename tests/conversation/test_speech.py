"""Speech made of a reply that came as text though speech was asked for: kept beside it, marked, and never in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import convo

if TYPE_CHECKING:
    from convo.testing import FakeAPI

SPEAKING = convo.Policy(speak="missing", speech_model="gpt-4o-mini-tts")
SPOKEN: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav", "policy": SPEAKING}


def speeches(fake: FakeAPI) -> list[dict[str, Any]]:
    """The requests to speak."""
    return [one.body for one in fake.received if one.path == "/v1/audio/speech"]


def test_a_reply_in_text_is_spoken_by_another_model_and_says_so(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_reply("Yes, very good ones.", spoken=False)
    reply = chat.send(client, "Is it a good dog?", **SPOKEN)
    assert speeches(fake) == [
        {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Yes, very good ones.", "response_format": "wav"}
    ]
    assert (reply.text, reply.transcript, reply.spoken, reply.made_by) == ("Yes, very good ones.", None, False, "gpt-4o-mini-tts")
    assert (reply.audio.format, reply.audio.voice, reply.audio.id, reply.audio.expires_at) == ("wav", "alloy", None, None)
    assert reply.audio.duration == pytest.approx(1.6)
    assert reply.audio.transcript == "Yes, very good ones."
    assert reply.speech_error is None
    stored = chat.history()[-1]
    assert stored.raw == reply.message.raw == {**stored.raw, "content": "Yes, very good ones."}
    assert stored.audio == reply.audio
    assert chat.load(stored.audio).data == reply.audio.data
