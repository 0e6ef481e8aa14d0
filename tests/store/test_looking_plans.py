"""How databases find the calls and the forks of one conversation: not by going through all that its owner has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import convo
from convo.store import branches, calls
from convo.store.log import END
from tests.conftest import PARTITIONS
from tests.support.calls import call, write

if TYPE_CHECKING:
    from convo.store.statements import Statement
    from tests.conftest import Database

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def plan(store: convo.Store, statement: Statement, **values: Any) -> str:
    """Give the plan of a statement, where an index is taken if there is one."""

    def explain(connection: Any) -> str:
        postgresql = connection.dialect.name == "postgresql"
        if postgresql:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        compiled, keyring = statement._for(connection)
        word = "EXPLAIN" if postgresql else "EXPLAIN QUERY PLAN"
        rows = connection.exec_driver_sql(f"{word} {compiled.sql}", compiled.parameters(keyring, values))
        return "\n".join(" ".join(map(str, row)) for row in rows)

    found: str = store._driver.runner.run(explain, mode="write")
    return found


@pytest.mark.skipif(PARTITIONS is not None, reason="the indexes of partitions have names of their own")
def test_calls_and_forks_are_found_by_the_conversation(database: Database) -> None:
    with convo.Store(database.url, **database.options) as store:
        chats = [store.create(messages=[{"role": "user", "content": "Hello"}]) for _ in range(20)]
        write(store, [call(chat, NOON - timedelta(minutes=minute)) for chat in chats for minute in range(20)])
        if database.kind == "postgresql":  # SQLite reads few rows as they are, once it knows that they are few
            store._driver.runner.run(lambda connection: connection.exec_driver_sql("ANALYZE"), mode="write")
        where = {"owner": chats[0].owner, "conversation": chats[0].id}
        found = plan(store, calls._calls, **where, before=END, limit=10)
        assert "owner_conversation" in found, found
        assert "owner_started_at" not in found, found
        assert "owner_source" in plan(store, branches._others, **where, limit=10)
        assert len(chats[0].calls(10)) == 10
