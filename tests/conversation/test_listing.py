"""Lists of conversations: typed filters of metadata, parts of titles, pages that stay in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convo
from convo import Absent, Between, OneOf, Present
from convo.canonical import encode
from tests.conversation.test_search import both

if TYPE_CHECKING:
    from convo.testing import FixedClock

__all__ = ["both"]

HUGE = 10**30
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 1.0, 1.5, -0.0, 0.1, 1e22, 10**22, 1e23, 10**23, 2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63),
    -(2**63) - 1, HUGE, -HUGE, 5e-324, 1.7976931348623157e308, 10**400, -(10**400), 10**17, -(10**17), 10**18, "", "1", "true",
    "null", "a", "B", "\u00e4", "\U0001f600", "\uffff", "it's", '"', "\\", "%", [], [1], {}, {"a": 1}, {"a": 1.0}, "1e5",
]  # fmt: skip
"""Values of every kind, and those at the limits of how databases and Python read numbers."""
NUMBERS = [value for value in VALUES if isinstance(value, int | float) and not isinstance(value, bool)]
ANYTHING: Any = [1]
OBJECT: Any = object()
STRINGS = [value for value in VALUES if isinstance(value, str)]


def holds(wanted: Any, metadata: dict[str, Any], key: str = "k") -> bool:
    """What a filter means, in plain Python."""
    match wanted:
        case Present():
            return key in metadata
        case Absent():
            return key not in metadata
        case OneOf(values):
            return key in metadata and encode(metadata[key]) in map(encode, values)
        case Between(low, high):
            value: Any = metadata.get(key)
            low, high = cast("Any", low), cast("Any", high)
            kind: Any = str if isinstance(low if low is not None else high, str) else (int, float)
            fits = isinstance(value, kind) and not isinstance(value, bool)
            return fits and (low is None or low <= value) and (high is None or value <= high)
    return holds(OneOf(wanted), metadata, key)


numbers = st.sampled_from(NUMBERS)
strings = st.sampled_from(STRINGS)
bounds = st.one_of(
    st.tuples(numbers, numbers), st.tuples(numbers, st.none()), st.tuples(st.none(), numbers),
    st.tuples(strings, strings), st.tuples(strings, st.none()), st.tuples(st.none(), strings),
)  # fmt: skip
wanted_values = st.one_of(
    st.sampled_from(VALUES), bounds.map(lambda pair: Between(*pair)), st.just(Present()), st.just(Absent()),
    st.lists(st.sampled_from(VALUES), min_size=1, max_size=4).map(lambda values: OneOf(*values)),
)  # fmt: skip


@settings(max_examples=8)
@given(filters=st.lists(wanted_values, min_size=25, max_size=25))
def test_filters_mean_on_both_databases_what_they_mean_in_python(
    both: tuple[convo.Store, convo.Store], filters: list[Any]
) -> None:
    for store in both:
        held = {str(chat.id): chat.metadata for chat in store.conversations(limit=1_000)}
        if not held:
            rows: list[dict[str, Any]] = [{}, {"other": 1}, *({"k": value, "other": "x"} for value in VALUES)]
            for metadata in rows:
                chat = store.create(metadata=metadata)
                held[str(chat.id)] = metadata
        for wanted in filters:
            found = {str(chat.id) for chat in store.conversations(metadata={"k": wanted}, limit=1_000)}
            assert found == {id_ for id_, metadata in held.items() if holds(wanted, metadata)}, wanted


def test_all_filters_must_hold(store: Any) -> None:
    for turns in range(6):
        store.create(metadata={"turns": turns, "channel": ("phone", "web", "app")[turns % 3]}, title=f"Call {turns}")
    chosen = store.conversations(metadata={"turns": Between(1, 4), "channel": OneOf("web", "app"), "x": Absent()}, title="call")
    assert sorted(chat.metadata["turns"] for chat in chosen) == [1, 2, 4]


@pytest.mark.parametrize(
    "metadata",
    [
        {"k": Between(None, None)}, {"k": Between(1, "a")}, {"k": Between(True, 2)}, {"k": Between(float("nan"), 1)},
        {"k": OneOf()},
        {"k": Between("\ud800", None)}, {"k": OneOf(object())}, {"k": OneOf(*range(1_001))}, {"x' OR 1=1 --": Present()},
        {"": Absent()}, {1: Present()}, {'a"b': Between(1, 2)}, {"k": Between(ANYTHING, None)}, {"k": OneOf("\0")},
        {"k": {1}}, "k", 5,
        {"k": Between(float("inf"), None)}, {"k": Between(None, OBJECT)}, {"k": OneOf(Present())}, {"k": [Present()]},
        {f"k{number}": Present() for number in range(101)},
    ],
)  # fmt: skip
def test_a_filter_that_means_nothing_is_refused(store: Any, metadata: Any) -> None:
    with pytest.raises(convo.InputError):
        store.conversations(metadata=metadata)


# --- titles ----------------------------------------------------------------------------------------

TITLES = ["100% sure_", "\u00c4pfel & \u00d6l", "a*b?c[d]e", "Stra\u00dfe", "\\d+ ^$.|(){}", "line\nbreak", "]^-x", "Plain", "\u03a3\u03af\u03c3\u03c5\u03c6"]  # fmt: skip  # noqa: E501 - one table


@pytest.mark.parametrize("title", TITLES)
def test_a_part_of_a_title_is_plain_text_in_either_case(store: Any, title: str) -> None:
    made = {one: store.create(title=one).id for one in TITLES}
    store.create()
    for part in {title, title.lower(), title[1:4], title[:1], title[-2:]} | {
        one for one in (title.upper(),) if len(one) == len(title)
    }:
        found = {chat.id for chat in store.conversations(title=part)}
        assert made[title] in found, part
    assert store.conversations(title=f"{title}%") == []


def test_no_part_of_a_title_is_every_title(store: Any) -> None:
    titled = store.create(title="")
    store.create()
    assert [chat.id for chat in store.conversations(title="")] == [titled.id]


@pytest.mark.parametrize("title", [5, b"x", "a\0b", "x" * 1_001, "\ud800"])
def test_a_title_that_none_can_be_is_refused(store: Any, title: Any) -> None:
    with pytest.raises(convo.InputError):
        store.conversations(title=title)


# --- pages -----------------------------------------------------------------------------------------


def test_a_page_follows_a_conversation_that_was_deleted_meanwhile(store: Any, clock: FixedClock) -> None:
    made = []
    for number in range(6):
        made.append(store.create(title=f"n{number}", metadata={"n": number}))
        clock.advance(number % 2)
    first = store.conversations(limit=3, metadata={"n": Between(0, None)}, title="n")
    for chat in first:
        store.delete(chat.id)
    store.create(title="n", metadata={"n": 7})
    last = first[-1]
    listed = [
        store.conversations(after=after, metadata={"n": Between(0, None)}, title="n") for after in (_plain(last), last.cursor)
    ]
    expected = [chat.id for chat in made if chat.id not in {gone.id for gone in first}]
    for page in listed:
        assert sorted(chat.id for chat in page) == sorted(expected)
    with pytest.raises(convo.ConversationNotFound):
        store.conversations(after=last.id)
    assert store.conversations(after=listed[0][-1].id) == []


def _plain(chat: Any) -> Any:
    return getattr(chat, "_target", chat)


def test_a_cursor_says_nothing_of_other_owners(store: Any) -> None:
    chat = store.create()
    assert store.owned_by(f"{chat.owner}-other").conversations(after=chat.cursor) == []


@pytest.mark.parametrize("after", ["", "x", "1-2", f"{'f' * 15}-{UUID(int=7).hex}", f"-1-{UUID(int=7).hex}", 5, b"x"])
def test_what_is_no_place_in_a_list_is_refused(store: Any, after: Any) -> None:
    with pytest.raises(convo.ConversationNotFound):
        store.conversations(after=after)
