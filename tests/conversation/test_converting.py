"""Recordings in formats that the API does not take: stored as they are, converted on the way out, once."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import sqlalchemy as sa

import convo
from convo.assembly import sound
from convo.audio import codec
from convo.store import tables
from tests.conversation.test_transcripts import ran
from tests.support.both import resolved
from tests.support.builders import WAV

if TYPE_CHECKING:
    from collections.abc import Callable

    from convo.testing import FakeAPI
    from tests.conftest import World

SAMPLES = Path(__file__).parent.parent / "audio" / "samples"
HEARS: dict[str, Any] = {"model": "gpt-audio-1.5", "modalities": ["text"]}
VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}
READS: dict[str, Any] = {"model": "gpt-5.5"}
_R, _L = tables.rendition.c, tables.blob.c


def spoken(extension: str = "webm", transcript: str | None = None) -> convo.Audio:
    """A real recording, as browsers and phones make them."""
    return convo.Audio.open(SAMPLES / f"himself.{extension}", transcript)


def sent(fake: FakeAPI, message: int = 0, part: int = 0) -> dict[str, Any]:
    """The recording of a message of the last request."""
    inner: dict[str, Any] = fake.last.body["messages"][message]["content"][part]["input_audio"]
    return inner


def sound_of(inner: dict[str, Any]) -> convo.Audio:
    return convo.Audio.from_bytes(base64.b64decode(inner["data"]), inner["format"])


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is converted, in order: the format found, and the form."""
    made: list[tuple[str, str]] = []
    convert = codec.convert

    def counted(data: bytes, found: str, form: codec.Form, **options: Any) -> codec.Converted:
        made.append((found, form.name))
        return convert(data, found, form, **options)

    monkeypatch.setattr(codec, "convert", counted)
    return made


def renditions(chat: Any) -> list[str]:
    return sorted(ran(chat, sa.select(_R.form).where(_R.owner == chat.owner)))


@pytest.mark.parametrize("extension", ["webm", "opus", "ogg", "m4a", "aac", "flac"])
def test_what_a_browser_or_a_phone_records_is_sent_as_a_wav(store: Any, client: Any, fake: FakeAPI, extension: str) -> None:
    recorded = spoken(extension)
    chat = store.create()
    chat.send(client, recorded, **HEARS)
    heard = sound_of(sent(fake))
    assert (heard.format, heard.sample_rate, heard.channels) == ("wav", 24_000, 1)
    assert heard.duration == pytest.approx(0.76, abs=0.1)
    kept = chat.load(chat.history()[0].audio)
    assert (kept.format, kept.data) == (recorded.format, recorded.data)


@pytest.mark.parametrize("name", ["himself.wav", "himself-streamed.wav", "himself-cbr.mp3", "himself-vbr.mp3"])
def test_what_the_api_takes_is_sent_as_it_was_recorded(
    store: Any, client: Any, fake: FakeAPI, conversions: list[Any], name: str
) -> None:
    recorded = convo.Audio.open(SAMPLES / name)
    store.create().send(client, recorded, **HEARS)
    assert (sound_of(sent(fake)).data, conversions) == (recorded.data, [])


def test_a_recording_is_converted_once_whoever_sends_it_again(
    world: World, fake: FakeAPI, conversions: list[tuple[str, str]]
) -> None:
    chat = world.open().create()
    chat.send(world.client, spoken(), **HEARS)
    first = sent(fake)
    again = world.open().get(chat.id)
    again.send(world.client, "And?", **HEARS)
    assert sent(fake) == first
    other = again.fork()
    other.send(world.client, spoken(), **HEARS)
    assert sent(fake, 0) == sent(fake, 4) == first
    assert conversions == [("webm", "wav/24000/1")]
    assert renditions(chat) == ["wav/24000/1"]


def test_a_preview_writes_nothing_and_what_it_converted_is_kept_when_it_is_sent(
    store: Any, client: Any, fake: FakeAPI, conversions: list[tuple[str, str]]
) -> None:
    chat = store.create()
    chat.add(spoken())
    chat.request(client=client, **HEARS)
    assert renditions(chat) == []
    request = chat.request(client=client, **HEARS)
    with chat.exchange(request) as call:
        call.record(resolved(chat, client.chat.completions.create(**request)))
    assert renditions(chat) == ["wav/24000/1"]
    chat.send(client, "And?", **HEARS)
    assert len(conversions) == 2


def test_the_table_of_a_request_says_what_is_converted(store: Any, client: Any) -> None:
    chat = store.create()
    chat.add(spoken())
    request = chat.request(client=client, **HEARS)
    assert "takes its format when converted" in request.explain()
    assert "model gpt-audio-1.5: audio to text\n" in request.explain()
    assert (request.modality, request.renderings[0].how) == ("audio to text", "inline")


def test_a_text_model_gets_the_transcript_and_nothing_is_converted(
    store: Any, client: Any, fake: FakeAPI, conversions: list[Any]
) -> None:
    store.create().send(client, spoken(transcript="Himself."), **READS)
    assert fake.last.body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Himself."}]}]
    assert conversions == []


DAMAGED = convo.Audio.unchecked((SAMPLES / "himself.flac").read_bytes()[:60] + bytes(200), "flac")


@pytest.mark.parametrize("call", ["add", "send"])
def test_what_cannot_be_decoded_is_refused_before_anything_is_stored(store: Any, client: Any, fake: FakeAPI, call: str) -> None:
    chat = store.create()
    with pytest.raises(convo.BadAudio) as caught:
        chat.add(DAMAGED) if call == "add" else chat.send(client, DAMAGED, **HEARS)
    assert (caught.value.committed, len(chat.history()), chat.pending(), fake.received) == ("no", 0, [], [])


def test_a_recording_that_turns_out_to_be_damaged_can_be_replaced_by_its_words(
    store: Any, client: Any, fake: FakeAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = store.create()
    with monkeypatch.context() as bare:
        bare.setattr("convo.steps.measuring.can_convert", lambda: False)
        chat.add(DAMAGED)
    with pytest.raises(convo.BadAudio, match=r"message 1 cannot be converted.*set_transcript.*redact"):
        chat.send(client, "And?", **HEARS)
    with pytest.raises(convo.BadAudio, match="message 1 cannot be converted"):
        chat.to_chat()
    assert len(chat.history()) == 1
    chat.set_transcript(1, "Himself.")
    chat.send(client, "And?", policy=convo.Policy(user_audio="transcript"), voice="alloy", model="gpt-audio-1.5")
    assert fake.last.body["messages"][0]["content"] == [{"type": "text", "text": "Himself."}]
    assert chat.to_chat()[0]["content"] == [{"type": "text", "text": "Himself."}]


def test_what_nobody_has_measured_is_measured_when_it_is_stored(store: Any) -> None:
    chat = store.create()
    chat.add(convo.Audio.from_bytes(spoken().data))
    kept = chat.history()[0].audio
    assert (kept.format, kept.sample_rate, kept.channels) == ("webm", 48_000, 1)
    assert kept.duration == pytest.approx(0.76, abs=0.05)


def test_a_recording_that_is_longer_than_anyone_knew_is_not_sent(
    store: Any, client: Any, fake: FakeAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = store.create()
    with monkeypatch.context() as bare:
        bare.setattr("convo.steps.measuring.can_convert", lambda: False)
        chat.add(convo.Audio.from_bytes(spoken().data))
    monkeypatch.setattr("convo.steps.converting.INPUT_LIMIT", 20_000)
    with pytest.raises(convo.RecordingTooLong, match=r"message 1 is too long to be sent as sound \(0.8 s\)"):
        chat.send(client, "And?", **HEARS)
    assert fake.received == []


@pytest.mark.parametrize("format_", ["opus", "flac", "aac", "wav", "mp3", "pcm16"])
def test_replies_of_any_format_are_in_messages_as_chat_completions_writes_them(store: Any, client: Any, format_: str) -> None:
    chat = store.create()
    chat.send(client, "Hello?", model="gpt-audio-1.5", voice="alloy", format=format_)
    _, reply = chat.to_chat()
    assert base64.b64decode(reply["audio"]["data"])
    assert len(store.create(messages=chat.to_chat()).history()) == 2


def test_a_session_gets_the_samples_of_any_recording(store: Any, client: Any) -> None:
    chat = store.create()
    chat.add(spoken())
    (item,) = chat.request("gpt-realtime-2.1", api="realtime", client=client).items
    (part,) = item["content"]
    assert part["type"] == "input_audio"
    heard = convo.Audio.from_bytes(base64.b64decode(part["audio"]), "pcm16")
    assert heard.duration == pytest.approx(0.76, abs=0.1)


def test_messages_as_chat_completions_writes_them_hold_what_it_takes(store: Any) -> None:
    chat = store.create()
    chat.add("Listen:", spoken())
    (message,) = chat.to_chat()
    text, heard = message["content"]
    assert (text["text"], heard["input_audio"]["format"]) == ("Listen:", "wav")
    assert sound_of(heard["input_audio"]).duration == pytest.approx(0.76, abs=0.1)
    assert store.create(messages=[message]).history()[0].audio.format == "wav"


def test_a_long_recording_goes_as_mp3_and_one_that_no_request_holds_as_words(
    store: Any, client: Any, fake: FakeAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound, "_FORMS", (("wav", sound.WAV, 48_000, 10_000), ("mp3", sound.MP3, 8_000, 7_000)))
    chat = store.create()
    chat.send(client, spoken(), **HEARS)
    assert sent(fake)["format"] == "mp3"
    assert sound_of(sent(fake)).duration == pytest.approx(0.76, abs=0.1)
    monkeypatch.setattr(sound, "_FORMS", (("mp3", sound.MP3, 8_000, 700),))
    with pytest.raises(convo.RecordingTooLong, match=r"message 1 is too long.*transcribe") as caught:
        chat.send(client, "And?", **HEARS)
    assert (caught.value.position, len(chat.history())) == (1, 2)
    fake.will_transcribe("Himself.")
    policy = convo.Policy(missing_transcript="transcribe")
    chat.send(client, "And?", policy=policy, voice="alloy", model="gpt-audio-1.5")
    assert fake.last.body["messages"][0]["content"] == [{"type": "text", "text": "Himself."}]


def test_a_recording_in_the_apis_own_parts_is_converted_too(store: Any, client: Any, fake: FakeAPI) -> None:
    data = base64.b64encode(spoken().data).decode()
    store.create().send(client, {"type": "input_audio", "input_audio": {"data": data, "format": "webm"}}, **HEARS)
    assert sent(fake)["format"] == "wav"


# --- without the extra -----------------------------------------------------------------------------


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra `audio` is not installed."""
    monkeypatch.setattr("convo.steps.requests.can_convert", lambda: False)


@pytest.mark.usefixtures("bare")
def test_without_the_extra_wav_and_mp3_pass_through_and_others_say_what_to_install(
    store: Any, client: Any, fake: FakeAPI
) -> None:
    chat = store.create()
    chat.send(client, convo.Audio.from_bytes(WAV), convo.Audio.open(SAMPLES / "himself-vbr.mp3"), **HEARS)
    assert [sent(fake, 0, part)["format"] for part in (0, 1)] == ["wav", "mp3"]
    with pytest.raises(convo.MissingDependency, match=r"message 3, which is webm.*pip install 'convo\[audio\]'") as caught:
        chat.send(client, spoken(), **HEARS)
    assert (caught.value.extra, len(chat.history()), len(fake.received)) == ("audio", 2, 1)


@pytest.mark.usefixtures("bare")
def test_without_the_extra_a_transcript_stands_for_what_cannot_be_converted(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    chat.send(client, spoken(transcript="Himself."), voice="alloy", model="gpt-audio-1.5")
    assert fake.last.body["messages"][0]["content"] == [{"type": "text", "text": "Himself."}]
    assert "nothing is here to convert it" in chat.request(client=client, model="gpt-audio-1.5").explain()


# --- bytes that are not kept -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        (convo.Policy(), "[recording without a transcript]"),
        (convo.Policy(missing_transcript="transcribe"), "[recording without a transcript]"),
        (convo.Policy(missing_transcript="omit"), None),
    ],
)
def test_a_recording_that_is_not_kept_stops_no_turn(
    store: Any, client: Any, fake: FakeAPI, policy: convo.Policy, text: str | None
) -> None:
    chat = store.create()
    chat.add("Listen:", convo.Audio.from_bytes(WAV))
    ran(chat, sa.update(tables.attachment).where(tables.attachment.c.owner == chat.owner).values(dropped_at=1))
    chat.send(client, policy=policy, voice="alloy", model="gpt-audio-1.5")
    words = [part["text"] for part in fake.last.body["messages"][0]["content"]]
    assert words == ["Listen:", *([text] if text else [])]
    assert len(fake.received) == 1


def test_messages_as_chat_completions_writes_them_hold_the_words_of_audio_that_is_not_kept(world: World) -> None:
    store = world.open(keep_audio="none")
    chat = store.create()
    reply = chat.send(world.client, convo.Audio.from_bytes(WAV, transcript="Is it loyal?"), **VOICE)
    chat.send(world.client, convo.Audio.from_bytes(WAV), **VOICE)
    first, answer, second, _ = chat.to_chat()
    assert first == {"role": "user", "content": [{"type": "text", "text": "Is it loyal?"}]}
    assert second["content"] == [{"type": "text", "text": "[recording that was not kept]"}]
    assert (answer["audio"]["transcript"], "data" in answer["audio"]) == (reply.text, False)
    assert len(store.create(messages=[first, answer, second]).history()) == 3


# --- forms -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [sound.WAV, sound.MP3, sound.PCM16])
def test_forms_have_the_names_by_which_the_codec_knows_them(name: str) -> None:
    format_, rate, channels, *bits = name.split("/")
    assert codec.Form(format_, int(rate), int(channels), *map(int, bits)).name == name


def _raising(error: Exception) -> Callable[..., Any]:
    def convert(*_: Any, **__: Any) -> Any:
        raise error

    return convert


def test_a_conversion_that_fails_by_itself_leaves_nothing_behind(
    store: Any, client: Any, fake: FakeAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = store.create()
    with monkeypatch.context() as patched:
        patched.setattr(codec, "convert", _raising(OSError("no process can be started")))
        with pytest.raises(OSError, match="no process"):
            chat.send(client, spoken(), key="k", **HEARS)
    assert (len(chat.history()), fake.received) == (0, [])
    assert chat.send(client, spoken(), key="k", **HEARS).text
    assert attrs.evolve(chat.history()[0].media[0], data=None).format == "webm"


# --- what is wrong with a recording ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("sound", "options", "warning"),
    [
        (bytes(48_000), {"format": "pcm16"}, convo.SilentAudio),
        (b"\xff\x7f" * 24_000, {"format": "pcm16"}, convo.ClippedAudio),
        ((SAMPLES / "himself.wav").read_bytes()[:-8_000], {}, convo.TruncatedAudio),
        ((SAMPLES / "himself.flac").read_bytes()[:-8_000], {}, convo.TruncatedAudio),
    ],
)
@pytest.mark.parametrize("call", ["add", "send"])
def test_what_is_wrong_with_a_recording_is_warned_of_once_and_it_is_taken(
    store: Any, client: Any, sound: bytes, options: dict[str, Any], warning: type[Warning], call: str
) -> None:
    chat = store.create()
    audio = convo.Audio.open(sound, **options)
    assert [type(problem) for problem in audio.problems] == [warning]

    def tell() -> None:
        chat.add(audio) if call == "add" else chat.send(client, audio, **HEARS)

    with pytest.warns(warning):
        tell()
    tell()
    assert chat.history()[0].audio is not None


def test_a_recording_that_is_too_short_is_refused_and_nothing_is_stored(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create()
    for call in (chat.add, lambda audio: chat.send(client, audio, **HEARS)):
        with pytest.raises(convo.AudioTooShort, match=r"0.002 s.*less than 0.1 s"):
            call(convo.Audio.from_bytes(bytes(100), "pcm16"))
    assert (len(chat.history()), fake.received) == (0, [])


# --- what is lost is made again --------------------------------------------------------------------


@pytest.mark.parametrize("harm", ["gone", "damaged"])
def test_a_conversion_whose_bytes_are_lost_is_made_again(
    world: World, fake: FakeAPI, tmp_path: Path, conversions: list[tuple[str, str]], harm: str
) -> None:
    chat = world.open(blobs=convo.FolderBlobs(tmp_path / "blobs")).create()
    chat.send(world.client, spoken(), **HEARS)
    first = sent(fake)
    made = max((path for path in (tmp_path / "blobs").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    made.unlink() if harm == "gone" else made.write_bytes(b"x" * made.stat().st_size)
    chat.send(world.client, "And?", **HEARS)
    assert sent(fake) == first
    assert len(conversions) == 2


def test_a_recording_that_is_redacted_after_a_preview_leaves_no_conversion_behind(store: Any, client: Any) -> None:
    chat = store.create()
    chat.add(spoken())
    request = chat.request(client=client, **HEARS)
    chat.redact(1)
    chat.add("Hello?")
    with chat.exchange(request) as call:
        call.record(resolved(chat, client.chat.completions.create(**request)))
    assert (renditions(chat), [one.blobs for one in store.blobs()]) == ([], [])
