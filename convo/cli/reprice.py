"""The command `reprice`: what recorded calls cost by other prices."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from convo.cli import lines, records
from convo.cli.blobs import each_owner
from convo.cli.progress import progress
from convo.cli.screen import line

if TYPE_CHECKING:
    from collections.abc import Mapping

    import convo
    from convo.cli.place import Place


@click.command()
@click.option(
    "--prices", type=click.Path(exists=True, dir_okay=False), metavar="FILE",
    help="A TOML file that extends or replaces entries of convo's catalogue; without it that catalogue.",
)  # fmt: skip
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="Calls that began on that day (UTC) or later.")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--everyone", is_flag=True, help="The calls of all owners, one owner after the other.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.pass_obj
def reprice(
    place: Place, prices: str | None, since: datetime | None, *, dry_run: bool, everyone: bool, as_json: bool
) -> None:  # fmt: skip
    """Price recorded calls again.

    \b
    convo reprice --dry-run
    convo reprice --prices models.toml --since 2026-11-01

    Calls whose usage is known get the cost, its parts, the currency and the name of the price table that are given. What a
    catalogue has no price for becomes unknown. A run that was interrupted is made again.
    """  # noqa: D301 - the mark of click for lines to leave as they are
    import convo

    catalogue = convo.Catalogue.default() if prices is None else convo.Catalogue.load(prices)
    begin = None if since is None else since.replace(tzinfo=UTC)
    done = convo.Repriced()
    for owner, store in each_owner(place, (), everyone=everyone):
        with progress("priced", owner=owner, quiet=as_json) as tell:
            done += store.reprice(catalogue, since=begin, dry_run=dry_run, progress=tell)
    if as_json:
        click.echo(records.written({**_record(done), "table": catalogue.table, "dry_run": dry_run}))
        return
    would = "would change" if dry_run else "changed"
    click.echo(f"{would} {lines.counted(done.changed, 'call')} of {done.calls:,} by {line(catalogue.table)}")
    click.echo(f"before: {_amounts(done.before, done.unknown_before)}")
    click.echo(f"after:  {_amounts(done.after, done.unknown_after)}")


def _record(done: convo.Repriced) -> dict[str, Any]:
    return {
        "calls": done.calls, "changed": done.changed, "unknown_before": done.unknown_before, "unknown_after": done.unknown_after,
        "before": {name: f"{cost.amount:f}" for name, cost in done.before.items()},
        "after": {name: f"{cost.amount:f}" for name, cost in done.after.items()},
    }  # fmt: skip


def _amounts(costs: Mapping[str, convo.Cost], unknown: int) -> str:
    known = ", ".join(str(cost) for cost in costs.values()) or "no known cost"
    return f"{line(known)}; unknown: {lines.counted(unknown, 'call')}" if unknown else line(known)
