"""Steps on a conversation as input items of the Responses API: read, added, the last taken back, all taken back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from convo.assembly.fill import whole
from convo.checks import check_type
from convo.input_items import blobs_named, drafts_of, last_item, line_of
from convo.steps.blobs import get_all
from convo.steps.branches import press_of
from convo.steps.effects import read, write
from convo.steps.log import added, load_shown
from convo.store import lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convo.messages import Message
    from convo.steps.effects import Steps
    from convo.steps.place import Place

GROWTH = 4
"""How many times as many messages are read next, where those at the end held too few items."""


def items(place: Place, last: int | None) -> Steps[list[dict[str, Any]]]:
    """Give the items of the line that is shown, or the last of them; less than none means all, as it does to SQLite."""
    if last is not None:
        check_type(last, int, "limit", "a number of items")
    if last == 0:
        return []
    wanted = None if last is None or last < 0 else last
    now, count = place.tools.now(), wanted
    while True:
        history = yield from read(load_shown, place.owner, place.found.id, last=count)
        found = line_of(history.messages, now)
        whole_line = count is None or not history.messages or history.messages[0].position == 1
        if whole_line or len(found) >= (wanted or 0):
            break
        count = None if count is None else count * GROWTH
    found = found if wanted is None else found[-wanted:]
    return (yield from _with_bytes(place, found, history.messages))


def add(place: Place, given: object) -> Steps[None]:
    """Store items, all or none, next to each other."""
    drafts = place.tools.limits.checked(drafts_of(given))
    place.tools.check_writable()
    if drafts:
        yield from added(place, drafts, None, None)


def pop(place: Place) -> Steps[dict[str, Any] | None]:
    """Take the last item back, and give it; None where there is none. The branch that held it keeps it."""
    place.tools.check_writable()
    press = press_of(place, None, ["pop"], place.found.branch, None)
    done = yield from write(lines.cut, press, partial(last_item, now=press.now))
    if done is None:
        return None
    found, (message, item, _) = done
    place.now_found(found)
    (given,) = yield from _with_bytes(place, [item], [message])
    return given


def clear(place: Place) -> Steps[None]:
    """Take all items back. The branch that held them keeps them."""
    place.tools.check_writable()
    place.now_found((yield from write(lines.clear, press_of(place, None, ["clear"], place.found.branch, None))))


def _with_bytes(place: Place, found: list[dict[str, Any]], messages: Sequence[Message]) -> Steps[list[dict[str, Any]]]:
    held = {piece.digest for message in messages for piece in message.media if piece.dropped is None}
    wanted = sorted(held.intersection(blobs_named(found))) if held else []
    if not wanted:
        return found
    data = yield from get_all(place.tools, place.owner, wanted)
    return [whole(item, data) for item in found]
