"""Sessions of the OpenAI Agents SDK, as the SDK itself writes them: SQLite, SQLAlchemy on PostgreSQL, branches, ciphers."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from agents import SQLiteSession
from agents.extensions.memory import AdvancedSQLiteSession, EncryptedSession, SQLAlchemySession

import convo
from tests.support.foreign import PNG, assembles, conversations, healthy

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from pathlib import Path

CALL = {"type": "function_call", "call_id": "call_1", "name": "rain", "arguments": "{}", "id": "fc_1", "status": "completed"}
SAID: Any = {
    "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
    "content": [{"type": "output_text", "text": "No rain.", "annotations": [], "logprobs": []}],
}  # fmt: skip
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
TURN: list[Any] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Rain in Oslo?"},
    THOUGHT,
    CALL,
    {"type": "function_call_output", "call_id": "call_1", "output": "no"},
    SAID,
]


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def session(path: Path, *items: Any, name: str = "s-1", **more: Any) -> None:
    """Write items by the SDK."""
    opened = SQLiteSession(name, path, **more)
    run(opened.add_items(list(items)))
    opened.close()


def texts(chat: Any) -> list[str]:
    return [message.text for message in chat.history()]


def kinds(done: convo.Imported) -> dict[str, int]:
    return {lost.kind: lost.count for lost in done.not_carried}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


def test_a_turn_with_a_tool_comes_over_and_goes_on(here: convo.Store, path: Path) -> None:
    session(path, *TURN)
    done = here.import_from("openai-agents", path)
    assert (done.created, done.messages, done.not_carried) == (1, 5, ())
    chat = here.get(key="openai-agents:s-1")
    assert texts(chat) == ["Be brief.", "Rain in Oslo?", "", "no", "No rain."]
    asked = chat.history()[2]
    assert (asked.api, asked.raw["output"]) == ("responses", [THOUGHT, CALL])
    function = {"name": "rain", "arguments": "{}"}
    assert assembles(chat) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Rain in Oslo?"},
        {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": function}]},
        {"role": "tool", "content": "no", "tool_call_id": "call_1"},
        {"role": "assistant", "content": "No rain."},
    ]
    assert healthy(here)


def test_a_session_that_has_grown_grows(here: convo.Store, path: Path) -> None:
    session(path, *TURN)
    here.import_from("openai-agents", path)
    session(path, {"role": "user", "content": "Thanks."})
    done = here.import_from("openai-agents", path)
    assert (done.grown, done.messages, done.branches) == (1, 1, 0)
    assert texts(here.get(key="openai-agents:s-1"))[-1] == "Thanks."


def test_what_was_taken_back_stays_here_and_what_follows_is_a_branch(here: convo.Store, path: Path) -> None:
    session(path, {"role": "user", "content": "One."}, {"role": "user", "content": "Two."})
    here.import_from("openai-agents", path)
    opened = SQLiteSession("s-1", path)
    run(opened.pop_item())
    run(opened.add_items([{"role": "user", "content": "Three."}]))
    opened.close()
    done = here.import_from("openai-agents", path)
    assert (done.messages, done.branches) == (1, 1)
    assert texts(here.get(key="openai-agents:s-1")) == ["One.", "Three."]


def test_media_of_users_come_over(here: convo.Store, path: Path) -> None:
    import base64

    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    content = [
        {"type": "input_text", "text": "What?"},
        {"type": "input_image", "image_url": url, "detail": "low"},
        {"type": "new"},
    ]
    output = [{"type": "input_text", "text": "Seen."}, {"type": "input_image", "image_url": url}]
    result = {"type": "function_call_output", "call_id": "call_1", "output": output}
    session(path, {"role": "user", "content": content}, CALL, result)
    done = here.import_from("openai-agents", path)
    assert kinds(done) == {"unknown_part": 1, "tool_media": 1}
    first, _, last = here.get(key="openai-agents:s-1").history()
    assert [part["type"] for part in first.raw["content"]] == ["text", "image_url", "text"]
    assert first.media[0].size == len(PNG)
    assert first.metadata["openai-agents"]["content"][2] == {"type": "new"}, "what has no place is kept"
    assert last.text == "Seen.\n[image_url]"


def test_branches_of_an_advanced_session_are_branches(here: convo.Store, path: Path) -> None:
    async def talk() -> None:
        opened = AdvancedSQLiteSession(session_id="s-1", db_path=path, create_tables=True)
        await opened.add_items([{"role": "user", "content": "One."}, SAID, {"role": "user", "content": "Two."}, SAID])
        await opened.create_branch_from_turn(2)
        await opened.add_items([{"role": "user", "content": "Other."}])
        opened.close()

    run(talk())
    done = here.import_from("openai-agents", path)
    assert (done.messages, done.branches) == (5, 1)
    chat = here.get(key="openai-agents:s-1")
    found = []
    for branch in chat.branches():
        chat.switch(branch)
        found.append(texts(chat))
    assert found == [["One.", "No rain.", "Two.", "No rain."], ["One.", "No rain.", "Other."]]
    assert (here.import_from("openai-agents", path).messages, healthy(here)) == (0, True)


def test_what_is_encrypted_is_told_as_not_carried(here: convo.Store, path: Path) -> None:
    async def talk() -> None:
        inner = SQLiteSession("s-1", path)
        await EncryptedSession("s-1", inner, "secret").add_items([{"role": "user", "content": "Hush."}])
        inner.close()

    run(talk())
    session(path, {"role": "user", "content": "Open."}, name="s-2")
    done = here.import_from("openai-agents", path)
    assert (done.created, done.skipped, kinds(done)) == (1, 1, {"encrypted": 1})
    assert [chat.key for chat in conversations(here)] == ["openai-agents:s-2"]


def test_other_tables_are_found_by_their_columns_or_named(here: convo.Store, path: Path) -> None:
    session(path, {"role": "user", "content": "One."}, sessions_table="talks", messages_table="talk_items")
    assert here.import_from("openai-agents", path).created == 1
    session(path, {"role": "user", "content": "Two."}, sessions_table="others", messages_table="other_items", name="s-2")
    with pytest.raises(convo.NotImportable, match="other_items, talk_items"):
        here.import_from("openai-agents", path)
    assert here.import_from("openai-agents", path, table="other_items").created == 1
    with pytest.raises(convo.NotImportable, match="'x; drop'"):
        here.import_from("openai-agents", path, table="x; drop")


def test_sessions_of_sqlalchemy_are_read_from_any_url(here: convo.Store, postgres_url: str) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    table = f"items_{uuid4().hex[:8]}"

    async def talk() -> None:
        engine = create_async_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
        for name in ("s-1", "s-2"):
            opened = SQLAlchemySession(
                name, engine=engine, create_tables=True, sessions_table=f"of_{table}", messages_table=table
            )
            await opened.add_items(TURN)
        await engine.dispose()

    run(talk())
    done = here.import_from("openai-agents", postgres_url, table=table)
    assert (done.created, done.messages, done.not_carried) == (2, 10, ())
    assert assembles(here.get(key="openai-agents:s-2"))


ROW = "INSERT INTO agent_messages (session_id, message_data) VALUES ('s-1', ?)"


@pytest.mark.parametrize(
    "data", ["no json", "[1]", "null", '{"type": "item_reference", "id": "msg_1"}', b"\xff\xfe", "[" * 5_000]
)
def test_rows_that_cannot_be_read_are_told(here: convo.Store, path: Path, data: Any) -> None:
    session(path, {"role": "user", "content": "One."})
    with sqlite3.connect(path) as connection:
        connection.execute(ROW, (data,))
    connection.close()
    done = here.import_from("openai-agents", path)
    assert (done.created, done.messages, len(done.not_carried)) == (1, 1, 1)


@pytest.mark.parametrize(
    "item",
    [
        {"role": "user", "content": None}, {"role": "user", "content": {"a": 1}}, {"role": 7}, {}, {"type": "message"},
        {"type": "function_call_output", "output": {"a": 1}}, {"type": "message", "role": "assistant", "content": 5},
        {"role": "user", "content": [7, None, {"type": "input_file"}]}, {"type": "function_call"},
    ],
)  # fmt: skip
def test_items_of_odd_shapes_are_imported_or_skipped_whole(here: convo.Store, path: Path, item: Any) -> None:
    session(path, {"role": "user", "content": "One."}, item)
    done = here.import_from("openai-agents", path)
    assert done.created + done.skipped == 1
    assert len(conversations(here)) == done.created
    for chat in conversations(here):
        assembles(chat)


def damaged(path: Path) -> Sequence[Any]:
    session(path, *TURN)
    data = bytearray(path.read_bytes())
    data[4096:12_288] = b"\xff" * 8_192
    path.write_bytes(data)
    return path, "cannot be read"


@pytest.mark.parametrize("kind", ["missing", "text", "other tables", "damaged", "no driver", "no server", "no url", "folder"])
def test_what_is_no_database_of_sessions_is_an_error(here: convo.Store, path: Path, kind: str) -> None:
    where: Any = path
    reason = "."
    if kind == "text":
        path.write_text("hello")
        reason = "no SQLite database"
    elif kind == "other tables":
        sqlite3.connect(path).execute("CREATE TABLE t (id INTEGER)").connection.close()
        reason = "has no table with the columns id, session_id, message_data, created_at"
    elif kind == "damaged":
        where, reason = damaged(path)
    elif kind == "no server":
        where, reason = "postgresql://u:hunter2@127.0.0.1:1/x", "cannot be read"
    elif kind == "no driver":
        where = "nonsense+driver://host/x"
    elif kind == "no url":
        where = "://"
    elif kind == "folder":
        where = path.parent
    with pytest.raises(convo.NotImportable, match=reason) as caught:
        here.import_from("openai-agents", where)
    assert "hunter2" not in str(caught.value)
    assert conversations(here) == []


def test_the_source_is_only_read(here: convo.Store, path: Path) -> None:
    session(path, *TURN)
    before = path.read_bytes()
    path.chmod(0o444)
    here.import_from("openai-agents", f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_ids_of_any_shape_make_keys(here: convo.Store, path: Path) -> None:
    names = ["a" * 300, "with\nline", "\N{GRINNING FACE}", " "]
    for name in names:
        session(path, {"role": "user", "content": json.dumps(name)}, name=name)
    assert here.import_from("openai-agents", path).created == len(names)
    assert here.import_from("openai-agents", path).created == 0
    assert here.get(key="openai-agents:\N{GRINNING FACE}").head == 1


@pytest.mark.parametrize(
    "row",
    [
        '{"type": "function_call_output", "call_id": DEEP, "output": "Hi."}',
        '{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "more": DEEP}',
        '{"type": "unknown", "more": DEEP}',
    ],
)
def test_a_row_that_is_nested_too_deeply_is_told_and_the_others_come_over(here: convo.Store, tmp_path: Path, row: str) -> None:
    path = tmp_path / "deep.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE agent_messages (id INTEGER PRIMARY KEY, session_id TEXT, message_data TEXT, created_at)")
        rows = [(1, '{"role": "user", "content": "Hi."}'), (2, row.replace("DEEP", "[" * 1_010 + "]" * 1_010))]
        connection.executemany("INSERT INTO agent_messages (id, session_id, message_data) VALUES (?, 's', ?)", rows)
    connection.close()
    done = here.import_from("openai-agents", path)
    assert (done.created, done.messages) == (1, 1)
    assert [lost.kind for lost in done.not_carried] == ["unreadable_item"]
