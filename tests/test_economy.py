"""The biller of the economy benchmark, by cases worked out by hand; and the benchmark itself, on a short conversation."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import attrs
import pytest

import convo
from benchmarks import economy_ as economy
from benchmarks import plain_lists
from benchmarks.biller import Bill, Biller, Rates, Tokens
from benchmarks.playing import by_convo, by_hand
from benchmarks.talk import INSTRUCTIONS, Turn

if TYPE_CHECKING:
    from benchmarks.plain_lists import Message
    from benchmarks.playing import Scene

LONG = {"role": "system", "content": "x" * 4 * 1_020}
"""1,024 tokens: the shortest prefix that is cached."""
SHORT = {"role": "system", "content": "x" * 4 * 1_019}
ASK = {"role": "user", "content": "12345"}
REPLY = {"role": "assistant", "content": "1234"}


def written(*contents: str) -> list[Message]:
    return [{"role": "user", "content": content} for content in contents]


def billed(*requests: list[Message], apart: float = 30) -> list[Bill]:
    biller = Biller()
    return [biller.bill({"messages": messages}, "", 0, number * apart) for number, messages in enumerate(requests)]


# --- what messages cost ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "tokens"),
    [
        (ASK, Tokens(4 + 2)),
        ({"role": "user", "content": [{"type": "text", "text": "12345678"}]}, Tokens(4 + 2)),
        (Turn(3).asked(aloud=True), Tokens(4, 50)),
        (Turn(3).asked(aloud=False), Tokens(4 + 25)),
        (Turn(3).answered(refers=True), Tokens(4, 240)),
        (Turn(3).answered(refers=False), Tokens(4 + 120)),
    ],
)
def test_a_message_costs_four_tokens_and_its_text_or_its_sound(message: Message, tokens: Tokens) -> None:
    biller = Biller()
    biller.issued(Turn(3).audio_id, 12)
    assert biller.bill({"messages": [message]}, "", 0, 0).read == tokens


@pytest.mark.parametrize("message", [{"role": "assistant"}, {"role": "user", "content": [{"type": "image_url"}]}])
def test_a_message_of_unknown_cost_is_not_billed_as_nothing(message: Message) -> None:
    with pytest.raises(ValueError, match="what does"):
        Biller().bill({"messages": [message]}, "", 0, 0)


def test_an_answer_costs_its_sound_and_its_transcript() -> None:
    assert Biller().bill({"messages": [ASK]}, "x" * 480, 12, 0).written == Tokens(120, 240)


def test_dollars_are_tokens_by_kind_times_their_rates() -> None:
    rates = Rates(text_in=Decimal(2), text_out=Decimal(10), audio_in=Decimal(32), audio_out=Decimal(64))
    bill = Bill(read=Tokens(500_000, 250_000), cached=Tokens(100_000, 50_000), written=Tokens(10_000, 20_000))
    assert bill.dollars_in(rates) == 1 + 8
    assert bill.dollars_out(rates) == Decimal("0.1") + Decimal("1.28")
    cheaper = attrs.evolve(rates, cached_in=Decimal("0.2"), cached_audio_in=Decimal("3.2"))
    assert bill.dollars_in(cheaper) == Decimal("0.8") + Decimal("0.02") + Decimal("6.4") + Decimal("0.16")
    assert bill.dollars(cheaper) == bill.dollars_in(cheaper) + bill.dollars_out(cheaper)


# --- what the cache does ---------------------------------------------------------------------------


def test_what_was_sent_before_is_read_from_the_cache() -> None:
    first, second = billed([LONG, ASK], [LONG, ASK, REPLY, ASK])
    assert (first.cached.total, second.cached.total) == (0, 1_024 + 6)


def test_a_prefix_below_the_minimum_is_not_cached() -> None:
    assert billed([SHORT], [SHORT, ASK])[1].cached.total == 0
    assert billed([LONG], [LONG, ASK])[1].cached.total == 1_024


def test_the_cache_ends_at_the_first_changed_byte() -> None:
    assert billed([LONG, ASK, REPLY], [LONG, {**ASK, "content": "12346"}, REPLY])[1].cached.total == 1_024
    assert billed([LONG, ASK], [{"content": LONG["content"], "role": "system"}, ASK])[1].cached.total == 0


def test_the_cache_forgets_what_was_not_used_for_ten_minutes() -> None:
    assert billed([LONG], [LONG], [LONG], apart=600)[2].cached.total == 1_024
    assert billed([LONG], [LONG], apart=601)[1].cached.total == 0


def test_the_cache_still_has_what_an_earlier_request_held() -> None:
    assert billed([LONG, ASK], [LONG, REPLY], [LONG, ASK])[2].cached.total == 1_024 + 6


def test_another_cache_key_finds_nothing() -> None:
    biller = Biller()
    keys = ["a", "a", "b"]
    bills = [biller.bill({"messages": [LONG], "prompt_cache_key": key}, "", 0, 0) for key in keys]
    assert [bill.cached.total for bill in bills] == [0, 1_024, 0]


# --- what is sent again ----------------------------------------------------------------------------


def test_what_is_appended_breaks_nothing_and_counts_as_new() -> None:
    first, second = billed([LONG, ASK], [LONG, ASK, REPLY, ASK])
    assert (first.breaks, first.resent, first.resent_old) == (0, 1_024 + 6, 0)
    assert (second.breaks, second.resent, second.resent_old) == (0, 5 + 6, 0)


def test_all_from_the_first_change_on_is_sent_again() -> None:
    flipped = written("a" * 8, "b" * 8, "c" * 8, "d" * 8)
    bill = billed([LONG, *flipped], [LONG, flipped[0], {**flipped[1], "content": "B" * 40}, *flipped[2:], REPLY, ASK])[1]
    assert bill.breaks == 1
    assert bill.resent_old == (4 + 10) + (4 + 2) + (4 + 2)
    assert bill.resent == bill.resent_old + 5 + 6


def test_a_message_that_falls_out_in_front_moves_all_that_follow() -> None:
    line = written(*(letter * 8 for letter in "abcd"))
    bill = billed([LONG, *line], [LONG, *line[1:], REPLY, ASK])[1]
    assert (bill.breaks, bill.resent_old) == (1, 3 * 6)


def test_a_shorter_request_breaks_the_prefix() -> None:
    assert billed([LONG, ASK, REPLY, ASK], [LONG, ASK])[1].breaks == 1


def test_bills_add_up() -> None:
    bills = billed([LONG, ASK], [LONG, ASK, REPLY, ASK], [ASK])
    total = sum(bills, Bill())
    assert (total.requests, total.breaks) == (3, 1)
    assert total.read.total == 1_030 + 1_041 + 6
    assert total.cached_share == 1_030 / total.read.total


# --- the conversation ------------------------------------------------------------------------------


def half_an_hour(scene: Scene) -> Scene:
    """60 turns; ids live for an hour, so no reference turns into text."""
    return attrs.evolve(scene, turns=60)


def test_texts_cost_half_as_many_tokens_as_the_sound() -> None:
    assert [len(Turn(number).question) for number in (0, 9, 239)] == [100] * 3
    assert [len(Turn(number).reply) for number in (0, 9, 239)] == [480] * 3
    assert len(INSTRUCTIONS) % 4 == 0
    assert len({Turn(number).recording for number in range(240)}) == 240


def test_everything_is_replayed_until_an_id_has_no_more_than_a_minute_left() -> None:
    bills = by_hand(attrs.evolve(economy.VOICE, turns=121), plain_lists.everything).bills
    assert [bill.breaks for bill in bills[:118]] == [0] * 118
    assert [bill.breaks for bill in bills[118:]] == [1] * 3
    # 117 replies after the first, which is text now, 118 recordings between them, and the new reply and question.
    assert bills[118].resent_old == 124 + 54 * 117 + 244 * 116
    assert bills[118].read == Tokens(4 + 80 + 4 * 118 * 2 + 4 + 120, 119 * 50 + 117 * 240)


def test_the_usual_window_is_the_instructions_and_twenty_messages() -> None:
    messages = plain_lists.usual_window(30, True)
    assert [len(messages), messages[0]["role"], messages[-1]] == [21, "system", Turn(30).asked(aloud=True)]


def test_a_sliding_window_keeps_what_fits_and_not_one_message_more() -> None:
    for budget in (84 + 29, 84 + 29 + 123, 84 + 29 + 124, 84 + 29 + 124 + 29):
        messages = plain_lists.sliding(budget)(5, False)
        assert len(messages) == {113: 2, 236: 2, 237: 3, 266: 4}[budget]
        assert by_hand(attrs.evolve(economy.WRITTEN, turns=6), plain_lists.sliding(budget)).bills[-1].read.total <= budget


@pytest.mark.parametrize("scene", [economy.VOICE, economy.WRITTEN], ids=["voice", "written"])
def test_convo_sends_what_plain_lists_do_while_nothing_expires_and_everything_fits(scene: Scene) -> None:
    scene = half_an_hour(scene)
    ours, theirs = by_convo(scene, convo.Policy()), by_hand(scene, plain_lists.everything)
    assert ours.bills == theirs.bills
    assert (ours.knows, ours.own) == (60, theirs.bill.dollars(scene.rates))


def test_the_economical_policy_knows_every_turn_and_sends_little_sound() -> None:
    scene = half_an_hour(economy.VOICE)
    played = by_convo(scene, convo.Policy.economical())
    replayed = by_hand(scene, plain_lists.everything).bill
    assert (played.knows, played.bill.requests) == (60, 60)
    assert played.bill.read.audio < replayed.read.audio / 4


def test_verdicts_compare_what_is_said() -> None:
    scene = attrs.evolve(economy.WRITTEN, turns=30, window=1_500)
    found = economy.played(scene)
    assert len(list(economy.table(scene, found))) == 2 + len(found)
    said = {verdict.way: verdict for verdict in economy.verdicts(scene, found)}
    assert set(said) == {
        "re-sent: Policy(window_tokens=1_500) / 1,500 tokens, one by one",
        "cached share: Policy() / append only",
        "cached share: Policy(window_tokens=1_500) / append only",
    }
    assert said["cached share: Policy() / append only"].value == 1
    assert found[economy.WINDOW].bill.breaks < found[economy.SLIDING].bill.breaks / 3
    assert all(agrees for _, agrees in economy.agreements(scene, found))
