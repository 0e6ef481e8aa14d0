"""Who may look, at what, and what a browser is told: nothing is written, nothing leaves, nothing stored is obeyed."""

from __future__ import annotations

import hashlib
import html
import re
import shutil
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

import convo
import convo.inspector
from convo.inspector import application
from convo.inspector.serving import Secret
from tests.support.payloads import PAYLOADS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.inspector.conftest import Looked

PATHS = (
    "",
    "search?words=dog",
    "usage?days=",
    "doctor?verify=1",
    "state",
    "c/{id}",
    "c/{id}/sent",
    "c/{id}/state",
    "c/{id}/media/2/0",
)


def test_every_answer_forbids_what_no_page_needs(web: TestClient, looked: Looked) -> None:
    for path in (*PATHS, "nowhere", "static/inspector.js", "static/nowhere", "c/nonsense", "?after=x"):
        answer = web.get("/" + path.format(id=looked.chat.id))
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'"), path
        assert not re.search(r"unsafe|\*|data:|https?:", policy), path
        assert "frame-ancestors 'none'" in policy
        for name, value in {
            "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "x-frame-options": "DENY",
            "cross-origin-resource-policy": "same-origin", "cross-origin-opener-policy": "same-origin",
        }.items():  # fmt: skip
            assert answer.headers[name] == value, path
        if not path.startswith("static/i"):
            assert answer.headers["cache-control"] == "no-store", path


def test_the_word_that_allows_our_script_is_another_each_time(web: TestClient) -> None:
    words = [re.findall(r'nonce="([^"]+)"', web.get("/").text) for _ in range(2)]
    assert len(set(words[0])) == len(set(words[1])) == 1
    assert words[0][0] != words[1][0]


def test_no_page_has_a_script_a_style_or_a_handler_in_place(web: TestClient, looked: Looked) -> None:
    for path in PATHS:
        page = web.get("/" + path.format(id=looked.chat.id))
        if page.headers["content-type"].startswith("text/html"):
            assert re.findall(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=", page.text) == [], path
            assert re.findall(r'(?:href|src|action)="(?!/|#)[^"]*"', page.text) == [], path


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_nothing_but_reading_is_answered(web: TestClient, looked: Looked, method: str) -> None:
    for path in ("/", f"/c/{looked.chat.id}", "/doctor", "/static/inspector.js"):
        assert web.request(method, path).status_code == 405


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_looking_at_everything_writes_nothing(looked: Looked, tmp_path: Path) -> None:
    path = tmp_path / "copy.db"
    looked.store.backup(path)
    before = digest(path)
    with convo.Store.existing(f"sqlite:///{path}") as store, TestClient(application(store, owner=lambda _: "anna")) as client:
        for place in PATHS:
            assert client.get("/" + place.format(id=looked.chat.id)).status_code == 200, place
    assert digest(path) == before


def test_a_database_of_an_older_version_is_told_and_left_as_it_is(tmp_path: Path, sqlite_template: Path) -> None:
    path = tmp_path / "old.db"
    shutil.copyfile(sqlite_template, path)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE convo_version SET version_num = 'convo_0001'")
    database.close()
    before = digest(path)
    with convo.Store(f"sqlite:///{path}") as store, TestClient(application(store, owner=lambda _: "")) as client:
        page = client.get("/")
        assert page.status_code == 503
        assert "upgrade" in page.text
    assert digest(path) == before


def test_a_store_that_was_closed_is_unavailable(looked: Looked) -> None:
    """Nothing is wrong with what was asked for."""
    store = convo.Store.existing(f"sqlite:///{looked.path}")
    with TestClient(application(store, owner=lambda _: "anna")) as client:
        store.close()
        for place in PATHS:
            assert client.get("/" + place.format(id=looked.chat.id)).status_code == 503, place


# --- whose conversations ---------------------------------------------------------------------------


def test_an_owner_sees_nothing_of_another(looked: Looked) -> None:
    with TestClient(application(looked.store, owner=lambda scope: scope["query_string"].decode().partition("as=")[2])) as client:
        assert "About dogs" in client.get("/?as=anna").text
        assert "About dogs" not in client.get("/?as=bob").text
        for path in PATHS[5:]:
            assert client.get(f"/{path.format(id=looked.chat.id)}?as=anna").status_code == 200
            other = client.get(f"/{path.format(id=looked.chat.id)}?as=bob")
            assert other.status_code == 404
            assert "dog" not in other.text


@pytest.mark.parametrize("asynchronous", [False, True])
def test_whoever_is_nobody_finds_nothing(looked: Looked, asynchronous: bool) -> None:
    async def later(_: Any) -> None:
        return None

    with TestClient(application(looked.store, owner=later if asynchronous else lambda _: None)) as client:
        for path in PATHS:
            page = client.get("/" + path.format(id=looked.chat.id))
            assert page.status_code == 404
            assert "dog" not in page.text


# --- on this machine alone -------------------------------------------------------------------------


@pytest.fixture
def secret(looked: Looked) -> Secret:
    return Secret(application(looked.store, owner=lambda _: "anna"), 4711)


def host(name: str) -> dict[str, str]:
    return {"host": name}


def test_only_who_knows_the_word_is_answered(secret: Secret, looked: Looked) -> None:
    with TestClient(secret, base_url="http://127.0.0.1:4711") as client:
        page = client.get(secret.url)
        assert page.status_code == 200
        links = re.findall(r'href="([^"#]+)"', page.text)
        assert all(client.get(link).status_code == 200 for link in links)
        assert client.get(f"{secret.url}c/{looked.chat.id}").status_code == 200
        for path in ("/", "", "/wrong/", f"/c/{looked.chat.id}", secret.url[:-2] + "/", secret.url.rstrip("/")):
            answer = client.get(path)
            assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize(
    "name", ["attacker.invalid", "attacker.invalid:4711", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:4711.x", ""]
)
def test_a_name_that_was_made_to_lead_here_is_refused(secret: Secret, name: str) -> None:
    with TestClient(secret) as client:
        assert client.get(secret.url, headers=host(name)).status_code == 421
        assert client.get(secret.url, headers=host("localhost:4711")).status_code == 200


def test_the_address_for_the_browser_works_one_time(secret: Secret) -> None:
    with TestClient(secret, base_url="http://127.0.0.1:4711", follow_redirects=False) as client:
        first, second = (client.get(secret.url_once + "c/x%0d%0ay") for _ in range(2))
        assert (first.status_code, second.status_code) == (303, 404)
        assert f"http://127.0.0.1:4711{first.headers['location']}" == f"{secret.url}c/x%0D%0Ay"


# --- what was stored -------------------------------------------------------------------------------


def test_whatever_is_asked_for_comes_back_as_text(web: TestClient, looked: Looked) -> None:
    for number, payload in enumerate(PAYLOADS):
        place = [
            ("/", {"title": payload}), ("/", {"id": payload}), ("/", {"metadata": payload}), ("/", {"since": payload}),
            ("/search", {"words": payload}), (f"/c/{looked.chat.id}/sent", {"model": payload, "voice": payload}),
            (f"/c/{looked.chat.id}", {"branch": payload}), (f"/c/{looked.chat.id}", {"before": payload}),
        ][number % 8]  # fmt: skip
        page = web.get(place[0], params=place[1])
        assert page.status_code < 500, (place, payload)
        if "<" in payload and html.escape(payload) != payload:
            assert payload.strip() not in page.text, place


@pytest.mark.parametrize("package", ["starlette", "jinja2"])
def test_without_the_extra_it_says_what_to_install(looked: Looked, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    for name in [name for name in sys.modules if name.startswith(("convo.inspector.", package))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delattr(convo.inspector, "pages", raising=False)
    with pytest.raises(convo.MissingDependency, match=r"convo\[inspector\]"):
        application(looked.store, owner=lambda _: "")


def test_importing_convo_imports_nothing_of_the_inspector() -> None:
    program = "import convo, sys; sys.exit(bool({'convo.inspector', 'starlette', 'jinja2'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
