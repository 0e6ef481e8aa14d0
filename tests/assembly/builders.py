"""Small logs and the requests they make: each test says only what it is about."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import attrs

from convo.assembly.fill import as_base64, fill, fill_seeds
from convo.assembly.plan import Plan, plan
from convo.assembly.target import Target
from convo.content import message_draft, tool_draft
from convo.history import History
from convo.intake.chat import read_chat
from convo.memory import Memory
from convo.origin import Origin
from convo.policy import Policy
from convo.steps.answers import read_reply
from tests.support.histories import CATALOGUE, family_of
from tests.support.replies import HERE, HOUR, START, WAV

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from convo.assembly.request import Request, Seeds
    from convo.messages import Draft

NOW = START * 1_000_000
SPEECH = base64.b64encode(WAV).decode()


def asked(*content: Any, **facts: Any) -> Draft:
    """Give a message of a user, or of the `role` that is named."""
    return message_draft(content or ("Is it a good dog?",), **facts)


def instructions(text: str = "Answer in one sentence.") -> Draft:
    """Give an event that puts instructions in force."""
    return message_draft([text], role="system", kind="instructions")


def answered(*, model: str = "gpt-audio-1.5", origin: str = HERE, status: Any = "complete", **message: Any) -> Draft:
    """Give the reply that an answer with this message makes."""
    completion = {"id": "chatcmpl-1", "model": model, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    audio = {"voice": "alloy", "format": "wav"}
    draft = read_chat(completion, asked={"model": model, "audio": audio}, origin=Origin.parse(origin) if origin else None).draft
    return attrs.evolve(draft, status=status)


def spoke(
    transcript: Any = "Yes, very.", *, audio_id: Any = "audio_1", expires: Any = START + HOUR, data: Any = SPEECH, **facts: Any
) -> Draft:
    """Give a spoken reply."""
    return answered(audio={"id": audio_id, "data": data, "expires_at": expires, "transcript": transcript}, **facts)


def called(*ids: str, name: str = "look_up", **message: Any) -> Draft:
    """Give a reply that asks for tools."""
    calls = [{"id": call, "type": "function", "function": {"name": name, "arguments": "{}"}} for call in ids]
    return answered(content=None, tool_calls=calls, **message)


def result(call_id: str, output: Any = "42", **facts: Any) -> Draft:
    """Give the result of a call."""
    return tool_draft(call_id, output, **facts)


def log(*drafts: Draft) -> History:
    """Give the history of these messages, one a minute, with the bytes of their media."""
    messages = [draft.at(position, NOW + position * 60_000_000) for position, draft in enumerate(drafts, 1)]
    return History(tuple(messages), len(messages))


def planned(
    history: History, model: str = "gpt-audio-1.5", *, after: timedelta | None = None, memory: Memory | None = None,
    policy: Policy | None = None, origin: str = HERE, api: str = "chat", **arguments: Any,
) -> Plan:  # fmt: skip
    """Plan a request for a model, `after` some time."""
    target = Target(CATALOGUE.lookup(model), origin, arguments, api=api)
    now = NOW + (after.days * 86_400 + after.seconds) * 1_000_000 if after else NOW
    return plan(history, memory or Memory(), policy or Policy(), target, now, family_of)


def request_of(history: History, model: str = "gpt-audio-1.5", **facts: Any) -> Request:
    """Assemble a request for a model."""
    return filled(planned(history, model, **facts))


def filled(made: Plan) -> Request:
    """Put the bytes in that the messages of a log carry."""
    return fill(made, _written(made))


def seeded(made: Plan) -> Seeds:
    """Put the bytes into what a session begins with."""
    return fill_seeds(made, _written(made))


def _written(made: Plan) -> dict[str, str]:
    pieces = [piece for message in made.history for piece in message.media]
    return as_base64({piece.digest: piece.data for piece in pieces if piece.data is not None})


def responded(
    *output: dict[str, Any], model: str = "gpt-5.5", origin: str = HERE, after: Sequence[Draft] = (), **facts: Any
) -> Draft:  # fmt: skip
    """Give the reply that a Response with this output makes; `after` is what it answered, where it may be referred to."""
    chain = Policy(previous_response=True)
    plan = planned(log(*after), model, api="responses", origin=origin, policy=chain) if after else None
    answer = {"id": "resp_1", "object": "response", "status": "completed", "store": True, "output": [*output], **facts}
    return read_reply(answer, asked={"model": model}, origin=Origin.parse(origin), plan=plan).draft


def thought(text: str = "Dogs are loyal.", **facts: Any) -> dict[str, Any]:
    """Give an item of reasoning."""
    return {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": text}], **facts}


def wrote(text: str, **facts: Any) -> dict[str, Any]:
    """Give an item of text."""
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content, **facts}


def sent(*drafts: Draft, model: str = "gpt-audio-1.5", **facts: Any) -> list[dict[str, Any]]:
    """Give the messages of the request that a log makes."""
    messages: list[dict[str, Any]] = request_of(log(*drafts), model, **facts)["messages"]
    return messages


def ways(*drafts: Draft, model: str = "gpt-audio-1.5", **facts: Any) -> list[tuple[int, str, str]]:
    """Give the position, the way and the reason of each rendering."""
    return [(r.position, r.how, r.reason) for r in request_of(log(*drafts), model, **facts).renderings]
