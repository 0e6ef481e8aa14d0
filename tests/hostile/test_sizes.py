"""Caps, before a database sees what is too large; what an API answers is stored whatever its size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import convo
from tests.hostile.test_text import answer, recorded
from tests.support.owned import sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World

SMALL = convo.Limits(item=2_000, turn=5_000)
LONG = "a" * 2_000
MESSAGE = {"role": "user", "content": "a" * 1_500}

TOO_LARGE: dict[str, tuple[Callable[[Any, Any, Any], Any], str]] = {
    "a message": (lambda store, chat, _: chat.add(LONG), "the limit is 2,000"),
    "a message of characters that take six bytes each": (lambda store, chat, _: chat.add("é" * 400), "the limit is 2,000"),
    "instructions": (lambda store, chat, _: chat.update(instructions=LONG), "the limit is 2,000"),
    "a message anew": (lambda store, chat, _: chat.edit(1, LONG), "the limit is 2,000"),
    "a turn": (lambda store, chat, client: chat.send(client, LONG, model="gpt-5.5"), "the limit is 2,000"),
    "a stream": (lambda store, chat, client: chat.stream(client, LONG, model="gpt-5.5"), "the limit is 2,000"),
    "speech": (
        lambda store, chat, client: chat.speak(client, LONG, model="gpt-4o-mini-tts", voice="alloy"), "the limit is 2,000"
    ),
    "messages to begin with": (lambda store, chat, _: store.create(messages=[MESSAGE] * 4), "the limit is 5,000"),
    "files beside a message": (
        lambda store, chat, _: chat.add("read", convo.File(name="a", data=b"a" * 5_000)), "the limit is 5,000"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TOO_LARGE)
def test_what_is_too_large_is_refused_before_the_database_hears_of_it(world: World, case: str) -> None:
    use, words = TOO_LARGE[case]
    store = world.open(limits=SMALL)
    chat = store.create()
    chat.add("Hello?")
    with sent() as found, pytest.raises(convo.TooLarge, match=words):
        use(store, chat, world.client)
    assert not [purpose for purpose in found.statements if "append" in purpose or "insert" in purpose]
    assert store.get(chat.id).head == 1


def test_without_limits_a_message_of_25_mb_is_the_largest(world: World) -> None:
    store = world.open()
    chat = store.create()
    parts = [{"type": "text", "text": "a" * 8_000_000}]
    chat.add(*parts * 3)
    with pytest.raises(convo.TooLarge, match="25,000,000"):
        chat.add(*parts * 4)
    assert len(store.get(chat.id).history(verify=True)[0].text) == 3 * 8_000_000 + 2


def test_an_answer_is_stored_whatever_its_size(world: World) -> None:
    chat = recorded(world.open(limits=SMALL), answer({"content": "a" * 30_000_000}))
    assert len(chat.history(verify=True)[-1].text) == 30_000_000


@pytest.mark.parametrize(
    "make",
    [
        lambda: convo.Limits(item=0),
        lambda: convo.Limits(turn=-1),
        lambda: convo.Limits(item=1 << 30),
        lambda: convo.Limits(item="1"),  # type: ignore[arg-type]
        lambda: convo.Limits(item=True),
        lambda: convo.Store("sqlite://", limits=25),  # type: ignore[arg-type]
        lambda: convo.AsyncStore("sqlite://", limits={"item": 1}),  # type: ignore[arg-type]
    ],
)
def test_limits_that_are_none_are_named_at_once(make: Callable[[], object]) -> None:
    with pytest.raises(convo.InputError, match=r"number of bytes|takes 1 to|convo\.Limits"):
        make()


@pytest.mark.parametrize(
    "metadata",
    [
        {f"k{number}": 1 for number in range(101)},
        {"k": "a" * 100_001},
        {"a" * 65: 1},
        {"": 1},
        {"a b": 1},
        {"a'); DROP TABLE convo_message; --": 1},
        {"$.a": 1},
        {"k": "\0"},
        {"k": "\ud800"},
        {"k": float("nan")},
        {1: 1},
    ],
)
def test_metadata_that_no_index_or_path_takes_is_refused(store: Any, metadata: dict[Any, Any]) -> None:
    chat = store.create()
    uses: tuple[Any, ...] = (lambda: chat.add("x", metadata=metadata), lambda: store.create(metadata=metadata))
    for use in uses:
        with pytest.raises(convo.InvalidMetadata):
            use()
    assert store.get(chat.id).head == 0
