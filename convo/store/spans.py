"""Where a reader of all conversations is: they are read in the order of their keys, so many messages at a time.

Each page is a transaction of its own, which reads the rows of a span of conversations, or of positions of a long one. So
no reader holds the database up, whatever becomes of it; what is written meanwhile may be in it or not.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import attrs
import sqlalchemy as sa

from convo.sealing.form import SEALED
from convo.store import quick, tables
from convo.store.conditions import metadata_conditions
from convo.store.log import END
from convo.store.sealed import keyring_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from convo.filters import Filter

_C, _B, _S, _M = tables.conversation.c, tables.branch.c, tables.segment.c, tables.message.c
PLANNED = 5_000
"""Conversations that are planned at once."""
HEAVY = 32_000_000
"""Bytes that messages of a span may have, as far as is known: those before may have been tiny."""
TRIED = 240
"""The last byte of the id from which on a conversation tells how large messages are: one of sixteen."""
OWNERS = 4
"""Owners in a span of an encrypted store: their keys are fetched one after the other."""


@attrs.frozen(kw_only=True)
class Wanted:
    """Which rows are wanted: of an owner (None: of all), of conversations by their metadata, of a time (microseconds)."""

    owner: str | None
    filters: Mapping[str, Filter] = attrs.field(factory=dict)
    since: int | None = None
    until: int | None = None

    @property
    def timed(self) -> bool:
        """Whether a time is wanted."""
        return self.since is not None or self.until is not None

    def within(self, moment: Any) -> list[sa.ColumnElement[bool]]:
        """Give what must hold of an instant."""
        bounds = []
        if self.since is not None:
            bounds.append(moment >= self.since)
        if self.until is not None:
            bounds.append(moment < self.until)
        return bounds


class Line(NamedTuple):
    """A conversation, its id as the driver has it, the position of the last message that it shows, and bytes of a message."""

    owner: str
    id: UUID | bytes
    head: int
    size: int = 0

    @property
    def conversation(self) -> UUID:
        """Its id."""
        return UUID(bytes=bytes(self.id)) if isinstance(self.id, bytes | memoryview) else self.id


@attrs.frozen
class Span:
    """Conversations from one to another, both with their owners; of a single one perhaps only some positions."""

    first: Line
    last: Line
    since: int = 1
    until: int = END
    rows: int = 0
    """About how many rows it has, and those behind it that are known of; not all, once they are worth `quick`."""


def planned(connection: Connection, wanted: Wanted, after: Line | None, held: Any = None) -> tuple[list[Line], Line | None]:
    """Give the next conversations in the order of their keys, and behind which there may be more; None where there are none.

    `held` is a condition on the conversation beside its owner and its metadata. Raises `SearchUnavailable` where metadata
    are encrypted, and `KeyUnavailable` where those of one that may be wanted are, and this store was given no cipher.
    """
    check_filters(connection, wanted.filters)
    hidden = sa.func.substr(_C.metadata, 1, len(SEALED)) if wanted.filters else sa.null()
    # no join: how many rows one has is guessed, and guessed too few has PostgreSQL sort all conversations for each page
    head = sa.select(_B.head).where(_B.owner == _C.owner, _B.id == _C.branch)
    statement = (
        sa.select(_C.owner, _C.id, head.scalar_subquery(), _size(connection, head), hidden)
        .where(*conditions(connection, wanted, sealed=True))
        .order_by(_C.owner, _C.id)
        .limit(PLANNED)
    )
    if held is not None:
        statement = statement.where(held)
    if after is not None:
        statement = statement.where(_beyond(wanted, after))
    result: Any = connection.execute(statement, execution_options=in_schema(connection))
    rows = result.cursor.fetchall()
    result.close()
    sizes = _sizes([row[3] for row in rows])
    lines = [Line(owner, id_, head or 0, size) for (owner, id_, head, *_), size in zip(rows, sizes, strict=True)]
    keyring = keyring_of(connection)
    for line, (*_, begins) in zip(lines, rows, strict=True):
        if begins is not None:
            keyring.open_text("convo_conversation.metadata", line.owner, (line.conversation,), begins)
    shown_ = [line for line, (_, _, head, *_) in zip(lines, rows, strict=True) if head is not None]
    return shown_, lines[-1] if len(lines) == PLANNED else None


def _size(connection: Connection, head: sa.Select[Any]) -> Any:
    """Give the bytes of the last message of a conversation, of one that is tried: to look at each takes as long as a page."""
    last = (_M.owner == _B.owner) & (_M.branch == _B.id) & (_M.position == _B.head)
    if connection.dialect.name == "postgresql":
        tried, size = sa.func.get_byte(sa.func.uuid_send(_C.id), 15) >= TRIED, sa.func.octet_length(_M.body)
    else:
        tried, size = sa.func.substr(_C.id, 16, type_=sa.LargeBinary) >= bytes([TRIED]), sa.func.length(_M.body)  # it is ASCII
    return sa.case((tried, head.with_only_columns(size).join(tables.message, last).scalar_subquery()))


def _sizes(tried: Sequence[int | None]) -> list[int]:
    """Give the bytes of a message of each conversation: of one that was not tried, the larger of those on either side."""

    def latest(known: int, size: int | None) -> int:
        return known if size is None else size

    before = [*accumulate(tried, latest, initial=0)][1:]
    behind = [*accumulate(reversed(tried), latest, initial=0)][1:]
    return [max(pair) for pair in zip(before, reversed(behind), strict=True)]


def counted(connection: Connection, wanted: Wanted) -> int:
    """Count the conversations, whatever time is wanted."""
    check_filters(connection, wanted.filters)
    statement = sa.select(sa.func.count()).select_from(tables.conversation).where(*conditions(connection, wanted))
    return int(connection.execute(statement, execution_options=in_schema(connection)).scalar_one())


def check_filters(connection: Connection, filters: Mapping[str, Filter]) -> None:
    """Raise `SearchUnavailable` where what is filtered by is encrypted."""
    if filters and keyring_of(connection).seals:
        from convo.errors import SearchUnavailable

        reason = "metadata are encrypted, and no database can look into them"
        raise SearchUnavailable(reason, "read the tables without metadata=, and filter them by their column metadata")


def conditions(connection: Connection, wanted: Wanted, *, sealed: bool = False) -> Sequence[Any]:
    """Give what must hold of a conversation: its owner first. `sealed` counts those in whose metadata nobody can look."""
    mine = [] if wanted.owner is None else [_C.owner == wanted.owner]
    return [*mine, *metadata_conditions(connection, wanted.filters, sealed=sealed)]


def _beyond(wanted: Wanted, line: Line) -> Any:
    if wanted.owner is not None:
        return _C.id > line.conversation
    return sa.tuple_(_C.owner, _C.id) > _key(line)


def _key(line: Line) -> Any:
    return sa.tuple_(sa.literal(line.owner, sa.Text), sa.literal(line.conversation, _C.id.type))


def inside(span: Span, owner: Any = _C.owner, conversation: Any = _C.id) -> list[sa.ColumnElement[bool]]:
    """Give what must hold of the columns of an owner and of a conversation: that they are of a span."""
    if span.first.owner == span.last.owner:
        mine = owner == span.first.owner
        if span.first.conversation == span.last.conversation:
            return [mine, conversation == span.first.conversation]
        return [mine, conversation >= span.first.conversation, conversation <= span.last.conversation]
    key = sa.tuple_(owner, conversation)
    return [owner >= span.first.owner, owner <= span.last.owner, key >= _key(span.first), key <= _key(span.last)]


def shown(connection: Connection, wanted: Wanted, span: Span) -> sa.Subquery:
    """Select what the lines of the conversations of a span are made of, numbered in their order on PostgreSQL.

    It has them in their order before it looks for messages, which so come in theirs, and not all of them are to be sorted.
    """
    owner, branch = _first(connection, _C.owner), _first(connection, _C.branch)
    found = (
        sa.select(_C.owner, _C.id, _C.branch, _S.source, _S.first, _S.last)
        .join_from(tables.conversation, tables.segment, (_S.owner == owner) & (_S.branch == branch))
        .where(*inside(span), *conditions(connection, wanted))
    )
    if connection.dialect.name == "postgresql":
        order = (_C.owner, _C.id, _S.first)
        found = found.add_columns(sa.func.row_number().over(order_by=order).label("number"))
        found = found.order_by(*order).offset(sa.literal_column("0"))
    return found.subquery("shown")


def line_of(connection: Connection, line: sa.Subquery, span: Span, *columns: Any) -> sa.Select[Any]:
    """Select from the messages of a span that conversations show."""
    owner, source = _first(connection, line.c.owner), _first(connection, line.c.source)
    return (
        sa.select(*columns)
        .select_from(line)
        .join(
            tables.message,
            (_M.owner == owner) & (_M.branch == source) & _M.position.between(line.c.first, line.c.last),
        )
        .where(*at_positions(span, _M.position))
        .order_by(line.c.owner, line.c.id, _M.position)
    )


def is_shared(line: sa.Subquery) -> Any:
    """Give whether another conversation holds a message of `line_of`: that has its branch, which only then is looked for."""
    other = sa.select(_B.conversation != line.c.id).where(_B.owner == line.c.owner, _B.id == line.c.source).scalar_subquery()
    return sa.case((line.c.source == line.c.branch, sa.false()), else_=other)


def _first(connection: Connection, column: Any) -> Any:
    """Have SQLite look for conversations first, then for their lines: with `+` no index serves a join from elsewhere."""
    return sa.literal_column(f"+{column}", column.type) if connection.dialect.name == "sqlite" else column


def at_positions(span: Span, position: Any) -> list[sa.ColumnElement[bool]]:
    """Give what must hold of a position: nothing where whole conversations are wanted."""
    bounds = [] if span.since == 1 else [position >= span.since]
    return bounds if span.until == END else [*bounds, position <= span.until]


def has_message(wanted: Wanted) -> Any:
    """Give the condition that a conversation may show a message of the time that is wanted; None where any may."""
    messages = (
        sa.select(sa.literal(1))
        .select_from(tables.segment)
        .join(
            tables.message,
            (_M.owner == _S.owner) & (_M.branch == _S.source) & _M.position.between(_S.first, _S.last),
        )
        .where(_S.owner == _C.owner, _S.branch == _C.branch, *wanted.within(_M.created_at))
    )
    return _may_have(wanted, messages)


def has_exchange(wanted: Wanted) -> Any:
    """Give the condition that a conversation may have a call of the time that is wanted; None where any may."""
    call = tables.exchange.c
    calls = (
        sa.select(sa.literal(1))
        .select_from(tables.exchange)
        .where(call.owner == _C.owner, call.conversation == _C.id, *wanted.within(call.started_at))
    )
    return _may_have(wanted, calls)


def _may_have(wanted: Wanted, found: sa.Select[Any]) -> Any:
    """Look for rows, but not in a conversation that was there before what is not wanted any more: it has some, or few others.

    With OFFSET PostgreSQL looks into each conversation that comes, and not into all that there are at once.
    """
    if not wanted.timed:
        return None
    there = sa.exists(found.offset(sa.literal_column("0")).correlate(tables.conversation))
    return there if wanted.since is not None else (_C.created_at < wanted.until) | there


def is_made(wanted: Wanted) -> Any:
    """Give the condition that a conversation was made in the time that is wanted; None where none is."""
    return sa.and_(*wanted.within(_C.created_at)) if wanted.timed else None


def is_one(conversation: UUID) -> Any:
    """Give the condition that it is this conversation."""
    return _C.id == conversation


def in_schema(connection: Connection) -> dict[str, Any]:
    """Give the execution options by which names mean those of the store's schema."""
    schema = connection.get_execution_options().get("convo_schema")
    return {"schema_translate_map": {None: schema}} if schema else {}


def next_span(lines: Sequence[Line], since: int, rows: int, *, splits: bool, weighs: bool, owners: int) -> tuple[Span, int]:
    """Give the span of the next conversations with about so many rows, and how many of them it ends.

    0 is given where a part of a long conversation is next that is not its last: the position goes on behind the span. One
    is split only where it may be; `weighs=False` counts conversations instead of their messages. At most so many owners,
    and about `HEAVY` bytes.
    """
    first, known = lines[0], _known(lines, since, weighs=weighs)
    if weighs:
        rows = min(rows, max(1, HEAVY // max(1, first.size)))
    if splits and first.head - since + 1 > rows:
        return Span(first, first, since, since + rows - 1, known), 0
    if since > 1:
        return Span(first, first, since, END, known), 1
    count, weight, size, seen = 0, 0, 0, set[str]()
    for line, one in zip(lines, _weights(lines, weighs=weighs), strict=True):
        seen.add(line.owner)
        weight += one
        size += one * line.size if weighs else 0
        if count and (weight > rows or size > HEAVY or len(seen) > owners):
            break
        count += 1
    return Span(first, lines[count - 1], rows=known), count


def are_enough(lines: Sequence[Line], since: int, rows: int, *, weighs: bool) -> bool:
    """Say whether there are about so many rows in conversations, of the first from a position on."""
    return any(weight - since + 1 >= rows for weight in accumulate(_weights(lines, weighs=weighs)))


def _known(lines: Sequence[Line], since: int, *, weighs: bool) -> int:
    """Give how many rows there are in conversations, of the first from a position on; it stops where `quick` is worth while."""
    known = 1 - since
    for weight in _weights(lines, weighs=weighs):
        known += weight
        if known >= quick.LEAST:
            break
    return known


def _weights(lines: Sequence[Line], *, weighs: bool) -> Iterator[int]:
    return (max(1, line.head) if weighs else 1 for line in lines)
