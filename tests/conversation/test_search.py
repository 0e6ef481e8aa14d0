"""Full-text search: what is found, in which conversations, by which words; and an index that nothing depends on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

import convo
from convo.store import branches, tables
from convo.store import search as work
from convo.store.branches import Segment
from convo.words import MAX_QUERY, words_of
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database


@pytest.fixture
def inside(database: Database) -> Iterator[Callable[..., Any]]:
    """Runs a function of a connection in a transaction of its own, beside the store of the test."""
    with convo.Store(database.url, **database.options) as beside:
        beside.conversations(limit=1)

        def run(function: Callable[..., Any], *arguments: Any) -> Any:
            return beside._driver.runner.run(function, *arguments, mode="write")

        yield run


def execute(connection: sa.Connection, statement: Any) -> Any:
    schema = connection.get_execution_options().get("convo_schema")
    found = connection.execute(statement, execution_options={"schema_translate_map": {None: schema}} if schema else {})
    return found.all() if found.returns_rows else None


def said(hits: list[convo.Hit]) -> list[str]:
    return sorted(hit.snippet for hit in hits)


def indexed(connection: sa.Connection, owner: str) -> int:
    count = sa.select(sa.func.count()).select_from(tables.search).where(tables.search.c.owner == owner)
    return int(execute(connection, count)[0][0])


# --- what is found ---------------------------------------------------------------------------------


def test_a_hit_says_where_the_words_are(store: Any, clock: FixedClock) -> None:
    chat = store.create(title="Dogs", instructions="Answer questions about retrievers.")
    chat.add("Good morning!")
    chat.add("Hello.", role="assistant")
    chat.add("Is a golden retriever a good family dog?")
    clock.advance(5)
    chat.add("Yes: loyal, patient and friendly.", role="assistant")
    [hit] = store.search("RETRIEVER dog")
    assert (hit.conversation, hit.owner, hit.title) == (chat.id, chat.owner, "Dogs")
    assert (hit.position, hit.first, hit.last, hit.role) == (4, 4, 5, "user")
    assert hit.snippet == "Is a golden retriever a good family dog?"
    assert hit.created_at == chat.history()[3].created_at
    assert hit.snippet not in repr(hit)
    assert store.search("retriever loyal") == []
    assert store.search("retrievers") == []


def test_what_was_said_is_found_by_its_transcript(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    fake.will_reply("They are loyal.")
    chat.send(client, recording("Why golden ones?"), model="gpt-audio-1.5", voice="alloy")
    assert [(hit.position, hit.role, hit.snippet) for hit in store.search("loyal")] == [(2, "assistant", "They are loyal.")]
    assert [(hit.position, hit.first, hit.last) for hit in store.search("golden")] == [(1, 1, 2)]


def test_a_turn_with_tools_is_one_hit(store: Any) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    rain = {"role": "assistant", "content": "rain?", "tool_calls": [call]}
    messages = [
        {"role": "user", "content": "before"},
        {"role": "assistant", "content": "before that"},
        {"role": "user", "content": "Will there be rain"},
        {"role": "user", "content": "or at least some rain?"},
        rain,
        {"role": "tool", "tool_call_id": "c1", "content": "rain rain rain"},
        {"role": "assistant", "content": "There will be rain."},
        {"role": "user", "content": "Thanks"},
    ]
    store.create(messages=messages)
    [hit] = store.search("rain")
    assert (hit.first, hit.last) == (3, 7)
    assert hit.position in range(3, 8)


def test_a_turn_longer_than_what_is_read_at_first_is_found_whole(store: Any) -> None:
    messages = [{"role": "assistant", "content": "hello"}, *({"role": "user", "content": f"n{i}"} for i in range(500))]
    store.create(messages=messages)
    [hit] = store.search("n250")
    assert (hit.position, hit.first, hit.last) == (252, 2, 501)


def test_bounds_are_those_of_the_turns_of_the_history(store: Any) -> None:
    roles = "uuaauasuuaussa"
    names = {"u": "user", "a": "assistant", "s": "system"}
    chat = store.create(messages=[{"role": names[r], "content": f"word{i}"} for i, r in enumerate(roles)])
    turns = [(turn[0].position, turn[-1].position) for turn in chat.history().turns]
    for place in range(len(roles)):
        [hit] = store.search(f"word{place}")
        assert (hit.first, hit.last) in turns
        assert hit.first <= place + 1 <= hit.last


def test_the_best_comes_first_and_among_equals_the_newest(store: Any, clock: FixedClock) -> None:
    for text in ("a long text in which rain is only one word of very many", "rain", "rain"):
        store.create(title=text).add(text)
        clock.advance(1)
    hits = store.search("rain")
    assert [hit.title for hit in hits][-1].startswith("a long")
    assert hits[0].created_at > hits[1].created_at
    assert store.search("rain", limit=2) == hits[:2]
    assert store.search("rain") == hits


def test_owners_find_their_own_and_everyone_finds_what_is_indexed(store: Any) -> None:
    mine = store.create()
    mine.add("the word is swordfish")
    other = store.owned_by(f"{mine.owner}-other")
    theirs = other.create()
    theirs.add("the word is swordfish too")
    assert [hit.conversation for hit in store.search("swordfish")] == [mine.id]
    ours = {mine.id, theirs.id}
    assert {hit.conversation for hit in store.everyone().search("swordfish", limit=1_000)} & ours == {mine.id}
    assert [hit.conversation for hit in other.search("swordfish")] == [theirs.id]
    assert {hit.conversation for hit in store.everyone().search("swordfish", limit=1_000)} >= ours
    with pytest.raises(convo.ReadOnlyView):
        store.everyone().reindex()


def test_matches_that_nothing_shows_do_not_hide_one_that_is_shown(
    store: Any, inside: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "FIRST", 2)
    chat = store.create()
    for _ in range(9):
        chat.add("rain")
        chat.add("yes", role="assistant")
    chat.add("there was some rain on that day")
    redact = sa.update(tables.message).where(tables.message.c.owner == chat.owner, tables.message.c.text == "rain")
    inside(execute, redact.values(status="redacted"))
    assert said(store.search("rain", limit=1)) == ["there was some rain on that day"]


# --- branches --------------------------------------------------------------------------------------


def branch_off(connection: sa.Connection, chat: Any, at: int, *, into: UUID | None = None) -> None:
    """Do what edit (or, with `into`, fork) does: a new branch after `at`, in the same conversation or in another."""
    owner, old = chat.owner, chat._place.found.branch
    new, conversation = uuid4(), into or chat.id
    if into is None:
        c, b = tables.conversation.c, tables.branch.c
        execute(connection, sa.update(tables.branch).where(b.owner == owner, b.id == old).values(state="left"))
        execute(connection, sa.update(tables.conversation).where(c.owner == owner, c.id == chat.id).values(branch=new))
    else:
        made = {"owner": owner, "id": into, "branch": new, "created_at": 1}
        execute(connection, sa.insert(tables.conversation).values(made))
    branches.start(connection, owner, new, conversation, 1, head=at, parent=old, shared=[Segment(1, at, old)])


def test_only_what_is_shown_is_found(store: Any, inside: Callable[..., Any]) -> None:
    chat = store.create()
    chat.add("shared words")
    chat.add("left words", role="assistant")
    assert len(store.search("words")) == 1
    inside(branch_off, chat, 1)
    again = store.get(chat.id)
    again.add("other words", role="assistant")
    assert store.search("left") == []
    assert [(hit.position, hit.first, hit.last) for hit in store.search("other")] == [(2, 1, 2)]
    assert [(hit.position, hit.first, hit.last) for hit in store.search("shared")] == [(1, 1, 2)]


def test_a_shared_message_is_found_in_each_conversation_that_shows_it(store: Any, inside: Callable[..., Any]) -> None:
    chat = store.create()
    chat.add("shared words")
    chat.add("only here", role="assistant")
    other = uuid4()
    inside(lambda connection: branch_off(connection, chat, 1, into=other))
    store.get(other).add("and there")
    assert {(hit.conversation, hit.first, hit.last) for hit in store.search("shared")} == {(chat.id, 1, 2), (other, 1, 2)}
    assert [hit.conversation for hit in store.search("here")] == [chat.id]
    assert [hit.conversation for hit in store.search("there")] == [other]


# --- an index that is derived ----------------------------------------------------------------------


def test_what_is_redacted_or_deleted_is_not_found_and_its_words_leave(store: Any, inside: Callable[..., Any]) -> None:
    chat, gone = store.create(), store.create()
    chat.add("a secret swordfish")
    chat.add("a swordfish that stays", role="assistant")
    gone.add("a deleted swordfish")
    assert len(store.search("swordfish")) == 2
    row = (tables.message.c.owner == chat.owner) & (tables.message.c.position == 1)
    redacted = {"status": "redacted", "text": ""}
    inside(execute, sa.update(tables.message).where(row, tables.message.c.text == "a secret swordfish").values(redacted))
    assert said(store.search("swordfish")) == ["a deleted swordfish", "a swordfish that stays"]
    mine = (tables.search.c.owner == chat.owner) & (tables.search.c.branch == chat._place.found.branch)
    inside(execute, sa.delete(tables.search).where(mine, tables.search.c.position == 1))
    store.delete(gone.id)
    assert said(store.search("swordfish")) == ["a swordfish that stays"]
    assert store.search("secret") == []
    assert inside(words_on_disk, "secret", "deleted") == []
    assert inside(words_on_disk, "stays") == ["stays"]


def words_on_disk(connection: sa.Connection, *wanted: str) -> list[str]:
    """Which words the bytes of the index still hold."""
    if connection.dialect.name == "postgresql":
        schema = connection.get_execution_options().get("convo_schema")
        rows = connection.exec_driver_sql(f'SELECT words::text FROM "{schema}".convo_words').scalars().all()
        held = " ".join(rows).encode()
    else:
        parts = connection.exec_driver_sql("SELECT block FROM convo_words_data").scalars().all()
        content = connection.exec_driver_sql("SELECT c0 FROM convo_words_content").scalars().all()
        held = b" ".join([*parts, " ".join(content).encode()])
    return [word for word in wanted if word[1:].encode() in held]


def test_a_number_that_was_given_up_is_not_given_again(store: Any) -> None:
    first = store.create()
    first.add("swordfish")
    assert len(store.search("swordfish")) == 1
    store.delete(first.id)
    store.create().add("herring")
    assert store.search("swordfish") == []
    assert said(store.search("herring")) == ["herring"]


def test_a_message_that_is_transcribed_later_is_found(store: Any, inside: Callable[..., Any]) -> None:
    chat = store.create()
    chat.add(recording(None))
    chat.add("I see", role="assistant")
    assert store.search("penguins") == []
    branch = chat._place.found.branch
    row = (tables.message.c.owner == chat.owner) & (tables.message.c.branch == branch) & (tables.message.c.position == 1)
    inside(execute, sa.update(tables.message).where(row).values(text="about penguins"))
    mine = (tables.search.c.owner == chat.owner) & (tables.search.c.branch == branch) & (tables.search.c.position == 1)
    inside(execute, sa.delete(tables.search).where(mine))
    assert said(store.search("penguins")) == ["about penguins"]


def test_a_search_without_anything_new_writes_nothing(store: Any, inside: Callable[..., Any]) -> None:
    chat = store.create(instructions="Be brief.")
    chat.add("rain")
    assert inside(indexed, chat.owner) == 0
    store.search("rain")
    assert inside(indexed, chat.owner) == 2
    assert inside(work.lacking, chat.owner) == []
    chat.add("more rain")
    assert len(inside(work.lacking, chat.owner)) == 1


def test_batches_end_by_messages_and_by_characters(
    store: Any, inside: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "BATCH", 3)
    monkeypatch.setattr(work, "CHARACTERS", 100)
    owner = store.create(messages=[{"role": "user", "content": f"word{number}"} for number in range(10)]).owner
    for number in range(7):
        store.create().add(f"{'long ' * 30} last{number}")
    [group, *_] = inside(work.lacking, owner)
    assert inside(work.index, owner, group)
    assert inside(indexed, owner) == 3
    assert len(store.search("word9")) == 1
    assert inside(indexed, owner) == 17
    assert all(len(store.search(f"last{number}")) == 1 for number in range(7))


HOSTILE_TEXTS = [
    "x" * 1_000_000, " ".join(f"w{n}" for n in range(100_000)), "a\0b",
    "\u0301" * 50_000, "\ufdfa" * 100_000, "'\\' \"quoted\" ':1",
    "the " * 25_000, "\U0001f469\u200d\U0001f680" * 10_000, "\u65e5" * 100_000, "=" * 100,
]  # fmt: skip


def test_no_text_keeps_the_others_from_being_found(store: Any) -> None:
    chat = store.create()
    for text in HOSTILE_TEXTS:
        chat.add(text)
        chat.add("swordfish", role="assistant")
    assert len(store.search("swordfish")) == len(HOSTILE_TEXTS)
    assert len(store.search("w77 w7777")) == 1
    assert len(store.search("quoted")) == 1
    assert len(store.search(f"{'x' * 900}")) == 1


def test_many_searchers_at_once_index_each_message_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "BATCH", 25)
    with convo.Store(database.url, **database.options) as store:
        chats = [store.create(messages=[{"role": "user", "content": f"rain {n}"} for n in range(20)]) for _ in range(10)]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: store.search("rain", limit=50), range(8)))
        assert all(len(hits) == len(chats) for hits in found)
        run = store._driver.runner.run
        assert run(indexed, chats[0].owner) == 200
        assert run(work.lacking, chats[0].owner) == []


def test_searchers_and_deleters_at_once_do_not_fail(database: Database) -> None:
    with convo.Store(database.url, **database.options) as store:
        chats = [store.create(messages=[{"role": "user", "content": "rain"}] * 10) for _ in range(20)]
        with ThreadPoolExecutor(4) as pool:
            deleted = [pool.submit(store.delete, chat.id) for chat in chats[::2]]
            searched = [pool.submit(store.search, "rain", limit=50) for _ in range(10)]
            assert [future.result() for future in deleted] == [None] * 10
            assert all(future.result() is not None for future in searched)
        assert {hit.conversation for hit in store.search("rain", limit=50)} == {chat.id for chat in chats[1::2]}
        assert store._driver.runner.run(indexed, chats[0].owner) == 100


def test_the_index_can_be_made_anew(store: Any, database: Database, inside: Callable[..., Any]) -> None:
    chat = store.create()
    chat.add("rain")
    assert len(store.search("rain")) == 1
    if database.kind == "sqlite":
        inside(lambda c: c.exec_driver_sql("UPDATE convo_words_data SET block = x'00' WHERE id > 10") and None)
        with pytest.raises(convo.SearchUnavailable):
            store.search("rain")
        inside(lambda c: c.exec_driver_sql("DROP TABLE convo_words") and None)
        with pytest.raises(convo.SearchUnavailable):
            store.search("rain")
        chat.add("snow")
        store.delete(store.create().id)
    store.reindex()
    assert said(store.search("rain")) == ["rain"]
    assert inside(indexed, chat.owner) == chat.head


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_without_fts5_only_search_is_refused(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convo.store.words._has_fts5", "SELECT 0")
    chat = store.create()
    chat.add("rain")
    for refused in (lambda: store.search("rain"), store.reindex):
        with pytest.raises(convo.SearchUnavailable, match="FTS5"):
            refused()
    store.delete(chat.id)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_deleting_works_when_the_index_is_broken(store: Any, inside: Callable[..., Any]) -> None:
    chat = store.create()
    chat.add("rain")
    store.search("rain")
    inside(lambda c: c.exec_driver_sql("UPDATE convo_words_data SET block = x'00'") and None)
    store.delete(chat.id)
    assert store.conversations() == []


def test_where_nothing_may_be_written_what_is_indexed_is_found(database: Database, tmp_path: Any) -> None:
    with convo.Store(database.url, **database.options) as store:
        chat = store.create()
        chat.add("rain")
        store.search("rain")
        chat.add("more rain", role="assistant")
        chat.add("and snow")
    if database.kind == "sqlite":
        engine = sa.create_engine(f"sqlite:///file:{tmp_path / 'chat.db'}?mode=ro&uri=true")
    else:
        engine = sa.create_engine(database.url, connect_args={"options": "-cdefault_transaction_read_only=on"})
    with convo.Store(engine, **database.options) as reader:
        assert said(reader.search("rain")) == ["rain"]
        assert reader.search("snow") == []
    engine.dispose()


def test_inside_a_transaction_of_the_caller_its_own_messages_are_found(database: Database) -> None:
    engine = sa.create_engine(database.url)
    with convo.Store(database.url, **database.options) as store, engine.connect() as connection:
        mine = store.within(connection)
        mine.create().add("rain")
        assert said(mine.search("rain")) == ["rain"]
        connection.rollback()
        assert store.search("rain") == []
    engine.dispose()


# --- what is asked for -----------------------------------------------------------------------------

WORDS = "The quick-brown fox isn't \u65e5\u672c\u8a9e, caf\u00e9 na\u00efve STRASSE 3.14 \U0001f44d a_b"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("quick fox", True), ("FOX", True), ("fox quick", True), ("quick wolf", False), ('"brown fox"', True),
        ('"fox brown"', False), ("quick-brown", True), ("brown-quick", False), ("qui*", True), ("qui", False), ("*", False),
        ('"quick bro"*', True), ('"quick bro*"', True), ('"quick bro"', False),
        ("isn't", True), ("isn", True), ("\u672c\u8a9e", True),
        ("\u8a9e\u672c", False), ("cafe\u0301", True), ("cafe", False), ("stra\u00dfe", True), ("3.14", True),
        ("\U0001f44d", True),
        ("\u201cbrown fox\u201d", True), ('"brown fox', True), ('fox"', True), ("NEAR(quick fox)", False), ("fox OR wolf", False),
        ("-wolf", False), ("-fox", True), ("words:fox", False), ("owner:fox", False), ("fo\0x", False), ("fox\0", True),
        ("a_b", True),
        ("fox & !wolf | (", False), ("fox & quick", True), ("'fox'", True), ("fox:*", True), ("fo:*", True),
        ("^fox", True),
        ("{fox}", True),
        ("", False), ("!?", False), ('""', False), ("\\", False), ("%", False), ("_", False), ("\ud800 fox", True),
        ("fox*fox", False),
    ],
)  # fmt: skip
def test_searches_mean_the_same_on_both_databases(database: Database, query: str, *, found: bool) -> None:
    with convo.Store(database.url, **database.options) as store:
        store.create().add(WORDS)
        assert bool(store.search(query)) is found


@pytest.mark.parametrize("query", [None, 5, b"rain", ["rain"]])
def test_a_search_for_no_text_is_refused(store: Any, query: Any) -> None:
    with pytest.raises(convo.InputError):
        store.search(query)


@pytest.mark.parametrize("limit", [0, -1, 1_001, "5", True])
def test_a_limit_is_a_number(store: Any, limit: Any) -> None:
    with pytest.raises(convo.InputError):
        store.search("rain", limit=limit)


def test_a_search_has_a_length(store: Any) -> None:
    store.create().add(" ".join("ab" * 250))
    assert len(store.search(" ".join("ab" * 250))) == 1
    assert store.search(" ".join(f"{n}*" for n in range(300))[:MAX_QUERY]) == []
    with pytest.raises(convo.TooLarge):
        store.search("x" * (MAX_QUERY + 1))


@pytest.fixture
def both(tmp_path: Any, postgres_url: str, postgres_schema: str) -> Iterator[tuple[convo.Store, convo.Store]]:
    """A store in each database."""
    owner = f"both-{uuid4().hex}"
    with (
        convo.Store(f"sqlite:///{tmp_path / 'both.db'}") as one,
        convo.Store(postgres_url, schema=postgres_schema, owner=owner) as other,
    ):
        yield one, other


TEXTS = st.text(max_size=60) | st.text(alphabet="ab\"* -'\\:&|!()<>\u00df\u0301\u65e5\u3099\u0e01", max_size=60)


@settings(max_examples=120)
@given(text=TEXTS, query=TEXTS)
@example(text="a", query='"' * 99)
def test_any_text_may_be_searched_for_and_both_databases_agree(
    both: tuple[convo.Store, convo.Store], text: str, query: str
) -> None:
    text = text.encode("utf-8", "replace").decode()
    found = []
    for store in both:
        chat = store.create()
        chat.add(f"{text} .")
        for word in words_of(text)[:5]:
            assert chat.id in {hit.conversation for hit in store.search(word, limit=1_000)}
        found.append(chat.id in {hit.conversation for hit in store.search(query[:MAX_QUERY], limit=1_000)})
        plain = text.replace('"', " ").replace("*", " ")
        hits = {hit.conversation for hit in store.search(plain, limit=1_000)}
        assert (chat.id in hits) == bool(words_of(plain))
        store.delete(chat.id)
    assert found[0] == found[1]
