"""The fake refuses requests of a wrong shape with the API's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai import OpenAI
    from openai.types.chat import ChatCompletion

    from convo.testing import FakeAPI

    Error = Callable[..., dict[str, Any]]
    Ask = Callable[..., ChatCompletion]

HELLO = {"role": "user", "content": "hello"}


def bad(message: str, param: str | None, code: str | None, status: int = 400) -> dict[str, Any]:
    return {"status": status, "message": message, "type": "invalid_request_error", "param": param, "code": code}


def unknown(path: str) -> dict[str, Any]:
    return bad(f"Unknown parameter: '{path}'.", path, "unknown_parameter")


def call(call_id: str = "call_1", name: str = "look_up", **more: Any) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}, **more}


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def test_an_unknown_key_of_the_request_is_refused(error: Error) -> None:
    assert error(zzz=1) == bad("Unknown parameter: 'zzz'.", "zzz", "unknown_parameter")


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ({"role": "user", "content": "hi", "id": "msg_1"}, "messages[0].id"),
        (user({"type": "text", "text": "hi", "lang": "en"}), "messages[0].content[0].lang"),
        ({"role": "assistant", "tool_calls": [call(index=0)]}, "messages[0].tool_calls[0].index"),
        (
            {"role": "assistant", "audio": {"id": "audio_1", "transcript": "hi"}},
            "messages[0].audio.transcript",
        ),
        ({"role": "user", "content": "hi", "tool_call_id": "call_1"}, "messages[0].tool_call_id"),
    ],
)
def test_an_unknown_key_inside_is_refused_with_its_path(error: Error, message: dict[str, Any], path: str) -> None:
    assert error(message) == unknown(path)


def test_an_unknown_key_of_the_audio_output_is_refused(error_aloud: Error) -> None:
    audio = {"voice": "alloy", "format": "wav", "speed": 2}
    assert error_aloud(audio=audio) == unknown("audio.speed")


def test_a_request_without_model_is_refused(error: Error) -> None:
    assert error(model=None) == bad("you must provide a model parameter", None, None)


def test_a_model_that_is_no_string_is_refused(error: Error) -> None:
    assert error(model=5) == bad(
        "Invalid type for 'model': expected a string, but got an integer instead.", "model", "invalid_type"
    )


def test_an_unknown_model_is_not_found(error: Error) -> None:
    message = "The model `gpt-9` does not exist or you do not have access to it."
    assert error(model="gpt-9") == bad(message, None, "model_not_found", 404)


def test_empty_messages_are_refused(error: Error) -> None:
    message = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead."
    assert error(messages=[]) == bad(message, "messages", "empty_array")


def test_a_request_without_messages_is_refused(fake: FakeAPI) -> None:
    with pytest.raises(Exception, match="Missing required parameter: 'messages'"):
        fake.client().post("/chat/completions", body={"model": "gpt-4.1"}, cast_to=object)


def test_an_unknown_role_is_refused(error: Error) -> None:
    message = "Invalid value: 'robot'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'."
    assert error({"role": "robot", "content": "hi"}) == bad(message, "messages[0].role", "invalid_value")


def test_a_message_without_role_is_refused(error: Error) -> None:
    assert error({"content": "hi"}) == bad(
        "Missing required parameter: 'messages[0].role'.", "messages[0].role", "missing_required_parameter"
    )


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": None},
        {"role": "user"},
        {"role": "system", "content": None},
        {"role": "developer"},
        {"role": "assistant"},
        {"role": "assistant", "content": None},
        {"role": "assistant", "content": None, "audio": None, "refusal": None, "function_call": None},
    ],
)
def test_a_message_that_says_nothing_is_refused(error: Error, message: dict[str, Any]) -> None:
    assert error(HELLO, message) == bad("Invalid value for 'content': expected a string, got null.", "messages.[1].content", None)


def test_a_tool_result_without_content_is_refused(error: Error) -> None:
    calls = {"role": "assistant", "tool_calls": [call()]}
    assert error(calls, {"role": "tool", "tool_call_id": "call_1"})["param"] == "messages.[1].content"


@pytest.mark.parametrize("content", ["", []])
@pytest.mark.parametrize("role", ["user", "system", "developer", "assistant"])
def test_empty_content_is_accepted(ask: Ask, role: str, content: Any) -> None:
    assert ask({"role": role, "content": content}).choices[0].message.content == "I have read 1 message."


@pytest.mark.parametrize(
    "said",
    [
        {"refusal": "No."},
        {"function_call": {"name": "look_up", "arguments": "{}"}},
        {"content": [{"type": "refusal", "refusal": "No."}]},
    ],
)
def test_an_assistant_message_may_say_one_thing_only(ask: Ask, said: dict[str, Any]) -> None:
    assert ask(HELLO, {"role": "assistant", **said}).object == "chat.completion"


@pytest.mark.parametrize(
    ("role", "part", "supported"),
    [
        ("assistant", "input_audio", "'text' and 'refusal'"),
        ("assistant", "image_url", "'text' and 'refusal'"),
        ("system", "refusal", "'text'"),
        ("developer", "input_audio", "'text'"),
        ("tool", "image_url", "'text'"),
        ("user", "refusal", "'text', 'image_url', 'input_audio', and 'file'"),
        ("user", "video", "'text', 'image_url', 'input_audio', and 'file'"),
    ],
)
def test_a_part_that_its_role_may_not_send_is_refused(error: Error, role: str, part: str, supported: str) -> None:
    message = {"role": role, "content": [{"type": part}], **({"tool_call_id": "call_1"} if role == "tool" else {})}
    expected = f"Invalid value: '{part}'. Supported values are: {supported}."
    assert error(message) == bad(expected, "messages[0].content[0].type", "invalid_value")


def test_every_part_of_a_user_message_is_accepted(ask: Ask) -> None:
    text = {"type": "text", "text": "What is this?"}
    image = {"type": "image_url", "image_url": {"url": "https://example.org/dog.png", "detail": "low"}}
    file = {"type": "file", "file": {"file_id": "file-1"}}
    assert ask(user(text, image, file)).usage.prompt_tokens_details.image_tokens == 85  # type: ignore[union-attr]


def test_content_of_a_wrong_type_is_refused(error: Error) -> None:
    message = "Invalid type for 'messages[0].content': expected one of a string or array of objects, but got an object instead."
    assert error({"role": "user", "content": {}}) == bad(message, "messages[0].content", "invalid_type")


def test_a_part_without_its_inside_is_refused(error: Error) -> None:
    path = "messages[0].content[0].text"
    assert error(user({"type": "text"})) == bad(f"Missing required parameter: '{path}'.", path, "missing_required_parameter")


def test_empty_tool_calls_are_refused(error: Error) -> None:
    message = (
        "Invalid 'messages[0].tool_calls': empty array. Expected an array with minimum length 1, but got an empty array instead."
    )
    refused = error({"role": "assistant", "content": "hi", "tool_calls": []})
    assert refused == bad(message, "messages[0].tool_calls", "empty_array")


def test_tool_calls_of_null_are_refused(error: Error) -> None:
    message = "Invalid type for 'messages[0].tool_calls': expected an array of objects, but got null instead."
    refused = error({"role": "assistant", "content": "hi", "tool_calls": None})
    assert refused == bad(message, "messages[0].tool_calls", "invalid_type")


def test_128_tools_are_accepted_and_129_refused(ask: Ask, error: Error) -> None:
    tools = [{"type": "function", "function": {"name": f"tool_{number}"}} for number in range(129)]
    ask(tools=tools[:128])
    message = (
        "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 129 instead."
    )
    assert error(tools=tools) == bad(message, "tools", "array_above_max_length")


def test_a_call_id_may_have_40_characters_and_not_41(ask: Ask, error: Error) -> None:
    for length in (40, 41):
        call_id = "c" * length
        messages = [
            {"role": "assistant", "tool_calls": [call(call_id)]},
            {"role": "tool", "tool_call_id": call_id, "content": "done"},
        ]
        if length == 40:
            ask(*messages)
        else:
            path = "messages[0].tool_calls[0].id"
            message = (
                f"Invalid '{path}': string too long. "
                "Expected a string with maximum length 40, but got a string with length 41 instead."
            )
            assert error(*messages) == bad(message, path, "string_above_max_length")


@pytest.mark.parametrize("name", ["look up", "näme", "", "a.b"])
def test_a_tool_name_outside_the_pattern_is_refused(error: Error, name: str) -> None:
    message = (
        "Invalid 'tools[0].function.name': string does not match pattern. "
        "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
    )
    tools = [{"type": "function", "function": {"name": name}}]
    assert error(tools=tools) == bad(message, "tools[0].function.name", "invalid_value")


def test_a_tool_name_of_65_characters_is_refused(error: Error) -> None:
    tools = [{"type": "custom", "custom": {"name": "n" * 65}}]
    assert error(tools=tools)["code"] == "string_above_max_length"


@pytest.mark.parametrize(
    ("metadata", "code", "param"),
    [
        ({str(number): "" for number in range(17)}, "object_above_max_properties", "metadata"),
        ({"k" * 65: ""}, "string_above_max_length", "metadata key"),
        ({"key": "v" * 513}, "string_above_max_length", "metadata.key"),
        ({"key": 5}, "invalid_type", "metadata.key"),
    ],
)
def test_metadata_past_its_limits_is_refused(error: Error, metadata: dict[str, Any], code: str, param: str) -> None:
    refused = error(metadata=metadata)
    assert (refused["status"], refused["code"], refused["param"]) == (400, code, param)


def test_metadata_at_its_limits_is_accepted(ask: Ask) -> None:
    ask(metadata={f"{number:064}": "v" * 512 for number in range(16)})


def test_a_string_past_ten_mebibytes_is_refused(error: Error) -> None:
    refused = error({"role": "user", "content": "x" * 10_485_761})
    assert refused["message"].endswith(
        "Expected a string with maximum length 10485760, but got a string with length 10485761 instead."
    )
    assert refused["code"] == "string_above_max_length"


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (
            {"temperature": 3},
            "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead.",
            "decimal_above_max_value",
        ),
        (
            {"n": 0},
            "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead.",
            "integer_below_min_value",
        ),
        (
            {"stream": "yes"},
            "Invalid type for 'stream': expected a boolean, but got a string instead.",
            "invalid_type",
        ),
        (
            {"max_completion_tokens": True},
            "Invalid type for 'max_completion_tokens': expected an integer, but got a boolean instead.",
            "invalid_type",
        ),
    ],
)
def test_an_argument_of_a_wrong_kind_is_refused(error: Error, arguments: dict[str, Any], message: str, code: str) -> None:
    assert error(**arguments) == bad(message, next(iter(arguments)), code)


def test_unknown_keys_of_a_response_format_are_refused(error: Error) -> None:
    assert error(response_format={"type": "json_object", "properties": {}}) == unknown("response_format.properties")


def test_arguments_about_tools_need_tools(error: Error) -> None:
    message = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
    assert error(tool_choice="auto") == bad(message, "tool_choice", None)


def test_stream_options_need_a_stream(error: Error) -> None:
    message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
    assert error(stream_options={"include_usage": True}) == bad(message, "stream_options", None)


def test_a_whole_answer_may_be_sent_back(fake: FakeAPI, client: OpenAI, ask: Ask) -> None:
    fake.will_reply(tool_calls=[("look_up", "{}", "call_1")])
    answer = ask(HELLO).choices[0].message
    result = {"role": "tool", "tool_call_id": "call_1", "content": "found"}
    client.chat.completions.create(model="gpt-4.1", messages=[HELLO, answer, result])  # type: ignore[list-item]
    assert fake.last.body["messages"][1]["annotations"] == []
