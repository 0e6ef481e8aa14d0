"""What the tests of the command line share: a way to run it, and stores with something in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

import convo
from convo.cli import main
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from uuid import UUID

    from click.testing import Result

    from convo.testing import FakeAPI, FixedClock


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever runs the tests decides nothing."""
    for name in (
        "CONVO_DATABASE_URL",
        "CONVO_STORE",
        "CONVO_KEYS",
        "NO_COLOR",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_ORG_ID",
        "OPENAI_PROJECT_ID",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store may be; a folder of its own, so that whatever appears there is seen."""
    folder = tmp_path / "stores"
    folder.mkdir()
    return folder / "chat.db"


@pytest.fixture
def run(path: Path) -> Callable[..., Result]:
    """Run a command on the store at `path`, or at another."""

    def running(*arguments: object, store: object = path) -> Result:
        result = CliRunner().invoke(main, ["--store", str(store), *map(str, arguments)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return running


@pytest.fixture
def chat_id(path: Path, clock: FixedClock, fake: FakeAPI) -> UUID:
    """A conversation with a recording, a spoken reply, and a call of a tool; in 2025, so that all ids expired."""
    clock.set(datetime(2025, 11, 1, 12, tzinfo=UTC))
    fake.will_reply("Yes, a very good one.")
    fake.will_reply(tool_calls=[("look_up", '{"breed":"beagle"}', "call_1")])
    fake.will_reply("It says so here.\nOn page two.", spoken=False)
    with convo.Store(f"sqlite:///{path}", clock=clock) as store, fake.client() as client:
        chat = store.create(instructions="Be brief.", title="Dogs", metadata={"channel": "phone"}, key="call-1")
        voice: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}
        chat.send(client, recording("Is it a good dog?"), **voice)
        chat.send(client, "And a beagle?", **voice)
        chat.tool_output("call_1", "a hound")
        chat.send(client, **voice)
        return chat.id
