"""The owner is in every statement by construction: for each table that a statement names, its owner is given or joined."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

import convo
from convo import AudioDelta
from convo.store import tables, words
from convo.store.statements import Statement
from tests.conversation import test_together
from tests.conversation.test_interruptions import until
from tests.conversation.test_together import HEARS, SAID, VOICE, go_through_everything, unheard
from tests.support.builders import recording
from tests.support.owned import Sent, declared, sent, unowned

if TYPE_CHECKING:
    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import World

OF_EVERYONE = {
    "one conversation of anyone": "everyone().get(id): a view for analysts, which only reads",
    "how many bytes of anyone are where": "everyone().blobs()",
    "the owners of anything": "everyone().owners()",
    "messages of anyone that hold the words, the most relevant first": "everyone().search(), on PostgreSQL",
    "data keys that another key has wrapped": "rotate_keys(all_owners=True): they are wrapped anew, and not opened for anybody",
    "owners with data keys": "rotate_keys(all_owners=True, data_keys=True)",
}
OF_THE_INDEX = {
    "how many messages of an owner are in the index": "the owner is one of the words that must match",
    "index the words of a message": "by the number of a row of convo_search of this owner; the owner is one of the words",
    "messages that hold the words, the most relevant first": "the owner is one of the words that must match",
}
"""The full-text index is no table of rows with an owner: see `convo.store.words`, and the searches in this folder."""
OF_NO_OWNER = ("PRAGMA ", "BEGIN", "SAVEPOINT ", "RELEASE SAVEPOINT ", "SELECT total_changes()", "SELECT sqlite_version()")
OF_THE_SCHEMA = (
    "SELECT count(*) FROM pragma_module_list WHERE name = 'fts5'",
    "INSERT INTO convo_words (convo_words, rank) VALUES ('merge', ?)",
    "DELETE FROM convo_words WHERE rowid = :number",  # numbers that a trigger has written down
    *words._REMAKE,  # reindex(), on SQLite of the whole file
)
TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {}}}]
_M, _A, _C = tables.message.c, tables.attachment.c, tables.conversation.c
OWNER: Any = sa.bindparam("owner")


def without_owner(found: Sent) -> list[str]:
    """What was sent for one owner and does not say so."""
    known = (*OF_THE_INDEX, *(f"text: {text}" for text in OF_THE_SCHEMA))
    return [problem for problem in found.unowned() if not problem.startswith(known)]


PLANTED: dict[str, sa.Executable] = {
    "a key without its owner": sa.select(_M.body).where(_M.branch == sa.bindparam("branch")),
    "an owner under an OR": sa.select(_M.body).where((_M.owner == OWNER) | _M.pinned),
    "an owner under a NOT": sa.select(_M.body).where(~(_M.owner == OWNER)),
    "another owner": sa.select(_M.body).where(_M.owner != OWNER),
    "a join by the position alone": sa.select(_M.body)
    .join_from(tables.message, tables.attachment, _A.position == _M.position)
    .where(_M.owner == OWNER),
    "a join that need not match": sa.select(_M.body)
    .join_from(tables.message, tables.attachment, (_A.position == _M.position) & (_M.owner == OWNER), isouter=True)
    .where(_A.owner == OWNER),
    "a subquery that holds its own table only": sa.select(_C.id).where(sa.exists().where(_M.owner == OWNER)),
    "a subquery without an owner": sa.select(_C.id).where(_C.owner == OWNER, _C.branch.in_(sa.select(_M.branch))),
    "a scalar subquery": sa.select(sa.select(sa.func.count(_M.position)).scalar_subquery()).where(sa.true()),
    "a common table expression": sa.select(sa.select(_M.body).where(_M.position == 1).cte("some").c.body),
    "one half of a union": sa.union_all(sa.select(_C.id).where(_C.owner == OWNER), sa.select(_C.id)),
    "an UPDATE": sa.update(tables.message).where(_M.branch == sa.bindparam("b")).values(owner=OWNER),
    "a DELETE": sa.delete(tables.message).where(_M.branch == sa.bindparam("b")),
    "an INSERT": sa.insert(tables.preset).values(name=sa.bindparam("name")),
    "an INSERT from a SELECT": sa.insert(tables.preset).from_select(
        ["owner", "name"], sa.select(_C.title, _C.key).where(_C.owner == OWNER)
    ),
    "text": sa.text("SELECT body FROM convo_message"),
}  # fmt: skip


@pytest.mark.parametrize("case", PLANTED)
def test_a_statement_that_leaves_the_owner_out_is_found(case: str) -> None:
    assert unowned(PLANTED[case])


@pytest.mark.parametrize(
    "statement",
    [
        sa.select(_M.body).where(_M.owner == OWNER, _M.branch == sa.bindparam("b")),
        sa.select(_M.body).join_from(tables.message, tables.attachment, _A.owner == _M.owner).where(_A.owner == OWNER),
        sa.select(_C.id).where(_C.owner == OWNER, sa.exists().where(_M.owner == _C.owner, _M.branch == _C.branch)),
        sa.insert(tables.preset),
        sa.delete(tables.message).where(_M.owner == OWNER),
    ],
)
def test_a_statement_that_holds_the_owner_passes(statement: Any) -> None:
    assert unowned(statement) == []


def test_every_statement_that_is_declared_holds_the_owner_of_each_table_it_names() -> None:
    found = {(statement.purpose, table) for _, statement in declared() for table in unowned(statement._build())}
    assert {purpose for purpose, _ in found} == {*OF_EVERYONE, *OF_THE_INDEX}
    assert len(declared()) > 140


def test_every_statement_of_a_store_that_goes_through_everything_holds_the_owner(
    world: World, fake: FakeAPI, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_together, "sick", lambda store, owner=None: [])  # it also looks at everyone's rows
    store = world.open()
    store.conversations()
    with sent() as found:
        prepared = prepare(store, world.client, fake)
        go_through_everything(store, prepared, world.client, clock)
        the_rest(world, store, fake)
    assert "\n".join(without_owner(found)) == ""
    assert [
        text for text in found.texts if not text.startswith((*OF_NO_OWNER, *OF_THE_SCHEMA)) and "sqlite_master" not in text
    ] == []
    assert len(found.statements) > 100


def test_a_planted_statement_without_an_owner_fails_the_same_test(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from convo.store import conversations

    monkeypatch.setattr(conversations, "_by_id", Statement("anyone's", conversations._anyones._build))
    chat = store.create()
    with sent() as found:
        store.get(chat.id)
    assert [problem for problem in without_owner(found) if problem.startswith("anyone's")]


def prepare(store: Any, client: Any, fake: FakeAPI) -> Any:
    """A conversation as `go_through_everything` takes it."""
    chat = store.create(instructions="Be brief.", title="all of it")
    fake.will_reply(SAID)
    stream = chat.stream(client, unheard(1), **VOICE)
    until(stream, AudioDelta, 3)
    stream.close()
    fake.will_reply(SAID)
    chat.send(client, "And more?", **VOICE, format="wav")
    chat.truncate(chat.head, heard_until=1.0)
    fake.will_reply(tool_calls=[("look_up", '{"bird":"vulture"}', "call_1")])
    fake.will_reply("It is written there.")
    chat.send(client, "Look it up", **HEARS, tools=TOOLS, tool_functions={"look_up": lambda bird: f"about the {bird}"})
    chat.annotate(3, thumbs=1)
    return chat


def the_rest(world: World, store: Any, fake: FakeAPI) -> None:
    """What a conversation that goes through everything does not meet."""
    since = datetime(2020, 1, 1, tzinfo=UTC)
    store.save_preset(convo.Preset("support", voice="alloy"))
    store.preset("support")
    store.delete_preset("support")
    store.presets()
    chat = store.create(key="k", title="t", metadata={"a": 1, "b": {"c": "x"}})
    chat.send(world.client, recording(), model="gpt-audio-1.5", voice="alloy", format="wav", key="turn")
    chat.send(world.client, recording(), model="gpt-audio-1.5", voice="alloy", format="wav", key="turn")
    chat.load(chat.history()[0].audio)
    chat.add("once", key="once")
    chat.add("once", key="once")
    chat.to_chat()
    chat.edit(1, "anew", key="edit")
    chat.regenerate(key="again")
    chat.compact(summarize=lambda history, earlier: "all that was said", keep=0)
    chat.speak(world.client, "Hello", model="gpt-4o-mini-tts", voice="alloy")
    with chat.exchange(chat.request("gpt-4.1", client=world.client)):
        chat.pending()
    chat.annotations()
    chat.calls(1)
    chat.forks()
    chat.history(1, before=3, branch=chat.branches()[0])
    chat.preview("gpt-audio-1.5", client=world.client)
    first = store.create(key="other")
    for asked in (
        {"metadata": {"a": 1}},
        {"metadata": {"a": convo.Between(0, 2)}},
        {"title": "T"},
        {"since": since},
        {"after": first.id},
    ):
        store.conversations(**asked)
    store.search("hello")
    store.reindex()
    store.search("hello")
    store.usage()
    for by in ("conversation", "owner", "model", "voice", "day", "error"):
        store.report(by=by, since=since)
    store.reprice()
    store.prune(keep_audio="user", dry_run=True)
    store.prune(keep_audio=timedelta(seconds=1))
    store.blobs()
    store.owners()
    store.doctor(repair=lambda finding: True)
    budgets = world.open(
        budgets=[convo.Budget(tokens=10**9), convo.Budget(money=5, per="owner", unknown="ignore")], keep_audio="none"
    )
    told = budgets.get(key="k")
    told.send(world.client, recording(), model="gpt-audio-1.5", voice="alloy", format="wav")
    store.presets()
    store.delete(told.id)
