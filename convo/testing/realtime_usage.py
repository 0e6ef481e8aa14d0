"""The tokens of Realtime that the fake counts: crude, deterministic, and in sums that add up.

What stood in the context of the response before, unchanged, is cached, in blocks of 64 as was seen.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from convo.testing.realtime_items import BYTES_A_SECOND
from convo.testing.sound import TOKENS_PER_SECOND
from convo.testing.usage import USER_TOKENS_PER_SECOND, Tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from convo.testing.asked import Json
    from convo.testing.realtime_items import Item

BY_LENGTH = "whisper-1"
"""The model whose transcriptions are billed by seconds."""
_CHARACTERS_PER_TOKEN = 4
_TOKENS_PER_ITEM = 4
_TOKENS_PER_IMAGE = 85
_BLOCK = 64
NOTHING = Tokens()


def tokens_in(text: str) -> int:
    """Count the tokens of a text."""
    return math.ceil(len(text) / _CHARACTERS_PER_TOKEN)


def spoken_tokens(sound: bytes | bytearray) -> int:
    """Count the tokens of sound that the model made."""
    return math.ceil(TOKENS_PER_SECOND * len(sound) / BYTES_A_SECOND)


def context_tokens(items: Iterable[Item], instructions: str, tools: list[Json]) -> Tokens:
    """Count what goes into a response."""
    read = list(items)
    texts = [instructions, *(json.dumps(tool) for tool in tools), *(text for item in read for text in _texts(item.body))]
    parts = [part for item in read for part in item.body.get("content", ())]
    return Tokens(
        text=_TOKENS_PER_ITEM * len(read) + sum(map(tokens_in, texts)),
        audio=sum(map(_sound_tokens, read)),
        image=_TOKENS_PER_IMAGE * sum(part["type"] == "input_image" for part in parts),
    )


def _texts(body: Json) -> Iterator[str]:
    yield from (body.get(key, "") for key in ("name", "arguments", "output"))
    yield from (part.get("text", "") for part in body.get("content", ()))


def _sound_tokens(item: Item) -> int:
    if item.body.get("role") == "assistant":
        return sum(map(spoken_tokens, item.sound.values()))
    return sum(math.ceil(USER_TOKENS_PER_SECOND * len(sound) / BYTES_A_SECOND) for sound in item.sound.values())


def cached_of(before: Tokens, now: Tokens) -> Tokens:
    """Give what of a context is cached when one began with what stood in the other."""
    return Tokens(text=min(before.text, now.text) // _BLOCK * _BLOCK, audio=min(before.audio, now.audio) // _BLOCK * _BLOCK)


def response_usage(context: Tokens, cached: Tokens, output: Tokens) -> Json:
    """Give the `usage` of a response that is done."""
    return {
        "total_tokens": context.total + output.total,
        "input_tokens": context.total,
        "output_tokens": output.total,
        "input_token_details": {
            "text_tokens": context.text,
            "audio_tokens": context.audio,
            "image_tokens": context.image,
            "cached_tokens": cached.total,
            "cached_tokens_details": {
                "text_tokens": cached.text,
                "audio_tokens": cached.audio,
                "image_tokens": cached.image,
            },
        },
        "output_token_details": {"text_tokens": output.text, "audio_tokens": output.audio},
    }


def transcription_usage(model: str, sound: bytes, text: str) -> Json:
    """Give the `usage` of a transcription."""
    seconds = len(sound) / BYTES_A_SECOND
    if model == BY_LENGTH:
        return {"type": "duration", "seconds": seconds}
    heard, out = math.ceil(USER_TOKENS_PER_SECOND * seconds), tokens_in(text)
    return {
        "type": "tokens",
        "total_tokens": heard + out,
        "input_tokens": heard,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
        "output_tokens": out,
    }
