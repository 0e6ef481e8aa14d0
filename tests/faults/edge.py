"""One PostgreSQL store through each driver, in sync words: what a harness does, it does through all of them."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import convo
from tests.faults.echo import AsyncEcho, Echo
from tests.support.both import Blocking

if TYPE_CHECKING:
    from collections.abc import Iterator

DRIVERS = ("psycopg", "psycopg async", "asyncpg")


def driver_url(url: str, driver: str) -> str:
    """Give the URL of a database for one of `DRIVERS`."""
    _, _, rest = url.partition("://")
    return f"postgresql+{driver.partition(' ')[0]}://{rest}"


@contextmanager
def opened(url: str, driver: str, **options: Any) -> Iterator[tuple[Any, Any]]:
    """Open a store through a driver; give it with a client that answers at once."""
    if driver == "psycopg":
        with convo.Store(url, **options) as store:
            yield store, Echo()
        return
    loop = asyncio.new_event_loop()
    asynchronous = convo.AsyncStore(url, **options)
    try:
        yield Blocking(asynchronous, loop), AsyncEcho()
    finally:
        loop.run_until_complete(asynchronous.close())
        loop.close()
