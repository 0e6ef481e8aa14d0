"""What does a voice conversation of two hours cost, under each policy, and the same in writing?

The library plays it through its public API against the fake of the API; the others are plain lists. A biller that knows
the documented prices and cache rules bills every request, and tells the library what it billed. Printed are, summed over
the conversation:

- knows: the turns that the last request holds
- text in, audio in: input tokens; cached: the share of them that came from the cache
- breaks: requests that do not begin with the whole request before
- re-sent: tokens from the first message on that differs from the request before, what is new included; old: without it
- USD for input, output and both
"""

from __future__ import annotations

import json
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

import convo
from benchmarks import plain_lists
from benchmarks.biller import Bill, Biller, Rates
from benchmarks.talk import INSTRUCTIONS, REPLY_SECONDS, TURNS, Turn
from convo.testing import CountedIds, FakeAPI, FixedClock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convo.testing.wire import Call, Wire

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
CONTEXT = 128_000 - 16_384
"""Input tokens that both models take at most: their context less their longest answer."""
SMALL = 8_000


@attrs.frozen(kw_only=True)
class Scene:
    """Who is asked, how, at what price: by the biller's `rates`, and by the `catalogue` that convo is given."""

    title: str
    model: str
    aloud: bool
    rates: Rates
    catalogue: str = ""
    turns: int = TURNS


VOICE = Scene(title="voice, gpt-audio-1.5, no discount for cached tokens", model="gpt-audio-1.5", aloud=True, rates=LISTED)
CHEAP = attrs.evolve(
    VOICE, title="voice, gpt-audio-1.5 if cached tokens cost a tenth", rates=CACHED, catalogue=CATALOGUE
)  # fmt: skip
WRITTEN = Scene(
    title="in writing, a model with 128k of context, cached tokens cost a tenth",
    model="text-128k", aloud=False, rates=TEXT, catalogue=CATALOGUE,
)  # fmt: skip


@attrs.frozen
class Played:
    """A conversation that was played: its bills, the turns that the last request held, and convo's own sum, if it kept one."""

    bills: tuple[Bill, ...]
    knows: int
    own: Decimal | None = None

    @property
    def bill(self) -> Bill:
        """The sum."""
        return sum(self.bills, Bill())


class BilledAPI(FakeAPI):
    """The fake API with our biller's bill in its answers. It bills what it accepts."""

    def __init__(self, biller: Biller, clock: FixedClock) -> None:
        super().__init__(clock=clock, models={"text-128k": "text"})
        self.biller = biller
        self.clock = clock

    def answer(self, call: Call) -> Wire:
        """Answer a call, with the bill."""
        wire = super().answer(call)
        assert wire.status == 200, b"".join(wire.pieces)  # noqa: PLR2004 - no request may be refused
        answer = json.loads(b"".join(wire.pieces))
        message = answer["choices"][0]["message"]
        audio, seconds = message.get("audio"), 0
        if audio:
            seconds = REPLY_SECONDS
            self.biller.issued(audio["id"], seconds)
        said = audio["transcript"] if audio else message["content"]
        bill = self.biller.bill(json.loads(call.raw), said, seconds, self.clock().timestamp())
        sent = json.dumps({**answer, "usage": bill.usage()}).encode()
        return attrs.evolve(wire, pieces=(sent,), headers={**wire.headers, "content-length": str(len(sent))})


def by_convo(scene: Scene, policy: convo.Policy) -> Played:
    """Play it through convo, as an application would."""
    biller, clock = Biller(), FixedClock()
    fake = BilledAPI(biller, clock)
    client = fake.client()
    arguments: Any = {"voice": "alloy", "format": "mp3"} if scene.aloud else {}
    with tempfile.TemporaryDirectory(prefix="convo-bench-") as folder:
        url = f"sqlite:///{folder}/chat.db"
        with convo.Store(url, clock=clock, new_id=CountedIds(), catalogue=_catalogue(scene, Path(folder))) as store:
            chat = store.create(instructions=INSTRUCTIONS)
            own: Decimal | None = Decimal(0)
            for turn in map(Turn, range(scene.turns)):
                question = convo.Audio.from_bytes(turn.recording, transcript=turn.question) if scene.aloud else turn.question
                fake.will_reply(turn.reply)
                reply = chat.send(client, question, model=scene.model, policy=policy, **arguments)
                own = None if own is None or reply.cost.amount is None else own + reply.cost.amount
                clock.advance(Turn(1).at)
    return Played(tuple(biller.bills), _questions(fake.last.body["messages"]), own)


def _catalogue(scene: Scene, folder: Path) -> convo.Catalogue:
    if not scene.catalogue:
        return convo.Catalogue.default()
    path = folder / "models.toml"
    path.write_text(scene.catalogue)
    return convo.Catalogue.load(path)


def by_hand(scene: Scene, way: plain_lists.Way) -> Played:
    """Play it with plain lists."""
    biller = Biller()
    messages: list[dict[str, Any]] = []
    for turn in map(Turn, range(scene.turns)):
        messages = way(turn.number, scene.aloud)
        if scene.aloud:
            biller.issued(turn.audio_id, REPLY_SECONDS)
        biller.bill({"messages": messages}, turn.reply, REPLY_SECONDS if scene.aloud else 0, turn.at)
    return Played(tuple(biller.bills), _questions(messages))


def _questions(messages: list[dict[str, Any]]) -> int:
    return sum(message["role"] == "user" for message in messages)


# --- what is compared ------------------------------------------------------------------------------

ALL, DEFAULT, ECONOMICAL, USUAL, ONE_BY_ONE, LOG = (
    "everything replayed", "convo.Policy()", "convo.Policy.economical()", "the last 20 messages",
    "the same, one message at a time", "append only (no API allows it)",
)  # fmt: skip
WINDOW, SLIDING = f"convo.Policy(window_tokens={SMALL:_})", f"{SMALL:,} tokens, one message at a time"


def played(scene: Scene) -> dict[str, Played]:
    """Play a scene in every way."""
    found = {
        ALL: by_hand(scene, plain_lists.everything),
        DEFAULT: by_convo(scene, convo.Policy()),
        ECONOMICAL: by_convo(scene, convo.Policy.economical()),
        USUAL: by_hand(scene, plain_lists.usual_window),
        ONE_BY_ONE: by_hand(scene, plain_lists.sliding(CONTEXT)),
        LOG: by_hand(scene, plain_lists.append_only),
    }
    if not scene.aloud:
        found[WINDOW] = by_convo(scene, convo.Policy(window_tokens=SMALL))
        found[SLIDING] = by_hand(scene, plain_lists.sliding(SMALL))
    return found


def show(scene: Scene, found: Mapping[str, Played]) -> None:
    """Print a table."""
    print(f"  {scene.title}: {scene.turns} turns, {Turn(scene.turns).at / 3600:g} hours")
    heads = f"{'requests':>8} {'knows':>5} {'text in':>10} {'audio in':>10} {'cached':>7} {'breaks':>6} {'re-sent':>10} {'old':>10}"
    print(f"    {'':34} {heads} {'in':>8} {'out':>6} {'USD':>8}")
    for name, each in found.items():
        bill, rates = each.bill, scene.rates
        counts = f"{bill.requests:8,} {each.knows:5,} {bill.read.text:10,} {bill.read.audio:10,} {bill.cached_share:7.1%}"
        again = f"{bill.breaks:6,} {bill.resent:10,} {bill.resent_old:10,}"
        money = f"{bill.dollars_in(rates):8.2f} {bill.dollars_out(rates):6.2f} {bill.dollars(rates):8.2f}"
        print(f"    {name:34} {counts} {again} {money}")


def verdict(what: str, value: float, limit: float, *, least: bool = False) -> bool:
    """Print whether a limit holds, and give it."""
    holds = value >= limit if least else value <= limit
    print(f"    {what}: {value:.3f}x  at {'least' if least else 'most'} {limit:.3f}x wanted: {'yes' if holds else 'NO'}")
    return holds


def judged(scene: Scene, found: Mapping[str, Played]) -> bool:
    """Print the limits that a scene has to hold, and give whether it does."""
    pairs = [(DEFAULT, ONE_BY_ONE)] if scene.aloud else [(WINDOW, SLIDING)]
    held = [
        verdict(f"re-sent, {ours} to {theirs}", found[ours].bill.resent / found[theirs].bill.resent, 1 / 5)
        for ours, theirs in pairs
    ]
    if scene.rates.cached_in is not None:
        best = found[LOG].bill.cached_share
        ours = [DEFAULT] if scene.aloud else [DEFAULT, WINDOW]
        held += [verdict(f"cached share, {name} to {LOG}", found[name].bill.cached_share / best, 0.9, least=True) for name in ours]
    if scene.rates == LISTED:
        costs = [float(found[name].bill.dollars(scene.rates)) for name in (ECONOMICAL, ALL)]
        held.append(verdict(f"USD, {ECONOMICAL} to {ALL}", costs[0] / costs[1], 1 / 7))
    return all([*held, *(_same_bill(scene, name, each) for name, each in found.items() if each.own is not None)])


def _same_bill(scene: Scene, name: str, each: Played) -> bool:
    """Print whether the costs of the replies add up to the biller's bill, to the last decimal."""
    same = each.own == each.bill.dollars(scene.rates)
    print(f"    {name}: the costs of its replies are the biller's: {'yes' if same else f'NO, {each.own}'}")
    return same


def run() -> None:
    """Print the tables and whether the limits hold."""
    for scene in (VOICE, CHEAP, WRITTEN):
        found = played(scene)
        show(scene, found)
        judged(scene, found)
