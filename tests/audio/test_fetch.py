"""Recordings behind URLs: only where it is allowed, never from inside, and within limits of size and time."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import convo
from convo.audio import fetch as fetching
from convo.audio.addresses import is_public
from convo.audio.fetch import Fetch, Network, fetched
from convo.audio.urls import target_of
from tests.audio.builders import sample, wav
from tests.audio.wires import Web, answer, chunked, loopback, moved, web

if TYPE_CHECKING:
    from collections.abc import Iterator

SOUND = wav()


@pytest.fixture
def server() -> Iterator[Web]:
    with web() as running:
        running.answers["/a.wav"] = answer(SOUND)
        yield running


def refused(url: str, network: Network | None = None, **limits: object) -> convo.UrlNotAllowed:
    with pytest.raises(convo.UrlNotAllowed) as caught:
        fetched(url, Fetch(**limits), network)  # type: ignore[arg-type]
    return caught.value


def failed(url: str, network: Network | None = None, **limits: object) -> convo.FetchFailed:
    with pytest.raises(convo.FetchFailed) as caught:
        fetched(url, Fetch(**limits), network or loopback())  # type: ignore[arg-type]
    return caught.value


# --- off by default --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["http://media.test/a.wav", "HTTPS://media.test/a.wav", "ftp://media.test/a", "file:///etc/passwd"]
)
def test_a_url_is_not_fetched_unless_it_is_asked_for(url: str) -> None:
    with pytest.raises(convo.UrlNotAllowed, match=r"fetch=convo\.Fetch\(\)"):
        convo.Audio.open(url)


def test_a_url_is_opened_where_it_is_allowed(server: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_INTERNET", loopback())
    audio = convo.Audio.open(server.url(), "silence", fetch=Fetch())
    assert (audio.data, audio.format, audio.transcript) == (SOUND, "wav", "silence")
    server.answers["/a.wav"] = answer(b"<html>no sound</html>")
    with pytest.raises(convo.UnknownAudioFormat):
        convo.Audio.open(server.url(), fetch=Fetch())


def test_nothing_of_the_environment_is_used(server: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")
    assert fetched(server.url("/a.wav", "media.test"), Fetch(), loopback()) == SOUND
    (request,) = server.requests
    assert request.split("\r\n")[:2] == ["GET /a.wav HTTP/1.1", f"Host: media.test:{server.port}"]
    assert "identity" in request
    assert not {"cookie", "authorization", "referer"} & {line.partition(":")[0].lower() for line in request.split("\r\n")}


# --- what may not be reached -----------------------------------------------------------------------

INSIDE = (
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "100.100.100.200", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "ff0e::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
    "2002:7f00:1::1", "2002:808:808::1", "2001::1", "2001:0:7f00:1::", "100::1", "3fff::1", "5f00::1", "4000::1",
    "1.2.3", "", "x",
)  # fmt: skip
OUTSIDE = (
    "8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808",
)  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_of_no_public_host_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost/", "http://LOCALHOST./", "http://[::1]/", "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0/", "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "https://127.0.0.1/",
        "http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/", "http://127\u30020\u30020\u30021/",
        "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://0x7f.1/", "http://127.1/",
        "http://127.0.0.1.0x/",
        "http://134744072/", "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/",
        "http://user:secret@media.test/", "http://@media.test/", "http://media.test@127.0.0.1/", r"http://media.test\@127.0.0.1/",
        "http://media.test:22/", "http://media.test:8080/", "http://media.test:0/", "http://media.test:99999/",
        "http://media.test:x/",
        "ftp://media.test/", "gopher://media.test/", "file:///etc/passwd", "http:///a", "http://", "http://.", "http://a..b/",
        "http://[::1/", "http://me dia.test/", "http://media.test/\r\nX: y", "http://-media.test/", f"http://{'a' * 64}.test/",
        "http://media.test/" + "a" * 9000, "//media.test/a", "media.test/a",
    ],
)  # fmt: skip
def test_a_url_that_leads_inside_or_is_odd_is_refused(url: str) -> None:
    error = refused(url)
    assert "secret" not in str(error)


def test_errors_show_neither_query_nor_credentials(server: Web) -> None:
    server.answers["/a?token=secret"] = answer(b"", status="403 Forbidden")
    error = failed(server.url("/a?token=secret#more"))
    assert error.url == server.url("/a")
    assert "secret" not in str(error) + repr(error)
    assert "secret" not in str(refused("http://me:secret@media.test/a?b=secret"))
    with pytest.raises(convo.UrlNotAllowed) as caught:
        convo.Audio.open("http://me:secret@media.test/a?b=secret")
    assert "secret" not in str(caught.value)


def test_every_address_of_a_host_must_be_public(server: Web) -> None:
    """One private address is enough: which of them a connection takes is chance."""
    for found in ("127.0.0.1 10.0.0.1", "10.0.0.1 127.0.0.1", ""):
        refused(server.url("/a.wav", "mixed.test"), loopback(mixed_test=found))
    assert not server.requests


def test_a_name_is_looked_up_once(server: Web) -> None:
    """A name whose address changes after it was checked (DNS rebinding) is of no use: the address is what is called."""
    looked: list[str] = []

    def resolve(host: str, _: int) -> list[str]:
        looked.append(host)
        return ["127.0.0.1"] if len(looked) == 1 else ["10.0.0.1"]

    network = Network(resolve=resolve, allowed="127.0.0.1".__eq__, ports=lambda _: True)
    assert fetched(server.url(), Fetch(), network) == SOUND
    assert looked == ["media.test"]
    refused(server.url(), network)


def test_only_the_hosts_that_are_named() -> None:
    fetch = Fetch(hosts=["Media.TEST.", "bücher.test"])
    assert fetch.hosts == frozenset({"media.test", "xn--bcher-kva.test"})
    assert "hosts" in str(refused("http://other.test/", hosts=["media.test"]))
    assert "hosts" in str(refused("http://a.media.test/", hosts=["media.test"]))
    assert "not public" in str(refused("http://127.0.0.1/", hosts=["127.0.0.1"]))


@pytest.mark.parametrize(
    "limits",
    [
        {"max_bytes": 0}, {"max_bytes": True}, {"max_bytes": "1"}, {"timeout": -1}, {"timeout": float("inf")},
        {"timeout": float("nan")},
        {"redirects": -1}, {"redirects": 1.5}, {"hosts": "media.test"}, {"hosts": ["*.media.test"]}, {"hosts": ["http://media.test"]},
    ],
)  # fmt: skip
def test_limits_that_are_none(limits: dict[str, object]) -> None:
    with pytest.raises(convo.InputError):
        Fetch(**limits)  # type: ignore[arg-type]


# --- redirects -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_redirects_are_followed(server: Web, status: str) -> None:
    server.answers["/old"] = moved("a.wav", status)
    assert fetched(server.url("/old"), Fetch(), loopback()) == SOUND


@pytest.mark.parametrize("location", ["http://inside.test/", "http://user:pw@media.test/", "file:///etc/passwd", "http://[::1]/"])
def test_each_redirect_is_checked(server: Web, location: str) -> None:
    server.answers["/old"] = moved(location)
    refused(server.url("/old"), loopback(inside_test="10.0.0.1", **{"::1": "::1"}))


def test_redirects_must_stay_with_the_hosts_that_are_named(server: Web) -> None:
    server.answers["/old"] = moved(server.url("/a.wav", "other.test"))
    refused(server.url("/old"), loopback(), hosts=["media.test"])


def test_redirects_end(server: Web) -> None:
    server.answers["/loop"] = moved("/loop")
    error = failed(server.url("/loop"), redirects=3)
    assert (len(server.requests), error.status, error.retryable) == (4, 302, False)
    server.answers["/old"] = moved("/a.wav")
    failed(server.url("/old"), redirects=0)


def test_a_redirect_to_nowhere(server: Web) -> None:
    server.answers["/old"] = answer(b"", status="302 Found")
    assert "nowhere" in str(failed(server.url("/old")))


def test_a_location_in_utf8_is_followed(server: Web) -> None:
    server.answers["/old"] = moved("/t%20ön.wav?a=b c".replace(" c", "%20c"))
    server.answers["/t%20%C3%B6n.wav?a=b%20c"] = answer(SOUND)
    assert fetched(server.url("/old"), Fetch(), loopback()) == SOUND


# --- TLS -------------------------------------------------------------------------------------------


def test_tls_is_checked_for_the_name_of_the_host() -> None:
    with web(tls=True) as server:
        server.answers["/a.wav"] = answer(SOUND)
        assert fetched(server.url("/a.wav", "localhost", "https"), Fetch(), loopback()) == SOUND
        assert "Hostname mismatch" in str(failed(server.url("/a.wav", "media.test", "https")))
        strangers = Network(resolve=lambda *_: ["127.0.0.1"], allowed=lambda _: True, ports=lambda _: True)
        untrusted = failed(server.url("/a.wav", "localhost", "https"), strangers)
        assert "CERTIFICATE_VERIFY_FAILED" in str(untrusted)
        assert not untrusted.retryable
        assert len(server.requests) == 1


def test_https_never_leads_to_http(server: Web) -> None:
    with web(tls=True) as secure:
        secure.answers["/old"] = moved(server.url())
        assert "from https to http" in str(refused(secure.url("/old", "localhost", "https"), loopback()))
        server.answers["/new"] = moved(secure.url("/a.wav", "localhost", "https"))
        secure.answers["/a.wav"] = answer(SOUND)
        assert fetched(server.url("/new"), Fetch(), loopback()) == SOUND


# --- bodies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "whole",
    [
        answer(SOUND), chunked(SOUND[:7], SOUND[7:]), b"HTTP/1.0 200 OK\r\n\r\n" + SOUND,
        b"HTTP/1.1 100 Continue\r\n\r\n" + answer(SOUND),
    ],
)  # fmt: skip
def test_bodies_of_every_framing(server: Web, whole: bytes) -> None:
    server.answers["/a.wav"] = whole
    assert fetched(server.url(), Fetch(max_bytes=len(SOUND)), loopback()) == SOUND


def test_a_body_past_the_limit_is_refused(server: Web) -> None:
    for large in (answer(SOUND), answer(b"", length=10**12), chunked(SOUND), b"HTTP/1.0 200 OK\r\n\r\n" + SOUND):
        server.answers["/a.wav"] = large
        error = failed(server.url(), max_bytes=len(SOUND) - 1)
        assert "larger than" in str(error)
        assert not error.retryable


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + bytes(4096) + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", bytes(4096)),
        (b"HTTP/1.1 200 OK\r\n\r\n", bytes(4096)),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        (b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 4096 + b"\r\n"),
        (b"HTTP/1.1 200 ", b"y" * 4096),
    ],
)  # fmt: skip
def test_an_answer_without_an_end_is_left(server: Web, start: bytes, piece: bytes) -> None:
    server.answers["/a.wav"] = server.flood(start, piece)
    failed(server.url(), max_bytes=100_000)


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"y"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\ny\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (b"HTTP/1.1 2", b"0"),
        (b"", b""),
    ],
)
def test_an_answer_that_drips_ends_with_the_time(server: Web, start: bytes, piece: bytes) -> None:
    server.answers["/a.wav"] = server.drip(start, piece)
    error = failed(server.url(), timeout=0.2)
    assert "longer than 0.2 s" in str(error)
    assert error.retryable


def test_a_look_up_that_hangs_ends_with_the_time(server: Web) -> None:
    def resolve(*_: object) -> list[str]:
        server.over.wait()
        return ["127.0.0.1"]

    assert "longer than" in str(failed(server.url(), Network(resolve=resolve, ports=lambda _: True), timeout=0.05))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (answer(SOUND, "Content-Encoding: gzip"), "compressed"),
        (answer(SOUND, "Transfer-Encoding: gzip, chunked"), "compressed"),
        (answer(SOUND, length=len(SOUND) + 1), "ended after"), (chunked(SOUND)[:-20], "IncompleteRead"),
        (b"", "RemoteDisconnected"),
        (b"SSH-2.0-OpenSSH\r\n", "BadStatusLine"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "IncompleteRead"),
        (answer(b"", status="404 Not Found"), "status 404"), (answer(b"", status="206 Partial"), "status 206"),
        (answer(b"", status="204 No Content"), "status 204"),
    ],
)  # fmt: skip
def test_answers_that_are_no_recording(server: Web, bad: bytes, words: str) -> None:
    server.answers["/a.wav"] = bad
    assert words in str(failed(server.url()))


@pytest.mark.parametrize(
    ("status", "again"), [("404 x", False), ("401 x", False), ("429 x", True), ("500 x", True), ("503 x", True)]
)
def test_what_may_succeed_later_says_so(server: Web, status: str, again: bool) -> None:
    server.answers["/a.wav"] = answer(b"", status=status)
    error = failed(server.url())
    assert (error.retryable, error.status) == (again, int(status[:3]))
    assert isinstance(error, OSError)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    error = failed(f"http://media.test:{port}/a.wav")
    assert error.retryable
    assert "ConnectionRefusedError" in str(error)


def test_an_address_that_does_not_answer_leaves_the_others(server: Web) -> None:
    network = Network(resolve=lambda *_: ["127.0.0.2", "127.0.0.1"], allowed=lambda _: True, ports=lambda _: True)
    assert fetched(server.url(), Fetch(), network) == SOUND


def test_a_name_that_nobody_knows() -> None:
    def resolve(*_: object) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    assert "gaierror" in str(failed("http://nowhere.test/a.wav", Network(resolve=resolve)))


def test_how_a_target_is_asked_for() -> None:
    target = target_of("HTTPS://BÜCHER.test./straße/ä%20b.wav?q=ü&r=1#part")
    assert (target.scheme, target.host, target.port) == ("https", "xn--bcher-kva.test", 443)
    assert target.path == "/stra%C3%9Fe/%C3%A4%20b.wav?q=%C3%BC&r=1"
    assert target_of("http://[2606:4700::1111]:80").authority == "[2606:4700::1111]"
    assert target_of("http://8.8.8.8?x").path == "/?x"


async def test_a_url_is_opened_without_holding_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_INTERNET", loopback())
    with web() as server:
        server.answers["/a.webm"] = answer(sample("himself.webm"))
        audio = await convo.Audio.open_async(server.url("/a.webm"), fetch=Fetch())
    assert audio.duration == pytest.approx(0.76, abs=0.05)


@example("media.test/?a=\x85b", "http://")
@example("[::ffff:1.2.3.4]/", "http://")
@example("v1.test", "http://[")
@given(st.text(max_size=60), st.sampled_from(["http://", "https://", "http://[", "http://media.test", "http://media.test:", ""]))
def test_no_url_raises_anything_but_what_is_documented(rest: str, start: str) -> None:
    """Whatever it is, it is a target whose request is one line of ASCII, or it is refused."""
    try:
        target = target_of(start + rest)
    except convo.UrlNotAllowed:
        return
    assert target.scheme in ("http", "https")
    for text in (target.path, target.authority):
        assert text.isascii()
        assert text.isprintable()
        assert " " not in text
    assert target.path.startswith("/")
