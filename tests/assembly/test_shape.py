"""The arguments of a call in the shape that the model takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import convo
from convo.errors import AudioRequired, ConflictingArguments, UnsupportedModality
from convo.policy import Policy
from tests.assembly.builders import answered, asked, log, planned, spoke
from tests.support.replies import WAV

if TYPE_CHECKING:
    from convo.history import History

TALK = log(asked("Hello"))
HEARD = log(asked(convo.Audio.from_bytes(WAV, transcript="Hello")))


def arguments(history: History = TALK, model: str = "gpt-audio-1.5", **given: Any) -> dict[str, Any]:
    found = dict(planned(history, model, **given).arguments)
    assert found.pop("model") == model
    return found


def spoken(voice: Any = "alloy", format_: str = "wav") -> dict[str, Any]:
    return {"modalities": ["text", "audio"], "audio": {"voice": voice, "format": format_}}


# --- voice, format, modalities ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"voice": "ash"}, spoken("ash")),
        ({"format": "mp3"}, spoken("alloy", "mp3")),
        ({"voice": "ash", "format": "mp3"}, spoken("ash", "mp3")),
        ({"voice": {"id": "voice_1"}}, spoken({"id": "voice_1"})),
        ({"audio": {"voice": "ash", "format": "mp3"}}, spoken("ash", "mp3")),
        ({"audio": {"voice": "ash"}, "format": "mp3"}, spoken("ash", "mp3")),
        ({"audio": {"voice": "ash"}, "voice": "ash"}, spoken("ash")),
        ({"modalities": ["text", "audio"]}, spoken()),
        ({"voice": "a voice of tomorrow"}, spoken("a voice of tomorrow")),
        ({"voice": "ash", "stream": True}, {**spoken("ash", "pcm16"), "stream": True}),
    ],
)
def test_voice_and_format_are_short_for_audio_and_modalities(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert arguments(**given) == wanted


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (["audio"], "text to audio"),
        (["audio", "video"], "text to audio and video"),
        ([], "text to nothing"),
        (["text", "image"], "text to text and image"),
    ],
)
def test_an_output_that_no_model_gives_is_refused_by_its_name(asked: list[str], name: str) -> None:
    with pytest.raises(UnsupportedModality, match=f"gpt-audio-1.5 cannot do {name}, only") as caught:
        arguments(modalities=asked, voice="ash")
    assert (caught.value.modality, "text to text and audio" in caught.value.allowed) == (name, True)


@pytest.mark.parametrize("asked", ["audio", 7])
def test_modalities_are_a_list(asked: object) -> None:
    with pytest.raises(ConflictingArguments, match="is no list"):
        arguments(modalities=asked)


def test_a_policy_fills_in_what_the_caller_leaves_open() -> None:
    policy = Policy(voice="coral", format="mp3")
    assert arguments(policy=policy, modalities=["text", "audio"]) == spoken("coral", "mp3")
    assert arguments(policy=policy, voice="ash") == spoken("ash", "mp3")


def test_a_stream_is_pcm16_whatever_the_policy_says() -> None:
    assert arguments(policy=Policy(format="mp3"), stream=True) == {**spoken("alloy", "pcm16"), "stream": True}


@pytest.mark.parametrize(
    "given",
    [
        {"voice": "ash", "audio": {"voice": "coral", "format": "wav"}},
        {"format": "mp3", "audio": {"voice": "coral", "format": "wav"}},
        {"modalities": ["text"], "voice": "ash"},
        {"modalities": ["text"], "audio": {"voice": "ash", "format": "wav"}},
        {"format": "ogg"},
        {"format": "WAV"},
        {"format": "mp3", "stream": True},
        {"audio": {"voice": "ash", "format": "wav"}, "stream": True},
        {"audio": "alloy"},
        {"prompt_cache_options": {"mode": "explicit"}},
    ],
    ids=str,
)
def test_arguments_that_contradict_each_other_or_the_model_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConflictingArguments):
        arguments(**given)


# --- audio somewhere -------------------------------------------------------------------------------


def test_an_audio_model_without_audio_anywhere_speaks() -> None:
    made = planned(TALK, policy=Policy(voice="coral"))
    assert made.arguments == {"model": "gpt-audio-1.5", **spoken("coral")}
    assert made.notes == ["gpt-audio-1.5 refuses a request without audio: a spoken reply is asked for, voice coral"]


def test_a_reference_alone_is_not_audio_enough() -> None:
    assert arguments(log(asked(), spoke(), asked("Why?"))) == spoken()


def test_a_recording_is_audio_enough() -> None:
    assert arguments(HEARD) == {}
    assert arguments(HEARD, modalities=["text"]) == {"modalities": ["text"]}


@pytest.mark.parametrize("beside", [convo.Image(url="https://example.com/a.png"), convo.File(name="a.pdf", data=b"%PDF")])
def test_a_recording_is_audio_enough_beside_other_media(beside: object) -> None:
    history = log(asked(convo.Audio.from_bytes(WAV), beside))
    assert arguments(history, "gpt-audio", modalities=["text"]) == {"modalities": ["text"]}


def test_a_recording_that_goes_as_its_transcript_is_no_audio() -> None:
    assert arguments(HEARD, policy=Policy(user_audio="transcript")) == spoken()


def test_an_answer_in_text_from_an_audio_model_that_hears_nothing_is_an_error() -> None:
    with pytest.raises(AudioRequired) as caught:
        arguments(modalities=["text"])
    assert caught.value.model == "gpt-audio-1.5"


def test_an_argument_of_none_is_as_good_as_none_at_all() -> None:
    given: dict[str, Any] = dict.fromkeys(("voice", "format", "audio", "modalities", "tools", "temperature", "stream", "n"))
    assert arguments(**given) == spoken()
    assert arguments(HEARD, **given) == {}
    assert arguments(model="gpt-5.5", **given) == arguments(model="model-of-tomorrow", **given) == {}


# --- models that only read, and models that nobody knows -------------------------------------------


def test_a_text_model_gets_neither_modalities_nor_audio_and_a_note_says_so() -> None:
    made = planned(HEARD, "gpt-5.5", voice="alloy", format="wav", temperature=0)
    assert made.arguments == {"model": "gpt-5.5", "temperature": 0}
    assert made.notes == ["gpt-5.5 takes no audio: voice, format not sent"]
    assert planned(TALK, "gpt-5.5").notes == []


@pytest.mark.parametrize("model", ["gpt-5.6-sol", "gpt-6-luna", "model-of-tomorrow"])
def test_models_that_may_take_cache_options_keep_them(model: str) -> None:
    options = {"mode": "explicit"}
    assert arguments(model=model, prompt_cache_options=options) == {"prompt_cache_options": options}


@pytest.mark.parametrize("model", ["gpt-5.5", "gpt-4.1-2025-04-14", "gpt-audio-1.5"])
def test_cache_options_are_refused_for_models_that_refuse_them(model: str) -> None:
    with pytest.raises(convo.ConflictingArguments, match=f"{model} refuses prompt_cache_options; leave it out"):
        arguments(model=model, prompt_cache_options={"mode": "explicit"})


def test_an_unknown_model_is_sent_what_the_caller_asks_for() -> None:
    assert arguments(model="model-of-tomorrow") == {}
    assert arguments(model="model-of-tomorrow", voice="ash") == spoken("ash")


# --- limits ----------------------------------------------------------------------------------------


def tool(name: str = "look_up") -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def test_tools_pass_up_to_the_limit() -> None:
    tools = [tool(f"tool-{n}") for n in range(128)]
    assert arguments(HEARD, tools=tools) == {"tools": tools}
    with pytest.raises(ConflictingArguments, match="129 tools"):
        arguments(tools=[*tools, tool()])


@pytest.mark.parametrize("name", ["look up", "look.up", "n" * 65, "", "wörld", "line\n"])
def test_tool_names_that_the_api_refuses_are_refused_before_the_call(name: str) -> None:
    with pytest.raises(ConflictingArguments, match="tool name"):
        arguments(tools=[tool(name)])
    with pytest.raises(ConflictingArguments, match="tool name"):
        arguments(tools=[{"type": "custom", "custom": {"name": name}}])


def test_tools_may_be_any_iterable_and_are_still_there_after_an_estimate() -> None:
    made = planned(HEARD, tools=(tool(name) for name in ("a", "b")))
    assert made.arguments["tools"] == [tool("a"), tool("b")]


def test_no_tools_are_no_argument() -> None:
    assert arguments(HEARD, tools=[]) == {}


@pytest.mark.parametrize(
    "given", [{"tool_choice": "auto"}, {"parallel_tool_calls": False}, {"stream_options": {"include_usage": True}}]
)
def test_arguments_that_mean_nothing_without_another_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConflictingArguments, match="needs"):
        arguments(HEARD, tools=[], **given)
    assert arguments(HEARD, tools=[tool()], stream=True, **given) == {"tools": [tool()], "stream": True, **given}


@pytest.mark.parametrize(
    "metadata", [{str(n): "" for n in range(17)}, {"k" * 65: ""}, {"k": "v" * 513}], ids=["many", "long key", "long value"]
)
def test_metadata_past_the_limits_of_the_api_is_refused(metadata: dict[str, str]) -> None:
    with pytest.raises(ConflictingArguments, match="metadata"):
        arguments(metadata=metadata)


def test_metadata_within_the_limits_passes() -> None:
    metadata = {f"{n:064}": "v" * 512 for n in range(16)}
    assert arguments(HEARD, metadata=metadata) == {"metadata": metadata}


@pytest.mark.parametrize("given", [{"n": 2}, {"n": 0}])
def test_more_than_one_answer_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConflictingArguments, match="one answer"):
        arguments(**given)
    assert arguments(HEARD, n=1) == {"n": 1}


def test_model_and_messages_are_not_the_callers_to_give() -> None:
    from convo.assembly.plan import plan
    from convo.assembly.target import Target
    from convo.memory import Memory
    from tests.support.histories import CATALOGUE, family_of

    for name in ("model", "messages"):
        target = Target(CATALOGUE.lookup("gpt-5.5"), "", {name: []})
        with pytest.raises(ConflictingArguments, match=f"{name}="):
            plan(TALK, Memory(), Policy(), target, 1, family_of)


def test_everything_else_goes_as_it_is() -> None:
    given = {"temperature": 0.5, "seed": 7, "store": True, "an_argument_of_tomorrow": {"deep": [1]}, "extra_headers": {"x": "y"}}
    assert arguments(log(asked(), answered(content="Yes."), asked("Why?")), "gpt-5.5", **given) == given


def test_a_model_without_structured_outputs_is_not_asked_for_them() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}
    with pytest.raises(ConflictingArguments, match="structured outputs"):
        arguments(response_format=schema)
    assert arguments(model="gpt-4.1", response_format=schema)["response_format"] == schema
