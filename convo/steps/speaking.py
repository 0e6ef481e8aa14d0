"""Steps that have a reply spoken which came as text: the calls, their rows, and the speech beside the recorded reply."""

from __future__ import annotations

import logging
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from convo.audio.value import Audio
from convo.canonical import printable, well_formed
from convo.content import TEXT_COLUMN
from convo.errors import ConflictError, ConvoError
from convo.extract import spoken
from convo.forms import as_chat
from convo.logs import note
from convo.messages import REPLY
from convo.origin import Origin
from convo.speech import pieces_of
from convo.steps import beside, blobs
from convo.steps.effects import read, speak, write
from convo.steps.ending import persisted
from convo.steps.log import put_piece
from convo.steps.successors import alive_name
from convo.steps.watched import called
from convo.store import exchanges, log, speeches
from convo.usage import Usage

if TYPE_CHECKING:
    from uuid import UUID

    from convo.messages import Media, Message
    from convo.policy import Policy
    from convo.reply import Reply
    from convo.speech import Wish
    from convo.steps.effects import Steps
    from convo.steps.place import Place

T = TypeVar("T")

LOGGER = logging.getLogger("convo.exchange")
CHANGED = "the reply was changed or taken away while its speech was made, and the speech is not kept; read it again"


def with_speech(place: Place, client: Any, wish: Wish, policy: Policy, reply: Reply) -> Steps[Reply]:
    """Give a recorded reply with speech made of its text and kept beside it; one that needs none as it is.

    Nothing but the end of the caller is raised: the reply says in `speech_error` what went wrong.
    """
    if not _is_mute(reply):
        return reply
    try:
        alive = attrs.evolve(wish, model=alive_name(place.tools, wish.model, policy))
        return (yield from _spoken(place, client, alive, reply))
    except Exception as error:  # noqa: BLE001 - the reply is in the log, whatever happens to its sound
        note(
            LOGGER, logging.WARNING, "no speech could be made of a reply", error=error, exchange=reply.exchange, model=wish.model
        )
        return attrs.evolve(reply, speech_error=error)


def _is_mute(reply: Reply) -> bool:
    """Whether a reply says something in text, and nothing else, and is whole."""
    message = reply.message
    if message.status != "complete" or message.media or not message.text.strip():
        return False
    body = as_chat(message.raw)
    return not (reply.refusal or body.get("tool_calls") or body.get("function_call"))


def _spoken(place: Place, client: Any, wish: Wish, reply: Reply) -> Steps[Reply]:
    row = yield from read(exchanges.row_of, place.owner, reply.exchange)
    branch: UUID = row["branch"]
    mouth = Mouth(place, client, wish, row["conversation"], branch)
    piece, calls = yield from mouth.piece(well_formed(reply.text))
    try:
        message = yield from kept_beside(place, branch, reply.message, piece, calls)
    except ConflictError:
        raise
    except ConvoError as error:
        note(LOGGER, logging.WARNING, "speech that was made of a reply could not be stored", error=error, exchange=reply.exchange)
        return attrs.evolve(reply, message=_with(reply.message, piece), speech_error=error)
    return attrs.evolve(reply, message=message)


def kept_beside(place: Place, branch: UUID, message: Message, piece: Media, calls: list[dict[str, Any]]) -> Steps[Message]:
    """Keep speech beside a message whose row a branch holds; give the message with it, or with what others made meanwhile.

    Raises `ConflictError` when the message is not what was spoken any more.
    """
    if (yield from counted(calls, persisted(lambda: _kept(place, branch, message, piece, calls)))):
        return _with(message, piece)
    found = yield from read(log.one, place.owner, branch, message.position)
    if found is None or found.body != message.body or not found.media:
        raise ConflictError(CHANGED)
    return (yield from loaded(place, found))


def counted(calls: list[dict[str, Any]], steps: Steps[T]) -> Steps[T]:
    """Do steps that store calls with what came of them; where that fails, the calls are kept all the same: they were billed."""
    try:
        return (yield from steps)
    except GeneratorExit:
        raise
    except BaseException:
        with suppress(ConvoError):
            yield from write(exchanges.keep_calls, calls)
        raise


def loaded(place: Place, message: Message) -> Steps[Message]:
    """Give a message with the bytes of its media, but for those that were let go."""
    pieces = []
    for piece in message.media:
        data = None if piece.dropped is not None else (yield from blobs.get(place.tools, place.owner, piece.digest))
        pieces.append(attrs.evolve(piece, data=data))
    return attrs.evolve(message, media=tuple(pieces))


def _with(message: Message, piece: Media) -> Message:
    return attrs.evolve(message, facts=message.facts._replace(pieces=1), media=(piece,))


def _kept(place: Place, branch: UUID, message: Message, piece: Media, calls: list[dict[str, Any]]) -> Steps[bool]:
    """Store the bytes, then what refers to them."""
    now = place.tools.now()
    if place.tools.keep in ("user", "none"):
        piece = attrs.evolve(piece, dropped=now)
    else:
        yield from put_piece(place, piece, now)
    kept, gone = yield from write(speeches.keep, place.owner, branch, message.position, message.body, piece, calls, now)
    yield from blobs.objects_deleted(place.tools, gone)
    return kept


@attrs.frozen
class Mouth:
    """How a text is spoken, and where the calls are counted."""

    place: Place
    client: Any
    wish: Wish
    conversation: UUID
    branch: UUID

    def piece(self, text: str) -> Steps[tuple[Media, list[dict[str, Any]]]]:
        """Have a text spoken; give the piece of media that it becomes, and the rows of the calls."""
        audio, calls = yield from self.said(text)
        voice = self.wish.voice_name
        made = attrs.evolve(
            spoken(audio, REPLY), transcript=printable(text, TEXT_COLUMN), made_by=self.wish.model,
            voice=voice and printable(voice, TEXT_COLUMN),
        )  # fmt: skip
        return made, calls

    def said(self, text: str) -> Steps[tuple[Audio, list[dict[str, Any]]]]:
        """Have a text spoken; give the audio and the rows of the calls, which are kept when one of them fails."""
        pieces = pieces_of(text)
        parts: list[bytes] = []
        calls: list[dict[str, Any]] = []
        try:
            for piece in pieces:
                steps = self._watched(piece, len(pieces), calls)
                data, _ = yield from called(
                    self.place.tools, "speech", self.wish.model, self.client, self.conversation, steps
                )  # fmt: skip
                parts.append(data)
            return self.wish.joined(parts), calls
        except GeneratorExit:
            raise
        except BaseException:
            yield from beside.kept(calls)
            raise

    def _watched(self, text: str, pieces: int, calls: list[dict[str, Any]]) -> Steps[tuple[bytes, dict[str, Any]]]:
        """Have one of so many pieces spoken; give its bytes, and the row of the call."""
        data = yield from self._asked(text, pieces, calls)
        return data, calls[-1]

    def _asked(self, text: str, pieces: int, calls: list[dict[str, Any]]) -> Steps[bytes]:
        """Have one of so many pieces spoken; the row of the call goes to the others, failed or not."""
        tools, voice, format_ = self.place.tools, self.wish.voice_name, self.wish.asked(pieces)
        asked, origin = sha256(text.encode()).digest(), str(Origin.of(self.client))
        row = {
            **beside.begun(tools, self.place.owner, "speech", self.wish.model, origin, asked),
            "conversation": self.conversation, "branch": self.branch,
            "voice": voice and printable(voice, TEXT_COLUMN), "format": format_,
        }  # fmt: skip
        try:
            told = yield from speak(self.client, self.wish.arguments(text, pieces))
        except GeneratorExit:
            raise
        except BaseException as error:
            calls.append(beside.failed(tools, row, error))
            raise
        data: bytes = told.answer
        usage = self._used(text, data, format_)
        calls.append({**row, **beside.answered(told), **beside.used(tools, self.wish.model, usage)})
        return data

    def _used(self, text: str, data: bytes, format_: str) -> Usage:
        """Give what a call used. The API does not tell, so it is what was sent, and what came where that is what is billed."""
        prices = self.place.tools.catalogue.lookup(self.wish.model).prices
        seconds = None
        if prices is not None and prices.minutes_out is not None:
            with suppress(ConvoError):  # sound that cannot be read has no length
                seconds = Audio.from_bytes(data, format_).duration
        return Usage(input_characters=len(text), output_milliseconds=None if seconds is None else round(seconds * 1000))
