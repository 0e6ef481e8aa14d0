"""What a framework keeps beside a message comes back as it was, and only for the message that it was kept with."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convo.canonical import decode, encode
from convo.carried import Group, behind, carried, groups_of, piece_of, said
from convo.errors import TooDeep
from tests.support.builders import WAV

if TYPE_CHECKING:
    from convo.messages import Draft, Message

LONG = "a text that is long enough to be said only once"
LARGE = base64.b64encode(bytes(range(256)) * 16).decode()
TEXTS = st.text(max_size=5) | st.sampled_from(
    [
        LONG,
        f"{LONG}, really",
        LARGE,
        LARGE.replace("+", "-").replace("/", "_"),
        f"data:image/png;base64,{LARGE}",
        LARGE + "=",
        "x" * 5_000,
    ]
)
KEYS = st.sampled_from(["a", "text", "data", "media_type", "$at", "$blob", "$own", "head"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def stored(drafts: tuple[Draft, ...], first: int = 1) -> list[Message]:
    return [draft.at(position, 0) for position, draft in enumerate(drafts, first)]


def data_of(messages: list[Message]) -> dict[str, bytes]:
    return {piece.digest: piece.data for message in messages for piece in message.media if piece.data is not None}


def said_before(text: str) -> Draft:
    return said("user", [{"role": "user", "content": [{"type": "text", "text": text}, {"type": "text", "text": "and"}]}])


@given(own=VALUES, texts=st.lists(TEXTS, min_size=1, max_size=3))
def test_it_comes_back_as_it_was(own: Any, texts: list[str]) -> None:
    drafts = carried("mine", own, [said_before(text) for text in texts], entry="e1")

    messages = [*stored((said("user", ["before"]),)), *stored(drafts, 2), *stored((said("user", ["after"]),), len(drafts) + 2)]
    before, group, after = groups_of(messages, "mine")

    assert (before.facts, after.facts) == (None, None)
    assert group.messages == tuple(messages[1:-1])
    assert group.facts is not None
    assert group.facts["entry"] == "e1"
    assert group.own(data_of(messages)) == decode(encode([own]))[0]
    assert group.digests() <= set(data_of(messages))
    assert [behind(message, "mine") for message in group.messages] == list(range(len(texts)))


def test_nothing_is_kept_twice() -> None:
    (draft,) = carried(
        "mine", {"said": LONG * 100, "picture": {"media_type": "image/png", "data": LARGE}}, [said_before(LONG * 100)]
    )

    assert len(draft.metadata or "") < 500
    assert [(piece.part, piece.kind, piece.format, piece.size) for piece in draft.media] == [(1_000, "image", "image/png", 4_096)]


@pytest.mark.parametrize("what", ["body", "order", "missing", "metadata", "bytes"])
def test_it_does_not_count_for_what_was_changed_since(what: str) -> None:
    messages = stored(carried("mine", {"a": LARGE, "b": LONG}, [said_before(LONG), said_before("two")]))
    data = data_of(messages)
    if what == "body":
        messages[1] = attrs.evolve(messages[1], body=said_before("three").body)
    elif what == "order":
        messages.reverse()
    elif what == "missing":
        messages.pop()
    elif what == "metadata":
        messages = [attrs.evolve(message, labels=encode({"mine": "no JSON"})) for message in messages]
    else:
        data = {}

    found = [group.own(data) for group in groups_of(messages, "mine")]

    assert found == ([None] if what in ("missing", "bytes") else [None, None])


@pytest.mark.parametrize(
    "mark", ["{}", "[]", "7", '{"count":0,"of":"","own":1}', '{"count":"x","of":"","own":1}', '{"count":-1,"of":"","own":1}']
)
def test_metadata_of_the_application_under_the_same_name_are_not_taken_for_it(mark: str) -> None:
    (message,) = stored((attrs.evolve(said("user", ["Hello"]), metadata=encode({"mine": mark})),))

    assert groups_of([message], "mine") == [Group((message,), None)]


def test_what_is_nested_too_deeply_is_refused() -> None:
    own: Any = []
    for _ in range(100_000):
        own = [own]

    with pytest.raises(TooDeep):
        carried("mine", own, [said("user", ["Hello"])])


def test_bytes_are_content_where_an_api_takes_them() -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(10)
    found = [piece_of(data, kind) for data, kind in ((png, "image/png"), (WAV, "audio/wav"), (b"%PDF", "application/pdf"))]
    refused = [
        piece_of(data, kind) for data, kind in ((b"no picture", "image/png"), (b"no sound", "audio/wav"), (b"", "text/csv"))
    ]

    assert [type(piece).__name__ for piece in found] == ["Image", "Audio", "File"]
    assert refused == [None, None, None]


def test_what_says_nothing_is_a_message_that_says_nothing() -> None:
    assert decode(said("system", [""]).body) == {"role": "system", "content": ""}
    assert decode(said("user", ["\ud83d!"]).body) == {"role": "user", "content": "\N{REPLACEMENT CHARACTER}!"}
