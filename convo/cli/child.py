"""What the demo runs in another process: a store is opened, a conversation resumed, and one turn taken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from convo.cli.faults import api_errors_told
from convo.cli.turn import Ahead, Turn, client_of, take

if TYPE_CHECKING:
    from convo.cli.place import Place


@attrs.frozen
class Resumed:
    """What the other process found and did."""

    pid: int
    head: int
    turn: Turn


@click.command("demo-turn", hidden=True)
@click.argument("id")
@click.argument("said")
@click.argument("save_as", type=click.Path(path_type=Path))
@click.option("--base-url")
@click.option("--ahead", type=float, default=0.0)
@click.pass_obj
def demo_turn(place: Place, id: str, said: str, save_as: Path, *, base_url: str | None, ahead: float) -> None:  # noqa: A002
    """Resume a conversation and take one turn; what happened goes to stdout as JSON."""
    import convo

    with convo.Store.existing(place.url(), clock=Ahead(ahead)) as store, client_of(base_url) as client, api_errors_told():
        chat = store.get(id)
        head = chat.head
        turn = take(chat, client, said, save_as)
    click.echo(json.dumps(attrs.asdict(Resumed(os.getpid(), head, turn))))


def resume(database: Path, chat: object, said: str, save_as: Path, *, base_url: str | None, ahead: float) -> Resumed:
    """Run `demo-turn` in a process of its own, and wait for it; it says itself what goes wrong."""
    command = [sys.executable, "-P", "-m", "convo", "--store", str(database), "demo-turn", str(chat), said, str(save_as)]
    command += [f"--ahead={ahead}", *([f"--base-url={base_url}"] if base_url else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=False)  # noqa: S603 - ours
    if done.returncode != 0:
        raise click.exceptions.Exit(done.returncode)
    found = json.loads(done.stdout)
    return Resumed(found["pid"], found["head"], Turn(**found["turn"]))
