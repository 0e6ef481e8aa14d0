"""Reports against the rows that they are of: what is counted, what is kept apart, and what is not known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import convo
from tests.store.test_statements import statements
from tests.support.calls import PICOS, call, tokens, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECOND = 1_000_000
ONE, TWO, FOUR = map(Decimal, (1, 2, 4))


@pytest.fixture
def store(database: Database) -> Iterator[convo.Store]:
    with convo.Store(database.url, **database.options) as opened:
        opened.conversations()
        yield opened


@pytest.fixture
def chat(store: convo.Store) -> convo.Conversation:
    return store.create()


def billed(picos: int | None, currency: str = "USD", **parts: int) -> dict[str, Any]:
    return {"cost": picos, "currency": currency, **{f"cost_{kind}": part for kind, part in parts.items()}}


# --- what is counted -------------------------------------------------------------------------------


def test_a_report_of_no_calls_has_no_rows_and_a_total_of_nothing_known(store: convo.Store) -> None:
    asked: tuple[Any, ...] = ((), "day", ["model", "voice"])
    for by in asked:
        report = store.report(by)
        assert (list(report), len(report), report.totals, report.total.calls, report.total.cost.amount) == ([], 0, (), 0, None)
        assert str(report) == "no calls of a model"


def test_every_call_is_counted_once_by_how_it_ended(store: convo.Store, chat: convo.Conversation) -> None:
    states = ("done", "done", "interrupted", "failed", "abandoned", "late", "pending")
    rows = [call(chat, status=status) for status in states]
    rows.append(call(chat, status="failed", error="bad_answer", raw="{}", **tokens(input_tokens=5)))
    rows.append(call(chat, status="added", api="none"))
    write(store, rows)
    [row] = store.report()
    assert (row.calls, row.replied, row.interrupted, row.failed, row.late, row.pending) == (8, 2, 1, 3, 1, 1)
    assert (row.answered, row.unpriced, row.usage.input_tokens) == (5, 5, 5)
    assert store.usage().calls == row.answered
    failed = {one.error: one.failed for one in store.report("error")}
    assert failed == {"bad_answer": 1, None: 2}


def test_what_no_call_told_is_none_and_what_was_told_as_zero_is_zero(store: convo.Store, chat: convo.Conversation) -> None:
    write(store, [call(chat, **tokens(input_tokens=0), retries=0, **billed(0)), call(chat)])
    [row] = store.report()
    assert (row.usage.input_tokens, row.retries, row.cost.amount, row.unpriced) == (0, 0, Decimal(0), 1)
    assert (row.usage.output_tokens, row.recoveries, row.sent_references, row.saved_bytes) == (None, None, None, None)
    assert (row.unspoken, row.cached_share, row.estimate_error, row.duration, row.first_byte_max) == (None,) * 5
    assert row.cost.by_kind == {}


def test_calls_that_nobody_answered_used_nothing_that_is_known(store: convo.Store, chat: convo.Conversation) -> None:
    """A call that is tried again has the usage of an unreadable answer until the next one comes."""
    write(store, [call(chat, status="pending", **tokens(input_tokens=5), **billed(7), retries=2)])
    [row] = store.report()
    assert (row.answered, row.usage.input_tokens, row.cost.amount, row.unpriced, row.retries) == (0, None, None, 0, 2)


def test_a_row_says_how_long_calls_took_which_voices_spoke_and_what_was_saved(
    store: convo.Store, chat: convo.Conversation
) -> None:
    def took(seconds: int, first: int, **columns: Any) -> dict[str, Any]:
        return call(chat, 5, finished_at=5 + seconds * SECOND, first_byte_at=5 + first * SECOND, **columns)

    saved = {"sent_references": 2, "sent_transcripts": 1, "saved_bytes": 100, "saved_tokens": 30, "recoveries": 1}
    rows = [
        took(4, 1, voice="alloy", spoken=True, asked_speech=True, **saved),
        took(8, 3, voice="verse", spoken=True, asked_speech=True, **saved),
        took(90, 80, status="interrupted", voice="verse", spoken=True, asked_speech=True),
        took(0, 0, spoken=False, asked_speech=True),
        call(chat, spoken=False, asked_speech=False, estimated_tokens=110, **tokens(input_tokens=100, input_cached=25)),
        call(chat, estimated_tokens=7),
        call(chat, **tokens(input_tokens=7)),
    ]
    write(store, rows)
    [row] = store.report()
    assert (row.duration, row.duration_max, row.first_byte, row.first_byte_max) == (6.0, 8.0, 2.0, 3.0)
    assert (list(row.voices.items()), row.unspoken) == ([("verse", 2), ("alloy", 1)], 1)
    assert (row.sent_references, row.sent_transcripts, row.saved_bytes, row.saved_tokens, row.recoveries) == (4, 2, 200, 60, 2)
    assert (row.estimated, row.estimated_of, row.cached_share) == (110, 100, 0.25)
    assert row.estimate_error == pytest.approx(0.1)
    voices = {one.voice: (one.calls, one.voices) for one in store.report("voice")}
    assert voices == {"alloy": (1, {}), "verse": (2, {}), None: (4, {})}


# --- money -----------------------------------------------------------------------------------------


def test_money_is_exact_by_kind_and_in_all(store: convo.Store, chat: convo.Conversation) -> None:
    rows = [call(chat, **billed(3, text_in=1, audio_out=2)), call(chat, **billed(PICOS, text_in=PICOS))]
    write(store, [*rows, call(chat, **billed(None, text_in=5))])
    [row] = store.report()
    assert row.cost.amount == Decimal("1.000000000003")
    assert row.cost.by_kind == {"text_in": Decimal("1.000000000006"), "audio_out": Decimal("0.000000000002")}
    assert (row.currency, row.unpriced) == ("USD", 1)


def test_sums_past_64_bits_are_exact(store: convo.Store, chat: convo.Conversation) -> None:
    most = (1 << 63) - 1
    write(store, [call(chat, **billed(most, audio_in=most)) for _ in range(5)])
    [row] = store.report()
    assert row.cost.amount == row.cost.by_kind["audio_in"] == Decimal(5 * most).scaleb(-12)
    assert store.usage().cost.amount == row.cost.amount


def test_currencies_are_rows_of_their_own_and_never_added(store: convo.Store, chat: convo.Conversation) -> None:
    write(
        store,
        [
            call(chat, **billed(PICOS), **tokens(input_tokens=1)),
            call(chat, **billed(2 * PICOS, "EUR"), **tokens(input_tokens=2)),
            call(chat, model="n", **billed(4 * PICOS, "EUR"), **tokens(input_tokens=4)),
            call(chat, model="n", status="failed"),
            call(chat, status="failed"),
        ],
    )
    report = store.report("model")
    rows = [(row.model, row.currency, row.cost.amount, row.calls) for row in report]
    assert rows == [("m", "EUR", TWO, 1), ("m", "USD", ONE, 1), ("m", None, None, 1), ("n", "EUR", FOUR, 2)]
    assert [(row.currency, row.cost.amount, row.calls) for row in report.totals] == [
        ("EUR", 6, 2),
        ("USD", 1, 1),
        (None, None, 2),
    ]
    whole = report.total
    assert (
        (whole.cost.currency, whole.cost.unknown)
        == ("", ("currency",))
        == (store.usage().cost.currency, store.usage().cost.unknown)
    )
    assert (whole.currency, whole.cost.amount, dict(whole.cost.by_kind), whole.calls, whole.usage.input_tokens) == (
        None, None, {}, 5, 7,
    )  # fmt: skip
    assert store.usage().cost.amount is None


def test_the_currency_of_a_call_without_a_known_cost_makes_no_row(store: convo.Store, chat: convo.Conversation) -> None:
    """A model without prices is billed in nobody knows what; its row says USD."""
    write(store, [call(chat, **billed(PICOS, "EUR")), call(chat, **billed(None))])
    [row] = store.report()
    assert (row.currency, row.cost.amount, row.unpriced) == ("EUR", ONE, 1)
    assert (store.usage().cost.amount, store.usage().cost.currency) == (ONE, "EUR")


# --- which calls -----------------------------------------------------------------------------------


def test_a_day_is_one_in_utc(store: convo.Store, chat: convo.Conversation) -> None:
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    before = datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)
    rows = [call(chat, moment) for moment in (midnight, midnight - timedelta(microseconds=1), before, NOON)]
    write(store, rows)
    found = [(row.day, row.calls) for row in store.report("day")]
    assert found == [(date(1969, 12, 31), 1), (date(2026, 11, 20), 1), (date(2026, 11, 21), 2)]


def test_since_is_within_and_until_is_not(store: convo.Store, chat: convo.Conversation) -> None:
    hour = timedelta(hours=1)
    write(store, [call(chat, NOON + number * hour) for number in range(4)])
    tokyo = timezone(timedelta(hours=9))
    assert store.report(since=NOON + hour).total.calls == 3
    assert store.report(until=(NOON + hour).astimezone(tokyo)).total.calls == 1
    assert store.report(since=NOON + hour, until=NOON + 2 * hour).total.calls == 1
    assert store.report(since=NOON + hour, until=NOON).total.calls == 0


def test_a_report_is_of_a_model_an_api_or_a_conversation(store: convo.Store, chat: convo.Conversation) -> None:
    other = store.create()
    write(store, [call(chat), call(chat, model="n"), call(other, api="speech"), call(other, api="speech", model="n")])
    assert store.report(model="n").total.calls == 2
    assert store.report(api="speech", model="n").total.calls == 1
    assert store.report(conversation=chat.id).total.calls == store.report(conversation=str(chat.id)).total.calls == 2
    assert {row.conversation: row.calls for row in store.report("conversation")} == {chat.id: 2, other.id: 2}
    assert [(row.model, row.api) for row in store.report(("model", "api"))] == [
        ("m", "chat"), ("m", "speech"), ("n", "chat"), ("n", "speech"),
    ]  # fmt: skip
    store.delete(other.id)
    assert store.report().total.calls == 2


def test_an_owner_sees_only_its_own_and_everyone_all_of_them(store: convo.Store, chat: convo.Conversation) -> None:
    theirs = store.owned_by(f"{chat.owner}-other")
    write(store, [call(chat), call(theirs.create(), NOON)])
    mine = [(row.owner, row.calls) for row in store.report("owner")]
    assert mine == [(chat.owner, 1)]
    assert theirs.report(conversation=chat.id).total.calls == 0
    with statements(store) as found:
        rows = {row.owner: row for row in store.everyone().report(by=["owner", "day"])}
    assert (rows[chat.owner].calls, rows[theirs.report("owner").rows[0].owner or ""].day) == (1, NOON.date())
    assert {statement.split()[0] for statement in found} <= {"SELECT", "PRAGMA"}, "the tables are looked at first"


@pytest.mark.parametrize(
    "by", [(), "day", ["owner", "conversation", "model", "voice", "api", "day", "error"]], ids=["nothing", "day", "all"]
)
def test_a_report_is_one_statement(store: convo.Store, chat: convo.Conversation, by: Any) -> None:
    write(store, [call(chat, voice=voice) for voice in ("alloy", "verse", None)])
    with statements(store) as found:
        assert store.report(by).total.calls == 3
    assert [statement.split()[0] for statement in found] == ["SELECT"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"by": "owners"}, convo.InputError),
        ({"by": ["day", "hour"]}, convo.InputError),
        ({"by": "day,model"}, convo.InputError),
        ({"by": 7}, convo.InputError),
        ({"by": None}, convo.InputError),
        ({"by": [["day"]]}, convo.InputError),
        ({"since": datetime(2026, 11, 1)}, convo.NaiveTime),  # noqa: DTZ001 - what is refused
        ({"until": "2026-11-01"}, convo.InputError),
        ({"since": date(2026, 11, 1)}, convo.InputError),
        ({"model": 5}, convo.InputError),
        ({"api": ["chat"]}, convo.InputError),
        ({"model": "gpt\0"}, convo.InputError),
        ({"model": "gpt\ud800"}, convo.InputError),
        ({"api": "\0"}, convo.InputError),
        ({"conversation": "no id"}, convo.ConversationNotFound),
    ],
    ids=str,
)
def test_bad_arguments_are_refused_in_words(store: convo.Store, arguments: dict[str, Any], error: type[Exception]) -> None:
    with statements(store) as found, pytest.raises(error):
        store.report(**arguments)
    assert found == []


def test_a_call_by_a_clock_before_1970_is_priced_again(store: convo.Store, chat: convo.Conversation) -> None:
    write(store, [call(chat, -SECOND, **tokens(input_tokens=5, output_tokens=0))])
    assert (store.report().total.calls, store.reprice().calls, store.reprice(until=datetime(1970, 1, 1, tzinfo=UTC)).calls) == (
        1,
        1,
        1,
    )


def test_a_damaged_answer_stops_no_repricing_and_makes_its_own_cost_unknown(
    store: convo.Store, chat: convo.Conversation
) -> None:  # fmt: skip
    """Which service tier it was billed in is lost with it."""
    used = tokens(input_tokens=5, output_tokens=0)
    answers = ('{"service_tier":', '{"service_tier":"auto"}', None)
    write(store, [call(chat, NOON, model="gpt-5.5", raw=raw, **used) for raw in answers])
    found = store.reprice()
    assert (found.calls, found.changed, found.unknown_after) == (3, 3, 1)


def test_a_key_named_twice_is_one(store: convo.Store, chat: convo.Conversation) -> None:
    write(store, [call(chat)])
    assert store.report(["day", "day"]).by == ("day",)


# --- through the API -------------------------------------------------------------------------------


def test_replies_in_text_are_counted_where_speech_was_asked_for(world: Any, fake: Any) -> None:
    store = world.open()
    chat = store.create()
    fake.will_reply("I say.")
    fake.will_reply("I write.", spoken=False)
    for _ in range(2):
        chat.send(world.client, "Hello", model="gpt-audio-1.5", voice="alloy", format="wav")
    chat.send(world.client, "Hello", model="gpt-5.5")
    report = store.report("model")
    assert {row.model: (row.unspoken, dict(row.voices)) for row in report} == {
        "gpt-audio-1.5": (1, {"alloy": 1}),
        "gpt-5.5": (0, {}),
    }
    totals = store.usage()
    assert (report.total.usage, report.total.cost.amount, report.total.answered) == (
        totals.usage,
        totals.cost.amount,
        totals.calls,
    )
    assert store.everyone().report("conversation", conversation=chat.id).rows[0].conversation == chat.id
