"""How databases find the calls of a report: by an index, and not by reading those of other owners."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import convo
from convo.store import reports
from convo.times import to_micros
from tests.conftest import PARTITIONS
from tests.support.calls import call, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.store.reports import Asked
    from tests.conftest import Database

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SINCE = to_micros(NOON - timedelta(days=3))


@pytest.fixture
def busy(database: Database) -> Iterator[tuple[convo.Store, str]]:
    """A store with three owners who call ten times a day for 40 days in five conversations, and one of them."""
    with convo.Store(database.url, **database.options) as store:
        owners = [f"{database.options.get('owner', '')}-busy-{number}" for number in range(3)]
        rows = [
            call(chat, NOON - timedelta(days=day, minutes=minute))
            for owner in owners
            for chat in [store.owned_by(owner).create() for _ in range(5)]
            for day in range(40)
            for minute in range(2)
        ]
        write(store, rows)
        store._driver.runner.run(lambda connection: connection.exec_driver_sql("ANALYZE"), mode="write")
        yield store, owners[1]


def explained(store: convo.Store, asked: Asked) -> list[str]:
    """Give the lines of the plan."""

    def explain(connection: Any) -> list[str]:
        postgresql = connection.dialect.name == "postgresql"
        if postgresql:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        schema = connection.get_execution_options().get("convo_schema")
        translation = {"schema_translate_map": {None: schema}, "render_schema_translate": True} if schema else {}
        options = {"compile_kwargs": {"render_postcompile": True}, "dialect": connection.dialect, **translation}
        compiled = reports.statement(("day", "model"), asked, sqlite=not postgresql).compile(**options)
        values = compiled.construct_params()
        converted = {name: compiled._bind_processors.get(name, lambda value: value)(value) for name, value in values.items()}
        parameters = tuple(converted[name] for name in compiled.positiontup or ()) if compiled.positional else converted
        found = connection.exec_driver_sql(f"EXPLAIN {'' if postgresql else 'QUERY PLAN '}{compiled}", parameters)
        return [" ".join(map(str, line)) for line in found]

    return store._driver.runner.run(explain, mode="write")


@pytest.mark.skipif(PARTITIONS is not None, reason="the indexes of partitions have names of their own")
@pytest.mark.parametrize(
    ("whose", "since", "index"),
    [
        ("owner", None, "convo_exchange_owner"),
        ("owner", SINCE, "ix_convo_exchange_owner_started_at"),
        ("conversation", None, "uq_convo_exchange_owner_conversation_key"),
        ("everyone", SINCE, "ix_convo_exchange_started_at"),
    ],
)
def test_a_report_goes_by_an_index(busy: tuple[convo.Store, str], whose: str, since: int | None, index: str) -> None:
    store, owner = busy
    conversation = store.owned_by(owner).conversations()[0].id if whose == "conversation" else None
    asked = reports.Asked(owner=None if whose == "everyone" else owner, since=since, conversation=conversation)
    plan = explained(store, asked)
    assert any(index in line for line in plan), plan
    assert not any("SCAN convo_exchange" in line or "Seq Scan" in line for line in plan), plan
    names, records = store._driver.runner.run(reports.sums, (), asked)
    calls = sum(record[names.index("calls")] for record in records)
    assert calls >= {"owner": 400 if since is None else 30, "conversation": 80, "everyone": 90}[whose]


def test_sqlite_sorts_the_values_of_a_report_and_not_whole_calls(busy: tuple[convo.Store, str]) -> None:
    """What it names in one level it sorts: the raw answer too, which may hold megabytes of sound."""
    store, owner = busy
    plan = explained(store, reports.Asked(owner=owner))
    kind = store._driver.runner.run(lambda connection: connection.dialect.name, mode="read")
    assert any("CO-ROUTINE" in line for line in plan) == (kind == "sqlite"), plan
