"""Text that is meant to be a command: for SQL, for full-text search, for paths, for a spreadsheet, for a terminal, for Python."""

from __future__ import annotations

import ast
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import convo
from convo.cli.stats import _cell
from convo.testing import FakeAPI

if TYPE_CHECKING:
    from click.testing import Result

    from tests.conftest import World

SQL = (
    "'",
    "''",
    '"',
    "') OR 1=1 --",
    "'; DROP TABLE convo_message; --",
    "%",
    "_",
    "\\",
    "?",
    ":owner",
    "%s",
    "{}",
    "$1",
    "`",
    "]",
)
RAW_QUERIES = (
    "NEAR(", "NEAR(a b, 1)", "secret:x", "owner:topsecret", '"', '""', '"unclosed', "AND", "OR NOT", "a AND", "(", ")", "*", "^a",
    "-a", "a + b", "\0", "a\0b", "{a b}:c", "words : a", ":*", "a & b", "!a", "a <-> b", "'", "\\", "a | b",
)  # fmt: skip
NAMES = ("../../etc/passwd", "/etc/passwd", "a\0b", "a" * 300, "..", "", "a/b", "0" * 16, "%2e%2e/x")
ESCAPES = "\x1b]8;;http://evil.test\x07\x1b[2J\x9b31m\u202e\u2066\r\x08"
FORMULAS = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff20A",
    '"=1',
    "' =1",
    " =1",
)
SOURCES = sorted(Path(convo.__file__).parent.rglob("*.py"))
BANNED_CALLS = {"eval", "exec", "__import__", "compile"}
BANNED_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle", "yaml", "msgpack", "xml", "webbrowser"}


# --- SQL and full text -----------------------------------------------------------------------------


@pytest.mark.parametrize("text", SQL)
def test_sql_in_any_value_is_a_value(store: Any, text: str) -> None:
    chat = store.create(title=f"t{text}", key=f"k{text}", metadata={"a": text, "b": {"c": text}})
    chat.add(text, key=f"k{text}")
    store.create(title="other", metadata={"a": "other"})
    assert [one.id for one in store.conversations(metadata={"a": text})] == [chat.id]
    assert [one.id for one in store.conversations(metadata={"a": convo.OneOf(text), "b": {"c": text}})] == [chat.id]
    assert [one.id for one in store.conversations(title=f"t{text}")] == [chat.id]
    assert store.get(key=f"k{text}").id == chat.id
    assert store.report(by="model", model=text).rows == ()
    assert store.get(chat.id).history()[0].text == text


@pytest.mark.parametrize("text", RAW_QUERIES)
def test_the_syntax_of_full_text_search_is_plain_text(store: Any, text: str) -> None:
    store.create(messages=[{"role": "user", "content": "a b c x"}])
    for hit in store.search(text):
        assert hit.snippet
    assert store.search("a")


@pytest.mark.parametrize("name", ["text; DROP TABLE x", "created_at DESC --", "(SELECT 1)", "owner'"])
def test_what_a_report_goes_by_is_a_word_of_ours(store: Any, name: str) -> None:
    with pytest.raises(convo.InputError, match="report goes by"):
        store.report(by=name)


def test_no_sql_is_made_of_values() -> None:
    """`text()` and `exec_driver_sql()` are given constants, never a string that was put together from a variable."""
    found = [
        f"{path.name}:{call.lineno}"
        for path in SOURCES
        for call in _calls(path)
        if _name(call.func) in {"text", "exec_driver_sql", "literal_column"} and call.args and _is_built(call.args[0])
    ]
    assert {place.split(":")[0] for place in found} == {
        "settings.py": "names of pragmas", "wiping.py": "names of pragmas", "branches.py": "states of branches",
        "schema.py": "names of our tables, quoted", "tables_beside.py": "names of constraints",
        "spans.py": "names of columns",
        "partitions.py": "names of our tables, quoted",
    }.keys(), found  # fmt: skip


# --- paths -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_of_blobs_takes_no_name_but_its_own(tmp_path: Path, name: str) -> None:
    blobs = convo.FolderBlobs(tmp_path / "blobs")
    for use in (
        lambda: blobs.put(name, b"x"),
        lambda: list(blobs.read(name)),
        lambda: blobs.size(name),
        lambda: blobs.delete(name),
    ):
        with pytest.raises((convo.ConvoError, ValueError)):
            use()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("where", ["folder", "file"])
def test_a_link_in_a_folder_of_blobs_is_not_followed(tmp_path: Path, where: str) -> None:
    target = tmp_path / "elsewhere"
    target.mkdir()
    (target / "secret").write_bytes(b"secret")
    with convo.Store(f"sqlite:///{tmp_path}/chat.db", blobs=convo.FolderBlobs(tmp_path / "blobs")) as store:
        store.create().add(convo.File(name="a.pdf", data=b"%PDF-1.4 hello"))
        (real,) = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
        name = str(real.relative_to(tmp_path / "blobs"))
        if where == "file":
            real.unlink()
            real.symlink_to(target / "secret")
        else:
            data = real.read_bytes()
            (target / real.name).write_bytes(data)
            real.unlink()
            real.parent.rmdir()
            real.parent.symlink_to(target)
        with pytest.raises(convo.StoreError):
            list(convo.FolderBlobs(tmp_path / "blobs").read(name))


# --- spreadsheets and terminals --------------------------------------------------------------------


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_csv_is_a_formula(text: str) -> None:
    assert str(_cell("owner", {"owner": text})).startswith("'")


def hostile(store: convo.Store) -> convo.Conversation:
    """A conversation in which everything is an escape sequence."""
    chat = store.create(instructions=ESCAPES, title=f"t{ESCAPES}", metadata={"a": ESCAPES})
    chat.add(f"zanzibar {ESCAPES}", name="joe")
    fake = FakeAPI()
    fake.will_reply(f"said {ESCAPES}")
    with fake.client() as client:
        chat.send(client, model="gpt-5.5")
    return chat


@pytest.mark.parametrize(
    "command",
    [
        ("list",), ("list", "--everyone"), ("show", "ID"), ("show", ESCAPES), ("search", "zanzibar"), ("search", ESCAPES),
        ("doctor",), ("stats",), ("stats", "--by", "model,owner"), ("stats", "--csv", "--by", "api"),
        ("stats", "--by", ESCAPES),
        ("blobs",), ("blobs", ESCAPES), ("reprice", "--dry-run"), (ESCAPES,), ("list", f"--{ESCAPES}"),
    ],
)  # fmt: skip
def test_no_command_writes_what_a_terminal_obeys(tmp_path: Path, command: tuple[str, ...]) -> None:
    from click.testing import CliRunner

    from convo.cli import main

    with convo.Store(f"sqlite:///{tmp_path}/chat.db") as store:
        chat = hostile(store)
    arguments = [str(chat.id) if argument == "ID" else argument for argument in command]
    result: Result = CliRunner().invoke(main, ["--store", f"{tmp_path}/chat.db", *arguments])
    assert result.output
    for character in "\x1b\x9b\x07\u202e\u2066\x08":
        assert character not in result.output


def test_no_text_for_people_holds_what_a_terminal_obeys(store: Any) -> None:
    chat = store.create(title=ESCAPES, metadata={"a": ESCAPES})
    message = chat.add(ESCAPES, name="joe")
    request = chat.request("gpt-5.5", origin="https://fake.test/v1")
    texts = [request.explain(), repr(request), repr(message), repr(chat), repr(store), chat.transcript(), repr(chat.history())]
    uses: tuple[Any, ...] = (lambda: store.get(ESCAPES), lambda: store.get(key=ESCAPES), lambda: chat.switch(ESCAPES),
                lambda: chat.abandon(ESCAPES), lambda: chat.tool_output(ESCAPES, "x"), lambda: store.preset(ESCAPES),
                lambda: store.owned_by(ESCAPES), lambda: chat.add("x", role=ESCAPES), lambda: chat.add({"type": ESCAPES}),
                lambda: store.conversations(metadata={ESCAPES: 1}), lambda: store.report(by=ESCAPES))  # fmt: skip
    for use in uses:
        with pytest.raises(convo.ConvoError) as caught:
            use()
        texts += [str(caught.value), repr(caught.value)]
    assert [text for text in texts if not text.replace("\n", "").isprintable()] == []


def test_an_error_is_short_whatever_was_passed(store: Any) -> None:
    uses: tuple[Any, ...] = (lambda: store.get("x" * 1_000_000), lambda: store.get(key="x" * 1_000_000))
    for use in uses:
        with pytest.raises(convo.ConversationNotFound) as caught:
            use()
        assert len(str(caught.value)) < 500


# --- Python and the network ------------------------------------------------------------------------


def test_nothing_stored_is_ever_run() -> None:
    """No eval, no pickle, no YAML: JSON gives plain data. Modules are imported by names that stand in the source."""
    assert len(SOURCES) > 200
    found = []
    for path in SOURCES:
        tree = ast.parse(path.read_bytes())
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{path.name}: import {name}" for name in names if name.split(".")[0] in BANNED_MODULES]
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BANNED_CALLS:
                found.append(f"{path.name}:{node.lineno}: {node.func.id}()")
            if isinstance(node, ast.Call) and _name(node.func) == "import_module" and not isinstance(node.args[0], ast.Constant):
                found.append(f"{path.name}: import_module of a variable")
    assert sorted(found) == [
        "__init__.py: import_module of a variable",  # names of the package, by its own table
        "__init__.py: import_module of a variable",  # steps, by their own list
        "exports.py: import_module of a variable",  # `convo export --redact`: who types the command names it
        "faults.py: import_module of a variable",  # commands, by their own table
    ]


def test_the_ban_would_find_what_it_looks_for() -> None:
    tree = ast.parse("import pickle\neval('1')")
    assert any(isinstance(node, ast.Import) and node.names[0].name in BANNED_MODULES for node in ast.walk(tree))
    assert _is_built(ast.parse("f'SELECT {x}'", mode="eval").body)
    assert _is_built(ast.parse("'SELECT ' + x", mode="eval").body)


def test_no_address_in_content_is_ever_fetched(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    store = world.open()
    chat = store.create()
    asked: list[Any] = []
    if not store.place.startswith("postgresql"):
        monkeypatch.setattr(socket.socket, "connect", lambda self, address: asked.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *address, **more: [asked.append(address)])  # type: ignore[func-returns-value]
    for url in (
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "gopher://x",
        "//evil.test/a.png",
        "http://evil.test/a.png",
    ):
        chat.add({"type": "image_url", "image_url": {"url": url}})
        chat.add({"type": "text", "text": f"see {url}"})
    chat.add({"type": "file", "file": {"file_id": "http://evil.test/a.pdf"}})
    chat.to_chat()
    chat.transcript()
    request = chat.request("gpt-5.5", origin="https://fake.test/v1")
    store.search("evil")
    assert "169.254.169.254" in str(request["messages"])
    assert asked == []


def _calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call)]


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""


def _is_built(argument: ast.expr) -> bool:
    """Whether a string is put together of anything but constants, which are written in capitals."""
    if isinstance(argument, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) and not _name(part.value).isupper() for part in argument.values)
    return isinstance(argument, ast.BinOp) or (isinstance(argument, ast.Call) and _name(argument.func) == "format")
