"""What callers pass as content, checked and turned into drafts: text, audio, images, files, or the API's own JSON."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from convo.audio.checks import check_long_enough
from convo.audio.value import Audio
from convo.canonical import check_value, encode, printable
from convo.errors import EmptyContent, InvalidContent, TooLarge
from convo.extract import bytes_of, check_own_bytes, placeholder, recording, take_bytes_out
from convo.media import File, Image, image_type
from convo.messages import Draft, Media, text_of
from convo.metadata import encode_metadata
from convo.times import expiry_micros

if TYPE_CHECKING:
    from convo.messages import Kind


MAX_STRING = 10_485_760
"""Characters in one string of a request, from the API's own error message."""
TEXT_COLUMN = 100_000
"""Characters of a message that the derived `text` column holds; the body holds all of them."""

ROLES = ("user", "assistant", "system", "developer", "tool", "function")
PARTS = {
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
    "system": ("text",),
    "developer": ("text",),
    "tool": ("text",),
    "function": ("text",),
}
"""Content parts that a message of each role takes."""
_NAME = re.compile(r"[^\s<|\\/>]{1,64}")


def message_draft(
    content: Sequence[object],
    *,
    role: str = "user",
    name: str | None = None,
    kind: Kind = "message",
    pinned: bool = False,
    metadata: Mapping[str, Any] | None = None,
    created: int | None = None,
) -> Draft:
    """Give the draft of one message. Raises an `InputError` that says what is wrong with the content."""
    if role not in ROLES:
        raise InvalidContent(f"{role!r} is no role of a message", f"use one of {', '.join(ROLES)}")
    if not content:
        raise EmptyContent
    body: dict[str, Any]
    if len(content) == 1 and isinstance(content[0], Mapping) and "role" in content[0]:
        if name is not None or role not in ("user", content[0]["role"]):
            raise InvalidContent("a whole message was passed beside role or name", "put them into the message")
        body = _given(content[0])
        media: tuple[Media, ...] = ()
    else:
        parts, media = _parts(content)
        body = {"role": role, "content": _content(parts)}
        if name is not None:
            body["name"] = name
        check_value(body, "the message")
    return _drafted(body, media, kind=kind, pinned=pinned, metadata=encode_metadata(metadata), created=created)


def tool_draft(call_id: str, output: object, *, error: bool = False) -> Draft:
    """Give the draft of a tool's result: text as it is, content parts as they are, any other JSON as its text."""
    if not call_id:
        raise InvalidContent(f"{call_id!r} is no id of a tool call", "pass the id of reply.tool_calls")
    if not isinstance(output, str):
        check_value(output, "the tool's output")
        if _is_text_parts(output):
            check_own_bytes(output)
        else:
            output = encode(output).lstrip()
    if error:
        output = f"Error: {output}" if isinstance(output, str) else [{"type": "text", "text": "Error:"}, *output]  # type: ignore[misc]
    body = {"role": "tool", "tool_call_id": call_id, "content": output}
    check_value(body, "the message")
    return _drafted(body, ())


def message_drafts(messages: Iterable[object]) -> list[Draft]:
    """Give the drafts of a list of Chat Completions messages (dicts, or values of the SDK). Raises `InvalidContent`."""
    found = None if isinstance(messages, str | Mapping) else [_mapping(message) for message in messages]
    if found is None or not all(isinstance(message, Mapping) and "role" in message for message in found):
        raise InvalidContent("messages= holds something that is no message", "pass a list of dicts with role and content")
    return [message_draft([message]) for message in found]


def _mapping(message: object) -> object:
    dump = getattr(message, "to_dict", None)
    return dump(mode="python", warnings=False) if callable(dump) else message


def _is_text_parts(output: object) -> bool:
    return isinstance(output, list) and bool(output) and all(isinstance(p, Mapping) and p.get("type") == "text" for p in output)


# --- from values to the API's parts ----------------------------------------------------------------


def _parts(content: Sequence[object]) -> tuple[list[dict[str, Any]], tuple[Media, ...]]:
    parts: list[dict[str, Any]] = []
    media: list[Media] = []
    for index, item in enumerate(content):
        part, piece = _part(item, index)
        parts.append(part)
        if piece is not None:
            media.append(piece)
    return parts, tuple(media)


def _part(item: object, index: int) -> tuple[dict[str, Any], Media | None]:
    match item:
        case str():
            return {"type": "text", "text": item}, None
        case Audio():
            return _audio_part(item, index)
        case Image():
            return _image_part(item, index)
        case File():
            return _file_part(item, index)
        case Mapping():
            return _given(item), None
    raise InvalidContent(
        f"content of the type {type(item).__name__} is not known", "pass text, Audio, Image, File or a content part"
    )


def _given(item: Mapping[str, Any]) -> dict[str, Any]:
    """Give JSON of a caller, checked: it is valid, and names no bytes that it does not hold."""
    value = dict(item)
    check_value(value, "the message")
    check_own_bytes(value)
    return value


def _audio_part(audio: Audio, index: int) -> tuple[dict[str, Any], Media]:
    _check_strings(audio.transcript)
    check_long_enough(audio)
    taken = Audio.from_bytes(audio.wav(), "wav", audio.transcript) if audio.format == "pcm16" else audio
    piece = attrs.evolve(recording(taken, index), problems=audio.known_problems)
    return {"type": "input_audio", "input_audio": {"data": {"$blob": piece.digest}, "format": piece.format}}, piece


def _image_part(image: Image, index: int) -> tuple[dict[str, Any], Media | None]:
    extra = {} if image.detail is None else {"detail": image.detail}
    if image.data is None:
        return {"type": "image_url", "image_url": {"url": image.url, **extra}}, None
    piece = bytes_of("image", image_type(image.data), image.data, index)
    return {"type": "image_url", "image_url": {"url": placeholder(piece), **extra}}, piece


def _file_part(file: File, index: int) -> tuple[dict[str, Any], Media | None]:
    if file.data is None:
        return {"type": "file", "file": {"file_id": file.id}}, None
    piece = bytes_of("file", file.type, file.data, index)
    return {"type": "file", "file": {"filename": file.name or "file", "file_data": placeholder(piece)}}, piece


def _content(parts: list[dict[str, Any]]) -> object:
    match parts:
        case [{"type": "text", "text": str(text), **more}] if not more:
            return text
    return parts


# --- from the API's JSON to a draft ----------------------------------------------------------------


def _drafted(body: dict[str, Any], media: tuple[Media, ...], **beside: Any) -> Draft:
    """Give the draft of a message that is valid JSON, with what stands beside its body."""
    role = body.get("role")
    if role not in ROLES:
        raise InvalidContent(f"{role!r} is no role of a message", f"use one of {', '.join(ROLES)}")
    body, found = take_bytes_out(body, [piece.part for piece in media])
    media = (*media, *found)
    _check_shape(role, body, {piece.part for piece in media})
    text = text_of(body, media)
    _check_strings(body)
    draft = Draft(role=role, body=encode(body), media=media, text=printable(text, TEXT_COLUMN), **beside)
    return _with_reference(draft, body)


def _with_reference(draft: Draft, body: Mapping[str, Any]) -> Draft:
    audio = body.get("audio")
    if draft.role != "assistant" or not isinstance(audio, Mapping):
        return draft
    remote = audio.get("id")
    return attrs.evolve(
        draft,
        audio_id=remote if isinstance(remote, str) and remote.isprintable() and remote else None,
        audio_expires=expiry_micros(audio.get("expires_at")),
    )


def _check_shape(role: str, body: Mapping[str, Any], held: Collection[int]) -> None:
    _check_name(body.get("name"))
    if role == "tool" and not (isinstance(body.get("tool_call_id"), str) and body["tool_call_id"]):
        raise InvalidContent("a tool's result names no tool_call_id", "add the id of the call that it answers")
    if role == "function" and not body.get("name"):
        raise InvalidContent("a function's result has no name", "add the name of the function")
    content = body.get("content")
    if isinstance(content, list):
        for index, part in enumerate(content):
            _check_part(role, part, inline=index in held)
    elif content is not None and not isinstance(content, str):
        raise InvalidContent(f"content is a {type(content).__name__}", "pass text or a list of content parts")
    if role != "assistant" and (content is None if role == "tool" else is_empty(content)):
        raise EmptyContent(f"the {role} message")


def is_empty(content: object) -> bool:
    """Say whether there is nothing in content. Replies, and results of tools, may be so."""
    return not content or (isinstance(content, list) and all(part == {"type": "text", "text": ""} for part in content))


def is_name(name: object) -> bool:
    """Say whether the API takes this as the name of an author."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def _check_name(name: object) -> None:
    if name is not None and not is_name(name):
        raise InvalidContent(
            "the name of an author is not one that the API takes", r"use 1 to 64 characters without spaces and <|\/>"
        )


def _check_part(role: str, part: object, *, inline: bool) -> None:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind not in PARTS[role]:
        raise InvalidContent(f"{role} messages take no content part of the type {kind!r}", f"use {', '.join(PARTS[role])}")
    _check_inner(kind, part.get(kind) if isinstance(part, Mapping) else None)
    match part:
        case {"type": "text", "text": str()} | {"type": "refusal", "refusal": str()}:
            return
        case {"type": "image_url", "image_url": {"url": str() as url}} if url:
            return
        case {"type": "file", "file": {"file_id": str()}}:
            return
        case {"type": "input_audio" | "image_url" | "file"} if inline:
            return
    raise InvalidContent(f"a content part of the type {kind!r} lacks what it must hold", "see the API's reference for its shape")


def _check_inner(kind: object, inner: object) -> None:
    if not isinstance(inner, Mapping):
        return
    for key in ("detail", "filename", "file_id"):
        if not isinstance(inner.get(key, ""), str | None):
            raise InvalidContent(f"the {key} of a content part of the type {kind!r} is no text", "pass text or leave it out")
    if isinstance(url := inner.get("url"), str) and url[:5].lower() == "data:":
        raise InvalidContent("the data URL of an image is not one of base64", "write data:image/png;base64, and the bytes")


def _check_strings(value: object) -> None:
    if isinstance(value, str) and len(value) > MAX_STRING:
        raise TooLarge("a text of the message", len(value), MAX_STRING, "characters")
    if isinstance(value, Mapping):
        for child in value.values():
            _check_strings(child)
    elif isinstance(value, list):
        for child in value:
            _check_strings(child)
