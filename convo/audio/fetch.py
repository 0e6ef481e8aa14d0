"""Recordings behind URLs: fetched only where the caller allows it, and never from inside the network that we are in.

A URL that a stranger gave may point at what only this machine can reach (server-side request forgery). So the name is
resolved once, every address that it has must be public, and the connection goes to the address that was checked; each
redirect starts anew. Nothing of the environment is used: no proxies, cookies, credentials or netrc.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

import attrs

from convo.audio.addresses import is_public
from convo.audio.urls import Target, plain_name, shown, target_of
from convo.checks import LONGEST, check_type
from convo.errors import ConvoError, FetchFailed, InputError, UrlNotAllowed

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Collection, Sequence

    from convo.audio.http import Answer

_MOVED = (301, 302, 303, 307, 308)
_OK = 200
_REASON = 300
"""Characters of a reason."""
_GATEWAY = "fetch the bytes yourself and pass them"


def _positive(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    check_type(value, (int, float), f"Fetch({attribute.name}=...)", "a number above zero")
    if isinstance(value, bool) or not 0 < value < LONGEST:
        raise InputError(f"Fetch({attribute.name}={value!r}) is no limit; pass a number above zero")


def _count(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    check_type(value, int, f"Fetch({attribute.name}=...)", "a whole number")
    if value < 0:
        raise InputError(f"Fetch({attribute.name}={value!r}) is no limit; pass 0 for none, or more")


def _hosts(hosts: Collection[str] | None) -> frozenset[str] | None:
    if hosts is None:
        return None
    names = {host: plain_name(host) for host in ([] if isinstance(hosts, str) else hosts)}
    if isinstance(hosts, str) or None in names.values():
        raise InputError(f"Fetch(hosts={hosts!r}) is no list of hosts; pass their whole names: hosts=['media.example.com']")
    return frozenset(name for name in names.values() if name is not None)


@attrs.frozen(kw_only=True)
class Fetch:
    """Allow `Audio.open` to fetch http and https URLs, within limits.

    Whatever is set here: only ports 80 and 443, no credentials in the URL, and only public addresses, for the URL itself and
    for all that it redirects to; https never leads to http; TLS certificates are checked.
    """

    max_bytes: int = attrs.field(default=25_000_000, validator=_positive)
    """The most that is read, whatever the server says of it: by default what the API takes."""
    timeout: float = attrs.field(default=30.0, validator=_positive)
    """Seconds for all of it: names, connections, redirects and the body."""
    redirects: int = attrs.field(default=5, validator=_count)
    """The most redirects that are followed."""
    hosts: frozenset[str] | None = attrs.field(default=None, converter=_hosts)
    """The only hosts that are allowed, by their exact names; None for any that is public."""


def _system(host: str, port: int) -> list[str]:
    import socket

    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _verified() -> ssl.SSLContext:
    import ssl

    return ssl.create_default_context()


@attrs.frozen
class Network:
    """What a fetch runs on: how names become addresses, which of them and which ports are allowed, and whom TLS trusts."""

    resolve: Callable[[str, int], Sequence[str]] = _system
    allowed: Callable[[str], bool] = is_public
    ports: Callable[[int], bool] = (80, 443).__contains__
    trust: Callable[[], ssl.SSLContext] = _verified


_INTERNET = Network()


def fetched(url: str, fetch: Fetch, network: Network | None = None) -> bytes:
    """Give the body that a URL leads to. Raises `UrlNotAllowed` before anything is sent, and `FetchFailed`.

    Blocks for at most `fetch.timeout` seconds. `network` is the internet; tests pass another one.
    """
    on, deadline = network or _INTERNET, monotonic() + fetch.timeout
    target = target_of(url)
    answer = _answer(target, fetch, on, deadline)
    for _ in range(fetch.redirects):
        if answer.status not in _MOVED:
            break
        target = _moved(target, answer)
        answer = _answer(target, fetch, on, deadline)
    if answer.status not in _MOVED:
        return _body(answer, target)
    reason = f"it was redirected more than {fetch.redirects} times"
    raise FetchFailed(target.shown, reason, "pass the URL that it leads to", answer.status)


def _answer(target: Target, fetch: Fetch, network: Network, deadline: float) -> Answer:
    from http.client import HTTPException
    from ssl import SSLCertVerificationError

    from convo.audio.http import answer_of, within

    _check(target, fetch, network)
    try:
        addresses = within(deadline, lambda: network.resolve(target.host, target.port))
        _check_addresses(target, addresses, network)
        return answer_of(target, addresses, network.trust, fetch.max_bytes, deadline)
    except ConvoError:
        raise
    except TimeoutError as error:
        reason = f"it took longer than {fetch.timeout:g} s"
        raise FetchFailed(target.shown, reason, "try again, or allow more: Fetch(timeout=...)") from error
    except (OSError, HTTPException, ValueError) as error:
        # What http.client says may quote the server at any length.
        reason = f"{type(error).__name__}: {error}"[:_REASON]
        failure = FetchFailed(target.shown, reason, "check that it is there, or try again")
        failure.retryable = not isinstance(error, SSLCertVerificationError)
        raise failure from error


def _check(target: Target, fetch: Fetch, network: Network) -> None:
    if fetch.hosts is not None and target.host not in fetch.hosts:
        raise UrlNotAllowed(target.shown, "its host is not in Fetch(hosts=...)", "add the host, or pass the bytes themselves")
    if not network.ports(target.port):
        raise UrlNotAllowed(target.shown, f"port {target.port} is not one of the web's, 80 and 443", _GATEWAY)


def _check_addresses(target: Target, addresses: Sequence[str], network: Network) -> None:
    # One private address among public ones is refused too: which of them a connection takes is chance.
    if not addresses or not all(map(network.allowed, addresses)):
        raise UrlNotAllowed(target.shown, "its host has an address that is not public", _GATEWAY)


def _moved(target: Target, answer: Answer) -> Target:
    if answer.location is None:
        raise FetchFailed(target.shown, "it was redirected to nowhere", "pass the URL that it leads to", answer.status)
    following = target.joined(answer.location)
    if target.scheme == "https" and following.scheme != "https":
        raise UrlNotAllowed(following.shown, f"{target.shown} leads from https to http", _GATEWAY)
    return following


def _body(answer: Answer, target: Target) -> bytes:
    if answer.status != _OK:
        raise FetchFailed(target.shown, "the server gave none", "check the URL, and that it needs no login", answer.status)
    return answer.body


__all__ = ["Fetch", "Network", "fetched", "shown"]
