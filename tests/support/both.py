"""Both edges behind one face: a test is written once, in sync words, and runs on either."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import convo
from convo.async_api.tables import AsyncTable, AsyncTables

if TYPE_CHECKING:
    import asyncio

_ASYNC = (
    convo.AsyncStore, convo.AsyncConversation, convo.AsyncExchange, convo.AsyncStream, convo.AsyncListener,
    AsyncTables, AsyncTable,
)  # fmt: skip


def resolved(chat: Any, value: Any) -> Any:
    """Give what a call on the inside of either edge gives in the end."""
    if not inspect.isawaitable(value):
        return value

    async def wait() -> Any:
        return await value

    return chat._loop.run_until_complete(wait())


class Blocking:
    """An async object whose methods block: each is run to its end on the test's event loop."""

    def __init__(self, target: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._target = target
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if not callable(found):
            return self._wrapped(found)
        return lambda *args, **kwargs: self._called(found, args, kwargs)

    def __enter__(self) -> Any:
        return self._wrapped(self._loop.run_until_complete(self._target.__aenter__()))

    def __exit__(self, *details: object) -> Any:
        return self._loop.run_until_complete(self._target.__aexit__(*details))

    def __iter__(self) -> Any:
        return self if hasattr(self._target, "__anext__") else Blocking(aiter(self._target), self._loop)

    def __next__(self) -> Any:
        async def call() -> Any:
            return await self._target.__anext__()

        try:
            return self._loop.run_until_complete(call())
        except StopAsyncIteration:
            raise StopIteration from None

    def __repr__(self) -> str:
        return repr(self._target)

    def _called(self, found: Any, args: Any, kwargs: Any) -> Any:
        async def call() -> Any:
            result = found(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result

        return self._wrapped(self._loop.run_until_complete(call()))

    def _wrapped(self, value: Any) -> Any:
        if isinstance(value, _ASYNC):
            return Blocking(value, self._loop)
        return [self._wrapped(item) for item in value] if isinstance(value, list) else value
