"""Tokens by kind and what they cost: bills checked by hand, and nothing unknown that becomes zero."""

from __future__ import annotations

import decimal
import pickle
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convo.models import Catalogue, Prices
from convo.usage import Cost, Usage, price

AUDIO = Catalogue.default().lookup("gpt-audio-1.5").prices
MINI = Catalogue.default().lookup("gpt-audio-mini").prices
TEXT = Prices(text_in="1.25", text_out=10, cached_in="0.125")
BILL: dict[str, Any] = {
    "prompt_tokens": 44,
    "completion_tokens": 372,
    "total_tokens": 416,
    "prompt_tokens_details": {"audio_tokens": 30, "cached_tokens": 0, "text_tokens": 14, "image_tokens": 0},
    "completion_tokens_details": {
        "audio_tokens": 312, "text_tokens": 60, "reasoning_tokens": 0,
        "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
    },
}  # fmt: skip
"""A question of 3 s and its spoken answer of 15.6 s."""
SPOKEN = Usage.from_chat(BILL)


# --- reading ---------------------------------------------------------------------------------------


def test_every_kind_is_read() -> None:
    """The API's names become ours."""
    assert Usage(
        input_tokens=44, output_tokens=372, total_tokens=416, input_text=14, input_audio=30, input_image=0, input_cached=0,
        output_text=60, output_audio=312, output_reasoning=0, accepted_prediction=0, rejected_prediction=0,
    ) == SPOKEN  # fmt: skip


def test_cached_and_cache_writes() -> None:
    """Tokens of the cache are counted apart, by kind where the API tells."""
    details = {"cached_tokens": 100, "cache_write_tokens": 20, "cached_tokens_details": {"audio_tokens": 30}}
    usage = Usage.from_chat({"prompt_tokens": 200, "prompt_tokens_details": details})
    assert (usage.input_cached, usage.input_cache_write, usage.input_cached_audio) == (100, 20, 30)


def test_text_is_the_rest() -> None:
    """Where audio is counted and text is not, text is what is left."""
    usage = Usage.from_chat({
        "prompt_tokens": 44, "prompt_tokens_details": {"audio_tokens": 30, "image_tokens": 4, "text_tokens": None},
        "completion_tokens": 372, "completion_tokens_details": {"audio_tokens": 312},
    })  # fmt: skip
    assert (usage.input_text, usage.output_text) == (10, 60)


@pytest.mark.parametrize("details", [None, {}, {"cached_tokens": 7}, {"audio_tokens": None}, "none"])
def test_text_is_unknown_without_the_count_of_audio(details: object) -> None:
    """No details are no reason to call everything text."""
    usage = Usage.from_chat({"prompt_tokens": 44, "prompt_tokens_details": details})
    assert (usage.input_tokens, usage.input_text, usage.input_audio) == (44, None, None)


def test_more_audio_than_tokens() -> None:
    """A contradiction leaves the text unknown."""
    assert Usage.from_chat({"prompt_tokens": 1, "prompt_tokens_details": {"audio_tokens": 2}}).input_text is None


@pytest.mark.parametrize("body", [None, {}, [], "usage", 7, {"prompt_tokens": "7", "completion_tokens": -1, "total_tokens": 1.5}])
def test_hostile_bodies_are_unknown(body: object) -> None:
    """Nothing raises, and nothing that is no count is taken for one."""
    assert Usage.from_chat(body) == Usage()
    assert Usage.from_chat({"prompt_tokens": True, "completion_tokens": 2**63, "total_tokens": float("nan")}) == Usage()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(
    st.dictionaries(
        st.sampled_from(list(BILL)),
        JSON
        | st.dictionaries(
            st.sampled_from(["audio_tokens", "text_tokens", "image_tokens", "cached_tokens", "cached_tokens_details"]), JSON
        ),
    )
)
def test_no_body_raises(body: dict[str, Any]) -> None:
    """Counts are counts or None, and a cost follows."""
    usage = Usage.from_chat(body)
    assert all(count is None or 0 <= count < 2**63 for count in attrs.astuple(usage))
    for prices in (AUDIO, TEXT, None):
        cost = price(usage, prices)
        assert (cost.amount is None) == bool(cost.unknown)
        assert cost.picos is None or cost.picos >= 0


def test_sums() -> None:
    """Unknown adds nothing; two unknowns stay unknown."""
    assert SPOKEN + Usage() == SPOKEN
    assert (SPOKEN + SPOKEN).output_audio == 624
    assert (SPOKEN + SPOKEN).input_cached_audio is None
    assert sum([SPOKEN] * 3, Usage()).total_tokens == 1248
    with pytest.raises(TypeError):
        SPOKEN + 1  # type: ignore[operator]


def test_as_a_dict() -> None:
    """The known counts, and back."""
    assert Usage(input_tokens=3, output_text=0).to_dict() == {"input_tokens": 3, "output_text": 0}
    assert Usage(**SPOKEN.to_dict()) == SPOKEN


# --- money -----------------------------------------------------------------------------------------


def test_bill_of_gpt_audio() -> None:
    """14 at 2.50, 30 at 32, 60 at 10 and 312 at 64 a million: 0.000035 + 0.00096 + 0.0006 + 0.019968."""
    cost = price(SPOKEN, AUDIO, table="t")
    assert cost.amount == Decimal("0.021563")
    assert cost.by_kind == {
        "text_in": Decimal("0.000035"), "audio_in": Decimal("0.00096"),
        "text_out": Decimal("0.0006"), "audio_out": Decimal("0.019968"),
    }  # fmt: skip
    assert (cost.unknown, cost.table, cost.currency, str(cost)) == ((), "t", "USD", "$0.021563")


def test_bill_of_gpt_audio_mini() -> None:
    """14 at 0.60, 30 at 10, 60 at 2.40 and 312 at 20 a million: 8.4 + 300 + 144 + 6240 millionths."""
    assert price(SPOKEN, MINI).amount == Decimal("0.0066924")


def test_without_prices() -> None:
    """Tokens of a model that is not in the table have an unknown cost; no tokens cost nothing all the same."""
    cost = price(SPOKEN, None)
    assert (cost.amount, cost.unknown) == (None, ("text_in", "audio_in", "text_out", "audio_out"))
    assert price(Usage(input_tokens=0, output_tokens=0), None).amount == 0


def test_nothing_known_is_not_nothing_paid() -> None:
    """An answer without usage has an unknown cost."""
    assert price(Usage(), AUDIO).unknown == ("input", "output")
    assert price(Usage(input_tokens=5), TEXT).unknown == ("output",)
    assert price(Usage(input_audio=5, output_tokens=0), AUDIO).unknown == ("input",)


def test_audio_without_an_audio_price() -> None:
    """It is not billed as text; what is known is told."""
    cost = price(SPOKEN, TEXT)
    assert (cost.amount, cost.unknown) == (None, ("audio_in", "audio_out"))
    assert cost.by_kind["text_in"] == Decimal("0.0000175")


def test_tokens_of_unknown_kind() -> None:
    """They are text for a text model and unknown for an audio model."""
    usage = Usage(input_tokens=1000, output_tokens=100)
    assert price(usage, TEXT).amount == Decimal("0.00225")
    assert price(usage, AUDIO).unknown == ("input", "output")
    assert price(attrs.evolve(usage, input_text=400, input_audio=500), AUDIO).unknown == ("input", "output")


def test_image_tokens() -> None:
    """They have their own price, or an unknown cost."""
    usage = Usage(input_tokens=100, input_text=60, input_image=40, output_tokens=0)
    assert price(usage, attrs.evolve(TEXT, image_in=5)).by_kind == {"text_in": Decimal("0.000075"), "image_in": Decimal("0.0002")}
    assert price(usage, TEXT).unknown == ("image_in",)


def test_cached_text() -> None:
    """Tokens read from the cache cost their own price, or the full one where none is known."""
    usage = Usage(input_tokens=2000, input_text=2000, input_audio=0, input_cached=1024, output_tokens=0)
    assert price(usage, TEXT).amount == Decimal("0.00122") + Decimal("0.000128")
    assert price(usage, attrs.evolve(TEXT, cached_in=None)).amount == Decimal("0.0025")
    assert price(attrs.evolve(usage, input_cached=None), TEXT).amount == Decimal("0.0025")


def test_cached_audio() -> None:
    """With both kinds in the input, only the API can say which were cached."""
    prices = Prices(text_in=4, audio_in=32, text_out=16, audio_out=64, cached_in="0.5", cached_audio_in="0.4")
    usage = Usage(input_tokens=300, input_text=100, input_audio=200, input_cached=150, output_tokens=0)
    assert price(usage, prices).unknown == ("cached_in",)
    told = price(attrs.evolve(usage, input_cached_audio=100), prices)
    assert told.by_kind == {
        "text_in": Decimal("0.0002"), "audio_in": Decimal("0.0032"),
        "cached_in": Decimal("0.000025"), "cached_audio_in": Decimal("0.00004"),
    }  # fmt: skip
    assert price(attrs.evolve(usage, input_text=0, input_tokens=200), prices).by_kind["cached_audio_in"] == Decimal("0.00006")
    assert price(usage, attrs.evolve(prices, cached_in=None, cached_audio_in=None)).amount == Decimal("0.0068")


def test_cache_writes() -> None:
    """Tokens written to the cache cost more where a price says so, and the same as others where none does."""
    usage = Usage(input_tokens=2000, input_text=2000, input_audio=0, input_cache_write=1024, output_tokens=0)
    assert price(usage, TEXT).amount == Decimal("0.0025")
    assert price(usage, attrs.evolve(TEXT, cache_write="1.5625")).by_kind == {
        "text_in": Decimal("0.00122"),
        "cache_write": Decimal("0.0016"),
    }


@pytest.mark.parametrize(
    "usage",
    [
        Usage(input_tokens=10, input_text=20, input_audio=0, output_tokens=0),
        Usage(input_tokens=10, input_text=10, input_audio=0, input_cached=11, output_tokens=0),
        Usage(input_tokens=10, input_text=5, input_image=6, output_tokens=0),
    ],
)
def test_contradictions_are_unknown(usage: Usage) -> None:
    """Counts that cannot be are not billed."""
    assert price(usage, TEXT).amount is None


def test_reasoning_is_part_of_the_text() -> None:
    """It is billed once, whether the API counts it within the text or beside it."""
    within = Usage(input_tokens=0, output_tokens=100, output_text=100, output_audio=0, output_reasoning=80)
    beside = attrs.evolve(within, output_text=20)
    assert price(within, AUDIO).amount == price(beside, AUDIO).amount == Decimal("0.001")


def test_a_callers_decimal_context_changes_no_bill() -> None:
    """Three digits of precision are the caller's business."""
    with decimal.localcontext(prec=3):
        cost = price(SPOKEN, AUDIO)
        assert cost.picos == 21_563_000_000
        assert str(cost) == "$0.021563"
    assert cost.amount == Decimal("0.021563")


def test_a_cost_that_no_database_holds_is_stored_as_unknown() -> None:
    assert Cost(amount=Decimal(10**7)).picos is None
    assert Cost(amount=Decimal(9 * 10**6)).picos == 9 * 10**18


@given(
    st.integers(0, 10**9), st.integers(0, 10**9), st.decimals(0, 1000, places=6), st.decimals(0, 1000, places=6),
)  # fmt: skip
def test_costs_are_exact(said: int, heard: int, rate: Decimal, other: Decimal) -> None:
    """A bill is whole numbers times prices; storage in units of 10**-12 loses nothing."""
    usage = Usage(input_tokens=said + heard, input_text=said, input_audio=heard, output_tokens=0)
    cost = price(usage, Prices(text_in=rate, audio_in=other))
    assert cost.picos == said * int(rate.scaleb(6)) + heard * int(other.scaleb(6))
    assert Cost.from_picos(cost.picos).amount == cost.amount


def test_storage_of_the_unknown() -> None:
    """None is None on the way there and back."""
    assert Cost().picos is None
    assert Cost.from_picos(None, table="t") == Cost(table="t")
    assert Cost.from_picos(21_563_000_000, currency="EUR") == Cost(amount=Decimal("0.021563"), currency="EUR")


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "unknown"), ("0", "$0.00"), ("1.5", "$1.50"), ("0.0066924", "$0.006692"), ("0.02156300", "$0.021563"),
        ("1234.5678901", "$1,234.56789"), ("0.0000004", "$0.0000004"), ("100", "$100.00"), ("1E+3", "$1,000.00"),
    ],
)  # fmt: skip
def test_as_text(amount: str | None, text: str) -> None:
    """Short to read; a small amount is never shown as nothing."""
    assert str(Cost(amount=None if amount is None else Decimal(amount))) == text


def test_other_currencies() -> None:
    """They stand behind the amount."""
    assert str(price(Usage(input_tokens=10**6, output_tokens=0), Prices(text_in=2, currency="EUR"))) == "2.00 EUR"


def test_costs_are_values() -> None:
    """Equal, hashable, and fit for another process."""
    cost = price(SPOKEN, AUDIO)
    assert pickle.loads(pickle.dumps(cost)) == cost
    assert len({cost, price(SPOKEN, AUDIO)}) == 1
