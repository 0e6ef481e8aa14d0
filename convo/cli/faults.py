"""The commands as a group: each imported when it is asked for, and errors of convo told as one line with its remedy."""

from __future__ import annotations

import errno
import sys
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any

import click

from convo.cli.screen import line
from convo.errors import ConvoError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_FULL = (errno.ENOSPC, errno.EDQUOT)
"""What a disk says to which the output goes."""


class Failure(click.ClickException):
    """What ends a command: `convo: ...` on stderr, exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the line."""
        click.echo(f"convo: {line(self.message)}", file=file, err=True)


class Commands(click.Group):
    """A group in which every error of convo becomes a `Failure`; `later` says where a command is, as `module:name`."""

    def __init__(self, *arguments: Any, later: Mapping[str, str] | None = None, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._later = dict(later or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names of all commands."""
        return sorted({*super().list_commands(ctx), *self._later})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Give a command, imported now; None where there is none of that name."""
        # The names of all are what a slip of the finger is compared with.
        for name in (cmd_name,) if cmd_name in self._later else self._later:
            if name not in self.commands:
                module, _, attribute = self._later[name].partition(":")
                self.add_command(getattr(import_module(module), attribute), name)
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ConvoError as error:
            raise Failure(str(error)) from error
        except OSError as error:
            if error.errno not in _FULL:
                raise
            with suppress(OSError):
                sys.stdout.close()  # else what is left in it is tried once more in the end
            raise Failure(f"not all could be written: {error.strerror}") from error
        except click.NoSuchOption as error:
            name = error.option_name
            if any(name in option.opts for option in self.params):
                raise click.UsageError(f"{name} stands before the command: convo {name} ... list", error.ctx) from error
            raise


@contextmanager
def api_errors_told() -> Iterator[None]:
    """Turn an error of the API, such as a wrong key, into a `Failure`."""
    import openai

    try:
        yield
    except openai.OpenAIError as error:
        raise Failure(f"the API gave no answer: {error}") from error
