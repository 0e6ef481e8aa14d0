"""A URL may name several servers, of which one takes writes; a standby is no place to write, and the doctor knows of standbys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import convo
from convo.store.engine import parse_url
from tests.faults.edge import DRIVERS, driver_url, opened
from tests.faults.failover import Pair
from tests.support.postgres import rig

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("postgresql://u@a:1,b:2/db", "postgresql://u@/db?host=a%3A1&host=b%3A2"),
        ("postgresql://u:p@a,b", "postgresql://u:p@/?host=a&host=b"),
        ("postgresql+asyncpg://a:1,b:2/db?x=1", "postgresql+asyncpg:///db?host=a%3A1&host=b%3A2&x=1"),
        ("postgresql://u@/db?host=a:1&host=b:2", "postgresql://u@/db?host=a%3A1&host=b%3A2"),
        ("postgresql://u@a:1/db?options=a,b", "postgresql://u@a:1/db?options=a%2Cb"),
        ("postgresql://u:p%2Cw@a/db", "postgresql://u:p%2Cw@a/db"),
        ("sqlite:///a,b.db", "sqlite:///a%2Cb.db"),
    ],
)
def test_several_hosts_are_taken_as_libpq_and_as_sqlalchemy_write_them(given: str, taken: str) -> None:
    assert parse_url(given).render_as_string(hide_password=False) == taken


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """A primary and a standby that it waits for."""
    with rig() as place:
        yield Pair(place, synchronous=True)


@pytest.mark.parametrize("driver", DRIVERS)
def test_of_several_hosts_the_one_that_takes_writes_is_written_to(pair: Pair, driver: str) -> None:
    hosts = f"127.0.0.1:{pair.standby.port},127.0.0.1:{pair.primary.port}"
    url = f"postgresql://convo@{hosts}/postgres?target_session_attrs=read-write"
    with opened(driver_url(url, driver), driver) as (store, _):
        store.create().add("Hello")


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_standby_alone_is_read_only_and_says_so(pair: Pair, driver: str) -> None:
    with opened(driver_url(pair.standby.url, driver), driver) as (store, _):
        with pytest.raises(convo.ReadOnlyStore) as caught:
            store.create()
        assert (caught.value.retryable, caught.value.committed) == (False, "no")
        assert isinstance(store.conversations(), list)
        assert "standby" in {finding.kind for finding in store.doctor()}


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_server_that_takes_no_writes_any_more_is_left_for_the_one_that_does(pair: Pair, driver: str) -> None:
    """The first host is the old primary: its pooled connection only reads from now on, and a new one finds another server."""
    url = (
        f"postgresql://convo@127.0.0.1:{pair.primary.port},127.0.0.1:{pair.primary.port}/postgres?target_session_attrs=read-write"
    )
    with opened(driver_url(url, driver), driver) as (store, _):
        chat = store.create()
        run(store, "SET default_transaction_read_only = on")
        chat.add("Hello")
        assert len(chat.history()) == 1


def run(store: Any, statement: str) -> None:
    """Run a statement on the pooled connection of a store."""
    runner = store._driver.runner

    def work(connection: Any) -> None:
        connection.exec_driver_sql(statement)

    if hasattr(store, "_loop"):
        store._loop.run_until_complete(runner.run(work))
    else:
        runner.run(work)


def test_the_doctor_warns_of_a_standby_that_commits_do_not_wait_for(pair: Pair) -> None:
    with convo.Store(pair.primary.url) as store:
        assert "replication" not in {finding.kind for finding in store.doctor()}
        with psycopg.connect(pair.primary.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
            connection.execute("SELECT pg_reload_conf()")
            while connection.execute("SHOW synchronous_standby_names").fetchone() != ("",):
                pass
        found = [finding for finding in store.doctor() if finding.kind == "replication"]
        assert [finding.severity for finding in found] == ["warning"]
