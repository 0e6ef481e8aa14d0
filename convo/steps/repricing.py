"""Steps that price what was recorded by other prices: page by page, so that others work meanwhile and a stop loses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from convo.checks import check_type
from convo.errors import InputError
from convo.models import KINDS, Catalogue
from convo.repriced import Repriced
from convo.steps.columns import cost_of
from convo.steps.effects import read, write
from convo.store import repricing
from convo.store.totals import cost_columns
from convo.times import to_micros
from convo.usage import Cost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from convo.steps.effects import Steps
    from convo.steps.place import Tools
    from convo.store.repricing import Call


@attrs.define
class _Sum:
    """Known costs by currency, in 10**-12 of each, and how many are unknown."""

    picos: dict[str, int] = attrs.field(factory=dict)
    parts: dict[str, dict[str, int | None]] = attrs.field(factory=dict)
    unknown: int = 0

    def add(self, columns: Mapping[str, Any]) -> None:
        """Add what the columns of a row say."""
        cost, currency = columns["cost"], columns["currency"] or "USD"
        if cost is None:
            self.unknown += 1
            return
        self.picos[currency] = self.picos.get(currency, 0) + cost
        parts = self.parts.setdefault(currency, {})
        for kind in KINDS:
            parts[kind] = (parts.get(kind) or 0) + (columns[f"cost_{kind}"] or 0)

    def costs(self) -> dict[str, Cost]:
        """Give a cost for each currency."""
        return {name: Cost.from_picos(self.picos[name], currency=name, parts=self.parts[name]) for name in sorted(self.picos)}


def repriced(
    tools: Tools, owner: str | None, catalogue: Catalogue | None, *, since: datetime | None, until: datetime | None,
    dry_run: bool, progress: Callable[[int, int], None] | None,
) -> Steps[Repriced]:  # fmt: skip
    """Price calls again; see `Store.reprice`."""
    check_type(catalogue, (Catalogue, type(None)), "catalogue", "a convo.Catalogue")
    if progress is not None and not callable(progress):
        reason = f"progress= is a {type(progress).__name__}; pass a function"
        raise InputError(reason)
    begin = repricing.BEGIN if since is None else to_micros(since, "since")
    end = repricing.END if until is None else to_micros(until, "until")
    if not dry_run:
        tools.check_writable()
    if owner is None:
        reason = "reprice() is for one owner at a time: use store.owned_by(owner) for each of store.owners()"
        raise InputError(reason)
    prices = tools.catalogue if catalogue is None else catalogue
    total = 0 if progress is None else (yield from read(repricing.count, owner, begin, end))
    before, after, done, changed, last = _Sum(), _Sum(), 0, 0, repricing.FIRST
    while page := (yield from read(repricing.page, owner, begin, end, last)):
        changes = []
        for call in page:
            was, columns = dict(zip(repricing.WRITTEN, call.priced, strict=True)), _priced(prices, call)
            before.add(was)
            after.add(columns)
            if was != columns:
                changes.append((call, columns))
        if changes and not dry_run:
            yield from write(repricing.put, owner, changes)
        done, changed, last = done + len(page), changed + len(changes), page[-1].id
        if progress is not None:
            progress(min(done, total), total)
    return Repriced(
        calls=done, changed=changed, before=before.costs(), after=after.costs(), unknown_before=before.unknown,
        unknown_after=after.unknown,
    )  # fmt: skip


def _priced(catalogue: Catalogue, call: Call) -> dict[str, Any]:
    return cost_columns(cost_of(catalogue, call.usage, call.model, call.answered_by, call.raw))
