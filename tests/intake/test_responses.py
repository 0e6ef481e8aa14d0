"""Responses become one message each, and nothing of them is lost: items, unknown fields, odd numbers, images."""

from __future__ import annotations

import hashlib
import json
import math
import pickle
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib._parsing._responses import parse_response
from openai.types.responses import Response

from convo.canonical import decode
from convo.errors import AnswerError
from convo.events import RefusalDelta, TextDelta
from convo.forms import as_chat, whole_answer
from convo.intake.reading import read_answer, unreadable
from convo.intake.responses import read_response
from convo.origin import Origin
from convo.reply import Reply, reply_of
from convo.steps.speaking import _is_mute
from convo.steps.streaming import events_of
from convo.store.redaction import facts_of
from convo.usage import Usage
from tests.intake.test_chat import ODD, completion, same
from tests.support.responses import (
    FRAME,
    PNG,
    USAGE,
    custom_call,
    function_call,
    image,
    message,
    reasoning,
    refusal,
    response,
    text,
)

if TYPE_CHECKING:
    from convo.intake.answer import Answer

HELD = {"$blob": hashlib.sha256(PNG).hexdigest()}


def read(answer: Any, **asked: Any) -> Answer:
    return read_response(answer, asked={"model": "gpt-5.6", **asked}, origin=Origin("http://api.test/v1"))


def reply(answer: Any) -> Reply:
    found = read(answer)
    return reply_of(found.draft.at(1, 1), {"raw": found.raw}, replayed=False)


def kept(answer: Any) -> Any:
    """Give what a reply shows of an answer once it was stored."""
    return reply(answer).raw


# --- what is read ----------------------------------------------------------------------------------


def test_a_response_is_one_message_with_its_items_as_they_came() -> None:
    items = [reasoning("Hm.", encrypted_content="gAAA"), message("Yes.", phase="final_answer")]
    answer = read(response(*items))
    assert (answer.id, answer.model, answer.finish_reason) == ("resp_1", "gpt-5.6-2026-10-01", "stop")
    draft = answer.draft
    assert decode(draft.body) == {"role": "assistant", "id": "resp_1", "store": True, "output": items}
    assert (draft.role, draft.api, draft.text, draft.model, draft.media) == ("assistant", "responses", "Yes.", "gpt-5.6", ())
    assert (draft.audio_id, draft.audio_expires, draft.audio_origin) == (None, None, "http://api.test/v1")
    assert decode(answer.raw) == {**response(*items), "output": None}


def test_a_reply_says_what_was_said_refused_and_called() -> None:
    found = reply(response(message("Yes.", refusal("No.")), function_call('{"a": 1}')))
    assert (found.text, found.refusal, found.transcript, found.spoken) == ("Yes.\nNo.", "No.", None, False)
    assert [(call.id, call.name, call.arguments) for call in found.tool_calls] == [("call_1", "look_up", '{"a": 1}')]


def test_the_tokens_of_a_message_are_those_that_it_holds_without_what_was_thought() -> None:
    answer = read(response(message("Yes.")))
    assert answer.usage == Usage(
        input_tokens=30, output_tokens=50, total_tokens=80, input_text=30, input_audio=0, input_cached=20,
        input_cache_write=4, output_text=50, output_audio=0, output_reasoning=40,
    )  # fmt: skip
    assert (answer.draft.text_tokens, answer.draft.audio_tokens) == (10, None)


@pytest.mark.parametrize(
    ("said", "asked", "kept_"),
    [(True, None, True), (False, True, False), (None, False, False), (None, None, None), ("yes", None, None), (None, 1, None)],
)
def test_whether_it_is_stored_is_what_the_answer_says_else_what_was_asked(said: Any, asked: Any, kept_: Any) -> None:
    body = decode(read(response(store=said), store=asked).draft.body)
    assert body.get("store") is kept_


def test_what_the_answer_does_not_tell_is_not_made_up() -> None:
    answer = read_response({"output": []}, asked={})
    assert (answer.id, answer.model, answer.draft.model, answer.finish_reason) == (None, None, None, "stop")
    assert (answer.usage, answer.draft.audio_origin) == (Usage(), None)
    assert decode(answer.draft.body) == {"role": "assistant", "output": []}


@pytest.mark.parametrize(
    ("facts", "items", "reason"),
    [
        ({}, [message("Yes.")], "stop"),
        ({}, [], "stop"),
        ({"status": None}, [message("Yes.")], "stop"),
        ({"status": "whatever"}, [message("Yes.")], "stop"),
        ({}, [message(refusal("No."))], "stop"),
        ({}, [message("One moment."), function_call()], "tool_calls"),
        ({}, [custom_call()], "tool_calls"),
        ({}, [{"type": "web_search_call", "id": "ws_1", "status": "completed"}], "stop"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, [function_call()], "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_messages"}}, [], "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, [], "content_filter"),
        ({"status": "incomplete", "incomplete_details": {"reason": "steered"}}, [], "stop"),
        ({"status": "incomplete", "incomplete_details": {"reason": "of a new kind"}}, [], "of a new kind"),
        ({"status": "incomplete", "incomplete_details": {"reason": 5}}, [], None),
        ({"status": "incomplete", "incomplete_details": None}, [message("Ye")], None),
        ({"status": "incomplete", "incomplete_details": "odd"}, [message("Ye")], None),
    ],
)
def test_why_it_ended_in_the_words_of_chat(facts: dict[str, Any], items: list[Any], reason: str | None) -> None:
    assert read(response(*items, **facts)).finish_reason == reason


# --- images ----------------------------------------------------------------------------------------


def test_a_generated_image_is_beside_the_message() -> None:
    answer = read(response(message("Here."), image(revised_prompt="a dog")))
    (piece,) = answer.draft.media
    assert (piece.data, piece.kind, piece.part, piece.format, piece.size) == (PNG, "image", 1, "image/png", len(PNG))
    item = decode(answer.draft.body)["output"][1]
    assert item == {**image(revised_prompt="a dog"), "result": HELD}
    assert piece.digest == HELD["$blob"]


@pytest.mark.parametrize(
    ("data", "more", "format_"),
    [
        (b"RIFF\0\0\0\0WEBPVP8 ", {"output_format": "png"}, "image/webp"),
        (b"<svg/>", {"output_format": "svg"}, "image/svg+xml"),
        (b"odd bytes", {"output_format": "avif"}, "image/avif"),
        (b"odd bytes", {}, None),
        (b"odd bytes", {"output_format": 5}, None),
    ],
)
def test_an_image_is_what_its_bytes_say_else_what_the_item_says(data: bytes, more: dict[str, Any], format_: str | None) -> None:
    (piece,) = read(response(image(data, **more))).draft.media
    assert (piece.format, piece.data) == (format_, data)


@pytest.mark.parametrize("result", [None, "", "no base64!", "AAA", "AAAA\n", "QR==", 5, ["AAAA"], {"$blob": "x"}, "\ud800"])
def test_a_result_that_would_not_come_back_as_it_was_stays_in_the_body(result: Any) -> None:
    answer = read(response({**image(), "result": result}))
    assert decode(answer.draft.body)["output"][0]["result"] == result
    assert answer.draft.media == ()


def test_the_same_image_twice_is_two_pieces_of_media() -> None:
    answer = read(response(image(), image()))
    assert [(piece.part, piece.digest) for piece in answer.draft.media] == [(0, HELD["$blob"]), (1, HELD["$blob"])]


# --- nothing is lost -------------------------------------------------------------------------------

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(exclude_categories=()))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.dictionaries(st.text(max_size=5).filter(lambda name: name not in ("output", "object", "choices")), JSON, max_size=3)
UNKNOWN = st.dictionaries(st.from_regex(r"\Ax_[a-z]{1,4}\Z"), JSON, max_size=2)
WORDS = st.text(st.characters(exclude_categories=()), max_size=12)
PARTS = st.one_of(st.builds(text, WORDS), st.builds(refusal, WORDS), FIELDS)
ITEMS = st.one_of(
    st.builds(lambda parts, more: message(*parts, **more), st.lists(PARTS, max_size=3), UNKNOWN),
    st.builds(lambda parts, more: reasoning(*parts, **more), st.lists(WORDS, max_size=2), UNKNOWN),
    st.builds(function_call, WORDS, st.integers(1, 9)),
    st.builds(custom_call, WORDS, st.integers(1, 9)),
    st.builds(image, st.binary(min_size=1, max_size=20)),
    FIELDS,
    JSON,
)


def with_images(raw: Any, answer: Answer) -> Any:
    """Put the bytes of images back where they were."""
    for piece in answer.draft.media:
        assert piece.data is not None
        raw["output"][piece.part]["result"] = image(piece.data)["result"]
    return raw


@settings(max_examples=300, derandomize=True)
@given(st.lists(ITEMS, max_size=4), FIELDS)
def test_whatever_a_response_holds_comes_back(items: list[Any], fields: dict[str, Any]) -> None:
    whole = {**fields, **response(*items)}
    answer = read(whole)
    assert same(with_images(kept(whole), answer), whole)
    as_chat(decode(answer.draft.body))


@settings(max_examples=100, derandomize=True)
@given(st.lists(ITEMS, max_size=4), UNKNOWN)
def test_whatever_a_value_of_the_sdk_holds_comes_back(items: list[Any], fields: dict[str, Any]) -> None:
    whole = {**fields, **response(*items)}
    value = Response.construct(**whole)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert by_key(with_images(kept(value), read(value))) == by_key(whole)


def by_key(value: Any) -> Any:
    """Give JSON to compare whatever the order of its keys: the SDK puts unknown fields last."""
    return json.dumps(value, sort_keys=True)


def test_odd_numbers_and_texts_are_kept() -> None:
    whole = response({"type": "newest", "odd": ODD}, message({"type": "newest", **ODD}), **ODD)
    assert same(kept(whole), whole)
    assert same(kept(json.dumps(whole)), whole)
    assert same(kept(json.dumps(whole).encode()), whole)


def test_every_kind_of_item_that_the_sdk_knows_is_kept() -> None:
    """Values as the SDK validates them: what it adds to an item would be refused in the next input."""
    items = [
        reasoning("Hm.", encrypted_content="gAAA", content=[{"type": "reasoning_text", "text": "x"}]),
        message(text("Yes.", logprobs=[]), refusal("No."), phase="commentary"),
        function_call("{}", namespace="crm", caller={"type": "direct"}, **{"async": True}),
        custom_call(),
        image(),
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAA"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "dogs"}},
        {"type": "mcp_approval_request", "id": "mcpr_1", "arguments": "{}", "name": "pay", "server_label": "bank"},
    ]
    value = Response.model_validate(response(*items))
    assert by_key(with_images(kept(value), read(value))) == by_key(response(*items))


class Day(pydantic.BaseModel):
    """What an application has the SDK parse an answer into."""

    day: datetime


def test_what_the_sdks_parsing_adds_is_not_kept() -> None:
    said = '{"day": "2026-11-21T12:00:00Z"}'
    plain = response(message(said), function_call('{"a": 1}'))
    tools = [{"type": "function", "name": "look_up", "parameters": {}, "strict": True}]
    parsed = parse_response(text_format=Day, input_tools=tools, response=Response.model_validate(plain))  # type: ignore[arg-type]
    assert parsed.output_parsed == Day(day=datetime(2026, 11, 21, 12, tzinfo=UTC))
    assert by_key(kept(parsed)) == by_key(plain)
    assert by_key(decode(read_answer(parsed, asked={}).draft.body)["output"]) == by_key(plain["output"])


# --- what is no answer -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (completion(), "it holds no output"),
        (response(output=None), "it holds no output"),
        ({**response(), "output": {}}, "it holds no output"),
        ({}, "it holds no output"),
        (None, "a NoneType is no answer"),
        ("{not json", "it is no JSON"),
        ("[]", "a list is no answer"),
        (response({"x": {1, 2}}), "it is no JSON"),
        (response(status="cancelled"), "it was cancelled before it ended; ask again"),
        (response(status="queued"), "resp_1 is still queued; wait until it has ended, and record what client.responses.retr"),
        (response(status="in_progress"), "resp_1 is still in progress; wait until it has ended"),
    ],
)
def test_what_is_no_ended_response_is_refused_with_what_to_do(answer: Any, told: str) -> None:
    with pytest.raises(AnswerError, match=told) as caught:
        read(answer)
    assert (caught.value.retryable, caught.value.api_code) == (False, None)


@pytest.mark.parametrize(
    ("error", "code", "passing", "told"),
    [
        ({"code": "server_error", "message": "Sorry."}, "server_error", True, r"Sorry. \(server_error\); send again"),
        ({"code": "rate_limit_exceeded", "message": "Slow."}, "rate_limit_exceeded", True, "Slow."),
        ({"code": "invalid_image", "message": "Odd."}, "invalid_image", False, r"\(invalid_image\); change what was asked"),
        ({"type": "newest", "message": "Odd."}, "newest", False, r"Odd. \(newest\)"),
        ({"code": 5, "message": ["x"]}, None, False, "it does not say why"),
        ({"code": "a\ud800", "message": "\0" * 1_000}, "a\ud800", False, "the API failed"),
        (None, None, False, "it does not say why"),
        ("odd", None, False, "it does not say why"),
    ],
)
def test_one_that_failed_says_why(error: Any, code: str | None, passing: bool, told: str) -> None:  # noqa: FBT001 - a column of the table
    with pytest.raises(AnswerError, match=told) as caught:
        read(response(message("Part."), status="failed", error=error))
    found = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own
    assert (found.api_code, found.retryable, str(found)) == (code, passing, str(caught.value))
    str(found).encode()
    assert len(str(found)) < 700


def test_a_depth_that_no_reader_could_read_again_is_refused() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    for answer in (response(x=deep), response(deep), '{"output":' + "[" * 100_000):
        with pytest.raises(AnswerError):
            read(answer)
    while deep != "x":  # a tower of lists is taken down by hand: the interpreter would do it by recursion
        deep = deep[0]


# --- whichever API answered ------------------------------------------------------------------------


@pytest.mark.parametrize("form", [lambda whole: whole, json.dumps, lambda whole: Response.construct(**whole)])
def test_either_answer_finds_its_reader(form: Any) -> None:
    assert read_answer(form(response(message("Yes."))), asked={}).draft.api == "responses"
    assert read_answer(completion(), asked={}).draft.api == "chat"
    assert read_answer(completion(output=[]), asked={}).draft.api == "chat"


def test_what_no_reader_takes_keeps_its_text_and_its_usage() -> None:
    whole = response(message("Part."), status="failed", error={"code": "server_error", "message": "x"})
    for answer in (whole, json.dumps(whole), Response.construct(**whole)):
        raw, usage = unreadable(answer)
        assert raw is not None
        assert by_key(decode(raw)) == by_key(whole)
        assert usage == Usage.from_response(USAGE)
    assert unreadable(object()) == (None, Usage())


# --- usage -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, {}),
        ("odd", {}),
        ({"input_tokens": -1, "output_tokens": True, "total_tokens": 1e3}, {}),
        (
            {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12},
            {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12, "input_text": 5, "input_audio": 0, "output_text": 7,
             "output_audio": 0},
        ),
        (
            {"input_tokens": 9, "input_tokens_details": {"image_tokens": 4, "cached_tokens": None}, "output_tokens_details": 1},
            {"input_tokens": 9, "input_text": 5, "input_audio": 0, "input_image": 4},
        ),
    ],
)  # fmt: skip
def test_usage_of_a_response(usage: Any, expected: dict[str, int]) -> None:
    assert Usage.from_response(usage).to_dict() == expected


@given(st.dictionaries(st.sampled_from([*USAGE, "x"]), JSON))
def test_no_usage_breaks_the_reader(usage: dict[str, Any]) -> None:
    Usage.from_response(usage)
    assert not math.isnan(read(response(usage=usage)).usage.input_tokens or 0)


# --- elsewhere -------------------------------------------------------------------------------------


def test_a_recorded_response_replays_as_the_pieces_of_a_stream() -> None:
    assert events_of(reply(response(message("Yes.", refusal("No."))))) == [TextDelta("Yes."), RefusalDelta("No.")]


def test_what_is_left_of_the_record_of_a_redacted_response_says_nothing() -> None:
    facts = facts_of(response(message("A secret."), function_call('{"a": "secret"}'), instructions="secret", x="secret"))
    assert "secret" not in json.dumps(facts)
    assert (facts["id"], facts["model"], facts["usage"], facts["status"]) == ("resp_1", FRAME["model"], USAGE, "completed")
    assert whole_answer(facts, {"role": "assistant", "content": "[redacted]"})["output"] == []


@pytest.mark.parametrize("items", [[message("Yes.")], [reasoning("Hm."), message("Yes.")]])
def test_a_response_in_text_alone_can_be_spoken(items: list[Any]) -> None:
    assert _is_mute(reply(response(*items)))


@pytest.mark.parametrize("items", [[], [function_call()], [message("Yes."), custom_call()], [message(refusal("No."))], [image()]])
def test_a_response_that_is_more_or_less_than_text_is_not_spoken(items: list[Any]) -> None:
    assert not _is_mute(reply(response(*items)))
