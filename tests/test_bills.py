"""Bills that can be found: usage as the API told it, prices as they were published, and exactly what that costs."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convo
from convo.models import KINDS, Catalogue, Prices
from convo.store import tables
from convo.usage import Cost, Usage, price

CATALOGUE = Catalogue.default()
ROOT = Path(convo.__file__).parent


def prices_of(model: str) -> Prices:
    found = CATALOGUE.lookup(model).prices
    assert found is not None
    return found


def chat_usage(text_in: int, audio_in: int, text_out: int, audio_out: int) -> dict[str, Any]:
    return {
        "prompt_tokens": text_in + audio_in, "completion_tokens": text_out + audio_out,
        "prompt_tokens_details": {"cached_tokens": 0, "text_tokens": text_in, "image_tokens": 0, "audio_tokens": audio_in},
        "completion_tokens_details": {"reasoning_tokens": 0, "text_tokens": text_out, "audio_tokens": audio_out},
    }  # fmt: skip


# --- whole bodies ----------------------------------------------------------------------------------

HAIKU = {
    "prompt_tokens": 17, "completion_tokens": 181, "total_tokens": 198,
    "prompt_tokens_details": {
        "cached_tokens": 0, "cached_tokens_internal": 0, "text_tokens": 17, "image_tokens": 0, "audio_tokens": 0
    },
    "completion_tokens_details": {"reasoning_tokens": 0, "text_tokens": 33, "audio_tokens": 148},
}  # fmt: skip
"""simonwillison.net/2024/Oct/18/openai-audio: gpt-4o-audio-preview-2024-10-01, at its launch prices."""
GUIDE = {
    "total_tokens": 253, "input_tokens": 132, "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119, "audio_tokens": 13, "image_tokens": 0, "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}  # fmt: skip
"""The example of developers.openai.com/api/docs/guides/realtime-costs."""
HEARD = {
    "type": "tokens", "total_tokens": 26, "input_tokens": 17, "input_token_details": {"text_tokens": 0, "audio_tokens": 17},
    "output_tokens": 9,
}  # fmt: skip
"""The example of a transcript there."""


@pytest.mark.parametrize(
    ("model", "usage", "cost"),
    [
        # 17 x 2.50 + 33 x 10 + 148 x 200
        ("gpt-4o-audio-preview-2024-10-01", Usage.from_chat(HAIKU), "0.0299725"),
        # 15.6 s of speech are 312 tokens, measured; 14 x 2.50 + 30 x 32 + 60 x 10 + 312 x 64
        ("gpt-audio-1.5", Usage.from_chat(chat_usage(14, 30, 60, 312)), "0.021563"),
        ("gpt-audio", Usage.from_chat(chat_usage(14, 30, 60, 312)), "0.021563"),
        ("gpt-audio-2025-08-28", Usage.from_chat(chat_usage(14, 30, 60, 312)), "0.021563"),
        ("gpt-audio-mini", Usage.from_chat(chat_usage(14, 30, 60, 312)), "0.0066924"),
        ("gpt-audio-mini-2025-12-15", Usage.from_chat(chat_usage(14, 30, 60, 312)), "0.0066924"),
        ("gpt-4o-audio-preview", Usage.from_chat(chat_usage(14, 30, 60, 312)), "0.026795"),
        ("gpt-4o-audio-preview-2024-12-17", Usage.from_chat(chat_usage(14, 30, 60, 312)), "0.026795"),
        ("gpt-4o-mini-audio-preview", Usage.from_chat(chat_usage(14, 30, 60, 312)), "0.0065781"),
        # (119 - 64) x 4 + 64 x 0.40 + 13 x 32 + 30 x 24 + 91 x 64, and at 16 for the text of 1.5
        ("gpt-realtime-2.1", Usage.from_realtime(GUIDE), "0.0072056"),
        ("gpt-realtime-1.5", Usage.from_realtime(GUIDE), "0.0069656"),
        ("gpt-realtime-2.1-mini", Usage.from_realtime(GUIDE), "0.00205884"),
        # model pages of developers.openai.com/api/docs/models, 2026-11: 0.006, 0.0045 and 0.017 a minute
        ("whisper-1", Usage.from_transcription({"type": "duration", "seconds": 9}), "0.0009"),
        ("gpt-transcribe", Usage.from_transcription({"type": "duration", "seconds": 60}), "0.0045"),
        ("gpt-realtime-whisper", Usage.from_transcription({"type": "duration", "seconds": 3600}), "1.02"),
        # the same guide: the transcript of "Hi, can you hear me?"; 17 x 6 + 9 x 10
        ("gpt-4o-transcribe", Usage.from_transcription(HEARD), "0.000192"),
        ("gpt-4o-mini-transcribe", Usage.from_transcription(HEARD), "0.000096"),
        # github.com/sanand0/blog, openai-tts-cost: the organization's costs said 0.061425 (4,095 characters were sent)
        ("tts-1", Usage(input_characters=4_095), "0.061425"),
        ("tts-1-hd", Usage(input_characters=4_095), "0.12285"),
        # apidog.com/blog/gpt-live-1-1-pricing: a call of 90 seconds costs 0.075, an hour 3.00
        ("gpt-live-1", Usage(input_milliseconds=90_000), "0.075"),
        ("gpt-live-1", Usage(input_milliseconds=3_600_000), "3"),
    ],
)  # fmt: skip
def test_a_published_usage_has_its_published_cost(model: str, usage: Usage, cost: str) -> None:
    found = price(usage, prices_of(model))
    assert (found.amount, found.unknown) == (Decimal(cost), ())


OLD_REALTIME = Prices(text_in=5, text_out=20, audio_in=100, audio_out=200)
"""gpt-4o-realtime-preview-2024-10-01 at its launch."""


@pytest.mark.parametrize(
    ("audio_in", "audio_out", "text_in", "text_out", "cost"),
    [(1_662, 166, 484, 44, "0.20"), (1_846, 172, 538, 44, "0.22"), (2_034, 164, 592, 45, "0.24")],
)
def test_the_turns_of_a_console_cost_what_it_showed(
    audio_in: int, audio_out: int, text_in: int, text_out: int, cost: str
) -> None:  # fmt: skip
    """github.com/openai/openai-realtime-console/issues/50, whose costs are rounded to a cent."""
    usage = Usage.from_chat(chat_usage(text_in, audio_in, text_out, audio_out))
    found = price(usage, OLD_REALTIME).amount
    assert found is not None
    assert found.quantize(Decimal("0.01")) == Decimal(cost)


@pytest.mark.parametrize(
    ("model", "kinds"),
    [
        ("gpt-audio-1.5", {"text_in": "2.50", "text_out": "10", "audio_in": "32", "audio_out": "64"}),
        ("gpt-audio", {"text_in": "2.50", "text_out": "10", "audio_in": "32", "audio_out": "64"}),
        ("gpt-audio-mini", {"text_in": "0.60", "text_out": "2.40", "audio_in": "10", "audio_out": "20"}),
        ("gpt-4o-audio-preview", {"text_in": "2.50", "text_out": "10", "audio_in": "40", "audio_out": "80"}),
        ("gpt-4o-mini-audio-preview", {"text_in": "0.15", "text_out": "0.60", "audio_in": "10", "audio_out": "20"}),
        ("gpt-realtime-2.1", {"text_in": "4", "text_out": "24", "audio_in": "32", "audio_out": "64", "cached_audio_in": "0.40"}),
        ("gpt-realtime-1.5", {"text_in": "4", "text_out": "16", "audio_in": "32", "audio_out": "64", "cached_audio_in": "0.40"}),
    ],
)
def test_a_million_tokens_of_a_kind_cost_their_listed_price(model: str, kinds: dict[str, str]) -> None:
    sides = {
        "text_in": Usage.from_chat(chat_usage(10**6, 0, 0, 0)), "audio_in": Usage.from_chat(chat_usage(0, 10**6, 0, 0)),
        "text_out": Usage.from_chat(chat_usage(0, 0, 10**6, 0)), "audio_out": Usage.from_chat(chat_usage(0, 0, 0, 10**6)),
        "cached_audio_in": Usage(
            input_tokens=10**6, input_text=0, input_audio=10**6, input_cached=10**6, input_cached_audio=10**6, output_tokens=0,
            output_text=0, output_audio=0,
        ),
    }  # fmt: skip
    for kind, listed in kinds.items():
        found = price(sides[kind], prices_of(model))
        assert (found.amount, found.by_kind) == (Decimal(listed), {kind: Decimal(listed)})


def test_every_price_has_its_source_and_date() -> None:
    priced = {name: model.prices for name, model in CATALOGUE.models.items() if model.prices is not None}
    assert len(priced) > 80
    assert not [name for name, prices in priced.items() if not prices.source or prices.date is None]


# --- what cannot be known --------------------------------------------------------------------------


def test_cached_images_cost_what_is_listed_for_them() -> None:
    body = {
        "input_tokens": 346, "output_tokens": 0, "output_token_details": {"text_tokens": 0, "audio_tokens": 0},
        "input_token_details": {
            "text_tokens": 152, "audio_tokens": 0, "image_tokens": 194, "cached_tokens": 322,
            "cached_tokens_details": {"text_tokens": 128, "audio_tokens": 0, "image_tokens": 194},
        },
    }  # fmt: skip
    found = price(Usage.from_realtime(body), prices_of("gpt-realtime-2.1-mini"))
    assert found.by_kind == {
        "text_in": Decimal(24 * 600) / 10**9,
        "cached_in": Decimal(128 * 60) / 10**9,
        "cached_image_in": Decimal(194 * 80) / 10**9,
    }
    del body["input_token_details"]["cached_tokens_details"]  # type: ignore[attr-defined]
    assert price(Usage.from_realtime(body), prices_of("gpt-realtime-2.1-mini")).unknown == ("cached_in",)


def test_a_longer_input_than_prices_are_for_has_no_known_cost() -> None:
    held = prices_of("gpt-6.1-sol")
    assert held.input_up_to == 272_000
    at, past = (Usage(input_tokens=n, input_text=n, output_tokens=1, output_text=1) for n in (272_000, 272_001))
    assert price(at, held).amount == Decimal("0.54401")
    assert (price(past, held).amount, price(past, held).unknown) == (None, ("text_in", "text_out"))


@pytest.mark.parametrize(
    ("model", "usage", "unknown"),
    [
        ("gpt-4o-mini-tts", Usage(input_characters=20), ("characters_in",)),
        ("gpt-audio-1.5", Usage(input_milliseconds=1_000), ("minutes_in",)),
        ("whisper-1", Usage(input_tokens=14, input_text=0, input_audio=14, output_tokens=0, output_text=0), ("audio_in",)),
        ("gpt-5.5", Usage(input_tokens=9, input_text=4, input_audio=5, output_tokens=0), ("audio_in",)),
        ("gpt-nobody-knows", Usage(input_characters=20), ("characters_in",)),
    ],
)
def test_what_has_no_price_is_unknown(model: str, usage: Usage, unknown: tuple[str, ...]) -> None:
    found = price(usage, CATALOGUE.lookup(model).prices)
    assert (found.amount, found.unknown) == (None, unknown)


@pytest.mark.parametrize("seconds", [None, -1, True, "a while", float("nan"), float("inf"), 10**12, [], {}])
def test_a_length_that_is_none_is_unknown(seconds: object) -> None:
    usage = Usage.from_transcription({"type": "duration", "seconds": seconds})
    assert usage == Usage()
    assert price(usage, prices_of("whisper-1")).amount is None


@pytest.mark.parametrize(("seconds", "milliseconds"), [(9, 9_000), (9.5, 9_500), (0.1, 100), (0.0005, 0), (0.0015, 2), (0, 0)])
def test_seconds_are_taken_by_their_text_to_the_millisecond(seconds: object, milliseconds: int) -> None:
    assert Usage.from_transcription({"type": "duration", "seconds": seconds}).input_milliseconds == milliseconds


def test_a_length_is_billed_by_the_lengths_that_have_a_price() -> None:
    both = Usage(input_characters=1_000, output_milliseconds=60_000)
    assert price(both, Prices(minutes_out="0.10")).by_kind == {"minutes_out": Decimal("0.10")}
    assert price(both, Prices(characters_in=15)).by_kind == {"characters_in": Decimal("0.015")}
    assert price(both, Prices(characters_in=15, minutes_out="0.10")).amount == Decimal("0.115")


def test_a_share_of_a_minute_is_rounded_half_to_even() -> None:
    third = price(Usage(input_milliseconds=1), Prices(minutes_in="0.000001")).amount
    assert third == Decimal("17e-12")  # 16.67
    assert price(Usage(input_milliseconds=30), Prices(minutes_in="0.000001")).amount == Decimal("500e-12")
    assert price(Usage(input_milliseconds=3), Prices(minutes_in="0.00001")).amount == Decimal("500e-12")
    assert price(Usage(input_milliseconds=6_003), Prices(minutes_in="0.000005")).amount == Decimal("500250e-12")


def test_usage_says_its_lengths() -> None:
    assert str(Usage(input_milliseconds=9_500)) == "9.5 s in"
    assert str(Usage(input_characters=20, output_milliseconds=1_000)) == "1 s out, 20 characters in"
    assert str(Usage(input_tokens=3, output_tokens=4, input_characters=20)) == "3 in, 4 out, 20 characters in"
    assert Usage(**Usage(input_milliseconds=1).to_dict()) == Usage(input_milliseconds=1)
    assert Usage(input_milliseconds=1) + Usage(input_milliseconds=2, input_characters=4) == Usage(
        input_milliseconds=3, input_characters=4
    )


# --- laws ------------------------------------------------------------------------------------------

counts = st.none() | st.integers(0, 10**9)
rates = st.none() | st.decimals(0, 1000, places=6)


@given(
    usage=st.builds(Usage, **dict.fromkeys(Usage.__annotations__, counts)),
    prices=st.builds(Prices, **dict.fromkeys(KINDS, rates)),
)
def test_the_parts_of_a_known_cost_are_all_of_it_and_survive_storage(usage: Usage, prices: Prices) -> None:
    cost = price(usage, prices)
    assert bool(cost.unknown) == (cost.amount is None)
    if cost.amount is None:
        return
    assert sum(cost.by_kind.values()) == cost.amount
    assert all(cost.by_kind.values())
    stored = cost.parts()
    assert sum(part or 0 for part in stored.values()) == cost.picos
    assert Cost.from_picos(cost.picos, parts=stored) == cost


@given(st.builds(Usage, input_tokens=counts, input_text=counts, input_audio=counts, output_tokens=counts, output_text=counts))
def test_an_unknown_part_is_stored_as_unknown_and_a_missing_one_as_nothing(usage: Usage) -> None:
    cost = price(usage, prices_of("gpt-audio-1.5"))
    rest = None if cost.amount is None else 0
    assert all(cost.parts()[kind] == rest for kind in KINDS if kind not in cost.by_kind)


def test_a_sum_of_costs_in_two_currencies_is_no_sum() -> None:
    dollars = Cost(amount=Decimal(1), by_kind={"text_in": Decimal(1)})
    euros = Cost(amount=Decimal(2), currency="EUR")
    assert (dollars + dollars).amount == 2
    assert (dollars + dollars).by_kind == {"text_in": Decimal(2)}
    assert ((dollars + euros).amount, (dollars + euros).unknown) == (None, ("currency",))
    assert (dollars + Cost(unknown=("audio_in",))).amount is None


def test_columns_are_named_as_prices_are() -> None:
    assert tables.COST_KINDS == KINDS
    assert set(KINDS) <= set(Prices.__annotations__)


@pytest.mark.parametrize("name", ["usage.py", "models.py", "repriced.py", "steps/repricing.py", "store/repricing.py"])
def test_no_float_is_near_money(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    code = re.sub(r'"""[^"]*"""|#.*', "", text)
    assert not re.findall(r"\bfloat\b| / |\bmath\b|\bround\((?!price)", code)
