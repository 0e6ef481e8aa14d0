"""The command `fake-api`: the fake of the API on a port of this machine, for programs in any language."""

from __future__ import annotations

import json
import signal
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from convo.cli.faults import Failure

if TYPE_CHECKING:
    from types import FrameType


@click.command("fake-api", short_help="Serve the fake of the API on this machine.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port on 127.0.0.1; without it any that is free.")
@click.option(
    "--audio-lifetime", type=click.FloatRange(min=0, min_open=True, max=1e9), default=3600.0, show_default=True,
    metavar="SECONDS", help="How long the ids of spoken replies are valid.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Say where it is as JSON, in one line.")
def fake_api(port: int, audio_lifetime: float, *, as_json: bool) -> None:
    """Serve the fake of the API on this machine until Ctrl-C: any client can talk to it, no key is needed.

    \b
    convo fake-api --port 8400
    convo fake-api --audio-lifetime 60 --json

    It judges requests as the API does, and its replies are real audio, though they only hum. It forgets everything when it ends.
    """  # noqa: D301 - the mark of click for lines to leave as they are
    from convo.edges import system_clock
    from convo.testing import FakeAPI

    signal.signal(signal.SIGTERM, _stop)
    fake = FakeAPI(clock=system_clock, audio_lifetime=timedelta(seconds=audio_lifetime))
    try:
        with fake.serve(port=port) as base_url:
            click.echo(json.dumps({"base_url": base_url}) if as_json else _told(base_url))
            while True:
                _wait()
    except KeyboardInterrupt:
        return
    except OSError as error:
        raise Failure(f"cannot listen on port {port}: {error.strerror or error}; name another, or none") from error


def _told(base_url: str) -> str:
    return (
        f"A fake of the API runs at {base_url} until Ctrl-C. Talk to it with:\n"
        f"  OPENAI_BASE_URL={base_url} OPENAI_API_KEY=none-needed convo chat"
    )


def _stop(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


def _wait() -> None:
    """Sleep until a signal comes; in short naps, because not every system wakes from a long one."""
    import time

    time.sleep(1)
