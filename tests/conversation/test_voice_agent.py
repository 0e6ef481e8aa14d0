"""A model that only reads and writes, made a voice agent by a policy: heard, asked and spoken for in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest
import sqlalchemy as sa

import convo
from convo.store import tables
from convo.testing import sound
from tests.conversation.test_transcripts import ran, unheard
from tests.support.builders import recording

if TYPE_CHECKING:
    from convo.testing import FakeAPI

SPEAKER = "gpt-4o-mini-tts"
AGENT = convo.Policy.voice_agent(SPEAKER)
CALL: dict[str, Any] = {"model": "gpt-5.5", "voice": "coral", "policy": AGENT}
ENDPOINTS = ["transcriptions", "completions", "speech"]
ANSWER = "Yes, very."


def asked(fake: FakeAPI) -> list[str]:
    """The endpoints that were asked, by the last word of their paths."""
    return [one.path.rpartition("/")[2] for one in fake.received]


def test_the_policy_says_both_and_takes_other_choices() -> None:
    assert (AGENT.missing_transcript, AGENT.speak, AGENT.speech_model) == ("transcribe", "missing", SPEAKER)
    assert AGENT.transcription_model == "gpt-transcribe"
    other = convo.Policy.voice_agent(
        speech_model="tts-1", transcription_model="whisper-1", placeholder="?", speech_speed=2, speech_instructions="Calm."
    )
    assert (other.transcription_model, other.placeholder, other.speech_speed) == ("whisper-1", "?", 2)
    for bad in ({"speech_speed": 5}, {"speech_speed": True}, {"speech_instructions": " "}, {"speech_instructions": 1}):
        with pytest.raises(convo.InputError):
            convo.Policy.voice_agent("tts-1", **bad)
    with pytest.raises(convo.InputError):
        convo.Policy.voice_agent("")


def test_one_call_hears_asks_and_speaks(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create(instructions="Answer in one sentence.")
    fake.will_transcribe("Is it a good dog?")
    fake.will_reply(ANSWER)
    reply = chat.send(client, unheard(), **CALL, format="mp3")
    assert asked(fake) == ENDPOINTS
    assert fake.received[1].body["messages"][1]["content"] == [{"type": "text", "text": "Is it a good dog?"}]
    assert (reply.text, reply.spoken, reply.made_by, reply.transcript, reply.speech_error) == (ANSWER, False, SPEAKER, None, None)
    assert (reply.audio.voice, reply.audio.format, reply.audio.made_by) == ("coral", "mp3", SPEAKER)
    question, answer = chat.history()[-2:]
    assert (question.text, question.audio.transcript) == ("Is it a good dog?", "Is it a good dog?")
    assert chat.load(question.audio).data == unheard().data
    assert chat.load(answer.audio).data == reply.audio.data


def test_what_all_three_used_is_in_the_sum(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    reply = chat.send(client, unheard(), **CALL)
    totals = chat.usage()
    heard = fake.received[0].response["usage"]  # type: ignore[index]
    assert (totals.calls, totals.unpriced) == (3, 3 - (reply.cost.amount is not None))
    assert totals.usage.input_tokens == reply.usage.input_tokens + heard["input_tokens"]
    assert totals.usage.output_tokens == reply.usage.output_tokens + heard["output_tokens"]
    x = tables.exchange.c
    where = (x.owner == chat.owner, x.conversation == chat.id)
    assert ran(chat, sa.select(x.api).where(*where).order_by(x.api)) == ["chat", "speech", "transcriptions"]


def test_in_a_stream_the_speech_comes_before_the_reply(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_transcribe("Is it?")
    fake.will_reply(ANSWER)
    with chat.stream(client, unheard(), **CALL) as stream:
        events = list(stream)
    assert asked(fake) == ENDPOINTS
    kinds = [type(event).__name__ for event in events]
    assert kinds[-2:] == ["AudioDelta", "Reply"]
    assert "".join(event.text for event in events if isinstance(event, convo.TextDelta)) == ANSWER
    assert events[-2].data == sound.speech(ANSWER).encoded("pcm16") == stream.reply.audio.data
    assert (stream.reply.made_by, stream.reply.audio.format) == (SPEAKER, "pcm16")
    assert chat.usage().calls == 3


def test_a_second_press_replays_the_reply_with_its_speech(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    first = chat.send(client, unheard(), **CALL, key="k")
    again = chat.send(client, unheard(), **CALL, key="k")
    assert (again.replayed, again.made_by, again.audio.data) == (True, SPEAKER, first.audio.data)
    with chat.stream(client, unheard(), **CALL, key="k") as stream:
        assert [event.data for event in stream if isinstance(event, convo.AudioDelta)] == [first.audio.data]
    assert asked(fake) == ENDPOINTS


def test_a_mouth_that_fails_leaves_the_text_and_the_same_key_tries_again(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_transcribe("Is it?")
    fake.will_reply(ANSWER)
    fake.will_fail(500)
    reply = chat.send(client, unheard(), **CALL, key="k")
    assert (reply.text, reply.audio) == (ANSWER, None)
    assert isinstance(reply.speech_error, openai.InternalServerError)
    again = chat.send(client, unheard(), **CALL, key="k")
    assert (again.replayed, again.made_by, again.speech_error) == (True, SPEAKER, None)
    assert asked(fake) == [*ENDPOINTS, "speech"]


def test_ears_that_fail_store_nothing_and_the_same_call_tries_again(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_fail(500)
    with pytest.raises(openai.InternalServerError):
        chat.send(client, unheard(), **CALL, key="k")
    assert chat.history().head == 0
    assert chat.send(client, unheard(), **CALL, key="k").made_by == SPEAKER


def test_every_recording_of_the_log_is_heard_once(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.add(unheard(1))
    chat.add("And:", unheard(2), unheard(3))
    chat.add(unheard(1))
    chat.send(client, unheard(4), **CALL)
    assert asked(fake) == ["transcriptions"] * 4 + ENDPOINTS[1:]
    assert "without a transcript" not in str(fake.received[4].body["messages"])
    chat.send(client, "Thanks.", **CALL)
    assert asked(fake)[6:] == ENDPOINTS[1:]


def test_an_audio_model_speaks_itself_by_the_same_policy(store: Any, client: Any, fake: FakeAPI) -> None:
    reply = store.create().send(client, recording(None), **{**CALL, "model": "gpt-audio-1.5"})
    assert (reply.spoken, reply.made_by, asked(fake)) == (True, None, ["completions"])


def test_how_it_speaks_is_the_policys_and_the_presets_speed_comes_first(store: Any, client: Any, fake: FakeAPI) -> None:
    policy = convo.Policy.voice_agent(SPEAKER, speech_speed=0.5, speech_instructions="Calm.")
    chat = store.create()
    chat.send(client, "Hi.", **{**CALL, "policy": policy})
    assert (fake.last.body["speed"], fake.last.body["instructions"]) == (0.5, "Calm.")
    chat.send(client, "Hi.", model="gpt-5.5", policy=policy, preset=convo.Preset("p", "sage", speed=2))
    assert (fake.last.body["speed"], fake.last.body["voice"]) == (2, "sage")


def test_nobody_speaks_where_no_speech_is_asked_for(store: Any, client: Any, fake: FakeAPI) -> None:
    reply = store.create().send(client, unheard(), model="gpt-5.5", policy=AGENT)
    assert (reply.audio, asked(fake)) == (None, ENDPOINTS[:2])


def test_the_model_may_be_asked_through_the_responses_api(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_transcribe("Is it a good dog?")
    reply = chat.send(client, unheard(), **CALL, api="responses")
    assert asked(fake) == ["transcriptions", "responses", "speech"]
    assert (reply.made_by, reply.audio.voice, reply.speech_error) == (SPEAKER, "coral", None)
    assert not {"audio", "voice", "format", "modalities"} & set(fake.received[1].body)
