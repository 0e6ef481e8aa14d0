"""The commands `blobs list`, `blobs move` and `prune`: where bytes are, elsewhere with them, and away with what is not kept."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import click

from convo.cli import lines, records
from convo.cli.faults import Failure
from convo.cli.progress import progress
from convo.cli.screen import line

if TYPE_CHECKING:
    from collections.abc import Iterator

    import convo
    from convo.cli.place import Place

DATABASE = "database"
_everyone = click.option("--everyone", is_flag=True, help="The bytes of all owners, one owner after the other.")
_json = click.option("--json", "as_json", is_flag=True, help="Write JSON.")


class _Spec(click.ParamType[Any]):
    """A blob store; several in the environment are separated by spaces."""

    name = "spec"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Give the blob store."""
        from convo.blobs.specs import blob_store
        from convo.errors import InputError

        if not isinstance(value, str):
            return value
        try:
            return blob_store(value)
        except InputError as error:
            self.fail(line(str(error)), param, ctx)


blobs_option = click.option(
    "--blobs",
    "stores",
    type=_Spec(),
    multiple=True,
    envvar="CONVO_BLOBS",
    show_envvar=True,
    metavar="SPEC",
    help="A blob store that holds bytes, once for each: folder:PATH, s3://bucket/prefix?endpoint=...&region=..., NAME=SPEC.",
)


@click.group(short_help="Say where bytes of audio and images are, and move them.")
def blobs() -> None:
    """Where the bytes of audio, images and files are, and moving them.

    \b
    convo blobs list --everyone
    convo blobs move --to folder:blobs
    """  # noqa: D301 - the mark of click for lines to leave as they are


@blobs.command("list")
@click.option("--everyone", is_flag=True, help="The bytes of all owners.")
@_json
@click.pass_obj
def list_(place: Place, *, everyone: bool, as_json: bool) -> None:
    """Sum bytes by where they are.

    \b
    convo blobs list --json
    """  # noqa: D301 - the mark of click for lines to leave as they are
    with place.existing(everyone=everyone) as store:
        found, where = store.blobs(), line(store.place)
    if as_json:
        click.echo(records.written([attrs.asdict(one) for one in found]))
        return
    for one in found:
        click.echo(f"{one.place}: {amount(one.blobs, one.bytes)}")
    if not found:
        click.echo(f"{where} holds no bytes{'' if everyone else f' of the owner {place.owner!r}'}", err=True)


@blobs.command()
@click.option("--to", required=True, metavar="SPEC", help="Where to: a blob store as in --blobs, or 'database'.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many, of each owner.")
@blobs_option
@_everyone
@_json
@click.pass_context
def move(ctx: click.Context, to: str, limit: int | None, stores: tuple[Any, ...], *, everyone: bool, as_json: bool) -> None:
    """Move bytes to another place, while others read and write.

    \b
    convo blobs move --to folder:blobs
    convo blobs move --to database --blobs folder:blobs --everyone

    Where it was interrupted, nothing is lost, and the same command goes on. The exit code is 1 when some could not be read.
    """  # noqa: D301 - the mark of click for lines to leave as they are
    place: Place = ctx.obj
    if to != DATABASE:
        target = _Spec().convert(to, None, ctx)
        stores = (*(store for store in stores if store.name != target.name), target)
        to = target.name
    done: list[tuple[str, convo.MovedBlobs]] = []
    for owner, store in each_owner(place, stores, everyone=everyone):
        with progress("moved", owner=owner, quiet=as_json) as tell:
            done.append((owner, store.move_blobs(to, limit=limit, progress=tell)))
    failed = [(owner, digest) for owner, moved in done for digest in moved.failed]
    sums = {"blobs": sum(moved.blobs for _, moved in done), "bytes": sum(moved.bytes for _, moved in done)}
    if as_json:
        click.echo(records.written({**sums, "failed": [{"owner": owner, "digest": digest} for owner, digest in failed]}))
    else:
        click.echo(f"moved {amount(**sums)} to {to}")
    for owner, digest in failed:
        click.echo(f"not moved: {digest}{f' of {line(owner)}' if owner else ''}; see convo doctor", err=True)
    ctx.exit(1 if failed else 0)


class _Age(click.ParamType[timedelta]):
    """A time: a number of days, or one with d, w or y (365 days) behind it."""

    name = "age"
    _DAYS: ClassVar[dict[str, int]] = {"d": 1, "w": 7, "y": 365}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Give the time."""
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)([dwy]?)", value)
        age = timedelta(days=float(found[1]) * self._DAYS[found[2] or "d"]) if found else timedelta(0)
        if age <= timedelta(0):
            self.fail(f"{line(value)!r} is no age; write 90d, 12w or 1y", param, ctx)
        return age


@click.command(short_help="Delete bytes that nothing refers to, and what is old.")
@click.option(
    "--keep-audio", type=click.FloatRange(min=0, min_open=True), metavar="DAYS", help="Let go of audio older than that."
)
@click.option("--messages", type=_Age(), metavar="AGE", help="Take out what messages said that are older: 90d, 12w, 1y.")
@click.option("--conversations", type=_Age(), metavar="AGE", help="Delete conversations in which nothing happened for that time.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@blobs_option
@_everyone
@_json
@click.pass_obj
def prune(
    place: Place, keep_audio: float | None, messages: timedelta | None, conversations: timedelta | None,
    stores: tuple[Any, ...], *, dry_run: bool, everyone: bool, as_json: bool,
) -> None:  # fmt: skip
    """Delete bytes that nothing refers to, and as options say what is old.

    \b
    convo prune --dry-run
    convo prune --keep-audio 30 --conversations 1y --everyone

    Of audio that is let go its row and its transcript stay. What is said in a recording without a transcript is lost. What a
    conversation on hold shows stays.
    """  # noqa: D301 - the mark of click for lines to leave as they are
    import convo

    keep = None if keep_audio is None else _days(keep_audio)
    total = convo.Pruned()
    for owner, store in each_owner(place, stores, everyone=everyone):
        with progress("pruned", owner=owner, quiet=as_json or dry_run) as tell:
            done = store.prune(keep_audio=keep, messages=messages, conversations=conversations, dry_run=dry_run, progress=tell)
        total = convo.Pruned(*map(sum, zip(attrs.astuple(total), attrs.astuple(done), strict=True)))
    click.echo(records.written({**attrs.asdict(total), "dry_run": dry_run}) if as_json else _pruned(total, dry_run=dry_run))


def _pruned(total: convo.Pruned, *, dry_run: bool) -> str:
    ed = "" if dry_run else "d"
    said = [f"{'would let' if dry_run else 'let'} go of {lines.counted(total.recordings, 'recording')}"]
    if total.messages:
        said.append(f"redact{'' if dry_run else 'ed'} {lines.counted(total.messages, 'message')}")
    if total.conversations:
        said.append(f"delete{ed} {lines.counted(total.conversations, 'conversation')}")
    said.append(f"and delete{ed} {amount(total.blobs, total.bytes)}")
    held = f"; {lines.counted(total.held, 'conversation')} on hold passed over" if total.held else ""
    return f"{', '.join(said)}{held}"


def _days(days: float) -> timedelta:
    try:
        return timedelta(days=days)
    except OverflowError as error:
        raise Failure(f"--keep-audio {days:g} is more days than there are") from error


def each_owner(place: Place, stores: tuple[Any, ...], *, everyone: bool) -> Iterator[tuple[str, convo.Store]]:
    """Give each owner whose store a command is for, with that store."""
    with place.existing(everyone=False, blobs=stores or None) as store:
        if everyone and place.owner:
            raise click.UsageError("--owner names one owner and --everyone all of them; pass one of the two")
        for owner in store.everyone().owners() if everyone else [place.owner]:
            yield owner, store.owned_by(owner)


def amount(blobs: int, bytes: int) -> str:  # noqa: A002 - as the values call it
    """Say how many blobs there are, and of how many bytes."""
    return f"{lines.counted(blobs, 'blob')} ({bytes:,} bytes)"
