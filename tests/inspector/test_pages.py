"""The pages over HTTP, from a store of either kind: what each shows, and what is said of what is not there."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

import convo
from convo.inspector import application

if TYPE_CHECKING:
    from pathlib import Path

    from convo.testing import FakeAPI
    from tests.conftest import Database
    from tests.inspector.conftest import Looked

UNKNOWN = "5d250055-ad38-4465-9fa4-1943d14f5a71"


def seen(html: str) -> str:
    """What a page says, without its elements."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


def test_the_first_page_lists_conversations_newest_first(web: TestClient, looked: Looked) -> None:
    page = web.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    text = seen(page.text)
    assert text.index("What if") < text.index("About dogs")
    assert "channel = phone" in text
    assert f'href="/c/{looked.chat.id}"' in page.text


@pytest.mark.parametrize(
    ("query", "there"),
    [
        ({"title": "DOGS"}, True),
        ({"title": "cats"}, False),
        ({"metadata": "channel=phone"}, True),
        ({"metadata": "channel=phone, turns=3"}, False),
        ({"since": "{day}", "until": "{day}"}, True),
        ({"until": "2026-10-31"}, False),
    ],
)
def test_conversations_are_filtered(web: TestClient, looked: Looked, query: dict[str, str], there: bool) -> None:
    query = {name: value.format(day=looked.chat.created_at.date()) for name, value in query.items()}
    assert ("About dogs" in web.get("/", params=query).text) is there


def test_an_id_leads_to_its_conversation(web: TestClient, looked: Looked) -> None:
    page = web.get("/", params={"id": str(looked.chat.id)}, follow_redirects=False)
    assert (page.status_code, page.headers["location"]) == (303, f"/c/{looked.chat.id}")


@pytest.mark.parametrize(
    "path",
    [
        "/?since=yesterday",
        "/?metadata=channel",
        "/?metadata=%3D1",
        "/?metadata=a%20b%3D1",
        "/?after=x",
        "/usage/x",
        "/c/1/sent?at=x",
    ],
)
def test_what_makes_no_sense_is_told_with_a_status_and_without_a_trace(web: TestClient, path: str) -> None:
    page = web.get(path)
    assert 400 <= page.status_code < 500
    assert "Traceback" not in page.text


def test_pages_of_conversations_follow_one_another(tmp_path: object) -> None:
    with convo.Store(f"sqlite:///{tmp_path}/many.db") as store:
        for number in range(60):
            store.create(title=f"Number {number}!")
        with TestClient(application(store, owner=lambda _: "")) as client:
            first = client.get("/").text
            (link,) = re.findall(r'rel="next" href="([^"]+)"', first)
            second = client.get(link.replace("&amp;", "&")).text
    numbers = [*map(int, re.findall(r"Number (\d+)!", first + second))]
    assert numbers == [*range(59, -1, -1)]
    assert 'rel="next"' not in second


def test_a_conversation_shows_all_that_happened(web: TestClient, looked: Looked) -> None:
    page = web.get(f"/c/{looked.chat.id}").text
    text = seen(page)
    for said in (
        "Answer briefly.", "Is a poodle a dog?", "calls weather", "result of", "recovered: audio_not_found",
        "key webhook-1", "thumbs = 1", "Look at this:", "by id", "as words", "3 lines: branches and forks",
    ):  # fmt: skip
        assert said in text, said
    assert page.count("<audio controls") == 5
    assert page.count("<img ") == 1
    assert text.count("$0.0") >= 5
    assert "open" not in re.findall(r"<details[^>]*>", page)[-1]


def test_a_line_that_is_not_shown_is_read_with_its_failed_call(web: TestClient, looked: Looked) -> None:
    left = looked.chat.branches()[0]
    text = seen(web.get(f"/c/{looked.chat.id}", params={"branch": str(left.id)}).text)
    assert "Hello?" in text
    assert "failed: invalid_value" in text
    assert "Look at this:" not in text


def test_a_long_conversation_comes_in_pages(tmp_path: object) -> None:
    with convo.Store(f"sqlite:///{tmp_path}/long.db") as store:
        chat = store.create(messages=[{"role": "user", "content": f"Word {number}!"} for number in range(1, 451)])
        with TestClient(application(store, owner=lambda _: "")) as client:
            pages = [client.get(f"/c/{chat.id}").text]
            while link := re.findall(r'rel="prev" href="([^"]+)"', pages[-1]):
                pages.append(client.get(link[0].replace("&amp;", "&")).text)
    assert [len(re.findall(r"Word \d+!</p>", page)) for page in pages] == [200, 200, 50]
    assert "Newest messages" in pages[1]
    assert "Newest messages" not in pages[0]


def test_a_page_knows_when_it_is_out_of_date(web: TestClient, looked: Looked) -> None:
    def states() -> list[str]:
        return [
            web.get(f"/c/{looked.chat.id}/state").text,
            re.findall(r'data-state="([^"]+)"', web.get(f"/c/{looked.chat.id}").text)[0],
        ]

    before = states()
    looked.chat.add("And this?")
    after = states()
    assert before[0] == before[1]
    assert after[0] == after[1] != before[0]


def test_search_shows_where_words_were_said(web: TestClient, looked: Looked) -> None:
    looked.store.search("poodle")  # the application's own search makes the index
    page = web.get("/search", params={"words": "poodle"})
    assert "Is a poodle a dog?" in page.text
    assert "#m2" in page.text
    assert "Nothing found" in web.get("/search", params={"words": "platypus"}).text


def test_usage_shows_cost_by_day_and_model(web: TestClient) -> None:
    page = web.get("/usage", params={"days": ""})
    text = seen(page.text)
    assert "gpt-audio-1.5" in text
    assert "Cost in USD" in text
    assert "Mended after refusals 1" in text
    assert page.text.count("<rect") > 4


def test_doctor_says_what_is_wrong(web: TestClient) -> None:
    assert "bytes were not read" in seen(web.get("/doctor").text)
    assert "All messages and bytes were read" in seen(web.get("/doctor", params={"verify": "1"}).text)


def test_an_empty_store_is_shown_as_such(tmp_path: object) -> None:
    with convo.Store(f"sqlite:///{tmp_path}/empty.db") as store:
        chat = store.create()
        store.upgrade()
        with TestClient(application(store, owner=lambda _: "")) as client:
            assert "No messages" in client.get(f"/c/{chat.id}").text
            assert "No request can be made now" in client.get(f"/c/{chat.id}/sent").text
            assert "No calls" in client.get("/usage").text
            store.delete(chat.id)
            assert "No conversation yet" in client.get("/").text


@pytest.mark.parametrize(
    "path",
    [f"/c/{UNKNOWN}", "/c/nonsense", f"/c/{UNKNOWN}/sent", f"/c/{UNKNOWN}/state", "/nowhere", "/static/x", "/static/..%2fapp.py"],
)
def test_what_is_not_there_is_404(web: TestClient, path: str) -> None:
    assert web.get(path).status_code == 404


def test_it_works_under_any_mount_path(looked: Looked) -> None:
    inside = application(looked.store, owner=lambda _: "anna")
    with TestClient(Starlette(routes=[Mount("/staff/talks", app=inside)])) as client:
        page = client.get("/staff/talks/").text
        addresses = re.findall(r'(?:href|src|action)="([^"#]+)"', page)
        assert addresses
        assert all(address.startswith("/staff/talks/") for address in addresses)
        assert client.get(f"/staff/talks/c/{looked.chat.id}").status_code == 200
        assert client.get("/staff/talks/static/inspector.css").headers["content-type"].startswith("text/css")


def test_a_damaged_message_is_told_and_hides_no_other(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    with convo.Store(f"sqlite:///{path}") as store:
        chat = store.create(messages=[{"role": "user", "content": "Before"}, {"role": "user", "content": "Broken"}])
        with sqlite3.connect(path) as database:
            database.execute("UPDATE convo_message SET body = 'no JSON' WHERE position = 2")
        database.close()
        with TestClient(application(store, owner=lambda _: "")) as client:
            text = seen(client.get(f"/c/{chat.id}").text)
            assert "Before" in text
            assert "not what was written any more" in text


def test_every_page_comes_from_either_database(database: Database, fake: FakeAPI) -> None:
    owner = database.options.get("owner", "")
    with convo.Store(database.url, **database.options) as store, fake.client() as client:
        chat = store.create(title="Somewhere")
        chat.send(client, "Hello?", model="gpt-audio-1.5", voice="alloy", format="wav")
        chat.fork()
        with TestClient(application(store, owner=lambda _: owner)) as web:
            for path in (
                "",
                "search?words=hello",
                "usage",
                "doctor",
                "state",
                *(f"c/{chat.id}{rest}" for rest in ("", "/state", "/sent")),
            ):
                assert web.get(f"/{path}").status_code == 200, path
            assert web.get(f"/c/{chat.id}/media/2/-1").content[:4] == b"RIFF"
            assert "2 lines" in web.get(f"/c/{chat.id}").text


@pytest.mark.parametrize("place", ["/gespr\u00e4che", "/\u0447\u0430\u0442", "/a%3Fb%23c%25d e", "/x%0D%0Ay: z"])
def test_links_lead_back_under_whatever_path_it_is_mounted(looked: Looked, place: str) -> None:
    app = Starlette(routes=[Mount("/{somewhere}", application(looked.store, owner=lambda _: "anna"))])
    with TestClient(app, follow_redirects=False) as client:
        page = client.get(f"{place}/")
        links = re.findall(r'href="([^"#]+)"', page.text)
        assert {client.get(link).status_code for link in links} == {200}
        there = client.get(f"{place}/", params={"id": str(looked.chat.id)})
        assert there.status_code == 303
        assert client.get(there.headers["location"]).status_code == 200
