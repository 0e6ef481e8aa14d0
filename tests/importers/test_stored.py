"""What the API has stored of chat completions, through the real client: sync and async, in-process and over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import openai
import pytest

import convo
from convo.testing.completions_kept import KeptCompletions
from convo.testing.refusals import ApiRefusal
from convo.testing.wire import refused
from tests.support.foreign import assembles, conversations

if TYPE_CHECKING:
    from convo.testing import FakeAPI

ASK: list[Any] = [
    {"role": "developer", "content": "Be brief."},
    {
        "role": "user",
        "content": [{"type": "text", "text": "Rain?"}, {"type": "image_url", "image_url": {"url": "https://x.org/a.png"}}],
    },
]
RAIN: Any = {"type": "function", "function": {"name": "rain", "parameters": {"type": "object"}}}


def talk(fake: FakeAPI, count: int = 1, **more: Any) -> list[str]:
    """Have completions stored; give their ids."""
    with fake.client() as client:
        return [client.chat.completions.create(model="gpt-5.5", messages=ASK, store=True, **more).id for _ in range(count)]


def test_stored_completions_come_over_and_go_on(store: Any, client: Any, fake: FakeAPI) -> None:
    mine = store.owned_by(f"stored-{uuid4()}")
    fake.will_reply(tool_calls=[("rain", "{}", "call_1")])
    (identifier,) = talk(fake, tools=[RAIN], metadata={"channel": "web"})
    with fake.client() as other:
        other.chat.completions.create(model="gpt-5.5", messages=ASK)
    done = mine.import_from("openai", client)
    assert (done.conversations, done.created, done.messages, done.not_carried) == (1, 1, 3, ())
    chat = mine.get(key=f"openai:{identifier}")
    assert chat.instructions == "Be brief."
    assert chat.metadata["openai"]["metadata"] == {"channel": "web"}
    assert [part["type"] for part in chat.history()[1].raw["content"]] == ["text", "image_url"]
    assert chat.history()[-1].model == "gpt-5.5"
    with pytest.raises(convo.ToolOutputMissing):
        chat.request("gpt-5.5")
    chat.tool_output("call_1", "no")
    assert assembles(chat)[-1] == {"role": "tool", "content": "no", "tool_call_id": "call_1"}
    assert chat.send(client, model="gpt-5.5").text
    assert mine.import_from("openai", client).messages == 0


def test_all_pages_are_read_once(here: convo.Store, fake: FakeAPI) -> None:
    ids = talk(fake, 105)
    with fake.client() as client:
        assert here.import_from("openai", client).created == 105
        asked = [one.path for one in fake.received if one.method == "GET" and not one.path.endswith("/messages")]
        assert len(asked) == 2
        ids += talk(fake, 2)
        assert here.import_from("openai", client).created == 2
    assert {chat.key for chat in conversations(here)} == {f"openai:{identifier}" for identifier in ids}


def test_over_http_too(here: convo.Store, fake: FakeAPI) -> None:
    talk(fake)
    with fake.serve() as url, openai.OpenAI(base_url=url, api_key="x", max_retries=0) as client:
        assert here.import_from("openai", client).messages == 3


def test_what_the_client_raises_is_raised_and_what_came_before_stays(
    here: convo.Store, fake: FakeAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = talk(fake, 2)
    given = KeptCompletions.given

    def failing(self: Any, call: Any, origin: Any) -> Any:
        return refused(ApiRefusal(503, "Overloaded.")) if second in call.path else given(self, call, origin)

    with fake.client() as client:
        with monkeypatch.context() as patch:
            patch.setattr(KeptCompletions, "given", failing)
            with pytest.raises(openai.InternalServerError):
                here.import_from("openai", client)
        assert [chat.key for chat in conversations(here)] == [f"openai:{first}"]
        assert here.import_from("openai", client).created == 1


def test_a_client_of_the_other_kind_is_refused(store: Any, fake: FakeAPI, world: Any) -> None:
    other: Any = fake.client() if world.asynchronous else fake.async_client()
    with pytest.raises(convo.ConflictingArguments):
        store.import_from("openai", other)
    if world.asynchronous:
        other.close()
    else:
        import asyncio

        asyncio.run(other.close())


def test_a_table_is_not_for_the_api(store: Any, client: Any) -> None:
    with pytest.raises(convo.InputError, match="table="):
        store.import_from("openai", client, table="x")
