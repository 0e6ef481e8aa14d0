"""What goes wrong in a Realtime session: one response at a time, cancelled, failed; lines that break."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError

from tests.support.line import done, kinds, line

if TYPE_CHECKING:
    from convo.testing import FakeAPI
    from tests.support.line import Line


def all_of(talk: Line) -> list[dict[str, Any]]:
    """Give the events until the line breaks."""
    events = []
    while True:
        try:
            events.append(talk.next())
        except ConnectionClosedError:
            return events


def test_there_is_one_response_at_a_time(talk: Line, fake: FakeAPI) -> None:
    hold = fake.hold(after=4)
    talk.send("response.create")
    hold.wait_until_held()
    created, *_ = talk.until("response.content_part.added")
    error = talk.error("response.create", event_id="mine")
    assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", "mine")
    assert error["message"] == (
        f"Conversation already has an active response in progress: {created['response']['id']}. "
        "Wait until the response is finished before creating a new one."
    )
    talk.send("response.create", response={"conversation": "none"})
    assert done(talk.until("response.done"))["conversation_id"] is None
    hold.release()
    assert done(talk.until("response.done"))["id"] == created["response"]["id"]


def test_a_held_session_hears_its_client(talk: Line, fake: FakeAPI) -> None:
    hold = fake.hold()
    talk.send("response.create")
    hold.wait_until_held()
    talk.say("One more.")
    talk.until("conversation.item.done")
    hold.release()
    (added,) = [event for event in talk.until("response.done") if event["type"] == "conversation.item.added"]
    assert added["previous_item_id"] == fake.sessions[-1].items[0]["id"]


@pytest.mark.parametrize("after", range(1, 16))
def test_a_response_is_cancelled_anywhere_and_closes_what_it_opened(talk: Line, fake: FakeAPI, after: int) -> None:
    fake.will_reply("Very good.", tool_calls=[("look", "{}")])
    hold = fake.hold(after)
    talk.send("response.create", response={"output_modalities": ["text"]})
    hold.wait_until_held()
    talk.send("response.cancel")
    events = talk.until("rate_limits.updated")
    assert done(events)["status"] == "cancelled"
    assert done(events)["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    names = [event["type"] for event in events]
    for opened, closed in [
        ("response.output_item.added", "response.output_item.done"),
        ("conversation.item.added", "conversation.item.done"),
        ("response.content_part.added", "response.content_part.done"),
    ]:
        assert names.count(opened) == names.count(closed)
    shown = {event["item"]["id"]: event["item"]["status"] for event in events if event["type"] == "conversation.item.done"}
    assert {item["id"]: item["status"] for item in done(events)["output"]} == shown
    assert {item["id"]: item["status"] for item in fake.sessions[-1].items} == shown
    assert talk.error("response.cancel")["message"] == "Cancellation failed: no active response found"


def test_another_response_is_not_cancelled(talk: Line, fake: FakeAPI) -> None:
    hold = fake.hold(after=1)
    talk.send("response.create")
    hold.wait_until_held()
    response_id = talk.next()["response"]["id"]
    assert talk.error("response.cancel", response_id="resp_other")["code"] == "response_cancel_not_active"
    assert talk.answer("response.cancel", response_id=response_id)["response"]["status"] == "cancelled"


def test_an_item_that_is_being_made_can_be_deleted_but_not_truncated(talk: Line, fake: FakeAPI) -> None:
    hold = fake.hold(after=6)
    talk.send("response.create")
    hold.wait_until_held()
    item_id = talk.until("response.content_part.added")[-1]["item_id"]
    talk.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=0)
    assert talk.until("error")[-1]["error"]["message"] == "Only model output audio messages can be truncated"
    talk.send("conversation.item.delete", item_id=item_id)
    talk.until("conversation.item.deleted")
    hold.release()
    assert done(talk.until("response.done"))["status"] == "completed"
    assert fake.sessions[-1].items == ()


def test_a_failed_response_says_why_and_the_next_is_well(talk: Line, fake: FakeAPI) -> None:
    fake.will_fail(429, code="insufficient_quota")
    fake.will_reply("Here I am.")
    talk.send("response.create")
    events = talk.until("rate_limits.updated")
    assert kinds(events) == ["response.created", "response.done", "rate_limits.updated"]
    response = done(events)
    assert (response["status"], response["output"], response["usage"]["total_tokens"]) == ("failed", [], 0)
    assert response["status_details"]["type"] == "failed"
    assert response["status_details"]["error"]["code"] == "insufficient_quota"
    talk.send("response.create")
    assert done(talk.until("response.done"))["status"] == "completed"


@pytest.mark.parametrize(("fault", "arrive"), [({}, 0), ({"after": True}, 0), ({"chunks": 1}, 1), ({"chunks": 7}, 7)])
def test_a_line_breaks_in_a_response(talk: Line, fake: FakeAPI, fault: dict[str, Any], arrive: int) -> None:
    fake.will_drop(**fault)
    talk.say("Are dogs good?")
    talk.send("response.create")
    events = all_of(talk)
    assert kinds(events)[:2] == ["conversation.item.added", "conversation.item.done"]
    assert len(events) == 2 + arrive
    assert list(fake.sessions[-1].sent[1:]) == events


def test_a_line_breaks_after_any_event(base_url: str, fake: FakeAPI) -> None:
    for events in range(12):
        fake.will_drop(events=events)
        fake.will_reply("Very good ones.")
        with line(base_url, asynchronous=False) as talk:
            try:
                talk.say("Are dogs good?")
                talk.send("response.create")
            except ConnectionClosed:
                pass
            assert len(all_of(talk)) == events
    assert {len(session.sent) for session in fake.sessions} == set(range(12))
    with line(base_url, asynchronous=False) as talk:
        assert talk.next()["type"] == "session.created"


def test_the_server_ends_though_a_session_lasts(fake: FakeAPI) -> None:
    with fake.serve() as url:
        opened = line(url, asynchronous=False)
        talk = opened.__enter__()
        talk.next()
    with pytest.raises(ConnectionClosed):
        talk.next()
    opened.__exit__(None, None, None)
    assert fake.sessions[0].ended


def test_a_session_that_was_left_has_ended(fake: FakeAPI) -> None:
    with fake.serve() as url, line(url, asynchronous=False) as talk:
        talk.next()
        hold = fake.hold(after=1)
        talk.send("response.create")
        hold.wait_until_held()
    assert fake.sessions[0].ended
