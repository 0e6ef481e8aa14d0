"""Streams: a finished answer in pieces, in the shapes and the order that were observed, or as a `StreamShape` says.

Audio goes as the role, the id with the first words, the other words, the sound, and at last the expiry alone, with no
reason why it finished. The id stands in every piece of words and sound, and each piece of sound is base64 of its own.
"""

from __future__ import annotations

import base64
import json
import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from convo.testing.shape import StreamShape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from convo.testing.asked import Json

DONE = b"data: [DONE]\n\n"
OBSERVED = StreamShape()
_KNOWN = frozenset({"role", "content", "refusal", "annotations", "audio", "tool_calls"})
KEEP_ALIVE = b": keep-alive\n\n"
SORRY = "The server had an error while processing your request. Sorry about that!"
_ERROR = {
    "error": {
        "message": SORRY,
        "type": "server_error",
        "param": None,
        "code": None,
    }
}
_SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
_FILTERS = {
    "id": "", "object": "", "created": 0, "model": "", "choices": [],
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": _SAFE}],
}  # fmt: skip


def events(completion: Json, *, include_usage: bool, shape: StreamShape = OBSERVED) -> tuple[bytes, ...]:
    """Give the server-sent events of a stream, `[DONE]` last; a comment goes with the event that follows it."""
    told = [event(chunk) for chunk in chunks(completion, include_usage=include_usage, shape=shape)]
    if shape.error_after is not None:
        told = [*told[: shape.error_after], event(_ERROR)]
    elif shape.end != "cut":
        told.append(DONE)
    return tuple(KEEP_ALIVE + one if shape.keep_alives else one for one in told)


def half(event: bytes) -> bytes:
    """Give the beginning of an event: up to the middle of its first character beyond ASCII, else of the event."""
    beyond = next((at for at, byte in enumerate(event) if byte > 127), None)  # noqa: PLR2004 - the last of ASCII
    return event[: len(event) // 2 if beyond is None else beyond + 1]


def chunks(completion: Json, *, include_usage: bool, shape: StreamShape = OBSERVED) -> Iterator[Json]:
    """Give the ChatCompletionChunks that add up to a ChatCompletion."""
    frame = {key: completion[key] for key in ("id", "created", "model", "service_tier", "system_fingerprint")}
    frame["object"] = "chat.completion.chunk"
    nothing = {"usage": None} if include_usage else {}
    if shape.filters:
        yield _FILTERS
    for choice in _choices(completion["choices"][0], shape):
        for index in range(shape.choices):
            yield {**frame, "choices": [{**choice, "index": index}], **nothing}
    if include_usage and shape.end != "cut":
        yield {**frame, "choices": [], "usage": completion["usage"]}


def event(data: Json, name: str = "") -> bytes:
    """Give one server-sent event, without a name unless it has one."""
    try:
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a character can only be written as an escape
        text = json.dumps(data, separators=(",", ":")).encode()
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + text + b"\n\n"


def _choices(choice: Json, shape: StreamShape) -> Iterator[Json]:
    message, reason = choice["message"], choice["finish_reason"]
    for delta in _deltas(message, shape):
        yield _choice(delta, None)
    if shape.end == "cut":
        return
    audio = message.get("audio") if shape.expiry != "never" else None
    with_reason = shape.expiry == "with_reason" and shape.end == "usual"
    if audio:
        # Observed: the last piece of audio has no `finish_reason`, not even null.
        ending = {"finish_reason": reason} if with_reason else {}
        yield {"index": 0, "delta": {"audio": {"expires_at": audio["expires_at"]}}, **ending}
    if shape.end == "usual" and not (audio and (with_reason or reason == "stop")):
        yield _choice({}, reason)


def _choice(delta: Json, reason: str | None) -> Json:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}


def _deltas(message: Json, shape: StreamShape) -> Iterator[Json]:
    unknown = {key: value for key, value in message.items() if key not in _KNOWN}
    yield {"role": "assistant", "content": None if message["content"] is None else "", "refusal": None, **unknown}
    for key in ("content", "refusal"):
        yield from ({key: piece} for piece in in_words(message[key] or ""))
    calls = [
        [{"index": index, **piece} for piece in _call_pieces(call)] for index, call in enumerate(message.get("tool_calls", ()))
    ]
    ordered = _mixed(calls) if shape.mixed_calls else (piece for pieces in calls for piece in pieces)
    yield from ({"tool_calls": [piece]} for piece in ordered)
    if message.get("audio"):
        yield from ({"audio": piece} for piece in _audio_pieces(message["audio"], shape))


def in_words(text: str) -> list[str]:
    """Split a text so that its pieces join to it again."""
    return re.findall(r"\s*\S+|\s+", text)


def _mixed(queues: Iterable[list[Json]]) -> Iterator[Json]:
    """Give the first of each, then the second of each, and so on."""
    for pieces in zip_longest(*queues):
        yield from (piece for piece in pieces if piece is not None)


def _call_pieces(call: Json) -> Iterator[Json]:
    kind = call["type"]
    argument = "arguments" if kind == "function" else "input"
    yield {**call, kind: {**call[kind], argument: ""}}
    yield from ({kind: {argument: piece}} for piece in in_words(call[kind][argument]))


def _audio_pieces(audio: Json, shape: StreamShape) -> Iterator[Json]:
    words = [{"transcript": piece} for piece in in_words(audio["transcript"]) or [""]]
    sound = [{"data": piece} for piece in _sound_pieces(audio["data"], shape)]
    orders = {"first": [*words, *sound], "mixed": list(_mixed([words, sound])), "last": [*sound, *words]}
    for at, piece in enumerate(orders[shape.words]):
        yield {"id": audio["id"], **piece} if at == 0 or shape.audio_id == "every" else piece


def _sound_pieces(data: str, shape: StreamShape) -> Iterator[str]:
    if shape.base64 == "cut":
        yield from (data[start : start + shape.piece] for start in range(0, len(data), shape.piece))
        return
    sound = base64.b64decode(data)
    for start in range(0, len(sound), shape.piece):
        yield base64.b64encode(sound[start : start + shape.piece]).decode("ascii")
