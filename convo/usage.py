"""Tokens by kind, as the API counts them, and what they cost, exact to the last decimal.

What is not known stays None, and a cost with an unknown part is unknown: never zero by ignorance.
"""

from __future__ import annotations

import decimal
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convo.models import Prices

KINDS = (
    "text_in", "text_out", "audio_in", "audio_out", "image_in", "cached_in", "cached_audio_in", "cache_write",
    "minutes_in", "minutes_out", "characters_in", "cached_image_in",
)  # fmt: skip
"""Parts of a cost, by the names of `Prices`."""
LENGTHS = {"minutes_in": "input_milliseconds", "minutes_out": "output_milliseconds", "characters_in": "input_characters"}
"""Prices of what is billed by its length, and the counts that they are for."""
_PER = -6
"""Prices are for 10**6 tokens, and characters."""
_MINUTE = 60_000
"""Milliseconds."""
_PICO = 12
_LEAST = Decimal("1e-12")
_MOST = 10**12
"""Tokens that no call has: a larger count is a mistake of a server, and would not fit a 64-bit sum of costs."""
_EXACT = decimal.Context(prec=60, rounding=decimal.ROUND_HALF_EVEN)
"""Our own, so that a caller's decimal context changes no bill: 60 digits hold any count times any price."""


@attrs.frozen(kw_only=True)
class Usage:
    """Tokens of one call, or the sum of several; None is unknown.

    `input_tokens` is text, audio and image together; `input_cached` and `input_cache_write` are parts of it.
    `output_tokens` is text and audio; `output_reasoning` and the predictions are parts of its text.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_text: int | None = None
    input_audio: int | None = None
    input_image: int | None = None
    input_cached: int | None = None
    """Tokens read from the cache, of any kind."""
    input_cached_audio: int | None = None
    """Those of them that are audio, where the API tells."""
    input_cached_image: int | None = None
    """Those of them that are images, where the API tells."""
    input_cache_write: int | None = None
    output_text: int | None = None
    output_audio: int | None = None
    output_reasoning: int | None = None
    accepted_prediction: int | None = None
    rejected_prediction: int | None = None
    input_milliseconds: int | None = None
    """Sound that is billed by its length, not by tokens: as the API says."""
    output_milliseconds: int | None = None
    """The same of sound that was made, for a model with a price by the minute of it: as it was measured."""
    input_characters: int | None = None
    """Characters (code points) of a text that was sent to be spoken."""

    @classmethod
    def from_chat(cls, body: object) -> Usage:
        """Read `usage` of a Chat Completions answer; whatever is null, missing or no count is None. Never raises.

        Where the API counts the audio and leaves the text out, the text is the rest of the total.
        """
        return cls._read(body, "prompt", "completion", "tokens_details")

    @classmethod
    def from_response(cls, body: object) -> Usage:
        """Read `usage` of a Response, by the same rules. There is no audio in it; what hosted tools used stands elsewhere."""
        return cls._read(body, "input", "output", "tokens_details", silent=True)

    @classmethod
    def from_transcription(cls, body: object) -> Usage:
        """Read `usage` of a transcription, by the same rules; one that is billed by its length has that, and no tokens."""
        usage = _mapping(body)
        if usage.get("type") == "duration":
            return cls(input_milliseconds=_milliseconds(usage.get("seconds")))
        into = _mapping(usage.get("input_token_details"))
        total, heard = _count(usage.get("input_tokens")), _count(into.get("audio_tokens"))
        said = _count(usage.get("output_tokens"))
        return cls(
            input_tokens=total,
            output_tokens=said,
            total_tokens=_count(usage.get("total_tokens")),
            input_text=_text(into, total, heard, 0),
            input_audio=heard,
            output_text=said,
            output_audio=None if said is None else 0,
        )

    @classmethod
    def from_realtime(cls, body: object) -> Usage:
        """Read `usage` of a Realtime response, by the same rules."""
        return cls._read(body, "input", "output", "token_details")

    @classmethod
    def _read(cls, body: object, read: str, said: str, details: str, *, silent: bool = False) -> Usage:
        """Read `usage` by the words that an API has for what was read and said, and for the details of them.

        In a `silent` one there is no audio where none is told of.
        """
        usage = _mapping(body)
        into, out = _mapping(usage.get(f"{read}_{details}")), _mapping(usage.get(f"{said}_{details}"))
        cached = _mapping(into.get("cached_tokens_details"))
        prompt, completion = _count(usage.get(f"{read}_tokens")), _count(usage.get(f"{said}_tokens"))
        heard, image, spoken = (
            _count(part) for part in (into.get("audio_tokens"), into.get("image_tokens"), out.get("audio_tokens"))
        )
        if silent:
            heard = 0 if heard is None and prompt is not None else heard
            spoken = 0 if spoken is None and completion is not None else spoken
        return cls(
            input_tokens=prompt,
            output_tokens=completion,
            total_tokens=_count(usage.get("total_tokens")),
            input_text=_text(into, prompt, heard, image),
            input_audio=heard,
            input_image=image,
            input_cached=_count(into.get("cached_tokens")),
            input_cached_audio=_count(cached.get("audio_tokens")),
            input_cached_image=_count(cached.get("image_tokens")),
            input_cache_write=_count(into.get("cache_write_tokens")),
            output_text=_text(out, completion, spoken, 0),
            output_audio=spoken,
            output_reasoning=_count(out.get("reasoning_tokens")),
            accepted_prediction=_count(out.get("accepted_prediction_tokens")),
            rejected_prediction=_count(out.get("rejected_prediction_tokens")),
        )

    def __add__(self, other: Usage) -> Usage:
        """Add counts; an unknown one adds nothing, and two unknown ones stay unknown."""
        if not isinstance(other, Usage):
            return NotImplemented
        return Usage(**{name: _sum(getattr(self, name), getattr(other, name)) for name in _NAMES})

    def __str__(self) -> str:
        """Give what is known, such as `30 in (14 text, 16 audio), 12 out`, or `9.5 s in` of what is billed by its length."""
        lengths = ", ".join(_lengths(self))
        if lengths and all(getattr(self, name) is None for name in _TOKENS):
            return lengths
        return f"{_told(self, 'input')} in, {_told(self, 'output')} out{lengths and ', '}{lengths}"

    def to_dict(self) -> dict[str, int]:
        """Give the counts that are known, by name: `Usage(**usage.to_dict()) == usage`."""
        return {name: count for name in _NAMES if (count := getattr(self, name)) is not None}


_NAMES = tuple(field.name for field in attrs.fields(Usage))
_TOKENS = tuple(name for name in _NAMES if name not in LENGTHS.values())


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _told(usage: Usage, side: str) -> str:
    total = getattr(usage, f"{side}_tokens")
    kinds = ((kind, getattr(usage, f"{side}_{kind}", None)) for kind in ("text", "audio", "image", "cached", "reasoning"))
    parts = ", ".join(f"{count} {kind}" for kind, count in kinds if count)
    return f"{'?' if total is None else total}{f' ({parts})' if parts else ''}"


def _lengths(usage: Usage) -> list[str]:
    """Give what is billed by its length, in words."""
    sounds = (("in", usage.input_milliseconds), ("out", usage.output_milliseconds))
    found = [f"{_EXACT.scaleb(Decimal(count), -3).normalize():f} s {side}" for side, count in sounds if count is not None]
    return [*found, *([] if usage.input_characters is None else [f"{usage.input_characters} characters in"])]


def _milliseconds(value: object) -> int | None:
    """Give seconds of JSON as whole milliseconds, a half to the even one; the text of the number is what is exact."""
    if isinstance(value, bool):
        return None
    try:
        seconds = Decimal(str(value))
        return _count(int(_EXACT.to_integral_value(_EXACT.scaleb(seconds, 3)))) if seconds.is_finite() else None
    except ArithmeticError:
        return None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST else None


def _text(details: Mapping[str, object], total: int | None, audio: int | None, image: int | None) -> int | None:
    told = _count(details.get("text_tokens"))
    if told is not None or total is None or audio is None:
        return told
    return _count(total - audio - (image or 0))


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one + (other or 0)


# --- money -----------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Cost:
    """What a call cost. `amount` is None when any part of it is unknown; `unknown` then says which.

    `by_kind` holds the parts that are known and not zero, by the names of `Prices`; where the cost of a call is known they
    are all, and their sum is the amount. `table` names the prices used. Of a sum of costs in several currencies, `unknown`
    says `currency`; of a call that was served in another service tier than prices are for, `service_tier`.
    """

    amount: Decimal | None = None
    currency: str = "USD"
    by_kind: Mapping[str, Decimal] = attrs.field(factory=dict, hash=False)
    unknown: tuple[str, ...] = ()
    table: str = ""

    @property
    def picos(self) -> int | None:
        """The amount in units of 10**-12, to be stored in a 64-bit integer; exact, and None for one that does not fit."""
        return None if self.amount is None else _to_picos(self.amount)

    @classmethod
    def from_picos(
        cls, picos: int | None, *, currency: str = "USD", table: str = "", parts: Mapping[str, int | None] | None = None
    ) -> Cost:
        """Give a stored cost, with those of its `parts` (by kind) that are known and not zero; None is an unknown one."""
        by_kind = {kind: _of_picos(part) for kind, part in (parts or {}).items() if part}
        return cls(amount=None if picos is None else _of_picos(picos), currency=currency, by_kind=by_kind, table=table)

    def parts(self) -> dict[str, int | None]:
        """Give every part in units of 10**-12: 0 for one that a known cost does not have, None for one that is not known."""
        rest = None if self.amount is None else 0
        return {kind: rest if (part := self.by_kind.get(kind)) is None else _to_picos(part) for kind in KINDS}

    def __add__(self, other: Cost) -> Cost:
        """Add costs and their parts; the sum is unknown where either is, and where their currencies differ."""
        if not isinstance(other, Cost):
            return NotImplemented
        table = self.table if self.table == other.table else ""
        unknown = dict.fromkeys((*self.unknown, *other.unknown))
        if self.currency != other.currency:
            return Cost(currency="", unknown=tuple({**unknown, "currency": None}), table=table)
        parts = (*self.by_kind.items(), *other.by_kind.items())
        kinds = {kind: _total(part for name, part in parts if name == kind) for kind, _ in parts}
        amount = None if self.amount is None or other.amount is None else _total((self.amount, other.amount))
        return Cost(amount=amount, currency=self.currency, by_kind=kinds, unknown=tuple(unknown), table=table)

    def __str__(self) -> str:
        """Give `$0.021563`, `0.02 EUR` or `unknown`: at least two decimals, at most six unless that would show zero."""
        if self.amount is None:
            return "unknown"
        shown = _EXACT.quantize(self.amount, Decimal("1e-6")) or self.amount
        digits, _, decimals = f"{shown:,f}".partition(".")
        text = f"{digits}.{decimals.rstrip('0').ljust(2, '0')}"
        return f"${text}" if self.currency == "USD" else f"{text} {self.currency}"


def _to_picos(amount: Decimal) -> int | None:
    found = int(_EXACT.to_integral_value(_EXACT.scaleb(amount, _PICO)))
    return found if abs(found) < 1 << 63 else None


def _of_picos(picos: int) -> Decimal:
    return _EXACT.scaleb(Decimal(picos), -_PICO)


def price(usage: Usage, prices: Prices | None, *, table: str = "") -> Cost:
    """Give what a call cost, exactly.

    A kind with tokens and without a price makes the cost unknown; a kind without tokens costs nothing. Tokens whose
    kind the API did not tell are text for a model without audio prices, and unknown otherwise. Cached tokens cost
    what others of their kind do where no cached price is known. Reasoning is part of the output's text.

    What has a length (minutes of sound, characters) is billed by those lengths that have a price, each minute's share
    rounded half to even to 10**-12 of the currency; where none has one, the cost is unknown. A call that told lengths and no
    tokens is billed by its lengths alone. More input than prices are for (`Prices.input_up_to`) has no known cost.
    """
    held = prices if prices is None or not _is_past(usage, prices) else None
    found: dict[str, Decimal] = {}
    unknown = []
    for kind, count in _billed(usage, held).items():
        rate = getattr(held, kind, None)
        if count == 0:
            continue
        if count is None or rate is None:
            unknown.append(kind)
        elif part := _part(kind, count, rate):
            found[kind] = part
    amount = None if unknown else _total(found.values())
    currency = "USD" if prices is None else prices.currency
    return Cost(amount=amount, currency=currency, by_kind=found, unknown=tuple(unknown), table=table)


def _is_past(usage: Usage, prices: Prices) -> bool:
    return prices.input_up_to is not None and usage.input_tokens is not None and usage.input_tokens > prices.input_up_to


def _part(kind: str, count: int, rate: Decimal) -> Decimal:
    amount = _EXACT.multiply(Decimal(count), rate)
    if kind.startswith("minutes"):
        return _EXACT.quantize(_EXACT.divide(amount, Decimal(_MINUTE)), _LEAST)
    return _EXACT.scaleb(amount, _PER)


def _billed(usage: Usage, prices: Prices | None) -> dict[str, int | None]:
    """Give what is to be billed, by the names of prices."""
    lengths = {kind: count for kind, name in LENGTHS.items() if (count := getattr(usage, name)) is not None}
    if priced := {kind: count for kind, count in lengths.items() if getattr(prices, kind, None) is not None}:
        lengths = priced
    if lengths and all(getattr(usage, name) is None for name in _TOKENS):
        return dict(lengths)
    return {**_input(usage, prices), **_output(usage, prices), **lengths}


def _total(parts: Iterable[Decimal]) -> Decimal:
    total = Decimal(0)
    for part in parts:
        total = _EXACT.add(total, part)
    return total


def _input(usage: Usage, prices: Prices | None) -> dict[str, int | None]:
    """Give the tokens to bill by price, and under `input` those that have none; None where counts contradict each other."""
    image = usage.input_image or 0
    only_text = prices is not None and prices.audio_in is None
    parts = _parts(_less(usage.input_tokens, image), usage.input_text, usage.input_audio, only_text=only_text)
    if parts is None:
        return {"input": None}
    text, audio, rest = parts
    return {**_less_cached(usage, prices, text, audio, image), "input": rest}


def _output(usage: Usage, prices: Prices | None) -> dict[str, int | None]:
    # The API may count these apart from the text; they are billed with it.
    spare = (usage.output_reasoning or 0) + (usage.accepted_prediction or 0) + (usage.rejected_prediction or 0)
    only_text = prices is not None and prices.audio_out is None
    parts = _parts(usage.output_tokens, usage.output_text, usage.output_audio, only_text=only_text, spare=spare)
    if parts is None:
        return {"output": None}
    text, audio, rest = parts
    return {"text_out": text, "audio_out": audio, "output": rest}


def _parts(
    total: int | None, text: int | None, audio: int | None, *, only_text: bool, spare: int = 0
) -> tuple[int, int, int] | None:
    """Give the tokens of text, of audio and of no known kind; None where counts are missing or contradict each other."""
    if total is None:
        if text is None or (audio is None and not only_text):
            return None
        total = text + (audio or 0)
    rest = total - (text or 0) - (audio or 0)
    if rest < 0:
        return None
    if only_text or rest <= spare or (text is None and audio is not None):
        return (text or 0) + rest, audio or 0, 0
    return text or 0, audio or 0, rest


def _less(total: int | None, part: int) -> int | None:
    return None if total is None else total - part


def _less_cached(usage: Usage, prices: Prices | None, text: int, audio: int, image: int) -> dict[str, int | None]:
    """Give each kind without the tokens that have a price for reading or writing the cache, and those by their price.

    Where the API does not say of which kind the cached tokens are, there are several that they may be of, and any of these
    has a price of its own for them, it cannot be known what was cheaper.
    """
    cached = _cached(usage, text, audio, image)
    if cached is None:
        if _has(prices, "cached_in", "cached_audio_in", "cached_image_in"):
            return {"cached_in": None}
        cached = (0, 0, 0)
    names = ("cached_in", "cached_audio_in", "cached_image_in")
    read, read_audio, read_image = (count if _has(prices, name) else 0 for name, count in zip(names, cached, strict=True))
    written = usage.input_cache_write or 0 if _has(prices, "cache_write") else 0
    full, full_audio, full_image = text - read - written, audio - read_audio, image - read_image
    if min(read, full, full_audio, full_image) < 0:
        return {"cached_in": None}
    return {
        "text_in": full, "audio_in": full_audio, "image_in": full_image, "cached_in": read, "cached_audio_in": read_audio,
        "cached_image_in": read_image, "cache_write": written,
    }  # fmt: skip


def _cached(usage: Usage, text: int, audio: int, image: int) -> tuple[int, int, int] | None:
    """Give the cached tokens of text, of audio and of images; None where it cannot be told."""
    cached = usage.input_cached or 0
    if cached and cached == text + audio + image:
        return text, audio, image
    heard = usage.input_cached_audio if audio else 0
    seen = usage.input_cached_image if image else 0
    if not text and cached:  # of the two kinds that are left, what one is not is the other
        heard = cached - seen if heard is None and seen is not None else heard
        seen = cached - heard if seen is None and heard is not None else seen
    if heard is None or seen is None:
        return (0, 0, 0) if not cached else None
    return cached - heard - seen, heard, seen


def _has(prices: Prices | None, *kinds: str) -> bool:
    return any(getattr(prices, kind, None) is not None for kind in kinds)
