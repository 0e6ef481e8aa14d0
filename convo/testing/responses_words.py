"""What the Responses API says when it refuses: the sentences that Chat Completions does not have.

Quoted, from answers of the API that were published: all of them, but `not_stored` of a response that is asked for by its
id and the calls of a computer, a shell and a patch, which are built like their neighbours. `param` and `code` of
`wrong_id` and `not_for_responses` are guesses in the API's style.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convo.testing.refusals import ApiRefusal, invalid

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOVED = {
    "messages": "input",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
    "max_completion_tokens": "max_output_tokens",
}
_REFERENCE = "https://platform.openai.com/docs/api-reference/responses/create"
_NEAR = 2
"""A key is taken for a slip of the pen when so many letters are wrong, missing or too many."""


def unknown_key(key: str, known: Iterable[str]) -> ApiRefusal:
    """Refuse a key of the request that the API does not know, and say which one may be meant; `known` are not yet used."""
    if key in _MOVED:
        message = (
            f"Unsupported parameter: '{key}'. In the Responses API, this parameter has moved to '{_MOVED[key]}'. Try again "
            f"with the new parameter. See the API documentation for more information: {_REFERENCE}."
        )
        return invalid(message, None, "unsupported_parameter")
    near = sorted((distance, name) for name in known if (distance := _distance(key, name)) <= _NEAR)
    names = " or ".join(f"'{name}'" for _, name in near)
    meant = f" Did you mean {names}?" if near else ""
    return invalid(f"Unknown parameter: '{key}'.{meant}", key, "unknown_parameter")


def _distance(one: str, other: str) -> int:
    """Give the edit distance of two words, or more than `_NEAR` where their lengths already say so."""
    if abs(len(one) - len(other)) > _NEAR:
        return _NEAR + 1
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        before, row[0] = row[0], at
        for to, wanted in enumerate(other, 1):
            before, row[to] = row[to], min(row[to] + 1, row[to - 1] + 1, before + (letter != wanted))
    return row[-1]


def null(path: str) -> ApiRefusal:
    """Refuse null where a string is required; the API calls it an object there."""
    return invalid(f"Invalid type for '{path}': expected a string, but got an object instead.", path, "invalid_type")


def wrong_id(path: str, value: str, prefix: str) -> ApiRefusal:
    """Refuse the id of an item that is not one of its type."""
    return invalid(f"Invalid '{path}': '{value}'. Expected an ID that begins with '{prefix}'.", path)


def no_model(name: str) -> ApiRefusal:
    """Refuse a model that does not exist."""
    return invalid(f"The requested model '{name}' does not exist.", "model", "model_not_found")


def not_for_responses(name: str) -> ApiRefusal:
    """Refuse a model that other endpoints have: those that hear and speak."""
    return invalid(f"The requested model '{name}' is not supported with the Responses API.", "model", None)


def two_pasts() -> ApiRefusal:
    """Refuse a conversation beside a previous response."""
    message = "Mutually exclusive parameters: ''. Ensure you are only providing one of: 'pre..._id' or 'conversation'."
    return invalid(message, None, "mutually_exclusive_parameters")


def no_previous(response_id: str) -> ApiRefusal:
    """Refuse a previous response that is not kept, or not for this caller."""
    message = f"Previous response with id '{response_id}' not found."
    return invalid(message, "previous_response_id", "previous_response_not_found")


def not_stored(what: str, its_id: str) -> ApiRefusal:
    """Refuse to find a response, a conversation or a prompt."""
    return ApiRefusal(404, f"{what} with id '{its_id}' not found.")


def no_input() -> ApiRefusal:
    """Refuse a request that says nothing."""
    message = "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation' must be provided."
    return invalid(message, None, "missing_required_parameter")


def no_item(item_id: str, *, store: bool) -> ApiRefusal:
    """Refuse an item that is to be looked up and is not kept."""
    remedy = (
        " Items are not persisted when `store` is set to false. Try again with `store` set to true, "
        "or remove this item from your input."
    )
    return ApiRefusal(404, f"Item with id '{item_id}' not found.{'' if store else remedy}", param="input")


def duplicate(item_id: str) -> ApiRefusal:
    """Refuse an id that stands twice in what the model is to read."""
    message = f"Duplicate item found with id {item_id}. Remove duplicate items from your input and try again."
    return invalid(message, "input", None)


def unverified(item_id: str | None, content: str, *, theirs: bool) -> ApiRefusal:
    """Refuse encrypted reasoning that cannot be read, or that is another organisation's."""
    reason = (
        "Encrypted content organization_id did not match the target organization."
        if theirs
        else "Encrypted content could not be decrypted or parsed."
    )
    what = f"for item {item_id}" if item_id else f"{content[:4]}...{content[-4:]}"
    message = f"The encrypted content {what} could not be verified. Reason: {reason}"
    return invalid(message, None, "invalid_encrypted_content")


def thought_for_nothing(item_id: str | None) -> ApiRefusal:
    """Refuse reasoning without what it led to."""
    message = f"Item '{item_id}' of type 'reasoning' was provided without its required following item."
    return invalid(message, "input", None)


def thoughtless(item_id: str, kind: str, reasoning_id: str) -> ApiRefusal:
    """Refuse an item without the reasoning that led to it."""
    message = f"Item '{item_id}' of type '{kind}' was provided without its required 'reasoning' item: '{reasoning_id}'."
    return invalid(message, "input", None)


def cannot_reason() -> ApiRefusal:
    """Refuse reasoning that is given to a model which does not reason."""
    message = (
        "Reasoning input items can only be provided to a reasoning or computer use model. "
        "Remove reasoning items from your input and try again."
    )
    return invalid(message, "input", None)


def no_call(kind: str, call_id: str) -> ApiRefusal:
    """Refuse the output of a call that was not made before it, or was answered already."""
    return invalid(f"No tool call found for {kind} output with call_id {call_id}.", "input", None)


def no_output(kind: str, call_id: str) -> ApiRefusal:
    """Refuse a call that nothing answers."""
    return invalid(f"No tool output found for {kind} {call_id}.", "input", None)


def no_tools(choice: str) -> ApiRefusal:
    """Refuse to choose a tool where there are none."""
    return invalid(f"Tool choice '{choice}' must be specified with 'tools' parameter.", "tool_choice", None)


def no_such_tool(name: str) -> ApiRefusal:
    """Refuse to choose a tool that is not there."""
    return invalid(f"Tool choice '{name}' not found in 'tools' parameter.", "tool_choice", None)


def not_with_this_model(path: str) -> ApiRefusal:
    """Refuse a setting that the model does not have; of those that weigh chances the API gives no code."""
    return invalid(f"Unsupported parameter: '{path}' is not supported with this model.", path, None)


def no_encryption() -> ApiRefusal:
    """Refuse to encrypt the reasoning of a model that does not reason."""
    return invalid("Encrypted content is not supported with this model.", "include", None)


def no_logprobs(path: str) -> ApiRefusal:
    """Refuse log probabilities of a model that reasons."""
    return invalid("logprobs are not supported with reasoning models.", path, "unsupported_parameter")


def no_word_json() -> ApiRefusal:
    """Refuse to force JSON where nobody mentioned it."""
    message = "Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'."
    return invalid(message, "text.format", None)
