"""A talk with a model: the conversation that goes on, how the model is asked, and its reply as it comes."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

import convo
from convo.cli.keyboard import interruptible
from convo.cli.screen import line

if TYPE_CHECKING:
    from convo.cli.told import Screen

TITLE = 60
"""Columns of the title that a conversation gets of its first words."""
SPEECH_MODEL = "gpt-4o-mini-tts"
"""What speaks for a model that only writes."""


@attrs.frozen
class Asking:
    """How a model is asked."""

    model: str
    api: str = "chat"
    voice: str | None = None

    @property
    def policy(self) -> convo.Policy:
        """Have recordings transcribed for a model that reads, and its words spoken when a voice is asked for."""
        if convo.Catalogue.default().lookup(self.model).audio:
            return convo.Policy(missing_transcript="transcribe")
        return convo.Policy.voice_agent(SPEECH_MODEL)

    @property
    def arguments(self) -> dict[str, Any]:
        """Give the arguments of a call."""
        spoken = {} if self.voice is None else {"voice": self.voice}
        return {"model": self.model, "api": self.api, "policy": self.policy, **spoken}


class Talk:
    """A conversation that is going on; it is made with the first words, so that nothing empty is left behind."""

    def __init__(
        self, store: convo.Store, client: Any, asking: Asking, screen: Screen, *, instructions: str | None, folder: Path | None
    ) -> None:  # fmt: skip
        self.store = store
        self.client = client
        self.asking = asking
        self.screen = screen
        self.chat: convo.Conversation | None = None
        self._instructions = instructions
        self._folder = folder
        self._before: int | None = None

    def go_on(self, chat: convo.Conversation) -> None:
        """Go on with a conversation."""
        self.chat = chat

    def instruct(self, chat: convo.Conversation) -> None:
        """Put the instructions that were given in force in a conversation from now on."""
        if self._instructions is not None and self._instructions != chat.instructions:
            chat.update(instructions=self._instructions)

    def begin(self) -> None:
        """Let the next words begin a conversation."""
        self.chat = None

    def begun(self, title: str = "") -> convo.Conversation:
        """Give the conversation, made now where there is none."""
        if self.chat is None:
            named = line(title, TITLE) or None
            self.chat = self.store.create(instructions=self._instructions, title=named)
        return self.chat

    def say(self, *content: object, title: str = "") -> None:
        """Say something, or nothing to have what is in the log answered, and show the reply as it comes.

        Ctrl-C ends the reply, and what came is kept. Raises what `Conversation.stream` raises.
        """
        chat = self.begun(title or " ".join(part for part in content if isinstance(part, str)))
        self._before = self.store.get(chat.id).head if content else None
        recorded = any(isinstance(part, convo.Audio) for part in content)
        stream = chat.stream(self.client, *content, **self.asking.arguments)
        stopped = False
        with interruptible():
            try:
                self._shown(chat, stream, recorded=recorded)
            except KeyboardInterrupt:
                stopped = True
                stream.close()
        self._end(chat, stream)
        if stopped and not self.screen.interactive:
            raise KeyboardInterrupt

    @property
    def remedy(self) -> str:
        """How what was said last is asked again: what was not kept, such as a recording that was not heard yet, is said again."""
        if self.chat is not None and self._before is not None:
            with suppress(convo.ConvoError):
                if self.store.get(self.chat.id).head == self._before:
                    return "it was not kept, say it again"
        return "/regenerate asks again"

    def request(self) -> convo.Request | None:
        """Give the request that would be sent now, None where nothing was said yet."""
        return None if self.chat is None else self.chat.request(client=self.client, **self.asking.arguments)

    def _shown(self, chat: convo.Conversation, stream: convo.Stream, *, recorded: bool) -> None:
        with stream:
            if recorded and (heard := " ".join(message.text for message in chat.history(1))):
                self.screen.note(f"heard: {heard}")
            for event in stream:
                if isinstance(event, convo.TextDelta | convo.TranscriptDelta | convo.RefusalDelta):
                    self.screen.piece(event.text)

    def _end(self, chat: convo.Conversation, stream: convo.Stream) -> None:
        try:
            reply = stream.reply
        except convo.NoReply:
            self.screen.end()
            self.screen.note(f"stopped before anything came; {self.remedy}")
            return
        saved, failed = None, None
        if reply.audio is not None and reply.audio.loaded and reply.audio.size:
            try:
                saved = self._saved(reply.audio, f"{str(chat.id)[-12:]}-{reply.message.position}")
            except OSError as error:
                failed = f"the speech cannot be saved in {self._folder}: {error.strerror or error}; it is in the store"
        self.screen.reply(chat.id, reply, saved)
        if failed is not None:
            self.screen.error(failed)

    def _saved(self, audio: convo.Audio, name: str) -> Path:
        """Save speech under a name that is free."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="convo-chat-"))
        self._folder.mkdir(parents=True, exist_ok=True)
        path, number = self._folder / f"{name}.wav", 1
        while path.exists():
            number += 1
            path = self._folder / f"{name}-{number}.wav"
        return audio.save(path)
