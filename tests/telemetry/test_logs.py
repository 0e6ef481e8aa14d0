"""What is logged: constant messages, at the level that says who should read them, with fields `convo_*`."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import openai
import pytest
import sqlalchemy as sa

import convo
from convo.logs import note
from tests.support.builders import recording
from tests.support.canaries import canary

if TYPE_CHECKING:
    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database, World
    from tests.support.canaries import Told

VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}


def test_nothing_is_printed_where_logging_is_not_set_up() -> None:
    program = "import logging, convo; convo.Store; logging.getLogger('convo.store').warning('something')"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_fields_have_names_of_their_own_and_errors_are_their_codes(told: Told) -> None:
    error = convo.StoreFailed("23505")
    note(logging.getLogger("convo.store"), logging.WARNING, "an exchange was taken over", error=error, attempt=2, nothing=None)
    record = told.records.all[-1]
    fields = {name: value for name, value in vars(record).items() if name.startswith("convo_")}
    assert fields == {"convo_error": error.code, "convo_attempt": 2}
    assert (record.getMessage(), record.exc_info, record.funcName) == (
        "an exchange was taken over", None, "test_fields_have_names_of_their_own_and_errors_are_their_codes",
    )  # fmt: skip


def test_a_send_is_logged_at_debug_with_its_ids(store: Any, client: Any, told: Told) -> None:
    chat = store.create()
    reply = chat.send(client, canary("said"), **VOICE)
    found = [record for record in told.records.all if record.name == "convo.calls"]
    assert [record.getMessage() for record in found] == ["a model is asked", "an exchange ended"]
    assert {(record.levelno, vars(record)["convo_conversation"], vars(record)["convo_exchange"]) for record in found} == {
        (logging.DEBUG, str(chat.id), str(reply.exchange))
    }


def test_a_recovery_is_logged_once_at_info(store: Any, client: Any, fake: FakeAPI, told: Told) -> None:
    chat = store.create()
    fake.revoke(chat.send(client, recording(canary("said")), **VOICE).audio.id)
    chat.send(client, canary("said"), **VOICE)
    (record,) = [record for record in told.records.all if record.levelno == logging.INFO]
    assert (record.getMessage(), vars(record)["convo_code"]) == ("the request was changed after a refusal", "audio_not_found")


def test_a_turn_that_is_taken_over_is_a_warning(store: Any, client: Any, fake: FakeAPI, told: Told) -> None:
    chat = store.create()
    fake.will_fail(400)
    with pytest.raises(openai.BadRequestError):
        chat.send(client, canary("said"), key=canary("key"), **VOICE)
    chat.send(client, canary("said"), key=canary("key"), **VOICE)
    (record,) = [record for record in told.records.all if record.levelno == logging.WARNING]
    assert (record.getMessage(), vars(record)["convo_attempt"]) == ("an exchange was taken over", 2)


def test_an_answer_that_comes_too_late_is_a_warning(world: World, clock: FixedClock, told: Told) -> None:
    chat = world.open().create()
    chat.add(canary("said"))
    request = chat.request("gpt-4.1", client=world.client)
    lost = chat.exchange(request)
    lost.__enter__()
    clock.advance(31)
    chat.send(world.client, canary("again"), **VOICE)
    message = {"role": "assistant", "content": canary("late")}
    answer = {"id": "chatcmpl-1", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
    with pytest.raises(convo.ExchangeLost):
        lost.record(answer)
    assert "an answer came too late and is kept beside the log" in told.records.messages(logging.WARNING)


def test_a_transaction_that_is_tried_again_is_a_warning(database: Database, told: Told) -> None:
    """Once the database is busy, by an error whose words hold what was stored."""
    engine = sa.create_engine(database.url)
    with convo.Store(engine, **database.options) as store:
        runner = store._driver.runner
        tries: list[int] = []

        def busy(connection: Any) -> str:
            del connection
            tries.append(1)
            if len(tries) == 1:
                raise sa.exc.OperationalError(canary("statement"), {"x": canary("parameter")}, Busy(canary("words")))
            return "done"

        assert runner.run(busy, mode="write") == "done"
    engine.dispose()
    (record,) = [record for record in told.records.all if record.levelno == logging.WARNING]
    assert (record.getMessage(), vars(record)["convo_error"]) == ("a transaction is tried again", "40001")


class Busy(Exception):
    """What a driver raises."""

    sqlstate = "40001"
