"""What the sync and the async edge share: defaults of what they inject, checks of what they are given, what a chat shows."""

from __future__ import annotations

import inspect
import secrets
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from convo.checks import check_type
from convo.errors import ConflictingArguments, InputError
from convo.ids import cursor_of, uuid7
from convo.sealing.keyring import PLAIN
from convo.times import from_micros, to_micros
from convo.tokens import Loading, Remembering
from convo.watching import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from convo.sealing.cipher import Cipher
    from convo.sealing.keyring import Plain
    from convo.steps.place import Place
    from convo.telemetry import Telemetry
    from convo.tokens import Counter

MAX_OWNER = 255
MOST_WARNINGS = 10_000
"""Warnings that are remembered as given: past that the oldest may be given once more."""


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
    from convo.sealing.cipher import Cipher
    from convo.sealing.keyring import Keyring

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
