"""Both backends under a real gunicorn: workers forked from a process that has used the store, and killed in a turn."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import httpx2
import pytest

import convo
from convo.edges import system_clock
from convo.testing import FakeAPI
from tests.support.pages import PATIENCE, tokens_of, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "tests" / "examples" / "gunicorn_conf.py"
WORKERS = 2


@attrs.frozen
class Server:
    """A gunicorn that serves, its client, and what it asks."""

    process: subprocess.Popen[bytes]
    http: httpx2.Client
    fake: FakeAPI
    clock: Path

    def opened(self) -> str:
        return f"/conversations/{self.http.post('/conversations', json={}).json()['id']}"

    def send(self, chat: str, text: str, key: str) -> httpx2.Response:
        return self.http.post(f"{chat}/messages", json={"text": text}, headers={"Idempotency-Key": key})

    def log(self, chat: str) -> list[str]:
        messages = self.http.get(chat).json()["messages"]
        return [message["role"] for message in messages if message["role"] != "system"]

    def workers(self) -> set[int]:
        """The processes that were forked and serve."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {int(pid) for pid in found.split()}

    def answered(self) -> int:
        return len([received for received in self.fake.received if received.status == 200])


@contextmanager
def gunicorn(database: Database, application: str, tmp_path: Path, *more: str) -> Iterator[Server]:
    (clock := tmp_path / "clock").write_text("0")
    fake, listener = FakeAPI(clock=system_clock), socket.create_server(("127.0.0.1", 0))
    listener.set_inheritable(True)
    command = [
        sys.executable, "-m", "gunicorn", "--config", str(CONFIG), *more, "--workers", str(WORKERS), "--no-control-socket",
        "--bind", f"fd://{listener.fileno()}", "--log-level", "warning", f"tests.support.preforked:{application}()",
    ]  # fmt: skip
    with fake.serve() as url, httpx2.Client(timeout=PATIENCE, headers={"Authorization": "Bearer token-of-anna"}) as http:
        environment = {
            **os.environ, "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "test-key", "TEST_CLOCK": str(clock),
            "TEST_DATABASE": database.url, "TEST_OPTIONS": json.dumps(database.options),
            "TEST_TOKENS": json.dumps(tokens_of(database)), "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        http.base_url = httpx2.URL(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with subprocess.Popen(command, env=environment, cwd=tmp_path, pass_fds=[listener.fileno()]) as process:
            try:
                yield Server(process, http, fake, clock)
            finally:
                process.terminate()
        listener.close()
    assert process.returncode == 0


@pytest.fixture(params=["asynchronous", "synchronous"])
def server(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Iterator[Server]:
    more = ("--worker-class", "sync") if request.param == "synchronous" else ()
    with gunicorn(database, request.param, tmp_path, *more) as server:
        yield server


def test_workers_share_a_store_that_was_used_before_the_fork(server: Server, database: Database) -> None:
    chats = [server.opened() for _ in range(4)]
    assert wait_for(lambda: len(server.workers()) == WORKERS)
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda n: server.send(chats[n % 4], f"Question {n}", f"press-{n}"), range(12)))
        while again := [n for n, response in enumerate(given) if response.status_code == 409]:
            for n in again:
                given[n] = server.send(chats[n % 4], f"Question {n}", f"press-{n}")
        assert {response.status_code for response in given} == {200}
        assert [server.log(chat) for chat in chats] == [["user", "assistant"] * 3] * 4

        # The same press at once: one turn, whoever gets it; a worker of the class `sync` that waits takes no other request.
        chat, hold = server.opened(), server.fake.hold()
        before = server.answered()
        first = pool.submit(server.send, chat, "Good dogs?", "press")
        try:
            hold.wait_until_held(PATIENCE)
            assert server.send(chat, "Good dogs?", "press").status_code == 409
        finally:
            hold.release()
        presses = [first.result(), *pool.map(lambda _: server.send(chat, "Good dogs?", "press"), range(6))]
        assert {response.status_code for response in presses} == {200}
        assert len({response.json()["position"] for response in presses}) == 1
        assert [response.json()["replayed"] for response in presses] == [False] + [True] * 6
        assert server.answered() == before + 1

    # Killed in the midst of a turn, all of them: what was acknowledged is there, and the same press goes on.
    chat, hold = server.opened(), server.fake.hold()
    killed = server.workers()
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(server.send, chat, "Good dogs?", "press")
        hold.wait_until_held(PATIENCE)
        for worker in killed:
            os.kill(worker, signal.SIGKILL)
        with pytest.raises(httpx2.TransportError):
            lost.result()
    hold.release()
    assert wait_for(lambda: len(server.workers() - killed) == WORKERS)  # and connections to the dead are known to be closed
    assert server.log(chat) == ["user"]
    waits = server.send(chat, "Good dogs?", "press")
    assert (waits.status_code, int(waits.headers["Retry-After"]) <= 30) == (409, True)
    server.clock.write_text("31")
    goes_on = server.send(chat, "Good dogs?", "press")
    assert (goes_on.status_code, goes_on.json()["replayed"]) == (200, False)
    assert server.log(chat) == ["user", "assistant"]
    assert [server.log(chat) for chat in chats] == [["user", "assistant"] * 3] * 4
    assert wait_for(lambda: len(server.workers()) == WORKERS)
    assert not server.workers() & killed
    with convo.Store(database.url, **database.options) as store:
        assert len(store.conversations()) == 1  # the application was made once, before the forks
