"""The page of what would be sent: how each message goes now, and how that changes as time passes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.testclient import TestClient

import convo
from convo.inspector import application
from tests.inspector.conftest import SPEAKS
from tests.inspector.test_pages import seen

if TYPE_CHECKING:
    from pathlib import Path

    from convo.testing import FakeAPI, FixedClock


def spoken(store: convo.Store, fake: FakeAPI, clock: FixedClock) -> convo.Conversation:
    """Three spoken turns, ten minutes apart, and a question."""
    chat = store.create(title="Time")
    with fake.client() as client:
        for number in range(3):
            chat.send(client, f"Question {number}?", **SPEAKS)
            clock.advance(600)
    chat.add("And now?")
    return chat


def test_it_is_for_whom_the_last_call_was_and_changes_as_ids_expire(tmp_path: Path, fake: FakeAPI, clock: FixedClock) -> None:
    with convo.Store(f"sqlite:///{tmp_path}/chat.db", clock=clock) as store:
        chat = spoken(store, fake, clock)
        with TestClient(application(store, owner=lambda _: "")) as client:
            now = client.get(f"/c/{chat.id}/sent").text
            links = re.findall(r'<li><a href="([^"]+)"', now)
            later = [client.get(link.replace("&amp;", "&")).text for link in links]
            assert now.count('class="how how-reference">reference<') == 4, "three messages, and what the colour means"
            assert [page.count("<del") for page in later] == [0, 1, 2, 3]
            assert "in 29 min" in seen(now)
            assert "its id is valid at this API until" in now
            assert 'value="gpt-audio-1.5"' in now
            assert 'value="alloy"' in now
            assert "always" in seen(later[-1])
            words = client.get(f"/c/{chat.id}/sent", params={"model": "gpt-audio-1.5", "policy": "words", "voice": "alloy"}).text
            assert "whose API is asked is not known" in words
            assert "messages" in client.get(f"/c/{chat.id}/sent", params={"model": "gpt-5.5", "api": "responses"}).text


def test_what_no_request_can_be_made_of_is_told(tmp_path: Path) -> None:
    with convo.Store(f"sqlite:///{tmp_path}/chat.db") as store:
        call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        chat = store.create(
            messages=[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None, "tool_calls": [call]}]
        )
        with TestClient(application(store, owner=lambda _: "")) as client:
            page = client.get(f"/c/{chat.id}/sent")
            assert page.status_code == 200
            assert "No request can be made now." in page.text
            assert "c1" in page.text
            for query in ({"api": "telepathy"}, {"model": "\x00"}, {"model": "gpt-5.5", "at": "9" * 40}):
                assert client.get(f"/c/{chat.id}/sent", params=query).status_code in (200, 400)


def test_the_policy_of_the_application_decides(tmp_path: Path, fake: FakeAPI, clock: FixedClock) -> None:
    with convo.Store(f"sqlite:///{tmp_path}/chat.db", clock=clock) as store:
        chat = spoken(store, fake, clock)
        inside = application(store, owner=lambda _: "", policy=convo.Policy(references=False))
        with TestClient(inside) as client:
            assert "the policy asks for transcripts" in client.get(f"/c/{chat.id}/sent").text


def test_of_a_long_request_the_newest_messages_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    said = [{"role": "user", "content": f"m{number}"} for number in range(2_000)]
    with convo.Store(f"sqlite:///{tmp_path}/chat.db") as store, TestClient(application(store, owner=lambda _: "")) as client:
        page = client.get(f"/c/{store.create(messages=said).id}/sent").text
    assert page.count('<td data-label="Message">') == 500
    assert ">m1999</td>" in page
    assert "the 1,500 before them are only counted" in page
    assert "2,000 messages" in seen(page)
