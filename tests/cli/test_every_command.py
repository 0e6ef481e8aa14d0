"""What holds for every command: an example in its help that it understands, its exit codes, and JSON for programs."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner

import convo
from convo.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from click.testing import Result

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database

    Run = Callable[..., Result]

UNKNOWN = "01a1fd0a-a0a3-7c97-a3d4-a046bfe394e0"


def commands(group: click.Group = main, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """All commands that are shown, and those of groups, by their words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        yield (*before, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*before, name))


COMMANDS = dict(commands())
LEAVES = {words: command for words, command in COMMANDS.items() if not isinstance(command, click.Group)}


def examples(command: click.Command) -> list[str]:
    """The examples of a command's help: lines that begin with `convo`, or have it behind a pipe."""
    rows = [row.strip() for row in (command.help or "").splitlines()]
    return [row for row in rows if re.match(r"(?:echo .* \| )?convo ", row)]


# --- help ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_says_what_it_does_and_shows_it(words: tuple[str, ...]) -> None:
    assert examples(COMMANDS[words])
    shown = CliRunner().invoke(main, [*words, "--help"])
    assert shown.exit_code == 0
    for example in examples(COMMANDS[words]):
        assert example in shown.stdout, "as it stands, not wrapped"
        assert f"convo {' '.join(words)}" in re.sub(r" --store \S+", "", example)


@pytest.mark.parametrize("example", [example for command in (main, *COMMANDS.values()) for example in examples(command)], ids=str)
def test_an_example_is_understood(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("models.toml", "chat.json", "export.zip", "requests.jsonl"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    asked = re.split(r" \| (?!convo)|  +| > ", example)[0].rpartition(" | ")[2]
    program, *arguments = shlex.split(asked)
    assert program == "convo"
    with main.make_context("convo", arguments) as context:
        _understood(main, context)


def _understood(group: click.Group, context: click.Context) -> None:
    """Read the words of a command, and do nothing."""
    name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
    assert command is not None
    with command.make_context(name, list(rest), parent=context) as inner:
        if isinstance(command, click.Group):
            _understood(command, inner)


# --- exit codes ------------------------------------------------------------------------------------

FAILS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("backup",): ("copy.db",),
    ("blobs", "list"): (),
    ("blobs", "move"): ("--to", "database"),
    ("chat",): (UNKNOWN, "--fake"),
    ("doctor",): (),
    ("erase",): ("c-42", "--yes"),
    ("export",): ("out",),
    ("import",): ("chat.json",),
    ("inspect",): ("--no-open",),
    ("list",): (),
    ("plot",): ("cost", "-o", "cost.svg"),
    ("prune",): (),
    ("reprice",): (),
    ("search",): ("dog",),
    ("show",): (UNKNOWN,),
    ("stats",): (),
    ("upgrade",): (),
    ("demo",): ("--store-size", "1"),
}
"""What fails where no store can be, for each command that has one."""
WITHOUT_A_STORE = {("completion",), ("fake-api",)}


def test_the_table_names_every_command() -> None:
    assert set(LEAVES) <= set(FAILS) | WITHOUT_A_STORE


@pytest.mark.parametrize("words", [words for words in FAILS if words in LEAVES], ids=" ".join)
def test_what_fails_is_one_line_and_exit_code_1(
    run: Run, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chat.json").touch()
    (tmp_path / "file").touch()
    result = run(*words, *FAILS[words], store=tmp_path / "file" / "chat.db")
    assert (result.exit_code, result.stdout) == (1, "")
    assert [line.startswith("convo: ") for line in result.stderr.splitlines() if not line.startswith("  (")] == [True]


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
@pytest.mark.parametrize(
    "wrong", [["--no-such-option"], ["too", "many", "words", "--limit", "x", "--port", "x"]], ids=["option", "words"]
)
def test_what_is_called_in_a_wrong_way_is_exit_code_2(run: Run, words: tuple[str, ...], wrong: list[str]) -> None:
    result = run(*words, *wrong)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: ")
    assert "Error: " in result.stderr


def test_an_option_of_all_commands_behind_one_is_told_where_it_stands() -> None:
    result = CliRunner().invoke(main, ["list", "--store", "chat.db"])
    assert result.exit_code == 2
    assert "--store stands before the command: convo --store ... list" in result.stderr


def test_a_slip_of_the_finger_is_told_what_there_is() -> None:
    result = CliRunner().invoke(main, ["serach", "dog"])
    assert result.exit_code == 2
    assert "search" in result.stderr


def test_the_environment_names_the_store_and_an_option_another(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("older", "newer", "named"):
        with convo.Store(f"sqlite:///{path.with_name(name)}") as store:
            store.create(title=name)
    monkeypatch.setenv("CONVO_STORE", str(path.with_name("older")))
    assert "older" in CliRunner().invoke(main, ["list"]).stdout
    monkeypatch.setenv("CONVO_DATABASE_URL", f"sqlite:///{path.with_name('newer')}")
    assert "newer" in CliRunner().invoke(main, ["list"]).stdout
    assert "named" in CliRunner().invoke(main, ["--store", str(path.with_name("named")), "list"]).stdout


def test_a_reader_who_has_seen_enough_ends_it(path: Path) -> None:
    with convo.Store(f"sqlite:///{path}") as store:
        for number in range(2_000):
            store.create(title=f"number {number}")
    command = f"{shlex.quote(sys.executable)} -m convo --store {shlex.quote(str(path))} list --limit 2000 --json | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[\n", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk here that is always full")
@pytest.mark.parametrize("arguments", [("list",), ("list", "--json")])
def test_output_that_finds_no_room_is_told_in_a_line(path: Path, arguments: tuple[str, ...]) -> None:
    with convo.Store(f"sqlite:///{path}") as store:
        store.create(title="One")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "convo", "--store", str(path), *arguments], stdout=full, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "convo: not all could be written: No space left on device\n")


# --- JSON ------------------------------------------------------------------------------------------


@pytest.fixture
def place(database: Database, clock: FixedClock, fake: FakeAPI, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, UUID]:
    """A store on each database with a conversation in it; the command line is told of it. Gives the id, too."""
    options = {name: value for name, value in database.options.items() if name != "schema"}
    url = database.url
    if "schema" in database.options:
        schema = str(database.options["schema"])
        url = f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{schema}"
    with convo.Store(url, clock=clock, **options) as store, fake.client() as client:
        chat = store.create(title="Dogs", metadata={"channel": "phone"})
        chat.send(client, "Is it a good dog?", model="gpt-audio-1.5", voice="alloy")
    monkeypatch.setenv("CONVO_DATABASE_URL", url)
    return (["--owner", options["owner"]] if "owner" in options else []), chat.id


JSON = [
    "list", "show {id}", "search dog", "stats --by model", "blobs list", "blobs move --to database", "prune --dry-run",
    "prune", "reprice --dry-run", "doctor --quick", "upgrade", "export out", "export s.json --format session --conversation {id}",
    "import saved.json", "plot cost -o cost.svg", "erase {owner} --dry-run", "erase {owner} --yes --no-vacuum", "backup copy.db",
]  # fmt: skip
"""Every command that gives data, in an order in which one does not take away what the next needs."""
NOT_ON_POSTGRESQL = {"backup copy.db"}
WITHOUT_JSON = {("completion",), ("demo",), ("inspect",)}
ELSEWHERE = {("chat",): "test_chat.py", ("fake-api",): "test_fake_api.py"}
"""What writes JSON Lines as it goes."""


def test_every_command_that_gives_data_gives_json() -> None:
    named = {words for words, command in LEAVES.items() if any("--json" in option.opts for option in command.params)}
    assert named == set(LEAVES) - WITHOUT_JSON
    asked = {next(words for words in LEAVES if tuple(line.split()[: len(words)]) == words) for line in JSON}
    assert asked | set(ELSEWHERE) == named


def test_json_is_one_value_and_nothing_else(
    place: tuple[list[str], UUID], database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, chat = place
    monkeypatch.chdir(tmp_path)
    saved = CliRunner().invoke(main, [*owner, "export", "saved.json", "--format", "session", "--conversation", str(chat)])
    assert saved.exit_code == 0, saved.output
    for line in JSON:
        words = [word.format(id=chat, owner=owner[1] if owner else "") for word in line.split()]
        result = CliRunner().invoke(main, [*(owner if words[0] != "upgrade" else []), *words, "--json"])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        if database.kind == "postgresql" and line in NOT_ON_POSTGRESQL:
            assert (result.exit_code, result.stdout) == (1, "")
            continue
        assert result.exit_code in {0, int(line.startswith("doctor"))}, (line, result.stderr)  # it may find something
        assert not result.stderr or line.startswith("erase"), (line, result.stderr)  # that has remarks
        assert isinstance(json.loads(result.stdout), dict | list), line
