"""Models that are shut down: the error, the successor that is asked instead, and the warning before the day."""

from __future__ import annotations

import pickle
import threading
import warnings
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import openai
import pytest

import convo
from convo.edges import Warner
from convo.store import exchanges
from convo.testing import FixedClock
from tests.support.both import resolved
from tests.support.builders import recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convo.testing import FakeAPI
    from tests.conftest import World

APRIL = datetime(2026, 4, 2, 9, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 21, 9, tzinfo=UTC)
OLD = {"model": "gpt-4o-audio-preview", "voice": "alloy", "format": "wav"}
MOVES_ON = convo.Policy(shut_down="successor")
TRANSCRIBES = convo.Policy(missing_transcript="transcribe", transcription_model="whisper-1")


def row(chat: Any, exchange: Any) -> dict[str, Any]:
    """The stored row of an exchange."""
    found: dict[str, Any] = resolved(chat, chat._driver.runner.run(exchanges.row_of, chat.owner, exchange, mode="read"))
    return found


@pytest.fixture
def saved(world: World, clock: FixedClock) -> Any:
    """A conversation of two spoken turns from April 2026, opened again in November; its second turn has the key `last`."""
    clock.set(APRIL)
    chat = world.open().create(instructions="Answer in one sentence.")
    with pytest.warns(convo.ModelEndsSoon):  # in April it has a month left
        chat.send(world.client, recording("Is a golden retriever a good family dog?"), **OLD)
    chat.send(world.client, "And a poodle?", **OLD, key="last")
    clock.set(NOVEMBER)
    return world.open().get(chat.id)


# --- resuming a saved session ----------------------------------------------------------------------


def test_a_saved_session_whose_model_is_gone_says_so_and_names_the_successor(saved: Any, client: Any, fake: FakeAPI) -> None:
    sent = len(fake.received)
    with pytest.raises(convo.ModelShutDown) as caught:
        saved.send(client, "Why?", **OLD)
    error = caught.value
    assert (error.model, error.day, error.successor) == ("gpt-4o-audio-preview", date(2026, 5, 7), "gpt-audio-1.5")
    assert str(error) == (
        "gpt-4o-audio-preview was shut down on 2026-05-07; use gpt-audio-1.5; "
        "requests with Policy(shut_down='successor') move on to it by themselves"
    )
    assert isinstance(error, convo.RequestError)
    assert (error.code, error.retryable, error.committed) == ("model_shut_down", False, "no")
    assert len(saved.history()) == 5
    assert saved.pending() == []
    assert len(fake.received) == sent


def test_a_saved_session_moves_on_to_the_successor_with_its_past_as_transcripts(
    saved: Any, client: Any, fake: FakeAPI, world: World
) -> None:
    spoken = [message.audio.transcript for message in saved.history() if message.role == "assistant"]
    reply = saved.send(client, "Why?", **OLD, policy=MOVES_ON, key="on")
    sent = fake.last.body
    assert sent["model"] == "gpt-audio-1.5"
    assert [message["content"] for message in sent["messages"] if message["role"] == "assistant"] == spoken
    assert reply.spoken
    assert (reply.model, reply.instead_of, reply.message.model) == ("gpt-audio-1.5", "gpt-4o-audio-preview", "gpt-audio-1.5")
    assert reply.cost.amount is not None
    stored = row(saved, reply.exchange)
    assert (stored["model"], stored["instead_of"]) == ("gpt-audio-1.5", "gpt-4o-audio-preview")
    again = world.open().get(saved.id).send(client, "Why?", **OLD, key="on")  # its key has its answer: no error
    assert (again.replayed, again.model, again.instead_of) == (True, "gpt-audio-1.5", "gpt-4o-audio-preview")

    saved.send(client, "And then?", **OLD, policy=MOVES_ON)
    assert fake.last.body["messages"][-2] == {"role": "assistant", "audio": {"id": reply.audio.id}}


def test_a_request_tells_which_model_was_asked_for_and_why_another_is_asked(saved: Any, client: Any) -> None:
    request = saved.request(**OLD, client=client, policy=MOVES_ON)
    note = "note: gpt-4o-audio-preview was shut down on 2026-05-07: its successor gpt-audio-1.5 is asked instead"
    for one in (request, request.evolve(temperature=0)):
        assert (one["model"], one.instead_of) == ("gpt-audio-1.5", "gpt-4o-audio-preview")
        assert one.explain().endswith(note)
    living = saved.request("gpt-audio-1.5", client=client, policy=MOVES_ON)
    assert living.instead_of is None
    assert "note" not in living.explain().partition("next expiry")[2]


def test_a_stream_moves_on_as_well(saved: Any, client: Any, fake: FakeAPI) -> None:
    with saved.stream(client, "Why?", model=OLD["model"], voice="alloy", policy=MOVES_ON) as stream:
        for _ in stream:
            pass
    assert fake.last.body["model"] == "gpt-audio-1.5"
    assert (stream.reply.model, stream.reply.instead_of) == ("gpt-audio-1.5", "gpt-4o-audio-preview")


def test_a_key_that_has_its_answer_gives_it_although_the_model_is_gone(saved: Any, client: Any, fake: FakeAPI) -> None:
    sent = len(fake.received)
    for policy in (None, MOVES_ON):
        reply = saved.send(client, "And a poodle?", **OLD, key="last", policy=policy)
        assert (reply.replayed, reply.model, reply.instead_of) == (True, "gpt-4o-audio-preview", None)
    with saved.stream(client, "And a poodle?", model=OLD["model"], voice="alloy", key="last") as stream:
        assert list(stream)[-1].replayed
    with pytest.raises(convo.KeyMismatch):
        saved.send(client, "Something else", **OLD, key="last")
    assert len(fake.received) == sent


def test_a_turn_that_failed_may_be_tried_again_with_another_model(saved: Any, client: Any, fake: FakeAPI, world: World) -> None:
    fake.will_fail(400, code="no_luck")
    with pytest.raises(openai.BadRequestError):
        saved.send(client, "Why?", **OLD, policy=MOVES_ON, key="again")
    with pytest.raises(convo.ModelShutDown):
        saved.send(client, "Why?", **OLD, key="again")
    reply = saved.send(client, "Why?", model="gpt-audio-1.5", key="again")
    again = world.open().get(saved.id).send(client, "Why?", model="gpt-audio-1.5", key="again")
    assert (reply.instead_of, again.instead_of, again.replayed) == (None, None, True)


def test_an_answer_that_is_recorded_afterwards_tells_too(saved: Any, client: Any, fake: FakeAPI) -> None:
    request = saved.request(**OLD, client=client, policy=MOVES_ON)
    with fake.client() as other:
        reply = saved.record(other.chat.completions.create(**request), request)
    assert (reply.model, reply.instead_of) == ("gpt-audio-1.5", "gpt-4o-audio-preview")
    assert row(saved, reply.exchange)["instead_of"] == "gpt-4o-audio-preview"


# --- before anything is written or called ----------------------------------------------------------

CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "request": lambda chat, client: chat.request(**OLD, client=client),
    "request without a client": lambda chat, _client: chat.request(**OLD),
    "send": lambda chat, client: chat.send(client, "Why?", **OLD),
    "send without content": lambda chat, client: chat.send(client, **OLD),
    "send with a key": lambda chat, client: chat.send(client, recording(), **OLD, key="turn-9"),
    "send, a dated name": lambda chat, client: chat.send(client, "Why?", model="gpt-4o-audio-preview-2025-06-03"),
    "send, transcribing": lambda chat, client: chat.send(
        client, recording(None), model="gpt-4-turbo", policy=convo.Policy(missing_transcript="transcribe")
    ),
    "stream": lambda chat, client: chat.stream(client, "Why?", model="gpt-4o-audio-preview").__enter__(),
    "send, nobody succeeds": lambda chat, client: chat.send(client, "Why?", model="gpt-4-32k", policy=MOVES_ON),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_dead_model_is_an_error_before_anything_is_written_or_called(
    store: Any, client: Any, fake: FakeAPI, clock: FixedClock, call: str
) -> None:
    clock.set(NOVEMBER)
    chat = store.create()
    chat.add("Hello?")
    with pytest.raises(convo.ModelShutDown):
        CALLS[call](chat, client)
    assert [message.text for message in chat.history()] == ["Hello?"]
    assert chat.usage().calls == 0
    assert fake.received == []


def test_where_the_catalogue_names_nobody_the_error_says_so(store: Any, client: Any, clock: FixedClock) -> None:
    clock.set(NOVEMBER)
    with pytest.raises(convo.ModelShutDown, match="the catalogue knows no successor that lives: use another model") as caught:
        store.create().send(client, "Hello?", model="gpt-4-32k", policy=MOVES_ON)
    assert caught.value.successor is None


@pytest.mark.parametrize("answering", [None, convo.Policy(missing_transcript="transcribe")])
def test_calls_that_functions_would_answer_wait_for_a_living_model(
    store: Any, client: Any, fake: FakeAPI, clock: FixedClock, answering: convo.Policy | None
) -> None:
    """No function is run, and no recording transcribed, for a request that cannot be made."""
    clock.set(NOVEMBER)
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    fake.will_reply(tool_calls=[("weather", "{}")])
    chat = store.create()
    chat.send(client, "Rain?", model="gpt-5.5", tools=[tool])
    ran: list[None] = []
    with pytest.raises(convo.ModelShutDown):
        chat.send(
            client, model="gpt-4-turbo", tools=[tool], tool_functions={"weather": lambda: ran.append(None)}, policy=answering
        )
    assert (ran, chat.pending(), len(chat.history()), len(fake.received)) == ([], [], 2, 1)


def test_the_day_is_that_of_the_clock_in_utc(store: Any, client: Any, clock: FixedClock) -> None:
    east = timezone(timedelta(hours=2))
    chat = store.create()
    clock.set(datetime(2026, 5, 7, 1, 59, tzinfo=east))
    with pytest.warns(convo.ModelEndsSoon):
        chat.send(client, "Hello?", **OLD)
    clock.set(datetime(2026, 5, 7, 2, tzinfo=east))
    with pytest.raises(convo.ModelShutDown):
        chat.send(client, "Hello?", **OLD)


WEATHER = {
    "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
    "tool_functions": {"weather": lambda: "No."},
}


def listened(chat: Any, client: Any, clock: FixedClock, policy: convo.Policy | None = None) -> Any:
    """A turn of two rounds; between them is the midnight that ends its model."""
    clock.set(datetime(2027, 1, 19, 23, 59, tzinfo=UTC))
    with chat.stream(client, "Rain?", model="gpt-audio-mini", policy=policy, **WEATHER) as stream:
        for event in stream:
            if isinstance(event, convo.Reply):
                clock.set(datetime(2027, 1, 20, tzinfo=UTC))
    return stream.reply


def test_a_model_that_dies_during_a_turn_gives_way_in_the_next_round(
    store: Any, client: Any, fake: FakeAPI, clock: FixedClock
) -> None:
    fake.will_reply(tool_calls=[("weather", "{}")])
    with pytest.warns(convo.ModelEndsSoon):
        reply = listened(store.create(), client, clock, MOVES_ON)
    assert [one.model for one in (*reply.earlier, reply)] == ["gpt-audio-mini", "gpt-audio-1.5"]
    assert [one.instead_of for one in (*reply.earlier, reply)] == [None, "gpt-audio-mini"]


def test_a_model_that_dies_during_a_turn_ends_it_before_the_next_round(
    store: Any, client: Any, fake: FakeAPI, clock: FixedClock
) -> None:
    fake.will_reply(tool_calls=[("weather", "{}")])
    chat = store.create()
    with pytest.warns(convo.ModelEndsSoon), pytest.raises(convo.ModelShutDown):
        listened(chat, client, clock)
    assert (len(chat.history()), chat.pending()) == (2, [])
    answered = chat.send(client, model="gpt-audio-1.5", **WEATHER)
    assert [message.role for message in chat.history()] == ["user", "assistant", "tool", "assistant"]
    assert answered.instead_of is None


def test_with_ignore_the_api_judges(store: Any, client: Any, fake: FakeAPI, clock: FixedClock) -> None:
    clock.set(NOVEMBER)
    chat = store.create()
    chat.add("Hello?")
    ignoring = convo.Policy(shut_down="ignore")
    assert chat.request("gpt-4-turbo", policy=ignoring)["model"] == "gpt-4-turbo"
    assert chat.request("gpt-5-mini", policy=ignoring)["model"] == "gpt-5-mini"  # which ends soon: no warning
    with pytest.raises(openai.NotFoundError, match="has been deprecated"):
        chat.send(client, model="gpt-4-turbo", policy=ignoring)
    assert fake.last.body["model"] == "gpt-4-turbo"


def test_a_request_that_was_made_while_its_model_lived_may_be_sent_after_the_day(fake: FakeAPI, clock: FixedClock) -> None:
    """The exchange begins; what the API says of the model is recorded as any other error of its."""
    clock.set(APRIL)
    with convo.Store("sqlite://", clock=clock) as store, fake.client() as client:
        chat = store.create()
        chat.add("Hello?")
        with pytest.warns(convo.ModelEndsSoon):
            request = chat.request(**OLD, client=client)  # type: ignore[call-overload]
        clock.set(NOVEMBER)
        with pytest.raises(openai.NotFoundError, match="has been deprecated"), chat.exchange(request) as call:
            call.record(client.chat.completions.create(**request))
        assert chat.pending() == []


@pytest.mark.parametrize("value", ["never", "", None, True])
def test_a_policy_takes_the_three_words_only(value: Any) -> None:
    with pytest.raises(convo.InputError, match="shut_down"):
        convo.Policy(shut_down=value)


# --- transcription ---------------------------------------------------------------------------------

MARCH = datetime(2027, 3, 1, 9, tzinfo=UTC)


def test_a_dead_model_transcribes_nothing(store: Any, client: Any, fake: FakeAPI, clock: FixedClock) -> None:
    clock.set(MARCH)
    chat = store.create()
    chat.add(recording(None))
    calls: list[Callable[[], Any]] = [
        lambda: chat.transcribe(client, model="whisper-1"),
        lambda: store.transcribe(client, model="whisper-1"),
        lambda: chat.send(client, "What did I say?", model="gpt-5.5", policy=TRANSCRIBES),
    ]
    for call in calls:
        with pytest.raises(convo.ModelShutDown) as caught:
            call()
        assert (caught.value.model, caught.value.successor) == ("whisper-1", "gpt-transcribe")
    assert (len(chat.history()), chat.usage().calls, fake.received) == (1, 0, [])


def test_the_policy_moves_on_to_another_model_that_transcribes(store: Any, client: Any, fake: FakeAPI, clock: FixedClock) -> None:
    clock.set(MARCH)
    chat = store.create()
    moves_on = convo.Policy(missing_transcript="transcribe", transcription_model="whisper-1", shut_down="successor")
    reply = chat.send(client, recording(None), model="gpt-5.5", policy=moves_on)
    asked = [one.body["model"] for one in fake.received]
    assert asked == ["gpt-transcribe", "gpt-5.5"]
    assert reply.instead_of is None


def test_nothing_to_transcribe_asks_for_no_model(store: Any, client: Any, clock: FixedClock) -> None:
    clock.set(MARCH)
    assert store.create().send(client, "Hello?", model="gpt-5.5", policy=TRANSCRIBES).text


# --- the warning -----------------------------------------------------------------------------------


@pytest.fixture
def caught() -> Iterator[list[warnings.WarningMessage]]:
    """What is warned of in the test."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        yield found


def ending(caught: list[warnings.WarningMessage]) -> list[str]:
    return [one.message.model for one in caught if isinstance(one.message, convo.ModelEndsSoon)]


def test_one_warning_for_each_model_and_store(world: World, clock: FixedClock, caught: list[warnings.WarningMessage]) -> None:
    clock.set(NOVEMBER)
    store = world.open()
    chat = store.create()
    for _ in range(2):
        chat.send(world.client, "Hello?", model="gpt-4.1")
        chat.request("gpt-4.1")
    chat.request("gpt-5.5")
    store.owned_by("somebody").create().send(world.client, "Hello?", model="gpt-4.1")
    assert ending(caught) == ["gpt-4.1"]
    chat.request("gpt-5-mini")
    chat.request("gpt-4.1-mini")
    world.open().create().send(world.client, "Hello?", model="gpt-4.1")
    assert ending(caught) == ["gpt-4.1", "gpt-5-mini", "gpt-4.1-mini", "gpt-4.1"]
    first = caught[0].message
    assert isinstance(first, convo.ModelEndsSoon)
    assert (first.day, first.successor) == (date(2027, 1, 14), "gpt-6-luna")
    assert str(first) == (
        "gpt-4.1 will be shut down on 2027-01-14; change to gpt-6-luna; "
        "requests with Policy(shut_down='successor') will move on to it by themselves"
    )


@pytest.mark.parametrize(("day", "warned"), [("2026-11-14", False), ("2026-11-15", True), ("2027-01-13", True)])
def test_the_warning_begins_sixty_days_before(
    clock: FixedClock, caught: list[warnings.WarningMessage], day: str, warned: bool
) -> None:
    clock.set(datetime.fromisoformat(f"{day}T23:59:59+00:00"))
    with convo.Store("sqlite://", clock=clock) as store:
        chat = store.create()
        chat.add("Hello?")
        chat.request("gpt-4.1")
    assert bool(ending(caught)) is warned


def test_transcribing_warns_as_well(store: Any, client: Any, clock: FixedClock) -> None:
    clock.set(datetime(2027, 1, 1, tzinfo=UTC))
    with pytest.warns(convo.ModelEndsSoon, match="whisper-1"):
        assert store.create().transcribe(client, model="whisper-1").done == 0


def test_the_warning_points_at_the_line_that_asked(fake: FakeAPI, caught: list[warnings.WarningMessage]) -> None:
    with convo.Store("sqlite://", clock=FixedClock(NOVEMBER)) as store, fake.client() as client:
        chat = store.create()
        chat.send(client, "Hello?", model="gpt-4.1")
        chat.request("gpt-4.1-mini")
        with chat.stream(client, "Hello?", model="gpt-4o"):
            pass
    assert ending(caught) == ["gpt-4.1", "gpt-4.1-mini", "gpt-4o"]
    assert [one.filename for one in caught] == [__file__] * 3
    assert len({one.lineno for one in caught}) == 3


async def test_the_warning_points_at_the_line_that_awaited(fake: FakeAPI, caught: list[warnings.WarningMessage]) -> None:
    async with convo.AsyncStore("sqlite://", clock=FixedClock(NOVEMBER)) as store, fake.async_client() as client:
        chat = await store.create()
        await chat.send(client, "Hello?", model="gpt-4.1")
        await chat.request("gpt-4.1-mini")
        async with chat.stream(client, "Hello?", model="gpt-4o"):
            pass
    assert ending(caught) == ["gpt-4.1", "gpt-4.1-mini", "gpt-4o"]
    assert [one.filename for one in caught] == [__file__] * 3


def test_a_warning_that_is_an_error_is_raised_each_time_and_nothing_is_written(
    store: Any, client: Any, fake: FakeAPI, clock: FixedClock
) -> None:
    clock.set(NOVEMBER)
    chat = store.create()
    for _ in range(2):
        with pytest.raises(convo.ModelEndsSoon):
            chat.send(client, "Hello?", model="gpt-4.1")
    assert (len(chat.history()), chat.pending(), fake.received) == (0, [], [])


def test_of_threads_that_warn_at_once_one_does(caught: list[warnings.WarningMessage]) -> None:
    warn, together = Warner(), threading.Barrier(8)

    def tell() -> None:
        together.wait()
        for _ in range(50):
            warn("x", convo.ModelEndsSoon("x", date(2027, 1, 1), None))

    threads = [threading.Thread(target=tell) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ending(caught) == ["x"]


def test_the_warning_survives_a_process_boundary() -> None:
    warning = convo.ModelEndsSoon("x", date(2027, 1, 1), None)
    again = pickle.loads(pickle.dumps(warning))
    assert (str(again), vars(again)) == (str(warning), vars(warning))
    assert "no successor" in str(again)
    assert isinstance(again, FutureWarning)


# --- the fake has a table of its own ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["gpt-4o-audio-preview", "gpt-4-turbo", "gpt-4o-2024-05-13"])
def test_the_api_refuses_a_dead_model_by_its_own_words(fake: FakeAPI, clock: FixedClock, name: str) -> None:
    clock.set(NOVEMBER)
    with fake.client() as client, pytest.raises(openai.NotFoundError, match="has been deprecated") as caught:
        client.chat.completions.create(model=name, messages=[{"role": "user", "content": "Hello?"}])
    assert caught.value.code == "model_not_found"
    assert convo.Catalogue.default().lookup(name).retired(NOVEMBER.date())


@pytest.mark.parametrize("name", ["whisper-1", "gpt-4o-mini-transcribe-2025-12-15"])
def test_so_does_the_one_that_transcribes(fake: FakeAPI, clock: FixedClock, name: str) -> None:
    clock.set(MARCH)
    with fake.client() as client, pytest.raises(openai.NotFoundError):
        client.audio.transcriptions.create(model=name, file=("a.wav", recording().data))
    assert convo.Catalogue.default().lookup(name).retired(MARCH.date())
