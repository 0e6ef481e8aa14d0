"""A foreign message as a draft of ours. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from convo.canonical import printable
from convo.content import message_draft
from convo.extract import described
from convo.intake.answer import NAME_COLUMN
from convo.metadata import encode_metadata

if TYPE_CHECKING:
    from convo.importers.foreign import ForeignMessage
    from convo.messages import Draft


def drafted(message: ForeignMessage, now: int) -> Draft:
    """Give the draft; one whose time nobody knows has `now`. Raises an `InputError` for what cannot be stored."""
    draft = _of_items(message) if message.output is not None else _of_content(message)
    first = max([len(message.content), *(piece.part + 1 for piece in draft.media)], default=0)
    beside = [described(one.kind, one.format, one.data, first + place) for place, one in enumerate(message.beside)]
    return attrs.evolve(
        draft,
        status=message.status,
        model=message.model and printable(message.model, NAME_COLUMN),
        created=now if message.created is None else message.created,
        metadata=encode_metadata(message.metadata),
        media=(*draft.media, *beside),
    )


def _of_content(message: ForeignMessage) -> Draft:
    return message_draft(message.content, role=message.role, kind=message.kind)


def _of_items(message: ForeignMessage) -> Draft:
    """Give a reply of the Responses API. The API may have forgotten it: what it has only an id for goes back in words."""
    from convo.intake.responses import read_response

    return read_response({"output": list(message.output or ()), "store": False}, asked={"model": message.model}).draft
