"""The acts of the demo: one conversation, from its first spoken turn to an id that the API refuses before its time."""

from __future__ import annotations

import shlex
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import attrs

import convo
from convo.cli import lines, stage
from convo.cli.child import resume
from convo.cli.place import Place
from convo.cli.turn import VOICE, Turn, take

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from openai import OpenAI

    from convo.cli.turn import Ahead
    from convo.testing import FakeAPI

RECORDING = "question.mp3"
WORDS = "He might even have been made amiable himself."
"""What is said in the recording."""
INSTRUCTIONS = "The user reads from a novel. Answer in one sentence."
QUESTIONS = ("And whom did he marry?", "You sounded amused. Why?", "Which novel is it, again?", "Is it worth reading?")
ANSWERS = (
    "It is said of John Dashwood, had he married better.",
    "Fanny: himself once more, only narrower and meaner.",
    "Because Jane Austen is, whenever he means well.",
    "Sense and Sensibility, in its very first chapter.",
    "It is, and not only for Fanny's sake.",
)
"""What the fake says, about the novel that is read from."""
HOUR = 61 * 60.0
"""Seconds by which the clocks are moved: an id is valid for an hour."""
PAUSE = 20.0
"""Seconds that the user takes to think, by the clocks that we move."""

_SEND = "reply = chat.send(client, **voice)"


@attrs.frozen
class Scene:
    """Where the story plays. With the real API there is no `fake`, and `base_url` is None."""

    database: Path
    client: OpenAI
    clock: Ahead
    fake: FakeAPI | None
    base_url: str | None

    def open(self) -> convo.Store:
        """Open the store; the file is made when it is not there."""
        return convo.Store(Place(str(self.database), "").url(), clock=self.clock)

    def speech(self, number: int) -> Path:
        """Give the file for a spoken reply."""
        return self.database.with_name(f"reply-{number}.wav")

    def pause(self) -> None:
        """Let the user think. With the real API time passes by itself."""
        if self.fake:
            self.clock.seconds += PAUSE

    def show(self, turn: Turn) -> None:
        """Print a turn: the request as the fake received it, or as it was assembled where somebody else received it."""
        if self.fake:
            stage.body("The request, as the API received it:", self.fake.last.body)
        else:
            stage.body("The request:", turn.request)
        stage.explained(turn.explanation)
        stage.reply(turn)


def play(scene: Scene) -> None:
    """Play all acts."""
    _prologue(scene)
    with scene.open() as store:
        chat = store.create(instructions=INSTRUCTIONS, title="A sentence from a novel", metadata={"channel": "demo"})
        spoken = _asked_aloud(scene, chat)
        _by_reference(scene, chat, spoken)
    _another_process(scene, chat.id)
    with scene.open() as store:
        chat = store.get(chat.id)
        last = _an_hour_later(scene, chat)
        _refused_early(scene, chat, last)
        _epilogue(scene, chat)


def _prologue(scene: Scene) -> None:
    stage.tell("This is one conversation with a model API that forgets, kept by convo in a SQLite file.")
    if scene.fake is None:
        stage.tell(f"The real API at {scene.client.base_url} answers. That costs a few cents.")
        return
    for answer in ANSWERS:
        scene.fake.will_reply(answer)
    stage.tell(
        f"A fake of the API runs at {scene.base_url}, and the real openai client talks to it over HTTP: it needs no key "
        "and charges nothing. It judges requests as the API does, forgets audio after an hour as the API does, and its "
        "replies are real audio files, though its voice only hums."
    )


def _asked_aloud(scene: Scene, chat: convo.Conversation) -> Turn:
    stage.heading("1. A user asks by voice, and the reply is spoken")
    stage.tell(
        "The user reads a sentence aloud: a real recording, shipped with convo. The API has no other way to hear a user "
        "than inline, so it goes as base64, shortened here."
    )
    base_url = f'base_url="{scene.base_url}"' if scene.fake else ""
    stage.code(
        f"client = openai.OpenAI({base_url})",
        f"voice = {VOICE}".replace("'", '"'),
        f'words = "{WORDS}"',
        'store = convo.Store("sqlite:///chat.db")',
        f'chat = store.create(instructions="{INSTRUCTIONS}")',
        f'chat.add(convo.Audio.open("{RECORDING}", transcript=words))',
        "request = chat.request(client=client, **voice)    # a preview: it writes nothing",
        _SEND,
        'reply.audio.save("reply-1.wav")',
    )
    recording = files("convo").joinpath("recordings", RECORDING).read_bytes()
    turn = take(chat, scene.client, convo.Audio.from_bytes(recording, transcript=WORDS), scene.speech(1))
    scene.show(turn)
    return turn


def _by_reference(scene: Scene, chat: convo.Conversation, spoken: Turn) -> None:
    stage.heading("2. The next question refers to the spoken reply by its id")
    scene.pause()
    stage.tell(
        f"The API still has its own audio. One short id stands for {spoken.size * 4 // 3:,} characters of base64, and the "
        "model knows not only what it said but how."
        if spoken.audio_id
        else "The reply was written and has no id, so it goes as text."
    )
    stage.code(f'chat.add("{QUESTIONS[0]}")', _SEND)
    scene.show(take(chat, scene.client, QUESTIONS[0], scene.speech(2)))


def _another_process(scene: Scene, chat: UUID) -> None:
    stage.heading("3. The process restarts, and the conversation resumes")
    scene.pause()
    ahead, base_url = scene.clock.seconds, scene.base_url
    resumed = resume(scene.database, chat, QUESTIONS[1], scene.speech(3), base_url=base_url, ahead=ahead)
    stage.tell(
        f"This process closed its store. Another one, number {resumed.pid}, knows nothing but the path of the file and the "
        f"id of the conversation. It finds {resumed.head} messages, and which ids are valid, until when, and at which API."
    )
    stage.code(f'chat = convo.Store("sqlite:///chat.db").get("{chat}")', f'chat.add("{QUESTIONS[1]}")', _SEND)
    scene.show(resumed.turn)


def _an_hour_later(scene: Scene, chat: convo.Conversation) -> Turn:
    stage.heading("4. An hour passes, and the same turns go as their transcripts")
    scene.clock.seconds += HOUR
    stage.tell(
        f"The clocks of the store and of the API were moved by {HOUR / 60:.0f} minutes. By now the API refuses a request "
        "that names its old audio. The program does what it always did, and convo sends what was said."
        if scene.fake
        else f"The clock of the store was moved by {HOUR / 60:.0f} minutes. The program does what it always did, and "
        "convo sends what was said."
    )
    stage.code(f'chat.add("{QUESTIONS[2]}")', _SEND)
    turn = take(chat, scene.client, QUESTIONS[2], scene.speech(4))
    scene.show(turn)
    return turn


def _refused_early(scene: Scene, chat: convo.Conversation, last: Turn) -> None:
    stage.heading("5. The API forgets an id before its time")
    scene.pause()
    if scene.fake is None or last.audio_id is None:
        stage.tell("The real API cannot be told to do this; `convo demo` without --live shows it.")
        return
    scene.fake.revoke(last.audio_id)
    stage.tell(
        "The last reply is seconds old, so convo refers to it by its id. But the API lost it, and refuses. The call of "
        "send() recovers by itself, and the reply tells."
    )
    stage.code(f'chat.add("{QUESTIONS[3]}")', _SEND)
    turn = take(chat, scene.client, QUESTIONS[3], scene.speech(5))
    _show_recovery(scene.fake)
    stage.reply(turn)
    stage.body("reply.recovered:", turn.recovered)
    after = chat.request(client=scene.client, **VOICE).explain()
    stage.explained(after, "The refusal is stored, so no process tries that id again. The next request would be:")


def _show_recovery(fake: FakeAPI) -> None:
    refused, accepted = fake.received[-2:]
    index = _first_difference(refused.body["messages"], accepted.body["messages"])
    stage.body(f"The first request, messages[{index}]:", refused.body["messages"][index])
    stage.body(f"The API's answer, status {refused.status}:", refused.response)
    stage.body(f"The second request, messages[{index}]:", accepted.body["messages"][index])


def _first_difference(before: list[Any], after: list[Any]) -> int:
    return next(index for index, (one, other) in enumerate(zip(before, after, strict=True)) if one != other)


def _epilogue(scene: Scene, chat: convo.Conversation) -> None:
    stage.heading("The whole conversation")
    stage.plain(*lines.sums(chat.usage()))
    if scene.fake:
        stage.tell("The fake counts tokens as the API does, and convo priced them by the API's list: nothing was paid.")
    stage.tell("")
    stage.tell("The database and the spoken replies are here:")
    stage.plain(str(scene.database.parent))
    place = shlex.quote(str(scene.database))
    stage.tell("Look further:")
    stage.plain(f"convo --store {place} list", f"convo --store {place} show {chat.id}")
