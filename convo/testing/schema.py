"""The shape of a Chat Completions request, as tables: which keys exist, of which kind, with which limits.

Media is exempt from the limit on the length of strings: nobody measured whether it covers them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from convo.testing.kinds import Anything, Labels, Listing, Nullable, Number, Record, Tagged, Text, TextOr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convo.testing.kinds import Kind

MOST_TOOLS = 128
LONGEST_CALL_ID = 40

_TEXT = Text()
_MEDIA = Text(longest=None)
_FLAG = Anything("a boolean", (bool,))
_OBJECT = Anything("an object", (dict,))
_NAME = Text(longest=64, pattern=re.compile("[a-zA-Z0-9_-]+"))
_CALL_ID = Text(longest=LONGEST_CALL_ID)
_COUNT = Number("integer", low=1)
_FUNCTION_CALL = Record({"name": _NAME, "arguments": _TEXT}, required=("name", "arguments"))


# --- content parts ---------------------------------------------------------------------------------


def _part(name: str, inside: Kind) -> Record:
    """Give a content part: its type, its inside, and where a cached prefix may end."""
    breakpoint_ = Record({"mode": Text(choices=("explicit",)), "ttl": Text(choices=("30m", "12h"))}, required=("mode",))
    return Record({"type": _TEXT, name: inside, "prompt_cache_breakpoint": breakpoint_}, required=(name,))


_TEXT_PART = _part("text", _TEXT)
_REFUSAL_PART = Record({"type": _TEXT, "refusal": _TEXT}, required=("refusal",))
_DETAILS = ("auto", "low", "high", "original")
_IMAGE_PART = _part("image_url", Record({"url": _MEDIA, "detail": Text(choices=_DETAILS)}, required=("url",)))
_AUDIO_PART = _part("input_audio", Record({"data": _MEDIA, "format": Text(choices=("wav", "mp3"))}, required=("data", "format")))
_FILE_PART = _part("file", Record({"file_data": _MEDIA, "file_id": _TEXT, "filename": _TEXT}))


def _content(**parts: Record) -> Kind:
    """Give the kind of a message's content; whether it may be null is a rule of its own."""
    return Nullable(TextOr(Listing(Tagged("type", parts))))


# --- messages --------------------------------------------------------------------------------------

_TOOL_CALL = Tagged(
    "type",
    {
        "function": Record({"id": _CALL_ID, "type": _TEXT, "function": _FUNCTION_CALL}, required=("id", "function")),
        "custom": Record(
            {"id": _CALL_ID, "type": _TEXT, "custom": Record({"name": _NAME, "input": _TEXT}, required=("name", "input"))},
            required=("id", "custom"),
        ),
    },
)

_INSTRUCTIONS = Record({"role": _TEXT, "content": _content(text=_TEXT_PART), "name": _TEXT})
_USER = Record(
    {
        "role": _TEXT,
        "content": _content(text=_TEXT_PART, image_url=_IMAGE_PART, input_audio=_AUDIO_PART, file=_FILE_PART),
        "name": _TEXT,
    }
)
_ASSISTANT = Record(
    {
        "role": _TEXT,
        "content": _content(text=_TEXT_PART, refusal=_REFUSAL_PART),
        "name": _TEXT,
        "refusal": Nullable(_TEXT),
        "audio": Nullable(Record({"id": _TEXT}, required=("id",))),
        "tool_calls": Listing(_TOOL_CALL, shortest=1),
        "function_call": Nullable(_FUNCTION_CALL),
        # Not in the reference of requests; answers carry it, and the vendor's examples send answers back whole.
        "annotations": Nullable(Listing(_OBJECT)),
    }
)
_TOOL = Record({"role": _TEXT, "content": _content(text=_TEXT_PART), "tool_call_id": _CALL_ID}, required=("tool_call_id",))
_FUNCTION = Record({"role": _TEXT, "content": Nullable(_TEXT), "name": _NAME}, required=("name",))

MESSAGE = Tagged(
    "role",
    {
        "system": _INSTRUCTIONS,
        "assistant": _ASSISTANT,
        "user": _USER,
        "function": _FUNCTION,
        "tool": _TOOL,
        "developer": _INSTRUCTIONS,
    },
)


# --- tools -----------------------------------------------------------------------------------------

_DECLARATION: Mapping[str, Kind] = {
    "name": _NAME,
    "description": _TEXT,
    "parameters": _OBJECT,
    "strict": Nullable(_FLAG),
}
_TOOL_DECLARATION = Tagged(
    "type",
    {
        "function": Record({"type": _TEXT, "function": Record(_DECLARATION, required=("name",))}, required=("function",)),
        "custom": Record(
            {
                "type": _TEXT,
                "custom": Record({"name": _NAME, "description": _TEXT, "format": _OBJECT}, required=("name",)),
            },
            required=("custom",),
        ),
    },
)

# --- the request -----------------------------------------------------------------------------------

_RESPONSE_FORMAT = Tagged(
    "type",
    {
        "text": Record({"type": _TEXT}),
        "json_object": Record({"type": _TEXT}),
        "json_schema": Record(
            {
                "type": _TEXT,
                "json_schema": Record(
                    {"name": _NAME, "description": _TEXT, "schema": _OBJECT, "strict": Nullable(_FLAG)}, required=("name",)
                ),
            },
            required=("json_schema",),
        ),
    },
)
_AUDIO_OUTPUT = Record(
    {
        "voice": Anything("one of a string or an object", (str, dict)),
        "format": Text(choices=("wav", "aac", "mp3", "flac", "opus", "pcm16")),
    },
    required=("voice", "format"),
)
_CHOICE = Anything("one of a string or an object", (str, dict))

CHAT_REQUEST = Record(
    {
        "audio": Nullable(_AUDIO_OUTPUT),
        "frequency_penalty": Nullable(Number(low=-2, high=2)),
        "function_call": _CHOICE,
        "functions": Listing(Record(_DECLARATION, required=("name",)), shortest=1, longest=MOST_TOOLS),
        "logit_bias": Nullable(_OBJECT),
        "logprobs": Nullable(_FLAG),
        "max_completion_tokens": Nullable(_COUNT),
        "max_tokens": Nullable(_COUNT),
        "messages": Listing(MESSAGE, shortest=1),
        "metadata": Nullable(Labels()),
        "modalities": Nullable(Listing(Text(choices=("text", "audio")), shortest=1, expected="an array of strings")),
        "model": _TEXT,
        "moderation": Nullable(_OBJECT),
        "n": Nullable(_COUNT),
        "parallel_tool_calls": _FLAG,
        "prediction": Nullable(_OBJECT),
        "presence_penalty": Nullable(Number(low=-2, high=2)),
        "prompt_cache_key": Nullable(_TEXT),
        "prompt_cache_options": Record({"mode": Text(choices=("implicit", "explicit")), "ttl": Text(choices=("30m",))}),
        "prompt_cache_retention": Nullable(Text(choices=("in_memory", "24h"))),
        "reasoning_effort": Nullable(_TEXT),
        "response_format": _RESPONSE_FORMAT,
        "safety_identifier": Nullable(_TEXT),
        "seed": Nullable(Number("integer")),
        "service_tier": Nullable(Text(choices=("auto", "default", "flex", "scale", "priority", "fast"))),
        "stop": Anything("one of a string or array of strings", (str, list, type(None))),
        "store": Nullable(_FLAG),
        "stream": Nullable(_FLAG),
        "stream_options": Nullable(Record({"include_usage": _FLAG, "include_obfuscation": _FLAG})),
        "temperature": Nullable(Number(low=0, high=2)),
        "tool_choice": _CHOICE,
        "tools": Listing(_TOOL_DECLARATION, shortest=1, longest=MOST_TOOLS),
        "top_logprobs": Nullable(Number("integer", low=0, high=20)),
        "top_p": Nullable(Number(low=0, high=1)),
        "user": _TEXT,
        "verbosity": Nullable(Text(choices=("low", "medium", "high"))),
        "web_search_options": _OBJECT,
    },
    required=("messages",),
)
