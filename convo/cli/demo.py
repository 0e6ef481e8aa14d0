"""The command `demo`: the story of the library on screen, with a fake of the API or, with `--live`, the real one."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from convo.cli.faults import Failure, api_errors_told
from convo.cli.progress import progress
from convo.cli.screen import line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.cli.acts import Scene
    from convo.cli.place import Place

DATABASE = "chat.db"


@click.command(short_help="Show what the library does, in five acts.")
@click.option("--live", is_flag=True, help="Talk to the real API, with OPENAI_API_KEY. It costs a few cents.")
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where the database and the spoken replies go; without it, to a new temporary folder.",
)
@click.option(
    "--store-size",
    type=click.IntRange(1, 10_000_000),
    metavar="N",
    help="Instead: fill the new file of --store with N messages of a year, to try analysis on; the same each time.",
)
@click.pass_context
def demo(ctx: click.Context, keep: Path | None, store_size: int | None, *, live: bool) -> None:
    """Show what the library does: a conversation by voice, in five acts.

    \b
    convo demo --keep story
    convo --store year.db demo --store-size 10000

    It makes a database of its own and touches no other.
    """  # noqa: D301 - the mark of click for lines to leave as they are
    if store_size is not None:
        if live or keep is not None:
            raise click.UsageError("--store-size makes a store, in the new file that --store names, and shows nothing")
        _fill(ctx.obj, store_size)
        return
    if ctx.parent and ctx.parent.get_parameter_source("store") is ParameterSource.COMMANDLINE:
        raise click.UsageError("the demo makes a store of its own; say where with: convo demo --keep FOLDER")
    if live and not os.environ.get("OPENAI_API_KEY"):
        raise Failure("--live talks to the real API and needs a key; set OPENAI_API_KEY, or leave --live out")
    from convo.cli.acts import play

    with _real(keep) if live else _staged(keep) as scene, api_errors_told():
        play(scene)


def _fill(place: Place, size: int) -> None:
    """Make a store of so many messages, or a few more."""
    import convo
    from convo.cli.sample import sessions

    if "://" in place.store or os.path.lexists(place.store):
        raise Failure(f"{place.store} is no new file; name one with: convo --store FILE demo --store-size {size}")
    written = 0
    with convo.Store(place.url(), durability="relaxed") as store, progress("made", of="messages") as tell:
        for owner, messages, text in sessions(size):
            store.owned_by(owner).import_session(text)
            written += messages
            if tell is not None:
                tell(written, max(written, size))
    click.echo(f"{line(place.store)}: {written:,} messages", err=True)


@contextmanager
def _real(keep: Path | None) -> Iterator[Scene]:
    from convo.cli.acts import Scene
    from convo.cli.turn import Ahead, client_of

    with client_of(None) as client:
        yield Scene(_folder(keep) / DATABASE, client, Ahead(), None, None)


@contextmanager
def _staged(keep: Path | None) -> Iterator[Scene]:
    """Set the scene with the fake. The story begins an hour ago, so that it ends now."""
    from convo.cli.acts import HOUR, PAUSE, Scene
    from convo.cli.turn import Ahead, client_of
    from convo.testing import FakeAPI

    clock = Ahead(-HOUR - 3 * PAUSE)
    fake = FakeAPI(clock=clock)
    with fake.serve() as base_url, client_of(base_url) as client:
        yield Scene(_folder(keep) / DATABASE, client, clock, fake, base_url)


def _folder(keep: Path | None) -> Path:
    """Give an empty folder for what the demo makes."""
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="convo-demo-"))
    folder = keep.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = any(folder.iterdir())
    except OSError as error:
        raise Failure(f"{folder} cannot be used: {error.strerror}; name another folder") from error
    if taken:
        raise Failure(f"{folder} is not empty; name a new folder, so that nothing in it is overwritten")
    return folder
