"""The shape of the events that a Realtime client sends, as tables.

The names of the events, and their order in the refusal of another, are those that the API was seen to list. Ids are of at
most 32 characters, in its own words. What is not described here in detail, as the inside of tools, is passed unread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convo.testing.kinds import Anything, Labels, Listing, Nullable, Number, Record, Tagged, Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convo.testing.kinds import Kind

LONGEST_ID = 32
_LONGEST_EVENT_ID = 512
_RATE = 24_000

_TEXT = Text()
_MEDIA = Text(longest=None)
_FLAG = Anything("a boolean", (bool,))
_OBJECT = Anything("an object", (dict,))
_COUNT = Number("integer", low=0)
_ID = Text(longest=LONGEST_ID)
_TOKENS = Anything("one of an integer or 'inf'", (int, str))
_CHOICE = Anything("one of a string or an object", (str, dict))
_STATUS = Text(choices=("in_progress", "completed", "incomplete"))


# --- items -----------------------------------------------------------------------------------------


def _part(needed: str, **others: Kind) -> Record:
    return Record({"type": _TEXT, needed: _MEDIA if needed != "text" else _TEXT, **others}, required=(needed,))


_PARTS: Mapping[str, Mapping[str, Kind]] = {
    "user": {
        "input_text": _part("text"),
        "input_audio": _part("audio", transcript=Nullable(_TEXT)),
        "input_image": _part("image_url", detail=Text(choices=("auto", "low", "high"))),
    },
    "system": {"input_text": _part("text")},
    # The API takes the name `output_audio` and then wants a text all the same: sound cannot be put in the model's mouth.
    "assistant": {"output_text": _part("text"), "output_audio": _part("text", audio=_MEDIA, transcript=_TEXT)},
}
_COMMON: Mapping[str, Kind] = {"id": _ID, "type": _TEXT, "object": Text(choices=("realtime.item",)), "status": _STATUS}


def _message(role: str) -> Record:
    content = Listing(Tagged("type", _PARTS[role]))
    return Record({**_COMMON, "role": _TEXT, "content": content}, required=("content",))


_ITEMS: Mapping[str, Kind] = {
    "message": Tagged("role", {role: _message(role) for role in _PARTS}),
    "function_call": Record({**_COMMON, "call_id": _ID, "name": _TEXT, "arguments": _TEXT}, required=("name", "arguments")),
    "function_call_output": Record({**_COMMON, "call_id": _ID, "output": _TEXT}, required=("call_id", "output")),
}
ITEM = Tagged("type", _ITEMS)
_INPUT_ITEM = Tagged("type", {**_ITEMS, "item_reference": Record({"type": _TEXT, "id": _ID}, required=("id",))})


# --- the session and the response ------------------------------------------------------------------

_FORMAT = Tagged(
    "type",
    {
        "audio/pcm": Record({"type": _TEXT, "rate": Number("integer", low=_RATE, high=_RATE)}),
        "audio/pcmu": Record({"type": _TEXT}),
        "audio/pcma": Record({"type": _TEXT}),
    },
)
_STARTS: Mapping[str, Kind] = {"type": _TEXT, "create_response": _FLAG, "interrupt_response": _FLAG}
_TURN_DETECTION = Tagged(
    "type",
    {
        "server_vad": Record(
            {
                **_STARTS,
                "idle_timeout_ms": Nullable(Number("integer", low=5_000, high=30_000)),
                "prefix_padding_ms": _COUNT,
                "silence_duration_ms": _COUNT,
                "threshold": Number(low=0, high=1),
            }
        ),
        "semantic_vad": Record({**_STARTS, "eagerness": Text(choices=("low", "medium", "high", "auto"))}),
    },
)
_TRANSCRIPTION = Record(
    {
        "model": _TEXT,
        "language": Nullable(_TEXT),
        "languages": Listing(_TEXT, expected="an array of strings"),
        "keywords": Listing(_TEXT, expected="an array of strings"),
        "prompt": Nullable(_TEXT),
        "delay": Text(choices=("minimal", "low", "medium", "high", "xhigh")),
    }
)
_INPUT = Record(
    {
        "format": _FORMAT,
        "noise_reduction": Nullable(Record({"type": Text(choices=("near_field", "far_field")), "strength": Number()})),
        "transcription": Nullable(_TRANSCRIPTION),
        "turn_detection": Nullable(_TURN_DETECTION),
    }
)
_MODALITIES = Listing(Text(choices=("text", "audio")), shortest=1, expected="an array of strings")
_SHARED: Mapping[str, Kind] = {
    "instructions": _TEXT,
    "max_output_tokens": _TOKENS,
    "output_modalities": _MODALITIES,
    "parallel_tool_calls": _FLAG,
    "prompt": Nullable(_OBJECT),
    "reasoning": _OBJECT,
    "tool_choice": _CHOICE,
    "tools": Listing(_OBJECT),
}
_SESSION = Record(
    {
        **_SHARED,
        "type": Text(choices=("realtime", "transcription")),
        "audio": Record(
            {"input": _INPUT, "output": Record({"format": _FORMAT, "speed": Number(low=0.25, high=1.5), "voice": _CHOICE})}
        ),
        "include": Nullable(Listing(_TEXT, expected="an array of strings")),
        "model": _TEXT,
        "tracing": Nullable(_CHOICE),
        "truncation": _CHOICE,
    },
    required=("type",),
)
_RESPONSE = Record(
    {
        **_SHARED,
        "audio": Record({"output": Record({"format": _FORMAT, "voice": _CHOICE})}),
        "conversation": Text(choices=("auto", "none")),
        "input": Listing(_INPUT_ITEM),
        "metadata": Nullable(Labels()),
    }
)


# --- the events ------------------------------------------------------------------------------------


def _event(required: tuple[str, ...] = (), **fields: Kind) -> Record:
    return Record({"type": _TEXT, "event_id": Text(longest=_LONGEST_EVENT_ID), **fields}, required=required)


CLIENT_EVENT = Tagged(
    "type",
    {
        "session.update": _event(("session",), session=_SESSION),
        "session.close": _event(),
        "input_audio_buffer.append": _event(("audio",), audio=_MEDIA),
        "session.input_audio_buffer.append": _event(("audio",), audio=_MEDIA),
        "input_audio_buffer.commit": _event(),
        "input_audio_buffer.clear": _event(),
        "conversation.item.create": _event(("item",), item=ITEM, previous_item_id=Nullable(_TEXT)),
        "conversation.item.truncate": _event(
            ("item_id", "content_index", "audio_end_ms"), item_id=_TEXT, content_index=_COUNT, audio_end_ms=_COUNT
        ),
        "conversation.item.delete": _event(("item_id",), item_id=_TEXT),
        "conversation.item.retrieve": _event(("item_id",), item_id=_TEXT),
        "response.create": _event(response=Nullable(_RESPONSE)),
        "response.cancel": _event(response_id=_TEXT),
    },
)
