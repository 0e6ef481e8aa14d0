"""`chat` through a pipe: each line is said or is an order, replies alone go to stdout, and what goes wrong is a line."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from click.testing import CliRunner

import convo
from convo.cli import main
from convo.cli.keyboard import dropped
from convo.cli.orders import FILES
from convo.edges import system_clock
from convo.testing import FakeAPI
from tests.support.builders import WAV

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result


@attrs.frozen
class Pipe:
    """The command `chat` on a store, with lines on its stdin, and the fake API that it talks to."""

    fake: FakeAPI
    path: Path

    def __call__(self, *said: str, options: tuple[object, ...] = (), end: str = "\n") -> Result:
        """Say these lines; with what the options say."""
        arguments = ["--store", str(self.path), "chat", *map(str, options)]
        result = CliRunner().invoke(main, arguments, input="".join(f"{line}{end}" for line in said))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    @property
    def stored(self) -> list[tuple[str, str]]:
        """Roles and texts of the newest conversation, as they are shown."""
        with convo.Store.existing(f"sqlite:///{self.path}") as store:
            newest = store.conversations(limit=1)
            return [(message.role, message.text) for message in newest[0].history()] if newest else []


@pytest.fixture
def pipe(path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    shutil.copyfile(sqlite_template, path)
    fake = FakeAPI(clock=system_clock)
    with fake.serve() as base_url:
        monkeypatch.setenv("OPENAI_BASE_URL", base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "test-key")
        yield Pipe(fake, path)


# --- lines -----------------------------------------------------------------------------------------


def test_each_line_is_said_and_replies_alone_go_to_stdout(pipe: Pipe) -> None:
    pipe.fake.will_reply("A very good one.")
    pipe.fake.will_reply("Yes.\nThat too.")
    result = pipe("Is it a good dog?", "", "And clever?", options=("--instructions", "Be brief."))
    assert (result.exit_code, result.stdout) == (0, "A very good one.\nYes.\nThat too.\n")
    assert "tokens in" in result.stderr
    assert pipe.stored == [
        ("system", "Be brief."), ("user", "Is it a good dog?"), ("assistant", "A very good one."),
        ("user", "And clever?"), ("assistant", "Yes.\nThat too."),
    ]  # fmt: skip


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_line_ends_are_no_part_of_what_is_said(pipe: Pipe, end: str) -> None:
    pipe("One \\", "two.", end=end)
    assert pipe.stored[0] == ("user", "One \ntwo.")


def test_with_json_each_reply_is_a_line_and_nothing_else_is_on_stdout(pipe: Pipe) -> None:
    pipe.fake.will_reply("Two\nlines.")
    result = pipe("Hello?", "/history", "/cost", "Again?", options=("--json",))
    first, second = [json.loads(row) for row in result.stdout.splitlines()]
    assert (first["text"], first["position"], first["status"], second["position"]) == ("Two\nlines.", 2, "complete", 4)
    assert first["conversation"] == second["conversation"]
    assert first["tokens"]["input_tokens"] > 0
    assert float(first["cost"]["amount"]) > 0
    assert "cost:" in result.stderr


def test_a_terminal_does_not_obey_what_the_model_says(pipe: Pipe) -> None:
    pipe.fake.will_reply("red \x1b[31m and \x9b back\r!")
    assert pipe("Hello?").stdout == "red \\x1b[31m and \\x9b back\\r!\n"


def test_bytes_that_are_no_text_are_refused_and_the_next_line_is_said(pipe: Pipe) -> None:
    result = CliRunner().invoke(main, ["--store", str(pipe.path), "chat"], input=b"caf\xe9\nHello?\n")
    assert result.exit_code == 1
    assert result.stderr.count("convo: ") == 1
    assert [text for role, text in pipe.stored if role == "user"] == ["Hello?"]


def test_two_slashes_say_words_that_begin_with_one(pipe: Pipe) -> None:
    pipe("//help is an order", "/etc/hosts is a path")
    assert [text for role, text in pipe.stored if role == "user"] == ["/help is an order", "/etc/hosts is a path"]


# --- what goes wrong -------------------------------------------------------------------------------


def test_an_error_of_the_api_is_a_line_and_the_chat_goes_on(pipe: Pipe) -> None:
    pipe.fake.will_fail(401)
    result = pipe("Is it a good dog?", "/regenerate")
    assert result.exit_code == 1
    assert result.stderr.count("convo: the API refused (401): ") == 1
    assert pipe.stored == [("user", "Is it a good dog?"), ("assistant", "I have read 1 message.")]


def test_an_api_that_is_not_there_is_a_line(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openai.OpenAI.max_retries", 0, raising=False)
    pipe.fake.will_drop(times=3)
    result = pipe("Hello?")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "convo: the API gave no answer: Connection error.; /regenerate asks again" in result.stderr


def test_without_a_key_it_says_what_to_do(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    result = pipe("Hello?")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "convo: there is no key of the API; set OPENAI_API_KEY, or try it out with: convo chat --fake\n"
    assert pipe.stored == []


@pytest.mark.parametrize("closed", ["<&-", "<&- >&- 2>&-"])
def test_streams_that_were_closed_end_it(path: Path, closed: str) -> None:
    command = f"{shlex.quote(sys.executable)} -m convo --store {shlex.quote(str(path))} chat --fake {closed}"
    assert subprocess.run(["sh", "-c", command], check=False).returncode == 0


def test_a_folder_that_is_not_there_is_told_before_anything_is_said(pipe: Pipe) -> None:
    result = CliRunner().invoke(main, ["--store", str(pipe.path.parent / "missing" / "chat.db"), "chat"], input="Hello?\n")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.endswith("missing/chat.db; its folder is not there\n")


UNKNOWN = "01a1fd0a-a0a3-7c97-a3d4-a046bfe394e0"


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        ((UNKNOWN,), 1, "convo: there is no conversation"),
        (("--last",), 1, "holds no conversation to go on with"),
        ((UNKNOWN, "--last"), 2, "both say which conversation goes on"),
        (("--api", "realtime"), 2, "Invalid value for '--api'"),
    ],
)
def test_what_cannot_begin_is_told(pipe: Pipe, options: tuple[str, ...], code: int, says: str) -> None:
    result = pipe("Hello?", options=options)
    assert (result.exit_code, result.stdout) == (code, "")
    assert says in result.stderr
    assert pipe.fake.received == []


ENDLESS = {
    "history": "/history [NUMBER]", "fork": "/fork [POSITION]", "switch": "/switch NUMBER", "resume": "there is no conversation",
    "edit": "/edit [POSITION] [WORDS]",
}  # fmt: skip
"""What orders say to a number that has no end."""


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ("/nonsense", "there is no /nonsense; /help lists what there is"),
        ("/audio", "/audio FILE [WORDS]: say a recording"),
        ("/audio missing.wav", "missing.wav: No such file or directory"),
        ("/audio .", "Is a directory"),
        ("/edit", "/edit [POSITION] [WORDS]"),
        ("/edit 99 What?", "99"),
        ("/edit 2 I never said that.", "reply"),
        ("/switch", "/switch NUMBER"),
        ("/switch 9", "/switch NUMBER"),
        ("/switch \u0661", "/switch NUMBER"),
        ("/fork x", "/fork [POSITION]"),
        ("/fork 99", "99"),
        ("/resume nobody", "there is no conversation"),
        ("/resume 1", "there is no conversation"),
        ("/history 0", "/history [NUMBER]"),
        ("/title", "/title WORDS"),
        ("/save", "/save FILE"),
        ("/save talk.pdf", "/save FILE"),
        ("/save missing/talk.md", "cannot write missing/talk.md"),
        ("/save \0.md", "NUL"),
        ("/audio \0.wav", "NUL"),
        ("/audio file://[", "No such file"),
        *((f"/{order} {'9' * 5_000}", says) for order, says in ENDLESS.items()),
    ],
)
def test_an_order_that_cannot_be_is_a_line_and_changes_nothing(pipe: Pipe, order: str, says: str) -> None:
    result = pipe("Hello?", order)
    assert result.exit_code == 1
    (told,) = [line for line in result.stderr.splitlines() if line.startswith("convo: ")]
    assert says in told
    assert len(pipe.stored) == 2
    assert len(pipe.fake.received) == 1


@pytest.mark.parametrize("order", ["/why", "/cost", "/history", "/regenerate", "/edit What?", "/fork", "/branches", "/save x.md"])
def test_an_order_about_nothing_says_so(pipe: Pipe, order: str) -> None:
    result = pipe(order)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "nothing was said yet" in result.stderr
    assert pipe.stored == []


# --- orders ----------------------------------------------------------------------------------------


def test_why_shows_what_would_be_sent_and_sends_nothing(pipe: Pipe) -> None:
    result = pipe("Hello?", "/why")
    assert "because" in result.stdout
    assert "model gpt-5.5: text to text" in result.stdout
    assert len(pipe.fake.received) == 1


def test_a_reply_is_taken_back_and_asked_for_again(pipe: Pipe) -> None:
    pipe.fake.will_reply("Hm.")
    pipe.fake.will_reply("Yes!")
    result = pipe("Is it a good dog?", "/regenerate", "/branches", "/switch 1")
    assert result.stdout.startswith("Hm.\nYes!\n")
    assert "shown" in result.stdout
    assert pipe.stored == [("user", "Is it a good dog?"), ("assistant", "Hm.")]


def test_what_was_said_is_written_anew_and_answered(pipe: Pipe) -> None:
    pipe("One", "Two", "/edit 2.5 metres?", "/edit 1 Uno")
    assert pipe.stored == [("user", "Uno"), ("assistant", "I have read 1 message.")]
    assert [message["content"] for message in pipe.fake.received[2].body["messages"]][-1] == "2.5 metres?"


def test_a_fork_goes_on_by_itself(pipe: Pipe) -> None:
    pipe("One", "/fork 1", "/title The other", "Two")
    with convo.Store.existing(f"sqlite:///{pipe.path}") as store:
        newest, first = store.conversations()
        assert (newest.title, newest.head, first.title, first.head) == ("The other", 3, "One", 2)


def test_a_conversation_goes_on_by_its_number_its_id_and_as_the_last(pipe: Pipe) -> None:
    pipe("The first", "/new", "The second")
    with convo.Store.existing(f"sqlite:///{pipe.path}") as store:
        newest, first = store.conversations()
    assert "2  " in pipe("/resume", "/resume 2", "Once more").stdout
    pipe("Twice more", options=(first.id,))
    pipe("/resume " + str(first.id), "Thrice more")
    pipe("Back", options=("--last",))
    with convo.Store.existing(f"sqlite:///{pipe.path}") as store:
        assert [store.get(one.id).head for one in (newest, first)] == [4, 8]


def test_who_answered_before_answers_again_unless_told_otherwise(pipe: Pipe) -> None:
    pipe("Hello?", options=("--model", "gpt-5.4"))
    pipe("Hello?", options=("--model", "gpt-audio-1.5"))
    pipe("Hello?", "/model gpt-5.5", "Again", options=("--last",))
    assert [request.body["model"] for request in pipe.fake.received] == ["gpt-5.4", "gpt-audio-1.5", "gpt-audio-1.5", "gpt-5.5"]


def test_instructions_are_in_force_from_then_on(pipe: Pipe) -> None:
    pipe("Hello?", options=("--instructions", "Be brief."))
    pipe("And now?", options=("--last", "--instructions", "Be kind."))
    assert pipe.fake.last.body["messages"][0]["content"] == "Be kind."


def test_instructions_are_not_given_to_what_is_resumed_later(pipe: Pipe) -> None:
    pipe("Hello?", options=("--instructions", "Be brief."))
    pipe("/resume", "/resume 1", "And now?", options=("--instructions", "Be kind."))
    assert pipe.stored[0] == ("system", "Be brief.")
    assert pipe.fake.last.body["messages"][0]["content"] == "Be brief."


@pytest.mark.parametrize(
    ("name", "begins"), [("talk.md", "# "), ("talk.html", "<!doctype html>"), ("talk.json", "{"), ("talk.jsonl", "{")]
)
def test_a_conversation_is_saved_once(
    pipe: Pipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, begins: str
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    result = pipe("Hello?", f"/save {name}", f"/save {name}")
    assert (tmp_path / name).read_text().lower().startswith(begins)
    assert result.stderr.count(f"convo: {name} is there already") == 1


# --- sound -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "kinds"), [("/audio {}", ["input_audio"]), ("/audio '{}' Please answer.", ["input_audio", "text"])]
)
def test_a_recording_is_said_by_its_path(pipe: Pipe, tmp_path: Path, written: str, kinds: list[str]) -> None:
    (tmp_path / "question.wav").write_bytes(WAV)
    result = pipe(written.format(tmp_path / "question.wav"), options=("--model", "gpt-audio-1.5"))
    assert result.exit_code == 0, result.stderr
    assert [part["type"] for part in pipe.fake.last.body["messages"][0]["content"]] == kinds


def test_a_file_that_a_piped_text_names_is_not_sent(pipe: Pipe, tmp_path: Path) -> None:
    (tmp_path / "question.wav").write_bytes(WAV)
    pipe(str(tmp_path / "question.wav"))
    assert pipe.fake.last.body["messages"][0]["content"] == str(tmp_path / "question.wav")


@pytest.mark.parametrize(
    "written", ["{0}/my question.wav'", "'{0}/my question.wav' ", "{0}/my\\ question.wav", "file://{0}/my%20question.wav"]
)
def test_a_dropped_file_is_known_as_terminals_write_it(tmp_path: Path, written: str) -> None:
    (tmp_path / "my question.wav").write_bytes(WAV)
    known = None if written.endswith("wav'") else tmp_path / "my question.wav"
    assert dropped(written.format(tmp_path), FILES) == known


@pytest.mark.parametrize(
    "line", ["", "question.wav", "missing.wav", "a\0b.wav", f"{'x' * 10_000}.wav", "~nobody-at-all/x.wav", "two words.wav"]
)
def test_other_lines_are_words(line: str) -> None:
    assert dropped(line, FILES) is None


def test_what_was_not_kept_is_to_be_said_again(pipe: Pipe, tmp_path: Path) -> None:
    (tmp_path / "question.wav").write_bytes(WAV)
    pipe.fake.will_fail(401)  # to transcribe it, before it is in the log
    result = pipe(f"/audio {tmp_path / 'question.wav'}")
    assert pipe.stored == []
    assert "it was not kept, say it again" in result.stderr
    assert "/regenerate" not in result.stderr


def test_a_model_that_only_reads_is_told_what_was_said(pipe: Pipe, tmp_path: Path) -> None:
    (tmp_path / "question.wav").write_bytes(WAV)
    pipe.fake.will_transcribe("Is it a good dog?")
    result = pipe(f"/audio {tmp_path / 'question.wav'}")
    assert "(heard: Is it a good dog?)" in result.stderr
    assert pipe.stored[0] == ("user", "Is it a good dog?")


@pytest.mark.filterwarnings("ignore::convo.ModelEndsSoon")
@pytest.mark.parametrize("model", ["gpt-audio-1.5", "gpt-5.5"])
def test_speech_is_saved_under_a_name_that_is_free(pipe: Pipe, tmp_path: Path, model: str) -> None:
    options = ("--voice", "coral", "--model", model, "--keep", tmp_path / "replies")
    result = pipe("Hello?", "/regenerate", options=options)
    saved = sorted((tmp_path / "replies").iterdir())
    assert [path.read_bytes()[:4] for path in saved] == [b"RIFF", b"RIFF"]
    assert all(f"saved as {path})" in result.stderr for path in saved)


def test_speech_that_cannot_be_saved_is_told_and_the_reply_is_kept(pipe: Pipe, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    pipe.fake.will_reply("Hello.")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("tempfile.mkdtemp", lambda **_: str(tmp_path / "file" / "folder"))
        result = pipe("Hello?", options=("--voice", "coral"))
    assert (result.exit_code, result.stdout) == (1, "Hello.\n")
    assert "it is in the store" in result.stderr


# --- without a key ---------------------------------------------------------------------------------


def test_a_fake_says_nothing_into_a_store_that_was_not_named_for_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv("CONVO_DATABASE_URL", str(path))
    result = CliRunner().invoke(main, ["chat", "--fake"], input="Hello?\n")
    assert (result.exit_code, result.stdout) == (0, "I have read 1 message.\n")
    assert not path.exists()
    named = CliRunner().invoke(main, ["--store", str(path), "chat", "--fake"], input="Hello?\n")
    assert f"(to go on: convo --store {path} chat " in named.stderr
    assert path.exists()


def test_a_password_is_not_shown(pipe: Pipe) -> None:
    result = CliRunner().invoke(main, ["--store", "postgresql://me:secret@localhost:1/x", "chat"], input="Hello?\n")
    assert result.exit_code == 1
    assert "secret" not in result.output


def responses(pipe: Pipe) -> list[Any]:
    return [request.path for request in pipe.fake.received]


def test_the_responses_api_is_asked_when_wanted(pipe: Pipe) -> None:
    pipe("Hello?", options=("--api", "responses"))
    assert responses(pipe) == ["/v1/responses"]
