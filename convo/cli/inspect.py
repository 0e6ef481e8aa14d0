"""The command `inspect`: the store in a browser, on this machine alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from convo.cli.blobs import blobs_option
from convo.cli.faults import Failure

if TYPE_CHECKING:
    from convo.cli.place import Place


@click.command("inspect", short_help="Look into the store in a browser.")
@click.argument("id", metavar="[ID]", required=False)
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Where to listen; by default a port that is free.")
@click.option("--no-open", is_flag=True, help="Only print the address; open no browser.")
@blobs_option
@click.pass_obj
def inspect_(place: Place, id: str | None, port: int, stores: tuple[Any, ...], *, no_open: bool) -> None:  # noqa: A002 - the natural word
    """Look into the store in a browser: conversations, or the one called ID.

    \b
    convo inspect
    convo inspect 0199d5c1-8f60-7000-8000-000000000001 --port 8410 --no-open

    What was said, with players; what would be sent now, and why; what calls took and cost. It only reads, and listens on this
    machine alone, under an address that nobody can guess. Ctrl-C ends it.
    """  # noqa: D301 - the mark of click for lines to leave as they are
    from convo.inspector.serving import Serving

    with place.existing(everyone=False, blobs=list(stores) or None) as store:
        path = f"c/{store.everyone().owned_by(place.owner).get(id).id}" if id else ""
        try:
            serving = Serving(store, place.owner, port=port, title=store.place)
        except OSError as error:
            raise Failure(f"port {port} cannot be listened on: {error.strerror}; pass another, or none") from error
        click.echo(f"{serving.url}{path}")
        click.echo("Ctrl-C ends it", err=True)
        if not no_open:
            click.launch(f"{serving.url_once}{path}")
        serving.run()
