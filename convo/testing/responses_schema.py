"""The shape of a request to the Responses API, as tables: its keys in the order in which the API looks at them.

Key sets, order, choices and lower limits were measured by others in August 2026 and published; kinds of items that only
the API's own tools make are checked for their keys alone, after the types of the vendor's library.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from convo.testing.kinds import Anything, Labels, Listing, Nullable, Number, Record, Tagged, Text, TextOr
from convo.testing.responses_kinds import LONGEST_ID, Choice, Content, Ident, Items, OneOf, Whatever, either
from convo.testing.schema import MOST_TOOLS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convo.testing.kinds import Kind

_TEXT = Text()
_MEDIA = Text(longest=None)
_FLAG = Anything("a boolean", (bool,))
_OBJECT = Anything("an object", (dict,))
_OBJECTS = Listing(_OBJECT)
_NAME = Text(longest=64, pattern=re.compile("[a-zA-Z0-9_-]+"))
_CALL_ID = Text(longest=LONGEST_ID)
_STATUS = OneOf(("in_progress", "completed", "incomplete"))
LEAST_OUTPUT_TOKENS = 16


def _record(required: Mapping[str, Kind], optional: Mapping[str, Kind] | None = None) -> Record:
    """Give an object; what it need not have may be null."""
    rest = {key: Nullable(kind) for key, kind in (optional or {}).items()}
    return Record({**required, **rest}, required=tuple(required), missing_first=True)


# --- content parts ---------------------------------------------------------------------------------

_BREAKPOINT = _record({"mode": OneOf(("explicit",))}, {"ttl": OneOf(("30m", "12h"))})
_DETAIL = OneOf(("low", "high", "auto", "original"))
_INPUT_PARTS: Mapping[str, Kind] = {
    "input_text": _record({"type": _TEXT, "text": _TEXT}, {"prompt_cache_breakpoint": _BREAKPOINT}),
    "input_image": _record(
        {"type": _TEXT},
        {"detail": _DETAIL, "file_id": _TEXT, "image_url": _MEDIA, "prompt_cache_breakpoint": _BREAKPOINT},
    ),
    "input_file": _record(
        {"type": _TEXT},
        {
            "detail": OneOf(("auto", "low", "high")),
            "file_data": _MEDIA,
            "file_id": _TEXT,
            "file_url": _TEXT,
            "filename": _TEXT,
            "prompt_cache_breakpoint": _BREAKPOINT,
        },
    ),
}
_OUTPUT_PARTS: Mapping[str, Kind] = {
    "output_text": _record({"type": _TEXT, "text": _TEXT}, {"annotations": _OBJECTS, "logprobs": _OBJECTS}),
    "refusal": _record({"type": _TEXT, "refusal": _TEXT}),
}
# As the API listed them to one who sent `input_audio`, on the 5th of August 2026. Later in that month the list named
# `input_audio` too, though no model that the API has would hear it.
PART_TYPES = (
    "input_text",
    "input_image",
    "output_text",
    "refusal",
    "input_file",
    "computer_screenshot",
    "summary_text",
    "encrypted_content",
)
_INPUT = Content(_INPUT_PARTS, ("input_text", "input_image", "input_file", "scoped_content", "input_audio"), PART_TYPES)
_OUTPUT = Content(_OUTPUT_PARTS, ("output_text", "refusal"), PART_TYPES)
_RESULT = TextOr(Listing(Tagged("type", _INPUT_PARTS)))

# --- items -----------------------------------------------------------------------------------------

_MESSAGE: Mapping[str, Kind] = {"type": _TEXT, "id": Ident("msg"), "status": _STATUS}
_SAID = _record({"role": _TEXT, "content": _INPUT}, _MESSAGE)
_ANSWERED = _record({"role": _TEXT, "content": _OUTPUT}, {**_MESSAGE, "phase": OneOf(("commentary", "final_answer"))})
_CALL: Mapping[str, Kind] = {"status": _STATUS, "caller": _OBJECT, "namespace": _TEXT, "async": _FLAG}


def _typed(required: Mapping[str, Kind], optional: Mapping[str, Kind]) -> Record:
    return _record({"type": _TEXT, **required}, optional)


def _keys(required: str, optional: str = "") -> Record:
    """Give an item of which only the keys are known, and that its ids are strings."""
    kinds = [{key: _TEXT if key in {"id", "call_id"} else Whatever() for key in keys.split()} for keys in (required, optional)]
    return _typed(*kinds)


_SUMMARY = Listing(_record({"type": OneOf(("summary_text",)), "text": _TEXT}))
_THOUGHTS = Listing(_record({"type": OneOf(("reasoning_text",)), "text": _TEXT}))
_ITEMS: Mapping[str, Kind] = {
    "function_call": _typed(
        {"name": _NAME, "arguments": _TEXT, "call_id": _CALL_ID},
        {**_CALL, "id": Ident("fc")},
    ),
    "function_call_output": _typed({"call_id": _CALL_ID, "output": _RESULT}, {**_CALL, "id": _TEXT, "name": _TEXT}),
    "custom_tool_call": _typed({"name": _NAME, "input": _TEXT, "call_id": _CALL_ID}, {**_CALL, "id": Ident("ctc")}),
    "custom_tool_call_output": _typed({"call_id": _CALL_ID, "output": _RESULT}, {**_CALL, "id": _TEXT}),
    # Without an id it is accepted where its encrypted content says what it is; that is a rule of its own.
    "reasoning": _typed(
        {"summary": _SUMMARY},
        {"id": Ident("rs"), "content": _THOUGHTS, "encrypted_content": _MEDIA, "status": _STATUS},
    ),
    "item_reference": _record({"id": _CALL_ID}, {"type": _TEXT}),
    "compaction": _keys("encrypted_content", "id created_by"),
    "compaction_trigger": _keys("", "id"),
    "configuration_update": _keys("", "id reasoning text"),
    "additional_tools": _keys("role tools", "id"),
    "image_generation_call": _keys(
        "id result status", "action background error output_format quality revised_prompt size svg_usage"
    ),
    "web_search_call": _keys("id status", "action"),
    "file_search_call": _keys("id queries status", "results"),
    "code_interpreter_call": _keys("id code container_id outputs status"),
    "computer_call": _keys("id call_id status", "action actions pending_safety_checks"),
    "computer_call_output": _keys("call_id output", "id acknowledged_safety_checks status"),
    "local_shell_call": _keys("id action call_id status"),
    "local_shell_call_output": _keys("id output", "status"),
    "shell_call": _keys("action call_id", "id caller environment status created_by"),
    "shell_call_output": _keys("call_id output", "id caller max_output_length status created_by"),
    "apply_patch_call": _keys("call_id operation status", "id caller created_by"),
    "apply_patch_call_output": _keys("call_id status", "id caller output created_by"),
    "mcp_list_tools": _keys("id server_label tools", "error"),
    "mcp_approval_request": _keys("id arguments name server_label"),
    "mcp_approval_response": _keys("approval_request_id approve", "id reason"),
    "mcp_call": _keys("id arguments name server_label", "approval_request_id error output status"),
    "tool_search_call": _keys("arguments", "id call_id execution status created_by"),
    "tool_search_output": _keys("tools", "id call_id execution status created_by"),
    "program": _keys("id call_id code fingerprint"),
    "program_output": _keys("id call_id result status"),
}
_TYPES = tuple(sorted({*_ITEMS, "message", "agent_message", "multi_agent_call", "multi_agent_call_output"}))
INPUT = Items({"user": _SAID, "system": _SAID, "developer": _SAID, "assistant": _ANSWERED}, _ITEMS, _TYPES)


def keys_of(kind: str, role: str | None) -> Mapping[str, object]:
    """Give the keys that an item may have in a request; none when there is no such item."""
    known = _ITEMS.get(kind) or (INPUT.messages.get(role or "") if kind == "message" else None)
    return known.fields if isinstance(known, Record) else {}


# --- tools -----------------------------------------------------------------------------------------

_TOOL: Mapping[str, Kind] = {"description": _TEXT, "allowed_callers": Whatever(), "defer_loading": _FLAG, "async": _FLAG}
_HOSTED = (
    "file_search computer computer_use_preview web_search web_search_2025_08_26 mcp code_interpreter "
    "programmatic_tool_calling image_generation local_shell shell namespace tool_search web_search_preview "
    "web_search_preview_2025_03_11 apply_patch"
)
_TOOLS = Tagged(
    "type",
    {
        "function": _typed({"name": _NAME}, {**_TOOL, "parameters": _OBJECT, "strict": _FLAG, "output_schema": _OBJECT}),
        "custom": _typed({"name": _NAME}, {**_TOOL, "format": _OBJECT}),
        **dict.fromkeys(_HOSTED.split(), _OBJECT),
    },
)
_CHOICES = ("none", "auto", "required")
_CHOSEN = Tagged(
    "type",
    {
        "function": _typed({"name": _NAME}, {}),
        "custom": _typed({"name": _NAME}, {}),
        "allowed_tools": _typed({"mode": OneOf(("auto", "required")), "tools": _OBJECTS}, {}),
        "mcp": _keys("server_label", "name"),
        **dict.fromkeys(_HOSTED.split(), _typed({}, {})),
    },
)

# --- the request -----------------------------------------------------------------------------------

_FORMAT = Tagged(
    "type",
    {
        "json_object": _typed({}, {}),
        "text": _typed({}, {}),
        "json_schema": _typed({"name": _NAME, "schema": _OBJECT}, {"description": _TEXT, "strict": _FLAG}),
    },
)
ENCRYPTED = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"
_INCLUDABLE = (
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    ENCRYPTED,
    LOGPROBS,
)
_ABBREVIATED = either(tuple(f"{name[:3]}...{name[-3:]}" for name in _INCLUDABLE))

FIELDS: Mapping[str, Kind] = {
    "input": INPUT,
    "previous_response_id": _TEXT,
    "conversation": Anything("one of an object or string", (str, dict)),
    "prompt": _record({"id": _TEXT}, {"variables": _OBJECT, "version": _TEXT}),
    "moderation": _OBJECT,
    "include": Listing(Text(choices=_INCLUDABLE), expected=f"an array of one of {_ABBREVIATED}"),
    "tools": Listing(_TOOLS, longest=MOST_TOOLS, expected="an array of tools"),
    "tool_choice": Choice(_CHOICES, _CHOSEN),
    "metadata": Labels(),
    "text": _record({}, {"format": _FORMAT, "verbosity": OneOf(("low", "medium", "high"))}),
    "temperature": Number(low=0, high=2),
    "top_p": Number(low=0, high=1),
    "presence_penalty": Number(low=-2, high=2),
    "frequency_penalty": Number(low=-2, high=2),
    "parallel_tool_calls": _FLAG,
    "stream": _FLAG,
    "stream_options": _record({}, {"include_obfuscation": _FLAG}),
    "background": _FLAG,
    "max_output_tokens": Number("integer", low=LEAST_OUTPUT_TOKENS),
    "max_tool_calls": Number("integer", low=1),
    "reasoning": _record(
        {},
        {
            "effort": OneOf(("none", "minimal", "low", "medium", "high", "xhigh", "max")),
            "summary": OneOf(("concise", "detailed", "auto")),
            "context": OneOf(("auto", "current_turn", "all_turns")),
            "mode": _TEXT,
        },
    ),
    "user": _TEXT,
    "safety_identifier": _TEXT,
    "prompt_cache_options": _record(
        {},
        {
            "comparison_response_id": _TEXT,
            "mode": OneOf(("implicit", "explicit")),
            "prewarm": _FLAG,
            "ttl": OneOf(("30m", "12h")),
        },
    ),
    "prompt_cache_key": _TEXT,
    "prompt_cache_retention": OneOf(("in_memory", "24h")),
    "truncation": OneOf(("auto", "disabled")),
    "instructions": _TEXT,
    "store": _FLAG,
    "service_tier": OneOf(("auto", "default", "fast", "flex", "priority")),
    "top_logprobs": Number("integer", low=0, high=20),
    "context_management": _OBJECTS,
    "access_programs": _OBJECT,
    "image": _OBJECT,
}
