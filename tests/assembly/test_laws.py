"""The laws of assembly, for any history, clock and policy: the API accepts what is made, and nothing is lost or changed."""

from __future__ import annotations

import copy
import json
import os
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convo.assembly import reminder
from convo.assembly.estimate import tokens_of
from convo.assembly.fill import fill
from convo.assembly.plan import Plan, plan
from convo.assembly.recordings import untranscribed
from convo.assembly.window import budget_of
from convo.errors import (
    AudioRequired,
    BlobNotFound,
    MissingDependency,
    NothingToSend,
    RequestError,
    ToolOutputMissing,
    TranscriptMissing,
    UnsupportedMedia,
    UnsupportedModality,
)
from convo.history import last_turns
from convo.models import undated
from convo.policy import MARGIN
from convo.recovery import recovered
from convo.testing import ApiRefusal, refusal_of
from tests.support.histories import Case, cases, family_of
from tests.support.replies import HOUR
from tests.support.validate import validate

if TYPE_CHECKING:
    from collections.abc import Callable

    from convo.assembly.request import Request
    from convo.memory import Memory
    from convo.messages import Media, Message

EXAMPLES = int(os.environ.get("CONVO_HISTORIES", "3000"))
LAW = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)
FEWER = settings(LAW, max_examples=300)

KINDS = {
    "what the histories held": (
        "user str", "user Audio", "user Image", "user File", "recording without transcript", "silent recording",
        "recording to convert", "recording not kept",
        "spoken without transcript",
        "instructions",
        "imported user", "imported system", "imported developer", "imported function", "imported assistant",
        "spoken", "written", "spoken and written", "spoken with calls", "refusal", "function_call", "empty content",
        "partial", "partial speech", "lone surrogate", "odd expiry", "tool turn", "parallel calls", "custom call",
        "long call id", "result", "late result", "error result", "orphaned", "refused at the door",
        "redacted user", "redacted assistant", "redacted tool", "redacted instructions",
    ),
    "how messages went": (
        "reference: valid", "transcript: expired", "transcript: flipped", "transcript: refused", "transcript: origin",
        "transcript: no origin", "transcript: family", "transcript: text model", "transcript: policy",
        "transcript: older",
        "transcript: no expiry", "transcript: interrupted", "transcript: calls", "transcript: content", "inline: inline",
        "inline: converted", "transcript: format", "transcript: not kept",
        "repaired: unanswered", "omitted: orphan result", "omitted: second result", "omitted: superseded", "omitted: empty",
        "omitted: cut", "omitted: expired", "omitted: redacted", "text: redacted", "text: interrupted", "text: media",
        "text: moved", "reminder: always", "reminder: fallback", "reminder: written",
    ),
    "how it ended": (
        "accepted", "accepted after recovery", "ToolOutputMissing", "TranscriptMissing", "NothingToSend",
        "UnsupportedMedia", "AudioRequired", "UnsupportedModality", "MissingDependency",
    ),
}  # fmt: skip


def assembled(case: Case, **changes: Any) -> Plan:
    """Plan the request of a case, some of it changed."""
    given = {"memory": case.memory, "policy": case.policy, "target": case.target, "now": case.now, **changes}
    return plan(case.history, family_of=family_of, **given)


def test_any_history_makes_a_request_that_the_api_accepts_or_an_error_that_says_why(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: Counter[str] = Counter()

    @LAW
    @given(cases())
    def law(case: Case) -> None:
        seen.update(case.kinds)
        try:
            first = assembled(case)
            seen.update(_ways(first))
            last, refusals = _accepted(first, case)
        except (RequestError, MissingDependency) as error:
            _check_error(case, error)
            seen[type(error).__name__] += 1
        else:
            seen["accepted after recovery" if refusals else "accepted"] += 1
            _check_request(case, fill(last, case.written))

    law()
    with capsys.disabled():
        print(_told(seen))  # noqa: T201 - people want to know what was tried
    missing = [kind for kinds in KINDS.values() for kind in kinds if not seen[kind]]
    assert not missing, f"{EXAMPLES} examples held none of: {', '.join(missing)}"


def _ways(made: Plan) -> set[str]:
    """Say in which ways messages are sent, in words that can be counted."""
    sent = {f"{how}: {'unanswered' if how == 'repaired' else reason}" for _, how, reason in made.rendered}
    words = {
        "the result of a call that is not in the history": "orphan result",
        "a second result of the same call": "second result",
    }
    return sent | {f"omitted: {words.get(reason, reason)}" for _, reason in made.omitted} | _reminded(made)


def _reminded(made: Plan) -> set[str]:
    if made.reminder is None:
        return set()
    ways = {reminder.ALWAYS: "always", reminder.WRITTEN: "written"}
    return {f"reminder: {ways.get(made.reminder.reason, 'fallback')}"}


def _told(seen: Counter[str]) -> str:
    lines = [f"  {group}: " + ", ".join(f"{kind} {seen[kind]}" for kind in kinds) for group, kinds in KINDS.items()]
    return "\n".join(["", f"{EXAMPLES} histories, among them", *lines])


# --- accepted --------------------------------------------------------------------------------------


def _accepted(current: Plan, case: Case) -> tuple[Plan, int]:
    """Send until the API accepts, as `Conversation.send` does; no id is refused twice, and references get fewer."""
    refused: list[str] = []
    while refusal := _verdict(current, case):
        assert refusal.code == "audio_not_found", refusal.message
        found = recovered(current, refusal.code, refusal.param)
        assert found is not None
        following, step = found
        assert step.audio_id in refusal.message
        assert step.audio_id not in refused
        before, after = ({message.position for message in p.references} for p in (current, following))
        assert after < before
        assert set(step.degraded) == before - after
        assert step.position in step.degraded
        _check_surprise(case.history[step.position - 1], case)
        refused.append(step.audio_id)
        current = following
    return current, len(refused)


def _check_surprise(message: Message, case: Case) -> None:
    """An id that is refused was one of which nothing told that it would be: neither its age, nor its origin, nor its model."""
    assert message.audio_origin is not None
    assert message.model is not None
    issuer, asked = message.audio_origin.split(" "), case.target.origin.split(" ")
    assert issuer[0] == asked[0]
    assert not issuer[1:] or not asked[1:] or issuer[1] == asked[1]
    assert undated(message.model) == undated(case.target.model.name)
    _check_age(message, case)


def _check_age(message: Message, case: Case) -> None:
    margin = case.policy.margin.seconds + abs(case.memory.skew)
    assert message.audio_expires is not None
    assert message.audio_expires > case.now + margin * 1_000_000


def _verdict(made: Plan, case: Case) -> ApiRefusal | None:
    """What the API says of a request, as it travels: JSON in UTF-8, without NaN. The vendor's types are asked first."""
    body = json.loads(json.dumps(dict(fill(made, case.written)), ensure_ascii=False, allow_nan=False).encode())
    validate(body)
    return refusal_of(body, now=case.moment, audio=case.held, origin=case.caller, models=case.models)


def _check_request(case: Case, request: Request) -> None:
    assert all(message.get("content", "") is not None for message in request["messages"])
    _check_accounts(case, request)
    _check_bytes(case, request)
    if case.target.model.audio is False:
        assert not {"audio", "modalities"} & set(request)
        assert request.memory == case.memory
        assert '"input_audio"' not in json.dumps(request["messages"])
    for message in request.plan.references:
        _check_age(message, case)
    _check_heard(case, request)
    _check_reminder(case, request)
    assert len(request.explain().splitlines()) == len(request.renderings) + 4 + len(request.plan.notes)
    tools = (len(str(request.get("tools", ""))) + 3) // 4
    assert request.estimate.tokens == sum(rendering.tokens for rendering in request.renderings) + tools


def _check_reminder(case: Case, request: Request) -> None:
    """It is the last message, where speech is asked for and the policy wants it; without it the request is the same."""
    told = [one for one in request.renderings if one.how == "reminder"]
    plain = fill(plan_without_reminder(case, request.plan.memory), case.written)
    assert request["messages"][: len(plain["messages"])] == plain["messages"]
    assert len(request["messages"]) == len(plain["messages"]) + len(told)
    fallen = any(one.how == "transcript" and one.role == "assistant" for one in request.renderings)
    wanted = "audio" in request.get("modalities", ()) and (case.policy.reminder, fallen) != ("after_fallback", False)
    if case.policy.reminder == "never" or "audio" not in request.get("modalities", ()):
        assert not told
    elif wanted:
        assert [(one.position, one.index) for one in told] == [(0, len(request["messages"]) - 1)]
        assert request["messages"][-1] == {"role": "system", "content": case.policy.reminder_text}
    asked_for_text = {"modalities": ["text"], "voice": None, "format": None, "audio": None}
    if case.target.takes_audio and request.plan.audible:
        assert not [one for one in request.evolve(**asked_for_text).renderings if one.how == "reminder"]


def plan_without_reminder(case: Case, memory: Memory) -> Plan:
    """Plan the request of a case, as it was sent in the end, without the reminder."""
    return assembled(case, policy=attrs.evolve(case.policy, reminder="never"), memory=memory)


def _check_heard(case: Case, request: Request) -> None:
    """Recordings go inline in the last turns, as many as the policy says, and in their block; others have their words."""
    turns = case.history.turns
    count = case.policy.user_audio_turns
    last = turns if count is None else turns[len(turns) - min(count, len(turns)) :]
    first = last[0][0].position if last else case.history.head + 1
    if count and len(turns) > count:
        block = first // (2 * count) * 2 * count
        first = min(turn[0].position for turn in turns if turn[0].position >= block) if block else 0
    heard_in = {message.position for message in case.history if message.position >= first or len(turns) <= (count or 0)}
    for one in request.renderings:
        if one.how == "reminder":
            continue
        message = case.history[one.position - 1]
        if one.index is None or one.how == "repaired" or message.role != "user":
            continue
        parts = request["messages"][one.index]["content"]
        inline = sum(part["type"] == "input_audio" for part in parts) if isinstance(parts, list) else 0
        recordings = [piece for piece in message.media if piece.kind == "audio"]
        if one.position not in heard_in or not case.target.takes_audio:
            assert not inline
        elif case.policy.user_audio == "inline":
            assert inline == sum(_may_be_heard(piece, case) for piece in recordings)
        for piece in recordings if not inline else [piece for piece in recordings if not _may_be_heard(piece, case)]:
            assert piece.transcript is not None or piece.dropped or case.policy.missing_transcript in ("placeholder", "omit")
            words = _spoken_words(piece, case)
            assert not words or words in _texts(parts)


def _may_be_heard(piece: Media, case: Case) -> bool:
    """Whether the bytes of a recording are here, in a format that the API takes or that can become one."""
    return piece.dropped is None and (piece.format != "webm" or case.target.converts)


def _spoken_words(piece: Media, case: Case) -> str:
    """What stands for a recording in a request that holds it as text."""
    if piece.transcript is None:
        return case.policy.placeholder if case.policy.missing_transcript == "placeholder" else ""
    return piece.transcript or case.policy.silence


def _check_accounts(case: Case, request: Request) -> None:
    """Every message is told of once, beside results that were made up; indexes are places in the request."""
    told = request.renderings
    assert sorted(r.position for r in told if r.how not in ("repaired", "reminder")) == [
        message.position for message in case.history
    ]
    assert [r.index for r in told if r.index is not None] == list(range(len(request["messages"])))
    assert all((r.index is None) == (r.how == "omitted") for r in told)
    roles = {message.position: message.role for message in case.history}
    for one in told:
        if one.index is not None:
            sent = request["messages"][one.index]
            assert sent["role"] == one.role
            assert one.how in ("repaired", "reminder") or sent["role"] == roles[one.position]
            assert ("audio" in sent) == (one.how == "reference")
            if one.how in ("text", "transcript"):
                _check_words(case.history[one.position - 1], sent)


def _check_words(message: Message, sent: dict[str, Any]) -> None:
    """What was written or said is in what is sent as text."""
    said = message.raw.get("audio")
    words = [
        *_texts(message.raw.get("content")),
        message.raw.get("refusal"),
        said.get("transcript") if isinstance(said, dict) else "",
    ]
    found = [*_texts(sent.get("content", "")), sent.get("refusal", "")]
    for text in words:
        if isinstance(text, str):
            assert any(_well_formed(text) in other for other in found)


def _texts(content: Any) -> list[str]:
    return [part.get("text") or part.get("refusal") or "" for part in content] if isinstance(content, list) else [content or ""]


def _well_formed(text: str) -> str:
    return re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text)


def _check_bytes(case: Case, request: Request) -> None:
    needed = request.plan.blobs
    assert len(set(needed)) == len(needed)
    text = json.dumps(request["messages"])
    assert '"$blob":' not in text
    for digest in needed:
        assert case.written[digest] in text
        with pytest.raises(BlobNotFound):
            fill(request.plan, {key: text for key, text in case.written.items() if key != digest})
    assert dict(fill(request.plan, {digest: case.written[digest] for digest in needed})) == dict(request)


# --- refused by us ---------------------------------------------------------------------------------


def _check_error(case: Case, error: RequestError | MissingDependency) -> None:
    match error:
        case MissingDependency():
            assert (case.target.converts, case.policy.missing_transcript) == (False, "error")
            assert any(not _may_be_heard(piece, case) for message in case.history for piece in message.media)
        case ToolOutputMissing():
            assert list(error.call_ids) == _open_calls(case.history.messages)
        case TranscriptMissing():
            silent = case.history[error.position - 1]
            assert case.policy.missing_transcript in ("error", "transcribe")
            assert _unwritten(silent)
            assert case.policy.missing_transcript == "error" or silent in _lacking(case)
        case NothingToSend():
            assert not any(_must_be_sent(message) for message in case.history)
        case UnsupportedMedia():
            assert case.target.model.images is False
            assert "image_url" in case.history[error.position - 1].body
            assert all(message.role != "assistant" for message in case.history[error.position :])
        case AudioRequired():
            assert case.target.model.audio
            assert case.target.arguments["modalities"] == ["text"]
        case UnsupportedModality():
            assert case.target.arguments["modalities"] == ["audio"]
        case _:
            raise error
    if not isinstance(error, ToolOutputMissing | TranscriptMissing | MissingDependency):
        assert not _open_calls(case.history.messages)


def _open_calls(messages: tuple[Message, ...]) -> list[str]:
    """The calls at the end that have no result, by a rule of this test's own."""
    others = [message for message in messages if message.role != "tool" and message.kind != "instructions"]
    if not others or others[-1].role != "assistant" or others[-1].status != "complete":
        return []
    results = {m.tool_call_id for m in messages if m.role == "tool" and m.position > others[-1].position}
    return [call for call in dict.fromkeys(_calls(others[-1])) if call not in results]


def _calls(message: Message) -> list[str]:
    """The calls of a reply that can be answered: they have an id and a name."""
    return [call.id for call in message.tool_calls if message.status == "complete" and call.id and call.name]


def _unwritten(message: Message) -> bool:
    """Whether a message holds audio of which nobody said what it says."""
    if message.role == "user":
        return any(piece.kind == "audio" and piece.transcript is None for piece in message.media)
    said = message.raw.get("audio")
    return isinstance(said, dict) and not isinstance(said.get("transcript"), str)


def _lacking(case: Case) -> list[Message]:
    return [message for message, _ in untranscribed(case.history.messages, case.policy, case.target)]


def _must_be_sent(message: Message) -> bool:
    """Whether a message says something that no policy leaves out."""
    return message.role != "tool" and message.status != "redacted" and bool(message.text or _calls(message))


# --- other laws ------------------------------------------------------------------------------------


def _unless_refused(law: Callable[[Case, Plan], None]) -> Callable[[Case], None]:
    """Run a law on the cases for which there is a request."""

    def checked(case: Case) -> None:
        try:
            made = assembled(case)
        except (RequestError, MissingDependency):
            return
        law(case, made)

    return checked


@FEWER
@given(cases())
def test_the_same_inputs_make_the_same_request_and_change_none_of_them(case: Case) -> None:
    before = copy.deepcopy((case.history, case.memory, case.policy, case.target))

    def law(case: Case, made: Plan) -> None:
        again = assembled(case)
        assert dict(fill(made, case.written)) == dict(fill(again, case.written))
        assert json.dumps(dict(fill(made, case.written))) == json.dumps(dict(fill(again, case.written)))
        assert (made.memory, made.rendered, made.omitted, made.notes) == (
            again.memory,
            again.rendered,
            again.omitted,
            again.notes,
        )

    _unless_refused(law)(case)
    assert before == (case.history, case.memory, case.policy, case.target)


@FEWER
@given(cases())
def test_with_the_transcripts_that_a_request_lacks_nothing_is_missing_and_no_other_recording_matters(case: Case) -> None:
    wanting = attrs.evolve(case, policy=attrs.evolve(case.policy, missing_transcript="transcribe"))
    lacking = {
        (message.position, piece.part) for message, piece in untranscribed(case.history.messages, wanting.policy, case.target)
    }

    def heard(message: Message) -> Message:
        media = (attrs.evolve(p, transcript="Heard.") if (message.position, p.part) in lacking else p for p in message.media)
        return attrs.evolve(message, media=tuple(media))

    full = attrs.evolve(wanting, history=attrs.evolve(case.history, messages=tuple(map(heard, case.history))))
    assert not list(untranscribed(full.history.messages, full.policy, full.target))
    try:
        request = fill(assembled(full), case.written)
    except TranscriptMissing:
        pytest.fail("a transcript was missing that nothing had asked for")
    except (RequestError, MissingDependency):
        return
    assert json.dumps(request["messages"]).count("Heard.") == len(lacking)


@FEWER
@given(cases(), st.integers(0, 5))
def test_the_last_turns_are_those_of_the_history(case: Case, count: int) -> None:
    turns = case.history.turns
    begin = last_turns(case.history.messages, count)
    assert [m for m in case.history if m.position >= begin] == [
        m for turn in turns[len(turns) - min(count, len(turns)) :] for m in turn
    ]


@FEWER
@given(cases(), st.lists(st.integers(-3 * HOUR, 3 * HOUR), min_size=1, max_size=4))
def test_what_went_as_text_never_becomes_a_reference_again(case: Case, steps: list[int]) -> None:
    def law(case: Case, made: Plan) -> None:
        memory = made.memory
        given_up = _not_referred(made)
        for step in steps:
            later = assembled(case, memory=memory, now=max(case.now + step * 1_000_000, 1))
            assert not given_up & {message.position for message in later.references}
            memory, given_up = later.memory, given_up | _not_referred(later)

    wishes: dict[str, Any] = {
        "references": True,
        "margin": min(case.policy.margin, MARGIN),
    }  # a policy's wish for less is not remembered
    _unless_refused(law)(attrs.evolve(case, policy=attrs.evolve(case.policy, **wishes)))


def _not_referred(made: Plan) -> set[int]:
    sent = {message.position for message in made.references}
    return {message.position for message in made.history if message.role == "assistant"} - sent


@FEWER
@given(cases())
def test_what_was_refused_is_never_tried_again(case: Case) -> None:
    def law(case: Case, made: Plan) -> None:
        try:
            last, _ = _accepted(made, case)
        except TranscriptMissing:
            return
        later = assembled(case, memory=last.memory)
        assert _verdict(later, case) is None
        assert last.remembered == case.memory

    _unless_refused(law)(case)


@FEWER
@given(cases())
def test_a_reply_that_is_added_leaves_what_was_sent_before_as_it_was(case: Case) -> None:
    """The prefix is what caches match: while no clock, target or memory changes, old messages are sent the same."""

    def law(case: Case, made: Plan) -> None:
        shorter = attrs.evolve(case, history=attrs.evolve(case.history[:-1], head=case.history.head - 1))
        try:
            before = assembled(shorter, policy=attrs.evolve(case.policy, missing_transcript="placeholder"))
        except (RequestError, MissingDependency):
            return
        if case.history[-1].role == "assistant" and case.history[-1].status == "complete":
            now = assembled(case, policy=attrs.evolve(case.policy, missing_transcript="placeholder"))
            assert list(now.wires[: len(before.wires)]) == list(before.wires)

    _unless_refused(law)(case)


# --- windows ---------------------------------------------------------------------------------------

_WINDOWS = st.fixed_dictionaries(
    {
        "window_tokens": st.sampled_from([1, 40, 150, 600]),
        "reference_turns": st.sampled_from([None, 0, 1, 2]),
        "user_audio_turns": st.sampled_from([None, 1, 2]),
        "keep_references": st.sampled_from([0, 1, 3]),
        "missing_transcript": st.sampled_from(["placeholder", "omit"]),
    }
)
_PINS = st.sets(st.integers(1, 12), max_size=2)


@FEWER
@given(cases(), _WINDOWS, st.integers(0, 12), _PINS)
def test_a_window_of_any_size_makes_a_request_that_the_api_accepts(
    case: Case, choices: dict[str, Any], begun: int, pinned: set[int]
) -> None:
    messages = tuple(
        attrs.evolve(message, facts=message.facts._replace(pinned=message.position in pinned)) for message in case.history
    )
    case = attrs.evolve(
        case,
        history=attrs.evolve(case.history, messages=messages),
        memory=attrs.evolve(case.memory, window_start=min(begun, case.history.head)),
        policy=attrs.evolve(case.policy, **choices),
    )
    _unless_refused(_window_holds)(case)


def _window_holds(case: Case, made: Plan) -> None:
    last, _ = _accepted(made, case)
    cut = {message.position for message, reason in last.omitted if reason == "window"}
    newest = max((message.position for message in case.history if message.role == "user"), default=0)
    assert not cut & {message.position for message in case.history if message.pinned}
    assert newest not in cut
    assert assembled(case, memory=last.memory).wires == last.wires, "what was decided stays decided"
    begin = last.memory.window_start
    if begin > case.memory.window_start:
        assert case.history[begin - 1].role == "user", "a turn begins there"
        half = budget_of(last.policy, last.target) // 2
        never = {message.position for message, reason in last.omitted if reason != "window"}
        sent = [message for message in case.history if message.position not in never]
        begins = next((message.position for message in sent if message.position >= begin), begin)
        assert sum(tokens_of(last)) <= half or last.kept or {begin, begins} & _newest_turns(sent)


def _newest_turns(sent: list[Message]) -> set[int]:
    """Where the newest turn may begin: instructions and pinned messages stay anyway, and may count as part of it or not."""
    found = set()
    for beside in (lambda m: False, lambda m: m.kind == "instructions", lambda m: m.pinned or m.kind == "instructions"):
        turns = [message for message in sent if not beside(message)]
        found.add(last_turns(turns, 1) or next((message.position for message in turns if message.role == "user"), 0))
    return found
