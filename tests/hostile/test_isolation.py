"""What belongs to somebody else looks as what is not there: the same error, the same words, the same statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs
import pytest

import convo
from tests.support.builders import recording
from tests.support.owned import sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from convo.testing import FakeAPI
    from tests.conftest import World

UNKNOWN = UUID(int=0x0192_0000_0000_7000_8000_0000_0000_0001)
CALL = "call_of_alice"
DIGEST = "0" * 64


@attrs.frozen
class Case:
    """A call by bob: with what alice has, and with what nobody has."""

    use: Callable[[Any, Any, Any], Any]
    of: Callable[[Any], Any]
    unknown: Any
    error: type[convo.ConvoError] | None


def _with_digest(audio: Any, digest: str) -> Any:
    return attrs.evolve(audio, digest=digest)


CASES: dict[str, Case] = {
    "store.get": Case(lambda store, _, it: store.get(it), lambda a: a["id"], UNKNOWN, convo.ConversationNotFound),
    "store.get as text": Case(lambda store, _, it: store.get(str(it)), lambda a: a["id"], UNKNOWN, convo.ConversationNotFound),
    "store.get(key=)": Case(lambda store, _, it: store.get(key=it), lambda a: "alice", "nobody", convo.ConversationNotFound),
    "store.delete": Case(lambda store, _, it: store.delete(it), lambda a: a["id"], UNKNOWN, convo.ConversationNotFound),
    "store.conversations(after=)": Case(
        lambda store, _, it: store.conversations(after=it), lambda a: a["id"], UNKNOWN, convo.ConversationNotFound
    ),
    "store.report(conversation=)": Case(
        lambda store, _, it: store.report(by="conversation", conversation=it).to_dicts(), lambda a: a["id"], UNKNOWN, None
    ),
    "store.search": Case(lambda store, _, it: store.search(it), lambda a: "zanzibar", "nowhere", None),
    "store.conversations(title=)": Case(lambda store, _, it: store.conversations(title=it), lambda a: "alice", "nobody", None),
    "store.conversations(metadata=)": Case(
        lambda store, _, it: store.conversations(metadata={"secret": it}), lambda a: "alice", "nobody", None
    ),
    "store.preset": Case(lambda store, _, it: store.preset(it), lambda a: "alice-voice", "nobody-voice", convo.PresetNotFound),
    "store.delete_preset": Case(
        lambda store, _, it: store.delete_preset(it), lambda a: "alice-voice", "nobody-voice", convo.PresetNotFound
    ),
    "chat.switch": Case(lambda _, chat, it: chat.switch(it), lambda a: a["branch"], UNKNOWN, convo.BranchNotFound),
    "chat.abandon": Case(lambda _, chat, it: chat.abandon(it), lambda a: a["exchange"], UNKNOWN, convo.ExchangeNotFound),
    "chat.tool_output": Case(lambda _, chat, it: chat.tool_output(it, "x"), lambda a: CALL, "call_2", convo.ToolCallNotFound),
    "chat.load": Case(lambda _, chat, it: chat.load(it), lambda a: a["audio"], DIGEST, convo.BlobNotFound),
    "chat.request(preset=)": Case(
        lambda _, chat, it: chat.request("gpt-4.1", preset=it), lambda a: "alice-voice", "nobody-voice", convo.PresetNotFound
    ),
}  # fmt: skip


def what_alice_has(world: World, fake: FakeAPI) -> tuple[dict[str, Any], Any]:
    """Give what alice has, and the store of bob."""
    base = world.open()
    store = base.owned_by(f"{base.create().owner}-alice")
    chat = store.create(title="of alice", key="alice", metadata={"secret": "alice"})
    store.save_preset(convo.Preset("alice-voice", voice="alloy"))
    chat.add("zanzibar", recording("a recording"))
    fake.will_reply(tool_calls=[("look_up", "{}", CALL)])
    tools: Any = [{"type": "function", "function": {"name": "look_up", "parameters": {}}}]
    chat.send(world.client, model="gpt-audio-1.5", modalities=["text"], tools=tools)
    chat.tool_output(CALL, "found")
    store.search("zanzibar")
    with chat.exchange(chat.request("gpt-audio-1.5", client=world.client, modalities=["text"])):
        pending = chat.pending()[0].id
    found = {"id": chat.id, "branch": chat.branches()[0].id, "exchange": pending, "audio": chat.history()[0].audio}
    return found, base.owned_by(f"{chat.owner}-bob")


def told(case: Case, store: Any, chat: Any, it: Any) -> tuple[str, str, list[Any], int]:
    """Give the class and the words of the error, without what was passed, what came instead, and how many statements ran."""
    value: Any = []
    with sent() as found:
        try:
            value, error = case.use(store, chat, it), None
        except convo.ConvoError as raised:
            error = raised
    named = str(it.digest) if isinstance(it, convo.Audio) else str(it)
    return type(error).__name__, str(error).replace(named, "IT"), value, len(found.statements) + len(found.others)


def test_what_is_somebody_elses_looks_as_what_is_not_there(world: World, fake: FakeAPI) -> None:
    alice, store = what_alice_has(world, fake)
    chat = store.create()
    chat.add("hello")
    store.search("hello")
    for name, case in CASES.items():
        hers = case.of(alice)
        unknown = _with_digest(hers, DIGEST) if name == "chat.load" else case.unknown
        told(case, store, chat, unknown)  # once, for what is only done the first time
        mine, nobodys = told(case, store, chat, hers), told(case, store, chat, unknown)
        assert mine == nobodys, name
        assert mine[0] == ("NoneType" if case.error is None else case.error.__name__), name
        assert mine[2] == [], name


def test_a_key_of_somebody_else_makes_a_conversation_of_ones_own(store: Any) -> None:
    first = store.owned_by(f"{store.create().owner}-a").create(key="k", title="hers")
    second = store.owned_by(f"{store.create().owner}-b").create(key="k", title="his")
    assert first.id != second.id
    assert second.title == "his"


def test_a_page_behind_the_cursor_of_somebody_else_holds_ones_own_only(store: Any) -> None:
    hers = store.owned_by(f"{store.create().owner}-a")
    his = store.owned_by(f"{store.create().owner}-b")
    mine = his.create()
    cursor = hers.create().cursor
    assert [chat.id for chat in his.conversations(after=cursor)] in ([mine.id], [])
    assert all(chat.owner == mine.owner for chat in his.conversations(after=cursor))


@pytest.mark.parametrize("limit", [0, -1, 1_001, 10**9, 1 << 63])
def test_a_page_has_an_end(store: Any, limit: int) -> None:
    with pytest.raises(convo.InputError, match="between 1 and 1000"):
        store.conversations(limit=limit)
    with pytest.raises(convo.InputError, match="between 1 and 1000"):
        store.search("x", limit=limit)
