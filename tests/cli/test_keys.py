"""The command line on an encrypted store: with its key file, and without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

import convo
from convo.cli import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The key file of a store beside it that holds one conversation."""
    path = convo.Cipher.new_key_file(tmp_path / "keys")
    with convo.Store(f"sqlite:///{tmp_path / 'chat.db'}", cipher=convo.Cipher.from_file(path)) as store:
        store.create(title="Dogs", key="k").add("Is it a good dog?")
    return path


def invoke(keys: Path, *words: str, given: bool = True) -> tuple[int, str]:
    options = ["--keys", str(keys)] if given else []
    result = CliRunner().invoke(main, ["--store", str(keys.with_name("chat.db")), *options, *words])
    return result.exit_code, result.output


def test_with_the_key_file_a_store_is_read(keys: Path) -> None:
    code, output = invoke(keys, "list")
    assert (code, "Dogs" in output) == (0, True)
    _, output = invoke(keys, "doctor")
    assert "encrypted" not in output


def test_without_it_the_command_says_what_is_missing_and_the_doctor_what_it_could_not_look_at(keys: Path) -> None:
    code, output = invoke(keys, "list", given=False)
    assert code == 1
    assert "encrypted" in output
    assert "key_unavailable" in invoke(keys, "doctor", given=False)[1] or "encrypted" in invoke(keys, "doctor", given=False)[1]


def test_a_key_file_that_is_none_is_one_line(keys: Path, tmp_path: Path) -> None:
    keys.chmod(0o644)
    code, output = invoke(keys, "list")
    assert code == 1
    assert "chmod 600" in output
    assert "Traceback" not in output
