"""Fixtures of all tests: a database of each kind, both edges, a clock that stands still, the fake of the API."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import shutil
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import HealthCheck, settings

import convo
from convo.testing import CountedIds, FakeAPI, FixedClock
from tests.support.both import Blocking
from tests.support.bucket import KEYS, make_bucket, s3_server
from tests.support.overheard import Overheard
from tests.support.postgres import SETTINGS, server
from tests.support.sealing import shared_cipher
from tests.support.validate import validate_received, validate_sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

settings.register_profile("convo", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.load_profile("convo")

_owners = itertools.count(1)
CIPHER = shared_cipher() if os.environ.get("CONVO_TEST_CIPHER") else None
"""Every test of a store does the same with a cipher when `CONVO_TEST_CIPHER` is set: what it is given back may not differ."""


PARTITIONS = int(os.environ.get("CONVO_TEST_PARTITIONS", "0")) or None
"""The tables of PostgreSQL are split into so many partitions when `CONVO_TEST_PARTITIONS` is set: no test may notice."""


@pytest.fixture(scope="session")
def _hearing() -> Iterator[Overheard]:
    """All that is logged in this run, down to DEBUG."""
    overheard, logger = Overheard(), logging.getLogger("convo")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logging.getLogger().addHandler(overheard)
    yield overheard
    logging.getLogger().removeHandler(overheard)
    logger.setLevel(level)


@pytest.fixture(autouse=True)
def overheard(_hearing: Overheard) -> Iterator[Overheard]:
    """What this test logs. When it is over, no record may have held content, a key, or anything else without a place there."""
    _hearing.taken()
    yield _hearing
    wrong = _hearing.taken()
    assert not wrong, "\n".join(wrong)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server: `CONVO_TEST_POSTGRES_URL`, or one that is started for this run."""
    given = os.environ.get("CONVO_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with server((*SETTINGS, "plan_cache_mode=force_generic_plan") if PARTITIONS else SETTINGS) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_schema(postgres_url: str) -> str:
    """A schema with the tables of convo, made by the migrations; tests tell themselves apart by their owners."""
    schema = f"convo_test_{os.getpid()}"
    with convo.Store(postgres_url, schema=schema) as store:
        store.upgrade(partitions=PARTITIONS)
    return schema


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the tables, to copy."""
    path = tmp_path_factory.mktemp("template") / "chat.db"
    with convo.Store(f"sqlite:///{path}") as store:
        store.upgrade()
    return path


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """The URL of a server that speaks S3, started for this run."""
    with s3_server() as url:
        yield url


@pytest.fixture
def bucket(s3_url: str) -> convo.BucketBlobs:
    """A bucket of this test, with a prefix."""
    name = f"bucket-{os.getpid()}-{next(_owners)}"
    make_bucket(s3_url, name)
    return convo.BucketBlobs(f"s3://{name}/some/prefix", endpoint=s3_url, **KEYS)


@pytest.fixture
def folder(tmp_path: Path) -> convo.FolderBlobs:
    """A folder of this test."""
    return convo.FolderBlobs(tmp_path / "blobs")


@attrs.frozen
class Database:
    """A place for a store of the test: `url`, and options that keep it apart from other tests."""

    kind: str
    url: str
    options: dict[str, Any]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A database of each kind, with tables and nothing in it that this owner sees."""
    if request.param == "sqlite":
        path = tmp_path / "chat.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        return Database("sqlite", f"sqlite:///{path}", {})
    schema = request.getfixturevalue("postgres_schema")
    options = {"schema": schema, "owner": f"owner-{os.getpid()}-{next(_owners)}"}
    return Database("postgresql", request.getfixturevalue("postgres_url"), options)


@pytest.fixture
def clock() -> FixedClock:
    """A clock that moves when the test says so; the fake of the API has the same."""
    return FixedClock()


@pytest.fixture
def fake(clock: FixedClock) -> Iterator[FakeAPI]:
    """A fake of the API. All that it received is held against the types of the SDK when the test is over."""
    fake = FakeAPI(clock=clock)
    yield fake
    validate_received(fake.received)
    validate_sessions(fake.sessions)


@attrs.frozen
class World:
    """What a test of the store gets: how to open stores, and a client of the fake that fits them."""

    open: Callable[..., Any]
    client: Any
    asynchronous: bool


@pytest.fixture(params=["sync", "async"])
def world(request: pytest.FixtureRequest, database: Database, clock: FixedClock, fake: FakeAPI) -> Iterator[World]:
    """Both edges on each database: `world.open()` gives a store; all are closed at the end."""
    ids = CountedIds(next(_owners) * 1_000)
    if request.param == "sync":
        with _Stores() as opened, fake.client() as client:
            yield World(lambda **more: opened(convo.Store(database.url, **_options(database, clock, ids, more))), client, False)
        return
    loop = asyncio.new_event_loop()
    stores: list[convo.AsyncStore] = []

    def open_async(**more: Any) -> Any:
        stores.append(convo.AsyncStore(database.url, **_options(database, clock, ids, more)))
        return Blocking(stores[-1], loop)

    async_client = fake.async_client()
    try:
        yield World(open_async, async_client, True)
    finally:
        for store in stores:
            loop.run_until_complete(store.close())
        loop.run_until_complete(async_client.close())
        loop.close()


def _options(database: Database, clock: FixedClock, ids: CountedIds, more: dict[str, Any]) -> dict[str, Any]:
    return {"clock": clock, "new_id": ids, "cipher": CIPHER, **database.options, **more}


class _Stores:
    """Stores that are closed at the end of a block."""

    def __enter__(self) -> Callable[[convo.Store], convo.Store]:
        self._all: list[convo.Store] = []
        return self._opened

    def _opened(self, store: convo.Store) -> convo.Store:
        self._all.append(store)
        return store

    def __exit__(self, *details: object) -> None:
        for store in self._all:
            store.close()


@pytest.fixture
def store(world: World) -> Any:
    """A store, through either edge, on each database."""
    return world.open()


@pytest.fixture
def client(world: World) -> Any:
    """A client of the fake, sync or async like the store."""
    return world.client
