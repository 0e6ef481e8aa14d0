"""What does a voice conversation of two hours cost under each policy, and the same in writing?

convo plays it through its public API; the other ways are plain lists. Printed are, summed over the conversation:

- knows: the turns that the last request holds
- text in, audio in: tokens of the input; cached: the share of them that came from the cache
- breaks: requests that do not begin with the whole request before
- re-sent: tokens from the first message on that differs from the request before, what is new included; old: without it
- USD for input, output and both
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import attrs

import convo
from benchmarks import plain_lists
from benchmarks.biller import Rates
from benchmarks.playing import Scene, by_convo, by_hand
from benchmarks.side_by_side import Figure
from benchmarks.talk import Turn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.playing import Played
    from benchmarks.side_by_side import Effort, Found

CATALOGUE = """
name = "prices of the simulation"
[models."gpt-audio-1.5".prices]
text_in = 2.50
text_out = 10
audio_in = 32
audio_out = 64
cached_in = 0.25
cached_audio_in = 3.20
[models."text-128k"]
audio = false
context = 128_000
max_output = 16_384
apis = ["chat"]
[models."text-128k".prices]
text_in = 2.50
text_out = 10
cached_in = 0.25
"""
"""What convo is told where cached tokens are cheap. The biller's numbers are written down apart, below."""
LISTED = Rates(text_in=Decimal("2.50"), text_out=Decimal(10), audio_in=Decimal(32), audio_out=Decimal(64))
CACHED = attrs.evolve(LISTED, cached_in=Decimal("0.25"), cached_audio_in=Decimal("3.20"))
TEXT = Rates(text_in=Decimal("2.50"), text_out=Decimal(10), cached_in=Decimal("0.25"))
BUDGET = 128_000 - 16_384
"""Tokens of input that both models have room for: their context less their longest answer."""

VOICE = Scene(
    title="voice, gpt-audio-1.5, no discount for cached tokens",
    model="gpt-audio-1.5", aloud=True, rates=LISTED, window=40_000,
)  # fmt: skip
CHEAP = attrs.evolve(VOICE, title="voice, gpt-audio-1.5 if cached tokens cost a tenth", rates=CACHED, catalogue=CATALOGUE)
WRITTEN = Scene(
    title="in writing, a model with 128k of context, cached tokens cost a tenth",
    model="text-128k", aloud=False, rates=TEXT, window=8_000, catalogue=CATALOGUE,
)  # fmt: skip

TINY = 20
"""Turns that show that everything runs."""

ALL, USUAL, LOG = "everything replayed", "the last 20 messages", "append only (no API allows it)"
DEFAULT, ECONOMICAL, WINDOW = "Policy()", "Policy.economical()", "Policy(window_tokens={:_})"
ONE_BY_ONE, SLIDING = "as Policy(), one by one", "{:,} tokens, one by one"


def played(scene: Scene) -> dict[str, Played]:
    """Play a scene in every way."""
    return {
        ALL: by_hand(scene, plain_lists.everything),
        DEFAULT: by_convo(scene, convo.Policy()),
        ONE_BY_ONE: by_hand(scene, plain_lists.sliding(BUDGET)),
        WINDOW: by_convo(scene, convo.Policy(window_tokens=scene.window)),
        SLIDING: by_hand(scene, plain_lists.sliding(scene.window)),
        ECONOMICAL: by_convo(scene, convo.Policy.economical()),
        USUAL: by_hand(scene, plain_lists.usual_window),
        LOG: by_hand(scene, plain_lists.append_only),
    }


def table(scene: Scene, found: Mapping[str, Played]) -> Iterator[str]:
    """Give the lines of a table."""
    yield f"  {scene.title}: {scene.turns} turns, {Turn(scene.turns).at / 3600:g} hours"
    counts = f"{'requests':>8} {'knows':>5} {'text in':>10} {'audio in':>10} {'cached':>7}"
    yield f"    {'':30} {counts} {'breaks':>6} {'re-sent':>10} {'old':>10} {'in':>8} {'out':>6} {'USD':>8}"
    for name, each in found.items():
        bill, rates = each.bill, scene.rates
        counts = f"{bill.requests:8,} {each.knows:5,} {bill.read.text:10,} {bill.read.audio:10,} {bill.cached_share:7.1%}"
        again = f"{bill.breaks:6,} {bill.resent:10,} {bill.resent_old:10,}"
        money = f"{bill.dollars_in(rates):8.2f} {bill.dollars_out(rates):6.2f} {bill.dollars(rates):8.2f}"
        yield f"    {name.format(scene.window):30} {counts} {again} {money}"


def verdicts(scene: Scene, found: Mapping[str, Played]) -> Iterator[Figure]:
    """Give the goals that a scene has to hold: against moving one by one, against a perfect cache, and for money."""
    names = {name: name.format(scene.window) for name in found}
    for ours, theirs in ((DEFAULT, ONE_BY_ONE), (WINDOW, SLIDING)):
        if found[theirs].bill.breaks:  # in writing, nothing moves within a budget that is never full
            value = found[ours].bill.resent / found[theirs].bill.resent
            yield _figure(scene, f"re-sent: {names[ours]} / {names[theirs]}", value, 1 / 5)
    if scene.rates.cached_in is not None:
        for ours in (DEFAULT, WINDOW):
            value = found[ours].bill.cached_share / found[LOG].bill.cached_share
            yield _figure(scene, f"cached share: {names[ours]} / append only", value, 9 / 10, least=True)
    if scene.rates == LISTED:
        cost = {name: float(found[name].bill.dollars(scene.rates)) for name in (ECONOMICAL, ALL)}
        yield _figure(scene, f"USD: {ECONOMICAL} / {ALL}", cost[ECONOMICAL] / cost[ALL], 1 / 7)


def _figure(scene: Scene, way: str, value: float, goal: float, *, least: bool = False) -> Figure:
    return Figure(what=scene.title, way=way, value=value, unit="x", goal=goal, least=least)


def agreements(scene: Scene, found: Mapping[str, Played]) -> Iterator[tuple[str, bool]]:
    """Say for each way of convo whether the costs of its replies add up to the biller's bill, to the last decimal.

    Where cached audio has a price of its own no reply knows its cost: the API does not say which cached tokens are audio.
    """
    for name, each in found.items():
        if each.own is not None:
            yield name.format(scene.window), each.own == each.bill.dollars(scene.rates)


def run(effort: Effort) -> Found:
    """Play every scene in every way; a short run plays fewer turns."""
    for scene in (VOICE, CHEAP, WRITTEN):
        scene = attrs.evolve(scene, turns=effort.of(scene.turns, scene.turns, TINY))  # noqa: PLW2901 - the same, shorter
        found = played(scene)
        yield from table(scene, found)
        yield from verdicts(scene, found)
        for name, agrees in agreements(scene, found):
            yield f"    {f'the costs that convo stored under {name} are the bill:':74} {'yes' if agrees else 'NO'}"
