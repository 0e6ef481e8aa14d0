"""The shape of a request for a response: what the API refuses of it, in its own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai.types.responses import Response

    from convo.testing import FixedClock

    Failing = Callable[..., dict[str, Any]]
    Respond = Callable[..., Response]

HELLO = {"role": "user", "content": "hello"}
TOOL = {"type": "function", "name": "look_up", "parameters": {}, "strict": True}
TYPES = (
    "'additional_tools', 'agent_message', 'apply_patch_call', 'apply_patch_call_output', 'code_interpreter_call', "
    "'compaction', 'compaction_trigger', 'computer_call', 'computer_call_output', 'configuration_update', "
    "'custom_tool_call', 'custom_tool_call_output', 'file_search_call', 'function_call', 'function_call_output', "
    "'image_generation_call', 'item_reference', 'local_shell_call', 'local_shell_call_output', 'mcp_approval_request', "
    "'mcp_approval_response', 'mcp_call', 'mcp_list_tools', 'message', 'multi_agent_call', 'multi_agent_call_output', "
    "'program', 'program_output', 'reasoning', 'shell_call', 'shell_call_output', 'tool_search_call', "
    "'tool_search_output', and 'web_search_call'"
)
PARTS = (
    "'input_text', 'input_image', 'output_text', 'refusal', 'input_file', 'computer_screenshot', 'summary_text', "
    "and 'encrypted_content'"
)
ROLES = "'assistant', 'system', 'developer', and 'user'"

REQUESTS: list[tuple[dict[str, Any], str | None, str | None, str]] = [
    ({"voice": "alloy"}, "voice", "unknown_parameter", "Unknown parameter: 'voice'."),
    ({"audio": {"voice": "alloy", "format": "wav"}}, "audio", "unknown_parameter", "Unknown parameter: 'audio'."),
    ({"modalities": ["text"]}, "modalities", "unknown_parameter", "Unknown parameter: 'modalities'."),
    ({"n": 1}, "n", "unknown_parameter", "Unknown parameter: 'n'."),
    ({"seed": 1}, "seed", "unknown_parameter", "Unknown parameter: 'seed'."),
    ({"max_tokens": 16}, "max_tokens", "unknown_parameter", "Unknown parameter: 'max_tokens'."),
    ({"stop": ["x"]}, "stop", "unknown_parameter", "Unknown parameter: 'stop'. Did you mean 'store'?"),
    ({"stre": 1}, "stre", "unknown_parameter", "Unknown parameter: 'stre'. Did you mean 'store' or 'stream'?"),
    ({"strem": 1}, "strem", "unknown_parameter", "Unknown parameter: 'strem'. Did you mean 'stream' or 'store'?"),
    ({"modell": 1}, "modell", "unknown_parameter", "Unknown parameter: 'modell'."),
    ({"x" * 10_000: 1}, "x" * 10_000, "unknown_parameter", f"Unknown parameter: '{'x' * 10_000}'."),
    (
        {"messages": [HELLO]},
        None,
        "unsupported_parameter",
        (
            "Unsupported parameter: 'messages'. In the Responses API, this parameter has moved to 'input'. Try again with the "
            "new parameter. See the API documentation for more information: "
            "https://platform.openai.com/docs/api-reference/responses/create."
        ),
    ),
    ({"model": ...}, "model", "missing_required_parameter", "Missing required parameter: 'model'."),
    (
        {"model": None},
        "model",
        "invalid_type",
        "Invalid type for 'model': expected a string, but got an object instead.",
    ),
    (
        {"model": 7},
        "model",
        "invalid_type",
        "Invalid type for 'model': expected a string, but got an integer instead.",
    ),
    ({"model": "gpt-9"}, "model", "model_not_found", "The requested model 'gpt-9' does not exist."),
    ({"model": ""}, "model", "model_not_found", "The requested model '' does not exist."),
    (
        {"model": "gpt-audio"},
        "model",
        None,
        "The requested model 'gpt-audio' is not supported with the Responses API.",
    ),
    ({"input": ...}, "input", "missing_required_parameter", "Missing required parameter: 'input'."),
    ({"input": ..., "zzz": 1}, "input", "missing_required_parameter", "Missing required parameter: 'input'."),
    (
        {"input": None},
        "input",
        "invalid_type",
        "Invalid type for 'input': expected a string, but got an object instead.",
    ),
    (
        {"input": {"a": 1}},
        "input",
        "invalid_type",
        "Invalid type for 'input': expected one of a string or array of input items, but got an object instead.",
    ),
    (
        {"input": []},
        None,
        "missing_required_parameter",
        "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation' must be provided.",
    ),
    (
        {"input": "", "temperature": 0.5},
        None,
        "missing_required_parameter",
        "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation' must be provided.",
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        "tools[0].name",
        "missing_required_parameter",
        "Missing required parameter: 'tools[0].name'.",
    ),
    ({"tools": [{}]}, "tools[0].type", "missing_required_parameter", "Missing required parameter: 'tools[0].type'."),
    (
        {"tools": [{"type": "function"}]},
        "tools[0].name",
        "missing_required_parameter",
        "Missing required parameter: 'tools[0].name'.",
    ),
    (
        {"tools": "x"},
        "tools",
        "invalid_type",
        "Invalid type for 'tools': expected an array of tools, but got a string instead.",
    ),
    (
        {"tool_choice": 7},
        "tool_choice",
        "invalid_type",
        "Invalid type for 'tool_choice': expected one of an object or 'none', 'auto', or 'required', but got an integer instead.",
    ),
    (
        {"tools": [TOOL], "tool_choice": "bogus"},
        "tool_choice",
        "invalid_value",
        "Invalid value: 'bogus'. Supported values are: 'none', 'auto', and 'required'.",
    ),
    (
        {"tools": [TOOL], "tool_choice": {"type": "function"}},
        "tool_choice.name",
        "missing_required_parameter",
        "Missing required parameter: 'tool_choice.name'.",
    ),
    (
        {"tool_choice": "required"},
        "tool_choice",
        None,
        "Tool choice 'required' must be specified with 'tools' parameter.",
    ),
    (
        {"tools": [TOOL], "tool_choice": {"type": "function", "name": "other"}},
        "tool_choice",
        None,
        "Tool choice 'other' not found in 'tools' parameter.",
    ),
    ({"text": {"zzz": 1}}, "text.zzz", "unknown_parameter", "Unknown parameter: 'text.zzz'."),
    (
        {"text": {"format": {"type": "bogus"}}},
        "text.format.type",
        "invalid_value",
        "Invalid value: 'bogus'. Supported values are: 'json_object', 'text', and 'json_schema'.",
    ),
    (
        {"text": {"format": {"type": "json_schema"}}},
        "text.format.name",
        "missing_required_parameter",
        "Missing required parameter: 'text.format.name'.",
    ),
    (
        {"text": {"format": {"type": "json_object"}}},
        "text.format",
        None,
        "Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'.",
    ),
    (
        {"reasoning": {"effort": "bogus"}},
        "reasoning.effort",
        "invalid_value",
        "Invalid value: 'bogus'. Supported values are: 'none', 'minimal', 'low', 'medium', 'high', 'xhigh', and 'max'.",
    ),
    (
        {"reasoning": {"summary": "bogus"}},
        "reasoning.summary",
        "invalid_value",
        "Invalid value: 'bogus'. Supported values are: 'concise', 'detailed', and 'auto'.",
    ),
    (
        {"reasoning": {"effort": "low"}, "model": "gpt-4.1"},
        "reasoning.effort",
        "unsupported_parameter",
        "Unsupported parameter: 'reasoning.effort' is not supported with this model.",
    ),
    (
        {"include": ["reasoning.encrypted_content"], "model": "gpt-4.1"},
        "include",
        None,
        "Encrypted content is not supported with this model.",
    ),
    (
        {"temperature": 0.5},
        "temperature",
        None,
        "Unsupported parameter: 'temperature' is not supported with this model.",
    ),
    (
        {"top_logprobs": 1},
        "top_logprobs",
        "unsupported_parameter",
        "logprobs are not supported with reasoning models.",
    ),
    (
        {"include": ["message.output_text.logprobs"], "top_logprobs": 1},
        "include",
        "unsupported_parameter",
        "logprobs are not supported with reasoning models.",
    ),
    (
        {"include": ["bogus"]},
        "include[0]",
        "invalid_value",
        (
            "Invalid value: 'bogus'. Supported values are: 'file_search_call.results', 'web_search_call.results', "
            "'web_search_call.action.sources', 'message.input_image.image_url', 'computer_call_output.output.image_url', "
            "'code_interpreter_call.outputs', 'reasoning.encrypted_content', and 'message.output_text.logprobs'."
        ),
    ),
    (
        {"include": "x"},
        "include",
        "invalid_type",
        (
            "Invalid type for 'include': expected an array of one of 'fil...lts', 'web...lts', 'web...ces', 'mes...url', "
            "'com...url', 'cod...uts', 'rea...ent', or 'mes...obs', but got a string instead."
        ),
    ),
    (
        {"max_output_tokens": 15},
        "max_output_tokens",
        "integer_below_min_value",
        "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 15 instead.",
    ),
    (
        {"metadata": {f"k{n}": "v" for n in range(17)}},
        "metadata",
        "object_above_max_properties",
        (
            "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, "
            "but got an object with 17 properties instead."
        ),
    ),
    (
        {"prompt_cache_key": {"a": 1}},
        "prompt_cache_key",
        "invalid_type",
        "Invalid type for 'prompt_cache_key': expected a string, but got an object instead.",
    ),
    (
        {"truncation": "bogus"},
        "truncation",
        "invalid_value",
        "Invalid value: 'bogus'. Supported values are: 'auto' and 'disabled'.",
    ),
    (
        {"truncation": {"a": 1}},
        "truncation",
        "invalid_type",
        "Invalid type for 'truncation': expected one of 'auto' or 'disabled', but got an object instead.",
    ),
    (
        {"instructions": 7},
        "instructions",
        "invalid_type",
        "Invalid type for 'instructions': expected a string, but got an integer instead.",
    ),
    ({"store": "yes"}, "store", "invalid_type", "Invalid type for 'store': expected a boolean, but got a string instead."),
    (
        {"stream_options": {"include_usage": True}},
        "stream_options.include_usage",
        "unknown_parameter",
        "Unknown parameter: 'stream_options.include_usage'.",
    ),
    (
        {"stream_options": {"include_obfuscation": False}},
        "stream_options",
        None,
        "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
    ),
    (
        {"prompt_cache_options": {"mode": "explicit"}},
        "prompt_cache_options",
        "unsupported_parameter",
        "Unsupported parameter: 'prompt_cache_options' is not supported with this model.",
    ),
]

ITEMS: list[tuple[Any, str, str, str]] = [
    (7, "input[0]", "invalid_type", "Invalid type for 'input[0]': expected an input item, but got an integer instead."),
    (None, "input[0]", "invalid_type", "Invalid type for 'input[0]': expected an input item, but got null instead."),
    ({"type": "tool"}, "input[0]", "invalid_value", f"Invalid value: 'tool'. Supported values are: {TYPES}."),
    ({"type": 7, "role": "user"}, "input[0]", "invalid_value", f"Invalid value: ''. Supported values are: {TYPES}."),
    ({}, "input[0]", "invalid_value", f"Invalid value: ''. Supported values are: {ROLES}."),
    ({"role": "tool", "content": ""}, "input[0]", "invalid_value", f"Invalid value: 'tool'. Supported values are: {ROLES}."),
    ({"role": "user"}, "input[0].content", "missing_required_parameter", "Missing required parameter: 'input[0].content'."),
    (
        {"role": "assistant", "content": None},
        "input[0].content",
        "invalid_type",
        "Invalid type for 'input[0].content': expected one of an array of objects or string, but got null instead.",
    ),
    ({**HELLO, "name": "Ann"}, "input[0].name", "unknown_parameter", "Unknown parameter: 'input[0].name'."),
    ({**HELLO, "phase": "commentary"}, "input[0].phase", "unknown_parameter", "Unknown parameter: 'input[0].phase'."),
    (
        {"role": "assistant", "content": "", "phase": "bogus"},
        "input[0].phase",
        "invalid_value",
        "Invalid value: 'bogus'. Supported values are: 'commentary' and 'final_answer'.",
    ),
    (
        {"role": "assistant", "content": "", "tool_calls": []},
        "input[0].tool_calls",
        "unknown_parameter",
        "Unknown parameter: 'input[0].tool_calls'.",
    ),
    (
        {"role": "assistant", "content": [{"type": "input_text", "text": "x"}]},
        "input[0].content[0]",
        "invalid_value",
        "Invalid value: 'input_text'. Supported values are: 'output_text' and 'refusal'.",
    ),
    (
        {"role": "user", "content": [{"type": "output_text", "text": "x"}]},
        "input[0].content[0]",
        "invalid_value",
        (
            "Invalid value: 'output_text'. Supported values are: 'input_text', 'input_image', 'input_file', "
            "'scoped_content', and 'input_audio'."
        ),
    ),
    (
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]},
        "input[0].content[0].type",
        "invalid_value",
        f"Invalid value: 'input_audio'. Supported values are: {PARTS}.",
    ),
    (
        {"role": "user", "content": [{"type": "text", "text": "x"}]},
        "input[0].content[0].type",
        "invalid_value",
        f"Invalid value: 'text'. Supported values are: {PARTS}.",
    ),
    (
        {"role": "user", "content": [{"type": "input_text"}]},
        "input[0].content[0].text",
        "missing_required_parameter",
        "Missing required parameter: 'input[0].content[0].text'.",
    ),
    (
        {"role": "user", "content": [{"type": "input_image", "image_url": {"url": "x"}}]},
        "input[0].content[0].image_url",
        "invalid_type",
        "Invalid type for 'input[0].content[0].image_url': expected a string, but got an object instead.",
    ),
    (
        {"type": "function_call", "name": "f", "arguments": "{}"},
        "input[0].call_id",
        "missing_required_parameter",
        "Missing required parameter: 'input[0].call_id'.",
    ),
    (
        {"type": "function_call", "id": "call_1", "name": "f", "arguments": "{}", "call_id": "call_1"},
        "input[0].id",
        "invalid_value",
        "Invalid 'input[0].id': 'call_1'. Expected an ID that begins with 'fc'.",
    ),
    (
        {"type": "function_call", "id": "fc_" + "x" * 62, "name": "f", "arguments": "{}", "call_id": "call_1"},
        "input[0].id",
        "string_above_max_length",
        (
            "Invalid 'input[0].id': string too long. Expected a string with maximum length 64, "
            "but got a string with length 65 instead."
        ),
    ),
    (
        {"type": "function_call_output", "call_id": "call_1"},
        "input[0].output",
        "missing_required_parameter",
        "Missing required parameter: 'input[0].output'.",
    ),
    (
        {"type": "reasoning", "id": "rs_1"},
        "input[0].summary",
        "missing_required_parameter",
        "Missing required parameter: 'input[0].summary'.",
    ),
    (
        {"type": "reasoning", "id": "item_1", "summary": []},
        "input[0].id",
        "invalid_value",
        "Invalid 'input[0].id': 'item_1'. Expected an ID that begins with 'rs'.",
    ),
    (
        {"type": "web_search_call", "id": "ws_1"},
        "input[0].status",
        "missing_required_parameter",
        "Missing required parameter: 'input[0].status'.",
    ),
]


@pytest.mark.parametrize(("arguments", "param", "code", "message"), REQUESTS, ids=lambda value: str(value)[:40])
def test_a_bad_request_is_refused_in_the_words_of_the_api(
    response_error: Failing, arguments: dict[str, Any], param: str | None, code: str | None, message: str
) -> None:
    error = response_error(**arguments)
    assert error == {"status": 400, "type": "invalid_request_error", "param": param, "code": code, "message": message}


@pytest.mark.parametrize(("item", "param", "code", "message"), ITEMS, ids=lambda value: str(value)[:40])
def test_a_bad_item_is_refused_in_the_words_of_the_api(
    response_error: Failing, item: Any, param: str, code: str, message: str
) -> None:
    error = response_error(item)
    assert error == {"status": 400, "type": "invalid_request_error", "param": param, "code": code, "message": message}


@pytest.mark.parametrize("model", ["gpt-audio-1.5", "gpt-audio-mini"])
def test_the_shape_is_looked_at_before_the_model(response_error: Failing, model: str) -> None:
    assert response_error(model=model, modalities=["text", "audio"])["param"] == "modalities"
    assert response_error(model=model)["message"] == f"The requested model '{model}' is not supported with the Responses API."


def test_a_model_that_was_shut_down_is_refused(response_error: Failing, clock: FixedClock) -> None:
    clock.advance(365 * 24 * 3600)
    error = response_error(model="gpt-4.1")
    assert (error["status"], error["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"zzz": 1}, {"input": [{}]}),
        ({"input": [{}]}, {"truncation": "bogus"}),
        ({"include": ["bogus"]}, {"tools": "x"}),
        ({"tools": "x"}, {"metadata": "x"}),
        ({"metadata": "x"}, {"text": "x"}),
        ({"text": "x"}, {"temperature": "x"}),
        ({"stream": "x"}, {"max_output_tokens": "x"}),
        ({"max_output_tokens": "x"}, {"reasoning": "x"}),
        ({"prompt_cache_key": 7}, {"truncation": "x"}),
        ({"instructions": 7}, {"store": "x"}),
        ({"truncation": "bogus"}, {"previous_response_id": "resp_x"}),
        ({"previous_response_id": "resp_x"}, {"temperature": 0.5}),
    ],
)
def test_of_two_faults_the_api_names_the_same_one_whichever_stands_first(
    response_error: Failing, first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert response_error(**second, **first) == response_error(**first)


@pytest.mark.parametrize(
    "item",
    [
        {"role": "user", "content": ""},
        {"role": "user", "content": []},
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "x"}], "status": "completed"},
        {"role": "system", "content": "Be brief.", "id": "msg_x"},
        {"role": "assistant", "content": "Yes.", "phase": "final_answer"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {
            "id": "msg_probe",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "phase": "commentary",
            "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": "OK"}],
        },
        {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"}]},
        {
            "role": "user",
            "content": [{"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}],
        },
        {"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": "AA=="},
        {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "dogs"}},
        {"type": "compaction", "encrypted_content": "x"},
    ],
    ids=lambda item: str(item)[:40],
)
def test_what_the_api_accepts_is_accepted(respond: Respond, item: dict[str, Any]) -> None:
    assert respond(item, HELLO).status == "completed"


@pytest.mark.parametrize(
    "arguments",
    [
        dict.fromkeys(("instructions", "metadata", "store", "temperature", "tools", "previous_response_id", "truncation")),
        {"temperature": 1, "top_p": 1},
        {"temperature": 0.5, "reasoning": {"effort": "none"}},
        {"temperature": 0.5, "model": "gpt-4.1", "top_logprobs": 3},
        {"model": "gpt-5.6-sol", "prompt_cache_options": {"mode": "explicit", "ttl": "30m"}},
        {"tools": []},
        {
            "tools": [TOOL, {"type": "custom", "name": "run"}, {"type": "web_search"}],
            "tool_choice": {"type": "custom", "name": "run"},
        },
        {"text": {"format": {"type": "json_schema", "name": "dog", "schema": {}, "strict": True}}},
        {"text": {"format": {"type": "json_object"}}, "input": "Answer in JSON."},
        {"include": ["reasoning.encrypted_content"], "store": False, "prompt_cache_key": "k", "user": "u"},
    ],
    ids=",".join,
)
def test_arguments_that_the_api_accepts_are_accepted(respond: Respond, arguments: dict[str, Any]) -> None:
    assert respond(**{"input": [HELLO], **arguments}).status == "completed"


def test_a_response_that_takes_its_time_is_beyond_the_fake(response_error: Failing) -> None:
    assert response_error(background=True)["code"] == "not_simulated"


def test_a_breakpoint_of_the_cache_needs_a_model_with_control_of_it(response_error: Failing, respond: Respond) -> None:
    part = {"type": "input_text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}}
    item = {"role": "user", "content": [part]}
    assert response_error(item)["param"] == "input[0].content[0].prompt_cache_breakpoint"
    assert respond(item, model="gpt-6-sol").status == "completed"
