"""Entries of the TOML files that describe models and servers: read, laid over each other, and checked key by key.

Of the files that come with convo an entry is read when it is asked for: all of them take 15 ms, and a process asks for few.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeVar

from convo.errors import InvalidContent

if TYPE_CHECKING:
    from collections.abc import Collection

T = TypeVar("T")
Shape = dict[str, tuple[type, ...]]
"""The keys that a table may have, each with the types of its values."""
SAME_AS = "same_as"
"""The key that names the entry from which another one takes what it does not say."""


def document(data: bytes, shape: Shape, where: str) -> dict[str, Any]:
    """Give the top table of a TOML file. Raises `InvalidContent`, which names the file by `where`."""
    import tomllib

    try:
        found = tomllib.loads(data.decode(), parse_float=Decimal)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidContent(f"{where} is no TOML ({error})", "correct the file") from error
    return table(found, shape, where)


class Later(Mapping[str, T]):
    """Values by their names, each made when it is first asked for."""

    def __init__(self, names: Iterable[str], make: Callable[[str], T]) -> None:
        self._names = dict.fromkeys(names)
        self._make = make
        self._made: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        if name not in self._made:
            if name not in self._names:
                raise KeyError(name)
            self._made[name] = self._make(name)
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return repr(dict(self))


_HEADER = re.compile(r"^\[(?:models|servers)\.(?:\"([^\"]+)\"|([\w-]+))\]$", re.MULTILINE)
"""Where an entry begins in a file of ours. It reaches to the next one: its tables stand right below it."""


def packaged(file: str, kind: str, shape: Shape) -> dict[str, Any]:
    """Give the top table of a file of ours, whose entries, of one kind, are read later."""
    text = resources.files("convo").joinpath(file).read_text("utf-8")  # whatever ends its lines
    headers = list(_HEADER.finditer(text))
    begins = [*(header.start() for header in headers), len(text)]
    texts = {header[1] or header[2]: text[begins[index] : begins[index + 1]] for index, header in enumerate(headers)}
    where = f"convo/{file}"
    return {**document(text[: begins[0]].encode(), shape, where), kind: Later(texts, partial(_entry, texts, kind, shape, where))}


def _entry(texts: Mapping[str, str], kind: str, shape: Shape, where: str, name: str) -> Any:
    return document(texts[name].encode(), shape, where)[kind][name]


def merged(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Give our entries with theirs laid over, key by key. What is no table is kept, to be refused by name."""
    return {**ours, **{name: over(ours.get(name, {}), entry) for name, entry in theirs.items()}}


def over(below: Mapping[str, Any], entry: object) -> object:
    """Give a table laid over another; what is no table is given back."""
    return {**below, **entry} if isinstance(entry, dict) else entry


def base_of(name: str, entries: Mapping[str, Any], where: str) -> str | None:
    """Give the name of the entry that this one is the same as, None for one that stands on its own.

    Raises `InvalidContent` where there is no such entry, and where entries stand on each other in a ring.
    """
    first, seen = _base(name, entries, where), {name}
    found = first
    while found is not None:
        if found in seen:
            raise InvalidContent(f"{where}, {name!r}: same_as leads back to {found!r}", "name an entry that stands on its own")
        seen.add(found)
        found = _base(found, entries, where)
    return first


def _base(name: str, entries: Mapping[str, Any], where: str) -> str | None:
    entry = entries[name]
    base = entry.get(SAME_AS) if isinstance(entry, dict) else None
    if isinstance(base, str) and base not in entries:
        raise InvalidContent(f"{where}, {name!r}: same_as = {base!r} names no entry", f"use one of {', '.join(sorted(entries))}")
    return base if isinstance(base, str) else None


def without(entry: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    """Give an entry without some of its keys."""
    return {key: value for key, value in entry.items() if key not in keys}


def made(kind: type, facts: Mapping[str, Any], where: str) -> Any:
    """Make a value of the facts of a file. Raises `InvalidContent` that names the place."""
    try:
        return kind(**facts)
    except InvalidContent as error:
        raise InvalidContent(f"{where}: {error}", "correct the file") from error


def table(value: object, shape: Shape, where: str) -> dict[str, Any]:
    """Give a table whose keys are in `shape`, each with a value of its types. Raises `InvalidContent` for any other."""
    if not isinstance(value, dict):
        raise InvalidContent(f"{where} is {value!r}", "write a table")
    for key, item in value.items():
        if key not in shape:
            raise InvalidContent(f"{where}: {key!r} is not known", f"use {', '.join(shape)}")
        # The exact type: true is an int to Python, and a time is a date.
        if type(item) not in shape[key] or not _filled(item):
            raise InvalidContent(f"{where}: {key} is {item!r}", f"write {_words(shape[key])}")
    return value


def _filled(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) and item for item in value)
    if isinstance(value, str):
        return bool(value)
    return not isinstance(value, int) or value >= 0


def _words(types: tuple[type, ...]) -> str:
    words = {str: "a text", bool: "true or false", int: "a whole number", list: "a list of texts", dict: "a table"}
    return " or ".join({**words, Decimal: "a number", dt.date: "a date such as 2027-01-20"}[type_] for type_ in types)
