"""What a request is made of: the branch that is shown, what assembly remembers, and the newest messages, read in pages.

The log may be of any length: it is read from its end until the window of the request is full. What every request holds
although it is older is looked up: instructions, pinned messages, the summary.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

from convo.assembly.window import least_tokens, turn_starts
from convo.errors import ConversationNotFound
from convo.history import History
from convo.memory import Memory
from convo.messages import Message
from convo.store import log, summaries, tables
from convo.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.assembly import Target

_C, _B, _R, _M, _S = (table.c for table in (tables.conversation, tables.branch, tables.memory, tables.message, tables.segment))
TOKENS_A_MESSAGE = 100
"""By which the size of the first page is guessed; the next ones go by what was read."""
FIRST_PAGE, LARGEST_PAGE = (64, 1_000), 20_000
"""Messages: bounds of the first page, and of any page."""
ROOM = 1.05
"""How much more than the guess is read, so that one page more is seldom needed."""
RESULTS = 64
"""Messages after a pinned one among which the results of its calls are looked for."""


@attrs.frozen
class Line:
    """The branch that a conversation shows, or another one: its head, its instructions, and the memory for a target."""

    branch: UUID
    head: int
    instructions: int | None
    memory: Memory


def _select(branch: Any) -> sa.Select[Any]:
    where = [_R.owner == _B.owner, _R.branch == _B.id]
    where += [_R[name] == sa.bindparam(name) for name in ("origin", "family")]
    return (
        sa.select(_B.id, _B.head, _B.instructions, _R.expired_through, _R.refused_through, _R.skew, _R.window_start)
        .join_from(tables.conversation, tables.branch, (_B.owner == _C.owner) & (_B.id == branch))
        .outerjoin(tables.memory, sa.and_(*where))
        .where(_C.owner == sa.bindparam("owner"), _C.id == sa.bindparam("conversation"))
    )


_shown = Statement("the branch that a conversation shows, and what assembly remembers", lambda: _select(_C.branch))
_other = Statement(
    "a branch, and what assembly remembers", lambda: _select(sa.bindparam("branch", type_=tables.branch.c.id.type))
)


def line_of(connection: Connection, owner: str, conversation: UUID, target: Target, branch: UUID | None = None) -> Line:
    """Give the branch that is shown, or another one, with what assembly remembers of it for a target.

    Raises `ConversationNotFound`.
    """
    values = {"owner": owner, "conversation": conversation, "origin": target.origin, "family": target.model.family}
    row = _shown.one(connection, **values) if branch is None else _other.one(connection, **values, branch=branch)
    if row is None:
        raise ConversationNotFound(conversation)
    found, head, instructions, *memory = row
    return Line(found, head, instructions, Memory() if memory[0] is None else Memory(*memory))


def tail(connection: Connection, owner: str, line: Line, budget: int) -> History:
    """Give the newest messages of a line, enough to fill a number of tokens, and what every request holds beside them.

    Never less than the newest turn, nor more than is remembered to be sent. What is known of the media of replies is left
    out.
    """
    pages: list[Sequence[Message]] = []
    since = line.head + 1
    for page in _pages(connection, owner, line, budget):
        pages.insert(0, page)
        since -= len(page)
    messages = tuple(message for page in pages for message in page)
    standing = () if since <= 1 else _standing(connection, owner, line, since)
    return History((*standing, *messages), line.head, line.branch, max(since, 1))


def _pages(connection: Connection, owner: str, line: Line, budget: int) -> Iterator[Sequence[Message]]:
    """Read backwards until the budget is full and a turn has begun."""
    lowest, until = max(line.memory.window_start, 1), line.head
    smallest, largest = FIRST_PAGE
    size = min(max(budget // TOKENS_A_MESSAGE, smallest), largest)
    tokens, begun = 0, False
    while until >= lowest:
        since = max(lowest, until - size + 1)
        page = log.between(connection, owner, line.branch, since, until)
        yield page
        until = since - 1
        tokens += sum([least_tokens(message) for message in page])
        begun = begun or any(turn_starts([message for message in page if message.kind == "message"]))
        if tokens >= budget and begun:
            return
        missing = (budget - tokens) * (line.head - until) / max(tokens, 1) * ROOM
        size = min(max(math.ceil(missing), smallest), LARGEST_PAGE)


# --- what every request holds ----------------------------------------------------------------------


def _older(which: Any) -> sa.Select[Any]:
    return (
        sa.select(*log.message_columns())
        .where(
            _S.owner == sa.bindparam("owner"),
            _S.branch == sa.bindparam("branch"),
            _M.owner == _S.owner,
            _M.branch == _S.source,
            _M.position.between(_S.first, _S.last),
            _M.position < sa.bindparam("since", type_=sa.BigInteger),
            which,
        )
        .order_by(_M.position.desc())
    )


_pinned = Statement(
    "the pinned messages before a position of a line",
    lambda: _older(sa.text("convo_message.pinned")),  # as the partial index has it
)


def _standing(connection: Connection, owner: str, line: Line, since: int) -> list[Message]:
    """Give what every request holds of the messages before a position: instructions, summary, pinned ones."""
    rows = _pinned.rows(connection, owner=owner, branch=line.branch, since=since)
    pinned = [Message(*row) for row in rows]
    summary = summaries.newest(connection, owner, line.branch, since)
    found = {message.position: message for message in (*pinned, *([summary] if summary else ()))}
    for message in pinned:
        if message.pieces:
            found |= _at(connection, owner, line, message.position, message.position)
        elif message.role == "assistant" and message.tool_calls:
            until = min(message.position + RESULTS, since - 1)
            later = _at(connection, owner, line, message.position + 1, until)
            found |= {position: one for position, one in later.items() if one.role == "tool"}
    if line.instructions is not None and line.instructions < since:
        found |= _at(connection, owner, line, line.instructions, line.instructions)
    return [found[position] for position in sorted(found)]


def _at(connection: Connection, owner: str, line: Line, first: int, last: int) -> dict[int, Message]:
    return {message.position: message for message in log.between(connection, owner, line.branch, first, last)}
