"""What is read is held against its hash, if asked: in the same look at the log, and before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

import convo
from convo.store import tables
from convo.store.statements import Statement
from tests.support.builders import recording
from tests.support.sealing import shared_cipher

if TYPE_CHECKING:
    from collections.abc import Callable

    from convo.testing import FakeAPI
    from tests.conftest import Database

VERIFIED = convo.Policy(verify=True)
SMALL = convo.Policy(verify=True, window_tokens=400)
MODEL: dict[str, Any] = {"model": "gpt-4.1"}
READING = "the messages of a line"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The purposes of the statements that run from now on and give rows."""
    found: list[str] = []
    usual: Callable[..., Any] = Statement.rows

    def noted(self: Statement, *arguments: Any, **values: Any) -> Any:
        found.append(self.purpose)
        return usual(self, *arguments, **values)

    monkeypatch.setattr(Statement, "rows", noted)
    return found


@pytest.fixture
def change(database: Database) -> Callable[..., None]:
    """Change columns of a message of this owner behind the back of the store."""

    def run(position: int, **values: Any) -> None:
        engine = sa.create_engine(database.url)
        rows = tables.message.c
        statement = tables.message.update().where(rows.owner == database.options.get("owner", ""), rows.position == position)
        with engine.begin() as connection:
            schema = {None: database.options.get("schema")}
            connection.execute(statement.values(**values), execution_options={"schema_translate_map": schema})
        engine.dispose()

    return run


def talk(store: Any, turns: int = 3, **facts: Any) -> Any:
    said = [("user", "assistant")[number % 2] for number in range(2 * turns)]
    return store.create(messages=[{"role": role, "content": f"said {n} " * 20} for n, role in enumerate(said)], **facts)


def test_a_request_is_the_same_with_every_hash_verified(store: Any, client: Any) -> None:
    chat = talk(store, instructions="Be brief.")
    chat.add("And this?", recording())
    plain, verified = (chat.request("gpt-audio-1.5", client=client, policy=convo.Policy(verify=how)) for how in (False, True))
    assert dict(verified) == dict(plain)
    assert verified.plan.history == plain.plan.history


def test_hashes_are_verified_in_the_look_that_reads_the_messages(store: Any, client: Any, told: list[str]) -> None:
    chat = talk(store)
    told.clear()
    chat.request(client=client, policy=VERIFIED, **MODEL)
    assert [purpose for purpose in told if READING in purpose] == [f"{READING}, with their hashes"]
    told.clear()
    chat.history(verify=True)
    assert [purpose for purpose in told if READING in purpose] == [f"{READING}, with their hashes"]


@pytest.mark.parametrize("position", [1, 4, 6])
def test_a_message_that_was_changed_is_named_before_anything_is_sent(
    store: Any, client: Any, fake: FakeAPI, change: Callable[..., None], position: int
) -> None:
    chat = talk(store)
    change(position, body='{"role":"user","content":"changed"}')
    calls: tuple[Callable[[], object], ...] = (
        lambda: chat.request(client=client, policy=VERIFIED, **MODEL),
        lambda: chat.send(client, "Well?", policy=VERIFIED, **MODEL),
        lambda: chat.history(verify=True),
        lambda: chat.history(1, verify=True),
    )
    for call in calls:
        with pytest.raises(convo.IntegrityError) as caught:
            call()
        assert caught.value.position == position
    assert fake.received == []
    assert len(chat.history()) == 6
    assert len(chat.request(client=client, **MODEL)["messages"]) == 6


def test_a_hash_that_was_changed_is_named(store: Any, client: Any, change: Callable[..., None]) -> None:
    chat = talk(store)
    change(2, hash=bytes(32))
    with pytest.raises(convo.IntegrityError) as caught:
        chat.request(client=client, policy=VERIFIED, **MODEL)
    assert caught.value.position == 2


@pytest.mark.parametrize("cipher", [None, shared_cipher()], ids=["plain", "sealed"])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_message_that_is_no_text_any_more_is_named(
    world: Any, client: Any, change: Callable[..., None], cipher: convo.Cipher | None
) -> None:
    chat = talk(world.open(cipher=cipher), 40)
    change(79, body=sa.text("CAST(x'7BFF7D' AS TEXT)"))
    for policy in (VERIFIED, SMALL):
        with pytest.raises(convo.IntegrityError) as caught:
            chat.request(client=client, policy=policy, **MODEL)
        assert caught.value.position == 79
    with pytest.raises(convo.IntegrityError) as caught:
        chat.history(verify=True)
    assert caught.value.position == 79
    with pytest.raises(convo.StoreError):
        chat.request(client=client, **MODEL)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_store_whose_other_columns_are_no_text_any_more_is_corrupt(
    store: Any, client: Any, change: Callable[..., None]
) -> None:  # fmt: skip
    chat = talk(store)
    change(2, model=sa.text("CAST(x'FF' AS TEXT)"))
    with pytest.raises(convo.CorruptStore):
        chat.request(client=client, policy=VERIFIED, **MODEL)


@pytest.mark.parametrize("position", [1, 2, 70])
def test_what_stands_although_it_is_older_is_verified_too(
    store: Any, client: Any, change: Callable[..., None], position: int
) -> None:
    chat = store.create(instructions="Be brief.")
    chat.add("My name is Ada.", pinned=True)
    chat.extend([{"role": ("assistant", "user")[number % 2], "content": f"said {number} " * 20} for number in range(100)])
    chat.send(client, "Well?", policy=SMALL, **MODEL)
    request = chat.request(client=client, policy=SMALL, **MODEL)
    assert len(request["messages"]) < 20
    change(position, body='{"role":"user","content":"changed"}')
    if position == 70:  # it is not read
        assert chat.request(client=client, policy=SMALL, **MODEL)["messages"] == request["messages"]
        return
    with pytest.raises(convo.IntegrityError) as caught:
        chat.request(client=client, policy=SMALL, **MODEL)
    assert caught.value.position == position


def test_messages_that_are_sealed_are_verified(world: Any, client: Any, change: Callable[..., None]) -> None:
    store = world.open(cipher=shared_cipher())
    chat = talk(store)
    assert len(chat.request(client=client, policy=VERIFIED, **MODEL)["messages"]) == 6
    change(2, hash=bytes(32))
    with pytest.raises(convo.IntegrityError) as caught:
        chat.request(client=client, policy=VERIFIED, **MODEL)
    assert caught.value.position == 2
