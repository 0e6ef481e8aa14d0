"""The verdict on a request: whether the API would refuse it, and with which words.

Pure: the request, the audio that the API holds, the caller and the time go in. The first refusal counts.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from convo.testing.asked import Asked, IssuedAudio, Origin
from convo.testing.clock import aware
from convo.testing.modality import (
    ability_refusals,
    fake_refusals,
    output_refusals,
    recording_refusals,
    reference_refusals,
    silence_refusals,
    text_model_refusals,
)
from convo.testing.models import models_with
from convo.testing.order import content_refusals, order_refusals
from convo.testing.refusals import ApiRefusal, invalid, wrong_type
from convo.testing.schema import CHAT_REQUEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from convo.testing.models import FakeModel, ModelKind

_NEEDS_TOOLS = ("tool_choice", "parallel_tool_calls")
_NO_AUDIO: Mapping[str, IssuedAudio] = MappingProxyType({})


def refusal_of(
    body: Mapping[str, Any],
    *,
    now: datetime,
    audio: Mapping[str, IssuedAudio] = _NO_AUDIO,
    origin: Origin = Origin(),  # noqa: B008 - an immutable value
    models: Mapping[str, ModelKind] | None = None,
) -> ApiRefusal | None:
    """Give the error with which the API would answer a Chat Completions request, or None when it would accept it.

    `body` is what `json.loads` gives, dicts and lists and all; `audio` maps the ids that the API has given out to what
    it remembers of them; `origin` is who asks; `models` adds names to the models that are known.
    """
    known, time = models_with(models), aware(now, "now")
    return next(_refusals(dict(body), known, audio, origin, time), None)


def _refusals(
    body: dict[str, Any],
    models: Mapping[str, FakeModel],
    audio: Mapping[str, IssuedAudio],
    origin: Origin,
    now: datetime,
) -> Iterator[ApiRefusal]:
    """Give all refusals, lazily: what comes later relies on what came before."""
    yield from _model_refusals(body, models, now)
    yield from CHAT_REQUEST.misfits(body, "")
    asked = Asked(body, models, audio, origin, now)
    for rule in _RULES:
        yield from rule(asked)


def _model_refusals(body: dict[str, Any], models: Mapping[str, FakeModel], now: datetime) -> Iterator[ApiRefusal]:
    name = body.get("model")
    if name is None:
        yield invalid("you must provide a model parameter", None, None)
    elif not isinstance(name, str):
        yield wrong_type("model", "a string", name)
    elif name not in models:
        yield _no_model(f"The model `{name}` does not exist or you do not have access to it.")
    elif models[name].gone(now):
        yield _no_model(f"The model `{name}` has been deprecated, learn more here: https://platform.openai.com/docs/deprecations")


def _no_model(message: str) -> ApiRefusal:
    return ApiRefusal(404, message, code="model_not_found")


def _dependent_refusals(asked: Asked) -> Iterator[ApiRefusal]:
    """Refuse arguments that mean nothing without another."""
    for key in _NEEDS_TOOLS:
        if key in asked.body and "tools" not in asked.body:
            yield invalid(f"Invalid value for '{key}': '{key}' is only allowed when 'tools' are specified.", key, None)
    if asked.body.get("stream_options") is not None and not asked.body.get("stream"):
        yield invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options", None)


_RULES = (
    text_model_refusals,
    _dependent_refusals,
    content_refusals,
    order_refusals,
    output_refusals,
    ability_refusals,
    silence_refusals,
    recording_refusals,
    reference_refusals,
    fake_refusals,
)
