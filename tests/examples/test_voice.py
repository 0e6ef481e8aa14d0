"""The voice loop, over a real WebSocket: both databases, the fake behind a real SDK."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

import convo
from tests.examples import voice
from tests.support.pages import PATIENCE, tokens_of, wait_for
from tests.support.realtime import pcm
from tests.support.served import served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.connection import Connection

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database

WORDS = "Good morning to you and to everybody else who is listening."
SAID = pcm(500)


class Page:
    """A page with a microphone: speaks in frames of 20 ms."""

    def __init__(self, socket: Connection) -> None:
        self.socket = socket

    def tell(self, **frame: object) -> None:
        self.socket.send(json.dumps(frame))

    def say(self, data: bytes = SAID) -> None:
        for start in range(0, len(data), 960):
            self.socket.send(data[start : start + 960])
        self.tell(type="end")

    def next(self) -> Any:
        frame = self.socket.recv(PATIENCE)
        return frame if isinstance(frame, bytes) else json.loads(frame)

    def until(self, kind: str) -> tuple[dict[str, Any], bytes, str]:
        """Give the next frame of a kind, and the sound and the words before it."""
        sound, words = b"", ""
        while True:
            frame = self.next()
            if isinstance(frame, bytes):
                sound += frame
            elif frame["type"] == "transcript":
                words += frame["text"]
            if isinstance(frame, dict) and frame["type"] == kind:
                return frame, sound, words
            assert isinstance(frame, bytes) or frame["type"] == "transcript", frame


@pytest.fixture
def at(database: Database, clock: FixedClock, fake: FakeAPI) -> Iterator[str]:
    """The address of the voice loop."""
    store = convo.AsyncStore(database.url, clock=clock, **database.options)
    with served(voice.voice(store, fake.async_client(max_retries=0), tokens_of(database))) as at:
        yield f"ws://{at}/voice"


@pytest.fixture
def chat(database: Database, clock: FixedClock) -> Iterator[convo.Conversation]:
    """A conversation of anna, as another process sees it."""
    options = {**database.options, "owner": tokens_of(database)["token-of-anna"]}
    with convo.Store(database.url, clock=clock, **options) as store:
        yield store.create()


@pytest.fixture
def anna(at: str, chat: convo.Conversation) -> Iterator[Page]:
    with connect(at) as socket:
        page = Page(socket)
        page.tell(token="token-of-anna", conversation=str(chat.id))
        yield page


def test_what_is_said_is_answered_in_sound_and_words(anna: Page, chat: convo.Conversation, fake: FakeAPI) -> None:
    for text in (WORDS, "Twice."):
        fake.will_reply(text)
        anna.say()
        reply, sound, words = anna.until("reply")
        assert (reply["text"], words) == (text, text)
        stored = chat.message(reply["position"])
        assert chat.load(stored.audio).data.endswith(sound) if stored.audio else False
    questions = [message for message in chat.history() if message.role == "user"]
    assert [round(message.audio.duration or 0, 1) for message in questions if message.audio] == [0.5, 0.5]
    assert [message.status for message in chat.history()] == ["complete"] * 4


def test_who_speaks_over_an_answer_has_heard_what_was_played(anna: Page, chat: convo.Conversation, fake: FakeAPI) -> None:
    fake.will_reply(WORDS)
    hold = fake.hold(after=18)
    anna.say()
    hold.wait_until_held(PATIENCE)
    anna.tell(type="interrupt", heard=0.3)
    reply, _, _ = anna.until("reply")
    hold.release()
    message = chat.message(reply["position"])
    assert message.status == "interrupted"
    assert WORDS.startswith(message.text.rstrip(". "))
    assert len(message.text) < len(WORDS)
    assert message.audio is not None
    assert message.audio.duration == pytest.approx(0.3, abs=0.01)
    anna.say()
    assert anna.until("reply")[0]["position"] == reply["position"] + 2


def test_an_answer_that_had_arrived_is_cut_where_it_was_heard(anna: Page, chat: convo.Conversation, fake: FakeAPI) -> None:
    fake.will_reply(WORDS)
    anna.say()
    whole, _, _ = anna.until("reply")
    anna.tell(type="interrupt", heard=0.3)
    cut, _, _ = anna.until("reply")
    assert cut["position"] == whole["position"]
    assert len(cut["text"]) < len(whole["text"])
    message = chat.message(cut["position"])
    assert (message.status, message.text) == ("interrupted", cut["text"])


def test_what_had_come_is_recorded_when_the_page_goes_away(anna: Page, chat: convo.Conversation, fake: FakeAPI) -> None:
    fake.will_reply(WORDS)
    hold = fake.hold(after=6)
    anna.say()
    hold.wait_until_held(PATIENCE)
    anna.socket.close()
    wait_for(lambda: not chat.pending())
    hold.release()
    question, answer = chat.history()
    assert (question.role, answer.status) == ("user", "interrupted")
    assert answer.text
    assert WORDS.startswith(answer.text)


def test_what_cannot_be_done_is_told_and_the_loop_goes_on(anna: Page, fake: FakeAPI) -> None:
    hold = fake.hold()
    anna.say()
    hold.wait_until_held(PATIENCE)
    anna.say()
    assert anna.until("error")[0]["error"] == "turn_in_progress"
    hold.release()
    anna.until("reply")
    for said in (b"", b"\0"):
        anna.say(said)
        assert anna.until("error")[0]["error"] in ("bad_audio", "audio_too_short")
    fake.will_fail(500)
    anna.say()
    assert anna.until("error")[0]["error"] == "failed"
    no_frames = [
        "nonsense",
        "[]",
        "[" * 100_000,
        '{"type": "nonsense"}',
        '{"type": "interrupt", "heard": "1"}',
        '{"type": "interrupt", "heard": -1}',
        '{"type": "interrupt", "heard": NaN}',
        '{"type": "interrupt", "heard": true}',
    ]
    for frame in no_frames:
        anna.socket.send(frame)
        assert anna.until("error")
    anna.say()
    assert anna.until("reply")


def test_nobody_gets_in_who_may_not(at: str, chat: convo.Conversation) -> None:
    for first, code in (
        ({"token": "of-nobody", "conversation": str(chat.id)}, 4401),
        ({"token": "token-of-bert", "conversation": str(chat.id)}, 4404),
        ({"token": "token-of-anna", "conversation": "nonsense"}, 4404),
        ({"token": "token-of-anna", "conversation": 7}, 4404),
        ({"token": "token-of-anna", "conversation": None}, 4400),
        ({"token": "token-of-anna"}, 4400),
        ({"token": ["token-of-anna"]}, 4400),
        ([], 4400),
        ("[" * 100_000, 4400),
    ):
        with connect(at) as socket:
            socket.send(first if isinstance(first, str) else json.dumps(first))
            with pytest.raises(ConnectionClosed):
                socket.recv(PATIENCE)
            assert socket.close_code == code, first


def test_who_never_stops_is_cut_off(anna: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice, "LONGEST", 2_000)
    anna.socket.send(bytes(2_001))
    with pytest.raises(ConnectionClosed):
        anna.next()
    assert anna.socket.close_code == 1009
