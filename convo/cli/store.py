"""Commands on a store: `upgrade` makes its tables or brings them up to date, `list`, `show` and `search` look into it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from convo.cli import lines, records
from convo.cli.faults import Failure
from convo.cli.progress import waiting
from convo.cli.screen import columns, line

if TYPE_CHECKING:
    import convo
    from convo.cli.place import Place

PAGE = 500
"""Conversations that are read at once."""

_everyone = click.option("--everyone", is_flag=True, help="Show the conversations of all owners.")
_json = click.option("--json", "as_json", is_flag=True, help="Write JSON, with nothing shortened.")


@click.command(short_help="Make the tables of a store, or bring them up to date.")
@click.option("--partitions", type=int, help="Split the tables by owner into so many, for good. Only on PostgreSQL.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.pass_obj
def upgrade(place: Place, partitions: int | None, *, as_json: bool) -> None:
    """Make the tables of a store, or bring them up to date.

    \b
    convo --store chat.db upgrade
    convo --store postgresql://host/name upgrade --partitions 16

    A database whose tables are split stays so without --partitions. What is stored is copied table by table, and others wait
    meanwhile; tables of more than 2 GB are refused.
    """  # noqa: D301 - the mark of click for lines to leave as they are
    import convo
    from convo.errors import StoreNotFound
    from convo.store.schema import REVISIONS

    with convo.Store(place.url()) as store, waiting("upgrading", quiet=as_json):
        try:
            before = store.upgrade(partitions=partitions)
        except StoreNotFound as error:
            raise Failure(f"no file can be made at {store.place}; is its folder there, and may you write to it?") from error
    after = REVISIONS[-1]
    if as_json:
        click.echo(records.written({"place": store.place, "before": before, "after": after, "partitions": partitions}))
        return
    split = f", in {partitions} partitions" if partitions else ""
    click.echo(f"{line(store.place)}: {_done(before, after)}{split}")


def _done(before: str | None, after: str) -> str:
    if before == after:
        return f"nothing to do, the tables are at revision {after}"
    return f"made the tables, revision {after}" if before is None else f"upgraded the tables from revision {before} to {after}"


@click.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@_everyone
@_json
@click.pass_obj
def list_(place: Place, limit: int, *, everyone: bool, as_json: bool) -> None:
    """List conversations, newest first.

    \b
    convo list --limit 10
    convo list --everyone --json | jq -r '.[].id'

    On a terminal lines are cut to its width; --json shortens nothing.
    """  # noqa: D301 - the mark of click for lines to leave as they are
    with place.existing(everyone=everyone) as store, waiting("reading", quiet=as_json):
        chats = _newest(store, limit + 1)
    if as_json:
        click.echo(records.written([records.conversation(chat) for chat in chats[:limit]]))
    elif chats:
        click.echo(lines.listing(chats[:limit], owners=everyone, columns=columns()))
    else:
        place.tell_empty(store, everyone=everyone)
    if len(chats) > limit:
        click.echo(f"there are more than these {limit}; pass a higher --limit to see them", err=True)


def _newest(store: convo.Store, limit: int) -> list[convo.Conversation]:
    found: list[convo.Conversation] = []
    while len(found) < limit:
        page = store.conversations(limit=min(PAGE, limit - len(found)), after=found[-1].id if found else None)
        if not page:
            break
        found += page
    return found


@click.command(short_help="Find turns in which one message holds all words.")
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(min=1, max=1_000), default=20, show_default=True, help="At most so many.")
@_everyone
@_json
@click.pass_obj
def search(place: Place, words: tuple[str, ...], limit: int, *, everyone: bool, as_json: bool) -> None:
    """Find turns in which one message holds all WORDS, the best first.

    \b
    convo search golden retriever
    convo search '"family dog" loyal*' --limit 5

    Words "in double quotes" follow one another; a star at the end, 'rain*', stands for any ending. New messages are
    indexed first, but not with --everyone, which writes nothing.
    """  # noqa: D301 - the mark of click for lines to leave as they are
    with place.existing(everyone=everyone) as store, waiting("searching", quiet=as_json):
        hits = store.search(" ".join(words), limit=limit)
    if as_json:
        click.echo(records.written([records.hit(hit) for hit in hits]))
    elif hits:
        click.echo("\n\n".join("\n".join(lines.hit(hit, owners=everyone)) for hit in hits))
    else:
        click.echo("nothing found", err=True)


@click.command(short_help="Show a conversation, and what it used and cost.")
@click.argument("id", metavar="ID")
@click.option("--last", type=click.IntRange(min=1), help="Only so many messages, the newest.")
@_everyone
@_json
@click.pass_obj
def show(place: Place, id: str, last: int | None, *, everyone: bool, as_json: bool) -> None:  # noqa: A002 - the natural word
    """Show a conversation: its messages, what they used and what they cost.

    \b
    convo show 0199d5c1-8f60-7000-8000-000000000001
    convo show 0199d5c1-8f60-7000-8000-000000000001 --last 4 --json
    """  # noqa: D301 - the mark of click for lines to leave as they are
    with place.existing(everyone=everyone) as store, waiting("reading", quiet=as_json):
        chat = store.get(id)
        history, totals = chat.history(last), chat.usage()
    if as_json:
        click.echo(records.written(records.transcript(chat, history, totals)))
        return
    paragraphs = [lines.heading(chat), *(lines.entry(message, datetime.now(UTC)) for message in history), lines.sums(totals)]
    click.echo("\n\n".join("\n".join(paragraph) for paragraph in paragraphs))
