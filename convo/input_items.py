"""Input items of the Responses API as messages of the log, and messages of the log as input items. Pure.

What is given as items comes back as it was given, item by item and field by field:

- A message of a user, of the system or of a developer, and the result of a function or of a custom tool, is a message in the
  shape of Chat Completions. Where that shape does not tell the item, the item stands in the body as well, under `ITEM`.
- All else (messages of the model, reasoning, calls, results of hosted tools) is the output of a reply of the Responses API: items
  that follow each other are one message, for the API wants reasoning together with what it led to.

Bytes are taken out of either. Messages that came another way, spoken ones among them, are told in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pybase64

from convo.assembly.chat import short_id
from convo.assembly.responses import in_words, plain_of, replayable
from convo.audio.value import Audio
from convo.canonical import check_value, encode, printable
from convo.content import TEXT_COLUMN
from convo.errors import AnswerError, BadAudio, ConvoError, InvalidContent
from convo.extract import DATA_URL, bytes_of, check_own_bytes, decode_base64, placeholder, recording
from convo.forms import as_chat, has_items, items_of
from convo.intake.answer import canonical
from convo.intake.responses import without_bytes
from convo.messages import Draft, calls_of, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convo.messages import Media, Message

ITEM = "input_item"
"""The key under which a body holds the item that it was given as, where the message does not tell it."""
UNHEARD = "[recording without a transcript]"
"""What stands for speech whose words nobody has written down."""
_ROLES = ("user", "assistant", "system", "developer")
_RESULTS = {"function_call_output": "function_call", "custom_tool_call_output": "custom_tool_call"}
"""By type of a result that a message of its own holds, the type of its call."""
_TEXTS = ("input_text", "output_text", "text")
_OF_A_RESPONSE = ("id", "store", "input")
"""What only the body of a recorded Response holds beside its items."""


# --- from items to drafts --------------------------------------------------------------------------


def drafts_of(items: object) -> list[Draft]:
    """Give the messages that hold these items (dicts, or values of the SDK). Raises an `InputError` for what is no item."""
    if isinstance(items, str | Mapping) or not isinstance(items, Iterable):
        raise InvalidContent(f"the items are a {type(items).__name__}", "pass a list of input items")
    drafts: list[Draft] = []
    output: list[dict[str, Any]] = []
    for number, given in enumerate(items, 1):
        item = _checked(given, number)
        if _is_output(item):
            output.append(item)
            continue
        drafts += _replies(output)
        output = []
        drafts.append(_result(item, number) if item.get("type") in _RESULTS else _said(item))
    return drafts + _replies(output)


def _checked(given: object, number: int) -> dict[str, Any]:
    dump = getattr(given, "to_dict", None)
    item = dump(mode="python", warnings=False) if callable(dump) else given
    what = f"item {number}"
    if not isinstance(item, Mapping):
        raise InvalidContent(f"{what} is a {type(given).__name__}", "pass an input item of the Responses API, as a dict")
    found = dict(item)
    kind, role = found.get("type"), found.get("role")
    if not isinstance(kind, str | None):
        raise InvalidContent(f"the type of {what} is a {type(kind).__name__}", "name it in words, such as 'function_call'")
    if kind in (None, "message") and role not in _ROLES:
        raise InvalidContent(f"{what} has no type, and its role is {role!r}", f"name its type, or a role of {', '.join(_ROLES)}")
    if _is_output(found):
        _check_said(found, what)
    else:
        check_value(found, what)
    check_own_bytes(found)
    return found


def _check_said(item: dict[str, Any], what: str) -> None:
    """Raise `InvalidContent` for what could not be read again; all else that a model says is stored."""
    try:
        canonical(item, "")
    except AnswerError as error:
        raise InvalidContent(f"{what} is no JSON, or nested too deeply", "pass text, numbers, lists and dicts") from error


def _is_output(item: dict[str, Any]) -> bool:
    """Say whether an item goes into the output of a reply: all but messages of others, results, and words without parts."""
    kind = item.get("type")
    if kind in (None, "message"):
        return item["role"] == "assistant" and kind is not None and isinstance(item.get("content"), list)
    return kind not in _RESULTS


def _replies(output: list[dict[str, Any]]) -> list[Draft]:
    """Give the message of items that follow each other, none for none."""
    if not output:
        return []
    found = [_item_without_bytes(item, index) for index, item in enumerate(output)]
    body = {"role": "assistant", "output": [item for item, _ in found]}
    return [_drafted(body, tuple(piece for _, piece in found if piece is not None), "responses")]


def _item_without_bytes(item: dict[str, Any], index: int) -> tuple[dict[str, Any], Media | None]:
    """Give an item of a reply without the picture that was generated, or that a computer showed."""
    match item:
        case {"output": {"image_url": str(url)} as shown} if piece := _piece_of("image", url, index):
            return {**item, "output": {**shown, "image_url": placeholder(piece)}}, piece
    return without_bytes(item, index)


def _said(item: dict[str, Any]) -> Draft:
    """Give the message of somebody, or words of the model."""
    kept, media = _without_bytes(item, "content")
    content, role = kept.get("content"), item["role"]
    if not isinstance(content, str | list | None):
        raise InvalidContent(f"the content of an item is a {type(content).__name__}", "pass text or a list of content parts")
    body = {"role": role, "content": ([_chat_part(p, role) for p in content] if isinstance(content, list) else content) or ""}
    return _drafted(_telling(body, kept), media)


def _result(item: dict[str, Any], number: int) -> Draft:
    """Give the message of the result of a function or a custom tool."""
    call = item.get("call_id")
    if not (isinstance(call, str) and call):
        raise InvalidContent(f"item {number} is the result of no call", "add the call_id of the call that it answers")
    kept, media = _without_bytes(item, "output")
    output = kept.get("output")
    if isinstance(output, list):
        content: Any = [_chat_part(part, "tool") for part in output]
    else:
        content = output if isinstance(output, str) else encode([output]).strip()[1:-1]
    return _drafted(_telling({"role": "tool", "tool_call_id": call, "content": content}, kept), media)


def _telling(body: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
    """Give a body that tells its item: by itself where it can, else with the item in it."""
    return body if _in_shape(body, ()) == [item] else {**body, ITEM: _exchanged(item, body["content"], keep=False)}


def _exchanged(item: dict[str, Any], parts: Any, *, keep: bool) -> dict[str, Any]:
    """Give an item with null for bytes that parts of the message hold; with `keep`, with what these have for them."""
    given = item.get("content")
    if not isinstance(given, list) or not isinstance(parts, list) or len(given) != len(parts):
        return item
    held = [(part, _held(chat)) for part, chat in zip(given, parts, strict=True)]
    return {**item, "content": [part if blob is None else _holding(part, blob if keep else None) for part, blob in held]}


def _held(part: dict[str, Any]) -> dict[str, Any] | None:
    """Give what stands for the bytes of a part of a message; None where it has none."""
    match part:
        case (
            {"image_url": {"url": {"$blob": str()} as blob}}
            | {"file": {"file_data": {"$blob": str()} as blob}}
            | {"input_audio": {"data": {"$blob": str()} as blob}}
        ):
            return dict(blob)
    return None


def _holding(part: dict[str, Any], blob: dict[str, Any] | None) -> dict[str, Any]:
    if part["type"] == "input_audio":
        return {**part, "input_audio": {**part["input_audio"], "data": blob}}
    return {**part, "image_url" if part["type"] == "input_image" else "file_data": blob}


def _drafted(body: dict[str, Any], media: tuple[Media, ...], api: str = "chat") -> Draft:
    text = printable(text_of(body, media), TEXT_COLUMN)
    return Draft(role=body["role"], body=encode(body), api=api, text=text, media=media)


def _without_bytes(item: dict[str, Any], key: str) -> tuple[dict[str, Any], tuple[Media, ...]]:
    parts = item.get(key)
    if not isinstance(parts, list):
        return item, ()
    found = [_part_without_bytes(part, index) for index, part in enumerate(parts)]
    return {**item, key: [part for part, _ in found]}, tuple(piece for _, piece in found if piece is not None)


def _part_without_bytes(part: Any, index: int) -> tuple[Any, Media | None]:
    match part:
        case {"type": "input_image", "image_url": str(url)} if piece := _piece_of("image", url, index):
            return {**part, "image_url": placeholder(piece)}, piece
        case {"type": "input_file", "file_data": str(url)} if piece := _piece_of("file", url, index):
            return {**part, "file_data": placeholder(piece)}, piece
        case {"type": "input_audio", "input_audio": {"data": str(text), "format": str(claimed)} as inner}:
            if piece := _recording(text, claimed, index):
                return {**part, "input_audio": {**inner, "data": {"$blob": piece.digest}}}, piece
    return part, None


def _piece_of(kind: Any, url: str, index: int) -> Media | None:
    """Give the bytes of a data URL; None for any other, and for one that would not come back as it was."""
    match_ = DATA_URL.fullmatch(url)
    data = match_ and _exactly(match_[2])
    return bytes_of(kind, match_[1], data, index) if match_ and data else None


def _recording(text: str, claimed: str, index: int) -> Media | None:
    """Give the bytes of a recording; None for what is none: what others take is not ours to refuse."""
    data = _exactly(text)
    try:
        return recording(Audio.from_bytes(data, claimed), index) if data else None
    except BadAudio:
        return None


def _exactly(text: str) -> bytes | None:
    """Give the bytes of base64, None for what would be another text afterwards."""
    try:
        data = decode_base64(text, "the item")
    except ConvoError:
        return None
    return data if pybase64.b64encode_as_string(data) == text else None


def _chat_part(part: Any, role: str) -> dict[str, Any]:
    """Give a content part in the shape of Chat Completions; what has no place there is named."""
    match part:
        case {"type": kind, "text": str(text)} if kind in _TEXTS:
            return {"type": "text", "text": text}
        case {"type": "refusal", "refusal": str(text)} if role == "assistant":
            return {"type": "refusal", "refusal": text}
    if role == "user" and (found := _media_part(part)) is not None:
        return found
    kind = part.get("type") if isinstance(part, dict) else None
    return {"type": "text", "text": f"[{kind.removeprefix('input_') if isinstance(kind, str) else 'part'}]"}


def _media_part(part: Any) -> dict[str, Any] | None:
    match part:
        case {"type": "input_image", "image_url": str() | {"$blob": str()} as url} if url:
            detail = {"detail": part["detail"]} if isinstance(part.get("detail"), str) else {}
            return {"type": "image_url", "image_url": {"url": url, **detail}}
        case {"type": "input_file", "file_id": str(id)}:
            return {"type": "file", "file": {"file_id": id}}
        case {"type": "input_file", "file_data": {"$blob": str()} as data}:
            name = part.get("filename")
            return {"type": "file", "file": {"filename": name if isinstance(name, str) else "file", "file_data": data}}
        case {"type": "input_audio", "input_audio": {"data": {"$blob": str()}, "format": str()} as inner}:
            return {"type": "input_audio", "input_audio": inner}
    return None


# --- from messages to items ------------------------------------------------------------------------


def line_of(messages: Sequence[Message], now: int) -> list[dict[str, Any]]:
    """Give the items of messages, with `{"$blob": ...}` where bytes are; `now` is in microseconds since 1970.

    Instructions and summaries are none. Results whose calls were redacted are left out with them.
    """
    return [item for _, items in _by_message(messages, now) for item in items]


def last_item(messages: Sequence[Message], now: int) -> tuple[Message, dict[str, Any], Draft | None] | None:
    """Give the last item with the message that holds it, and what is left of that message without it; None where none is."""
    for message, items in reversed(_by_message(messages, now)):
        if items:
            return message, items[-1], _shorter(message, len(items), now)
    return None


def _by_message(messages: Sequence[Message], now: int) -> list[tuple[Message, list[dict[str, Any]]]]:
    found: list[tuple[Message, list[dict[str, Any]]]] = []
    custom: set[str] = set()
    gone = False
    for message in messages:
        if message.role != "tool":
            gone = message.role == "assistant" and message.status == "redacted"
        items = [] if gone else _items(message, now, custom)
        custom |= {str(item.get("call_id")) for item in items if item.get("type") == "custom_tool_call"}
        found.append((message, items))
    return found


def _items(message: Message, now: int, custom: Iterable[str]) -> list[dict[str, Any]]:
    """Give the items of one message; `custom` are the ids of calls of custom tools."""
    if message.kind != "message" or (message.status == "redacted" and message.role != "tool"):
        return []
    body = message.raw
    if has_items(body):
        return items_of(body) if _as_given(message, body, now) else in_words(items_of(body))
    if message.api == "chat" and isinstance(item := body.get(ITEM), dict):
        return [_audible(_exchanged(item, body.get("content"), keep=True), message.media)]
    if message.status != "complete":
        body = {key: value for key, value in body.items() if key not in ("tool_calls", "function_call")}
    return _in_shape(body, message.media, custom)


def blobs_named(value: Any) -> Iterable[str]:
    """Give the digests of the bytes that an item wants."""
    if isinstance(value, dict):
        if isinstance(value.get("$blob"), str):
            yield value["$blob"]
        for child in value.values():
            yield from blobs_named(child)
    elif isinstance(value, list):
        for child in value:
            yield from blobs_named(child)


def _as_given(message: Message, body: dict[str, Any], now: int) -> bool:
    """Say whether items go back as they came: those that were added, and those of a Response that the API knows still."""
    return body.keys().isdisjoint(_OF_A_RESPONSE) or replayable(message, body, now)


def _in_shape(body: dict[str, Any], media: Sequence[Media], custom: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Give the items of a body in the shape of Chat Completions."""
    content = body.get("content")
    match body.get("role"):
        case "assistant":
            return _reply(body, media)
        case "tool":
            call = str(body.get("tool_call_id"))
            kind = "custom_tool_call_output" if call in custom else "function_call_output"
            return [{"type": kind, "call_id": short_id(call), "output": _input_content(content, ())}]
        case "function":
            return [{"role": "system", "content": f"{body.get('name')} returned: {plain_of(content)}"}]
        case role:
            said = _input_content(content, media)
            return [{"role": role, "content": said}] if said or content == "" else []


def _reply(body: dict[str, Any], media: Sequence[Media]) -> list[dict[str, Any]]:
    """Give what a reply said, in whichever form, and then the calls that it asked for."""
    text = text_of(body, tuple(media))
    if not text and isinstance(audio := body.get("audio"), dict) and (audio.get("id") or audio.get("data")):
        text = UNHEARD
    match body.get("function_call"):
        case {"name": str(name), "arguments": str(arguments)}:
            text = "\n".join(piece for piece in (text, f"[called {name}({arguments})]") if piece)
    silent = not text and body.get("content") != ""
    return [*([] if silent else [{"role": "assistant", "content": text}]), *map(_call, calls_of(body))]


def _call(call: Any) -> dict[str, Any]:
    kind, said = ("custom_tool_call", "input") if call.type == "custom" else ("function_call", "arguments")
    return {"type": kind, "call_id": short_id(call.id), "name": call.name, said: call.arguments}


def _input_content(content: Any, media: Sequence[Media]) -> Any:
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    pieces = {piece.part: piece for piece in media}
    return [_input_part(part, pieces.get(index)) for index, part in enumerate(content) if isinstance(part, dict)]


def _input_part(part: dict[str, Any], piece: Media | None) -> dict[str, Any]:
    match part:
        case {"type": "text", "text": str(text)} | {"type": "refusal", "refusal": str(text)}:
            return {"type": "input_text", "text": text}
        case {"type": "image_url", "image_url": {"url": url} as inner}:
            return {"type": "input_image", "image_url": url, "detail": inner.get("detail") or "auto"}
        case {"type": "file", "file": dict(inner)}:
            return {"type": "input_file", **inner}
    said = UNHEARD if piece is None or piece.transcript is None else piece.transcript
    return {"type": "input_text", "text": said}


def _audible(item: dict[str, Any], media: Sequence[Media]) -> dict[str, Any]:
    """Give an item with words in the place of recordings whose bytes were let go."""
    gone = {piece.part: piece for piece in media if piece.dropped is not None}
    if not gone or not isinstance(parts := item.get("content"), list):
        return item
    return {**item, "content": [_input_part({}, gone[n]) if n in gone else part for n, part in enumerate(parts)]}


# --- one item less ---------------------------------------------------------------------------------


def _shorter(message: Message, count: int, now: int) -> Draft | None:
    """Give what is left of a message without the last of its items; None for nothing."""
    body = message.raw
    if has_items(body):
        output = items_of(body)
        at = next(n for n in range(len(output) - 1, -1, -1) if _as_given(message, body, now) or in_words([output[n]]))
        rest = {key: value for key, value in body.items() if key not in ("id", "input")} | {"output": output[:at]}
        if "id" in body:  # it is not that Response any more, but an API knows its items still
            rest.setdefault("store", True)
        return _left(message, rest, at) if at else None
    if count == 1:
        return None
    calls = body["tool_calls"]
    at = next(n for n in range(len(calls) - 1, -1, -1) if calls_of({"tool_calls": [calls[n]]}))
    rest = {**body, "tool_calls": calls[:at]} if at else {key: value for key, value in body.items() if key != "tool_calls"}
    return _left(message, rest, len(message.media))


def _left(message: Message, body: dict[str, Any], parts: int) -> Draft:
    media = tuple(piece for piece in message.media if piece.part < parts)
    return Draft(
        role=message.role, body=encode(body), status=message.status, api=message.api, model=message.model, media=media,
        text=printable(text_of(as_chat(body), media), TEXT_COLUMN), audio_id=message.audio_id,
        audio_expires=message.audio_expires, audio_origin=message.audio_origin, pinned=message.pinned,
        metadata=message.labels, created=message.created,
    )  # fmt: skip
