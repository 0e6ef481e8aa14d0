"""Attributes, out of requests, rows and replies: facts only, never what was said."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from convo.servers import server_of
from convo.telemetry import conventions as names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convo.assembly.plan import Plan
    from convo.reply import Reply
    from convo.steps.ending import Open
    from convo.usage import Cost, Usage

Attributes = dict[str, Any]
LONGEST = 200
"""Characters of a name that an API gave: of a model, of an answer."""
_PORTS = {"https": 443, "wss": 443, "http": 80, "ws": 80}


def call_attributes(api: str, model: str, provider: str, origin: str) -> Attributes:
    """Give the attributes that the span and the metrics of a call share, known before it begins."""
    found: Attributes = {
        names.OPERATION: names.OPERATIONS.get(api, api),
        names.PROVIDER: names.PROVIDERS.get(provider, names.OPENAI),
        names.REQUEST_MODEL: model[:LONGEST],
    }
    return found | server_attributes(origin)


def server_attributes(origin: str) -> Attributes:
    """Give host and port of an origin; of one that is not known nothing."""
    try:
        parts = urlsplit(origin.partition(" ")[0])
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return {}
    if not parts.hostname or port is None:
        return {}
    return {names.SERVER_ADDRESS: parts.hostname, names.SERVER_PORT: port}


def of_plan(plan: Plan) -> Attributes:
    """Give the attributes of the call that a plan makes."""
    target = plan.target
    return call_attributes(target.api, target.model.name, target.server.name, target.origin)


def of_client(api: str, model: str, client: Any) -> Attributes:
    """Give the attributes of a call of a client."""
    url = str(getattr(client, "base_url", ""))
    return call_attributes(api, model, server_of(client).name, url)


def of_request(plan: Plan) -> Attributes:
    """Give what was asked for, and what it was asked with."""
    asked = plan.arguments
    found: Attributes = {names.API: plan.target.api, names.OUTPUT_TYPE: _output(asked)}
    if (kind := names.API_TYPES.get(plan.target.api)) is not None:
        found[names.API_TYPE] = kind
    if asked.get("stream"):
        found[names.REQUEST_STREAM] = True
    for name, arguments in names.REQUEST.items():
        value = next((asked[one] for one in arguments if asked.get(one) is not None), None)
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = value
    return found


def _output(asked: Mapping[str, Any]) -> str:
    if "audio" in (asked.get("modalities") or ()):
        return "speech"
    shape = asked.get("response_format")
    kind = shape.get("type") if isinstance(shape, dict) else None
    return "json" if isinstance(kind, str) and kind.startswith("json") else "text"


def of_assembly(plan: Plan) -> Attributes:
    """Give how messages are sent, and the estimate."""
    sent = Counter(how for _, how, _ in plan.rendered)
    found: Attributes = {f"{names.SENT}{how}": number for how, number in sent.items()}
    if plan.omitted:
        found[f"{names.SENT}omitted"] = len(plan.omitted)
    found[names.ESTIMATED_TOKENS] = plan.estimate.tokens
    if plan.target.instead_of is not None:
        found[names.INSTEAD_OF] = plan.target.instead_of.name[:LONGEST]
    return found


def fallen_back(plan: Plan) -> int:
    """Give how many spoken messages are sent as their transcripts."""
    return sum(how == "transcript" for _, how, _ in plan.rendered)


def of_usage(usage: Usage) -> Attributes:
    """Give the tokens that are known."""
    return {name: count for name, field in names.USAGE.items() if (count := getattr(usage, field)) is not None}


def of_cost(cost: Cost) -> Attributes:
    """Give what a call cost, as a number for charts and exactly."""
    found: Attributes = {names.CURRENCY: cost.currency, names.COST_KNOWN: cost.amount is not None}
    if cost.table:
        found[names.PRICE_TABLE] = cost.table
    if cost.amount is not None:
        found |= {names.COST: float(cost.amount), names.COST_EXACT: _exact(f"{cost.amount:f}")}
    return found


def _exact(number: str) -> str:
    """Give a number without the zeros behind its last decimal."""
    return number.rstrip("0").removesuffix(".") if "." in number else number


def of_reply(reply: Reply) -> Attributes:
    """Give what is known of an answer."""
    raw = reply.raw
    found: Attributes = {
        names.SPOKEN: reply.spoken,
        names.INTERRUPTED: reply.interrupted,
        names.POSITION: reply.message.position,
    }
    for name, value in ((names.RESPONSE_ID, raw.get("id")), (names.RESPONSE_MODEL, raw.get("model"))):
        if isinstance(value, str):
            found[name] = value[:LONGEST]
    if reply.finish_reason is not None:
        found[names.FINISH_REASONS] = (reply.finish_reason[:LONGEST],)
    return found | of_usage(reply.usage) | of_cost(reply.cost)


def of_open(conversation: object, current: Open) -> Attributes:
    """Give the ids of an exchange."""
    return {
        names.CONVERSATION: str(conversation),
        names.EXCHANGE: str(current.begun.id),
        names.ATTEMPT: current.begun.attempt,
    }
