"""Errors on the command line: those of convo as one line with its remedy, all others as they are."""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import click

from convo.cli.screen import line
from convo.errors import ConvoError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Failure(click.ClickException):
    """What ends a command: `convo: ...` on stderr, exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the line."""
        click.echo(f"convo: {line(self.message)}", file=file, err=True)


class Commands(click.Group):
    """A group in which every error of convo becomes a `Failure`."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ConvoError as error:
            raise Failure(str(error)) from error


@contextmanager
def api_errors_told() -> Iterator[None]:
    """Turn an error of the API, such as a wrong key, into a `Failure`."""
    import openai

    try:
        yield
    except openai.OpenAIError as error:
        raise Failure(f"the API gave no answer: {error}") from error
