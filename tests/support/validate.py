"""The vendor's own types as a judge of requests: every element is looked at, and unknown keys are errors."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming, CompletionCreateParamsStreaming
from openai.types.live.initial_item_param import InitialItemParam
from openai.types.realtime.realtime_client_event_param import RealtimeClientEventParam
from openai.types.realtime.realtime_server_event import RealtimeServerEvent
from openai.types.realtime.response_create_event_with_references_param import ResponseCreateEventWithReferencesParam
from pydantic import BaseModel, TypeAdapter
from pydantic_core import SchemaValidator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from convo.testing import RealtimeSession, Received


def validate(body: Mapping[str, Any]) -> None:
    """Raise pydantic's `ValidationError` unless a Chat Completions request is what the SDK's types say."""
    _validator(streaming=bool(body.get("stream"))).validate_python(dict(body))


def validate_received(received: Iterable[Received]) -> None:
    """Validate all chat requests that a fake of the API received."""
    for one in received:
        if one.path == "/v1/chat/completions" and one.body:
            validate(one.body)


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
    return SchemaValidator(_strict(TypeAdapter(wanted).core_schema))


@cache
def _live_validator() -> SchemaValidator:
    return SchemaValidator(_strict(TypeAdapter(InitialItemParam).core_schema))


@cache
def _validator(*, streaming: bool) -> SchemaValidator:
    wanted: Any = CompletionCreateParamsStreaming if streaming else CompletionCreateParamsNonStreaming
    return SchemaValidator(_strict(TypeAdapter(wanted).core_schema))


def _strict(schema: Any) -> Any:
    """Give a schema in which iterables are lists, not consumed on demand, and dicts have no keys that are not declared."""
    if isinstance(schema, list | tuple):
        return type(schema)(_strict(item) for item in schema)
    if not isinstance(schema, dict):
        return schema
    changed = {key: _strict(value) for key, value in schema.items()}
    if changed.get("type") == "typed-dict":
        return {**changed, "extra_behavior": "forbid", "strict": True}
    if changed.get("type") == "generator":
        return {**changed, "type": "list", "strict": True}
    return {**changed, "strict": True} if changed.get("type") in _SCALARS else changed


_SCALARS = ("str", "int", "float", "bool", "list", "dict")
