"""Rules on the arguments of a request: which past it names, and what its model cannot do.

Conversations and prompts are kept by other endpoints, which the fake does not have: their ids are not found.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from convo.testing.refusals import ApiRefusal, invalid, not_simulated, unsupported_parameter
from convo.testing.responses_schema import ENCRYPTED, LOGPROBS
from convo.testing.responses_words import (
    no_encryption,
    no_input,
    no_logprobs,
    no_model,
    no_previous,
    no_such_tool,
    no_tools,
    no_word_json,
    not_for_responses,
    not_stored,
    not_with_this_model,
    two_pasts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from convo.testing.responses_asked import AskedResponse

_GONE = "has been deprecated, learn more here: https://platform.openai.com/docs/deprecations"
_CHANCES: Mapping[str, float] = {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0}
"""The settings that weigh chances, each with the value that changes nothing."""


def model_refusals(asked: AskedResponse) -> Iterator[ApiRefusal]:
    """Refuse models that do not exist, exist no longer, or hear and speak."""
    name = asked.body["model"]
    if name not in asked.models:
        yield no_model(name)
    elif asked.model.gone(asked.now):
        yield ApiRefusal(404, f"The model `{name}` {_GONE}", code="model_not_found")
    elif asked.model.kind == "audio":
        yield not_for_responses(name)


def past_refusals(asked: AskedResponse) -> Iterator[ApiRefusal]:
    """Refuse two pasts at once, and those that are not there; then a request that says nothing."""
    conversation, previous = asked.get("conversation"), asked.get("previous_response_id")
    if conversation is not None and previous is not None:
        yield two_pasts()
    if conversation is not None:
        yield not_stored("Conversation", str(asked.get("conversation", "id") or conversation))
    if asked.get("prompt") is not None:
        yield not_stored("Prompt", str(asked.get("prompt", "id")))
    if isinstance(previous, str) and asked.kept.response(previous, asked.origin, asked.now) is None:
        yield no_previous(previous)
    if not asked.body["input"]:
        yield no_input()


def chance_refusals(asked: AskedResponse) -> Iterator[ApiRefusal]:
    """Refuse to weigh the chances of a model that reasons; told not to reason, models were seen to take it."""
    if not asked.reasons or asked.get("reasoning", "effort") == "none":
        return
    for key, usual in _CHANCES.items():
        if asked.get(key) not in {None, usual}:
            yield not_with_this_model(key)
    if LOGPROBS in (asked.body.get("include") or ()):
        yield no_logprobs("include")
    if asked.get("top_logprobs"):
        yield no_logprobs("top_logprobs")


def ability_refusals(asked: AskedResponse) -> Iterator[ApiRefusal]:
    """Refuse to let a model reason that does not, and to control the cache of one that has no control."""
    if not asked.reasons:
        for key in ("effort", "summary"):
            if asked.get("reasoning", key) is not None:
                yield unsupported_parameter(f"reasoning.{key}")
        if ENCRYPTED in (asked.body.get("include") or ()):
            yield no_encryption()
    if not asked.model.cache_options:
        if asked.get("prompt_cache_options") is not None:
            yield unsupported_parameter("prompt_cache_options")
        for path, part in asked.parts():
            if part.get("prompt_cache_breakpoint") is not None:
                yield unsupported_parameter(f"{path}.prompt_cache_breakpoint")


def dependent_refusals(asked: AskedResponse) -> Iterator[ApiRefusal]:
    """Refuse arguments that mean nothing without another."""
    if asked.get("stream_options") is not None and not asked.get("stream"):
        yield invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options", None)
    yield from _choice_refusals(asked)
    if asked.get("text", "format", "type") == "json_object" and "json" not in json.dumps(asked.read).lower():
        yield no_word_json()


def _choice_refusals(asked: AskedResponse) -> Iterator[ApiRefusal]:
    tools, choice = asked.body.get("tools") or [], asked.get("tool_choice")
    if choice == "required" and not tools:
        yield no_tools("required")
    if isinstance(choice, dict) and choice["type"] in {"function", "custom"}:
        chosen = (choice["type"], choice["name"])
        if chosen not in {(tool["type"], tool.get("name")) for tool in tools}:
            yield no_such_tool(choice["name"])


def fake_refusals(asked: AskedResponse) -> Iterator[ApiRefusal]:
    """Refuse what the API accepts and the fake cannot do."""
    if asked.get("background"):
        yield not_simulated("the fake answers at once; leave 'background' out", "background")
