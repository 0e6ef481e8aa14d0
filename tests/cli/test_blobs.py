"""`blobs list`, `blobs move`, `prune`, and `doctor` where bytes are elsewhere: what they do, say and end with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

import convo
from convo.cli import main
from tests.support.bucket import KEYS
from tests.support.builders import recording, wav

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Run = Callable[..., Result]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with recordings of two owners."""
    found = tmp_path / "chat.db"
    for owner in ("", "c-2"):
        with convo.Store(f"sqlite:///{found}", owner=owner) as store:
            chat = store.create()
            chat.add(recording())
            chat.add(recording(data=wav(0.2)))
    return found


@pytest.fixture
def run(path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("CONVO_STORE", raising=False)
    monkeypatch.delenv("CONVO_BLOBS", raising=False)
    return lambda *words, **options: CliRunner().invoke(main, ["--store", str(path), *words], **options)


def test_bytes_are_counted_where_they_are(run: Run, path: Path) -> None:
    size = len(recording().data) + len(wav(0.2))
    assert run("blobs", "list").stdout == f"database: 2 blobs ({size:,} bytes)\n"
    assert json.loads(run("blobs", "list", "--everyone", "--json").stdout) == [
        {"place": "database", "blobs": 4, "bytes": 2 * size}
    ]
    nobody = run("--owner", "nobody", "blobs", "list")
    assert (nobody.exit_code, nobody.stdout) == (0, "")
    assert "holds no bytes of the owner 'nobody'" in nobody.stderr


def test_bytes_move_and_come_back(run: Run, tmp_path: Path, path: Path) -> None:
    spec = f"folder:{tmp_path}/blobs"
    moved = run("blobs", "move", "--to", spec, "--limit", "1")
    assert (moved.exit_code, moved.stderr) == (0, "")
    assert moved.stdout.startswith("moved 1 blob (")
    assert json.loads(run("blobs", "move", "--to", spec, "--everyone", "--json").stdout)["blobs"] == 3
    assert run("blobs", "list", "--everyone").stdout.startswith("folder: 4 blobs")
    assert "blob_store_unknown" in run("doctor", "--everyone").stdout
    assert run("doctor", "--everyone", "--blobs", spec).stdout.count("blob") == 0
    lost = run("blobs", "move", "--to", "database")
    assert lost.exit_code == 1
    assert "--blobs" in lost.stderr
    assert run("blobs", "move", "--to", "database", "--everyone", env={"CONVO_BLOBS": spec}).exit_code == 0
    assert run("blobs", "list", "--everyone").stdout.startswith("database: 4 blobs")
    with convo.Store(f"sqlite:///{path}") as store:
        chat = store.conversations()[0]
        assert chat.load(chat.history()[0].audio).data == recording().data  # type: ignore[arg-type]


def test_a_bucket_is_named_with_its_options_and_its_keys_come_from_the_environment(
    run: Run, s3_url: str, bucket: convo.BucketBlobs
) -> None:
    spec = f"cold={bucket._url}?endpoint={s3_url}"
    keys = {f"AWS_{name.upper()}": value for name, value in KEYS.items()}
    assert run("blobs", "move", "--to", spec, env=keys).exit_code == 0
    assert run("blobs", "list").stdout.startswith("cold: 2 blobs")


def test_bytes_that_cannot_be_read_stay_and_the_command_says_so(run: Run, tmp_path: Path) -> None:
    spec = f"folder:{tmp_path}/blobs"
    run("blobs", "move", "--to", spec)
    file = next(one for one in (tmp_path / "blobs").rglob("*-*") if one.is_file())
    file.write_bytes(b"tampered")
    found = run("blobs", "move", "--to", "database", "--blobs", spec)
    assert found.exit_code == 1
    assert found.stdout.startswith("moved 1 blob")
    assert "see convo doctor" in found.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("blobs", "move"), 2),
        (("blobs", "move", "--to", "nowhere"), 2),
        (("blobs", "move", "--to", "s3://b?secret_access_key=hush"), 2),
        (("prune", "--keep-audio", "0"), 2),
        (("prune", "--keep-audio", "1e300"), 1),
        (("prune", "--blobs", "x"), 2),
        (("--owner", "a", "prune", "--everyone"), 2),
        (("--owner", "a", "blobs", "list", "--everyone"), 2),
    ],
)
def test_wrong_words_are_told_and_change_nothing(run: Run, path: Path, words: tuple[str, ...], code: int) -> None:
    before = path.read_bytes()
    result = run(*words)
    assert result.exit_code == code
    assert "hush" not in result.output or "secret_access_key" in words[-1]
    assert path.read_bytes() == before


def test_prune_says_what_it_would_do_and_then_does_it(run: Run, path: Path) -> None:
    with convo.Store(f"sqlite:///{path}") as store:
        store.delete(store.conversations()[0].id)
    assert run("prune").stdout == "let go of 0 recordings, and deleted 0 blobs (0 bytes)\n"

    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE convo_blob SET created_at = created_at - 7200000000")
        connection.execute("UPDATE convo_message SET created_at = created_at - 864000000000")
    dry = run("prune", "--keep-audio", "9", "--everyone", "--dry-run")
    assert dry.stdout.startswith("would let go of 2 recordings, and delete 4 blobs (")
    done = json.loads(run("prune", "--keep-audio", "9", "--everyone", "--json").stdout)
    assert (done["recordings"], done["blobs"], done["dry_run"]) == (2, 4, False)
    assert run("blobs", "list", "--everyone").stdout == ""
