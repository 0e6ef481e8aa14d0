"""Bodies of messages: as they were written, and the columns that are derived from them as they would be today."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import sqlalchemy as sa

from convo.canonical import decode, digest
from convo.errors import SealBroken
from convo.findings import Finding
from convo.messages import Media, text_of
from convo.sealing.form import is_sealed_text
from convo.store import tables
from convo.store.doctor.page import Scope, execute, following, last_key, rows
from convo.store.redaction import REDACTED
from convo.store.sealed import keyring_of
from convo.summary import column_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.sealing.keyring import Plain
    from convo.store.doctor.page import After, Found

_M, _A, _B = tables.message.c, tables.attachment.c, tables.branch.c
_KEYS = (_M.owner, _M.branch, _M.position)
_REFERENCE = '{"$blob":"'
"""How a body refers to bytes. Within a text the quotes would be escaped."""


class _Row(NamedTuple):
    owner: str
    branch: UUID
    position: int
    body: Any
    hash: bytes
    text: Any
    pieces: int
    kind: str
    conversation: UUID | None


def bodies(connection: Connection, scope: Scope, after: After) -> Found:
    """Find bodies that do not match their hashes, and derived columns that do not match their bodies."""
    page = following(_select(connection).where(scope.of(tables.message)), _KEYS, after)
    found = [_Row(*row) for row in rows(connection, page)]
    findings = _findings(connection, scope, found)
    if findings:
        findings = _still(connection, scope, findings)
    return findings, last_key(found, len(_KEYS))


def _still(connection: Connection, scope: Scope, findings: Sequence[Finding]) -> list[Finding]:
    """Look again: the media come by a statement of their own, and a transcript may have come between the two."""
    again = [_Row(*row) for finding in findings for row in rows(connection, _select(connection).where(*_of(finding)))]
    found = _findings(connection, scope, again)
    return [finding for finding in findings if finding.position is None or finding in found]


def _select(connection: Connection) -> sa.Select[Any]:
    """SQLite gives texts as bytes: one that is damaged may be no text at all, and must not end the reading."""
    plain = connection.dialect.name != "sqlite"
    body, text = (column if plain else sa.cast(column, sa.LargeBinary) for column in (_M.body, _M.text))
    joined = tables.message.outerjoin(tables.branch, (_B.owner == _M.owner) & (_B.id == _M.branch))
    return sa.select(*_KEYS, body, _M.hash, text, _M.pieces, _M.kind, _B.conversation).select_from(joined)


def _findings(connection: Connection, scope: Scope, found: Sequence[_Row]) -> list[Finding]:
    media = _media(connection, scope, found)
    keyring = keyring_of(connection)
    checked = (_finding(keyring, row, media.get((row.owner, row.branch, row.position), ())) for row in found)
    return [finding for finding in checked if finding is not None]


def _media(connection: Connection, scope: Scope, found: Sequence[_Row]) -> dict[tuple[Any, ...], tuple[Media, ...]]:
    """Give what is known of the media of messages, as far as their texts need it."""
    if not found:
        return {}
    said = sa.cast(_A.transcript, sa.LargeBinary) if connection.dialect.name == "sqlite" else _A.transcript
    keys = (_A.owner, _A.branch, _A.position)
    first, last = (
        tuple(sa.literal(value, key.type) for value, key in zip(row[:3], keys, strict=True)) for row in (found[0], found[-1])
    )
    between = (sa.tuple_(*keys) >= sa.tuple_(*first), sa.tuple_(*keys) <= sa.tuple_(*last))
    known: dict[tuple[Any, ...], tuple[Media, ...]] = {}
    for owner, branch, position, part, digest_, transcript in rows(
        connection, sa.select(*keys, _A.part, _A.digest, said).where(scope.of(tables.attachment), *between)
    ):
        piece = Media(part, "audio", None, digest_, 0, transcript=transcript if transcript is None else _read(transcript))
        known[owner, branch, position] = (*known.get((owner, branch, position), ()), piece)
    return known


def _read(value: Any) -> str:
    return value if isinstance(value, str) else bytes(value).decode("utf-8", "replace")


def _finding(keyring: Plain, row: _Row, media: tuple[Media, ...]) -> Finding | None:
    stored = _read(row.body)
    if keyring.cannot_open(row.owner, stored):
        message = "messages are encrypted, and were not examined: this doctor has not the key; pass cipher="
        return Finding("key_unavailable", "warning", message, owner=row.owner)
    body = _opened(keyring, row, stored)
    if body is None or not body.isascii() or bytes(row.hash) not in keyring.digests(row.owner, digest(body)):
        return _at(row, "body_changed", "error", "the message is not as it was written: its body does not match its hash; "
                   "restore it from a backup")  # fmt: skip
    if body.count(_REFERENCE) > len(media):
        return _at(
            row, "attachment_missing", "error", "the message refers to bytes of which nothing is known; restore from a backup"
        )
    if row.pieces != len(media) or _read(row.text) not in _texts(stored, body, media, row.kind):
        return _at(row, "derived_wrong", "warning", "what is derived of the message, to search and to count, does not match it; "
                   "a repair derives it again", repairable=True)  # fmt: skip
    return None


def _opened(keyring: Plain, row: _Row, stored: str) -> str | None:
    """Give a body as it was written, None where it is not what was sealed for its place."""
    try:
        return keyring.open_text("convo_message.body", row.owner, (row.branch, row.position), stored)
    except SealBroken:
        return None


def _texts(stored: str, body: str, media: tuple[Media, ...], kind: str) -> tuple[str, ...]:
    """Give what may stand as the text of a message: nothing that was said where any of it is encrypted."""
    if is_sealed_text(stored) or any(is_sealed_text(piece.transcript or "") for piece in media):
        return "", REDACTED
    return (_text(body, media, kind),)


def _text(body: str, media: tuple[Media, ...], kind: str) -> str:
    return column_text(text_of(decode(body), media), kind)


def _derived(keyring: Plain, row: _Row, media: tuple[Media, ...]) -> str:
    stored = _read(row.body)
    return _texts(stored, _opened(keyring, row, stored) or "", media, row.kind)[0]


def _at(row: _Row, kind: str, severity: Any, message: str, **more: Any) -> Finding:
    where: dict[str, Any] = {"owner": row.owner, "conversation": row.conversation, "branch": row.branch, "position": row.position}
    return Finding(kind, severity, message, **where, **more)


def _of(finding: Finding) -> tuple[sa.ColumnElement[bool], ...]:
    return (_M.owner == finding.owner, _M.branch == finding.branch, _M.position == finding.position)


def derive(connection: Connection, finding: Finding, now: int) -> None:
    """Derive the text of a message and the number of its media again."""
    scope = Scope(finding.owner, now)
    execute(connection, sa.update(tables.message).where(*_of(finding)).values(pieces=_M.pieces))
    found = [_Row(*row) for row in rows(connection, _select(connection).where(*_of(finding)))]
    media = _media(connection, scope, found)
    for row in found:
        known = media.get((row.owner, row.branch, row.position), ())
        again = _finding(keyring_of(connection), row, known)
        if again is not None and attrs.evolve(again, conversation=finding.conversation) == finding:
            values = {"pieces": len(known), "text": _derived(keyring_of(connection), row, known)}
            execute(connection, sa.update(tables.message).where(*_of(finding)).values(values))
