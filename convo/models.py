"""What each model takes, costs and when it ends: a catalogue read from `models.toml`, which a caller can extend.

What is not known is None, and a model that is not known is sent what the caller asks for. The catalogue holds the servers
of `convo/servers.py` too, so that an application describes all it talks to in one file.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from convo.entries import SAME_AS, Later, base_of, document, made, merged, over, packaged, table, without
from convo.errors import InvalidContent

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from convo.entries import Shape
    from convo.servers import Server

KINDS = (
    "text_in", "text_out", "audio_in", "audio_out", "image_in", "cached_in", "cached_audio_in", "cache_write",
    "minutes_in", "minutes_out", "characters_in", "cached_image_in",
)  # fmt: skip
"""Parts of a cost, by the names of `Prices`."""
_DATED = re.compile(r"(.+)-\d{4}-\d{2}-\d{2}")
_CURRENCY = re.compile(r"[A-Za-z][\w-]{0,15}", re.ASCII)
"""ISO 4217 has three letters; a gateway's own credits may have more. It is stored beside every cost."""
SOON = 60
"""Days before a shutdown from which a model counts as one that ends soon."""
_DECIMALS = 6
"""Decimals of a rate for a million tokens: one more and a token would cost a fraction of 10**-12, the unit of storage."""
_MOST = 10**9
"""A rate past this is a mistake, and its bill would not fit the 64 bits of a stored cost."""


def undated(name: str) -> str:
    """Give the name of a model without its date: `gpt-audio` for `gpt-audio-2025-08-28`."""
    match = _DATED.fullmatch(name)
    return match[1] if match else name


def _rate(value: Decimal | int | str | None) -> Decimal | None:
    """Make a rate exact. A float is refused: it is not the number that was written."""
    if value is None:
        return None
    found = Decimal(value) if isinstance(value, Decimal | int) and not isinstance(value, bool) else _parsed(value)
    if not found.is_finite() or not 0 <= found < _MOST or 10**_DECIMALS % found.as_integer_ratio()[1]:
        raise InvalidContent(f"{value} is no price", f"pass a number, zero or more, with at most {_DECIMALS} decimals")
    return found


def _currency(value: object) -> str:
    if not isinstance(value, str) or _CURRENCY.fullmatch(value) is None:
        raise InvalidContent(f"{value!r} is no currency", "write a code such as USD")
    return value


def _multiple(value: Decimal | int | None) -> Decimal | None:
    """Make a multiple of a price exact."""
    found = None if value is None else Decimal(value)
    if found is not None and not (found.is_finite() and found >= 0):
        raise InvalidContent(f"{value} is no multiple of a price", "pass zero or more")
    return found


def _parsed(value: object) -> Decimal:
    if isinstance(value, str):
        try:
            return Decimal(value)
        except ArithmeticError:
            pass
    raise InvalidContent(f"{value!r} is no price", "pass a Decimal, a whole number, or its text")


@attrs.frozen(kw_only=True)
class Prices:
    """Prices for 1,000,000 tokens by kind, exact; None is unknown.

    `cached_in`, `cached_audio_in` and `cached_image_in` are what tokens read from the cache cost; where they are None,
    cached tokens cost what others of their kind do. So do tokens written to the cache, unless `cache_write` says what they
    cost. `minutes_in` and `minutes_out` are for one minute of sound, to the millisecond, `characters_in` for 1,000,000
    characters. All are in one currency, and hold for calls that the API serves in its usual way (no service tier).
    """

    text_in: Decimal | None = attrs.field(default=None, converter=_rate)
    text_out: Decimal | None = attrs.field(default=None, converter=_rate)
    audio_in: Decimal | None = attrs.field(default=None, converter=_rate)
    audio_out: Decimal | None = attrs.field(default=None, converter=_rate)
    image_in: Decimal | None = attrs.field(default=None, converter=_rate)
    cached_in: Decimal | None = attrs.field(default=None, converter=_rate)
    cached_audio_in: Decimal | None = attrs.field(default=None, converter=_rate)
    cache_write: Decimal | None = attrs.field(default=None, converter=_rate)
    minutes_in: Decimal | None = attrs.field(default=None, converter=_rate)
    minutes_out: Decimal | None = attrs.field(default=None, converter=_rate)
    characters_in: Decimal | None = attrs.field(default=None, converter=_rate)
    cached_image_in: Decimal | None = attrs.field(default=None, converter=_rate)
    input_up_to: int | None = None
    """Tokens of input for which the prices hold; what a longer request costs is unknown. None: any number."""
    currency: str = attrs.field(default="USD", converter=_currency)
    source: str = ""
    """Where the prices were read."""
    date: dt.date | None = None
    """When they were read."""


@attrs.frozen(kw_only=True)
class Model:
    """One model. None, and an empty `apis`, mean that it is not known."""

    name: str
    family: str
    """Models of one family may replay each other's audio ids: the name without its date."""
    audio: bool | None = None
    """Whether it takes and gives audio in conversations through its `apis`."""
    images: bool | None = None
    """Whether it takes images."""
    structured: bool | None = None
    """Whether it takes structured outputs, a `response_format` with a JSON schema."""
    context: int | None = None
    """Tokens, input and output together."""
    max_output: int | None = None
    """Tokens of one answer."""
    max_seconds: int | None = None
    """Seconds of the longest recording that it turns into text in one call."""
    apis: tuple[str, ...] = ()
    """`chat`, `responses`, `realtime`, `live`, `transcription`, `translation`, `speech`."""
    voices: tuple[str, ...] = ()
    """Built-in voices that it is known to have. It may have others, so that no voice is refused for not being here."""
    breakpoints: bool | None = None
    """Whether it takes `prompt_cache_options`, and cache breakpoints on parts of content; False: it refuses them."""
    cache_minimum: int | None = None
    """Tokens of the shortest beginning of a request that is cached."""
    cache_write_rate: Decimal | None = attrs.field(default=None, converter=_multiple)
    """What a token written to the cache costs, as a multiple of a text token's price."""
    cache_read_rate: Decimal | None = attrs.field(default=None, converter=_multiple)
    """What a text token read from the cache costs, as a multiple of its price."""
    prices: Prices | None = None
    """Read from a file that gives no price of cached tokens, they hold the ones that the rates above make."""
    shutdown: dt.date | None = None
    """The announced day from which requests are refused."""
    successor: str | None = None
    """The model to use then."""
    sources: tuple[str, ...] = ()
    known: bool = True
    """Whether the catalogue has an entry for it."""

    @property
    def discounts_cache(self) -> bool:
        """Whether the catalogue says that input read from the cache costs less."""
        prices = self.prices
        if prices is None:
            return False
        pairs = ((prices.cached_in, prices.text_in), (prices.cached_audio_in, prices.audio_in))
        return any(cached is not None and full is not None and cached < full for cached, full in pairs)

    def retired(self, day: dt.date) -> bool:
        """Say whether the model is shut down on that day."""
        return self.shutdown is not None and day >= self.shutdown

    def ends_within(self, day: dt.date, days: int = SOON) -> bool:
        """Say whether the model lives on that day, and is shut down so many days later or sooner."""
        return self.shutdown is not None and 0 < (self.shutdown - day).days <= days


def name_of(model: Model | None) -> str | None:
    """Give the name of a model, None of none."""
    return None if model is None else model.name


@attrs.frozen
class Catalogue:
    """Models by name, and servers. `table` names the price table and its date, to be stored beside every cost.

    `servers` are those that the application describes, the first that fits; None for those that come with convo.
    """

    models: Mapping[str, Model] = attrs.field(hash=False)
    table: str
    servers: Mapping[str, Server] | None = attrs.field(default=None, hash=False, repr=False)

    @classmethod
    def default(cls) -> Catalogue:
        """Give the catalogue that comes with convo."""
        return _default()

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, extend: bool = True) -> Catalogue:
        """Give the default catalogue, extended by a TOML file of the same shape; what the file says wins.

        A key of a model replaces that key only, but `prices` is replaced as a whole: it has one source and date. A model
        that is `same_as` another one takes from it what its entry does not say, its audio family too, but not when it ends:
        so is an Azure deployment named. A table `servers` describes servers (see `Server`) in the same way.
        With `extend=False` the file stands alone, and models that it does not name are not known; nor are servers, where it
        describes any. Raises `InvalidContent` for a file of another shape, and `OSError` as Python does.
        """
        where = str(path)
        found = document(Path(path).read_bytes(), _DOCUMENT, where)
        models, title = found.get("models", {}), _title(found, Path(path).stem)
        servers = _servers(found["servers"], where, extend=extend) if "servers" in found else None
        if not extend:
            return _catalogue(models, title, where, servers)
        return _catalogue(merged(_packaged()["models"], models), f"{cls.default().table} + {title}", where, servers)

    def with_servers(self, servers: Mapping[str, str | Server]) -> Catalogue:
        """Give the catalogue with servers by their address: `{"http://llm.internal/v1": "vllm"}`.

        An address is a base URL, a host, or a host with its port; what stands behind it is a `Server`, or the name of one.
        Raises `InvalidContent` for a name that nobody has, `InputError` for what is no such dict.
        """
        from convo.servers import with_addresses

        return attrs.evolve(self, servers=with_addresses(self.servers, servers))

    def server_of(self, client_or_origin: Any, model: str | None = None) -> Server:
        """Give what is known of the server that a client, or a base URL, leads to; nothing is asked of it.

        At an address that nobody knows, a model of OpenAI's is taken to be reached through a gateway: the server is then the
        API itself. For any other model it is `Server.unknown()`.
        """
        from convo.servers import API, server_of

        found = server_of(client_or_origin, self.servers)
        if found.known or model is None or not Catalogue.default().lookup(self.lookup(model).family).known:
            return found
        return server_of(API, self.servers)

    def billed(self, asked: str, answered: str | None) -> Model:
        """Give the model whose prices a call is billed by.

        That is the one that was asked, by its name as the application has it (an Azure deployment, say); but a dated version
        of it that the answer names counts as that version, and where the one asked has no prices, the one that answered does.
        """
        model = self.lookup(asked)
        if answered is None or answered == asked:
            return model
        if undated(answered) == asked or model.prices is None:
            found = self.lookup(answered)
            return found if found.prices is not None else model
        return model

    def lookup(self, name: str) -> Model:
        """Give the model of that name. `x-2026-01-31` is `x` unless it has its own entry; others are `known=False`."""
        if found := self.models.get(name):
            return found
        family = undated(name)
        if found := self.models.get(family):
            return attrs.evolve(found, name=name)
        return Model(name=name, family=family, known=False)

    def current(self, name: str, day: dt.date) -> Model:
        """Give the model, or the first of its successors that is not shut down on that day.

        Where none is known to live, the last one is given: check `retired`.
        """
        model = self.lookup(name)
        seen = {name}
        while model.retired(day) and model.successor is not None and model.successor not in seen:
            seen.add(model.successor)
            model = self.lookup(model.successor)
        return model

    def living(self, name: str, day: dt.date) -> Model | None:
        """Give the model, or the first of its successors, that is not shut down on that day; None where none is known."""
        found = self.current(name, day)
        return None if found.retired(day) else found


# --- reading ---------------------------------------------------------------------------------------

_DATE = (dt.date,)
_DOCUMENT: Shape = {"name": (str,), "date": _DATE, "models": (dict,), "servers": (dict,)}
_MODEL: Shape = {
    "family": (str,), "audio": (bool,), "images": (bool,), "structured": (bool,), "context": (int,),
    "max_output": (int,), "max_seconds": (int,), "apis": (list,), "voices": (list,), "breakpoints": (bool,),
    "cache_minimum": (int,), "cache_write_rate": (Decimal, int), "cache_read_rate": (Decimal, int),
    "prices": (dict,), "shutdown": _DATE, "successor": (str,), "sources": (list,),
    SAME_AS: (str,),
}  # fmt: skip
_PRICES: Shape = {
    **dict.fromkeys(KINDS, (Decimal, int)), "input_up_to": (int,), "currency": (str,), "source": (str,), "date": _DATE,
}  # fmt: skip
_PACKAGED = "convo/models.toml"
_OWN = ("shutdown", "successor")
"""What a model does not take from the one that it is `same_as`: who serves it under another name ends it on another day."""


@functools.cache
def _default() -> Catalogue:
    found = _packaged()
    models = Later(found["models"], functools.partial(_of, found["models"], _PACKAGED))
    return Catalogue(models, _title(found, _PACKAGED))


@functools.cache
def _packaged() -> dict[str, Any]:
    return packaged("models.toml", "models", _DOCUMENT)


def _title(found: Mapping[str, Any], name: str) -> str:
    """Give the name of a price table with its date, where it has one."""
    return " ".join(str(part) for part in (found.get("name", name), found.get("date")) if part)


def _servers(entries: Mapping[str, Any], where: str, *, extend: bool) -> Mapping[str, Server]:
    from convo.servers import described

    return described(entries, where, extend=extend)


def _catalogue(
    entries: Mapping[str, Any], title: str, where: str, servers: Mapping[str, Server] | None = None
) -> Catalogue:  # fmt: skip
    """Make models of entries."""
    return Catalogue({name: _of(entries, where, name) for name in entries}, title, servers)


def _of(entries: Mapping[str, Any], where: str, name: str) -> Model:
    return _model(name, _facts(name, entries, where), where)


def _facts(name: str, entries: Mapping[str, Any], where: str) -> object:
    """Give an entry with what it stands on: the model that it is `same_as`, and, where it is dated, the one without a date."""
    below: object = {}
    if name != undated(name) and undated(name) in entries:
        below = _facts(undated(name), entries, where)
    if (base := base_of(name, entries, where)) is not None and isinstance(found := _facts(base, entries, where), dict):
        below = {**below, "family": undated(base), **without(found, _OWN)} if isinstance(below, dict) else found
    return over(below, entries[name]) if isinstance(below, dict) else entries[name]


def _model(name: str, entry: object, where: str) -> Model:
    where = f"{where}, model {name!r}"
    said = without(table(entry, _MODEL, where), (SAME_AS,))
    facts: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in said.items()}
    if "prices" in facts:
        facts["prices"] = _prices(facts["prices"], f"{where}, prices")
    model: Model = made(Model, {"name": name, "family": undated(name), **facts}, where)
    return attrs.evolve(model, prices=_with_cache(model.prices, model)) if model.prices is not None else model


def _prices(entry: object, where: str) -> Prices:
    prices: Prices = made(Prices, table(entry, _PRICES, where), where)
    return prices


def _with_cache(prices: Prices, model: Model) -> Prices:
    """Fill in what cached tokens cost, by the model's rates, where the prices do not say it."""
    cached_in, cache_write = (
        _multiplied(prices.text_in, rate) if given is None else given
        for given, rate in ((prices.cached_in, model.cache_read_rate), (prices.cache_write, model.cache_write_rate))
    )
    return attrs.evolve(prices, cached_in=cached_in, cache_write=cache_write)


def _multiplied(price: Decimal | None, rate: Decimal | None) -> Decimal | None:
    return None if price is None or rate is None else round(price * rate, _DECIMALS)
