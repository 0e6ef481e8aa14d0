"""The command `backup`: a copy of a SQLite store while it is in use, or the commands that make one on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import click

from convo.cli import records
from convo.cli.blobs import amount
from convo.cli.progress import progress
from convo.cli.screen import line

if TYPE_CHECKING:
    import convo
    from convo.cli.place import Place


@click.command(short_help="Copy a SQLite store while others use it.")
@click.argument("path", type=click.Path(dir_okay=False))
@click.option("--quick", is_flag=True, help="Do not read all messages and bytes of the copy to see whether they are whole.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.pass_context
def backup(ctx: click.Context, path: str, *, quick: bool, as_json: bool) -> None:
    """Copy a SQLite store, with all owners' data, to PATH, which is not there yet, while others read and write.

    \b
    convo --store chat.db backup copy.db

    To restore it, name it as --store, or put it in place of the database while nothing runs, whose -wal and -shm must be gone
    first. For PostgreSQL it says which commands make a backup there. The exit code is 1 where there is none, or where messages
    in it are damaged, as they are in the store.
    """  # noqa: D301 - the mark of click for lines to leave as they are
    place: Place = ctx.obj
    with place.existing(everyone=False) as store, progress("copied", of="pages", quiet=as_json) as tell:
        done = store.backup(path, verify=not quick, progress=tell)
    if as_json:
        told = {"path": done.path, "bytes": done.bytes, "digest": done.digest}
        elsewhere = [attrs.asdict(one) for one in done.elsewhere]
        findings = [records.finding(one) for one in done.findings]
        click.echo(records.written({**told, "elsewhere": elsewhere, "findings": findings}))
    else:
        _say(done)
    ctx.exit(1 if any(one.severity == "error" for one in done.findings) else 0)


def _say(done: convo.Backup) -> None:
    click.echo(f"{line(done.path)}: {done.bytes:,} bytes, SHA-256 {done.digest}")
    for one in done.elsewhere:
        click.echo(f"not in it: {amount(one.blobs, one.bytes)} in the blob store {line(one.place)}; copy that now")
    for finding in done.findings:
        click.echo(f"{finding.kind}: {line(finding.message)} ({line(finding.where)})", err=True)
