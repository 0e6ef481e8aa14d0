"""The events of a Realtime session as what enters the log: the order, the formats, and what older servers say."""

from __future__ import annotations

import copy
import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convo
from convo.intake.realtime import RealtimeFold
from convo.intake.realtime_outcomes import Ended, Final, Transcript, Truncated
from convo.intake.seeds import seed_id, seeded_position
from tests.support.realtime import MODEL, Script, called, encoded, pcm, spoken, whole_session, written


def outcomes(events: list[Any], **more: Any) -> list[Any]:
    fold = RealtimeFold(model=MODEL, **more)
    return [*(found for event in events for found in fold.feed(event)), *fold.close()]


def finals(events: list[Any], **more: Any) -> list[Final]:
    return [found for found in outcomes(events, **more) if isinstance(found, Final)]


def texts(events: list[Any]) -> list[str]:
    return [found.draft.text for found in finals(events)]


def user(name: str, text: str, previous: str | None = None, kind: str = "conversation.item.done") -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    item = {"id": name, "type": "message", "role": "user", "status": "completed", "content": content}
    return {"type": kind, "previous_item_id": previous, "item": item}


# --- order -----------------------------------------------------------------------------------------


def test_an_item_waits_for_those_before_it() -> None:
    script = Script()
    script.text("hello")
    script.respond(spoken("good morning"))
    script.text("wait")
    late = [e for e in script.events if e["type"] in ("conversation.item.done", "response.output_item.done", "response.done")]
    theirs = [e for e in late if "wait" not in str(e) and "hello" not in str(e)]
    fold = RealtimeFold()
    before = [found for event in script.events if event not in theirs for found in fold.feed(event)]
    assert [found.draft.text for found in before if isinstance(found, Final)] == ["hello"]
    after = [found for event in theirs for found in fold.feed(event)]
    assert [type(found) for found in after] == [Final, Final, Ended]
    assert [found.draft.text for found in after if isinstance(found, Final)] == ["good morning", "wait"]


def test_an_item_put_between_others_stands_there_while_they_wait() -> None:
    script = Script()
    script.respond(written("one"), done=False)
    first = str(script._tail)
    events = script.events[:3]
    assert texts([*events, user("c", "three", first), user("b", "two", first), *script.events[3:]]) == ["one", "two", "three"]


@pytest.mark.parametrize("previous", [None, "item_never_seen", "b"])
def test_an_item_whose_predecessor_is_not_known_waits_for_nobody(previous: str | None) -> None:
    assert texts([user("a", "one"), user("b", "two", previous)]) == ["one", "two"]


def test_what_was_deleted_is_waited_for_no_longer() -> None:
    script = Script()
    script.respond(spoken("never mind"), done=False)
    name = str(script._tail)
    begun = [event for event in script.events if event["type"].endswith(("created", "added"))]
    fold = RealtimeFold()
    assert [found for event in [*begun, user("a", "next", name)] for found in fold.feed(event)] == []
    found = fold.feed({"type": "conversation.item.deleted", "item_id": name})
    assert [one.item for one in found if isinstance(one, Final)] == ["a"]


def test_corrections_are_given_only_for_what_was_given() -> None:
    script = Script()
    script.speech("hello")
    script.respond(spoken("one two three four"))
    name = str(script._tail)
    script.truncated(name, 100)
    script.truncated(name, 150)
    found = outcomes(script.events)
    assert [(one.item, one.seconds) for one in found if isinstance(one, Truncated)] == [(name, 0.1)]
    assert [(one.text, one.model) for one in found if isinstance(one, Transcript)] == [("hello", "gpt-transcribe")]


def test_events_that_come_again_do_nothing() -> None:
    events = whole_session().events
    once = outcomes(events)
    again = [event for event in events for _ in range(1 if "event_id" not in event else 2)]
    assert outcomes(again) == once


def test_a_fold_is_closed_once() -> None:
    script = Script()
    script.respond(spoken("half of it"), done=False)
    fold = RealtimeFold()
    for event in script.events[:9]:
        fold.feed(event)
    assert [found.draft.status for found in fold.close() if isinstance(found, Final)] == ["interrupted"]
    assert fold.close() == []


# --- what is said ----------------------------------------------------------------------------------


def test_a_response_of_several_items_says_which() -> None:
    script = Script()
    script.respond(written("let me see"), called("a", "{}", "call_1"), called("b", "{}", "call_2"))
    *found, ended = outcomes(script.events)
    assert [one.draft.role for one in found] == ["assistant"] * 3
    assert isinstance(ended, Ended)
    assert ended.items == tuple(one.item for one in found)
    assert (ended.model, ended.voice, ended.format) == (f"{MODEL}-2026-05-01", "marin", "audio/pcm")


def test_a_call_that_was_cut_off_is_interrupted() -> None:
    script = Script()
    script.respond(called("a", '{"half', "call_1"), status="cancelled", reason="client_cancelled")
    (found,) = finals(script.events)
    assert found.draft.status == "interrupted"


def test_speech_without_sound_is_its_words() -> None:
    """A connection beside a telephone call or a browser hears no sound."""
    script = Script()
    script.speech("hello", feed=False)
    script.respond(spoken("good morning"))
    events = [event for event in script.events if "audio.d" not in event["type"]]
    drafts = [found.draft for found in finals(events)]
    assert [draft.media for draft in drafts] == [(), ()]
    assert drafts[1].text == "good morning"


def test_the_events_of_the_beta_are_understood() -> None:
    script = Script()
    script.text("hello")
    script.respond(spoken("good morning"), written("and more"), called("f", "{}", "call_1"))
    renamed = []
    for event in script.events:
        kind = event["type"].replace("output_audio", "audio").replace("output_text", "text")
        if kind == "conversation.item.done":
            continue
        renamed.append({**event, "type": kind.replace("conversation.item.added", "conversation.item.created")})
    assert [f.draft for f in finals(renamed)] == [f.draft for f in finals(script.events)]


# --- what users say --------------------------------------------------------------------------------


def configured(format_: str, detection: object = None) -> dict[str, Any]:
    audio = {"input": {"format": {"type": format_}, "turn_detection": detection}, "output": {"format": {"type": format_}}}
    return {"type": "session.created", "session": {"id": "sess_1", "model": MODEL, "audio": audio}}


def append(data: bytes) -> dict[str, Any]:
    return {"type": "input_audio_buffer.append", "audio": encoded(data)}


def heard(name: str) -> list[dict[str, Any]]:
    item = {"id": name, "type": "message", "role": "user", "status": "completed", "content": [{"type": "input_audio"}]}
    committed = {"type": "input_audio_buffer.committed", "item_id": name, "previous_item_id": None}
    return [committed, {"type": "conversation.item.done", "previous_item_id": None, "item": item}]


COMMIT, CLEAR = {"type": "input_audio_buffer.commit"}, {"type": "input_audio_buffer.clear"}


def sounds(events: list[Any]) -> list[bytes]:
    return [piece.data[44:] for found in finals(events) for piece in found.draft.media if piece.data is not None]


def test_without_turn_detection_an_item_is_what_was_sent_since_the_one_before() -> None:
    first, lost, second, later = (pcm(20, seed) for seed in range(1, 5))
    events = [configured("audio/pcm"), append(first), COMMIT, *heard("a"), append(lost), CLEAR]
    events += [append(second), COMMIT, append(later), *heard("b"), *heard("c")]
    assert sounds(events) == [first, second, later]


def test_who_joins_later_does_not_trust_the_milliseconds_of_the_session() -> None:
    started = {"type": "input_audio_buffer.speech_started", "item_id": "a", "audio_start_ms": 90_000}
    assert sounds([append(pcm(20)), started, *heard("a")]) == [pcm(20)]


def test_speech_that_begins_after_long_silence_is_found() -> None:
    second = bytes(48 * 1000)
    events: list[Any] = [configured("audio/pcm", {"type": "server_vad"}), *(append(second) for _ in range(200)), append(pcm(500))]
    events += [
        {"type": "input_audio_buffer.speech_started", "item_id": "a", "audio_start_ms": 200_000},
        {"type": "input_audio_buffer.speech_stopped", "item_id": "a", "audio_end_ms": 200_500},
    ]
    fold = RealtimeFold()
    for event in events:
        fold.feed(event)
    assert len(fold._session.buffer._data) < 48 * 70_000
    assert sounds([*events, *heard("a")]) == [pcm(500)]


@pytest.mark.parametrize(
    ("format_", "codes", "samples"),
    [
        ("audio/pcmu", b"\x00\x80\xff\x7f", (-32124, 32124, 0, 0)),
        ("audio/pcma", b"\x2a\xaa\x55\xd5", (-32256, 32256, -8, 8)),
    ],
)
def test_the_sound_of_telephones_becomes_a_wav(format_: str, codes: bytes, samples: tuple[int, ...]) -> None:
    (found,) = finals([configured(format_), append(codes * 8), *heard("a")])
    (piece,) = found.draft.media
    assert (piece.format, piece.sample_rate, piece.duration) == ("wav", 8_000, len(codes) / 1000)
    assert piece.data is not None
    assert struct.unpack("<4h", piece.data[44:52]) == samples[:4]


def test_a_reply_on_the_telephone_is_cut_like_any_other() -> None:
    script = Script()
    script.events[0]["session"]["audio"]["output"]["format"] = {"type": "audio/pcmu"}
    script.respond(spoken("one two three four", 400))
    script.truncated(str(script._tail), 1200)
    late = script.events.pop()
    (found,) = finals([script.events[0], late, *script.events[1:]])
    assert (found.draft.text, found.draft.status) == ("one two", "interrupted")
    assert [(p.format, p.duration) for p in found.draft.media] == [("wav", 1.2)]


# --- values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", [1, 12, (1 << 63) - 1])
def test_the_id_of_a_seed_names_its_message(position: int) -> None:
    assert seeded_position(seed_id(position, 999)) == position
    assert len(seed_id(position, 9999)) <= 32


@pytest.mark.parametrize("name", ["item_1", "convo_0_0", "convo_1", "convo_1_0x", "convo_-1_0", "", "convo_1_0\n"])
def test_other_ids_are_no_seeds(name: str) -> None:
    assert seeded_position(name) is None


USAGE = {
    "total_tokens": 100, "input_tokens": 60, "output_tokens": 40,
    "input_token_details": {
        "audio_tokens": 30, "image_tokens": 10, "cached_tokens": 8, "cached_tokens_details": {"audio_tokens": 3},
    },
    "output_token_details": {"audio_tokens": 25},
}  # fmt: skip


def test_usage_of_a_response_is_read_by_kind() -> None:
    found = convo.Usage.from_realtime(USAGE)
    assert found == convo.Usage(
        input_tokens=60, output_tokens=40, total_tokens=100, input_text=20, input_audio=30, input_image=10, input_cached=8,
        input_cached_audio=3, output_text=15, output_audio=25,
    )  # fmt: skip


@pytest.mark.parametrize("value", [None, [], "x", {}, {"input_tokens": "3", "input_token_details": 7}])
def test_usage_that_says_nothing_is_unknown(value: object) -> None:
    assert convo.Usage.from_realtime(value) == convo.Usage()


# --- hostile events --------------------------------------------------------------------------------

JUNK = st.sampled_from([None, 7, -1, 1.5, True, "", "x\0\ud800", [], [7], {}, {"id": 7}, {"type": "input_audio"}, 10**400])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a value stands in JSON, the outermost left out."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, child in inner for place in [(*path, key), *places(child, (*path, key))]]


@given(data=st.data())
def test_events_that_are_damaged_anywhere_are_taken_or_refused(data: Any) -> None:
    events = copy.deepcopy(whole_session().events)
    fold = RealtimeFold(model=MODEL)
    damaged = data.draw(st.sets(st.integers(0, len(events) - 1), max_size=12))
    for number, event in enumerate(events):
        if number in damaged:
            *outer, last = data.draw(st.sampled_from(places(event)))
            holder: Any = event
            for key in outer:
                holder = holder[key]
            holder[last] = copy.deepcopy(data.draw(JUNK))
        with suppress(convo.AnswerError):
            fold.feed(event)
    fold.close()
