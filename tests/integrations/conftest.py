"""Fixtures of the adapters: an async store on each database, whose clock stands still."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import agents
import pytest

import convo
from tests.conftest import CIPHER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database

agents.set_tracing_disabled(disabled=True)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # ChatKit warns of its own widgets when it is imported
    import chatkit.server  # noqa: F401 - so that it is imported from now on


@pytest.fixture
async def opened(database: Database, clock: FixedClock) -> AsyncIterator[Callable[..., convo.AsyncStore]]:
    """Opens async stores of this test's database; all are closed at the end."""
    stores: list[convo.AsyncStore] = []

    def opened(**more: Any) -> convo.AsyncStore:
        stores.append(convo.AsyncStore(database.url, **{"clock": clock, "cipher": CIPHER, **database.options, **more}))
        return stores[-1]

    yield opened
    for store in stores:
        await store.close()


@pytest.fixture
def store(opened: Callable[..., convo.AsyncStore]) -> convo.AsyncStore:
    """An async store on each database."""
    return opened()


@pytest.fixture
async def client(fake: FakeAPI) -> AsyncIterator[Any]:
    """An async client of the fake."""
    async with fake.async_client() as client:
        yield client
