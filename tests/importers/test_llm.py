"""Logs of the program `llm`, as it writes them itself, and rows as older versions of it wrote them."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import llm
import pytest
import sqlite_utils
from llm.logs import LogStore
from llm.migrations import migrate

import convo
from tests.support.builders import WAV
from tests.support.foreign import PDF, PNG, assembles, conversations, healthy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Parrot(llm.Model):
    """A model that says what it is told, and calls a tool where its prompt begins with "use"."""

    model_id = "parrot-1"
    can_stream = False
    supports_tools = True
    supports_schema = True
    attachment_types = {"image/png", "audio/wav", "application/pdf", "text/csv"}  # noqa: RUF012 - as llm has it

    def execute(self, prompt: Any, stream: Any, response: Any, conversation: Any = None) -> Iterator[str]:
        if (prompt.prompt or "").startswith("use"):
            response.add_tool_call(llm.ToolCall("rain", {"in": "Oslo"}, "call_1"))
        response.set_usage(input=3, output=2)
        yield f"You said: {prompt.prompt}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs.db"


def rain(**place: Any) -> str:
    """Say whether it rains."""
    return "no"


def kinds(done: convo.Imported) -> dict[str, int]:
    return {lost.kind: lost.count for lost in done.not_carried}


def texts(chat: Any) -> list[str]:
    return [message.text for message in chat.history()]


class Talk:
    """A conversation of `llm`, logged after each prompt as the program does it."""

    def __init__(self, path: Path) -> None:
        self.database = sqlite_utils.Database(path)
        migrate(self.database)  # type: ignore[no-untyped-call]
        self.conversation = Parrot().conversation()

    def say(self, prompt: str | None, **more: Any) -> Any:
        response = self.conversation.prompt(prompt, **more)
        response.text()
        response.log_to_db(self.database)  # type: ignore[no-untyped-call]
        return response

    def close(self) -> None:
        self.database.close()


@pytest.fixture
def talk(path: Path) -> Iterator[Talk]:
    opened = Talk(path)
    yield opened
    opened.close()


def test_a_conversation_with_a_tool_comes_over_and_goes_on(here: convo.Store, path: Path, talk: Talk) -> None:
    tools = [llm.Tool.function(rain)]  # type: ignore[no-untyped-call]
    talk.say("use it", system="Be brief.", tools=tools)
    talk.say(None, tools=tools, tool_results=[llm.ToolResult("rain", "no", tool_call_id="call_1")])
    talk.say("Thanks.")
    done = here.import_from("llm", path)
    assert (done.created, done.not_carried) == (1, ())
    chat = here.get(key=f"llm:{talk.conversation.id}")
    assert chat.instructions == "Be brief."
    wires = assembles(chat)
    function = {"name": "rain", "arguments": '{"in":"Oslo"}'}
    assert wires[:4] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "use it"},
        {
            "role": "assistant",
            "content": "You said: use it",
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        },
        {"role": "tool", "content": "no", "tool_call_id": "call_1"},
    ]
    assert wires[-1] == {"role": "assistant", "content": "You said: Thanks."}
    last = chat.history()[-1]
    assert (last.model, last.metadata["llm"]["input_tokens"]) == ("parrot-1", 3)
    assert chat.title == "use it"
    assert healthy(here)


def test_a_thread_that_has_grown_grows(here: convo.Store, path: Path, talk: Talk) -> None:
    talk.say("One.")
    here.import_from("llm", path)
    talk.say("Two.")
    done = here.import_from("llm", path)
    assert (done.grown, done.messages, done.branches) == (1, 2, 0)
    assert here.import_from("llm", path).messages == 0


def test_a_fork_is_a_conversation_and_a_line_that_was_left_a_branch(here: convo.Store, path: Path, talk: Talk) -> None:
    first = talk.say("One.")
    store = LogStore(talk.database)  # type: ignore[no-untyped-call]
    tip = store.thread_tip(talk.conversation.id)
    assert tip is not None
    fork = store.fork(tip, name="A fork", forked_from=talk.conversation.id)
    store.append(fork, [llm.user("In the fork.")])
    talk.say("Two.")
    other = Parrot().conversation()
    other.id = talk.conversation.id
    other.responses.append(first)
    again = other.prompt("Two again.")
    again.text()
    again.log_to_db(talk.database)  # type: ignore[no-untyped-call]
    done = here.import_from("llm", path)
    assert (done.created, done.branches) == (2, 1)
    assert texts(here.get(key=f"llm:{fork}")) == ["One.", "You said: One.", "In the fork."]
    chat = here.get(key=f"llm:{talk.conversation.id}")
    assert texts(chat)[2] == "Two again."


def test_attachments_and_fragments_come_over(here: convo.Store, path: Path, talk: Talk, tmp_path: Path) -> None:
    photo, gone = tmp_path / "dog.png", tmp_path / "gone.png"
    photo.write_bytes(PNG)
    gone.write_bytes(PNG + b"more")
    attached = [
        llm.Attachment(type="image/png", path=str(photo)),
        llm.Attachment(type="image/png", path=str(gone)),
        llm.Attachment(type="audio/wav", content=WAV),
        llm.Attachment(type="application/pdf", content=PDF),
        llm.Attachment(type="text/csv", content=b"a,b"),
        llm.Attachment(type="image/png", url="https://x.org/a.png"),
    ]
    talk.say("What?", attachments=attached, fragments=["A long fragment."])
    gone.write_bytes(b"something else by now")
    done = here.import_from("llm", path)
    assert kinds(done) == {"missing_attachment": 1}
    asked = here.get(key=f"llm:{talk.conversation.id}").history()[0]
    assert asked.text.startswith("A long fragment.")
    assert sorted((piece.kind, piece.format) for piece in asked.media) == [
        ("audio", "wav"), ("file", "application/pdf"), ("file", "text/csv"), ("image", "image/png"),
    ]  # fmt: skip
    assert [part["type"] for part in asked.raw["content"]].count("image_url") == 2


# --- before there were threads ---------------------------------------------------------------------

OLD = """
INSERT INTO conversations VALUES ('c1', 'Old talk', 'gpt-4');
INSERT INTO schemas VALUES ('sc', '{"type": "object"}');
INSERT INTO fragments VALUES (1, 'h', 'A fragment.', NULL, NULL);
INSERT INTO attachments VALUES ('a1', 'application/pdf', NULL, NULL, X'25504446');
INSERT INTO responses (id, model, prompt, system, response, conversation_id, datetime_utc, input_tokens, schema_id)
    VALUES ('r1', 'gpt-4', 'Hi.', 'Be brief.', 'Hello.', 'c1', '2025-01-02T03:04:05.000006', 7, 'sc');
INSERT INTO responses (id, model, prompt, system, response, conversation_id, datetime_utc)
    VALUES ('r2', 'gpt-4', 'Rain?', 'Be brief.', '', 'c1', '2025-01-02T03:05:05+00:00');
INSERT INTO responses (id, model, prompt, response, conversation_id, datetime_utc)
    VALUES ('r3', 'gpt-4', '', 'No rain.', 'c1', '2025-01-02T03:06:05');
INSERT INTO responses (id, model, prompt, response, datetime_utc) VALUES ('r4', 'gpt-4', 'Alone.', 'Indeed.', '2025-01-01');
INSERT INTO prompt_fragments VALUES ('r1', 1, 0);
INSERT INTO prompt_attachments VALUES ('r1', 'a1', 0);
INSERT INTO tool_calls (id, response_id, name, arguments, tool_call_id) VALUES (1, 'r2', 'rain', '{}', 'call_9');
INSERT INTO tool_results (id, response_id, name, output, tool_call_id) VALUES (1, 'r3', 'rain', 'no', 'call_9');
"""


def test_conversations_of_the_old_tables_come_over(here: convo.Store, path: Path) -> None:
    Talk(path).close()
    with sqlite3.connect(path) as connection:
        connection.executescript(OLD)
    connection.close()
    done = here.import_from("llm", path)
    assert (done.created, done.not_carried) == (2, ())
    chat = here.get(key="llm:c1")
    assert (chat.title, chat.instructions, chat.created_at.isoformat()) == (
        "Old talk",
        "Be brief.",
        "2025-01-02T03:04:05.000006+00:00",
    )
    assert texts(chat) == ["Be brief.", "A fragment.\nHi.", "Hello.", "Rain?", "", "no", "No rain."]
    first = chat.history()[2]
    assert (first.model, first.metadata["llm"]) == ("gpt-4", {"input_tokens": 7, "schema": {"type": "object"}})
    assert [piece.format for piece in chat.history()[1].media] == ["application/pdf"]
    assert assembles(chat)[-2] == {"role": "tool", "content": "no", "tool_call_id": "call_9"}
    assert texts(here.get(key="llm:response:r4")) == ["Alone.", "Indeed."]
    assert healthy(here)


def test_an_old_conversation_that_was_gone_on_with_is_one(here: convo.Store, path: Path, talk: Talk) -> None:
    talk.say("One.")
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO conversations VALUES (?, 'x', 'gpt-4')", (talk.conversation.id,))
        connection.execute(
            "INSERT INTO responses (id, prompt, response, conversation_id) VALUES ('r', 'One.', 'x', ?)", (talk.conversation.id,)
        )
    connection.close()
    assert here.import_from("llm", path).conversations == 1


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM messages WHERE parent_hash IS NULL",
        "UPDATE messages SET parent_hash = hash",
        "UPDATE parts SET payload = 'no json'",
        """UPDATE parts SET type = 'attachment', payload = '{"attachment": "x"}'""",
        """UPDATE parts SET payload = '{"attachments": ["x"]}'""",
        """UPDATE parts SET payload = '{"attachments": 5}'""",
        f"""UPDATE parts SET type = 'tool_call', payload = '{{"name": "f", "arguments": {"[" * 1_010}{"]" * 1_010}}}'""",
        """UPDATE parts SET text = NULL, payload = '{"text_ref": [5]}'""",
    ],
)
def test_threads_that_are_not_whole_are_skipped(here: convo.Store, path: Path, talk: Talk, damage: str) -> None:
    talk.say("One.")
    with sqlite3.connect(path) as connection:
        connection.execute(damage)
    connection.close()
    done = here.import_from("llm", path)
    assert (done.created, done.skipped, conversations(here)) == (0, 1, [])


def test_another_database_is_an_error(here: convo.Store, path: Path) -> None:
    sqlite3.connect(path).execute("CREATE TABLE logs (id INTEGER)").connection.close()
    with pytest.raises(convo.NotImportable, match="neither the tables"):
        here.import_from("llm", path)
