"""Every statement, and every commit, of every public operation fails once, in a dozen ways.

After each fault: the error is one of convo's with sound flags; what was acknowledged before is there; the same store does the
same call; and where it has a key, there is one of it.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import sqlalchemy as sa

import convo
from convo.store import direct, files, sqlite
from convo.testing import FakeAPI, FixedClock
from tests.faults.edge import driver_url, opened
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DRIVERS = ("sqlite", "sqlite async", "psycopg", "asyncpg")
SQLITE = (
    "FULL", "IOERR_WRITE", "IOERR_FSYNC", "CORRUPT", "NOTADB", "READONLY", "CANTOPEN", "LOCKED", "BUSY_SNAPSHOT", "PROTOCOL",
    "INTERRUPT", "TOOBIG", "AUTH", "SCHEMA",
)  # fmt: skip
POSTGRESQL = ("53100", "25006", "40001", "40P01", "55P03", "57014", "53300", "XX001", "42501", "08006")
OTHERS = ("memory", "system")
CANARY = "what a driver says"
LEASE = timedelta(minutes=1)
_MOST = 200
"""No operation has more points than this."""


def run(times: int) -> str:
    """Let each point fail in each way, so many ways at most. Raises `AssertionError` for what must not be."""
    from tests.support.postgres import server

    began, hits = time.monotonic(), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="convo-points-") as folder, server() as postgres:
        for driver in DRIVERS:
            sqlite_ = driver.startswith("sqlite")
            url = f"sqlite:///{folder}/{driver[7:]}chat.db" if sqlite_ else driver_url(postgres, driver)
            kinds = (*(SQLITE if sqlite_ else POSTGRESQL), *OTHERS)[:times]
            for name in OPERATIONS:
                hits[driver] += sum(failed(driver, url, name, kind) for kind in kinds)
    each = ", ".join(f"{driver} {number:,}" for driver, number in hits.items())
    return (
        f"{sum(hits.values()):,} faults ({each}) at every statement and commit of {len(OPERATIONS)} operations, of "
        f"{len(SQLITE) + len(OTHERS)} kinds: each a typed error, 0 lost, 0 twice ({time.monotonic() - began:.0f} s)"
    )


# --- the operations --------------------------------------------------------------------------------

SPEECH: dict[str, Any] = {"model": "gpt-4o-mini-tts", "voice": "coral"}
VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}


@attrs.frozen
class Scene:
    """What an operation works on: a conversation of a spoken question and its reply, which may be an open call of a tool."""

    store: Any
    chat: Any
    client: Any
    fake: FakeAPI
    at: int

    @property
    def key(self) -> str:
        """A key for this point."""
        return f"key-{self.at}"


def _stream(scene: Scene) -> None:
    with scene.chat.stream(scene.client, "streamed", model="gpt-4.1", key=scene.key) as stream:
        for _ in stream:
            pass


def _compact(scene: Scene) -> None:
    scene.chat.compact(summarize=lambda messages: "in short", keep=1)


def _regenerate(scene: Scene) -> None:
    scene.chat.regenerate(key=scene.key)


OPERATIONS: dict[str, tuple[Callable[[Scene], object], bool]] = {
    "send": (lambda scene: scene.chat.send(scene.client, recording(), **VOICE, key=scene.key), True),
    "stream": (_stream, True),
    "add": (lambda scene: scene.chat.add("added", recording(), key=scene.key), True),
    "tool_output": (lambda scene: scene.chat.tool_output("call_1", "a hound", key=scene.key), True),
    "edit": (lambda scene: scene.chat.edit(2, "edited", key=scene.key), True),
    "regenerate": (_regenerate, True),
    "fork": (lambda scene: scene.chat.fork(key=scene.key), True),
    "switch": (lambda scene: scene.chat.switch(scene.chat.branches()[0]), True),
    "redact": (lambda scene: scene.chat.redact(2), True),
    "annotate": (lambda scene: scene.chat.annotate(3, good=True), True),
    "update": (lambda scene: scene.chat.update(title="other", metadata={"a": 1}), True),
    "set_transcript": (lambda scene: scene.chat.set_transcript(2, "words"), True),
    "move_to": (lambda scene: scene.chat.move_to(f"other-{scene.at}"), False),
    "delete": (lambda scene: scene.store.delete(scene.chat.id), False),
    "prune": (lambda scene: scene.store.prune(), True),
    "speak": (lambda scene: scene.chat.speak(scene.client, "Hello", **SPEECH, key=scene.key), True),
    "transcribe": (lambda scene: scene.chat.transcribe(scene.client, positions=[2]), True),
    "compact": (_compact, False),
    "report": (lambda scene: scene.store.report(by="model"), True),
    "create": (lambda scene: scene.store.create(key=scene.key, messages=[{"role": "user", "content": "Hi"}]), True),
    "history": (lambda scene: scene.chat.history(), True),
    "load": (lambda scene: scene.chat.load(scene.chat.history()[1].audio), True),
    "conversations": (lambda scene: scene.store.conversations(), True),
}
"""Each public operation, and whether the conversation is there, and the same for every repetition, afterwards."""


# --- faults ----------------------------------------------------------------------------------------

_numbers = count()


def failed(driver: str, url: str, name: str, kind: str, *, points: int = _MOST, planted: bool = False) -> int:
    """Let each point of an operation fail in a way; give how many there were.

    `planted` loses what was there before, to show that it would be seen.
    """
    clock = FixedClock()
    fake = FakeAPI(clock=clock)
    edge = "psycopg async" if driver in ("sqlite async", "asyncpg") else "psycopg"
    with opened(url, edge, clock=clock, owner=f"{name} {kind}") as (store, _):
        store.upgrade()
        client: Any = fake.async_client() if edge == "psycopg async" else fake.client()
        clean = _scene(store, client, fake, name)
        OPERATIONS[name][0](clean)
        expected = _length(clean)
        for at in range(1, points + 1):
            scene = _scene(store, client, fake, name)
            if not _hit(scene, clock, name, kind, at, expected, planted=planted):
                return at - 1
    return points


def _scene(store: Any, client: Any, fake: FakeAPI, name: str) -> Scene:
    chat = store.create(instructions="Be brief.")
    fake.will_reply(tool_calls=[("look_up", '{"breed":"beagle"}', "call_1")] if name == "tool_output" else ())
    chat.send(client, recording(), **VOICE)
    return Scene(store, chat, client, fake, next(_numbers))


def _length(scene: Scene) -> int | None:
    """Give the length of the log, None where the conversation is not there."""
    try:
        return len(scene.chat.history())
    except convo.ConversationNotFound:
        return None


def _hit(
    scene: Scene, clock: FixedClock, name: str, kind: str, at: int, expected: int | None, *, planted: bool
) -> bool:  # fmt: skip
    """Let one point fail; False where there is no such point."""
    work, repeats = OPERATIONS[name]
    before = [(message.position, message.text) for message in scene.chat.history()]
    where = f"{name}, {kind}, point {at}"
    with _fault(scene.store, kind, at) as left:
        error = _error_of(work, scene)
    assert error is None or error.committed in ("no", "unknown"), where
    assert error is None or CANARY not in str(error), where
    if left[0] > 0:
        return False
    if planted:
        scene.chat.redact(1)
    if (now := _length(scene)) is not None:
        log = [(message.position, message.text) for message in scene.chat.history()]
        assert [position for position, _ in log] == list(range(1, now + 1)), where
        if name not in ("edit", "regenerate", "redact", "set_transcript", "switch"):
            assert log[: len(before)] == before, f"{where}: lost"
        clock.set(clock() + LEASE)
    try:
        work(scene)
    except convo.StoreError as error:
        raise AssertionError(where) from error
    except convo.NotFound:
        assert not repeats, where
    if repeats:
        assert _length(scene) == expected, f"{where}: {_length(scene)} messages where {expected} are due"
    return True


def _error_of(work: Callable[[Scene], object], scene: Scene) -> convo.StoreError | None:
    """Do the work; give the error of the store, the only kind that there may be."""
    try:
        work(scene)
    except convo.StoreError as error:
        return error
    return None


@contextmanager
def _fault(store: Any, kind: str, at: int) -> Iterator[list[int]]:
    """Let the n-th statement or commit on the engines of a store fail; what is left to count is given."""
    runner = store._driver.runner
    engines = {getattr(engine, "sync_engine", engine) for engine in getattr(runner, "_runner", runner).engines.both()}
    left = [at]

    def counted(statement: str | None) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise made(kind, statement)

    def statement(*details: Any) -> None:
        counted(details[2])

    def commit(connection: Any) -> None:
        if connection.in_transaction:
            counted(None)
        sqlite3.Connection.commit(connection)

    run = direct._cursor

    def cursor(connection: Any, sql: str, parameters: Any) -> Any:
        counted(sql if connection.dialect.name == "postgresql" else None)  # SQLite's are raised as they are
        return run(connection, sql, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files.FileConnection, "commit", commit, raising=False)
        patch.setattr(direct, "_cursor", cursor)
        for module in (direct, sqlite):  # listening makes no difference
            patch.setattr(module, "is_heard", lambda engine: False)
        for engine in engines:
            sa.event.listen(engine, "before_cursor_execute", statement)
        try:
            yield left
        finally:
            for engine in engines:
                sa.event.remove(engine, "before_cursor_execute", statement)


def made(kind: str, statement: str | None) -> Exception:
    """Make an error as SQLAlchemy raises it; without a statement as SQLite does."""
    if kind == "memory":
        return MemoryError()
    cause: Any
    if kind == "system":
        cause = OSError(5, "Input/output error")
    elif kind in POSTGRESQL:
        cause = sqlite3.OperationalError(CANARY)
        cause.sqlstate = kind
    else:
        cause = sqlite3.OperationalError(CANARY)
        cause.sqlite_errorname = f"SQLITE_{kind}"
    return sa.exc.OperationalError(statement, {}, cause) if statement else cause
