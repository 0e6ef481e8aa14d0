"""Steps after a barge-in: of a reply that is in the log, only what was heard stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pybase64

from convo.checks import check_seconds
from convo.errors import ConflictError, MessageNotFound, NotAReply
from convo.intake import read_chat
from convo.origin import Origin
from convo.steps.branches import check_position
from convo.steps.effects import read, write
from convo.steps.log import AGAIN, put_media
from convo.store import blobs, branches, log

if TYPE_CHECKING:
    from typing import Any
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.messages import Draft, Message
    from convo.steps.effects import Steps
    from convo.steps.place import Place


def truncated(place: Place, position: int, seconds: float) -> Steps[Message]:
    """Cut the reply at a position to what was heard in so many seconds, and give it as it is now.

    One that is redacted stays so. Raises `MessageNotFound`, and `NotAReply` for a message of anyone but the model.
    """
    from convo.store import rewriting

    place.tools.check_writable()
    check_position(position)
    check_seconds(seconds)
    for _ in range(branches.TRIES):
        branch, message, data = yield from read(_at, place.owner, place.found.id, position)
        if message.role != "assistant":
            raise NotAReply(position, message.role)
        if message.status == "redacted":
            return message
        draft = _cut(message, data, seconds)
        if draft is None:
            return message
        yield from put_media(place, [draft], place.tools.now())
        if (yield from write(rewriting.rewrite, place.owner, branch, position, draft, message.body)):
            return draft.at(position, message.created)
    raise ConflictError(AGAIN)


def _at(connection: Connection, owner: str, conversation: UUID, position: int) -> tuple[UUID, Message, bytes | None]:
    """Give the branch that holds the row of a message of the line that is shown, the message, and a reply's bytes."""
    branch, _ = branches.shown(connection, owner, conversation)
    source = log.source_of(connection, owner, branch, position)
    message = None if source is None else log.one(connection, owner, branch, position)
    if message is None or source is None:
        raise MessageNotFound(position)
    spoken = message.role == "assistant" and message.media
    return source, message, blobs.get(connection, owner, message.media[0].digest) if spoken else None


def _cut(message: Message, data: bytes | None, seconds: float) -> Draft | None:
    """Give what was heard, None when all of it was."""
    from convo.heard import heard

    piece = message.media[0] if message.media else None
    body: dict[str, Any] = dict(message.raw)
    if data is not None:
        body["audio"] = {**body["audio"], "data": pybase64.b64encode_as_string(data)}
    answer = {"choices": [{"index": 0, "message": body, "finish_reason": None}]}
    cut = heard(answer, seconds, piece.format if piece else None, whole=message.status == "complete" or _was_cut(body))
    if cut == answer:
        return None
    asked = {"model": message.model, "audio": {"format": piece.format, "voice": piece.voice} if piece else None}
    origin = Origin.parse(message.audio_origin) if message.audio_origin else None
    draft = read_chat(cut, asked=asked, origin=origin).draft
    return attrs.evolve(
        draft, status="interrupted", pinned=message.pinned, metadata=message.labels, created=message.created,
        text_tokens=message.text_tokens, audio_tokens=message.audio_tokens,
    )  # fmt: skip


def _was_cut(body: dict[str, Any]) -> bool:
    """Say whether a message is what was heard of one: its words are those of its sound then, and not ahead of it."""
    audio = body.get("audio")
    return isinstance(audio, dict) and audio.get("id") is None
