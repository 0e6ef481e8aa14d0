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
from benchmarks.talk import Turn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.playing import Played

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


def show(scene: Scene, found: Mapping[str, Played]) -> None:
    """Print a table."""
    print(f"  {scene.title}: {scene.turns} turns, {Turn(scene.turns).at / 3600:g} hours")
    counts = f"{'requests':>8} {'knows':>5} {'text in':>10} {'audio in':>10} {'cached':>7}"
    print(f"    {'':30} {counts} {'breaks':>6} {'re-sent':>10} {'old':>10} {'in':>8} {'out':>6} {'USD':>8}")
    for name, each in found.items():
        bill, rates = each.bill, scene.rates
        counts = f"{bill.requests:8,} {each.knows:5,} {bill.read.text:10,} {bill.read.audio:10,} {bill.cached_share:7.1%}"
        again = f"{bill.breaks:6,} {bill.resent:10,} {bill.resent_old:10,}"
        money = f"{bill.dollars_in(rates):8.2f} {bill.dollars_out(rates):6.2f} {bill.dollars(rates):8.2f}"
        print(f"    {name.format(scene.window):30} {counts} {again} {money}")


@attrs.frozen
class Verdict:
    """A limit and what was found."""

    what: str
    value: float
    limit: float
    least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the limit is kept."""
        return self.value >= self.limit if self.least else self.value <= self.limit

    def __str__(self) -> str:
        side, answer = "least" if self.least else "most", "yes" if self.holds else "NO"
        return f"{self.what:74} {self.value:6.3f}x  at {side} {self.limit:.3f}x wanted: {answer}"


def verdicts(scene: Scene, found: Mapping[str, Played]) -> Iterator[Verdict]:
    """Give the limits that a scene has to hold: against moving one by one, against a perfect cache, and for money."""
    names = {name: name.format(scene.window) for name in found}
    for ours, theirs in ((DEFAULT, ONE_BY_ONE), (WINDOW, SLIDING)):
        if found[theirs].bill.breaks:  # in writing, nothing moves within a budget that is never full
            value = found[ours].bill.resent / found[theirs].bill.resent
            yield Verdict(f"re-sent: {names[ours]} / {names[theirs]}", value, 1 / 5)
    if scene.rates.cached_in is not None:
        for ours in (DEFAULT, WINDOW):
            value = found[ours].bill.cached_share / found[LOG].bill.cached_share
            yield Verdict(f"cached share: {names[ours]} / append only", value, 9 / 10, least=True)
    if scene.rates == LISTED:
        cost = {name: float(found[name].bill.dollars(scene.rates)) for name in (ECONOMICAL, ALL)}
        yield Verdict(f"USD: {ECONOMICAL} / {ALL}", cost[ECONOMICAL] / cost[ALL], 1 / 7)


def agreements(scene: Scene, found: Mapping[str, Played]) -> Iterator[tuple[str, bool]]:
    """Say for each way of convo whether the costs of its replies add up to the biller's bill, to the last decimal.

    Where cached audio has a price of its own no reply knows its cost: the API does not say which cached tokens are audio.
    """
    for name, each in found.items():
        if each.own is not None:
            yield name.format(scene.window), each.own == each.bill.dollars(scene.rates)


def run() -> None:
    """Print the tables, and whether the limits hold."""
    for scene in (VOICE, CHEAP, WRITTEN):
        found = played(scene)
        show(scene, found)
        for verdict in verdicts(scene, found):
            print(f"    {verdict}")
        for name, agrees in agreements(scene, found):
            print(f"    {f'the costs that convo stored under {name} are the bill:':74} {'yes' if agrees else 'NO'}")
