"""One history, every API: whatever was said, what is assembled has the shape that the SDK's own types give it."""

from __future__ import annotations

from functools import cache
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.live.initial_item_param import InitialItemParam
from openai.types.realtime.conversation_item_param import ConversationItemParam
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import TypeAdapter
from pydantic_core import SchemaValidator

from convo.assembly import Plan, Request, Seeds, fill, fill_seeds, plan
from convo.errors import RequestError
from convo.models import Catalogue
from convo.tokens import rough_tokens
from tests.support.histories import Case, cases, family_of
from tests.support.validate import strict

MODELS = {"responses": "gpt-5.5", "realtime": "gpt-realtime-2.1", "live": "gpt-live-1"}
TYPES: dict[str, Any] = {
    "responses": ResponseCreateParamsNonStreaming,
    "realtime": list[ConversationItemParam],
    "live": list[InitialItemParam],
}


@cache
def judge(api: str) -> SchemaValidator:
    return SchemaValidator(strict(TypeAdapter(TYPES[api]).core_schema))


def finished(made: Plan, blobs: dict[str, bytes]) -> Request | Seeds:
    return fill(made, blobs) if made.target.api == "responses" else fill_seeds(made, blobs)


@settings(max_examples=400, deadline=None)
@given(cases(), st.sampled_from(sorted(MODELS)), st.sampled_from([None, 40, 400]))
def test_any_history_has_the_shape_that_the_types_of_the_api_have(case: Case, api: str, window: int | None) -> None:
    model = Catalogue.default().lookup(MODELS[api])
    target = attrs.evolve(case.target, model=model, api=api, arguments={})
    policy = attrs.evolve(case.policy, window_tokens=window, missing_transcript="placeholder")
    try:
        made = plan(case.history, case.memory, policy, target, case.now, family_of)
    except RequestError:
        return
    ready = finished(made, dict(case.blobs))
    if isinstance(ready, Request):
        judge(api).validate_python(dict(ready))
    else:
        judge(api).validate_python(list(ready.items))
    if api == "live":
        assert isinstance(ready, Seeds)
        assert len(ready.items) <= 128
        assert sum(rough_tokens(part["text"]) for item in ready.items for part in item["content"]) <= 8_192
    said = {message.position for message, _, _ in made.rendered} | {message.position for message, _ in made.omitted}
    assert said == {message.position for message in case.history}, "every message is accounted for"
