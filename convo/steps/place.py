"""Where steps happen: the store's clock, ids and catalogue, and the conversation at hand."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import attrs

from convo.blobs.places import Places
from convo.errors import HeldTransaction, ReadOnlyView
from convo.limits import Limits
from convo.sealing.keyring import PLAIN
from convo.times import from_micros, to_micros
from convo.tokens import rough_tokens
from convo.watching import Watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime
    from uuid import UUID

    from convo.budget import Budget
    from convo.keeping import Keep
    from convo.models import Catalogue
    from convo.sealing.keyring import Plain
    from convo.store.conversations import Found
    from convo.tokens import Counter

UNENDED = 1_000
"""Ends of exchanges that a store keeps to itself while the database is away; of older ones the leases run out."""


@attrs.frozen
class Tools:
    """What the edges inject: `clock` gives an aware datetime, `new_id` a UUID, `counter` what counts the tokens of a text.

    `held` says that the caller's transaction is around every step, `writable` that steps may write. `warn` is told of a
    matter, and what to say of it; it says that once. `budgets` bind every call of a model. `blobs` are
    the blob stores, `keep` says which audio is kept. `watch` is told what begins and ends. `limits` say how
    large what callers store may be. `unended` holds the ends of exchanges that could not be stored: the next turn of the store
    stores them. `keys` seal and open values.
    """

    clock: Callable[[], datetime]
    new_id: Callable[[], UUID]
    catalogue: Catalogue
    warn: Callable[[str, Warning], None]
    held: bool = False
    writable: bool = True
    budgets: tuple[Budget, ...] = ()
    counter: Callable[[], Counter] = lambda: rough_tokens
    blobs: Places = attrs.field(factory=Places)
    keep: Keep = "all"
    watch: Watch = attrs.field(factory=Watch)
    limits: Limits = attrs.field(factory=Limits)
    unended: deque[tuple[Any, ...]] = attrs.field(factory=lambda: deque(maxlen=UNENDED))
    keys: Plain = PLAIN

    def now(self) -> int:
        """Give the time in microseconds. Raises `NaiveTime` when the clock gives a time without a zone."""
        return to_micros(self.clock(), "what clock() gives")

    def today(self) -> date:
        """Give the day, in UTC."""
        return from_micros(self.now()).date()

    def family_of(self, model: str) -> str:
        """Give the audio family of a model: who can hear the ids of whom."""
        return self.catalogue.lookup(model).family

    def check_writable(self) -> None:
        """Raise `ReadOnlyView` in a view that only reads."""
        if not self.writable:
            raise ReadOnlyView

    def check_may_wait(self, call: str) -> None:
        """Raise `HeldTransaction` where waiting for a model would hold the caller's transaction."""
        self.check_writable()
        if self.held:
            raise HeldTransaction(call)


@attrs.define
class Place:
    """A conversation and the tools to work on it. `found` is how it was last read, `head` how far the log is known to be."""

    tools: Tools
    found: Found
    head: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin with the head that was found."""
        self.head = self.found.head

    @property
    def owner(self) -> str:
        """Whose conversation it is."""
        return self.found.owner

    def head_of(self, branch: UUID) -> int | None:
        """Give how far a branch is known to be, None where nothing is known of it."""
        return self.head if branch == self.found.branch else None

    def moved(self, head: int, branch: UUID | None = None) -> None:
        """Note that the log has grown, unless it was on another branch than the one that is shown."""
        if branch is None or branch == self.found.branch:
            self.head = max(self.head, head)

    def now_found(self, found: Found) -> None:
        """Note what the database holds now; the head of another branch may be lower."""
        self.head = found.head if found.branch != self.found.branch else max(self.head, found.head)
        self.found = found
