"""Recordings that no endpoint takes as they are: cut in pauses, heard one after the other, joined, and billed whatever comes."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import openai
import pytest
import sqlalchemy as sa

import convo
from convo.audio import hearing
from convo.store import tables
from convo.testing import sound
from convo.testing.transcription import transcription
from tests.audio.builders import sample
from tests.conversation.test_transcripts import calls, ran

if TYPE_CHECKING:
    from convo.testing import FakeAPI
    from tests.conftest import Database, World

WORDS = 40
SECONDS = WORDS * 0.4
LONG = convo.Audio.from_bytes(sound.speech("dog " * WORDS).encoded("wav"))
PIECE = 5.5


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """An API that takes less, so that a recording of 16 seconds is too large."""
    monkeypatch.setattr(hearing, "LARGEST", 100_000)
    monkeypatch.setattr(hearing, "_LONGEST", PIECE)


@pytest.fixture
def chat(store: Any) -> Any:
    """A conversation with a recording that is too large."""
    found = store.create()
    found.add(LONG)
    return found


def hearing_seconds(fake: FakeAPI) -> list[float]:
    """How long the recordings were that the API was sent."""
    return [one.response["usage"]["input_tokens"] / 10 for one in fake.received if one.response and "usage" in one.response]


def test_it_is_heard_in_pieces_that_are_joined(chat: Any, client: Any, fake: FakeAPI) -> None:
    for text in ("One. ", " Two.", "", "Four."):
        fake.will_transcribe(text)
    assert chat.transcribe(client) == convo.Transcribed(1)
    assert chat.history()[0].text == "One. Two. Four."
    sent = calls(fake)
    assert {call["file"]["filename"] for call in sent} == {"recording.mp3"}
    assert all(call["file"]["size"] <= 100_000 for call in sent)
    assert len(sent) == 4
    assert sum(hearing_seconds(fake)) == pytest.approx(SECONDS, abs=0.8)
    assert max(hearing_seconds(fake)) < PIECE + 0.3


def test_each_piece_is_told_how_the_text_before_it_ends(chat: Any, client: Any, fake: FakeAPI) -> None:
    long = "dog " * 200 + "end."
    for text in (long, "", "Three.", "Four."):
        fake.will_transcribe(text)
    chat.transcribe(client, language="en")
    assert "prompt" not in calls(fake)[0]
    prompts: list[str] = [call.get("prompt", "") for call in calls(fake)]
    assert prompts[1] == prompts[2]
    assert prompts[1].endswith("dog end.")
    assert prompts[1].startswith("dog ")
    assert 490 <= len(prompts[1]) <= 500
    assert prompts[3].endswith("dog end. Three.")
    assert {call["language"] for call in calls(fake)} == {"en"}


def test_a_prompt_of_the_caller_is_told_instead(chat: Any, client: Any, fake: FakeAPI) -> None:
    chat.transcribe(client, prompt="Dogs.")
    assert [call["prompt"] for call in calls(fake)] == ["Dogs."] * 4


def test_a_model_that_takes_no_prompt_gets_none(chat: Any, client: Any, fake: FakeAPI) -> None:
    assert chat.transcribe(client, model="gpt-4o-transcribe-diarize", chunking_strategy="auto").done == 1
    assert not [call for call in calls(fake) if "prompt" in call]


def test_every_call_is_recorded_with_what_it_used(chat: Any, client: Any, fake: FakeAPI) -> None:
    chat.transcribe(client)
    totals = chat.usage()
    used = [one.response["usage"]["input_tokens"] for one in fake.received if one.response]
    assert (totals.calls, totals.usage.input_tokens) == (4, sum(used))
    x = tables.exchange.c
    assert len(set(ran(chat, sa.select(x.request_id).where(x.owner == chat.owner)))) == 4


def test_a_failure_in_the_midst_fills_nothing_and_keeps_what_was_billed(chat: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_transcribe("One.")
    fake.will_transcribe("Two.")
    fake.will_fail(500)
    found = chat.transcribe(client)
    assert (found.done, [failure.code for failure in found.failures]) == (0, ["InternalServerError"])
    assert (chat.history()[0].audio.transcript, chat.usage().calls) == (None, 2)
    assert chat.transcribe(client).done == 1
    assert chat.usage().calls == 6


def test_what_ends_the_run_keeps_what_was_billed_too(chat: Any, client: Any, fake: FakeAPI) -> None:
    fake.will_transcribe("One.")
    fake.will_fail(429)
    with pytest.raises(openai.RateLimitError):
        chat.transcribe(client)
    assert (chat.history()[0].audio.transcript, chat.usage().calls) == (None, 1)


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # of the SDK: the endpoint ends
def test_it_is_translated_in_pieces_too(chat: Any, client: Any, fake: FakeAPI) -> None:
    for text in ("One.", "Two.", "Three.", "Four."):
        fake.will_translate(text)
    assert chat.translate(client).done == 1
    assert chat.history()[0].audio.translation == "One. Two. Three. Four."
    assert [one.body.get("prompt") for one in fake.received] == [None, "One.", "One. Two.", "One. Two. Three."]
    assert chat.usage().calls == 4


def test_a_turn_has_it_heard_in_pieces_first(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    for text in ("One.", "Two.", "Three.", "Four."):
        fake.will_transcribe(text)
    policy = convo.Policy(missing_transcript="transcribe")
    chat.send(client, LONG, model="gpt-4.1", policy=policy)
    assert fake.last.body["messages"][0]["content"] == [{"type": "text", "text": "One. Two. Three. Four."}]
    assert chat.usage().calls == 5


def test_a_model_that_hears_less_is_sent_shorter_pieces(
    world: World, fake: FakeAPI, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    (tmp_path / "models.toml").write_text('[models."gpt-transcribe"]\nmax_seconds = 10\n')
    chat = world.open(catalogue=convo.Catalogue.load(tmp_path / "models.toml")).create()
    chat.add(LONG)
    chat.add(convo.Audio.from_bytes(sound.speech("dog " * 20).encoded("wav")))
    assert chat.transcribe(world.client, positions=[1]).done == 1
    assert max(hearing_seconds(fake)) <= 5.3
    assert sum(hearing_seconds(fake)) == pytest.approx(SECONDS, abs=0.8)
    before = len(calls(fake))
    assert chat.transcribe(world.client, positions=[2]).done == 1
    assert calls(fake)[before]["file"]["filename"] == "recording.wav"
    assert len(calls(fake)) == before + 1


def test_one_that_fits_goes_as_it_is(store: Any, client: Any, fake: FakeAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "files_of", None)
    chat = store.create()
    chat.add(convo.Audio.from_bytes(sound.speech("dog").encoded("wav")))
    assert chat.transcribe(client).done == 1


def test_without_the_extra_it_is_a_failure_that_says_what_to_install_and_stops_no_other(
    chat: Any, client: Any, fake: FakeAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise convo.MissingDependency("av", "audio", "cutting a recording")

    monkeypatch.setattr("convo.audio.codec.split", lambda *_, **__: missing())
    chat.add(convo.Audio.from_bytes(sound.speech("dog").encoded("wav")))
    found = chat.transcribe(client)
    assert (found.done, [(failure.position, failure.code) for failure in found.failures]) == (1, [(1, "missing_dependency")])
    assert "pip install 'convo[audio]'" in str(found.failures[0].error)
    with pytest.raises(convo.MissingDependency):
        chat.send(client, model="gpt-4.1", policy=convo.Policy(missing_transcript="transcribe"))
    assert chat.history().head == 2


def test_what_cannot_be_decoded_is_a_failure_of_its_recording(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    frame = b"\xff\xfb\x90\xc4" + b"\xff" * 413
    chat.add(convo.Audio.from_bytes(frame * 300))
    (failure,) = chat.transcribe(client).failures
    assert isinstance(failure.error, convo.BadAudio)
    chat.send(client, model="gpt-4.1", policy=convo.Policy(missing_transcript="transcribe"))
    assert "recording without a transcript" in str(fake.last.body["messages"])


def test_cancelled_in_the_midst_it_keeps_what_was_billed(database: Database, fake: FakeAPI, monkeypatch: Any) -> None:
    async def run() -> tuple[int, Any]:
        async with convo.AsyncStore(database.url, **database.options) as store, fake.async_client() as client:
            chat = await store.create()
            await chat.add(LONG)
            answer, left = transcription, [1]

            def cancelling(call: Any, text: Any) -> Any:
                if not left:
                    raise asyncio.CancelledError
                left.pop()
                return answer(call, text)

            monkeypatch.setattr("convo.testing.fake.transcription", cancelling)
            with pytest.raises(asyncio.CancelledError):
                await chat.transcribe(client)
            return (await chat.usage()).calls, (await chat.history())[0].text

    assert asyncio.run(run()) == (1, "")


# --- what becomes of a recording -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "format_", "duration", "longest", "fits"),
    [
        (99_999, "wav", None, None, True),
        (100_001, "wav", 1.0, None, False),
        (10, "wav", 1400.0, 1400, True),
        (10, "wav", 1400.1, 1400, False),
        (10, "aac", 1.0, None, False),
        (10, "pcm16", 1.0, None, False),
        (10, None, None, None, True),
        (75_000, "webm", None, 100, True),
        (75_001, "webm", None, 100, False),
    ],
)
def test_what_fits(size: int, format_: str | None, duration: float | None, longest: float | None, fits: bool) -> None:
    assert hearing.fits(size, format_, duration, longest) is fits


def test_a_format_that_the_endpoint_does_not_take_is_converted() -> None:
    ((name, data, mime),) = hearing.files_of(sample("himself.aac"), "aac", None, None)
    assert (name, mime) == ("recording.mp3", "audio/mpeg")
    assert convo.Audio.from_bytes(data).duration == pytest.approx(0.76, abs=0.15)


def test_samples_get_a_header_and_are_not_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "convo.audio.codec", None)
    ((name, data, _),) = hearing.files_of(bytes(48_000), "pcm16", 1.0, None)
    assert (name, convo.Audio.from_bytes(data).duration) == ("recording.wav", 1.0)


def test_opus_goes_by_the_name_that_the_api_knows() -> None:
    assert hearing.file_of(b"", "opus")[0] == "recording.ogg"


def test_a_length_that_is_not_known_is_measured_before_it_is_cut() -> None:
    webm = sample("himself.webm")
    assert hearing.files_of(webm, "webm", None, 1.0) == [("recording.webm", webm, "audio/webm")]
    assert len(hearing.files_of(webm, "webm", None, 0.5)) >= 2


def test_a_length_that_cannot_be_measured_is_the_apis_to_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise convo.MissingDependency("av", "audio", "decoding")

    monkeypatch.setattr("convo.audio.codec.decoded", missing)
    assert hearing.files_of(b"webm", "webm", None, 0.001) == [("recording.webm", b"webm", "audio/webm")]


def test_models_that_hear_only_so_much_are_in_the_catalogue() -> None:
    found = {name: convo.Catalogue.default().lookup(name).max_seconds for name in ("gpt-4o-transcribe-2025-01-01", "whisper-1")}
    assert found == {"gpt-4o-transcribe-2025-01-01": 1_400, "whisper-1": None}
