"""Attachments of `llm`: bytes in the database, a file that was named, or a URL."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from convo.audio.checks import check_long_enough
from convo.audio.value import Audio
from convo.errors import ConvoError
from convo.extract import MAX_MEDIA
from convo.importers.foreign import Beside, Lost
from convo.media import File, Image, image_type

if TYPE_CHECKING:
    from convo.importers.databases import ForeignDatabase

_PDF = "application/pdf"


@attrs.frozen
class Attached:
    """An attachment as a part of a user's message, and as bytes beside any other; None where it is not that."""

    part: object | None = None
    beside: Beside | None = None


class Attachments:
    """The attachments of a database."""

    def __init__(self, database: ForeignDatabase) -> None:
        self._database = database

    def get(self, identifier: object, lost: list[Lost]) -> Attached | None:
        """Give an attachment; what it lacks is noted, and None is given where nothing is left of it."""
        columns = ("id", "type", "path", "url", "content")
        rows = self._database.rows("attachments", columns, id=identifier) if self._database.has("attachments") else []
        if not rows:
            lost.append(Lost("missing_attachment", f"the attachment {identifier} is not in the database"))
            return None
        row = rows[0]
        kind = str(row["type"] or "application/octet-stream")
        if row["url"] and not row["content"] and not row["path"]:
            if kind.startswith("image/"):
                return Attached(part=Image(url=str(row["url"])))
            lost.append(Lost("attachment_url", f"the attachment {identifier} is {kind} at a URL, which is not fetched"))
            return Attached(part=f"[{kind}: {row['url']}]")
        data = _bytes(row)
        if not data or len(data) > MAX_MEDIA:
            lost.append(
                Lost("missing_attachment", f"the {kind} {identifier} is gone, was changed, or is larger than {MAX_MEDIA:,} bytes")
            )
            return Attached(part=f"[{kind}]")
        return _attached(kind, data, Path(str(row["path"] or "file")).name)


def _bytes(row: dict[str, Any]) -> bytes | None:
    """Give the bytes: a file counts only while it is what was sent, which the id of the attachment is the SHA-256 of."""
    if row["content"]:
        return bytes(row["content"])
    if not row["path"]:
        return None
    try:
        with Path(str(row["path"])).open("rb") as file:
            data = file.read(MAX_MEDIA + 1)
    except (OSError, ValueError):
        return None
    return data if hashlib.sha256(data).hexdigest() == row["id"] else None


def _attached(kind: str, data: bytes, name: str) -> Attached:
    try:
        image = image_type(data)
    except ConvoError:
        image = None
    if image:
        return Attached(Image(data=data), Beside("image", image, data))
    beside = Beside("file", kind, data)
    if kind == _PDF:
        return Attached(File(name=name, data=data), beside)
    if kind.startswith("audio/"):
        try:
            audio = Audio.from_bytes(data)
            check_long_enough(audio)
            return Attached(audio, beside)
        except ConvoError:
            return Attached(None, beside)
    return Attached(None, beside)
