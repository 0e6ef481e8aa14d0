"""Markdown that says what was said: what looks like markup in it stands there as it was written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from convo.documents.entry import length_of, moment

if TYPE_CHECKING:
    from convo.documents.entry import Subject
    from convo.messages import Message

_MARKS = re.compile(r"([\\`*_\[\]<>#|~!&$^])")
_BEGINS = re.compile(r"^(\s*)([-+=]|\d+(?=[.)]))", re.MULTILINE)
_SPACES = re.compile(r"^[ \t]+", re.MULTILINE)


def markdown(subject: Subject) -> str:
    """Give a heading, and for each message who, when, and what was said, quoted."""
    head = [f"# {escaped(subject.heading())}", f"{moment(subject.created_at)} · {subject.id}"]
    return "\n\n".join([*head, *(_entry(subject, message) for message in subject.messages)]) + "\n"


def _entry(subject: Subject, message: Message) -> str:
    said = [escaped(subject.shown(message.text))] if message.text else []
    calls = [escaped(subject.shown(f"calls {call.name}({call.arguments})")) for call in message.tool_calls]
    media = [rf"\[{piece.kind}, {length_of(piece)}\]" for piece in message.media if piece.kind == "audio"]
    media += [rf"\[{piece.kind}, {piece.size:,} bytes\]" for piece in message.media if piece.kind != "audio"]
    interrupted = [r"\[interrupted\]"] if message.status == "interrupted" else []
    body = "\n\n".join([*said, *calls, *media, *interrupted]) or r"\[nothing\]"
    quoted = "\n".join(f"> {line}".rstrip() for line in body.split("\n"))
    return f"**{escaped(subject.who(message))}** · {moment(message.created_at)}\n\n{quoted}"


def escaped(text: str) -> str:
    """Give text that Markdown shows as it is: no mark, list, heading, code, table, link or HTML comes of it."""
    plain = _SPACES.sub("", _MARKS.sub(r"\\\1", text))
    begun = _BEGINS.sub(lambda found: f"{found[1]}{found[2]}\\" if found[2].isdigit() else f"{found[1]}\\{found[2]}", plain)
    return begun.replace("\n", "  \n")
