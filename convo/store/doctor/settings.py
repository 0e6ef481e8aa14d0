"""Settings of the database under which what was acknowledged may be lost, or nothing can be written."""

from __future__ import annotations

import os
from datetime import UTC
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.findings import Finding
from convo.store import partitions
from convo.store.direct import is_ours
from convo.store.doctor.access import access
from convo.store.files import REMOTE, file_system

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

    from convo.findings import Severity

FIXED = ((3, 44, 6), (3, 50, 7), (3, 51, 3))
"""Where SQLite's WAL-reset bug, there since 3.7.0, was fixed: in two older lines, and for good (sqlite.org/wal.html)."""
SKEW = 5.0
"""Seconds by which clocks may differ: a lease is 30."""
SHOWN = 20
"""Lines of SQLite's own check that are told."""


def settings(connection: Connection) -> list[Finding]:
    """Find settings that are wrong, on the connection at hand."""
    found = _postgresql(connection) if connection.dialect.name == "postgresql" else _sqlite(connection)
    return [Finding(kind, severity, message) for kind, severity, message in found]


# --- SQLite ----------------------------------------------------------------------------------------

_Told = tuple[str, "Severity", str]


def _sqlite(connection: Connection) -> Iterator[_Told]:
    file = next((row[2] for row in connection.exec_driver_sql("PRAGMA database_list") if row[1] == "main"), "")
    own = is_ours(connection)
    raw: Any = connection.connection.driver_connection
    unwritten = getattr(raw, "as_of", None) is not None  # then SQLite does not see in which journal mode the file is
    journal = "wal" if unwritten else str(_pragma(connection, "journal_mode"))
    if file:
        yield from _file(file, journal)
        yield from _synchronous(int(_pragma(connection, "synchronous")), own=own)
        if journal == "wal" and has_wal_bug(str(connection.exec_driver_sql("SELECT sqlite_version()").scalar())):
            yield "wal_reset_bug", "warning", (
                "this SQLite may corrupt the file, rarely, when two connections write and checkpoint at once; use SQLite 3.51.3 "
                "or newer, 3.50.7 or 3.44.6"
            )  # fmt: skip
    if not _pragma(connection, "foreign_keys"):
        yield "foreign_keys_off", "warning", "foreign keys are not enforced; run PRAGMA foreign_keys=ON on each connection"
    if unwritten:
        yield (
            "cannot_write",
            "warning",
            "nothing can be written where the file is, which is only read; see to the folder's permissions",
        )
    elif _pragma(connection, "query_only") or (file and not os.access(file, os.W_OK)):
        yield "cannot_write", "warning", "this process may not write to the file; see to its permissions if it should"


def _pragma(connection: Connection, name: str) -> Any:
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def _file(file: str, journal: str) -> Iterator[_Told]:
    if journal != "wal":
        yield (
            "journal_mode",
            "warning",
            f"the journal mode is {journal}, and readers and writers wait; run PRAGMA journal_mode=WAL once",
        )
    if (kind := file_system(file)) in REMOTE:
        yield (
            "network_file",
            "warning",
            f"the file is on a network ({kind}), where SQLite's locks and WAL fail; move it to a local disk",
        )


def _synchronous(level: int, *, own: bool) -> Iterator[_Told]:
    """Levels: 0 off, 1 normal, 2 full, 3 extra."""
    if level == 0:
        yield "synchronous", "warning", "synchronous is off: a power cut may destroy the file; run PRAGMA synchronous=FULL"
    elif level == 1:
        remedy = 'as durability="relaxed" asks for' if own else "run PRAGMA synchronous=FULL on each connection"
        yield "synchronous", "note" if own else "warning", f"synchronous is normal: a power cut may lose the last turns; {remedy}"


def has_wal_bug(version: str) -> bool:
    """Say whether a version of SQLite has the WAL-reset bug."""
    found = tuple(int(part) for part in version.split(".")[:3])
    return (3, 7, 0) <= found < FIXED[-1] and not any(fixed[:2] == found[:2] and found >= fixed for fixed in FIXED)


def file_check(connection: Connection) -> list[Finding]:
    """Let SQLite look at the structure of its file."""
    if connection.dialect.name != "sqlite":
        return []
    told = [str(row[0]) for row in connection.exec_driver_sql(f"PRAGMA quick_check({SHOWN})")]
    if told == ["ok"]:
        return []
    return [Finding("file_damaged", "error", f"the file is damaged; restore it from a backup: {'; '.join(told)}")]


# --- PostgreSQL ------------------------------------------------------------------------------------


def _postgresql(connection: Connection) -> Iterator[_Told]:
    if _setting(connection, "fsync") == "off":
        yield "fsync", "error", "fsync is off: a crash of the server destroys the database; set fsync = on"
    if _setting(connection, "full_page_writes") == "off":
        yield "full_page_writes", "error", "full_page_writes is off: a power cut may destroy pages; set full_page_writes = on"
    if _setting(connection, "synchronous_commit") == "off":
        yield "synchronous_commit", "warning", "synchronous_commit is off: a crash loses the last turns; set it to on"
    encoding = _setting(connection, "server_encoding")
    if encoding != "UTF8":
        yield "server_encoding", "warning", f"the database is in {encoding} and cannot hold every text; make it in UTF8"
    if _setting(connection, "data_checksums") == "off":
        yield "data_checksums", "note", "data_checksums is off: the server does not notice a failing disk; see pg_checksums"
    if _replicated(connection) and (
        not _setting(connection, "synchronous_standby_names") or _setting(connection, "synchronous_commit") == "local"
    ):
        yield "replication", "warning", (
            "a standby follows this server, and commits do not wait for it: a failover loses the last turns; set "
            "synchronous_standby_names, and synchronous_commit to on"
        )  # fmt: skip
    yield from _split(connection)
    yield from _writing(connection)
    yield from access(connection)


def _split(connection: Connection) -> Iterator[_Told]:
    """What concerns tables that are split by owner."""
    number = partitions.number_of(connection)
    if number is None:
        return
    if plain := partitions.left(connection, None):
        yield "partitions_missing", "warning", (
            f"some tables have {number} partitions, and {', '.join(plain)} none: an upgrade was interrupted; run store.upgrade()"
        )  # fmt: skip
    if _setting(connection, "plan_cache_mode") == "auto":
        yield "plan_cache_mode", "note", (
            "plan_cache_mode is auto: on partitioned tables statements are planned anew each time, which doubles what a read "
            "costs; set it to force_generic_plan for the database"
        )  # fmt: skip


def _replicated(connection: Connection) -> bool:
    return bool(connection.execute(sa.select(sa.func.count()).select_from(_REPLICATION)).scalar())


_REPLICATION = sa.table("pg_stat_replication", schema="pg_catalog")


def _writing(connection: Connection) -> Iterator[_Told]:
    if connection.execute(sa.select(sa.func.pg_is_in_recovery())).scalar():
        yield (
            "standby",
            "warning",
            (f"this server is a standby, which takes no writes{_as_of(connection)}; connect to the primary to write"),
        )
    elif _setting(connection, "default_transaction_read_only") == "on":
        yield "read_only", "warning", "transactions only read here; set default_transaction_read_only to off to write"


def _as_of(connection: Connection) -> str:
    """Say of when the last commit is that a standby has: how old its answers are, while others write to the primary."""
    last = connection.execute(sa.select(sa.func.pg_last_xact_replay_timestamp())).scalar()
    return f", its last commit is of {last.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if last is not None else ""


def _setting(connection: Connection, name: str) -> str:
    return str(connection.execute(sa.select(sa.func.current_setting(name, True))).scalar())  # noqa: FBT003 - SQL's missing_ok


def server_clock(connection: Connection) -> float | None:
    """Give the server's time in seconds since 1970; None where the database has none of its own."""
    if connection.dialect.name != "postgresql":
        return None
    return float(connection.execute(sa.select(sa.func.extract("epoch", sa.func.clock_timestamp()))).scalar_one())


def clock(before: int, server: float | None, after: int) -> list[Finding]:
    """Compare the server's clock, read between two looks at the store's (microseconds)."""
    if server is None or before / 1_000_000 - SKEW <= server <= after / 1_000_000 + SKEW:
        return []
    ahead = server - before / 1_000_000
    words = f"{abs(ahead):,.0f} seconds {'ahead of' if ahead > 0 else 'behind'} that of this process"
    message = f"the server's clock is {words}; leases need clocks that agree: run NTP on every machine"
    return [Finding("clock", "warning", message)]
