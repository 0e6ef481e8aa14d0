"""Steps that have one recording turned into text: the calls, their rows, and the text in the database.

A recording that is too large or too long for one call is cut at quiet places. Its pieces are heard one after the other, and
each is told how the text before it ends: the API recommends that for the pieces of one recording, as it is heard better so.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import attrs

from convo.audio.hearing import file_of, files_of, fits
from convo.errors import AnswerError, AudioDropped, BadAudio, BlobNotFound, TooLarge
from convo.intake.transcription import read_transcription
from convo.origin import Origin
from convo.steps import beside, blobs
from convo.steps.effects import Hearing, call, hear, read, write
from convo.steps.watched import called

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from convo.audio.hearing import File
    from convo.steps.effects import Steps
    from convo.steps.place import Tools
    from convo.store.transcripts import Recording, Text

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
        where = {"conversation": conversation, "branch": branch}
        try:
            for file in files:
                steps = self._watched(file, texts, where, calls)
                text, _ = yield from called(self.tools, self.api, self.model, self.client, conversation, steps)
                texts.append(text)
        except GeneratorExit:
            raise
        except BaseException:
            yield from beside.kept(calls)
            raise
        return _joined(texts), calls

    def _watched(
        self, file: File, before: Sequence[str], where: Mapping[str, UUID], calls: list[dict[str, Any]]
    ) -> Steps[tuple[str, dict[str, Any]]]:  # fmt: skip
        """Have one file heard; give its text, and the row of the call."""
        text = yield from self._heard(file, before, where, calls)
        return text, calls[-1]

    def _heard(
        self, file: File, before: Sequence[str], where: Mapping[str, UUID], calls: list[dict[str, Any]]
    ) -> Steps[str]:  # fmt: skip
        """Have one file heard, which follows these texts; give its text; the row of the call joins `calls`, failed or not."""
        tools = self.tools
        lead = _end_of(_joined(before)) if tools.catalogue.lookup(self.model).family != _UNPROMPTED else ""
        origin = str(Origin.of(self.client))
        row = {**beside.begun(tools, self.owner, self.api, self.model, origin, sha256(file[1]).digest()), **where}
        told = None
        try:
            told = yield from hear(
                self.client, self.api,
                {"file": file, "model": self.model, **({"prompt": lead} if lead else {}), **self.arguments},
            )  # fmt: skip
            text, usage, raw = read_transcription(told.answer)
        except GeneratorExit:
            raise
        except BaseException as error:
            calls.append(beside.failed(tools, row, error, told))
            raise
        calls.append({**row, **beside.answered(told), "raw": raw, **beside.used(tools, self.model, usage)})
        return text


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
