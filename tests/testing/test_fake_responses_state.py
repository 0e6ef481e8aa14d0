"""What the API keeps: responses by their id, for thirty days and for one caller; items; and encrypted reasoning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

from convo.testing import FakeAPI

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai import OpenAI
    from openai.types.responses import Response

    from convo.testing import FixedClock

    Failing = Callable[..., dict[str, Any]]
    Respond = Callable[..., Response]
    Item = dict[str, Any]

HELLO: dict[str, Any] = {"role": "user", "content": "hello"}
ENCRYPTED: dict[str, Any] = {"store": False, "include": ["reasoning.encrypted_content"]}
DAY = 24 * 3600


def no_previous(response_id: str) -> dict[str, Any]:
    return {
        "status": 400,
        "type": "invalid_request_error",
        "param": "previous_response_id",
        "code": "previous_response_not_found",
        "message": f"Previous response with id '{response_id}' not found.",
    }


def no_item(item_id: str, *, store: bool) -> dict[str, Any]:
    more = (
        " Items are not persisted when `store` is set to false. Try again with `store` set to true, "
        "or remove this item from your input."
    )
    message = f"Item with id '{item_id}' not found.{'' if store else more}"
    return {"status": 404, "type": "invalid_request_error", "param": "input", "code": None, "message": message}


def items_of(response: Response) -> list[Item]:
    return [item.to_dict() for item in response.output]


@pytest.fixture
def thoughtful(fake: FakeAPI, respond: Respond) -> Callable[..., Response]:
    """Ask for a response with reasoning and a message."""

    def asking(*items: Any, **arguments: Any) -> Response:
        fake.will_reply("Yes.", reasoning="Well.")
        return respond(*items, **arguments)

    return asking


def test_a_kept_response_is_given_again(client: OpenAI, respond: Respond) -> None:
    response = respond()
    assert client.responses.retrieve(response.id).to_dict() == response.to_dict()


def test_a_deleted_response_is_gone(client: OpenAI, respond: Respond, response_error: Failing, fake: FakeAPI) -> None:
    response = respond()
    client.responses.delete(response.id)
    assert fake.last.response == {"id": response.id, "object": "response", "deleted": True}
    assert response_error(previous_response_id=response.id) == no_previous(response.id)
    for method in (client.responses.retrieve, client.responses.delete):
        with pytest.raises(openai.NotFoundError, match=f"Response with id '{response.id}' not found."):
            method(response.id)


def test_other_urls_below_responses_are_not_there(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="Invalid URL"):
        client.post("/responses/resp_1", cast_to=object)
    with pytest.raises(openai.NotFoundError, match="Invalid URL"):
        client.get("/responses/resp_1/input_items", cast_to=object)


def test_a_response_that_was_not_to_be_stored_is_not_kept(client: OpenAI, respond: Respond, response_error: Failing) -> None:
    response = respond(store=False)
    assert response_error(previous_response_id=response.id) == no_previous(response.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)


@pytest.mark.parametrize("response_id", ["resp_x", ""])
def test_an_unknown_previous_response_is_not_found(response_error: Failing, response_id: str) -> None:
    assert response_error(previous_response_id=response_id) == no_previous(response_id)


def test_a_response_can_be_forgotten(fake: FakeAPI, respond: Respond, response_error: Failing) -> None:
    response = respond()
    fake.forget_response(response.id)
    assert response_error(previous_response_id=response.id) == no_previous(response.id)
    with pytest.raises(KeyError):
        fake.forget_response(response.id)


def test_responses_are_kept_for_thirty_days(respond: Respond, response_error: Failing, clock: FixedClock) -> None:
    response = respond()
    clock.advance(30 * DAY - 1)
    assert respond(previous_response_id=response.id).status == "completed"
    clock.advance(1)
    assert response_error(previous_response_id=response.id) == no_previous(response.id)


@pytest.mark.parametrize("other", [{"organization": "org-b"}, {"project": "proj-b"}])
def test_another_caller_does_not_find_a_response(fake: FakeAPI, respond: Respond, other: dict[str, Any]) -> None:
    response = respond()
    with fake.client(**other) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.create(model="gpt-5.5", input="?", previous_response_id=response.id)
        assert caught.value.code == "previous_response_not_found"
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(response.id)


def test_a_chain_goes_on_though_its_beginning_is_forgotten(fake: FakeAPI, thoughtful: Respond) -> None:
    first = thoughtful()
    second = thoughtful(previous_response_id=first.id)
    fake.forget_response(first.id)
    assert thoughtful(previous_response_id=second.id).to_dict()["previous_response_id"] == second.id


def test_a_chain_can_fork(respond: Respond) -> None:
    first = respond()
    one, two = (respond(previous_response_id=first.id) for _ in range(2))
    assert one.output_text == two.output_text == "I have read 3 items."


def test_instructions_are_not_carried_on(respond: Respond) -> None:
    first = respond(instructions="Be brief.")
    assert respond(previous_response_id=first.id).instructions is None


def test_a_previous_response_and_a_conversation_exclude_each_other(response_error: Failing) -> None:
    assert response_error(previous_response_id="resp_x", conversation="conv_x") == {
        "status": 400,
        "type": "invalid_request_error",
        "param": None,
        "code": "mutually_exclusive_parameters",
        "message": "Mutually exclusive parameters: ''. Ensure you are only providing one of: 'pre..._id' or 'conversation'.",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"conversation": "conv_x"}, "Conversation with id 'conv_x' not found."),
        ({"conversation": {"id": "conv_x"}}, "Conversation with id 'conv_x' not found."),
        ({"prompt": {"id": "pmpt_x"}}, "Prompt with id 'pmpt_x' not found."),
    ],
)
def test_conversations_and_prompts_are_not_found(response_error: Failing, arguments: dict[str, Any], message: str) -> None:
    error = response_error(**arguments)
    assert (error["status"], error["message"], error["code"]) == (404, message, None)


# --- items ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", [True, False])
def test_a_kept_item_can_be_named(respond: Respond, thoughtful: Respond, typed: bool) -> None:  # noqa: FBT001 - a case
    kind = {"type": "item_reference"} if typed else {}
    references = [{**kind, "id": item["id"]} for item in items_of(thoughtful())]
    assert respond(HELLO, *references, HELLO).output_text == "I have read 4 items."


@pytest.mark.parametrize("store", [True, False])
def test_an_item_that_is_not_kept_is_not_found(thoughtful: Respond, response_error: Failing, store: bool) -> None:  # noqa: FBT001 - a case
    reasoning, message = items_of(thoughtful(store=False))
    missing = no_item(reasoning["id"], store=store)
    assert response_error(HELLO, reasoning, message, HELLO, store=store) == missing
    assert response_error(HELLO, {"type": "item_reference", "id": message["id"]}, store=store) == no_item(
        message["id"], store=store
    )


def test_reasoning_that_nobody_gave_is_not_found(response_error: Failing) -> None:
    made_up = {"type": "reasoning", "id": "rs_made_up", "summary": []}
    assert response_error(made_up, {"role": "assistant", "content": "x"}) == no_item("rs_made_up", store=True)


def test_the_items_of_a_forgotten_response_are_gone_too(fake: FakeAPI, thoughtful: Respond, response_error: Failing) -> None:
    response = thoughtful()
    reasoning, message = items_of(response)
    fake.forget_response(response.id)
    assert response_error(HELLO, reasoning, message, HELLO) == no_item(reasoning["id"], store=True)


def test_a_message_outlives_its_response_without_its_reasoning(fake: FakeAPI, thoughtful: Respond, respond: Respond) -> None:
    response = thoughtful()
    fake.forget_response(response.id)
    assert respond(HELLO, items_of(response)[1], HELLO).status == "completed"


def test_another_caller_does_not_find_an_item(fake: FakeAPI, thoughtful: Respond) -> None:
    items: Any = items_of(thoughtful())
    with fake.client(organization="org-b") as client, pytest.raises(openai.NotFoundError, match="Item with id 'rs_"):
        client.responses.create(model="gpt-5.5", input=items)


def test_the_api_takes_back_what_it_gave_though_no_schema_has_it(
    fake: FakeAPI, respond: Respond, response_error: Failing
) -> None:
    hologram = {"id": "x_1", "type": "hologram_call", "light": 1}
    part = {"type": "output_text", "text": "Yes.", "annotations": [], "colour": "blue"}
    whole = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    fake.will_reply("Yes.", extra={"mood": "warm"})
    (message,) = items_of(respond())
    nameless = {key: value for key, value in message.items() if key != "id"}
    assert response_error(hologram)["code"] == "invalid_value"
    fake.will_reply(output=[hologram, whole])
    respond(store=False)
    assert respond(HELLO, message, hologram, whole, nameless, HELLO).status == "completed"
    assert response_error({**message, "zzz": 1})["message"] == "Unknown parameter: 'input[0].zzz'."
    assert response_error({**message, "status": 1})["code"] == "invalid_type"
    assert response_error({**HELLO, "mood": "warm"})["message"] == "Unknown parameter: 'input[0].mood'."
    assert response_error({**whole, "id": "msg_2"})["message"] == "Unknown parameter: 'input[0].content[0].colour'."


# --- encrypted reasoning ----------------------------------------------------------------------------


def test_encrypted_reasoning_goes_back_without_being_kept(thoughtful: Respond, respond: Respond) -> None:
    items = items_of(thoughtful(**ENCRYPTED))
    without_ids = [{key: value for key, value in item.items() if key != "id"} for item in items]
    assert respond(HELLO, *items, HELLO, **ENCRYPTED).status == "completed"
    assert respond(HELLO, *without_ids, HELLO, **ENCRYPTED).status == "completed"


def test_encrypted_reasoning_still_needs_something_that_follows(thoughtful: Respond, response_error: Failing) -> None:
    reasoning, _ = items_of(thoughtful(**ENCRYPTED))
    message = f"Item '{reasoning['id']}' of type 'reasoning' was provided without its required following item."
    assert response_error(HELLO, reasoning, **ENCRYPTED)["message"] == message
    assert response_error(HELLO, reasoning, HELLO, **ENCRYPTED)["message"] == message


def test_reasoning_without_an_id_and_without_its_content_is_nothing(response_error: Failing) -> None:
    error = response_error({"type": "reasoning", "summary": []})
    assert (error["param"], error["code"]) == ("input[0].id", "missing_required_parameter")


def test_encrypted_reasoning_is_for_one_organization(fake: FakeAPI, thoughtful: Respond) -> None:
    items: Any = items_of(thoughtful(**ENCRYPTED))
    with fake.client(project="proj-b") as client:
        assert client.responses.create(model="gpt-5.5", input=items, store=False).status == "completed"
    with fake.client(organization="org-b") as client, pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="gpt-5.5", input=items, store=False)
    assert caught.value.response.json()["error"] == {
        "message": f"The encrypted content for item {items[0]['id']} could not be verified. Reason: "
        "Encrypted content organization_id did not match the target organization.",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_encrypted_content",
    }


def test_encrypted_reasoning_of_another_api_cannot_be_read(response_error: Failing) -> None:
    other = FakeAPI(seed="other")
    other.will_reply("Yes.", reasoning="Well.")
    with other.client() as client:
        arguments: Any = ENCRYPTED
        items = items_of(client.responses.create(model="gpt-5.5", input="?", **arguments))
    error = response_error(*items, **ENCRYPTED)
    assert error["code"] == "invalid_encrypted_content"
    assert error["message"].endswith("Reason: Encrypted content could not be decrypted or parsed.")
    content = items[0].pop("encrypted_content")
    assert "id" in items[0]
    nameless = {"type": "reasoning", "summary": [], "encrypted_content": content}
    assert f"content gAAA...{content[-4:]} could not" in response_error(nameless, items[1], **ENCRYPTED)["message"]
