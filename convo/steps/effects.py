"""The effects that a sequence of steps may ask for, and how they are written so that types hold.

They are named tuples: attrs would take 2 ms to make these classes, in every process that opens a store.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from convo.errors import KeyUnavailable, StoreError, StoreFailed, StoreUnavailable
from convo.sealing.keyring import KeysWanted

if TYPE_CHECKING:
    from uuid import UUID

    from convo.assembly.request import Request
    from convo.store.engine import Mode

T = TypeVar("T")
Hearing = Literal["transcriptions", "translations"]
"""What is made of a recording: what is said in it, or the same in English."""

TRIES = 8
"""How often a unit of work may ask for keys: of one owner, or of two, or of those of a page."""


class Work(NamedTuple):
    """Run a unit of work in a transaction of its own; one that takes long goes `beside` the others of the same store."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    named: Mapping[str, Any]
    mode: Mode
    beside: bool = False


class Lease(NamedTuple):
    """Which attempt of which exchange has to be kept alive while its answer is awaited."""

    owner: str
    branch: UUID
    exchange: UUID
    attempt: int


class Ask(NamedTuple):
    """Send a request to the API, with no connection held, and keep the lease alive meanwhile.

    `endpoint` is its resource by the client's names.
    """

    client: Any
    endpoint: str
    request: Request
    lease: Lease


class Invoke(NamedTuple):
    """Call an endpoint of the API for what is no turn, with no connection held.

    `endpoint` is its resource by the client's names; `arguments` are those of its `create`.
    """

    client: Any
    endpoint: Literal["audio.transcriptions", "audio.translations", "audio.speech", "chat.completions"]
    arguments: Mapping[str, Any]


class Told(NamedTuple):
    """What came back: the answer, its headers in lower case, and when it came (microseconds).

    `at` is when an answer was there, of a stream its headers; `first` when the first piece of a stream came. `retries` says
    how often the client had tried again, None where it does not tell.
    """

    answer: Any
    headers: Mapping[str, str]
    at: int
    retries: int | None = None
    first: int | None = None

    @classmethod
    def of(cls, raw: Any, at: int) -> Told:
        """Give what a client's raw response holds, of either kind of client."""
        taken = getattr(raw, "retries_taken", None)
        retries = taken if isinstance(taken, int) and not isinstance(taken, bool) else None
        return cls(raw.parse(), {name.lower(): value for name, value in raw.headers.items()}, at, retries)

    @property
    def first_byte_at(self) -> int:
        """When the API began to answer, as far as it can be seen: a whole answer is seen when it is there."""
        return self.at if self.first is None else self.first


class Upgrade(NamedTuple):
    """Make the tables, or bring them up to date; they may have so many partitions then."""

    partitions: int | None = None


class Finish(NamedTuple):
    """Perform steps to their end even when the caller is cancelled, and keep the lease alive meanwhile."""

    steps: Steps[Any]
    lease: Lease


class Call(NamedTuple):
    """Call a function of the application."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    named: Mapping[str, Any]


class Together(NamedTuple):
    """Perform several steps, at once where the edge can, and keep the lease alive meanwhile."""

    steps: Sequence[Steps[Any]]
    lease: Lease


class Pause(NamedTuple):
    """Wait before another try."""

    seconds: float


class Doubt:
    """What is not known of a call while its steps go on: a write whose commit was not confirmed.

    When what comes next fails, too, and so nobody could look, the error says that it is not known.
    """

    def __init__(self) -> None:
        self._unknown = False

    def noted(self, error: BaseException) -> BaseException:
        """Take what an effect raised, and give it."""
        self._unknown |= isinstance(error, StoreError) and error.committed == "unknown"
        return error

    def tell(self, error: StoreError) -> None:
        """Say in an error that ends the call what is known of the whole of it."""
        if self._unknown and error.committed == "no":
            error.committed = "unknown"


Effect = Work | Ask | Invoke | Upgrade | Finish | Call | Together | Pause
Steps = Generator[Effect, Any, T]


def read(function: Callable[..., T], *arguments: Any, **named: Any) -> Steps[T]:
    """Run a unit of work that only reads."""
    result: T = yield from _keyed(Work(function, arguments, named, "read"))
    return result


def read_at_once(function: Callable[..., T], *arguments: Any) -> Steps[T]:
    """Run a unit of work that only reads, by several statements, all of which see what was there at one moment."""
    result: T = yield from _keyed(Work(function, arguments, {}, "snapshot"))
    return result


def beside(function: Callable[..., T], *arguments: Any) -> Steps[T]:
    """Run a unit of work that only reads, and that takes long: the store's other work does not wait for it."""
    result: T = yield from _keyed(Work(function, arguments, {}, "read", beside=True))
    return result


def write(function: Callable[..., T], *arguments: Any, **named: Any) -> Steps[T]:
    """Run a unit of work that writes."""
    result: T = yield from _keyed(Work(function, arguments, named, "write"))
    return result


def write_one(function: Callable[..., T], *arguments: Any, **named: Any) -> Steps[T]:
    """Run a unit of work that writes by one statement, where the database can."""
    result: T = yield from _keyed(Work(function, arguments, named, "single"))
    return result


def _keyed(effect: Work | Call) -> Steps[Any]:
    """Perform an effect; where it lacks keys of an owner it is done anew once they are there. Raises `KeyUnavailable`."""
    for _ in range(TRIES):
        try:
            return (yield effect)
        except KeysWanted as wanted:
            keyring, owner, number = wanted.keyring, wanted.owner, wanted.number
        from convo.steps.keys import provided

        yield from provided(keyring, owner, number)
    raise keys_changed(owner)


def keys_changed(owner: str) -> KeyUnavailable:
    """Give the error of what others make impossible by changing keys again and again."""
    return KeyUnavailable("its data keys were changed again and again meanwhile", "try once more", owner=owner)


def unless_taken(function: Callable[..., T | None], *arguments: Any, whole: bool = False) -> Steps[T | None]:
    """Write by one statement, or in a whole transaction.

    None when its key was taken at the same moment, or when the connection broke and it may be.
    """
    try:
        return (yield from (write if whole else write_one)(function, *arguments))
    except StoreFailed as error:
        if not error.is_duplicate:
            raise
    except StoreUnavailable as error:
        if error.committed == "no":
            raise
    return None


def upgrade(partitions: int | None = None) -> Steps[str | None]:
    """Make the tables, or bring them up to date; give the revision that was found."""
    found: str | None = yield Upgrade(partitions)
    return found


def finish(steps: Steps[T], lease: Lease) -> Steps[T]:
    """Perform steps to their end even when the caller is cancelled."""
    result: T = yield Finish(steps, lease)
    return result


def call(function: Callable[..., Any], arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Steps[Any]:
    """Call a function of the application; what it raises is raised."""
    return (yield from _keyed(Call(function, arguments, named)))


def together(steps: Sequence[Steps[Any]], lease: Lease) -> Steps[None]:
    """Perform several steps; the first error is raised once the others have stopped."""
    yield Together(steps, lease)


def pause(seconds: float) -> Steps[None]:
    """Wait before another try."""
    yield Pause(seconds)


def ask(client: Any, endpoint: str, request: Request, lease: Lease) -> Steps[Told]:
    """Send a request; the API's errors are raised as the client raises them."""
    told: Told = yield Ask(client, endpoint, request, lease)
    return told


def hear(client: Any, api: Hearing, arguments: Mapping[str, Any]) -> Steps[Told]:
    """Have a recording transcribed or translated; the API's errors are raised as the client raises them."""
    told: Told = yield Invoke(client, "audio.translations" if api == "translations" else "audio.transcriptions", arguments)
    return told


def complete(client: Any, arguments: Mapping[str, Any]) -> Steps[Told]:
    """Have messages completed that are no turn; the API's errors are raised as the client raises them."""
    told: Told = yield Invoke(client, "chat.completions", arguments)
    return told


def speak(client: Any, arguments: Mapping[str, Any]) -> Steps[Told]:
    """Have a text spoken, the answer being bytes; the API's errors are raised as the client raises them."""
    told: Told = yield Invoke(client, "audio.speech", arguments)
    return told._replace(answer=told.answer.content)
