"""`fake-api` is the fake of the API on a port, for any client, until it is told to end; `completion` is for shells."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import openai
import pytest
from click.testing import CliRunner

from convo.cli import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_any_client_talks_to_it_until_it_is_told_to_end(number: signal.Signals) -> None:
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from convo.cli import main; main()"
    command = [sys.executable, "-c", program, "fake-api", "--audio-lifetime", "60", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        base_url = json.loads(served.stdout.readline())["base_url"]
        direct = openai.DefaultHttpxClient(trust_env=False)
        with openai.OpenAI(base_url=base_url, api_key="any", http_client=direct) as client:
            voice: Any = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
            messages: Any = [{"role": "user", "content": "Hello?"}]
            answer = client.chat.completions.create(model="gpt-audio-1.5", messages=messages, **voice)
        audio = answer.choices[0].message.audio
        assert audio is not None
        assert audio.expires_at - answer.created == 60
        served.send_signal(number)
        _, errors = served.communicate(timeout=60)
        assert (served.returncode, errors) == (0, "")


def test_a_port_that_is_taken_is_a_line() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = CliRunner().invoke(main, ["fake-api", "--port", str(taken.getsockname()[1])])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("convo: cannot listen on port ")
    assert "Address already in use" in result.stderr


# --- completion ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert "_CONVO_COMPLETE" in result.stdout
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=result.stdout, text=True, check=True)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("convo sh", {"show"}),
        ("convo st", {"stats"}),
        ("convo completion ", {"bash", "zsh", "fish"}),
        ("convo plot ex", {"expiry"}),
        ("convo chat --vo", {"--voice"}),
        ("convo blobs m", {"move"}),
    ],
)
def test_the_tab_key_knows_what_may_come_next(typed: str, offered: set[str], tmp_path: Path) -> None:
    words = f"{typed}|".split()
    words[-1] = words[-1].removesuffix("|")
    asked = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1), "_CONVO_COMPLETE": "bash_complete"}
    program = "from convo.cli import main; main(prog_name='convo')"
    environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ} | asked
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )  # fmt: skip
    assert {row.partition(",")[2] for row in done.stdout.split()} == offered
    assert list(tmp_path.iterdir()) == []
