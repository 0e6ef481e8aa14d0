"""Tables that are split by owner: made, converted with what they hold, kept by later upgrades, refused where they cannot be."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic import command

import convo
from convo.store import partitions, words
from convo.store import schema as schemas
from convo.store.tables import metadata
from tests.conversation.test_together import go_through_everything, sick
from tests.hostile.test_owner_in_every_statement import prepare
from tests.store.golden.make import described
from tests.store.test_migrations import SECOND, Cut, failed_everywhere, postgres_place
from tests.store.test_upgrading import turns, worker
from tests.support import golden
from tests.support.postgres import binaries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from convo.testing import FakeAPI, FixedClock
    from tests.store.test_migrations import Place
    from tests.support.golden import Golden

SPLIT = set(partitions.NAMES)


@pytest.fixture
def place(postgres_url: str) -> Iterator[Place]:
    """A schema that is not there yet."""
    with postgres_place(postgres_url) as found:
        yield found


@pytest.fixture
def old(postgres_url: str) -> Iterator[Golden]:
    """A database of the revision before, with all that a store can hold."""
    with golden.in_postgresql(golden.REVISIONS[-1], postgres_url) as found:
        yield found


@contextmanager
def looked_into(place: Place | Golden) -> Iterator[sa.Connection]:
    with place.connection() as connection:
        yield connection.execution_options(convo_schema=place.schema)


def split(place: Place | Golden) -> dict[str, int]:
    """Give into how many partitions each table is split."""
    with looked_into(place) as connection:
        return {table.name: table.partitions for table in partitions._tables(connection)}


# --- made ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [16, 64])
def test_a_new_database_is_split_and_everything_works(
    place: Place, number: int, fake: FakeAPI, clock: FixedClock
) -> None:  # fmt: skip
    with convo.Store(place.url, schema=place.schema, clock=clock) as store, fake.client() as client:
        assert store.upgrade(partitions=number) is None
        assert split(place) == dict.fromkeys(partitions.NAMES, number)
        go_through_everything(store, prepare(store, client, fake), client, clock)
        assert store.upgrade() == schemas.REVISIONS[-1]
        assert sick(store) == []
        assert [one for one in store.doctor() if "missing" in one.kind] == []
    with looked_into(place) as connection:
        command.check(schemas.alembic_config(connection, place.schema))
        assert partitions.number_of(connection) == number


async def test_an_async_store_splits_too(place: Place) -> None:
    for driver in ("postgresql+asyncpg", "postgresql"):
        url = place.url.partition("?")[0].replace("postgresql", driver)
        async with convo.AsyncStore(url, schema=place.schema) as store:
            await store.upgrade(partitions=2)
            chat = await store.create()
            await chat.add("Hello?")
            assert [hit.position for hit in await store.search("hello")][:1] == [1]
    assert split(place) == dict.fromkeys(partitions.NAMES, 2)


def test_owners_are_spread_and_each_lies_in_one_partition(place: Place) -> None:
    with place.store() as store:
        store.upgrade(partitions=4)
        for number in range(40):
            store.owned_by(f"owner-{number}").create().add("Hello?")
    with looked_into(place) as connection:
        rows = connection.exec_driver_sql(
            "SELECT tableoid::regclass::text, owner FROM convo_message"
            " UNION ALL SELECT tableoid::regclass::text, owner FROM convo_branch"
        ).all()
    where = {owner: {name[-5:] for name, found in rows if found == owner} for _, owner in rows}
    assert len(where) == 40
    assert {len(names) for names in where.values()} == {1}
    assert set.union(*where.values()) == {f"p000{remainder}" for remainder in range(4)}


@pytest.mark.parametrize("number", [None, 2])
def test_pages_of_branches_have_room_for_heads_that_move(place: Place, number: int | None) -> None:
    with place.store() as store:
        store.upgrade(partitions=number)
    with looked_into(place) as connection:
        query = (
            "SELECT relname, reloptions FROM pg_class WHERE relname LIKE 'convo_branch%%' AND relkind = 'r'"
            " AND relnamespace = current_schema()::regnamespace"
        )
        found = connection.exec_driver_sql(query).all()
    assert {options and tuple(options) for _, options in found} == {("fillfactor=90",)}
    assert len(found) == (number or 1)


def test_inside_a_callers_transaction_it_is_theirs(place: Place) -> None:
    with place.store() as store:
        with place.connection() as connection:
            store.within(connection).upgrade(partitions=2)
            connection.rollback()
        assert place.tables() == set()
        with place.connection() as connection:
            store.within(connection).upgrade(partitions=2)
    assert split(place) == dict.fromkeys(partitions.NAMES, 2)


# --- converted -------------------------------------------------------------------------------------


def test_what_is_stored_is_split_with_all_that_it_holds(old: Golden) -> None:
    with old.store() as store:
        store.upgrade()
        hits = [(hit.conversation, hit.position) for hit in store.search("hound")]
        store.upgrade(partitions=3)
        assert described(store) == old.told["owners"]
        assert [(hit.conversation, hit.position) for hit in store.search("hound")] == hits != []
        assert sick(store) == sick(store.owned_by("ada")) == sick(store.everyone()) == []
        store.owned_by("ada").create().add("a hound too")
        store.erase("ada")
        assert store.owned_by("ada").conversations() == []
    with looked_into(old) as connection:
        command.check(schemas.alembic_config(connection, old.schema))
    assert split(old) == dict.fromkeys(partitions.NAMES, 3)


def test_an_old_database_is_upgraded_and_split_at_once(old: Golden) -> None:
    with old.store() as store:
        assert store.upgrade(partitions=3) == old.revision
        assert described(store) == old.told["owners"]
    assert split(old) == dict.fromkeys(partitions.NAMES, 3)


def test_a_split_that_fails_at_any_statement_is_gone_on_with(old: Golden) -> None:
    with old.store() as store:
        store.upgrade()
        cuts = 0
        for cuts in failed_everywhere(lambda: store.upgrade(partitions=2)):  # noqa: B007 - how many there were
            if cuts % 8 == 0:
                assert described(store) == old.told["owners"]
                store.owned_by(f"cut-{cuts}").create().add("Hello?")
        assert cuts > len(partitions.NAMES)
        assert described(store) == old.told["owners"]
        assert sick(store) == []
    assert split(old) == dict.fromkeys(partitions.NAMES, 2)


def test_an_upgrade_without_a_number_goes_on_with_what_was_left(place: Place) -> None:
    with place.store() as store:
        store.upgrade()
        store.create().add("Hello?")
        with pytest.raises(Cut):
            next(cut_when(store, "DROP TABLE convo_message"))
        assert 0 < len([name for name, number in split(place).items() if number]) < len(SPLIT)
        [found] = [one for one in store.doctor() if one.kind == "partitions_missing"]
        assert "convo_message" in found.message
        store.upgrade()
        assert "partitions_missing" not in {one.kind for one in store.doctor()}
        assert split(place) == dict.fromkeys(partitions.NAMES, 2)
        assert [hit.position for hit in store.search("hello")] == [1]


def cut_when(store: convo.Store, statement: str) -> Iterator[None]:
    """Split, and fail before a statement."""

    def note(connection: object, cursor: object, text: str, *rest: object) -> None:
        if text.startswith(statement):
            raise Cut

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        store.upgrade(partitions=2)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    yield


def test_workers_go_on_while_the_tables_are_split(place: Place) -> None:
    with place.store() as store:
        store.upgrade()
    with worker(place, "sync") as process:
        turns(process, 3)
        with place.store() as store:
            store.upgrade(partitions=4)
        done = turns(process, 5)
    assert split(place) == dict.fromkeys(partitions.NAMES, 4)
    with place.store() as store:
        texts = [message.text for message in store.get(key="worker").history()]
    assert texts == [f"question {number}" for number in range(len(texts))]
    assert len(texts) >= done


def test_roles_keep_what_they_may_do(place: Place) -> None:
    role, owner = f"convo_reader_{os.getpid()}", f"convo_owner_{os.getpid()}"
    with place.store() as store:
        store.upgrade()
    with looked_into(place) as connection:
        for name in (role, owner):
            connection.exec_driver_sql(f"CREATE ROLE {name}")
        connection.exec_driver_sql(f"GRANT SELECT, INSERT ON convo_message TO {role} WITH GRANT OPTION")
        for name in ("convo_search", "convo_words"):
            connection.exec_driver_sql(f"ALTER TABLE {name} OWNER TO {owner}")
    try:
        with place.store() as store:
            store.upgrade(partitions=2)
        with looked_into(place) as connection:
            asked = "SELECT has_table_privilege(:role, 'convo_message', :what)"
            may = [connection.execute(sa.text(asked), {"role": role, "what": what}).scalar_one()
                   for what in ("SELECT", "INSERT WITH GRANT OPTION", "DELETE")]  # fmt: skip
            assert may == [True, True, False]
            owners = connection.exec_driver_sql(
                "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relname LIKE 'convo_words%%'"
                " AND relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace"
            )
            assert owners.scalars().all() == [owner]
    finally:
        with looked_into(place) as connection:
            for name in (role, owner):
                connection.exec_driver_sql(f"DROP OWNED BY {name}")
                connection.exec_driver_sql(f"DROP ROLE {name}")


# --- kept ------------------------------------------------------------------------------------------

NEXT = (
    SECOND
    + """
    op.create_table(
        "convo_tag",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("branch", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "branch", name="pk_convo_tag"),
        sa.ForeignKeyConstraint(
            ["owner", "branch"], ["convo_branch.owner", "convo_branch.id"], name="fk_convo_tag_convo_branch", ondelete="CASCADE"
        ),
    )
    from convo.store.partitions import set_storage
    set_storage(op.get_bind(), "convo_branch", {"fillfactor": 61})
"""
)


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Call it to have a convo that knows one revision more, with a new table, a column, an index and a storage parameter."""
    folder = tmp_path / "migrations"
    shutil.copytree(schemas.scripts(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "convo_0008_colour.py").write_text(NEXT.lstrip(), encoding="utf-8")

    def install() -> None:
        monkeypatch.setattr(schemas, "scripts", lambda: folder)
        monkeypatch.setattr(schemas, "REVISIONS", (*schemas.REVISIONS, "convo_0008"))
        monkeypatch.setattr(partitions, "NAMES", (*partitions.NAMES, "convo_tag"))

    return install


@pytest.mark.parametrize("number", [None, 3])
def test_revisions_to_come_work_on_split_and_on_plain_tables(place: Place, newer: Any, number: int | None) -> None:
    with place.store() as store:
        store.upgrade(partitions=number)
        chat = store.create(title="Before")
        chat.add("Hello?")
    newer()
    with place.store() as store:
        assert store.upgrade() == "convo_0007"
        assert store.get(chat.id).title == "Before"
        assert split(place) == dict.fromkeys(partitions.NAMES, number or 0)
        with looked_into(place) as connection:
            inspector = sa.inspect(connection)
            assert "colour" in {column["name"] for column in inspector.get_columns("convo_conversation")}
            assert "ix_convo_conversation_colour" in {index["name"] for index in inspector.get_indexes("convo_conversation")}
            query = (
                "SELECT reloptions FROM pg_class WHERE relname LIKE 'convo_branch%%' AND relkind = 'r'"
                " AND relnamespace = current_schema()::regnamespace"
            )
            found = connection.exec_driver_sql(query).scalars().all()
            assert len(found) == (number or 1)
            assert all("fillfactor=61" in options for options in found)
            owned = {"owner": "", "branch": connection.exec_driver_sql("SELECT id FROM convo_branch").scalar_one()}
            connection.execute(sa.text("INSERT INTO convo_tag VALUES (:owner, :branch)"), owned)
        store.delete(chat.id)
        with looked_into(place) as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM convo_tag").scalar_one() == 0


def test_the_command_of_alembic_keeps_them(place: Place, newer: Any) -> None:
    with place.store() as store:
        store.upgrade(partitions=3)
    newer()
    with place.connection() as connection:
        command.upgrade(schemas.alembic_config(connection, place.schema), "head")
    assert split(place) == dict.fromkeys(partitions.NAMES, 3)


def test_many_may_split_at_once(place: Place) -> None:
    with place.store() as store:
        store.upgrade()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: _upgraded(place, 4), range(4)))
    assert split(place) == dict.fromkeys(partitions.NAMES, 4)


def test_of_two_numbers_at_once_one_is_had(place: Place) -> None:
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda number: _upgraded(place, number), (2, 3)))
    assert sorted(type(one).__name__ for one in told) in (["NoneType", "PartitionsDiffer"], ["PartitionsDiffer", "str"])
    assert set(split(place).values()) <= {2, 3}
    assert len(set(split(place).values())) == 1


def _upgraded(place: Place, number: int) -> Any:
    with place.store() as store:
        try:
            return store.upgrade(partitions=number)
        except convo.PartitionsDiffer as error:
            return error


# --- what the doctor says --------------------------------------------------------------------------


def test_the_doctor_tells_of_plans_that_are_made_anew_each_time(place: Place) -> None:
    pinned = place.url.replace("options=", "options=-cplan_cache_mode%3Dforce_generic_plan%20")
    with place.store() as store, convo.Store(pinned, schema=place.schema) as other:
        store.upgrade()
        assert "plan_cache_mode" not in {one.kind for one in store.doctor()}
        store.upgrade(partitions=2)
        assert {one.severity for one in store.doctor() if one.kind == "plan_cache_mode"} == {"note"}
        assert "plan_cache_mode" not in {one.kind for one in other.doctor()}


# --- refused ---------------------------------------------------------------------------------------


def test_another_number_is_refused_by_an_error_that_names_both(place: Place) -> None:
    with place.store() as store:
        store.upgrade(partitions=2)
        before = split(place)
        with pytest.raises(convo.PartitionsDiffer, match="3 partitions were asked for, and they have 2") as caught:
            store.upgrade(partitions=3)
        assert (caught.value.found, caught.value.wanted) == (2, 3)
        assert isinstance(caught.value, convo.CannotPartition)
        assert store.upgrade(partitions=2) == schemas.REVISIONS[-1]
    assert split(place) == before


@pytest.mark.parametrize("number", [0, 1, -1, 257, "16", 16.0, True])
def test_numbers_that_cannot_be_are_refused(place: Place, number: Any) -> None:
    with place.store() as store, pytest.raises(convo.InputError, match="2 to 256"):
        store.upgrade(partitions=number)
    assert place.tables() == set()


def test_a_sqlite_file_has_none_and_is_not_made(tmp_path: Path) -> None:
    file = tmp_path / "chat.db"
    with convo.Store(f"sqlite:///{file}") as store, pytest.raises(convo.CannotPartition, match="SQLite"):
        store.upgrade(partitions=16)

    async def again() -> None:
        async with convo.AsyncStore(f"sqlite:///{file}") as store:
            with pytest.raises(convo.CannotPartition, match="SQLite"):
                await store.upgrade(partitions=16)

    asyncio.run(again())
    assert not file.exists()


def test_tables_that_would_take_long_are_refused_before_anything_is_done(
    old: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(partitions, "LARGEST", 10_000)
    with old.store() as store:
        with pytest.raises(convo.CannotPartition, match="pg_dump --data-only"):
            store.upgrade(partitions=4)
        with old.connection() as connection:
            assert connection.exec_driver_sql("SELECT version_num FROM convo_version").scalar_one() == old.revision
        assert set(split(old).values()) == {0}


HUNG = {
    "the policy mine": "CREATE POLICY mine ON convo_message USING (owner = current_user)",
    "the trigger mine": (
        "CREATE TRIGGER mine BEFORE UPDATE ON convo_message FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    ),
    "the publication mine": "CREATE PUBLICATION mine FOR TABLE convo_message",
    "the view mine": "CREATE VIEW mine AS SELECT text FROM convo_message",
    "a grant for the column text": "GRANT SELECT (text) ON convo_message TO PUBLIC",
    "a replica identity": "ALTER TABLE convo_message REPLICA IDENTITY FULL",
}


@pytest.mark.parametrize("what", HUNG)
@pytest.mark.filterwarnings("ignore")
def test_what_others_hung_on_a_table_is_not_lost(place: Place, what: str) -> None:
    with place.store() as store:
        store.upgrade()
        with looked_into(place) as connection:
            connection.exec_driver_sql(HUNG[what])
        try:
            with pytest.raises(convo.CannotPartition, match=f"{what}.* hangs on convo_message"):
                store.upgrade(partitions=2)
            store.create().add("Hello?")
        finally:
            with looked_into(place) as connection:
                connection.exec_driver_sql("DROP PUBLICATION IF EXISTS mine")


def test_tables_stay_in_their_schema_and_keys_of_others_go_with_them(place: Place, postgres_url: str) -> None:
    """The path may begin with another schema, in which new tables would be made; there somebody refers to a conversation."""
    with place.store() as store:
        store.upgrade()
        chat = store.create()
    with postgres_place(postgres_url, named=False) as other:
        with other.connection() as connection:
            theirs = connection.exec_driver_sql("SELECT current_schema()").scalar_one()
            connection.exec_driver_sql(
                "CREATE TABLE ticket (owner text, conversation uuid, FOREIGN KEY (owner, conversation)"
                f" REFERENCES {place.schema}.convo_conversation (owner, id) ON DELETE CASCADE)"
            )
            connection.exec_driver_sql(f"INSERT INTO ticket SELECT owner, id FROM {place.schema}.convo_conversation")
        both = sa.make_url(postgres_url).update_query_dict({"options": f"-csearch_path={theirs},{place.schema}"})
        with convo.Store(both) as store:
            store.upgrade(partitions=2)
            assert split(place) == dict.fromkeys(partitions.NAMES, 2)
            store.delete(chat.id)
        with other.connection() as connection:
            assert sa.inspect(connection).get_table_names(schema=theirs) == ["ticket"]
            assert connection.exec_driver_sql("SELECT count(*) FROM ticket").scalar_one() == 0


# --- the way for large tables ----------------------------------------------------------------------


def test_what_is_too_large_is_copied_into_another_database_by_its_own_tools(old: Golden, place: Place) -> None:
    assert old.schema is not None
    with old.store() as store:
        store.upgrade()
        store.search("hound")
    with place.store() as store:
        store.upgrade(partitions=3)
    with looked_into(place) as connection:
        connection.exec_driver_sql("DELETE FROM convo_home")
    dump = [
        str(binaries() / "bin" / "pg_dump"), "--data-only", f"--schema={old.schema}", "--exclude-table=*.convo_version",
        f"--dbname={old.url}",
    ]  # fmt: skip
    text = subprocess.run(dump, check=True, capture_output=True, text=True).stdout.replace(old.schema, str(place.schema))
    subprocess.run(
        [str(binaries() / "bin" / "psql"), "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={old.url}"],
        input=text, check=True, capture_output=True, text=True,
    )  # fmt: skip
    copied = golden.Golden(old.revision, place.url, place.schema, old.told)
    with copied.store() as store:
        assert described(store) == old.told["owners"]
        assert sick(store) == []
        assert [hit.position for hit in store.search("hound")] != []
        store.create().add("a hound more")
        assert len(store.search("more")) >= 1


# --- older code ------------------------------------------------------------------------------------


def test_words_that_older_code_indexes_are_found(place: Place) -> None:
    with place.store() as store:
        store.upgrade()
        chat = store.owned_by("ada").create()
        chat.add("Hello?")
        branch = chat.branches()[0].id
        with looked_into(place) as connection:
            insert = "INSERT INTO convo_search (owner, branch, position) VALUES ('ada', :branch, 1) RETURNING number"
            number = connection.execute(sa.text(insert), {"branch": branch}).scalar_one()
            vector = f"'{words._mark('ada')}' 'older':1"
            connection.execute(sa.text("INSERT INTO convo_words (number, words) VALUES (:number, :words)"),
                               {"number": number, "words": vector})  # fmt: skip
        assert [hit.position for hit in store.owned_by("ada").search("older")] == [1]
        assert store.owned_by("eve").search("older") == []


def test_all_tables_with_an_owner_are_split() -> None:
    assert {name for name, table in metadata.tables.items() if "owner" in table.c} | {"convo_words"} == SPLIT
