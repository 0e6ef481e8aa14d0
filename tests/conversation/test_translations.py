"""What users' recordings say in English: kept beside them, and never in the way of what they said."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import openai
import pytest
import sqlalchemy as sa

import convo
from convo.store import tables
from tests.conversation.test_transcripts import TOO_SHORT, ran, unheard
from tests.support.builders import recording

if TYPE_CHECKING:
    from pathlib import Path

    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import World

pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # of the SDK: the endpoint ends


def asked(fake: FakeAPI) -> list[dict[str, Any]]:
    """The requests to translate."""
    return [one.body for one in fake.received if one.path == "/v1/audio/translations"]


def test_recordings_get_what_they_say_in_english_and_say_the_same_as_before(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.add(recording("Ist er treu?", unheard(1).data))
    chat.add("Hört:", unheard(2))
    fake.will_translate("Is it loyal?", data=unheard(1).data)
    fake.will_translate("And clever?", data=unheard(2).data)
    before = [(message.body, message.text) for message in chat.history()]
    assert chat.translate(client, temperature=0) == convo.Translated(2)
    history = chat.history()
    assert [message.audio.translation for message in history] == ["Is it loyal?", "And clever?"]
    assert [message.audio.transcript for message in history] == ["Ist er treu?", None]
    assert [(message.body, message.text) for message in history] == before
    assert [call["temperature"] for call in asked(fake)] == ["0", "0"]
    assert chat.translate(client) == convo.Translated(0)
    assert len(asked(fake)) == 2


def test_it_is_no_part_of_a_request(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.add(recording("Ist er treu?"))
    fake.will_translate("Is it loyal?")
    chat.translate(client)
    assert "loyal" not in str(dict(chat.request("gpt-4.1", client=client)))
    assert "treu" in str(dict(chat.request("gpt-4.1", client=client)))


def test_a_transcript_and_a_translation_do_not_stand_for_each_other(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.add(unheard())
    fake.will_translate("Is it loyal?")
    chat.translate(client)
    fake.will_transcribe("Ist er treu?")
    assert chat.transcribe(client).done == 1
    audio = chat.history()[0].audio
    assert (audio.transcript, audio.translation) == ("Ist er treu?", "Is it loyal?")


def test_the_same_bytes_are_translated_once(store: Any, client: Any, fake: FakeAPI) -> None:
    chat, other = store.create(), store.create()
    chat.add(unheard())
    other.add(unheard())
    assert chat.translate(client).done == 1
    later = store.create()
    later.add(unheard())
    assert later.translate(client, positions=[1]).done == 1
    assert len({one.history()[0].audio.translation for one in (chat, other, later)}) == 1
    assert len(asked(fake)) == 1


def test_its_call_is_recorded_with_a_cost_that_is_not_known(store: Any, client: Any) -> None:
    chat = store.create()
    chat.add(unheard())
    chat.translate(client)
    totals = chat.usage()
    assert (totals.calls, totals.unpriced, totals.usage.input_tokens) == (1, 1, None)
    x = tables.exchange.c
    for column, value in {"api": "translations", "model": "whisper-1", "status": "done", "position": None, "cost": None}.items():
        assert ran(chat, sa.select(x[column]).where(x.owner == chat.owner)) == [value]
    assert ran(chat, sa.select(x.raw).where(x.owner == chat.owner)) == ['{"text":null}']


def test_a_budget_of_tokens_counts_none_for_it(store: Any, client: Any) -> None:
    chat = store.create()
    chat.add(recording())
    chat.translate(client)
    assert chat.send(client, "So?", model="gpt-4.1", policy=convo.Policy(budgets=convo.Budget(tokens=10_000))).text


def test_redaction_takes_it_away_and_another_owner_keeps_it(store: Any, client: Any) -> None:
    chat = store.create()
    chat.add(unheard(1))
    chat.add(unheard(2))
    chat.translate(client)
    said = chat.history()[1].audio.translation
    chat.redact(1)
    a = tables.attachment.c
    assert ran(chat, sa.select(a.translation).where(a.owner == chat.owner)) == [said]
    chat.move_to(f"new-{chat.id}")
    assert [message.audio and message.audio.translation for message in chat.history()] == [None, said]


def test_it_fails_as_transcribing_does(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.add(TOO_SHORT)
    chat.add(unheard(1))
    found = chat.translate(client)
    assert (found.done, [(failure.position, failure.code) for failure in found.failures]) == (1, [(1, "audio_too_short")])
    fake.will_fail(429)
    with pytest.raises(openai.RateLimitError):
        chat.translate(client)
    with pytest.raises(convo.RecordingNotFound):
        chat.translate(client, positions=[9])
    with pytest.raises(convo.ConflictingArguments):
        chat.translate(client, file=b"")
    with pytest.raises(convo.InputError):
        chat.translate(client, progress=1)


def test_the_model_ends_and_no_other_translates(store: Any, client: Any, clock: FixedClock, fake: FakeAPI) -> None:
    chat = store.create()
    chat.add(unheard())
    clock.set(datetime(2027, 2, 26, tzinfo=UTC))
    with pytest.raises(convo.ModelShutDown, match="knows no successor") as caught:
        chat.translate(client)
    assert (caught.value.successor, asked(fake)) == (None, [])


def test_where_it_may_not_wait_or_write_nothing_is_asked(world: World, fake: FakeAPI, tmp_path: Path) -> None:
    store = world.open()
    chat = store.create()
    chat.add(unheard())
    with pytest.raises(convo.ReadOnlyView):
        store.everyone().get(chat.id).translate(world.client)
    engine = sa.create_engine(f"sqlite:///{tmp_path}/other.db")
    with convo.Store(engine) as other, fake.client() as client:
        other.upgrade()
        with engine.begin() as connection, pytest.raises(convo.HeldTransaction):
            other.within(connection).create().translate(client)
    engine.dispose()
    assert not asked(fake)


def test_anothers_recordings_are_not_looked_at(store: Any, client: Any) -> None:
    mine, theirs = store.create(), store.owned_by(f"other-{store.create().id}").create()
    mine.add(unheard(1))
    theirs.add(unheard(1))
    assert mine.translate(client).done == 1
    assert theirs.history()[0].audio.translation is None


def test_a_recording_whose_bytes_were_let_go_is_not_asked_about(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.add(unheard())
    ran(chat, sa.update(tables.attachment).where(tables.attachment.c.owner == chat.owner).values(dropped_at=1))
    assert (chat.translate(client).done, chat.transcribe(client).done, fake.received) == (0, 0, [])
