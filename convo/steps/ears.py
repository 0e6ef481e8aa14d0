"""Steps that have one recording transcribed: the call, its row, and the transcript in the database."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import attrs

from convo.audio.formats import FORMATS
from convo.canonical import printable
from convo.errors import AnswerError, AudioDropped, BlobNotFound
from convo.intake import read_transcription
from convo.origin import Origin
from convo.steps import blobs
from convo.steps.effects import read, transcribe, write
from convo.store.totals import usage_columns
from convo.usage import price

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from convo.steps.effects import Steps
    from convo.steps.place import Tools
    from convo.store.transcripts import Recording

REFUSED = (400, 413, 415, 422)
"""HTTP statuses by which the API refuses one recording: too short, damaged, too large. Others may fare better."""


@attrs.frozen
class Ears:
    """How one recording after the other is transcribed, and where the calls are counted."""

    tools: Tools
    owner: str
    client: Any
    model: str
    arguments: Mapping[str, Any] = attrs.field(factory=dict)

    def ask(self, data: bytes, format_: str | None, conversation: UUID, branch: UUID) -> Steps[tuple[str, dict[str, Any]]]:
        """Have bytes transcribed; give the text, and the row of the call."""
        started = self.tools.now()
        told = yield from transcribe(self.client, {"file": _file(data, format_), "model": self.model, **self.arguments})
        text, usage, raw = read_transcription(told.answer)
        catalogue = self.tools.catalogue
        cost = price(usage, catalogue.lookup(self.model).prices, table=catalogue.table)
        return text, {
            "owner": self.owner, "id": self.tools.new_id(), "conversation": conversation, "branch": branch,
            "hash": sha256(data).digest(), "status": "done", "attempt": 1, "api": "transcriptions", "model": self.model,
            "origin": str(Origin.of(self.client)), "asked_first": 1, "asked_last": 0, "started_at": started,
            "finished_at": told.at, "request_id": printable(told.headers.get("x-request-id", ""), 200) or None, "raw": raw,
            **usage_columns(usage, cost),
        }  # fmt: skip


def _file(data: bytes, format_: str | None) -> tuple[str, bytes, str]:
    """Give a recording as the client takes a file: the API tells the format by the name."""
    known = FORMATS.get(format_ or "")
    return (f"recording{known.extension}", data, known.mime) if known else ("recording", data, "application/octet-stream")


def filled(ears: Ears, recording: Recording) -> Steps[str | None]:
    """Give a recording its transcript, wherever its owner holds the same bytes; None when others just did."""
    from convo.store import transcripts

    digest = recording.digest
    places, text = yield from read(transcripts.known, ears.owner, digest)
    if not places:
        return None
    call = None
    if text is None:
        data = yield from blobs.get(ears.tools, ears.owner, digest)
        text, call = yield from ears.ask(data, recording.format, recording.conversation, recording.branch)
    yield from write(transcripts.fill, ears.owner, digest, places, text, call)
    return text


def is_refusal(error: Exception) -> bool:
    """Whether it is this recording that cannot be transcribed."""
    return isinstance(error, AnswerError | AudioDropped | BlobNotFound) or getattr(error, "status_code", None) in REFUSED
