"""The command `inspect`: it prints where it serves, serves that, and ends when it is interrupted."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx2

import convo

if TYPE_CHECKING:
    from pathlib import Path


def inspecting(path: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "convo", "--store", str(path), "inspect", "--no-open", *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_it_serves_one_conversation_until_it_is_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    with convo.Store(f"sqlite:///{path}") as store:
        chat = store.create(title="About dogs")
    running = inspecting(path, str(chat.id))
    try:
        assert running.stdout is not None
        url = running.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        assert "About dogs" in httpx2.get(url, trust_env=False).text
        running.send_signal(signal.SIGINT)
        _, told = running.communicate()
    finally:
        running.kill()
    assert (running.returncode, told) == (0, "Ctrl-C ends it\n")


def test_it_makes_no_store_and_tells_what_is_wrong(tmp_path: Path) -> None:
    missing = inspecting(tmp_path / "missing.db")
    _, told = missing.communicate()
    assert (missing.returncode, list(tmp_path.iterdir())) == (1, [])
    assert "no store" in told
    path = tmp_path / "chat.db"
    with convo.Store(f"sqlite:///{path}") as store:
        store.upgrade()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = inspecting(path, "--port", str(taken.getsockname()[1]))
        _, told = refused.communicate()
    assert refused.returncode == 1
    assert "cannot be listened on" in told
    assert "Traceback" not in told
