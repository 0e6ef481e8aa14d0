"""`stats`: what calls used and cost, as a table, JSON, CSV or an Arrow file."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from convo.cli.faults import Failure
from convo.cli.progress import waiting
from convo.cli.screen import line
from convo.escapes import cell, safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import convo
    from convo.cli.place import Place

WIDTH = 80
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LAST = re.compile(r"([1-9][0-9]{0,5})([hdw])", re.ASCII)


class Moment(click.ParamType[datetime]):
    """A day or a time in ISO form; without a zone it is UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read it."""
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write 2026-11-30, 2026-11-30T18:00 or 2026-11-30T18:00+01:00", param, ctx)
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


class _Span(click.ParamType[timedelta]):
    """A number of hours, days or weeks."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read it."""
        found = _LAST.fullmatch(value)
        if found is None:
            self.fail(f"{value!r} is no span; write 24h, 30d or 8w", param, ctx)
        return int(found[1]) * _UNITS[found[2]]


@click.command()
@click.option("--by", metavar="KEY,...", default="", help="conversation, owner, model, voice, api, day or error; or several.")
@click.option("--since", type=Moment(), metavar="TIME", help="Calls that began then or later; a day is one in UTC.")
@click.option("--until", type=Moment(), metavar="TIME", help="Calls that began before.")
@click.option("--last", type=_Span(), metavar="SPAN", help="Calls of the last 24h, 30d or 8w.")
@click.option("--model", metavar="NAME", help="Calls of this model, as it was asked for.")
@click.option("--api", metavar="NAME", help="Calls of this API: chat, responses, realtime, transcriptions, speech ...")
@click.option("--conversation", metavar="ID", help="Calls of this conversation.")
@click.option("--everyone", is_flag=True, help="Sum the calls of all owners.")
@click.option("--wide", is_flag=True, help="Show every column of the table that says anything.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, with nothing shortened.")
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV; names that a spreadsheet would take for formulas begin with '.")
@click.option("--arrow", type=click.Path(dir_okay=False), metavar="FILE", help="Write an Arrow IPC file.")
@click.pass_obj
def stats(
    place: Place, by: str, since: datetime | None, until: datetime | None, last: timedelta | None, model: str | None,
    api: str | None, conversation: str | None, arrow: str | None, *, everyone: bool, wide: bool, as_json: bool, as_csv: bool,
) -> None:  # fmt: skip
    """Show what calls of models used and cost.

    \b
    convo stats                                   all in one row
    convo stats --by day,model --last 30d
    convo stats --everyone --by owner --since 2026-11-01 --until 2026-12-01
    convo stats --by conversation --csv > november.csv

    Days and times are in UTC. What no call told is "unknown", never zero; amounts in different currencies are apart.
    """  # noqa: D301 - the mark of click for lines to leave as they are
    if as_json + as_csv + (arrow is not None) > 1:
        raise click.UsageError("--json, --csv and --arrow are three ways to write the same; pass one of them")
    if last is not None:
        if since is not None:
            raise click.UsageError("--last and --since both say when to begin; pass one of the two")
        since = _ago(last)
    keys: Any = [key.strip() for key in by.split(",")] if by else ()
    with place.existing(everyone=everyone) as store, waiting("summing", quiet=as_json):
        found = store.report(keys, since=since, until=until, model=model, api=api, conversation=conversation)
        where = line(store.place)
    if as_json:
        click.echo(found.to_json())
    elif as_csv:
        click.echo(_csv(found), nl=False)
    elif arrow is not None:
        _write(found, arrow)
    elif found.rows:
        click.echo(safe(found.table(None if wide else WIDTH)))
    if not found.rows:
        such = "such call" if any((since, until, model, api, conversation)) else "call"
        click.echo(f"{where} holds no {such} of a model{_whose(place, everyone=everyone)}", err=True)


def _whose(place: Place, *, everyone: bool) -> str:
    return "" if everyone else f" of the owner {place.owner!r}; --everyone sums those of all owners"


def _ago(span: timedelta) -> datetime:
    try:
        return datetime.now(UTC) - span
    except OverflowError:
        return datetime(2, 1, 1, tzinfo=UTC)


def _write(found: convo.Report, path: str) -> None:
    from convo.frames import write_table

    table = found.to_arrow()
    try:
        write_table(table, path)
    except OSError as error:
        raise Failure(f"cannot write {path}: {error.strerror or error}") from error
    click.echo(f"{line(path)}: {len(found):,} row{'' if len(found) == 1 else 's'}", err=True)


# --- CSV -------------------------------------------------------------------------------------------


def _csv(found: convo.Report) -> str:
    """Give the rows with a line of names; what is not known is an empty cell."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(found.columns)
    rows.writerows([_cell(name, row) for name in found.columns] for row in found.to_dicts())
    return text.getvalue()


def _cell(name: str, row: Mapping[str, Any]) -> Any:
    value = row[name]
    if isinstance(value, dict):
        value = _voices(value.items())
    if not isinstance(value, str) or name.split("_", maxsplit=1)[0] == "cost":
        return value
    return cell(value)


def _voices(voices: Iterable[tuple[str, int]]) -> str:
    return "; ".join(f"{voice} {count}" for voice, count in voices)
