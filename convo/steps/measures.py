"""Steps of measures: the tables are read page by page and counted with no connection held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.analysis.measuring import NEEDED, Measuring
from convo.steps.effects import call
from convo.steps.tables import Cursor, page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convo.steps.effects import Steps
    from convo.steps.place import Tools
    from convo.store.spans import Wanted


def measured(tools: Tools, asked: Wanted, by: str | Sequence[str]) -> Steps[Any]:
    """Give measures as a `pyarrow.Table`; see `Tables.measures`."""
    counting = Measuring(by)
    for name in NEEDED:
        cursor = Cursor()
        while (found := (yield from page(tools, name, asked, cursor))) is not None:
            batch, cursor = found
            yield from call(counting.add, (name, batch), {})
    return (yield from call(counting.table, (), {}))
