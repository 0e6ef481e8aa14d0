"""Steps beside the log: notes of messages, redaction, and a conversation that moves to another owner.

What the store does for them is imported when it is first needed: most processes need none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from convo.canonical import encode
from convo.errors import ConflictError, InvalidMetadata
from convo.metadata import MAX_KEYS, check_pair, check_reason
from convo.steps.blobs import TRIES, get, objects_deleted, put_object, within_reach
from convo.steps.branches import check_position
from convo.steps.effects import read, write
from convo.steps.log import AGAIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convo.steps.effects import Steps
    from convo.steps.place import Place


def annotate(place: Place, position: int, notes: Mapping[str, Any]) -> Steps[dict[str, Any]]:
    """Write notes of a message; None removes one."""
    from convo.store import annotations as notes_beside

    place.tools.check_writable()
    check_position(position)
    for name, value in notes.items():
        check_pair(name, value)
    if len(notes) > MAX_KEYS:
        raise InvalidMetadata(None, f"there are {len(notes):,} notes; at most {MAX_KEYS} are kept")
    texts = {name: None if value is None else encode(value) for name, value in notes.items()}
    return (yield from write(notes_beside.put, place.owner, place.found.id, position, texts, place.tools.now()))


def listed(place: Place) -> Steps[dict[int, dict[str, Any]]]:
    """Give the notes of the line that is shown, by position."""
    from convo.store import annotations as notes_beside

    return (yield from read(notes_beside.of_line, place.owner, place.found.id))


def redact(place: Place, position: int) -> Steps[None]:
    """Take what a message said out of it."""
    from convo.store import redaction

    place.tools.check_writable()
    check_position(position)
    found, gone = yield from write(
        within_reach, place.tools.blobs, redaction.redact, place.owner, place.found.id, position, place.tools.now()
    )  # fmt: skip
    place.now_found(found)
    yield from objects_deleted(place.tools, gone)


def hold(place: Place, reason: str) -> Steps[None]:
    """Put the conversation on hold."""
    yield from _held(place, check_reason(reason))


def release(place: Place) -> Steps[None]:
    """End the hold."""
    yield from _held(place, None)


def _held(place: Place, reason: str | None) -> Steps[None]:
    from convo.store import holds

    place.tools.check_writable()
    yield from write(holds.put, place.owner, place.found.id, reason)
    place.now_found(attrs.evolve(place.found, hold=reason))


def move_to(place: Place, owner: str) -> Steps[None]:
    """Give the conversation to another owner."""
    from convo.store import moving

    place.tools.check_writable()
    if owner == place.owner:
        return
    tools = place.tools
    for _ in range(TRIES):
        found, held = yield from write(
            within_reach, tools.blobs, moving.move, place.owner, place.found.id, owner, tools.now(), tools.new_id
        )
        if found is not None:
            place.now_found(found)
            yield from objects_deleted(tools, held)
            return
        for one in held:
            store = tools.blobs.named(one.place or "", one.digest)
            data = yield from get(tools, place.owner, one.digest)
            yield from put_object(tools, store, owner, one.digest, data, tools.now())
    raise ConflictError(AGAIN)
