"""What an export is: its formats, what it became, and how its owners are made anonymous. Pure values."""

from __future__ import annotations

import hmac
import sys
from functools import partial
from types import CodeType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import attrs

from convo.checks import check_type
from convo.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from convo.analysis.columns import Description

Format = Literal["parquet", "jsonl", "csv"]
FORMATS: tuple[Format, ...] = ("parquet", "jsonl", "csv")
LEAST_SECRET = 16
"""Bytes of a secret that nobody guesses."""
_SAID = frozenset({"text", "transcript", "translation", "title"})
_LEFT_OUT = frozenset({"key", "metadata", "hold", "request_id", "audio_id", "digest", "origin"})
"""Columns that may name somebody, or tell whoever has the same data that it is the same: null in an anonymous export."""


@attrs.frozen
class Exported:
    """What an export wrote: into which folder, how many rows of each table, and in how many files and bytes.

    It holds what was there in [since, until), in microseconds since 1970, and what the export before it could not see yet;
    `since` is None where it goes back to the beginning.
    """

    path: str
    format: Format
    rows: Mapping[str, int]
    files: int
    bytes: int
    since: int | None
    until: int


@attrs.frozen(repr=False, init=False)
class Anonymous:
    """How an export is made anonymous: owners and ids become pseudonyms, the same wherever the same secret is used.

    A pseudonym is an HMAC-SHA256 by the `secret`, of which nobody without it can say whose it is; whoever has it can, so keep it
    apart. `redact` sees each text (messages, transcripts, titles, arguments of tools) and gives what is to stand there; without
    it no text is exported. Keys, metadata, ids and digests that others know are left out, and so is all audio.

        convo.Anonymous(secret, redact=lambda text: re.sub(r"[0-9]{4,}", "...", text))

    It does not make what people say about themselves anonymous: that is what `redact` is for.
    """

    secret: bytes
    redact: Callable[[str], str] | None

    def __init__(self, secret: str | bytes, *, redact: Callable[[str], str] | None = None) -> None:
        check_type(secret, (str, bytes), "Anonymous()", "a secret, as text or bytes")
        key = secret.encode() if isinstance(secret, str) else secret
        if len(key) < LEAST_SECRET:
            reason = f"a secret of {len(key)} bytes can be guessed; pass at least {LEAST_SECRET} random ones"
            raise InputError(reason)
        if redact is not None and not callable(redact):
            reason = f"redact= takes a function from text to text, not a {type(redact).__name__}"
            raise InputError(reason)
        self.__attrs_init__(key, redact)

    def __repr__(self) -> str:
        """Show nothing of the secret."""
        return "Anonymous(...)"

    @property
    def fingerprint(self) -> str:
        """Tell secrets apart, and nothing of them."""
        return self._digest("export")

    def pseudonym(self, name: str) -> str:
        """Give the pseudonym of an owner: 32 hex digits."""
        return self._digest(f"owner\0{name}")

    def id(self, identifier: str) -> str:
        """Give the pseudonym of an id, which looks like one."""
        found = self._digest(f"id\0{identifier}")
        return "-".join((found[:8], found[8:12], found[12:16], found[16:20], found[20:]))

    def _digest(self, name: str) -> str:
        return hmac.digest(self.secret, name.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]

    def said(self, text: str) -> str | None:
        """Give what is to stand for a text. Raises `InputError` where `redact` gives no text."""
        if self.redact is None:
            return None
        found = self.redact(text)
        if not isinstance(found, str):
            reason = f"redact() gave a {type(found).__name__} for a text; it gives the text that is to stand there"
            raise InputError(reason)
        return found

    def batch(self, description: Description, batch: Any) -> Any:
        """Give a record batch of a table without what names somebody."""
        import pyarrow as pa

        columns = []
        for column, values in zip(description, batch.columns, strict=True):
            columns.append(self._column(pa, column.name, column.kind, values))
        return pa.RecordBatch.from_arrays(columns, schema=batch.schema)

    def _column(self, pa: Any, name: str, kind: str, values: Any) -> Any:
        if name in _LEFT_OUT:
            return pa.nulls(len(values), values.type)
        if name == "owner":
            return _each(pa, values, self.pseudonym)
        if kind == "id":
            return _each(pa, values, self.id)
        if name in _SAID:
            return pa.array([None if text is None else self.said(text) for text in values.to_pylist()], values.type)
        if kind == "calls":
            return pa.array([self._calls(calls) for calls in values.to_pylist()], values.type)
        return values

    def _calls(self, calls: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
        return calls and [{**call, "arguments": self.said(call["arguments"])} for call in calls]


class Rule(NamedTuple):
    """A function, as far as it can be told from another: its name, its code, and the version of Python that made the code."""

    name: str
    code: list[Any]
    made_by: str


def rule_of(function: Callable[[str], str]) -> Rule:
    """Tell a function: by its name, its code, and the plain values that it was made with; not by what those call."""
    inner = function.func if isinstance(function, partial) else function
    name = f"{getattr(inner, '__module__', None)}:{getattr(inner, '__qualname__', type(inner).__qualname__)}"
    plain = getattr(inner, "__func__", inner)
    code = getattr(plain, "__code__", None) or getattr(type(plain).__call__, "__code__", None)
    cells = [cell.cell_contents for cell in getattr(plain, "__closure__", None) or ()]
    given = [*function.args, *function.keywords.items()] if isinstance(function, partial) else []
    made_with = _values([*cells, *(getattr(plain, "__defaults__", None) or ()), *given])
    return Rule(name, [_code(code) if code is not None else None, made_with], ".".join(map(str, sys.version_info[:2])))


def _code(code: CodeType) -> list[Any]:
    inner = [_code(value) for value in code.co_consts if isinstance(value, CodeType)]
    return [code.co_code.hex(), list(code.co_names), _values(code.co_consts), inner]


def _values(values: Iterable[Any]) -> list[str]:
    """Give plain values as text; others have none that is the same in another process."""
    return [repr(value) for value in values if _is_plain(value)]


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, _PLAIN) or (isinstance(value, tuple) and all(map(_is_plain, value)))


_PLAIN = (str, bytes, int, float)


def _each(pa: Any, values: Any, changed: Callable[[str], str]) -> Any:
    """Change each value once, however often it is there."""
    coded = values.dictionary_encode()
    return pa.array([changed(value) for value in coded.dictionary.to_pylist()], values.type).take(coded.indices)
