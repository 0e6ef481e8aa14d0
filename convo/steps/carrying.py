"""Steps of adapters: lines read as another framework's messages, and stored from them; see `convo.carried`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from convo.canonical import encode
from convo.carried import Group, behind, groups_of
from convo.errors import ConversationNotFound, TooLarge
from convo.keeping import as_kept
from convo.protocol import check_key, is_key
from convo.steps import blobs
from convo.steps.creating import create
from convo.steps.effects import read, write
from convo.steps.log import add_drafts
from convo.steps.measuring import measured
from convo.steps.place import Place
from convo.steps.stores import get
from convo.store import branches, carrying
from convo.store.carrying import Change, Spot
from convo.store.log import END

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from uuid import UUID

    from convo.messages import Draft, Message
    from convo.steps.effects import Steps
    from convo.steps.place import Tools
    from convo.store.branches import Branch
    from convo.store.carrying import Line
    from convo.store.conversations import Found

PAGE = 64
"""Messages that are read at least where the last few of a line are wanted."""


@attrs.frozen
class Carrying:
    """A line as a framework's messages. `sources` tells, of each group, the branch that holds its first row; `data` bytes.

    `now` is the store's time in microseconds.
    """

    groups: tuple[Group, ...]
    sources: tuple[UUID, ...]
    data: dict[str, bytes] = attrs.field(repr=False)
    now: int


# --- found, and read -------------------------------------------------------------------------------


def found(tools: Tools, owner: str | None, name: str) -> Steps[Found | None]:
    """Give the conversation that has `name` as its key, or else as its id; None where there is none."""
    if is_key(name):
        try:
            return (yield from get(tools, owner, None, name))
        except ConversationNotFound:
            pass
    try:
        return (yield from get(tools, owner, name, None))
    except ConversationNotFound:
        return None


def read_groups(
    tools: Tools, owner: str, branch: UUID, name: str, wants: Callable[[Group], Iterable[str]] | None, *,
    until: int = END, last: int | None = None,
) -> Steps[Carrying]:  # fmt: skip
    """Read a line up to a position as messages of the framework `name`, with the bytes that are wanted.

    With `last`, which needs `until`, so many of them from the end. `wants` gives the digests of bytes that a group is to come
    with beside its own; None: no bytes are read.
    """
    line, groups = yield from _groups(owner, branch, name, until, last)
    wanted = set() if wants is None else {digest for group in groups for digest in (*group.digests(), *wants(group))}
    data = (yield from blobs.get_all(tools, owner, sorted(wanted))) if wanted else {}
    sources = tuple(line.source(group.first.position) for group in groups)
    return Carrying(tuple(groups), sources, data, tools.now())


def read_left(
    tools: Tools, owner: str, name: str, branch: UUID, framework: str, wants: Callable[[Group], Iterable[str]], *, until: int
) -> Steps[Carrying | None]:  # fmt: skip
    """Read the last group up to a position of one of a conversation's branches, shown or left; None where there is none."""
    there = yield from found(tools, owner, name)
    if there is None or all(one.id != branch for one in (yield from branches_of(owner, there.id))):
        return None
    line = yield from read_groups(tools, owner, branch, framework, wants, until=until, last=1)
    return line if line.groups else None


def again(message: Message) -> Draft:
    """Give a stored message as it would be written again, with its media and the id of its audio."""
    from convo.store.lines import draft_of

    return attrs.evolve(
        draft_of(message), media=message.media, audio_id=message.audio_id, audio_expires=message.audio_expires,
        audio_origin=message.audio_origin, text_tokens=message.text_tokens, audio_tokens=message.audio_tokens,
    )  # fmt: skip


def _groups(owner: str, branch: UUID, name: str, until: int, last: int | None) -> Steps[tuple[Line, list[Group]]]:
    """Read as much of a line from its end as `last` groups need, and no group in part."""
    size = END if last is None else max(PAGE, 4 * last)
    while True:
        line = yield from read(carrying.line, owner, branch, max(1, until - size + 1), until)
        since = line.messages[0].position if line.messages else 1
        cut = behind(line.messages[0], name) if line.messages else 0
        groups = groups_of(line.messages, name)
        if since == 1 or (last is not None and len(groups) >= last and not cut):
            return line, groups if last is None else groups[len(groups) - min(last, len(groups)) :]
        size = size + cut if cut else 2 * size


# --- stored ----------------------------------------------------------------------------------------


def add(tools: Tools, owner: str, name: str, drafts: Sequence[Draft]) -> Steps[None]:
    """Put messages at the end of the conversation that has `name` as its key, or its id; it is made where there is none."""
    tools.check_writable()
    check_sizes(tools, drafts)
    there = yield from found(tools, owner, name)
    if there is None:
        there = yield from create(tools, owner, instructions=None, title=None, metadata=None, key=name, messages=())
    yield from add_drafts(Place(tools, there), drafts)


def empty(tools: Tools, owner: str, name: str) -> Steps[None]:
    """Have the conversation show an empty line; what it showed stays on the branch that was left."""
    tools.check_writable()
    there = yield from found(tools, owner, name)
    if there is not None and there.head:
        wanted = Change(owner, there.id, tools.new_id(), tools.now(), None, (), lambda _: True, _as_it_is)
        yield from write(carrying.change, wanted)


def _as_it_is(now: Found) -> str | None:
    return encode(dict(now.metadata)) if now.metadata else None


def prepared(tools: Tools, owner: str, drafts: Sequence[Draft]) -> Steps[list[Draft]]:
    """Give drafts as they are to be stored, whose bytes are stored by now. Raises `TooLarge`, and `BadAudio`."""
    tools.check_writable()
    check_sizes(tools, drafts)
    now = tools.now()
    kept = [as_kept(draft, tools.keep, now) for draft in (yield from measured(tools.limits.checked(list(drafts))))]
    pieces = {piece.digest: piece.data for draft in kept for piece in draft.media if piece.dropped is None}
    for digest, data in pieces.items():
        if data is not None:
            yield from blobs.put(tools, owner, digest, data, now)
    return kept


def check_sizes(tools: Tools, drafts: Sequence[Draft]) -> None:
    """Raise `TooLarge` where what a framework keeps beside a message is larger than a message may be."""
    for draft in drafts:
        size = len(draft.metadata or "")
        if size > tools.limits.item:
            raise TooLarge("what the framework keeps beside a message", size, tools.limits.item, "bytes")


def change(
    tools: Tools, there: Found, base: Spot | None, drafts: Sequence[Draft], agrees: Callable[[Found], bool],
    metadata: Callable[[Found], str | None],
) -> Steps[Found | None]:  # fmt: skip
    """Have a conversation show its line up to `base`, and drafts after it; None where it is not as it was thought to be."""
    ready = yield from prepared(tools, there.owner, drafts)
    wanted = Change(there.owner, there.id, tools.new_id(), tools.now(), base, ready, agrees, metadata)
    return (yield from write(carrying.change, wanted))


def make(
    tools: Tools, owner: str, key: str, base: Spot | None, drafts: Sequence[Draft], metadata: Callable[[Found], str | None]
) -> Steps[Found | None]:  # fmt: skip
    """Make a conversation of a key that shows what is up to `base`, and drafts after it; None where the key is taken."""
    check_key(key)
    ready = yield from prepared(tools, owner, drafts)
    wanted = Change(owner, tools.new_id(), tools.new_id(), tools.now(), base, ready, lambda _: True, metadata)
    return (yield from write(carrying.make, wanted, key))


def delete(tools: Tools, there: Found, agrees: Callable[[Found], bool]) -> Steps[bool]:
    """Delete a conversation that is as it was thought to be, and say whether it was."""
    tools.check_writable()
    return (yield from write(carrying.delete, there.owner, there.id, agrees))


def branches_of(owner: str, conversation: UUID) -> Steps[list[Branch]]:
    """Give the branches of a conversation, oldest first."""
    return (yield from read(branches.listed, owner, conversation))
