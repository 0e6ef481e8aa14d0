"""Captions of what was said, with times: SubRip and WebVTT.

A message begins when it entered the log, counted from the first one, or when the one before it has ended; it lasts as long as its
audio, or where that is not known as long as it takes to say at 2.5 words a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from convo.documents.entry import Subject
    from convo.messages import Message

WORDS = 2.5
"""Words a second: 150 a minute, as people speak."""
LEAST = 1.0
"""Seconds that a caption is shown at least."""


class Cue(NamedTuple):
    """What is said from one second to another."""

    begin: float
    end: float
    who: str
    text: str


def cues(subject: Subject) -> list[Cue]:
    """Give what users and the model said, in order; none overlaps another."""
    found: list[Cue] = []
    spoken = [message for message in subject.messages if message.role in ("user", "assistant") and message.text]
    for message in spoken:
        since = (message.created_at - spoken[0].created_at).total_seconds()
        begin = max(since, found[-1].end if found else 0.0)
        text = "\n".join(line for line in subject.shown(message.text).split("\n") if line.strip())
        found.append(Cue(begin, begin + _length(message), subject.who(message), text or "..."))
    return found


def _length(message: Message) -> float:
    known = [piece.duration for piece in message.media if piece.kind == "audio" and piece.duration is not None]
    return max(LEAST, known[0] if known else len(message.text.split()) / WORDS)


def srt(subject: Subject) -> str:
    """Give SubRip."""
    blocks = [
        f"{number}\n{_time(cue.begin, ',')} --> {_time(cue.end, ',')}\n{_no_arrow(f'{cue.who}: {cue.text}')}\n"
        for number, cue in enumerate(cues(subject), start=1)
    ]
    return "\n".join(blocks)


def _no_arrow(text: str) -> str:
    return text.replace("-->", "->").replace("<", "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}")


def vtt(subject: Subject) -> str:
    """Give WebVTT, with who speaks as its voice."""
    blocks = [
        f"{_time(cue.begin, '.')} --> {_time(cue.end, '.')}\n<v {_escaped(cue.who)}>{_escaped(cue.text)}\n"
        for cue in cues(subject)
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(seconds: float, mark: str) -> str:
    whole = round(seconds * 1_000)
    minutes, rest = divmod(whole, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1_000:02}{mark}{rest % 1_000:03}"
