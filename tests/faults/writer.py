"""A writer in a process of its own: turns with keys, in a conversation of its own; what it was told it writes down.

When a turn fails, the same turn is sent again, as the error says it may be. The store object stays the same all the while.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from typing import TYPE_CHECKING, Any

import attrs

from tests.faults.checker import Acknowledged, Diary, acknowledged_in, check, entries
from tests.faults.echo import MODEL, answer_to
from tests.faults.edge import DRIVERS, driver_url, opened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.synchronize import Event
    from pathlib import Path

    import convo

PAUSE = 0.005
"""Seconds between two tries of a turn."""


@attrs.frozen
class Writer:
    """A process that writes, and where it writes down what it was told: a diary of turns, and a log of errors."""

    process: Any
    conversation: str
    folder: Path

    def acknowledged(self) -> list[Acknowledged]:
        """Give the turns that it was told of."""
        return acknowledged_in(self.folder / "diary")

    def errors(self) -> list[dict[str, Any]]:
        """Give its errors: code, retryable, committed, and when."""
        path = self.folder / "errors"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def times(self) -> list[float]:
        """Give when each turn was told of, in seconds of the machine's clock."""
        path = self.folder / "times"
        return [float(line) for line in path.read_text().split("\n")[:-1]] if path.exists() else []


def start(url: str, folder: Path, number: int, drivers: Sequence[str] = DRIVERS) -> tuple[list[Writer], Event]:
    """Start writers over the drivers in turn; give them with the event that ends them."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    ready = context.Semaphore(0)
    writers = []
    for index in range(number):
        driver = drivers[index % len(drivers)]
        with opened(driver_url(url, driver), driver) as (store, _):
            identifier = str(store.create().id)
        own = folder / f"writer-{index}"
        own.mkdir(parents=True)
        process = context.Process(target=write, args=(url, driver, identifier, own, stop, ready), daemon=True)
        process.start()
        writers.append(Writer(process, identifier, own))
    for _ in writers:
        ready.acquire()
    return writers, stop


def write(url: str, driver: str, identifier: str, folder: Path, stop: Event, ready: Any) -> None:
    """Send turns until told to stop: what a process of a chatbot does."""
    diary = Diary(folder / "diary")
    with opened(driver_url(url, driver), driver) as (store, client), (folder / "times").open("a") as times:
        chat = store.get(identifier)
        ready.release()
        number = 0
        while not stop.is_set():
            text, key = f"question {number}", f"key-{number}"
            reply = _until_told(chat, client, text, key, folder / "errors", stop)
            if reply is None:
                return
            diary.acknowledged(Acknowledged(key, text, reply.text, reply.message.position))
            times.write(f"{time.monotonic()}\n")
            times.flush()
            number += 1


def _until_told(chat: Any, client: Any, text: str, key: str, errors: Path, stop: Event) -> Any:
    while not stop.is_set():
        try:
            return chat.send(client, text, model=MODEL, key=key)
        except Exception as error:  # noqa: BLE001 - each is written down, and judged by the harness
            told = {
                "code": getattr(error, "code", repr(error)), "retryable": getattr(error, "retryable", False),
                "committed": getattr(error, "committed", None), "cause": repr(error.__cause__)[:300], "at": time.monotonic(),
            }  # fmt: skip
            with errors.open("a") as file:
                file.write(json.dumps(told) + "\n")
            time.sleep(PAUSE)
    return None


def judged(store: convo.Store, writer: Writer) -> tuple[list[Acknowledged], list[str]]:
    """Hold a writer's conversation against what it was told; untyped and final errors are problems too."""
    told = writer.acknowledged()
    replies = {f"question {number}": answer_to(f"question {number}") for number in range(len(told) + 2)}
    problems = list(check(entries(store.get(writer.conversation).history()), told, replies=replies).problems)
    problems += [f"not to be tried again: {error}" for error in writer.errors() if not error["retryable"]]
    return told, problems
