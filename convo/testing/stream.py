"""Streams: a finished answer in pieces, in the shapes and the order that were observed.

Audio goes as the role, the id with the first words, the other words, the sound, and at last the expiry alone, with no
reason why it finished. The id stands in every piece of words and sound, and each piece of sound is base64 of its own.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing.asked import Json

DONE = b"data: [DONE]\n\n"
_KNOWN = frozenset({"role", "content", "refusal", "annotations", "audio", "tool_calls"})
# No multiple of three, so that each piece but the last is padded and joining the strings gives garbage.
_BYTES_PER_PIECE = 8_000


def events(completion: Json, *, include_usage: bool) -> tuple[bytes, ...]:
    """Give the server-sent events of a stream, `[DONE]` last."""
    return (*(_event(chunk) for chunk in chunks(completion, include_usage=include_usage)), DONE)


def chunks(completion: Json, *, include_usage: bool) -> Iterator[Json]:
    """Give the ChatCompletionChunks that add up to a ChatCompletion."""
    frame = {key: completion[key] for key in ("id", "created", "model", "service_tier", "system_fingerprint")}
    frame["object"] = "chat.completion.chunk"
    nothing = {"usage": None} if include_usage else {}
    for choice in _choices(completion["choices"][0]):
        yield {**frame, "choices": [choice], **nothing}
    if include_usage:
        yield {**frame, "choices": [], "usage": completion["usage"]}


def _event(chunk: Json) -> bytes:
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def _choices(choice: Json) -> Iterator[Json]:
    message, reason = choice["message"], choice["finish_reason"]
    for delta in _deltas(message):
        yield _choice(delta, None)
    if message.get("audio"):
        # Observed: the last piece of audio has no `finish_reason`, not even null.
        yield {"index": 0, "delta": {"audio": {"expires_at": message["audio"]["expires_at"]}}}
    if reason != "stop" or not message.get("audio"):
        yield _choice({}, reason)


def _choice(delta: Json, reason: str | None) -> Json:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}


def _deltas(message: Json) -> Iterator[Json]:
    unknown = {key: value for key, value in message.items() if key not in _KNOWN}
    yield {"role": "assistant", "content": None if message["content"] is None else "", "refusal": None, **unknown}
    for key in ("content", "refusal"):
        yield from ({key: piece} for piece in _words(message[key] or ""))
    for index, call in enumerate(message.get("tool_calls", ())):
        yield from ({"tool_calls": [{"index": index, **piece}]} for piece in _call_pieces(call))
    if message.get("audio"):
        yield from ({"audio": piece} for piece in _audio_pieces(message["audio"]))


def _words(text: str) -> list[str]:
    """Split a text so that its pieces join to it again."""
    return re.findall(r"\s*\S+|\s+", text)


def _call_pieces(call: Json) -> Iterator[Json]:
    kind = call["type"]
    argument = "arguments" if kind == "function" else "input"
    yield {**call, kind: {**call[kind], argument: ""}}
    yield from ({kind: {argument: piece}} for piece in _words(call[kind][argument]))


def _audio_pieces(audio: Json) -> Iterator[Json]:
    for words in _words(audio["transcript"]) or [""]:
        yield {"id": audio["id"], "transcript": words}
    sound = base64.b64decode(audio["data"])
    for start in range(0, len(sound), _BYTES_PER_PIECE):
        piece = base64.b64encode(sound[start : start + _BYTES_PER_PIECE])
        yield {"id": audio["id"], "data": piece.decode("ascii")}
