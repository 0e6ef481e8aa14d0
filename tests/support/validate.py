"""The vendor's own types as a judge of requests: every element is looked at, and unknown keys are errors."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming, CompletionCreateParamsStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming, ResponseCreateParamsStreaming
from pydantic import TypeAdapter
from pydantic_core import SchemaValidator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from convo.testing import Received


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
