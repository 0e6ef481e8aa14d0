"""A caller's own engine, schema, transaction and migrations: convo lives in a database beside other tables."""

from __future__ import annotations

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import attrs
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.schema import CreateSchema, DropSchema

import convo
from convo.store import schema as schemas
from convo.store import tables
from convo.store.tables import metadata
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from convo.testing import FakeAPI, FixedClock

_numbers = itertools.count(1)


def invoices(schema: str | None) -> sa.Table:
    """A table of the caller."""
    return sa.Table("invoice", sa.MetaData(schema=schema), sa.Column("id", sa.Integer, primary_key=True))


@attrs.frozen
class Theirs:
    """What a caller brings: an engine with default settings, a schema for convo, and a table beside those of convo."""

    engine: sa.Engine
    schema: str | None
    invoice: sa.Table

    def store(self, **more: Any) -> convo.Store:
        return convo.Store(self.engine, schema=self.schema, **more)

    def count(self) -> int:
        with self.engine.connect() as connection:
            return len(connection.execute(sa.select(self.invoice)).all())


def fresh_name() -> str:
    return f"convo_theirs_{os.getpid()}_{next(_numbers)}"


@pytest.fixture(params=["sqlite", "postgresql"])
def theirs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Theirs]:
    """An engine as a caller makes it, upgraded."""
    if request.param == "sqlite":
        engine, name = sa.create_engine(f"sqlite:///{tmp_path / 'app.db'}"), None
    else:
        engine, name = sa.create_engine(request.getfixturevalue("postgres_url")), fresh_name()
    found = Theirs(engine, name, invoices(name))
    found.store().upgrade()
    with engine.begin() as connection:
        found.invoice.create(connection)
    try:
        yield found
    finally:
        if name:
            with engine.begin() as connection:
                connection.execute(DropSchema(name, cascade=True))
        engine.dispose()


@pytest.fixture
def server(postgres_url: str) -> Iterator[sa.Engine]:
    """An engine of a server on which nothing was upgraded."""
    engine = sa.create_engine(postgres_url)
    yield engine
    engine.dispose()


@pytest.fixture
def new_schema(postgres_url: str) -> Iterator[Callable[[], str]]:
    """Names of schemas that are not there yet, and not any more after the test."""
    names: list[str] = []

    def new() -> str:
        names.append(fresh_name())
        return names[-1]

    yield new
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        for name in names:
            connection.execute(DropSchema(name, cascade=True, if_exists=True))
    engine.dispose()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sa.Engine]:
    """An engine of a SQLite file that is not there yet."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'app.db'}")
    yield engine
    engine.dispose()


# --- a caller's engine -----------------------------------------------------------------------------


def test_a_callers_engine_does_the_whole_job(theirs: Theirs, fake: FakeAPI, clock: FixedClock) -> None:
    with fake.client() as client:
        chat = theirs.store(clock=clock).create(instructions="Be short.", key="call-1")
        reply = chat.send(client, recording(), model="gpt-audio-1.5", voice="alloy", format="wav", key="turn-1")
        again = theirs.store(clock=clock).get(key="call-1")
    assert [message.role for message in again.history()] == ["system", "user", "assistant"]
    assert again.history()[-1].text == reply.text
    assert again.usage().calls == 1


def test_closing_the_store_leaves_a_callers_engine_open(theirs: Theirs) -> None:
    with theirs.engine.connect() as connection:
        with theirs.store() as store:
            store.create()
        assert connection.execute(sa.select(sa.literal(1))).scalar() == 1
    assert len(theirs.store().conversations()) == 1


def test_the_settings_of_a_callers_sqlite_stay_as_they_are(file: sa.Engine) -> None:
    def settings() -> list[object]:
        with file.connect() as connection:
            names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    before = settings()
    with convo.Store(file) as store:
        store.upgrade()
        store.create().add("Hello?")
    assert settings() == before


def test_what_is_deleted_is_gone_from_a_callers_database(theirs: Theirs) -> None:
    store = theirs.store()
    chat, other = store.create(key="one"), store.create(key="two")
    for each in (chat, other):
        each.add("Hello?", recording())
    store.delete(chat.id)
    with theirs.engine.connect() as connection:
        left = {
            name: connection.execute(sa.select(sa.func.count()).select_from(sa.table(name, schema=theirs.schema))).scalar()
            for name in ("convo_conversation", "convo_branch", "convo_segment", "convo_message", "convo_attachment")
        }
    assert set(left.values()) == {1}


def test_nothing_is_left_of_branches_forks_notes_and_streams(theirs: Theirs, fake: FakeAPI, clock: FixedClock) -> None:
    """Also where the caller's SQLite enforces no foreign keys."""
    store = theirs.store(clock=clock)
    chat = store.create(messages=[{"role": "user", "content": "Hello?"}])
    with fake.client() as client:
        chat.send(client, model="gpt-4.1", key="k")
        chat.annotate(1, thumbs=1)
        chat.annotate(2, thumbs=1)
        fork = chat.fork(1)
        chat.regenerate(key="k")
        moved = chat.fork(1)
        chat.send(client, model="gpt-4.1")
    _as_streams_and_search_do(theirs)
    moved.move_to("user")
    for view, gone in ((store, chat), (store, fork), (store.owned_by("user"), moved)):
        view.delete(gone.id)
    with theirs.engine.connect() as connection:
        left = {
            name: connection.execute(sa.select(sa.func.count()).select_from(sa.table(name, schema=theirs.schema))).scalar()
            for name in metadata.tables
            if name != "convo_home"  # which tells whose objects are whose, and belongs to no owner
        }
    assert not any(left.values()), left


def _as_streams_and_search_do(theirs: Theirs) -> None:
    """Give each exchange a checkpoint, and put each message into the index."""
    options = {"schema_translate_map": {None: theirs.schema}}
    x, m = tables.exchange.c, tables.message.c
    checkpoints = sa.select(x.owner, x.id, sa.literal(0), sa.literal(1), x.started_at)
    found = sa.select(m.owner, m.branch, m.position)
    with theirs.engine.begin() as connection:
        for statement in (
            sa.insert(tables.checkpoint).from_select(["owner", "exchange", "number", "attempt", "saved_at"], checkpoints),
            sa.insert(tables.search).from_select(["owner", "branch", "position"], found),
        ):
            connection.execute(statement, execution_options=options)


@pytest.mark.parametrize("level", ["AUTOCOMMIT", "REPEATABLE READ", "SERIALIZABLE"])
def test_a_callers_isolation_level_breaks_nothing(server: sa.Engine, new_schema: Callable[[], str], level: Any) -> None:
    engine, name = server.execution_options(isolation_level=level), new_schema()
    with ThreadPoolExecutor(4) as threads:
        for upgrade in [threads.submit(convo.Store(engine, schema=name).upgrade) for _ in range(4)]:
            upgrade.result()
    assert set(metadata.tables) < set(sa.inspect(server).get_table_names(schema=name))
    store = convo.Store(engine, schema=name)
    chat = store.create(key="one")
    assert store.create(key="one").id == chat.id
    ids = iter([UUID(int=1), UUID(int=2), UUID(int=3), chat._place.found.branch])
    convo.Store(engine, schema=name, new_id=lambda: next(ids)).create(title="Other")
    with pytest.raises(convo.StoreFailed):
        convo.Store(engine, schema=name, new_id=lambda: next(ids)).create(title="Its branch has an id that is taken")
    assert {found.title for found in store.conversations()} == {None, "Other"}


def test_two_schemas_of_one_database_are_two_stores(server: sa.Engine, new_schema: Callable[[], str]) -> None:
    one, two = (convo.Store(server, schema=new_schema()) for _ in range(2))
    one.upgrade()
    with pytest.raises(convo.SchemaMissing):
        two.create()
    two.upgrade()
    chat = one.create(key="same")
    with pytest.raises(convo.ConversationNotFound):
        two.get(chat.id)
    assert two.create(key="same").id != chat.id


# --- a caller's transaction ------------------------------------------------------------------------


def fail_inside(store: convo.Store, chat: convo.Conversation, client: Any) -> None:
    """Fail before any statement, and after one."""
    with pytest.raises(convo.ConversationNotFound):
        store.get(uuid4())
    with pytest.raises(convo.StaleHead):
        chat.add("too late", expected_head=7)
    with pytest.raises(convo.EmptyContent):
        chat.add("")
    with pytest.raises(convo.HeldTransaction):
        chat.send(client, "x", model="gpt-audio-1.5")


@pytest.mark.parametrize("ends", ["commit", "rollback"])
def test_writes_inside_a_callers_transaction_end_with_it(theirs: Theirs, fake: FakeAPI, ends: str) -> None:
    store = theirs.store()
    known = store.create(title="Known")
    with theirs.engine.connect() as connection, connection.begin() as transaction:
        connection.execute(theirs.invoice.insert().values(id=1))
        inside = store.within(connection)
        chat = inside.create(title="Inside", messages=[{"role": "user", "content": "One"}])
        fail_inside(inside, chat, fake.client())
        chat.add("Two", recording())
        inside.get(known.id).add("Hello?")
        assert [message.text for message in inside.get(chat.id).history()][:1] == ["One"]
        connection.execute(theirs.invoice.insert().values(id=2))
        getattr(transaction, ends)()
    committed = ends == "commit"
    assert theirs.count() == (2 if committed else 0)
    assert {found.title for found in store.conversations()} == ({"Known", "Inside"} if committed else {"Known"})
    assert len(store.get(known.id).history()) == (1 if committed else 0)


def test_an_error_of_the_database_inside_leaves_the_transaction_usable(theirs: Theirs) -> None:
    ids = iter([UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=2), UUID(int=4), UUID(int=5)])
    store = theirs.store(new_id=lambda: next(ids))
    with theirs.engine.begin() as connection:
        inside = store.within(connection)
        inside.create(title="First")
        connection.execute(theirs.invoice.insert().values(id=1))
        with pytest.raises(convo.StoreFailed):
            inside.create(title="Its branch has an id that is taken")
        inside.create(title="Third")
    assert theirs.count() == 1
    assert {found.title for found in theirs.store().conversations()} == {"First", "Third"}


def test_a_savepoint_of_the_caller_takes_back_what_was_written_in_it(theirs: Theirs) -> None:
    store = theirs.store()
    with theirs.engine.begin() as connection:
        inside = store.within(connection)
        chat = inside.create()
        savepoint = connection.begin_nested()
        chat.add("Taken back")
        savepoint.rollback()
    assert [found.id for found in store.conversations()] == [chat.id]
    assert len(store.get(chat.id).history()) == 0


def test_an_upgrade_inside_a_callers_transaction_ends_with_it_and_leaves_no_setting_behind(
    server: sa.Engine, new_schema: Callable[[], str]
) -> None:
    name, asked = new_schema(), ("search_path", "lock_timeout")
    store = convo.Store(server, schema=name)
    with server.connect() as connection:
        before = [connection.execute(sa.text(f"SHOW {setting}")).scalar() for setting in asked]
        store.within(connection).upgrade()
        assert [connection.execute(sa.text(f"SHOW {setting}")).scalar() for setting in asked] == before
        store.within(connection).create()
        connection.rollback()
    assert name not in sa.inspect(server).get_schema_names()


def test_an_upgrade_inside_a_transaction_of_sqlite_ends_with_it(file: sa.Engine) -> None:
    with file.connect() as connection:
        convo.Store(file).within(connection).upgrade()
        assert sa.inspect(connection).has_table("convo_message")
        connection.rollback()
        assert sa.inspect(connection).get_table_names() == []


def test_a_transaction_in_a_database_without_tables_says_so(server: sa.Engine) -> None:
    with server.connect() as connection, pytest.raises(convo.SchemaMissing):
        convo.Store(server, schema=f"{fresh_name()}_nowhere").within(connection).create()


# --- the same, async -------------------------------------------------------------------------------


@attrs.frozen
class TheirsAsync:
    """What an async caller brings."""

    engine: AsyncEngine
    schema: str
    invoice: sa.Table

    def store(self, **more: Any) -> convo.AsyncStore:
        return convo.AsyncStore(self.engine, schema=self.schema, **more)

    async def count(self) -> int:
        async with self.engine.connect() as connection:
            return len((await connection.execute(sa.select(self.invoice))).all())


@pytest.fixture(params=["psycopg", "asyncpg"])
async def theirs_async(request: pytest.FixtureRequest, postgres_url: str) -> AsyncIterator[TheirsAsync]:
    """An async engine of each driver, upgraded."""
    engine = create_async_engine(postgres_url.replace("postgresql://", f"postgresql+{request.param}://", 1))
    name = fresh_name()
    found = TheirsAsync(engine, name, invoices(name))
    await found.store().upgrade()
    async with engine.begin() as connection:
        await connection.run_sync(found.invoice.create)
    try:
        yield found
    finally:
        async with engine.begin() as connection:
            await connection.execute(DropSchema(name, cascade=True))
        await engine.dispose()


async def test_an_async_engine_does_the_whole_job(theirs_async: TheirsAsync, fake: FakeAPI, clock: FixedClock) -> None:
    client = fake.async_client()
    chat = await theirs_async.store(clock=clock).create(instructions="Be short.", key="call-1")
    await chat.send(client, recording(), model="gpt-audio-1.5", voice="alloy", format="wav", key="turn-1")
    again = await theirs_async.store().get(key="call-1")
    assert [message.role for message in await again.history()] == ["system", "user", "assistant"]
    await client.close()


async def fail_inside_async(store: convo.AsyncStore, chat: convo.AsyncConversation, client: Any) -> None:
    with pytest.raises(convo.ConversationNotFound):
        await store.get(uuid4())
    with pytest.raises(convo.StaleHead):
        await chat.add("too late", expected_head=7)
    with pytest.raises(convo.HeldTransaction):
        await chat.send(client, "x", model="gpt-audio-1.5")


@pytest.mark.parametrize("ends", ["commit", "rollback"])
async def test_async_writes_inside_a_callers_transaction_end_with_it(theirs_async: TheirsAsync, fake: FakeAPI, ends: str) -> None:
    store = theirs_async.store()
    known = await store.create(title="Known")
    async with theirs_async.engine.connect() as connection:
        transaction = await connection.begin()
        await connection.execute(theirs_async.invoice.insert().values(id=1))
        inside = store.within(connection)
        chat = await inside.create(title="Inside", messages=[{"role": "user", "content": "One"}])
        await fail_inside_async(inside, chat, fake.async_client())
        await chat.add("Two", recording())
        await (await inside.get(known.id)).add("Hello?")
        await connection.execute(theirs_async.invoice.insert().values(id=2))
        await getattr(transaction, ends)()
    committed = ends == "commit"
    assert await theirs_async.count() == (2 if committed else 0)
    assert {found.title for found in await store.conversations()} == ({"Known", "Inside"} if committed else {"Known"})
    assert len(await (await store.get(known.id)).history()) == (1 if committed else 0)


async def test_an_error_of_the_database_inside_leaves_an_async_transaction_usable(theirs_async: TheirsAsync) -> None:
    ids = iter([UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=2), UUID(int=4), UUID(int=5)])
    store = theirs_async.store(new_id=lambda: next(ids))
    async with theirs_async.engine.begin() as connection:
        inside = store.within(connection)
        await inside.create(title="First")
        await connection.execute(theirs_async.invoice.insert().values(id=1))
        with pytest.raises(convo.StoreFailed):
            await inside.create(title="Its branch has an id that is taken")
        await inside.create(title="Third")
    assert await theirs_async.count() == 1
    assert {found.title for found in await theirs_async.store().conversations()} == {"First", "Third"}


async def test_a_callers_sync_sqlite_engine_serves_an_async_store(file: sa.Engine) -> None:
    async with convo.AsyncStore(file) as store:
        with pytest.raises(convo.SchemaMissing):
            await store.create()
        await store.upgrade()
        chat = await store.create()
        await chat.add("Hello?")
    assert len(convo.Store(file).get(chat.id).history()) == 1


async def test_a_connection_that_the_caller_closed_is_not_written_on(theirs_async: TheirsAsync) -> None:
    store = theirs_async.store()
    connection: AsyncConnection
    async with theirs_async.engine.connect() as connection:
        inside = store.within(connection)
        await inside.create()
    with pytest.raises(convo.ConvoError):
        await inside.create()
    assert await store.conversations() == []


# --- a caller's Alembic ----------------------------------------------------------------------------

ENVIRONMENT = """
import sqlalchemy as sa
from alembic import context

config = context.config
theirs = config.attributes["metadata"]


def include_name(name, kind, parents):
    return kind != "table" or not name.startswith("convo_")


context.configure(
    connection=config.attributes["connection"], target_metadata=theirs, include_name=include_name, version_table="their_version"
)
with context.begin_transaction():
    context.run_migrations()
"""
TEMPLATE = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = ${repr(up_revision)}, ${repr(down_revision)}, None, None


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
"""
FIRST = """
import sqlalchemy as sa
from alembic import op
from convo.store import schema

revision, down_revision, branch_labels, depends_on = "theirs1", None, None, None


def upgrade():
    op.create_table("customer", sa.Column("id", sa.Integer, primary_key=True))
    schema.upgrade(op.get_bind())
    op.create_table("invoice", sa.Column("id", sa.Integer, primary_key=True))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An Alembic project of a caller."""
    folder = tmp_path / "theirs"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENVIRONMENT, encoding="utf-8")
    (folder / "script.py.mako").write_text(TEMPLATE, encoding="utf-8")
    return folder


@pytest.fixture(params=["sqlite", "postgresql"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """A caller's engine whose default schema holds nothing."""
    if request.param == "sqlite":
        engine = sa.create_engine(f"sqlite:///{tmp_path / 'app.db'}")
        yield engine
        engine.dispose()
        return
    name, url = fresh_name(), request.getfixturevalue("postgres_url")
    engine = sa.create_engine(f"{url}{'&' if '?' in url else '?'}options=-csearch_path={name}")
    with engine.begin() as connection:
        connection.execute(CreateSchema(name))
    yield engine
    with engine.begin() as connection:
        connection.execute(DropSchema(name, cascade=True))
    engine.dispose()


def config_of(project: Path, connection: sa.Connection, tables: sa.MetaData) -> Config:
    config = Config()
    config.set_main_option("script_location", str(project))
    config.attributes.update(connection=connection, metadata=tables)
    return config


def test_a_callers_autogenerate_leaves_the_tables_of_convo_alone(bare: sa.Engine, project: Path) -> None:
    convo.Store(bare).upgrade()
    tables = sa.MetaData()
    sa.Table("invoice", tables, sa.Column("id", sa.Integer, primary_key=True))
    with bare.begin() as connection:
        config = config_of(project, connection, tables)
        command.revision(config, "invoices", autogenerate=True, rev_id="theirs1")
        made = next((project / "versions").glob("*.py")).read_text(encoding="utf-8")
        command.upgrade(config, "head")
    assert "invoice" in made
    assert "convo_" not in made
    assert {"invoice", "convo_message", "their_version", schemas.VERSION_TABLE} < set(sa.inspect(bare).get_table_names())
    convo.Store(bare).create().add("Hello?")


def test_a_callers_migration_may_bring_convos_tables_with_it(bare: sa.Engine, project: Path) -> None:
    (project / "versions" / "theirs1.py").write_text(FIRST, encoding="utf-8")
    with bare.begin() as connection:
        command.upgrade(config_of(project, connection, sa.MetaData()), "head")
    expected = {"customer", "invoice", "their_version", schemas.VERSION_TABLE, *metadata.tables}
    assert {name for name in sa.inspect(bare).get_table_names() if not name.startswith("convo_words")} == expected
    store = convo.Store(bare)
    store.create().add("Hello?")
    assert [hit.snippet for hit in store.search("hello")] == ["Hello?"]


def test_convos_own_configuration_runs_on_a_callers_connection(bare: sa.Engine) -> None:
    with bare.begin() as connection:
        command.upgrade(schemas.alembic_config(connection), "head")
        command.check(schemas.alembic_config(connection))
    convo.Store(bare).create().add("Hello?")
