"""The doctor finds settings under which a database may lose what it acknowledged, and tables that are not convo's."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateSchema, DropSchema

import convo
from convo.store import files
from convo.store.doctor import settings
from tests.store.damage import home
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database


def kinds(store: convo.Store, **options: Any) -> set[str]:
    return {finding.kind for finding in store.doctor(**options)}


@pytest.fixture(autouse=True)
def _fixed_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever SQLite runs the tests, it is not what they are about."""
    monkeypatch.setattr(settings, "has_wal_bug", lambda version: False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


@pytest.fixture
def made(path: Path) -> Path:
    """A SQLite file with a conversation."""
    with convo.Store(f"sqlite:///{path}") as store:
        store.create().add("one")
    return path


# --- SQLite ----------------------------------------------------------------------------------------


def test_our_own_settings_are_right(made: Path) -> None:
    with convo.Store(f"sqlite:///{made}") as store:
        assert store.doctor() == []


def test_memory_needs_no_settings() -> None:
    with convo.Store("sqlite://") as store:
        store.create()
        assert store.doctor() == []


def test_relaxed_durability_is_a_choice(made: Path) -> None:
    with convo.Store(f"sqlite:///{made}", durability="relaxed") as store:
        assert [(finding.kind, finding.severity) for finding in store.doctor()] == [("synchronous", "note")]


@pytest.mark.parametrize(
    ("pragmas", "found"),
    [
        ("foreign_keys=ON; PRAGMA synchronous=FULL", set()),
        ("foreign_keys=OFF; PRAGMA synchronous=EXTRA", {"foreign_keys_off"}),
        ("foreign_keys=ON; PRAGMA synchronous=NORMAL", {"synchronous"}),
        ("foreign_keys=ON; PRAGMA synchronous=OFF", {"synchronous"}),
        ("foreign_keys=ON; PRAGMA synchronous=FULL; PRAGMA journal_mode=DELETE", {"journal_mode"}),
        ("foreign_keys=ON; PRAGMA synchronous=FULL; PRAGMA query_only=ON", {"cannot_write"}),
    ],
)
def test_a_callers_settings_are_looked_at(made: Path, pragmas: str, found: set[str]) -> None:
    engine = sa.create_engine(f"sqlite:///{made}")
    sa.event.listen(engine, "connect", lambda connection, record: connection.executescript(f"PRAGMA {pragmas}"))
    findings = convo.Store(engine).doctor()
    engine.dispose()
    assert {finding.kind for finding in findings} == found
    assert all(finding.severity == "warning" and finding.where == "" for finding in findings)


@pytest.mark.parametrize(
    ("version", "has"),
    [
        ("3.6.23", False), ("3.7.0", True), ("3.40.1", True), ("3.44.5", True), ("3.44.6", False), ("3.45.0", True),
        ("3.50.6", True), ("3.50.7", False), ("3.51.2", True), ("3.51.3", False), ("3.52.0", False), ("3.53.4", False),
    ],
)  # fmt: skip
def test_the_versions_with_the_wal_reset_bug(version: str, has: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert settings.has_wal_bug(version) is has


def test_a_version_with_the_wal_reset_bug_is_told(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "has_wal_bug", lambda version: True)
    with convo.Store(f"sqlite:///{made}") as store:
        assert kinds(store) == {"wal_reset_bug"}


@pytest.mark.parametrize(("kind", "found"), [("nfs4", {"network_file"}), ("fuse.sshfs", {"network_file"}), ("ext4", set())])
def test_a_file_on_a_network_is_told(made: Path, kind: str, found: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = made.with_name("mounts")
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/x {made.parent} {kind} rw 0 0\ntmpfs /elsewhere tmpfs rw 0 0\nodd\n")
    monkeypatch.setattr(files, "MOUNTS", mounts)
    engine = sa.create_engine(f"sqlite:///{made}")
    sa.event.listen(engine, "connect", lambda connection, record: connection.execute("PRAGMA foreign_keys=ON"))
    assert kinds(convo.Store(engine)) == found
    engine.dispose()


def test_where_nothing_tells_of_mounts_nothing_is_said(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOUNTS", made.with_name("no-such-file"))
    with convo.Store(f"sqlite:///{made}") as store:
        assert kinds(store) == set()


def test_a_text_that_is_no_text_any_more_is_found(made: Path) -> None:
    with closing(sqlite3.connect(made)) as connection, connection:
        connection.execute("UPDATE convo_message SET body = CAST(x'7b22fffe' AS TEXT), text = CAST(x'ff' AS TEXT)")
    with convo.Store(f"sqlite:///{made}") as store:
        assert kinds(store) == {"body_changed"}


def test_an_id_that_is_none_is_a_finding_and_the_rest_is_looked_at(made: Path) -> None:
    with closing(sqlite3.connect(made)) as connection, connection:
        connection.execute("UPDATE convo_branch SET conversation = x'01'")
        connection.execute("UPDATE convo_message SET text = 'x'")
    with convo.Store(f"sqlite:///{made}") as store:
        assert {"check_failed", "branch_missing"} <= kinds(store)


def test_a_damaged_file_is_a_finding(made: Path) -> None:
    with convo.Store(f"sqlite:///{made}") as store:
        for number in range(300):
            store.create(title=f"number {number}")
    with closing(sqlite3.connect(made)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(made.read_bytes())
    with closing(sqlite3.connect(made)) as connection:
        [page] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'convo_conversation'").fetchone()
        [size] = connection.execute("PRAGMA page_size").fetchone()
    data[(page - 1) * size : page * size] = b"\x5a" * size
    made.write_bytes(data)
    with convo.Store(f"sqlite:///{made}") as store:
        found = kinds(store)
    assert found & {"file_damaged", "check_failed"}


def test_looking_makes_no_file(path: Path) -> None:
    with convo.Store(f"sqlite:///{path}") as store, pytest.raises(convo.StoreNotFound):
        store.doctor()
    assert not path.exists()


def test_looking_makes_no_tables(path: Path) -> None:
    path.touch()
    with convo.Store(f"sqlite:///{path}") as store:
        assert "schema_missing" in kinds(store)
    assert path.read_bytes() == b""


# --- the schema ------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgresql"])
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[convo.Store, Callable[[str], None]]]:
    """A store with tables of its own, to be taken apart, and a way to do that."""
    if request.param == "sqlite":
        engine, name, store = sa.create_engine(f"sqlite:///{tmp_path}/own.db"), None, convo.Store(f"sqlite:///{tmp_path}/own.db")
    else:
        url, name = request.getfixturevalue("postgres_url"), f"convo_doctor_{uuid4().hex}"
        engine, store = sa.create_engine(url), convo.Store(url, schema=name)
        with engine.begin() as connection:
            connection.execute(CreateSchema(name))

    def run(statement: str) -> None:
        with engine.begin() as connection:
            if name:
                connection.exec_driver_sql(f"SET LOCAL search_path = {name}")
            connection.exec_driver_sql(statement)

    yield store, run
    store.close()
    if name:
        with engine.begin() as connection:
            connection.execute(DropSchema(name, cascade=True))
    engine.dispose()


Own = tuple[convo.Store, "Callable[[str], None]"]
SCHEMA = {
    "schema_missing",
    "schema_too_old",
    "schema_too_new",
    "table_missing",
    "column_missing",
    "index_missing",
    "check_failed",
}


@pytest.mark.parametrize(
    ("statement", "found", "named"),
    [
        ("UPDATE convo_version SET version_num = 'convo_0001'", "schema_too_old", "convo_0001"),
        ("UPDATE convo_version SET version_num = 'convo_9999'", "schema_too_new", "convo_9999"),
        ("DROP TABLE convo_annotation", "table_missing", "convo_annotation"),
        ("ALTER TABLE convo_branch DROP COLUMN forked_at", "column_missing", "convo_branch.forked_at"),
        ("DROP INDEX ix_convo_segment_owner_source", "index_missing", "CREATE INDEX ix_convo_segment_owner_source ON"),
        ("DROP INDEX uq_convo_conversation_owner_key", "index_missing", "CREATE UNIQUE INDEX uq_convo_conversation_owner_key ON"),
    ],
)
def test_tables_that_are_not_those_of_this_convo_are_told(own: Own, statement: str, found: str, named: str) -> None:
    store, run = own
    store.upgrade()
    assert not kinds(store) & SCHEMA
    run(statement)
    for view in (store, store.everyone()):
        [finding] = [finding for finding in view.doctor() if finding.kind in SCHEMA]
        assert finding.kind == found
        assert named in finding.message


def test_missing_tables_are_told(own: Own) -> None:
    store, _ = own
    if not store.place.startswith("postgresql"):
        Path(store.place).touch()
    assert kinds(store) & SCHEMA == {"schema_missing"}


# --- PostgreSQL ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "found"),
    [
        ("synchronous_commit=off", "synchronous_commit"),
        ("default_transaction_read_only=on", "read_only"),
        ("role=pg_monitor", "privileges"),
    ],
)
def test_settings_of_a_server_are_told(postgres_url: str, postgres_schema: str, option: str, found: str) -> None:
    url = sa.make_url(postgres_url).update_query_dict({"options": f"-c {option}"})
    with convo.Store(url, schema=postgres_schema, owner=str(uuid4())) as store:
        assert found in kinds(store)
    with convo.Store(postgres_url, schema=postgres_schema, owner=str(uuid4())) as store:
        assert found not in kinds(store)


@pytest.fixture
def place(postgres_url: str) -> Iterator[tuple[str, str, Callable[[str], None]]]:
    """A schema with tables of its own, a role that may use them and no more, and a way to run statements as an administrator."""
    schema, role = f"convo_place_{uuid4().hex}", f"convo_role_{uuid4().hex}"
    engine = sa.create_engine(postgres_url)

    def run(statements: str) -> None:
        with engine.begin() as connection:
            for statement in statements.split(";"):
                connection.exec_driver_sql(statement.format(schema=schema, role=role))

    with convo.Store(postgres_url, schema=schema) as store:
        store.upgrade()
    run(
        "CREATE ROLE {role}; GRANT USAGE ON SCHEMA {schema} TO {role}; "
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}"
    )
    yield schema, role, run
    run(f"DROP SCHEMA {schema} CASCADE; DROP SCHEMA IF EXISTS {schema}_2 CASCADE; DROP OWNED BY {role}; DROP ROLE {role}")
    engine.dispose()


def told(url: str, kind: str, *, path: str = "", role: str = "", **options: Any) -> list[tuple[str, str]]:
    """What the doctor says of a kind to a role: how severe, and what."""
    more = f"-c role={role or 'none'}" + (f" -c search_path={path}" if path else "")
    with convo.Store(sa.make_url(url).update_query_dict({"options": more}), **options) as store:
        return [(finding.severity, finding.message) for finding in store.doctor() if finding.kind == kind]


def test_a_role_that_may_not_change_the_tables_is_told_and_works(postgres_url: str, place: Any) -> None:
    schema, role, run = place
    url = sa.make_url(postgres_url).update_query_dict({"options": f"-c role={role}"})
    with convo.Store(url, schema=schema) as store:
        chat = store.create()
        chat.add("Hello")
        with pytest.raises(convo.NotPermitted, match="USAGE on their sequences"):
            store.search("hello")
        [message] = [finding.message for finding in store.doctor() if finding.kind == "privileges"]
        assert message == "this role may not USAGE convo_search_number_seq; grant it what it needs"
        run("GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}")
        assert [hit.conversation for hit in store.search("hello")] == [chat.id]
        assert not kinds(store) & {"privileges", "row_security", "search_path"}
    [(severity, message)] = told(postgres_url, "no_ddl", role=role, schema=schema)
    assert (severity, schema in message, "another role's" in message) == ("note", True, True)
    assert told(postgres_url, "no_ddl", schema=schema) == []
    run("DROP TABLE {schema}.convo_version")
    with convo.Store(url, schema=schema) as store:
        with pytest.raises(convo.NotPermitted):
            store.upgrade()
        assert {"schema_missing", "no_ddl"} <= kinds(store)


def test_policies_that_choose_the_rows_of_a_role_are_told(postgres_url: str, place: Any) -> None:
    schema, role, run = place
    with convo.Store(postgres_url, schema=schema) as store:
        store.create().add("Hello")
    run("ALTER TABLE {schema}.convo_message ENABLE ROW LEVEL SECURITY")
    [(severity, message)] = told(postgres_url, "row_security", role=role, schema=schema)
    assert (severity, "convo_message, without a policy" in message) == ("error", True)
    run("CREATE POLICY mine ON {schema}.convo_message USING (owner = current_setting('convo.owner', true))")
    [(severity, message)] = told(postgres_url, "row_security", role=role, schema=schema)
    assert (severity, "rows of convo_message for this role" in message) == ("warning", True)
    [(severity, message)] = told(postgres_url, "row_security", schema=schema)
    assert (severity, "not for this role" in message) == ("note", True)
    with convo.Store(sa.make_url(postgres_url).update_query_dict({"options": f"-c role={role}"}), schema=schema) as store:
        [chat] = store.conversations()
        assert len(chat.history()) == 0
        with pytest.raises(convo.NotPermitted, match="row-level security"):
            chat.add("Refused")


def test_a_search_path_that_leads_elsewhere_is_told(postgres_url: str, place: Any) -> None:
    schema, role, run = place
    assert told(postgres_url, "search_path", path=schema) == []
    [(severity, message)] = told(postgres_url, "search_path", path="pg_temp")
    assert (severity, "leads to no tables of convo" in message) == ("warning", True)
    run("CREATE SCHEMA {schema}_2; CREATE TABLE {schema}_2.convo_version (version_num text)")
    [(severity, message)] = told(postgres_url, "search_path", path=f"{schema},{schema}_2")
    assert (severity, f"past those in {schema}_2" in message) == ("warning", True)
    run("ALTER TABLE {schema}.convo_annotation SET SCHEMA {schema}_2")
    [(severity, message)] = told(postgres_url, "search_path", path=f"{schema},{schema}_2")
    assert (severity, f"({schema}, {schema}_2)" in message) == ("error", True)
    run("REVOKE USAGE ON SCHEMA {schema} FROM {role}")
    [(severity, message)] = told(postgres_url, "search_path", path=schema, role=role)
    assert (severity, "leads to no tables of convo" in message) == ("warning", True)
    assert told(postgres_url, "search_path", path=f"{schema}_2", schema=schema) == []


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("fsync", "off", ("fsync", "error")),
        ("full_page_writes", "off", ("full_page_writes", "error")),
        ("server_encoding", "SQL_ASCII", ("server_encoding", "warning")),
        ("data_checksums", "off", ("data_checksums", "note")),
    ],
)
def test_what_only_an_administrator_sets_is_told(
    postgres_url: str, postgres_schema: str, name: str, value: str, found: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = {
        "fsync": "on",
        "full_page_writes": "on",
        "server_encoding": "UTF8",
        "data_checksums": "on",
        "synchronous_commit": "on",
    }
    monkeypatch.setattr(settings, "_setting", lambda connection, asked: {**good, name: value}.get(asked, "off"))
    with convo.Store(postgres_url, schema=postgres_schema, owner=str(uuid4())) as store:
        assert [(finding.kind, finding.severity) for finding in store.doctor()] == [found]


def test_a_clock_that_is_wrong_is_told(postgres_url: str, postgres_schema: str, clock: FixedClock) -> None:
    with convo.Store(postgres_url, schema=postgres_schema, owner=str(uuid4())) as store:
        assert "clock" not in kinds(store)
    with convo.Store(postgres_url, schema=postgres_schema, owner=str(uuid4()), clock=clock) as store:
        assert "clock" in kinds(store)


@pytest.mark.parametrize(
    ("server", "found"),
    [(100.0, ""), (94.9, "5 seconds behind"), (95.1, ""), (106.9, ""), (107.1, "7 seconds ahead of"), (None, "")],
)
def test_a_clock_may_differ_by_five_seconds(server: float | None, found: str) -> None:
    told = settings.clock(100_000_000, server, 102_000_000)
    assert [found in finding.message for finding in told] == ([True] if found else [])


# --- beside others ---------------------------------------------------------------------------------


def test_others_who_write_are_no_damage(database: Database, clock: FixedClock, fake: FakeAPI) -> None:
    failed: list[BaseException] = []
    with home(database, clock, fake) as here, fake.client() as client:
        for _ in range(200):
            fake.will_reply("Yes.")

        def write(number: int) -> None:
            try:
                for turn in range(12):
                    chat = here.store.create(instructions="Be brief.")
                    chat.add(recording(f"{number} {turn}"))
                    chat.add("one", key="one")
                    chat.send(client, "two", model="gpt-audio-1.5", voice="alloy", format="wav")
                    chat.update(instructions="Be long.")
                    if turn % 2:
                        here.store.delete(chat.id)
            except BaseException as error:
                failed.append(error)
                raise

        writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
        for writer in writers:
            writer.start()
        found = []
        while any(writer.is_alive() for writer in writers):
            found += here.sick()
        for writer in writers:
            writer.join()
        assert (failed, found + here.sick()) == ([], [])


def test_an_examination_that_is_cancelled_leaves_a_store_that_works(tmp_path: Path) -> None:
    async def cancelled() -> list[convo.Finding]:
        async with convo.AsyncStore(f"sqlite:///{tmp_path}/chat.db") as store:
            await store.create()
            task = asyncio.create_task(store.doctor())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await store.doctor()

    assert asyncio.run(cancelled()) == []


def test_inside_a_callers_transaction_it_looks_and_mends_there(made: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{made}")
    with engine.connect() as connection:
        store = convo.Store(engine).within(connection)
        chat = store.create()
        connection.exec_driver_sql("UPDATE convo_branch SET pending = id WHERE conversation = ?", (chat.id.bytes,))
        assert "waiting_for_nothing" in {finding.kind for finding in store.doctor(repair=lambda finding: True)}
        assert "waiting_for_nothing" not in kinds(store)
        connection.rollback()
    assert len(convo.Store(engine).conversations()) == 1
    engine.dispose()
