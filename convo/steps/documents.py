"""Steps of a document of a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convo.checks import check_choice, check_type
from convo.documents import FORMATS, document
from convo.documents.entry import Subject
from convo.errors import AudioDropped, BlobNotFound, InputError
from convo.steps.blobs import get
from convo.steps.effects import call
from convo.steps.log import history
from convo.times import from_micros

if TYPE_CHECKING:
    from collections.abc import Callable

    from convo.documents import Document
    from convo.steps.effects import Steps
    from convo.steps.place import Place


def documented(place: Place, format_: Document, *, audio: bool, redact: Callable[[str], str] | None) -> Steps[str]:
    """Give a conversation as a document; see `Conversation.document`."""
    check_choice(format_, FORMATS, "format")
    check_type(audio, bool, "audio", "True or False")
    if redact is not None and not callable(redact):
        reason = f"redact= takes a function from text to text, not a {type(redact).__name__}"
        raise InputError(reason)
    if redact is not None and audio:
        reason = "audio=True and redact= exclude each other: nothing is redacted in audio"
        raise InputError(reason)
    found = yield from history(place, None)
    data: dict[str, bytes] = {}
    kinds = (("audio",) if audio else ()) + (("image",) if redact is None else ())
    wanted = [piece.digest for message in found for piece in message.media if piece.kind in kinds] if format_ == "html" else []
    for digest in dict.fromkeys(wanted):
        try:
            data[digest] = yield from get(place.tools, place.owner, digest)
        except (AudioDropped, BlobNotFound):  # noqa: PERF203 - what is not there is not shown
            continue
    subject = Subject(place.found.id, place.found.title, from_micros(place.found.created), found, data)
    text: str = yield from call(document, (format_, subject, redact), {})
    return text
