"""Recordings that are none, lie about themselves, or are something else besides: named before anything is stored, or kept."""

from __future__ import annotations

import socket
import subprocess
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

import convo
from tests.audio.builders import FRAME, chunk, fmt, id3, sample, wav
from tests.audio.test_codec_hostile import bomb
from tests.hostile.test_text import answer, recorded

if TYPE_CHECKING:
    from tests.conftest import World

SOUND = bytes(range(256)) * 64
"""16 kB, a sample of which is found wherever it is cut."""
HTML = b"<!DOCTYPE html><html><script>alert(1)</script></html>"
WAV = wav(fmt(), chunk(b"data", SOUND))
GOOD = b64encode(WAV).decode()


def part(data: object, name: str = "wav") -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"format": name, "data": data}}


def encoded(data: bytes) -> str:
    return b64encode(data).decode()


# --- bytes that are no recording (F9) --------------------------------------------------------------

NONE: dict[str, tuple[str, bytes, type[convo.BadAudio], str]] = {
    "nothing": ("wav", b"", convo.BadAudio, "empty"),
    "a magic number alone": ("wav", b"RIFF", convo.UnknownAudioFormat, "no wav"),
    "a header that was cut off": ("wav", WAV[:30], convo.BadAudio, "cut off"),
    "a web page": ("wav", HTML, convo.UnknownAudioFormat, "they start with 3c 21"),
    "a web page as an mp3": ("mp3", HTML, convo.BadAudio, "no mp3 frames"),
    "another format": ("wav", sample("himself-cbr.mp3"), convo.AudioFormatMismatch, "its bytes are mp3"),
    "a rate of 0": ("wav", wav(fmt(rate=0), chunk(b"data", SOUND)), convo.BadAudio, "at 0 Hz"),
    "65,535 channels": ("wav", wav(fmt(channels=65_535, block=131_070), chunk(b"data", SOUND)), convo.BadAudio, "65535 channels"),
    "no sound": ("wav", wav(fmt(), chunk(b"data", b"")), convo.BadAudio, "no sound"),
    "zeros": ("wav", bytes(1_000), convo.UnknownAudioFormat, "they start with 00 00"),
    "a document": ("wav", b"%PDF-1.7\n" + bytes(100), convo.UnknownAudioFormat, "they start with 25 50"),
    "a program": ("mp3", b"MZ" + bytes(500), convo.BadAudio, "no mp3 frames"),
    "a tag without a sound": ("mp3", id3(), convo.BadAudio, "ends within"),
    "a tag that is longer than the file": ("mp3", b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + FRAME * 50, convo.BadAudio, "ends within"),
    "a page before a recording": ("wav", HTML + WAV, convo.UnknownAudioFormat, "they start with 3c 21"),
    "a picture before a recording": ("wav", b"GIF89a" + WAV, convo.UnknownAudioFormat, "they start with 47 49"),
}  # fmt: skip


@pytest.mark.parametrize("case", NONE)
def test_bytes_that_are_no_recording_are_named_and_nothing_is_stored(store: Any, case: str) -> None:
    name, data, error, words = NONE[case]
    chat = store.create()
    with pytest.raises(error, match=words):
        chat.add(part(encoded(data), name))
    with pytest.raises(error, match=words):
        chat.add(convo.Audio.from_bytes(data, name))
    with pytest.raises(error, match=words):
        store.create(messages=[{"role": "user", "content": [part(encoded(data), name)]}])
    assert (store.get(chat.id).head, store.blobs(), len(store.conversations())) == (0, [], 1)


@pytest.mark.parametrize("size", [0, 1, 0x7FFFFFFF, 0xFFFFFFF0, 0xFFFFFFFF])
def test_a_size_that_is_a_lie_makes_a_recording_no_longer(store: Any, size: int) -> None:
    """Streams write such sizes: what is there counts, and neither seconds nor memory go by what is claimed."""
    data = wav(fmt(), chunk(b"data", SOUND, size))
    chat = store.create()
    if size == 1:
        with pytest.raises(convo.BadAudio):
            chat.add(part(encoded(data)))
        return
    chat.add(part(encoded(data)))
    found = chat.load(chat.history()[0].audio)
    assert (found.data, found.duration) == (data, pytest.approx(0.512))


# --- more sound than bytes (F10) -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["flac", "opus"])
def test_a_bomb_is_measured_once_in_a_process_of_its_own_and_never_decoded_again(
    store: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five minutes of silence in a file a hundred times smaller; what the decoder may use is limited (see its own tests)."""
    data = bomb(name)
    chat = store.create()
    with pytest.warns(convo.SilentAudio):
        chat.add(convo.Audio.from_bytes(data, name, transcript="silence"))
    chat.add(part(encoded(data), name))
    started: list[Any] = []
    monkeypatch.setattr(subprocess, "Popen", lambda *arguments, **more: started.append(arguments))
    said, raw = chat.history()
    assert [message.audio.duration for message in (said, raw)] == [pytest.approx(300, abs=0.1)] * 2
    assert chat.load(said.audio).data == chat.load(raw.audio).data == data
    assert "silence" in chat.transcript()
    assert [finding.kind for finding in store.doctor(verify=True) if finding.digest is not None] == []
    assert started == []


# --- base64 (F11) ----------------------------------------------------------------------------------

ENCODED: dict[str, object] = {
    "a line end": f"{GOOD[:40]}\n{GOOD[40:]}",
    "a space before it": f" {GOOD}",
    "lines of a mail": "\r\n".join(GOOD[at : at + 76] for at in range(0, len(GOOD), 76)),
    "without its padding": encoded(WAV + b"a").rstrip("="),
    "too much padding": f"{GOOD}====",
    "a URL of data": f"data:audio/wav;base64,{GOOD}",
    "two texts": "AA==AA==",
    "padding within": f"{GOOD[:100]}=={GOOD[100:]}",
    "the letters of URLs": f"-_-_{GOOD}",
    "a NUL behind it": f"{GOOD}\0",
    "letters of no alphabet": "é" * 8,
    "letters that look alike": GOOD.replace("A", "Ａ", 1),  # noqa: RUF001 - that is the point
    "a lone surrogate": f"{GOOD}\ud800",
    "a number": 5,
    "null": None,
    "a list": [GOOD],
}


@pytest.mark.parametrize("case", ENCODED)
def test_base64_that_is_not_exactly_that_is_refused_and_nothing_is_stored(store: Any, case: str) -> None:
    """A decoder that is lenient takes the first half of some of these for the whole."""
    chat = store.create()
    with pytest.raises(convo.InputError):
        chat.add(part(ENCODED[case]))
    with pytest.raises(convo.InputError):
        store.create(messages=[{"role": "user", "content": [part(ENCODED[case])]}])
    assert (store.get(chat.id).head, store.blobs(), len(store.conversations())) == (0, [], 1)


@pytest.mark.parametrize("data", ["AA==AA==", "no base64", f"data:audio/wav;base64,{GOOD}", "", None, 5, encoded(HTML)])
def test_an_answer_is_stored_whatever_its_recording_is(store: Any, data: Any) -> None:
    """It was paid for: its words stay, and the bytes are those that it had, or none."""
    audio = {"id": "audio_1", "data": data, "expires_at": 1, "transcript": "what was said"}
    chat = recorded(store, answer({"content": None, "audio": audio}))
    reply = chat.history()[1]
    assert (reply.role, reply.text) == ("assistant", "what was said")
    assert chat.request("gpt-4.1", origin="https://fake.test/v1")["messages"][-1]["content"] == "what was said"


# --- a recording that is something else besides (F12) ----------------------------------------------

_PICTURE = bytes([0, 0, 0, 3, 0, 0, 0, 3]) + b"-->" + bytes(20) + b"\0\0\0\x1ahttp://evil.test/cover.jpg"
_FLAC = sample("himself.flac")
BESIDES: dict[str, tuple[str, bytes]] = {
    "a page in the tag of an mp3": ("mp3", id3(HTML) + FRAME * 60),
    "a page behind an mp3": ("mp3", FRAME * 60 + HTML),
    "a page in a wav": ("wav", wav(fmt(), chunk(b"LIST", HTML), chunk(b"data", SOUND))),
    "an archive behind a wav": ("wav", WAV + b"PK\x03\x04" + bytes(50)),
    "the URL of a picture in a flac": (
        "flac",
        _FLAC[:4] + bytes([_FLAC[4] & 0x7F]) + _FLAC[5:42] + b"\x06" + len(_PICTURE).to_bytes(3, "big") + _PICTURE + _FLAC[42:],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BESIDES)
def test_a_recording_that_is_something_else_besides_is_no_more_than_a_recording(
    world: World, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, data = BESIDES[case]
    store = world.open()
    chat = store.create()
    asked: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *address, **more: [asked.append(address)])  # type: ignore[func-returns-value]
    chat.add(convo.Audio.from_bytes(data, name))
    found = chat.load(chat.history()[0].audio)
    assert (found.format, found.data) == (name, data)
    assert "script" not in chat.transcript()
    assert "evil" not in str(chat.history()[0].raw)
    assert [hit for word in ("script", "evil", "alert") for hit in store.search(word)] == []
    assert asked == []
