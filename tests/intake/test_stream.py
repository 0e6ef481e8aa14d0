"""Chunks fold to the answer that was cut into them, however it was cut; what is no chunk changes nothing."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from convo import AudioDelta, ChatFold, RefusalDelta, TextDelta, ToolCallDelta, TranscriptDelta
from convo.canonical import decode, encode
from convo.errors import AnswerError
from convo.intake.chat import read_chat
from convo.intake.stream import rebuilt

FRAME = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_793_491_200, "model": "gpt-audio-1.5"}
EXPIRES = 1_793_494_800


def chunk(delta: Any = None, /, reason: str | None = None, **choice: Any) -> dict[str, Any]:
    return {**FRAME, "choices": [{"index": 0, "delta": delta, "finish_reason": reason, **choice}]}


def without_choices(**facts: Any) -> dict[str, Any]:
    return {**FRAME, "choices": [], **facts}


def audio(**piece: Any) -> dict[str, Any]:
    return chunk({"audio": {"id": "audio_1", **piece}})


def call(**piece: Any) -> dict[str, Any]:
    return chunk({"tool_calls": [piece]})


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def folded(*chunks: object) -> ChatFold:
    fold = ChatFold()
    for each in chunks:
        fold.feed(each)
    return fold


def message(fold: ChatFold) -> dict[str, Any]:
    return dict(fold.answer()["choices"][0]["message"])


def calls(fold: ChatFold) -> list[tuple[Any, ...]]:
    return [(c["id"], c["type"], *c[c["type"]].values()) for c in message(fold)["tool_calls"]]


# --- any cut of any answer -------------------------------------------------------------------------


def cuts(pieces: Any) -> Any:
    """Lists of pieces, empty ones among them."""
    return st.lists(pieces, max_size=6)


TEXT = st.text(st.characters(exclude_categories=()), max_size=8)
KINDS = st.fixed_dictionaries(
    {
        "content": cuts(TEXT),
        "refusal": cuts(TEXT),
        "transcript": cuts(TEXT),
        "data": cuts(st.binary(max_size=9)),
        "arguments": st.lists(cuts(TEXT), max_size=3),
    }
)


def whole_text(pieces: list[str]) -> str:
    return "".join(pieces).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def valid(text: str) -> str:
    return "".join("\N{REPLACEMENT CHARACTER}" if "\ud800" <= c <= "\udfff" else c for c in text)


@st.composite
def streams(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Give what an answer holds in pieces, and its chunks: each kind in its order, the kinds in any."""
    parts = draw(KINDS)
    queues: list[list[dict[str, Any]]] = [[chunk({key: piece}) for piece in parts[key]] for key in ("content", "refusal")]
    queues.append([audio(transcript=piece) for piece in parts["transcript"]])
    queues.append([audio(data=b64(piece)) for piece in parts["data"]])
    for index, pieces in enumerate(parts["arguments"]):
        first = {"index": index, "id": f"call_{index}", "type": "function", "function": {"name": f"f{index}", "arguments": ""}}
        queues.append([call(**first), *(call(index=index, function={"arguments": piece}) for piece in pieces)])
    order = draw(st.permutations([place for place, queue in enumerate(queues) for _ in queue]))
    chunks = [chunk({"role": "assistant"}), *(queues[place].pop(0) for place in order)]
    return parts, [*chunks, chunk({}, "stop")]


@given(streams())
def test_any_cut_of_any_answer_folds_to_the_same_answer(stream: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    parts, chunks = stream
    fold = folded(*chunks)
    got = message(fold)
    assert (got["content"] or "") == whole_text(parts["content"])
    assert (got["refusal"] or "") == whole_text(parts["refusal"])
    assert got.get("audio", {}).get("transcript", "") == whole_text(parts["transcript"])
    assert base64.b64decode(got.get("audio", {}).get("data", "")) == b"".join(parts["data"]) == fold.audio()
    said = [each["function"]["arguments"] for each in got.get("tool_calls", [])]
    assert said == [whole_text(pieces) for pieces in parts["arguments"]]
    assert fold.complete


@given(streams())
def test_what_was_told_adds_up_to_the_answer(stream: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    parts, chunks = stream
    fold = ChatFold()
    told = [delta for each in chunks for delta in fold.feed(each)]
    for kind, key in ((TextDelta, "content"), (RefusalDelta, "refusal"), (TranscriptDelta, "transcript")):
        shown = "".join(delta.text for delta in told if isinstance(delta, kind))
        assert shown == shown.encode().decode()
        whole = valid(whole_text(parts[key]))
        # The first half of a character at the very end waits for the second, which never comes.
        assert shown in (whole, whole.removesuffix("\N{REPLACEMENT CHARACTER}"))
    sound = [delta.data for delta in told if isinstance(delta, AudioDelta)]
    assert all(len(data) % 2 == 0 for data in sound)
    assert b"".join(sound) == fold.audio()[: fold.audio_size // 2 * 2]
    for index, pieces in enumerate(parts["arguments"]):
        mine = [delta.arguments for delta in told if isinstance(delta, ToolCallDelta) and delta.index == index]
        assert whole_text(mine) == whole_text(pieces)


@given(streams())
def test_objects_of_the_sdk_dicts_and_json_fold_to_the_same(stream: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    _, chunks = stream
    answer = folded(*chunks).answer()
    assert folded(*(json.dumps(each) for each in chunks)).answer() == answer
    assert folded(*(json.dumps(each).encode() for each in chunks)).answer() == answer
    assert folded(*(ChatCompletionChunk.construct(**each) for each in chunks)).answer() == answer


@given(streams())
def test_an_answer_is_rebuilt_from_its_skeleton_and_its_sound(stream: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    _, chunks = stream
    fold = folded(*chunks)
    assert rebuilt(decode(encode(fold.skeleton())), fold.audio()) == fold.answer()


@given(st.binary(max_size=60), st.lists(st.integers(min_value=1, max_value=7)))
def test_base64_that_was_cut_anywhere_is_put_together(data: bytes, sizes: list[int]) -> None:
    text, fold = b64(data), ChatFold()
    for size in sizes:
        fold.feed(audio(data=text[:size]))
        text = text[size:]
    fold.feed(audio(data=text))
    assert fold.audio() == data


# --- the shapes that were observed -----------------------------------------------------------------


def spoken_stream() -> list[dict[str, Any]]:
    return [
        chunk({"role": "assistant", "content": None, "refusal": None}),
        audio(transcript="Yes,"),
        audio(transcript=" very."),
        audio(data=b64(b"\1\0" * 5)),
        audio(data=b64(b"\2\0" * 4)),
        {**FRAME, "choices": [{"index": 0, "delta": {"audio": {"expires_at": EXPIRES}}}]},
        without_choices(usage={"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}),
    ]


def test_a_spoken_stream_folds_to_what_the_api_answers_without_a_stream() -> None:
    fold = folded(*spoken_stream())
    sound = b"\1\0" * 5 + b"\2\0" * 4
    heard = {"id": "audio_1", "data": b64(sound), "expires_at": EXPIRES, "transcript": "Yes, very."}
    said = {"role": "assistant", "content": None, "refusal": None, "audio": heard}
    assert fold.answer() == {
        **FRAME,
        "object": "chat.completion",
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
        "choices": [{"index": 0, "message": said, "finish_reason": None}],
    }
    answer = read_chat(fold.answer(), asked={"model": "gpt-audio-1.5", "audio": {"format": "pcm16"}})
    assert (answer.draft.audio_id, answer.draft.text, answer.usage.total_tokens) == ("audio_1", "Yes, very.", 7)
    assert answer.draft.media[0].data == sound


def test_a_whole_answer_is_one_for_the_sdk_too() -> None:
    fold = folded(*spoken_stream(), call(index=0, id="call_1", type="function", function={"name": "f", "arguments": "{}"}),
                  chunk({}, "tool_calls"))  # fmt: skip
    assert ChatCompletion.model_validate(fold.answer()).to_dict() == fold.answer()


@pytest.mark.parametrize(
    ("chunks", "complete"),
    [
        ([], False),
        ([chunk({"content": "Yes"})], False),
        ([chunk({}, "stop")], True),
        ([chunk(None, "length")], True),
        (["[DONE]"], True),
        ([b" [DONE]\n"], True),
        ([without_choices(usage={"total_tokens": 1})], True),
        ([chunk({"content": "Yes"}) | {"usage": {"total_tokens": 1}}], False),
        ([without_choices(usage=None)], False),
        ([audio(transcript="Yes"), audio(data="AAAA"), audio(expires_at=EXPIRES)], True),
        ([audio(expires_at=EXPIRES, transcript="")], False),
        ([audio(transcript="Yes", expires_at=EXPIRES)], False),
        ([audio(transcript="Yes"), audio(data="AAAA", expires_at=EXPIRES)], False),
    ],
)
def test_only_signs_of_an_end_make_it_complete(chunks: list[Any], complete: bool) -> None:
    assert folded(*chunks).complete is complete


@pytest.mark.parametrize(
    ("chunks", "empty"),
    [
        ([], True),
        ([chunk({"role": "assistant", "content": "", "refusal": None})], True),
        ([chunk({"audio": {"id": "audio_1", "transcript": ""}})], True),
        ([without_choices(usage={"total_tokens": 1}), "[DONE]"], True),
        ([chunk({"content": "Y"})], False),
        ([chunk({"content": "\ud83d"})], False),
        ([chunk({"refusal": "N"})], False),
        ([audio(transcript="Y")], False),
        ([audio(data="AAAA")], False),
        ([call(index=0, id="call_1")], False),
        ([chunk({"function_call": {"name": "f"}})], False),
        ([chunk({"content": [{"type": "text", "text": "Y"}]})], False),
    ],
)
def test_only_what_was_said_asked_or_refused_makes_it_something(chunks: list[Any], empty: bool) -> None:
    assert folded(*chunks).empty is empty


def test_the_first_audio_id_and_the_last_expiry_win() -> None:
    fold = folded(audio(id=None), audio(transcript="a", expires_at=1), audio(id="audio_2", expires_at=2), audio(expires_at=None))
    heard = message(fold)["audio"]
    assert (heard["id"], heard["expires_at"]) == ("audio_1", 2)


def test_parallel_calls_are_told_apart_by_their_index() -> None:
    fold = folded(
        call(index=1, id="call_b", type="function", function={"name": "b", "arguments": ""}),
        call(index=0, id="call_a", type="function", function={"name": "a", "arguments": '{"x'}),
        call(index=1, function={"arguments": "[1"}),
        call(index=0, id="call_a", function={"name": "a", "arguments": '": 1}'}),
        call(index=1, id="", function={"name": None, "arguments": "]"}),
    )
    assert calls(fold) == [("call_a", "function", "a", '{"x": 1}'), ("call_b", "function", "b", "[1]")]


def test_a_custom_tools_input_is_joined() -> None:
    fold = ChatFold()
    told = fold.feed(call(index=0, id="call_1", type="custom", custom={"name": "sql", "input": ""}))
    told += fold.feed(call(index=0, custom={"input": "select"})) + fold.feed(call(index=0, custom={"input": " 1"}))
    assert told == [
        ToolCallDelta(0, "call_1", "sql", ""),
        ToolCallDelta(0, None, None, "select"),
        ToolCallDelta(0, None, None, " 1"),
    ]
    assert calls(fold) == [("call_1", "custom", "sql", "select 1")]


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([{"id": "a", "function": {"name": "f", "arguments": "1"}}, {"function": {"arguments": "2"}},
                      {"id": "b", "function": {"name": "g", "arguments": "3"}}], id="no-index"),
        pytest.param([{"index": 0, "id": "a", "function": {"name": "f", "arguments": "12"}},
                      {"index": 0, "id": "b", "function": {"name": "g", "arguments": "3"}}], id="all-indexes-0"),
        pytest.param([{"index": 0, "id": "a", "function": {"name": "f", "arguments": "1"}},
                      {"index": 0, "id": "new", "function": {"arguments": "2"}},
                      {"index": 1, "id": "b", "function": {"name": "g", "arguments": "3"}}], id="new-id-each-chunk"),
        pytest.param([{"id": "a", "function": {"name": "f", "arguments": "1"}},
                      {"id": "b", "function": {"name": "g", "arguments": "3"}},
                      {"id": "a", "function": {"arguments": "2"}}], id="by-id"),
    ],
)  # fmt: skip
def test_calls_of_servers_that_index_badly_are_told_apart(pieces: list[dict[str, Any]]) -> None:
    fold = folded(*(call(type="function", **piece) for piece in pieces))
    assert calls(fold) == [("a", "function", "f", "12"), ("b", "function", "g", "3")]


def test_a_legacy_function_call_is_joined() -> None:
    fold = ChatFold()
    told = fold.feed(chunk({"function_call": {"name": "f", "arguments": ""}}))
    told += fold.feed(chunk({"function_call": {"arguments": "{"}})) + fold.feed(chunk({"function_call": {"arguments": "}"}}))
    assert told == [ToolCallDelta(0, None, "f", ""), ToolCallDelta(0, None, None, "{"), ToolCallDelta(0, None, None, "}")]
    assert message(fold)["function_call"] == {"name": "f", "arguments": "{}"}


def test_azures_chunks_about_filters_are_kept_and_name_nothing() -> None:
    filters = [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}}]
    first = {"id": "", "created": 0, "model": "", "object": "", "choices": [], "prompt_filter_results": filters}
    safe = {"hate": {"filtered": False, "severity": "safe"}}
    late = {"id": "", "created": 0, "model": "", "choices": [{"index": 0, "finish_reason": None, "content_filter_results": safe}]}
    fold = folded(first, chunk({"content": "Yes"}), late, late, chunk({}, "stop"))
    answer = fold.answer()
    assert (answer["id"], answer["created"], answer["model"]) == ("chatcmpl-1", FRAME["created"], "gpt-audio-1.5")
    assert answer["prompt_filter_results"] == filters
    assert answer["choices"][0]["content_filter_results"] == safe


def test_unknown_fields_are_joined_extended_and_merged() -> None:
    fold = folded(
        chunk({"reasoning": "Let ", "notes": [1], "deep": {"a": "x", "b": [1], "c": {"d": "1"}}, "level": 1, "none": None}),
        chunk({"reasoning": "me see.", "notes": [2], "deep": {"a": "y", "b": [2], "c": {"d": "2"}}, "level": 2}),
    )
    said = message(fold)
    assert said["reasoning"] == "Let me see."
    assert said["notes"] == [1, 2]
    assert said["deep"] == {"a": "xy", "b": [1, 2], "c": {"d": "12"}}
    assert (said["level"], said["none"]) == (2, None)


def test_logprobs_of_all_chunks_are_kept() -> None:
    fold = folded(
        *(chunk({"content": t}, logprobs={"content": [{"token": t}], "refusal": None}) for t in "ab"), chunk({}, "stop")
    )
    assert fold.answer()["choices"][0]["logprobs"] == {"content": [{"token": "a"}, {"token": "b"}], "refusal": None}


def test_random_padding_is_no_part_of_the_answer() -> None:
    assert "obfuscation" not in folded(chunk({"content": "a"}) | {"obfuscation": "x81"}).answer()


def test_content_parts_and_text_of_one_answer_are_both_kept() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    fold = folded(chunk({"content": ""}), chunk({"content": [thinking]}), chunk({"content": "Ye"}), chunk({"content": "s"}))
    assert message(fold)["content"] == [thinking, {"type": "text", "text": "Yes"}]


@pytest.mark.parametrize("piece", [{"content": ""}, {"content": None}, {}])
def test_a_written_answer_of_nothing_has_the_content_that_came(piece: dict[str, Any]) -> None:
    assert message(folded(chunk(piece), chunk({}, "stop")))["content"] == piece.get("content")


def test_content_is_null_where_calls_came_instead() -> None:
    assert message(folded(chunk({"content": ""}), call(index=0, id="a", function={"name": "f"})))["content"] is None


@pytest.mark.parametrize(("key", "kind"), [("content", TextDelta), ("refusal", RefusalDelta), ("transcript", TranscriptDelta)])
def test_a_character_cut_in_two_is_told_whole(key: str, kind: type) -> None:
    fold = ChatFold()
    feed = [chunk({key: p} if key != "transcript" else {"audio": {key: p}}) for p in ("Hi \ud83d", "\ude00!", "\ud83d", "a")]
    told = [delta for each in feed for delta in fold.feed(json.dumps(each))]
    assert told == [kind("Hi "), kind("\N{GRINNING FACE}!"), kind("\N{REPLACEMENT CHARACTER}a")]
    said = message(fold)
    assert (said["audio"] if key == "transcript" else said)[key] == "Hi \N{GRINNING FACE}!\ud83da"


# --- broken sound ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pieces", "sound"),
    [
        pytest.param(["AQIDBA==", "no-base64!!=", "BQYHCA=="], b"\1\2\3\4" + bytes(8) + b"\5\6\7\x08", id="silence"),
        pytest.param(["AQIDBA==", "AQIDB\u00e9==", "BQYHCA=="], b"\1\2\3\4" + bytes(4) + b"\5\6\7\x08", id="no-ascii"),
        pytest.param(["AQIDBA==", "BQYHCA", "AQIDBA=="], b"\1\2\3\4\5\6\7\x08\1\2\3\4", id="padding-left-out"),
        pytest.param(["AQIDBA", "AQIDBA=="], b"\1\2\3\1\2\3\4", id="cut-before-it-is-known"),
        pytest.param(["AQIDBA==BQYHCA=="], b"\1\2\3\4\5\6\7\x08", id="joined"),
        pytest.param(["AQ=", "=", "AQ=="], b"\1\1", id="cut-in-the-padding"),
        pytest.param(["AQ=", "AQ=="], b"\1\1", id="half-a-padding"),
        pytest.param(["AQID\r\n", " BAUG "], b"\1\2\3\4\5\6", id="line-breaks"),
        pytest.param(["===", "AQID"], b"\1\2\3", id="padding-alone"),
        pytest.param(["A", "", "QID"], b"\1\2\3", id="single"),
    ],
)
def test_broken_base64_does_not_harm_what_follows(pieces: list[str], sound: bytes) -> None:
    fold = folded(*(audio(data=piece) for piece in pieces))
    assert (fold.audio(), fold.audio_size) == (sound, len(sound))


def test_sound_is_given_from_an_offset() -> None:
    fold = folded(audio(data=b64(b"abcdef")))
    assert (fold.audio(4), fold.audio(6), fold.audio(9)) == (b"ef", b"", b"")
    fold.feed(audio(data=b64(b"g")))
    assert fold.audio(6) == b"g"


# --- what is no chunk ------------------------------------------------------------------------------


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (None, "a NoneType is no answer"),
        (5, "a int is no answer"),
        ([], "a list is no answer"),
        ("", "no JSON"),
        ("data: {}", "no JSON"),
        (b"\xff\xfe\xff", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ({}, "no choices"),
        ({"choices": {}}, "no list"),
        ({"choices": [5]}, "no object"),
        (chunk("text"), "delta is no object"),
        (chunk({"content": "b"}, index=1), "several choices"),
        ({"choices": [chunk({"content": "b"})["choices"][0]] * 2}, "several choices"),
        ({**FRAME, "object": "chat.completion", "choices": []}, "whole answer"),
        (chunk({"content": "b", "new": deep(300)}), "nested too deeply"),
        (chunk({"content": "b", "new": b"bytes"}), "no JSON"),
        (chunk({"content": "b", "new": {1: 2}}), "no JSON"),
        ({"error": {"message": "The server had an error", "type": "server_error"}}, r"The server had an error \(server_error\)"),
        ({"error": "overloaded"}, "overloaded"),
        ('{"error": {"code": "rate_limit_exceeded"}, "choices": []}', "rate_limit_exceeded"),
    ],
)
def test_what_is_no_chunk_is_refused_and_changes_nothing(refused: Any, reason: str) -> None:
    fold = folded(chunk({"content": "a"}), audio(transcript="a", data="AAAA"))
    before = fold.answer()
    with pytest.raises(AnswerError, match=reason):
        fold.feed(refused)
    assert (fold.answer(), fold.complete) == (before, False)
    fold.feed(chunk({"content": "c"}))
    assert message(fold)["content"] == "ac"


@pytest.mark.parametrize(
    "odd",
    [
        {"choices": None, **FRAME},
        {"choices": [{}]},
        chunk({"audio": 5}),
        chunk({"audio": {"id": 5, "data": [1], "transcript": {}, "expires_at": "soon"}}),
        chunk({"tool_calls": 5}),
        chunk({"tool_calls": [None, 5, {"index": True, "id": 7, "function": 5}]}),
        chunk({"content": 5, "refusal": ["x"], "role": 3, "function_call": "f"}),
        chunk({"n": float("nan")}),
        {**FRAME, "id": 9, "usage": "much", "choices": []},
    ],
)
def test_odd_values_are_folded_and_an_answer_comes_out(odd: Any) -> None:
    fold = folded(chunk({"content": "a"}), odd, odd, audio(transcript="b", data="AAAA"), chunk({"content": "c"}))
    assert message(fold)["audio"]["transcript"] == "b"
    assert read_chat(fold.answer(), asked={"audio": {"format": "pcm16"}}).draft.text


def test_a_chunk_is_not_kept_nor_changed() -> None:
    given_chunk = chunk({"deep": {"a": [1], "b": {"c": "x"}}})
    fold = folded(given_chunk, given_chunk)
    assert given_chunk == chunk({"deep": {"a": [1], "b": {"c": "x"}}})
    answer = fold.answer()
    answer["choices"][0]["message"]["deep"]["a"].append(5)
    assert message(fold)["deep"]["a"] == [1, 1]
