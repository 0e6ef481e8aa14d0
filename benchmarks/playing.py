"""Play the conversation, through convo or with plain lists, and have every request billed."""

from __future__ import annotations

import json
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

import convo
from benchmarks.biller import Bill, Biller, Rates
from benchmarks.talk import APART, INSTRUCTIONS, REPLY_SECONDS, TURNS, Turn
from convo.testing import CountedIds, FakeAPI, FixedClock
from convo.testing.wire import Call

if TYPE_CHECKING:
    from benchmarks.plain_lists import Way


@attrs.frozen(kw_only=True)
class Scene:
    """Who is asked, how, at what price: by the biller's `rates`, and by the `catalogue` that convo is given, a TOML.

    `window` is a budget of tokens that is small enough for the window to move.
    """

    title: str
    model: str
    aloud: bool
    rates: Rates
    window: int
    catalogue: str = ""
    turns: int = TURNS


@attrs.frozen
class Played:
    """A conversation that was played: its bills, the turns that the last request held, and what convo says it cost, if it can."""

    bills: tuple[Bill, ...]
    knows: int
    own: Decimal | None = None

    @property
    def bill(self) -> Bill:
        """The sum."""
        return sum(self.bills, Bill())


def by_hand(scene: Scene, way: Way) -> Played:
    """Play it with plain lists. Nobody judges these requests."""
    biller = Biller()
    messages: list[dict[str, Any]] = []
    for turn in map(Turn, range(scene.turns)):
        messages = way(turn.number, scene.aloud)
        if scene.aloud:
            biller.issued(turn.audio_id, REPLY_SECONDS)
        biller.bill({"messages": messages}, turn.reply, REPLY_SECONDS if scene.aloud else 0, turn.at)
    return Played(tuple(biller.bills), _questions(messages))


def by_convo(scene: Scene, policy: convo.Policy) -> Played:
    """Play it through convo, as an application would. The fake API judges every request."""
    clock = FixedClock()
    line = Line(FakeAPI(clock=clock, models={"text-128k": "text"}), clock)
    arguments: dict[str, Any] = {"voice": "alloy", "format": "mp3"} if scene.aloud else {}
    own: Decimal | None = Decimal(0)
    with tempfile.TemporaryDirectory(prefix="convo-bench-") as folder:
        url = f"sqlite:///{folder}/chat.db"
        with convo.Store(url, clock=clock, new_id=CountedIds(), catalogue=_catalogue(scene, Path(folder))) as store:
            chat = store.create(instructions=INSTRUCTIONS)
            for turn in map(Turn, range(scene.turns)):
                question = convo.Audio.from_bytes(turn.recording, transcript=turn.question) if scene.aloud else turn.question
                line.fake.will_reply(turn.reply)
                reply = chat.send(line, question, model=scene.model, policy=policy, **arguments)
                own = None if own is None or reply.cost.amount is None else own + reply.cost.amount
                clock.advance(APART)
    return Played(tuple(line.biller.bills), _questions(line.fake.last.body["messages"]), own)


def _catalogue(scene: Scene, folder: Path) -> convo.Catalogue:
    if not scene.catalogue:
        return convo.Catalogue.default()
    path = folder / "models.toml"
    path.write_text(scene.catalogue)
    return convo.Catalogue.load(path)


def _questions(messages: list[dict[str, Any]]) -> int:
    return sum(message["role"] == "user" for message in messages)


class Line:
    """A client of the fake API that puts our bill into its answers; a request that is refused ends the benchmark.

    It is no `openai.OpenAI`: that looks at every value of a request, which takes nine tenths of the time of a long one.
    """

    base_url = "https://api.openai.com/v1/"
    organization = project = None

    def __init__(self, fake: FakeAPI, clock: FixedClock) -> None:
        self.fake = fake
        self.clock = clock
        self.biller = Biller()
        self.headers: dict[str, str] = {}
        self._answer: dict[str, Any] = {}

    @property
    def chat(self) -> Any:
        """Stand for `client.chat.completions.with_raw_response`."""
        return self

    completions = with_raw_response = chat

    def create(self, **request: Any) -> Line:
        """Ask."""
        raw = json.dumps(request).encode()
        wire = self.fake.answer(Call("POST", "/v1/chat/completions", {"authorization": "Bearer test-key"}, raw))
        answer = json.loads(b"".join(wire.pieces))
        assert wire.status == 200, answer  # noqa: PLR2004 - the status of success
        self._answer = {**answer, "usage": self._billed(request, answer["choices"][0]["message"]).usage()}
        self.headers = dict(wire.headers)
        return self

    def parse(self) -> dict[str, Any]:
        """Give the answer."""
        return self._answer

    def _billed(self, request: dict[str, Any], message: dict[str, Any]) -> Bill:
        now = self.clock().timestamp()
        audio = message.get("audio")
        if not audio:
            return self.biller.bill(request, message["content"], 0, now)
        self.biller.issued(audio["id"], REPLY_SECONDS)
        return self.biller.bill(request, audio["transcript"], REPLY_SECONDS, now)
