"""What each server takes: OpenAI, Azure OpenAI, and those that speak its API more or less; read from `servers.toml`. Pure.

A description holds facts that have a source; what it leaves out is not known. One rule follows from that, for a server
that is half known as for one that nobody knows:

- Where the same can be said in a way that every server takes, it is said so: spoken replies as transcripts, the role
  `developer` as `system`, a refusal as text, calls of custom tools as calls of functions, no marks of the prompt cache.
- Where nothing else would do, what the caller gave is sent as it is: recordings, images, files, names, arguments.

So the safe subset is no list of its own: it is a server of which nothing is known.
"""

from __future__ import annotations

import functools
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import attrs

from convo import entries as files
from convo.checks import check_type
from convo.entries import SAME_AS, Later, base_of, made, merged, over, table, without
from convo.errors import InvalidContent
from convo.origin import place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from convo.entries import Shape

API = "https://api.openai.com/v1"
"""Where the API is that all others are like."""


@attrs.frozen(kw_only=True)
class Server:
    """One server. None, and an empty `apis`, mean that it is not known; parameters are those of Chat Completions."""

    name: str
    apis: tuple[str, ...] = ()
    """`chat`, `responses`, `realtime`, `live`."""
    hosts: tuple[str, ...] = ()
    """Where it is found: hosts, with a port or without, `*` for any characters; or base URLs."""
    clients: tuple[str, ...] = ()
    """Names of the classes of clients that speak to no other."""
    references: bool | None = None
    """Whether it takes the ids of the audio that it gave. There are servers that give ids and know none of them later."""
    input_audio: tuple[str, ...] | None = None
    """Formats of recordings that it takes, none where it takes no audio at all."""
    images: bool | None = None
    """Whether it takes images."""
    files: bool | None = None
    """Whether it takes files as parts of messages."""
    developer: bool | None = None
    """Whether it takes messages of the role `developer`, whatever the model."""
    refusals: bool | None = None
    """Whether it takes back what a model refused as such."""
    custom_tools: bool | None = None
    """Whether it takes tools whose input is no JSON."""
    names: bool | None = None
    """Whether it takes the names of those who speak."""
    prompt_cache: bool | None = None
    """Whether it takes the key and the marks of OpenAI's prompt cache for OpenAI's models."""
    call_id: int | None = None
    """Letters and digits of a tool call's id, exactly so many; None: up to 40 characters of any kind, as the API takes."""
    refuses: tuple[str, ...] = ()
    """Parameters that it answers with an error."""
    instead: Mapping[str, str] = attrs.field(factory=dict, hash=False)
    """Parameters that it knows under another name, which stands behind theirs."""
    sources: tuple[str, ...] = ()
    known: bool = True
    """Whether a description stands behind it."""

    @classmethod
    def unknown(cls) -> Server:
        """Give the server of which nothing is known: the safe subset."""
        return _UNKNOWN

    @property
    def title(self) -> str:
        """What to call it in a sentence."""
        return self.name if self.known else "an unknown server"


_PORT = re.compile(r":\d+$")
_UNKNOWN = Server(name="unknown", known=False)


def server_of(client_or_origin: Any, servers: Mapping[str, Server] | None = None) -> Server:
    """Give the server that a client, or the base URL of one, leads to: by its address, else by the class of the client.

    `servers` are looked through in their order, those of convo by default. Nothing is asked over the network.
    """
    if servers is None and client_or_origin == "":  # nobody has said where: none of ours is found by that
        return _UNKNOWN
    text = str(getattr(client_or_origin, "base_url", client_or_origin))
    among = (packaged() if servers is None else servers).values()
    if (found := _packaged_at(text) if servers is None else _at(text, among)) is not None:
        return found
    classes = {kind.__name__ for kind in type(client_or_origin).__mro__}
    return next((server for server in among if not classes.isdisjoint(server.clients)), _UNKNOWN)


@functools.lru_cache(maxsize=64)
def _packaged_at(text: str) -> Server | None:
    """Give the server of convo's own at an address: each request asks."""
    return _at(text, packaged().values())


def _at(text: str, among: Iterable[Server]) -> Server | None:
    url = _address(text.partition(" ")[0])
    place = place_of(url)
    host = _PORT.sub("", place)
    return next((one for one in among if any(_leads(url, place, host, pattern) for pattern in one.hosts)), None)


def _leads(url: str, place: str, host: str, pattern: str) -> bool:
    if "://" in pattern:
        return url == pattern or url.startswith(f"{pattern}/")
    return pattern in (place, host) or ("*" in pattern and (fnmatchcase(place, pattern) or fnmatchcase(host, pattern)))


def _address(text: str) -> str:
    """Give a base URL, or a host, as two of them are compared: in small letters but for the path, without a password."""
    scheme, _, rest = text.rstrip("/").rpartition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme.lower()}{'://' if scheme else ''}{place.rpartition('@')[2].lower()}{slash}{path}"


def with_addresses(servers: Mapping[str, Server] | None, found_at: Mapping[str, str | Server]) -> Mapping[str, Server]:
    """Give servers with more addresses, which count before all others. Raises `InvalidContent` for a name that nobody has."""
    check_type(found_at, dict, "servers", 'a dict such as {"http://llm.internal/v1": "vllm"}')
    below = packaged() if servers is None else servers
    added = {}
    for address, server in found_at.items():
        check_type(address, str, "servers", "addresses as text")
        found = below.get(server) if isinstance(server, str) else server
        if not isinstance(found, Server):
            known = ", ".join(sorted(below))
            raise InvalidContent(f"{server!r} at {address} is no server", f"pass a Server, or use one of {known}")
        host = _address(address)
        if not host:
            raise InvalidContent("a server has no address", "pass the base URL of the client, or its host")
        added[host] = attrs.evolve(found, hosts=(host,))
    return {**added, **{name: server for name, server in below.items() if name not in added}}


# --- reading ---------------------------------------------------------------------------------------

_DOCUMENT: Shape = {"servers": (dict,)}
_LISTS = ("apis", "hosts", "clients", "input_audio", "refuses", "sources")
_ABILITIES = ("references", "images", "files", "developer", "refusals", "custom_tools", "names", "prompt_cache")
_SERVER: Shape = {
    SAME_AS: (str,), **dict.fromkeys(_LISTS, (list,)), **dict.fromkeys(_ABILITIES, (bool,)), "call_id": (int,),
    "instead": (dict,),
}  # fmt: skip
_PACKAGED = "convo/servers.toml"
_OWN = ("hosts", "clients")
"""What a server does not take from the one that it is `same_as`: where it is found."""


@functools.cache
def packaged() -> Mapping[str, Server]:
    """Give the servers that come with convo."""
    return Later(_entries(), functools.partial(_of, _entries(), _PACKAGED))


def described(entries: Mapping[str, Any], where: str, *, extend: bool) -> Mapping[str, Server]:
    """Give the servers that a caller's file describes, first, and, to `extend` them, those of convo.

    A key of a server that convo knows replaces that key only. Raises `InvalidContent` for entries of another shape.
    """
    if not extend:
        return _servers(entries, where)
    together = merged(_entries(), entries)
    return _servers({name: together[name] for name in (*entries, *(name for name in together if name not in entries))}, where)


@functools.cache
def _entries() -> Mapping[str, Any]:
    found: Mapping[str, Any] = files.packaged("servers.toml", "servers", _DOCUMENT)["servers"]
    return found


def _servers(entries: Mapping[str, Any], where: str) -> Mapping[str, Server]:
    return {name: _of(entries, where, name) for name in entries}


def _of(entries: Mapping[str, Any], where: str, name: str) -> Server:
    return _server(name, _facts(name, entries, where), where)


def _facts(name: str, entries: Mapping[str, Any], where: str) -> object:
    base = base_of(name, entries, where)
    below = _facts(base, entries, where) if base is not None else {}
    return over(without(below, _OWN), entries[name]) if isinstance(below, dict) else entries[name]


def _server(name: str, entry: object, where: str) -> Server:
    where = f"{where}, server {name!r}"
    said = without(table(entry, _SERVER, where), (SAME_AS,))
    table(said.get("instead", {}), dict.fromkeys(said.get("instead", {}), (str,)), f"{where}, instead")
    facts = {key: tuple(value) if isinstance(value, list) else value for key, value in said.items()}
    found: Server = made(Server, {"name": name, **facts}, where)
    return attrs.evolve(found, hosts=tuple(_address(host) for host in found.hosts))
