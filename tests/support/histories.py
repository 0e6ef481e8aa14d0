"""Histories as an API and its callers make them, odd ones among them, with what the API still holds of their audio.

A `Case` is drawn as a run of events; each becomes a message through the same functions that a store uses, so that a
history here is one that a database could hold.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs
from hypothesis import strategies as st

import convo
from convo.assembly import sound
from convo.assembly.fill import as_base64
from convo.assembly.target import Target
from convo.content import message_draft, tool_draft
from convo.errors import InputError
from convo.history import History
from convo.memory import Memory
from convo.models import Catalogue
from convo.store.redaction import redacted
from convo.testing import Origin as Caller
from tests.audio.builders import FRAME
from tests.support.replies import ANSWERS, ELSEWHERE, HERE, HOUR, MINUTE, SPEECH, START, WAV, WORDS, Answer, mixed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from convo.messages import Draft, Message
    from convo.testing import IssuedAudio

CATALOGUE = Catalogue.default()
MP3 = FRAME * 6
WEBM = b"\x1aE\xdf\xa3 webm"
"""What assembly takes for a recording of a browser: it reads no bytes."""
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


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
    def written(self) -> dict[str, str]:
        """The bytes of the history as base64, by digest, and by the form of what is converted."""
        found = {piece.digest: piece.data for message in self.history for piece in message.media}
        recorded = [piece.digest for message in self.history for piece in message.media if piece.kind == "audio"]
        converted = {f"{digest}/{form}": WAV for digest in recorded for form in (sound.WAV, sound.PCM16)}
        return as_base64({digest: data for digest, data in found.items() if data is not None} | converted)


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


if TYPE_CHECKING:
    Event = Callable[[Building], None]


# --- what users and callers add --------------------------------------------------------------------


def _user(content: list[Any], name: str | None, dropped: bool) -> Event:  # noqa: FBT001 - drawn
    def event(building: Building) -> None:
        heard = [item.transcript for item in content if isinstance(item, convo.Audio)]
        kinds = {f"user {type(item).__name__}" for item in content}
        kinds |= {"recording without transcript"} if None in heard else set()
        kinds |= {"silent recording"} if "" in heard else set()
        kinds |= {"recording to convert" for item in content if isinstance(item, convo.Audio) and item.format == "webm"}
        draft = message_draft(content, name=name)
        if dropped and draft.media:
            draft = attrs.evolve(draft, media=tuple(attrs.evolve(piece, dropped=START * 1_000_000) for piece in draft.media))
            kinds |= {"recording not kept"} if heard else set()
        building.add(draft, *kinds)

    return event


def _instructions(text: str) -> Event:
    return lambda building: building.add(message_draft([text], role="system", kind="instructions"), "instructions")


def _import(body: dict[str, Any], unknown: dict[str, Any]) -> Event:
    return lambda building: building.add(message_draft([{**body, **unknown}]), f"imported {body['role']}")


def _recorded(data: bytes, said: str | None) -> convo.Audio:
    return convo.Audio.unchecked(data, "webm", said) if data is WEBM else convo.Audio.from_bytes(data, transcript=said)


_AUDIO = st.builds(
    _recorded,
    st.sampled_from([WAV, MP3, WEBM]),
    st.sampled_from(["What is this?"] * 4 + [None, None, ""]),
)
_IMAGE = st.sampled_from([convo.Image(data=PNG), convo.Image(url="https://example.com/dog.png", detail="low")])
_FILE = st.sampled_from([convo.File(id="file-1"), convo.File(name="a.pdf", data=b"%PDF-1.4")])
_TEXT = mixed((1, WORDS), (1, st.text(min_size=1, max_size=8)))
_USERS = st.builds(
    _user,
    st.lists(mixed((6, _TEXT), (4, _AUDIO), (1, _IMAGE), (1, _FILE)), min_size=1, max_size=3),
    st.sampled_from([None, None, "ann"]),
    mixed((9, st.just(False)), (1, st.just(True))),
)

_UNKNOWN: Any = st.sampled_from([{}, {}, {"x_new": {"deep": [1]}}, {"annotations": [], "x_big": 2**70}])
_PART = {"type": "text", "text": "part", "x_part": 1}
_CACHED = {"type": "text", "text": "cached", "prompt_cache_breakpoint": {"mode": "explicit", "x": 1}}
_RECORDING = {"type": "input_audio", "input_audio": {"data": SPEECH, "format": "wav"}}
_IMPORTED: list[dict[str, Any]] = [
    {"role": "user", "content": "hello", "name": None},
    {"role": "user", "content": [_PART, {"type": "text", "text": ""}], "name": "ann"},
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png", "x": 1}}]},
    {"role": "user", "content": [_RECORDING]},
    {"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1", "filename": None}}]},
    {"role": "system", "content": "Be brief.", "name": "rules"},
    {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
    {"role": "function", "name": "look_up", "content": "42"},
    {"role": "function", "name": "look.up", "content": [{"type": "text", "text": "4"}, {"type": "text", "text": "2"}]},
    {"role": "assistant", "content": "Yes.", "refusal": None, "annotations": [], "name": None},
    {"role": "assistant", "content": [{"type": "text", "text": "Yes."}, {"type": "refusal", "refusal": "No."}]},
    {"role": "assistant", "content": None, "function_call": {"name": "look_up", "arguments": "{}", "x": 1}},
    {"role": "assistant", "content": None, "function_call": {"name": "look up!", "arguments": "{"}},
    {"role": "assistant", "content": "", "function_call": {"arguments": None}, "tool_calls": []},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "", "type": "function", "function": {"name": "f"}}, "call", None],
    },
    {"role": "assistant", "content": None, "refusal": {"not": "text"}, "tool_calls": {}},
    {"role": "assistant", "audio": {"id": "audio_imported", "transcript": "Said elsewhere.", "expires_at": START + 9 * HOUR}},
    {"role": "assistant", "audio": {"id": "audio_silent"}},
    {"role": "assistant", "audio": {"id": 5, "data": None, "transcript": ["?"]}, "content": "Beside."},
    {"role": "assistant", "audio": None, "content": "Written.", "tool_calls": None},
]
_REFUSED: list[dict[str, Any]] = [
    {"role": "user", "content": ""},
    {"role": "user", "content": [{**_RECORDING, "input_audio": {"data": {"$blob": "0" * 64}, "format": "wav"}}]},
    {"role": "function", "content": "nameless"},
]


def _redact(index: int, role: str | None) -> Event:
    """Redact a message of the past, as a store does."""

    def event(building: Building) -> None:
        places = [place for place, message in enumerate(building.messages) if role in (None, message.role)]
        if places:
            place = places[index % len(places)]
            message = building.messages[place]
            building.messages[place] = redacted(message)
            building.kinds.add(f"redacted {'instructions' if message.kind == 'instructions' else message.role}")

    return event


# --- results of tools ------------------------------------------------------------------------------


def _all_results(turn: int, output: Any, error: bool) -> Event:
    """Answer all calls that are open, in some order."""

    def event(building: Building) -> None:
        waiting = [call for call in dict.fromkeys(building.calls) if call not in building.answered]
        start = turn % (len(waiting) or 1)
        for call in waiting[start:] + waiting[:start]:
            _result(building, call, output, error=error)

    return event


def _one_result(index: int, output: Any) -> Event:
    """Answer one call of the past: out of order, late, or once more."""

    def event(building: Building) -> None:
        if building.calls:
            _result(building, building.calls[-1 - index % len(building.calls)], output)

    return event


def _orphan(output: Any) -> Event:
    return lambda building: building.add(tool_draft("call_of_nobody", output), "orphaned")


def _result(building: Building, call: str, output: Any, *, error: bool = False) -> None:
    kind = "late result" if building.messages[-1].role == "user" else "error result" if error else "result"
    building.add(tool_draft(call, output, error=error), kind)
    building.answered.add(call)


_OUTPUT = st.sampled_from(["42", "", {"a": [1, None]}, ["x"], [{"type": "text", "text": "part"}], None, 2**70])


def _redacted_results(turn: int, output: Any) -> Event:
    """Answer all calls that are open, and redact the last result."""

    def event(building: Building) -> None:
        _all_results(turn, output, error=False)(building)
        _redact(-1, "tool")(building)

    return event


_RESULTS = mixed(
    (4, st.builds(_all_results, st.integers(0, 2), _OUTPUT, st.booleans())),
    (1, st.builds(_redacted_results, st.integers(0, 2), _OUTPUT)),
    (3, st.builds(_one_result, st.integers(0, 3), _OUTPUT)),
    (1, st.builds(_orphan, _OUTPUT)),
)


# --- histories -------------------------------------------------------------------------------------


def _reply(answer: Answer) -> Event:
    def event(building: Building) -> None:
        number, seconds = len(building.messages) + 1, building.seconds
        message = answer.message(number, seconds)
        held = answer.speech.held(seconds) if answer.speech else None
        if held is not None:
            building.held[f"audio_{number}"] = held
        building.add(answer.draft(message), *answer.kinds())
        if answer.status == "complete":
            building.calls += [call["id"] for call in message.get("tool_calls", ()) if _can_be_answered(call)]

    return event


def _can_be_answered(call: dict[str, Any]) -> bool:
    """Whether an application can answer a call: its id is valid text, and it has a name."""
    return bool(call["id"] and "\\ud8" not in ascii(call["id"]) and call[call["type"]]["name"])


_EVENTS = mixed(
    (6, _USERS),
    (8, ANSWERS.map(_reply)),
    (4, _RESULTS),
    (1, st.builds(_import, st.sampled_from(_IMPORTED), _UNKNOWN)),
    (1, st.builds(_instructions, _TEXT)),
    (1, st.builds(_redact, st.integers(0, 12), st.sampled_from([None, None, None, "tool"]))),
)
_RARE_EVENTS = st.builds(_import, st.sampled_from(_REFUSED), _UNKNOWN)
_CACHING_EVENTS = st.just(_import({"role": "user", "content": [_CACHED]}, {}))


def _histories(event: Any) -> Any:
    return mixed((9, st.lists(event, min_size=4, max_size=14)), (1, st.lists(event, max_size=3)))


_HISTORIES = _histories(mixed((40, _EVENTS), (1, _RARE_EVENTS)))
_CACHING_HISTORIES = _histories(mixed((40, _EVENTS), (1, _RARE_EVENTS), (1, _CACHING_EVENTS)))


def _built(events: list[Event]) -> Building:
    building = Building()
    for event in events:
        try:
            event(building)
        except InputError:
            building.kinds.add("refused at the door")
    return building


# --- whom it is for, and how -----------------------------------------------------------------------

_LASTING = ["gpt-audio-1.5"] * 5 + ["gpt-5.5", "gpt-5.6-sol", "my-model"]
_ENDING = ["gpt-audio", "gpt-audio-mini-2025-12-15", "gpt-4.1"]
"""Models with a day of shutdown, after which nothing sent to them is accepted: their clock stays before it."""
_NOT_CACHING = ("gpt-4.1", "gpt-5.5", "my-model")
"""Text models that refuse breakpoints of the cache. The catalogue does not say which do: callers have to know."""
_ORIGINS = [(HERE, Caller())] * 5 + [
    (f"{HERE} organization=org-1 project=proj-1", Caller("org-1", "proj-1")),
    (f"{HERE} organization=org-2", Caller("org-2")),
    (ELSEWHERE, Caller()),
    ("", Caller()),
]
_TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}
_MORE: list[dict[str, Any]] = [
    {},
    {},
    {"temperature": 0.2, "seed": None},
    {"tools": [_TOOL], "tool_choice": "auto"},
    {"tools": []},
    {"metadata": {"a": "b"}},
]
_ALOUD: list[dict[str, Any]] = [
    {},
    {},
    {"voice": "alloy"},
    {"voice": {"id": "voice_1"}},
    {"format": "mp3"},
    {"voice": "verse", "format": "pcm16"},
    {"audio": {"voice": "ash", "format": "wav"}},
    {"modalities": ["text", "audio"]},
    {"modalities": ["audio"], "voice": "ash"},
    {"modalities": ["text"]},
    {"voice": None, "modalities": None},
]
_STREAMED: list[dict[str, Any]] = [
    {},
    {"voice": "alloy"},
    {"format": "pcm16"},
    {"modalities": ["text"]},
    {"audio": {"voice": "ash", "format": "pcm16"}},
    {"stream_options": {"include_usage": True}},
]
_ARGUMENTS = mixed(
    (2, st.builds(lambda aloud, more: {**aloud, **more}, st.sampled_from(_ALOUD), st.sampled_from(_MORE))),
    (1, st.builds(lambda aloud, more: {**aloud, **more, "stream": True}, st.sampled_from(_STREAMED), st.sampled_from(_MORE))),
)
_POLICIES = st.builds(
    convo.Policy,
    margin=st.sampled_from([timedelta(seconds=60), timedelta(0), timedelta(minutes=30)]),
    references=st.sampled_from([True] * 5 + [False]),
    user_audio=st.sampled_from(["inline", "inline", "transcript"]),
    user_audio_turns=st.sampled_from([None, None, None, 0, 1, 2]),
    missing_transcript=st.sampled_from(["error", "error", "placeholder", "placeholder", "omit", "omit", "transcribe"]),
    format=st.sampled_from(["wav", "mp3", "pcm16"]),
    reminder=st.sampled_from(["never", "never", "after_fallback", "after_fallback", "always"]),
)
_MEMORIES = mixed(
    (2, st.just(Memory())),
    (
        1,
        st.builds(
            Memory,
            expired_through=st.sampled_from([0, (START + 2 * HOUR) * 1_000_000]),
            refused_through=st.sampled_from([0, (START + HOUR + 30 * MINUTE) * 1_000_000]),
            skew=st.sampled_from([0, -90, 3_000]),
        ),
    ),
)
_SOON = st.sampled_from(range(START - HOUR, START + 3 * HOUR, 5 * MINUTE - 1))
_EVER = st.sampled_from([1, START - 400_000_000, START + 400_000_000, 4_000_000_000])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a history, whom it is sent to, when and how, and what the API holds by then."""
    lasting = draw(mixed((2, st.just(True)), (1, st.just(False))))
    model, (origin, caller) = draw(st.sampled_from(_LASTING if lasting else _ENDING)), draw(st.sampled_from(_ORIGINS))
    building = _built(draw(_HISTORIES if model in _NOT_CACHING else _CACHING_HISTORIES))
    target = attrs.evolve(_target(model, origin, draw(_ARGUMENTS)), converts=draw(mixed((2, st.just(True)), (1, st.just(False)))))
    return Case(
        history=History(tuple(building.messages), len(building.messages)),
        memory=draw(_MEMORIES),
        policy=draw(_POLICIES),
        target=target,
        now=draw(mixed((6, _SOON), (1, _EVER)) if lasting else _SOON) * 1_000_000,
        held=building.held,
        caller=caller,
        models={"my-model": "audio" if target.takes_audio else "text"},
        kinds=frozenset(building.kinds),
    )


def _target(model: str, origin: str, arguments: dict[str, Any]) -> Target:
    """Give a target. To a model that nobody knows, `modalities=["text"]` would be a guess: it is not made."""
    found = CATALOGUE.lookup(model)
    if not found.known and arguments.get("modalities") == ["text"]:
        arguments = {key: value for key, value in arguments.items() if key != "modalities"}
    return Target(found, origin, arguments)
