"""Steps of reading tables: page by page, each a unit of work that reads, and then made Arrow with no connection held."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from convo.analysis import arrow, frames, lines, turning
from convo.analysis.columns import TABLES
from convo.analysis.lines import NOTHING, Before
from convo.steps.effects import beside, call
from convo.store import rows, spans
from convo.store.background import AT_ONCE
from convo.store.rows import SOURCES, TURN_CALL
from convo.times import to_micros

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from convo.analysis.columns import Description
    from convo.analysis.frames import Frame
    from convo.steps.effects import Steps
    from convo.steps.place import Tools
    from convo.store.rows import Found, Source
    from convo.store.spans import Line, Span, Wanted

BATCH = 16_000_000
"""Bytes that a batch has about, whatever the size of messages."""
FIRST, LEAST, MOST = 4_096, 64, 16_384
"""Rows of the first page, from which the size of a row is learned; and the bounds of further ones, twice as many by ADBC."""
NAMES = tuple(one.name for one in TABLES)
GROWTH = 4
"""Times that a page may be larger than the one before."""


def wanted(owner: str | None, *, metadata: Mapping[str, Any] | None, since: datetime | None, until: datetime | None) -> Wanted:
    """Give what tables are to hold. Raises `InvalidMetadata`, `InputError`, `NaiveTime`."""
    from convo.filters import checked_filters

    return spans.Wanted(
        owner=owner,
        filters=checked_filters(metadata) if metadata is not None else {},
        since=None if since is None else to_micros(since, "since"),
        until=None if until is None else to_micros(until, "until"),
    )


def described(name: str) -> Description:
    """Give the description of a table."""
    return next(one for one in TABLES if one.name == name)


def check_arrow() -> None:
    """Raise `MissingDependency` where there is no `pyarrow`, without importing it: that may wait until rows are asked for."""
    if find_spec("pyarrow") is None:
        arrow.arrow()


@attrs.frozen
class Cursor:
    """Where a reader of a table is: conversations that come next, the position in the first, and how many rows a page has."""

    lines: tuple[Line, ...] = ()
    more: bool = True
    last: Line | None = None
    since: int = 1
    rows: int = 0
    before: Before = NOTHING
    """What came before the position in its conversation."""
    ended: Line | None = None
    """The last conversation that was read to its end, behind which another reader may go on."""
    count: int = 0
    """Conversations that were read."""
    inside: UUID | None = None
    """The conversation of which a part was read: where it is gone, the next one begins at its beginning."""
    coming: tuple[Page, ...] = ()
    """The next pages, as far as their rows come already."""


class Page(NamedTuple):
    """A page whose rows come while something else is done: its span, how many conversations it ends, and the rows."""

    span: Span
    ended: int
    rows: rows.Ahead | None


def page(tools: Tools, table: str, asked: Wanted, cursor: Cursor) -> Steps[tuple[Any, Cursor] | None]:
    """Give the next record batch of a table, perhaps an empty one, and where to go on; None at the end."""
    check_arrow()
    source, size = SOURCES[table], cursor.rows or FIRST
    if not cursor.coming:
        cursor = yield from _planned(source, asked, cursor, size)
    if not cursor.lines:
        return None
    this = cursor.coming[0] if cursor.coming else Page(*_next_span(tools, source, cursor), None)
    found = yield from beside(source.rows, asked, this.span, this.rows)
    after = attrs.evolve(_behind(cursor, this), coming=cursor.coming[1:])
    quickly = not isinstance(found.rows, list | tuple)
    if quickly:
        after = yield from _ahead(tools, table, asked, attrs.evolve(after, rows=_next_size(size, found.rows, 2 * MOST)))
    batch, before = yield from call(batch_of, (table, asked, found, cursor.before if this.span.since > 1 else NOTHING), {})
    return batch, attrs.evolve(after, before=before, rows=after.rows if quickly else _next_size(size, batch, MOST))


def _behind(cursor: Cursor, page: Page) -> Cursor:
    """Give where a reader is when it has read a page."""
    ended = page.ended
    return attrs.evolve(
        cursor,
        lines=cursor.lines[ended:],
        since=1 if ended else page.span.until + 1,
        ended=cursor.lines[ended - 1] if ended else cursor.ended,
        inside=None if ended else cursor.lines[0].conversation,
        count=cursor.count + ended,
    )


def _planned(source: Source, asked: Wanted, cursor: Cursor, size: int) -> Steps[Cursor]:
    """Look for conversations until there are those of so many rows, or no more."""
    while cursor.more and not spans.are_enough(cursor.lines, cursor.since, size, weighs=source.weighs):
        coming, last = yield from beside(spans.planned, asked, cursor.last, source.held(asked))
        if coming and not cursor.lines and cursor.inside not in (None, coming[0].conversation):
            cursor = attrs.evolve(cursor, since=1, inside=None)
        cursor = attrs.evolve(cursor, lines=(*cursor.lines, *coming), more=last is not None, last=last)
    return cursor


def _next_span(tools: Tools, source: Source, cursor: Cursor) -> tuple[Span, int]:
    owners = spans.OWNERS if tools.keys.seals else len(cursor.lines)
    size = cursor.rows or FIRST
    return spans.next_span(cursor.lines, cursor.since, size, splits=source.splits, weighs=source.weighs, owners=owners)


def _ahead(tools: Tools, table: str, asked: Wanted, cursor: Cursor) -> Steps[Cursor]:
    """Have the rows of the next pages come, while those of this one become a batch and whoever asked for it works with it.

    Meanwhile the conversations behind them are looked for, too.
    """
    source = SOURCES[table]
    cursor = yield from _planned(source, asked, cursor, cursor.rows)
    behind = cursor
    for page in cursor.coming:
        behind = _behind(behind, page)
    while behind.lines and len(cursor.coming) < AT_ONCE:
        span, ended = _next_span(tools, source, behind)
        if (coming := (yield from beside(rows.ahead, table, asked, span))) is None:
            break
        page = Page(span, ended, coming)
        behind, cursor = _behind(behind, page), attrs.evolve(cursor, coming=(*cursor.coming, page))
    return (yield from _planned(source, asked, cursor, (AT_ONCE + 2) * cursor.rows)) if cursor.coming else cursor


def _next_size(rows: int, batch: Any, most: int) -> int:
    """Give how many rows the next page may have, that its bytes stay within bounds."""
    fit = BATCH * batch.num_rows // max(1, batch.nbytes) if batch.num_rows else most
    return max(LEAST, min(fit, rows * GROWTH, most))


def batch_of(table: str, asked: Wanted, found: Found, before: Before) -> tuple[Any, Before]:
    """Make a record batch of rows, and give what came before the next message. Raises `IntegrityError`."""
    if table == "messages":
        values, before = lines.message_columns(found.names, found.rows, found.beside, before)
    elif table == "exchanges":
        values = lines.exchange_columns(found.names, found.rows)
    elif table == "turns":
        times = (asked.since, asked.until)
        values = turning.turn_columns(found.rows, found.beside["audio"], found.beside["calls"], TURN_CALL, times)
    else:
        values = lines.columns_of(found.names, found.rows)
    return arrow.batch_of(described(table), values), before


# --- whole tables ----------------------------------------------------------------------------------


def whole(tools: Tools, table: str, asked: Wanted, meanwhile: Callable[[], object] | None = None) -> Steps[Any]:
    """Give a table as a `pyarrow.Table`. What is to be imported for it is imported `meanwhile`, where rows come ahead."""
    batches, cursor = [], Cursor()
    while (found := (yield from page(tools, table, asked, cursor))) is not None:
        batch, cursor = found
        if batch.num_rows:
            batches.append(batch)
        if meanwhile is not None:
            yield from call(meanwhile, (), {})
            meanwhile = None
    return arrow.arrow().Table.from_batches(batches, arrow.schema_of(described(table)))


def framed(tools: Tools, table: str, asked: Wanted, frame: Frame) -> Steps[Any]:
    """Give a table as a frame of another tool."""
    found = yield from whole(tools, table, asked, frame.imported)
    return (yield from call(frame.of, (found,), {}))


def copied(tools: Tools, names: Sequence[str], asked: Wanted, connection: Any) -> Steps[Any]:
    """Make tables of a DuckDB connection, or of a new one, page by page; give the connection. What failed is taken back."""
    arrow.arrow()
    target = connection if connection is not None else (yield from call(frames.duckdb_connection, (), {}))
    made: list[str] = []
    try:
        for name in names:
            yield from call(frames.create_table, (target, name, arrow.schema_of(described(name))), {})
            made.append(name)
            cursor = Cursor()
            while (found := (yield from page(tools, name, asked, cursor))) is not None:
                batch, cursor = found
                if batch.num_rows:
                    yield from call(frames.insert, (target, name, batch), {})
    except BaseException:
        for name in made:
            frames.drop_table(target, name)
        raise
    return target


def schema_of(table: str) -> Any:
    """Give the Arrow schema of a table."""
    return arrow.schema_of(described(table))
