"""What the sync and the async edge share: defaults of what they inject, checks of what they are given, small values."""

from __future__ import annotations

import inspect
import secrets
import warnings
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs

from convo.audio.wave import wav_header
from convo.checks import check_type
from convo.errors import ConflictingArguments, InputError, NoReply
from convo.events import Delta
from convo.ids import cursor_of, uuid7
from convo.reply import Reply
from convo.sealing.keyring import PLAIN
from convo.steps.exchange import goes_on, key_of_round
from convo.times import from_micros, to_micros
from convo.tokens import Loading, Remembering
from convo.watching import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from uuid import UUID

    from convo.messages import Draft
    from convo.sealing.cipher import Cipher
    from convo.sealing.keyring import Plain
    from convo.steps.exchange import Turn
    from convo.steps.place import Place
    from convo.steps.streaming import Incoming
    from convo.telemetry import Telemetry
    from convo.tokens import Counter

MAX_OWNER = 255
MOST_WARNINGS = 10_000
"""Warnings that are remembered as given: past that the oldest may be given once more."""

Event = Delta | Reply
"""What a stream yields: what is new as it comes, then the recorded reply."""


def system_clock() -> datetime:
    """Give the time of this machine: aware, UTC."""
    return datetime.now(UTC)


def ids_of(clock: Callable[[], datetime]) -> Callable[[], UUID]:
    """Give a maker of UUIDv7 that tells the time by `clock`."""

    def new_id() -> UUID:
        return uuid7(to_micros(clock(), "what clock() gives") // 1_000, secrets.randbits(74))

    return new_id


def counter_of(count_tokens: Counter | None) -> Callable[[], Counter]:
    """Give what gives the counter of tokens: the caller's, else that of `convo.tokenizer`, loaded when it first counts.

    Raises `InputError` for something that cannot be called.
    """
    if count_tokens is None:
        return lambda: _INSTALLED
    if not callable(count_tokens):
        reason = f"count_tokens takes a function from text to its number of tokens, not a {type(count_tokens).__name__}"
        raise InputError(reason)
    counter = Remembering(count_tokens)
    return lambda: counter


def _installed() -> Counter:
    from convo.tokenizer import COUNT

    return COUNT


_INSTALLED = Loading(_installed)


def watch_for(telemetry: Telemetry | bool) -> Watch:  # noqa: FBT001 - the argument of Store
    """Give what watches a store. Raises `InputError`, and `MissingDependency`."""
    if telemetry is False:
        return Watch()
    from convo.telemetry import watch_of

    return watch_of(telemetry)


def keyring_for(cipher: Cipher | None, clock: Callable[[], datetime]) -> Plain:
    """Give what seals and opens the values of a store. Raises `InputError` for something that is no cipher."""
    if cipher is None:
        return PLAIN
    from convo.sealing import Cipher, Keyring

    check_type(cipher, Cipher, "cipher", "a convo.Cipher, such as Cipher.from_file(path)")
    return Keyring(cipher, lambda: to_micros(clock(), "what clock() gives"))


class Warner:
    """Warns of each matter once, at the line of the caller's code that led there. It may be called in any thread.

    A warning that the caller has turned into an error is raised each time.
    """

    def __init__(self) -> None:
        self._told: dict[str, Warning] = {}

    def __call__(self, matter: str, warning: Warning) -> None:
        """Warn, unless that was done."""
        if self._told.setdefault(matter, warning) is not warning:  # one step, so that one thread alone goes on
            return
        while len(self._told) > MOST_WARNINGS:
            self._told.pop(next(iter(self._told)), None)
        try:
            warnings.warn(warning, stacklevel=_outside())
        except Warning:
            self._told.pop(matter, None)
            raise


def _outside() -> int:
    """Give how many calls up from our caller the code begins that is not of convo, as `stacklevel=` counts."""
    level, frame = 0, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "convo":
        level, frame = level + 1, frame.f_back
    return level


def check_owner(owner: str) -> str:
    """Give an owner back. Raises `InputError` for one that no database can index."""
    check_type(owner, str, "owner", "text; write a number as text")
    if len(owner) > MAX_OWNER or not owner.isprintable():
        reason = f"an owner is at most {MAX_OWNER} printable characters, '' when there is only one"
        raise InputError(reason)
    return owner


def check_client(client: Any, *, asynchronous: bool) -> None:
    """Raise `ConflictingArguments` for a client of the other kind, `InputError` for something that is no client."""
    if not hasattr(client, "chat") or not hasattr(client, "base_url"):
        reason = f"a {type(client).__name__} is no OpenAI client; pass openai.OpenAI() or, to async stores, openai.AsyncOpenAI()"
        raise InputError(reason)
    if hasattr(client, "__aenter__") != asynchronous:
        wanted = "AsyncOpenAI" if asynchronous else "OpenAI"
        raise ConflictingArguments(f"this store is {'async' if asynchronous else 'sync'}: pass an openai.{wanted} client")


def check_whole(arguments: Mapping[str, Any]) -> None:
    """Raise `ConflictingArguments` for a stream where a whole answer is awaited."""
    if arguments.get("stream"):
        reason = "stream=True gives pieces, and send() records a whole answer: use stream()"
        raise ConflictingArguments(reason)


@attrs.frozen
class Pending:
    """An exchange that waits for its answer.

    When `alive_until` has passed its worker is taken to be dead: sending with the same key takes over, `abandon`
    gives it up. `positions` are those of the messages that it answers, None where it added none.
    """

    id: UUID
    key: str | None
    model: str
    attempt: int
    started_at: datetime
    alive_until: datetime
    positions: tuple[int, int] | None


def pending_of(row: tuple[Any, ...]) -> Pending:
    """Give the value of a row of `convo.store.exchanges.waiting`."""
    id_, key, model, attempt, started, lease, first, last = row
    return Pending(id_, key, model, attempt, from_micros(started), from_micros(lease), (first, last) if first <= last else None)


class Seen:
    """What a conversation says of itself without asking the database: as it was when it was last read or written."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def __repr__(self) -> str:
        """Show the id; what was said is not shown."""
        return f"<{type(self).__name__} {self.id} head={self.head}>"

    @property
    def id(self) -> UUID:
        """The id to keep."""
        return self._place.found.id

    @property
    def owner(self) -> str:
        """Whose conversation it is."""
        return self._place.found.owner

    @property
    def key(self) -> str | None:
        """The application's own key."""
        return self._place.found.key

    @property
    def title(self) -> str | None:
        """The title."""
        return self._place.found.title

    @property
    def held(self) -> str | None:
        """Why the conversation is on hold, None when it is not."""
        return self._place.found.hold

    @property
    def metadata(self) -> dict[str, Any]:
        """The caller's own notes."""
        return dict(self._place.found.metadata)

    @property
    def instructions(self) -> str | None:
        """The instructions in force."""
        return self._place.found.instructions

    @property
    def head(self) -> int:
        """The position of the last message, 0 for none."""
        return self._place.head

    @property
    def created_at(self) -> datetime:
        """When it was made: aware, UTC."""
        return from_micros(self._place.found.created)

    @property
    def cursor(self) -> str:
        """Its place in a list of conversations, as text for the link to the next page (`after=`)."""
        return cursor_of(self._place.found.created, self.id)


def place_of(after: Seen | UUID | str | None) -> UUID | str | None:
    """Give the cursor of a conversation; anything else as it is."""
    return after.cursor if isinstance(after, Seen) else after


class Arriving:
    """What the streams of both edges share: what has come and was not asked for yet, the replies, and how it ends."""

    def __init__(self, turn: Turn, drafts: Sequence[Draft], key: str | None, expected_head: int | None) -> None:
        self._turn = turn
        self._drafts = drafts
        self._key = key
        self._expected_head = expected_head
        self._ready: deque[Event] = deque()
        self._replies: list[Reply] = []
        self._incoming: Incoming | None = None
        self._over = False

    def __repr__(self) -> str:
        """Say whether it goes on; what was said is not shown."""
        return f"<{type(self).__name__} {'ended' if self._over else 'open'}>"

    def __del__(self) -> None:
        """Leave the end to whoever saves it next: nothing may wait here, in whatever thread this runs."""
        incoming = getattr(self, "_incoming", None)
        if incoming is not None:
            incoming.forsaken = True

    @property
    def reply(self) -> Reply:
        """The recorded reply, once the stream has ended. Raises `NoReply` before that, and when nothing was received."""
        if not self._over or not self._replies:
            raise NoReply("this stream" if self._over else "a stream that has not ended")
        *earlier, last = self._replies
        return attrs.evolve(last, earlier=tuple(earlier)) if earlier else last

    @property
    def wav_header(self) -> bytes:
        """The header that makes the audio of the deltas, written after it as they come, a wav that players know."""
        return wav_header()

    def _round(self) -> tuple[Sequence[Draft], str | None, int | None, Reply | None]:
        """Give what the next round says, its key, the head that the caller has seen, and the reply before it."""
        if not self._replies:
            return self._drafts, self._key, self._expected_head, None
        return (), key_of_round(self._key, len(self._replies)), None, self._replies[-1]

    def _recorded(self, recorded: Reply, reply: Reply) -> None:
        """Give a reply that is in the log; the stream goes on when functions answer what it asks for.

        `recorded` is the reply as it was noted before it was spoken for, unless it was cut meanwhile.
        """
        if self._replies[-1] is recorded:
            self._replies[-1] = reply
        self._over = self._over or not goes_on(self._turn, reply, len(self._replies) - 1)
        self._ready.append(reply)

    def _taken(self) -> Incoming | None:
        """Take the reply on its way, so that it is ended once."""
        incoming, self._incoming = self._incoming, None
        return incoming
