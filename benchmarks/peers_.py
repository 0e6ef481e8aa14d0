"""What do other libraries cost for the same, at the same durability? Those that are installed: `uv run --group peers`.

Appending a turn of two messages to conversations that are short and long; loading 1,000 messages; and on SQLite eight processes
that write. Raw drivers and convo stand beside them in the same rounds. Each library gives its own values: dicts,
messages, events; convo a request that is ready to send.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import warnings
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import convo
from benchmarks import by_hand
from benchmarks.append_ import WARM
from benchmarks.crew import crew
from benchmarks.databases import postgres_url, sqlite_file
from benchmarks.peers import PEERS
from benchmarks.side_by_side import Effort, Ways
from benchmarks.stub import Stub, messages
from benchmarks.turns import appending
from benchmarks.writers_ import WRITERS, compared_crews, our_writer, sqlite_writer, times_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from pathlib import Path

    from benchmarks.peers import Chat, Opened, Peer
    from benchmarks.side_by_side import Found

ROUNDS, BATCH = 24, 2
OURS = "convo"


def run(effort: Effort) -> Found:
    """Compare on SQLite and PostgreSQL."""
    with quiet(), asyncio.Runner() as runner:
        with sqlite_file() as path:
            yield from _on_sqlite(path, runner, effort)
        with postgres_url() as url:
            yield from _on_postgres(url, runner, effort)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what libraries warn of out of the table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def _on_sqlite(path: Path, runner: asyncio.Runner, effort: Effort) -> Found:
    plain = path.with_name("by_hand.db")
    with ExitStack() as stack, convo.Store(f"sqlite:///{path}") as store:
        raw = by_hand.sqlite(plain)
        stack.callback(raw.close)
        places = {
            peer: str(path.with_name(f"{peer.adapter.replace(':', '-')}.db")) for peer in PEERS if peer.database == "SQLite"
        }
        opened = yield from _opened(places, runner, stack)
        if not opened:
            return
        first = "raw: BEGIN, two INSERTs, COMMIT"
        turn = by_hand.warmed(by_hand.sqlite_turn(raw), effort.of(WARM, WARM, 1))
        yield from _appending("SQLite, synchronous=FULL", {first: turn}, store, opened, runner, effort)
        insert, query = by_hand.INSERT, "SELECT body FROM by_hand WHERE conversation = ? ORDER BY position"
        yield from _loading("SQLite", raw.executemany, insert, partial(_bodies, raw, query), store, opened, runner, effort)
    if effort is Effort.LONG:
        yield from _writing(path, {peer: places[peer] for peer in opened}, effort)


def _writing(path: Path, places: Mapping[Peer, str], effort: Effort) -> Found:
    """Have eight processes of each library write; those of the raw driver and of convo go on beside each."""
    with convo.Store(f"sqlite:///{path}") as store:
        chats = [str(store.create().id) for _ in range(WRITERS)]
    times, plain = times_of(effort), path.with_name("by_hand.db")
    by_drivers, by_us = (
        [partial(sqlite_writer, plain)] * WRITERS,
        [partial(our_writer, f"sqlite:///{path}", chat) for chat in chats],
    )
    with crew(by_drivers, times) as drivers, crew(by_us, times) as ours:
        for peer, place in places.items():
            what = f"8 writers, SQLite, a conversation each, {peer.name}"
            try:
                with crew([partial(peer_writer, peer, place)] * WRITERS, times) as theirs:
                    crews = {"raw: BEGIN IMMEDIATE, two INSERTs, COMMIT": drivers, OURS: ours, peer.name: theirs}
                    yield from compared_crews(what, crews, {})
            except (RuntimeError, EOFError) as error:
                yield _failure(what, error)


def _on_postgres(url: str, runner: asyncio.Runner, effort: Effort) -> Found:
    with ExitStack() as stack, convo.Store(url) as store:
        store.upgrade()
        raw = stack.enter_context(by_hand.postgres(url))
        opened = yield from _opened(dict.fromkeys((peer for peer in PEERS if peer.database == "PostgreSQL"), url), runner, stack)
        if not opened:
            return
        first = "raw: BEGIN, two INSERTs, COMMIT"
        yield from _appending("PostgreSQL", {first: by_hand.postgres_turn(raw)}, store, opened, runner, effort)
        insert, query = by_hand.INSERT_PG, "SELECT body FROM by_hand WHERE conversation = %s ORDER BY position"
        many = raw.cursor().executemany
        yield from _loading("PostgreSQL", many, insert, partial(_bodies, raw, query), store, opened, runner, effort)


def _opened(
    places: Mapping[Peer, str], runner: asyncio.Runner, stack: ExitStack
) -> Generator[str, Any, dict[Peer, Opened]]:  # fmt: skip
    """Open the peers that can be, and say how durable each is, or why it cannot be."""
    found: dict[Peer, Opened] = {}
    for peer, place in places.items():
        try:
            found[peer] = peer.open(place, runner)
        except ImportError as error:
            yield f"  {peer.name}, {peer.database}: not installed ({error})"
        except Exception as error:  # noqa: BLE001 - a library that fails is no reason not to measure the others
            yield _failure(f"{peer.name}, {peer.database}", error)
        else:
            stack.callback(found[peer].close)
            yield f"  {peer.name}, {peer.database}: {found[peer].durability}"
    return found


def _failure(what: str, error: BaseException) -> str:
    first, *_ = str(error).splitlines() or [""]
    return f"  {what}: failed ({type(error).__name__}: {first[:200]})"


class _PeerFailed(Exception):
    """The way of a peer, by its name, raised what is the cause."""


def _way_of(peer: Peer, way: Callable[[], Any]) -> Callable[[], Any]:
    """Give the way of a peer; what it raises says whose it was."""
    if inspect.iscoroutinefunction(way):

        async def awaited() -> object:
            try:
                return await way()
            except Exception as error:
                raise _PeerFailed(peer.name) from error

        return awaited

    def called() -> object:
        try:
            return way()
        except Exception as error:
            raise _PeerFailed(peer.name) from error

    return called


def _once(way: Callable[[], Any], runner: asyncio.Runner) -> Any:
    return runner.run(way()) if inspect.iscoroutinefunction(way) else way()


def _compared(what: str, ways: dict[str, Any], runner: asyncio.Runner) -> Found:
    """Compare; a peer that fails is said, and left out of another try."""
    while True:
        try:
            yield Ways(what, ways, rounds=ROUNDS, batch=BATCH, runner=runner)
        except _PeerFailed as failed:
            (name,) = failed.args
            yield _failure(f"{name}, {what}", failed.__cause__ or failed)
            del ways[name]
        else:
            return


def _chats(opened: Mapping[Peer, Opened], count: int) -> Generator[str, Any, dict[Peer, Chat]]:
    """Make a conversation of so many messages at every peer that can."""
    found: dict[Peer, Chat] = {}
    for peer, each in opened.items():
        try:
            found[peer] = each.chat(count)
        except Exception as error:  # noqa: BLE001 - see above
            yield _failure(f"{peer.name}, {peer.database}, {count:,} messages", error)
    return found


def _appending(
    what: str, raw: Mapping[str, Any], store: convo.Store, opened: Mapping[Peer, Opened], runner: asyncio.Runner, effort: Effort
) -> Found:  # fmt: skip
    for count in effort.of((0, 100, 10_000), (0, 1_000), (0,)):
        chats = yield from _chats(opened, count)
        ways = {**raw, OURS: appending(store.create(messages=messages(count)))}
        ways |= {peer.name: _way_of(peer, chat.append) for peer, chat in chats.items()}
        yield from _compared(f"append a turn at {count:,} messages, {what}", ways, runner)


def _loading(
    what: str, many: Callable[[str, Any], object], insert: str, bodies: Callable[[str], Any], store: convo.Store,
    opened: Mapping[Peer, Opened], runner: asyncio.Runner, effort: Effort,
) -> Found:  # fmt: skip
    count = effort.of(1_000, 1_000, 10)
    rows = by_hand.filled(count)
    many(insert, rows)
    chat = store.create(messages=messages(count))
    ways: dict[str, Any] = {
        "raw: the bodies, and json.loads": partial(bodies, rows[0][0]),
        OURS: lambda: chat.request("gpt-5.5", client=Stub())["messages"],
    }
    chats = yield from _chats(opened, count)
    ways |= {peer.name: _way_of(peer, _whole(chat.load, count)) for peer, chat in chats.items()}
    yield from _compared(f"load {count:,} messages, {what}", ways, runner)


def _whole(load: Callable[[], Any], count: int) -> Callable[[], Any]:
    """Give a way to load that fails where it does not give all messages."""
    if inspect.iscoroutinefunction(load):

        async def awaited() -> None:
            _check(len(await load()), count)

        return awaited
    return lambda: _check(len(load()), count)


def _check(found: int, count: int) -> None:
    if found != count:
        raise ValueError(f"it gave {found} of {count} messages")


def _bodies(raw: Any, query: str, conversation: str) -> list[Any]:
    return [json.loads(body) for (body,) in raw.execute(query, (conversation,)).fetchall()]


def peer_writer(peer: Peer, place: str) -> Callable[[], object]:
    """Write turns in a process of its own."""
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)
    runner = asyncio.Runner()
    append = peer.open(place, runner).chat(0).append
    return lambda: _once(append, runner)
