"""Items of a Realtime session: which are taken, where they go, and what may be done to them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from convo.testing import FakeAPI
    from tests.support.line import Line

SECOND = base64.b64encode(bytes(48_000)).decode()
IMAGE = "data:image/png;base64,iVBORw0KGgo="


def message(role: str, *parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(parts), **more}


def text(words: str, **more: Any) -> dict[str, Any]:
    return message("user", {"type": "input_text", "text": words}, **more)


CALL = {"type": "function_call", "id": "call_item", "call_id": "call_1", "name": "look", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "a dog"}


def create(talk: Line, item: Any, **fields: Any) -> dict[str, Any]:
    """Create an item; give what came last."""
    event = talk.answer("conversation.item.create", item=item, **fields)
    assert event["type"] == "conversation.item.added", event
    done = talk.next()
    assert {**done, "type": "", "event_id": ""} == {**event, "type": "", "event_id": ""}
    assert done["type"] == "conversation.item.done"
    return done


def order(fake: FakeAPI) -> list[str]:
    return [item["id"] for item in fake.sessions[-1].items]


@pytest.mark.parametrize(
    "item",
    [
        text("Hello."),
        message("user", {"type": "input_audio", "audio": SECOND}),
        message("user", {"type": "input_audio", "audio": SECOND, "transcript": "Hello."}),
        message("user", {"type": "input_image", "image_url": IMAGE, "detail": "low"}),
        message("user", {"type": "input_text", "text": "What is it?"}, {"type": "input_image", "image_url": IMAGE}),
        message("system", {"type": "input_text", "text": "Be kind."}, status="completed", object="realtime.item"),
        message("assistant", {"type": "output_text", "text": "A dog."}),
        CALL,
        {"type": "function_call", "name": "look", "arguments": "{}"},
    ],
)
def test_items_are_taken_and_shown_without_sound(talk: Line, item: dict[str, Any]) -> None:
    shown = create(talk, item)["item"]
    assert (shown["type"], shown["status"]) == (item["type"], "completed")
    assert len(shown["id"]) <= 32
    assert shown.get("role") == item.get("role")
    assert all("audio" not in part for part in shown.get("content", ()))
    assert item["type"] != "function_call" or shown["call_id"]


@pytest.mark.parametrize(
    ("item", "param", "words"),
    [
        (
            message("assistant", {"type": "output_audio", "audio": SECOND, "transcript": "A dog."}),
            "item.content[0].text",
            "Missing required parameter: 'item.content[0].text'.",
        ),
        (message("assistant", {"type": "output_audio", "text": "A dog."}), "item.content[0].type", "'output_text'"),
        (message("assistant", {"type": "input_text", "text": "A dog."}), "item.content[0].type", "Invalid value: 'input_text'"),
        (message("system", {"type": "input_audio", "audio": SECOND}), "item.content[0].type", "Invalid value: 'input_audio'"),
        (message("user", {"type": "output_text", "text": "Hello."}), "item.content[0].type", "Invalid value: 'output_text'"),
        (message("user", {"type": "text", "text": "Hello."}), "item.content[0].type", "Invalid value: 'text'"),
        (message("user", {"type": "input_image"}), "item.content[0].image_url", "Missing required parameter"),
        (message("developer", {"type": "input_text", "text": "x"}), "item.role", "Invalid value: 'developer'"),
        (message("user", {"type": "input_text", "text": None}), "item.content[0].text", "expected a string"),
        ({"type": "message", "role": "user"}, "item.content", "Missing required parameter"),
        ({"type": "message", "role": "user", "content": "Hello."}, "item.content", "Invalid type"),
        ({"role": "user", "content": []}, "item.type", "Missing required parameter"),
        ({"type": "reasoning"}, "item.type", "Invalid value: 'reasoning'"),
        (text("x", name="ann"), "item.name", "Unknown parameter: 'item.name'."),
        (text("x", id="x" * 33), "item.id", "Expected a string with maximum length 32, but got a string with length 33 instead."),
        ({**CALL, "call_id": "x" * 33}, "item.call_id", "maximum length 32"),
        ({"type": "function_call", "name": "look"}, "item.arguments", "Missing required parameter"),
        (
            message("user", {"type": "input_audio", "audio": "?"}),
            "item.content[0].audio",
            "Expected base64-encoded audio bytes (mono PCM16 at 24kHz) but got an invalid value.",
        ),
        (message("user", {"type": "input_audio", "audio": ""}), "item.content[0].audio", "but got empty bytes."),
        (message("user", {"type": "input_audio", "audio": "AAAA"}), "item.content[0].audio", "but got an invalid value."),
    ],
)
def test_items_that_are_refused(talk: Line, fake: FakeAPI, item: dict[str, Any], param: str, words: str) -> None:
    error = talk.error("conversation.item.create", item=item, event_id="mine")
    assert (error["type"], error["param"], error["event_id"]) == ("invalid_request_error", param, "mine")
    assert words in error["message"]
    assert order(fake) == []


def test_items_stand_where_they_were_put(talk: Line, fake: FakeAPI) -> None:
    assert create(talk, text("b", id="b"))["previous_item_id"] is None
    assert create(talk, text("d", id="d"))["previous_item_id"] == "b"
    assert create(talk, text("c", id="c"), previous_item_id="b")["previous_item_id"] == "b"
    assert create(talk, text("a", id="a"), previous_item_id="root")["previous_item_id"] is None
    assert order(fake) == ["a", "b", "c", "d"]


def test_an_item_cannot_follow_one_that_is_not_there(talk: Line, fake: FakeAPI) -> None:
    error = talk.error("conversation.item.create", item=text("x"), previous_item_id="gone")
    assert error["message"] == "Error adding item: the previous item with id 'gone' does not exist."
    assert order(fake) == []


def test_an_id_is_given_once(talk: Line, fake: FakeAPI) -> None:
    create(talk, text("x", id="mine"))
    error = talk.error("conversation.item.create", item=text("y", id="mine"))
    assert error["code"] == "item_create_duplicate_item_id"
    assert error["message"] == "Error adding item: an item with id 'mine' already exists."
    assert order(fake) == ["mine"]


def test_a_result_needs_its_call(talk: Line) -> None:
    error = talk.error("conversation.item.create", item=OUTPUT)
    assert error["code"] == "invalid_tool_call_id"
    assert error["message"] == "Tool call ID 'call_1' not found in conversation."
    create(talk, CALL)
    assert create(talk, OUTPUT)["previous_item_id"] == "call_item"


def test_a_call_of_the_model_takes_its_result(talk: Line, fake: FakeAPI) -> None:
    fake.will_reply(tool_calls=[("look", "{}", "call_1")])
    talk.send("response.create")
    talk.until("rate_limits.updated")
    create(talk, OUTPUT)


def test_a_deleted_item_is_gone(talk: Line, fake: FakeAPI) -> None:
    for name in ("a", "b", "c"):
        create(talk, text(name, id=name))
    assert talk.answer("conversation.item.delete", item_id="b")["item_id"] == "b"
    assert order(fake) == ["a", "c"]
    error = talk.error("conversation.item.delete", item_id="b")
    assert error["code"] == "item_delete_invalid_item_id"
    assert error["message"] == "Error deleting item: the item with id 'b' does not exist."
    assert create(talk, text("d"))["previous_item_id"] == "c"


def test_an_item_is_retrieved_with_its_sound(talk: Line) -> None:
    create(talk, message("user", {"type": "input_audio", "audio": SECOND}, id="heard"))
    item = talk.answer("conversation.item.retrieve", item_id="heard")["item"]
    assert item["content"] == [{"type": "input_audio", "transcript": None, "audio": SECOND}]
    error = talk.error("conversation.item.retrieve", item_id="gone")
    assert error["code"] == "item_retrieve_invalid_item_id"
    assert error["message"] == "Error retrieving item: the item with id 'gone' does not exist."


def spoken(talk: Line, fake: FakeAPI) -> str:
    """Let the model speak for 1.2 seconds; give the id of its item."""
    fake.will_reply("Very good ones.")
    talk.send("response.create")
    talk.until("rate_limits.updated")
    item_id: str = fake.sessions[-1].items[-1]["id"]
    return item_id


def test_a_truncated_item_holds_what_was_heard_and_no_words(talk: Line, fake: FakeAPI) -> None:
    item_id = spoken(talk, fake)
    event = talk.answer("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=500)
    assert (event["type"], event["item_id"], event["audio_end_ms"]) == ("conversation.item.truncated", item_id, 500)
    (part,) = talk.answer("conversation.item.retrieve", item_id=item_id)["item"]["content"]
    assert part["transcript"] == ""
    assert len(base64.b64decode(part["audio"])) == 24_000


def test_an_item_is_not_made_longer_by_truncation(talk: Line, fake: FakeAPI) -> None:
    item_id = spoken(talk, fake)
    error = talk.error("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=1_201)
    assert (error["code"], error["message"]) == ("invalid_value", "Audio content of 1200ms is already shorter than 1201ms")
    assert (
        talk.answer("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=1_200)["audio_end_ms"] == 1_200
    )


@pytest.mark.parametrize(
    ("item", "index"),
    [
        (message("user", {"type": "input_audio", "audio": SECOND}, id="it"), 0),
        (message("assistant", {"type": "output_text", "text": "Hello."}, id="it"), 0),
        ({**CALL, "id": "it"}, 0),
    ],
)
def test_only_what_the_model_spoke_is_truncated(talk: Line, item: dict[str, Any], index: int) -> None:
    create(talk, item)
    error = talk.error("conversation.item.truncate", item_id="it", content_index=index, audio_end_ms=1)
    assert error["message"] == "Only model output audio messages can be truncated"


def test_a_part_that_is_not_there_is_not_truncated(talk: Line, fake: FakeAPI) -> None:
    item_id = spoken(talk, fake)
    assert talk.error("conversation.item.truncate", item_id=item_id, content_index=1, audio_end_ms=1)["message"].startswith(
        "Only"
    )
    code = talk.error("conversation.item.truncate", item_id="gone", content_index=0, audio_end_ms=1)["code"]
    assert code == "item_truncate_invalid_item_id"
    assert talk.error("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=-1)["param"] == "audio_end_ms"


@pytest.mark.parametrize(
    ("kind", "fields", "param", "code"),
    [
        ("nope", {}, "type", "invalid_value"),
        ("session.update", {}, "session", "missing_required_parameter"),
        ("session.update", {"session": {}}, "session.type", "missing_required_parameter"),
        ("session.update", {"session": {"type": "realtime", "voice": "alloy"}}, "session.voice", "unknown_parameter"),
        ("session.update", {"session": {"type": "realtime", "model": "gpt-realtime"}}, "session.model", "cannot_update_model"),
        ("session.update", {"session": {"type": "transcription"}}, "session.type", "not_simulated"),
        (
            "session.update",
            {"session": {"type": "realtime", "output_modalities": ["text", "audio"]}},
            "session.output_modalities",
            "invalid_value",
        ),
        (
            "session.update",
            {"session": {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16_000}}}}},
            "session.audio.input.format.rate",
            "integer_below_min_value",
        ),
        (
            "session.update",
            {"session": {"type": "realtime", "audio": {"output": {"format": {"type": "audio/pcmu"}}}}},
            "session.audio.output.format.type",
            "not_simulated",
        ),
        ("response.create", {"response": {"modalities": ["text"]}}, "response.modalities", "unknown_parameter"),
        (
            "response.create",
            {"response": {"input": [{"type": "item_reference", "id": "gone"}]}},
            None,
            "item_reference_invalid_item_id",
        ),
        (
            "response.create",
            {"response": {"input": [message("assistant", {"type": "output_audio"})]}},
            "response.input[0].content[0].text",
            "missing_required_parameter",
        ),
        ("response.cancel", {}, None, "response_cancel_not_active"),
        ("session.close", {}, "type", "not_simulated"),
        ("output_audio_buffer.clear", {}, "type", "invalid_value"),
        ("conversation.item.delete", {}, "item_id", "missing_required_parameter"),
        ("conversation.item.delete", {"item_id": "x", "event_id": 7}, "event_id", "invalid_type"),
    ],
)
def test_events_that_are_refused(talk: Line, kind: str, fields: dict[str, Any], param: str | None, code: str) -> None:
    error = talk.error(kind, **fields)
    assert (error["param"], error["code"], error["event_id"]) == (param, code, None)


def test_the_refusal_of_an_unknown_event_lists_those_that_the_api_lists(talk: Line) -> None:
    assert talk.error("nope")["message"] == (
        "Invalid value: 'nope'. Supported values are: 'session.update', 'session.close', 'input_audio_buffer.append', "
        "'session.input_audio_buffer.append', 'input_audio_buffer.commit', 'input_audio_buffer.clear', "
        "'conversation.item.create', 'conversation.item.truncate', 'conversation.item.delete', "
        "'conversation.item.retrieve', 'response.create', and 'response.cancel'."
    )


@pytest.mark.parametrize(
    ("message", "code"),
    [("not json", "invalid_json"), ("[]", "invalid_json"), ("[" * 100_000, "invalid_json"), (b"{}", "invalid_event")],
)
def test_a_session_survives_what_is_no_event(talk: Line, message: str | bytes, code: str) -> None:
    talk.send_raw(message)
    assert talk.next()["error"]["code"] == code
    talk.say("Hello.")
    assert talk.next()["type"] == "conversation.item.added"


def test_an_update_that_is_refused_changes_nothing(talk: Line) -> None:
    talk.error("session.update", session={"type": "realtime", "instructions": "Be kind.", "speed": 2})
    assert talk.update()["instructions"] == ""


def test_the_voice_stays_once_the_model_has_spoken(talk: Line, fake: FakeAPI) -> None:
    talk.update(audio={"output": {"voice": "marin"}})
    spoken(talk, fake)
    error = talk.error("session.update", session={"type": "realtime", "audio": {"output": {"voice": "cedar"}}})
    assert (error["code"], error["message"]) == (
        "cannot_update_voice",
        "Cannot update a conversation's voice if assistant audio is present.",
    )
    assert talk.error("response.create", response={"audio": {"output": {"voice": "cedar"}}})["code"] == "cannot_update_voice"
    assert talk.update(audio={"output": {"voice": "marin", "speed": 1.2}})["audio"]["output"]["speed"] == 1.2
