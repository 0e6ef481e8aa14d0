"""A bill for every request, by the price and cache rules that the API documents. It shares no code with convo.

What a message costs: four tokens, one for every four characters of its text, ten a second of a recording, and for an
audio id what the audio cost when it was made: twenty a second. An answer costs its audio and the text of its transcript.

What the cache does: each message ends a prefix. A request finds the longest of its prefixes that an earlier request had,
byte for byte, not more than ten minutes ago, if that is 1,024 tokens or more; what it finds lives on from then. (The API
counts cached tokens in steps of 128, whole messages or not; here whole messages count.)
"""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import json
import math
import wave
from decimal import Decimal
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Message = dict[str, Any]

PER_MESSAGE = 4
CHARACTERS = 4
USER_RATE, REPLY_RATE = 10, 20
SMALLEST = 1_024
LIFETIME = 600
NEW = 2
"""Messages at the end of a request that no earlier one held: the reply to the question before, and the new question."""
MILLION = Decimal(1_000_000)


@attrs.frozen(kw_only=True)
class Rates:
    """USD for a million tokens; without a cached rate, cached tokens cost what others of their kind do."""

    text_in: Decimal
    text_out: Decimal
    audio_in: Decimal = Decimal(0)
    audio_out: Decimal = Decimal(0)
    cached_in: Decimal | None = None
    cached_audio_in: Decimal | None = None


@attrs.frozen
class Tokens:
    """Tokens by kind."""

    text: int = 0
    audio: int = 0

    @property
    def total(self) -> int:
        """Both kinds."""
        return self.text + self.audio

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.text + other.text, self.audio + other.audio)

    def __sub__(self, other: Tokens) -> Tokens:
        return Tokens(self.text - other.text, self.audio - other.audio)


NONE = Tokens()


@attrs.frozen(kw_only=True)
class Bill:
    """What one request cost, or many.

    `breaks` counts the requests that do not begin with the whole request before; `resent` is the tokens from the first
    message on that differs from the request before, `resent_old` those of them that were not new in this request.
    """

    requests: int = 0
    read: Tokens = NONE
    cached: Tokens = NONE
    written: Tokens = NONE
    breaks: int = 0
    resent: int = 0
    resent_old: int = 0

    def __add__(self, other: Bill) -> Bill:
        return Bill(**{field.name: getattr(self, field.name) + getattr(other, field.name) for field in attrs.fields(Bill)})

    @property
    def cached_share(self) -> float:
        """The share of the input that came from the cache."""
        return self.cached.total / max(1, self.read.total)

    def dollars_in(self, rates: Rates) -> Decimal:
        """Give what the input cost."""
        full = self.read - self.cached
        text = rates.text_in if rates.cached_in is None else rates.cached_in
        audio = rates.audio_in if rates.cached_audio_in is None else rates.cached_audio_in
        parts = full.text * rates.text_in, full.audio * rates.audio_in, self.cached.text * text, self.cached.audio * audio
        return sum(parts, Decimal(0)) / MILLION

    def dollars_out(self, rates: Rates) -> Decimal:
        """Give what the answers cost."""
        return (self.written.text * rates.text_out + self.written.audio * rates.audio_out) / MILLION

    def dollars(self, rates: Rates) -> Decimal:
        """Give what both cost."""
        return self.dollars_in(rates) + self.dollars_out(rates)

    def usage(self) -> dict[str, Any]:
        """Give the `usage` of the answer, as the API writes it."""
        read, written = self.read, self.written
        return {
            "prompt_tokens": read.total,
            "completion_tokens": written.total,
            "total_tokens": read.total + written.total,
            "prompt_tokens_details": {
                "text_tokens": read.text, "audio_tokens": read.audio, "cached_tokens": self.cached.total,
            },
            "completion_tokens_details": {"text_tokens": written.text, "audio_tokens": written.audio},
        }  # fmt: skip


class Biller:
    """The biller of one conversation: it remembers what audio cost, what is cached, and the request before."""

    def __init__(self) -> None:
        self.bills: list[Bill] = []
        self._audio: dict[str, int] = {}
        self._used: dict[bytes, float] = {}
        self._before: list[bytes] = []

    @property
    def total(self) -> Bill:
        """The sum of all bills."""
        return functools.reduce(Bill.__add__, self.bills, Bill())

    def issued(self, audio_id: str, seconds: float) -> None:
        """Remember audio that an answer gives out."""
        self._audio[audio_id] = math.ceil(seconds * REPLY_RATE)

    def bill(self, body: dict[str, Any], said: str, seconds: float, now: float) -> Bill:
        """Bill a request at `now` (in seconds), and its answer: the text that it says, and how long it speaks."""
        messages = body["messages"]
        sums = list(accumulate(map(self._tokens, messages), initial=NONE))
        prefixes = list(_prefixes(body.get("prompt_cache_key"), messages))
        same = _common(self._before, prefixes)
        old = max(same, len(messages) - NEW)
        bill = Bill(
            requests=1,
            read=sums[-1],
            cached=sums[self._found(prefixes, sums, now)],
            written=Tokens(text_tokens(said), math.ceil(seconds * REPLY_RATE)),
            breaks=same < len(self._before),
            resent=(sums[-1] - sums[same]).total,
            resent_old=(sums[old] - sums[same]).total,
        )
        self._used.update(dict.fromkeys(prefixes, now))
        self._before = prefixes
        self.bills.append(bill)
        return bill

    def _found(self, prefixes: Sequence[bytes], sums: Sequence[Tokens], now: float) -> int:
        """Give how many messages the cache has."""
        for count in range(len(prefixes), 0, -1):
            used = self._used.get(prefixes[count - 1])
            if used is not None and now - used <= LIFETIME and sums[count].total >= SMALLEST:
                return count
        return 0

    def _tokens(self, message: Message) -> Tokens:
        return tokens(message, self._audio)


def tokens(message: Message, audio: dict[str, int]) -> Tokens:
    """Give what a message costs; `audio` is what the audio of each id does. What it does not know is a `ValueError`."""
    found = Tokens(PER_MESSAGE)
    match message:
        case {"audio": {"id": str(audio_id)}}:
            return found + Tokens(0, audio[audio_id])
        case {"content": str(text)}:
            return found + Tokens(text_tokens(text))
        case {"content": [*parts]}:
            return sum(map(_part, parts), found)
    raise ValueError(f"what does {message} cost?")


def text_tokens(text: str) -> int:
    """Give what a text costs."""
    return math.ceil(len(text) / CHARACTERS)


def _part(part: dict[str, Any]) -> Tokens:
    match part:
        case {"type": "text", "text": str(text)}:
            return Tokens(text_tokens(text))
        case {"type": "input_audio", "input_audio": {"format": "wav", "data": str(data)}}:
            return Tokens(0, math.ceil(_seconds(data) * USER_RATE))
    raise ValueError(f"what does {part} cost?")


@functools.lru_cache(maxsize=1_000)
def _seconds(data: str) -> float:
    with wave.open(io.BytesIO(base64.b64decode(data))) as file:
        frames, rate = int(file.getnframes()), int(file.getframerate())
        return frames / rate


def _prefixes(key: str | None, messages: Iterable[Message]) -> Iterable[bytes]:
    """Give a hash of each prefix, the bytes of its messages as they came. Requests with another key find other entries."""
    digest = hashlib.sha256(json.dumps(key).encode())
    for message in messages:
        digest.update(json.dumps(message).encode())
        yield digest.digest()


def _common(before: Sequence[bytes], now: Sequence[bytes]) -> int:
    """Give how many messages of two requests are the same from the start."""
    # A hash covers all that comes before: where two are the same, so is the rest.
    return next((count for count in range(min(len(before), len(now)), 0, -1) if before[count - 1] == now[count - 1]), 0)
