"""Which format some bytes are, by their magic numbers and headers.

Looks at the first bytes only (and past an ID3 tag), so it costs the same for any length.
"""

from __future__ import annotations

from convo.audio.mpeg import adts_at, id3_end, mpeg_at

_UNSUPPORTED = (
    (b"RF64", "RF64, a wav of more than 4 GB"),
    (b"RIFX", "RIFX, a big-endian wav"),
    (b"RIFF", "RIFF, but no wav"),
    (b"FORM", "AIFF"),
    (b"#!AMR", "AMR"),
    (b"caff", "CAF"),
    (b".snd", "AU"),
    (b"0&\xb2u", "WMA"),
    (b"MThd", "MIDI"),
    (b"\x1aE\xdf\xa3", "Matroska"),
)
_HEAD = 64
"""Bytes in which the first packet of Ogg and the document type of EBML stand."""


def sniff(data: bytes) -> str | None:
    """Give the format that `data` starts as, one of `FORMATS`, or None. `pcm16` has no header and is never found."""
    if data[:3] == b"ID3":
        start = id3_end(data, 0)
        return _by_magic(data[start : start + _HEAD]) or ("aac" if adts_at(data, start) else "mp3")
    if found := _by_magic(data[:_HEAD]):
        return found
    if mpeg_at(data, 0):
        return "mp3"
    return "aac" if adts_at(data, 0) else None


def _by_magic(head: bytes) -> str | None:
    if head[:4] == b"RIFF":
        return "wav" if head[8:12] == b"WAVE" else None
    if head[:4] == b"fLaC":
        return "flac"
    if head[:4] == b"OggS":
        return "opus" if b"OpusHead" in head else "ogg"
    if head[4:8] == b"ftyp":
        return "m4a" if head[8:11] in (b"M4A", b"M4B") else "mp4"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "webm" if b"webm" in head else None
    return None


def describe(data: bytes) -> str:
    """Say what bytes that `sniff` does not know look like, for an error: a format's name, or the first bytes in hex."""
    for magic, name in _UNSUPPORTED:
        if data.startswith(magic):
            return f"they look like {name}"
    return f"they start with {data[:8].hex(' ')}"
