"""What an exchange writes of an answer: columns of its row, and the memory that assembly needs."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import attrs

from convo.assembly.estimate import estimate
from convo.assembly.savings import savings
from convo.canonical import decode, encode, printable
from convo.forms import whole_answer
from convo.memory import with_skew
from convo.modality import AUDIO
from convo.models import name_of
from convo.origin import Origin
from convo.steps.answers import read_reply
from convo.store.totals import usage_columns
from convo.times import to_micros
from convo.usage import Cost, price

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convo.assembly.plan import Plan
    from convo.assembly.target import Target
    from convo.intake.answer import Answer
    from convo.messages import Draft
    from convo.models import Catalogue
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
    plan: Plan, answer: Answer, told: Told | None, steps: Sequence[Recovery], catalogue: Catalogue, now: int
) -> dict[str, Any]:  # fmt: skip
    """Give the columns of an exchange that ends with a reply, whole or interrupted."""
    return {
        **answer_columns(answer, plan.target.model.name, catalogue, now),
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
        "recoveries": len(steps),
        "first_byte_at": told.first_byte_at if told else None,
        "estimated_tokens": plan.estimate.tokens,
        "asked_speech": AUDIO in plan.modality.output,
        "error": None,
    }


def sent_columns(plan: Plan, sizes: Mapping[int, tuple[int, float | None]]) -> dict[str, Any]:
    """Give the columns that say what was sent in the place of speech; `sizes` are those of the sound of spoken replies."""
    found = savings(plan, sizes)
    return {
        "sent_references": found.references, "sent_transcripts": found.transcripts, "saved_bytes": found.bytes,
        "saved_tokens": found.tokens,
    }  # fmt: skip


def code_of(error: BaseException) -> str:
    """Give the code of what ended a call: the API's, or convo's; else the name of the class."""
    return printable(str(getattr(error, "code", None) or type(error).__name__), 100)


def error_columns(error: BaseException, now: int) -> dict[str, Any]:
    """Give the columns of a call that ended with an error; what the API answered it with came just now."""
    response = getattr(error, "response", None)
    headers = getattr(response, "headers", None)
    request_id = headers.get("x-request-id") if isinstance(headers, Mapping) else None
    found: dict[str, Any] = {"error": code_of(error)}
    if headers is not None:
        found["first_byte_at"] = now
    if isinstance(request_id, str) and request_id:
        found["request_id"] = printable(request_id, 200)
    return found


def retries_of(error: BaseException) -> int | None:
    """Give how often a client had tried before it raised an error: OpenAI's says it in a header of its last request."""
    headers = getattr(getattr(error, "request", None), "headers", None)
    told = headers.get(_RETRIES) if isinstance(headers, Mapping) else None
    return int(told) if isinstance(told, str) and told.isdecimal() and len(told) < _DIGITS else None


_RETRIES = "x-stainless-retry-count"
_DIGITS = 10


def as_interrupted(answer: Answer) -> Answer:
    """Give an answer as what was received before it was cut off."""
    return attrs.evolve(answer, draft=attrs.evolve(answer.draft, status="interrupted"))


def cost_of(catalogue: Catalogue, usage: Usage, asked: str, answered: str | None = None, raw: str | None = None) -> Cost:
    """Give what a call cost, by the prices of the model that it is billed by (see `Catalogue.billed`).

    `raw` is the answer, without its messages: prices are those of the usual service tier, so that a call which the API says
    was served in another one, at other prices, has no known cost.
    """
    model = catalogue.billed(asked, answered)
    cost = price(usage, model.prices, table=catalogue.table)
    if cost.amount is None or raw is None or _tier_of(raw) not in _TIERS:
        return cost
    return Cost(currency=cost.currency, unknown=("service_tier",), table=cost.table)


_UNREAD = "?"
_TIERS = ("flex", "priority", "fast", "scale", "batch", _UNREAD)
"""Service tiers in which the API bills at other prices. Other servers have words of their own for the usual tier."""


def _tier_of(raw: str) -> object:
    """Give the service tier that an answer names. Most are not read for it: they name none, or the usual one."""
    if '"service_tier"' not in raw or '"service_tier":"default"' in raw:
        return None
    try:
        body = decode(raw)
    except ValueError:  # a damaged row, of which doctor tells: a bill of it is a guess
        return _UNREAD
    return body.get("service_tier") if isinstance(body, dict) else None


def answer_columns(answer: Answer, asked: str, catalogue: Catalogue, now: int) -> dict[str, Any]:
    """Give the columns that say what an answer was, used and cost; `asked` is the name of the model that was asked."""
    cost = cost_of(catalogue, answer.usage, asked, answer.model, answer.raw)
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
