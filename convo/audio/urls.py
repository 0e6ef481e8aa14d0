"""URLs of recordings, taken apart and checked before anything is looked up."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import attrs

from convo.errors import UrlNotAllowed

_PORTS = {"http": 80, "https": 443}
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
"""A last label by which libraries take a host for an IPv4 address, in decimal, octal or hexadecimal."""
_BAD = re.compile(r"[\x00-\x20\x7f\\]")
"""What no URL holds; a backslash is read as a slash by some and as a part of the name by others."""
_KEPT = "/%:@!$&'()*+,;=~-._"
_LONGEST = 8_192


@attrs.frozen
class Target:
    """A URL that may be looked up: `host` is ASCII without a trailing dot, IPv6 without brackets; `path` has the query."""

    scheme: str
    host: str
    port: int
    path: str
    shown: str
    """For errors: without query, fragment and credentials."""

    @property
    def authority(self) -> str:
        """What the header `Host` says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def joined(self, location: str) -> Target:
        """Give where a redirect leads. Raises `UrlNotAllowed`."""
        return target_of(urljoin(f"{self.scheme}://{self.authority}{self.path}", location))


def target_of(url: str) -> Target:
    """Take a URL apart. Raises `UrlNotAllowed` where it is none of http or https that can be taken in one way only."""
    display = shown(url)
    if len(url) > _LONGEST or _BAD.search(url):
        raise UrlNotAllowed(display, "it is too long, or holds spaces, control characters or backslashes", "correct the URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UrlNotAllowed(display, "it is no valid URL", "correct it") from error
    if parts.scheme not in _PORTS:
        raise UrlNotAllowed(display, f"its scheme is {parts.scheme or 'none'}", "pass a URL of http or https, or a path")
    if "@" in parts.netloc:
        raise UrlNotAllowed(display, "it holds credentials", "fetch the bytes yourself and pass them")
    path = quote(parts.path or "/", safe=_KEPT) + (f"?{quote(parts.query, safe=_KEPT + '?')}" if parts.query else "")
    return Target(parts.scheme, _host(parts, display), _PORTS[parts.scheme] if port is None else port, path, display)


def _host(parts: SplitResult, display: str) -> str:
    host = parts.hostname or ""
    if ":" in host:
        if "%" in host or not _is_address(host, IPv6Address):
            raise UrlNotAllowed(display, "its host is no plain address", "pass a public address, without a network interface")
        return host
    name = plain_name(host)
    if name is None:
        raise UrlNotAllowed(display, "its host is no valid name", "correct it")
    if _NUMBER.fullmatch(name.rpartition(".")[2]) and not _is_address(name, IPv4Address):
        raise UrlNotAllowed(display, "its host is an IPv4 address in an unusual spelling", "write it as four decimal numbers")
    return name


def plain_name(host: str) -> str | None:
    """Give a host's name in lower-case ASCII without a trailing dot, None for what is no name.

    The encoding of IDNA also makes ASCII of digits and dots in other scripts.
    """
    try:
        name = host.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        return None
    return name if _HOST.fullmatch(name) else None


def _is_address(host: str, kind: type[IPv4Address | IPv6Address]) -> bool:
    try:
        kind(host)
    except ValueError:
        return False
    return True


def shown(url: str) -> str:
    """Give a URL as errors show it: without query, fragment and credentials, and not longer than a line."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "the URL"
    text = f"{parts.scheme}://{host}{parts.path}"
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= 200 else f"{text[:200]}..."  # noqa: PLR2004 - a line or two
