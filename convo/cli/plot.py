"""The command `plot`: a picture of what conversations cost, how long answers take, and when people talk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from convo.cli import records
from convo.cli.faults import Failure
from convo.cli.progress import waiting
from convo.cli.screen import line
from convo.cli.stats import Moment

if TYPE_CHECKING:
    from datetime import datetime

    from convo.cli.place import Place

NAMES = ("cost", "tokens", "latency", "talk", "audio", "activity", "expiry")


@click.command(short_help="Draw a plot into a file.")
@click.argument("name", type=click.Choice(NAMES))
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False), metavar="FILE", help="A .svg or .png file.")
@click.option("--conversation", metavar="ID", help="The conversation of the plot expiry.")
@click.option("--since", type=Moment(), metavar="TIME", help="What began then or later.")
@click.option("--until", type=Moment(), metavar="TIME", help="What began before.")
@click.option("--zone", default="UTC", show_default=True, metavar="NAME", help="The time zone, such as Europe/Berlin.")
@click.option("--everyone", is_flag=True, help="What all owners have.")
@click.option("--json", "as_json", is_flag=True, help="Say what was drawn as JSON.")
@click.pass_obj
def plot(
    place: Place, name: Any, output: str, conversation: str | None, since: datetime | None, until: datetime | None, zone: str,
    *, everyone: bool, as_json: bool,
) -> None:  # fmt: skip
    """Draw a plot into a file: FILE is replaced if it is there.

    \b
    convo plot cost -o cost.svg
    convo plot activity -o week.png --zone Europe/Berlin --since 2026-11-01

    \b
    cost, tokens    over time, by kind
    latency         how long calls and answers take
    talk            how much of the speech is the assistant's
    audio           spoken turns, and speech that was sent by its id or as words
    activity        turns by weekday and hour
    expiry          of one conversation: how long ids of replies were valid
    """  # noqa: D301 - the mark of click for lines to leave as they are
    from convo.analysis.plots import check, format_of

    format_of(output)
    check(name, conversation, zone)
    with place.existing(everyone=everyone) as store, waiting("drawing", quiet=as_json):
        found = store.tables(since=since, until=until).plot(name, conversation=conversation, zone=zone)
        if not store.conversations(limit=1):
            place.tell_empty(store, everyone=everyone)
        try:
            found.save(output)
        except OSError as error:
            raise Failure(f"cannot write {output}: {error.strerror or error}") from error
    if as_json:
        click.echo(records.written({"path": output, "plot": name, "title": found.title}))
    else:
        click.echo(f"{line(output)}: {found.title}", err=True)
