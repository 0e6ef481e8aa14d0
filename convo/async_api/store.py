"""`AsyncStore`: conversations of one owner in a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import attrs

from convo.async_api.conversation import AsyncConversation
from convo.async_api.driver import AsyncDriver
from convo.checks import check_type
from convo.edges import check_owner, ids_of, system_clock
from convo.models import Catalogue
from convo.steps import stores as store_steps
from convo.steps.place import Place, Tools
from convo.store import async_engine as engines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from types import TracebackType
    from uuid import UUID

    from sqlalchemy.engine import URL, Engine
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from convo.store.conversations import Found
    from convo.store.engine import Durability
    from convo.store.totals import Totals


class AsyncStore:
    """Conversations of one owner in a database.

    `url_or_engine` is `sqlite:///file.db`, `postgresql://...`, or an engine of yours, whose settings stay as they
    are. A SQLite file that a URL names is created and upgraded when it is first used; on PostgreSQL and on your own
    engine call `upgrade()` once. `clock` gives aware datetimes, `new_id` UUIDs. No I/O happens before the first call.
    A store belongs to the event loop that first used it.
    """

    def __init__(
        self,
        url_or_engine: str | URL | Engine | AsyncEngine,
        *,
        owner: str = "",
        clock: Callable[[], datetime] = system_clock,
        new_id: Callable[[], UUID] | None = None,
        schema: str | None = None,
        catalogue: Catalogue | None = None,
        durability: Durability = "full",
    ) -> None:
        check_type(catalogue, (Catalogue, type(None)), "catalogue", "a convo.Catalogue, such as Catalogue.load(path)")
        tools = Tools(clock, new_id or ids_of(clock), catalogue or Catalogue.default())
        self._schema = schema
        self._driver = AsyncDriver(engines.async_runner_for(url_or_engine, schema=schema, durability=durability), tools)
        self._owner: str | None = check_owner(owner)

    def _like(self, driver: AsyncDriver, owner: str | None) -> Self:
        other = object.__new__(type(self))
        other._schema, other._driver, other._owner = self._schema, driver, owner  # noqa: SLF001 - of the same class
        return other

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    def __repr__(self) -> str:
        """Show the place, without a password."""
        return f"<AsyncStore {self._driver.runner.place} owner={self._owner!r}>"

    @classmethod
    def existing(cls, url_or_engine: str | URL | Engine | AsyncEngine, **options: Any) -> Self:
        """Open a store that must be there: nothing is created or upgraded. Raises `StoreNotFound` for a missing file."""
        store = cls(url_or_engine, **options)
        store._driver.runner.must_exist()
        return store

    @property
    def place(self) -> str:
        """The path or URL of the database, without a password."""
        return self._driver.runner.place

    async def close(self) -> None:
        """Close the connections; a second time does nothing. Other views of the same store are closed with it."""
        await self._driver.close()

    async def upgrade(self) -> None:
        """Make the tables, or bring them up to date. Safe when others do it at the same time."""
        self._driver.tools.check_writable()
        await self._driver.upgrade()

    async def create(
        self,
        *,
        instructions: str | None = None,
        title: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        key: str | None = None,
        messages: Iterable[object] = (),
    ) -> AsyncConversation:
        """Make a conversation, or find the one that has `key` (which is then not changed).

        `messages` are Chat Completions messages to start from, as dicts or values of the SDK.
        """
        steps = store_steps.create(
            self._driver.tools,
            self._owner or "",
            instructions=instructions,
            title=title,
            metadata=metadata,
            key=key,
            messages=messages,
        )
        return self._conversation(await self._driver.do(steps))

    async def get(self, id: UUID | str | None = None, *, key: str | None = None) -> AsyncConversation:  # noqa: A002 - the natural word
        """Find a conversation by its id or its key. Raises `ConversationNotFound`, also for another owner's."""
        return self._conversation(await self._driver.do(store_steps.get(self._owner, id, key)))

    async def conversations(
        self,
        *,
        metadata: Mapping[str, Any] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
        after: UUID | str | None = None,
    ) -> list[AsyncConversation]:
        """List conversations, newest first: those whose metadata holds these values, made in [since, until).

        `after` is the id of the last one of the page before. A value matches exactly: 1 is neither True nor "1".
        """
        steps = store_steps.listed(self._owner, metadata=metadata, since=since, until=until, limit=limit, after=after)
        return [self._conversation(found) for found in await self._driver.do(steps)]

    async def delete(self, id: UUID | str) -> None:  # noqa: A002 - the natural word
        """Delete a conversation with its messages and exchanges. Forks keep what they share with it.

        The bytes of its audio, images and files stay until a later version collects what nothing refers to. Raises
        `ConversationNotFound`.
        """
        await self._driver.do(store_steps.delete(self._driver.tools, self._owner or "", id))

    async def usage(self) -> Totals:
        """Sum calls, tokens and cost of the owner's conversations, or of everyone's."""
        return await self._driver.do(store_steps.usage(self._owner))

    def owned_by(self, owner: str) -> Self:
        """Give the same store as another owner sees it."""
        return self._like(self._driver, check_owner(owner))

    def everyone(self) -> Self:
        """Give a view of all owners' conversations that only reads."""
        tools = attrs.evolve(self._driver.tools, writable=False)
        return self._like(AsyncDriver(self._driver.runner, tools), None)

    def within(self, connection: AsyncConnection) -> Self:
        """Give the store inside your own transaction: you commit or roll back. Calls of a model are refused there."""
        tools = attrs.evolve(self._driver.tools, held=True)
        runner = engines.AsyncWithin(connection, schema=self._schema)
        return self._like(AsyncDriver(runner, tools, checked=self._driver.checked), self._owner)

    def _conversation(self, found: Found) -> AsyncConversation:
        return AsyncConversation(self._driver, Place(self._driver.tools, found))
