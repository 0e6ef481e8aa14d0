"""The packages that only parts of the fake need, and the error that says how to install them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from convo.errors import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGES = frozenset({"openai", "httpx2", "starlette", "uvicorn", "websockets"})


@contextmanager
def needs_testing_extra(purpose: str) -> Iterator[None]:
    """Turn a failed import of an optional package in the block into `MissingDependency`."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _PACKAGES:
            raise
        raise MissingDependency(package, "testing", purpose) from error
