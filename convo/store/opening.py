"""What a request is made of: the branch that is shown, what assembly remembers, and the newest messages, read in pages.

The log may be of any length: it is read from its end until the window of the request is full. What every request holds
although it is older is looked up: instructions, pinned messages, the summary.
"""

from __future__ import annotations

import functools
import math
import operator
from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

from convo.assembly.window import least_tokens
from convo.errors import ConversationNotFound
from convo.history import History
from convo.memory import Memory
from convo.store import log, tables
from convo.store.columns import Messages
from convo.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.assembly.target import Target
    from convo.messages import Message

    Between = Callable[..., Sequence[Message]]

_C, _B, _R, _M, _S = (table.c for table in (tables.conversation, tables.branch, tables.memory, tables.message, tables.segment))
TOKENS_A_MESSAGE = 100
"""By which the size of the first page is guessed; the next ones go by what was read."""
FIRST_PAGE, LARGEST_PAGE = (64, 1_000), 20_000
"""Messages: bounds of the first page, and of any page."""
ROOM = 1.05
"""How much more than the guess is read, so that one page more is seldom needed."""
SURELY = 1.5
"""Budgets that a log fills by its newest messages when no more than half of one is read: so much a window is cut to."""
_PINNED = "convo_message.pinned"
RESULTS = 64
"""Messages after a pinned one among which the results of its calls are looked for."""


@attrs.frozen
class Line:
    """The branch that a conversation shows, or another one: its head, its instructions, and the memory for a target.

    `pinned` and `summarized` say whether any of its messages is pinned, or a summary.
    """

    branch: UUID
    head: int
    instructions: int | None
    memory: Memory
    pinned: bool = False
    summarized: bool = False


def _select(branch: Any) -> sa.Select[Any]:
    where = [_R.owner == _B.owner, _R.branch == _B.id]
    where += [_R[name] == sa.bindparam(name) for name in ("origin", "family")]
    return (
        sa.select(
            _B.id,
            _B.head,
            _B.instructions,
            _has(_PINNED),
            _has(log.SUMMARY),
            _R.expired_through,
            _R.refused_through,
            _R.skew,
            _R.window_start,
        )
        .join_from(tables.conversation, tables.branch, (_B.owner == _C.owner) & (_B.id == branch))
        .outerjoin(tables.memory, sa.and_(*where))
        .where(_C.owner == sa.bindparam("owner"), _C.id == sa.bindparam("conversation"))
    )


def _has(which: str) -> sa.ColumnElement[bool]:
    """Whether any message of the branch is one of a partial index: what nearly none is costs a look at an empty index."""
    return sa.exists().where(log.in_line(tables.message, _B.id), sa.text(which))


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
    found, head, instructions, pinned, summarized, *known = row
    memory = Memory() if known[0] is None else Memory(*known)
    return Line(found, head, instructions, memory, pinned=bool(pinned), summarized=bool(summarized))


def tail(connection: Connection, owner: str, line: Line, budget: int, *, verify: bool = False) -> History:
    """Give the newest messages of a line, enough to fill a number of tokens, and what every request holds beside them.

    Never less than the newest turn, nor more than is remembered to be sent; where some are left out, the first turn is
    whole. What is known of the media of replies is left out. With `verify`, raises `IntegrityError` at a message that is
    not what was written.
    """
    between = functools.partial(log.between, connection, owner, line.branch, verify=verify)
    messages, older = _newest(connection, owner, line, budget, between, verify=verify)
    since = messages[0].position if messages else 1
    standing = _whole([message for message in older if message.position < since], since, between)
    return History((*standing, *messages), line.head, line.branch, since)


def _newest(
    connection: Connection, owner: str, line: Line, budget: int, between: Between, *, verify: bool
) -> tuple[list[Message], list[Message]]:  # fmt: skip
    """Read backwards until a number of tokens is full and a turn begins there; give also what stands of older messages."""
    lowest, until = max(line.memory.window_start, 1), line.head
    smallest, largest = FIRST_PAGE
    size = min(max(budget // TOKENS_A_MESSAGE, smallest), largest)
    since = max(lowest, until - size + 1)
    messages, older = _first_page(connection, owner, line, since, verify=verify) if since > 1 else (list(between(since)), [])
    held = 0.0
    page: Sequence[Message] = messages
    while since > lowest:
        held += least_tokens(page)
        wanted = budget if line.memory.window_start or held * line.head < SURELY * budget * len(messages) else budget // 2
        if held >= wanted and (first := _first_turn(messages, held, wanted)):
            return messages[first:], _standing(messages[:first], older, line)
        missing = (wanted - held) * len(messages) / max(held, 1) * ROOM
        since, until = max(lowest, since - min(max(math.ceil(missing), smallest), LARGEST_PAGE)), since - 1
        page = between(since, until)
        messages[:0] = page
    return messages, older


def _first_page(
    connection: Connection, owner: str, line: Line, since: int, *, verify: bool = False
) -> tuple[list[Message], list[Message]]:  # fmt: skip
    """Give the messages of a line from a position on, and what every request holds of those before: in one statement."""
    where = {"owner": owner, "branch": line.branch, "since": since, "until": log.END}
    told = line.instructions is not None and line.instructions < since
    page = _page(told=told, pinned=line.pinned, summarized=line.summarized)
    with log.named(connection, owner, line.branch, 1, log.END, verify=verify):
        found = page(connection, verify=verify, **where, **({"instructions": line.instructions} if told else {}))
    newer = sorted((message for message in found if message.position >= since), key=_position)
    return list(log.described(connection, where, newer)), [message for message in found if message.position < since]


def _first_turn(messages: Sequence[Message], held: float, room: int) -> int:
    """Give the index of the first turn from which messages fit, or of the last one; 0 where none is known to begin.

    `held` is what all of them hold.
    """
    found = 0
    for index in range(1, len(messages)):
        held -= least_tokens(messages[index - 1 : index])
        if messages[index].role == "user" and messages[index - 1].role != "user":
            found = index
            if held <= room:
                break
    return found


# --- what every request holds ----------------------------------------------------------------------


def _older(columns: Sequence[Any], which: Any) -> sa.Select[Any]:
    return sa.select(*columns).where(
        log.in_line(tables.message),
        _M.position < sa.bindparam("since", type_=sa.BigInteger),
        which,
    )


@functools.cache
def _page(*, told: bool, pinned: bool, summarized: bool) -> Messages:
    """Give the statement that reads a page, and of older ones what there is: PostgreSQL plans that in a fifth of the time.

    Its conditions are written as the partial indexes have them, so that both databases see that these serve.
    """

    def build(columns: Sequence[Any]) -> Any:
        found: list[Any] = [sa.select(*columns).where(log.line(tables.message))]
        if told:
            found.append(_older(columns, _M.position == sa.bindparam("instructions", type_=sa.BigInteger)))
        if pinned:
            found.append(_older(columns, sa.text(_PINNED)))
        if summarized:
            newest = _older(columns, sa.text(log.SUMMARY)).order_by(_M.position.desc()).limit(1)
            found.append(sa.select(*newest.subquery().c))
        return sa.union_all(*found) if len(found) > 1 else found[0]

    return Messages("the messages of a line from a position on, and what every request holds of those before", build)


_position = operator.attrgetter("position")


def _standing(left: Sequence[Message], older: Sequence[Message], line: Line) -> list[Message]:
    """Give what every request holds of messages that are left out, and of what was found of older ones."""
    newest = [message for message in left if message.kind == "summary" and message.status == "complete"][-1:]
    stay = [message for message in left if message.pinned or message.position == line.instructions]
    return [*(message for message in older if not newest or message.kind != "summary"), *stay, *newest]


def _whole(older: Sequence[Message], since: int, between: Between) -> list[Message]:
    """Give older messages in their order, once each, with their media and the results of their calls."""
    found = {message.position: message for message in older}
    for message in older:
        if message.pieces:
            found |= _at(between(message.position, message.position))
        elif message.pinned and message.role == "assistant" and message.tool_calls:
            until = min(message.position + RESULTS, since - 1)
            later = _at(between(message.position + 1, until))
            found |= {position: one for position, one in later.items() if one.role == "tool"}
    return [found[position] for position in sorted(found)]


def _at(messages: Iterable[Message]) -> dict[int, Message]:
    return {message.position: message for message in messages}
