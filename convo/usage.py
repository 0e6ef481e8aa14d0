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

_PER = -6
"""Prices are for 10**6 tokens."""
_PICO = 12
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
    input_cache_write: int | None = None
    output_text: int | None = None
    output_audio: int | None = None
    output_reasoning: int | None = None
    accepted_prediction: int | None = None
    rejected_prediction: int | None = None
    input_milliseconds: int | None = None
    """Sound that is billed by its length, not by tokens."""
    output_milliseconds: int | None = None
    """The same of sound that was made."""
    input_characters: int | None = None
    """Text that is billed by its length, not by tokens."""

    @classmethod
    def from_chat(cls, body: object) -> Usage:
        """Read `usage` of a Chat Completions answer; whatever is null, missing or no count is None. Never raises.

        Where the API counts the audio and leaves the text out, the text is the rest of the total.
        """
        usage = _mapping(body)
        into, out = _mapping(usage.get("prompt_tokens_details")), _mapping(usage.get("completion_tokens_details"))
        prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
        heard, image, said = (
            _count(part) for part in (into.get("audio_tokens"), into.get("image_tokens"), out.get("audio_tokens"))
        )
        return cls(
            input_tokens=prompt,
            output_tokens=completion,
            total_tokens=_count(usage.get("total_tokens")),
            input_text=_text(into, prompt, heard, image),
            input_audio=heard,
            input_image=image,
            input_cached=_count(into.get("cached_tokens")),
            input_cached_audio=_count(_mapping(into.get("cached_tokens_details")).get("audio_tokens")),
            input_cache_write=_count(into.get("cache_write_tokens")),
            output_text=_text(out, completion, said, 0),
            output_audio=said,
            output_reasoning=_count(out.get("reasoning_tokens")),
            accepted_prediction=_count(out.get("accepted_prediction_tokens")),
            rejected_prediction=_count(out.get("rejected_prediction_tokens")),
        )

    @classmethod
    def from_response(cls, body: object) -> Usage:
        """Read `usage` of a Response, by the same rules. There is no audio in it; what hosted tools used stands elsewhere."""
        usage = _mapping(body)
        into, out = _mapping(usage.get("input_tokens_details")), _mapping(usage.get("output_tokens_details"))
        read, said = _count(usage.get("input_tokens")), _count(usage.get("output_tokens"))
        heard, image, spoken = (
            _count(part) for part in (into.get("audio_tokens"), into.get("image_tokens"), out.get("audio_tokens"))
        )
        heard = 0 if heard is None and read is not None else heard
        spoken = 0 if spoken is None and said is not None else spoken
        return cls(
            input_tokens=read,
            output_tokens=said,
            total_tokens=_count(usage.get("total_tokens")),
            input_text=_text(into, read, heard, image),
            input_audio=heard,
            input_image=image,
            input_cached=_count(into.get("cached_tokens")),
            input_cache_write=_count(into.get("cache_write_tokens")),
            output_text=_text(out, said, spoken, 0),
            output_audio=spoken,
            output_reasoning=_count(out.get("reasoning_tokens")),
        )

    @classmethod
    def from_transcription(cls, body: object) -> Usage:
        """Read `usage` of a transcription, by the same rules; one that is billed by its length has no tokens."""
        usage = _mapping(body)
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
        usage = _mapping(body)
        into, out = _mapping(usage.get("input_token_details")), _mapping(usage.get("output_token_details"))
        total, answered = _count(usage.get("input_tokens")), _count(usage.get("output_tokens"))
        heard, image, said = (
            _count(part) for part in (into.get("audio_tokens"), into.get("image_tokens"), out.get("audio_tokens"))
        )
        return cls(
            input_tokens=total,
            output_tokens=answered,
            total_tokens=_count(usage.get("total_tokens")),
            input_text=_text(into, total, heard, image),
            input_audio=heard,
            input_image=image,
            input_cached=_count(into.get("cached_tokens")),
            input_cached_audio=_count(_mapping(into.get("cached_tokens_details")).get("audio_tokens")),
            output_text=_text(out, answered, said, 0),
            output_audio=said,
        )

    def __add__(self, other: Usage) -> Usage:
        """Add counts; an unknown one adds nothing, and two unknown ones stay unknown."""
        if not isinstance(other, Usage):
            return NotImplemented
        return Usage(**{name: _sum(getattr(self, name), getattr(other, name)) for name in _NAMES})

    def __str__(self) -> str:
        """Give the tokens that are known, such as `30 in (14 text, 16 audio), 12 out`."""
        return f"{_told(self, 'input')} in, {_told(self, 'output')} out"

    def to_dict(self) -> dict[str, int]:
        """Give the counts that are known, by name: `Usage(**usage.to_dict()) == usage`."""
        return {name: count for name in _NAMES if (count := getattr(self, name)) is not None}


_NAMES = tuple(field.name for field in attrs.fields(Usage))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _told(usage: Usage, side: str) -> str:
    total = getattr(usage, f"{side}_tokens")
    kinds = ((kind, getattr(usage, f"{side}_{kind}", None)) for kind in ("text", "audio", "image", "cached", "reasoning"))
    parts = ", ".join(f"{count} {kind}" for kind, count in kinds if count)
    return f"{'?' if total is None else total}{f' ({parts})' if parts else ''}"


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

    `by_kind` holds the parts that are known, by the names of `Prices`; `table` names the prices used.
    """

    amount: Decimal | None = None
    currency: str = "USD"
    by_kind: Mapping[str, Decimal] = attrs.field(factory=dict, hash=False)
    unknown: tuple[str, ...] = ()
    table: str = ""

    @property
    def picos(self) -> int | None:
        """The amount in units of 10**-12, to be stored in a 64-bit integer; exact, and None for one that does not fit."""
        if self.amount is None:
            return None
        found = int(_EXACT.to_integral_value(_EXACT.scaleb(self.amount, _PICO)))
        return found if abs(found) < 1 << 63 else None

    @classmethod
    def from_picos(cls, picos: int | None, *, currency: str = "USD", table: str = "") -> Cost:
        """Give a stored cost, without its parts; None is an unknown one."""
        amount = None if picos is None else _EXACT.scaleb(Decimal(picos), -_PICO)
        return cls(amount=amount, currency=currency, table=table)

    def __str__(self) -> str:
        """Give `$0.021563`, `0.02 EUR` or `unknown`: at least two decimals, at most six unless that would show zero."""
        if self.amount is None:
            return "unknown"
        shown = _EXACT.quantize(self.amount, Decimal("1e-6")) or self.amount
        digits, _, decimals = f"{shown:,f}".partition(".")
        text = f"{digits}.{decimals.rstrip('0').ljust(2, '0')}"
        return f"${text}" if self.currency == "USD" else f"{text} {self.currency}"


def price(usage: Usage, prices: Prices | None, *, table: str = "") -> Cost:
    """Give what the tokens cost, exactly.

    A kind with tokens and without a price makes the cost unknown; a kind without tokens costs nothing. Tokens whose
    kind the API did not tell are text for a model without audio prices, and unknown otherwise. Cached tokens cost
    what others of their kind do where no cached price is known. Reasoning is part of the output's text.
    """
    tokens = {**_input(usage, prices), **_output(usage, prices)}
    found: dict[str, Decimal] = {}
    unknown = []
    for kind, count in tokens.items():
        rate = getattr(prices, kind, None)
        if count == 0:
            continue
        if count is None or rate is None:
            unknown.append(kind)
        else:
            found[kind] = _EXACT.scaleb(_EXACT.multiply(Decimal(count), rate), _PER)
    amount = None if unknown else _total(found.values())
    currency = "USD" if prices is None else prices.currency
    return Cost(amount=amount, currency=currency, by_kind=found, unknown=tuple(unknown), table=table)


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
    return {**_less_cached(usage, prices, text, audio), "image_in": image, "input": rest}


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


def _less_cached(usage: Usage, prices: Prices | None, text: int, audio: int) -> dict[str, int | None]:
    """Give text and audio without the tokens that have a price for reading or writing the cache, and those by their price.

    The API does not say which of the cached tokens are audio: with both kinds in the input, and a price for
    either, it cannot be known what was cheaper.
    """
    cached, heard = usage.input_cached or 0, usage.input_cached_audio
    if heard is None:
        heard = 0 if not audio else cached if not text else None
    if heard is None and cached and _has(prices, "cached_in", "cached_audio_in"):
        return {"cached_in": None}
    read = cached - (heard or 0) if _has(prices, "cached_in") else 0
    read_audio = heard or 0 if _has(prices, "cached_audio_in") else 0
    written = usage.input_cache_write or 0 if _has(prices, "cache_write") else 0
    full, full_audio = text - read - written, audio - read_audio
    if min(read, full, full_audio) < 0:
        return {"cached_in": None}
    return {"text_in": full, "audio_in": full_audio, "cached_in": read, "cached_audio_in": read_audio, "cache_write": written}


def _has(prices: Prices | None, *kinds: str) -> bool:
    return any(getattr(prices, kind, None) is not None for kind in kinds)
