"""Which formats there are, and what opens each."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Literal, Protocol

from convo.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.importers.foreign import ForeignConversation, Skipped

Source = Literal["chatgpt", "jsonl", "langchain", "llm", "openai", "openai-agents"]
FORMATS: tuple[Source, ...] = ("chatgpt", "jsonl", "langchain", "llm", "openai", "openai-agents")
_FILES = ("chatgpt", "jsonl")
_TABLES = ("langchain", "openai-agents")
_URL = re.compile(r"[A-Za-z][\w+.-]*://[^/]")


class Reading(Protocol):
    """A source that is open: `done` of `total` of it are read, in units of its own."""

    done: int
    total: int

    def __iter__(self) -> Iterator[ForeignConversation | Skipped]:
        """Read its conversations, each when it is asked for."""

    def close(self) -> None:
        """Let go of it."""


def check_source(format_: str, source: object, table: str | None) -> None:
    """Raise `InputError` for a source that cannot be one of the format."""
    wanted = "a path" if format_ in _FILES else "a path or a URL of SQLAlchemy"
    if not isinstance(source, str | os.PathLike) or not os.fspath(source) or "\0" in os.fsdecode(source):
        raise InputError(
            f"{format_} is imported from {wanted}, not from {'' if isinstance(source, str) else 'a '}{_shown(source)}"
        )
    if format_ in _FILES and _URL.match(os.fsdecode(source)):
        raise InputError(f"{format_} is imported from a path, not from a URL; pass a path")  # which may hold a password
    if table is not None and (format_ not in _TABLES or not isinstance(table, str)):
        raise InputError(f"table= is the name of a table, for {' and '.join(_TABLES)}; leave it out for {format_}")


def _shown(source: object) -> str:
    return repr(source)[:100] if isinstance(source, str) else type(source).__name__


def opened(format_: str, source: str | os.PathLike[str], table: str | None) -> Reading:
    """Open a source. Raises `NotImportable`, and `MissingDependency` where a reader is not installed."""
    place = os.fsdecode(source)
    match format_:
        case "chatgpt":
            from convo.importers.chatgpt_files import ChatGPTExport

            return ChatGPTExport(place)
        case "jsonl":
            from convo.importers.jsonl import Lines

            return Lines(place)
        case "langchain":
            from convo.importers.langchain import Histories

            return Histories(place, table)
        case "llm":
            from convo.importers.llm import Logs

            return Logs(place)
    from convo.importers.agents import Sessions

    return Sessions(place, table)
