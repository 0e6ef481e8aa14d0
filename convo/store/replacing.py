"""A message that its author gives anew, in its place: for interfaces whose messages change while they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from convo.errors import ConflictError, InputError, MessageNotFound
from convo.store import branches, holds, log
from convo.store.rewriting import rewrite
from convo.store.turns import take_turns

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.messages import Draft


def replace(connection: Connection, owner: str, conversation: UUID, position: int, key: str, draft: Draft) -> None:
    """Give the message at a position of the line that is shown another content; its role, time and metadata stay.

    Only one whose body has `key` is replaced, and only by one of its role: `InputError` for any other. Raises
    `ConversationNotFound`, `MessageNotFound` for one that was redacted meanwhile, `OnHold`, and `ConflictError` where another
    replaced it at the same time.
    """
    take_turns(connection, owner)
    shown = branches.lock(connection, owner, conversation)
    source = log.source_of(connection, owner, shown.id, position)
    message = None if source is None else log.one(connection, owner, shown.id, position)
    if source is None or message is None or message.status == "redacted":
        raise MessageNotFound(position)
    if key not in message.raw or message.role != draft.role:
        reason = f"message {position} is of the role {message.role}, or came another way: it cannot be replaced; add another one"
        raise InputError(reason)
    holds.check_row(connection, owner, source, position)
    kept = attrs.evolve(draft, pinned=message.pinned, metadata=message.labels, created=message.created)
    if not rewrite(connection, owner, source, position, kept, message.body):
        reason = f"message {position} was changed by others at the same time; try once more"
        raise ConflictError(reason)
