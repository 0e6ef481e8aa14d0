"""The Responses API: its input items, the arguments of its calls, and what it holds already. Pure.

It has no audio in either direction. What it answered goes back as the items that it gave, unchanged, where they are good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from convo.assembly.chat import short_id
from convo.assembly.shape import check_limits, notes_of_move
from convo.assembly.target import AUDIO_ARGUMENTS
from convo.canonical import digest, encode
from convo.errors import ConflictingArguments
from convo.forms import is_cut, items_of

if TYPE_CHECKING:
    from convo.assembly.render import How
    from convo.assembly.target import Target
    from convo.messages import Message

INPUT = "input"
"""The key under which the body of a Response has the digest of what it answered."""
RETENTION = timedelta(days=30)
"""How long the API keeps a stored Response, by its guide on conversation state."""
ENCRYPTED = "reasoning.encrypted_content"
"""What has to be asked for so that reasoning may be sent back that the API does not keep."""
PREVIOUS = "previous_response_id"
_OWN = (PREVIOUS, "conversation", "input", "messages")
_CHAT_ONLY = {
    "response_format": "text", "verbosity": "text", "reasoning_effort": "reasoning", "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens", "functions": "tools", "function_call": "tool_choice", "stop": "", "seed": "",
    "n": "", "logit_bias": "", "logprobs": "", "presence_penalty": "", "frequency_penalty": "", "prediction": "",
    "web_search_options": "tools",
}  # fmt: skip
"""Arguments of Chat Completions alone, and what says the same here."""
_PARTS = {"user": "input_text", "system": "input_text", "developer": "input_text", "tool": "input_text"}
_OUTPUTS = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}
_SAID = {"function_call": "arguments", "custom_tool_call": "input"}
"""By type of a call, where the text is that the model wrote for it."""
_MARK = "prompt_cache_breakpoint"


# --- arguments -------------------------------------------------------------------------------------


def arguments_of(target: Target) -> tuple[dict[str, Any], list[str]]:
    """Give the arguments beside `model` and `input`, and notes on what was changed.

    Tools may be written as Chat Completions has them. Raises `ConflictingArguments` for arguments of audio, which this API
    does not have, for what convo assembles, and for what the API refuses.
    """
    given = dict(target.arguments)
    for name in _OWN:
        if name in given:
            raise ConflictingArguments(
                f"{name}= is what convo assembles; leave it out (Policy(previous_response=True) refers to the last Response)"
            )
    if audio := [name for name in AUDIO_ARGUMENTS if name in given]:
        raise ConflictingArguments(
            f"{', '.join(audio)}: the Responses API has no audio, neither in nor out; use api='chat' and an audio model to speak"
        )
    check_limits(given)
    if isinstance(tools := given.get("tools"), Sequence):
        given["tools"] = [flat_tool(tool) for tool in tools]
    if isinstance(choice := given.get("tool_choice"), Mapping):
        given["tool_choice"] = flat_choice(choice)
    for name, known_as in _CHAT_ONLY.items():
        if name in given:
            raise ConflictingArguments(f"the Responses API has no {name}=; {f'pass {known_as}=' if known_as else 'leave it out'}")
    if not isinstance(given.get("include", []), list | tuple):
        raise ConflictingArguments(f"include={given['include']!r} is no list; pass the names of what to include")
    if given.get("store") is False and ENCRYPTED not in (included := list(given.get("include") or ())):
        given["include"] = [*included, ENCRYPTED]
    return given, notes_of_move(target)


def flat_tool(tool: Any) -> Any:
    """Give a tool in the shape of this API, whose facts stand beside its type. It is strict here unless told otherwise."""
    match tool:
        case {"type": "function" | "custom" as kind} if isinstance(inner := tool.get(kind), Mapping):
            rest = {name: value for name, value in tool.items() if name != kind}
            usual = {"parameters": None, "strict": False} if kind == "function" else {}
            return {**rest, **usual, **inner}
    return tool


def flat_choice(choice: Any) -> Any:
    """Give the choice of a tool in the shape of this API."""
    match choice:
        case {"type": "function" | "custom" as kind} if isinstance(inner := choice.get(kind), Mapping):
            return {"type": kind, **inner}
        case {"type": "allowed_tools", "allowed_tools": {"tools": list(tools)} as allowed}:
            return {"type": "allowed_tools", **allowed, "tools": [flat_choice(tool) for tool in tools]}
    return choice


# --- what the API gave -----------------------------------------------------------------------------


def replayable(message: Message, body: Mapping[str, Any], now: int) -> bool:
    """Say whether the items of a recorded Response may go back as they are, at the API that gave them.

    Reasoning without its encrypted content is known by its id alone, to an API that has stored it and keeps it still;
    reasoning that nothing follows, as where the limit of tokens came first, is taken back by none, nor are two calls of one id,
    of which one alone has a result. `now` is in microseconds since 1970.
    """
    output = items_of(body)
    if message.status != "complete" or not output or _is_thought(output[-1]) or any(map(is_cut, output)):
        return False
    if len(set(calls := _call_ids(output))) < len(calls):
        return False
    thoughts = [item for item in output if _is_thought(item)]
    kept = body.get("store") is not False and now - message.created < RETENTION // timedelta(microseconds=1)
    return kept or all(item.get("encrypted_content") for item in thoughts)


def _call_ids(output: Sequence[Any]) -> list[str]:
    calls = (item for item in output if isinstance(item, dict) and item.get("type") in _OUTPUTS)
    return [call["call_id"] for call in calls if isinstance(call.get("call_id"), str)]


def _is_thought(item: object) -> bool:
    return isinstance(item, dict) and item.get("type") == "reasoning"


def chained(rendered: Sequence[tuple[Message, How, str]], wires: Sequence[dict[str, Any]], now: int) -> int:
    """Give how many of the messages of a request the API holds behind its last Response; 0 where it cannot be referred to.

    It must have been stored, lately enough, as the answer to just what would be sent before it now, by the digest that it
    has of its input: no window has moved, nothing was redacted, transcribed, summarised or put in between.
    """
    last = max((index for index, (message, _, _) in enumerate(rendered) if message.role == "assistant"), default=-1)
    if last < 0 or rendered[last][2] != "items":
        return 0
    message = rendered[last][0]
    body = message.raw
    fresh = body.get("store") is True and now - message.created < RETENTION // timedelta(microseconds=1)
    same = isinstance(body.get(INPUT), str) and body[INPUT] == input_digest(wires[:last])
    return last + 1 if fresh and isinstance(body.get("id"), str) and same else 0


# --- items -----------------------------------------------------------------------------------------


def input_of(wires: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Give the input items of each message of a request."""
    calls: dict[str, dict[str, Any]] = {}
    found = []
    for wire in wires:
        items = _items(wire, calls)
        calls |= {short_id(item["call_id"]): item for item in items if item.get("type") in _OUTPUTS and item.get("call_id")}
        found.append(items)
    return found


def input_digest(wires: Sequence[dict[str, Any]]) -> str:
    """Give the SHA-256, in hex, of the input items of messages, with digests in the place of bytes."""
    return digest(encode(input_of(wires))).hex()


def in_words(output: Sequence[Any]) -> list[dict[str, Any]]:
    """Give items that the API gave as items that it knows nothing of: what was said, with its phase, and what was called.

    Of calls with one id the last one counts, as it does in Chat Completions.
    """
    plain = {index: found for index, item in enumerate(output) if (found := _in_words(item)) is not None}
    return list({item.get("call_id", index): item for index, item in plain.items()}.values())


def _in_words(item: Any) -> dict[str, Any] | None:
    match item:
        case {"type": "message", "content": list(parts)}:
            text = "\n".join(str(part.get("text") or part.get("refusal") or "") for part in parts if isinstance(part, dict))
            phase = {"phase": item["phase"]} if item.get("phase") else {}
            return {"role": "assistant", "content": text, **phase} if text else None
        case {"type": "function_call" | "custom_tool_call" as kind, "call_id": str(id), "name": str(name)} if not is_cut(item):
            said = _SAID[kind]
            return {"type": kind, "call_id": short_id(id), "name": name, said: str(item.get(said) or "")}
    return None


def _items(wire: dict[str, Any], calls: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    if "output" in wire:
        return list(wire["output"])
    match wire["role"]:
        case "assistant":
            return _reply(wire)
        case "tool":
            call = calls.get(wire["tool_call_id"], {"type": "function_call", "call_id": wire["tool_call_id"]})
            return [{"type": _OUTPUTS[call["type"]], "call_id": call["call_id"], "output": _content(wire["content"], "tool")}]
        case "function":
            return [{"role": "system", "content": f"{wire['name']} returned: {wire['content']}"}]
        case role:
            return [{"role": role, "content": _content(wire["content"], role)}]


def _reply(wire: dict[str, Any]) -> list[dict[str, Any]]:
    """Give what a reply said, and then the calls that it asked for."""
    call = wire.get("function_call")
    said = [plain_of(wire.get("content")), wire.get("refusal"), f"[called {call['name']}({call['arguments']})]" if call else None]
    text = "\n".join(piece for piece in said if piece)
    return [*([{"role": "assistant", "content": text}] if text else []), *map(_call, wire.get("tool_calls", ()))]


def _call(call: dict[str, Any]) -> dict[str, Any]:
    inner = call[call["type"]]
    if call["type"] == "custom":
        return {"type": "custom_tool_call", "call_id": call["id"], "name": inner["name"], "input": inner["input"]}
    return {"type": "function_call", "call_id": call["id"], "name": inner["name"], "arguments": inner["arguments"]}


def plain_of(content: Any) -> str | None:
    """Give content as one text, None for no content."""
    if isinstance(content, list):
        return "\n".join(str(part.get("text") or part.get("refusal") or "") for part in content)
    return content if isinstance(content, str) else None


def _content(content: Any, role: str) -> Any:
    return [_part(part, _PARTS.get(role, "input_text")) for part in content] if isinstance(content, list) else content


def _part(part: dict[str, Any], text: str) -> dict[str, Any]:
    mark = {_MARK: part[_MARK]} if _MARK in part else {}
    match part["type"]:
        case "image_url":
            return {
                "type": "input_image",
                "image_url": part["image_url"]["url"],
                "detail": part["image_url"].get("detail", "auto"),
            } | mark
        case "file":
            return {"type": "input_file", **part["file"]} | mark
    return {"type": text, "text": part["text"]} | mark
