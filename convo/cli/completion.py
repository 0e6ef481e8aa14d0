"""The command `completion`: what a shell has to read so that the Tab key knows commands and options."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print the script for completion in a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script by which a shell completes commands, options, choices and paths.

    \b
    convo completion bash > ~/.local/share/bash-completion/completions/convo
    convo completion zsh > ~/.zfunc/_convo              in a folder of fpath
    convo completion fish > ~/.config/fish/completions/convo.fish
    """  # noqa: D301 - the mark of click for lines to leave as they are
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:  # an older click
        raise click.UsageError(f"this click does not know the shell {shell}", ctx)
    root = ctx.find_root().command
    # The script asks the command `convo`, which must be on the path, for what may come next.
    click.echo(kind(root, {}, "convo", "_CONVO_COMPLETE").source())
