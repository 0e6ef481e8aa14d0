"""What budgets ask the database: nothing where there are none, one sum for each scope, and by an index."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import sqlalchemy as sa

import convo
from convo import Budget, Policy
from convo.budget import Spending
from convo.store import budgets, tables
from convo.store.direct import OURS
from convo.times import to_micros
from convo.usage import Cost
from tests.conftest import PARTITIONS
from tests.store.test_statements import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database

DAY = 86_400_000_000
MONEY = Cost.from_picos(0)


@pytest.fixture
def store(database: Database, clock: FixedClock) -> Iterator[convo.Store]:
    with convo.Store(database.url, clock=clock, **database.options) as opened:
        opened.conversations()
        yield opened


def sent(store: convo.Store, fake: FakeAPI, *own: Budget) -> list[str]:
    """The statements of a turn."""
    chat = store.create()
    with fake.client() as client, statements(store) as found:
        chat.send(client, "Hello", model="gpt-5.5", policy=Policy(budgets=own))
    return found


def sums(found: list[str]) -> int:
    return sum("count(" in statement for statement in found)


def test_a_turn_without_budgets_asks_nothing_more(store: convo.Store, fake: FakeAPI) -> None:
    plain = sent(store, fake)
    assert sums(plain) == 0
    assert len(sent(store, fake, Budget(tokens=10**6))) == len(plain) + 1


def test_budgets_of_the_same_scope_share_one_sum(store: convo.Store, fake: FakeAPI) -> None:
    month = timedelta(days=30)
    same = (Budget(tokens=10**6), Budget(tokens=10**7, action="warn"), Budget(money=5, unknown="ignore"))
    assert sums(sent(store, fake, *same)) == 1
    other = (Budget(tokens=10**6, per="owner"), Budget(tokens=10**6, per="owner", within=month))
    assert sums(sent(store, fake, *same, *other)) == 3


def test_a_budget_that_is_refused_has_read_before_it_stores_the_bytes(store: convo.Store, fake: FakeAPI) -> None:
    chat = store.create()
    audio = convo.Audio.from_bytes(b"\0\0" * 24_000, "pcm16", transcript="Hello")
    with fake.client() as client, statements(store) as found, pytest.raises(convo.BudgetExceeded):
        chat.send(client, audio, model="gpt-5.5", policy=Policy(budgets=Budget(tokens=0)))
    assert [statement for statement in found if not statement.startswith("SELECT")] == []


@pytest.fixture
def busy(store: convo.Store, clock: FixedClock) -> Spending:
    """An owner with a call a day in each of 20 conversations, for 100 days, and what the last of them asks."""
    owner, now = f"{store.create().owner}-busy", to_micros(clock())
    chats = [store.owned_by(owner).create() for _ in range(20)]
    rows = [
        {
            "owner": owner, "id": UUID(int=now * 10_000 + number * 100 + place), "conversation": chat.id,
            "branch": chat._place.found.branch, "hash": b"", "status": "done", "attempt": 1, "api": "chat", "model": "m",
            "origin": "", "asked_first": 1, "asked_last": 0, "started_at": now - number * DAY, "total_tokens": 1, "cost": 1,
            "currency": "USD",
        }
        for number in range(100) for place, chat in enumerate(chats)
    ]  # fmt: skip

    def fill(connection: Any) -> None:
        schema = connection.get_execution_options().get("convo_schema")
        options = {"schema_translate_map": {None: schema}} if schema else {}
        connection.execute(sa.insert(tables.exchange), rows, execution_options=options)
        connection.exec_driver_sql("ANALYZE")

    store._driver.runner.run(fill, mode="write")
    return Spending((), owner, chats[-1].id, "m", 1, MONEY, now)


@pytest.mark.skipif(PARTITIONS is not None, reason="the indexes of partitions have names of their own")
@pytest.mark.parametrize(
    ("per", "since", "index", "counted"),
    [
        ("conversation", None, "uq_convo_exchange_owner_conversation_key", 100),
        ("owner", 3, "ix_convo_exchange_", 80),  # by owner and time, or by time and owner together, as the planner likes
    ],
)
def test_a_sum_goes_by_an_index(
    store: convo.Store, busy: Spending, per: str, since: int | None, index: str, counted: int
) -> None:
    start = 0 if since is None else busy.now - since * DAY
    explained: list[str] = []

    def explain(connection: Any) -> Any:
        postgresql = connection.dialect.name == "postgresql"
        run = connection.exec_driver_sql
        if postgresql:
            run("SET LOCAL enable_seqscan = off")

        class Explaining:
            """The connection, but what runs on it is explained first, and goes by SQLAlchemy."""

            def get_execution_options(self) -> dict[str, Any]:
                options = connection.get_execution_options()
                return {name: value for name, value in options.items() if name not in OURS}

            def exec_driver_sql(self, sql: str, values: Any) -> Any:
                explain = "EXPLAIN " if postgresql else "EXPLAIN QUERY PLAN "
                explained.extend(" ".join(map(str, line)) for line in run(explain + sql, values))
                return run(sql, values)

            def __getattr__(self, name: str) -> Any:
                return getattr(connection, name)

        return budgets._spent_by(Explaining(), busy, UUID(int=0), (per, start, "USD"))  # type: ignore[arg-type]

    spent = store._driver.runner.run(explain, mode="write")
    assert (spent.tokens, spent.picos, spent.without_cost) == (counted, counted, 0)
    assert any(index in line for line in explained), explained
    assert not any("SCAN convo_branch" in line or "Seq Scan" in line for line in explained), explained


def test_sums_past_64_bits_are_exact(store: convo.Store, busy: Spending) -> None:
    most = (1 << 63) - 1

    def fill(connection: Any) -> Any:
        schema = connection.get_execution_options().get("convo_schema")
        options = {"schema_translate_map": {None: schema}} if schema else {}
        where = tables.exchange.c.owner == busy.owner
        connection.execute(sa.update(tables.exchange).where(where).values(cost=most), execution_options=options)
        return budgets._spent_by(connection, busy, UUID(int=0), ("owner", 0, "USD"))

    assert store._driver.runner.run(fill, mode="write").picos == 2_000 * most
