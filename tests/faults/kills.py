"""Workers are killed (SIGKILL) at random moments and at random statements, and start again with the keys of what was under way.

Each worker is forked from a small process that has imported convo and has no connection open. It goes on where its diary ends:
with a turn, a message, a recording, or a stream, whose key says its number. Several work on one database at once. When a
conversation is over, a fresh store reads it and `checker.check` holds it against the diary.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

import convo
from convo.store import direct, sqlite
from tests.faults.checker import Acknowledged, Diary, acknowledged_in, check, entries
from tests.faults.echo import MODEL, AsyncEcho, Echo, answer_to
from tests.faults.edge import driver_url, opened
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

DRIVERS = ("sqlite", "sqlite async", "psycopg", "asyncpg")
KINDS = ("turn", "add", "exchange", "recording", "stream")
"""What is done: each number does the next."""
PARENTS = 2
"""Workers at once on each database."""
A_CONVERSATION = 40
"""Kills that one conversation lives through."""
DONE, MOMENT = 4, 0.02
"""A worker is killed after it has done up to three things, at most so many seconds later."""
STATEMENTS = 40
"""Or at one of its first statements."""
UNTOLD = -1
"""Or when the first thing is done, and not yet acknowledged."""
START = datetime(2026, 11, 21, tzinfo=UTC)


def run(times: int) -> str:
    """Kill workers so many times, over the four drivers. Raises `AssertionError` on a loss."""
    from tests.support.postgres import server

    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="convo-kills-") as folder, server() as postgres:
        found = killed(Path(folder), dict.fromkeys(DRIVERS, times // len(DRIVERS)), postgres)
    problems = [problem for told in found.values() for problem in told["problems"]]
    assert not problems, problems[:5]
    kills, turns = sum(told["kills"] for told in found.values()), sum(told["turns"] for told in found.values())
    late = sum(told["unacknowledged"] for told in found.values())
    each = ", ".join(f"{driver} {told['kills']:,}" for driver, told in found.items())
    return (
        f"{kills:,} kills ({each}): {turns:,} acknowledged turns and messages, 0 lost, 0 half, 0 twice; {late:,} that were "
        f"committed but not yet acknowledged were found by their keys; {kills / (time.monotonic() - began):.0f} kills/s"
    )


def killed(folder: Path, kills: dict[str, int], postgres: str = "", *, planted: str = "") -> dict[str, dict[str, Any]]:
    """Give for each driver what was found: kills, turns, unacknowledged, problems.

    `planted="keys"` is a bug: each try has a key of its own.
    """
    running: list[tuple[str, subprocess.Popen[bytes]]] = []
    for driver, number in kills.items():
        url = driver_url(postgres, driver) if not driver.startswith("sqlite") else f"sqlite:///{folder}/{driver[7:]}chat.db"
        schema = None if driver.startswith("sqlite") else f"kills_{driver}"
        with convo.Store(url if schema is None else postgres, schema=schema) as store:
            store.upgrade()
        for parent in range(PARENTS):
            plan = {
                "driver": driver, "url": url, "schema": schema, "kills": number // PARENTS, "planted": planted,
                "folder": str(folder), "name": f"{driver.replace(' ', '-')}-{parent}", "seed": parent,
            }  # fmt: skip
            command = [sys.executable, "-m", "tests.faults.kills", json.dumps(plan)]
            running.append((driver, subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE)))
    found: dict[str, Any] = {driver: {"kills": 0, "turns": 0, "unacknowledged": 0, "problems": []} for driver in kills}
    for driver, process in running:
        out, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(driver)
        told = json.loads(out)
        for name in found[driver]:
            found[driver][name] += told[name]
    return found


# --- the small process from which workers are forked ---------------------------------------------


@attrs.frozen
class _Plan:
    driver: str
    url: str
    schema: str | None
    kills: int
    planted: str
    folder: str
    name: str
    seed: int


def _parent(plan: _Plan) -> dict[str, Any]:
    _warm(plan)
    chance = random.Random(f"{plan.folder} {plan.name}")  # noqa: S311 - moments to kill at
    found: dict[str, Any] = {"kills": 0, "turns": 0, "unacknowledged": 0, "problems": []}
    life = 0
    while found["kills"] < plan.kills:
        diary = Path(plan.folder) / f"{plan.name}-{life}"
        for again in range(min(A_CONVERSATION, plan.kills - found["kills"])):
            found["kills"] += _one_life(plan, diary, again, chance)
        found["kills"] -= _one_life(plan, diary, A_CONVERSATION, None)
        told = _checked(plan, diary)
        for name, value in told.items():
            found[name] += value
        life += 1
    return found


def _warm(plan: _Plan) -> None:
    """Do each thing once and close all connections: workers inherit what was imported and compiled."""
    with _opened(plan, START) as (chat_of, client):
        chat = chat_of(f"warm-{plan.name}")
        for kind in KINDS:
            _do(chat, client, kind, f"warm-{kind}", plan, 0)
        chat.history()


@contextmanager
def _opened(plan: _Plan, now: datetime) -> Iterator[tuple[Callable[[str], Any], Any]]:
    """Open the store; give how to come to a conversation, and a client."""
    edge = "psycopg async" if plan.driver in ("sqlite async", "asyncpg") else "psycopg"
    with opened(plan.url, edge, schema=plan.schema, clock=lambda: now) as (store, _):
        yield lambda key: store.create(key=key), _AsyncStreaming() if edge == "psycopg async" else _Streaming()


def _one_life(plan: _Plan, diary: Path, again: int, chance: random.Random | None) -> int:
    """Fork a worker and kill it, or, without a chance, let it come to its end. Gives 1 for a kill."""
    ready, tell = os.pipe()
    at = chance.choice([0, 0, chance.randint(1, STATEMENTS), chance.randint(1, STATEMENTS), UNTOLD]) if chance else 0
    if chance and plan.planted:
        at = UNTOLD
    child = os.fork()
    if not child:
        os.close(ready)
        status = 1
        try:
            death = _Death(at, plan.seed + again, heard=plan.driver == "asyncpg" or again % 4 < 2)  # noqa: PLR2004 - half of them
            _work(plan, diary, again, tell, death, last=chance is None)
            status = 0
        except BaseException:  # noqa: BLE001 - a worker that ends by itself says why
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(tell)
    for _ in range(chance.randint(1, DONE) if chance else 1):
        os.read(ready, 1)
    if chance is not None and not at:
        time.sleep(chance.uniform(0, MOMENT))
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(ready)
    if os.WIFSIGNALED(status):
        return 1
    if status:
        raise RuntimeError(f"a worker of {plan.name} ended by itself, with {status}")
    return 0


class _Death:
    """Kills this process before or after its n-th statement, or between a commit and its acknowledgement.

    `heard` says how it learns of statements: from SQLAlchemy, or where they go straight to the driver, as they do unheard.
    """

    def __init__(self, at: int, seed: int, *, heard: bool) -> None:
        self.left = abs(at)
        if at > 0 and heard:
            event = ("before_cursor_execute", "after_cursor_execute")[seed % 2]
            sa.event.listen(sa.Engine, event, self.count)
            sa.event.listen(sa.Engine, "commit", self.count)
        elif at > 0:
            direct._cursor = self._counting(direct._cursor, after=seed % 2 == 1)
            sqlite._commit = self._counting(sqlite._commit, after=False)

    def _counting(self, function: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            if not after:
                self.count()
            found = function(*arguments)
            if after:
                self.count()
            return found

        return counted

    def count(self, *details: object) -> None:
        """Count a moment."""
        del details
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


# --- the worker ------------------------------------------------------------------------------------


def _work(plan: _Plan, diary: Path, again: int, tell: int, death: _Death, *, last: bool) -> None:
    """Go on where the diary ends, until killed; the last worker does one thing more and ends."""
    now = START + timedelta(minutes=again)  # the leases of those who were killed are over
    done, writing = acknowledged_in(diary), Diary(diary)
    with _opened(plan, now) as (chat_of, client):
        os.write(tell, b"r")
        chat = chat_of(diary.name)
        _write_read(diary, chat)
        number, head = len(done), chat.head
        while True:
            number += 1
            turn = _do(chat, client, KINDS[number % len(KINDS)], f"{diary.name}-{number}", plan, again)
            death.count()
            writing.acknowledged(turn)
            os.write(tell, b"d")
            if turn.position <= head:
                Diary(Path(f"{diary}-late")).acknowledged(turn)
            if last:
                return


def _do(chat: Any, client: Any, kind: str, question: str, plan: _Plan, again: int) -> Acknowledged:
    key = f"{question}-{again}" if plan.planted == "keys" else question
    if kind in ("add", "recording"):
        content = [question] if kind == "add" else [question, recording("spoken")]
        message = chat.add(*content, key=key)
        return Acknowledged(key, question, "", message.position)
    if kind == "turn":
        reply = chat.send(client, question, model=MODEL, key=key)
    elif kind == "exchange":
        return _exchange(chat, question, key)
    else:
        with chat.stream(client, question, model=MODEL, key=key) as stream:
            for _ in stream:
                pass
            reply = stream.reply
    return Acknowledged(key, question, reply.text, reply.message.position)


def _exchange(chat: Any, question: str, key: str) -> Acknowledged:
    """Make the call ourselves. Such an exchange has no key: whether the reply is there already, the log says."""
    chat.add(question, key=key)
    for message in chat.history():
        if message.text == answer_to(question):
            return Acknowledged(key, question, message.text, message.position)
    with chat.exchange(chat.request(MODEL)) as call:
        reply = call.record(Echo().create(messages=[{"content": question}]).parse())
    return Acknowledged(key, question, reply.text, reply.message.position)


def _write_read(diary: Path, chat: Any) -> None:
    with Path(f"{diary}-reads").open("a", encoding="ascii") as file:
        file.write(json.dumps(entries(chat.history())) + "\n")


class _Streaming(Echo):
    """A client that streams, too: a piece for every word."""

    def create(self, **request: Any) -> Any:
        """Answer the last question."""
        raw = super().create(**request)
        if request.get("stream"):
            raw._answer = _Pieces(raw._answer)
        return raw


class _AsyncStreaming(AsyncEcho):
    """The same, awaited."""

    async def create(self, **request: Any) -> Any:
        """Answer the last question, after a turn of the loop."""
        raw = await super().create(**request)
        if request.get("stream"):
            raw._answer = _Pieces(raw._answer)
        return raw


class _Pieces:
    """A stream of the API."""

    def __init__(self, answer: dict[str, Any]) -> None:
        (choice,) = answer["choices"]
        words = choice["message"]["content"].split(" ")
        deltas = [{"role": "assistant", "content": ""}, *({"content": f"{' ' * bool(n)}{word}"} for n, word in enumerate(words))]
        choices: list[Any] = [[{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas]
        choices += [[{"index": 0, "delta": {}, "finish_reason": "stop"}]]
        common = {"id": answer["id"], "created": answer["created"], "model": MODEL, "object": "chat.completion.chunk"}
        chunks = [{**common, "choices": one, "usage": None} for one in choices]
        self._chunks: Iterator[dict[str, Any]] = iter([*chunks, {**common, "choices": [], "usage": answer["usage"]}])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._chunks

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> dict[str, Any]:
        try:
            return next(self._chunks)
        except StopIteration:
            raise StopAsyncIteration from None

    def close(self) -> None:
        """Nothing is open."""


# --- the end ---------------------------------------------------------------------------------------


def _checked(plan: _Plan, diary: Path) -> dict[str, Any]:
    """Hold a conversation against its diary, through a fresh store."""
    url = plan.url.replace("+asyncpg", "+psycopg")
    with convo.Store(url, clock=lambda: START + timedelta(days=1), schema=plan.schema) as store:
        chat = store.get(key=diary.name)
        history = chat.history()
        log, told = entries(history), acknowledged_in(diary)
        for message in history:
            if message.audio is not None:
                chat.load(message.audio)  # raises where bytes are missing, or others
        unsound = [
            f"the doctor found {finding.kind}"
            for finding in store.doctor()
            if finding.severity == "error" and finding.owner is not None
        ]
    reads = [[(place, role, text) for place, role, text in json.loads(line)] for line in _lines(Path(f"{diary}-reads"))]
    turns = [turn for turn in told if turn.answered]
    whole = [message for message in history if message.status == "complete"]
    problems = [*check(log, turns, reads=reads).problems, *_messages(log, told), *_half(whole), *unsound]
    return {"turns": len(told), "unacknowledged": len(acknowledged_in(Path(f"{diary}-late"))), "problems": problems}


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="ascii").split("\n")[:-1] if path.exists() else []


def _messages(log: list[Any], told: Iterable[Acknowledged]) -> list[str]:
    places = {position: (role, text) for position, role, text in log}
    return [
        f"lost: the message of {turn.key} is not at {turn.position}"
        for turn in told
        if not turn.answered and _of(places.get(turn.position)) != turn.asked
    ]


def _of(entry: tuple[str, str] | None) -> str:
    """Give what was asked, without what was spoken."""
    return entry[1].split()[0] if entry is not None and entry[0] == "user" else ""


def _half(messages: Iterable[Any]) -> list[str]:
    """Find replies that answer no question of the log."""
    due = {answer_to(message.text) for message in messages if message.role == "user"}
    return [
        f"half: {message.text!r} answers nothing"
        for message in messages
        if message.role == "assistant" and message.text not in due
    ]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_parent(_Plan(**json.loads(sys.argv[1])))))
