"""Steps of a reply that comes in pieces: begun as any other, saved now and then while it comes, recorded when it ends."""

from __future__ import annotations

import logging
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from convo.assembly.shape import STREAM_FORMAT
from convo.canonical import encode
from convo.errors import AnswerError, ConvoError, NoReply
from convo.events import AudioDelta, RefusalDelta, TextDelta, TranscriptDelta
from convo.forms import as_chat
from convo.intake.reading import fold_of
from convo.logs import Swallowed
from convo.protocol import LEASE
from convo.steps.columns import asked_columns, assumed_columns
from convo.steps.effects import finish, write
from convo.steps.ending import completed, failed, folded
from convo.store import checkpoints
from convo.store.checkpoints import Checkpoint
from convo.usage import Usage
from convo.watching import NO_WHOLE

if TYPE_CHECKING:
    from convo.assembly.plan import Plan
    from convo.events import Delta
    from convo.reply import Reply
    from convo.steps.effects import Lease, Steps, Told
    from convo.steps.ending import Open
    from convo.steps.place import Place

T = TypeVar("T")
LOGGER = logging.getLogger("convo.stream")


class Incoming:
    """A reply on its way: what has come, and how much of it is saved.

    It may be fed in one thread while another saves it. `forsaken` is set when nobody can ask for it any more, so that
    whoever saves it next ends it instead. `over` is set when it was ended, with the `reply` that was recorded, if any.
    """

    def __init__(self, place: Place, current: Open, told: Told) -> None:
        self.place = place
        self.current = current
        self.whole = NO_WHOLE
        self.told = told
        self.fold = fold_of(current.plan.target.api)
        self.forsaken = False
        self.over = False
        self.reply: Reply | None = None
        self.saving = False
        self._saved = (0, 0)
        self._fed = 0
        self._lock = threading.Lock()

    @cached_property
    def lease(self) -> Lease:
        """What has to be kept alive while it comes."""
        return self.current.lease(self.place)

    @property
    def plan(self) -> Plan:
        """The plan that was sent."""
        return self.current.plan

    def feed(self, chunk: object) -> list[Delta]:
        """Take the next piece and give what is new in it. Raises `AnswerError`."""
        if not self._fed:
            self.place.tools.watch.arrived(self.current)
        with self._lock:
            self._fed += 1
            if self.told.first is None:
                self.told = self.told._replace(first=self.place.tools.now())
            return self.fold.feed(chunk)

    def received(self) -> tuple[dict[str, Any], bool]:
        """Give the answer so far, and whether it was cut off. Raises `AnswerError` when nothing has come."""
        with self._lock:
            return folded(self.fold)

    def unsaved(self, now: int, sent: dict[str, Any]) -> tuple[Checkpoint, tuple[int, int]] | None:
        """Give what to save, and what is saved then; None when nothing has come since the last time.

        `sent` are the columns that say what was sent.
        """
        with self._lock:
            fed, start = self._saved
            if fed == self._fed or self.fold.empty:
                return None
            answer, data = self.fold.skeleton(), self.fold.audio(start)
            reached = (self._fed, start + len(data))
        asked = {name: self.plan.arguments[name] for name in ("model", "audio", "store") if name in self.plan.arguments}
        row = {**asked_columns(self.plan, self.told, self.current.recovered), **sent, **assumed_columns(self.plan, Usage())}
        return Checkpoint(encode({"answer": answer, "asked": asked, "row": row}), data, start, now, now + LEASE), reached

    def saved(self, reached: tuple[int, int]) -> None:
        """Note what was saved."""
        self._saved = reached


def saved(incoming: Incoming) -> Steps[None]:
    """Save what has come since the last time, unless another worker took the exchange over."""
    place = incoming.place
    found = incoming.unsaved(place.tools.now(), (yield from incoming.current.sent(place.owner)))
    if found is None:
        return
    new, reached = found
    incoming.saving = True
    if (yield from write(checkpoints.save, place.owner, incoming.current.begun, new)):
        incoming.saved(reached)


def ended(incoming: Incoming) -> Steps[Reply]:
    """Record the reply of a stream that came to its end; one that ends without saying so was cut off.

    Raises `AnswerError` when nothing came.
    """
    try:
        answer, cut_off = incoming.received()
    except AnswerError as error:
        yield from _ended_without(incoming, error)
        raise
    return (yield from _recorded(incoming, answer, interrupted=cut_off))


def interrupted(
    incoming: Incoming, error: BaseException | None = None, *, heard_until: float | None = None
) -> Steps[Reply | None]:  # fmt: skip
    """Record what was received, or what was heard of it, as an interrupted reply; None when nothing was."""
    try:
        answer, cut_off = incoming.received()
    except AnswerError:
        yield from _ended_without(incoming, error or NoReply(incoming.current.begun.id))
        return None
    if heard_until is not None:
        from convo.heard import heard

        answer = heard(whole := answer, heard_until, _format(incoming.plan), whole=not cut_off)
        cut_off = cut_off or answer != whole
    return (yield from _recorded(incoming, answer, interrupted=cut_off))


def _format(plan: Plan) -> str | None:
    audio = plan.arguments.get("audio")
    return audio.get("format") if isinstance(audio, dict) else None


def _recorded(incoming: Incoming, answer: dict[str, Any], *, interrupted: bool) -> Steps[Reply]:
    steps = completed(incoming.place, incoming.current, answer, incoming.told, interrupted=interrupted)
    return (yield from finish(_and_clear(incoming, steps), incoming.lease))


def _ended_without(incoming: Incoming, error: BaseException) -> Steps[None]:
    yield from finish(_and_clear(incoming, failed(incoming.place, incoming.current, error, incoming.told)), incoming.lease)


def _and_clear(incoming: Incoming, steps: Steps[T]) -> Steps[T]:
    """Do the steps, then forget what was saved; what is left over is found by the doctor."""
    result = yield from steps
    if incoming.saving:
        with Swallowed(LOGGER, "what was saved of a stream was not cleared", ConvoError, exchange=incoming.current.begun.id):
            yield from write(checkpoints.clear, incoming.place.owner, incoming.current.begun.id)
    return result


def made_for(reply: Reply) -> list[Delta]:
    """Give the speech that was made of a reply in text as a piece of a stream, whose sound is pcm16."""
    audio = reply.audio
    playable = reply.made_by is not None and audio is not None and audio.format == STREAM_FORMAT
    return [AudioDelta(audio.data)] if playable and audio is not None else []


def events_of(reply: Reply) -> list[Delta]:
    """Give a recorded reply as the pieces of a stream, for a key that has its answer already."""
    found: list[Delta] = []
    message = as_chat(reply.message.raw)
    if isinstance(text := message.get("content"), str) and text:
        found.append(TextDelta(text))
    if reply.transcript:
        found.append(TranscriptDelta(reply.transcript))
    if reply.refusal:
        found.append(RefusalDelta(reply.refusal))
    if reply.audio is not None and reply.audio.loaded:
        found.append(AudioDelta(reply.audio.data))
    return found
