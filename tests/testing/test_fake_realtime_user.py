"""What the user of a Realtime session says: into the buffer, in turns, in between; and when it arrives in writing."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.line import done, kinds

if TYPE_CHECKING:
    from convo.testing import FakeAPI
    from tests.support.line import Line

SOUND = base64.b64encode(bytes(24_000)).decode()
"""Half a second."""
_EVENT = "conversation.item.input_audio_transcription"
HEARD = ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
TURN = ["input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", *HEARD]


@pytest.fixture
def by_hand(talk: Line) -> Line:
    """A session without turn detection, with transcription."""
    talk.update(audio={"input": {"turn_detection": None, "transcription": {"model": "gpt-4o-mini-transcribe"}}})
    return talk


@pytest.fixture
def in_turns(talk: Line) -> Line:
    """A session that detects turns, with transcription."""
    talk.update(audio={"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}})
    return talk


def append(talk: Line, times: int = 1) -> None:
    for _ in range(times):
        talk.send("input_audio_buffer.append", audio=SOUND)


def commit(talk: Line) -> list[dict[str, Any]]:
    talk.send("input_audio_buffer.commit")
    return talk.until("conversation.item.done")


def test_what_is_committed_is_an_item_with_its_words(by_hand: Line, fake: FakeAPI) -> None:
    by_hand.say("Listen.")
    before = by_hand.until("conversation.item.done")[0]["item"]["id"]
    fake.will_hear("Are dogs good?")
    append(by_hand, 2)
    committed, added, _ = commit(by_hand)
    assert committed["type"] == "input_audio_buffer.committed"
    assert (committed["item_id"], committed["previous_item_id"]) == (added["item"]["id"], before)
    assert added["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    *deltas, completed = by_hand.until(f"{_EVENT}.completed")
    assert "".join(event["delta"] for event in deltas) == completed["transcript"] == "Are dogs good?"
    assert completed["item_id"] == committed["item_id"]
    assert completed["usage"] == {
        "type": "tokens",
        "total_tokens": 14,
        "input_tokens": 10,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 10},
        "output_tokens": 4,
    }
    (part,) = fake.sessions[-1].items[-1]["content"]
    assert part["transcript"] == "Are dogs good?"
    assert len(base64.b64decode(part["audio"])) == 48_000


def test_whisper_is_billed_by_seconds_and_speaks_at_once(by_hand: Line, fake: FakeAPI) -> None:
    by_hand.update(audio={"input": {"transcription": {}}})
    fake.will_hear("Are dogs good?")
    append(by_hand)
    commit(by_hand)
    delta, completed = by_hand.until(f"{_EVENT}.completed")
    assert delta["delta"] == "Are dogs good?"
    assert completed["usage"] == {"type": "duration", "seconds": 0.5}


def test_what_nobody_understands_fails(by_hand: Line, fake: FakeAPI) -> None:
    fake.will_hear(None)
    append(by_hand)
    commit(by_hand)
    failed = by_hand.next()
    assert failed["type"] == f"{_EVENT}.failed"
    assert failed["error"]["code"] == "audio_unintelligible"
    assert fake.sessions[-1].items[-1]["content"][0]["transcript"] is None


def test_without_transcription_nothing_is_written(talk: Line, fake: FakeAPI) -> None:
    talk.send("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None, "transcription": None}}})
    talk.next()
    fake.will_hear("Are dogs good?")
    append(talk)
    commit(talk)
    talk.send("input_audio_buffer.clear")
    assert talk.next()["type"] == "input_audio_buffer.cleared"


def test_without_a_script_the_words_are_counted(by_hand: Line) -> None:
    append(by_hand)
    commit(by_hand)
    assert by_hand.until(f"{_EVENT}.completed")[-1]["transcript"] == "Words 1."


@pytest.mark.parametrize(("size", "length"), [(0, "0.00"), (4_798, "99.96")])
def test_too_little_is_not_committed(by_hand: Line, size: int, length: str) -> None:
    if size:
        by_hand.send("input_audio_buffer.append", audio=base64.b64encode(bytes(size)).decode())
    error = by_hand.error("input_audio_buffer.commit", event_id="mine")
    assert (error["code"], error["event_id"]) == ("input_audio_buffer_commit_empty", "mine")
    assert error["message"] == (
        "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
        f"but buffer only has {length}ms of audio."
    )


def test_a_tenth_of_a_second_is_committed(by_hand: Line) -> None:
    by_hand.send("input_audio_buffer.append", audio=base64.b64encode(bytes(4_800)).decode())
    assert commit(by_hand)[0]["type"] == "input_audio_buffer.committed"


def test_a_cleared_buffer_is_empty(by_hand: Line) -> None:
    append(by_hand)
    assert by_hand.answer("input_audio_buffer.clear")["type"] == "input_audio_buffer.cleared"
    assert by_hand.error("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"


@pytest.mark.parametrize(
    ("audio", "param"),
    [("?", "audio"), ("", "audio"), ("AAAA", "audio"), (None, "audio"), ("A" * (16 * 1024 * 1024 * 4 // 3), "audio")],
)
def test_what_is_no_sound_is_refused(by_hand: Line, audio: str | None, param: str) -> None:
    assert by_hand.error("input_audio_buffer.append", audio=audio)["param"] == param
    assert by_hand.error("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"


def test_a_turn_is_detected_committed_and_answered(in_turns: Line, fake: FakeAPI) -> None:
    fake.will_hear("Are dogs good?", appends=2)
    fake.will_reply("Very good ones.")
    append(in_turns, 2)
    events = in_turns.until("rate_limits.updated")
    assert kinds(events)[:8] == [*TURN, f"{_EVENT}.delta", f"{_EVENT}.completed", "response.created"]
    started, stopped, committed = events[:3]
    assert started["item_id"] == stopped["item_id"] == committed["item_id"]
    assert (started["audio_start_ms"], stopped["audio_end_ms"]) == (0, 1_000)
    assert done(events)["output"][0]["content"][0]["transcript"] == "Very good ones."


def test_silence_is_no_turn(in_turns: Line, fake: FakeAPI) -> None:
    append(in_turns, 4)
    assert in_turns.answer("input_audio_buffer.clear")["type"] == "input_audio_buffer.cleared"
    append(in_turns, 2)
    assert in_turns.update()["type"] == "realtime"
    fake.will_hear("Are dogs good?")
    append(in_turns)
    started, stopped = in_turns.until("input_audio_buffer.speech_stopped")
    assert (started["audio_start_ms"], stopped["audio_end_ms"]) == (3_000 - 300, 3_500)
    in_turns.until("rate_limits.updated")
    assert len(base64.b64decode(fake.sessions[-1].items[0]["content"][0]["audio"])) == 24_000 + 300 * 48


def test_a_turn_is_not_answered_when_the_client_wants_to(in_turns: Line, fake: FakeAPI) -> None:
    in_turns.update(audio={"input": {"turn_detection": {"type": "server_vad", "create_response": False}}})
    fake.will_hear("Are dogs good?")
    append(in_turns)
    in_turns.until(f"{_EVENT}.completed")
    in_turns.say("Well?")
    assert in_turns.next()["type"] == "conversation.item.added"


def test_a_turn_can_be_committed_by_hand(in_turns: Line, fake: FakeAPI) -> None:
    fake.will_hear("Are dogs good?", appends=3)
    append(in_turns)
    started = in_turns.next()
    assert commit(in_turns)[0]["item_id"] == started["item_id"]
    assert in_turns.until(f"{_EVENT}.completed")[-1]["transcript"] == "Are dogs good?"


@pytest.mark.parametrize(
    ("arrives", "before", "after"),
    [
        ("at_once", "conversation.item.done", "response.created"),
        ("during", "response.created", "response.output_item.added"),
        ("after", "rate_limits.updated", None),
    ],
)
def test_a_transcription_arrives_before_during_or_after_the_response(
    in_turns: Line, fake: FakeAPI, arrives: Any, before: str, after: str | None
) -> None:
    fake.will_hear("Yes.", arrives=arrives)
    append(in_turns)
    events = in_turns.until(f"{_EVENT}.completed" if after is None else "rate_limits.updated")
    names = kinds(events)
    at = names.index(f"{_EVENT}.delta")
    assert names[at - 1] == before
    assert names[at + 1] == f"{_EVENT}.completed"
    assert names[at + 2 : at + 3] == ([] if after is None else [after])
    assert [event["event_id"] for event in events] == list(dict.fromkeys(event["event_id"] for event in events))


def test_an_interrupted_response_keeps_what_was_sent(in_turns: Line, fake: FakeAPI) -> None:
    fake.will_reply("Very good ones, all of them, I should say.")
    fake.will_interrupt(after=3)
    in_turns.send("response.create")
    events = in_turns.until("rate_limits.updated")
    assert kinds(events)[-9:] == [
        "response.output_audio.delta", "input_audio_buffer.speech_started",
        "response.output_audio.done", "response.output_audio_transcript.done", "response.content_part.done",
        "conversation.item.done", "response.output_item.done", "response.done", "rate_limits.updated",
    ]  # fmt: skip
    response = done(events)
    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert response["output"][0]["status"] == "incomplete"
    (item,) = fake.sessions[-1].items
    assert item["status"] == "incomplete"
    assert len(base64.b64decode(item["content"][0]["audio"])) == 24_000
    assert response["usage"]["output_token_details"]["audio_tokens"] == 10


def test_who_interrupts_goes_on_to_speak(in_turns: Line, fake: FakeAPI) -> None:
    fake.will_reply("Very good ones, all of them, I should say.")
    fake.will_interrupt(after=1)
    in_turns.send("response.create")
    (started,) = [e for e in in_turns.until("rate_limits.updated") if e["type"] == "input_audio_buffer.speech_started"]
    fake.will_hear("And cats?")
    fake.will_reply("Less so.")
    append(in_turns)
    events = in_turns.until("rate_limits.updated")
    assert kinds(events)[:4] == ["input_audio_buffer.speech_stopped", *HEARD]
    assert events[0]["item_id"] == events[1]["item_id"] == started["item_id"]
    assert done(events)["output"][0]["content"][0]["transcript"] == "Less so."


def test_text_is_interrupted_as_well_and_before_its_first_piece(in_turns: Line, fake: FakeAPI) -> None:
    fake.will_interrupt(after=0)
    in_turns.send("response.create", response={"output_modalities": ["text"]})
    events = in_turns.until("response.done")
    assert kinds(events) == ["response.created", "input_audio_buffer.speech_started", "response.done"]
    assert done(events)["output"] == []


def test_nobody_interrupts_where_turns_are_not_detected(by_hand: Line, fake: FakeAPI) -> None:
    fake.will_interrupt(after=1)
    by_hand.send("response.create")
    assert done(by_hand.until("response.done"))["status"] == "completed"


def test_speech_does_not_end_a_response_that_may_not_be_interrupted(in_turns: Line, fake: FakeAPI) -> None:
    in_turns.update(audio={"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}})
    fake.will_reply("Very good ones.")
    fake.will_interrupt(after=1)
    in_turns.send("response.create")
    events = in_turns.until("response.done")
    assert "input_audio_buffer.speech_started" in kinds(events)
    assert done(events)["status"] == "completed"


def test_speech_into_a_held_response_interrupts_it(in_turns: Line, fake: FakeAPI) -> None:
    hold = fake.hold(after=5)
    in_turns.send("response.create")
    hold.wait_until_held()
    fake.will_hear("Stop.")
    fake.will_reply("Very well.")
    append(in_turns)
    first = in_turns.until("rate_limits.updated")
    assert done(first)["status_details"]["reason"] == "turn_detected"
    second = in_turns.until("rate_limits.updated")
    assert kinds(second)[:1] == ["input_audio_buffer.speech_stopped"]
    assert done(second)["output"][0]["content"][0]["transcript"] == "Very well."


def test_a_turn_during_a_response_that_goes_on_is_answered_after_it(in_turns: Line, fake: FakeAPI) -> None:
    in_turns.update(audio={"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}})
    fake.will_reply("Very good ones.")
    fake.will_reply("Less so.")
    hold = fake.hold(after=5)
    in_turns.send("response.create")
    hold.wait_until_held()
    fake.will_hear("And cats?")
    append(in_turns)
    in_turns.until(f"{_EVENT}.completed")
    hold.release()
    answers = [done(in_turns.until("rate_limits.updated")) for _ in range(2)]
    assert [answer["output"][0]["content"][0]["transcript"] for answer in answers] == ["Very good ones.", "Less so."]
