"""Tokens of a text: by the rule, by the installed tokenizer, by a caller's, and what keeps all of them safe to ask."""

from __future__ import annotations

import importlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convo
from convo import tokens
from convo.tokenizer import COUNT
from convo.tokens import PIECE, Remembering, rough_tokens
from tests.support.counted import COUNTED, PROSE

if TYPE_CHECKING:
    from collections.abc import Callable

LONE = "\ud800 hi \udfff"


def counter_with(monkeypatch: pytest.MonkeyPatch, toktok: object) -> Callable[[str], int]:
    """Give `COUNT` as a process has it whose import of the tokenizer gives this; None where it is not installed."""
    monkeypatch.setitem(sys.modules, "toktok", toktok)
    monkeypatch.delitem(sys.modules, "convo.tokenizer")
    found: Callable[[str], int] = importlib.import_module("convo.tokenizer").COUNT
    return found


# --- the rule --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROSE)
def test_the_rule_is_within_a_third_of_the_tokenizer_for_prose(name: str) -> None:
    text, counted = COUNTED[name]
    assert 0.84 * counted <= rough_tokens(text) <= 1.33 * counted


@pytest.mark.parametrize("name", sorted(COUNTED.keys() - set(PROSE)))
def test_the_rule_is_within_a_factor_of_two_and_a_half_for_anything(name: str) -> None:
    text, counted = COUNTED[name]
    assert counted / 2.5 <= rough_tokens(text) <= 1.33 * counted


@given(st.text(st.characters(codec=None)))
def test_the_rule_takes_any_text_and_gives_nothing_only_for_nothing(text: str) -> None:
    assert (rough_tokens(text) == 0) == (text == "")
    assert (len(text) + 3) // 4 <= rough_tokens(text) <= len(text)


@given(st.text(), st.text())
def test_more_text_never_has_fewer_tokens_by_the_rule(one: str, other: str) -> None:
    assert max(rough_tokens(one), rough_tokens(other)) <= rough_tokens(one + other) <= rough_tokens(one) + rough_tokens(other)


# --- the tokenizer that is installed ---------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(COUNTED))
def test_the_installed_tokenizer_counts_as_the_published_ranks_do(name: str) -> None:
    text, counted = COUNTED[name]
    assert COUNT(text) == counted


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("", 0),
        ("<|endoftext|>", 7),
        ("\0", 1),
        (LONE, 3),
        ("\ud83d\ude00", 1),
        ("a" * 1_000_000, 125_000),
        (" " * 1_000_000, 7_850),
        ("\N{GRINNING FACE}" * 100_000, 100_000),
    ],
    ids=["nothing", "special token", "NUL", "lone surrogates", "a pair of them", "one long word", "blanks", "emoji"],
)
def test_no_text_is_too_odd_or_too_long_for_it(text: str, counted: int) -> None:
    assert COUNT(text) == counted


def test_without_it_the_rule_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert counter_with(monkeypatch, None) is rough_tokens


@pytest.mark.parametrize(
    "truncate", [None, lambda: 1, lambda *_: (), lambda *_: ("", "x")], ids=["gone", "other", "nothing", "no number"]
)
def test_one_of_another_kind_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch, truncate: Any) -> None:
    module = ModuleType("toktok")
    if truncate is not None:
        module.truncate = truncate  # type: ignore[attr-defined]  # a module that another release might be
    assert counter_with(monkeypatch, module) is rough_tokens


def test_nothing_of_it_is_imported_before_it_is_needed() -> None:
    using = "convo.Store('sqlite://').create()"
    program = f"import sys, convo; {using}; print({{'toktok', 'convo.tokenizer'}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


# --- any tokenizer ---------------------------------------------------------------------------------


class Counting:
    """A tokenizer that counts characters, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, text: str) -> int:
        self.asked.append(text)
        return len(text)


def test_the_same_text_is_counted_once() -> None:
    inner = Counting()
    count = Remembering(inner)
    assert [count("a b"), count("a b c"[:3]), count("c")] == [3, 3, 1]
    assert inner.asked == ["a b", "c"]


def test_what_is_remembered_is_bounded_and_the_latest_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "REMEMBERED", 10)
    inner = Counting()
    count = Remembering(inner)
    for number in range(100):
        count(str(number))
        count("always")
    assert inner.asked.count("always") == 1
    assert len(count._recent) + len(count._older) <= 20


def test_no_text_is_kept() -> None:
    count = Remembering(len)
    count("a secret")
    assert "secret" not in repr(vars(count))


def test_long_texts_come_in_pieces_and_lone_surrogates_as_replacements() -> None:
    inner = Counting()
    count = Remembering(inner)
    assert count("a" * (2 * PIECE + 1)) == 2 * PIECE + 1
    assert [len(piece) for piece in inner.asked] == [PIECE, PIECE, 1]
    assert (count(LONE), inner.asked[-1]) == (6, "\N{REPLACEMENT CHARACTER} hi \N{REPLACEMENT CHARACTER}")


def test_many_threads_may_ask() -> None:
    count = Remembering(len)
    texts = [str(number) * 3 for number in range(2_000)]
    with ThreadPoolExecutor(8) as pool:
        assert all(list(pool.map(count, texts)) == [len(text) for text in texts] for _ in range(5))


@pytest.mark.parametrize("given", [[1, 2], None, 1.5, True, "3", -1])
def test_what_gives_no_number_is_told_so(given: Any) -> None:
    with pytest.raises(convo.InputError, match="count_tokens"):
        Remembering(lambda _: given)("x")
