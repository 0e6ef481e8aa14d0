"""A worker that is stopped for longer than its lease wakes up, and may not finish what another one has taken over."""

from __future__ import annotations

import multiprocessing
import os
import signal
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

import convo
from tests.faults.echo import MODEL, Echo, answer_to
from tests.faults.late import late

if TYPE_CHECKING:
    from tests.conftest import Database


def test_a_worker_that_was_stopped_beyond_its_lease_cannot_finish_what_another_took_over(database: Database) -> None:
    context = multiprocessing.get_context("spawn")
    asked, go = context.Event(), context.Event()
    here, there = context.Pipe(duplex=False)
    tomorrow = datetime.now(UTC) + timedelta(minutes=1)
    with convo.Store(database.url, clock=lambda: tomorrow, **database.options) as store:
        chat = store.create()
        arguments = (database.url, database.options, str(chat.id), asked, go, there)
        worker = context.Process(target=late, args=arguments)
        worker.start()
        assert asked.wait(60)
        os.kill(worker.pid or 0, signal.SIGSTOP)
        reply = chat.send(Echo(), "Hello", model=MODEL, key="k")
        assert reply.text == answer_to("Hello")
        os.kill(worker.pid or 0, signal.SIGCONT)
        go.set()
        assert here.recv() == ("exchange_lost", "no")
        worker.join()
        assert [message.text for message in chat.history()] == ["Hello", answer_to("Hello")]
        assert chat.pending() == []


def test_two_runs_on_one_conversation_never_stand_between_each_other(database: Database) -> None:
    context = multiprocessing.get_context("spawn")
    asked, go = context.Event(), context.Event()
    here, there = context.Pipe(duplex=False)
    with convo.Store(database.url, **database.options) as store:
        chat = store.create()
        worker = context.Process(target=late, args=(database.url, database.options, str(chat.id), asked, go, there))
        worker.start()
        assert asked.wait(60)
        for key in ("k", "other", None):
            with pytest.raises(convo.TurnInProgress):
                chat.send(Echo(), "Hello" if key == "k" else "Other", model=MODEL, key=key)
        go.set()
        assert here.recv() == answer_to("Hello")
        worker.join()
        assert [message.text for message in chat.history()] == ["Hello", answer_to("Hello")]
