"""Steps after a barge-in: of a reply that is in the log, only what was heard stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pybase64

from convo.audio.value import Audio
from convo.canonical import printable
from convo.checks import check_seconds
from convo.content import TEXT_COLUMN
from convo.errors import ConflictError, MessageNotFound, NotAReply
from convo.extract import spoken
from convo.forms import has_items
from convo.intake.reading import read_answer
from convo.intake.realtime_items import heard_until
from convo.origin import Origin
from convo.steps.blobs import fetched
from convo.steps.branches import check_position
from convo.steps.effects import read, write
from convo.steps.log import AGAIN, put_media
from convo.store import blobs, branches, log

if TYPE_CHECKING:
    from typing import Any
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.messages import Draft, Media, Message
    from convo.steps.effects import Steps
    from convo.steps.place import Place
    from convo.store.blobs import Looked


def truncated(place: Place, position: int, seconds: float, *, branch: UUID | None = None) -> Steps[Message]:
    """Cut the reply at a position to what was heard in so many seconds, and give it as it is now.

    The position is in the line of `branch`, without one in the line that is shown. One that is redacted stays so.
    Raises `MessageNotFound`, and `NotAReply` for a message of anyone but the model.
    """
    from convo.store import rewriting

    place.tools.check_writable()
    check_position(position)
    check_seconds(seconds)
    for _ in range(branches.TRIES):
        source, message, looked = yield from read(_at, place.owner, place.found.id, position, branch)
        if message.role != "assistant":
            raise NotAReply(position, message.role)
        if message.status == "redacted":
            return message
        data = (yield from fetched(place.tools, place.owner, looked)).popitem()[1] if looked else None
        draft = cut_to(message, data, seconds)
        if draft is None:
            return message
        (draft,) = yield from put_media(place, [draft], place.tools.now())
        if (yield from write(rewriting.rewrite, place.owner, source, position, draft, message.body)):
            return draft.at(position, message.created)
    raise ConflictError(AGAIN)


def _at(
    connection: Connection, owner: str, conversation: UUID, position: int, branch: UUID | None
) -> tuple[UUID, Message, Looked | None]:  # fmt: skip
    """Give the branch that holds the row of a message of a line, the message, and a reply's bytes, or where they are."""
    shown, _ = branches.shown(connection, owner, conversation)
    branch = branch or shown
    source = log.source_of(connection, owner, branch, position)
    message = None if source is None else log.one(connection, owner, branch, position)
    if message is None or source is None:
        raise MessageNotFound(position)
    sound = _sound(message) if message.role == "assistant" else None
    kept = sound is not None and sound.dropped is None
    return source, message, blobs.look(connection, owner, [sound.digest]) if sound and kept else None


def _sound(message: Message) -> Media | None:
    return next((piece for piece in message.media if piece.kind == "audio"), None)


def cut_to(message: Message, data: bytes | None, seconds: float) -> Draft | None:
    """Give what was heard of a reply, None when all of it was; one that is unfinished keeps in mind how much that is."""
    from convo.heard import heard

    piece = _sound(message)
    if piece is not None and piece.made_by is not None and (data is not None or piece.dropped is not None):
        return _cut_made(message, piece, data, seconds)
    body = known = heard_until(message.raw, seconds)
    if data is not None:
        body = {**body, "audio": {**body["audio"], "data": pybase64.b64encode_as_string(data)}}
    answer = _answer(body)
    gone = piece if piece is not None and piece.dropped is not None else None
    cut = heard(
        answer, seconds, piece.format if piece else None, whole=message.status == "complete" or _was_cut(body),
        lasts=gone.duration if gone else None,
    )  # fmt: skip
    if cut == answer and known == message.raw:
        return None
    asked = {"model": message.model, "audio": {"format": piece.format, "voice": piece.voice} if piece else None}
    origin = Origin.parse(message.audio_origin) if message.audio_origin else None
    draft = read_answer(cut, asked=asked, origin=origin).draft
    if gone is not None:
        draft = attrs.evolve(draft, media=(_gone(gone, seconds),))
    return _as_cut(message, draft)


def _answer(body: dict[str, Any]) -> dict[str, Any]:
    """Give the answer that a body was of; the body of a Response holds what there is to cut."""
    return body if has_items(body) else {"choices": [{"index": 0, "message": body, "finish_reason": None}]}


def _cut_made(message: Message, piece: Media, data: bytes | None, seconds: float) -> Draft | None:
    """Give what was heard of a reply that came as text, by the speech that was made of it; None when all of it was."""
    from convo.heard import cut, shortened

    said, left = cut(message.text, data, piece.format, seconds, lasts=None if data else piece.duration)
    if said == message.text:
        return None
    body = message.raw
    if has_items(body):
        body = shortened(body, len(said or ""))
    else:
        body = {name: value for name, value in body.items() if name != "audio"} | {"content": said or None}
    origin = Origin.parse(message.audio_origin) if message.audio_origin else None
    draft = read_answer(_answer(body), asked={"model": message.model}, origin=origin).draft
    rest = _gone(piece, seconds) if data is None else _shorter(piece, left, said or "") if left else None
    return _as_cut(message, attrs.evolve(draft, media=() if rest is None else (rest,)))


def _gone(piece: Media, seconds: float) -> Media:
    """Give what is known of sound whose bytes were let go, once it is cut."""
    return attrs.evolve(piece, duration=min(seconds, piece.duration or seconds))


def _shorter(piece: Media, data: bytes, said: str) -> Media:
    """Give made speech with fewer of its bytes."""
    heard = spoken(Audio.from_bytes(data, piece.format, printable(said, TEXT_COLUMN)), piece.part)
    return attrs.evolve(heard, voice=piece.voice, made_by=piece.made_by)


def _as_cut(message: Message, draft: Draft) -> Draft:
    """Give what is left of a message as interrupted, with what the message has beside its content."""
    return attrs.evolve(
        draft, status="interrupted", api=message.api, pinned=message.pinned, metadata=message.labels, created=message.created,
        text_tokens=message.text_tokens, audio_tokens=message.audio_tokens,
    )  # fmt: skip


def _was_cut(body: dict[str, Any]) -> bool:
    """Say whether a message is what was heard of one: its words are those of its sound then, and not ahead of it."""
    audio = body.get("audio")
    return isinstance(audio, dict) and audio.get("id") is None
