"""Steps of plots: what one is made of is read page by page, and drawn with no connection held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from convo.analysis import arrow, charts, plots
from convo.errors import ConversationNotFound
from convo.ids import as_uuid
from convo.steps.effects import beside, call
from convo.steps.tables import Cursor, page
from convo.store import spans

if TYPE_CHECKING:
    from uuid import UUID

    from convo.analysis.plots import Plot
    from convo.steps.effects import Steps
    from convo.steps.place import Tools
    from convo.store.spans import Wanted


def plotted(tools: Tools, asked: Wanted, name: str, conversation: UUID | str | None, zone: str) -> Steps[Plot]:
    """Give a plot; see `Tables.plot`."""
    plots.check(name, conversation, zone)
    pa = arrow.arrow()
    yield from call(charts.altair, (), {})
    begin = Cursor()
    if conversation is not None:
        wanted = as_uuid(conversation)
        whole = attrs.evolve(asked, since=None, until=None)
        lines, _ = yield from beside(spans.planned, whole, None, spans.is_one(wanted))
        if not lines:
            raise ConversationNotFound(wanted)
        begin = Cursor(lines=tuple(lines), more=False, last=lines[-1])
    found = {}
    for table, columns in plots.NEEDED[name].items():
        cursor, batches = begin, []
        while (read := (yield from page(tools, table, asked, cursor))) is not None:
            batch, cursor = read
            batches.append(batch.select(list(columns)))
        schema = arrow.schema_of(plots.NEEDED_OF[table])
        found[table] = pa.Table.from_batches(batches, pa.schema([schema.field(column) for column in columns]))
    one = None if conversation is None else str(as_uuid(conversation))
    drawn: Plot = yield from call(plots.draw, (name, found, one, zone), {})
    return drawn
