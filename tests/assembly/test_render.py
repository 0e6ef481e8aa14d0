"""How each message is sent, and why. Whole requests that a person can read are in `golden/`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from convo.audio.value import Audio
from convo.errors import NothingToSend, TranscriptMissing, UnsupportedMedia
from convo.media import File, Image
from convo.memory import Memory
from convo.policy import Policy
from tests.assembly.builders import NOW, SPEECH, answered, asked, called, log, planned, request_of, result, sent, spoke, ways
from tests.support.histories import PNG
from tests.support.replies import HERE, HOUR, START, WAV

SILENT = Audio.from_bytes(WAV)
HEARD = Audio.from_bytes(WAV, transcript="What is this?")
PICTURE = Image(url="https://example.com/dog.png")
LATER = timedelta(hours=2)


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


# --- what users send -------------------------------------------------------------------------------


def test_only_keys_that_the_api_knows_are_sent() -> None:
    body = {
        "role": "user",
        "content": [{"type": "text", "text": "Hello", "x": 1}, {"type": "image_url", "image_url": {"url": "http://a/b", "x": 1}}],
        "x_new": 1,
        "name": None,
    }
    parts = [text("Hello"), {"type": "image_url", "image_url": {"url": "http://a/b"}}]
    assert sent(asked(body), model="gpt-5.5") == [{"role": "user", "content": parts}]


def test_names_are_sent_where_the_api_takes_them() -> None:
    drafts = [asked("Hello", name="ann"), asked([text("Hi")][0], name="bob"), asked(HEARD, name="cid")]
    assert [message["name"] for message in sent(*drafts)] == ["ann", "bob", "cid"]


def test_a_recording_goes_inline_to_a_model_that_hears_and_as_its_transcript_to_one_that_reads() -> None:
    part = {"type": "input_audio", "input_audio": {"data": SPEECH, "format": "wav"}}
    assert sent(asked(HEARD)) == [{"role": "user", "content": [part]}]
    assert ways(asked(HEARD)) == [(1, "inline", "the API has no other way to hear a user's recording")]
    assert sent(asked(HEARD), model="gpt-5.5") == [{"role": "user", "content": [text("What is this?")]}]
    assert ways(asked(HEARD), model="gpt-5.5") == [(1, "transcript", "the model takes no audio")]


def test_a_policy_may_send_transcripts_of_recordings_that_have_one() -> None:
    policy = Policy(user_audio="transcript")
    assert ways(asked(HEARD), asked(SILENT), policy=policy) == [
        (1, "transcript", "the policy asks for transcripts"),
        (2, "inline", "the API has no other way to hear a user's recording"),
    ]


def test_what_is_told_of_a_message_is_the_most_telling_of_its_parts() -> None:
    policy = Policy(user_audio="transcript", missing_transcript="omit")
    assert ways(asked(HEARD, SILENT, "text"), policy=policy)[0][1:] == (
        "inline",
        "the API has no other way to hear a user's recording",
    )
    assert ways(asked(HEARD, Image(data=PNG)), model="gpt-5.5")[0][1:] == ("transcript", "the model takes no audio")
    assert ways(asked("text", SILENT), model="gpt-5.5", policy=policy) == [(1, "text", "it has no transcript")]
    assert ways(asked("text", Image(data=PNG)), model="gpt-5.5") == [(1, "inline", "as it is stored")]
    assert ways(asked("text", PICTURE), model="gpt-5.5") == [(1, "text", "as it is stored")]


@pytest.mark.parametrize("picture", [PICTURE, Image(data=PNG)], ids=["url", "bytes"])
def test_a_picture_that_the_model_does_not_take_is_a_placeholder_in_the_past_and_an_error_now(picture: Image) -> None:
    past = [asked("What is it?", picture), answered(content="A dog."), asked("Sure?")]
    assert sent(*past)[0] == {"role": "user", "content": [text("What is it?"), text("[image]")]}
    assert ways(*past)[0] == (1, "text", "the model takes no image")
    with pytest.raises(UnsupportedMedia) as caught:
        sent(*past, asked(HEARD, picture))
    assert (caught.value.model, caught.value.kind, caught.value.position) == ("gpt-audio-1.5", "image", 4)


def test_recordings_of_older_turns_go_as_text_and_a_turn_with_tools_is_one() -> None:
    other = Audio.from_bytes(WAV, transcript="And fast?")
    tools = [called("call_1"), result("call_1"), answered(content="Very.")]
    drafts = [asked(HEARD), answered(content="Yes."), asked("Hm."), asked(other), *tools]
    inline = "the API has no other way to hear a user's recording"
    one, two = "it is older than the last turn, as the policy wants", "it is older than the last 2 turns, as the policy wants"

    def heard(turns: int | None, *more: Any, model: str = "gpt-audio-1.5") -> list[str]:
        found = ways(*drafts, *more, model=model, policy=Policy(user_audio_turns=turns))
        return [why for position, _, why in found if position in (1, 4)]

    assert heard(None) == heard(2) == [inline, inline]
    assert heard(1) == [one, inline]
    assert heard(2, asked("Why?")) == [inline, inline]
    assert heard(2, asked("Why?"), answered(content="So."), asked("Why?")) == [two, two]
    assert heard(1, asked("Why?")) == [one, one]
    assert heard(0) == ["the policy asks for transcripts"] * 2
    assert heard(1, model="gpt-4.1") == ["the model takes no audio"] * 2


@pytest.mark.parametrize("transcript", ["", " \n"])
def test_silence_goes_as_words_and_is_not_missing(transcript: str) -> None:
    silent = Audio.from_bytes(WAV, transcript=transcript)
    assert sent(asked(silent), model="gpt-4.1") == [{"role": "user", "content": [text("[silence]")]}]
    assert sent(asked(silent, "Hm?"), model="gpt-4.1", policy=Policy(silence="")) == [{"role": "user", "content": [text("Hm?")]}]


def test_a_policy_that_transcribes_wants_the_words_of_what_would_go_inline() -> None:
    with pytest.raises(TranscriptMissing, match="the policy asks for transcripts"):
        sent(asked(SILENT), policy=Policy(user_audio="transcript", missing_transcript="transcribe"))
    assert ways(asked(SILENT), policy=Policy(user_audio="transcript"))[0][1] == "inline"


def test_a_picture_of_the_past_beside_a_recording_is_a_placeholder_too() -> None:
    first = sent(asked(HEARD, PICTURE), answered(content="A dog."), asked("Sure?"))[0]
    assert [part["type"] for part in first["content"]] == ["input_audio", "text"]


def test_files_and_pictures_are_sent_as_they_came() -> None:
    drafts = asked(File(name="a.pdf", data=b"%PDF"), File(id="file-1"), Image(data=PNG, detail="low"), PICTURE)
    assert sent(drafts, model="gpt-5.5")[0]["content"] == [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAAAAAAAAA==", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/dog.png"}},
    ]


def test_breakpoints_of_the_cache_go_to_text_models_only() -> None:
    part = {**text("Hello"), "prompt_cache_breakpoint": {"mode": "explicit", "x": 1}}
    assert sent(asked(part), model="gpt-5.6-sol")[0]["content"] == [{**part, "prompt_cache_breakpoint": {"mode": "explicit"}}]
    assert sent(asked(part))[0]["content"] == [text("Hello")]
    assert sent(asked({**part, "prompt_cache_breakpoint": "here"}), model="gpt-5.6-sol")[0]["content"] == [text("Hello")]


# --- audio without a transcript --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "said"), [("placeholder", [text("[recording without a transcript]"), text("Hm?")]), ("omit", [text("Hm?")])]
)
def test_a_policy_says_what_stands_for_a_recording_without_a_transcript(choice: Any, said: list[Any]) -> None:
    drafts = [asked(SILENT, "Hm?")]
    assert sent(*drafts, model="gpt-5.5", policy=Policy(missing_transcript=choice)) == [{"role": "user", "content": said}]
    with pytest.raises(TranscriptMissing, match="the model takes no audio") as caught:
        sent(*drafts, model="gpt-5.5")
    assert caught.value.position == 1


@pytest.mark.parametrize(("choice", "said"), [("placeholder", "[recording without a transcript]"), ("omit", None)])
def test_a_policy_says_what_stands_for_speech_without_a_transcript(choice: Any, said: str | None) -> None:
    drafts = [asked(), spoke(None), asked("Why?")]
    policy = Policy(missing_transcript=choice)
    replies = [m["content"] for m in sent(*drafts, after=LATER, policy=policy) if m["role"] == "assistant"]
    assert replies == ([said] if said else [])
    with pytest.raises(TranscriptMissing, match="its id expired"):
        sent(*drafts, after=LATER)
    assert sent(*drafts)[1] == {"role": "assistant", "audio": {"id": "audio_1"}}


def test_speech_that_was_left_out_when_it_expired_does_not_come_back() -> None:
    history, policy = log(asked(), spoke(None), asked("Why?")), Policy(missing_transcript="omit")
    memory = planned(history, after=LATER, policy=policy).memory
    assert memory == Memory(expired_through=NOW + HOUR * 1_000_000)
    assert planned(history, memory=memory, policy=policy).references == ()


def test_nothing_is_left_when_all_that_was_said_is_left_out() -> None:
    with pytest.raises(NothingToSend):
        sent(asked(SILENT), model="gpt-5.5", policy=Policy(missing_transcript="omit"))


def test_written_text_stands_for_speech_without_a_transcript() -> None:
    assert sent(asked(), spoke(None, content="Written."), after=LATER)[1] == {"role": "assistant", "content": "Written."}
    assert sent(asked(), spoke(None, refusal="No."), after=LATER)[1] == {"role": "assistant", "refusal": "No."}


# --- references ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "facts", "reason"),
    [
        (spoke(), {"after": LATER}, "its id expired at 2026-11-01 13:00:00"),
        (spoke(), {"memory": Memory(expired_through=(START + HOUR) * 1_000_000)}, "ids of its age went as transcripts before"),
        (
            spoke(),
            {"memory": Memory(refused_through=(START + HOUR) * 1_000_000)},
            "the API refused its id, or one of its age, before its time",
        ),
        (spoke(origin="http://other.test/v1"), {}, "its id was issued by another API (http://other.test/v1)"),
        (spoke(origin=""), {}, "its id was issued by another API (unknown)"),
        (spoke(), {"origin": ""}, "whose API is asked is not known: pass client= or origin="),
        (spoke(model="gpt-audio"), {}, "its id belongs to another model (gpt-audio)"),
        (spoke(), {"model": "gpt-5.5"}, "the model takes no audio"),
        (spoke(), {"policy": Policy(references=False)}, "the policy asks for transcripts"),
        (spoke(expires=0), {}, "the API gave no usable expiry with its id"),
        (spoke(expires=None), {}, "the API gave no usable expiry with its id"),
        (spoke(audio_id=None), {}, "the API gave no usable expiry with its id"),
        (spoke(status="interrupted"), {}, "the reply was interrupted: this is what was received"),
    ],
    ids=str,
)
def test_speech_goes_as_its_transcript_and_the_reason_is_told(reply: Any, facts: dict[str, Any], reason: str) -> None:
    drafts = [asked(), reply, asked("Why?")]
    assert sent(*drafts, **facts)[1] == {"role": "assistant", "content": "Yes, very."}
    assert ways(*drafts, **facts)[1] == (2, "transcript", reason)


def test_speech_is_sent_by_its_id_and_by_nothing_else() -> None:
    drafts = [asked(), spoke(content=None, refusal=None, annotations=[], x_new=1), asked("Why?")]
    assert sent(*drafts)[1] == {"role": "assistant", "audio": {"id": "audio_1"}}
    assert ways(*drafts)[1] == (2, "reference", "its id is valid at this API until 13:00:00")


@pytest.mark.parametrize(
    ("beside", "rest", "reason"),
    [
        ({"content": "Look:"}, {"content": "Look:\nYes, very."}, "it also holds text, which no reference carries"),
        (
            {"content": [text("Look:")]},
            {"content": [text("Look:"), text("Yes, very.")]},
            "it also holds text, which no reference carries",
        ),
        ({"refusal": "No."}, {"content": "Yes, very.", "refusal": "No."}, "it also holds text, which no reference carries"),
        (
            {"function_call": {"name": "look_up", "arguments": "{}"}},
            {"content": "Yes, very.", "function_call": {"name": "look_up", "arguments": "{}"}},
            "it also asks for tools, which no reference carries",
        ),
    ],
)
def test_a_reference_never_hides_what_else_a_reply_holds(beside: Any, rest: dict[str, Any], reason: str) -> None:
    drafts = [asked(), spoke(**beside), asked("Why?")]
    assert sent(*drafts)[1] == {"role": "assistant", **rest}
    assert ways(*drafts)[1] == (2, "transcript", reason)


def test_a_reference_must_outlive_the_margin_and_the_difference_of_the_clocks() -> None:
    history = log(asked(), spoke(), asked("Why?"))
    valid = timedelta(hours=1)

    def refers(**facts: Any) -> bool:
        return bool(planned(history, **facts).references)

    assert refers(after=valid - timedelta(seconds=61))
    assert not refers(after=valid - timedelta(seconds=60))
    assert refers(after=valid - timedelta(seconds=1), policy=Policy(margin=timedelta(0)))
    assert refers(after=valid - timedelta(seconds=91), memory=Memory(skew=30))
    assert not refers(after=valid - timedelta(seconds=90), memory=Memory(skew=30))
    assert not refers(after=valid - timedelta(seconds=90), memory=Memory(skew=-30))


def test_the_next_expiry_is_that_of_the_first_reference_to_go() -> None:
    soon, late = spoke(audio_id="audio_1", expires=START + 600), spoke(audio_id="audio_2", expires=START + 1_200)
    request = request_of(log(asked(), late, asked(), soon, asked()))
    assert request.next_expiry is not None
    assert request.next_expiry.timestamp() == START + 600
    assert request_of(log(asked())).next_expiry is None


# --- replies ---------------------------------------------------------------------------------------


def test_a_written_reply_is_its_text() -> None:
    reply = answered(content="Yes.", refusal=None, annotations=[], audio=None, tool_calls=None, x_new=1)
    assert sent(asked(), reply, asked("Why?"))[1] == {"role": "assistant", "content": "Yes."}


def test_a_refusal_is_sent_as_one() -> None:
    assert sent(asked(), answered(content=None, refusal="I cannot."), asked("Why?"))[1] == {
        "role": "assistant",
        "refusal": "I cannot.",
    }


@pytest.mark.parametrize(
    "nothing",
    [{"content": None}, {"content": ""}, {"content": []}, {"content": None, "tool_calls": []}, {"refusal": ""}, {"audio": {}}],
)
def test_a_reply_that_says_nothing_is_left_out(nothing: dict[str, Any]) -> None:
    assert [message["role"] for message in sent(asked(), answered(**nothing), asked("Why?"))] == ["user", "user"]
    assert ways(asked(), answered(**nothing))[1] == (2, "omitted", "there is nothing in it")


@pytest.mark.parametrize(
    "odd",
    [
        {"refusal": {"a": 1}, "function_call": "f", "tool_calls": "g", "name": 5, "audio": "a"},
        {"function_call": {"name": "", "arguments": "{}"}, "tool_calls": [None, {"id": 5}, {"id": "a", "function": {}}]},
        {"function_call": {"name": "f", "arguments": None}, "tool_calls": {"id": "a"}, "audio": {}},
        {"refusal": {"$blob": "0" * 64}, "function_call": {"$blob": "0" * 64}},
    ],
)
def test_what_is_not_of_its_type_is_not_sent_back(odd: dict[str, Any]) -> None:
    assert sent(asked(), answered(content="Yes.", **odd), asked("Why?"))[1] == {"role": "assistant", "content": "Yes."}


def test_parts_that_no_reply_may_hold_are_not_sent_back() -> None:
    parts = [
        text("Yes."),
        {"type": "refusal", "refusal": "No."},
        {"type": "image_url", "image_url": {"url": "u"}},
        {"type": "text", "text": 5},
        "x",
        text(""),
    ]
    assert sent(asked(), answered(content=parts), asked("Why?"))[1]["content"] == parts[:2]


def test_an_old_function_call_and_its_result_are_sent_as_they_were() -> None:
    call = answered(content=None, function_call={"name": "look.up", "arguments": "{}", "x": 1})
    outcome = asked({"role": "function", "name": "look.up", "content": [text("4"), text("2")]})
    assert sent(asked(), call, outcome)[1:] == [
        {"role": "assistant", "function_call": {"name": "look_up", "arguments": "{}"}},
        {"role": "function", "name": "look_up", "content": "42"},
    ]


def test_lone_surrogates_of_an_answer_are_replaced_since_no_encoding_carries_them() -> None:
    calls = [{"id": "bad\ud800", "type": "function", "function": {"name": "f\ud800", "arguments": "\udfff"}}]
    reply = answered(content="\ud83d", refusal="a\udc00b", tool_calls=calls)
    message, marked = sent(asked(), reply, asked("Why?"))[1:3]
    assert (message["content"], message["refusal"]) == ("\ufffd", "a\ufffdb")
    assert message["tool_calls"][0]["function"] == {"name": "f_", "arguments": "\ufffd"}
    assert message["tool_calls"][0]["id"] == marked["tool_call_id"]
    assert sent(asked(), spoke("\ud83d"), asked("Why?"), after=LATER)[1]["content"] == "\ufffd"
    assert sent(asked(), answered(content="a\0b 🐕"), asked("Why?"))[1]["content"] == "a\0b 🐕"


def test_an_interrupted_reply_is_sent_as_what_was_received() -> None:
    partial = [asked(), spoke("Yes, ve", status="interrupted"), answered(content="Ye", status="interrupted"), asked("Go on")]
    assert [message["content"] for message in sent(*partial)[1:3]] == ["Yes, ve", "Ye"]
    assert ways(*partial)[2] == (3, "text", "the reply was interrupted: this is what was received")


def test_an_interrupted_reply_of_which_nothing_was_received_is_left_out() -> None:
    nothing = spoke(None, data=None, status="interrupted")
    assert ways(asked(), nothing, asked("Go on"))[-1] == (2, "omitted", "the reply was interrupted before any words of it came")


@pytest.mark.parametrize(
    ("policy", "expected"), [("error", None), ("omit", None), ("placeholder", "[recording without a transcript]")]
)
def test_sound_without_words_of_an_interrupted_reply_never_keeps_a_turn_from_being_sent(
    policy: Any, expected: str | None
) -> None:
    messages = sent(asked(), spoke(None, status="interrupted"), asked("Go on"), policy=Policy(missing_transcript=policy))
    assert [message["content"] for message in messages if message["role"] == "assistant"] == ([expected] if expected else [])


def test_calls_of_an_interrupted_reply_are_not_sent() -> None:
    drafts = [asked(), called("call_1", status="interrupted"), result("call_1"), asked("Go on")]
    assert [message["role"] for message in sent(*drafts)] == ["user", "user"]


# --- instructions ----------------------------------------------------------------------------------


def test_system_and_developer_messages_keep_their_places() -> None:
    drafts = [asked(), asked("Be brief.", role="system"), answered(content="Yes."), asked("Be kind.", role="developer"), asked()]
    assert [message["role"] for message in sent(*drafts)] == ["user", "system", "assistant", "developer", "user"]


def test_an_empty_log_has_nothing_to_send() -> None:
    with pytest.raises(NothingToSend):
        sent()


def test_an_origin_is_the_same_where_nothing_that_both_sides_know_differs() -> None:
    drafts = [asked(), spoke(origin=f"{HERE} organization=org-1"), asked("Why?")]

    def refers(origin: str) -> bool:
        return "audio" in sent(*drafts, origin=origin)[1]

    assert refers(HERE)
    assert refers(f"{HERE} organization=org-1 project=proj-1")
    assert not refers(f"{HERE} organization=org-2")
