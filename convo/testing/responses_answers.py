"""Answers of the Responses API: what is to be said, as its Response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from convo.testing.responses_kinds import type_of
from convo.testing.responses_schema import ENCRYPTED
from convo.testing.responses_usage import input_tokens, output_tokens, usage_of
from convo.testing.script import Saying
from convo.testing.stream import SORRY
from convo.testing.usage import CHARACTERS_PER_TOKEN, tokens_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.testing.asked import Json
    from convo.testing.names import Names
    from convo.testing.responses_asked import AskedResponse
    from convo.testing.script import ToolCall

_ENDS = {"length": "incomplete", "content_filter": "incomplete", "failed": "failed"}
_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}
_PREFIXES = {"message": "msg_", "reasoning": "rs_", "function_call": "fc_", "custom_tool_call": "ctc_"}
_ECHOED: dict[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "model": None,
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""What a response repeats of the request, and what it says when the request did not."""


def response_to(asked: AskedResponse, queued: Saying | None, names: Names) -> Json:
    """Give the answer to a request that was accepted: what was queued for it, or how many items it has."""
    saying = _within_limit(asked, _something(asked, queued or Saying()))
    status = _ENDS.get(saying.finish_reason or "", "completed")
    output = _output(asked, saying, names, status)
    created = int(asked.now.timestamp())
    thought = tokens_in(saying.reasoning or "") if asked.reasons else 0
    usage = usage_of(input_tokens(asked), thought, output_tokens(output)) | dict(saying.usage)
    return {
        "id": names.make("resp_", 48),
        "object": "response",
        "created_at": created,
        "status": status,
        "completed_at": created if status == "completed" else None,
        "error": {"code": "server_error", "message": SORRY} if status == "failed" else None,
        "incomplete_details": {"reason": _REASONS[saying.finish_reason or ""]} if status == "incomplete" else None,
        **{key: usual if asked.body.get(key) is None else asked.body[key] for key, usual in _ECHOED.items()},
        "metadata": asked.body.get("metadata") or {},
        "reasoning": {"effort": None, "summary": None, **(asked.body.get("reasoning") or {})},
        "text": {"format": {"type": "text"}, "verbosity": "medium", **(asked.body.get("text") or {})},
        "tools": [_tool(tool) for tool in asked.body.get("tools") or ()],
        "output": output,
        "usage": None if status == "failed" else usage,
    }


def _something(asked: AskedResponse, saying: Saying) -> Saying:
    """Give a saying that says something, unless it is to end before it could."""
    said = (saying.text, saying.content, saying.refusal, saying.output)
    ended = saying.finish_reason == "failed" or (saying.reasoning is not None and saying.finish_reason in _ENDS)
    if saying.tool_calls or ended or any(what is not None for what in said):
        return saying
    count = len(asked.read)
    return attrs.evolve(saying, text=f"I have read {count} item{'' if count == 1 else 's'}.")


def _within_limit(asked: AskedResponse, saying: Saying) -> Saying:
    """Give a saying that is cut off where `max_output_tokens` are used up, the thoughts first, then the words."""
    limit, text = asked.body.get("max_output_tokens"), _text(saying)
    if limit is None or saying.output is not None or saying.finish_reason is not None:
        return saying
    left = limit - (tokens_in(saying.reasoning or "") if asked.reasons else 0)
    if left <= 0:
        return attrs.evolve(saying, text=None, content=None, refusal=None, tool_calls=(), finish_reason="length")
    if text is None or tokens_in(text) <= left:
        return saying
    cut = text[: left * CHARACTERS_PER_TOKEN]
    return attrs.evolve(saying, text=cut, content=None, refusal=None, tool_calls=(), finish_reason="length")


def _text(saying: Saying) -> str | None:
    return saying.text if saying.content is None else saying.content


def _output(asked: AskedResponse, saying: Saying, names: Names, status: str) -> list[Json]:
    if saying.output is not None:
        return [_with_id(dict(item), names) for item in saying.output]
    items = [*_thoughts(asked, saying, names), *_messages(saying, names, status)]
    items += [_with_id(_call(call, names), names) for call in saying.tool_calls]
    if items and saying.extra:
        at = next((at for at, item in enumerate(items) if item["type"] == "message"), len(items) - 1)
        items[at] = items[at] | dict(saying.extra)
    return items


def _with_id(item: Json, names: Names) -> Json:
    prefix = _PREFIXES.get(type_of(item), "item_")
    return item if "id" in item else {"id": names.make(prefix, 48), **item}


def _thoughts(asked: AskedResponse, saying: Saying, names: Names) -> Iterator[Json]:
    if saying.reasoning is None or not asked.reasons:
        return
    told = saying.reasoning if asked.get("reasoning", "summary") is not None else ""
    item = {
        "id": names.make("rs_", 48),
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": told}] if told else [],
    }
    if ENCRYPTED in (asked.body.get("include") or ()):
        item["encrypted_content"] = f"{names.make('gAAAAAB', 64)}=="
    yield item


def _messages(saying: Saying, names: Names, status: str) -> Iterator[Json]:
    text, content = _text(saying), []
    if text is not None:
        content.append({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
    if saying.refusal is not None:
        content.append({"type": "refusal", "refusal": saying.refusal})
    if content:
        ended = "completed" if status == "completed" else "incomplete"
        item = {"id": names.make("msg_", 48), "type": "message", "status": ended, "role": "assistant", "content": content}
        yield item if saying.phase is None else {**item, "phase": saying.phase}


def _call(call: ToolCall, names: Names) -> Json:
    """Give the item of a call: of a name and arguments, of chat's object, or of the Responses API's own."""
    if isinstance(call, tuple):
        name, arguments, *given = call
        return _function_call(name, arguments, given[0] if given else names.make("call_"))
    if "function" in call:
        return _function_call(**{**call["function"], "call_id": call.get("id") or names.make("call_")})
    if "custom" in call:
        return {
            "type": "custom_tool_call", "status": "completed", "call_id": call.get("id") or names.make("call_"), **call["custom"],
        }  # fmt: skip
    return {"status": "completed", "call_id": names.make("call_"), **call}


def _function_call(name: str, arguments: str, call_id: str) -> Json:
    return {"type": "function_call", "status": "completed", "arguments": arguments, "call_id": call_id, "name": name}


def _tool(tool: Json) -> Json:
    usual = {"description": None, "parameters": None, "strict": True} if tool["type"] == "function" else {}
    return {**usual, **tool}
