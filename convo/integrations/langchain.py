"""LangChain's chat message history, kept by convo.

Where `SQLChatMessageHistory(session_id, connection="sqlite:///chat.db")` stood, stands
`ConvoChatMessageHistory(session_id, store)`; nothing else changes:

```python
import convo
from convo.integrations.langchain import ConvoChatMessageHistory
from langchain_core.runnables.history import RunnableWithMessageHistory

store = convo.Store("sqlite:///chat.db")  # one for the process; or convo.AsyncStore, for ainvoke() and astream()
chain = RunnableWithMessageHistory(model, lambda session_id: ConvoChatMessageHistory(session_id, store))
answer = chain.invoke("Is a poodle clever?", config={"configurable": {"session_id": "call-42"}})

chat = store.get(key="call-42")  # the same conversation: search, tables, documents, chat.send(...)
print(chat.transcript())
```

A message comes back as it was given: content blocks, calls, ids, names, `additional_kwargs`, `response_metadata` and usage. In
the log it is a message of Chat Completions, and what only LangChain knows stands in its metadata under `langchain`. Messages
that convo stored itself are given as LangChain's: a spoken reply as its transcript, a recording as its transcript or, without one
(or with `sound=True`), as an audio block. The id of a spoken reply is never given to be sent again once it has expired: its
transcript stands there then. What LangChain adds afterwards leaves the references of convo's own replies as they are, and a
message of convo's that is put back as it was, after `clear()`, is stored with its audio again.

Base64 of 4,096 characters or more is stored as bytes, once. Each message must be JSON, as LangChain's own histories want it.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import attrs

from convo.async_api.store import AsyncStore
from convo.carried import BESIDE, carried, piece_of, said
from convo.checks import check_type
from convo.content import ROLES, is_name
from convo.errors import ConflictingArguments, InputError, InvalidContent, MissingDependency, ReadOnlyView
from convo.forms import as_chat
from convo.media import File, Image
from convo.messages import REPLY
from convo.policy import MARGIN
from convo.protocol import check_key
from convo.steps import carrying
from convo.sync_api.store import Store
from convo.times import to_micros

try:
    from langchain_core.chat_history import BaseChatMessageHistory
    from langchain_core.messages import (
        AIMessage,
        BaseMessage,
        ChatMessage,
        FunctionMessage,
        HumanMessage,
        SystemMessage,
        ToolMessage,
        message_to_dict,
        messages_from_dict,
    )
    from langchain_core.runnables.config import run_in_executor
except ImportError as error:
    raise MissingDependency("langchain-core", "langchain", "convo.integrations.langchain") from error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from convo.carried import Group
    from convo.messages import Draft, Media, Message
    from convo.steps.carrying import Carrying
    from convo.steps.effects import Steps
    from convo.steps.place import Tools

T = TypeVar("T")
NAME = "langchain"
_ROLE = "__openai_role__"
"""The key of `additional_kwargs` by which LangChain tells a developer's message from a system's."""
_KINDS = {"wav": "audio/wav", "mp3": "audio/mpeg", "m4a": "audio/mp4"}
_MIMES = {"image": "image/png", "audio": "audio/wav", "file": "application/pdf"}
"""What a block holds that does not say it."""
_MARGIN = MARGIN.total_seconds()
_PLACED = re.compile(r"convo:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):([1-9][0-9]{0,17})")
"""The id under which a message of convo's own is given: the branch that holds its row, and its position."""


class ConvoChatMessageHistory(BaseChatMessageHistory):
    """The messages of one conversation, the one that has `session_id` as its key or as its id; made when it is first added to.

    With a `convo.Store` its methods work in either way, with an `AsyncStore` those that are awaited; the others raise
    `ConflictingArguments`. It belongs to the store's owner: `ConvoChatMessageHistory(session_id, store.owned_by("c-42"))`.
    """

    def __init__(self, session_id: str, store: Store | AsyncStore, *, sound: bool = False) -> None:
        check_type(store, (Store, AsyncStore), "store", "a convo.Store or convo.AsyncStore")
        check_type(session_id, str, "session_id", "text")
        check_key(session_id)
        self.session_id = session_id
        self._sound = sound
        self._store = store
        self._owner = _owner_of(store)

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override] # an attribute in the base, a property in all that store
        """The messages, in their order; [] where the conversation is not there yet."""
        return self._given(self._do(self._read()))

    async def aget_messages(self) -> list[BaseMessage]:
        """Give the messages, as `messages` does."""
        if isinstance(self._store, Store):
            return await run_in_executor(None, lambda: self.messages)
        return self._given(await self._store._driver.do(self._read()))  # noqa: SLF001 - as in `_do`

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Put messages at the end, all or none. Raises `InvalidContent` for what is no JSON or no message, and `TooLarge`."""
        self._do(self._add(messages))

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Put messages at the end, as `add_messages` does."""
        if isinstance(self._store, Store):
            await run_in_executor(None, self.add_messages, messages)
        else:
            await self._store._driver.do(self._add(messages))  # noqa: SLF001 - as in `_do`

    def clear(self) -> None:
        """Begin with an empty line. What was said stays on the branch that is left (`chat.branches()`), or `store.delete` it."""
        self._do(self._clear())

    async def aclear(self) -> None:
        """Begin with an empty line, as `clear` does."""
        if isinstance(self._store, Store):
            await run_in_executor(None, self.clear)
        else:
            await self._store._driver.do(self._clear())  # noqa: SLF001 - as in `_do`

    def _do(self, steps: Steps[T]) -> T:
        if isinstance(self._store, Store):
            return self._store._driver.do(steps)  # noqa: SLF001 - an adapter is an edge of its own: steps run as its store runs them
        steps.close()
        reason = (
            "this history is kept by an AsyncStore, whose methods are awaited: use aget_messages(), aadd_messages(), aclear()"
        )
        raise ConflictingArguments(reason)

    @property
    def _tools(self) -> Tools:
        return self._store._driver.tools  # noqa: SLF001 - as in `_do`

    def _read(self) -> Steps[Carrying | None]:
        there = yield from carrying.found(self._tools, self._owner, self.session_id)
        if there is None:
            return None
        return (yield from carrying.read_groups(self._tools, self._owner, there.branch, NAME, self._wanted))

    def _add(self, messages: Sequence[BaseMessage]) -> Steps[None]:
        made = [drafts_of(message) for message in messages]
        drafts: list[Draft] = []
        for message, new in zip(messages, made, strict=True):
            placed = _PLACED.fullmatch(message.id or "")
            original = (yield from self._original(message, UUID(placed[1]), int(placed[2]))) if placed else None
            drafts += new if original is None else (original,)
        if drafts:
            yield from carrying.add(self._tools, self._owner, self.session_id, drafts)

    def _original(self, message: BaseMessage, branch: UUID, position: int) -> Steps[Draft | None]:
        """Give a message of convo's that is put back, with its audio; None for one that was changed, or is of elsewhere."""
        line = yield from carrying.read_left(
            self._tools, self._owner, self.session_id, branch, NAME, self._wanted, until=position
        )
        if line is None or line.groups[-1].first.position != position or self._given(line)[-1] != message:
            return None
        return carrying.again(line.groups[-1].first)

    def _clear(self) -> Steps[None]:
        return (yield from carrying.empty(self._tools, self._owner, self.session_id))

    def _wanted(self, group: Group) -> Iterator[str]:
        for piece in group.first.media if group.facts is None else ():
            if _is_given(piece) and (piece.kind != "audio" or self._sound or piece.transcript is None):
                yield piece.digest

    def _given(self, line: Carrying | None) -> list[BaseMessage]:
        if line is None:
            return []
        pairs = zip(line.groups, line.sources, strict=True)
        return [_message(group, f"convo:{source}:{group.first.position}", line, sound=self._sound) for group, source in pairs]


def _owner_of(store: Store | AsyncStore) -> str:
    owner = store._owner  # noqa: SLF001 - as in `_do`
    if owner is None:
        raise ReadOnlyView
    return owner


# --- to the log ------------------------------------------------------------------------------------


def drafts_of(message: BaseMessage) -> tuple[Draft, ...]:
    """Give what LangChain's message is in the log. Raises `InvalidContent` for what is no JSON, or no message to keep."""
    check_type(message, BaseMessage, "messages", "messages of LangChain")
    try:
        own = {**message_to_dict(message), "data": message.model_dump(mode="json")}
        messages_from_dict([own])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        reason = f"a {type(message).__name__} cannot be stored and read again ({type(error).__name__})"
        raise InvalidContent(reason, "pass LangChain's own messages, with metadata and artifacts that are JSON") from error
    if message.type == "remove":
        raise InvalidContent("a RemoveMessage is no message to keep", "use clear(), or chat.edit() and chat.redact() of convo")
    return carried(NAME, own, [_draft(message)])


def _draft(message: BaseMessage) -> Draft:
    match message:
        case AIMessage():
            return _reply(message)
        case ToolMessage():
            return said("tool", [{"role": "tool", "tool_call_id": message.tool_call_id, "content": str(message.text)}])
        case FunctionMessage():
            return said("function", [{"role": "function", "name": message.name, "content": str(message.text)}])
        case SystemMessage():
            role = "developer" if message.additional_kwargs.get(_ROLE) == "developer" else "system"
            return said(role, [str(message.text)])
        case ChatMessage() if message.role in ROLES and message.role not in ("tool", "function"):
            return said(message.role, [str(message.text)])
    return said("user", [*_items(message)], name=message.name if is_name(message.name) else None)


def _reply(message: AIMessage) -> Draft:
    body: dict[str, Any] = {"role": "assistant", "content": str(message.text) or None}
    if calls := [_call(call) for call in (*message.tool_calls, *message.invalid_tool_calls) if call["id"] and call["name"]]:
        body["tool_calls"] = calls
    if isinstance(refusal := message.additional_kwargs.get("refusal"), str):
        body["refusal"] = refusal
    if is_name(message.name):
        body["name"] = message.name
    named = message.response_metadata.get("model_name")
    model = named if isinstance(named, str) else None
    audio = message.additional_kwargs.get("audio")
    if isinstance(audio, dict):
        spoken = {key: audio[key] for key in ("id", "expires_at", "transcript", "data") if audio.get(key) is not None}
        try:
            return attrs.evolve(said("assistant", [{**body, "audio": spoken}]), model=model)
        except InputError:
            body["audio"] = {key: value for key, value in spoken.items() if key != "data"}
    return attrs.evolve(said("assistant", [body]), model=model)


def _call(call: Any) -> dict[str, Any]:
    arguments = call["args"]
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
    return {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": text}}


def _items(message: BaseMessage) -> Iterator[object]:
    """Give what a message says as content of convo; what no API takes of a user is kept beside it."""
    try:
        blocks: Sequence[Any] = message.content_blocks
    except (ValueError, TypeError, KeyError, AssertionError):  # blocks of a provider, half of them
        blocks = [{"type": "text", "text": str(message.text)}]
    for block in blocks:
        item = _item(block)
        if item is not None:
            yield item


def _item(block: Any) -> object:
    match block:
        case {"type": "text" | "text-plain", "text": str(text)}:
            return text or None
        case {"type": "image" | "audio" | "file" as kind, "base64": str(data)}:
            mime = block.get("mime_type")
            try:
                return piece_of(b64decode(data, validate=True), mime if isinstance(mime, str) else _MIMES[str(kind)])
            except ValueError:
                return None
        case {"type": "image", "url": str(url)} if url[:5].lower() != "data:":
            return Image(url=url)
        case {"type": "file" | "image", "file_id": str(id)}:
            return File(id=id)
    return None


# --- from the log ----------------------------------------------------------------------------------


def _message(group: Group, id_: str, line: Carrying, *, sound: bool) -> BaseMessage:
    own = group.own(line.data)
    if own is not None:
        try:
            (message,) = messages_from_dict([own])
        except (ValueError, TypeError, KeyError):  # of another version of LangChain: as what was said then
            pass
        else:
            return _still_valid(message, line.now)
    return _of_convo(group.first, id_, line.data, sound=sound)


def _still_valid(message: BaseMessage, now: int) -> BaseMessage:
    """Give a message whose audio may be sent again by its id; where the id has expired, or soon will, its words instead."""
    audio = message.additional_kwargs.get("audio")
    if not isinstance(message, AIMessage) or not isinstance(audio, dict):
        return message
    expires = audio.get("expires_at")
    if isinstance(expires, int | float) and expires > now / 1_000_000 + _MARGIN:
        return message
    kept = {key: value for key, value in message.additional_kwargs.items() if key != "audio"}
    words = message.content or audio.get("transcript") or ""
    told = {**message.response_metadata, "audio": audio}
    return message.model_copy(update={"additional_kwargs": kept, "content": words, "response_metadata": told})


def _of_convo(message: Message, id_: str, data: Mapping[str, bytes], *, sound: bool) -> BaseMessage:
    """Give a message that convo itself has stored."""
    body = as_chat(message.raw)
    match message.role:
        case "assistant":
            return _spoken_or_written(message, id_)
        case "tool":
            return ToolMessage(message.text, tool_call_id=message.tool_call_id or "", id=id_)
        case "function":
            return FunctionMessage(content=message.text, name=str(body.get("name")), id=id_)
        case "system":
            return SystemMessage(message.text, id=id_)
        case "developer":
            return SystemMessage(message.text, id=id_, additional_kwargs={_ROLE: "developer"})
    name = body.get("name")
    return HumanMessage(_content(message, body, data, sound=sound), name=name if isinstance(name, str) else None, id=id_)


def _spoken_or_written(message: Message, id_: str) -> AIMessage:
    told: dict[str, Any] = {"model_name": message.model} if message.model else {}
    if (audio := message.audio) is not None and audio.id is not None:
        expires = None if audio.expires_at is None else to_micros(audio.expires_at, "expires_at") // 1_000_000
        told["audio"] = {"id": audio.id, "expires_at": expires}
    calls, broken = [], []
    for call in message.tool_calls:
        try:
            arguments = json.loads(call.arguments or "{}")
        except ValueError:
            arguments = None
        if isinstance(arguments, dict):
            calls.append({"type": "tool_call", "name": call.name, "args": arguments, "id": call.id})
        else:
            broken.append({"type": "invalid_tool_call", "name": call.name, "args": call.arguments, "id": call.id, "error": None})
    return AIMessage(message.text, id=id_, tool_calls=calls, invalid_tool_calls=broken, response_metadata=told)


def _content(message: Message, body: Mapping[str, Any], data: Mapping[str, bytes], *, sound: bool) -> Any:
    content = body.get("content")
    if not isinstance(content, list):
        return content or ""
    pieces = {piece.part: piece for piece in message.media}
    blocks = [
        block for index, part in enumerate(content) if (block := _block(part, pieces.get(index), data, sound=sound)) is not None
    ]
    if all(block["type"] == "text" for block in blocks):
        return "\n".join(block["text"] for block in blocks)
    return blocks


def _block(part: Any, piece: Media | None, data: Mapping[str, bytes], *, sound: bool) -> dict[str, Any] | None:
    if piece is not None:
        if piece.kind == "audio" and piece.transcript is not None and not (sound and piece.digest in data):
            return {"type": "text", "text": piece.transcript}
        return _with_bytes(piece, data[piece.digest]) if piece.digest in data else None
    match part:
        case {"type": "text", "text": str(text)}:
            return {"type": "text", "text": text}
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            return {"type": "image", "url": url}
        case {"type": "file", "file": {"file_id": str(id)}}:
            return {"type": "file", "file_id": id}
    return None


def _with_bytes(piece: Media, data: bytes) -> dict[str, Any]:
    mime = _KINDS.get(piece.format or "", f"audio/{piece.format}") if piece.kind == "audio" else piece.format
    return {"type": piece.kind, "base64": b64encode(data).decode("ascii"), "mime_type": mime}


def _is_given(piece: Media) -> bool:
    """Say whether bytes are part of what a user sent, and still kept."""
    return REPLY < piece.part < BESIDE and piece.made_by is None and piece.dropped is None
