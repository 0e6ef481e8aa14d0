"""Chat histories of LangChain, as LangChain writes them: SQLite, PostgreSQL, all kinds of messages and blocks."""

from __future__ import annotations

import base64
import json
import sqlite3
import warnings
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
    message_to_dict,
)

import convo
from tests.support.builders import WAV
from tests.support.foreign import PNG, assembles, conversations, healthy

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_core.messages import BaseMessage


with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it says that it is no longer maintained
    from langchain_community.chat_message_histories import SQLChatMessageHistory
    from langchain_postgres import PostgresChatMessageHistory

IMAGE = base64.b64encode(PNG).decode()
TURN: list[BaseMessage] = [
    SystemMessage("Be brief."),
    HumanMessage("Rain in Oslo?", name="anna"),
    AIMessage(
        "", tool_calls=[{"name": "rain", "args": {"in": "Oslo"}, "id": "call_1"}], response_metadata={"model_name": "gpt-5.5"}
    ),
    ToolMessage("no", tool_call_id="call_1", status="success", artifact={"mm": 0}),
    AIMessage("No rain.", usage_metadata={"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def history(path: Path, messages: list[BaseMessage], session: str = "s-1", **more: Any) -> None:
    """Write messages by LangChain."""
    opened = SQLChatMessageHistory(session, connection=f"sqlite:///{path}", **more)
    opened.add_messages(messages)
    opened.session_maker.remove()  # type: ignore[union-attr]
    opened.engine.dispose()


def test_a_turn_with_a_tool_comes_over_and_goes_on(here: convo.Store, path: Path) -> None:
    history(path, TURN)
    done = here.import_from("langchain", path)
    assert (done.created, done.messages, done.not_carried) == (1, 5, ())
    chat = here.get(key="langchain:s-1")
    assert chat.instructions == "Be brief."
    function = {"name": "rain", "arguments": '{"in":"Oslo"}'}
    assert assembles(chat) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Rain in Oslo?"},
        {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": function}]},
        {"role": "tool", "content": "no", "tool_call_id": "call_1"},
        {"role": "assistant", "content": "No rain."},
    ]
    _, _, asked, answered, last = chat.history()
    assert asked.model == "gpt-5.5"
    assert answered.metadata["langchain"]["artifact"] == {"mm": 0}
    assert last.metadata["langchain"]["usage_metadata"]["total_tokens"] == 5
    assert healthy(here)


def test_a_history_that_has_grown_grows(here: convo.Store, path: Path) -> None:
    history(path, TURN)
    history(path, TURN, session="s-2")
    here.import_from("langchain", path)
    history(path, [HumanMessage("Thanks.")])
    done = here.import_from("langchain", f"sqlite:///{path}")
    assert (done.conversations, done.grown, done.messages) == (2, 1, 1)
    assert here.get(key="langchain:s-1").history()[-1].text == "Thanks."


@pytest.mark.parametrize(
    ("message", "content"),
    [
        (HumanMessage(["Hi.", {"type": "text", "text": "There."}]), ["text", "text"]),
        (HumanMessage([{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}"}}]), ["image_url"]),
        (HumanMessage([{"type": "image_url", "image_url": "https://x.org/a.png"}]), ["image_url"]),
        (HumanMessage([{"type": "image", "source_type": "base64", "data": IMAGE, "mime_type": "image/png"}]), ["image_url"]),
        (HumanMessage([{"type": "image", "base64": IMAGE, "mime_type": "image/png"}]), ["image_url"]),
        (HumanMessage([{"type": "image", "url": "https://x.org/a.png"}]), ["image_url"]),
        (HumanMessage([{"type": "audio", "base64": base64.b64encode(WAV).decode(), "mime_type": "audio/wav"}]), ["input_audio"]),
        (HumanMessage([{"type": "file", "file_id": "file-1"}]), ["file"]),
        (HumanMessage([{"type": "file", "base64": "JVBERg==", "mime_type": "application/pdf"}]), ["file"]),
        (ChatMessage(content="As a developer.", role="developer"), None),
        (FunctionMessage(content="3", name="count"), None),
    ],
)
def test_each_kind_of_content_comes_over(here: convo.Store, path: Path, message: Any, content: list[str] | None) -> None:
    history(path, [message])
    assert here.import_from("langchain", path).not_carried == ()
    chat = here.get(key="langchain:s-1")
    (found,) = chat.history()
    assert content is None or [part["type"] for part in found.raw["content"]] == content
    if content != ["input_audio"]:
        assembles(chat)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (HumanMessage(""), "empty_message"),
        (HumanMessage([{"type": "video", "url": "https://x.org"}]), "unknown_part"),
        (ChatMessage(content="Hello.", role="narrator"), "unknown_role"),
        (RemoveMessage(id="1"), "unknown_message"),
        (AIMessage([{"type": "reasoning", "reasoning": "Hm."}, {"type": "text", "text": "So."}]), "unknown_part"),
    ],
)
def test_what_has_no_place_is_told(here: convo.Store, path: Path, message: Any, kind: str) -> None:
    history(path, [HumanMessage("First."), message])
    (lost,) = here.import_from("langchain", path).not_carried
    assert (lost.kind, lost.conversation) == (kind, "s-1")
    chat = here.get(key="langchain:s-1")
    if kind == "unknown_part":
        assert chat.history()[-1].metadata["langchain"]["content"][0]["type"] in ("video", "reasoning")
    assembles(chat)


def test_speech_of_a_reply_comes_over(here: convo.Store, path: Path) -> None:
    audio = {"id": "audio_1", "data": base64.b64encode(WAV).decode(), "expires_at": 1, "transcript": "It is."}
    history(path, [HumanMessage("Is it?"), AIMessage("", additional_kwargs={"audio": audio})])
    here.import_from("langchain", path)
    chat = here.get(key="langchain:s-1")
    said = chat.history()[-1].audio
    assert said is not None
    assert (said.transcript, chat.load(said).data) == ("It is.", WAV)
    assert assembles(chat)[-1] == {"role": "assistant", "content": "It is."}


def test_histories_of_langchain_postgres_keep_their_times(here: convo.Store, postgres_url: str) -> None:
    table, session = f"chat_{uuid4().hex[:8]}", str(uuid4())
    with psycopg.connect(postgres_url) as connection:
        PostgresChatMessageHistory.create_tables(connection, table)
        PostgresChatMessageHistory(table, session, sync_connection=connection).add_messages(TURN)
        (written,) = connection.execute(f"SELECT min(created_at) FROM {table}").fetchone() or (None,)
    done = here.import_from("langchain", postgres_url, table=table)
    assert (done.created, done.messages, done.not_carried) == (1, 5, ())
    chat = here.get(key=f"langchain:{session}")
    assert chat.history()[0].created_at == chat.created_at == written
    assert assembles(chat)
    with psycopg.connect(postgres_url) as connection:
        connection.execute(f"DROP TABLE {table}")


@pytest.mark.parametrize(
    "text",
    ["no json", "[]", '{"type": 7}', '{"type": "human"}', '{"type": "human", "data": {"content": 5}}', "null", "{" * 3_000,
     '{"type": "tool", "data": {}}', '{"type": "ai", "data": {"tool_calls": [7, {"name": "x"}], "additional_kwargs": 3}}'],
)  # fmt: skip
def test_rows_of_odd_shapes_are_told_or_imported_whole(here: convo.Store, path: Path, text: str) -> None:
    history(path, [HumanMessage("First.")])
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO message_store (session_id, message) VALUES ('s-1', ?)", (text,))
    connection.close()
    done = here.import_from("langchain", path)
    assert (done.created, done.messages + sum(lost.count for lost in done.not_carried)) == (1, 2)
    assert len(conversations(here)) == 1


def test_a_table_of_another_name_is_found(here: convo.Store, path: Path) -> None:
    history(path, TURN, table_name="talks")
    assert here.import_from("langchain", path).created == 1


def test_a_custom_converter_keeps_no_message_of_langchain(here: convo.Store, path: Path) -> None:
    raw = json.dumps({"who": "me"} | message_to_dict(HumanMessage("Hi."))["data"])
    history(path, [HumanMessage("First.")])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE message_store SET message = ?", (raw,))
    connection.close()
    (lost,) = here.import_from("langchain", path).not_carried
    assert lost.kind == "unreadable_message"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@127.0.0.1:1/db",
        "postgresql://me@127.0.0.1:1/db?password=hunter2",
        "postgresql://me:hunter2@127.0.0.1:port/db",
        "mssql+nothere://me:hunter2@127.0.0.1/db",
        "mysql://me:hunter2@127.0.0.1/db",
    ],
)
@pytest.mark.parametrize("format_", ["langchain", "jsonl", "chatgpt"])
def test_no_error_tells_a_password(here: convo.Store, url: str, format_: Any) -> None:
    with pytest.raises((convo.NotImportable, convo.InputError)) as caught:
        here.import_from(format_, url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "row",
    [
        '{"type": "ai", "data": {"content": "", "tool_calls": [{"name": "f", "id": "a", "args": {"x": DEEP}}]}}',
        '{"type": "tool", "data": {"content": "Hi.", "tool_call_id": DEEP}}',
    ],
)
def test_a_row_that_is_nested_too_deeply_is_told_and_the_others_come_over(here: convo.Store, tmp_path: Path, row: str) -> None:
    path = tmp_path / "deep.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE message_store (id INTEGER PRIMARY KEY, session_id TEXT, message TEXT)")
        rows = [(1, '{"type": "human", "data": {"content": "Hi."}}'), (2, row.replace("DEEP", "[" * 1_010 + "]" * 1_010))]
        connection.executemany("INSERT INTO message_store (id, session_id, message) VALUES (?, 's', ?)", rows)
    connection.close()
    done = here.import_from("langchain", path)
    assert (done.created, done.messages) == (1, 1)
    assert [lost.kind for lost in done.not_carried] == ["unreadable_message"]
