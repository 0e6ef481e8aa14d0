"""`export` and `import`: files of each kind, nothing overwritten, and sessions that come back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl
import pytest

import convo
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Run = Callable[..., Result]


@pytest.fixture
def chat(path: Path) -> str:
    """The id of a conversation in the store."""
    with convo.Store(f"sqlite:///{path}") as store:
        store.owned_by("ada").create(messages=[{"role": "user", "content": "Other"}])
        said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}]
        chat = store.create(title="A talk", messages=said)
        chat.add(recording("What is this?"))
        return str(chat.id)


def test_tables_are_exported_and_exported_again(run: Run, path: Path, chat: str) -> None:
    out = path.parent / "out"
    result = run("export", out)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "1 conversations, 3 messages, 1 audio, 0 exchanges" in result.stderr
    assert pl.read_parquet(out / "messages/**/*.parquet").height == 3
    assert "of this time already" in run("export", out).stderr
    assert run("export", out, "--since", "last").exit_code == 0
    more = run("export", path.parent / "all", "--everyone", "--format", "csv", "--tables", "messages", "--json")
    assert json.loads(more.stdout)["rows"] == {"messages": 4}


@pytest.mark.parametrize("format_", ["parquet", "session"])
def test_who_has_nothing_to_export_is_told_who_may(run: Run, path: Path, format_: str) -> None:
    with convo.Store(f"sqlite:///{path}") as store:
        store.owned_by("ada").create(messages=[{"role": "user", "content": "Hi"}])
    result = run("export", path.parent / "out", "--format", format_)
    assert result.exit_code == 0
    assert "holds no conversation of the owner ''; --everyone shows those of all owners" in result.stderr
    result = run("export", path.parent / "all", "--format", format_, "--everyone")
    assert "holds no" not in result.stderr


def test_an_anonymous_export_takes_the_secret_from_a_file(run: Run, path: Path, chat: str) -> None:
    (path.parent / "secret").write_text("0123456789abcdef\n")
    run("export", path.parent / "out", "--anonymous", path.parent / "secret")
    frame = pl.read_parquet(path.parent / "out/messages/**/*.parquet")
    assert frame["text"].null_count() == 3
    assert frame["owner"].unique().to_list() == [convo.Anonymous("0123456789abcdef").pseudonym("")]
    assert run("export", path.parent / "out2", "--anonymous", path.parent / "nothing").exit_code == 1


def test_a_function_of_a_module_redacts(run: Run, path: Path, chat: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (path.parent / "secret").write_text("0123456789abcdef")
    (path.parent / "hides_words.py").write_text("def all_but_length(text):\n    return str(len(text))\n\nword = 'word'\n")
    monkeypatch.chdir(path.parent)
    anonymous = ("--anonymous", path.parent / "secret")
    assert run("export", "out", *anonymous, "--redact", "hides_words:all_but_length").exit_code == 0
    assert {"2", "4"} <= set(pl.read_parquet("out/messages/**/*.parquet")["text"])
    for wrong in ("hides_words", "hides_words:word", "hides_words:other", "no_such_module:all", ":"):
        assert run("export", "other", *anonymous, "--redact", wrong).exit_code == 2
    assert "--redact is for --anonymous" in run("export", "other", "--redact", "hides_words:all_but_length").stderr


def test_metadata_choose_conversations(run: Run, path: Path, chat: str) -> None:
    with convo.Store(f"sqlite:///{path}") as store:
        for number in (1, 2):
            store.create(title=f"Talk {number}", metadata={"n": number, "channel": "web"})
    for place, pairs, count in (("one", ["n=2"], 1), ("two", ["channel=web"], 2), ("none", ["channel=web", "n=3"], 0)):
        chosen = [word for pair in pairs for word in ("--metadata", pair)]
        told = json.loads(run("export", path.parent / place, "--tables", "conversations", "--json", *chosen).stdout)
        assert told["rows"] == {"conversations": count}
        told = json.loads(run("export", path.parent / f"{place}-md", "--format", "md", "--json", *chosen).stdout)
        assert told["files"] == count
    assert run("export", path.parent / "x", "--metadata", "n").exit_code == 2
    assert run("export", path.parent / "x", "--format", "md", "--conversation", chat, "--metadata", "n=1").exit_code == 2


@pytest.mark.parametrize("kind", ["html", "md", "srt", "vtt", "finetune", "session"])
def test_a_document_is_written_once_and_shown_on_the_screen(run: Run, path: Path, chat: str, kind: str) -> None:
    target = path.parent / f"one.{kind}"
    assert run("export", target, "--format", kind, "--conversation", chat).exit_code == 0
    assert "Hi" in target.read_text("utf-8")
    assert run("export", "-", "--format", kind, "--conversation", chat).stdout == target.read_text("utf-8")
    again = run("export", target, "--format", kind, "--conversation", chat)
    assert (again.exit_code, "is there already" in again.stderr) == (1, True)
    assert [file.name for file in path.parent.iterdir() if file.name.startswith(".")] == []


def test_all_conversations_have_a_file_each(run: Run, path: Path, chat: str) -> None:
    result = run("export", path.parent / "pages", "--format", "html", "--audio", "--everyone")
    assert result.exit_code == 0
    assert len(list((path.parent / "pages").glob("*.html"))) == 2
    assert "<audio" in (path.parent / "pages" / f"{chat}.html").read_text("utf-8")


def test_sessions_come_back(run: Run, path: Path, chat: str) -> None:
    run("export", path.parent / "sessions", "--format", "session", "--audio")
    other = path.parent / "other.db"
    file = path.parent / "sessions" / f"{chat}.json"
    result = run("import", file, store=other)
    assert (result.exit_code, result.stdout) == (0, f"{chat}  3 messages  A talk\n")
    assert run("show", chat, store=other).stdout.split("\n\n", 1)[1] == run("show", chat).stdout.split("\n\n", 1)[1]
    assert json.loads(run("import", file, "--json", store=other).stdout)[0]["id"] == chat


def test_a_file_of_something_else_is_named(run: Run, path: Path, chat: str) -> None:
    (path.parent / "x.json").write_text("{}")
    for store in (path, path.parent / "other.db"):
        result = run("import", path.parent / "x.json", store=store)
        assert result.exit_code == 1
        assert "x.json: this is no session of convo" in result.stderr
    assert not (path.parent / "other.db").exists()


WRONG = [("--conversation", "x"), ("--audio",), ("--format", "md", "--audio"), ("--format", "html", "--tables", "turns")]
WRONG += [("--format", "html", "--anonymous", "x"), ("--format", "session", "--since", "last"), ("--since", "yesterday")]


@pytest.mark.parametrize("options", WRONG)
def test_options_that_do_not_go_together_are_refused(run: Run, path: Path, chat: str, options: tuple[str, ...]) -> None:
    assert run("export", path.parent / "out", *options).exit_code == 2
    assert not (path.parent / "out").exists()
