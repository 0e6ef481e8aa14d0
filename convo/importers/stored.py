"""Chat completions that the API has stored (`store=True`): the messages of a request, and its answer. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.importers.foreign import ForeignConversation, ForeignMessage, Lost
from convo.importers.reading import known_by, moment, notes, text_of, without_nothing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME = "openai"
_OWN = ("id", "choices", "created", "object")


def conversation_of(completion: Mapping[str, Any], given: Sequence[Mapping[str, Any]]) -> ForeignConversation:
    """Give the conversation of a stored completion: the messages of its request, then the answer.

    `given` are what `client.chat.completions.messages.list(id)` has: content parts stand apart from the content there.
    """
    identifier = str(completion.get("id"))
    created, model = moment(completion.get("created")), text_of(completion.get("model"))
    lost: list[Lost] = []
    found: list[ForeignMessage] = []
    before: str | None = None
    for place, raw in enumerate([*given, *_answers(completion, lost)]):
        body = {key: value for key, value in raw.items() if key not in ("id", "content_parts") and value is not None}
        if isinstance(parts := raw.get("content_parts"), list) and parts:
            body["content"] = parts
        name = str(raw.get("id") or f"{identifier}-{'answer' if place == len(given) else place}")
        first = place == 0 and body.get("role") in ("system", "developer") and body.get("content")
        found.append(
            ForeignMessage(
                id=known_by(name),
                parent=before,
                content=[body],
                role=str(body.get("role")),
                kind="instructions" if first else "message",
                model=model if place >= len(given) else None,
                created=created,
                metadata=notes(NAME, name, {})[0],
            )
        )
        before = found[-1].id
    metadata, dropped = notes(NAME, identifier, without_nothing({k: v for k, v in completion.items() if k not in _OWN}))
    lost += [Lost("metadata", f"{name} is too large to be kept") for name in dropped]
    return ForeignConversation(
        known_by(identifier), found, before, created=created, metadata={"source": NAME, **metadata}, lost=lost
    )


def _answers(completion: Mapping[str, Any], lost: list[Lost]) -> list[Mapping[str, Any]]:
    """Give the answer; of several choices the first, for a conversation goes on with one."""
    choices = completion.get("choices")
    messages = [choice.get("message") for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []
    found: list[Mapping[str, Any]] = [{"role": "assistant", **message} for message in messages if isinstance(message, dict)]
    if len(found) > 1:
        lost.append(Lost("choices", f"the completion has {len(found)} choices; the first of them is carried"))
    return found[:1]
