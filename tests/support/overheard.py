"""What `convo` logs in any test: each record is held against what a record may be, so that content has no place in it.

A message must be a literal of the sources, and every field one of `FIELDS`, of its closed kind: a number, an id, a digest, a
word that the sources hold. There is no kind for text, so it needs no canary to find what does not belong: content, keys,
owners and URLs fit none. The one thing that passes is content that is itself such a word.
"""

from __future__ import annotations

import functools
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import convo
from convo import errors

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGE = Path(convo.__file__).parent
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MODEL = re.compile(r"(?!\w+://)[\w.:/@-]{0,100}", re.ASCII)
"""A name without a space, or the empty one of a session that never said its model."""
_DATABASE_CODE = re.compile(r"[0-9A-Z]{5}|SQLITE_[A-Z_]+", re.ASCII)
_SCRIPTED = frozenset({"c-code", "content_policy_violation", "invalid_image", "no_luck", "odd", "overloaded"})
"""Codes that tests have the API give, and the sources do not know."""
_STANDARD = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})


@functools.cache
def _sources() -> str:
    return "\n".join(path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))


@functools.cache
def _said(text: object) -> bool:
    """Whether the sources of convo, without those of its fake, hold a message as a literal."""
    files = (path for path in PACKAGE.rglob("*.py") if "testing" not in path.relative_to(PACKAGE).parts)
    return isinstance(text, str) and any(f'"{text}"' in path.read_text("utf-8") for path in files)


def _errors(base: type[BaseException]) -> set[str]:
    return {base.__name__}.union(*map(_errors, base.__subclasses__()))


def _number(value: object) -> bool:
    return isinstance(value, int | float)


def _matches(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


@functools.cache
def _code(value: object) -> bool:
    """Whether it is a code: of convo, of the fake of the API, of a database, or the name of a class of errors."""
    if not isinstance(value, str) or value.startswith("sk-"):
        return False
    if _DATABASE_CODE.fullmatch(value) is not None or value in _SCRIPTED:
        return True
    return f'"{value}"' in _sources() or value in _errors(BaseException) | _codes()


def _codes() -> set[str]:
    return {value.code for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.ConvoError)}


@functools.cache
def _name(value: object) -> bool:
    """Whether it is the name of a class or function of convo."""
    return isinstance(value, str) and re.search(rf"(class|def) {re.escape(value)}\b", _sources()) is not None


_is_id = _matches(_ID)
FIELDS: dict[str, Callable[[Any], bool]] = {
    "convo_conversation": _is_id, "convo_exchange": _is_id, "convo_digest": _matches(_DIGEST), "convo_attempt": _number,
    "convo_position": _number, "convo_interrupted": _number, "convo_input_tokens": _number, "convo_output_tokens": _number,
    "convo_calls": _number, "convo_api": _code, "convo_code": _code, "convo_error": _code, "convo_what": _name,
    "convo_problem": _name, "convo_model": _matches(_MODEL), "convo_successor": _matches(_MODEL),
}  # fmt: skip
"""Every field that a record may have, and what it may hold."""


def problems(record: logging.LogRecord) -> list[str]:
    """Give what a record holds that it may not hold."""
    found = [] if _said(record.msg) else [f"its message is no literal of the sources: {record.msg!r}"]
    found += [f"it has {name}" for name in ("args", "exc_info", "exc_text", "stack_info") if getattr(record, name, None)]
    for name, value in vars(record).items():
        if name not in _STANDARD and not FIELDS.get(name, _never)(value):
            found.append(f"{name}={value!r} is none of what may be logged")
    return found


def _never(value: object) -> bool:
    del value
    return False


class Overheard(logging.Handler):
    """Hears every record of convo, from whatever thread, and remembers those that hold what they may not."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard = 0
        self.wrong: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look at a record by the name of its logger, or of the file that made it."""
        if record.name.partition(".")[0] == "convo" or Path(record.pathname).is_relative_to(PACKAGE):
            self.heard += 1
            self.wrong += [f"{record.name}, {record.pathname}:{record.lineno}: {what}" for what in problems(record)]

    def taken(self) -> list[str]:
        """Give what was wrong, and forget it."""
        found, self.wrong = self.wrong, []
        return found
