"""The command line: look into a store, bring it up to date, talk to a model, and watch the library at work.

Errors of convo are one line on stderr and exit code 1; whatever else goes wrong is a bug and shows its traceback.
"""

from __future__ import annotations

import gc
import os

import click

from convo.cli.faults import Commands
from convo.cli.place import Place
from convo.cli.screen import tolerant

__all__ = ["main"]

COMMANDS = {
    "backup": "convo.cli.backup:backup",
    "blobs": "convo.cli.blobs:blobs",
    "chat": "convo.cli.chat:chat",
    "completion": "convo.cli.completion:completion",
    "demo": "convo.cli.demo:demo",
    "demo-turn": "convo.cli.child:demo_turn",
    "doctor": "convo.cli.doctor:doctor",
    "erase": "convo.cli.erase:erase",
    "export": "convo.cli.exports:export",
    "fake-api": "convo.cli.fake_api:fake_api",
    "import": "convo.cli.imports:import_",
    "inspect": "convo.cli.inspect:inspect_",
    "list": "convo.cli.store:list_",
    "plot": "convo.cli.plot:plot",
    "prune": "convo.cli.blobs:prune",
    "reprice": "convo.cli.reprice:reprice",
    "search": "convo.cli.store:search",
    "show": "convo.cli.store:show",
    "stats": "convo.cli.stats:stats",
    "upgrade": "convo.cli.store:upgrade",
}
"""Where each command is; it is imported when it is asked for."""


@click.group(cls=Commands, later=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="convo", message="convo %(version)s")
@click.option(
    "--store",
    default="chat.db",
    show_default=True,
    envvar=["CONVO_DATABASE_URL", "CONVO_STORE"],  # the second is the older name
    metavar="PATH|URL",
    help="The database: the path of a SQLite file, sqlite:///file.db or postgresql://host/name.  [env var: CONVO_DATABASE_URL]",
)
@click.option("--owner", default="", help="Whose conversations; without it those of a store with one owner.")
@click.option(
    "--keys", default="", envvar="CONVO_KEYS", show_envvar=True, metavar="FILE", help="The key file of an encrypted store."
)
@click.pass_context
def main(ctx: click.Context, store: str, owner: str, keys: str) -> None:
    """Keep conversations with model APIs that forget.

    \b
    convo demo                          needs no key, and shows on screen what the library does
    convo chat                          talk to a model (OPENAI_API_KEY; --fake needs none)
    convo --store chat.db list          what is in a store
    convo --store postgresql://host/name stats --last 30d

    With --json a command writes one JSON value to stdout, nothing shortened (chat: a line for each reply).

    Exit codes: 0 done; 1 failed, or found something wrong as doctor does; 2 called in a wrong way.
    """  # noqa: D301 - the mark of click for lines to leave as they are
    tolerant()
    _collect_rarely(ctx)
    if os.environ.get("NO_COLOR"):
        ctx.color = False
    ctx.obj = Place(store, owner, keys)


def _collect_rarely(ctx: click.Context) -> None:
    """Look for garbage once in a while: what a short command imports is none, and looking takes a tenth of its time."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, *before[1:])
    ctx.call_on_close(lambda: gc.set_threshold(*before))
