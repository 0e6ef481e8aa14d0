"""The command `erase`: all that an owner has goes, and a receipt says what went and what was looked for afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from convo.cli import lines
from convo.cli.blobs import blobs_option
from convo.cli.progress import progress
from convo.cli.screen import line

if TYPE_CHECKING:
    import convo
    from convo.cli.place import Place


@click.command(short_help="Delete all that an owner has.")
@click.argument("owner")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only count what would go.")
@click.option(
    "--vacuum/--no-vacuum",
    default=None,
    help="Have the database written anew or not, for which others wait; otherwise on SQLite alone.",
)
@blobs_option
@click.option("--json", "as_json", is_flag=True, help="Write the receipt as JSON.")
@click.pass_context
def erase(
    ctx: click.Context, owner: str, stores: tuple[Any, ...], *, yes: bool, dry_run: bool, vacuum: bool | None, as_json: bool
) -> None:  # fmt: skip
    """Delete all that OWNER has, rows and bytes; "" is the owner of a store with only one.

    \b
    convo erase c-42 --dry-run
    convo erase c-42 --yes --json > receipt.json

    It asks first. Where it was interrupted, the same command goes on. The exit code is 1 when not all of it could be done.
    """  # noqa: D301 - the mark of click for lines to leave as they are
    place: Place = ctx.obj
    if place.owner not in ("", owner):
        raise click.UsageError("--owner names another owner than the one to erase; leave it out")
    with place.existing(everyone=False, blobs=stores or None) as store:
        if not (yes or dry_run):
            _ask(store, owner)
        with progress("erased", owner=owner, quiet=as_json or dry_run) as tell:
            receipt = store.owned_by(owner).erase(owner, dry_run=dry_run, vacuum=vacuum, progress=tell)
    click.echo(json.dumps(json.loads(receipt.to_json()), indent=2) if as_json else _said(receipt))
    for remark in receipt.remarks:
        click.echo(line(remark), err=True)
    ctx.exit(0 if dry_run or receipt.verified else 1)


def _ask(store: convo.Store, owner: str) -> None:
    whose = f"the owner {line(repr(owner))}" if owner else "the owner of what has no other"
    click.confirm(f"Delete all that {whose} has in {line(store.place)}? It cannot be undone.", abort=True, err=True)


def _said(receipt: convo.Erasure) -> str:
    chats, rows = receipt.counts.get("conversation", 0), sum(receipt.counts.values())
    what = f"{lines.counted(chats, 'conversation')}, {lines.counted(rows, 'row')} in all, and {receipt.bytes:,} bytes"
    if receipt.dry_run:
        return f"would delete {what}"
    return f"deleted {what}; {'nothing is left' if receipt.verified else 'not all of it could be done'}"
