"""Histories as an API and its callers make them, odd ones among them, with what the API still holds of their audio.

A `Case` is drawn as a run of events; each becomes a message through the same functions that a store uses, so that a
history here is one that a database could hold.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs
from hypothesis import strategies as st

import convo
from convo.assembly import Target
from convo.content import message_draft, tool_draft
from convo.errors import InputError
from convo.history import History
from convo.intake import read_chat
from convo.memory import Memory
from convo.models import Catalogue
from convo.origin import Origin
from convo.testing import IssuedAudio
from convo.testing import Origin as Caller
from tests.audio.builders import FRAME, chunk, fmt, wav

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from convo.messages import Draft, Message

CATALOGUE = Catalogue.default()
START = int(datetime(2026, 11, 1, 12, tzinfo=UTC).timestamp())
MINUTE, HOUR = 60, 3_600
WAV = wav(fmt(rate=8_000), chunk(b"data", bytes(800)))
MP3 = FRAME * 4
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
HERE = "http://api.test/v1"
ELSEWHERE = "http://other.test/v1"


def family_of(model: str) -> str:
    """Give the audio family of a model, as a store does."""
    return CATALOGUE.lookup(model).family


# --- a case ----------------------------------------------------------------------------------------


@attrs.frozen
class Case:
    """All that assembly is given, and what the API that is asked knows: the audio it holds and who calls."""

    history: History
    memory: Memory
    policy: convo.Policy
    target: Target
    now: int
    held: Mapping[str, IssuedAudio]
    caller: Caller
    models: Mapping[str, Any]
    kinds: frozenset[str]

    @property
    def moment(self) -> datetime:
        """The clock of the API, which is ours."""
        return datetime.fromtimestamp(self.now // 1_000_000, UTC)

    @property
    def blobs(self) -> dict[str, bytes]:
        """The bytes of the history, by digest."""
        found = {piece.digest: piece.data for message in self.history for piece in message.media}
        return {digest: data for digest, data in found.items() if data is not None}


@attrs.define
class Building:
    """A history in the making. `calls` are the ids that were asked for and can be answered, newest last."""

    messages: list[Message] = attrs.field(factory=list)
    calls: list[str] = attrs.field(factory=list)
    answered: set[str] = attrs.field(factory=set)
    held: dict[str, IssuedAudio] = attrs.field(factory=dict)
    kinds: set[str] = attrs.field(factory=set)

    @property
    def seconds(self) -> int:
        """When the next message enters the log: ten minutes after the one before."""
        return START + 10 * MINUTE * len(self.messages)

    def add(self, draft: Draft, *kinds: str) -> None:
        """Append a message as a store would give it back: nothing is known of the media of replies."""
        message = draft.at(len(self.messages) + 1, self.seconds * 1_000_000)
        self.messages.append(message if message.role == "user" else attrs.evolve(message, media=()))
        self.kinds.update(kinds)


Event = "Callable[[Building], None]"


# --- texts -----------------------------------------------------------------------------------------

_WORDS = st.sampled_from(["Hello.", "Is it loyal?", "Sí, mañana 🐕", "a\0b", "x" * 300, "line\nline"])
VALID = st.one_of(_WORDS, st.text(min_size=1, max_size=8))
ODD = st.one_of(_WORDS, st.sampled_from(["\ud800", "ok \udfff ok", "\ud83d", "NaN", ""]))
_UNKNOWN: Any = st.sampled_from(
    [{}, {}, {"x_new": {"deep": [1, {"$blob": "0" * 64}]}}, {"annotations": [], "x_big": 2**70}, {"metadata": None, "phase": "a"}]
)

# --- what users and callers add --------------------------------------------------------------------


def _users() -> st.SearchStrategy[Any]:
    audio = st.builds(
        lambda data, said: convo.Audio.from_bytes(data, transcript=said),
        st.sampled_from([WAV, MP3]), st.sampled_from(["What is this?", "What is this?", None]),
    )  # fmt: skip
    image = st.sampled_from([convo.Image(data=PNG), convo.Image(url="https://example.com/dog.png", detail="low")])
    file = st.sampled_from([convo.File(id="file-1"), convo.File(name="a.pdf", data=b"%PDF-1.4")])
    item = st.one_of(VALID, VALID, audio, audio, image, file)
    return st.builds(_user, st.lists(item, min_size=1, max_size=3), st.sampled_from([None, None, "ann"]))


def _user(content: list[Any], name: str | None) -> Any:
    def event(building: Building) -> None:
        heard = [item for item in content if isinstance(item, convo.Audio)]
        kinds = {f"user {type(item).__name__}" for item in content}
        kinds |= {"recording without transcript" for item in heard if item.transcript is None}
        building.add(message_draft(content, name=name), *kinds)

    return event


def _instructions(text: str) -> Any:
    return lambda building: building.add(message_draft([text], role="system", kind="instructions"), "instructions")


_PART = {"type": "text", "text": "part", "x_part": 1}
_CACHED = {"type": "text", "text": "cached", "prompt_cache_breakpoint": {"mode": "explicit", "x": 1}}
_IMPORTED: list[dict[str, Any]] = [
    {"role": "user", "content": "hello", "name": None},
    {"role": "user", "content": [_PART, {"type": "text", "text": ""}], "name": "ann"},
    {"role": "user", "content": [_CACHED]},
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png", "x": 1}}]},
    {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": base64.b64encode(WAV).decode(), "format": "wav"}}]},
    {"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1", "filename": None}}]},
    {"role": "system", "content": "Be brief.", "name": "rules"},
    {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
    {"role": "function", "name": "look_up", "content": "42"},
    {"role": "function", "name": "look up!", "content": [{"type": "text", "text": "4"}, {"type": "text", "text": "2"}]},
    {"role": "function", "content": "nameless"},
    {"role": "assistant", "content": "Yes.", "refusal": None, "annotations": [], "name": None},
    {"role": "assistant", "content": [{"type": "text", "text": "Yes."}, {"type": "refusal", "refusal": "No."}]},
    {"role": "assistant", "content": None, "function_call": {"name": "look_up", "arguments": "{}", "x": 1}},
    {"role": "assistant", "content": None, "function_call": {"name": "look up!", "arguments": "{"}},
    {"role": "assistant", "content": "", "function_call": {"arguments": None}, "tool_calls": []},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "", "type": "function", "function": {"name": "f"}}, "call", None]},
    {"role": "assistant", "content": None, "refusal": {"not": "text"}, "tool_calls": {}},
    {"role": "assistant", "audio": {"id": "audio_imported", "transcript": "Said elsewhere.", "expires_at": START + 9 * HOUR}},
    {"role": "assistant", "audio": {"id": "audio_silent"}},
    {"role": "assistant", "audio": {"id": 5, "data": None, "transcript": ["?"]}, "content": "Beside."},
    {"role": "assistant", "audio": None, "content": "Written.", "tool_calls": None},
]  # fmt: skip


def _import(body: dict[str, Any], unknown: dict[str, Any]) -> Any:
    def event(building: Building) -> None:
        extra = {key: value for key, value in unknown.items() if "$blob" not in repr(value)}
        building.add(message_draft([{**body, **extra}]), f"imported {body['role']}")

    return event


# --- tools -----------------------------------------------------------------------------------------

_CALL_IDS = st.sampled_from(["call_{n}", "call_{n}", "call_{n}", "call_same", "x" * 41 + "{n}", "ünï{n}", "", "bad\ud800{n}"])
_NAMES = st.sampled_from(["look_up", "look_up", "look up!", "n" * 70, "суд", ""])
_ARGUMENTS = st.sampled_from(["{}", '{"a": 1}', "{not json", "", "\ud800"])


@attrs.frozen
class Asked:
    """A call of a reply in the making."""

    id: str
    name: str
    arguments: str
    custom: bool

    def body(self, number: int) -> dict[str, Any]:
        """Give the API's object."""
        inner = {"name": self.name, "input" if self.custom else "arguments": self.arguments}
        kind = "custom" if self.custom else "function"
        return {"id": self.id.format(n=number), "type": kind, kind: inner, "x_call": 1}


_CALLS = st.lists(st.builds(Asked, _CALL_IDS, _NAMES, _ARGUMENTS, st.booleans()), min_size=1, max_size=3)
_OUTPUT = st.sampled_from(["42", "", {"a": [1, None]}, ["x"], [{"type": "text", "text": "part"}], None, 2**70])


def _results(order: int, output: Any, error: bool) -> Any:
    """Answer all calls that are open, in some order."""

    def event(building: Building) -> None:
        waiting = [call for call in dict.fromkeys(building.calls) if call not in building.answered]
        turned = waiting[order % (len(waiting) or 1) :] + waiting[: order % (len(waiting) or 1)]
        for call in turned:
            _result(building, call, output, error=error)

    return event


def _one_result(index: int, output: Any) -> Any:
    """Answer one call of the past, again or late."""

    def event(building: Building) -> None:
        if building.calls:
            _result(building, building.calls[-1 - index % len(building.calls)], output)

    return event


def _orphan(output: Any) -> Any:
    return lambda building: building.add(tool_draft("call_of_nobody", output), "orphaned")


def _result(building: Building, call: str, output: Any, *, error: bool = False) -> None:
    late = building.messages[-1].role == "user"
    building.add(
        tool_draft(call, output, error=error), "late result" if late else "result", *(("error result",) if error else ())
    )
    building.answered.add(call)


# --- answers ---------------------------------------------------------------------------------------

_EXPIRIES: list[Any] = [
    0,
    -5,
    0.5,
    START * 1_000,
    START + 2 * HOUR + 0.25,
    1e300,
    10**40,
    float("inf"),
    float("nan"),
    None,
    "soon",
    True,
]
_TRUTHS = ["held", "held", "held", "held", "revoked", "unknown", "early", "other caller"]
_SPEAKERS = ["gpt-audio-1.5"] * 4 + ["gpt-audio", "gpt-audio-2025-08-28", "gpt-audio-mini", "my-model"]
_ISSUERS = [Origin(HERE), Origin(HERE), Origin(HERE), Origin(HERE, "org-1", "proj-1"), Origin(ELSEWHERE), None]


@attrs.frozen
class Speech:
    """The audio of a reply in the making. `truth` is what the API knows of its id, whatever it said."""

    transcript: Any = "Yes, very good ones."
    expiry: Any = "hour"
    truth: str = "held"
    model: str = "gpt-audio-1.5"
    issuer: Origin | None = Origin(HERE)  # noqa: RUF009 - an immutable value
    with_id: bool = True
    data: Any = base64.b64encode(WAV).decode()

    def body(self, identifier: str, seconds: int) -> dict[str, Any]:
        """Give the API's object."""
        audio = {"id": identifier, "data": self.data, "expires_at": self.expires(seconds), "transcript": self.transcript}
        dropped = {key for key in ("id",) if not self.with_id} | {key for key in ("expires_at",) if self.expiry == "missing"}
        return {key: value for key, value in audio.items() if key not in dropped}

    def expires(self, seconds: int) -> Any:
        """Give the expiry that the answer names."""
        return seconds + HOUR if self.expiry == "hour" else self.expiry

    def held(self, seconds: int) -> IssuedAudio:
        """Give what the API holds."""
        caller = Caller((self.issuer and self.issuer.organization) or "", (self.issuer and self.issuer.project) or "")
        return IssuedAudio(
            expires_at=seconds + (MINUTE if self.truth == "early" else HOUR),
            origin=Caller("org-other") if self.truth == "other caller" else caller,
            model=self.model,
            revoked=self.truth == "revoked",
        )


_SAID = st.one_of(st.just("Yes, very good ones."), st.just("Yes."), ODD, st.none())
_USUAL = st.builds(Speech, transcript=_SAID, truth=st.sampled_from(_TRUTHS))
_UNUSUAL = st.builds(
    Speech, transcript=_SAID, truth=st.sampled_from(_TRUTHS), model=st.sampled_from(_SPEAKERS), issuer=st.sampled_from(_ISSUERS),
    expiry=st.sampled_from(["hour", "missing", *_EXPIRIES]), with_id=st.sampled_from([True, True, True, False]),
    data=st.sampled_from([base64.b64encode(WAV).decode(), "not base64!", "", None, base64.b64encode(b"odd bytes").decode()]),
)  # fmt: skip
_SPEECH = st.one_of(_USUAL, _USUAL, _UNUSUAL)


@attrs.frozen
class Answered:
    """A reply in the making: any mixture of what a message can hold."""

    content: Any = None
    speech: Speech | None = None
    calls: list[Asked] = attrs.field(factory=list)
    refusal: Any = None
    function_call: Any = None
    status: Any = "complete"
    unknown: dict[str, Any] = attrs.field(factory=dict)

    def __call__(self, building: Building) -> None:
        """Let the API answer: the reply enters the log, its audio what the API holds."""
        number, seconds = len(building.messages) + 1, building.seconds
        message = {"role": "assistant", "content": self.content, "refusal": self.refusal, **self.unknown}
        if self.calls:
            message["tool_calls"] = [call.body(number * 10 + index) for index, call in enumerate(self.calls)]
        if self.function_call is not None:
            message["function_call"] = self.function_call
        speech = self.speech or Speech()
        if self.speech is not None:
            identifier = f"audio_{number}"
            message["audio"] = speech.body(identifier, seconds)
            if speech.truth != "unknown" and not (speech.issuer and speech.issuer.base_url == ELSEWHERE):
                building.held[identifier] = speech.held(seconds)
        draft = read_chat(_completion(message), asked={"model": speech.model, "audio": _ASKED}, origin=speech.issuer).draft
        building.add(attrs.evolve(draft, status=self.status), *self.kinds())
        if self.status == "complete":
            building.calls += [id_ for call in message.get("tool_calls", ()) if (id_ := _answerable(call))]

    def kinds(self) -> set[str]:
        """Say what it is, to be counted."""
        names = {
            "spoken": self.speech, "written": self.content, "spoken and written": self.speech and self.content,
            "spoken with calls": self.speech and self.calls, "tool turn": self.calls, "parallel calls": len(self.calls) > 1,
            "custom call": any(call.custom for call in self.calls), "refusal": self.refusal, "empty content": self.content == "",
            "partial": self.status == "interrupted", "partial speech": self.status == "interrupted" and self.speech,
            "long call id": any(len(call.id) > 40 for call in self.calls), "function_call": self.function_call,  # noqa: PLR2004
            "surrogate": "\\ud" in ascii([self.content, self.calls, self.refusal, self.speech]),
            "odd expiry": self.speech and self.speech.expiry != "hour",
        }  # fmt: skip
        return {name for name, holds in names.items() if holds}


_ASKED = {"voice": "alloy", "format": "wav"}


def _completion(message: dict[str, Any]) -> dict[str, Any]:
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "completion_tokens_details": {"audio_tokens": 3, "text_tokens": 2}}
    return {"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt", "usage": usage,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}  # fmt: skip


def _answerable(call: dict[str, Any]) -> str:
    """Give the id of a call that an application can answer: with an id of valid text, and a name."""
    valid = call["id"].isascii() or "\\ud8" not in ascii(call["id"])
    return call["id"] if valid and call[call["type"]]["name"] else ""


_STATUS = st.sampled_from(["complete", "complete", "complete", "interrupted"])
_FUNCTION_CALL = st.sampled_from([{"name": "look_up", "arguments": "{}"}, {"name": "look up!", "arguments": "\ud800"}])
_ANSWERS = st.one_of(
    st.builds(Answered, content=ODD, status=_STATUS, unknown=_UNKNOWN),
    st.builds(Answered, speech=_SPEECH, unknown=_UNKNOWN),
    st.builds(Answered, speech=_SPEECH),
    st.builds(Answered, speech=_SPEECH, content=st.one_of(st.none(), ODD), status=_STATUS, refusal=st.sampled_from([None, "No."])),
    st.builds(Answered, speech=_SPEECH, calls=_CALLS, content=st.one_of(st.none(), ODD), status=_STATUS),
    st.builds(Answered, calls=_CALLS, content=st.one_of(st.none(), ODD), status=_STATUS),
    st.builds(Answered, refusal=ODD, content=st.sampled_from([None, "", "Sorry."])),
    st.builds(Answered, function_call=_FUNCTION_CALL, speech=st.one_of(st.none(), _USUAL)),
)  # fmt: skip


# --- histories -------------------------------------------------------------------------------------

_EVENTS: Any = st.one_of(
    _users(), _users(), _users(),
    _ANSWERS, _ANSWERS, _ANSWERS, _ANSWERS,
    st.builds(_results, st.integers(0, 2), _OUTPUT, st.booleans()),
    st.builds(_results, st.integers(0, 2), _OUTPUT, st.booleans()),
    st.builds(_one_result, st.integers(0, 3), _OUTPUT),
    st.builds(_orphan, _OUTPUT),
    st.builds(_import, st.sampled_from(_IMPORTED), _UNKNOWN),
    st.builds(_instructions, VALID),
)  # fmt: skip


def _built(events: list[Any]) -> Building:
    building = Building()
    for event in events:
        try:
            event(building)
        except InputError:
            building.kinds.add("refused at the door")
    return building


# --- whom it is for --------------------------------------------------------------------------------

_LASTING = ["gpt-audio-1.5", "gpt-audio-1.5", "gpt-audio-1.5", "gpt-5.5", "my-model"]
_ENDING = ["gpt-audio", "gpt-audio-mini-2025-12-15", "gpt-4.1", "gpt-5.6-sol"]
_ORIGINS = [(HERE, Caller())] * 4 + [
    (f"{HERE} organization=org-1 project=proj-1", Caller("org-1", "proj-1")),
    (f"{HERE} organization=org-2", Caller("org-2")),
    (ELSEWHERE, Caller()),
    ("", Caller()),
]
_TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}
_MORE: list[dict[str, Any]] = [
    {}, {}, {"temperature": 0.2, "seed": None}, {"tools": [_TOOL], "tool_choice": "auto"}, {"tools": []}, {"metadata": {"a": "b"}},
]  # fmt: skip
_AUDIO: list[dict[str, Any]] = [
    {}, {}, {"voice": "alloy"}, {"voice": {"id": "voice_1"}}, {"format": "mp3"}, {"voice": "verse", "format": "pcm16"},
    {"audio": {"voice": "ash", "format": "wav"}}, {"modalities": ["text", "audio"]}, {"modalities": ["audio"], "voice": "ash"},
    {"modalities": ["text"]}, {"voice": None, "modalities": None},
]  # fmt: skip
_STREAMED: list[dict[str, Any]] = [
    {}, {"voice": "alloy"}, {"format": "pcm16"}, {"modalities": ["text"]}, {"audio": {"voice": "ash", "format": "pcm16"}},
]  # fmt: skip
_ARGUMENTS_OF_CALLS = st.one_of(
    st.builds(lambda audio, more: {**audio, **more}, st.sampled_from(_AUDIO), st.sampled_from(_MORE)),
    st.builds(lambda audio, more: {**audio, **more}, st.sampled_from(_AUDIO), st.sampled_from(_MORE)),
    st.builds(lambda audio, more: {**audio, **more, "stream": True}, st.sampled_from(_STREAMED), st.sampled_from(_MORE)),
)  # fmt: skip
POLICIES = st.builds(
    convo.Policy,
    margin=st.sampled_from([timedelta(seconds=60), timedelta(0), timedelta(minutes=30)]),
    references=st.sampled_from([True, True, True, False]),
    user_audio=st.sampled_from(["inline", "inline", "transcript"]),
    missing_transcript=st.sampled_from(["error", "placeholder", "placeholder", "omit", "omit"]),
    format=st.sampled_from(["wav", "mp3", "pcm16"]),
)
_MEMORIES = st.one_of(
    st.just(Memory()), st.just(Memory()),
    st.builds(
        Memory, expired_through=st.sampled_from([0, (START + HOUR) * 1_000_000]),
        refused_through=st.sampled_from([0, (START + HOUR + 20 * MINUTE) * 1_000_000]), skew=st.sampled_from([0, -90, 3_000]),
    ),
)  # fmt: skip
_SOON = st.integers(-HOUR, 4 * HOUR).map(lambda seconds: START + seconds)
_EVER = st.sampled_from([1, START - 400_000_000, START + 400_000_000, 4_000_000_000])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a history, whom it is sent to, when and how, and what the API holds by then."""
    building = _built(draw(st.lists(_EVENTS, max_size=9)))
    lasting = draw(st.booleans())
    target, caller = draw(st.builds(_target, st.sampled_from(_LASTING if lasting else _ENDING), st.sampled_from(_ORIGINS), _ARGUMENTS_OF_CALLS))  # fmt: skip
    return Case(
        history=History(tuple(building.messages), len(building.messages)),
        memory=draw(_MEMORIES),
        policy=draw(POLICIES),
        target=target,
        now=draw(st.one_of(_SOON, _SOON, _SOON, _EVER) if lasting else _SOON) * 1_000_000,
        held=building.held,
        caller=caller,
        models={"my-model": "audio" if target.takes_audio else "text"},
        kinds=frozenset(building.kinds),
    )


def _target(model: str, where: tuple[str, Caller], arguments: dict[str, Any]) -> tuple[Target, Caller]:
    """Give a target. To a model that nobody knows, `modalities=["text"]` would be a guess: it is not made."""
    found = CATALOGUE.lookup(model)
    if not found.known and arguments.get("modalities") == ["text"]:
        arguments = {key: value for key, value in arguments.items() if key != "modalities"}
    return Target(found, where[0], arguments), where[1]
