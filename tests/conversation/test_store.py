"""A store: made, found, listed, changed, deleted; owners apart; messages in and out."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest

import convo
from tests.support.builders import WAV, recording

if TYPE_CHECKING:
    from convo.testing import FakeAPI, FixedClock
    from tests.conftest import Database, World


def test_a_conversation_is_found_by_its_own_key_or_made(store: Any) -> None:
    made = store.create(key="call-7", title="first")
    assert store.create(key="call-7", title="second").title == "first"
    assert store.get(key="call-7").id == made.id
    with pytest.raises(convo.ConversationNotFound):
        store.get(key="call-8")


def test_a_key_belongs_to_an_owner(store: Any) -> None:
    mine = store.create(key="k")
    assert store.owned_by(f"{mine.owner}-other").create(key="k").id != mine.id


def test_owners_see_nothing_of_each_other_and_everyone_sees_all(store: Any, client: Any) -> None:
    mine = store.create(metadata={"of": "mine"})
    other = store.owned_by(f"{mine.owner}-other")
    theirs = other.create()
    theirs.send(client, "Hello", model="gpt-4.1")
    assert [chat.id for chat in store.conversations()] == [mine.id]
    assert [chat.id for chat in other.conversations()] == [theirs.id]
    assert (store.usage().calls, other.usage().calls) == (0, 1)
    everyone = store.everyone()
    assert [everyone.get(chat.id).id for chat in (mine, theirs)] == [mine.id, theirs.id]
    assert len(everyone.get(theirs.id).history()) == 2
    for write in (everyone.create, lambda: everyone.get(mine.id).add("x"), lambda: everyone.delete(mine.id), everyone.upgrade):
        with pytest.raises(convo.ReadOnlyView):
            write()


def test_pages_go_from_the_newest_to_the_oldest_and_filters_hold(store: Any, clock: FixedClock) -> None:
    made = []
    for number in range(7):
        made.append(store.create(metadata={"n": number, "even": number % 2 == 0, "tag": "ä"}))
        clock.advance(1 if number % 2 else 0)
    newest_first = [chat.id for chat in reversed(made)]
    pages, after = [], None
    while page := store.conversations(limit=3, after=after):
        pages.append([chat.id for chat in page])
        after = page[-1].id
    assert [len(page) for page in pages] == [3, 3, 1]
    listed = list(chain.from_iterable(pages))
    assert sorted(listed) == sorted(newest_first)
    times = [store.get(identifier).created_at for identifier in listed]
    assert times == sorted(times, reverse=True)
    assert [c.metadata["n"] for c in store.conversations(metadata={"even": True, "tag": "ä"})] == [6, 4, 2, 0]
    assert store.conversations(metadata={"n": "6"}) == []
    assert [c.metadata["n"] for c in store.conversations(since=made[4].created_at, until=made[6].created_at)] == [5, 4]
    with pytest.raises(convo.InputError):
        store.conversations(limit=0)
    with pytest.raises(convo.InvalidMetadata):
        store.conversations(metadata={'x" OR 1=1 --': 1})


def test_metadata_and_title_change_and_instructions_are_versions(world: World, fake: FakeAPI) -> None:
    chat = world.open().create(instructions="Be brief.", title="a", metadata={"x": [1, {"y": None}]})
    chat.send(world.client, "Hello", model="gpt-4.1")
    chat.update(title=None, metadata={"z": 1}, instructions="Be long.")
    assert (chat.title, chat.metadata, chat.instructions) == (None, {"z": 1}, "Be long.")
    again = world.open().get(chat.id)
    assert (again.title, again.metadata, again.instructions, again.head) == (None, {"z": 1}, "Be long.", 4)
    again.send(world.client, "And now?", model="gpt-4.1")
    sent = fake.last.body["messages"]
    assert (sent[0]["role"], sent[0]["content"]) == ("system", "Be long.")
    assert [m["content"] for m in sent if m["role"] == "system"] == ["Be long."]
    assert [m.kind for m in again.history()][:4] == ["instructions", "message", "message", "instructions"]


def test_a_list_of_messages_goes_in_and_comes_out(store: Any, client: Any, fake: FakeAPI) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}], "name": "jane", "x_custom": {"kept": [1.5, None]}},
        {"role": "assistant", "content": None, "tool_calls": [_call("call_1")]},
        {"role": "tool", "tool_call_id": "call_1", "content": "42"},
        {"role": "assistant", "content": "42.", "refusal": None, "annotations": []},
    ]
    chat = store.create(messages=messages)
    assert chat.head == 5
    assert chat.history().to_chat() == messages
    chat.send(client, "Thanks", model="gpt-4.1")
    assert "x_custom" not in fake.last.body["messages"][1]


def _call(identifier: str) -> dict[str, Any]:
    return {"id": identifier, "type": "function", "function": {"name": "look_up", "arguments": '{"q": 1}'}}


def test_a_tool_turn_is_completed_by_its_results(store: Any, client: Any, fake: FakeAPI) -> None:
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}]
    chat = store.create()
    fake.will_reply(tool_calls=[("look_up", '{"q": 1}'), ("look_up", "not json")])
    reply = chat.send(client, "What is it?", model="gpt-4.1", tools=tools)
    one, two = reply.tool_calls
    with pytest.raises(convo.ToolOutputMissing) as caught:
        chat.send(client, model="gpt-4.1", tools=tools)
    assert caught.value.call_ids == (one.id, two.id)
    chat.tool_output(two.id, {"answer": 42})
    chat.tool_output(one.id, "timed out", error=True, key="result-1")
    chat.tool_output(one.id, "timed out", error=True, key="result-1")
    answer = chat.send(client, model="gpt-4.1", tools=tools)
    assert [(m["role"], m.get("content")) for m in fake.last.body["messages"][2:]] == [
        ("tool", "Error: timed out"),
        ("tool", '{"answer":42}'),
    ]
    assert answer.message.position == 5
    assert len(chat.history().turns) == 1


def test_what_is_stored_is_what_comes_back(world: World) -> None:
    chat = world.open().create()
    odd = "\0 a\u0301 \U0001f469\u200d\U0001f680 \u202eabc \ufeff \u2028 '; DROP TABLE convo_message; --"
    added = chat.add(odd, recording("\u00e4"), convo.Image(url="https://example.org/a.png"), name="jane", metadata={"k": odd[2:]})
    (found,) = world.open().get(chat.id).history()
    assert found == added
    assert found.raw["content"][0]["text"] == odd
    assert found.metadata == {"k": odd[2:]}
    assert world.open().get(chat.id).load(found.audio).data == WAV


def test_bytes_are_stored_once_and_in_chunks(world: World) -> None:
    from convo.store import blobs

    big = b"%PDF-" + bytes(range(256)) * 10_000
    store = world.open()
    chat = store.create()
    for _ in range(2):
        chat.add(convo.File(name="a.pdf", data=big))
    assert big not in repr(chat.history()).encode()
    request = chat.request("gpt-4.1", client=world.client)
    assert len(request["messages"]) == 2
    assert len(big) > 2 * blobs.CHUNK
    import base64

    assert base64.b64decode(request["messages"][0]["content"][0]["file"]["file_data"].partition(",")[2]) == big


def test_the_last_messages_can_be_read_alone(store: Any) -> None:
    chat = store.create()
    for number in range(5):
        chat.add(f"{number}", created_at=None)
    tail = chat.history(last=2)
    assert ([m.text for m in tail], tail.head, [m.position for m in tail]) == (["3", "4"], 5, [4, 5])
    assert len(chat.history(last=99)) == 5
    assert chat.history()[1:3].messages == chat.history().messages[1:3]


def test_one_message_is_read_by_its_position_in_the_line_that_is_shown(store: Any) -> None:
    chat = store.create()
    chat.extend([{"role": "user", "content": text} for text in ("one", "two", "three")])
    chat.edit(2, "deux")
    assert [chat.message(position).text for position in (1, 2)] == ["one", "deux"]
    assert chat.message(2) == chat.history()[1]
    spoken = chat.add(recording())
    assert chat.message(spoken.position).audio == chat.history()[-1].audio
    for beyond in (spoken.position + 1, 1 << 63, 1 << 200):
        with pytest.raises(convo.MessageNotFound):
            chat.message(beyond)
    for wrong in (0, -1, None, "1", True):
        with pytest.raises(convo.InputError):
            chat.message(wrong)
    store.delete(chat.id)
    with pytest.raises(convo.ConversationNotFound):
        chat.message(1)


def test_order_is_by_position_when_time_stands_still_or_goes_back(store: Any, clock: FixedClock) -> None:
    chat = store.create()
    for number in range(10):
        chat.add(f"{number}")
        clock.advance(-5)
    assert [m.text for m in chat.history()] == [str(number) for number in range(10)]


def test_a_transcript_reads_as_text(store: Any, client: Any, fake: FakeAPI) -> None:
    chat = store.create(instructions="Be brief.")
    fake.will_reply("Yes.")
    chat.send(client, recording("Is it?"), model="gpt-audio-1.5", voice="alloy")
    chat.add(recording(None), name="joe")
    assert chat.transcript() == "Instructions: Be brief.\n\nUser: Is it?\n\nAssistant: Yes.\n\njoe: [audio, 1.0 s]"


def test_bodies_are_verified_against_their_hashes(database: Database) -> None:
    from convo.store import log

    with convo.Store(database.url, **database.options) as store:
        chat = store.create()
        chat.add("one")
        chat.add("two")
        found = chat._place.found
        run = store._driver.runner.run
        assert run(log.check, found.owner, found.branch) == 2

        def flip(connection: Any) -> None:
            from convo.store import tables

            column = tables.message.c
            changed = (
                tables.message.update()
                .where(column.branch == found.branch, column.position == 2)
                .values(body='{"role":"user","content":"twp"}')
            )
            options = {"schema_translate_map": {None: database.options.get("schema")}}
            connection.execute(changed, execution_options=options)

        run(flip, mode="write")
        with pytest.raises(convo.IntegrityError) as caught:
            run(log.check, found.owner, found.branch)
        assert caught.value.position == 2
