"""The async edge: the names of `convo.sync_api`, awaited; a test holds both to the same signatures."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self, TypeVar

import attrs

from convo.async_heartbeat import AsyncHeartbeat
from convo.checks import check_type
from convo.edges import Seen, check_client, check_owner, check_whole, ids_of, pending_of, system_clock
from convo.errors import CallClosed
from convo.models import Catalogue
from convo.protocol import LEASE
from convo.steps import ending as ending_steps
from convo.steps import exchange as exchange_steps
from convo.steps import log as log_steps
from convo.steps import requests as request_steps
from convo.steps import stores as store_steps
from convo.steps.effects import Finish, Pause, Told, Upgrade, Work, finish, read
from convo.steps.log import UNSET
from convo.steps.place import Place, Tools
from convo.store import async_engine as engines
from convo.store import exchanges
from convo.transcript import written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from types import TracebackType
    from uuid import UUID

    from sqlalchemy.engine import URL, Engine
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from convo.assembly import Request
    from convo.audio import Audio
    from convo.edges import Pending
    from convo.history import History
    from convo.messages import Message
    from convo.policy import Policy
    from convo.reply import Reply
    from convo.steps.effects import Effect, Lease, Steps
    from convo.store.conversations import Found
    from convo.store.engine import Durability
    from convo.store.totals import Totals

T = TypeVar("T")


class _AsyncDriver:
    """Performs the effects of steps, one after the other; work on the database outlives a cancelled caller."""

    def __init__(
        self, runner: engines.AsyncRunner | engines.ThreadRunner | engines.AsyncWithin, tools: Tools, *, checked: bool = False
    ) -> None:
        self.runner = runner
        self.tools = tools
        self.heartbeat = AsyncHeartbeat(self._renew)
        self._shield = engines.Shield()
        self.checked = checked
        self._checking = asyncio.Lock()

    async def do(self, steps: Steps[T]) -> T:
        """Perform steps; the tables are seen to first, once."""
        if not self.checked:
            async with self._checking:
                if not self.checked:
                    if not self.tools.writable:
                        self.runner.check_there()
                    creates = self.runner.creates and self.tools.writable
                    await self._perform_all(store_steps.ready(self.runner.place, creates=creates))
                    self.checked = True
        return await self._perform_all(steps)

    async def upgrade(self) -> None:
        """Make or upgrade the tables."""
        await self.runner.upgrade()
        self.checked = True

    async def _perform_all(self, steps: Steps[T]) -> T:
        result: Any = None
        error: BaseException | None = None
        while True:
            try:
                effect = steps.send(result) if error is None else steps.throw(error)
            except StopIteration as end:
                value: T = end.value
                return value
            try:
                result, error = await self._perform(effect), None
            except BaseException as raised:  # noqa: BLE001 - handed to the steps, which raise it again
                error = raised

    async def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Work):
            return await self.runner.run(effect.function, *effect.arguments, mode=effect.mode, **effect.named)
        if isinstance(effect, Upgrade):
            return await self.runner.upgrade()
        if isinstance(effect, Pause):
            return await asyncio.sleep(effect.seconds)
        if isinstance(effect, Finish):
            with self.heartbeat.keeping(effect.lease):
                return await self._shield.run(self._perform_all(effect.steps))
        with self.heartbeat.keeping(effect.lease):
            raw = await effect.client.chat.completions.with_raw_response.create(**effect.request)
            return Told(raw.parse(), {name.lower(): value for name, value in raw.headers.items()}, self.tools.now())

    async def _renew(self, lease: Lease) -> object:
        until = self.tools.now() + LEASE
        return await self.runner.run(
            exchanges.renew, lease.owner, lease.branch, lease.exchange, lease.attempt, until, mode="write"
        )

    async def close(self) -> None:
        self.heartbeat.close()
        await self.runner.close()


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
        self._driver = _AsyncDriver(engines.async_runner_for(url_or_engine, schema=schema, durability=durability), tools)
        self._owner: str | None = check_owner(owner)

    def _like(self, driver: _AsyncDriver, owner: str | None) -> Self:
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
        """Delete a conversation with its messages and exchanges. Raises `ConversationNotFound`.

        The bytes of its audio, images and files stay until a later version collects what nothing refers to.
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
        return self._like(_AsyncDriver(self._driver.runner, tools), None)

    def within(self, connection: AsyncConnection) -> Self:
        """Give the store inside your own transaction: you commit or roll back. Calls of a model are refused there."""
        tools = attrs.evolve(self._driver.tools, held=True)
        runner = engines.AsyncWithin(connection, schema=self._schema)
        return self._like(_AsyncDriver(runner, tools, checked=self._driver.checked), self._owner)

    def _conversation(self, found: Found) -> AsyncConversation:
        return AsyncConversation(self._driver, Place(self._driver.tools, found))


class AsyncConversation(Seen):
    """One conversation. Made by an `AsyncStore`; what it says of title, metadata, instructions and head is as last seen."""

    def __init__(self, driver: _AsyncDriver, place: Place) -> None:
        super().__init__(place)
        self._driver = driver

    async def add(
        self,
        *content: object,
        role: str = "user",
        name: str | None = None,
        key: str | None = None,
        created_at: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
        pinned: bool = False,
        expected_head: int | None = None,
    ) -> Message:
        """Store a message of text, `Audio`, `Image`, `File` or the API's own content parts; or one whole message as a dict.

        With `key`, once: the same again gives the stored message. Raises `StaleHead` when the log has moved past
        `expected_head`.
        """
        steps = log_steps.add(
            self._place, content, role=role, name=name, key=key, created_at=created_at, metadata=metadata, pinned=pinned,
            expected_head=expected_head,
        )  # fmt: skip
        return await self._driver.do(steps)

    async def tool_output(self, call_id: str, output: object, *, error: bool = False, key: str | None = None) -> Message:
        """Store the result of a tool call: text, text parts, or any JSON value. Raises `ToolCallNotFound`."""
        return await self._driver.do(log_steps.tool_output(self._place, call_id, output, error=error, key=key))

    async def history(self, last: int | None = None) -> History:
        """Read the log, or its last messages. Audio comes without its bytes, see `load`."""
        return await self._driver.do(log_steps.history(self._place, last))

    async def load(self, audio: Audio) -> Audio:
        """Give the same audio with its bytes."""
        return await self._driver.do(log_steps.load(self._place, audio))

    async def request(
        self,
        model: str,
        *,
        api: str = "chat",
        client: Any = None,
        origin: str | None = None,
        policy: Policy | None = None,
        **arguments: Any,
    ) -> Request:
        """Assemble a request and write nothing. `client` or `origin` says whose audio ids are valid: without, none is sent.

        `voice=` and `format=` are short for `audio={...}` and the modalities; other arguments go to the API as they are.
        """
        steps = request_steps.request(
            self._place, model, api=api, client=client, origin=origin, policy=policy, arguments=arguments
        )
        return await self._driver.do(steps)

    def exchange(self, request: Request) -> AsyncExchange:
        """Begin an exchange for a call of your own: `async with chat.exchange(request) as call: ...`."""
        return AsyncExchange(self._driver, self._place, request)

    async def record(self, answer: object, request: Request | None = None) -> Reply:
        """Store an answer, once. It was not protected while it ran: see `exchange`."""
        return await self._driver.do(ending_steps.record(self._place, answer, request))

    async def send(
        self,
        client: Any,
        *content: object,
        model: str,
        api: str = "chat",
        policy: Policy | None = None,
        key: str | None = None,
        expected_head: int | None = None,
        **arguments: Any,
    ) -> Reply:
        """Store what the user said, get the answer, store it. Without content, answer what is in the log.

        With `key`, once: the same again gives the recorded reply. Raises `TurnInProgress` while another turn waits
        for its answer, `StaleHead` when the log has moved past `expected_head`, and the client's own errors; after
        those the user's message is in the log, and the same key, or a send without content, tries again.
        """
        check_client(client, asynchronous=True)
        check_whole(arguments)
        steps = exchange_steps.send(
            self._place,
            client,
            content,
            model=model,
            api=api,
            policy=policy,
            key=key,
            expected_head=expected_head,
            arguments=arguments,
        )
        return await self._driver.do(steps)

    async def update(
        self, *, title: str | None = UNSET, metadata: Mapping[str, Any] | None = UNSET, instructions: str = UNSET
    ) -> None:
        """Change title or metadata; new instructions are an event of the log, older ones stay where they were."""
        await self._driver.do(log_steps.update(self._place, title, metadata, instructions))

    async def pending(self) -> list[Pending]:
        """List the exchanges that wait for their answers, oldest first."""
        rows = await self._driver.do(read(exchanges.waiting, self._place.owner, self.id))
        return [pending_of(row) for row in rows]

    async def abandon(self, exchange: UUID | Pending) -> None:
        """Give up an exchange that waits; its answer no longer counts. Raises `ExchangeNotFound`."""
        await self._driver.do(ending_steps.abandon(self._place, exchange))

    async def transcript(self) -> str:
        """Give the conversation as plain text, one paragraph a message."""
        return written(await self.history())

    async def usage(self) -> Totals:
        """Sum calls, tokens and cost of this conversation."""
        return await self._driver.do(store_steps.usage(self.owner, self.id))


class AsyncExchange:
    """An exchange around a call that the caller makes. Its lease is renewed until the block ends.

    A block that ends without `record` gives the exchange up.
    """

    def __init__(self, driver: _AsyncDriver, place: Place, request: Request) -> None:
        self._driver = driver
        self._place = place
        self._request = request
        self._open: ending_steps.Open | None = None
        self._lease: Lease | None = None

    async def __aenter__(self) -> Self:
        self._open = await self._driver.do(exchange_steps.begin(self._place, self._request))
        self._lease = self._open.lease(self._place)
        self._driver.heartbeat.hold(self._lease)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        current = self._close()
        if current is None:
            return
        if error is None:
            await self._driver.do(ending_steps.abandon(self._place, current.begun.id))
        else:
            await self._driver.do(ending_steps.failed(self._place, current, error))

    async def record(self, answer: object) -> Reply:
        """Store the answer and end the exchange. Raises `AnswerError`, and `ExchangeLost` when it came too late."""
        current = self._current()
        steps = ending_steps.completed(self._place, current, answer)
        reply = await self._driver.do(finish(steps, current.lease(self._place)))
        self._close()
        return reply

    async def recover(self, error: BaseException) -> Request | None:
        """Give the request to try next after an error of the API, None when there is nothing to recover from."""
        current = self._current()
        if not exchange_steps.try_again(current, error):
            return None
        return await self._driver.do(request_steps.filled(self._place, current.plan))

    def _current(self) -> ending_steps.Open:
        if self._open is None:
            raise CallClosed(self._request)
        return self._open

    def _close(self) -> ending_steps.Open | None:
        current, self._open = self._open, None
        if self._lease is not None:
            self._driver.heartbeat.drop(self._lease)
        return current
