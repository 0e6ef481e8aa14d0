"""How loud sound is, and where long sound is cut."""

from __future__ import annotations

import math
from array import array
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convo.audio.cutting import pieces
from convo.audio.levels import SILENT, Levels, Meter, levels_of_pcm16
from tests.audio import sounds


def test_a_sine_has_its_peak_and_the_mean_of_a_sine() -> None:
    found = levels_of_pcm16(sounds.tone(1, level=0.5).tobytes(), 1, 24_000)
    assert found.peak == pytest.approx(0.5, abs=0.001)
    assert found.rms == pytest.approx(0.5 / math.sqrt(2), abs=0.001)
    assert (found.clipped, found.silent) == (0.0, 0.0)


def test_zeros_are_silent_and_nothing_is_too() -> None:
    assert levels_of_pcm16(bytes(4_800), 1, 24_000) == Levels(0.0, 0.0, 0.0, 1.0)
    assert levels_of_pcm16(b"", 1, 24_000) == SILENT
    assert levels_of_pcm16(b"\x01", 1, 24_000) == SILENT


def test_a_hum_below_minus_50_dbfs_is_silence_and_one_above_is_not() -> None:
    assert levels_of_pcm16(sounds.tone(1, level=0.003).tobytes(), 1, 24_000).silent == 1.0
    assert levels_of_pcm16(sounds.tone(1, level=0.006).tobytes(), 1, 24_000).silent == 0.0


def test_half_silence_is_half_silent() -> None:
    sound = sounds.tone(1) + array("h", bytes(48_000))
    assert levels_of_pcm16(sound.tobytes(), 1, 24_000).silent == pytest.approx(0.5)


def test_samples_as_large_as_16_bits_allow_are_clipped_on_both_sides() -> None:
    sound = array("h", [32_767, -32_768, -32_767, 32_766, 0, 0, 0, 0])
    found = levels_of_pcm16(sound.tobytes(), 1, 24_000)
    assert found.clipped == pytest.approx(3 / 8)
    assert found.peak == 1.0


def plainly(sound: array[int], rate: int, channels: int) -> Levels:
    """The same, as a reader would write it."""
    size = max(1, round(rate * 0.02)) * channels
    blocks = [sound[at : at + size] for at in range(0, len(sound), size)]
    rms = [math.sqrt(sum(value * value for value in block) / len(block)) / 32_768 for block in blocks]
    return Levels(
        max(abs(value) for value in sound) / 32_768,
        math.sqrt(sum(value * value for value in sound) / len(sound)) / 32_768,
        sum(value >= 32_767 or value <= -32_767 for value in sound) / len(sound),
        sum(value < 10 ** (-50 / 20) for value in rms) / len(blocks),
    )


samples = st.lists(
    st.integers(-32_768, 32_767) | st.sampled_from([32_767, -32_768, -32_767, 0, 255, 256, -256, -257]), min_size=2, max_size=400
).map(lambda values: array("h", values[: len(values) // 2 * 2]))


@given(sound=samples, channels=st.sampled_from([1, 2]), cuts=st.lists(st.integers(0, 800), max_size=6))
def test_the_levels_are_the_plain_ones_however_the_sound_is_fed(sound: array[int], channels: int, cuts: list[int]) -> None:
    data = sound.tobytes()
    meter = Meter(1_000, channels)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in zip(places, places[1:], strict=False):
        meter.feed(data[start:end])
    assert meter.samples == len(sound) // channels
    assert meter.levels() == pytest.approx(plainly(sound, 1_000, channels), abs=1e-9)
    assert levels_of_pcm16(data, channels, 1_000) == pytest.approx(meter.levels(), abs=1e-9)


# --- cutting ---------------------------------------------------------------------------------------


def cut(chunks: list[bytes], rate: int, channels: int, longest: float) -> list[bytes]:
    found: list[list[bytes]] = [[]]
    for chunk in pieces(chunks, rate, channels, longest):
        if chunk is None:
            found.append([])
        else:
            found[-1].append(chunk)
    return [b"".join(parts) for parts in found]


@given(
    sizes=st.lists(st.integers(0, 900), min_size=1, max_size=12),
    rate=st.sampled_from([1_000, 8_000, 11_025]),
    channels=st.sampled_from([1, 2]),
    longest=st.floats(0.1, 2.0),
    seed=st.integers(0, 100),
)
def test_pieces_are_in_order_none_is_too_long_and_nothing_is_lost(
    sizes: list[int], rate: int, channels: int, longest: float, seed: int
) -> None:
    sound = sounds.noise(1, rate=4_000, seed=seed).tobytes()
    chunks = [(sound * 2)[: size * channels * 2] for size in sizes]
    found = cut(chunks, rate, channels, longest)
    assert b"".join(found) == b"".join(chunks)
    assert all(len(piece) <= int(longest * rate) * channels * 2 for piece in found)
    assert all(len(piece) % (channels * 2) == 0 for piece in found)
    assert all(found) or len(found) == 1


def test_sound_is_cut_in_its_pause() -> None:
    parts = [sounds.noise(0.7), array("h", bytes(2 * 2_400)), sounds.noise(0.9, seed=2)]
    first, second = cut([part.tobytes() for part in parts], 24_000, 1, 1.0)
    assert 0.7 < len(first) / 48_000 < 0.8
    assert len(first) + len(second) == 2 * sum(map(len, parts))


def test_sound_is_cut_between_sentences_and_not_within_a_word() -> None:
    gap, pause = array("h", bytes(2 * 480 * 2)), array("h", [value // 400 for value in sounds.noise(0.4, seed=3)])
    parts = [sounds.noise(0.6), gap, sounds.noise(0.3, seed=1), pause, sounds.noise(0.9, seed=2)]
    first = cut([part.tobytes() for part in parts], 24_000, 1, 1.6)[0]
    assert 0.94 < len(first) / 48_000 < 1.34


def test_the_last_piece_is_never_a_scrap() -> None:
    """Speech that is a sample longer than the limit is cut in the search span, not at its end."""
    sound = sounds.noise(10.0).tobytes()
    found = cut([sound, b"\x00\x01"], 24_000, 1, 10.0)
    assert [len(piece) / 48_000 >= 0.5 for piece in found] == [True, True]


def test_silence_is_cut_as_late_as_may_be() -> None:
    found = cut([bytes(48_000)] * 30, 24_000, 1, 10.0)
    assert len(found) == 4
    assert sum(map(len, found)) == len(list(chain.from_iterable([bytes(48_000)] * 30)))
