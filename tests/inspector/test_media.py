"""Bytes of media: whole, in ranges, of a type that is ours to say, and nothing that a browser would run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

import convo
from convo.inspector import application
from convo.inspector.media import ranged
from tests.inspector.conftest import PNG
from tests.support.builders import WAV

if TYPE_CHECKING:
    from pathlib import Path

    from tests.inspector.conftest import Looked

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>window.canary=1</script></svg>'


def test_audio_is_served_with_its_type_and_in_ranges(web: TestClient, looked: Looked) -> None:
    address = f"/c/{looked.chat.id}/media/2/0"
    whole = web.get(address)
    assert (whole.content, whole.headers["content-type"], whole.headers["accept-ranges"]) == (WAV, "audio/wav", "bytes")
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in whole.headers["content-security-policy"]
    assert 'inline; filename="message-2.wav"' in whole.headers["content-disposition"]
    part = web.get(address, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, WAV[10:20], f"bytes 10-19/{len(WAV)}")
    assert web.head(address).headers["content-length"] == str(len(WAV))


RANGES: list[tuple[str | None, int, bytes]] = [
    (None, 200, b"0123456789"),
    ("bytes=0-", 206, b"0123456789"),
    ("bytes=3-5", 206, b"345"),
    ("bytes=8-99", 206, b"89"),
    ("bytes=-3", 206, b"789"),
    ("bytes=-99", 206, b"0123456789"),
    ("bytes=-0", 416, b""),
    ("bytes=10-", 416, b""),
    ("bytes=5-3", 200, b"0123456789"),
    ("bytes=-", 200, b"0123456789"),
    ("bytes=0-1,4-5", 200, b"0123456789"),
    ("pages=1-2", 200, b"0123456789"),
    ("bytes=" + "9" * 30 + "-", 200, b"0123456789"),
]


@pytest.mark.parametrize(("wanted", "status", "data"), RANGES)
def test_a_range_is_given_as_it_is_asked_for(wanted: str | None, status: int, data: bytes) -> None:
    answer = ranged(b"0123456789", "audio/wav", {}, wanted)
    assert (answer.status_code, bytes(answer.body)) == (status, data)


def test_no_range_of_nothing() -> None:
    assert ranged(b"", "audio/wav", {}, "bytes=0-").status_code == 416


def test_raw_samples_get_a_header_and_files_are_downloaded(tmp_path: Path) -> None:
    with convo.Store(f"sqlite:///{tmp_path}/chat.db") as store:
        chat = store.create()
        chat.add(convo.Audio.from_bytes(b"\0\1" * 2400, "pcm16", transcript="x"), convo.Image.open(PNG))
        chat.add("Read:", convo.File(data=b"%PDF-1.4 <script>window.canary=1</script>", name="x.pdf"))
        chat.add({"role": "user", "content": [
            {"type": "file", "file": {"filename": "x.svg", "file_data": "data:image/svg+xml;base64," + _base64(SVG)}}
        ]})  # fmt: skip
        with TestClient(application(store, owner=lambda _: "")) as client:
            samples = client.get(f"/c/{chat.id}/media/1/0")
            assert (samples.content[:4], samples.headers["content-type"]) == (b"RIFF", "audio/wav")
            assert client.get(f"/c/{chat.id}/media/1/1").headers["content-type"] == "image/png"
            for position, index in ((2, 1), (3, 0)):
                file = client.get(f"/c/{chat.id}/media/{position}/{index}")
                assert file.headers["content-type"] == "application/octet-stream"
                assert file.headers["content-disposition"].startswith("attachment;")


def _base64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()


def test_bytes_that_were_let_go_are_told_and_not_served(tmp_path: Path) -> None:
    with convo.Store(f"sqlite:///{tmp_path}/chat.db", keep_audio="none") as store:
        chat = store.create()
        chat.add(convo.Audio.from_bytes(WAV, transcript="x"))
        store.prune(keep_audio="none")
        with TestClient(application(store, owner=lambda _: "")) as client:
            page = client.get(f"/c/{chat.id}/media/1/0")
            assert page.status_code in (200, 404)


@pytest.mark.parametrize(
    "place", ["99/0", "2/7", "2/x", "1/0", "0/0", "99999999999999999999/0", "9" * 5_000 + "/0", "x/0", "-1/0", "\u0661/0"]
)
def test_what_is_not_there_is_404(web: TestClient, looked: Looked, place: str) -> None:
    assert web.get(f"/c/{looked.chat.id}/media/{place}").status_code == 404
