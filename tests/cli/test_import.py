"""`import --from`: what other programs have stored, said in a line or as JSON; sessions are in `test_export.py`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import convo
from tests.support.foreign import exported, lines, node, tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from click.testing import Result

    from convo.testing import FakeAPI

ASK = {"messages": [{"role": "user", "content": "Hi."}]}


def made(path: Path) -> None:
    with convo.Store(f"sqlite:///{path}") as store:
        store.upgrade()


def test_it_says_what_it_did_and_what_it_could_not_do(run: Callable[..., Result], path: Path, tmp_path: Path) -> None:
    made(path)
    done = run("import", "--from", "jsonl", lines(tmp_path, ASK, "hello\x1b[2J", {**ASK, "id": 1}))
    assert done.exit_code == 1
    assert done.stdout == "3 conversations (2 new, 1 not imported); added 2 messages and 0 branches\n"
    assert done.stderr.startswith("not carried: 1 x conversation, first in line 2: it is no JSON")
    again = run("import", "--from", "jsonl", lines(tmp_path, ASK, {**ASK, "id": 1}))
    assert (again.exit_code, again.stdout) == (0, "2 conversations (2 there already); added 0 messages and 0 branches\n")


def test_json_is_for_programs(run: Callable[..., Result], path: Path, tmp_path: Path) -> None:
    made(path)
    picture: dict[str, Any] = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-a"}
    look = node("u", None, "user", {"content_type": "multimodal_text", "parts": [picture]})
    done = run("import", "--from", "chatgpt", exported(tmp_path, tree([look])), "--json")
    assert done.exit_code == 0
    (told,) = json.loads(done.stdout)
    assert (told["format"], told["created"], told["messages"]) == ("chatgpt", 1, 1)
    (lost,) = told["not_carried"]
    assert (lost["kind"], lost["count"], lost["conversation"]) == ("missing_image", 1, "c-1")


def test_a_source_that_is_none_is_an_error_of_one_line(run: Callable[..., Result], path: Path, tmp_path: Path) -> None:
    made(path)
    done = run("import", "--from", "chatgpt", tmp_path / "nowhere.zip")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "cannot be imported as chatgpt" in done.stderr


def test_one_that_breaks_off_says_what_is_imported(run: Callable[..., Result], path: Path, tmp_path: Path) -> None:
    made(path)
    source = tmp_path / "conversations.json"
    source.write_text("[" + json.dumps(tree([node("u", None, "user", "Hi.")])) + ", {")
    done = run("import", "--from", "chatgpt", source)
    assert (done.exit_code, done.stdout) == (1, "1 conversation (1 new); added 1 message and 0 branches\n")
    assert "breaks off" in done.stderr


def test_what_the_api_has_stored_is_read_by_the_environment(
    run: Callable[..., Result], path: Path, fake: FakeAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(path)
    with fake.client() as client:
        client.chat.completions.create(model="gpt-5.5", messages=[{"role": "user", "content": "Hi."}], store=True)
    with fake.serve() as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        assert "OPENAI_API_KEY" in run("import", "--from", "openai").stderr
        monkeypatch.setenv("OPENAI_API_KEY", "x")
        assert run("import", "--from", "openai").stdout.startswith("1 conversation (1 new)")
    assert run("import", "--from", "openai", "x").exit_code == 2


def test_nothing_to_import_is_a_wrong_call(run: Callable[..., Result], path: Path, tmp_path: Path) -> None:
    made(path)
    assert run("import").exit_code == 2
    assert run("import", "--table", "t", exported(tmp_path)).exit_code == 2
