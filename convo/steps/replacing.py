"""Steps on a message that its author gives anew, in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.content import message_draft
from convo.steps.effects import write
from convo.store import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convo.steps.effects import Steps
    from convo.steps.place import Place


def replaced(place: Place, position: int, key: str, message: Mapping[str, Any]) -> Steps[None]:
    """Give the message at a position another content; both have `key` in their bodies. Raises what `replacing.replace` does."""
    place.tools.check_writable()
    (draft,) = place.tools.limits.checked([message_draft([message])])
    yield from write(replacing.replace, place.owner, place.found.id, position, key, draft)
