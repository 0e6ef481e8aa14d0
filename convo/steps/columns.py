"""What an exchange writes of an answer: columns of its row, and the memory that assembly needs."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import attrs

from convo.assembly.estimate import estimate
from convo.canonical import decode, encode, printable
from convo.forms import whole_answer
from convo.memory import with_skew
from convo.modality import AUDIO
from convo.models import name_of
from convo.origin import Origin
from convo.steps.answers import read_reply
from convo.store.totals import usage_columns
from convo.times import to_micros
from convo.usage import price

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convo.assembly import Plan, Target
    from convo.intake import Answer
    from convo.messages import Draft
    from convo.models import Model
    from convo.recovery import Recovery
    from convo.steps.effects import Told
    from convo.steps.place import Place
    from convo.usage import Usage


def answer_of(plan: Plan, answer: object, told: Told | None) -> Answer:
    """Read an answer to a plan. Raises `AnswerError`."""
    origin = origin_of(plan.target)
    origin = origin.told(told.headers) if origin and told else origin
    return read_reply(answer, asked=plan.arguments, origin=origin, plan=plan)


def origin_of(target: Target | None) -> Origin | None:
    """Give the origin of a target, None where it is not known."""
    return Origin.parse(target.origin) if target is not None and target.origin else None


def ended_row(
    plan: Plan, answer: Answer, told: Told | None, steps: Sequence[Recovery], table: str, now: int
) -> dict[str, Any]:  # fmt: skip
    """Give the columns of an exchange that ends with a reply, whole or interrupted."""
    return {
        **answer_columns(answer, plan.target.model, table, now),
        **asked_columns(plan, told, steps),
        **assumed_columns(plan, answer.usage, answer.draft),
    }


def assumed_columns(plan: Plan, usage: Usage, draft: Draft | None = None) -> dict[str, Any]:
    """Give the columns that say what a call was taken to use: its input, and for budgets all of it where no bill came."""
    tokens, cost = None, None
    if usage.input_tokens is None or usage.output_tokens is None:
        from convo import budget

        tokens, found = budget.assumed(plan) if draft is None else budget.received(plan, draft)
        cost = found.picos
    return {"estimated_tokens": estimate(plan).tokens, "assumed_tokens": tokens, "assumed_cost": cost}


def asked_columns(plan: Plan, told: Told | None, steps: Sequence[Recovery]) -> dict[str, Any]:
    """Give the columns that are known once the API has begun to answer."""
    return {
        "instead_of": name_of(plan.target.instead_of),
        "seen": plan.history.head,
        "request_id": printable(told.headers.get("x-request-id", ""), 200) or None if told else None,
        "recovered": encode([attrs.asdict(step) for step in steps]) if steps else None,
        "estimated_tokens": plan.estimate.tokens,
        "asked_speech": AUDIO in plan.modality.output,
        "error": None,
    }


def as_interrupted(answer: Answer) -> Answer:
    """Give an answer as what was received before it was cut off."""
    return attrs.evolve(answer, draft=attrs.evolve(answer.draft, status="interrupted"))


def answer_columns(answer: Answer, model: Model, table: str, now: int) -> dict[str, Any]:
    """Give the columns that say what an answer was, used and cost."""
    cost = price(answer.usage, model.prices, table=table)
    audio = next((piece for piece in answer.draft.media if piece.kind == "audio"), None)
    return {
        "answered_by": answer.model and printable(answer.model, 200),
        "status": "interrupted" if answer.draft.status == "interrupted" else "done",
        "finished_at": now,
        "finish_reason": answer.finish_reason and printable(answer.finish_reason, 100),
        "raw": answer.raw,
        "voice": audio.voice if audio else None,
        "format": audio.format if audio else None,
        "spoken": audio is not None,
        **usage_columns(answer.usage, cost),
    }


def memory_row(place: Place, plan: Plan, told: Told | None) -> dict[str, Any] | None:
    """The memory to write, None when it has not changed and nothing has to be remembered."""
    target = plan.target
    memory = plan.memory if told is None or not target.may_refer else with_skew(plan.memory, _skew(told))
    if memory == plan.remembered:
        return None
    where = {"owner": place.owner, "branch": plan.history.branch, "origin": target.origin, "family": target.model.family}
    return where | attrs.asdict(memory)


def _skew(told: Told) -> float:
    """How far the API's clock is ahead of ours, in seconds; 0 where it does not say."""
    try:
        moment = parsedate_to_datetime(told.headers["date"])
        return (to_micros(moment) - told.at) / 1_000_000
    except (KeyError, TypeError, ValueError):
        return 0.0


def whole_raw(raw: str, body: str) -> str:
    """Give the text of a whole answer again: `raw` has it without its message, `body` is the message."""
    return encode(whole_answer(decode(raw), decode(body)))
