"""Conversations as Arrow tables: what is in them, with which types, on every database and edge."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import duckdb
import pyarrow as pa
import pytest
import sqlalchemy as sa

import convo
from convo.analysis.columns import TABLES
from convo.steps import tables as table_steps
from convo.store import spans
from tests.support.builders import wav
from tests.support.sealing import KeyService, shared_cipher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import World

MODEL = "gpt-audio-1.5"
CALLED = [
    {"role": "user", "content": "What is the weather?"},
    {
        "role": "assistant",
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bonn"}'}},
            {"id": "call_2", "type": "function", "function": {"name": "time", "arguments": "{}"}},
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    {"role": "tool", "tool_call_id": "call_2", "content": "noon"},
    {"role": "assistant", "content": "It rains."},
]


def rows(table: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.to_arrow().to_pylist()
    return found


def talk(store: Any, client: Any, **more: Any) -> Any:
    chat = store.create(instructions="Be brief.", **more)
    chat.send(client, convo.Audio.from_bytes(wav(1.5), transcript="Hello there."), model=MODEL, voice="alloy", format="wav")
    chat.send(client, "And now?", model=MODEL, voice="alloy", format="wav")
    return chat


def test_each_table_has_the_schema_that_it_describes(store: Any, client: Any) -> None:
    talk(store, client)
    tables = store.tables()
    for described in TABLES:
        table = getattr(tables, described.name)
        assert table.schema == table.to_arrow().schema
        assert table.schema.names == list(described.names)
        for field, column in zip(table.schema, described, strict=True):
            assert field.metadata[b"comment"].decode() == column.says


def test_an_empty_store_has_empty_tables_of_the_same_types(store: Any) -> None:
    for described in TABLES:
        table = getattr(store.tables(), described.name)
        found = table.to_arrow()
        assert (found.num_rows, found.schema) == (0, table.schema)


def test_messages_say_what_the_history_says(store: Any, client: Any) -> None:
    chat = talk(store, client)
    history = list(chat.history())
    found = rows(store.tables().messages)
    assert [(row["position"], row["role"], row["text"], row["created_at"]) for row in found] == [
        (message.position, message.role, message.text, message.created_at) for message in history
    ]
    assert [row["turn"] for row in found] == [0, 1, 1, 2, 2]
    assert {row["conversation"] for row in found} == {str(chat.id)}
    assert [row["kind"] for row in found] == ["instructions", *["message"] * 4]
    assert [row["media"] for row in found] == [0, 1, 1, 0, 1]
    assert found[2]["audio_tokens"] == history[2].audio_tokens
    assert found[0]["created_at"].tzinfo is not None


def test_metadata_that_say_nothing_are_null_with_and_without_a_cipher(world: World) -> None:
    for options in ({}, {"cipher": shared_cipher()}):
        owner = f"ada-{uuid4()}"
        store = world.open(**options).owned_by(owner)
        chat = store.create(metadata={"a": 1})
        chat.fork(metadata={})
        store.create(metadata={})
        store.create()
        found = rows(store.tables().conversations)
        assert sorted(row["metadata"] or "" for row in found) == ["", "", "", '{"a":1}']
        assert [row["metadata"] for row in found].count(None) == 3
        store.erase(owner)  # of a server that others read whole


def test_calls_of_tools_and_their_results_are_columns(store: Any) -> None:
    store.create(messages=CALLED)
    found = rows(store.tables().messages)
    assert [call["name"] for call in found[1]["tool_calls"]] == ["weather", "time"]
    assert found[1]["tool_calls"][0] == {"id": "call_1", "name": "weather", "arguments": '{"city": "Bonn"}'}
    assert [row["tool_call_id"] for row in found] == [None, None, "call_1", "call_2", None]
    assert [row["tool_calls"] is None for row in found] == [True, False, True, True, True]
    (turn,) = rows(store.tables().turns)
    assert (turn["messages"], turn["assistant_messages"], turn["tool_messages"]) == (5, 2, 2)


def test_audio_tells_recordings_from_replies(store: Any, client: Any) -> None:
    chat = talk(store, client)
    recording, *replies = rows(store.tables().audio)
    assert (recording["source"], recording["role"], recording["transcript"]) == ("recording", "user", "Hello there.")
    assert recording["duration_seconds"] == pytest.approx(1.5)
    assert [(row["source"], row["voice"], row["model"]) for row in replies] == [("reply", "alloy", MODEL)] * 2
    audio = chat.history()[2].audio
    assert (replies[0]["audio_id"], replies[0]["expires_at"]) == (audio.id, audio.expires_at)
    assert replies[0]["transcript"] == audio.transcript


def test_calls_have_exact_costs_and_their_times(store: Any, client: Any, clock: Any) -> None:
    chat = talk(store, client)
    found = rows(store.tables().exchanges)
    total = chat.usage().cost
    assert sum(row["cost"] for row in found) == total.amount
    assert all(isinstance(row["cost"], Decimal) and row["currency"] == "USD" for row in found)
    assert [row["status"] for row in found] == ["done", "done"]
    assert [row["position"] for row in found] == [3, 5]
    parts = [name for name in found[0] if name.startswith("cost_")]
    assert sum(row[name] or 0 for row in found for name in parts) == total.amount


def test_turns_sum_what_belongs_to_them(store: Any, client: Any) -> None:
    chat = talk(store, client)
    one, two = rows(store.tables().turns)
    assert (one["turn"], one["first_position"], one["last_position"]) == (1, 2, 3)
    assert (two["turn"], two["first_position"], two["last_position"]) == (2, 4, 5)
    assert one["user_audio_seconds"] == pytest.approx(1.5)
    assert two["user_audio_seconds"] is None
    assert one["assistant_audio_seconds"] == pytest.approx(chat.history()[2].audio.duration)
    assert one["cost"] + two["cost"] == chat.usage().cost.amount
    assert (one["calls"], one["failed_calls"], one["interrupted"], one["model"]) == (1, 0, False, MODEL)


def test_a_fork_shows_what_it_shares_and_says_so(store: Any, client: Any) -> None:
    chat = talk(store, client)
    fork = chat.fork(3)
    fork.send(client, "Something else.", model=MODEL, voice="alloy", format="wav")
    tables = store.tables()
    mine = [row for row in rows(tables.messages) if row["conversation"] == str(fork.id)]
    assert [(row["position"], row["shared"]) for row in mine] == [(1, True), (2, True), (3, True), (4, False), (5, False)]
    stored = {(row["branch"], row["position"]) for row in rows(tables.messages)}
    assert len(stored) == sum(not row["shared"] for row in rows(tables.messages)) == 7
    assert len(rows(tables.exchanges)) == 3
    assert [row["cost"] is None for row in rows(tables.turns) if row["conversation"] == str(fork.id)] == [True, False]
    _, forked = rows(tables.conversations)
    assert (forked["forked_from"], forked["forked_at"], forked["messages"]) == (str(chat.id), 3, 5)


def test_a_fork_of_what_is_gone_holds_its_messages_itself(store: Any) -> None:
    chat = store.create(messages=CALLED)
    fork = chat.fork()
    store.delete(chat.id)
    found = rows(store.tables().messages)
    assert [(row["conversation"], row["shared"]) for row in found] == [(str(fork.id), False)] * 5
    assert rows(store.tables().conversations)[0]["forked_from"] is None


def test_an_edited_conversation_reads_as_it_is_shown(store: Any) -> None:
    chat = store.create(messages=CALLED)
    chat.edit(1, "What time is it?")
    assert [row["text"] for row in rows(store.tables().messages)] == ["What time is it?"]


def test_a_redacted_message_keeps_its_place_and_says_nothing(store: Any) -> None:
    chat = store.create(messages=CALLED)
    chat.redact(1)
    first, *_ = rows(store.tables().messages)
    assert (first["position"], first["status"], first["text"]) == (1, "redacted", "[redacted]")


def test_tables_hold_one_owner_or_everyone(world: World) -> None:
    store = world.open()
    mine, other = f"a-{uuid4()}", f"b-{uuid4()}"
    for name in (mine, other, mine):
        store.owned_by(name).create(messages=CALLED, metadata={"of": mine})
    assert {row["owner"] for row in rows(store.owned_by(mine).tables().messages)} == {mine}
    assert len(rows(store.owned_by(mine).tables().conversations)) == 2
    everyone = rows(store.everyone().tables(metadata={"of": mine}).messages)  # others on the server may have sealed theirs
    assert len(everyone) == 15
    assert {row["owner"] for row in everyone} == {mine, other}
    assert [(row["owner"], row["conversation"], row["position"]) for row in everyone] == list(
        dict.fromkeys((row["owner"], row["conversation"], row["position"]) for row in everyone)
    )


def test_metadata_choose_conversations_and_all_that_is_theirs(store: Any, client: Any) -> None:
    phone = store.create(messages=CALLED, metadata={"channel": "phone"})
    talk(store, client, metadata={"channel": "web"})
    tables = store.tables(metadata={"channel": "phone"})
    for table in (tables.conversations, tables.messages, tables.turns):
        assert {row["conversation"] for row in rows(table)} == {str(phone.id)}
    assert rows(tables.exchanges) == rows(tables.audio) == []
    assert len(rows(store.tables(metadata={"channel": convo.OneOf("phone", "web")}).conversations)) == 2


def test_time_chooses_rows_by_their_own(store: Any, client: Any, clock: Any) -> None:
    phone = store.create(messages=CALLED, metadata={"channel": "phone"})
    clock.advance(timedelta(days=1))
    noon = clock()
    phone.add("Still there?")
    web = talk(store, client, metadata={"channel": "web"})
    late = store.tables(since=noon)
    found = rows(late.messages)
    assert [(row["position"], row["turn"]) for row in found if row["conversation"] == str(phone.id)] == [(6, 2)]
    assert [row["turn"] for row in found if row["conversation"] == str(web.id)] == [0, 1, 1, 2, 2]
    assert [row["conversation"] for row in rows(late.conversations)] == [str(web.id)]
    assert [(row["conversation"], row["turn"]) for row in rows(late.turns)] == [
        (str(phone.id), 2),
        (str(web.id), 1),
        (str(web.id), 2),
    ]
    early = store.tables(until=noon)
    assert len(rows(early.messages)) == 5
    assert rows(early.exchanges) == rows(early.audio) == []
    assert len(rows(late.exchanges)) == 2


BAD = [
    ({"metadata": {"a b": 1}}, convo.InvalidMetadata),
    ({"since": datetime(2026, 1, 1)}, convo.NaiveTime),  # noqa: DTZ001 - that is what is refused
    ({"until": datetime(1, 1, 1, tzinfo=UTC)}, convo.InputError),
    ({"since": "yesterday"}, convo.InputError),
]


@pytest.mark.parametrize(("arguments", "error"), BAD)
def test_what_is_no_filter_is_refused_at_once(store: Any, arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        store.tables(**arguments)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pages_of_any_size_give_the_same_tables(
    store: Any, client: Any, clock: Any, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        talk(store, client, metadata={"n": 1}).fork(3)
        clock.advance(timedelta(hours=1))
    store.create()
    store.create(messages=CALLED * 3)
    asked: list[dict[str, Any]] = [{}, {"since": clock()}, {"until": clock()}]
    whole = [[rows(getattr(store.tables(**one), each.name)) for each in TABLES] for one in asked]
    for name in ("FIRST", "LEAST", "MOST"):
        monkeypatch.setattr(table_steps, name, size)
    monkeypatch.setattr("convo.store.spans.PLANNED", 2)
    assert [[rows(getattr(store.tables(**one), each.name)) for each in TABLES] for one in asked] == whole


def test_large_messages_behind_tiny_ones_come_few_at_a_time(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "TRIED", 0)
    monkeypatch.setattr(spans, "HEAVY", 50_000)
    said = {"role": "user", "content": "Hello. " * 200}
    for messages in [[{**said, "content": "Hi."}] * 10] * 40 + [[said] * 10] * 40 + [[said] * 100]:
        store.create(messages=messages)
    sizes = [sum(map(len, batch["text"].to_pylist())) for batch in store.tables().messages]
    assert sum(sizes) == 400 * 3 + 500 * 1_400
    assert max(sizes) <= 50_000


def test_a_table_is_read_batch_by_batch_and_as_often_as_asked(store: Any) -> None:
    store.create(messages=CALLED)
    table = store.tables().messages
    for _ in range(2):
        batches = list(table)
        assert all(isinstance(batch, pa.RecordBatch) for batch in batches)
        assert pa.Table.from_batches(batches) == table.to_arrow()


def test_frames_have_the_same_rows(store: Any, client: Any) -> None:
    talk(store, client)
    for described in TABLES:
        table = getattr(store.tables(), described.name)
        frame = table.to_polars()
        assert frame.columns == list(described.names)
        assert frame.height == len(table.to_pandas()) == len(rows(table))
        assert frame.to_arrow().num_rows == table.to_duckdb().count("*").fetchall()[0][0]


def test_pandas_keeps_whole_numbers_and_amounts(store: Any, client: Any) -> None:
    talk(store, client)
    frame = store.tables().exchanges.to_pandas()
    assert str(frame["input_image"].dtype) == "int64[pyarrow]"
    assert frame["cost"].sum() == store.usage().cost.amount
    assert str(store.tables().messages.to_pandas()["role"].dtype) == "category"


def test_duckdb_has_all_tables_in_one_connection(store: Any, client: Any) -> None:
    talk(store, client)
    connection = duckdb.connect()
    assert store.tables().to_duckdb(connection) is connection
    found = connection.sql("SELECT role, count(*) FROM messages GROUP BY role ORDER BY role").fetchall()
    assert found == [("assistant", 2), ("system", 1), ("user", 2)]
    assert len(connection.sql("SHOW TABLES").fetchall()) == len(TABLES)


def test_a_table_of_the_callers_stays_and_none_of_ours_is_left(store: Any) -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE exchanges (mine INTEGER)")
    with pytest.raises(duckdb.CatalogException):
        store.tables().to_duckdb(connection)
    assert connection.sql("SHOW TABLES").fetchall() == [("exchanges",)]


@pytest.fixture
def statements() -> Iterator[list[str]]:
    found: list[str] = []

    def note(connection: Any, cursor: Any, text: str, *_: Any) -> None:
        found.append(" ".join(text.split()))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    yield found
    sa.event.remove(sa.Engine, "before_cursor_execute", note)


def test_filters_are_in_the_statements_and_their_values_are_not(store: Any, clock: Any, statements: list[str]) -> None:
    mine = store.owned_by(f"Wanda-{uuid4()}")
    mine.create(messages=CALLED, metadata={"channel": "telephone"})
    statements.clear()
    found = rows(
        mine.tables(metadata={"channel": "telephone"}, since=clock() - timedelta(1), until=clock() + timedelta(1)).messages
    )
    assert len(found) == 5
    asked = [text for text in statements if "convo_message" in text and "FROM" in text]
    assert asked
    for text in asked:
        assert "convo_conversation.owner = " in text
        assert "convo_conversation.metadata" in text
        assert "convo_message.created_at >= " in text or "position AS position" in text
        assert "Wanda" not in text
        assert "telephone" not in text
    assert any("convo_message.created_at < " in text for text in asked)


def test_the_last_page_reads_nothing_of_what_was_read(store: Any, statements: list[str]) -> None:
    for _ in range(3):
        store.create(messages=CALLED)
    statements.clear()
    rows(store.tables().messages)
    assert sum("convo_message.text" in text for text in statements) == 1


def test_tables_say_what_they_hold(tmp_path: Path) -> None:
    store = convo.Store(f"sqlite:///{tmp_path}/chat.db")
    said = str(store.tables())
    assert all(column.name in said and column.says in said for each in TABLES for column in each)
    assert "money" in str(store.tables().turns)


# --- encrypted stores ------------------------------------------------------------------------------


def test_an_encrypted_store_gives_what_was_said(world: World, client: Any) -> None:
    owner, cipher = f"sealed-{uuid4()}", shared_cipher()
    store = world.open(cipher=cipher).owned_by(owner)
    chat = talk(store, client, title="A talk", metadata={"n": 1})
    chat.send(client, "And then?", model=MODEL, voice="alloy", format="wav")
    chat.compact(summarize=lambda *_: "What was said.", keep=1)
    store.create(messages=CALLED)
    tables = store.tables()
    assert [row["text"] for row in rows(tables.messages)[:5]] == [message.text for message in chat.history()][:5]
    assert [row["text"] for row in rows(tables.messages) if row["kind"] == "summary"] == ["What was said."]
    assert [call["name"] for row in rows(tables.messages) for call in row["tool_calls"] or ()] == ["weather", "time"]
    assert rows(tables.conversations)[0]["title"] == "A talk"
    assert rows(tables.conversations)[0]["metadata"] == '{"n":1}'
    assert rows(tables.audio)[0]["transcript"] == "Hello there."
    with pytest.raises(convo.SearchUnavailable):
        rows(store.tables(metadata={"n": 1}).messages)
    for name in ("messages", "audio", "conversations"):
        with pytest.raises(convo.KeyUnavailable):
            rows(getattr(world.open(cipher=None).owned_by(owner).tables(), name))
    store.erase(owner)  # of a server that others read whole


def test_the_keys_of_many_owners_are_fetched_on_the_way(tmp_path: Path) -> None:
    service = KeyService()
    names = [f"owner-{number}" for number in range(12)]
    with convo.Store(f"sqlite:///{tmp_path}/chat.db", cipher=service.cipher()) as store:
        for name in names:
            store.owned_by(name).create(messages=CALLED)
    with convo.Store(f"sqlite:///{tmp_path}/chat.db", cipher=service.cipher()) as store:
        found = rows(store.everyone().tables().messages)
    assert {row["owner"] for row in found if row["text"] == "It rains."} == set(names)
