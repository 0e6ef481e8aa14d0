"""Hostile recordings cost bounded time and memory: bombs, absurd headers, playlists, and all kinds of damage.

Damage is tried by the thousand, so those tests call what the child process runs in this process: a crash is seen, too.
"""

from __future__ import annotations

import random
import struct
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.child_memory import child_memory
from convo.audio import child, codec, isolated
from convo.audio.codec import Form, Limits, convert, decoded
from convo.errors import AudioTooLong, BadAudio
from tests.audio import sounds
from tests.audio.builders import chunk, fmt, id3, sample, wav

if TYPE_CHECKING:
    from pathlib import Path


def run_here(data: bytes, found: str, form: Form | None = None, seconds: int = 100) -> dict[str, Any]:
    job = codec._job(found, None, form) | {"size": len(data), "seconds": seconds, "output": 1_000_000}
    return child.run(job, data, lambda _kind, _content: None)


def is_answer(facts: dict[str, Any]) -> bool:
    """Sound, or a reason; nothing else, and no exception."""
    return facts.get("error") in ("bad", "seconds", "output") or 0 < facts["duration"] <= 100


DAMAGED = (
    "himself.webm",
    "himself.m4a",
    "himself.opus",
    "himself-vbr.mp3",
    "himself.aac",
    "himself.ogg",
    "himself.flac",
    "himself.wav",
)


def format_of(name: str) -> str:
    return name.rpartition(".")[2]


@pytest.mark.parametrize("name", DAMAGED)
def test_a_file_cut_anywhere_is_answered(name: str) -> None:
    """At every byte of the headers, and at some of the rest."""
    data = sample(name)
    for end in (*range(1, 400), *range(400, len(data), len(data) // 150)):
        assert is_answer(run_here(data[:end], format_of(name)))


@pytest.mark.parametrize("name", DAMAGED)
def test_flipped_bits_are_answered(name: str) -> None:
    chance, whole = random.Random(7), sample(name)
    for _ in range(250):
        data = bytearray(whole)
        for _ in range(chance.choice([1, 2, 8, 64])):
            data[chance.randrange(min(len(data), chance.choice([200, 1_000, 100_000])))] ^= 1 << chance.randrange(8)
        assert is_answer(run_here(bytes(data), format_of(name), chance.choice([None, Form("wav")])))


@pytest.mark.parametrize("name", DAMAGED)
def test_a_file_read_as_another_format_is_answered(name: str) -> None:
    for found in codec._DEMUXERS:
        assert is_answer(run_here(sample(name), found))


def flac(rate: int = 44_100, channels: int = 2, samples: int = 0) -> bytes:
    """A FLAC with a header that says what it likes, before the frames of the sample."""
    info = struct.pack(">HH", 4_608, 4_608) + bytes(6)
    info += ((rate << 44) | (channels - 1 << 41) | (15 << 36) | samples).to_bytes(8, "big") + bytes(16)
    return b"fLaC" + b"\x80\0\0\x22" + info + sample("himself.flac")[8_000:]


@pytest.mark.parametrize(
    "data",
    [
        wav(fmt(channels=65_535, block=65_535 * 2), chunk(b"data", bytes(400_000))),
        wav(fmt(channels=65_535, block=1), chunk(b"data", bytes(400_000))),
        wav(fmt(channels=33), chunk(b"data", bytes(66_000))),
        wav(fmt(channels=0), chunk(b"data", bytes(400_000))),
        wav(fmt(rate=0), chunk(b"data", bytes(40_000))),
        wav(fmt(rate=1), chunk(b"data", bytes(40_000))),
        wav(fmt(rate=4_000_000_000), chunk(b"data", bytes(40_000))),
        wav(fmt(rate=2_147_483_647), chunk(b"data", bytes(40_000))),
        wav(fmt(bits=0, block=0), chunk(b"data", bytes(40_000))),
        wav(fmt(bits=65_528), chunk(b"data", bytes(40_000))),
        wav(*[chunk(b"LIST", b"") for _ in range(5_000)]),
        wav(fmt(tag=0x2000), chunk(b"data", bytes(40_000))),
        wav(fmt(tag=0x0161), chunk(b"data", bytes(40_000))),
    ],
)
def test_absurd_headers_of_a_wav_are_refused(data: bytes) -> None:
    with pytest.raises(BadAudio):
        decoded(data, "wav")


@pytest.mark.parametrize(("rate", "channels", "samples"), [(0, 1, 0), (655_350, 8, 2**36 - 1), (1, 8, 2**36 - 1), (44_100, 2, 1)])
def test_absurd_headers_of_a_flac_are_answered(rate: int, channels: int, samples: int) -> None:
    assert is_answer(run_here(flac(rate, channels, samples), "flac"))


@pytest.mark.parametrize("found", ["wav", "mp3", "flac", "ogg", "opus", "aac", "m4a", "mp4", "webm"])
@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile {}\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{}\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\na=rtpmap:0 PCMU/8000\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><BaseURL>{}</BaseURL></Period></MPD>\n',
    ],
)
def test_playlists_in_disguise_open_nothing(text: str, found: str, tmp_path: Path) -> None:
    """The file that they name would be decoded, if it were opened."""
    real = tmp_path / "real.wav"
    real.write_bytes(sample("himself.wav"))
    playlist = text.format(real).encode()
    for data in (playlist, playlist * 100, id3() + playlist * 100):
        assert run_here(data, found)["error"] == "bad"


def test_nothing_else_can_be_opened() -> None:
    with pytest.raises(PermissionError):
        child._nothing("file:///etc/passwd", 1, {})


def box(name: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", len(body) + 8, name) + body


@cache
def looping_mp4(times: int) -> bytes:
    """An m4a whose edit list plays its sound over and over, twelve bytes a time."""
    data = sample("himself.m4a")
    at = data.index(b"edts") - 4
    size = struct.unpack_from(">I", data, at)[0]
    edits = struct.pack(">II", 0, times) + struct.pack(">IiI", 760, 0, 1 << 16) * times
    grown = box(b"edts", box(b"elst", edits))
    out = bytearray(data[:at] + grown + data[at + size :])
    for name in (b"moov", b"trak"):
        where = out.index(name) - 4
        struct.pack_into(">I", out, where, struct.unpack_from(">I", out, where)[0] + len(grown) - size)
    return bytes(out)


@pytest.mark.parametrize("times", [2, 1_000, 100_000])
def test_an_edit_list_that_loops_costs_bounded_time(times: int) -> None:
    try:
        got = decoded(looping_mp4(times), "m4a", limits=Limits(seconds=60, time=5))
    except (AudioTooLong, BadAudio):
        return
    assert 0.7 < (got.probe.duration or 0) <= 60


def test_negative_times_are_no_matter() -> None:
    data = bytearray(sounds.container("webm", "libopus"))
    at = data.index(b"\x1fC\xb6u") + 4  # the cluster, then its own time
    where = data.index(b"\xe7", at)
    data[where + 2] = 0xFF
    assert decoded(bytes(data), "webm").probe.duration == pytest.approx(1.0, abs=0.1)


@cache
def bomb(name: str) -> bytes:
    """Twenty minutes of silence: 60 to 600 times smaller than its sound."""
    return convert(bytes(2 * 24_000 * 1_200), "pcm16", Form(name)).data


@pytest.mark.parametrize("name", ["flac", "opus", "m4a"])
def test_a_bomb_is_stopped_at_the_limit_of_seconds(name: str) -> None:
    data = bomb(name)
    assert len(data) < 2 * 24_000 * 1_200 / 60
    with pytest.raises(AudioTooLong, match="limit is 100;") as long:
        decoded(data, name, limits=Limits(seconds=100))
    assert long.value.size == 101
    with pytest.raises(AudioTooLong):
        convert(data, name, Form("wav"), limits=Limits(seconds=100))


def test_a_recording_that_takes_too_much_time_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "_WALL", 100)
    with pytest.raises(BadAudio, match="1 seconds of processor time"):
        convert(bomb("flac") * 10, "flac", Form("mp3"), limits=Limits(time=1))


@pytest.mark.skipif(sys.platform != "linux", reason="peaks of memory are counted otherwise")
@pytest.mark.parametrize("form", [None, Form("wav"), Form("mp3")])
def test_memory_does_not_grow_with_the_sound(form: Form | None) -> None:
    """Twenty minutes of sound take no more than one second, beside what goes in and comes out: 58 MB as samples."""
    job = codec._job("flac", None, form)
    short = convert(bytes(48_000), "pcm16", Form("flac")).data
    long = bomb("flac")
    out = 9_600_000 if form is not None and form.format == "mp3" else 0
    assert child_memory(job, long) - child_memory(job, short) < 6_000_000 + 2 * len(long) + 1.2 * out
