"""Redaction: a message keeps its place in the log and loses what it said, everywhere that it was kept.

Its position, role, kind, time, and the call that it answers stay. What it said or asked for, its bytes, transcripts,
the id of its audio, its name, metadata and notes are gone, on every line that shares it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

from convo.canonical import decode, digest, encode
from convo.errors import MessageNotFound
from convo.forms import is_response
from convo.messages import COVERS
from convo.store import blobs, branches, checkpoints, conversations, holds, log, summaries, tables
from convo.store.rewriting import delete_of_message
from convo.store.statements import Statement, micros
from convo.store.turns import take_turns
from convo.store.wiping import wiping

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.messages import Message
    from convo.store.blobs import Held
    from convo.store.conversations import Found

_M, _A, _X = tables.message.c, tables.attachment.c, tables.exchange.c
REDACTED = "[redacted]"
"""What stands in the body of a message for what it said."""
_KEPT_OF_ANSWERS = ("id", "object", "created", "created_at", "status", "model", "usage", "service_tier", "system_fingerprint")
"""Of the record of an answer: facts about it, nothing that it said."""
_KEPT_OF_CHOICES = ("index", "finish_reason")


def _update() -> sa.Update:
    gone = ("audio_id", "audio_expires_at", "audio_origin", "text_tokens", "audio_tokens", "metadata")
    values: dict[str, Any] = {name: sa.null() for name in gone}
    values |= {"body": sa.bindparam("body", type_=sa.Text), "hash": sa.bindparam("hash", type_=_M.hash.type)}
    values |= {
        "text": sa.literal_column(f"'{REDACTED}'"),
        "pieces": sa.literal_column("0"),
        "status": sa.literal_column("'redacted'"),
    }
    keys = ("owner", "branch", "position")
    return (
        sa.update(tables.message)
        .where(*(_M[name] == sa.bindparam(f"key_{name}") for name in keys))
        .values(values)
        .returning(_M.exchange)
    )


_redact = Statement("take what it said out of a message", _update)
_removals = [delete_of_message(table) for table in (tables.search, tables.annotation, tables.attachment)]
_digests = Statement(
    "the bytes of a message",
    lambda: sa.select(_A.digest).where(*(_A[name] == sa.bindparam(name) for name in ("owner", "branch", "position"))).distinct(),
)


def _select_answers() -> sa.Select[Any]:
    own = sa.select(_X.branch, _X.asked_first, _X.asked_last)
    own_row = own.where(_X.owner == sa.bindparam("owner"), _X.id == sa.bindparam("exchange")).subquery()
    other = tables.exchange.alias("other")
    same = (
        (other.c.branch == own_row.c.branch)
        & (other.c.asked_first == own_row.c.asked_first)
        & (other.c.asked_last == own_row.c.asked_last)
        & (other.c.status == sa.literal_column("'late'"))
    )
    return (
        sa.select(other.c.id, other.c.raw, micros(other.c.finished_at))
        .select_from(other)
        .join(own_row, sa.true())
        .where(other.c.owner == sa.bindparam("owner"), other.c.raw.is_not(None))
        .where(same | (other.c.id == sa.bindparam("exchange")))
    )


_answers = Statement("the records of an answer, those of its late attempts among them", _select_answers)
_set_raw = Statement(
    "change the record of an answer",
    lambda: (
        sa.update(tables.exchange)
        .where(_X.owner == sa.bindparam("key_owner"), _X.id == sa.bindparam("key_id"))
        .values(raw=sa.bindparam("raw", type_=sa.Text))
    ),
)


def redact(connection: Connection, owner: str, conversation: UUID, position: int, now: int) -> tuple[Found, list[Held]]:
    """Redact a message of the line that is shown; one that is redacted stays as it is.

    Gives the conversation, and the bytes that are gone.

    So are the summaries that were made of it. Bytes that nothing of the owner refers to any more are deleted (see
    `blobs.drop_unused` for those that stay a while).
    Raises `ConversationNotFound`, `MessageNotFound` and `OnHold`.
    """
    take_turns(connection, owner)
    shown = branches.lock(connection, owner, conversation)
    source = log.source_of(connection, owner, shown.id, position)
    message = None if source is None else log.one(connection, owner, shown.id, position)
    if source is None or message is None:
        raise MessageNotFound(position)
    gone: list[Held] = []
    if message.status != "redacted":
        holds.check_row(connection, owner, source, position)
        with wiping(connection):
            gone = take_out(connection, owner, source, message, now)
    return conversations.get(connection, owner, id_=conversation), gone


def take_out(connection: Connection, owner: str, source: UUID, message: Message, now: int) -> list[Held]:
    """Redact the message of a branch, and the summaries that were made of it; give the bytes that are gone."""
    gone = _redacted(connection, owner, source, message, now)
    for branch, summary in summaries.covering(connection, owner, source, message.position):
        gone += _redacted(connection, owner, branch, summary, now)
    return gone


def _redacted(connection: Connection, owner: str, source: UUID, message: Message, now: int) -> list[Held]:
    body = _body(message)
    row = _redact.one(connection, key_owner=owner, key_branch=source, key_position=message.position, body=body, hash=digest(body))
    where = {"owner": owner, "branch": source, "position": message.position}
    uses = {found: message.created for (found,) in _digests.rows(connection, **where)}
    for statement in _removals:
        statement(connection, **where)
    if message.role == "assistant" and row is not None and row[0] is not None:
        uses = {**_forget_answer(connection, owner, row[0]), **uses}
    return blobs.drop_unused(connection, owner, uses, now)


def redacted(message: Message) -> Message:
    """Give what becomes of a message: its place, its time, and the call that it answers."""
    return attrs.evolve(
        message, facts=message.facts._replace(status="redacted", pieces=0), body=_body(message), audio_id=None,
        audio_expires=None, audio_origin=None, text_tokens=None, audio_tokens=None, labels=None, media=(),
    )  # fmt: skip


def _body(message: Message) -> str:
    body: dict[str, Any] = {"role": message.role, "content": REDACTED}
    if message.covers:
        body[COVERS] = message.covers
    if message.tool_call_id is not None:
        body["tool_call_id"] = message.tool_call_id
    if message.role == "function":
        body["name"] = "redacted"
    return encode(body)


def _forget_answer(connection: Connection, owner: str, exchange: UUID) -> dict[str, int]:
    """Take what was said out of the records of an answer; give the bytes that they refer to, and when they came."""
    checkpoints.clear(connection, owner, exchange)
    found: dict[str, int] = {}
    for identifier, raw, ended in _answers.rows(connection, owner=owner, exchange=exchange):
        found |= dict.fromkeys(blobs.referred(raw), ended or 0)
        _set_raw(connection, key_owner=owner, key_id=identifier, raw=encode(facts_of(decode(raw))))
    return found


def facts_of(answer: Any) -> dict[str, Any]:
    """Give of the record of an answer what says nothing of what it said."""
    if not isinstance(answer, dict):
        return {}
    choices = answer.get("choices")
    kept = {key: value for key, value in answer.items() if key in _KEPT_OF_ANSWERS}
    if is_response(answer):
        return {**kept, "output": None}
    found = [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []
    return {**kept, "choices": [{key: choice.get(key) for key in _KEPT_OF_CHOICES} for choice in found]}
