"""The web backend, over HTTP: a real server, a real client, both databases, the fake behind a real SDK."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import attrs
import httpx2
import openai
import pytest
from starlette.requests import Request

import convo
from convo.testing import CountedIds, StreamShape
from tests.examples import backend, voice, wsgi
from tests.support.builders import WAV
from tests.support.pages import PATIENCE, tokens_of, wait_for
from tests.support.served import served
from tests.test_exports import example, kinds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database


@attrs.frozen
class Page:
    """What a user does in a browser, in one conversation."""

    http: httpx2.Client
    chat: str = ""

    def opened(self) -> Page:
        return attrs.evolve(self, chat=f"/conversations/{self.http.post('/conversations', json={}).json()['id']}")

    def send(self, text: str, key: str | None = None) -> httpx2.Response:
        return self.http.post(f"{self.chat}/messages", json={"text": text}, headers={"Idempotency-Key": key} if key else {})

    def stream(self, text: str, key: str | None = None) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        return self.http.stream("POST", f"{self.chat}/stream", json={"text": text}, headers=headers)

    def voice(self, data: bytes, **more: str) -> httpx2.Response:
        return self.http.post(f"{self.chat}/voice", files={"recording": ("note.mp3", data)}, data=more)

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(self.chat).json()
        return found

    def log(self) -> list[tuple[str, str]]:
        return [(message["role"], message["text"]) for message in self.state()["messages"]]


def events(response: httpx2.Response) -> Iterator[tuple[str, Any]]:
    """The events of a stream, as a page reads them."""
    name = ""
    for line in response.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


@pytest.fixture
def at(database: Database, clock: FixedClock, fake: FakeAPI) -> Iterator[str]:
    """The address of the backend."""
    store = convo.AsyncStore(database.url, clock=clock, **database.options)
    with served(backend.backend(store, fake.async_client(max_retries=0), tokens_of(database))) as at:
        yield f"http://{at}"


@pytest.fixture
def anna(at: str) -> Iterator[Page]:
    with httpx2.Client(base_url=at, headers={"Authorization": "Bearer token-of-anna"}, timeout=PATIENCE) as http:
        yield Page(http).opened()


@pytest.fixture
def bert(at: str) -> Iterator[Page]:
    with httpx2.Client(base_url=at, headers={"Authorization": "Bearer token-of-bert"}, timeout=PATIENCE) as http:
        yield Page(http)


# --- turns -----------------------------------------------------------------------------------------


def test_a_button_that_is_pressed_twice_is_one_turn_with_one_answer(anna: Page, fake: FakeAPI) -> None:
    fake.will_reply("Yes, very good ones.")
    first, second = anna.send("Good dogs?", "press-1"), anna.send("Good dogs?", "press-1")
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.json() == {**first.json(), "replayed": True}
    assert anna.log() == [("user", "Good dogs?"), ("assistant", "Yes, very good ones.")]
    assert len(fake.received) == 1
    other = anna.send("Something else?", "press-1")
    assert (other.status_code, other.json()["error"]) == (422, "key_mismatch")
    made = [anna.http.post("/conversations", json={"title": "One"}, headers={"Idempotency-Key": "k"}).json() for _ in range(2)]
    assert made[0] == made[1]


def test_while_a_turn_waits_another_press_is_told_when_to_come_back(anna: Page, fake: FakeAPI) -> None:
    hold = fake.hold()
    with ThreadPoolExecutor() as pool:
        pressed = pool.submit(anna.send, "Good dogs?", "press-1")
        try:
            hold.wait_until_held(PATIENCE)
            for again in (anna.send("Good dogs?", "press-1"), anna.send("And cats?", "press-2")):
                assert (again.status_code, again.json()["error"]) == (409, "turn_in_progress")
                assert 1 <= int(again.headers["Retry-After"]) <= 30
            with anna.stream("And birds?") as response:  # what forbids a stream is a status, not a stream that breaks
                assert response.status_code == 409
            assert anna.state()["awaited"]
        finally:
            hold.release()
        first = pressed.result()
    assert anna.send("Good dogs?", "press-1").json() == {**first.json(), "replayed": True}
    assert [role for role, _ in anna.log()] == ["user", "assistant"]
    assert not anna.state()["awaited"]


def test_a_page_goes_on_where_it_was(anna: Page, clock: FixedClock) -> None:
    anna.send("One?")
    clock.advance(1)
    other = anna.opened()
    first = anna.http.get("/conversations", params={"limit": 1}).json()
    rest = anna.http.get("/conversations", params={"limit": 1, "after": first["next"]}).json()
    ids = [chat["id"] for page in (first, rest) for chat in page["conversations"]]
    assert [f"/conversations/{found}" for found in ids] == [other.chat, anna.chat]
    assert [message["position"] for message in anna.http.get(anna.chat, params={"last": 1}).json()["messages"]] == [3]
    for number in (0, 201):
        assert anna.http.get("/conversations", params={"limit": number}).status_code == 422
        assert anna.http.get(anna.chat, params={"last": number}).status_code == 422
    assert anna.http.get("/conversations", params={"after": "nonsense"}).status_code in (404, 422)


# --- streams ---------------------------------------------------------------------------------------


def test_a_stream_tells_typed_events_of_which_the_last_is_the_reply(anna: Page, fake: FakeAPI) -> None:
    fake.will_reply("Good morning to you.")
    with anna.stream("Hello?", "press-1") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        found = list(events(response))
    assert {name for name, _ in found[:-1]} == {"transcript", "audio"}
    assert "".join(data["text"] for name, data in found if name == "transcript") == "Good morning to you."
    name, reply = found[-1]
    assert (name, reply["text"], reply["interrupted"], reply["replayed"]) == ("reply", "Good morning to you.", False, False)
    with anna.stream("Hello?", "press-1") as response:
        assert list(events(response))[-1] == ("reply", {**reply, "replayed": True})
    assert anna.http.get(reply["audio"]).content.startswith(b"RIFF")


def test_what_had_come_is_recorded_when_the_listener_goes_away(anna: Page, fake: FakeAPI) -> None:
    fake.will_reply("Good morning to you.")
    hold = fake.hold(after=4)
    with anna.stream("Hello?", "press-1") as response:
        told = events(response)
        heard = "".join(next(told)[1]["text"] for _ in range(2))
        hold.wait_until_held(PATIENCE)
    state = wait_for(lambda: None if (found := anna.state())["awaited"] else found)
    question, answer = state["messages"]
    assert answer["interrupted"]
    assert answer["text"].startswith(heard)
    assert "Good morning to you.".startswith(answer["text"])
    assert anna.send("Hello?", "press-1").json() == {**answer, "replayed": True}
    hold.release()
    assert anna.send("Go on.").status_code == 200
    assert question["text"] == "Hello?"


def test_a_model_that_fails_in_the_midst_is_an_event_and_the_beginning_is_kept(anna: Page, fake: FakeAPI) -> None:
    fake.will_reply("Good morning to you.", stream=StreamShape(error_after=4))
    with anna.stream("Hello?") as response:
        *told, (name, data) = events(response)
    assert (name, data["error"]) == ("error", "failed")
    assert anna.log()[1][1].startswith(told[0][1]["text"])
    assert anna.state()["messages"][1]["interrupted"]


def test_a_model_that_refuses_is_a_status(anna: Page, fake: FakeAPI) -> None:
    for status, given in ((401, 502), (429, 503), (500, 502)):
        fake.will_fail(status)
        refused = anna.send("Hello?", "press-1")
        assert (refused.status_code, "Retry-After" in refused.headers) == (given, given == 503)
        fake.will_fail(status)
        with anna.stream("Hello?", "press-1") as response:
            assert response.status_code == given
    assert anna.send("Hello?", "press-1").status_code == 200
    assert [role for role, _ in anna.log()] == ["user", "assistant"]


# --- sound -----------------------------------------------------------------------------------------


def test_a_voice_note_is_answered_and_can_be_played(anna: Page) -> None:
    answer = anna.voice(WAV, transcript="What is this?")
    assert answer.status_code == 200, answer.text
    note, reply = anna.state()["messages"]
    assert note["text"] == "What is this?"
    sound = anna.http.get(note["audio"])
    assert (sound.content, sound.headers["content-type"]) == (WAV, "audio/wav")
    assert anna.http.get(note["audio"], headers={"Range": "bytes=4-7"}).content == WAV[4:8]
    assert anna.http.get(note["audio"], headers={"If-None-Match": sound.headers["etag"]}).status_code == 304
    assert anna.http.get(reply["audio"]).content.startswith(b"RIFF")
    assert anna.http.get(f"{anna.chat}/audio/1").status_code == 404  # the instructions have no sound
    assert anna.http.get(f"{anna.chat}/audio/9").status_code == 404


def test_a_voice_note_that_cannot_be_used_is_refused_and_nothing_is_stored(anna: Page) -> None:
    assert anna.voice(b"I am no sound").status_code == 415
    assert anna.voice(WAV[:40]).status_code == 422
    assert anna.voice(b"").status_code == 422
    assert anna.http.post(f"{anna.chat}/voice", json={}).status_code == 422
    assert anna.voice(bytes(backend.LARGEST)).status_code == 413
    pieces = (bytes(100_000) for _ in range(backend.LARGEST // 100_000 + 1))  # in chunks: nobody says how many
    assert anna.http.post(f"{anna.chat}/voice", content=pieces).status_code in (413, 422)
    assert anna.log() == []


@pytest.mark.parametrize(
    ("asked", "status", "given"),
    [
        ("", 200, b"0123456789"),
        ("bytes=0-", 206, b"0123456789"),
        ("bytes=2-4", 206, b"234"),
        ("bytes=9-", 206, b"9"),
        ("bytes=5-99", 206, b"56789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=-99", 206, b"0123456789"),
        ("bytes=10-", 416, b""),
        ("bytes=-0", 416, b""),
        ("bytes=4-2", 200, b"0123456789"),
        ("bytes=-", 200, b"0123456789"),
        ("bytes=0-1,3-4", 200, b"0123456789"),
        ("bytes=1e1-", 200, b"0123456789"),
        ("bytes=" + "9" * 5_000 + "-", 200, b"0123456789"),
        ("seconds=0-1", 200, b"0123456789"),
    ],
)
def test_a_part_is_given_as_it_is_asked_for(asked: str, status: int, given: bytes) -> None:
    response = backend.ranged(request_with(range=asked), b"0123456789", "audio/wav", '"tag"')
    assert (response.status_code, bytes(response.body)) == (status, given)
    assert ("content-range" in response.headers) == (status != 200)


def test_a_part_of_what_was_another_sound_is_the_whole() -> None:
    for tag, status in (('"tag"', 206), ('"other"', 200)):
        request = request_with(**{"range": "bytes=0-1", "if-range": tag})
        assert backend.ranged(request, b"0123456789", "audio/wav", '"tag"').status_code == status


def request_with(**headers: str) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": raw})


# --- who may, and what goes wrong ------------------------------------------------------------------


def test_what_is_somebody_elses_looks_as_what_never_was(anna: Page, bert: Page) -> None:
    anna.voice(WAV)
    nobodys = f"/conversations/{CountedIds()()}"
    for method, path, more in (
        ("GET", "", {}),
        ("GET", "/audio/2", {}),
        ("POST", "/messages", {"json": {"text": "Hello?"}}),
        ("POST", "/stream", {"json": {"text": "Hello?"}}),
        ("POST", "/voice", {"files": {"recording": ("note.wav", WAV)}}),
    ):
        theirs, none = (bert.http.request(method, chat + path, **more) for chat in (anna.chat, nobodys))
        assert (theirs.status_code, none.status_code) == (404, 404)
        assert theirs.text.replace(anna.chat[15:], "ID") == none.text.replace(nobodys[15:], "ID")
    assert bert.http.get("/conversations").json() == {"conversations": [], "next": None}
    for wrong in ({"Authorization": "Bearer of-nobody"}, {"Authorization": "Basic YTpi"}, {"Authorization": ""}):
        assert bert.http.get(anna.chat, headers=wrong).status_code in (401, 403)


def test_text_that_cannot_be_stored_is_refused(anna: Page) -> None:
    assert anna.send("").json()["error"] == "empty_content"
    assert anna.http.post(f"{anna.chat}/messages", json={"text": 7}).status_code == 422
    assert anna.http.post(f"{anna.chat}/messages", content=b'{"text": "\\ud800"}').status_code == 422
    assert anna.log() == []


def test_the_commands_of_the_examples_make_applications(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVO_DATABASE_URL", f"sqlite:///{tmp_path / 'chat.db'}")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("CHAT_TOKENS", '{"secret": "anna"}')
    for module in (backend, voice, wsgi):
        assert callable(module.from_environment())
        assert f"{module.__name__.rpartition('.')[2]}:from_environment" in (module.__doc__ or "")
    page = wsgi.from_environment().test_client()
    made = page.post("/conversations", headers={"Authorization": "Bearer secret"})
    assert made.status_code == 201
    assert page.get(f"/conversations/{made.get_json()['id']}").status_code == 401
    assert page.get("/conversations/nonsense", headers={"Authorization": "Bearer secret"}).status_code == 404


def test_each_error_has_a_status_and_what_is_our_fault_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    for kind in kinds():
        error = example(kind)
        status, body = backend.problem(request_with(), error)
        ours = isinstance(error, convo.StoreError | convo.UsageError | convo.BlobNotFound | convo.ModelShutDown)
        assert (status >= 500) or not ours, kind
        assert (str(error) in body["message"]) == (status < 500), kind
        assert ("retry_after" in body) == (status == 503 or kind is convo.TurnInProgress), kind
    assert backend.problem(request_with(), openai.OpenAIError("a key"))[0] == 500
    assert backend.problem(request_with(), ValueError("a path"))[1]["message"] == "try again later"
