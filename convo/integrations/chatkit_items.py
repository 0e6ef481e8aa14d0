"""Items of ChatKit as messages of the log, and messages of the log as items. Pure; it needs the extra `chatkit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    InferenceOptions,
    ThreadItem,
    UserMessageItem,
    UserMessageTextContent,
)
from pydantic import TypeAdapter

from convo.canonical import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from convo.messages import Message

KEY = "chatkit"
"""Where the body of a message has its item, and the metadata of a conversation what else there is to tell of its thread."""
OWN = "convo_"
"""What the id of an item begins with that is a message which came another way; its position follows."""
UNHEARD = "[recording without a transcript]"
"""What stands for speech whose words nobody has written down."""
_ITEM: TypeAdapter[ThreadItem] = TypeAdapter(ThreadItem)
_ROLES = {"user_message": "user", "hidden_context_item": "developer", "sdk_hidden_context": "developer"}
"""By type of an item, whose message it is; all others are the assistant's."""


def item_of(message: Message, thread_id: str) -> ThreadItem | None:
    """Give the item of a message; None for what is none, such as instructions, results of tools, and what was redacted."""
    if message.status == "redacted" or message.kind != "message":
        return None
    item = message.raw.get(KEY)
    if isinstance(item, dict):
        return _ITEM.validate_python(item)
    facts: dict[str, Any] = {"id": f"{OWN}{message.position}", "thread_id": thread_id, "created_at": message.created_at}
    text = message.text or (UNHEARD if message.audio is not None else "")
    if message.role == "user":
        return UserMessageItem(**facts, content=[UserMessageTextContent(text=text)], inference_options=InferenceOptions())
    if message.role == "assistant" and text:
        return AssistantMessageItem(**facts, content=[AssistantMessageContent(text=text)])
    return None


def body_of(item: ThreadItem) -> dict[str, Any]:
    """Give the message that holds an item."""
    role, text = _ROLES.get(item.type, "assistant"), _said(item)
    whole = _ITEM.dump_python(item, mode="json")
    return {"role": role, "content": text or ("" if role == "assistant" else f"[{item.type}]"), KEY: whole}


def _said(item: Any) -> str:
    """Give what an item says, "" where it shows something."""
    words = _WORDS.get(item.type)
    return "" if words is None else words(item)


def _asked(item: Any) -> str:
    quoted = [f"> {line}" for line in (item.quoted_text or "").splitlines()]
    files = [f"[{attachment.type} {attachment.name}]" for attachment in item.attachments]
    return "\n".join(piece for piece in (*quoted, "".join(part.text for part in item.content), *files) if piece)


def _replied(item: Any) -> str:
    return "\n".join(part.text for part in item.content)


def _called(item: Any) -> str:
    dumped = item.model_dump(mode="json", include={"arguments", "output"})
    output = f": {_json(dumped['output'])}" if item.status == "completed" else ""
    return f"[called {item.name}({_json(dumped['arguments'])}){output}]"


def _form(item: Any) -> str:
    return "\n".join(_question(question) for question in item.inputs)


def _question(question: Any) -> str:
    answer = question.answer
    return " ".join((question.question, *([", ".join(answer.values)] if answer is not None and answer.values else [])))


def _hidden(item: Any) -> str:
    content = item.model_dump(mode="json", include={"content"})["content"]
    return content if isinstance(content, str) else _json(content)


def _json(value: Any) -> str:
    return encode([value]).strip()[1:-1]


_WORDS: Mapping[str, Callable[[Any], str]] = {
    "user_message": _asked, "assistant_message": _replied, "client_tool_call": _called, "structured_input": _form,
    "hidden_context_item": _hidden, "sdk_hidden_context": _hidden, "widget": lambda item: item.copy_text or "",
}  # fmt: skip
"""By type of an item, what gives its words."""
