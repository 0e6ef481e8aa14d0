"""Conversations, messages and sums as lines for people. Times are UTC; stored text is made safe to show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from convo.cli.screen import cut, indented, line, padded, width

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    import convo
    from convo.messages import Media
    from convo.store.totals import Totals

TITLE, METADATA = 40, 60
"""Columns that a table shows; `--json` gives all of them."""
_NAMES = {"audio": "recording", "image": "image", "file": "file"}


def table(rows: Sequence[Sequence[str]], columns: int | None = None) -> str:
    """Give rows in columns; the last is as long as it needs. No line takes more than `columns`, where a number is given."""
    widths = [max(width(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    found = ["  ".join([*map(padded, row, widths), row[-1]]).rstrip() for row in rows]
    return "\n".join(found if columns is None else [cut(row, columns) for row in found])


def listing(chats: Iterable[convo.Conversation], *, owners: bool, columns: int | None = None) -> str:
    """Give a table of conversations, at most so many columns wide; with `owners` it says whose they are."""
    rows = [["ID", "CREATED (UTC)", "HEAD", "TITLE", "METADATA"]]
    rows += [
        [str(chat.id), moment(chat.created_at), str(chat.head), line(chat.title or "-", TITLE), _notes(chat)] for chat in chats
    ]
    if owners:
        names = ["OWNER", *(line(chat.owner, TITLE) or "-" for chat in chats)]
        rows = [[name, *row] for name, row in zip(names, rows, strict=True)]
    return table(rows, columns)


def hit(found: convo.Hit, *, owners: bool) -> Iterator[str]:
    """Give a turn that was found: where it is, and a piece of it; with `owners` it says whose it is."""
    places = f"{found.first}" if found.first == found.last else f"{found.first} to {found.last}"
    facts = [str(found.conversation), *([line(found.owner) or "-"] if owners else []), line(found.title or "-", TITLE)]
    yield "  ".join([*facts, places])
    yield "  ".join([f"{found.position:>3}", found.role, moment(found.created_at), line(found.snippet)])


def heading(chat: convo.Conversation) -> Iterator[str]:
    """Give what is known of a conversation beside its messages."""
    yield f"conversation {chat.id}, created {moment(chat.created_at)} UTC, head {chat.head}"
    named = {
        "owner": chat.owner,
        "key": chat.key,
        "title": chat.title,
        "metadata": json.dumps(chat.metadata) if chat.metadata else None,
    }
    yield from (f"{name}: {line(value)}" for name, value in named.items() if value)


def entry(message: convo.Message, now: datetime) -> Iterator[str]:
    """Give a message: who and when, what it carries, what was written or said, and which tools it asks for."""
    yield "  ".join(
        part for part in (f"{message.position:>3}", _who(message), moment(message.created_at), line(message.model or "")) if part
    )
    for piece in message.media:
        yield f"     [{_media(piece)}{_validity(message, now) if piece.part < 0 else ''}]"
    if message.text:
        yield indented(message.text, "     ")
    for call in message.tool_calls:
        yield f"     [call {line(call.id)}: {line(call.name)}({line(call.arguments)})]"
    if not (message.media or message.text or message.tool_calls):
        yield "     [nothing]"


def sums(totals: Totals) -> Iterator[str]:
    """Give what calls used and cost."""
    if not totals.calls:
        yield "no calls of a model"
        return
    yield f"{counted(totals.calls, 'call')} of a model; {used(totals.usage)}"
    known = str(totals.cost) if totals.calls > totals.unpriced else "unknown"
    unpriced = f", without {counted(totals.unpriced, 'call')} whose cost is unknown" if totals.unpriced else ""
    yield f"cost: {known}{unpriced}"
    if totals.estimate_error is not None:
        error = f"{totals.estimate_error:+.1%}"
        yield f"estimated before the calls: {totals.estimated:,} in, for {totals.estimated_of:,} billed ({error})"


def used(usage: convo.Usage) -> str:
    """Give tokens in and out, by kind."""
    into = _tokens(usage.input_tokens, "in", usage.input_text, usage.input_audio)
    return f"tokens: {into}, {_tokens(usage.output_tokens, 'out', usage.output_text, usage.output_audio)}"


def moment(time: datetime) -> str:
    """Give a time to the second."""
    return f"{time:%Y-%m-%d %H:%M:%S}"


def counted(count: int, noun: str) -> str:
    """Give `1 call`, `2 calls`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def seconds(duration: float | None) -> str:
    """Give `3.3 s`, or say that the length is not known."""
    return "length unknown" if duration is None else f"{duration:.1f} s"


def _notes(chat: convo.Conversation) -> str:
    return line(json.dumps(chat.metadata, ensure_ascii=False), METADATA) if chat.metadata else "-"


def _who(message: convo.Message) -> str:
    name = message.raw.get("name")
    who = "instructions" if message.kind == "instructions" else message.role
    answers = f" for call {line(message.tool_call_id)}" if message.tool_call_id else ""
    author = f" {line(name)}" if isinstance(name, str) else ""
    state = "" if message.status == "complete" else f" ({message.status})"
    return f"{who}{author}{answers}{state}"


def _media(piece: Media) -> str:
    own = f"spoken by {line(piece.made_by)}" if piece.made_by else "spoken"
    facts = [own if piece.part < 0 else _NAMES[piece.kind], line(piece.format or "format unknown")]
    facts.append(seconds(piece.duration) if piece.kind == "audio" else f"{piece.size:,} bytes")
    if piece.voice:
        facts.append(f"voice {line(piece.voice)}")
    return ", ".join([*facts, *(["no transcript"] if piece.kind == "audio" and not piece.transcript else [])])


def _validity(message: convo.Message, now: datetime) -> str:
    audio = message.audio
    if audio is None or audio.id is None:
        return ""
    if audio.expires_at is None:
        return ", its id has no expiry"
    return f", its id {'expires' if audio.expires_at > now else 'expired'} at {moment(audio.expires_at)}"


def _tokens(total: int | None, way: str, text: int | None, audio: int | None) -> str:
    kinds = " + ".join(f"{count:,} {kind}" for count, kind in ((text, "text"), (audio, "audio")) if count is not None)
    return f"{'unknown' if total is None else f'{total:,}'} {way}{f' ({kinds})' if kinds else ''}"
