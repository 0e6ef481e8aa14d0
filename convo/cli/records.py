"""Conversations, messages and sums as JSON for programs: nothing is shortened, and it is ASCII, safe on any terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

    import convo
    from convo.messages import Media
    from convo.store.totals import Totals


def written(record: object) -> str:
    """Give the JSON text of a record."""
    return json.dumps(record, indent=2)


def conversation(chat: convo.Conversation) -> dict[str, Any]:
    """Give what is known of a conversation beside its messages."""
    return {
        "id": str(chat.id),
        "owner": chat.owner,
        "key": chat.key,
        "title": chat.title,
        "metadata": chat.metadata,
        "created_at": chat.created_at.isoformat(),
        "head": chat.head,
        "instructions": chat.instructions,
    }


def hit(found: convo.Hit) -> dict[str, Any]:
    """Give a turn that was found."""
    return {
        **attrs.asdict(found),
        "conversation": str(found.conversation),
        "created_at": found.created_at.isoformat(),
    }


def transcript(chat: convo.Conversation, messages: Iterable[convo.Message], totals: Totals) -> dict[str, Any]:
    """Give a conversation with its messages, and what its calls used and cost."""
    return {**conversation(chat), "messages": [_message(message) for message in messages], "usage": _totals(totals)}


def finding(found: convo.Finding) -> dict[str, Any]:
    """Give a finding of the doctor; what does not apply is null."""
    return attrs.asdict(found, value_serializer=lambda _, __, value: str(value) if isinstance(value, UUID) else value)


def _message(message: convo.Message) -> dict[str, Any]:
    return {
        "position": message.position,
        "kind": message.kind,
        "role": message.role,
        "status": message.status,
        "model": message.model,
        "created_at": message.created_at.isoformat(),
        "pinned": message.pinned,
        "metadata": message.metadata,
        "text": message.text,
        "tool_calls": [attrs.asdict(call) for call in message.tool_calls],
        "media": [_media(piece, message) for piece in message.media],
        "raw": message.raw,
    }


def _media(piece: Media, message: convo.Message) -> dict[str, Any]:
    described = attrs.asdict(piece, filter=attrs.filters.exclude("data"))
    if piece.part >= 0:
        return described
    expires = message.audio.expires_at if message.audio else None
    return {**described, "id": message.audio_id, "expires_at": expires.isoformat() if expires else None}


def _totals(totals: Totals) -> dict[str, Any]:
    amount = totals.cost.amount
    known = f"{amount.normalize():f}" if amount is not None and totals.calls > totals.unpriced else None
    cost = {"amount": known, "currency": totals.cost.currency, "unpriced": totals.unpriced}
    guess = None if totals.estimated is None else {"input_tokens": totals.estimated, "billed": totals.estimated_of}
    return {"calls": totals.calls, "tokens": totals.usage.to_dict(), "cost": cost, "estimated": guess}
