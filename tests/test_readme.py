"""The README's examples run as they stand."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import convo
from convo.edges import system_clock
from convo.testing import FakeAPI

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.filterwarnings("ignore::convo.ModelEndsSoon")  # they run by the clock of the machine, and no model stays for ever
def test_the_examples_run_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "convo" / "recordings" / "question.mp3", tmp_path)
    names: dict[str, Any] = {}
    stores, clients = [], []
    with FakeAPI(clock=system_clock).serve() as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        monkeypatch.setenv("OPENAI_API_KEY", "test-key")
        for block in blocks:
            exec(compile(block, "README.md", "exec"), names)
            stores += [value for value in names.values() if isinstance(value, convo.Store)]
            clients.append(names["client"])
        for client in clients:
            client.close()
    for store in stores:
        store.close()
    printed = capsys.readouterr().out
    assert (tmp_path / "dog.wav").read_bytes().startswith(b"RIFF")
    assert "its id is valid at this API until" in printed
    assert convo.Audio.open(tmp_path / "hello.wav").format == "wav"
    assert len(blocks) == 12


def test_the_commands_are_those_that_ci_runs() -> None:
    assert "pip install uv && uv run convo demo" in README
    assert "pip install uv && uv run pytest" in README
    assert "uv run pytest" in (ROOT / ".ci" / "run").read_text()


def test_every_name_of_the_readme_is_one_of_the_library() -> None:
    for name in re.findall(r"convo\.([A-Z]\w+)", README):
        assert hasattr(convo, name), name


def test_it_stays_short() -> None:
    words = [word for word in README.split() if word != "|"]  # the bars of tables are none
    assert len(words) < 2_000
