"""What `reprice` did: sums of costs before and after, one for each currency."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convo.usage import Cost


@attrs.frozen(kw_only=True)
class Repriced:
    """Calls whose usage is known, and how many of them have another cost, other parts or another price table now.

    `before` and `after` are sums of known costs with their parts, by currency: those are never added up. `unknown_before` and
    `unknown_after` count the calls whose cost is unknown, and in none of the sums.
    """

    calls: int = 0
    changed: int = 0
    before: Mapping[str, Cost] = attrs.field(factory=dict, hash=False)
    after: Mapping[str, Cost] = attrs.field(factory=dict, hash=False)
    unknown_before: int = 0
    unknown_after: int = 0

    def __add__(self, other: Repriced) -> Repriced:
        """Add what was done for two owners; each currency for itself."""
        if not isinstance(other, Repriced):
            return NotImplemented
        return Repriced(
            calls=self.calls + other.calls, changed=self.changed + other.changed, before=_added(self.before, other.before),
            after=_added(self.after, other.after), unknown_before=self.unknown_before + other.unknown_before,
            unknown_after=self.unknown_after + other.unknown_after,
        )  # fmt: skip


def _added(one: Mapping[str, Cost], other: Mapping[str, Cost]) -> dict[str, Cost]:
    names = sorted({*one, *other})
    return {name: one[name] + other[name] if name in one and name in other else (one.get(name) or other[name]) for name in names}
