"""Messages of Pydantic AI, to messages of the log and back; see `convo.integrations.pydantic_ai`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
from pydantic_ai.messages import (
    BinaryContent,
    CompactionPart,
    ImageUrl,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    RetryFeedbackPart,
    SpeechPart,
    SystemPromptPart,
    TextContent,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UploadedFile,
    UserPromptPart,
)

from convo.canonical import encode
from convo.carried import BESIDE, carried, piece_of, said
from convo.errors import InputError, InvalidContent
from convo.forms import as_chat
from convo.media import File, Image
from convo.messages import REPLY
from convo.times import to_micros

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from pydantic_ai.messages import ModelMessage, ModelRequestPart, ModelResponsePart

    from convo.carried import Group
    from convo.messages import Draft, Media, Message

NAME = "pydantic_ai"
"""Under which the metadata of messages and conversations hold what only Pydantic AI knows."""
_KINDS = {"wav": "audio/wav", "mp3": "audio/mpeg", "m4a": "audio/mp4"}


# --- to the log ------------------------------------------------------------------------------------


def drafts_of(message: ModelMessage, entry: str) -> tuple[Draft, ...]:
    """Give what a message is in the log, as the entry of this id: of a request a message for each part that a model sees.

    Raises `InvalidContent` for what Pydantic AI itself could not store and load again, and `TooLarge`.
    """
    try:
        dumped = ModelMessagesTypeAdapter.dump_json([message])
        ModelMessagesTypeAdapter.validate_json(dumped)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        reason = f"a {type(message).__name__} cannot be stored and read again ({type(error).__name__})"
        raise InvalidContent(reason, "pass messages of Pydantic AI whose contents and metadata are JSON") from error
    (own,) = json.loads(dumped)
    drafts = [_response(message)] if isinstance(message, ModelResponse) else [*_request(message)]
    return carried(NAME, own, drafts or [said("system", [""])], entry=entry)


def _request(message: ModelRequest) -> Iterator[Draft]:
    created = _micros(message.timestamp)
    for part in message.parts:
        draft = _request_part(part)
        if draft is not None:
            yield attrs.evolve(draft, created=created)


def _request_part(part: ModelRequestPart) -> Draft | None:
    """Give the message that a part of a request is, None for what says nothing in the words of Chat Completions."""
    if isinstance(part, SystemPromptPart):
        return said("system", [part.content])
    if isinstance(part, ToolReturnPart):
        return _result(part.tool_call_id, part.model_response_str())
    if part.part_kind == "retry-prompt" and part.tool_name:  # deprecated, and no longer made
        return _result(part.tool_call_id, part.model_response())
    content = _asked(part)
    return None if content is None else said("user", content)


def _asked(part: ModelRequestPart) -> list[object] | None:
    """Give what a part says in the voice of the user, None for one that says nothing there."""
    match part:
        case UserPromptPart():
            content = [part.content] if isinstance(part.content, str) else part.content
            return [item for piece in content if (item := _item(piece)) is not None]
        case SpeechPart():
            return [_heard(part)]
        case CompactionPart():
            return [part.content or ""]
        case RetryFeedbackPart():
            return [part.model_response()]
    return [part.model_response()] if part.part_kind == "retry-prompt" else None


def _result(call_id: str, content: str) -> Draft:
    return said("tool", [{"role": "tool", "tool_call_id": call_id, "content": content}])


def _item(piece: Any) -> object:
    """Give a piece of a user's prompt as content of convo, None for what is kept beside the message."""
    match piece:
        case str():
            return piece or None
        case TextContent():
            return piece.content or None
        case BinaryContent():
            return piece_of(piece.data, piece.media_type, name=piece.identifier)
        case ImageUrl():
            return Image(url=piece.url) if piece.url[:5].lower() != "data:" else None
        case UploadedFile() if piece.provider_name == "openai":
            return File(id=piece.file_id)
    return None


def _heard(part: SpeechPart) -> object:
    found = part.audio and piece_of(part.audio.data, part.audio.media_type, transcript=part.transcript)
    return found or part.transcript or ""


def _response(message: ModelResponse) -> Draft:
    texts = [part.content for part in message.parts if isinstance(part, TextPart)]
    body: dict[str, Any] = {"role": "assistant", "content": "\n\n".join(texts) or None}
    if calls := [_call(part) for part in message.parts if isinstance(part, ToolCallPart)]:
        body["tool_calls"] = calls
    speech = [part for part in message.parts if isinstance(part, SpeechPart)]
    draft = said("assistant", [body]) if not speech else _spoken(body, speech)
    status: Any = "interrupted" if message.state == "interrupted" else "complete"
    return attrs.evolve(draft, model=message.model_name, created=_micros(message.timestamp), status=status)


def _spoken(body: dict[str, Any], speech: Sequence[SpeechPart]) -> Draft:
    """Give a reply that was spoken: its words, and its sound where one was kept."""
    words = {"transcript": "\n".join(part.transcript for part in speech if part.transcript)}
    sounds = [part.audio for part in speech if part.audio is not None]
    if len(sounds) == len(speech) == 1:
        try:
            return said("assistant", [{**body, "audio": {**words, "data": sounds[0].base64}}])
        except InputError:  # sound of a kind that convo does not know: it is kept beside the message
            pass
    return said("assistant", [{**body, "audio": words}])


def _call(part: ToolCallPart) -> dict[str, Any]:
    arguments = part.args if isinstance(part.args, str) else part.args_as_json_str()
    return {"id": part.tool_call_id, "type": "function", "function": {"name": part.tool_name, "arguments": arguments or "{}"}}


def _micros(time: datetime | None) -> int | None:
    return None if time is None or time.tzinfo is None else to_micros(time, "timestamp")


# --- from the log ----------------------------------------------------------------------------------


def wanted_of(group: Group) -> Iterator[str]:
    """Give the digests of the bytes that messages of convo's own are given with: what users recorded and sent."""
    for message in group.messages:
        for piece in message.media:
            if REPLY < piece.part < BESIDE and piece.made_by is None and piece.dropped is None:
                yield piece.digest


def message_of(group: Group, data: Mapping[str, bytes], tools: Mapping[str, str]) -> ModelMessage:
    """Give a group as Pydantic AI's message. `tools` names the tools that were called, by the ids of the calls."""
    own = group.own(data)
    if own is not None:
        try:
            (found,) = ModelMessagesTypeAdapter.validate_json(encode([own]))
        except ValueError:  # of another version of Pydantic AI: as what was said then
            pass
        else:
            return found
    if group.first.role == "assistant":
        return _response_of(group.first)
    parts = [part for message in group.messages for part in _parts(message, data, tools)]
    return ModelRequest(parts=parts, timestamp=group.first.created_at)


def _response_of(message: Message) -> ModelResponse:
    body = as_chat(message.raw)
    parts: list[ModelResponsePart] = []
    spoken = body.get("audio")
    words = spoken.get("transcript") if isinstance(spoken, dict) else None
    if isinstance(words, str):
        parts.append(SpeechPart(speaker="assistant", transcript=words))
    told = message.text[len(words) :].lstrip("\n") if words else message.text
    if told:
        parts.append(TextPart(told))
    calls = [ToolCallPart(call.name, call.arguments, tool_call_id=call.id) for call in message.tool_calls]
    state: Any = "interrupted" if message.status == "interrupted" else "complete"
    return ModelResponse([*parts, *calls], model_name=message.model, timestamp=message.created_at, state=state)


def _parts(message: Message, data: Mapping[str, bytes], tools: Mapping[str, str]) -> Iterator[ModelRequestPart]:
    text, time = message.text, message.created_at
    match message.role:
        case "system" | "developer":
            yield SystemPromptPart(text, timestamp=time)
        case "tool":
            call = message.tool_call_id or ""
            yield ToolReturnPart(tools.get(call, "unknown"), text, tool_call_id=call, timestamp=time)
        case "user" if isinstance(content := message.raw.get("content"), list):
            yield from _prompts(message, content, data)
        case _:
            yield UserPromptPart(text, timestamp=time)


def _prompts(message: Message, content: Sequence[Any], data: Mapping[str, bytes]) -> Iterator[ModelRequestPart]:
    """Give what a user wrote and sent as prompts, and what was recorded as speech, in their order."""
    pieces = {piece.part: piece for piece in message.media}
    prompt: list[Any] = []
    for index, part in enumerate(content):
        piece = pieces.get(index)
        if piece is None or piece.kind != "audio":
            prompt += _content(part, piece, data)
            continue
        if prompt:
            yield UserPromptPart(prompt, timestamp=message.created_at)
            prompt = []
        yield _speech(piece, data)
    if prompt:
        yield UserPromptPart(prompt, timestamp=message.created_at)


def _speech(piece: Media, data: Mapping[str, bytes]) -> SpeechPart:
    kind = _KINDS.get(piece.format or "", f"audio/{piece.format}")
    sound = BinaryContent(data[piece.digest], media_type=kind) if piece.digest in data else None
    return SpeechPart(speaker="user", transcript=piece.transcript, audio=sound)


def _content(part: Any, piece: Media | None, data: Mapping[str, bytes]) -> list[Any]:
    if piece is not None:
        kind = piece.format or "application/octet-stream"
        return [BinaryContent(data[piece.digest], media_type=kind)] if piece.digest in data else []
    match part:
        case {"type": "text", "text": str(text)}:
            return [text]
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            return [ImageUrl(url=url)]
        case {"type": "file", "file": {"file_id": str(id)}}:
            return [UploadedFile(file_id=id, provider_name="openai")]
    return []
