"""The last step of measures: counts of many batches become the columns of `convo.analysis.measured`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.analysis.arrow import arrow
from convo.analysis.grouping import compute, encoded, quantiles, ratio, sums
from convo.analysis.measured import SILENCE, SITTING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MICROS = 1e6
_MINUTE = 60.0
_VOICE = 1 << 31
_MEDIAN, _TAIL = 0.5, 0.95
_ANSWERED = ("done", "interrupted", "late")


def results(parts: Mapping[str, Sequence[Any]], count: int) -> dict[str, Any]:
    """Give the columns of so many groups by their names."""
    found: dict[str, Any] = {}
    for name, counted in (("messages", _messages), ("audio", _audio), ("turns", _turns), ("exchanges", _calls)):
        if parts[name]:
            found |= counted(arrow().concat_tables(parts[name]), count)
    found |= _vocabulary(parts["words"], count) | _tools(parts["tools"], count)
    zeros = arrow().array([0] * count, "int64")
    nulls = arrow().nulls(count, "double")
    for name in COUNTS:
        found[name] = compute().fill_null(found[name], 0) if name in found else zeros
    for name in KNOWN:
        found.setdefault(name, nulls)
    return {**found, **_ratios(found), "currency": found.get("currency", [None] * count)}


COUNTS = (
    "conversations", "turns", "messages", "user_messages", "assistant_messages", "user_words", "assistant_words",
    "user_vocabulary", "assistant_vocabulary", "unmeasured_speech", "audio_messages", "silences", "interruptions", "tool_calls",
    "tool_results", "tools", "calls", "failed_calls", "mended_calls", "answered_mended", "unpriced_calls",
)  # fmt: skip
"""Zero where nothing is."""
KNOWN = (
    "elapsed_seconds", "user_speech_seconds", "assistant_speech_seconds", "silence_seconds", "sent_references",
    "sent_transcripts", "input_tokens", "output_tokens", "cost",
    *(f"{name}_{share}_seconds" for name in ("response", "first_byte", "first_audio") for share in ("median", "p95")),
)  # fmt: skip
"""Null where nothing is."""


def _messages(parts: Any, count: int) -> dict[str, Any]:
    pc = compute()
    names = [name.removesuffix("_sum") for name in parts.schema.names if name.endswith("_sum")]
    wanted = [("created_at_min", "min"), ("created_at_max", "max"), *((f"{name}_sum", "sum") for name in names)]
    spans = parts.group_by(["s", "g"], use_threads=False).aggregate([*wanted, ("created_at_count", "sum")])
    lasted = pc.cast(pc.subtract(spans["created_at_max_max"].cast("int64"), spans["created_at_min_min"].cast("int64")), "double")
    spans = spans.append_column("lasted", pc.divide(lasted, _MICROS))
    found = {name: (f"{name}_sum_sum", "sum") for name in names}
    more = {"messages": ("created_at_count_sum", "sum"), "conversations": ("s", "count"), "elapsed_seconds": ("lasted", "sum")}
    return sums(spans, "g", {**found, **more}, count)


def _vocabulary(parts: Sequence[Any], count: int) -> dict[str, Any]:
    pa, pc = arrow(), compute()
    if not parts:
        return {}
    codes = pc.unique(pa.chunked_array(parts, "int64"))
    voices = pc.divide(codes, _VOICE)
    groups = pc.divide(voices, 2)
    is_assistant = pc.subtract(voices, pc.multiply(groups, 2))
    table = pa.table({"g": groups, "assistant": is_assistant, "user": pc.subtract(1, is_assistant)})
    return sums(table, "g", {f"{role}_vocabulary": (role, "sum") for role in ("user", "assistant")}, count)


def _tools(parts: Sequence[Any], count: int) -> dict[str, Any]:
    if not parts:
        return {}
    table = arrow().concat_tables(parts).group_by(["g", "name"], use_threads=False).aggregate([])
    return sums(table, "g", {"tools": ("name", "count")}, count)


def _audio(rows: Any, count: int) -> dict[str, Any]:
    """Count speech by messages: what came with one, or else the longest that was made of its text."""
    pc = compute()
    made = pc.equal(rows["source"], "speech")
    rows = rows.append_column("own", pc.if_else(made, None, rows["duration_seconds"]))
    keys = ["g", "owner", "conversation", "position", "role"]
    spoken = rows.group_by(keys, use_threads=False).aggregate([("own", "sum"), ("duration_seconds", "max")])
    lengths = pc.coalesce(spoken["own_sum"], spoken["duration_seconds_max"])
    voices = {role: pc.equal(spoken["role"], role) for role in ("user", "assistant")}
    either = pc.or_(voices["user"], voices["assistant"])
    columns = {
        **{role: pc.if_else(voice, lengths, None) for role, voice in voices.items()},
        "there": either.cast("int64"),
        "unknown": pc.and_(either, pc.is_null(lengths)).cast("int64"),
    }
    table = arrow().table({"g": spoken["g"], **columns})
    wanted = {f"{role}_speech_seconds": (role, "sum") for role in voices}
    return sums(table, "g", {**wanted, "audio_messages": ("there", "sum"), "unmeasured_speech": ("unknown", "sum")}, count)


def _turns(rows: Any, count: int) -> dict[str, Any]:
    rows = rows.sort_by([(name, "ascending") for name in ("owner", "conversation", "turn")])
    middle, tail = quantiles(_one(rows["g"]), _one(rows["response_seconds"]), (_MEDIAN, _TAIL), count)
    rows = rows.append_column("silence", _silences(rows))
    wanted = {"turns": ("turn", "count"), "silences": ("silence", "count"), "silence_seconds": ("silence", "sum")}
    return {**sums(rows, "g", wanted, count), "response_median_seconds": middle, "response_p95_seconds": tail}


def _silences(rows: Any) -> Any:
    """Give the seconds of silence before each turn, in their order; null where there is none, or it is not known."""
    pa, pc = arrow(), compute()
    if rows.num_rows == 0:
        return pa.nulls(0, "double")
    before, after = rows.slice(0, rows.num_rows - 1), rows.slice(1)
    same = pc.and_(
        pc.and_(_equal(before["owner"], after["owner"]), _equal(before["conversation"], after["conversation"])),
        _equal(pc.add(before["turn"], 1), after["turn"]),
    )
    gap = pc.divide(pc.cast(pc.subtract(_whole(after["started_at"]), _whole(before["ended_at"])), "double"), _MICROS)
    spoken = pc.add(pc.fill_null(_one(before["assistant_audio_seconds"]), 0.0), _one(after["user_audio_seconds"]))
    silent = pc.subtract(gap, spoken)
    counts = pc.and_(same, pc.and_(pc.greater_equal(silent, SILENCE), pc.less(silent, SITTING)))
    return pa.concat_arrays([pa.nulls(1, "double"), pc.if_else(counts, silent, None)])


def _one(column: Any) -> Any:
    return column.combine_chunks() if hasattr(column, "chunks") else column


def _whole(column: Any) -> Any:
    return _one(column).cast("int64")


def _equal(one: Any, other: Any) -> Any:
    return compute().equal(_one(one), _one(other))


def _calls(rows: Any, count: int) -> dict[str, Any]:
    pa, pc = arrow(), compute()
    answered = pc.is_in(rows["status"], pa.array(_ANSWERED))
    mended = pc.greater(pc.fill_null(rows["recoveries"], 0), 0)
    priced = pc.is_valid(rows["cost"])
    currencies = encoded(pc.if_else(priced, rows["currency"], None))
    codes = pc.if_else(pc.is_valid(currencies.dictionary.take(currencies.indices)), currencies.indices.cast("int64"), None)
    flags = {
        "failed_calls": pc.equal(rows["status"], "failed"),
        "mended_calls": mended,
        "answered_mended": pc.and_(mended, answered),
        "unpriced_calls": pc.and_(answered, pc.invert(priced)),
    }
    table = rows.append_column("coin", codes)
    for name, flag in flags.items():
        table = table.append_column(name, flag.cast("int64"))
    same = ("input_tokens", "output_tokens", "cost", "sent_references", "sent_transcripts", *flags)
    wanted = {name: (name, "sum") for name in same}
    coins = {"least": ("coin", "min"), "most": ("coin", "max")}
    found = sums(table, "g", {**wanted, **coins, "calls": ("status", "count")}, count)
    least, most = found.pop("least"), found.pop("most")
    coin = pc.if_else(pc.equal(least, most), least, None)
    times = [pc.if_else(answered, rows["first_byte_seconds"], None)]
    times.append(pc.if_else(pc.fill_null(rows["spoken"], pc.equal(1, 2)), times[0], None))
    middles = [quantiles(_one(rows["g"]), _one(time), (_MEDIAN, _TAIL), count) for time in times]
    return {
        **found,
        "cost": pc.if_else(pc.is_valid(coin), found["cost"], None),
        "currency": currencies.dictionary.take(coin),
        "first_byte_median_seconds": middles[0][0], "first_byte_p95_seconds": middles[0][1],
        "first_audio_median_seconds": middles[1][0], "first_audio_p95_seconds": middles[1][1],
    }  # fmt: skip


def _ratios(found: Mapping[str, Any]) -> dict[str, Any]:
    pc = compute()

    def both(one: str, other: str) -> Any:
        """Add two columns, where one may be null."""
        first, second = (pc.cast(found[name], "double") for name in (one, other))
        return pc.if_else(pc.and_(pc.is_null(first), pc.is_null(second)), None, _sum(first, second))

    def _sum(first: Any, second: Any) -> Any:
        return pc.add(pc.fill_null(first, 0.0), pc.fill_null(second, 0.0))

    speech = both("user_speech_seconds", "assistant_speech_seconds")
    minutes = pc.divide(speech, _MINUTE)
    assistant = pc.if_else(pc.is_valid(speech), pc.fill_null(found["assistant_speech_seconds"], 0.0), None)
    return {
        "words_per_answer": ratio(found["assistant_words"], found["assistant_messages"]),
        "word_ratio": ratio(found["assistant_words"], both("user_words", "assistant_words")),
        **{
            f"{role}_richness": ratio(found[f"{role}_vocabulary"], pc.sqrt(pc.cast(found[f"{role}_words"], "double")))
            for role in ("user", "assistant")
        },
        "talk_ratio": ratio(assistant, speech),
        "audio_share": ratio(found["audio_messages"], both("user_messages", "assistant_messages")),
        "interruption_rate": ratio(found["interruptions"], found["assistant_messages"]),
        "tool_calls_per_turn": ratio(found["tool_calls"], found["turns"]),
        "failure_rate": ratio(found["failed_calls"], found["calls"]),
        "fallback_rate": ratio(found["sent_transcripts"], both("sent_references", "sent_transcripts")),
        "recovery_rate": ratio(found["answered_mended"], found["mended_calls"]),
        "tokens_per_minute": ratio(both("input_tokens", "output_tokens"), minutes),
        "cost_per_minute": ratio(found["cost"], minutes),
    }
