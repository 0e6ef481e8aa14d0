"""Streams of the Responses API: a finished response as the events that lead to it, each with its type and number.

The order is that of the vendor's reference: the response is created and in progress; each item is added, told in deltas,
and done; the response ends as completed, incomplete or failed. There is no `[DONE]`. Of items that the API's own tools make
only the beginning and the end are told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convo.testing.responses_kinds import type_of
from convo.testing.stream import KEEP_ALIVE, OBSERVED, SORRY, event, in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing.asked import Json
    from convo.testing.shape import StreamShape

_UNSAID: Json = {
    "status": "in_progress",
    "output": [],
    "usage": None,
    "completed_at": None,
    "error": None,
    "incomplete_details": None,
}
_TOLD = {
    "message": ("content",),
    "reasoning": ("summary", "content"),
    "function_call": ("arguments",),
    "custom_tool_call": ("input",),
}
"""What of an item is told after it was added."""
_ERROR = {"type": "error", "code": "server_error", "message": SORRY, "param": None}


def response_events(response: Json, shape: StreamShape = OBSERVED) -> tuple[bytes, ...]:
    """Give the server-sent events of a stream.

    Of the shape count `keep_alives`, `error_after`, and the `end` that is `"cut"`: without the event that ends the response.
    """
    told = list(_events(response))
    if shape.error_after is not None:
        told = [*told[: shape.error_after], _ERROR]
    elif shape.end == "cut":
        told.pop()
    numbered = ({**one, "sequence_number": number} for number, one in enumerate(told))
    before = KEEP_ALIVE if shape.keep_alives else b""
    return tuple(before + event(one, one["type"]) for one in numbered)


def _events(response: Json) -> Iterator[Json]:
    begun = {**response, **_UNSAID}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(response["output"]):
        for one in _item_events(item):
            yield {**one, "output_index": index}
    yield {"type": f"response.{response['status']}", "response": response}


def _item_events(item: Json) -> Iterator[Json]:
    yield {"type": "response.output_item.added", "item": _begun(item)}
    inside = {
        "message": _message_events,
        "reasoning": _reasoning_events,
        "function_call": _function_events,
        "custom_tool_call": _custom_events,
    }.get(type_of(item))
    for one in inside(item) if inside else ():
        yield {**one, "item_id": item["id"]}
    yield {"type": "response.output_item.done", "item": item}


def _begun(item: Json) -> Json:
    """Give an item as it is when it is added."""
    told = {key: type(value)() for key, value in item.items() if key in _TOLD.get(type_of(item), ())}
    unmade = {"result": None} if type_of(item) == "image_generation_call" else {}
    status = {"status": "in_progress"} if "status" in item else {}
    return {**item, **told, **unmade, **status}


def _message_events(item: Json) -> Iterator[Json]:
    for at, part in enumerate(item["content"]):
        for one in _part_events(part):
            yield {**one, "content_index": at}


def _part_events(part: Json) -> Iterator[Json]:
    key = "refusal" if part["type"] == "refusal" else "text"
    name = f"response.{part['type']}"
    more: Json = {"logprobs": []} if part["type"] == "output_text" else {}
    empty: Json = {"annotations": []} if "annotations" in part else {}
    yield {"type": "response.content_part.added", "part": {**part, key: "", **empty}}
    yield from ({"type": f"{name}.delta", "delta": piece, **more} for piece in in_words(part[key]))
    for at, note in enumerate(part.get("annotations") or ()):
        yield {"type": f"{name}.annotation.added", "annotation": note, "annotation_index": at}
    yield {"type": f"{name}.done", key: part[key], **more}
    yield {"type": "response.content_part.done", "part": part}


def _reasoning_events(item: Json) -> Iterator[Json]:
    name = "response.reasoning_summary"
    for at, part in enumerate(item.get("summary") or ()):
        told: list[Json] = [{"type": f"{name}_part.added", "part": {**part, "text": ""}}]
        told += [{"type": f"{name}_text.delta", "delta": piece} for piece in in_words(part["text"])]
        told += [{"type": f"{name}_text.done", "text": part["text"]}, {"type": f"{name}_part.done", "part": part}]
        yield from ({**one, "summary_index": at} for one in told)
    yield from _message_events({"content": item.get("content") or ()})


def _function_events(item: Json) -> Iterator[Json]:
    name = "response.function_call_arguments"
    yield from ({"type": f"{name}.delta", "delta": piece} for piece in in_words(item["arguments"]))
    yield {"type": f"{name}.done", "arguments": item["arguments"], "name": item["name"]}


def _custom_events(item: Json) -> Iterator[Json]:
    name = "response.custom_tool_call_input"
    yield from ({"type": f"{name}.delta", "delta": piece} for piece in in_words(item["input"]))
    yield {"type": f"{name}.done", "input": item["input"]}
