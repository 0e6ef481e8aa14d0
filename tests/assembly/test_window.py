"""The window: how much a request holds, where it begins, and that it moves rarely and far."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convo.assembly.estimate import tokens_of
from convo.assembly.target import Target
from convo.assembly.window import budget_of, least_tokens
from convo.audio.value import Audio
from convo.errors import InputError
from convo.models import Catalogue, Model
from convo.policy import Policy
from tests.assembly.builders import answered, asked, called, instructions, log, planned, result, spoke
from tests.support.counted import COUNTED
from tests.support.replies import HOUR, START, WAV

if TYPE_CHECKING:
    from convo.assembly.plan import Plan
    from convo.messages import Draft

MINUTE = 60
TEXT: dict[str, Any] = {"model": "gpt-4.1"}


def turn(number: int, words: int = 50) -> list[Draft]:
    return [asked(f"Question {number} " + "word " * words), answered(content=f"Answer {number} " + "word " * words)]


def turns(count: int, words: int = 50) -> list[Draft]:
    return [draft for number in range(count) for draft in turn(number, words)]


def positions(plan: Plan) -> list[int]:
    return [message.position for message, _, _ in plan.rendered]


def tokens(plan: Plan) -> int:
    return sum(tokens_of(plan))


def test_what_fits_is_sent_whole() -> None:
    made = planned(log(*turns(10)), policy=Policy(window_tokens=2_000), **TEXT)
    assert positions(made) == list(range(1, 21))
    assert made.memory.window_start == 0


def test_a_full_window_moves_to_the_newest_turns_that_fill_half_of_it() -> None:
    made = planned(log(*turns(30), asked("Why?")), policy=Policy(window_tokens=2_000), **TEXT)
    first = positions(made)[0]
    assert first % 2 == 1, "a turn begins with its question"
    assert positions(made) == list(range(first, 62))
    assert 850 < tokens(made) <= 1_000
    assert made.memory.window_start == first
    assert {reason for _, reason in made.omitted} == {"window"}


def test_the_window_stays_where_it_was_until_it_is_full_again() -> None:
    policy = Policy(window_tokens=2_000)
    memory, starts = None, []
    for count in range(10, 80):
        made = planned(log(*turns(count), asked("Why?")), policy=policy, memory=memory, **TEXT)
        memory = made.memory
        starts.append(positions(made)[0])
        assert tokens(made) <= 2_000
    moves = [after for before, after in itertools.pairwise(starts) if after != before]
    assert starts == sorted(starts)
    assert 5 <= len(moves) <= 9


def test_a_window_that_was_decided_is_kept_although_more_would_fit() -> None:
    history = log(*turns(10))
    small = planned(history, policy=Policy(window_tokens=500), **TEXT)
    large = planned(history, memory=small.memory, policy=Policy(window_tokens=50_000), **TEXT)
    assert positions(large) == positions(small)


def test_instructions_and_pinned_messages_are_always_sent_and_count() -> None:
    pinned = asked("My name is Ada.", pinned=True)
    history = log(instructions(), pinned, answered(content="Noted."), *turns(30), asked("Why?"))
    made = planned(history, policy=Policy(window_tokens=1_000), **TEXT)
    assert positions(made)[:2] == [1, 2]
    assert positions(made)[2] > 40
    assert [reason for message, reason in made.omitted if message.position == 3] == ["window"]
    assert tokens(made) <= 1_000


def test_a_pinned_call_keeps_its_results() -> None:
    call = attrs.evolve(called("call_1", "call_2"), pinned=True)
    drafts = [asked("Look."), call, result("call_1"), result("call_2"), answered(content="So."), *turns(30), asked("Why?")]
    made = planned(log(*drafts), policy=Policy(window_tokens=1_000), **TEXT)
    assert positions(made)[:3] == [2, 3, 4]
    again = planned(log(*drafts), memory=made.memory, policy=Policy(window_tokens=1_000), **TEXT)
    assert again.wires == made.wires


def test_a_turn_with_tools_is_sent_whole_or_not_at_all() -> None:
    tool_turn = [asked("Look up."), called("call_1"), result("call_1", "word " * 200), answered(content="Found.")]
    history = log(*tool_turn * 12)
    made = planned(history, policy=Policy(window_tokens=1_500), **TEXT)
    assert (positions(made)[0] - 1) % 4 == 0
    assert positions(made)[0] > 1


def test_the_newest_turn_is_sent_even_when_it_alone_is_too_long() -> None:
    history = log(*turns(4), asked("word " * 4_000), called("call_1"), result("call_1"))
    made = planned(history, policy=Policy(window_tokens=100), **TEXT)
    assert positions(made) == [9, 10, 11]
    assert planned(history, memory=made.memory, policy=Policy(window_tokens=100), **TEXT).wires == made.wires


@pytest.mark.parametrize("before", [[], [asked(Audio.from_bytes(WAV))]], ids=["nothing", "one left out"])
def test_the_first_turn_is_sent_even_when_it_alone_is_too_long(before: list[Draft]) -> None:
    """It was planned again without end: where it begins could not move."""
    policy = Policy(window_tokens=100, missing_transcript="omit")
    drafts = [*before, asked("word " * 400)]
    made = planned(log(*drafts), policy=policy, **TEXT)
    assert positions(made) == [len(drafts)]
    assert made.memory.window_start <= 1
    longer = planned(log(*turns(3), *drafts), policy=policy, **TEXT)
    assert positions(longer) == [6 + len(drafts)]
    assert longer.memory.window_start == 7


def test_a_result_that_came_after_the_cut_does_not_come_without_its_call() -> None:
    drafts = [asked("Look."), called("call_1"), asked("Wait."), result("call_1"), answered(content="So."), *turns(20)]
    for room in range(200, 3_000, 150):
        made = planned(log(*drafts, asked("Why?")), policy=Policy(window_tokens=room), **TEXT)
        roles = [wire["role"] for wire in made.wires]
        assert all(roles[index - 1] == "assistant" for index, role in enumerate(roles) if role == "tool")


def test_the_room_is_the_context_less_the_output() -> None:
    model = Model(name="m", family="m", context=10_000, max_output=2_000)
    assert budget_of(Policy(), Target(model)) == 8_000
    assert budget_of(Policy(), Target(model, "", {"max_completion_tokens": 500})) == 9_500
    assert budget_of(Policy(window_tokens=4_000), Target(model)) == 4_000
    assert budget_of(Policy(window_tokens=40_000), Target(model)) == 8_000
    assert budget_of(Policy(), Target(Model(name="x", family="x"))) == 128_000 - 16_384
    assert budget_of(Policy(window_tokens=900_000), Target(Model(name="x", family="x"))) == 900_000
    assert budget_of(Policy(), Target(Catalogue.default().lookup("gpt-audio-1.5"))) == 128_000 - 16_384


@pytest.mark.parametrize(
    "choice",
    [
        {"window_tokens": 0},
        {"window_tokens": -1},
        {"window_tokens": "many"},
        {"reference_turns": -1},
        {"keep_references": -1},
        {"flip_together": 5},
        {"flip_early": timedelta(-1)},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(choice: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Policy(**choice)


@given(st.text(st.characters(max_codepoint=0x2FFF, codec="utf-8"), max_size=200), st.sampled_from(["user", "assistant"]))
def test_the_guess_without_decoding_is_near_the_estimate(text: str, role: str) -> None:
    history = log(asked(text or "x", role=role))
    plan = planned(history, **TEXT)
    assert abs(least_tokens(history.messages) - sum(tokens_of(plan))) <= 4 + text.count('"') + text.count("\\") + text.count("\n")


def test_the_guess_without_decoding_is_two_fifths_for_chinese() -> None:
    history = log(asked(COUNTED["chinese"][0]))
    (tokens,) = tokens_of(planned(history, **TEXT))
    assert 0.4 * tokens <= least_tokens(history.messages) <= tokens


# --- flips -----------------------------------------------------------------------------------------


def talk(count: int, gap: int = MINUTE) -> list[Draft]:
    """Spoken turns, one a minute, whose ids expire an hour after."""
    said = "word " * 40
    return [
        draft
        for number in range(count)
        for draft in (
            asked(f"Question {number} {said}"),
            attrs.evolve(spoke(said, audio_id=f"audio_{number}", expires=START + number * gap + HOUR), audio_tokens=240),
        )
    ]


def references(plan: Plan) -> list[int]:
    return [message.position // 2 - 1 for message in plan.references]


def test_ids_that_expire_soon_after_one_that_has_go_with_it() -> None:
    history = log(*talk(30), asked("Why?"))
    before = planned(history, after=timedelta(minutes=58), voice="alloy")
    assert references(before) == list(range(30))
    first = planned(history, after=timedelta(minutes=60), voice="alloy")
    assert references(first) == list(range(7, 30)), "expired, expiring within the margin, and five minutes more"
    later = planned(history, after=timedelta(minutes=65), memory=first.memory, voice="alloy")
    assert later.wires == first.wires
    assert references(planned(history, after=timedelta(minutes=66), memory=later.memory, voice="alloy"))[0] == 13


def test_short_requests_are_not_cached_and_keep_their_references() -> None:
    history = log(*[attrs.evolve(draft, audio_tokens=9) if draft.audio_id else asked("Why?") for draft in talk(6)])
    assert references(planned(history, after=timedelta(minutes=60), voice="alloy"))[0] == 2


def test_a_cache_discount_pays_for_earlier_flips() -> None:
    from convo.assembly.plan import plan
    from convo.memory import Memory
    from tests.support.histories import CATALOGUE, family_of
    from tests.support.replies import HERE

    model = CATALOGUE.lookup("gpt-audio-1.5")
    assert model.prices is not None
    assert not model.discounts_cache
    cheaper = attrs.evolve(model, prices=attrs.evolve(model.prices, cached_audio_in="3.2"))
    assert cheaper.discounts_cache
    history = log(*talk(30), asked("Why?"))
    made = plan(history, Memory(), Policy(), Target(cheaper, HERE, {"voice": "alloy"}), (START + HOUR) * 1_000_000, family_of)
    assert references(made)[0] == 17


def test_kept_references_outlast_flips_policies_and_the_window() -> None:
    history = log(*talk(30), asked("Why?"))
    hour = timedelta(minutes=60)
    assert references(planned(history, after=hour, voice="alloy", policy=Policy(references=False, keep_references=3))) == [
        27,
        28,
        29,
    ]
    assert references(planned(history, after=hour, voice="alloy", policy=Policy(reference_turns=0, keep_references=2))) == [
        28,
        29,
    ]
    small = planned(history, after=hour, voice="alloy", policy=Policy(window_tokens=400, keep_references=4))
    assert references(small) == [26, 27, 28, 29]
    assert positions(small)[0] == 53
    together = planned(history, after=hour, voice="alloy", policy=Policy(keep_references=28))
    assert references(together) == list(range(2, 30))


def test_what_is_kept_never_turns_back_into_a_reference() -> None:
    history = log(*talk(30), asked("Why?"))
    first = planned(history, after=timedelta(minutes=60), voice="alloy")
    after = planned(history, after=timedelta(minutes=60), memory=first.memory, voice="alloy", policy=Policy(keep_references=30))
    assert references(after) == references(first)


# --- blocks ----------------------------------------------------------------------------------------


def test_references_of_the_last_turns_move_in_blocks() -> None:
    live = []
    for count in range(1, 40):
        made = planned(log(*talk(count), asked("Why?")), voice="alloy", policy=Policy(reference_turns=4))
        live.append(references(made))
    counts = [len(one) for one in live]
    assert counts[:4] == [1, 2, 3, 4]
    assert all(4 <= one <= 7 for one in counts[3:])
    firsts = [one[0] for one in live]
    assert len(set(firsts)) == 9, "one change of the prefix in four turns"


def test_the_economical_policy_speaks_of_the_last_turns_only() -> None:
    policy = Policy.economical(2)
    assert (policy.reference_turns, policy.user_audio_turns) == (2, 2)
    assert Policy.economical(missing_transcript="omit").missing_transcript == "omit"
    made = planned(log(*talk(20), asked("Why?")), voice="alloy", policy=policy)
    assert 2 <= len(references(made)) <= 3
