"""Of a Response that the user interrupted, what was heard of its texts stays, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convo.audio.value import Audio
from convo.canonical import decode
from convo.extract import spoken
from convo.forms import as_chat
from convo.heard import heard, shortened
from convo.intake.responses import read_response
from convo.messages import REPLY
from convo.steps.truncating import cut_to
from tests.intake.test_response_stream import RESPONSES
from tests.support.responses import function_call, image, message, reasoning, refusal, response, text

if TYPE_CHECKING:
    from convo.messages import Message

TEN_WORDS = "one two three four five six seven eight nine ten"


def content(answer: dict[str, Any]) -> Any:
    return as_chat(answer)["content"]


def test_what_was_written_is_cut_after_a_word_at_the_usual_rate_of_speech() -> None:
    whole = response(reasoning("Hm."), message(TEN_WORDS), function_call(), image())
    cut = heard(whole, 2, None, whole=True)
    assert cut == {
        **whole, "status": "incomplete", "incomplete_details": None,
        "output": [{**message("one two three four five"), "status": "incomplete"}],
    }  # fmt: skip
    assert read_response(cut, asked={}).finish_reason is None


def test_what_was_heard_to_its_end_is_as_it_was() -> None:
    whole = response(reasoning("Hm."), message(TEN_WORDS), function_call())
    assert heard(whole, 4, None, whole=True) == whole
    assert heard(response(function_call()), 0, None, whole=True) == response(function_call())


def test_nothing_heard_is_nothing_left() -> None:
    assert heard(response(message(TEN_WORDS)), 0, None, whole=True)["output"] == []


def test_several_texts_are_cut_in_their_order_and_what_stands_beside_an_end_goes_with_it() -> None:
    cited = [{"type": "url_citation", "start_index": 0, "end_index": 3}]
    whole = response(
        message(text("one two.", annotations=cited), number=1),
        message(text("three four.", annotations=cited, logprobs=[{"token": "x"}]), "five six", refusal("No."), number=2),
    )
    first, second = shortened(whole, len("one two.\nthree"))["output"]
    assert first == whole["output"][0]
    assert second == {**message(text("three", logprobs=[]), number=2), "status": "incomplete"}
    assert shortened(whole, 0, 2)["output"] == [{**message(refusal("No"), number=2), "status": "incomplete"}]


@settings(max_examples=150, derandomize=True)
@given(RESPONSES, st.integers(0, 60))
def test_a_beginning_of_the_texts_is_that_of_what_chat_shows(whole: dict[str, Any], length: int) -> None:
    said = content(whole) or ""
    found = content(shortened(whole, length)) or ""
    assert said.startswith(found)
    assert said[:length].rstrip("\n") == found.rstrip("\n")


# --- in the log ------------------------------------------------------------------------------------


def stored(answer: dict[str, Any], **facts: Any) -> Message:
    return attrs.evolve(read_response(answer, asked={"model": "gpt-5.6"}).draft, **facts).at(3, 1)


def test_a_recorded_response_is_cut_and_stays_one() -> None:
    draft = cut_to(stored(response(reasoning("Hm."), message(TEN_WORDS), image()), audio_origin="http://api.test/v1"), None, 2)
    assert draft is not None
    assert (draft.status, draft.api, draft.text, draft.media) == ("interrupted", "responses", "one two three four five", ())
    assert (draft.audio_origin, draft.model) == ("http://api.test/v1", "gpt-5.6")
    assert decode(draft.body) == {
        "role": "assistant", "id": "resp_1", "store": True,
        "output": [{**message("one two three four five"), "status": "incomplete"}],
    }  # fmt: skip
    assert cut_to(draft.at(3, 1), None, 2) is None


@pytest.mark.parametrize("items", [[message(TEN_WORDS), image()], [image()], []])
def test_one_that_was_heard_to_its_end_is_not_cut(items: list[Any]) -> None:
    assert cut_to(stored(response(*items)), None, 10) is None


def test_one_that_was_spoken_by_another_model_is_cut_by_its_sound() -> None:
    data = bytes(4 * 48_000)
    piece = attrs.evolve(spoken(Audio.from_bytes(data, "pcm16"), REPLY), made_by="gpt-4o-mini-tts", voice="ash")
    draft = cut_to(stored(response(reasoning("Hm."), message(TEN_WORDS)), media=(piece,)), data, 2)
    assert draft is not None
    assert (draft.status, draft.api, draft.text) == ("interrupted", "responses", "one two three four five")
    assert [(left.size, left.made_by, left.transcript) for left in draft.media] == [(96_000, "gpt-4o-mini-tts", draft.text)]
    assert decode(draft.body)["output"] == [{**message("one two three four five"), "status": "incomplete"}]
