"""The wire is cut: a commit is done and its reply is lost, or the connection breaks after any byte of a turn.

Between the store and the server stands a proxy. A turn that fails is sent again with the same key, as the errors say; then the
history checker looks. A store that was told nothing may not say that it knows; one that could look may not say that it does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import convo
from convo.testing import FixedClock
from tests.faults.checker import Acknowledged, check, entries
from tests.faults.echo import MODEL, answer_to
from tests.faults.edge import DRIVERS, driver_url, opened
from tests.support.postgres import server
from tests.support.wire import Cut, wire

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.wire import Wire

TURNS = 50
"""Turns of one conversation, so that reading it stays cheap."""
TRIES = 10
WRITES = 2
"""Commits of a turn: it begins, and it ends."""

Say = Callable[[Any, Any, str, str], Acknowledged]


def keyed(chat: Any, client: Any, text: str, key: str) -> Acknowledged:
    """Send a turn with its key."""
    reply = chat.send(client, text, model=MODEL, key=key)
    return Acknowledged(key, text, reply.text, reply.message.position)


def careless(chat: Any, client: Any, text: str, key: str) -> Acknowledged:
    """The planted bug: an application that adds without a key, and again when it was not told."""
    del client
    chat.add(text)
    message = chat.add(answer_to(text), role="assistant")
    return Acknowledged(key, text, message.text, message.position)


class Bench:
    """Turns through a wire that is cut, and what was told of them."""

    def __init__(self, line: Wire, store: Any, client: Any, clock: FixedClock, say: Say = keyed) -> None:
        self.line, self.store, self.client, self.clock, self.say = line, store, client, clock, say
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self._chat: Any = None
        self._told: list[Acknowledged] = []
        self._replies: dict[str, str] = {}

    def turn(self, cut: Cut | None) -> None:
        """Make a turn whose wire is cut once, and again with the same key until it is told."""
        if self._chat is None:
            self._chat = self.store.create()
        number = self.counts["turns"]
        text, key = f"question {number}", f"key-{number}"
        self._replies[text] = answer_to(text)
        self.counts["turns"] += 1
        made = self.line.made
        self.line.arm(cut)
        for attempt in range(TRIES):
            try:
                self._told.append(self.say(self._chat, self.client, text, key))
                break
            except convo.ConvoError as error:
                self._failed(error, attempt)
        else:
            self.problems.append(f"{key} was never told")
        self.line.arm(None)
        self.counts["cuts"] += self.line.made - made
        if len(self._replies) == TURNS:
            self.look()

    def _failed(self, error: convo.ConvoError, attempt: int) -> None:
        self.counts[f"{error.code}, committed {error.committed}"] += 1
        if not error.retryable:
            self.problems.append(f"not retryable: {error!r}")
        if attempt == 0 and error.committed == "unknown":
            self.counts["unknown"] += 1
        if isinstance(error, convo.TurnInProgress):
            self.clock.advance(60)

    def look(self) -> None:
        """Hold the conversation against what was told, and go on with another one."""
        if self._chat is None:
            return
        log = entries(self._chat.history())
        self.problems += check(log, self._told, replies=self._replies).problems
        self.counts["acknowledged"] += len(self._told)
        self._chat, self._told, self._replies = None, [], {}


def lost_replies(url: str, driver: str, times: int, say: Say = keyed) -> Bench:
    """Lose the reply to each commit of a turn in its turn, `times` in all."""
    return _broken(url, driver, (Cut("reply", 1 + number % WRITES) for number in range(times)), say)


def cuts_at_bytes(url: str, driver: str, step: int) -> Bench:
    """Break the connection after every `step`-th byte of a turn, in either direction."""
    with wire(driver_url(url, driver)) as line:
        sizes = _sizes(line, url, driver)
    cuts = [Cut(way, at) for way in ("up", "down") for at in range(0, sizes[way], step)]
    return _broken(url, driver, cuts)


def _sizes(line: Wire, url: str, driver: str) -> dict[str, int]:
    with opened(line.url(driver_url(url, driver)), driver) as (store, client):
        chat = store.create()
        for number in range(TURNS // 2):
            line.arm(None)
            chat.send(client, f"question {number}", model=MODEL, key=f"key-{number}")
        return line.passed


def _broken(url: str, driver: str, cuts: Iterable[Cut], say: Say = keyed) -> Bench:
    clock = FixedClock()
    with wire(driver_url(url, driver)) as line, opened(line.url(driver_url(url, driver)), driver, clock=clock) as (store, client):
        bench = Bench(line, store, client, clock, say)
        for cut in cuts:
            bench.turn(cut)
        bench.look()
    return bench


def run(times: int) -> str:
    """Lose the replies of `times` commits over the three drivers, then cut at every 7th byte of a turn."""
    with server(("max_connections=100", "fsync=off", "log_min_messages=fatal")) as url:
        with convo.Store(url) as store:
            store.upgrade()
        share = -(-times // len(DRIVERS) // PARTS)
        with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
            lost = [pool.submit(_lost, url, driver, share) for driver in DRIVERS for _ in range(PARTS)]
            cut = [pool.submit(_cut, url, driver) for driver in DRIVERS]
            total, problems = _sum(lost)
            ways, more = _sum(cut)
    problems += more
    if problems or total["unknown"]:
        raise AssertionError(f"{total['unknown']} unknown outcomes; {len(problems)} problems: {problems[:10]}")
    told = {name: count for name, count in (total + ways).items() if "committed" in name}
    return (
        f"{total['cuts']:,} commits whose reply was lost ({', '.join(DRIVERS)}): 0 duplicates, 0 lost, 0 unknown outcomes, "
        f"{total['acknowledged']:,} turns acknowledged; {ways['cuts']:,} connections cut at every {STEP}th byte of a turn: "
        f"0 duplicates, 0 lost, {ways['acknowledged']:,} turns acknowledged; errors told: {told or 'none'}"
    )


STEP = 7
PARTS, PROCESSES = 4, 8
"""Parts of each driver's work, and processes that do it: they wait more than they compute."""


def _lost(url: str, driver: str, times: int) -> tuple[Counter[str], list[str]]:
    bench = lost_replies(url, driver, times)
    return bench.counts, bench.problems


def _cut(url: str, driver: str) -> tuple[Counter[str], list[str]]:
    bench = cuts_at_bytes(url, driver, STEP)
    return bench.counts, bench.problems


def _sum(parts: Iterable[Any]) -> tuple[Counter[str], list[str]]:
    counts: Counter[str] = Counter()
    problems: list[str] = []
    for part in parts:
        found, wrong = part.result()
        counts += found
        problems += wrong
    return counts, problems
