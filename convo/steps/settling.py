"""Steps after a worker that died in the middle of a stream: what it had saved of the reply enters the log, as interrupted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from convo.canonical import decode
from convo.errors import AnswerError, ConvoError
from convo.intake.reading import read_answer, unreadable
from convo.intake.stream import rebuilt
from convo.logs import note
from convo.origin import Origin
from convo.protocol import LEASE
from convo.steps.columns import answer_columns, as_interrupted
from convo.steps.effects import read, write, write_one
from convo.steps.letting import let_go_if_answered
from convo.steps.log import put_media
from convo.store import checkpoints, exchanges
from convo.store.append import Entry

if TYPE_CHECKING:
    from uuid import UUID

    from convo.intake.answer import Answer
    from convo.steps.effects import Steps
    from convo.steps.place import Place, Tools
    from convo.store.checkpoints import Left

LOGGER = logging.getLogger("convo.exchange")


def settled(place: Place, branch: UUID) -> Steps[bool]:
    """End the exchange that a dead worker left on a branch, with what it had received; False when there is none.

    It ends as failed where what was saved cannot be read, as another version may have written it.
    """
    now = place.tools.now()
    left = yield from write(checkpoints.take, place.owner, branch, now, now + LEASE)
    if left is None:
        return False
    try:
        found, row = _received(place.tools, left, now)
    except (ConvoError, LookupError, TypeError, ValueError, AttributeError):
        note(LOGGER, logging.WARNING, "what a dead worker had received cannot be read", exchange=left.begun.id)
        columns = {"error": AnswerError.code, "raw": unreadable(left.body)[0]}
        yield from write(exchanges.fail, place.owner, branch, left.begun.id, left.begun.attempt, now, columns, None)
        yield from write(checkpoints.clear, place.owner, left.begun.id)
        return True
    (draft,) = yield from put_media(place, [found.draft], now)
    entry = Entry(
        place.owner, branch, now, (draft,), exchange_id=left.begun.id, attempt=left.begun.attempt, exchange=row,
        head=left.begun.head,
    )  # fmt: skip
    head = yield from write_one(exchanges.complete, entry)
    if head is not None:
        note(LOGGER, logging.WARNING, "what a dead worker had received is recorded", exchange=left.begun.id, position=head)
        yield from write(checkpoints.clear, place.owner, left.begun.id)
        place.moved(head, branch)
        yield from let_go_if_answered(place, branch, head, draft)
    return True


def settled_if_left(place: Place, branch: UUID, exchange: UUID) -> Steps[bool]:
    """Look whether the worker of an exchange, which is dead, has left anything, and end the exchange; False for nothing."""
    if not (yield from read(exchanges.has_left, place.owner, exchange)):
        return False
    return (yield from settled(place, branch))


def _received(tools: Tools, left: Left, now: int) -> tuple[Answer, dict[str, Any]]:
    saved = decode(left.body)
    origin = Origin.parse(left.row["origin"]) if left.row["origin"] else None
    found = read_answer(rebuilt(saved["answer"], left.audio), asked=saved["asked"], origin=origin)
    found = as_interrupted(found)
    columns = answer_columns(found, left.row["model"], tools.catalogue, now)
    return found, {**columns, **{name: value for name, value in saved["row"].items() if name in left.row}}
