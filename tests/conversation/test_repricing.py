"""`reprice`: what was recorded gets the cost of another catalogue, its parts and the table's name, whoever works meanwhile."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

import convo
from convo.errors import InputError, NaiveTime, ReadOnlyView
from convo.models import Model, Prices
from convo.store import repricing, tables
from tests.conversation.test_rows import of, rows
from tests.conversation.test_transcripts import ran
from tests.support.builders import recording, wav

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import World

TEXT: dict[str, Any] = {"model": "gpt-5.5"}
VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}


def priced(table: str = "mine 2026-12-01", **models: Prices | None) -> convo.Catalogue:
    names = {name.replace("_", "-").replace("5-5", "5.5").replace("1-5", "1.5"): prices for name, prices in models.items()}
    return convo.Catalogue({name: Model(name=name, family=name, prices=prices) for name, prices in names.items()}, table)


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repricing, "PAGE", 2)


def test_calls_get_the_cost_of_another_catalogue(store: Any, client: Any) -> None:
    chat = store.create()
    replies = [chat.send(client, "Hello", **TEXT) for _ in range(5)]
    before = chat.usage().cost
    seen: list[tuple[int, int]] = []
    found = store.reprice(priced(gpt_5_5=Prices(text_in=1, text_out=2, currency="EUR")), progress=lambda *told: seen.append(told))
    tokens = [reply.usage for reply in replies]
    after = sum(Decimal(used.input_tokens + 2 * used.output_tokens) for used in tokens) / 10**6
    assert (found.calls, found.changed, found.unknown_before, found.unknown_after) == (5, 5, 0, 0)
    assert {name: cost.amount for name, cost in found.before.items()} == {"USD": before.amount}
    assert {name: cost.amount for name, cost in found.after.items()} == {"EUR": after}
    assert sum(found.after["EUR"].by_kind.values()) == after
    assert (chat.usage().cost.amount, chat.usage().cost.currency) == (after, "EUR")
    for row in rows(chat):
        assert of(row, "currency", "price_table", "cost_audio_in") == ("EUR", "mine 2026-12-01", 0)
        assert row["cost"] == row["cost_text_in"] + row["cost_text_out"]
    assert seen == [(2, 5), (4, 5), (5, 5)]
    again = store.reprice(priced(gpt_5_5=Prices(text_in=1, text_out=2, currency="EUR")))
    assert (again.calls, again.changed, again.before) == (5, 0, again.after)


def test_the_stores_own_catalogue_changes_nothing_that_it_priced(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.send(client, recording("Is it?", wav(3)), **VOICE)
    chat.send(client, "Why?", api="responses", **TEXT)
    chat.add(recording(None, wav(4)))
    chat.transcribe(client, model="whisper-1")
    chat.speak(client, "Hello", model="tts-1", voice="alloy")
    chat.compact(client, model="gpt-5.5", keep=0)
    fake.will_fail(400)
    with pytest.raises(Exception, match="400"):
        chat.send(client, "Hello?", **TEXT)
    was = rows(chat)
    found = store.reprice()
    assert (found.calls, found.changed) == (5, 0)
    assert rows(chat) == was
    assert found.after["USD"].amount == chat.usage().cost.amount


def test_rows_from_before_get_their_parts(store: Any, client: Any) -> None:
    chat = store.create()
    chat.send(client, "Hello", **TEXT)
    was = rows(chat)
    none = dict.fromkeys([f"cost_{kind}" for kind in tables.COST_KINDS])
    ran(chat, sa.update(tables.exchange).where(tables.exchange.c.owner == chat.owner).values(**none))
    assert store.reprice().changed == 1
    assert rows(chat) == was


def test_what_a_catalogue_has_no_price_for_becomes_unknown(store: Any, client: Any) -> None:
    chat = store.create()
    chat.send(client, "Hello", **TEXT)
    found = store.reprice(priced(gpt_5_5=Prices(text_in=1)))
    assert (found.changed, found.unknown_after, found.after) == (1, 1, {})
    assert of(rows(chat)[0], "cost", "cost_text_out", "cost_audio_in") == (None, None, None)
    assert rows(chat)[0]["cost_text_in"] > 0
    assert store.reprice().unknown_before == 1
    assert chat.usage().cost.amount > 0


def test_a_dry_run_writes_nothing(store: Any, client: Any) -> None:
    chat = store.create()
    chat.send(client, "Hello", **TEXT)
    was = rows(chat)
    found = store.reprice(priced(), dry_run=True)
    assert (found.calls, found.changed, found.unknown_after) == (1, 1, 1)
    assert rows(chat) == was


def test_only_calls_of_a_time_and_of_the_owner_are_priced(store: Any, client: Any, clock: FixedClock) -> None:
    chat, other = store.create(), store.owned_by("another").create()
    for chats in ((chat, other), (chat,), (chat,)):
        for one in chats:
            one.send(client, "Hello", **TEXT)
        clock.advance(timedelta(days=1))
    free = priced(gpt_5_5=Prices(text_in=0, text_out=0))
    begin: datetime = clock() - timedelta(days=2)
    assert store.reprice(free, since=begin, until=begin + timedelta(days=1)).calls == 1
    assert [row["cost"] == 0 for row in rows(chat)] == [False, True, False]
    assert other.usage().cost.amount > 0


def test_a_call_that_is_taken_over_meanwhile_stays_as_it_is(store: Any, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = store.create()
    chat.send(client, "Hello", **TEXT)
    put, x = repricing.put, tables.exchange.c

    def after_another(connection: Any, owner: str, changes: Any) -> None:
        schema = connection.get_execution_options().get("convo_schema")
        options = {"schema_translate_map": {None: schema}} if schema else {}
        taken = sa.update(tables.exchange).where(x.owner == owner).values(attempt=2, status="pending")
        connection.execute(taken, execution_options=options)
        put(connection, owner, changes)

    monkeypatch.setattr(repricing, "put", after_another)
    was = rows(chat)[0]["cost"]
    store.reprice(priced())
    assert of(rows(chat)[0], "cost", "attempt") == (was, 2)


def test_a_stop_on_the_way_leaves_whole_rows_and_is_gone_on_with(store: Any, client: Any) -> None:
    chat = store.create()
    for _ in range(4):
        chat.send(client, "Hello", **TEXT)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.reprice(priced(gpt_5_5=Prices(text_in=0, text_out=0)), progress=stop)
    assert sorted(row["cost"] == 0 for row in rows(chat)) == [False, False, True, True]
    found = store.reprice(priced(gpt_5_5=Prices(text_in=0, text_out=0)))
    assert (found.calls, found.changed) == (4, 2)
    assert {row["cost"] for row in rows(chat)} == {0}


def test_budgets_see_the_new_costs(store: Any, client: Any) -> None:
    chat = store.create()
    policy = convo.Policy(budgets=convo.Budget(money="0.001"))
    assert chat.send(client, "Hello", policy=policy, **TEXT)
    store.reprice(priced(gpt_5_5=Prices(text_in=10**6, text_out=10**6)))
    with pytest.raises(convo.BudgetExceeded):
        chat.send(client, "Hello", policy=policy, **TEXT)


def test_a_call_is_billed_by_the_version_that_answered(world: World, client: Any, tmp_path: Path) -> None:
    chat = world.open().create()
    chat.add("Hello")
    request = chat.request(client=client, model="gpt-4o")
    message = {"role": "assistant", "content": "Hi."}
    answer = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024-05-13",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100},
    }  # fmt: skip
    assert chat.record(answer, request).cost.amount == Decimal("0.0065")
    path = tmp_path / "mine.toml"
    path.write_text('[models.house]\nsame_as = "gpt-4o"\n[models.house.prices]\ntext_in = 1\ntext_out = 1\n')
    found = convo.Catalogue.load(path)
    assert found.billed("house", "gpt-4o-2024-05-13").name == "house"
    assert found.billed("gpt-4o", "gpt-4o-2024-05-13").name == "gpt-4o-2024-05-13"
    assert found.billed("gpt-4o", "gpt-5.5").name == "gpt-4o"
    assert found.billed("auto", "gpt-5.5").name == "gpt-5.5"
    assert found.billed("auto", "nobody").name == "auto"
    assert found.billed("auto", None).name == "auto"


def test_odd_input_is_refused_and_nothing_is_written(store: Any, client: Any, clock: FixedClock) -> None:
    chat = store.create()
    chat.send(client, "Hello", **TEXT)
    was = rows(chat)
    for error, arguments in (
        (InputError, {"catalogue": "prices.toml"}),
        (InputError, {"progress": 1}),
        (NaiveTime, {"since": clock().replace(tzinfo=None)}),
        (InputError, {"until": "yesterday"}),
    ):
        with pytest.raises(error):
            store.reprice(**arguments)
    with pytest.raises(ReadOnlyView):
        store.everyone().reprice()
    with pytest.raises(InputError, match="one owner at a time"):
        store.everyone().reprice(dry_run=True)
    assert rows(chat) == was
    assert store.owned_by("nobody").reprice() == convo.Repriced()


def test_a_price_table_of_any_name_loses_no_answer(world: World) -> None:
    prices = Prices(text_in=1, text_out=2)
    store = world.open(catalogue=priced("mine \0\ud800", gpt_5_5=prices))
    chat = store.create()
    assert chat.send(world.client, "Hello", **TEXT).cost.amount is not None
    assert chat.usage().cost.table == "mine \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
    assert store.reprice().changed == 0
