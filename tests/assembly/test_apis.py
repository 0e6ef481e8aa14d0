"""One history, every API: whatever was said, what is assembled has the shape that the SDK's own types give it."""

from __future__ import annotations

import struct
from datetime import timedelta
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.live.initial_item_param import InitialItemParam
from openai.types.realtime.conversation_item_param import ConversationItemParam
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import TypeAdapter
from pydantic_core import SchemaValidator

from convo.assembly.chat import short_id
from convo.assembly.fill import fill, fill_seeds
from convo.assembly.plan import Plan, plan
from convo.assembly.request import Request, Seeds
from convo.audio.value import Audio
from convo.errors import ConflictingArguments, MissingDependency, RequestError
from convo.media import Image
from convo.models import Catalogue
from convo.policy import Policy
from convo.recovery import recovered
from convo.testing import FakeAPI
from convo.testing.live_items import refusal_of_live_items
from convo.testing.realtime_items import Conversation, item_of
from convo.testing.realtime_rules import event_refusals
from convo.tokens import rough_tokens
from tests.assembly.builders import asked, called, log, planned, responded, result, seeded, thought, wrote
from tests.support.histories import Case, cases, family_of
from tests.support.replies import ELSEWHERE
from tests.support.validate import strict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convo.messages import Draft

MODELS = {"responses": "gpt-5.5", "realtime": "gpt-realtime-2.1", "live": "gpt-live-1"}
TYPES: dict[str, Any] = {
    "responses": ResponseCreateParamsNonStreaming,
    "realtime": list[ConversationItemParam],
    "live": list[InitialItemParam],
}


@cache
def judge(api: str) -> SchemaValidator:
    return SchemaValidator(strict(TypeAdapter(TYPES[api]).core_schema))


def finished(made: Plan, written: dict[str, str]) -> Request | Seeds:
    return fill(made, written) if made.target.api == "responses" else fill_seeds(made, written)


def refusals_of_seeds(items: Sequence[dict[str, Any]]) -> None:
    """Assert that a session takes items one after the other."""
    state: Any = SimpleNamespace(conversation=Conversation())
    for item in items:
        event: Any = {"type": "conversation.item.create", "item": item}
        assert next(event_refusals(event, state), None) is None, item
        state.conversation.add(item_of(item, item["id"], ""))


@settings(max_examples=400, deadline=None)
@given(cases(), st.sampled_from(sorted(MODELS)), st.sampled_from([None, 40, 400]))
def test_any_history_is_what_the_api_and_its_types_take(case: Case, api: str, window: int | None) -> None:
    model = Catalogue.default().lookup(MODELS[api])
    target = attrs.evolve(case.target, model=model, api=api, arguments={})
    policy = attrs.evolve(case.policy, window_tokens=window, missing_transcript="placeholder")
    try:
        made = plan(case.history, case.memory, policy, target, case.now, family_of)
    except (RequestError, MissingDependency):
        return
    ready = finished(made, case.written)
    if isinstance(ready, Request):
        judge(api).validate_python(dict(ready))
        with FakeAPI(models={ready["model"]: "text"}).client() as client:
            client.responses.create(**ready)
    else:
        judge(api).validate_python(list(ready.items))
    if api == "realtime":
        assert isinstance(ready, Seeds)
        refusals_of_seeds(ready.items)
    if api == "live":
        assert isinstance(ready, Seeds)
        assert refusal_of_live_items(ready.items) is None
        assert len(ready.items) <= 128
        assert sum(rough_tokens(part["text"]) for item in ready.items for part in item["content"]) <= 8_192
    said = {message.position for message, _, _ in made.rendered} | {message.position for message, _ in made.omitted}
    assert said == {message.position for message in case.history}, "every message is accounted for"


# --- replies of the Responses API ------------------------------------------------------------------

SESSION: dict[str, Any] = {"model": "gpt-realtime-2.1", "api": "realtime"}
ASK: dict[str, Any] = {"model": "gpt-5.5", "api": "responses"}
SECRET = thought(encrypted_content="gAAAA")
LONG = "call_" + "x" * 50
WORDS = {"role": "assistant", "content": "Yes."}


@pytest.mark.parametrize(
    ("reply", "facts", "sent", "why"),
    [
        (responded(thought(), wrote("Yes.")), {}, [thought(), wrote("Yes.")], "items"),
        (responded(wrote("Yes."), store=False), {}, [wrote("Yes.")], "items"),
        (responded(SECRET, wrote("Yes."), store=False), {}, [SECRET, wrote("Yes.")], "items"),
        (responded(SECRET, wrote("Yes.")), {"after": timedelta(days=31)}, [SECRET, wrote("Yes.")], "items"),
        (responded(thought(), wrote("Yes."), store=False), {}, [WORDS], "forgotten"),
        (responded(thought(), wrote("Yes.")), {"after": timedelta(days=31)}, [WORDS], "forgotten"),
        (responded(thought(), wrote("Yes.")), {"origin": ELSEWHERE}, [WORDS], "origin"),
        (responded(thought(), wrote("Yes.")), {"model": "gpt-5.4"}, [WORDS], "family"),
        (responded(thought(), wrote("Yes.")), {"policy": Policy(response_items=False)}, [WORDS], "in words"),
        (responded(thought()), {}, [], "empty"),
        (responded(), {}, [], "empty"),
    ],
)
def test_a_response_goes_back_as_its_items_only_where_they_are_good(
    reply: Draft, facts: dict[str, Any], sent: list[dict[str, Any]], why: str
) -> None:
    made = planned(log(asked("Is it?"), reply, asked("Why?")), **(ASK | facts))
    assert fill(made, {})["input"][1:-1] == sent
    reasons = {message.position: reason for message, _, reason in made.rendered}
    reasons |= {message.position: reason for message, reason in made.omitted}
    assert reasons[2] == why


def test_in_words_a_response_keeps_its_phases_and_its_calls() -> None:
    reply = responded(
        thought(),
        wrote("Let me look.", phase="commentary"),
        {"type": "function_call", "id": "fc_1", "call_id": LONG, "name": "look", "arguments": "{}", "status": "completed"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
    )
    found = log(asked("Is it?"), reply, result(LONG, "Yes."), asked("So?"))
    assert fill(planned(found, **ASK, origin=ELSEWHERE), {})["input"][1:-1] == [
        {"role": "assistant", "content": "Let me look.", "phase": "commentary"},
        {"type": "function_call", "call_id": short_id(LONG), "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": short_id(LONG), "output": "Yes."},
    ]
    output = fill(planned(found, **ASK), {})["input"][-2]
    assert output == {"type": "function_call_output", "call_id": LONG, "output": "Yes."}, "the id is the one that the API gave"


@pytest.mark.parametrize(
    ("tool", "flat"),
    [
        (
            {"type": "function", "function": {"name": "look", "parameters": {}, "description": "Looks."}},
            {"type": "function", "name": "look", "parameters": {}, "description": "Looks.", "strict": False},
        ),
        (
            {"type": "function", "function": {"name": "look"}},
            {"type": "function", "name": "look", "parameters": None, "strict": False},
        ),
        ({"type": "custom", "custom": {"name": "sh"}}, {"type": "custom", "name": "sh"}),
        ({"type": "function", "name": "look", "parameters": {}}, {"type": "function", "name": "look", "parameters": {}}),
        ({"type": "web_search"}, {"type": "web_search"}),
    ],
)
def test_tools_of_chat_completions_mean_the_same_here(tool: dict[str, Any], flat: dict[str, Any]) -> None:
    made = planned(log(asked("Is it?")), **ASK, tools=[tool])
    assert made.arguments["tools"] == [flat]
    assert made.reshaped(made.target).arguments["tools"] == [flat]


@pytest.mark.parametrize("api", ["responses", "realtime", "live"])
def test_a_model_of_another_api_is_refused(api: str) -> None:
    with pytest.raises(ConflictingArguments, match="is not a model of api"):
        planned(log(asked("Is it?")), "gpt-audio-1.5", api=api)


# --- what a session begins with --------------------------------------------------------------------


def _wav(tag: int, bits: int, samples: int = 2_400) -> bytes:
    """Give a mono wav of 24 kHz whose samples have so many bits."""
    sound = bytes(samples * bits // 8)
    fmt = struct.pack("<HHIIHH", tag, 1, 24_000, 24_000 * bits // 8, bits // 8, bits)
    head = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", len(sound))
    return b"RIFF" + struct.pack("<I", len(head) + len(sound)) + head + sound


@pytest.mark.parametrize(
    ("tag", "bits", "kind"), [(1, 16, "input_audio"), (1, 8, "input_text"), (1, 24, "input_text"), (3, 32, "input_text")]
)
def test_only_recordings_of_16_bits_go_as_sound_where_nothing_can_convert_the_others(tag: int, bits: int, kind: str) -> None:
    made = planned(log(asked(Audio.from_bytes(_wav(tag, bits), transcript="Why?"))), **SESSION)
    assert seeded(made).items[0]["content"][0]["type"] == kind


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (Image(data=b"\x89PNG\r\n\x1a\n" + bytes(8)), "input_image"),
        (Image(data=b"GIF89a" + bytes(8)), "input_text"),
        ({"type": "image_url", "image_url": {"url": "https://dogs.test/a.png"}}, "input_text"),
    ],
)
def test_only_images_that_a_session_takes_go_as_images(image: Any, kind: str) -> None:
    made = planned(log(asked("Look:", image)), **SESSION)
    assert seeded(made).items[0]["content"][1]["type"] == kind


@pytest.mark.parametrize(
    ("api", "model", "kinds"),
    [("realtime", "gpt-realtime-2.1", ["message", "function_call"]), ("live", "gpt-live-1", ["message"])],
)
def test_a_session_may_begin_with_a_call_that_waits_for_its_result(api: str, model: str, kinds: list[str]) -> None:
    made = planned(log(asked("Rain?"), called("call_1")), model, api=api)
    assert [item["type"] for item in seeded(made).items] == kinds


def test_encrypted_reasoning_that_the_api_cannot_read_goes_in_words() -> None:
    made = planned(log(asked("Is it?"), responded(SECRET, wrote("Yes."), store=False), asked("Why?")), **ASK)
    found = recovered(made, "invalid_encrypted_content", None, "The encrypted content could not be verified.")
    assert found is not None
    assert fill(found[0], {})["input"][1:-1] == [WORDS]
    assert recovered(found[0], "invalid_encrypted_content", None, "") is None
