"""Conversations by the million: a few are had, and written again for other owners by INSERT ... SELECT on PostgreSQL.

Ids are UUIDv7s in the order of time, owners' names are in no order, and the turns of a chunk's conversations are written one
after the other, as they come from people who talk at the same time. Bodies and hashes are those of the few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import convo
from convo.store import tables
from convo.testing import FakeAPI

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from benchmarks.capacity import Assumed

MODEL = "gpt-5.5"
CHUNK = 20_000
"""Conversations whose turns mingle: those that are had in the same hours."""
_ID = "CAST(lpad(to_hex({}), 12, '0') || '7000' || '8' || substr(md5(CAST({} AS text)), 1, 15) AS uuid)"


def owner_of(number: int, assumed: Assumed) -> str:
    """Give the name of an owner."""
    import hashlib

    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()[: assumed.owner]


def say(chat: convo.Conversation, fake: FakeAPI, client: Any, assumed: Assumed) -> None:
    """Have one turn."""
    fake.will_reply("y" * assumed.reply)
    chat.send(client, "x" * assumed.question, model=MODEL)


def fill(url: str, connection: psycopg.Connection[Any], assumed: Assumed, conversations: int) -> None:
    """Write so many conversations into a store that has none. The connection may skip triggers, as a superuser's may."""
    fake = FakeAPI()
    with convo.Store(url, owner="template") as store, fake.client() as client:
        chat = store.create()
        for _ in range(int(assumed.turns)):
            say(chat, fake, client, assumed)
    connection.execute("SET session_replication_role = replica")  # no look-up of foreign keys: they are right
    for first in range(0, conversations, CHUNK):
        for statement in _statements(first, min(first + CHUNK, conversations), conversations, assumed):
            connection.execute(statement)
    connection.execute("SET session_replication_role = origin")
    for table in tables.metadata.sorted_tables:
        if "owner" in table.c:
            connection.execute(f"DELETE FROM {table.name} WHERE owner = 'template'".encode())
    connection.execute("VACUUM ANALYZE")


def _statements(first: int, last: int, all_: int, assumed: Assumed) -> Iterator[bytes]:
    owners = max(1, int(all_ / assumed.conversations))
    series = f"generate_series({first}, {last - 1}) AS n"
    turn = "((t.{0} + 1) / 2)"
    given = {
        "owner": f"substr(md5(CAST(n % {owners} AS text)), 1, {assumed.owner})",
        "conversation": _ID.format("n", "n"),
        "branch": _ID.format("n", "n + 1000000007"),
        "source": _ID.format("n", "n + 1000000007"),
    }
    for table, own in (
        (tables.conversation, {"id": given["conversation"]}),
        (tables.branch, {"id": given["branch"]}),
        (tables.segment, {}),
        (tables.message, {"exchange": _exchange(turn.format("position"), assumed)}),
        (tables.exchange, {"id": _exchange(turn.format("asked_first"), assumed)}),
    ):
        order = {"convo_message": "t.position, n", "convo_exchange": "t.asked_first, n"}.get(table.name, "n")
        times = {name: f"t.{name} + n * interval '1 second'" for name in ("created_at", "started_at", "finished_at")}
        values = {**{column.name: f"t.{column.name}" for column in table.c}, **times, **given, **own}
        names = [column.name for column in table.c]
        selected = ", ".join(values[name] for name in names)
        yield (
            f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {selected} FROM {series}, {table.name} AS t"  # noqa: S608
            f" WHERE t.owner = 'template' ORDER BY {order}"
        ).encode()


def _exchange(turn: str, assumed: Assumed) -> str:
    number = f"(n * {int(assumed.turns) + 1} + {turn})"
    return _ID.format(number, number)
