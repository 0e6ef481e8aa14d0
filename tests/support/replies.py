"""Answers of the API in the making: any mixture of what one can hold, and what the API knows of the audio it gave out."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import attrs
from hypothesis import strategies as st

from convo.intake.chat import read_chat
from convo.origin import Origin
from convo.testing import IssuedAudio
from convo.testing import Origin as Caller
from tests.audio.builders import chunk, fmt, wav

if TYPE_CHECKING:
    from convo.messages import Draft

START = 1_793_534_400
"""Noon of 2026-11-01 in UTC, when every history begins."""
MINUTE, HOUR = 60, 3_600
WAV = wav(fmt(rate=8_000), chunk(b"data", bytes(1_600)))
HERE = "http://api.test/v1"
ELSEWHERE = "http://other.test/v1"

SPEECH = base64.b64encode(WAV).decode()
_ASKED = {"voice": "alloy", "format": "wav"}
_LONGEST_CALL_ID = 40


def mixed(*choices: tuple[int, Any]) -> st.SearchStrategy[Any]:
    """Draw from strategies by weight. (`one_of` alone would give each branch of a nested one the same chance.)"""
    return st.sampled_from([strategy for weight, strategy in choices for _ in range(weight)]).flatmap(lambda strategy: strategy)


@attrs.frozen
class Call:
    """A call of a tool; `{n}` in its id is a number that no other call has."""

    id: str
    name: str
    arguments: str
    custom: bool

    def body(self, number: int) -> dict[str, Any]:
        """Give the API's object."""
        inner = {"name": self.name, "input" if self.custom else "arguments": self.arguments}
        kind = "custom" if self.custom else "function"
        return {"id": self.id.format(n=number), "type": kind, kind: inner, "x_call": 1}


@attrs.frozen
class Speech:
    """The audio of a reply. `truth` is what the API knows of its id, whatever it said; `issuer` is what we know."""

    transcript: Any = "Yes, very good ones."
    expiry: Any = "an hour"
    truth: str = "held"
    model: str = "gpt-audio-1.5"
    issuer: Origin | None = attrs.field(factory=lambda: Origin(HERE))
    with_id: bool = True
    data: Any = SPEECH

    def body(self, identifier: str, seconds: int) -> dict[str, Any]:
        """Give the API's object of an answer at that time."""
        expires = seconds + HOUR if self.expiry == "an hour" else self.expiry
        audio = {"id": identifier, "data": self.data, "expires_at": expires, "transcript": self.transcript}
        missing = {key for key, gone in (("id", not self.with_id), ("expires_at", self.expiry == "missing")) if gone}
        return {key: value for key, value in audio.items() if key not in missing}

    def held(self, seconds: int) -> IssuedAudio | None:
        """Give what the API that the tests ask holds of it."""
        if self.truth == "unknown" or (self.issuer is not None and self.issuer.base_url == ELSEWHERE):
            return None
        known = self.issuer or Origin(HERE)
        return IssuedAudio(
            expires_at=seconds + (MINUTE if self.truth == "early" else HOUR),
            origin=Caller("org-other") if self.truth == "other caller" else Caller(known.organization or "", known.project or ""),
            model=self.model,
            revoked=self.truth == "revoked",
        )


@attrs.frozen
class Answer:
    """A reply: what it says, in which forms, what it asks for, and how far it came."""

    content: Any = None
    speech: Speech | None = None
    calls: list[Call] = attrs.field(factory=list)
    refusal: Any = None
    function_call: Any = None
    status: Any = "complete"
    unknown: dict[str, Any] = attrs.field(factory=dict)

    def message(self, number: int, seconds: int) -> dict[str, Any]:
        """Give the API's message, the `number`th of a conversation."""
        message = {"role": "assistant", "content": self.content, "refusal": self.refusal, **self.unknown}
        if self.calls:
            message["tool_calls"] = [call.body(number * 10 + index) for index, call in enumerate(self.calls)]
        if self.function_call is not None:
            message["function_call"] = self.function_call
        if self.speech is not None:
            message["audio"] = self.speech.body(f"audio_{number}", seconds)
        return message

    def draft(self, message: dict[str, Any]) -> Draft:
        """Read the message as part of an answer."""
        usage = {"prompt_tokens": 9, "completion_tokens": 5, "completion_tokens_details": {"audio_tokens": 3, "text_tokens": 2}}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        completion = {"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt", "usage": usage, "choices": [choice]}
        speech = self.speech or Speech()
        draft = read_chat(completion, asked={"model": speech.model, "audio": _ASKED}, origin=speech.issuer).draft
        return attrs.evolve(draft, status=self.status)

    def kinds(self) -> set[str]:
        """Say what it is, to be counted."""
        names = {
            "spoken": self.speech,
            "written": self.content,
            "spoken and written": self.speech and self.content,
            "spoken with calls": self.speech and self.calls,
            "spoken without transcript": self.speech and self.speech.transcript is None,
            "tool turn": self.calls,
            "parallel calls": len(self.calls) > 1,
            "custom call": any(call.custom for call in self.calls),
            "long call id": any(len(call.id) > _LONGEST_CALL_ID for call in self.calls),
            "refusal": self.refusal,
            "function_call": self.function_call,
            "empty content": self.content == "",
            "partial": self.status == "interrupted",
            "partial speech": self.status == "interrupted" and self.speech,
            "odd expiry": self.speech and self.speech.expiry != "an hour",
            "lone surrogate": "\\ud" in ascii([self.content, self.calls, self.refusal, self.speech]),
        }
        return {name for name, holds in names.items() if holds}


# --- strategies ------------------------------------------------------------------------------------

WORDS = st.sampled_from(["Hello.", "Is it loyal?", "Sí, mañana 🐕", "a\0b", "x" * 300, "line\nline"])
_ODD_WORDS = mixed((3, WORDS), (2, st.sampled_from(["\ud800", "ok \udfff ok", "\ud83d", "NaN", ""])))
_MAYBE_WORDS = mixed((2, st.none()), (1, _ODD_WORDS))
_UNKNOWN: Any = st.sampled_from(
    [{}, {}, {"x_new": {"deep": [1, {"$blob": "0" * 64}]}}, {"annotations": [], "x_big": 2**70}, {"metadata": None, "phase": "a"}]
)
CALL_IDS = ["call_{n}", "call_{n}", "call_{n}", "call_same", "x" * 41 + "{n}", "ünï{n}", "", "bad\ud800{n}"]
_NAMES = ["look_up", "look_up", "look_up", "look up!", "n" * 70, "суд", ""]
_ARGUMENTS = ["{}", '{"a": 1}', "{not json", "", "\ud800"]
_CALLS = st.lists(
    st.builds(Call, st.sampled_from(CALL_IDS), st.sampled_from(_NAMES), st.sampled_from(_ARGUMENTS), st.booleans()),
    min_size=1,
    max_size=3,
)
_EXPIRIES: list[Any] = [
    "an hour", "missing", 0, -5, 0.5, START * 1_000, (START + 2 * HOUR) * 1_000, START + 2 * HOUR + 0.25, 1e300, 10**40,
    float("inf"), float("nan"), None, "soon", True,
]  # fmt: skip
_TRUTHS = ["held"] * 6 + ["revoked", "unknown", "early", "other caller"]
_SAID = mixed((5, st.just("Yes, very good ones.")), (1, _ODD_WORDS), (1, st.none()))
_USUAL = st.builds(Speech, transcript=_SAID, truth=st.sampled_from(_TRUTHS))
_UNUSUAL = st.builds(
    Speech,
    transcript=_SAID,
    truth=st.sampled_from(_TRUTHS),
    model=st.sampled_from(["gpt-audio-1.5"] * 4 + ["gpt-audio", "gpt-audio-2025-08-28", "gpt-audio-mini", "my-model"]),
    issuer=st.sampled_from([*[Origin(HERE)] * 4, Origin(HERE, "org-1", "proj-1"), Origin(ELSEWHERE), None]),
    expiry=st.sampled_from(_EXPIRIES),
    with_id=st.sampled_from([True, True, True, False]),
    data=st.sampled_from([SPEECH, SPEECH, "not base64!", "", None, base64.b64encode(b"odd bytes").decode()]),
)
_SPEECH = mixed((3, _USUAL), (1, _UNUSUAL))
_STATUS = st.sampled_from(["complete"] * 4 + ["interrupted"])
_FUNCTION_CALL = st.sampled_from([{"name": "look_up", "arguments": "{}"}, {"name": "look up!", "arguments": "\ud800"}])

ANSWERS = mixed(
    (8, st.builds(Answer, speech=_SPEECH)),
    (3, st.builds(Answer, content=_ODD_WORDS, status=_STATUS, unknown=_UNKNOWN)),
    (2, st.builds(Answer, speech=_SPEECH, status=_STATUS, unknown=_UNKNOWN)),
    (1, st.builds(Answer, speech=_SPEECH, content=_MAYBE_WORDS, refusal=st.sampled_from([None, "No."]))),
    (1, st.builds(Answer, speech=_SPEECH, calls=_CALLS, content=_MAYBE_WORDS, status=_STATUS)),
    (3, st.builds(Answer, calls=_CALLS, content=_MAYBE_WORDS, status=_STATUS)),
    (1, st.builds(Answer, refusal=_ODD_WORDS, content=st.sampled_from([None, "", "Sorry."]))),
    (1, st.builds(Answer, function_call=_FUNCTION_CALL, speech=mixed((1, st.none()), (1, _USUAL)))),
)
