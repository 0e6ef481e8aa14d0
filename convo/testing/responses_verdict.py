"""The verdict on a request to the Responses API: whether it would be refused, and with which words.

Pure: the request, what the API keeps, the caller and the time go in. The first refusal counts. That a missing model
comes first, then a missing input, unknown keys, the keys in their order, the past, and then what the model cannot do,
was measured by others; where among these a model is looked for, and where items are, was not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.testing.asked import Origin
from convo.testing.clock import aware
from convo.testing.models import models_with
from convo.testing.refusals import missing_parameter, wrong_type
from convo.testing.responses_asked import AskedResponse
from convo.testing.responses_order import call_refusals, duplicate_refusals, lookup_refusals, reasoning_refusals
from convo.testing.responses_rules import (
    ability_refusals,
    chance_refusals,
    dependent_refusals,
    fake_refusals,
    model_refusals,
    past_refusals,
)
from convo.testing.responses_schema import FIELDS
from convo.testing.responses_words import null, unknown_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from convo.testing.asked import Json
    from convo.testing.models import ModelKind
    from convo.testing.refusals import ApiRefusal
    from convo.testing.responses_kept import Kept


def refusal_of_response(
    body: Mapping[str, Any],
    kept: Kept,
    *,
    now: datetime,
    origin: Origin = Origin(),  # noqa: B008 - an immutable value
    models: Mapping[str, ModelKind] | None = None,
) -> ApiRefusal | None:
    """Give the error with which the API would answer a request for a response, or None when it would accept it."""
    asked = AskedResponse(dict(body), models_with(models), kept, origin, aware(now, "now"))
    return next(_refusals(asked), None)


def _refusals(asked: AskedResponse) -> Iterator[ApiRefusal]:
    """Give all refusals, lazily: what comes later relies on what came before."""
    yield from _needed(asked.body, "model")
    if not isinstance(asked.body["model"], str):
        yield wrong_type("model", "a string", asked.body["model"])
    yield from _needed(asked.body, "input")
    free = [key for key in ("model", *FIELDS) if key not in asked.body]
    yield from (unknown_key(key, free) for key in asked.body if key not in {"model", *FIELDS})
    for key, kind in FIELDS.items():
        if asked.body.get(key) is not None:
            yield from kind.misfits(_recognised(asked, key), key)
    for rule in _RULES:
        yield from rule(asked)


def _needed(body: Json, key: str) -> Iterator[ApiRefusal]:
    if key not in body:
        yield missing_parameter(key)
    elif body[key] is None:
        yield null(key)


def _recognised(asked: AskedResponse, key: str) -> object:
    value = asked.body[key]
    if key != "input" or not isinstance(value, list):
        return value
    return [asked.kept.recognised(item) for item in value]


_RULES = (
    model_refusals,
    past_refusals,
    chance_refusals,
    ability_refusals,
    dependent_refusals,
    lookup_refusals,
    duplicate_refusals,
    reasoning_refusals,
    call_refusals,
    fake_refusals,
)
