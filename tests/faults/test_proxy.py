"""The wire between the store and PostgreSQL is cut, briefly; the long form is `python -m benchmarks faults proxy`."""

from __future__ import annotations

import pytest

import convo
from tests.faults.echo import MODEL, answer_to
from tests.faults.edge import DRIVERS, driver_url, opened
from tests.faults.proxy import careless, cuts_at_bytes, lost_replies
from tests.support.wire import Cut, wire


@pytest.fixture(scope="module")
def url(postgres_url: str) -> str:
    """A server's database with the tables of convo."""
    with convo.Store(postgres_url) as store:
        store.upgrade()
    return postgres_url


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_turn_whose_commit_is_not_confirmed_is_there_once_and_told(url: str, driver: str) -> None:
    bench = lost_replies(url, driver, 12)
    assert bench.problems == []
    assert bench.counts["cuts"] == 12
    assert bench.counts["unknown"] == 0, "the server could be asked: nothing is unknown then"


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_connection_may_break_after_any_byte(url: str, driver: str) -> None:
    bench = cuts_at_bytes(url, driver, 499)
    assert bench.problems == []
    assert bench.counts["cuts"] > 5


def test_a_writer_that_adds_again_without_a_key_is_caught(url: str) -> None:
    assert any("2 times" in problem for problem in lost_replies(url, "psycopg", 4, careless).problems)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(("kind", "there"), [("reply", 1), ("refuse", 0)])
def test_without_a_key_a_lost_write_is_unknown_and_never_said_to_be_undone(url: str, driver: str, kind: str, there: int) -> None:
    with wire(driver_url(url, driver)) as line, opened(line.url(driver_url(url, driver)), driver) as (store, _):
        chat = store.create()
        line.arm(Cut(kind, 1))  # type: ignore[arg-type]
        with pytest.raises(convo.StoreUnavailable) as caught:
            chat.add("Hello")
        assert (caught.value.committed, caught.value.retryable) == ("unknown", True)
        assert len(chat.history()) == there


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_is_not_known_stays_so_when_nobody_can_look(url: str, driver: str) -> None:
    with wire(driver_url(url, driver)) as line, opened(line.url(driver_url(url, driver)), driver) as (store, _):
        chat = store.create()
        line.arm(Cut("reply", 1))
        line.down = True
        with pytest.raises(convo.StoreUnavailable) as caught:
            chat.add("Hello", key="k")
        assert caught.value.committed == "unknown"
        line.down = False
        assert chat.add("Hello", key="k").position == 1
        assert len(chat.history()) == 1


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_server_that_cannot_be_reached_has_committed_nothing(url: str, driver: str) -> None:
    with wire(driver_url(url, driver)) as line, opened(line.url(driver_url(url, driver)), driver) as (store, _):
        chat = store.create()
        line.down = True
        line.cut_all()
        with pytest.raises(convo.StoreUnavailable) as caught:
            chat.add("Hello")
        assert (caught.value.committed, caught.value.retryable) == ("no", True)
        line.down = False
        chat.add("Hello")
        assert [message.text for message in chat.history()] == ["Hello"]


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_connection_that_breaks_while_reading_is_not_noticed(url: str, driver: str) -> None:
    with wire(driver_url(url, driver)) as line, opened(line.url(driver_url(url, driver)), driver) as (store, _):
        chat = store.create()
        chat.add("Hello")
        for at in (0, 10, 50):
            line.arm(Cut("down", at))
            assert len(chat.history()) == 1
        assert line.made == 3


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_turn_that_broke_with_the_server_blocks_nobody_once_it_is_back(url: str, driver: str) -> None:
    with wire(driver_url(url, driver)) as line, opened(line.url(driver_url(url, driver)), driver) as (store, client):
        chat = store.create()
        line.arm(Cut("reply", 1))
        line.down = True
        with pytest.raises(convo.StoreUnavailable) as caught:
            chat.send(client, "Hello", model=MODEL, key="k")
        assert caught.value.committed == "unknown"
        line.down = False
        assert chat.send(client, "Hello", model=MODEL, key="k").text == answer_to("Hello"), "no lease was waited for"
        assert len(chat.history()) == 2
