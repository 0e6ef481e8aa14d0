"""The vendor's own types as a judge of requests: every element is looked at, and unknown keys are errors."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming, CompletionCreateParamsStreaming
from openai.types.live.initial_item_param import InitialItemParam
from openai.types.realtime.realtime_client_event_param import RealtimeClientEventParam
from openai.types.realtime.realtime_server_event import RealtimeServerEvent
from openai.types.realtime.response_create_event_with_references_param import ResponseCreateEventWithReferencesParam
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming, ResponseCreateParamsStreaming
from pydantic import BaseModel, TypeAdapter
from pydantic_core import SchemaValidator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from convo.testing import RealtimeSession, Received


def validate(body: Mapping[str, Any]) -> None:
    """Raise pydantic's `ValidationError` unless a Chat Completions request is what the SDK's types say."""
    wanted = CompletionCreateParamsStreaming if body.get("stream") else CompletionCreateParamsNonStreaming
    _validator(wanted).validate_python(dict(body))


def validate_response(body: Mapping[str, Any]) -> None:
    """Raise pydantic's `ValidationError` unless a request for a Response is what the SDK's types say."""
    wanted = ResponseCreateParamsStreaming if body.get("stream") else ResponseCreateParamsNonStreaming
    _validator(wanted).validate_python(dict(body))


_BY_PATH = {"/v1/chat/completions": validate, "/v1/responses": validate_response}


def validate_received(received: Iterable[Received]) -> None:
    """Validate all requests for a chat completion or a response that a fake of the API received."""
    for one in received:
        if one.path in _BY_PATH and one.body:
            _BY_PATH[one.path](one.body)


def validate_event(event: Mapping[str, Any]) -> None:
    """Raise pydantic's `ValidationError` unless an event of a Realtime client is what the SDK's types say."""
    _event_validator().validate_python(dict(event))


def validate_live_items(items: Iterable[Mapping[str, Any]]) -> None:
    """Raise pydantic's `ValidationError` unless the items with which a Live session begins are what the SDK's types say."""
    for item in items:
        _live_validator().validate_python(dict(item))


def validate_sessions(sessions: Iterable[RealtimeSession]) -> None:
    """Validate all events that a fake of the API received in Realtime sessions."""
    for session in sessions:
        for event in session.received:
            validate_event(event)


def validate_server_event(event: Mapping[str, Any]) -> None:
    """Raise unless an event of a Realtime server is what the SDK's types say, in their words alone.

    Of a session the types are those of a request: that it has an id, is an object and expires, they do not know.
    """
    read: Any = TypeAdapter(RealtimeServerEvent).validate_python(dict(event))
    assert read.type == event["type"]
    unknown = set(_unknown(read, ""))
    assert unknown <= {"session.id", "session.object", "session.expires_at"}, unknown


def _unknown(value: Any, path: str) -> Iterable[str]:
    """Give the paths of what a model of the SDK has beyond its fields."""
    if isinstance(value, BaseModel):
        yield from (f"{path}{name}" for name in value.model_extra or ())
        for name in type(value).model_fields:
            yield from _unknown(getattr(value, name), f"{path}{name}.")
    elif isinstance(value, list):
        for item in value:
            yield from _unknown(item, path)


@cache
def _event_validator() -> SchemaValidator:
    wanted: Any = RealtimeClientEventParam | ResponseCreateEventWithReferencesParam
    return SchemaValidator(strict(TypeAdapter(wanted).core_schema))


@cache
def _live_validator() -> SchemaValidator:
    return SchemaValidator(strict(TypeAdapter(InitialItemParam).core_schema))


@cache
def _validator(wanted: Any) -> SchemaValidator:
    return SchemaValidator(strict(TypeAdapter(wanted).core_schema))


def strict(schema: Any) -> Any:
    """Give a schema in which iterables are lists, not consumed on demand, and dicts have no keys that are not declared."""
    if isinstance(schema, list | tuple):
        return type(schema)(strict(item) for item in schema)
    if not isinstance(schema, dict):
        return schema
    changed = {key: strict(value) for key, value in schema.items()}
    if changed.get("type") == "typed-dict":
        return {**changed, "extra_behavior": "forbid", "strict": True}
    if changed.get("type") == "generator":
        return {**changed, "type": "list", "strict": True}
    return {**changed, "strict": True} if changed.get("type") in _SCALARS else changed


_SCALARS = ("str", "int", "float", "bool", "list", "dict")
