"""The command line: look into a store, bring it up to date, and watch the library at work.

Errors of convo are one line on stderr and exit code 1; whatever else goes wrong is a bug and shows its traceback.
"""

from __future__ import annotations

import click

from convo.cli.backup import backup
from convo.cli.blobs import blobs, prune
from convo.cli.child import demo_turn
from convo.cli.demo import demo
from convo.cli.doctor import doctor
from convo.cli.erase import erase
from convo.cli.exports import export
from convo.cli.faults import Commands
from convo.cli.imports import import_
from convo.cli.inspect import inspect_
from convo.cli.place import Place
from convo.cli.plot import plot
from convo.cli.reprice import reprice
from convo.cli.screen import tolerant
from convo.cli.stats import stats
from convo.cli.store import list_, search, show, upgrade

__all__ = ["main"]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="convo", message="convo %(version)s")
@click.option(
    "--store",
    default="chat.db",
    show_default=True,
    envvar="CONVO_STORE",
    show_envvar=True,
    metavar="PATH|URL",
    help="The database: the path of a SQLite file, sqlite:///file.db or postgresql://host/name.",
)
@click.option("--owner", default="", help="Whose conversations; without it those of a store with one owner.")
@click.option(
    "--keys", default="", envvar="CONVO_KEYS", show_envvar=True, metavar="FILE", help="The key file of an encrypted store."
)
@click.pass_context
def main(ctx: click.Context, store: str, owner: str, keys: str) -> None:
    """Keep conversations with model APIs that forget.

    Begin with `convo demo`: it needs no key, and shows on screen what the library does.
    """
    tolerant()
    ctx.obj = Place(store, owner, keys)


for _command in (
    backup, blobs, demo, demo_turn, doctor, erase, export, import_, inspect_, list_, plot, prune, reprice, search, show, stats,
    upgrade,
):  # fmt: skip
    main.add_command(_command)
