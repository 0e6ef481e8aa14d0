"""The store of ChatKit: threads, items, attachments and feedback of each owner, over messages that are messages as any others."""

from __future__ import annotations

import asyncio
import json
import textwrap
import warnings
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from chatkit.server import ChatKitServer, StreamingResult
from chatkit.store import NotFoundError, Store
from chatkit.types import (
    ActiveStatus,
    AssistantMessageContent,
    AssistantMessageItem,
    Attachment,
    ClosedStatus,
    LockedStatus,
    ThreadItem,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadMetadata,
)
from pydantic import TypeAdapter

import convo
from convo.integrations import chatkit as module
from convo.integrations.chatkit import ConvoStore
from tests.support.builders import recording
from tests.support.sealing import shared_cipher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from convo.testing import FakeAPI

pytestmark = pytest.mark.filterwarnings("ignore:Direct usage of named widget classes:DeprecationWarning")
ITEM: TypeAdapter[Any] = TypeAdapter(ThreadItem)
ATTACHMENT: TypeAdapter[Any] = TypeAdapter(Attachment)
NOW = datetime(2026, 11, 1, 12, 0, 0, 123456)  # noqa: DTZ001 - ChatKit's own times have no zone
ANN, BOB = "ann", "bob"
IMAGE: dict[str, Any] = {
    "id": "atc_1", "type": "image", "name": "dog.png", "mime_type": "image/png", "preview_url": "https://example.test/a.png",
    "metadata": {"source": "camera"},
}  # fmt: skip
FILE: dict[str, Any] = {
    "id": "atc_2", "type": "file", "name": "a.pdf", "mime_type": "application/pdf",
    "upload_descriptor": {"url": "https://example.test/up", "method": "PUT", "headers": {"a": "b"}},
}  # fmt: skip


def thread(id_: str = "thr_1", **more: Any) -> ThreadMetadata:
    return ThreadMetadata(**{"id": id_, "title": "Dogs", "created_at": NOW, "metadata": {"seen": [1, None]}, **more})


def item(kind: str, id_: str, **facts: Any) -> Any:
    return ITEM.validate_python({"type": kind, "id": id_, "thread_id": "thr_1", "created_at": NOW, **facts})


def asked(text: str = "Are they loyal?", id_: str = "msg_1", **more: Any) -> Any:
    content = [{"type": "input_text", "text": text}]
    return item("user_message", id_, **{"content": content, "inference_options": {}, **more})


def said(text: str = "Very.", id_: str = "msg_2", **more: Any) -> Any:
    return item("assistant_message", id_, content=[{"text": text, **more}])


def pages(count: int) -> list[Any]:
    return [asked(f"Word {number}", f"msg_{number}") for number in range(count)]


TAG = {"type": "input_tag", "id": "dog_1", "text": "@Rex", "data": {"age": 3}, "group": "dogs", "interactive": True}
QUESTIONS = [
    {"type": "multiple_choice", "id": "q1", "question": "Size?", "options": [{"value": "L"}, {"value": "S"}]},
    {"type": "freeform", "id": "q2", "question": "Why?", "answer": {"values": ["It fits."]}},
]
WORKFLOW = {"type": "reasoning", "tasks": [{"type": "thought", "content": "Hm."}], "summary": {"duration": 3}, "expanded": True}
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # ChatKit warns of its own widgets
    EVERY = [
        asked(attachments=[IMAGE, FILE], quoted_text="loyal dogs\nare good", inference_options={"model": "gpt-5.5"}),
        said(annotations=[{"source": {"type": "url", "title": "Dogs", "url": "https://example.test"}, "index": 2}]),
        asked("", "msg_3", content=[{"type": "input_text", "text": "Ask "}, TAG]),
        item("client_tool_call", "tc_1", call_id="call_1", name="look", arguments={"at": "dog"}),
        item("client_tool_call", "tc_2", call_id="call_2", name="look", arguments={}, status="completed", output={"seen": "Rex"}),
        item("widget", "wdg_1", widget={"type": "Card", "children": [{"type": "Text", "value": "Rex"}]}, copy_text="A card"),
        item("generated_image", "img_1", image={"id": "i1", "url": "https://example.test/b.png"}),
        item("structured_input", "si_1", inputs=QUESTIONS),
        item("workflow", "wf_1", workflow=WORKFLOW),
        item("task", "tsk_1", task={"type": "web_search", "title": "Search", "queries": ["dogs"]}),
        item("hidden_context_item", "hid_1", content={"page": ["/dogs", 1.5, None]}),
        item("sdk_hidden_context", "shcx_1", content="The user cancelled the stream."),
        item("end_of_turn", "eot_1"),
        said("", "msg_4"),
        item("assistant_message", "msg_5", content=[]),
    ]  # fmt: skip


@pytest.fixture
async def chatkit(store: convo.AsyncStore) -> ConvoStore[str]:
    """A store of ChatKit with the thread `thr_1` of Ann; owners are told apart from those of other tests."""
    found = over(store)
    await found.save_thread(thread(), ANN)
    return found


def over(store: convo.AsyncStore) -> ConvoStore[str]:
    return ConvoStore(store, owner=lambda user: f"{store._owner}/{user}")


async def filled(chatkit: ConvoStore[str], items: list[Any]) -> None:
    for one in items:
        await chatkit.add_thread_item("thr_1", one, ANN)


async def listed(chatkit: ConvoStore[str], **more: Any) -> list[Any]:
    arguments = {"after": None, "limit": 100, "order": "asc", "context": ANN, **more}
    return (await chatkit.load_thread_items("thr_1", **arguments)).data


async def chat_of(store: convo.AsyncStore, id_: str = "thr_1") -> convo.AsyncConversation:
    return await store.owned_by(f"{store._owner}/{ANN}").get(key=id_)


# --- threads ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"title": None, "metadata": {}},
        {"status": ActiveStatus()},
        {"status": LockedStatus(reason="Paid plan")},
        {"status": ClosedStatus(), "allowed_image_domains": ["example.test"]},
        {"created_at": datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))},
        {"metadata": {"any key at all": {"\u00e9": "\U0001f415"}}},
    ],
)
async def test_a_thread_comes_back_as_it_was_saved(chatkit: ConvoStore[str], facts: dict[str, Any]) -> None:
    given = thread("thr_2", **facts)
    await chatkit.save_thread(given, ANN)
    assert await chatkit.load_thread("thr_2", ANN) == given
    changed = given.model_copy(update={"title": "Cats", "status": LockedStatus()})
    await chatkit.save_thread(changed, ANN)
    assert await chatkit.load_thread("thr_2", ANN) == changed
    await chatkit.save_thread(given, ANN)
    assert await chatkit.load_thread("thr_2", ANN) == given


async def test_other_metadata_of_a_conversation_stays(store: convo.AsyncStore) -> None:
    own = store.owned_by(f"{store._owner}/{ANN}")
    await own.create(key="thr_9", metadata={"channel": "web"})
    await over(store).save_thread(thread("thr_9"), ANN)
    assert (await own.get(key="thr_9")).metadata["channel"] == "web"
    assert [chat.key for chat in await own.conversations(metadata={"channel": "web"})] == ["thr_9"]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
async def test_threads_are_listed_by_pages(
    store: convo.AsyncStore, clock: Any, order: str, limit: int
) -> None:  # fmt: skip
    chatkit, expected = over(store), []
    for number in range(7):
        clock.advance(1)
        expected.append(f"thr_{number}")
        await chatkit.save_thread(thread(expected[-1]), ANN)
        await chatkit.save_attachment(ATTACHMENT.validate_python({**FILE, "id": f"atc_{number}"}), ANN)
    await chatkit.save_thread(thread("thr_of_bob"), BOB)
    expected = expected if order == "asc" else expected[::-1]
    found, after = [], None
    for _ in range(8):
        page = await chatkit.load_threads(limit, after, order, ANN)
        found += [one.id for one in page.data]
        assert len(page.data) <= limit
        assert page.after == (page.data[-1].id if page.has_more else None)
        after = page.after
        if not page.has_more:
            break
    assert found == expected


async def test_a_deleted_thread_is_gone_with_its_items(chatkit: ConvoStore[str], store: convo.AsyncStore) -> None:
    await filled(chatkit, EVERY)
    await chatkit.delete_thread("thr_1", ANN)
    await chatkit.delete_thread("thr_1", ANN)
    with pytest.raises(NotFoundError):
        await chatkit.load_thread("thr_1", ANN)
    assert await listed(chatkit) == []
    assert await store.everyone().search("loyal") == [] or store._owner == ""


# --- items -----------------------------------------------------------------------------------------


async def test_items_come_back_as_they_were_given(chatkit: ConvoStore[str], store: convo.AsyncStore) -> None:
    await filled(chatkit, EVERY)
    assert await listed(chatkit) == EVERY
    assert await listed(over(store), order="desc") == EVERY[::-1]
    for one in EVERY:
        assert await chatkit.load_item("thr_1", one.id, ANN) == one


async def test_what_is_said_is_the_text_of_messages(chatkit: ConvoStore[str], store: convo.AsyncStore) -> None:
    await filled(chatkit, EVERY)
    chat = await chat_of(store)
    assert [(message.role, message.text) for message in await chat.history()] == [
        ("user", "> loyal dogs\n> are good\nAre they loyal?\n[image dog.png]\n[file a.pdf]"),
        ("assistant", "Very."),
        ("user", "Ask @Rex"),
        ("assistant", '[called look({"at":"dog"})]'),
        ("assistant", '[called look({}): {"seen":"Rex"}]'),
        ("assistant", "A card"),
        ("assistant", ""),
        ("assistant", "Size?\nWhy? It fits."),
        ("assistant", ""),
        ("assistant", ""),
        ("developer", '{"page":["/dogs",1.5,null]}'),
        ("developer", "The user cancelled the stream."),
        ("assistant", ""),
        ("assistant", ""),
        ("assistant", ""),
    ]
    own = store.owned_by(chat.owner)
    assert [hit.conversation for hit in await own.search("loyal")] == [chat.id]
    assert "Are they loyal?" in await chat.document("md")


async def test_a_conversation_goes_on_by_convo(
    chatkit: ConvoStore[str], store: convo.AsyncStore, client: Any, fake: FakeAPI
) -> None:
    await filled(chatkit, [asked(), said(), *EVERY[7:9]])
    fake.will_reply("Because of the wolf.")
    await (await chat_of(store)).send(client, "Why?", model="gpt-5.5")
    assert [message["content"] for message in fake.last.body["messages"]] == [
        "Are they loyal?", "Very.", "Size?\nWhy? It fits.", "Why?",
    ]  # fmt: skip
    items = await listed(chatkit)
    assert [(one.id, one.content[0].text) for one in items[-2:]] == [("convo_5", "Why?"), ("convo_6", "Because of the wolf.")]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 4, 5, 6])
async def test_items_are_listed_by_pages(chatkit: ConvoStore[str], order: str, limit: int) -> None:
    await filled(chatkit, pages(5))
    found, after = [], None
    for _ in range(6):
        page = await chatkit.load_thread_items("thr_1", after, limit, order, ANN)
        found += [one.id for one in page.data]
        assert page.after == (page.data[-1].id if page.has_more else None)
        after = page.after
        if not page.has_more:
            break
    expected = [f"msg_{number}" for number in range(5)]
    assert found == (expected if order == "asc" else expected[::-1])


async def test_a_long_thread_is_read_from_its_end(chatkit: ConvoStore[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TAIL", 4)
    await filled(chatkit, pages(12))
    for order, after, expected in [
        ("desc", None, [11, 10]), ("desc", "msg_11", [10, 9]), ("desc", "msg_9", [8, 7]), ("desc", "msg_1", [0]),
        ("asc", None, [0, 1]), ("asc", "msg_9", [10, 11]), ("asc", "msg_11", []), ("desc", "msg_0", []),
    ]:  # fmt: skip
        page = await chatkit.load_thread_items("thr_1", after, 2, order, ANN)
        assert [one.id for one in page.data] == [f"msg_{number}" for number in expected], (order, after)
    assert (await chatkit.load_item("thr_1", "msg_0", ANN)).id == "msg_0"


async def test_an_item_that_is_saved_again_stands_in_its_place(chatkit: ConvoStore[str], store: convo.AsyncStore) -> None:
    await filled(chatkit, EVERY)
    done = EVERY[3].model_copy(update={"status": "completed", "output": [1]})
    better = said("Extremely.")
    for changed in (done, better, better):
        await chatkit.save_item("thr_1", changed, ANN)
    expected = [EVERY[0], better, EVERY[2], done, *EVERY[4:]]
    assert await listed(chatkit) == expected
    chat = await chat_of(store)
    history = await chat.history(verify=True)
    assert (history[1].text, history[3].text) == ("Extremely.", '[called look({"at":"dog"}): [1]]')
    own = store.owned_by(chat.owner)
    assert await own.search("extremely")
    assert not await own.search("very")
    assert not [finding for finding in await own.doctor() if finding.branch]


async def test_an_item_that_several_add_at_once_is_there_once(chatkit: ConvoStore[str]) -> None:
    await asyncio.gather(*(chatkit.add_thread_item("thr_1", asked(), ANN) for _ in range(6)))
    await asyncio.gather(*(chatkit.save_item("thr_1", said(), ANN) for _ in range(6)))
    page = await chatkit.load_thread_items("thr_1", None, 20, "asc", ANN)
    assert page.data == [asked(), said()]


async def test_one_of_several_contents_of_an_item_that_is_added_at_once_is_there(chatkit: ConvoStore[str]) -> None:
    texts = [f"Word {number}" for number in range(6)]
    await asyncio.gather(*(chatkit.add_thread_item("thr_1", asked(text), ANN) for text in texts))
    page = await chatkit.load_thread_items("thr_1", None, 20, "asc", ANN)
    (one,) = page.data
    assert one in [asked(text) for text in texts]


async def test_an_item_that_was_deleted_may_be_added_again(chatkit: ConvoStore[str]) -> None:
    for _ in range(2):
        await chatkit.add_thread_item("thr_1", asked(), ANN)
        await chatkit.delete_thread_item("thr_1", "msg_1", ANN)
    await chatkit.add_thread_item("thr_1", asked(), ANN)
    assert (await chatkit.load_thread_items("thr_1", None, 20, "asc", ANN)).data == [asked()]


async def test_an_item_that_is_not_there_is_added_when_it_is_saved(chatkit: ConvoStore[str]) -> None:
    await chatkit.save_item("thr_1", said(), ANN)
    await chatkit.add_thread_item("thr_1", said("Yes."), ANN)
    assert await listed(chatkit) == [said("Yes.")]


async def test_a_deleted_item_is_gone_and_its_words_too(chatkit: ConvoStore[str], store: convo.AsyncStore) -> None:
    await filled(chatkit, EVERY)
    await chatkit.delete_thread_item("thr_1", "msg_1", ANN)
    await chatkit.delete_thread_item("thr_1", "msg_1", ANN)
    assert await listed(chatkit) == EVERY[1:]
    with pytest.raises(NotFoundError):
        await chatkit.load_item("thr_1", "msg_1", ANN)
    assert "loyal" not in await (await chat_of(store)).transcript()
    await chatkit.add_thread_item("thr_1", EVERY[0], ANN)
    assert (await listed(chatkit))[-1] == EVERY[0]


async def test_what_is_on_hold_is_neither_replaced_nor_deleted(chatkit: ConvoStore[str], store: convo.AsyncStore) -> None:
    await filled(chatkit, EVERY[:2])
    await (await chat_of(store)).hold("case 4711")
    with pytest.raises(convo.OnHold):
        await chatkit.save_item("thr_1", said("No."), ANN)
    with pytest.raises(convo.OnHold):
        await chatkit.delete_thread_item("thr_1", "msg_2", ANN)
    with pytest.raises(convo.OnHold):
        await chatkit.delete_thread("thr_1", ANN)
    await chatkit.add_thread_item("thr_1", said("Yes.", "msg_9"), ANN)
    assert await listed(chatkit) == [*EVERY[:2], said("Yes.", "msg_9")]


async def test_two_who_save_the_same_item_leave_one_of_both(opened: Callable[..., convo.AsyncStore]) -> None:
    stores = [over(opened()), over(opened())]
    await stores[0].save_thread(thread(), ANN)
    await filled(stores[0], pages(3))
    texts = [f"Version {number}" for number in range(8)]
    done = await asyncio.gather(
        *(stores[n % 2].save_item("thr_1", asked(text, "msg_1"), ANN) for n, text in enumerate(texts)), return_exceptions=True
    )
    assert all(error is None or isinstance(error, convo.ConflictError) for error in done)
    found = await listed(stores[0])
    assert [one.id for one in found] == ["msg_0", "msg_1", "msg_2"]
    assert found[1].content[0].text in texts


# --- what came another way -------------------------------------------------------------------------


async def test_a_call_by_phone_is_a_thread(store: convo.AsyncStore, client: Any, fake: FakeAPI) -> None:
    own = store.owned_by(f"{store._owner}/{ANN}")
    chat = await own.create(instructions="Be brief.", title="Call")
    fake.will_reply("A golden retriever.")
    spoken = await chat.send(client, recording("What is this?"), model="gpt-audio-1.5", voice="alloy")
    await chat.add("And this?", recording(None))
    chatkit = over(store)
    (found,) = (await chatkit.load_threads(20, None, "desc", ANN)).data
    assert (found.id, found.title, found.created_at.tzinfo) == (str(chat.id), "Call", UTC)
    items: list[Any] = (await chatkit.load_thread_items(found.id, None, 20, "asc", ANN)).data
    assert [(one.id, one.type, one.content[0].text) for one in items] == [
        ("convo_2", "user_message", "What is this?"),
        ("convo_3", "assistant_message", "A golden retriever."),
        ("convo_4", "user_message", "And this?"),
    ]
    await chatkit.add_thread_item(found.id, asked("Is it loyal?", "msg_1"), ANN)
    await chatkit.add_feedback(found.id, ["convo_3"], "positive", ANN)
    with pytest.raises(convo.InputError, match="cannot be replaced"):
        await chatkit.save_item(found.id, said("A poodle.", "convo_3"), ANN)
    await chat.send(client, model="gpt-audio-1.5", voice="alloy", policy=convo.Policy(missing_transcript="placeholder"))
    assert fake.last.body["messages"][2] == {"role": "assistant", "audio": {"id": spoken.message.raw["audio"]["id"]}}
    await chatkit.delete_thread_item(found.id, "convo_3", ANN)
    assert (await chatkit.load_thread_items(found.id, None, 1, "asc", ANN)).data[0].id == "convo_2"


async def test_speech_without_words_is_named(store: convo.AsyncStore) -> None:
    chat = await store.owned_by(f"{store._owner}/{ANN}").create(key="thr_1")
    await chat.add(recording(None))
    (one,) = await listed(over(store))
    assert one.content[0].text == "[recording without a transcript]"


# --- attachments and feedback ----------------------------------------------------------------------


@pytest.mark.parametrize("facts", [IMAGE, FILE])
async def test_an_attachment_comes_back_and_is_no_thread(chatkit: ConvoStore[str], facts: dict[str, Any]) -> None:
    given = ATTACHMENT.validate_python(facts)
    await chatkit.save_attachment(given, ANN)
    assert await chatkit.load_attachment(given.id, ANN) == given
    owned = given.model_copy(update={"thread_id": "thr_1", "upload_descriptor": None})
    await chatkit.save_attachment(owned, ANN)
    assert await chatkit.load_attachment(given.id, ANN) == owned
    assert [one.id for one in (await chatkit.load_threads(20, None, "desc", ANN)).data] == ["thr_1"]
    await chatkit.delete_attachment(given.id, ANN)
    await chatkit.delete_attachment(given.id, ANN)
    with pytest.raises(NotFoundError):
        await chatkit.load_attachment(given.id, ANN)


async def test_feedback_is_a_note_of_its_message(chatkit: ConvoStore[str], store: convo.AsyncStore) -> None:
    await filled(chatkit, EVERY[:2])
    await chatkit.add_feedback("thr_1", ["msg_1", "msg_2"], "positive", ANN)
    await chatkit.add_feedback("thr_1", ["msg_2"], "negative", ANN)
    assert await (await chat_of(store)).annotations() == {1: {"feedback": "positive"}, 2: {"feedback": "negative"}}
    with pytest.raises(NotFoundError):
        await chatkit.add_feedback("thr_1", ["msg_1", "msg_9"], "negative", ANN)
    assert (await (await chat_of(store)).annotations())[1] == {"feedback": "positive"}


# --- owners, and bad input -------------------------------------------------------------------------


async def test_nobody_reaches_what_others_have(chatkit: ConvoStore[str], store: convo.AsyncStore) -> None:
    await filled(chatkit, EVERY)
    await chatkit.save_attachment(ATTACHMENT.validate_python(FILE), ANN)
    chat = await chat_of(store)
    for id_ in ("thr_1", str(chat.id)):
        assert (await chatkit.load_thread_items(id_, None, 20, "asc", BOB)).data == []
        for call in (
            chatkit.load_thread(id_, BOB),
            chatkit.load_item(id_, "msg_1", BOB),
            chatkit.add_thread_item(id_, said(), BOB),
            chatkit.save_item(id_, said(), BOB),
            chatkit.add_feedback(id_, ["msg_1"], "positive", BOB),
            chatkit.load_threads(5, id_, "desc", BOB),
            chatkit.load_attachment("atc_2", BOB),
        ):
            with pytest.raises(NotFoundError):
                await call
        await chatkit.delete_thread(id_, BOB)
        await chatkit.delete_thread_item(id_, "msg_1", BOB)
    await chatkit.delete_attachment("atc_2", BOB)
    assert (await chatkit.load_threads(5, None, "desc", BOB)).data == []
    await chatkit.save_thread(thread(title="Of Bob"), BOB)
    assert await listed(chatkit) == EVERY
    assert (await chatkit.load_thread("thr_1", ANN)).title == "Dogs"
    assert (await chatkit.load_attachment("atc_2", ANN)).id == "atc_2"


async def test_an_owner_is_erased_with_all_that_chatkit_stored(chatkit: ConvoStore[str], store: convo.AsyncStore) -> None:
    await filled(chatkit, EVERY)
    await chatkit.save_attachment(ATTACHMENT.validate_python(IMAGE), ANN)
    await chatkit.save_thread(thread("thr_2"), BOB)
    owner = (await chat_of(store)).owner
    await store.owned_by(owner).erase(owner)
    assert (await chatkit.load_threads(5, None, "desc", ANN)).data == []
    with pytest.raises(NotFoundError):
        await chatkit.load_attachment("atc_1", ANN)
    assert [one.id for one in (await chatkit.load_threads(5, None, "desc", BOB)).data] == ["thr_2"]


@pytest.mark.parametrize("id_", ["", "nobody", "\x00", "x" * 10_000, "\ud800", "01a196fb-1600-7709-bc97-f93a24fcfb35"])
async def test_ids_that_nothing_has_are_not_found(chatkit: ConvoStore[str], id_: str) -> None:
    for call in (
        chatkit.load_thread(id_, ANN),
        chatkit.load_item(id_, "msg_1", ANN),
        chatkit.load_item("thr_1", id_, ANN),
        chatkit.load_attachment(id_, ANN),
        chatkit.load_threads(5, id_, "asc", ANN),
        chatkit.load_thread_items("thr_1", id_, 5, "desc", ANN),
    ):
        with pytest.raises(NotFoundError):
            await call
    assert (await chatkit.load_thread_items(id_, None, 5, "asc", ANN)).data == []
    await chatkit.delete_thread(id_, ANN)
    await chatkit.delete_thread_item("thr_1", id_, ANN)
    await chatkit.delete_attachment(id_, ANN)


@pytest.mark.parametrize(("limit", "order"), [(0, "asc"), (-1, "desc"), ("5", "asc"), (True, "asc"), (5, "newest"), (5, None)])
async def test_pages_that_are_none_are_refused(chatkit: ConvoStore[str], limit: Any, order: Any) -> None:
    with pytest.raises(convo.InputError):
        await chatkit.load_threads(limit, None, order, ANN)
    with pytest.raises(convo.InputError):
        await chatkit.load_thread_items("thr_1", None, limit, order, ANN)


async def test_what_cannot_be_stored_is_refused_and_nothing_is_changed(chatkit: ConvoStore[str]) -> None:
    await filled(chatkit, EVERY[:2])
    for call in (
        chatkit.add_thread_item("thr_1", asked("half \ud83d", "msg_9"), ANN),
        chatkit.add_thread_item("thr_1", item("hidden_context_item", "h", content={"$blob": "0" * 64}), ANN),
        chatkit.save_item("thr_1", asked("other role", "msg_2"), ANN),
        chatkit.save_thread(thread(title="x" * 2_000), ANN),
        chatkit.save_thread(thread(title="a\0b"), ANN),
        chatkit.save_thread(thread(metadata={"big": "x" * 200_000}), ANN),
        chatkit.save_thread(thread("\ud800"), ANN),
        chatkit.add_feedback("thr_1", ["msg_1"], "meh", ANN),
    ):
        with pytest.raises(convo.InputError):
            await call
    assert await listed(chatkit) == EVERY[:2]
    assert await chatkit.load_thread("thr_1", ANN) == thread()


async def test_an_owner_has_to_be_told(store: convo.AsyncStore) -> None:
    with pytest.raises(convo.InputError, match="function"):
        ConvoStore(store, owner=ANN)  # type: ignore[arg-type]
    with pytest.raises(convo.InputError, match="AsyncStore"):
        ConvoStore(convo.Store("sqlite://"), owner=str)  # type: ignore[arg-type]
    nobody: ConvoStore[Any] = ConvoStore(store, owner=lambda _: None)  # type: ignore[arg-type, return-value]
    with pytest.raises(convo.InputError):
        await nobody.load_thread("thr_1", ANN)


async def test_what_is_sealed_comes_back(tmp_path: Path) -> None:
    async with convo.AsyncStore(f"sqlite:///{tmp_path}/chat.db", cipher=shared_cipher()) as store:
        chatkit = over(store)
        await chatkit.save_thread(thread(), ANN)
        await filled(chatkit, EVERY)
        await chatkit.save_item("thr_1", said("Extremely."), ANN)
        await chatkit.save_attachment(ATTACHMENT.validate_python(IMAGE), ANN)
        assert (await chatkit.load_threads(5, None, "desc", ANN)).data == [thread()]
        assert await listed(chatkit) == [EVERY[0], said("Extremely."), *EVERY[2:]]
    data = (tmp_path / "chat.db").read_bytes()
    assert b"loyal" not in data
    assert b"dog.png" not in data


# --- the server ------------------------------------------------------------------------------------


class Server(ChatKitServer[str]):
    """A server that answers, shows something, replaces it, and takes something back."""

    async def respond(self, thread: ThreadMetadata, input_user_message: Any, context: str) -> AsyncIterator[Any]:
        facts: dict[str, Any] = {"thread_id": thread.id, "created_at": NOW}

        def new(kind: Any) -> str:
            return self.store.generate_item_id(kind, thread, context)

        answer = AssistantMessageItem(id=new("message"), content=[AssistantMessageContent(text="Very.")], **facts)
        gone = AssistantMessageItem(id=new("message"), content=[AssistantMessageContent(text="Wait.")], **facts)
        yield ThreadItemDoneEvent(item=gone)
        yield ThreadItemDoneEvent(item=answer)
        thread.title = "Dogs"
        yield ThreadItemReplacedEvent(item=answer.model_copy(update={"content": [AssistantMessageContent(text="Extremely.")]}))
        yield ThreadItemRemovedEvent(item_id=gone.id)
        if input_user_message is not None and input_user_message.content[0].text == "Look!":
            yield ThreadItemDoneEvent(
                item=ITEM.validate_python(
                    {"type": "client_tool_call", "id": new("tool_call"), "call_id": "c1", "name": "f", "arguments": {}, **facts}
                )
            )

    async def add_feedback(self, thread_id: str, item_ids: list[str], feedback: Any, context: str) -> None:
        assert isinstance(self.store, ConvoStore)
        await self.store.add_feedback(thread_id, item_ids, feedback, context)


async def ask(server: Server, op: str, /, context: str = ANN, **params: Any) -> Any:
    result = await server.process(json.dumps({"type": op, "params": params}), context)
    if isinstance(result, StreamingResult):
        events = [json.loads(line.removeprefix(b"data: ")) async for line in result]
        assert not [event for event in events if event["type"] == "error"]
        return events
    return json.loads(result.json)


async def test_a_server_of_chatkit_runs_on_it(store: convo.AsyncStore) -> None:
    chatkit = over(store)
    assert isinstance(chatkit, Store)
    server = Server(chatkit)
    words = {"content": [{"type": "input_text", "text": "Are they loyal?"}], "attachments": [], "inference_options": {}}
    events = await ask(server, "threads.create", input=words)
    id_ = events[0]["thread"]["id"]
    assert id_.startswith("thr_")
    await ask(
        server, "threads.add_user_message", thread_id=id_, input={**words, "content": [{"type": "input_text", "text": "Look!"}]}
    )
    await ask(server, "threads.add_client_tool_output", thread_id=id_, result={"seen": "Rex"})
    got = await ask(server, "threads.get_by_id", thread_id=id_)
    assert got["title"] == "Dogs"
    texts = [one["content"][0]["text"] for one in got["items"]["data"] if "content" in one]
    assert texts == ["Are they loyal?", "Extremely.", "Look!", "Extremely.", "Extremely."]
    call = next(one for one in got["items"]["data"] if one["type"] == "client_tool_call")
    assert (call["status"], call["output"]) == ("completed", {"seen": "Rex"})
    page = await ask(server, "items.list", thread_id=id_, limit=2, order="desc")
    assert page["has_more"]
    assert page["after"] == page["data"][-1]["id"]
    await ask(server, "items.feedback", thread_id=id_, item_ids=[got["items"]["data"][1]["id"]], kind="positive")
    assert list((await (await chat_of(store, id_)).annotations()).values()) == [{"feedback": "positive"}]
    assert (await ask(server, "threads.update", thread_id=id_, title="Hounds"))["title"] == "Hounds"
    assert [one["id"] for one in (await ask(server, "threads.list"))["data"]] == [id_]
    assert (await ask(server, "threads.list", context=BOB))["data"] == []
    await ask(server, "threads.delete", thread_id=id_)
    assert (await ask(server, "threads.list"))["data"] == []


# --- documentation ---------------------------------------------------------------------------------


async def test_the_example_of_the_module_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = module.__doc__ or ""
    facts: dict[str, Any] = {"thread_id": "", "created_at": NOW}
    names: dict[str, Any] = {"answer_to": lambda *_: AssistantMessageItem(id="msg_1", content=[], **facts)}
    exec(textwrap.dedent(text[text.index("    import convo") : text.index("`owner` says")]), names)
    server = names["server"]
    words = {"content": [{"type": "input_text", "text": "Hello?"}], "attachments": [], "inference_options": {}}
    events = await ask(server, "threads.create", input=words)
    await ask(server, "items.feedback", thread_id=events[0]["thread"]["id"], item_ids=["msg_1"], kind="negative")
    chat = await server.store._store.owned_by(ANN).get(key=events[0]["thread"]["id"])
    assert await chat.annotations() == {2: {"feedback": "negative"}}
    await server.store._store.close()
