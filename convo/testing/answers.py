"""Answers: what is to be said, as the API's ChatCompletion, with real sound where it is spoken."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import attrs

from convo.testing.asked import IssuedAudio
from convo.testing.script import Saying
from convo.testing.sound import speech
from convo.testing.usage import completion_tokens, prompt_tokens, usage_of

if TYPE_CHECKING:
    from datetime import timedelta

    from convo.testing.asked import Asked, Json
    from convo.testing.names import Names
    from convo.testing.script import ToolCall


@attrs.frozen
class Answer:
    """A ChatCompletion, and the audio ids that it gives out."""

    body: Json
    issued: dict[str, IssuedAudio]


def answer_to(asked: Asked, queued: Saying | None, names: Names, lifetime: timedelta) -> Answer:
    """Give the answer to a request that was accepted: what was queued for it, or how many messages it has."""
    saying = _something(asked.body, queued or Saying())
    spoken = _spoken(asked, saying, names, lifetime)
    message = _message(saying, spoken.audio, names)
    tokens = completion_tokens(message, spoken.tokens)
    body = {
        "id": names.make("chatcmpl-", 29),
        "object": "chat.completion",
        "created": int(asked.now.timestamp()),
        "model": asked.body["model"],
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(saying)}],
        "usage": usage_of(prompt_tokens(asked.body, asked.audio), tokens) | dict(saying.usage),
        "service_tier": "default",
        "system_fingerprint": None,
    }
    return Answer(body, spoken.issued(asked))


def _something(body: Json, saying: Saying) -> Saying:
    """Give a saying that says something."""
    if saying.text is not None or saying.content is not None or saying.refusal is not None or saying.tool_calls:
        return saying
    count = len(body["messages"])
    return attrs.evolve(saying, text=f"I have read {count} message{'' if count == 1 else 's'}.")


@attrs.frozen
class _Spoken:
    """The `audio` of a message, or None, and its tokens."""

    audio: Json | None = None
    tokens: int = 0

    def issued(self, asked: Asked) -> dict[str, IssuedAudio]:
        if self.audio is None:
            return {}
        kept = IssuedAudio(self.audio["expires_at"], asked.origin, asked.body["model"], tokens=self.tokens)
        return {self.audio["id"]: kept}


def _spoken(asked: Asked, saying: Saying, names: Names, lifetime: timedelta) -> _Spoken:
    if not asked.wants_audio or not saying.spoken or saying.text is None:
        return _Spoken()
    sound = speech(saying.text)
    audio = {
        "id": names.make("audio_", 32),
        "data": base64.b64encode(sound.encoded(asked.body["audio"]["format"])).decode("ascii"),
        "expires_at": int((asked.now + lifetime).timestamp()),
        "transcript": saying.text,
    }
    return _Spoken(audio, sound.tokens)


def _message(saying: Saying, audio: Json | None, names: Names) -> Json:
    written = saying.text if audio is None else None
    message: dict[str, Any] = {
        "role": "assistant",
        "content": saying.content if saying.content is not None else written,
        "refusal": saying.refusal,
        "annotations": [],
    }
    if audio is not None:
        message["audio"] = audio
    if saying.tool_calls:
        message["tool_calls"] = [_tool_call(call, names) for call in saying.tool_calls]
    return message | dict(saying.extra)


def _tool_call(call: ToolCall, names: Names) -> Json:
    """Give the API's object for a call; one without an id gets one."""
    if not isinstance(call, tuple):
        return {"id": names.make("call_"), **call}
    name, arguments, *given = call
    call_id = given[0] if given else names.make("call_")
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _finish_reason(saying: Saying) -> str:
    return saying.finish_reason or ("tool_calls" if saying.tool_calls else "stop")
