"""Pydantic AI's `ConversationStore`, kept by convo: in SQLite or PostgreSQL, beside everything else that convo does with it.

```python
import convo
from convo.integrations.pydantic_ai import ConvoConversationStore
from pydantic_ai import Agent
from pydantic_ai.conversation import Conversation


async def answer(agent: Agent, store: convo.AsyncStore, question: str) -> str:
    conversations = ConvoConversationStore(store)
    conversation = await conversations.load("call-42") or Conversation(conversation_id="call-42")
    result = await agent.run(question, conversation=conversation)
    await conversations.save(result)
    chat = await store.get(key="call-42")  # the same conversation: search, tables, documents, chat.send(...)
    print(await chat.transcript())
    return result.output
```

All of the protocol is kept: revisions and `ConversationConflict`, `branch` and `fork` (which share messages, as convo's do),
`scope`, usage, and tool calls that a run waits for. A save is one transaction: the messages, and the record that names them. A
message comes back as it was given; in the log each part of it that a model sees is a message of Chat Completions, and what only
Pydantic AI knows stands in the metadata of the first under `pydantic_ai`, as the record does in those of the conversation: keep
that key when you `update(metadata=...)`.

A conversation that convo has made is found by its key, or by its id. Its messages are given as Pydantic AI's: a spoken reply as a
`SpeechPart` with its transcript, a recording as one with its sound and its transcript, of which a model gets what it takes. A run
only adds to the log, so that the references of spoken replies stay good for `chat.send`. Whatever convo adds changes the
revision: of two who go on at once, one gets a `ConversationConflict`.

The store's owner is whose conversations these are (`store.owned_by("c-42")`); `scope` is a label within them. To `delete` a
conversation deletes its messages, but for those that a fork shares. What a run called and paid is no exchange of convo's: its
usage is in the record.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs

from convo.async_api.store import AsyncStore
from convo.canonical import decode, encode
from convo.checks import check_type
from convo.errors import MissingDependency, NotFound, ReadOnlyView, SearchUnavailable
from convo.ids import cursor_of
from convo.steps import carrying, stores
from convo.steps.stores import MAX_PAGE
from convo.times import from_micros

try:
    from pydantic import TypeAdapter
    from pydantic_ai.conversation_store import ConversationConflict, ConversationEntry, ConversationRecord, ConversationStore

    from convo.integrations.pydantic_ai_messages import NAME, drafts_of, message_of, wanted_of
except ImportError as error:
    raise MissingDependency("pydantic-ai-slim>=2.68", "pydantic-ai", "convo.integrations.pydantic_ai") from error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from convo.carried import Group
    from convo.steps.carrying import Carrying
    from convo.steps.effects import Steps
    from convo.steps.place import Tools
    from convo.store.carrying import Spot
    from convo.store.conversations import Found

SCOPE = f"{NAME}.scope"
"""The key under which the metadata of a conversation hold its scope, to list by."""
REMEMBERED = 10_000
"""Entries of which a store remembers where they are; others are looked for."""
_RECORD = TypeAdapter(list[ConversationRecord])
_PLACED = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):([1-9][0-9]{0,17})")
"""The id of an entry that convo made: the branch that holds its row, and its position."""


class ConvoConversationStore(ConversationStore):
    """The conversations of a store's owner, as Pydantic AI keeps them.

    It raises Pydantic AI's own errors for what its protocol names, and convo's for the rest: `InvalidContent` and `TooLarge` for
    what cannot be stored, `InputError` for a `conversation_id` that is no key, `OnHold`, `StoreError` where the database fails.
    """

    def __init__(self, store: AsyncStore) -> None:
        check_type(store, AsyncStore, "store", "a convo.AsyncStore, because Pydantic AI awaits its stores")
        if store._owner is None:  # noqa: SLF001 - an adapter is an edge of its own
            raise ReadOnlyView
        self._owner = store._owner  # noqa: SLF001 - as above
        self._driver = store._driver  # noqa: SLF001 - steps run as the store runs them
        self._spots: dict[str, Spot] = {}

    # --- the protocol ------------------------------------------------------------------------------

    async def read_record(self, conversation_id: str) -> ConversationRecord | None:
        """Give the record of a conversation, None where there is none."""
        return await self._driver.do(self._record(conversation_id))

    async def read_records(self, *, scope: str | None = None, limit: int | None = None) -> Sequence[ConversationRecord]:
        """Give the records of a scope, or all, those that were saved last first.

        The conversations of the scope are read for it, of everybody whose store it is: many of one owner take a while.
        """
        return await self._driver.do(self._records(scope, limit))

    async def write_record(
        self, record: ConversationRecord, *, new_entries: Sequence[ConversationEntry] = (), expected_revision: str | None
    ) -> None:
        """Store a record and its new entries in one transaction, or neither. Raises `ConversationConflict`."""
        try:
            done = await self._driver.do(self._written(record, new_entries, expected_revision))
        except NotFound:
            done = False
        if not done:
            raise ConversationConflict(record.conversation_id)

    async def delete_record(self, conversation_id: str, *, expected_revision: str) -> None:
        """Delete a conversation with its messages, but for those that forks share. Raises `ConversationConflict`, `OnHold`."""
        if not await self._driver.do(self._deleted(conversation_id, expected_revision)):
            raise ConversationConflict(conversation_id)

    async def read_entry(self, entry_id: str) -> ConversationEntry:
        """Give one entry. Raises `KeyError`; one that this store has not seen before is looked for, which takes a while."""
        return (await self.read_history(entry_id, limit=1))[-1]

    async def read_history(self, head_id: str | None, *, limit: int | None = None) -> list[ConversationEntry]:
        """Give the entries up to one of them, or the last of those, by one read. Raises `KeyError`."""
        if head_id is None or limit == 0:
            return []
        return await self._driver.do(self._history(head_id, limit))

    # --- records -----------------------------------------------------------------------------------

    @property
    def _tools(self) -> Tools:
        return self._driver.tools

    def _record(self, conversation_id: str) -> Steps[ConversationRecord | None]:
        there = yield from carrying.found(self._tools, self._owner, conversation_id)
        return None if there is None else (yield from self._record_of(there, conversation_id))

    def _record_of(self, there: Found, conversation_id: str) -> Steps[ConversationRecord]:
        """Give the record as it was saved, or as it is since convo has gone on with the conversation."""
        saved = _Saved.of(there)
        for entry, spot in saved.tips.items():
            self._remember(entry, spot)
        record = saved.record or ConversationRecord(conversation_id=conversation_id, head_id=None)
        if saved.shows != (there.branch, there.head):
            yield from self._moved_on(record, saved, there)
        if record.head_id is not None:
            self._remember(record.head_id, (there.branch, there.head))
        record.conversation_id = conversation_id
        record.scope = _scope_of(there)
        return record

    def _moved_on(self, record: ConversationRecord, saved: _Saved, there: Found) -> Steps[None]:
        """Say in a record what convo did since it was saved: where the history ends now, and the branches that it left."""
        head, at = yield from self._end(there.branch, there.head)
        known = {spot for entry, spot in saved.tips.items() if entry in record.branches}
        for branch in (yield from carrying.branches_of(self._owner, there.id)):
            if not branch.shown and branch.head and (branch.id, branch.head) not in known:
                tip, _ = yield from self._end(branch.id, branch.head)
                if tip is not None and tip not in record.branches:
                    self._remember(tip, (branch.id, branch.head))
                    record.branches.append(tip)
        record.head_id, record.revision = head, _revision(there, saved)
        record.branches = [tip for tip in record.branches if tip != head]
        record.deferred_tool_requests = None
        record.updated_at = from_micros(max(at, there.created))

    def _end(self, branch: UUID, head: int) -> Steps[tuple[str | None, int]]:
        """Give the last entry of a line, and when it was made; None for an empty one."""
        if not head:
            return None, 0
        line = yield from carrying.read_groups(self._tools, self._owner, branch, NAME, None, until=head, last=1)
        return (_ids(line)[-1], line.groups[-1].first.created) if line.groups else (None, 0)

    def _records(self, scope: str | None, limit: int | None) -> Steps[list[ConversationRecord]]:
        there = yield from self._listed(scope)
        newest = sorted(there, key=lambda one: _Saved.of(one).when(one), reverse=True)
        records = []
        for one in newest if limit is None else newest[:limit]:
            records.append((yield from self._record_of(one, one.key or str(one.id))))  # noqa: PERF401 - a generator
        return records

    def _listed(self, scope: str | None) -> Steps[list[Found]]:
        everyone: list[Found] = []
        after, only = None, {} if scope is None else {SCOPE: scope}
        while True:
            try:
                page = yield from stores.listed(
                    self._owner, metadata=only, title=None, since=None, until=None, limit=MAX_PAGE, after=after
                )
            except SearchUnavailable:  # metadata are encrypted: each is looked at here
                only = {}
                continue
            everyone += page
            if len(page) < MAX_PAGE:
                return [one for one in everyone if scope is None or _scope_of(one) == scope]
            after = cursor_of(page[-1].created, page[-1].id)

    # --- writing -----------------------------------------------------------------------------------

    def _written(
        self, record: ConversationRecord, entries: Sequence[ConversationEntry], expected: str | None
    ) -> Steps[bool]:  # fmt: skip
        self._tools.check_writable()
        drafts = [draft for entry in entries for draft in drafts_of(entry.message, entry.id)]
        there = yield from carrying.found(self._tools, self._owner, record.conversation_id)
        if (None if there is None else _revision(there, _Saved.of(there))) != expected:
            return False
        head = entries[0].parent_id if entries else record.head_id
        try:
            base = None if head is None else (yield from self._spot(head))
        except KeyError:  # it was deleted meanwhile
            return False
        tips = {tip: spot for tip in record.branches if (spot := self._spots.get(tip)) is not None}

        def metadata(now: Found) -> str:
            return _Saved(record, (now.branch, now.head), tips).into(now)

        if there is None:
            done = yield from carrying.make(self._tools, self._owner, record.conversation_id, base, drafts, metadata)
        else:
            done = yield from carrying.change(self._tools, there, base, drafts, lambda now: _agrees(now, expected), metadata)
        if done is not None and record.head_id is not None:
            self._remember(record.head_id, (done.branch, done.head))
        return done is not None

    def _deleted(self, conversation_id: str, expected: str) -> Steps[bool]:
        there = yield from carrying.found(self._tools, self._owner, conversation_id)
        if there is None:
            return False
        return (yield from carrying.delete(self._tools, there, lambda now: _agrees(now, expected)))

    # --- entries -----------------------------------------------------------------------------------

    def _history(self, head: str, limit: int | None) -> Steps[list[ConversationEntry]]:
        branch, until = yield from self._spot(head)
        last = None if limit is None else limit + 1
        line = yield from carrying.read_groups(self._tools, self._owner, branch, NAME, wanted_of, until=until, last=last)
        if not line.groups:  # it was where a conversation was that is gone, or that came from elsewhere
            self._spots.pop(head, None)
            branch, until = yield from self._spot(head, anew=True)
            line = yield from carrying.read_groups(self._tools, self._owner, branch, NAME, wanted_of, until=until, last=last)
        entries = _entries(line)
        for entry, group in zip(entries, line.groups, strict=True):
            self._remember(entry.id, (branch, group.messages[-1].position))
        return entries if limit is None else entries[-limit:]

    def _spot(self, entry: str, *, anew: bool = False) -> Steps[Spot]:
        """Give where a line is that ends with an entry. Raises `KeyError`."""
        if entry in self._spots and not anew:
            return self._spots[entry]
        spot = yield from self._looked_for(entry)
        if spot is None:
            raise KeyError(entry)
        self._remember(entry, spot)
        return spot

    def _looked_for(self, entry: str) -> Steps[Spot | None]:
        """Look for an entry in all lines of the owner: in the branch that its id names, then in one after the other."""
        if placed := _PLACED.fullmatch(entry):
            spot = UUID(placed[1]), int(placed[2])
            if (yield from self._found_in(entry, *spot)) is not None:
                return spot
        for there in (yield from self._listed(None)):
            for branch in (yield from carrying.branches_of(self._owner, there.id)):
                position = yield from self._found_in(entry, branch.id, branch.head)
                if position is not None:
                    return branch.id, position
        return None

    def _found_in(self, entry: str, branch: UUID, until: int) -> Steps[int | None]:
        line = yield from carrying.read_groups(self._tools, self._owner, branch, NAME, None, until=until)
        ends = {id_: group.messages[-1].position for id_, group in zip(_ids(line), line.groups, strict=True)}
        return ends.get(entry)

    def _remember(self, entry: str, spot: Spot) -> None:
        self._spots.pop(entry, None)
        self._spots[entry] = spot
        self._forget()

    def _forget(self) -> None:
        while len(self._spots) > REMEMBERED:
            self._spots.pop(next(iter(self._spots)))


# --- what the metadata of a conversation say -------------------------------------------------------


@attrs.frozen
class _Saved:
    """A record as it was saved, what the conversation showed then, and where the branches end that it had left."""

    record: ConversationRecord | None
    shows: Spot | None
    tips: dict[str, Spot]

    @classmethod
    def of(cls, there: Found) -> _Saved:
        """Read it; nothing is known where it is not there, or of another version."""
        text = there.metadata.get(NAME)
        if not isinstance(text, str):
            return cls(None, None, {})
        try:
            known = decode(text)
            (record,) = _RECORD.validate_json(known["record"])
            return cls(record, _read(known["shows"]), {tip: _read(spot) for tip, spot in known["tips"].items()})
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls(None, None, {})

    def into(self, there: Found) -> str:
        """Give the metadata of a conversation with this in them."""
        assert self.record is not None and self.shows is not None  # noqa: S101, PT018 - it is made with both
        kept: dict[str, Any] = {"record": _RECORD.dump_json([self.record]).decode(), "shows": _plain(self.shows)}
        kept["tips"] = {tip: _plain(spot) for tip, spot in self.tips.items()}
        metadata = {key: value for key, value in there.metadata.items() if key not in (NAME, SCOPE)}
        scope = {} if self.record.scope is None else {SCOPE: self.record.scope}
        return encode({**metadata, NAME: encode(kept), **scope})

    def when(self, there: Found) -> float:
        """When a conversation was saved last, or made: seconds since 1970."""
        return there.created / 1_000_000 if self.record is None else self.record.updated_at.timestamp()


def _plain(spot: Spot) -> list[Any]:
    return [str(spot[0]), spot[1]]


def _read(spot: Any) -> Spot:
    return UUID(spot[0]), int(spot[1])


def _revision(there: Found, saved: _Saved) -> str:
    """Give what was saved last; where convo has gone on since, what tells where it is by now."""
    if saved.record is not None and saved.shows == (there.branch, there.head):
        return saved.record.revision
    return f"{there.branch}:{there.head}"


def _agrees(there: Found, expected: str | None) -> bool:
    return _revision(there, _Saved.of(there)) == expected


def _scope_of(there: Found) -> str | None:
    scope = there.metadata.get(SCOPE)
    return scope if isinstance(scope, str) else None


# --- entries of a line -----------------------------------------------------------------------------


def _entries(line: Carrying) -> list[ConversationEntry]:
    ids = _ids(line)
    tools = _tools_of(line.groups)
    return [
        ConversationEntry(id=id_, parent_id=parent, message=message_of(group, line.data, tools))
        for id_, parent, group in zip(ids, [None, *ids], line.groups, strict=False)
    ]


def _ids(line: Carrying) -> list[str]:
    """Give the ids of entries: those that they were saved with; of convo's own messages, where their rows are."""
    return [
        str(group.facts["entry"]) if group.facts is not None else f"{source}:{group.first.position}"
        for group, source in zip(line.groups, line.sources, strict=True)
    ]


def _tools_of(groups: Iterable[Group]) -> dict[str, str]:
    return dict(_called(groups))


def _called(groups: Iterable[Group]) -> Iterator[tuple[str, str]]:
    for group in groups:
        for message in group.messages if group.first.role == "assistant" else ():
            for call in message.tool_calls:
                yield call.id, call.name
