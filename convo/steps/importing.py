"""Steps of an import: each conversation is read, made ours, and stored whole or not at all; then the next one is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from convo.canonical import printable
from convo.checks import check_choice
from convo.errors import (
    BadAudio,
    ConflictError,
    ConversationNotFound,
    EmptyContent,
    HeldTransaction,
    InputError,
    NotImportable,
    TooLarge,
)
from convo.importers.drafting import drafted
from convo.importers.foreign import Lost, Skipped
from convo.importers.results import Tally
from convo.importers.sources import FORMATS, check_source, opened
from convo.keeping import as_kept
from convo.metadata import check_title, encode_metadata
from convo.steps.blobs import put
from convo.steps.effects import call, pause, write
from convo.steps.log import AGAIN
from convo.steps.measuring import measured
from convo.steps.stored import StoredCompletions
from convo.store.importing import Arrival, Arriving, arrive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convo.importers.foreign import ForeignConversation
    from convo.importers.results import Imported
    from convo.importers.sources import Reading
    from convo.messages import Draft
    from convo.steps.effects import Steps
    from convo.steps.place import Tools
    from convo.store.importing import Arrived

TRIES = 8
"""How often a conversation is stored anew that others change, or whose bytes others collect, at the same time."""


def import_from(
    tools: Tools, owner: str, format: str, source: Any, *, table: str | None, progress: Callable[[int, int], object] | None  # noqa: A002 - as the caller has it
) -> Steps[Imported]:  # fmt: skip
    """Import conversations; see `Store.import_from`."""
    tools.check_writable()
    check_choice(format, FORMATS, "format")
    if progress is not None and not callable(progress):
        raise InputError(f"progress= is a {type(progress).__name__}; pass a function")
    if tools.held:
        raise HeldTransaction("import_from()", "the source is read")
    tally = Tally(format)
    reader = yield from _reader(format, source, table)
    try:
        while (found := (yield from reader.next())) is not None:
            yield from _one(tools, owner, found, tally)
            if progress is not None:
                progress(*reader.progress)
    except NotImportable as error:
        error.report = tally.result()
        raise
    finally:
        reader.close()
    return tally.result()


# --- reading ---------------------------------------------------------------------------------------


class _Files:
    """A reader of a file or a database: what it reads, it reads with no connection of ours held."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._conversations = iter(reading)

    @property
    def progress(self) -> tuple[int, int]:
        """How much is read, and how much there is."""
        return min(self._reading.done, self._reading.total), self._reading.total

    def next(self) -> Steps[ForeignConversation | Skipped | None]:
        """Give the next conversation, None after the last."""
        found: ForeignConversation | Skipped | None = yield from call(next, (self._conversations, None), {})
        return found

    def close(self) -> None:
        """Let go of the source. A thread that still reads, because its caller was cancelled, ends with an error of its own."""
        self._reading.close()


def _reader(format_: str, source: Any, table: str | None) -> Steps[_Files | StoredCompletions]:
    if format_ == "openai":
        if table is not None:
            raise InputError("table= is the name of a table of a database; leave it out for openai")
        return StoredCompletions(source)
    check_source(format_, source, table)
    reading: Reading = yield from call(opened, (format_, source, table), {})
    return _Files(reading)


# --- storing ---------------------------------------------------------------------------------------


def _one(tools: Tools, owner: str, found: ForeignConversation | Skipped, tally: Tally) -> Steps[None]:
    """Store a conversation and count what was done. What cannot be stored is counted, and the others go on."""
    tally.count(conversations=1)
    if isinstance(found, Skipped):
        tally.count(skipped=1)
        tally.lose(found.id, found.lost.kind, found.lost.reason)
        return
    more: list[Lost] = []
    try:
        done = yield from _stored(tools, owner, f"{tally.done.format}:{found.id}", found, more)
    except InputError as error:
        tally.count(skipped=1)
        tally.lose(found.id, "conversation", f"it was not imported: {error}")
        return
    tally.count(
        created=int(done.created),
        grown=int(not done.created and done.messages > 0),
        messages=done.messages,
        branches=done.branches,
    )
    for lost in (*found.lost, *more):
        tally.lose(found.id, lost.kind, lost.reason)
    for changed in done.changed:
        tally.lose(found.id, "changed", f"message {changed} says something else by now; it stays as it was first imported")


def _stored(tools: Tools, owner: str, key: str, found: ForeignConversation, lost: list[Lost]) -> Steps[Arrived]:
    """Store what is new of a conversation, its bytes first. Raises an `InputError` for what cannot be stored."""
    now = tools.now()
    began = found.created if found.created is not None else min(_times(found), default=now)
    arriving, tip = yield from call(_drafts, (found, began, tools.limits.item, lost), {})
    kept = []
    for one in arriving:
        kept.append(as_kept((yield from _measured(one, lost)), tools.keep, now))  # noqa: PERF401 - a generator
    pieces = {piece.digest: piece.data or b"" for draft in kept for piece in draft.media if piece.dropped is None}
    arrival = Arrival(
        owner=owner, key=key, title=check_title(found.title), metadata=encode_metadata(found.metadata), created=began, now=now,
        messages=[attrs.evolve(one, draft=draft) for one, draft in zip(arriving, kept, strict=True)], tip=tip,
        digests=sorted(pieces), new_id=tools.new_id,
    )  # fmt: skip
    lacking: Any = pieces
    for attempt in range(TRIES):
        for digest in lacking:
            yield from put(tools, owner, digest, pieces[digest], tools.now())
        try:
            done: Arrived = yield from write(arrive, arrival)
        except (ConflictError, ConversationNotFound):
            if attempt == TRIES - 1:
                raise
            yield from pause(0.05 * attempt)
            continue
        if not done.lacking:
            return done
        lacking = done.lacking
    raise ConflictError(AGAIN)


def _times(found: ForeignConversation) -> Iterator[int]:
    return (message.created for message in found.messages if message.created is not None)


def _drafts(found: ForeignConversation, began: int, limit: int, lost: list[Lost]) -> tuple[list[Arriving], str | None]:
    """Give the messages as they are stored, and the last of the line to show. Raises an `InputError`.

    What says nothing is none: what follows it follows the one before. A message of which no time is known has that one's.
    """
    arriving: list[Arriving] = []
    places: dict[str | None, str | None] = {None: None}
    times: dict[str | None, int] = {None: began}
    for message in found.messages:
        parent = places.get(message.parent)
        try:
            draft = drafted(message, times[parent])
        except EmptyContent:
            places[message.id] = parent
            lost.append(Lost("empty_message", f"message {message.id}, of the role {message.role}, says nothing"))
            continue
        _check_size(message.id, draft, limit)
        places[message.id] = message.id
        times[message.id] = draft.created or began
        arriving.append(Arriving(message.id, parent, draft))
    return arriving, places.get(found.tip)


def _measured(one: Arriving, lost: list[Lost]) -> Steps[Draft]:
    """Give a draft with the lengths of its recordings; a damaged one is stored as it is."""
    try:
        (draft,) = yield from measured([one.draft])
    except BadAudio as error:
        lost.append(Lost("damaged_audio", f"a recording of message {one.id} is stored, and cannot be decoded: {error}"))
        return one.draft
    return draft


def _check_size(identifier: str, draft: Draft, limit: int) -> None:
    if len(draft.body) > limit:
        raise TooLarge(f"message {printable(identifier, 100)}, as it is stored,", len(draft.body), limit, "bytes")
