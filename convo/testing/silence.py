"""Silence of a given length in formats of which the fake has no encoder: every player decodes it.

A frame of silence is the same bytes over and over; what counts up around it (numbers, checksums) is made here.
"""

from __future__ import annotations

import math
import struct
from zlib import crc32

RATE = 24_000

# 48 kHz, mono, 32 kbit/s, MPEG-1 layer III. With its side information all zero a frame decodes to silence.
_MP3_FRAME = bytes([0xFF, 0xFB, 0x14, 0xC0]) + bytes(92)
_MP3_FRAMES_PER_SECOND = 48_000 / 1152
# 24 kHz, mono, AAC LC in ADTS.
_AAC_FRAME = bytes.fromhex("fff1584001bffc00c800802380")
_AAC_FRAMES_PER_SECOND = RATE / 1_024

_FLAC_BLOCK = 4_096
_FLAC_FRAME = bytes.fromhex("fff8c708")
"""A frame of 4,096 samples, the number of which is fixed; 24 kHz, mono, 16 bit."""
_FLAC_SUBFRAME = bytes(3)
"""One value for all samples of a block: zero."""

_OPUS_RATE = 48_000
_OPUS_SKIP = 312
"""Samples at the start that are not played."""
_OPUS_PACKET = bytes.fromhex("f8fffe")
_OPUS_SAMPLES = 960
_OPUS_HEAD = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, _OPUS_SKIP, RATE, 0, 0)
_OPUS_TAGS = b"OpusTags" + struct.pack("<I", 4) + b"fake" + struct.pack("<I", 0)
_PACKETS_A_PAGE = 50
_FIRST, _LAST = 2, 4
"""Flags of the pages at either end of a stream."""
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def mp3(seconds: float) -> bytes:
    """Give silence as mp3, to the next frame (24 ms)."""
    return _MP3_FRAME * math.ceil(seconds * _MP3_FRAMES_PER_SECOND)


def aac(seconds: float) -> bytes:
    """Give silence as AAC in ADTS, to the next frame (43 ms)."""
    return _AAC_FRAME * math.ceil(seconds * _AAC_FRAMES_PER_SECOND)


# --- FLAC (RFC 9639) -------------------------------------------------------------------------------


def flac(seconds: float) -> bytes:
    """Give silence as FLAC, to the next block (171 ms). The MD5 of its samples is left out, as the format allows."""
    blocks = math.ceil(seconds * RATE / _FLAC_BLOCK)
    packed = RATE << 44 | (16 - 1) << 36 | blocks * _FLAC_BLOCK
    info = struct.pack(">HH", _FLAC_BLOCK, _FLAC_BLOCK) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    return b"fLaC\x80" + len(info).to_bytes(3, "big") + info + b"".join(_flac_frame(number) for number in range(blocks))


def _flac_frame(number: int) -> bytes:
    head = _FLAC_FRAME + chr(number).encode("utf-8", "surrogatepass")
    whole = head + bytes([_crc(head, 8, 0x07)]) + _FLAC_SUBFRAME
    return whole + _crc(whole, 16, 0x8005).to_bytes(2, "big")


def _crc(data: bytes, bits: int, polynomial: int) -> int:
    found = 0
    for byte in data:
        found ^= byte << bits - 8
        for _ in range(8):
            found = (found << 1 ^ (polynomial if found >> bits - 1 else 0)) & (1 << bits) - 1
    return found


# --- Opus in Ogg (RFC 7845, RFC 3533) --------------------------------------------------------------


def opus(seconds: float) -> bytes:
    """Give silence as Opus in Ogg, to the sample."""
    played = round(seconds * _OPUS_RATE)
    packets = max(1, math.ceil((played + _OPUS_SKIP) / _OPUS_SAMPLES))
    pages = [_page(0, _FIRST, 0, [_OPUS_HEAD]), _page(1, 0, 0, [_OPUS_TAGS])]
    for first in range(0, packets, _PACKETS_A_PAGE):
        last = min(first + _PACKETS_A_PAGE, packets)
        end = played + _OPUS_SKIP if last == packets else last * _OPUS_SAMPLES
        pages.append(_page(len(pages), _LAST if last == packets else 0, end, [_OPUS_PACKET] * (last - first)))
    return b"".join(pages)


def _page(number: int, flags: int, position: int, packets: list[bytes]) -> bytes:
    head = struct.pack("<4sBBQII", b"OggS", 0, flags, position, 1, number)
    body = bytes([len(packets)]) + bytes(map(len, packets)) + b"".join(packets)
    return head + struct.pack("<I", _ogg_checksum(head + bytes(4) + body)) + body


def _ogg_checksum(data: bytes) -> int:
    """Give the CRC-32 of Ogg: that of zlib with its bits the other way round, and not inverted."""
    found = crc32(data.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{found:032b}"[::-1], 2)
