"""`upgrade` makes tables or brings them up to date, and says what it did and where."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

import convo
from convo.store import schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    Run = Callable[..., Result]


def test_upgrade_makes_a_store(run: Run, path: Path) -> None:
    result = run("upgrade")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{path}: made the tables, revision {schema.REVISIONS[-1]}\n"
    assert run("list").exit_code == 0


def test_a_second_time_there_is_nothing_to_do(run: Run, path: Path) -> None:
    run("upgrade")
    before = path.read_bytes()
    result = run("upgrade")
    assert result.stdout == f"{path}: nothing to do, the tables are at revision {schema.REVISIONS[-1]}\n"
    assert path.read_bytes() == before


def test_an_older_store_is_brought_up_to_date(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("upgrade")
    newest = schema.REVISIONS[-1]

    monkeypatch.setattr(schema, "upgrade", lambda connection, place, partitions: "convo_0000")
    assert run("upgrade").stdout.endswith(f": upgraded the tables from revision convo_0000 to {newest}\n")


def test_a_file_has_no_partitions(run: Run, path: Path) -> None:
    result = run("upgrade", "--partitions", "16")
    assert result.exit_code == 1
    assert "a SQLite file has none; leave partitions= out, or use PostgreSQL" in result.stderr
    assert not path.exists()


def test_upgrade_takes_the_folder_as_given(run: Run, path: Path) -> None:
    result = run("upgrade", store=path.parent / "missing" / "chat.db")
    assert result.exit_code == 1
    assert result.stderr == (
        f"convo: no file can be made at {path.parent}/missing/chat.db; is its folder there, and may you write to it?\n"
    )
    assert list(path.parent.iterdir()) == []


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    """The URL of a PostgreSQL schema of this test's own, empty."""
    name = f"convo_cli_{os.getpid()}"
    engine = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE SCHEMA {name}"))
        yield make_url(postgres_url).update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(hide_password=False)
        connection.execute(sa.text(f"DROP SCHEMA {name} CASCADE"))
    engine.dispose()


def test_postgresql_is_upgraded_and_listed(run: Run, url: str) -> None:
    without = run("list", store=url)
    assert (without.exit_code, without.stdout) == (1, "")
    assert "has no convo tables yet; create them with store.upgrade() or: convo --store ... upgrade" in without.stderr

    assert f": made the tables, revision {schema.REVISIONS[-1]}" in run("upgrade", store=url).stdout
    assert ": nothing to do" in run("upgrade", store=url).stdout

    with convo.Store(url) as store:
        chat = store.create(title="On a server")
        chat.add("Hello?")
    assert f"{chat.id}" in run("list", store=url).stdout
    assert "Hello?" in run("show", chat.id, store=url).stdout


def test_tables_of_a_server_are_split_and_the_number_stays(run: Run, url: str) -> None:
    newest = schema.REVISIONS[-1]
    assert f": made the tables, revision {newest}, in 3 partitions\n" in run("upgrade", "--partitions", "3", store=url).stdout
    assert f": nothing to do, the tables are at revision {newest}\n" in run("upgrade", store=url).stdout
    refused = run("upgrade", "--partitions", "4", store=url)
    assert refused.exit_code == 1
    assert "4 partitions were asked for, and they have 3" in refused.stderr
