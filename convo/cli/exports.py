"""The commands `export` and `import`: tables for analysis, documents for people, sessions that come back."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from convo.cli import records
from convo.cli.blobs import blobs_option
from convo.cli.faults import Failure
from convo.cli.progress import progress, waiting
from convo.cli.screen import line
from convo.cli.stats import Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    import convo
    from convo.cli.place import Place

TABLES = ("parquet", "jsonl", "csv")
DOCUMENTS = ("session", "html", "md", "srt", "vtt", "finetune")
ENDINGS = {"session": "json", "finetune": "jsonl"}
PAGE = 500


class _Begin(Moment):
    """A time, or "last"."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read it."""
        return value if value == "last" else super().convert(value, param, ctx)


class _Pair(click.ParamType[tuple[str, Any]]):
    """A key of the metadata and its value: JSON where it is a number, true or false, else text."""

    name = "pair"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """Read it."""
        key, equals, text = value.partition("=")
        if not key or not equals:
            self.fail(f"{value!r} is no pair; write KEY=VALUE", param, ctx)
        try:
            found = json.loads(text)
        except ValueError:
            return key, text
        return key, found if isinstance(found, str | int | float) else text


class _Function(click.ParamType[Any]):
    """A function of a module that is installed, or lies in the folder where the command runs."""

    name = "function"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Import it."""
        module, _, name = value.partition(":")
        sys.path.insert(0, os.getcwd())  # noqa: PTH109 - a path in text
        try:
            found = getattr(import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            self.fail(f"{value!r} cannot be imported ({error}); write MODULE:FUNCTION", param, ctx)
        finally:
            sys.path.pop(0)
        if not callable(found):
            self.fail(f"{value!r} is no function", param, ctx)
        return found


@click.command(short_help="Write tables, documents or sessions to files.")
@click.argument("out", type=click.Path())
@click.option("--format", "format_", type=click.Choice([*TABLES, *DOCUMENTS]), default="parquet", show_default=True)
@click.option("--conversation", metavar="ID", help="Only this conversation, into the file OUT (- is the screen). Not for tables.")
@click.option("--tables", metavar="NAME,...", help="Only these: conversations, messages, audio, exchanges, turns.")
@click.option("--since", type=_Begin(), metavar="TIME|last", help="What is not older; last: what is new since the last export.")
@click.option("--until", type=Moment(), metavar="TIME", help="What is older.")
@click.option("--anonymous", type=click.Path(dir_okay=False), metavar="FILE", help="Pseudonyms by the secret in FILE, no text.")
@click.option("--redact", type=_Function(), metavar="MODULE:FUNCTION", help="With --anonymous: texts as the function gives them.")
@click.option("--metadata", type=_Pair(), multiple=True, metavar="KEY=VALUE", help="Only conversations with it; repeatable.")
@click.option("--audio", is_flag=True, help="With the sound: players in html, bytes in session.")
@click.option("--everyone", is_flag=True, help="What all owners have.")
@blobs_option
@click.option("--json", "as_json", is_flag=True, help="Say what was written as JSON.")
@click.pass_obj
def export(
    place: Place, out: str, format_: Any, conversation: str | None, tables: str | None, since: Any, until: datetime | None,
    anonymous: str | None, redact: Any, metadata: tuple[tuple[str, Any], ...], stores: tuple[Any, ...],
    *, audio: bool, everyone: bool, as_json: bool,
) -> None:  # fmt: skip
    """Write conversations to files: tables to the folder OUT, documents to a file of OUT each.

    \b
    convo export out                                       Parquet, a folder a table, partitioned by month
    convo export out --since last                          what is new since then
    convo export out.html --format html --conversation ID --audio
    convo export sessions --format session                 all conversations, for convo import
    convo export tune.jsonl --format finetune              one file for all

    An export of tables that was interrupted goes on with the same command. Documents replace no file.
    """  # noqa: D301 - the mark of click for lines to leave as they are
    _check(format_, tables=tables, conversation=conversation, anonymous=anonymous, audio=audio, since=since)
    if redact is not None and anonymous is None:
        reason = "--redact is for --anonymous"
        raise click.UsageError(reason)
    if metadata and conversation is not None:
        reason = "--metadata chooses among all conversations; leave --conversation out"
        raise click.UsageError(reason)
    filters = dict(metadata) or None
    with place.existing(everyone=everyone, blobs=list(stores) or None) as store:
        if format_ in TABLES:
            named = None if tables is None else [name.strip() for name in tables.split(",")]
            secret = None if anonymous is None else _secret(anonymous, redact)
            chosen = {"tables": named, "metadata": filters, "since": since, "until": until, "anonymous": secret}
            with progress("exported", quiet=as_json) as tell:
                told = attrs.asdict(store.export(out, format=format_, progress=tell, **chosen))
        else:
            times = {"metadata": filters, "since": since, "until": until}
            with waiting("writing", quiet=as_json or out == "-"):
                told = _documents(store, out, format_, conversation, times, audio=audio)
        if not told["files"] and not store.conversations(limit=1):
            place.tell_empty(store, everyone=everyone)
    if as_json:
        click.echo(records.written(told))
    else:
        rows = ", ".join(f"{count:,} {name}" for name, count in told.get("rows", {}).items())
        click.echo(f"{line(out)}: {told['files']:,} file{'' if told['files'] == 1 else 's'}{rows and f' of {rows}'}", err=True)


def _check(format_: str, *, tables: Any, conversation: Any, anonymous: Any, audio: bool, since: Any) -> None:
    wrong = {"--tables": tables, "--anonymous": anonymous, "--since last": since == "last"}
    if format_ in TABLES:
        wrong = {"--conversation": conversation, "--audio": audio}
    elif format_ not in ("session", "html"):
        wrong["--audio"] = audio
    if given := [name for name, value in wrong.items() if value]:
        raise click.UsageError(f"{given[0]} is not for --format {format_}")


def _secret(path: str, redact: Callable[[str], str] | None) -> convo.Anonymous:
    import convo

    with reading(path):
        secret = Path(path).read_bytes().strip()
    return convo.Anonymous(secret, redact=redact)


# --- documents -------------------------------------------------------------------------------------


def _documents(
    store: convo.Store, out: str, format_: Any, conversation: str | None, chosen: Mapping[str, Any], *, audio: bool
) -> dict[str, Any]:
    if conversation is not None:
        put(out, _text(store.get(conversation), format_, audio=audio))
        return {"path": out, "format": format_, "files": 1}
    chats = _all(store, chosen)
    if format_ == "finetune":
        put(out, "".join(_text(chat, format_, audio=False) for chat in chats))
        return {"path": out, "format": format_, "files": 1}
    files = 0
    with _writing(out):
        Path(out).mkdir(parents=True, exist_ok=True)
    for chat in chats:
        put(os.path.join(out, f"{chat.id}.{ENDINGS.get(format_, format_)}"), _text(chat, format_, audio=audio))  # noqa: PTH118 - a path in text
        files += 1
    return {"path": out, "format": format_, "files": files}


def _all(store: convo.Store, chosen: Mapping[str, Any]) -> Iterator[convo.Conversation]:
    page: list[convo.Conversation] = []
    while page := store.conversations(limit=PAGE, **chosen, after=page[-1] if page else None):
        yield from page


def _text(chat: convo.Conversation, format_: Any, *, audio: bool) -> str:
    return chat.session(audio=audio) if format_ == "session" else chat.document(format_, audio=audio)


@contextmanager
def _writing(path: str) -> Iterator[None]:
    """Turn an error of the system into a `Failure`."""
    try:
        yield
    except FileExistsError as error:
        raise Failure(f"{path} is there already: name another file") from error
    except OSError as error:
        raise Failure(f"cannot write {path}: {error.strerror or error}") from error


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Turn an error of the system into a `Failure`."""
    try:
        yield
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror or error}") from error


def put(path: str, text: str) -> None:
    """Write a file that is not there yet, whole or not at all."""
    if path == "-":
        click.echo(text, nl=False)
        return
    folder = os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120 - no link is resolved
    with _writing(path):
        opened, name = tempfile.mkstemp(prefix=".convo-", dir=folder)
        try:
            with open(opened, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - a descriptor
                file.write(text)
            if os.path.lexists(path):
                raise FileExistsError
            os.link(name, path)
        finally:
            with suppress(OSError):
                os.unlink(name)  # noqa: PTH108 - a path in text
