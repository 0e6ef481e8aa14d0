"""Measures: the numbers that one works out by hand, by whatever they are grouped, wherever the tables come from."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convo
from convo.analysis.grouping import Groups, quantiles
from convo.analysis.measured import MEASURES
from convo.analysis.measuring import measures
from tests.analysis.lines import at, by_hand, quantile, tables
from tests.support.builders import wav

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "gpt-audio-1.5"
CALLS = [{"id": "1", "name": "weather", "arguments": "{}"}, {"id": "2", "name": "time", "arguments": "{}"}]
DINNER = {
    "messages": [
        {"position": 1, "role": "system", "kind": "instructions", "text": "Be brief.", "created_at": at(0)},
        {"position": 2, "role": "user", "text": "Is it good? It isn't far.", "created_at": at(10)},
        {"position": 3, "role": "assistant", "text": "", "tool_calls": CALLS, "created_at": at(11)},
        {"position": 4, "role": "tool", "text": "yes yes", "created_at": at(12)},
        {"position": 5, "role": "tool", "text": "noon", "created_at": at(12)},
        {"position": 6, "role": "assistant", "text": "It is - very good!", "status": "interrupted", "created_at": at(14)},
        {"position": 7, "role": "user", "text": "[redacted]", "status": "redacted", "created_at": at(29)},
        {"position": 8, "role": "assistant", "text": "Good.", "created_at": at(33)},
    ],
    "turns": [
        {
            "turn": 1, "first_position": 2, "started_at": at(10), "ended_at": at(14), "response_seconds": 1.0,
            "user_audio_seconds": 2.0, "assistant_audio_seconds": 4.0, "model": "small",
        },
        {
            "turn": 2, "first_position": 7, "started_at": at(29), "ended_at": at(33), "response_seconds": 4.0,
            "user_audio_seconds": 3.0, "assistant_audio_seconds": None, "model": "large",
        },
    ],
    "audio": [
        {"position": 2, "source": "recording", "role": "user", "created_at": at(10), "duration_seconds": 2.0},
        {"position": 6, "source": "reply", "role": "assistant", "created_at": at(14), "duration_seconds": 4.0, "part": -1},
        {"position": 6, "source": "speech", "role": "assistant", "created_at": at(14), "duration_seconds": 9.0, "part": -2},
        {"position": 7, "source": "recording", "role": "user", "created_at": at(29), "duration_seconds": 3.0},
        {"position": 8, "source": "reply", "role": "assistant", "created_at": at(33), "part": -1},
    ],
    "exchanges": [
        {
            "started_at": at(10), "model": "small", "first_byte_seconds": 0.5, "input_tokens": 100, "output_tokens": 20,
            "cost": Decimal("0.01"), "currency": "USD", "sent_references": 0, "sent_transcripts": 0, "recoveries": 0,
        },
        {
            "started_at": at(12), "model": "small", "status": "interrupted", "first_byte_seconds": 1.5, "spoken": True,
            "input_tokens": 150, "output_tokens": 30, "cost": Decimal("0.02"), "currency": "USD", "sent_references": 3,
            "sent_transcripts": 1, "recoveries": 1,
        },
        {"started_at": at(30), "model": "large", "status": "failed", "first_byte_seconds": 9.0, "recoveries": 1},
        {"started_at": at(31), "model": "large", "input_tokens": 50, "output_tokens": None},
    ],
}  # fmt: skip


def one(rows: dict[str, pa.Table], by: Any = ()) -> dict[str, Any]:
    (found,) = measures(rows, by).to_pylist()
    return dict(found)


def test_a_small_conversation_has_the_measures_that_one_works_out_by_hand() -> None:
    found = one(tables(**DINNER))
    assert found == {
        "conversations": 1, "turns": 2, "messages": 8, "user_messages": 2, "assistant_messages": 3, "elapsed_seconds": 33.0,
        "user_words": 6,  # is it good it isn't far
        "assistant_words": 5,  # it is very good good
        "words_per_answer": pytest.approx(5 / 3), "word_ratio": pytest.approx(5 / 11),
        "user_vocabulary": 5, "assistant_vocabulary": 4,
        "user_richness": pytest.approx(5 / 6**0.5), "assistant_richness": pytest.approx(4 / 5**0.5),
        "user_speech_seconds": 5.0, "assistant_speech_seconds": 4.0, "unmeasured_speech": 1, "talk_ratio": pytest.approx(4 / 9),
        "audio_share": pytest.approx(4 / 5),
        "response_median_seconds": 2.5, "response_p95_seconds": pytest.approx(3.85),
        "first_byte_median_seconds": 1.0, "first_byte_p95_seconds": pytest.approx(1.45),
        "first_audio_median_seconds": 1.5, "first_audio_p95_seconds": 1.5,
        "silences": 1, "silence_seconds": pytest.approx(29 - 14 - 4 - 3),
        "interruptions": 1, "interruption_rate": pytest.approx(1 / 3),
        "tool_calls": 2, "tool_results": 2, "tools": 2, "tool_calls_per_turn": 1.0,
        "calls": 4, "failed_calls": 1, "failure_rate": 0.25, "fallback_rate": 0.25, "mended_calls": 2, "recovery_rate": 0.5,
        "input_tokens": 300, "output_tokens": 50, "cost": Decimal("0.03"), "currency": "USD", "unpriced_calls": 1,
        "tokens_per_minute": pytest.approx(350 / (9 / 60)), "cost_per_minute": pytest.approx(0.03 / (9 / 60)),
    }  # fmt: skip


def test_by_model_what_is_said_in_a_turn_belongs_to_the_model_of_its_answer() -> None:
    found = {row["model"]: row for row in measures(tables(**DINNER), "model").to_pylist()}
    assert {model: (row["turns"], row["messages"], row["user_words"], row["calls"]) for model, row in found.items()} == {
        "small": (1, 5, 6, 2), "large": (1, 2, 0, 2), None: (0, 1, 0, 0),
    }  # fmt: skip
    assert (found["small"]["user_speech_seconds"], found["large"]["user_speech_seconds"]) == (2.0, 3.0)
    assert (found["large"]["silences"], found["large"]["unmeasured_speech"]) == (1, 1)


def test_by_day_each_row_counts_on_its_own_day_in_utc() -> None:
    half = timedelta(hours=12)
    late = {name: [_later(row, half) if i else row for i, row in enumerate(rows)] for name, rows in DINNER.items()}
    found = measures(tables(**late), ("owner", "day")).to_pylist()
    assert [(row["owner"], row["day"], row["messages"], row["calls"]) for row in found] == [
        ("", date(2026, 11, 1), 1, 1), ("", date(2026, 11, 2), 7, 3),
    ]  # fmt: skip


def _later(row: dict[str, Any], by: timedelta) -> dict[str, Any]:
    return {name: value + by if name in ("created_at", "started_at", "ended_at") else value for name, value in row.items()}


def test_groups_stand_in_the_order_of_their_keys_and_the_types_are_described() -> None:
    rows = [{"owner": owner, "position": 1, "role": "user", "created_at": at(0)} for owner in ("b", "", "a\x1f", "a")]
    found = measures(tables(messages=rows), ["owner", "model"])
    assert found["owner"].to_pylist() == ["", "a", "a\x1f", "b"]
    assert found.schema.names == ["owner", "model", *MEASURES.names]
    assert found.schema.field("cost").type == pa.decimal128(38, 12)
    assert found.schema.field("talk_ratio").metadata[b"comment"].startswith(b"assistant_speech_seconds / ")


def test_what_nobody_counted_is_null_and_nothing_is_zero() -> None:
    found = one(tables())
    assert (found["messages"], found["calls"], found["user_words"]) == (0, 0, 0)
    assert {found[name] for name in ("cost", "currency", "talk_ratio", "input_tokens", "response_median_seconds")} == {None}
    assert measures(tables()).num_rows == 0
    silent = one(tables(messages=[{"position": 1, "role": "user", "text": "Hi", "created_at": at(0)}]))
    assert (silent["word_ratio"], silent["talk_ratio"], silent["audio_share"], silent["failure_rate"]) == (0.0, None, 0.0, None)


def test_costs_in_several_currencies_are_no_sum() -> None:
    rows: list[dict[str, Any]] = [{"started_at": at(0), "cost": Decimal(1), "currency": name} for name in ("USD", "EUR")]
    assert (one(tables(exchanges=rows))["cost"], one(tables(exchanges=rows))["currency"]) == (None, None)
    rows[1]["cost"] = None
    assert (one(tables(exchanges=rows))["cost"], one(tables(exchanges=rows))["currency"]) == (Decimal(1), "USD")


def test_what_a_fork_shares_counts_once() -> None:
    shared = {name: [{**row, "conversation": "fork", "shared": True} for row in rows] for name, rows in DINNER.items()}
    both = {name: [*rows, *(shared[name] if name != "exchanges" else [])] for name, rows in DINNER.items()}
    assert one(tables(**both)) == one(tables(**DINNER))


@pytest.mark.parametrize(
    ("turns", "silence"),
    [
        ((0.0, None, 5.0, 1.0), 4.0),
        ((0.0, 2.0, 5.0, 1.0), 2.0),
        ((0.0, 2.0, 4.0, 1.0), 1.0),
        ((0.0, 2.0, 3.9, 1.0), None),
        ((0.0, 9.0, 5.0, 1.0), None),
        ((0.0, None, 5.0, None), None),
        ((0.0, None, 1800.0, 1.0), 1799.0),
        ((0.0, None, 1801.0, 1.0), None),
    ],
)
def test_a_silence_is_when_neither_speaks_for_a_second_or_more(turns: tuple[Any, ...], silence: float | None) -> None:
    ended, answer, begun, question = turns
    rows = [
        {"turn": 1, "first_position": 1, "started_at": at(0), "ended_at": at(ended), "assistant_audio_seconds": answer},
        {"turn": 2, "first_position": 3, "started_at": at(begun), "ended_at": at(begun), "user_audio_seconds": question},
    ]
    found = one(tables(turns=rows))
    assert found["silence_seconds"] == (None if silence is None else pytest.approx(silence))
    assert found["silences"] == (silence is not None)


@pytest.mark.parametrize(
    ("text", "words", "different"),
    [
        ("", 0, 0),
        ("  ...  ?! \N{EM DASH} ", 0, 0),
        ("Don't don\N{RIGHT SINGLE QUOTATION MARK}t DON'T", 3, 2),
        ("well-known - 'quoted' 3.14", 4, 4),
        (
            "\N{LATIN CAPITAL LETTER U WITH DIAERESIS}ber \N{LATIN SMALL LETTER U WITH DIAERESIS}ber u\N{COMBINING DIAERESIS}ber",
            3,
            2,
        ),
        ("\u4f60\u597d \u4f60\u597d", 2, 1),
        ("nul\x00byte\ttab\nline", 4, 4),
    ],
)
def test_words_are_runs_of_letters_and_digits(text: str, words: int, different: int) -> None:
    found = one(tables(messages=[{"position": 1, "role": "user", "text": text, "created_at": at(0)}]))
    assert (found["user_words"], found["user_vocabulary"]) == (words, different)


@pytest.mark.parametrize("by", ["month", ["owner", "voice"], ("messages",)])
def test_another_key_is_refused(by: Any) -> None:
    with pytest.raises(convo.InputError, match="is not known; use 'owner', 'conversation', 'model', 'day'"):
        measures(tables(), by)


def test_a_table_that_lacks_a_column_is_refused() -> None:
    rows = tables(**DINNER)
    rows["turns"] = rows["turns"].drop_columns(["shared"])
    with pytest.raises(convo.InputError, match="'turns' has no column 'shared'"):
        measures(rows)
    with pytest.raises(convo.InputError, match="needs the table 'turns'"):
        measures({**rows, "turns": [1]})


# --- against brute force ---------------------------------------------------------------------------

WORDS = st.text(alphabet="aAb '-,.\u00e9\n", max_size=12)
SECONDS = st.none() | st.integers(0, 50).map(lambda tenths: tenths / 8)


@st.composite
def stores(draw: Any) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ("messages", "turns", "audio", "exchanges")}
    for number in range(draw(st.integers(0, 3))):
        of = {"owner": draw(st.sampled_from(["", "ada"])), "conversation": f"c{number}"}
        turn, before = 0, None
        for position in range(1, draw(st.integers(0, 8)) + 1):
            role = draw(st.sampled_from(["user", "assistant", "tool", "system"]))
            time = at(draw(st.integers(0, 3000)))
            calls = draw(st.sampled_from([None, CALLS, CALLS[:1]])) if role == "assistant" else None
            status = draw(st.sampled_from(["complete", "interrupted", "redacted"]))
            kind = draw(st.sampled_from(["message", "message", "summary"]))
            message = {"role": role, "text": draw(WORDS), "created_at": time, "tool_calls": calls, "status": status, "kind": kind}
            rows["messages"].append({**of, "position": position, **message})
            for part in range(draw(st.integers(0, 2))):
                source = draw(st.sampled_from(["recording", "reply", "speech"]))
                piece = {"part": part, "source": source, "role": role, "created_at": time, "duration_seconds": draw(SECONDS)}
                rows["audio"].append({**of, "position": position, **piece})
            if role == "user" and before != "user":
                turn += 1
                told = {"response_seconds": draw(SECONDS), "user_audio_seconds": draw(SECONDS)}
                more = {"assistant_audio_seconds": draw(SECONDS), "model": draw(st.sampled_from(["x", "y", None]))}
                times = {"started_at": time, "ended_at": time + timedelta(seconds=draw(st.integers(0, 9)))}
                rows["turns"].append({**of, "turn": turn, "first_position": position, **times, **told, **more})
            before = role
        for _ in range(draw(st.integers(0, 3))):
            rows["exchanges"].append({**of, **draw(CALLED)})
    return rows


COUNT = st.none() | st.integers(0, 5)
CALLED = st.fixed_dictionaries(
    {
        "started_at": st.integers(0, 3000).map(at),
        "status": st.sampled_from(["done", "failed", "late", "pending"]),
        "model": st.sampled_from(["x", "y"]),
        "first_byte_seconds": SECONDS,
        "spoken": st.none() | st.booleans(),
        "recoveries": COUNT,
        "input_tokens": COUNT,
        "output_tokens": COUNT,
        "sent_references": COUNT,
        "sent_transcripts": COUNT,
        "cost": st.none() | st.integers(0, 9).map(Decimal),
        "currency": st.sampled_from(["USD", "USD", "USD", "EUR"]),
    }
)


def close(value: Any) -> Any:
    return pytest.approx(value) if isinstance(value, float) else value


@settings(max_examples=60, deadline=None)
@given(stores())
def test_random_conversations_have_the_measures_that_plain_python_finds(rows: dict[str, list[dict[str, Any]]]) -> None:
    whole = tables(**rows)
    found = one(whole)
    for name, value in by_hand(whole).items():
        assert found[name] == close(value), name
    for group in measures(whole, "conversation").to_pylist():
        mine = {
            name: [row for row in some if (row["owner"], row["conversation"]) == (group["owner"], group["conversation"])]
            for name, some in rows.items()
        }
        for name, value in by_hand(tables(**mine)).items():
            assert group[name] == close(value), name


@settings(max_examples=60, deadline=None)
@given(stores())
def test_counts_of_groups_add_up_whatever_the_key(rows: dict[str, list[dict[str, Any]]]) -> None:
    whole = tables(**rows)
    total = one(whole)
    for by in ("owner", "model", "day", ("model", "day"), ("conversation", "model")):
        found = measures(whole, by).to_pylist()
        for name in ("messages", "turns", "user_words", "assistant_words", "interruptions", "tool_calls", "calls", "silences"):
            assert sum(row[name] for row in found) == total[name], (by, name)


@given(st.lists(st.tuples(st.integers(0, 3), st.none() | st.integers(-9, 9).map(float))), st.floats(0, 1))
def test_quantiles_are_those_of_each_group(rows: list[tuple[int, float | None]], share: float) -> None:
    groups, values = ([row[i] for row in rows] for i in (0, 1))
    (found,) = quantiles(pa.array(groups, "int64"), pa.array(values, "double"), [share], 4)
    expected = [quantile([v for g, v in rows if g == group and v is not None], share) for group in range(4)]
    assert found.to_pylist() == [pytest.approx(one) if one is not None else None for one in expected]


@given(st.lists(st.tuples(st.sampled_from(["", "a", None]), st.sampled_from(["", "a", "b", None])), max_size=20))
def test_groups_are_told_apart_by_all_their_keys(rows: list[tuple[str | None, str | None]]) -> None:
    groups = Groups(2)
    numbers = groups.of([pa.array([row[i] for row in rows], "string") for i in (0, 1)], len(rows)).to_pylist()
    keys = list(zip(*groups.columns(), strict=True))
    assert [keys[number] for number in numbers] == rows
    assert len(set(keys)) == len(keys)


# --- from stores -----------------------------------------------------------------------------------


def test_a_store_gives_the_measures_of_its_tables(store: Any, client: Any) -> None:
    chat = store.create(instructions="Be brief.")
    for _ in range(2):
        chat.send(client, convo.Audio.from_bytes(wav(1.5), transcript="Hello."), model=MODEL, voice="alloy", format="wav")
    found = store.tables().measures()
    (row,) = found.to_pylist()
    usage = chat.usage()
    assert (row["conversation"], row["turns"], row["messages"], row["user_words"]) == (str(chat.id), 2, 5, 2)
    assert (row["user_speech_seconds"], row["cost"]) == (pytest.approx(3.0), usage.cost.amount)
    (model,) = [one for one in store.tables().measures("model").to_pylist() if one["model"]]
    assert (model["model"], model["calls"], model["talk_ratio"]) == (MODEL, 2, row["talk_ratio"])
    assert store.tables(until=chat.created_at).measures().num_rows == 0


def test_only_what_the_owner_has_is_measured(store: Any) -> None:
    name = f"ada-{uuid4()}"
    store.owned_by(name).create(messages=[{"role": "user", "content": "Mine."}], metadata={"of": name})
    store.create(messages=[{"role": "user", "content": "Not hers."}])
    assert store.owned_by(name).tables().measures(()).to_pylist()[0]["user_words"] == 1
    everyone = store.everyone().tables(metadata={"of": name})  # others on the server may have sealed theirs
    assert everyone.measures("owner")["owner"].to_pylist() == [name]


def test_files_of_an_export_and_frames_of_polars_give_the_same(tmp_path: Path) -> None:
    with convo.Store(f"sqlite:///{tmp_path / 'chat.db'}") as store:
        for text in ("One two.", "Three."):
            store.create(messages=[{"role": "user", "content": text}, {"role": "assistant", "content": "Yes."}])
        store.export(tmp_path / "out")
        names = ("messages", "turns", "audio", "exchanges")
        files = {name: list((tmp_path / "out" / name).glob("**/*.parquet")) for name in names}
        frames = {name: pl.read_parquet(files[name]) if files[name] else getattr(store.tables(), name) for name in names}
        assert measures(frames).equals(measures(store.tables()))
        assert measures(store.tables()).equals(store.tables().measures())


def test_the_description_tells_of_no_order_that_there_is_not() -> None:
    assert str(MEASURES).splitlines()[0] == "measures: one row a group"
