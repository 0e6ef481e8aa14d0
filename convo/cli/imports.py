"""The command `import`: sessions that `export` wrote, and the conversations of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convo.cli import records
from convo.cli.blobs import blobs_option
from convo.cli.exports import reading
from convo.cli.faults import Failure, api_errors_told
from convo.cli.lines import counted
from convo.cli.progress import clear, progress
from convo.cli.screen import line
from convo.importers.sources import FORMATS

if TYPE_CHECKING:
    import convo
    from convo.cli.place import Place


@click.command("import", short_help="Make conversations again, or bring those of another program.")
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@click.option(
    "--from", "format_", type=click.Choice(["session", *FORMATS]), default="session", show_default=True, help="What SOURCE is."
)
@click.option("--table", metavar="NAME", help="The table of messages, where it has not its usual name: for databases.")
@blobs_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.pass_context
def import_(
    ctx: click.Context, sources: tuple[str, ...], format_: str, table: str | None, stores: tuple[Any, ...], *, as_json: bool
) -> None:
    """Make the conversations again that `convo export --format session` wrote, or bring those of another program.

    \b
    convo import sessions/*.json
    convo import --from chatgpt export.zip                 or its folder, or conversations.json
    convo import --from openai-agents postgresql://...     or the path of a SQLite file; so for langchain
    convo import --from llm "$(llm logs path)"
    convo import --from jsonl requests.jsonl               {"messages": [...]} a line
    convo import --from openai                             what the API has stored, by OPENAI_API_KEY

    A SQLite file that is not there yet is made. What is there already stays as it is, and what has grown grows: interrupted, the
    same command goes on. The exit code is 1 where a conversation could not be imported.
    """  # noqa: D301 - the mark of click for lines to leave as they are
    place: Place = ctx.obj
    if not sources and format_ != "openai":
        raise click.UsageError("name what to import")
    if format_ == "session":
        if table is not None:
            raise click.UsageError("--table is for databases of other programs")
        _check_sessions(sources)
    with place.written(blobs=list(stores) or None) as store:
        if format_ == "session":
            _sessions(store, sources, as_json=as_json)
            return
        done = [_foreign(store, format_, source, table, quiet=as_json) for source in _sources(format_, sources)]
    if as_json:
        click.echo(records.written([one.to_dict() for one in done]))
    for one in done if not as_json else ():
        _say(one)
    ctx.exit(1 if any(one.skipped for one in done) else 0)


def _sources(format_: str, sources: tuple[str, ...]) -> list[Any]:
    """Give what to import from: for the API the client that its environment variables make."""
    if format_ != "openai":
        return list(sources)
    if sources:
        raise click.UsageError("--from openai takes no source: it reads what the API has stored, by OPENAI_API_KEY")
    try:
        import openai
    except ModuleNotFoundError as error:
        from convo.errors import MissingDependency

        raise MissingDependency("openai", "openai", "reading what the API has stored") from error
    with api_errors_told():
        return [openai.OpenAI()]


def _foreign(store: convo.Store, format_: Any, source: Any, table: str | None, *, quiet: bool) -> convo.Imported:
    import convo

    kind = "bytes" if format_ in ("chatgpt", "jsonl") else "conversations"
    with progress("read", of=kind, quiet=quiet) as tell:
        try:
            if format_ != "openai":
                return store.import_from(format_, source, table=table, progress=tell)
            with api_errors_told():
                return store.import_from(format_, source, progress=tell)
        except convo.NotImportable as error:
            if error.report is not None and error.report.conversations and not quiet:
                clear()
                _say(error.report)
            raise


def _say(done: convo.Imported) -> None:
    counts = {"new": done.created, "grown": done.grown, "not imported": done.skipped}
    there = done.conversations - sum(counts.values())
    said = ", ".join(f"{count:,} {word}" for word, count in {**counts, "there already": there}.items() if count)
    added = [counted(done.messages, "message"), f"{done.branches:,} branch{'' if done.branches == 1 else 'es'}"]
    click.echo(f"{counted(done.conversations, 'conversation')}{said and f' ({said})'}; added {' and '.join(added)}")
    for lost in done.not_carried:
        click.echo(
            f"not carried: {lost.count:,} x {lost.kind}, first in {line(lost.conversation)}: {line(lost.reason)}", err=True
        )


def _check_sessions(files: tuple[str, ...]) -> None:
    """Read all files before anything is made, a new store among it."""
    from convo.errors import NotASession
    from convo.store import session_files

    for file in files:
        with reading(file):
            text = Path(file).read_bytes()
        try:
            session_files.read(text)
        except NotASession as error:
            raise Failure(f"{file}: {error}") from error


def _sessions(store: convo.Store, files: tuple[str, ...], *, as_json: bool) -> None:
    import convo

    found: list[dict[str, Any]] = []
    with progress("imported", of="files", quiet=as_json) as tell:
        for file in files:
            with reading(file):
                text = Path(file).read_bytes()
            try:
                chat = store.import_session(text)
            except convo.NotASession as error:
                raise Failure(f"{file}: {error}") from error
            found.append(records.conversation(chat))
            if tell is not None:
                tell(len(found), len(files))
    if as_json:
        click.echo(records.written(found))
        return
    for one in found:
        click.echo(f"{one['id']}  {one['head']:,} messages  {line(one['title'] or '')}".rstrip())
