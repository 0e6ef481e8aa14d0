"""Owners against each other: random calls of all public methods, with each other's ids, keys, titles and values.

All that a conversation holds has a canary of its own in it: content, transcripts, bytes, title, metadata, instructions, notes.
Whatever a call gives, or raises, is searched for canaries of conversations that the caller does not have; what somebody else
has must look as what is not there; and now and then each owner's conversations are held against what they ought to be.
"""

from __future__ import annotations

import itertools
import multiprocessing
import re
import shutil
import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs

import convo
from convo.testing import FakeAPI, FixedClock
from tests.support.postgres import server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

OWNERS = ("alice", "bob", "")
ROUND = 2_000
"""Calls on one database, before the next round begins with an empty one."""
JOB = 10_000
"""Calls of one process, before another one takes over."""
CENSUS = 250
"""Calls between two looks at all that each owner has."""
MOST = 6
"""Conversations of an owner; at more, one is deleted."""
LONGEST = 16
"""Messages of a conversation; at more, it is deleted."""
KEYS = ("k-1", "k-2", "k-3")
RARE = {"send", "call", "sums", "prune", "pending", "request", "record", "fork", "report", "search", "list", "move"}
"""Calls that cost as much as twenty others: made an eighth as often."""
_CANARY = re.compile(r"canary-\d+-end")
_TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}
_numbers = itertools.count(1)


class Leak(AssertionError):
    """Somebody saw, or changed, what is not theirs."""


@attrs.define(eq=False)
class Kept:
    """A conversation as its owner knows it, and what others may try to use of it."""

    chat: convo.Conversation
    canary: str
    own_key: str | None
    moves: bool = True
    """Whether nothing else has its canary, such as a fork."""
    audio: list[convo.Audio] = attrs.field(factory=list)
    branches: list[UUID] = attrs.field(factory=list)
    exchanges: list[UUID] = attrs.field(factory=list)
    calls: list[str] = attrs.field(factory=list)
    former: set[str] = attrs.field(factory=set)
    """Who had it before: bytes that they stored themselves are theirs until a collection takes them."""


def shown(value: object) -> str:
    """Give all texts and bytes in a value, as one text."""
    found: list[str] = []
    _collect(value, found, set())
    return "\n".join(found)


def _collect(value: object, found: list[str], seen: set[int]) -> None:
    if value is None or isinstance(value, bool | int | float | UUID):
        return
    if isinstance(value, str):
        found.append(value)
    elif isinstance(value, bytes | bytearray | memoryview):
        found.append(bytes(value).decode("latin-1"))
    elif id(value) not in seen:
        seen.add(id(value))
        for part in _parts(value):
            _collect(part, found, seen)


def _parts(value: object) -> Iterable[object]:
    parts: Iterable[object]
    match value:
        case convo.Conversation():
            parts = (value.owner, value.key, value.title, value.metadata, value.instructions, repr(value))
        case BaseException():
            parts = (str(value), repr(value), vars(value), value.__cause__, value.__context__)
        case dict():
            parts = (*value, *value.values())
        case list() | tuple() | set() | frozenset() | convo.History():
            parts = value
        case convo.Request():
            parts = (value.arguments, value.explain())
        case _ if attrs.has(type(value)):
            fields: Iterable[Any] = attrs.fields(type(value))  # type: ignore[arg-type]
            parts = [getattr(value, field.name, None) for field in fields]
        case _:
            parts = (repr(value),)
    return parts


class Game:
    """Owners on one database, and the calls that they make."""

    def __init__(self, url: str, seed: int, schema: str | None = None, prefix: str = "") -> None:
        self.random = Random(seed)
        self.clock = FixedClock()
        self.fake = FakeAPI(clock=self.clock)
        self.client = self.fake.client()
        self.store = convo.Store(url, schema=schema, clock=self.clock, durability="relaxed", count_tokens=len)
        self.owners = [prefix + owner for owner in OWNERS]
        self.views = {owner: self.store.owned_by(owner) for owner in self.owners}
        self.kept: dict[str, list[Kept]] = {owner: [] for owner in self.owners}
        self.canaries: dict[str, set[str]] = {owner: set() for owner in self.owners}
        self.presets: dict[str, set[str]] = {owner: set() for owner in self.owners}
        self.calls: Counter[str] = Counter()
        self.refused = 0
        self.own = self._acts("own_")
        self.alien = self._acts("alien_")

    def _acts(self, prefix: str) -> list[tuple[str, Any]]:
        names = [name.removeprefix(prefix) for name in dir(self) if name.startswith(prefix)]
        return [(name, getattr(self, prefix + name)) for name in names for _ in range(1 if name in RARE else 8)]

    def play(self, times: int) -> None:
        """Make calls. Raises `Leak`."""
        number = 0
        while self.calls.total() < times:
            number += 1
            self.clock.advance(0.5)
            owner = self.random.choice(self.owners)
            if len(self.kept[owner]) > MOST:
                self._forget(owner, self.random.choice(self.kept[owner]))
            stranger = self._stranger(owner) if self.random.random() < 0.5 else None
            if stranger is None:
                self._act(owner)
            else:
                self._trespass(owner, stranger)
            if number % CENSUS == 0:
                self.census()
        self.census()

    def close(self) -> None:
        """Close the store and the client."""
        self.store.close()
        self.client.close()

    # --- judging -----------------------------------------------------------------------------------

    def judge(self, owner: str, what: str, value: object) -> None:
        """Raise `Leak` where a value holds the canary of a conversation that the owner does not have."""
        strange = set(_CANARY.findall(shown(value))) - self.canaries[owner]
        if strange:
            raise Leak(f"{what} of {owner!r} shows {sorted(strange)}")

    def census(self) -> None:
        """Raise `Leak` unless each owner has just what they should, and everything in it is theirs."""
        for owner, view in self.views.items():
            found = view.conversations(limit=100)
            due = {one.chat.id: one for one in self.kept[owner]}
            if {chat.id for chat in found} != set(due) or any(chat.owner != owner for chat in found):
                raise Leak(f"the conversations of {owner!r} are not those that they made")
            for chat in found:
                history = chat.history()
                if history.head != due[chat.id].chat.head:
                    raise Leak(f"somebody changed {chat.id} of {owner!r}")
                strange = set(_CANARY.findall(shown(history))) - {due[chat.id].canary}
                if strange:
                    raise Leak(f"{chat.id} of {owner!r} holds {strange}")

    def _act(self, owner: str) -> None:
        name, act = self.random.choice(self.own)
        one = self.random.choice(self.kept[owner]) if self.kept[owner] else None
        try:
            if one is None or name == "create":
                value: object = self._create(owner)
            else:
                if one.chat.head > LONGEST:
                    self._forget(owner, one)
                    return
                value = act(owner, one)
        except convo.ConvoError as error:
            name, value = f"{name}, refused", error
        if value is not NotImplemented:
            self.calls[name] += 1
            self.judge(owner, name, value)

    def _stranger(self, owner: str) -> Kept | None:
        others = [one for other in self.owners if other != owner for one in self.kept[other]]
        return self.random.choice(others) if others else None

    def _trespass(self, owner: str, stranger: Kept) -> None:
        name, act = self.random.choice(self.alien)
        if not self.kept[owner]:
            self._create(owner)
        try:
            value = act(owner, stranger, self.random.choice(self.kept[owner]))
        except convo.NotFound as error:
            self.refused += 1
            value = error
        except convo.ConvoError as error:
            raise Leak(f"{name} of another says more than that nothing is there: {error!r}") from error
        if value is not NotImplemented:
            self.calls[f"{name} of another"] += 1
            self.judge(owner, f"{name} of another", value)

    def _forget(self, owner: str, one: Kept) -> None:
        self.views[owner].delete(one.chat.id)
        self.kept[owner].remove(one)

    def _own_now(self, owner: str, what: str, got: object) -> None:
        """Raise `Leak` where a call gave something for a key that others have, too."""
        if got != owner:
            raise Leak(f"{what} of {owner!r} gave what {got!r} has")

    # --- calls on what is one's own ----------------------------------------------------------------

    def _create(self, owner: str) -> object:
        canary = f"canary-{next(_numbers)}-end"
        key = self.random.choice((None, *KEYS))
        known = [one for one in self.kept[owner] if one.own_key == key and key is not None]
        if not known:
            self.canaries[owner].add(canary)
        more = {"messages": [{"role": "user", "content": canary}]} if self.random.random() < 0.3 else {}
        chat = self.views[owner].create(
            instructions=f"Be brief {canary}", title="the same title", metadata={"n": 1, "c": canary}, key=key, **more
        )
        self._own_now(owner, "create", chat.owner)
        if known and known[0].chat.id != chat.id:
            raise Leak(f"create(key={key!r}) of {owner!r} gave another conversation")
        if not known:
            self.kept[owner].append(Kept(chat, canary, key))
        return chat

    def own_create(self, owner: str, one: Kept) -> object:
        """Make a conversation; others have the same title and keys."""
        return self._create(owner)

    def own_get(self, owner: str, one: Kept) -> object:
        """Find it by its id, and by a key that others have, too."""
        found = self.views[owner].get(str(one.chat.id))
        if one.own_key:
            self._own_now(owner, "get", self.views[owner].get(key=one.own_key).owner)
        return found

    def own_add(self, owner: str, one: Kept) -> object:
        """Add a text, under a key that others use as well, or without."""
        key = self.random.choice((None, None, f"{one.canary}-{self.random.randrange(3)}"))
        return one.chat.add(f"the same words {one.canary}", key=key, metadata={"c": one.canary})

    def own_add_audio(self, owner: str, one: Kept) -> object:
        """Add a recording whose bytes hold the canary."""
        audio = convo.Audio.from_bytes(_wav(one.canary), transcript=f"said {one.canary}")
        message = one.chat.add(audio)
        one.audio += [found.audio for found in one.chat.history(1) if found.audio is not None]
        return message

    def own_load(self, owner: str, one: Kept) -> object:
        """Load a recording."""
        return one.chat.load(self.random.choice(one.audio)) if one.audio else NotImplemented

    def own_send(self, owner: str, one: Kept) -> object:
        """Take a turn."""
        self._will_reply(f"Answer {one.canary}")
        reply = one.chat.send(self.client, f"Question {one.canary}", model="gpt-4.1", key=self.random.choice((None, "turn")))
        if reply.exchange is not None:
            one.exchanges.append(reply.exchange)
        return reply

    def own_call(self, owner: str, one: Kept) -> object:
        """Have the model call a tool, and answer it."""
        call = f"call-{next(_numbers)}"
        self._will_reply(tool_calls=[("look_up", f'{{"a":"{one.canary}"}}', call)])
        reply = one.chat.send(self.client, one.canary, model="gpt-4.1", tools=[_TOOL])
        one.calls.append(call)
        return [reply, one.chat.tool_output(call, one.canary)]

    def _will_reply(self, *said: Any, **more: Any) -> None:
        """Have the fake say this next, and not what a call that was refused has left to be said."""
        while self.fake._script.next_saying() is not None:
            pass
        self.fake.will_reply(*said, **more)

    def own_record(self, owner: str, one: Kept) -> object:
        """Record the answer of a call of one's own, words or a call of a tool."""
        request = one.chat.request("gpt-4.1", origin="https://api.openai.com/v1")
        with one.chat.exchange(request) as call:
            return call.record(_answer(f"Answer {one.canary}"))

    def own_pending(self, owner: str, one: Kept) -> object:
        """Begin an exchange by hand, look at it, and leave it."""
        with one.chat.exchange(one.chat.request("gpt-4.1", client=self.client)):
            found = one.chat.pending()
            one.exchanges += [pending.id for pending in found]
            return found

    def own_history(self, owner: str, one: Kept) -> object:
        """Read the log, in all ways."""
        way = self.random.randrange(4)
        if way == 0:
            return one.chat.to_chat()
        return (one.chat.history, one.chat.transcript, one.chat.annotations)[way - 1]()

    def own_request(self, owner: str, one: Kept) -> object:
        """Assemble a request."""
        return one.chat.request("gpt-4.1", client=self.client)

    def own_list(self, owner: str, one: Kept) -> object:
        """List conversations, by what others have as well."""
        asked: Mapping[str, Any] = self.random.choice(
            ({}, {"title": "same"}, {"metadata": {"n": 1}}, {"metadata": {"c": convo.Present()}}, {"limit": 2})
        )
        found = self.views[owner].conversations(**asked)
        for chat in found:
            self._own_now(owner, "conversations", chat.owner)
        return found

    def own_search(self, owner: str, one: Kept) -> object:
        """Search for words that others wrote, too."""
        found = self.views[owner].search(self.random.choice(("same words", "canary*", "answer question", one.canary)))
        mine = {other.chat.id for other in self.kept[owner]}
        for hit in found:
            self._own_now(owner, "search", hit.owner)
            if hit.conversation not in mine:
                raise Leak(f"search of {owner!r} found {hit.conversation}")
        return found

    def own_edit(self, owner: str, one: Kept) -> object:
        """Write a message anew."""
        return one.chat.edit(self.random.randint(1, max(1, one.chat.head)), f"anew {one.canary}")

    def own_regenerate(self, owner: str, one: Kept) -> object:
        """Take the last reply back."""
        return one.chat.regenerate()

    def own_branches(self, owner: str, one: Kept) -> object:
        """List branches, and show one of them."""
        found = one.chat.branches()
        one.branches = [branch.id for branch in found]
        one.chat.switch(self.random.choice(found))
        return found

    def own_fork(self, owner: str, one: Kept) -> object:
        """Fork it."""
        fork = one.chat.fork()
        one.moves = False
        self.kept[owner].append(Kept(fork, one.canary, None, moves=False))
        return fork

    def own_update(self, owner: str, one: Kept) -> object:
        """Change title, metadata and instructions."""
        one.chat.update(title="the same title", metadata={"n": 1, "c": one.canary}, instructions=f"Be long {one.canary}")
        return one.chat

    def own_notes(self, owner: str, one: Kept) -> object:
        """Annotate a message."""
        return one.chat.annotate(self.random.randint(1, max(1, one.chat.head)), note=one.canary)

    def own_redact(self, owner: str, one: Kept) -> None:
        """Redact a message."""
        one.chat.redact(self.random.randint(1, max(1, one.chat.head)))

    def own_transcript(self, owner: str, one: Kept) -> None:
        """Set the transcript of a recording, or fail to."""
        one.chat.set_transcript(self.random.randint(1, max(1, one.chat.head)), f"heard {one.canary}")

    def own_sums(self, owner: str, one: Kept) -> object:
        """Sum what was used, all in all, by conversation and by owner."""
        view = self.views[owner]
        report = view.report(by=self.random.choice(("owner", "conversation", "model")))
        for row in report.to_dicts():
            if row.get("owner", owner) != owner:
                raise Leak(f"the report of {owner!r} has a row of {row['owner']!r}")
        return [view.usage(), one.chat.usage(), view.blobs(), view.owners(), report.to_json()]

    def own_preset(self, owner: str, one: Kept) -> object:
        """Keep a voice under a name that others use as well."""
        view, name = self.views[owner], self.random.choice(KEYS)
        if name in self.presets[owner] and self.random.random() < 0.5:
            self.presets[owner].discard(name)
            view.delete_preset(name)
            return view.presets()
        self.presets[owner].add(name)
        self.canaries[owner].add(voice := f"canary-{next(_numbers)}-end")
        view.save_preset(convo.Preset(name, voice={"id": voice}))
        return view.presets()

    def own_move(self, owner: str, one: Kept) -> object:
        """Give it to somebody else, with all that it holds: from then on it is theirs alone."""
        to = self.random.choice([other for other in self.owners if other != owner])
        if not one.moves or one.own_key is not None:
            return NotImplemented
        one.chat.move_to(to)
        self.kept[owner].remove(one)
        self.kept[to].append(one)
        one.former.add(owner)
        self.canaries[owner].discard(one.canary)
        self.canaries[to].add(one.canary)
        return None

    def own_prune(self, owner: str, one: Kept) -> object:
        """Let old audio go, of nobody else."""
        if self.random.random() < 0.9:
            return NotImplemented
        pruned = self.views[owner].prune(keep_audio=timedelta(hours=10))
        return [pruned, self.views[owner].reprice()]

    # --- calls with what is somebody else's --------------------------------------------------------

    def alien_get(self, owner: str, other: Kept, one: Kept) -> object:
        """Find it by its id."""
        raise Leak(f"{owner!r} got {self.views[owner].get(other.chat.id)}")

    def alien_key(self, owner: str, other: Kept, one: Kept) -> object:
        """Find it by its key, which may be a key of one's own."""
        if other.own_key is None:
            return NotImplemented
        found = self.views[owner].get(key=other.own_key)
        self._own_now(owner, "get", found.owner)
        return found

    def alien_delete(self, owner: str, other: Kept, one: Kept) -> None:
        """Delete it: nothing happens, as the census sees."""
        self.views[owner].delete(other.chat.id)

    def alien_page(self, owner: str, other: Kept, one: Kept) -> object:
        """Go on behind it, by its id and by its cursor."""
        if self.random.random() < 0.5:
            raise Leak(str(self.views[owner].conversations(after=other.chat.id)))
        found = self.views[owner].conversations(after=other.chat.cursor)
        for chat in found:
            self._own_now(owner, "conversations", chat.owner)
        return found

    def alien_switch(self, owner: str, other: Kept, one: Kept) -> object:
        """Show its branch."""
        if not other.branches or set(other.branches) & set(one.branches):
            return NotImplemented
        one.chat.switch(other.branches[0])
        raise Leak(f"{owner!r} shows a branch of {other.chat.owner!r}")

    def alien_abandon(self, owner: str, other: Kept, one: Kept) -> object:
        """Give up its exchange."""
        if not other.exchanges:
            return NotImplemented
        one.chat.abandon(self.random.choice(other.exchanges))
        raise Leak(f"{owner!r} gave up an exchange of {other.chat.owner!r}")

    def alien_tool(self, owner: str, other: Kept, one: Kept) -> object:
        """Answer its call."""
        if not other.calls or other.canary == one.canary:
            return NotImplemented
        raise Leak(str(one.chat.tool_output(other.calls[0], one.canary)))

    def alien_load(self, owner: str, other: Kept, one: Kept) -> object:
        """Load its recording."""
        if not other.audio or owner in other.former:
            return NotImplemented
        raise Leak(str(one.chat.load(self.random.choice(other.audio))))

    def alien_search(self, owner: str, other: Kept, one: Kept) -> object:
        """Search for its canary: what one has oneself is all that is found."""
        return self.views[owner].search(self.random.choice((other.canary, f'"{other.canary}"', "canary*")))

    def alien_report(self, owner: str, other: Kept, one: Kept) -> object:
        """Report what it cost: nothing is known of it."""
        found = self.views[owner].report(by="conversation", conversation=other.chat.id).to_dicts()
        if found:
            raise Leak(f"the report of {owner!r} has {found}")
        return found

    def alien_preset(self, owner: str, other: Kept, one: Kept) -> object:
        """Use a voice of somebody else."""
        name = self.random.choice(KEYS)
        found = self.views[owner].preset(name)
        if name not in self.presets[owner]:
            raise Leak(f"{owner!r} has the preset {name}")
        return found

    def alien_list(self, owner: str, other: Kept, one: Kept) -> object:
        """List by its metadata."""
        found = self.views[owner].conversations(metadata={"c": other.canary})
        if found:
            raise Leak(f"{owner!r} found {found}")
        return found

    def alien_view(self, owner: str, other: Kept, one: Kept) -> object:
        """Find it through a view that was made of somebody else's view."""
        view = self.views[other.chat.owner].owned_by(owner)
        raise Leak(str(view.get(other.chat.id)))


def _answer(text: str) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return {"id": "x", "object": "chat.completion", "created": 1, "model": "gpt-4.1", "choices": [choice], "usage": usage}


def _wav(text: str) -> bytes:
    """A fifth of a second of sound that is nobody else's."""
    samples = (text.encode() * 200)[:3_200]
    header = b"RIFF" + (36 + len(samples)).to_bytes(4, "little") + b"WAVEfmt " + bytes([16, 0, 0, 0, 1, 0, 1, 0])
    rates = (8_000).to_bytes(4, "little") + (16_000).to_bytes(4, "little") + bytes([2, 0, 16, 0])
    return header + rates + b"data" + len(samples).to_bytes(4, "little") + samples


@attrs.frozen
class Played:
    """How many calls were made, of how many kinds, and how many were told that nothing is there."""

    calls: Counter[str]
    refused: int
    leak: str | None = None


def play(url: Callable[[], str], times: int, seed: int, schema: str | None = None) -> Played:
    """Play rounds until `times` calls were made, or something leaked. `url` gives the database of a round."""
    calls: Counter[str] = Counter()
    refused = 0
    for number in itertools.count():
        left = times - sum(calls.values())
        if left <= 0:
            return Played(calls, refused)
        game = Game(url(), seed * 1_000_003 + number, schema, f"{seed}-{number}-" if schema else "")
        try:
            game.play(min(ROUND, left))
        except Leak as leak:
            return Played(calls + game.calls, refused, f"seed {seed}, round {number}: {leak}")
        finally:
            game.close()
        calls += game.calls
        refused += game.refused
    raise AssertionError


def on_sqlite(times: int, seed: int) -> Played:
    """Play on files of SQLite, each with the tables already made."""
    with tempfile.TemporaryDirectory(prefix="convo-owners-", dir=_memory()) as folder:
        with convo.Store(f"sqlite:///{folder}/template.db") as store:
            store.upgrade()
        numbers = itertools.count()

        def fresh() -> str:
            path = Path(folder, f"{next(numbers)}.db")
            shutil.copyfile(Path(folder, "template.db"), path)
            return f"sqlite:///{path}"

        return play(fresh, times, seed)


def _memory() -> str | None:
    """A folder in memory, where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def on_postgresql(times: int, seed: int, url: str) -> Played:
    """Play in one schema of PostgreSQL; each round has owners of its own."""
    with convo.Store(url, schema="convo_owners") as store:
        store.upgrade()
    return play(lambda: url, times, seed, "convo_owners")


def _worker(job: tuple[str, int, int]) -> Played:
    url, times, seed = job
    return on_postgresql(times, seed, url) if url else on_sqlite(times, seed)


def _jobs(url: str, times: int, seed: int) -> list[tuple[str, int, int]]:
    """Give the jobs of one database: where, how many calls, and the seed."""
    return [(url, min(JOB, times - start), seed + start // JOB) for start in range(0, times, JOB)]


def run(times: int) -> str:
    """Make so many calls, a tenth of them on PostgreSQL, in two processes at a time. Raises `Leak`."""
    began = time.monotonic()
    seed = time.time_ns() % 1_000_000
    with server() as url:
        jobs = [*_jobs("", times - times // 10, seed), *_jobs(url, times // 10, seed + 500_000)]
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            found = list(pool.imap_unordered(_worker, jobs))
    calls: Counter[str] = sum((one.calls for one in found), Counter())
    leaks = [one.leak for one in found if one.leak]
    if leaks:
        raise Leak("\n".join(leaks))
    seconds = time.monotonic() - began
    refused = sum(one.refused for one in found)
    return (
        f"{calls.total():,} calls of {len(calls)} kinds by {len(OWNERS)} owners, {refused:,} of them with what is somebody "
        f"else's and told that nothing is there; 0 leaks ({calls.total() / seconds:,.0f} calls/s)"
    )
