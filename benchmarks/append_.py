"""What does it cost to append a two-message turn, against the raw driver?

A turn is a begin (the user's message, the exchange with its key and hash, the head) and a completion (the reply, the
exchange with its usage, the head): two commits. The raw driver runs the same statements in the same two commits, with
parameters that were made before; ours makes them from a text and an answer of the API.
"""

from __future__ import annotations

import itertools
import sqlite3
from typing import TYPE_CHECKING, Any
from unittest import mock
from uuid import UUID

import psycopg

import convo
from benchmarks.databases import postgres_url, sqlite_file
from benchmarks.side_by_side import compare
from convo.content import message_draft
from convo.history import History
from convo.memory import Memory
from convo.steps import ending
from convo.steps import exchange as steps
from convo.steps.requests import Opened, planned, target_of
from convo.store import exchanges
from convo.store.append import append_in_steps
from convo.store.engine import Runner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

QUESTION = "Is a golden retriever a good family dog? " * 3
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_795_000_000,
    "model": "gpt-5.5",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Yes, they are patient and easy to train. " * 4, "refusal": None},
        }
    ],
    "usage": {"prompt_tokens": 30, "completion_tokens": 40, "total_tokens": 70},
}


class Stub:
    """A client that answers at once: what is left is our own work."""

    base_url = "https://api.openai.com/v1/"
    organization = project = None

    @property
    def chat(self) -> Any:
        """Stand for `client.chat.completions.with_raw_response`."""
        return self

    completions = with_raw_response = chat
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed

    def create(self, **request: Any) -> Any:
        """Answer."""
        del request
        return self

    def parse(self) -> Any:
        """Give the answer."""
        return ANSWER


def runner_of(store: convo.Store) -> Runner:
    """Give the runner of a store."""
    runner = store._driver.runner
    assert isinstance(runner, Runner)
    return runner


def turn_of(store: convo.Store) -> Callable[[], object]:
    """Give a turn through the store: what `send` does but for reading the history, planning, and the call itself."""
    chat = store.create()
    place = chat._place
    driver = store._driver
    keys = itertools.count()
    target = target_of(place, "gpt-5.5", "chat", Stub(), None, {})

    plan = planned(
        place, Opened(History(), Memory(), None), [message_draft([QUESTION])], target, convo.Policy(), place.tools.now()
    )

    def turn() -> object:
        drafts = [message_draft([QUESTION])]
        begun: Any = driver.do(
            steps._begun(place, steps._entry(place, target, drafts, f"key-{next(keys)}", None, place.tools.now()))
        )
        return driver.do(ending.completed(place, ending.Open(begun, plan), ANSWER))

    return turn


def statements_of(store: convo.Store) -> list[tuple[str, Any]]:
    """Give the statements of a turn with their parameters, as the driver gets them."""
    from sqlalchemy import event

    turn = turn_of(store)
    for _ in range(500):
        turn()
    engines = runner_of(store).engines
    engine = engines.reading if engines.reading.dialect.name == "postgresql" else engines.writing
    found: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:  # noqa: FBT001
        del connection, cursor, context
        found.append((statement, parameters[0] if many else parameters))

    event.listen(engine, "before_cursor_execute", note)
    turn()
    event.remove(engine, "before_cursor_execute", note)
    return found


class Replay:
    """The statements of a turn on a raw connection; a new exchange, key and positions each time."""

    def __init__(self, statements: list[tuple[str, Any]], exchange: Any, key: str, head: int) -> None:
        self.statements = statements
        self.exchange = exchange
        self.key = key
        self.head = head
        self.number = 0

    def next(self) -> list[tuple[str, Any]]:
        """Give the statements of the next turn."""
        self.number += 1
        identifier = UUID(int=self.number << 64 | self.number)
        shift = 2 * self.number
        changed = {
            self.exchange: identifier.bytes if isinstance(self.exchange, bytes) else identifier,
            self.key: f"raw-{self.number}",
            self.head - 1: self.head - 1 + shift,
            self.head: self.head + shift,
        }
        return [(sql, self._with(parameters, changed)) for sql, parameters in self.statements]

    @staticmethod
    def _with(parameters: Any, changed: dict[Any, Any]) -> Any:
        if isinstance(parameters, dict):
            return {name: changed.get(value, value) for name, value in parameters.items()}
        return tuple(changed.get(value, value) for value in parameters)


def replay_of(store: convo.Store) -> Replay:
    """Give the replay of the turn that was just recorded, with the turns ready made, so that none is made while timing."""
    statements = statements_of(store)
    with runner_of(store).engines.reading.connect() as connection:
        tables = "convo_exchange e JOIN convo_branch b ON b.id = e.branch"
        query = f"SELECT e.id, e.key, b.head FROM {tables} ORDER BY e.asked_first DESC LIMIT 1"
        exchange, key, head = connection.exec_driver_sql(query).one()
    return Replay(statements, exchange, key, head)


def sqlite_raw(path: Path, replay: Replay) -> Callable[[], object]:
    """Run the same statements in the same two transactions with sqlite3 alone."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    ready = iter([replay.next() for _ in range(TURNS)])

    def turn() -> None:
        connection.execute("BEGIN IMMEDIATE")
        for number, (sql, parameters) in enumerate(next(ready)):
            if number == COMPLETION:
                connection.execute("COMMIT")
                connection.execute("BEGIN IMMEDIATE")
            connection.execute(sql, parameters).fetchall()
        connection.execute("COMMIT")

    return turn


def postgres_raw(url: str, replay: Replay) -> Callable[[], object]:
    """Run the same two statements with psycopg alone, each its own commit."""
    connection = psycopg.connect(url, autocommit=True)
    ready = iter([replay.next() for _ in range(TURNS)])

    def turn() -> None:
        for sql, parameters in next(ready):
            connection.execute(sql, parameters).fetchall()

    return turn


def postgres_raw_in_steps(url: str, store: convo.Store) -> Callable[[], object]:
    """Write the same rows with psycopg in the usual way: two transactions, a statement for each row."""
    with mock.patch.object(exchanges, "append", append_in_steps):
        replay = replay_of(store)
    connection = psycopg.connect(url)
    ready = iter([replay.next() for _ in range(TURNS)])

    def turn() -> None:
        for number, (sql, parameters) in enumerate(next(ready)):
            if number == COMPLETION:
                connection.commit()
            connection.execute(sql, parameters)
        connection.commit()

    return turn


def whole(store: convo.Store) -> Callable[[], object]:
    """Give a whole `send` to a client that answers at once, each in a conversation of its own."""
    return lambda: store.create().send(Stub(), QUESTION, model="gpt-5.5")


ROUNDS, BATCH = 40, 20
TURNS = (ROUNDS + 2) * BATCH
COMPLETION = 3
"""The statement on SQLite with which the second transaction begins: after head, message and exchange."""


def run() -> None:
    """Print the ratios."""
    with sqlite_file() as path, convo.Store(f"sqlite:///{path}") as store:
        ways = {"raw sqlite3, synchronous=FULL": sqlite_raw(path, replay_of(store)), "convo": turn_of(store)}
        compare(ways, rounds=ROUNDS, batch=BATCH, limits={"convo": 2.6})
        compare({"convo, create() and a whole send()": whole(store)}, rounds=ROUNDS, batch=BATCH)
    with postgres_url() as url, convo.Store(url) as store:
        store.upgrade()
        in_steps = postgres_raw_in_steps(url, store)
        ways = {"raw psycopg, a statement a row": in_steps, "convo": turn_of(store)}
        compare(ways, rounds=ROUNDS, batch=BATCH, limits={"convo": 1.5})
    with postgres_url() as url, convo.Store(url) as store:
        store.upgrade()
        ways = {"raw psycopg, our own single statements": postgres_raw(url, replay_of(store)), "convo": turn_of(store)}
        compare(ways, rounds=ROUNDS, batch=BATCH)
        compare({"convo, create() and a whole send()": whole(store)}, rounds=ROUNDS, batch=BATCH)
