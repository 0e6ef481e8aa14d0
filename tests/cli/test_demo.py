"""The demo tells the story of the library with real requests, by voice, across processes and past expiry."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import wave
from typing import TYPE_CHECKING, Any

import pytest

import convo
from convo.cli import acts
from convo.testing import FakeAPI

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("CONVO_", "OPENAI_"))}


def _convo(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "convo", *map(str, arguments)]
    return subprocess.run(
        command, env={**ENVIRONMENT, "PYTHONWARNINGS": "error", **environment}, capture_output=True, encoding="utf-8", check=False
    )


class Shown:
    """What the demo printed: the text of each act, the prologue first."""

    def __init__(self, output: str) -> None:
        self.output = output
        self.acts = re.split(r"\n\n\n(?=\d\. |The whole)", output)

    def bodies(self, act: int) -> dict[str, Any]:
        """Give the JSON of an act by the line above it."""
        found = re.findall(r"^([^ \n][^\n]*):\n((?:    [^\n]*\n?)+)", self.acts[act], re.MULTILINE)
        return {label: json.loads(text) for label, text in found if text.lstrip().startswith(("{", "["))}

    def request(self, act: int) -> dict[str, Any]:
        """Give the request that an act shows."""
        bodies = self.bodies(act)
        request: dict[str, Any] = bodies.get("The request, as the API received it") or bodies["The request"]
        return request

    def messages(self, act: int) -> list[dict[str, Any]]:
        """Give the messages of the request that an act shows."""
        messages: list[dict[str, Any]] = self.request(act)["messages"]
        return messages

    def sent_as(self, act: int) -> list[tuple[str, str]]:
        """Give role and manner of each message, as `explain()` tells them."""
        rows = re.findall(r"^    \d+ +\d+ +(\w+) +(\w+) +\d+ +", self.acts[act], re.MULTILINE)
        return [(role, how) for role, how in rows]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo of this module keeps what it makes."""
    return tmp_path_factory.mktemp("demo") / "kept here"


@pytest.fixture(scope="module")
def shown(folder: Path) -> Shown:
    """What the demo printed, in an environment whose proxies must not matter."""
    nowhere = "http://127.0.0.1:9"
    done = _convo("demo", "--keep", folder, HTTP_PROXY=nowhere, http_proxy=nowhere, ALL_PROXY=nowhere)
    assert (done.returncode, done.stderr) == (0, "")
    return Shown(done.stdout)


def test_there_are_five_acts(shown: Shown) -> None:
    assert len(shown.acts) == 1 + 5 + 1
    assert [act.split()[0] for act in shown.acts[1:6]] == ["1.", "2.", "3.", "4.", "5."]


def test_a_newcomer_can_read_it(shown: Shown) -> None:
    assert shown.output.isascii()
    assert shown.output.replace("\n", "").isprintable()
    paths = ("saved as", "convo --store")
    long = [row for row in shown.output.splitlines() if len(row) > 106 and not any(path in row for path in paths)]
    assert long == []


def test_the_prologue_says_what_is_at_work(shown: Shown) -> None:
    assert re.search(r"A fake of the API runs at http://127\.0\.0\.1:\d+/v1", shown.acts[0])


def test_act_1_sends_the_real_recording_inline(shown: Shown) -> None:
    system, user = shown.messages(1)
    assert system["role"] == "system"
    [part] = user["content"]
    assert part["type"] == "input_audio"
    assert part["input_audio"]["format"] == "mp3"
    assert re.fullmatch(r".{8}\.\.\.\(27,360 characters\)", part["input_audio"]["data"])
    assert shown.request(1)["modalities"] == ["text", "audio"]
    assert shown.sent_as(1) == [("system", "text"), ("user", "inline")]


def test_act_1_shows_what_came_back(shown: Shown, folder: Path) -> None:
    assert f'"{acts.ANSWERS[0]}"' in shown.acts[1]
    assert re.search(r"spoken, \d\.\d s, the API keeps it until \d\d:\d\d:\d\d UTC", shown.acts[1])
    assert f"saved as {folder}/reply-1.wav" in shown.acts[1]
    assert re.search(r"tokens: \d+ in \(\d+ text \+ \d+ audio\), \d+ out \(.*\); cost: \$0\.\d+", shown.acts[1])


def test_the_replies_are_saved_as_sound(shown: Shown, folder: Path) -> None:
    for number in range(1, 6):
        with wave.open(str(folder / f"reply-{number}.wav")) as file:
            assert file.getnframes() / file.getframerate() > 2


def test_act_2_refers_to_the_spoken_reply_by_its_id(shown: Shown) -> None:
    reply = shown.messages(2)[2]
    assert reply.keys() == {"role", "audio"}
    assert reply["audio"].keys() == {"id"}
    assert shown.messages(2)[3] == {"role": "user", "content": acts.QUESTIONS[0]}
    assert shown.sent_as(2)[2] == ("assistant", "reference")
    assert "its id is valid at this API until" in shown.acts[2]


def test_act_3_is_another_process_and_the_references_hold(shown: Shown) -> None:
    assert re.search(r"Another one, number \d+, knows nothing but", shown.acts[3])
    replies = [message for message in shown.messages(3) if message["role"] == "assistant"]
    assert replies[0] == shown.messages(2)[2]
    assert [reply["audio"].keys() for reply in replies] == [{"id"}, {"id"}]
    assert f'"{acts.ANSWERS[2]}"' in shown.acts[3]


def test_act_4_sends_the_same_turns_as_their_transcripts(shown: Shown) -> None:
    replies = [message for message in shown.messages(4) if message["role"] == "assistant"]
    assert replies == [{"role": "assistant", "content": answer} for answer in acts.ANSWERS[:3]]
    assert shown.sent_as(4).count(("assistant", "transcript")) == 3
    assert shown.acts[4].count("its id expired at") == 3


def test_act_5_is_refused_and_recovers_by_itself(shown: Shown) -> None:
    first, answer, second, recovered = shown.bodies(5).values()
    audio_id = first["audio"]["id"]
    assert first == {"role": "assistant", "audio": {"id": audio_id}}
    assert answer["error"] == {
        "message": f"Assistant audio {audio_id} not found.",
        "type": "invalid_request_error",
        "param": "content.messages[8].audio.id",
        "code": "audio_not_found",
    }
    assert second == {"role": "assistant", "content": acts.ANSWERS[3]}
    assert recovered == [{"code": "audio_not_found", "position": 9, "audio_id": audio_id, "degraded": [9]}]
    assert f'"{acts.ANSWERS[4]}"' in shown.acts[5]
    assert "the API refused its id" in shown.acts[5]


def test_the_end_sums_up_and_says_where_to_look(shown: Shown, folder: Path) -> None:
    end = shown.acts[6]
    assert re.search(r"5 calls of a model; tokens: \d+ in .* cost: \$0\.\d+", end, re.DOTALL)
    assert f"    {folder}\n" in end
    listing, showing = re.findall(r"^    (convo --store '.*)$", end, re.MULTILINE)
    assert listing == f"convo --store '{folder}/chat.db' list"
    chat = showing.rpartition(" ")[2]
    found = _convo("--store", folder / "chat.db", "show", chat)
    assert found.returncode == 0
    assert all(answer in found.stdout for answer in acts.ANSWERS)


def test_the_story_ends_now(shown: Shown, folder: Path) -> None:
    with convo.Store.existing(f"sqlite:///{folder}/chat.db") as store:
        [chat] = store.conversations()
        times = [message.created_at for message in chat.history()]
        age = (folder / "reply-5.wav").stat().st_mtime - times[-1].timestamp()
    assert times == sorted(times)
    assert -1 < age < 60


def test_the_demo_overwrites_nothing(shown: Shown, folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    again = _convo("demo", "--keep", folder)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == f"convo: {folder} is not empty; name a new folder, so that nothing in it is overwritten\n"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_without_keep_it_goes_to_a_new_folder(tmp_path: Path) -> None:
    done = _convo("demo", TMPDIR=str(tmp_path), CONVO_STORE=str(tmp_path / "mine.db"))
    assert done.returncode == 0
    [folder] = tmp_path.iterdir()
    assert (folder / "chat.db").is_file()
    assert f"    {folder}\n" in done.stdout


def test_a_folder_that_cannot_be_made_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = _convo("demo", "--keep", tmp_path / "file" / "folder")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"convo: {tmp_path}/file/folder cannot be used: Not a directory; name another folder\n"


def test_the_demo_takes_no_store(tmp_path: Path) -> None:
    done = _convo("--store", tmp_path / "chat.db", "demo")
    assert done.returncode == 2
    assert "say where with: convo demo --keep FOLDER" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", ["openai", "starlette", "uvicorn"])
def test_a_missing_package_is_named_before_anything_is_done(package: str, tmp_path: Path) -> None:
    program = f"import sys; sys.modules[{package!r}] = None; from convo.cli import main; main(['demo'], prog_name='convo')"
    done = subprocess.run(
        [sys.executable, "-c", program], env={**ENVIRONMENT, "TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        rf"convo: .* needs the package '{package}'; install it with: pip install 'convo\[testing\]'\n", done.stderr
    )
    assert list(tmp_path.iterdir()) == []


# --- live ------------------------------------------------------------------------------------------


@pytest.fixture
def api() -> Iterator[tuple[FakeAPI, dict[str, str]]]:
    """Somebody else's API, which keeps the time of this machine, and the environment that leads to it."""
    from convo.cli.turn import Ahead

    fake = FakeAPI(clock=Ahead())
    with fake.serve() as base_url:
        yield fake, {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": base_url}


def test_live_needs_a_key(tmp_path: Path) -> None:
    done = _convo("demo", "--live", "--keep", tmp_path / "kept")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "convo: --live talks to the real API and needs a key; set OPENAI_API_KEY, or leave --live out\n"
    assert list(tmp_path.iterdir()) == []


def test_live_plays_the_acts_with_the_real_api(api: tuple[FakeAPI, dict[str, str]], tmp_path: Path) -> None:
    fake, environment = api
    done = _convo("demo", "--live", "--keep", tmp_path / "kept", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    shown = Shown(done.stdout)

    assert [received.status for received in fake.received] == [200] * 4
    assert {received.headers["authorization"] for received in fake.received} == {"Bearer sk-test"}
    assert environment["OPENAI_BASE_URL"] in shown.acts[0]
    for act, received in enumerate(fake.received, 1):
        assert shown.messages(act)[2:] == received.body["messages"][2:], "what is shown is what was sent"
    assert shown.sent_as(3).count(("assistant", "reference")) == 2
    assert shown.sent_as(4).count(("assistant", "transcript")) == 3
    assert "`convo demo` without --live shows it" in shown.acts[5]


def test_a_model_may_answer_in_writing(api: tuple[FakeAPI, dict[str, str]], tmp_path: Path) -> None:
    fake, environment = api
    for _ in range(4):
        fake.will_reply("I would rather write.", spoken=False)
    done = _convo("demo", "--live", "--keep", tmp_path, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "The reply was written and has no id, so it goes as text." in done.stdout
    assert done.stdout.count("written: the model chose not to speak this time") == 4


@pytest.mark.parametrize("before", [0, 2], ids=["in this process", "in the other process"])
def test_what_the_api_refuses_is_a_line(api: tuple[FakeAPI, dict[str, str]], tmp_path: Path, before: int) -> None:
    fake, environment = api
    for _ in range(before):
        fake.will_reply("Yes.")
    fake.will_fail(401)
    done = _convo("demo", "--live", "--keep", tmp_path, **environment)
    assert done.returncode == 1
    assert done.stderr.startswith("convo: the API gave no answer: Error code: 401")
    assert done.stderr.count("\n") == 1
