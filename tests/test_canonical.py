"""JSON as it is stored: what went in comes out, to the last bit, as plain ASCII."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convo.canonical import MAX_DEPTH, check_text, check_value, decode, decode_all, digest, encode, printable, well_formed
from convo.errors import InvalidContent, InvalidText

LAW = settings(max_examples=400, derandomize=True, database=None)
ANY_TEXT = st.text(st.characters(exclude_categories=()))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.integers(-(2**70), 2**70), st.floats(), ANY_TEXT),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)


def shown(value: Any) -> str:
    """Give a form in which two values are equal only when they are the same: -0.0, 1 and 1.0 apart, keys in their order."""
    return json.dumps(value)


@LAW
@given(JSON)
def test_what_is_encoded_comes_back_the_same(value: Any) -> None:
    value = {"a": [value], "b": value}
    text = encode(value)
    assert text.isascii()
    assert "\n" not in text
    assert shown(decode(text)) == shown(value)
    assert encode(decode(text)) == text
    assert [shown(item) for item in decode_all([text, "{}", text])] == [shown(value), "{}", shown(value)]


@pytest.mark.parametrize(
    "value",
    [
        2**63 - 1,
        2**63,
        -(2**63),
        -(2**63) - 1,
        2**64,
        2**70,
        10**18,
        10**19,
        -0.0,
        0.1,
        1e22,
        1e-7,
        5e-324,
        1.7976931348623157e308,
        math.inf,
        -math.inf,
        "\ud800",
        "\udc00\ud800",
        "🐕",
        "\\ud800",
        "a\0b",
        "\u2028",
        "NaN",
        "Infinity",
        "",
        "1" * 30,
        {"": 0},
        {"b": 1, "a": {"\ud800": [2**70]}},
    ],
    ids=ascii,
)
def test_values_that_others_lose_are_kept(value: Any) -> None:
    for holder in ({"a": value}, [value], [0, value], [[value, 0]]):
        assert shown(decode(encode(holder))) == shown(holder)


def test_no_number_is_kept_as_no_number() -> None:
    assert math.isnan(decode(encode({"a": [math.nan]}))["a"][0])


@pytest.mark.parametrize("texts", [["[1", "2]"], ["{}", "", "{}"], ["{}", '{"a":1'], ['{"a":1},{"b":2}']])
def test_texts_that_are_no_json_one_by_one_are_none_together(texts: list[str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_all(texts)


def test_many_texts_are_as_exact_as_one() -> None:
    values = [{"a": 1}, {"a": 2**70}, {"a": "\ud800"}, {"a": 0.1}] * 200
    assert decode_all([encode(value) for value in values]) == values


def test_no_values_are_no_values() -> None:
    assert list(decode_all([])) == []


def test_the_digest_is_that_of_the_text() -> None:
    assert digest(encode({"a": "ü"})) == hashlib.sha256(b'{"a":"\\u00fc"}').digest()


# --- checks at the door ----------------------------------------------------------------------------


@LAW
@given(JSON)
def test_what_passes_the_check_can_be_sent_to_anyone(value: Any) -> None:
    try:
        check_value(value, "it")
    except (InvalidText, InvalidContent):
        return
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": [math.nan]}, {1: 2}, {None: 2}, b"x", {1}, object(), [object()]])
def test_what_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(InvalidContent):
        check_value(value, "it")


def test_lone_surrogates_are_refused_with_their_place() -> None:
    with pytest.raises(InvalidText, match="the text holds a lone surrogate at index 2") as caught:
        check_text("ab\ud800", "the text")
    assert caught.value.position == 2
    for value in ({"\ud800": 1}, [["\ud800"]]):
        with pytest.raises(InvalidText):
            check_value(value, "it")
    assert check_text("a🐕\0", "it") == "a🐕\0"


def test_depth_has_a_limit_and_circles_have_an_end() -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]
    check_value(deep, "it")
    with pytest.raises(InvalidContent, match="200 levels"):
        check_value([deep], "it")
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(InvalidContent):
        check_value(circle, "it")


# --- texts for others ------------------------------------------------------------------------------


@LAW
@given(ANY_TEXT)
def test_printable_text_is_taken_by_every_database(text: str) -> None:
    shown = printable(text, 5)
    shown.encode()
    assert "\0" not in shown
    assert len(shown) == min(len(text), 5)


@LAW
@given(JSON)
def test_well_formed_values_have_an_encoding(value: Any) -> None:
    text = json.dumps(well_formed(value), ensure_ascii=False)
    text.encode()
    if "\\ud" not in json.dumps(value):
        assert shown(well_formed(value)) == shown(value)


def test_only_lone_surrogates_are_replaced() -> None:
    assert well_formed({"a": ["\ud83d", "🐕\0"]}) == {"a": ["\N{REPLACEMENT CHARACTER}", "🐕\0"]}
