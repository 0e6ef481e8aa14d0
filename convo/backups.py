"""What a backup of a store is: a value that says what was copied, and what was not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from convo.findings import Finding
    from convo.storage import BlobTotals


@attrs.frozen
class Backup:
    """A backup that is whole and on the disk.

    `path` is the file, `bytes` its size, `digest` the SHA-256 of what is in it, in hex. `elsewhere` sums the bytes that are in
    blob stores and not in the file: copy those stores now, after the file. `findings` is what a doctor finds wrong in the
    copied rows, of any owner: it is wrong in the store, too.
    """

    path: str
    bytes: int
    digest: str
    elsewhere: tuple[BlobTotals, ...] = ()
    findings: tuple[Finding, ...] = ()
