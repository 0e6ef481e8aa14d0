"""The vendor's own types as a judge of requests: every element is looked at, and unknown keys are errors."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming, CompletionCreateParamsStreaming
from pydantic import TypeAdapter
from pydantic_core import SchemaValidator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from convo.testing import Received


def validate(body: Mapping[str, Any]) -> None:
    """Raise pydantic's `ValidationError` unless a Chat Completions request is what the SDK's types say."""
    _validator(streaming=bool(body.get("stream"))).validate_python(dict(body))


def validate_received(received: Iterable[Received]) -> None:
    """Validate all chat requests that a fake of the API received."""
    for one in received:
        if one.path == "/v1/chat/completions" and one.body:
            validate(one.body)


@cache
def _validator(*, streaming: bool) -> SchemaValidator:
    wanted: Any = CompletionCreateParamsStreaming if streaming else CompletionCreateParamsNonStreaming
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
