"""Logging: the loggers `convo.*`, with structured fields named `convo_*`, and never what was said.

A record holds a constant message, and beside it ids, counts and codes. It holds no content, no transcript, no key (of the
API or of the caller), no owner, no URL and no message of a driver: those hold what was stored. So no record carries an
exception (`exc_info`), only its code.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

logging.getLogger("convo").addHandler(logging.NullHandler())

_CODE = re.compile(r"[A-Za-z][\w.-]{0,63}", re.ASCII)


def code_of(error: BaseException) -> str:
    """Give the code of an error where it has one, else the name of its type; what is no word is no code."""
    code = getattr(error, "code", None)
    return code if isinstance(code, str) and _CODE.fullmatch(code) else type(error).__name__


def note(logger: logging.Logger, level: int, message: str, **fields: Any) -> None:
    """Log a constant message with fields: ids, numbers and codes, of an `error` its code."""
    if logger.isEnabledFor(level):
        extra = {f"convo_{name}": _plain(value) for name, value in fields.items() if value is not None}
        logger.log(level, message, extra=extra, stacklevel=2)


def _plain(value: object) -> object:
    if isinstance(value, BaseException):
        return code_of(value)
    return value if isinstance(value, int | float | str) else str(value)


class Swallowed:
    """Like `contextlib.suppress`, and tells the logger of what was suppressed."""

    def __init__(
        self, logger: logging.Logger, message: str, kind: type[Exception] = Exception, level: int = logging.WARNING, **fields: Any
    ) -> None:
        self._logger = logger
        self._message = message
        self._kind = kind
        self._level = level
        self._fields = fields

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        """Tell, and go on behind the block."""
        if not isinstance(error, self._kind):
            return False
        note(self._logger, self._level, self._message, error=error, **self._fields)
        return True
