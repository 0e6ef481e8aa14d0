"""The tokens that the fake counts: crude, deterministic, and in sums that add up.

Text costs a token for every four characters and four more a message; audio what the API was measured to count.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import attrs

from convo.testing.asked import audio_id_of, parts_of
from convo.testing.sniff import seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from convo.testing.asked import IssuedAudio, Json

USER_TOKENS_PER_SECOND = 10
CHARACTERS_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
TOKENS_PER_IMAGE = 85


@attrs.frozen
class Tokens:
    """Tokens by kind."""

    text: int = 0
    audio: int = 0
    image: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.text + self.audio + self.image


def prompt_tokens(body: Json, audio: Mapping[str, IssuedAudio]) -> Tokens:
    """Count what goes in. `audio` knows every id that the request refers to."""
    messages = body["messages"]
    texts = [text for message in messages for text in _texts(message)]
    declared = [json.dumps(body["tools"])] if "tools" in body else []
    parts = [part for message in messages for part in parts_of(message)]
    return Tokens(
        text=TOKENS_PER_MESSAGE * len(messages) + sum(tokens_in(text) for text in texts + declared),
        audio=sum(_recording_tokens(part) for part in parts) + sum(_reference_tokens(m, audio) for m in messages),
        image=TOKENS_PER_IMAGE * sum(part["type"] == "image_url" for part in parts),
    )


def completion_tokens(message: Json, audio_tokens: int) -> Tokens:
    """Count what comes out: the words, spoken or not, the calls, and `audio_tokens` of sound."""
    spoken = [message["audio"]["transcript"]] if message.get("audio") else []
    return Tokens(text=sum(map(tokens_in, [*spoken, *_texts(message)])), audio=audio_tokens)


def usage_of(prompt: Tokens, completion: Tokens) -> dict[str, Any]:
    """Give the `usage` object of an answer."""
    return {
        "prompt_tokens": prompt.total,
        "completion_tokens": completion.total,
        "total_tokens": prompt.total + completion.total,
        "prompt_tokens_details": {
            "audio_tokens": prompt.audio,
            "cached_tokens": 0,
            "text_tokens": prompt.text,
            "image_tokens": prompt.image,
        },
        "completion_tokens_details": {
            "audio_tokens": completion.audio,
            "reasoning_tokens": 0,
            "text_tokens": completion.text,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def tokens_in(text: str) -> int:
    """Count the tokens of a text."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def _texts(message: Json) -> Iterator[str]:
    """Give every piece of text of a message that a model reads or writes."""
    if isinstance(message.get("content"), str):
        yield message["content"]
    yield from (part.get("text") or part.get("refusal") or "" for part in parts_of(message))
    yield message.get("refusal") or ""
    for call in message.get("tool_calls") or ():
        yield from call[call["type"]].values()


def _recording_tokens(part: Json) -> int:
    if part["type"] != "input_audio":
        return 0
    return math.ceil(USER_TOKENS_PER_SECOND * (seconds_of(part["input_audio"]) or 0.0))


def _reference_tokens(message: Json, audio: Mapping[str, IssuedAudio]) -> int:
    audio_id = audio_id_of(message)
    return audio[audio_id].tokens if audio_id is not None else 0
