"""A conversation as a document: a page, Markdown, captions, or a line to tune a model with. Pure.

What was said is shown and never obeyed: nobody's words become markup, script, or the words of another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

from convo.documents.captions import srt, vtt
from convo.documents.markdown import markdown
from convo.documents.page import page
from convo.documents.tuning import tuning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from convo.documents.entry import Subject

Document = Literal["html", "md", "srt", "vtt", "finetune"]
WRITERS: Mapping[Document, Callable[[Subject], str]] = {"html": page, "md": markdown, "srt": srt, "vtt": vtt, "finetune": tuning}
FORMATS = tuple(WRITERS)


def document(format_: Document, subject: Subject, redact: Callable[[str], str] | None = None) -> str:
    """Give the text of a document. `redact` sees each text and gives what is to stand there."""
    return WRITERS[format_](subject if redact is None else attrs.evolve(subject, said=redact))
