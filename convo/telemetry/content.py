"""What was said, as the conventions write it (`gen_ai.input.messages` and its like): only where the application asks for it.

Sound, images and files are named, never written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.canonical import decode, encode
from convo.forms import as_chat
from convo.messages import calls_of, text_of
from convo.telemetry import conventions as names

if TYPE_CHECKING:
    from convo.assembly.plan import Plan
    from convo.messages import Message
    from convo.reply import Reply
    from convo.telemetry.facts import Attributes


def of_plan(plan: Plan) -> Attributes:
    """Give the messages that were sent, and the tools, as JSON."""
    sent = [message for message, _, _ in plan.rendered]
    found: Attributes = {names.INPUT_MESSAGES: encode([_message(message) for message in sent])}
    if isinstance(given := plan.arguments.get("instructions"), str):
        found[names.SYSTEM_INSTRUCTIONS] = encode([{"type": "text", "content": given}])
    tools = plan.arguments.get("tools")
    if isinstance(tools, list) and tools:
        found[names.TOOL_DEFINITIONS] = encode([_tool(tool) for tool in tools if isinstance(tool, dict)])
    return found


def of_reply(reply: Reply) -> Attributes:
    """Give the message that came back, as JSON."""
    return {names.OUTPUT_MESSAGES: encode([{**_message(reply.message), "finish_reason": reply.finish_reason or "stop"}])}


def _message(message: Message) -> dict[str, Any]:
    body = as_chat(message.raw)
    parts: list[dict[str, Any]] = []
    text = text_of(body, message.media)
    if message.role == "tool":
        parts.append({"type": "tool_call_response", "id": body.get("tool_call_id"), "response": text})
    elif text:
        parts.append({"type": "text", "content": text})
    parts += [{"type": piece.kind, "mime_type": None, "format": piece.format} for piece in message.media]
    parts += [
        {"type": "tool_call", "id": call.id, "name": call.name, "arguments": _arguments(call.arguments)}
        for call in calls_of(body)
    ]
    return {"role": message.role, "parts": parts}


def _arguments(text: str) -> Any:
    try:
        return decode(text.strip())  # behind a space `decode` takes what only we write, NaN among it
    except ValueError:
        return text


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool.get("function")
    inside = function if isinstance(function, dict) else tool
    return {"type": tool.get("type"), "name": inside.get("name")}
