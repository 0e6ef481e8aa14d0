"""Events fold to the Response that they tell; cut after any of them, to what had arrived; and odd servers break nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai._models import construct_type
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent

from convo import ReasoningDelta, RefusalDelta, ResponseFold, TextDelta, ToolCallDelta
from convo.canonical import decode, encode
from convo.errors import AnswerError
from convo.forms import as_chat
from convo.intake.fold import Fold
from convo.intake.reading import fold_of, read_answer
from convo.intake.responses import read_response
from convo.intake.stream import rebuilt
from tests.intake.test_responses import PARTS, UNKNOWN, WORDS, by_key
from tests.support.responses import custom_call, events, function_call, image, message, reasoning, refusal, response

if TYPE_CHECKING:
    import random

RICH = response(
    reasoning("I look.", "Then I tell.", encrypted_content="gAAA"),
    message("One moment.", phase="commentary"),
    function_call('{"breed": "golden"}', number=1),
    custom_call("ls -l", number=2),
    reasoning("Now.", number=2),
    message("A good dog. ", "🐕 Yes.", refusal("But not more."), number=2),
    image(),
)
"""A bit of everything."""


def folded(*told: object) -> ResponseFold:
    fold = ResponseFold()
    for event in told:
        fold.feed(event)
    return fold


def deltas(*told: object) -> list[Any]:
    fold = ResponseFold()
    return [delta for event in told for delta in fold.feed(event)]


def said(found: list[Any], kind: type[TextDelta | RefusalDelta]) -> str:
    return "".join(delta.text for delta in found if isinstance(delta, kind))


def calls(found: list[Any]) -> dict[int, tuple[str | None, str | None, str]]:
    """Give each call as its deltas tell it."""
    whole: dict[int, tuple[str | None, str | None, str]] = {}
    for delta in found:
        if isinstance(delta, ToolCallDelta):
            identifier, name, arguments = whole.get(delta.index, (None, None, ""))
            whole[delta.index] = (identifier or delta.id, name or delta.name, arguments + delta.arguments)
    return whole


def of_the_sdk(event: dict[str, Any]) -> Any:
    return construct_type(type_=ResponseStreamEvent, value=event)


FORMS: list[Any] = [lambda event: event, json.dumps, lambda event: json.dumps(event).encode(), of_the_sdk]

ITEMS = st.one_of(
    st.builds(
        lambda parts, more: message(*parts, **more), st.lists(PARTS.filter(lambda part: "type" in part), max_size=3), UNKNOWN
    ),
    st.builds(lambda parts, more: reasoning(*parts, **more), st.lists(WORDS, max_size=2), UNKNOWN),
    st.builds(function_call, WORDS),
    st.builds(custom_call, WORDS),
    st.builds(image, st.binary(min_size=1, max_size=9)),
    st.builds(lambda more: {"type": "newest", "id": "new_1", **more}, UNKNOWN),
)


def numbered(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give each item ids of its own."""
    return [
        {**item, "id": f"{item['id']}_{index}", **({"call_id": f"call_{index}"} if "call_id" in item else {})}
        for index, item in enumerate(items)
    ]


RESPONSES = st.builds(
    lambda items, fields, ended: response(*numbered(items), **fields, **ended),
    st.lists(ITEMS, max_size=5),
    UNKNOWN,
    st.sampled_from([{}, {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}]),
)


# --- the whole of it -------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS, ids=["dict", "text", "bytes", "SDK"])
def test_the_events_of_a_response_fold_to_it_in_every_form(form: Any) -> None:
    fold = folded(*map(form, events(RICH)))
    assert by_key(fold.answer()) == by_key(RICH)
    assert (fold.complete, fold.empty, fold.audio(), fold.audio_size) == (True, False, b"", 0)


@settings(max_examples=150, derandomize=True)
@given(RESPONSES, st.integers(1, 5), st.sampled_from(FORMS[:2]))
def test_any_response_comes_out_as_it_is_and_its_deltas_are_its_text(whole: dict[str, Any], size: int, form: Any) -> None:
    told = [form(event) for event in events(whole, size)]
    assert by_key(folded(*told).answer()) == by_key(whole)
    chat = as_chat({"output": whole["output"]})
    found = deltas(*told)
    assert (said(found, TextDelta), said(found, RefusalDelta)) == shown(chat.get("content"), chat.get("refusal"))
    assert list(calls(found).values()) == [
        (call["id"], call[call["type"]]["name"], shown(*list(call[call["type"]].values())[1:])[0])
        for call in chat.get("tool_calls", ())
    ]


def shown(*texts: str | None) -> tuple[str, ...]:
    """Give texts as deltas tell them: a half of a character that no other half follows is a replacement character."""
    return tuple(
        "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in paired(text or "")) for text in texts
    )


def paired(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def test_every_delta_of_a_response() -> None:
    found = deltas(*events(RICH, size=100))
    assert found == [
        ReasoningDelta("I look."),
        ReasoningDelta("\nThen I tell."),
        TextDelta("One moment."),
        ToolCallDelta(0, "call_1", "look_up", ""),
        ToolCallDelta(0, None, None, '{"breed": "golden"}'),
        ToolCallDelta(1, "call_2", "shell", ""),
        ToolCallDelta(1, None, None, "ls -l"),
        ReasoningDelta("\nNow."),
        TextDelta("\nA good dog. "),
        TextDelta("\n🐕 Yes."),
        RefusalDelta("But not more."),
    ]


def test_the_reasoning_of_open_models_is_told_too() -> None:
    thought = {"type": "response.reasoning_text.delta", "item_id": "rs_1", "output_index": 0, "content_index": 0}
    assert deltas({**thought, "delta": "Hm"}, {**thought, "delta": "m."}) == [ReasoningDelta("Hm"), ReasoningDelta("m.")]


class Dog(pydantic.BaseModel):
    """What an application has the SDK parse a text into."""

    a: int


def test_the_events_of_the_sdks_own_stream_fold_to_what_the_api_sent() -> None:
    """`client.responses.stream()` gives events of its own, with snapshots, parsed texts and parsed arguments."""
    tools: Any = [{"type": "function", "name": "look_up", "parameters": {}, "strict": True}]
    state: Any = ResponseStreamState(input_tools=tools, text_format=Dog)
    whole = response(message('{"a": 1}'), function_call('{"a": 1}'))
    told = [each for event in events(whole) for each in state.handle_event(of_the_sdk(event))]
    assert state._completed_response.output_parsed == Dog(a=1)
    assert by_key(folded(*told).answer()) == by_key(whole)
    assert said(deltas(*told), TextDelta) == '{"a": 1}'
    for cut in range(3, len(told)):
        assert "parsed" not in json.dumps(folded(*told[:cut]).answer())


# --- cut -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", range(len(events(RICH)) + 1))
def test_cut_after_any_event_what_arrived_can_be_recorded(cut: int) -> None:
    """Items that are done are kept as they are, of the others the text of a message; nothing is kept without its companion."""
    told = events(RICH)[:cut]
    fold = folded(*told)
    assert fold.complete is (cut == len(events(RICH)))
    if fold.empty:
        assert not any(isinstance(delta, TextDelta | RefusalDelta) for delta in deltas(*told))
        return
    answer = fold.answer()
    draft = read_response(answer, asked={}).draft
    found = deltas(*told)
    assert draft.text == "\n".join(filter(None, (said(found, TextDelta), said(found, RefusalDelta))))
    done = [event["item"] for event in told if event["type"] == "response.output_item.done"]
    assert [item for item in answer["output"] if item in done] == [
        item for item in done if item["type"] != "reasoning" or item in answer["output"]
    ]
    assert all(item in done or (item["type"], item["status"]) == ("message", "incomplete") for item in answer["output"])
    assert answer["output"][-1]["type"] != "reasoning"
    if not fold.complete:
        assert (answer["status"], answer["incomplete_details"], answer["id"]) == ("incomplete", None, "resp_1")
        assert read_response(answer, asked={}).finish_reason is None


@settings(max_examples=100, derandomize=True)
@given(RESPONSES, st.data())
def test_any_cut_of_any_response_is_read_saved_and_rebuilt(whole: dict[str, Any], data: st.DataObject) -> None:
    told = events(whole)
    fold = folded(*told[: data.draw(st.integers(0, len(told)))])
    saved = decode(encode(fold.skeleton()))
    assert by_key(rebuilt(saved, fold.audio())) == by_key(fold.answer())
    read_answer(rebuilt(saved, b""), asked={})


def test_a_cut_message_keeps_its_text_its_id_and_its_phase() -> None:
    told = events(response(message("A good", "dog.", phase="final_answer")))[:-4]
    (item,) = folded(*told).answer()["output"]
    assert item == {**message("A good", "dog.", phase="final_answer"), "status": "incomplete"}


def test_a_part_that_is_done_keeps_what_stands_beside_its_text() -> None:
    cited = {"type": "output_text", "text": "Yes.", "annotations": [{"type": "url_citation", "url": "x"}]}
    (item,) = folded(*events(response(message(cited, "No.")))[:9]).answer()["output"]
    assert item["content"][0] == cited


def test_calls_and_reasoning_that_are_not_done_are_left_out() -> None:
    told = events(response(message("Yes."), reasoning("Hm.", number=2), function_call('{"a": 1}')))
    for cut in range(len(events(response(message("Yes.")))) - 1, len(told) - 2):
        assert [item["type"] for item in folded(*told[:cut]).answer()["output"]] == ["message"]
    assert [item["type"] for item in folded(*told[:-1]).answer()["output"]] == ["message", "reasoning", "function_call"]


def test_only_a_call_that_is_not_done_is_nothing_to_record() -> None:
    fold = folded(*events(response(reasoning("Hm."), function_call('{"a": 1}')))[:-2])
    assert (fold.empty, fold.answer()["output"]) == (True, [])


def test_a_complete_response_without_output_is_not_empty() -> None:
    fold = folded(*events(response()))
    assert (fold.empty, fold.complete, fold.answer()) == (False, True, response())


def test_nothing_was_told() -> None:
    fold = ResponseFold()
    assert (fold.empty, fold.complete) == (True, False)
    assert fold.answer() == {
        "id": None, "object": "response", "created_at": None, "model": None, "status": "incomplete", "incomplete_details": None,
        "output": [],
    }  # fmt: skip


def test_what_it_gives_is_the_callers_own() -> None:
    told = events(response(message("Yes.")))
    for fold in (folded(*told), folded(*told[:-1])):
        fold.answer()["output"][0]["content"].clear()
        assert as_chat(fold.answer())["content"] == "Yes."
    told[-1]["response"]["output"].clear()
    assert as_chat(folded(*told[:-1]).answer())["content"] == "Yes."


# --- order and repetition --------------------------------------------------------------------------


@settings(max_examples=60, derandomize=True)
@given(st.randoms(use_true_random=False))
def test_events_in_any_order_fold_to_the_same(order: random.Random) -> None:
    first, *rest, last = events(response(message("A good dog, is it?"), function_call('{"a": 1}')))
    order.shuffle(rest)
    assert folded(first, *rest, last).answer() == last["response"]
    assert folded(first, *rest).answer()["output"] == last["response"]["output"]
    without = [event for event in rest if event["type"].endswith("delta") and "text" in event["type"]]
    assert as_chat(folded(first, *without).answer())["content"] == "A good dog, is it?"


@settings(max_examples=60, derandomize=True)
@given(st.data())
def test_events_that_come_again_tell_nothing(data: st.DataObject) -> None:
    """As when a connection is resumed (`starting_after`) earlier than it broke; the padding is another then."""
    told = events(RICH)[: data.draw(st.integers(1, len(events(RICH))))]
    again = data.draw(st.integers(0, len(told)))
    repeated = [{**event, **({"obfuscation": "other"} if "obfuscation" in event else {})} for event in told[again:]]
    assert deltas(*told, *repeated) == deltas(*told)
    assert folded(*told, *repeated).answer() == folded(*told).answer()


@pytest.mark.parametrize("number", [0, -1, None, "1", True, 5])
def test_numbers_that_are_none_are_not_believed(number: Any) -> None:
    """There are servers that give every event the same number, also two pieces that say the same."""
    told = [{**event, "sequence_number": number} for event in events(response(message("ha ha ha ha")), size=3)]
    assert said(deltas(*told), TextDelta) == "ha ha ha ha"
    assert as_chat(folded(*told[:-4]).answer())["content"] == "ha ha ha ha"


def test_numbers_that_begin_anew_with_each_item_are_not_believed() -> None:
    told = events(response(message("ha ha ha ha"), message("ha ha ha ha", number=2)))
    anew = [{**event, "sequence_number": index % 9} for index, event in enumerate(told)]
    assert said(deltas(*anew), TextDelta) == "ha ha ha ha\nha ha ha ha"
    assert as_chat(folded(*anew[:-1]).answer())["content"] == "ha ha ha ha\nha ha ha ha"


# --- servers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", [None, [], "missing"])
def test_an_end_with_empty_output_is_what_was_told_before(output: Any) -> None:
    *told, last = events(RICH)
    facts = {key: value for key, value in RICH.items() if key != "output"} | ({} if output == "missing" else {"output": output})
    fold = folded(*told, {**last, "response": facts})
    assert by_key(fold.answer()) == by_key(RICH)


def test_items_that_were_never_done_are_whole_once_the_response_is() -> None:
    plain = response(message("A good dog."), function_call('{"a": 1}'), custom_call("ls"))
    *told, last = [event for event in events(plain) if event["type"] != "response.output_item.done"]
    fold = folded(*told, {**last, "response": {**plain, "output": []}})
    assert by_key(fold.answer()) == by_key(plain)


def test_of_an_incomplete_one_without_output_calls_that_were_not_done_are_not_kept() -> None:
    plain = response(message("Yes."), function_call('{"a'), status="incomplete")
    *told, _, last = events(plain)
    assert [item["type"] for item in folded(*told, {**last, "response": {**plain, "output": []}}).answer()["output"]] == [
        "message"
    ]


WHOLE_ONLY = ("response.output_text.done", "response.output_item.done", "response.content_part.done", "response.completed")


@pytest.mark.parametrize("kind", WHOLE_ONLY)
def test_a_server_that_tells_a_text_only_once_is_heard(kind: str) -> None:
    told = [event for event in events(response(message("A good dog."))) if event["type"] in (kind, "response.completed")]
    assert deltas(*told) == [TextDelta("A good dog.")]
    if kind != "response.completed":
        assert as_chat(folded(told[0]).answer())["content"] == "A good dog."


def test_a_server_that_tells_a_call_only_once_is_heard() -> None:
    told = [event for event in events(response(function_call("{}"))) if event["type"] == "response.output_item.done"]
    assert deltas(*told) == [ToolCallDelta(0, "call_1", "look_up", "{}")]
    told = [{**event, "item": function_call("")} for event in told]
    assert deltas(*told) == [ToolCallDelta(0, "call_1", "look_up", "")]


def test_pieces_of_a_call_that_nobody_announced_get_its_name_in_the_end() -> None:
    told = [event for event in events(response(function_call('{"a": 1}'))) if event["type"] != "response.output_item.added"]
    assert calls(deltas(*told)) == {0: ("call_1", "look_up", '{"a": 1}')}


@pytest.mark.parametrize("missing", [("output_index",), ("item_id",), ("output_index", "item_id", "content_index")])
def test_events_that_do_not_say_where_they_belong_belong_to_the_last_item(missing: tuple[str, ...]) -> None:
    plain = response(message("A good dog."), function_call('{"a": 1}'), message("Yes.", number=2))
    told = [{key: value for key, value in event.items() if key not in missing} for event in events(plain)]
    assert by_key(folded(*told[:-1]).answer()["output"]) == by_key(plain["output"])
    assert said(deltas(*told), TextDelta) == "A good dog.\nYes."


def test_ids_that_change_from_event_to_event_are_those_of_one_item() -> None:
    told = []
    for number, event in enumerate(events(response(message("A good dog."), function_call('{"a": 1}')))):
        item = {"item": {**event["item"], "id": f"x{number}"}} if "item" in event else {}
        told.append({**event, **({"item_id": f"x{number}"} if "item_id" in event else {}), **item})
    last = told[-1]["response"]
    told[-1] = {**told[-1], "response": {**last, "output": [{**item, "id": f"y{item['id']}"} for item in last["output"]]}}
    assert said(deltas(*told), TextDelta) == "A good dog."
    assert [item["type"] for item in folded(*told[:-1]).answer()["output"]] == ["message", "function_call"]
    assert len(calls(deltas(*told))) == 1


def test_items_under_one_index_are_those_that_their_ids_say() -> None:
    plain = response(message("A good dog."), function_call('{"a": 1}'), message("Yes.", number=2))
    told = [{**event, "output_index": 0} if "output_index" in event else event for event in events(plain)]
    assert by_key(folded(*told[:-1]).answer()["output"]) == by_key(plain["output"])
    done = [event for event in told if event["type"] == "response.output_item.done"]
    assert by_key(folded(*done).answer()["output"]) == by_key(plain["output"])


def test_parallel_calls_whose_pieces_are_mixed_stay_apart() -> None:
    plain = response(function_call('{"a": 1}', number=1), function_call('{"b": 2}', number=2))
    told = events(plain)[2:-1]
    half = len(told) // 2
    mixed = [event for pair in zip(told[:half], told[half:], strict=True) for event in pair]
    assert calls(deltas(*mixed)) == {0: ("call_1", "look_up", '{"a": 1}'), 1: ("call_2", "look_up", '{"b": 2}')}
    assert folded(*mixed).answer()["output"] == plain["output"]


def test_a_character_that_was_cut_in_two_is_shown_whole() -> None:
    delta = {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0}
    told = [{**delta, "delta": piece} for piece in ("a\ud83d", "\udc15b")]
    assert deltas(*told) == [TextDelta("a"), TextDelta("🐕b")]
    assert as_chat(folded(*told).answer())["content"] == "a🐕b"


def test_what_is_done_and_says_otherwise_is_believed_and_not_shown_twice() -> None:
    told = events(response(message("A good dog.")))
    told = [{**event, "delta": event["delta"].upper()} if "delta" in event else event for event in told]
    assert said(deltas(*told), TextDelta) == "A GOOD DOG."
    assert as_chat(folded(*told[:-1]).answer())["content"] == "A good dog."


ODD: list[dict[str, Any]] = [
    {"type": "keepalive", "sequence_number": 3},
    {"type": "response.newest.delta", "delta": "x", "item_id": "msg_1", "output_index": 0},
    {"type": ""},
    {"type": "response.output_text.delta", "delta": None},
    {"type": "response.output_text.delta", "delta": ["x"]},
    {"type": "response.output_text.newest", "delta": "x"},
    {"type": "response.output_text.done", "text": None},
    {"type": "response.output_item.added", "item": None},
    {"type": "response.output_item.added", "item": {"type": ["odd"]}, "output_index": 7},
    {"type": "response.output_item.done", "item": "odd"},
    {"type": "response.content_part.done", "part": {"type": "output_text", "text": 5}},
    {"type": "response.content_part.done", "part": {"type": ["odd"]}},
    {"type": "response.content_part.done", "part": None},
    {"type": "response.audio.delta", "delta": "AAAA"},
    {"type": "response.image_generation_call.partial_image", "partial_image_b64": "AAAA", "output_index": 0},
    {"type": "response.code_interpreter_call_code.delta", "delta": "1 + 1", "output_index": 0, "item_id": "msg_1"},
]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: str(odd)[:60])
def test_odd_events_change_nothing(odd: dict[str, Any]) -> None:
    plain = response(message("A good dog."))
    told = [{key: value for key, value in event.items() if key != "sequence_number"} for event in events(plain)]
    mixed = [each for event in told for each in (event, odd)]
    assert deltas(*mixed) == deltas(*told)
    assert folded(*mixed).answer() == plain
    assert as_chat(folded(*mixed[:-2]).answer())["content"] == "A good dog."


def test_an_item_of_an_odd_shape_is_kept() -> None:
    for odd in ({"type": ["odd"]}, {"id": 5}, {"type": "message", "content": "x"}, {"type": "reasoning", "summary": {"a": 1}}):
        done = {"type": "response.output_item.done", "item": odd, "output_index": 0}
        assert folded(done, events(response(message("Yes.")))[3] | {"output_index": 1}).answer()["output"][:1] in ([odd], [])
        assert folded({"type": "response.completed", "response": response(odd)}).answer()["output"] == [odd]


def test_done_is_a_word_of_other_streams() -> None:
    fold = folded(*events(response(message("Yes.")))[:-1], "[DONE]", b" [DONE]\n")
    assert fold.complete is False


def test_after_the_end_nothing_is_taken() -> None:
    told = events(response(message("Yes.")))
    fold = folded(*told)
    late = {"type": "response.output_text.delta", "delta": "x", "item_id": "msg_9", "output_index": 4}
    failed = {"type": "response.failed", "response": response(status="failed")}
    assert [fold.feed(event) for event in (late, failed, told[0], told[-1])] == [[], [], [], []]
    assert fold.answer() == response(message("Yes."))


@pytest.mark.parametrize("status", [None, "in_progress", "queued"])
def test_an_end_that_forgets_to_say_so_is_an_end(status: str | None) -> None:
    fold = folded({"type": "response.completed", "response": response(message("Yes."), status=status)})
    assert fold.answer() == response(message("Yes."))


# --- errors ----------------------------------------------------------------------------------------


def test_a_response_that_failed_is_an_error_with_what_it_used_and_what_came_stays() -> None:
    told = events(response(message("A good dog.")))[:6]
    failed = response(status="failed", error={"code": "server_error", "message": "Sorry."})
    fold = folded(*told)
    with pytest.raises(AnswerError, match=r"the API failed: Sorry. \(server_error\); send again") as caught:
        fold.feed({"type": "response.failed", "response": failed, "sequence_number": 99})
    assert (caught.value.api_code, caught.value.retryable, caught.value.answer) == ("server_error", True, failed)
    assert (fold.complete, fold.empty) == (False, False)
    answer = read_response(fold.answer(), asked={})
    assert (answer.draft.text, answer.usage.output_tokens, answer.finish_reason) == ("A good", 50, None)
    assert fold.answer()["error"] == failed["error"]


def test_a_response_that_was_cancelled_is_an_error() -> None:
    with pytest.raises(AnswerError, match="it was cancelled"):
        folded({"type": "response.cancelled", "response": response(status="cancelled")})


@pytest.mark.parametrize("form", FORMS, ids=["dict", "text", "bytes", "SDK"])
@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "code": "rate_limit_exceeded", "message": "Slow down.", "param": None, "sequence_number": 3},
        {"type": "error", "error": {"type": "x", "code": "rate_limit_exceeded", "message": "Slow down."}},
        {"error": {"code": "rate_limit_exceeded", "message": "Slow down."}},
    ],
)
def test_an_error_in_the_stream_is_raised_and_what_came_stays(event: dict[str, Any], form: Any) -> None:
    if form is of_the_sdk and "type" not in event:
        form = json.dumps  # the client raises this one itself
    fold = folded(*events(response(message("A good dog.")))[:6])
    with pytest.raises(AnswerError, match=r"Slow down. \(rate_limit_exceeded\)") as caught:
        fold.feed(form(event))
    assert caught.value.api_code == "rate_limit_exceeded"
    assert as_chat(fold.answer())["content"] == "A good"


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (None, "a NoneType is no answer"),
        ("{not json", "it is no JSON"),
        ([], "a list is no answer"),
        ({}, "has no type"),
        ({"type": 5}, "has no type"),
        ({"choices": []}, "has no type"),
        (response(message("Yes.")), "a whole answer"),
        ({"type": "response.created"}, "holds no response"),
        ({"type": "response.completed", "response": None}, "holds no response"),
        ({"type": "response.failed", "response": "odd"}, "holds no response"),
        ({"type": "keepalive", "x": {1, 2}}, "no JSON"),
        ({"type": "keepalive", 5: 1}, "no JSON"),
    ],
)
def test_what_is_no_event_is_refused_and_changes_nothing(event: Any, told: str) -> None:
    fold = folded(*events(response(message("A good dog.")))[:6])
    before = fold.answer()
    with pytest.raises(AnswerError, match=told):
        fold.feed(event)
    assert fold.answer() == before


def test_a_second_response_is_refused() -> None:
    begun = events(response(message("Yes.")))
    other = {**begun[0], "response": {**begun[0]["response"], "id": "resp_2"}, "sequence_number": 40}
    for fold in (folded(*begun), folded(*begun[:4])):
        before = fold.answer()
        with pytest.raises(AnswerError, match="a second response; use one ResponseFold for each"):
            fold.feed(other)
        assert fold.answer() == before


# --- which fold ------------------------------------------------------------------------------------


def test_each_api_has_its_fold() -> None:
    assert {api: type(fold_of(api)).__name__ for api in ("chat", "responses")} == {
        "chat": "ChatFold",
        "responses": "ResponseFold",
    }
    assert all(isinstance(fold_of(api), Fold) for api in ("chat", "responses"))
