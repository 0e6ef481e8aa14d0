"""That a leak into the logs fails the test that logs it, whichever test that is: leaks of each kind are planted."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from typing import TYPE_CHECKING, Any

import pytest

import convo
from convo.logs import Swallowed, note
from tests.support.canaries import canary

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.overheard import Overheard

LOGGER = logging.getLogger("convo.exchange")
LITERAL = "an exchange was taken over"
SAID = "Please call me back on 0151 23456789"


def raised() -> Exception:
    """An error whose cause holds what was said."""
    error = convo.StoreFailed("23505")
    error.__cause__ = ValueError(SAID)
    return error


LEAKS: dict[str, Callable[[], object]] = {
    "in the message": lambda: note(LOGGER, logging.DEBUG, f"an exchange was taken over: {SAID}"),
    "in the message, one word": lambda: note(LOGGER, logging.DEBUG, "hello"),
    "in arguments": lambda: LOGGER.info("an exchange was taken over %s", SAID),
    "in arguments of a literal": lambda: LOGGER.info(LITERAL, {"said": SAID}),
    "in a field that is no other's": lambda: note(LOGGER, logging.DEBUG, LITERAL, text=SAID),
    "in a field beside ours": lambda: LOGGER.debug(LITERAL, extra={"said": SAID}),
    "in a field of an id": lambda: note(LOGGER, logging.DEBUG, LITERAL, conversation=SAID),
    "in a field of a number": lambda: note(LOGGER, logging.DEBUG, LITERAL, position=SAID),
    "in a field of a model": lambda: note(LOGGER, logging.DEBUG, LITERAL, model=SAID),
    "in a field of a digest": lambda: note(LOGGER, logging.DEBUG, LITERAL, digest=SAID),
    "in a code": lambda: note(LOGGER, logging.DEBUG, LITERAL, error=SAID),
    "in a code of one word": lambda: note(LOGGER, logging.DEBUG, LITERAL, code=canary("said")),
    "in the code of an error": lambda: note(LOGGER, logging.DEBUG, LITERAL, error=_Coded("Mississippi")),
    "in the name of an api": lambda: note(LOGGER, logging.DEBUG, LITERAL, api="Mississippi"),
    "in the name of what failed": lambda: note(LOGGER, logging.DEBUG, LITERAL, what="Mississippi"),
    "in something suppressed": lambda: _swallowed(said=SAID),
    "in an exception": lambda: LOGGER.error(LITERAL, exc_info=raised()),
    "in a stack": lambda: LOGGER.error(LITERAL, stack_info=True),
    "a key": lambda: note(LOGGER, logging.DEBUG, LITERAL, error="sk-fake"),
    "an owner": lambda: note(LOGGER, logging.DEBUG, LITERAL, owner="customer-7"),
    "an address": lambda: note(LOGGER, logging.DEBUG, LITERAL, what="https://user:password@host/v1"),
    "from a thread": lambda: _threaded(lambda: note(LOGGER, logging.DEBUG, LITERAL, text=SAID)),
    "from a loop": lambda: asyncio.run(_awaited()),
}


class _Coded(Exception):  # noqa: N818 - an error by its duck
    def __init__(self, code: str) -> None:
        self.code = code


def _swallowed(**fields: Any) -> None:
    with Swallowed(LOGGER, LITERAL, **fields):
        raise raised()


def _threaded(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


async def _awaited() -> None:
    await asyncio.to_thread(LEAKS["in arguments"])


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_is_found(overheard: Overheard, leak: str) -> None:
    LEAKS[leak]()
    assert overheard.taken()


def test_what_may_be_logged_is_no_leak(overheard: Overheard) -> None:
    before = overheard.heard
    ids = {"conversation": uuid.uuid4(), "exchange": str(uuid.uuid4()), "digest": "0a" * 32}
    note(LOGGER, logging.WARNING, LITERAL, error=raised(), attempt=2, what="Incoming", model="gpt-audio-1.5", **ids)
    note(LOGGER, logging.DEBUG, LITERAL, error=TimeoutError(SAID), code="audio_not_found", api="chat", interrupted=True)
    note(LOGGER, logging.DEBUG, LITERAL, error="40001", position=7, problem="SilentAudio")
    assert overheard.heard == before + 3
    assert not overheard.taken()


def test_a_module_of_convo_is_heard_by_any_name_of_its_logger(overheard: Overheard) -> None:
    record = logging.getLogger("other").makeRecord("other", logging.WARNING, convo.__file__, 1, SAID, (), None)
    logging.getLogger("other").handle(record)
    assert overheard.taken()


def test_a_leak_in_the_work_of_a_store_is_found(store: Any, client: Any, overheard: Overheard, monkeypatch: Any) -> None:
    """A line of the kind that someone may add one day: what was said, where a model is asked."""

    def leaking(self: Any, place: Any, current: Any) -> None:
        del self, place
        LOGGER.debug("a model is asked", extra={"convo_code": current.plan.rendered[-1][0].text})

    monkeypatch.setattr("convo.watching.Watch._log_asking", leaking)
    store.create().send(client, "hello", model="gpt-4.1")
    assert any("hello" in found for found in overheard.taken())
