"""Steps on the lines of a conversation: another answer, another question, another line, a fork.

What the store does for them is imported when it is first needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.canonical import digest, encode
from convo.checks import check_type
from convo.content import message_draft
from convo.errors import BranchNotFound, ConflictError, InputError, InvalidContent, NotEditable, StaleHead
from convo.ids import as_uuid
from convo.metadata import check_title, encode_metadata
from convo.protocol import check_key
from convo.steps.effects import read, write
from convo.steps.log import AGAIN, check_head, put_media, shown_branch
from convo.steps.measuring import measured
from convo.steps.settling import settled
from convo.store import branches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convo.messages import Draft, Message
    from convo.steps.effects import Steps
    from convo.steps.place import Place
    from convo.store.branches import Branch
    from convo.store.conversations import Found
    from convo.store.lines import Press

EDITABLE = ("user", "system", "developer")
_OWN = "\x1f"
"""Before the key of a press: no caller's key is unprintable, so that `send` may have the same one."""
_TRIES = branches.TRIES


def regenerate(place: Place, *, key: str | None, expected_head: int | None) -> Steps[Branch]:
    """Take the last reply back; what a dead worker has left of one is the last."""
    from convo.store import lines

    _check(place, key, expected_head)
    yield from settled(place, (yield from shown_branch(place)))
    press = press_of(place, key, ["regenerate"], place.found.branch, expected_head)
    found, branch = yield from write(lines.regenerate, press)
    place.now_found(found)
    return branch


def edit(place: Place, position: int, content: Sequence[object], *, key: str | None, expected_head: int | None) -> Steps[Message]:
    """Write a message anew, on a branch of its own."""
    from convo.store import lines

    _check(place, key, expected_head)
    check_position(position)
    for _ in range(_TRIES):
        now = place.tools.now()
        start = yield from read(lines.before_edit, place.owner, place.found.id, position, _own(key))
        if start.known is None and expected_head is not None and start.branch != place.found.branch:
            raise StaleHead(expected_head, (yield from read(branches.shown, place.owner, place.found.id))[1])
        (draft,) = place.tools.limits.checked([_edited(start.message, content)])
        (draft,) = yield from put_media(place, (yield from measured([draft])), now)
        press = press_of(place, key, ["edit", position, draft.body], start.branch, expected_head)
        done = yield from write(lines.edit, press, position, draft)
        if done is not None:
            found, message = done
            place.now_found(found)
            return message
    raise ConflictError(AGAIN)


def _edited(message: Message, content: Sequence[object]) -> Draft:
    """Give a message with other content. Raises `NotEditable` for replies and results of tools."""
    if message.role not in EDITABLE:
        raise NotEditable(message.position, message.role)
    whole = len(content) == 1 and isinstance(content[0], dict) and "role" in content[0]
    name = message.raw.get("name")
    draft = message_draft(
        content, role=message.role, name=None if whole else name, kind=message.kind, pinned=message.pinned,
        metadata=message.metadata or None,
    )  # fmt: skip
    if draft.role != message.role:
        raise InvalidContent(f"message {message.position} is of the role {message.role}, not {draft.role}", "keep its role")
    return draft


def listed(place: Place) -> Steps[list[Branch]]:
    """Give the branches of the conversation, oldest first."""
    return (yield from read(branches.listed, place.owner, place.found.id))


def switch(place: Place, branch: Any) -> Steps[None]:
    """Show another branch."""
    from convo.store import lines

    place.tools.check_writable()
    identifier = as_uuid(getattr(branch, "id", branch), BranchNotFound)
    place.now_found((yield from write(lines.switch, place.owner, place.found.id, identifier)))


def fork(place: Place, at: int | None, *, key: str | None, title: str | None, metadata: Mapping[str, Any] | None) -> Steps[Found]:
    """Make a conversation that shares the line up to a position."""
    from convo.store import lines

    place.tools.check_writable()
    check_key(key)
    if at is not None:
        check_position(at, least=0)
    name, labels, new_id = check_title(title), None if metadata is None else encode_metadata(metadata) or "{}", place.tools.new_id
    return (
        yield from write(
            lines.fork, place.owner, place.found.id, at, new_id(), new_id(), place.tools.now(),
            key=key, title=name, metadata=labels,
        )
    )  # fmt: skip


def check_position(position: object, least: int = 1) -> None:
    """Raise `InputError` for what is no position of a message."""
    check_type(position, int, "position", "the position of a message")
    assert isinstance(position, int)  # noqa: S101 - just checked
    if position < least:
        reason = f"position {position} is less than {least}; positions of messages begin with 1"
        raise InputError(reason)


def _check(place: Place, key: str | None, expected_head: int | None) -> None:
    place.tools.check_writable()
    check_key(key)
    check_head(expected_head)


def _own(key: str | None) -> str | None:
    return None if key is None else f"{_OWN}{key}"


def press_of(place: Place, key: str | None, asked: list[Any], seen: Any, expected: int | None) -> Press:
    """Give a call that starts a branch: what it asks, and what its caller has seen."""
    from convo.store.lines import Press

    new_id = place.tools.new_id
    hash_ = digest(encode(asked))
    return Press(place.owner, place.found.id, new_id(), new_id(), place.tools.now(), hash_, _own(key), seen, expected)
