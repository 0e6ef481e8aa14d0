"""Whatever shape a server streams in, the real client's chunks fold to the answer that was given."""

from __future__ import annotations

import base64
from typing import Any

import openai
import pytest

from convo import AnswerError, ChatFold
from convo.testing import FakeAPI, StreamShape

SHAPES = [
    {},
    {"audio_id": "first"},
    {"words": "mixed", "piece": 777},
    {"words": "last", "piece": 501},
    {"base64": "cut", "piece": 1001},
    {"expiry": "with_reason"},
    {"expiry": "never"},
    {"mixed_calls": True},
    {"filters": True, "keep_alives": True},
    {"end": "no_reason"},
]
CALLS: Any = [("f", '{"a": 1}'), {"type": "custom", "custom": {"name": "g", "input": "select 1"}}]


def stream(fake: FakeAPI, **arguments: Any) -> Any:
    asked: dict[str, Any] = {
        "model": "gpt-audio-1.5", "modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"},
        "messages": [{"role": "user", "content": "hello"}], "stream": True, **arguments,
    }  # fmt: skip
    return fake.client().chat.completions.create(**asked)


def feed_all(fold: ChatFold, fake: FakeAPI, **arguments: Any) -> None:
    for chunk in stream(fake, **arguments):
        fold.feed(chunk)


def without_ends(answer: dict[str, Any]) -> dict[str, Any]:
    (choice,) = answer["choices"]
    message = {key: value for key, value in choice["message"].items() if key != "annotations"}
    message["audio"] = message.get("audio") and {**message["audio"], "expires_at": 0}
    return {**answer, "choices": [{**choice, "message": message, "finish_reason": None}]}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("reply", [{"text": "Żółw, yes."}, {"text": "One moment.", "tool_calls": CALLS}], ids=["spoken", "calls"])
def test_every_shape_folds_to_the_answer(shape: Any, reply: Any) -> None:
    fake, fold = FakeAPI(), ChatFold()
    fake.will_reply(**reply, extra={"mood": "calm"}, stream=StreamShape(**shape))
    feed_all(fold, fake, stream_options={"include_usage": True})
    answer = fold.answer()
    answer.pop("prompt_filter_results", None)
    assert fake.last.response is not None
    assert without_ends(answer) == without_ends(fake.last.response)
    assert fold.complete


def test_a_refusal_folds_to_the_answer() -> None:
    fake, fold = FakeAPI(), ChatFold()
    fake.will_reply(refusal="I cannot do that.")
    feed_all(fold, fake)
    message = fold.answer()["choices"][0]["message"]
    assert (message["content"], message["refusal"]) == (None, "I cannot do that.")


@pytest.mark.parametrize("words", ["first", "mixed", "last"])
def test_a_stream_that_was_cut_is_not_complete(words: Any) -> None:
    fake, fold = FakeAPI(), ChatFold()
    fake.will_reply("Yes, very.", stream=StreamShape(words=words, end="cut"))
    feed_all(fold, fake, stream_options={"include_usage": True})
    assert (fold.complete, fold.empty) == (False, False)


def test_several_choices_are_refused_before_anything_of_the_second_is_folded() -> None:
    fake, fold = FakeAPI(), ChatFold()
    fake.will_reply("Yes.", stream=StreamShape(choices=2))
    first, second, *_ = stream(fake)
    fold.feed(first)
    with pytest.raises(AnswerError, match="several choices"):
        fold.feed(second)


@pytest.mark.parametrize("chunks", range(9))
def test_what_arrived_before_a_break_stays(chunks: int) -> None:
    fake, fold = FakeAPI(), ChatFold()
    fake.will_drop(chunks=chunks, inside=True)
    fake.will_reply("Żółw, yes.", stream=StreamShape(words="mixed", piece=3_001))
    with pytest.raises(openai.APIError):
        feed_all(fold, fake)
    assert fake.last.response is not None
    whole = fake.last.response["choices"][0]["message"]["audio"]
    audio = fold.answer()["choices"][0]["message"].get("audio") or {"transcript": "", "data": ""}
    assert whole["transcript"].startswith(audio["transcript"])
    assert base64.b64decode(whole["data"]).startswith(base64.b64decode(audio["data"]))
    assert not fold.complete
