"""What a doctor finds in a store: values that say what is wrong, where, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

if TYPE_CHECKING:
    from uuid import UUID

Severity = Literal["error", "warning", "note"]
"""`error`: something is lost or does not work; `warning`: it may come to that; `note`: good to know."""


@attrs.frozen
class Finding:
    """One thing that a store's doctor has found. `message` says what it is and what to do; it holds nothing that was said.

    `kind` is stable, for programs. The fields after `message` say where it is, as far as they apply; `position` is in
    the line of `branch`. `repairable` says that `doctor(repair=...)` asks about it, `repaired` that it is mended.
    """

    kind: str
    severity: Severity
    message: str
    owner: str | None = None
    conversation: UUID | None = None
    branch: UUID | None = None
    position: int | None = None
    exchange: UUID | None = None
    digest: str | None = None
    repairable: bool = False
    repaired: bool = False

    @property
    def where(self) -> str:
        """The place in a few words; empty for what concerns the whole database."""
        places = {
            "owner": repr(self.owner) if self.owner else None,
            "conversation": self.conversation,
            "branch": self.branch,
            "position": self.position,
            "exchange": self.exchange,
            "digest": self.digest,
        }
        return ", ".join(f"{name} {place}" for name, place in places.items() if place is not None)

    @property
    def healthy(self) -> bool:
        """Whether nothing has to be done about it: a note, or mended."""
        return self.repaired or self.severity == "note"
