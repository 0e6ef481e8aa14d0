"""What do 100 million users with 10 conversations each take: disk, log, input and output, and how many servers?

Printed from `benchmarks.capacity`, and held against tables of a store of 10,000 messages, or of as many as `CONVO_CAPACITY` says:
a million takes half a minute and 1.8 GB, five million three minutes and 9 GB. Then conversations of it go on for a while, each
turn in another one: how much log that writes, whether updates stay in their pages (HOT), what is dead, and what a VACUUM leaves.
A `CONVO_CAPACITY` of 0 measures nothing.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import attrs
import psycopg

import convo
from benchmarks.capacity import Assumed, bill, parts, turn
from benchmarks.databases import sqlite_file
from benchmarks.filling import fill, say
from benchmarks.side_by_side import Effort
from convo.testing import FakeAPI
from tests.support import postgres

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.side_by_side import Found

SETTINGS = ("max_connections=50", "autovacuum=off", "checkpoint_timeout=30min", "max_wal_size=2GB", "wal_compression=off")
"""Nothing cleans up, and no checkpoint comes, but when it is asked for."""
TURNS = 1_000
LARGEST_FILE = 20_000
"""Messages up to which a SQLite file is measured, too: it is filled by turns, one after the other."""
GROWING = ("convo_branch", "convo_exchange", "convo_message")


def run(effort: Effort) -> Found:
    """Print the model, and how far it is from what was measured."""
    yield "  the model:"
    for words, assumed in (
        ("100 million users, 10 conversations of 10 turns each, all in text", Assumed()),
        ("the same, every second turn spoken, its audio in a bucket", Assumed(spoken=0.5)),
    ):
        _tell(words, assumed)
    messages = int(os.environ.get("CONVO_CAPACITY", "10000")) if effort is not Effort.TINY else 0
    if messages:
        with postgres.server(SETTINGS) as url:
            measure(url, messages)
    if 0 < messages <= LARGEST_FILE:
        measure_file(messages)


def _tell(words: str, assumed: Assumed) -> None:
    cost = bill(assumed)
    print(f"  {words}:")
    log = (cost.log_a_turn + cost.images_a_turn) * assumed.turns_a_second / 1e6
    print(f"    database {cost.database / 1e12:.1f} TB ({cost.heap / 1e12:.1f} rows, {cost.index / 1e12:.1f} indexes)", end="")
    print(f", {cost.database / assumed.all_turns:,.0f} bytes a turn; audio {cost.audio / 1e12:.0f} TB")
    print(f"    at the peak {assumed.turns_a_second:,.0f} turns a second: {cost.iops:,.0f} reads and writes of pages a second")
    print(f"    log {log:,.0f} MB/s: a turn {cost.log_a_turn:,.0f} bytes, and {cost.images_a_turn:,.0f} of whole pages")
    print(f"    {cost.shards} servers of {assumed.disk / 1e12:.0f} TB and {assumed.iops:,.0f} IOPS: ", end="")
    print(f"disk asks for {cost.shards_for_disk}, input and output for {cost.shards_for_iops}")


# --- PostgreSQL ------------------------------------------------------------------------------------


def measure(url: str, messages: int) -> None:
    """Fill a store, hold the model against its tables, and let conversations go on."""
    conversations = messages // int(2 * Assumed().turns)
    assumed = attrs.evolve(Assumed(), users=conversations / Assumed().conversations)
    with convo.Store(url) as store, psycopg.connect(url, autocommit=True) as connection:
        store.upgrade()
        started = time.monotonic()
        fill(url, connection, assumed, conversations)
        took = time.monotonic() - started
        print(f"  PostgreSQL, {messages:,} messages, filled in {took:.0f} s: bytes, and the model against them")
        _compare(connection, assumed)
        _go_on(store, connection, assumed)


def _compare(connection: psycopg.Connection[Any], assumed: Assumed) -> None:
    measured = modelled = 0.0
    for table in dict.fromkeys(part.table for part in parts(assumed)):
        rows, index = _sizes(connection, table)
        own = [part for part in parts(assumed) if part.table == table]
        heap, keys = sum(part.heap for part in own), sum(part.index for part in own)
        print(f"    {table:20} rows {rows:15,} {heap / rows:5.2f}x   indexes {index:13,} {keys / index:5.2f}x")
        measured, modelled = measured + rows + index, modelled + heap + keys
    print(f"    {'all':20} {measured:20,.0f} {modelled / measured:5.2f}x")


def _sizes(connection: psycopg.Connection[Any], table: str) -> tuple[int, int]:
    found = connection.execute("SELECT pg_table_size(%s::regclass), pg_indexes_size(%s::regclass)", [table, table]).fetchone()
    assert found is not None
    return found[0], found[1]


@attrs.frozen
class Seen:
    """What a server has counted so far."""

    images: int
    log: int
    tables: dict[str, tuple[int, ...]]


def _seen(connection: psycopg.Connection[Any]) -> Seen:
    connection.execute("SELECT pg_stat_force_next_flush()")
    log = connection.execute(
        "SELECT wal_fpi, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint FROM pg_stat_wal"
    ).fetchone()
    assert log is not None
    counted = "SELECT n_tup_upd, n_tup_hot_upd, n_dead_tup FROM pg_stat_user_tables WHERE relid = %s::regclass"
    rows = {table: connection.execute(counted, [table]).fetchone() or () for table in GROWING}
    return Seen(log[0], log[1], {table: (*rows[table], *_sizes(connection, table)) for table in GROWING})


def _go_on(store: convo.Store, connection: psycopg.Connection[Any], assumed: Assumed) -> None:
    """Have turns, each in another conversation, and say what they left."""
    turns = min(TURNS, int(assumed.users * assumed.conversations))
    some = "SELECT owner, id FROM convo_conversation ORDER BY md5(id::text) LIMIT %s"
    chats = [store.owned_by(owner).get(id_) for owner, id_ in connection.execute(some, [turns]).fetchall()]
    connection.execute("CHECKPOINT")
    before = _seen(connection)
    fake = FakeAPI()
    with fake.client() as client:
        for chat in chats:
            say(chat, fake, client, assumed)
    store.close()  # its sessions tell what they have counted
    after = _seen(connection)
    model = turn(assumed)
    images, size = model.images(turns)
    pages, log = (after.images - before.images) / turns, (after.log - before.log) / turns
    print(f"  {turns:,} turns after a checkpoint, each in another conversation:")
    print(f"    log {log:,.0f} bytes a turn, the model {model.log + size:,.0f}; whole pages {pages:.1f}, the model {images:.1f}")
    connection.execute("VACUUM")
    _tell_tables(turns, before, after, _seen(connection))


def _tell_tables(turns: int, before: Seen, after: Seen, cleaned: Seen) -> None:
    for table in GROWING:
        updated, hot, dead, rows, index = (new - old for old, new in zip(before.tables[table], after.tables[table], strict=True))
        kept = [new - old for old, new in zip(before.tables[table][3:], cleaned.tables[table][3:], strict=True)]
        share = f"{hot / updated:4.0%} of {updated:,} updates HOT" if updated else "no updates"
        print(
            f"    {table:16} {share}, {dead:,} dead; a turn {rows / turns:,.0f} bytes of rows, {index / turns:,.0f} of indexes",
            end="",
        )
        print(f"; after VACUUM {cleaned.tables[table][2]:,} dead, {kept[0] / turns:,.0f} and {kept[1] / turns:,.0f}")


# --- SQLite ----------------------------------------------------------------------------------------


def measure_file(messages: int) -> None:
    """Fill a SQLite file by turns, and hold the model against it."""
    conversations = messages // int(2 * Assumed().turns)
    assumed = attrs.evolve(Assumed(), users=conversations / Assumed().conversations)
    fake = FakeAPI()
    with sqlite_file() as path:
        with convo.Store(f"sqlite:///{path}", durability="relaxed") as store, fake.client() as client:
            owners: Iterable[str] = (f"{number:0{assumed.owner}d}" for number in range(int(assumed.users)))
            chats = [store.owned_by(owner).create() for owner in owners for _ in range(int(assumed.conversations))]
            for chat in chats * int(assumed.turns):
                say(chat, fake, client, assumed)
        measured = path.stat().st_size
    modelled = sum(part.sqlite for part in parts(assumed))
    print(f"  SQLite, {messages:,} messages: {measured:,} bytes, the model {modelled / measured:.2f}x")
