"""One conversation as each server gets it, for people to read, one a file in `golden_servers/`; and the rules one by one.

To write the files anew after a change that is wanted: `CONVO_WRITE_GOLDEN=1 pytest tests/assembly/test_servers.py`, and
read the difference.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import convo
from convo.assembly.fill import fill
from convo.assembly.plan import plan
from convo.assembly.target import Target
from convo.errors import MissingDependency, RequestError, TranscriptMissing, UnsupportedMedia
from convo.memory import Memory
from convo.models import Model
from convo.servers import Server, packaged
from tests.assembly.builders import NOW, answered, asked, called, filled, log, result, spoke
from tests.support.histories import CATALOGUE, PNG, Case, cases, family_of
from tests.support.replies import WAV
from tests.support.validate import validate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convo.assembly.request import Request
    from convo.messages import Draft

FOLDER = Path(__file__).parent / "golden_servers"
LONGEST = 60
"""Characters of base64 that are shown."""
AT = "https://llm.test/v1"
"""Where the server is, which spoke the replies of the past too."""

QUESTION = convo.Audio.from_bytes(WAV, transcript="Is a golden retriever a good family dog?")
SQUEAK = convo.Audio.from_bytes(WAV)
PICTURE = convo.Image(data=PNG)
PAPER = convo.File(data=b"%PDF-1.4 pedigree", name="pedigree.pdf")
LOOK_UP = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}
RUN = {"type": "custom", "custom": {"name": "run"}}
RAN = {"id": "call_2", "type": "custom", "custom": {"name": "run", "input": 'print("six")'}}
LOOKED_UP = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}


def talk(model: str) -> list[Draft]:
    """Give a conversation with everything that servers differ in; `model` is who spoke."""
    return [
        asked("Answer in one sentence.", role="developer"),
        asked(QUESTION, name="ada"),
        spoke("Yes, very good ones.", model=model, origin=AT),
        asked("What is it?", PICTURE, PAPER),
        answered(content=None, tool_calls=[LOOKED_UP, RAN], model=model),
        result("call_1"),
        result("call_2", "six"),
        answered(content=None, refusal="I cannot tell.", model=model),
        asked("Why not?"),
    ]


MODELS = {"openai": "gpt-audio-1.5", "azure": "gpt-audio-1.5"}
"""Other servers are asked for a model of which nothing is known."""
ARGUMENTS: dict[str, Any] = {
    "modalities": ["text"], "tools": [LOOK_UP, RUN], "parallel_tool_calls": False, "max_completion_tokens": 500,
    "metadata": {"channel": "phone"}, "store": False, "prompt_cache_key": "ada", "logprobs": True,
}  # fmt: skip
SERVERS = {**packaged(), "unknown": Server.unknown()}


def request(*drafts: Draft, server: Server | str = "openai", model: str = "a-model", **facts: Any) -> Request:
    """Assemble a request for a server."""
    policy = facts.pop("policy", convo.Policy())
    target = Target(CATALOGUE.lookup(model), AT, facts, server=SERVERS[server] if isinstance(server, str) else server)
    return filled(plan(log(*drafts), Memory(), policy, target, NOW, family_of))


def sent(*drafts: Draft, **facts: Any) -> list[dict[str, Any]]:
    """Give the messages of a request for a server."""
    messages: list[dict[str, Any]] = request(*drafts, **facts)["messages"]
    return messages


@pytest.mark.parametrize("name", SERVERS)
def test_the_conversation_as_a_server_gets_it_is_what_its_file_says(name: str) -> None:
    path = FOLDER / f"{name}.txt"
    model = MODELS.get(name, "a-model")
    made = request(*talk(model), server=name, model=model, **ARGUMENTS)
    told = "\n".join(_told(made))
    if os.environ.get("CONVO_WRITE_GOLDEN"):
        path.write_text(told, encoding="utf-8")
    assert told == path.read_text(encoding="utf-8")


def _told(made: Request) -> Iterator[str]:
    yield from (f"{name}: {_json(value)}" for name, value in made.items() if name != "messages")
    yield ""
    yield from (f"{index} {_json(message)}" for index, message in enumerate(made["messages"]))
    yield ""
    yield from made.explain().splitlines()
    yield ""


def _json(value: Any) -> str:
    return json.dumps(_shortened(value), ensure_ascii=False)


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_shortened(child) for child in value]
    return f"{value[:LONGEST]}..." if isinstance(value, str) and len(value) > 2 * LONGEST else value


def test_every_file_has_its_server() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(SERVERS)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", SERVERS)
def test_what_any_server_gets_is_what_the_sdk_takes(name: str, stream: bool) -> None:
    model = MODELS.get(name, "a-model")
    arguments = {**ARGUMENTS, "stream": stream, "tool_choice": {"type": "custom", "custom": {"name": "run"}}}
    validate(request(*talk(model), server=name, model=model, **arguments))


@settings(max_examples=500, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(cases(), st.sampled_from(list(SERVERS.values())))
def test_any_history_makes_a_request_in_the_dialect_of_any_server(case: Case, server: Server) -> None:
    target = attrs.evolve(case.target, server=server)
    try:
        made = plan(case.history, case.memory, case.policy, target, case.now, family_of)
    except (RequestError, MissingDependency):
        return
    request = fill(made, case.written)
    validate(request)
    assert len(made.wires) == len(made.rendered)
    assert not set(request) & (set(server.refuses) | set(server.instead))
    for wire in made.wires:
        _check_dialect(wire, server)
    calls = [call["id"] for wire in made.wires for call in wire.get("tool_calls", ())]
    assert {wire["tool_call_id"] for wire in made.wires if wire["role"] == "tool"} <= set(calls)


def _check_dialect(wire: dict[str, Any], server: Server) -> None:
    assert server.developer or wire["role"] != "developer"
    assert server.refusals or "refusal" not in wire
    assert server.references or "audio" not in wire
    assert server.names is not False or wire["role"] == "function" or "name" not in wire
    parts = wire["content"] if isinstance(wire.get("content"), list) else []
    kinds = {part["type"] for part in parts}
    assert server.refusals or "refusal" not in kinds
    assert server.images is not False or "image_url" not in kinds
    assert server.files is not False or "file" not in kinds
    formats = {part["input_audio"]["format"] for part in parts if part["type"] == "input_audio"}
    assert server.input_audio is None or formats <= set(server.input_audio)
    for call in wire.get("tool_calls", ()):
        assert server.custom_tools is not False or call["type"] == "function"
        assert server.call_id in (None, len(call["id"]))


# --- ids of audio ----------------------------------------------------------------------------------

SPOKEN = [asked("Is it a good dog?"), spoke(model="a-model", origin=AT), asked("Why?")]


@pytest.mark.parametrize(("references", "how"), [(True, "reference"), (False, "transcript"), (None, "transcript")])
def test_ids_are_sent_where_the_server_is_known_to_take_them_back(references: bool | None, how: str) -> None:
    server = Server(name="mine", references=references)
    assert [one.how for one in request(*SPOKEN, server=server, voice="alloy").renderings] == ["text", how, "text"]


def test_a_server_that_takes_no_ids_is_told_of() -> None:
    because = request(*SPOKEN, server="vllm", voice="alloy").renderings[1].reason
    assert because == "its server is not known to take back the ids that it gives"


# --- recordings, images, files ---------------------------------------------------------------------


def test_a_recording_goes_inline_in_a_format_that_the_server_takes() -> None:
    (message,) = sent(asked(QUESTION), server=Server(name="mine", input_audio=("wav",)), modalities=["text"])
    assert message["content"][0]["type"] == "input_audio"


@pytest.mark.parametrize(
    ("formats", "reason"),
    [
        (("mp3",), "the server takes no recording of its format, and nothing is here to convert it (the extra audio)"),
        ((), "the server takes no audio"),
    ],
)
def test_a_recording_goes_as_text_to_a_server_that_does_not_take_it(formats: tuple[str, ...], reason: str) -> None:
    made = request(asked(QUESTION), server=Server(name="mine", input_audio=formats), modalities=["text"])
    assert made["messages"] == [{"role": "user", "content": [{"type": "text", "text": QUESTION.transcript}]}]
    assert [one.reason for one in made.renderings] == [reason]


def test_a_recording_without_a_transcript_is_what_the_policy_says_of_those() -> None:
    with pytest.raises(TranscriptMissing, match="the server takes no audio"):
        request(asked(SQUEAK), server="deepseek", modalities=["text"])
    policy = convo.Policy(missing_transcript="placeholder")
    (message,) = sent(asked(SQUEAK), server="deepseek", policy=policy)
    assert message["content"] == [{"type": "text", "text": policy.placeholder}]


def test_a_server_without_audio_gets_no_arguments_about_it() -> None:
    made = request(asked("Hello"), server="deepseek", voice="alloy")
    assert set(made) == {"model", "messages"}
    assert "note: deepseek takes no audio: voice not sent" in made.explain()


@pytest.mark.parametrize("server", ["vllm", "unknown"])
def test_a_text_is_enough_for_an_audio_model_of_another_server(server: str) -> None:
    """That one of them refuses a request without audio is a rule of OpenAI's."""
    target = Target(Model(name="omni", family="omni", audio=True), AT, server=SERVERS[server])
    made = filled(plan(log(asked("Hello")), Memory(), convo.Policy(), target, NOW, family_of))
    assert set(made) == {"model", "messages"}


@pytest.mark.parametrize(("media", "kind"), [(PICTURE, "image"), (PAPER, "file")])
def test_media_of_the_past_are_named_to_a_server_that_takes_none(media: object, kind: str) -> None:
    first, *_ = sent(asked("What is it?", media), answered(content="A dog."), asked("Why?"), server="deepseek")
    assert first["content"] == [{"type": "text", "text": "What is it?"}, {"type": "text", "text": f"[{kind}]"}]


@pytest.mark.parametrize(("media", "kind"), [(PICTURE, "image"), (PAPER, "file")])
def test_media_in_the_turn_to_answer_are_an_error_that_names_the_server(media: object, kind: str) -> None:
    with pytest.raises(UnsupportedMedia, match=f"the server deepseek takes no {kind}, and message 1 holds one") as caught:
        request(asked("What is it?", media), server="deepseek")
    assert (caught.value.server, caught.value.kind, caught.value.model) == ("deepseek", kind, "a-model")


def test_a_model_that_takes_no_images_is_named_before_the_server() -> None:
    with pytest.raises(UnsupportedMedia, match=r"gpt-audio-1\.5 takes no image") as caught:
        request(asked("What is it?", PICTURE), server="deepseek", model="gpt-audio-1.5")
    assert caught.value.server is None


# --- the same said in another way ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "role"), [("openai", "developer"), ("llamacpp", "developer"), ("vllm", "system"), ("azure", "system")]
)
def test_the_role_of_developers(server: str, role: str) -> None:
    assert sent(asked("Be brief.", role="developer"), asked("Hello"), server=server)[0] == {"role": role, "content": "Be brief."}


@pytest.mark.parametrize(("server", "named"), [("groq", {}), ("mistral", {}), ("unknown", {"name": "ada"})])
def test_names_are_not_sent_where_they_are_refused(server: str, named: dict[str, str]) -> None:
    assert sent(asked("Hello", name="ada"), server=server) == [{"role": "user", "content": "Hello", **named}]


@pytest.mark.parametrize("stored", [{"refusal": "No."}, {"content": [{"type": "refusal", "refusal": "No."}]}])
def test_a_refusal_goes_as_text(stored: dict[str, Any]) -> None:
    messages = sent(asked("May I?"), answered(**stored), asked("Why?"), server="unknown")
    said = messages[1].pop("content")
    assert messages[1] == {"role": "assistant"}
    assert said in ("No.", [{"type": "text", "text": "No."}])


def test_a_refusal_stands_behind_what_was_said() -> None:
    messages = sent(asked("May I?"), answered(content="Well.", refusal="No."), asked("Why?"), server="unknown")
    assert messages[1] == {"role": "assistant", "content": "Well.\nNo."}


def test_a_call_of_a_custom_tool_goes_as_a_call_of_a_function() -> None:
    messages = sent(asked("Run it."), answered(content=None, tool_calls=[RAN]), result("call_2", "six"), server="unknown")
    (call,) = messages[1]["tool_calls"]
    assert call["function"]["name"] == "run"
    assert json.loads(call["function"]["arguments"]) == {"input": 'print("six")'}


def test_who_passes_custom_tools_says_that_the_server_takes_them() -> None:
    drafts = [asked("Run it."), answered(content=None, tool_calls=[RAN]), result("call_2", "six")]
    for server, kind in (("unknown", "custom"), ("vllm", "function")):
        assert sent(*drafts, server=server, tools=[RUN])[1]["tool_calls"][0]["type"] == kind


def test_ids_of_calls_are_as_long_as_mistral_wants_them_and_the_results_find_their_calls() -> None:
    drafts = [asked("?"), called("call_" + "x" * 60, "abcdefghi"), result("call_" + "x" * 60), result("abcdefghi")]
    _, call, *results = sent(*drafts, server="mistral")
    ids = [one["id"] for one in call["tool_calls"]]
    assert ids == [one["tool_call_id"] for one in results]
    assert ids[1] == "abcdefghi"
    assert all(len(one) == 9 and one.isalnum() for one in ids)


def test_a_call_without_a_result_gets_one_under_its_new_id() -> None:
    _, call, made_up, _ = sent(asked("?"), called("call_1"), asked("Forget it."), server="mistral")
    assert made_up["tool_call_id"] == call["tool_calls"][0]["id"]
    assert len(made_up["tool_call_id"]) == 9


def test_marks_of_the_prompt_cache_are_not_sent_where_it_is_not_known_to_take_them() -> None:
    mark = {"type": "text", "text": "Hello", "prompt_cache_breakpoint": {"mode": "explicit"}}
    for server, expected in (("openai", mark), ("unknown", {"type": "text", "text": "Hello"})):
        assert sent(asked(mark), server=server) == [{"role": "user", "content": [expected]}]


def test_a_server_that_is_the_api_gets_the_messages_themselves() -> None:
    drafts = [asked("Be brief.", role="developer"), asked("Hello", name="ada")]
    made = request(*drafts, server="openai")
    assert not made.plan.notes
    assert "at openai" not in made.explain()


# --- arguments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "given", "left", "note"),
    [
        ("groq", {"logprobs": True}, {}, "for groq, which refuses it: logprobs not sent"),
        ("mistral", {"max_completion_tokens": 5}, {"max_tokens": 5}, "for mistral: max_completion_tokens is sent as max_tokens"),
        ("mistral", {"max_completion_tokens": 5, "max_tokens": 7}, {"max_tokens": 7}, "is sent as max_tokens"),
        ("gemini", {"store": True, "seed": 1}, {"seed": 1}, "for gemini, which refuses it: store not sent"),
        ("vllm", {"tools": [RUN]}, {}, "for vllm, which takes functions only: the tools run not sent"),
        ("vllm", {"tools": [RUN], "tool_choice": "auto", "parallel_tool_calls": True}, {}, "the tools run not sent"),
        ("vllm", {"tools": [LOOK_UP, RUN], "tool_choice": RUN}, {"tools": [LOOK_UP]}, "the tools run not sent"),
        ("vllm", {"tools": [LOOK_UP, RUN], "tool_choice": "auto"}, {"tools": [LOOK_UP], "tool_choice": "auto"}, "not sent"),
        ("unknown", {"store": True, "tools": [RUN]}, {"store": True, "tools": [RUN]}, "is not known: it gets what"),
    ],
)  # fmt: skip
def test_arguments_of_the_caller(server: str, given: dict[str, Any], left: dict[str, Any], note: str) -> None:
    made = request(asked("Hello"), server=server, **given)
    assert {name: value for name, value in made.items() if name not in ("model", "messages")} == left
    assert note in made.explain()


def test_another_argument_of_the_same_request_is_judged_too() -> None:
    made = request(asked("Hello"), server="groq").evolve(logprobs=True, seed=1)
    assert (made.get("logprobs"), made["seed"]) == (None, 1)
    assert "logprobs not sent" in made.explain()


def test_a_window_that_moves_and_an_hour_that_passes_change_no_dialect() -> None:
    made = request(*talk("a-model"), server="mistral", **ARGUMENTS).plan
    later = plan(made.history, made.memory, made.policy, made.target, NOW + timedelta(hours=2).seconds * 10**6, family_of)
    assert later.wires == made.wires
    smaller = attrs.evolve(made.policy, window_tokens=1)
    assert plan(made.history, made.memory, smaller, made.target, NOW, family_of).wires[-1] == made.wires[-1]
