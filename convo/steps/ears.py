"""Steps that have one recording turned into text: the calls, their rows, and the text in the database.

A recording that is too large or too long for one call is cut at quiet places. Its pieces are heard one after the other, and
each is told how the text before it ends: the API recommends that for the pieces of one recording, as it is heard better so.
"""

from __future__ import annotations

import logging
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import attrs

from convo.audio.hearing import file_of, files_of, fits
from convo.canonical import printable
from convo.errors import AnswerError, AudioDropped, BadAudio, BlobNotFound, ConvoError, TooLarge
from convo.intake import read_transcription
from convo.logs import Swallowed
from convo.origin import Origin
from convo.steps import blobs
from convo.steps.effects import Hearing, call, hear, read, write
from convo.steps.watched import called
from convo.store import exchanges
from convo.store.totals import usage_columns
from convo.usage import price

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from convo.audio.hearing import File
    from convo.steps.effects import Steps
    from convo.steps.place import Tools
    from convo.store.transcripts import Recording, Text

LOGGER = logging.getLogger("convo.exchange")
REFUSED = (400, 413, 415, 422)
"""HTTP statuses by which the API refuses one recording: too short, damaged, too large. Others may fare better."""


LEAD = 500
"""Characters at the end of a text that are told to whom hears the next piece. The oldest model reads 224 tokens of it."""
_UNPROMPTED = "gpt-4o-transcribe-diarize"
"""The family of the model that takes no prompt, as the SDK says."""
TEXTS: Mapping[Hearing, Text] = {"transcriptions": "transcript", "translations": "translation"}
"""What each endpoint gives of a recording."""


@attrs.frozen
class Ears:
    """How one recording after the other is turned into text, and where the calls are counted."""

    tools: Tools
    owner: str
    client: Any
    model: str
    arguments: Mapping[str, Any] = attrs.field(factory=dict)
    api: Hearing = "transcriptions"

    @property
    def text(self) -> Text:
        """Which text of a recording they give."""
        return TEXTS[self.api]

    def ask(
        self, data: bytes, format_: str | None, duration: float | None, conversation: UUID, branch: UUID
    ) -> Steps[tuple[str, list[dict[str, Any]]]]:
        """Have bytes heard; give the text, and the rows of the calls, which are kept when one of them fails."""
        longest = self.tools.catalogue.lookup(self.model).max_seconds
        if fits(len(data), format_, duration, longest):
            files = [file_of(data, format_)]
        else:
            files = yield from call(files_of, (data, format_, duration, longest), {})
        texts: list[str] = []
        calls: list[dict[str, Any]] = []
        try:
            for file in files:
                steps = self._heard(file, texts)
                text, row = yield from called(self.tools, self.api, self.model, self.client, conversation, steps)
                texts.append(text)
                calls.append({**row, "conversation": conversation, "branch": branch})
        except GeneratorExit:
            raise
        except BaseException:
            if calls:
                with Swallowed(LOGGER, "calls that were billed could not be stored", ConvoError, api=self.api, calls=len(calls)):
                    yield from write(exchanges.keep_calls, calls)
            raise
        return _joined(texts), calls

    def _heard(self, file: File, before: Sequence[str]) -> Steps[tuple[str, dict[str, Any]]]:
        """Have one file heard, which follows these texts; give its text and the row of the call."""
        started = self.tools.now()
        catalogue = self.tools.catalogue
        model = catalogue.lookup(self.model)
        lead = _end_of(_joined(before)) if model.family != _UNPROMPTED else ""
        told = yield from hear(
            self.client, self.api,
            {"file": file, "model": self.model, **({"prompt": lead} if lead else {}), **self.arguments},
        )  # fmt: skip
        text, usage, raw = read_transcription(told.answer)
        cost = price(usage, model.prices, table=catalogue.table)
        return text, {
            "owner": self.owner, "id": self.tools.new_id(), "hash": sha256(file[1]).digest(), "status": "done", "attempt": 1,
            "api": self.api, "model": self.model, "origin": str(Origin.of(self.client)), "asked_first": 1, "asked_last": 0,
            "started_at": started, "finished_at": told.at,
            "request_id": printable(told.headers.get("x-request-id", ""), 200) or None, "raw": raw,
            **usage_columns(usage, cost),
        }  # fmt: skip


def _joined(texts: Sequence[str]) -> str:
    """Give the texts of the pieces of one recording as one; that of a whole recording as it is."""
    return texts[0] if len(texts) == 1 else " ".join(said for text in texts if (said := text.strip()))


def _end_of(text: str) -> str:
    """Give the last words of a text, none of them cut."""
    end = text.strip()
    if len(end) <= LEAD:
        return end
    words = end[-LEAD:].split(maxsplit=1)
    return words[-1] if words else ""


def filled(ears: Ears, recording: Recording) -> Steps[str | None]:
    """Give a recording its text, wherever its owner holds the same bytes; None when others just did."""
    from convo.store import transcripts

    digest = recording.digest
    places, text = yield from read(transcripts.known, ears.owner, digest, ears.text)
    if not places:
        return None
    calls: list[dict[str, Any]] = []
    if text is None:
        data = yield from blobs.get(ears.tools, ears.owner, digest)
        text, calls = yield from ears.ask(data, recording.format, recording.duration, recording.conversation, recording.branch)
    yield from write(transcripts.fill, ears.owner, digest, places, text, calls, ears.text)
    return text


OF_ONE = (AnswerError, AudioDropped, BlobNotFound, BadAudio, TooLarge)
"""What is wrong with one recording, and says nothing of another."""


def is_refusal(error: Exception) -> bool:
    """Whether it is this recording that cannot be turned into text."""
    return isinstance(error, OF_ONE) or getattr(error, "status_code", None) in REFUSED
