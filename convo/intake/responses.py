"""Answers of the Responses API: one message that holds all output items as they came; nothing of it is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pybase64

from convo.canonical import printable
from convo.content import TEXT_COLUMN
from convo.errors import AnswerError, ConvoError, InvalidContent
from convo.extract import decode_base64, described
from convo.intake.answer import NAME_COLUMN, Answer, as_dict, canonical, held, mapping_or_none, text_or_none
from convo.media import image_type
from convo.messages import Draft, text_of
from convo.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convo.messages import Media
    from convo.origin import Origin

WHOLE_RESPONSE = "pass the Response that the client returned"
_CALLS = frozenset({"function_call", "custom_tool_call"})
_REASONS = {"max_output_tokens": "length", "max_messages": "length", "content_filter": "content_filter", "steered": "stop"}
_PASSING = frozenset({"server_error", "rate_limit_exceeded", "vector_store_timeout"})
"""Codes of failures that are not the request's."""
_TOLD = 500
"""Characters of an API's error that ours repeats."""
_ONLY_PARSED = ("parsed", "parsed_arguments")
"""What the SDK's `parse` and `stream` put beside texts and arguments. The API did not say it, and refuses it in an input."""


def read_response(answer: object, *, asked: Mapping[str, Any], origin: Origin | None = None) -> Answer:
    """Read a `Response` of the SDK, its dict, or its JSON text.

    The draft's body is `{"role": "assistant", "id", "store", "output"}`, its output the items as they came, with the bytes of
    generated images beside them; `raw` is the rest. `asked` is what was asked for (`model`, and `store` where the answer
    does not tell it); `origin` is where its ids are valid.

    `finish_reason` speaks the language of Chat Completions: `tool_calls` where a completed Response calls a function
    or a custom tool, else `stop`. Of one that is incomplete it is `length` (the limit of output tokens or of messages),
    `content_filter`, `stop` (steered), any other reason as the API gives it, or None where it gives none.

    Raises `AnswerError` for anything that is no Response, and for one that failed, was cancelled, or has not ended.
    """
    body = as_dict(answer, WHOLE_RESPONSE)
    if hasattr(answer, "to_dict"):
        body = as_sent(body)
    output = body.get("output")
    if not isinstance(output, list):
        raise AnswerError("it is no Response: it holds no output", WHOLE_RESPONSE)
    check_ended(body)
    usage = Usage.from_response(body.get("usage"))
    model = text_or_none(body.get("model"))
    return Answer(
        id=text_or_none(body.get("id")),
        model=model,
        draft=attrs.evolve(
            _draft(body, output, asked, usage, origin),
            model=text_or_none(asked.get("model")) or (model and printable(model, NAME_COLUMN)),
        ),
        finish_reason=_finish_reason(body, output),
        usage=usage,
        raw=canonical({**body, "output": None}, WHOLE_RESPONSE),
    )


def as_sent(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give a Response that was an object of the SDK without what the SDK's parsing adds to its items."""
    output = body.get("output")
    return {**body, "output": [sent(item) for item in output]} if isinstance(output, list) else body


def sent(item: Any) -> Any:
    """Give an output item as the API sent it, without what the SDK's parsing adds."""
    if not isinstance(item, dict):
        return item
    kept = {key: value for key, value in item.items() if key not in _ONLY_PARSED}
    if isinstance(parts := kept.get("content"), list):
        kept["content"] = [sent(part) for part in parts]
    return kept


def check_ended(body: Mapping[str, Any]) -> None:
    """Raise `AnswerError` for a Response that failed, was cancelled, or has not ended; a status of no known name is fine."""
    match body.get("status"):
        case "failed":
            raise failure(body.get("error"))
        case "cancelled":
            raise AnswerError("it was cancelled before it ended", "ask again")
        case "queued" | "in_progress" as status:
            told = f"the response {printable(str(body.get('id')), 100)} is still {status.replace('_', ' ')}"
            raise AnswerError(told, "wait until it has ended, and record what client.responses.retrieve() gives then")


def failure(error: object) -> AnswerError:
    """Give the error for one that the API told, by its code (`api_code`); `retryable` where it may pass by itself."""
    facts = mapping_or_none(error) or {}
    code = text_or_none(facts.get("code")) or text_or_none(facts.get("type"))
    passing = code in _PASSING
    message = text_or_none(facts.get("message")) or "it does not say why"
    told = printable(f"the API failed: {message}" + (f" ({code})" if code else ""), _TOLD)
    found = AnswerError(told, "send again: the same key tries again" if passing else "change what was asked, or ask again")
    found.retryable, found.api_code = passing, code
    return found


def _finish_reason(body: Mapping[str, Any], output: Sequence[Any]) -> str | None:
    if body.get("status") != "incomplete":
        called = any(isinstance(item, dict) and item.get("type") in _CALLS for item in output)
        return "tool_calls" if called else "stop"
    reason = text_or_none((mapping_or_none(body.get("incomplete_details")) or {}).get("reason"))
    return _REASONS.get(reason, reason) if reason else None


def _draft(
    body: Mapping[str, Any], output: list[Any], asked: Mapping[str, Any], usage: Usage, origin: Origin | None
) -> Draft:  # fmt: skip
    found = [without_bytes(item, index) for index, item in enumerate(output)]
    store = body.get("store") if isinstance(body.get("store"), bool) else asked.get("store")
    facts = {"id": body.get("id"), "store": store if isinstance(store, bool) else None}
    message = {"role": "assistant", **{key: value for key, value in facts.items() if value is not None}}
    message["output"] = [item for item, _ in found]
    return Draft(
        role="assistant",
        api="responses",
        body=canonical(message, WHOLE_RESPONSE),
        text=printable(text_of(message), TEXT_COLUMN),
        media=tuple(piece for _, piece in found if piece is not None),
        audio_origin=str(origin) if origin else None,
        text_tokens=held(usage),
    )


def without_bytes(item: Any, index: int) -> tuple[Any, Media | None]:
    """Give an item without the image that it holds. Data that would not come back as it was stays: an answer is always stored."""
    match item:
        case {"type": "image_generation_call", "result": str(text)} if text:
            try:
                data = decode_base64(text, "the image")
            except ConvoError:
                return item, None
            if pybase64.b64encode_as_string(data) == text:
                piece = described("image", _image_format(data, item), data, index)
                return {**item, "result": {"$blob": piece.digest}}, piece
    return item, None


def _image_format(data: bytes, item: Mapping[str, Any]) -> str | None:
    """Give the MIME type of an image by its bytes, or as the item names it."""
    try:
        return image_type(data)
    except InvalidContent:
        claimed = text_or_none(item.get("output_format"))
        return claimed and printable(f"image/{'svg+xml' if claimed == 'svg' else claimed}", NAME_COLUMN)
