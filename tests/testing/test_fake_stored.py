"""Chat completions that the fake keeps: those that want it, whose they are, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

if TYPE_CHECKING:
    from convo.testing import FakeAPI

ASK: list[Any] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Hi."}], "name": "anna"},
]


@pytest.fixture
def ids(fake: FakeAPI) -> list[str]:
    with fake.client() as client:
        create = client.chat.completions.create
        create(model="gpt-5.5", messages=ASK)
        return [
            create(model=model, messages=ASK, store=True, metadata={"n": str(number)}).id
            for number, model in enumerate(["gpt-5.5", "gpt-5.5", "gpt-4.1"])
        ]


def test_only_what_wants_it_is_kept_and_it_is_listed_oldest_first(fake: FakeAPI, ids: list[str]) -> None:
    with fake.client() as client:
        assert [one.id for one in client.chat.completions.list(limit=2)] == ids
        assert [one.id for one in client.chat.completions.list(order="desc")] == ids[::-1]
        assert [one.id for one in client.chat.completions.list(model="gpt-4.1")] == ids[2:]
        assert [one.id for one in client.chat.completions.list(metadata={"n": "1"})] == ids[1:2]
        assert client.chat.completions.retrieve(ids[0]).metadata == {"n": "0"}


def test_messages_have_ids_and_their_parts_apart(fake: FakeAPI, ids: list[str]) -> None:
    with fake.client() as client:
        first, second = client.chat.completions.messages.list(ids[0], limit=1)
        assert (first.id, first.content) == (f"{ids[0]}-0", "Be brief.")
        assert second.content is None
        assert [part.type for part in second.content_parts or ()] == ["text"]


def test_what_is_deleted_or_anothers_is_not_found(fake: FakeAPI, ids: list[str]) -> None:
    with fake.client() as client, fake.client(organization="org-other") as other:
        assert client.chat.completions.delete(ids[0]).deleted
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.retrieve(ids[0])
        with pytest.raises(openai.NotFoundError):
            other.chat.completions.messages.list(ids[1])
        assert not other.chat.completions.list().data


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"after": "nobody"}])
def test_pages_that_there_are_not_are_refused(fake: FakeAPI, ids: list[str], query: Any) -> None:
    with fake.client() as client, pytest.raises(openai.BadRequestError):
        client.chat.completions.list(**query)
