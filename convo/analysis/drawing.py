"""What each plot shows: the rows that are drawn, worked out of Arrow tables, and the words around them."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from convo.analysis import charts
from convo.analysis.arrow import arrow
from convo.analysis.grouping import Groups, compute, quantiles, sums
from convo.escapes import safe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    Drawn = tuple[str, Any]

KINDS = ("audio out", "text out", "audio in", "text in", "image in", "cached in", "not split")
"""Kinds of tokens and costs, from the top of a bar to its bottom."""
UNITS = (("hour", 3), ("day", 100), ("week", 3 * 366), ("month", 50 * 366), ("year", 4_000_000))
"""How long a bar is, and up to how many days there are such bars."""
REPLIES = 30
"""Spoken replies that a timeline shows."""
_A = {"hour": "an hour", "day": "a day", "week": "a week", "month": "a month", "year": "a year"}
STEPS = 8
"""Bars of a distribution for each power of ten."""
SHARES = 20
"""Bars of a distribution of shares."""
_LABEL = 28
_DAY = timedelta(days=1)


def local(column: Any, zone: str) -> Any:
    """Give instants as the clocks of a time zone show them."""
    pa, pc = arrow(), compute()
    return pc.local_timestamp(column.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us", zone)))


def _binned(moments: Any) -> tuple[str, Any]:
    """Give a unit of time, and the beginning of that unit for each moment."""
    pc = compute()
    ends = pc.min_max(moments).as_py()
    days = (ends["max"] - ends["min"]) / _DAY if ends["min"] is not None else 0
    unit = next(name for name, most in UNITS if days <= most)
    return unit, pc.floor_temporal(moments, unit=unit)


def _after(begin: datetime, unit: str) -> datetime:
    if unit == "month":
        return (begin.replace(day=1) + 32 * _DAY).replace(day=1)
    if unit == "year":
        return begin.replace(year=begin.year + 1)
    return begin + timedelta(**{f"{unit}s": 1})


def _period(moments: Any) -> str:
    ends = compute().min_max(moments).as_py()
    first, last = (f"{moment.day} {moment:%B %Y}" for moment in (ends["min"], ends["max"]))
    return first if first == last else f"{first} to {last}"


def _count(number: int, one: str) -> str:
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def _by_bin(begins: Any, columns: Mapping[str, Any], how: str = "sum") -> list[dict[str, Any]]:
    """Give aggregates of columns for each bin: rows with `begin`, in their order."""
    pa = arrow()
    groups = Groups(1)
    numbers = groups.of([begins], len(begins))
    table = pa.table({"g": numbers, **columns})
    found = sums(table, "g", {name: (name, how) for name in columns}, len(groups))
    (bins,) = groups.columns() or [[]]
    rows = [{"begin": begin} for begin in bins]
    for name, values in found.items():
        for row, value in zip(rows, values.to_pylist(), strict=True):
            row[name] = value
    return sorted(rows, key=lambda row: row["begin"])


# --- over time -------------------------------------------------------------------------------------


def cost(tables: Mapping[str, Any], conversation: str | None, zone: str) -> Drawn:
    """What calls cost, by kind."""
    del conversation
    pc, title = compute(), "Cost of calls by kind"
    calls = tables["exchanges"].filter(pc.is_valid(tables["exchanges"]["cost"]))
    if calls.num_rows == 0:
        return title, charts.nothing(title, "no call has a known cost")
    coins = pc.value_counts(calls["currency"].cast("string")).to_pylist()
    coin = max(coins, key=lambda one: (one["counts"], one["values"] or ""))["values"] or "?"
    others = calls.num_rows
    calls = calls.filter(pc.equal(calls["currency"].cast("string"), coin))
    others -= calls.num_rows
    parts = {name: pc.fill_null(pc.cast(calls[f"cost_{name}"], "double"), 0.0) for name in _PARTS}
    columns = {kind: _total([parts[name] for name in names]) for kind, names in _COST_OF.items()}
    rest = pc.subtract(pc.cast(calls["cost"], "double"), _total(list(parts.values())))
    columns["not split"] = pc.if_else(pc.greater(pc.abs(rest), 1e-9), rest, 0.0)
    if not (amount := pc.sum(pc.cast(calls["cost"], "double")).as_py()):
        return title, charts.nothing(title, f"{_count(calls.num_rows, 'call')} cost nothing")
    coin = coin if coin.isascii() and coin.isalpha() else "?"  # it stands in a title, of which Vega makes an expression
    words = f"{_money(amount, coin)} for {_count(calls.num_rows, 'call')}"
    words += f"; {_count(others, 'call')} in other currencies not shown" if others else ""

    def form(most: float) -> str:
        return f"{'$' if coin == 'USD' else ''},.{_decimals(most / charts.TICKS)}f"

    return title, _stacked(title, words, calls["started_at"], columns, zone, f"cost in {coin}", form)


_COST_OF = {
    "audio out": ("audio_out", "minutes_out", "characters_in"), "text out": ("text_out",), "audio in": ("audio_in", "minutes_in"),
    "text in": ("text_in", "cache_write"), "image in": ("image_in",),
    "cached in": ("cached_in", "cached_audio_in", "cached_image_in"),
}  # fmt: skip
_PARTS = tuple(name for names in _COST_OF.values() for name in names)


def _money(amount: float, coin: str) -> str:
    told = f"{amount:,.{_decimals(amount / 10)}f}"
    return f"${told}" if coin == "USD" else f"{told} {coin}"


def _decimals(amount: float) -> int:
    """Give the decimals at which the first digit of an amount stands, two at least."""
    return max(2, -math.floor(math.log10(amount)))


def _total(columns: Sequence[Any]) -> Any:
    pc, whole = compute(), columns[0]
    for column in columns[1:]:
        whole = pc.add(whole, column)
    return whole


def tokens(tables: Mapping[str, Any], conversation: str | None, zone: str) -> Drawn:
    """Tokens that were billed, by kind."""
    del conversation
    pc, title, calls = compute(), "Tokens by kind", tables["exchanges"]
    known = {name: pc.fill_null(calls[name], 0) for name in calls.schema.names if name.startswith(("input", "output"))}
    plain = pc.subtract(known["input_cached"], pc.add(known["input_cached_audio"], known["input_cached_image"]))
    columns = {
        "audio out": known["output_audio"],
        "text out": known["output_text"],
        "audio in": _rest(known["input_audio"], known["input_cached_audio"]),
        "text in": _rest(known["input_text"], plain),
        "image in": _rest(known["input_image"], known["input_cached_image"]),
        "cached in": known["input_cached"],
    }
    whole = pc.sum(_total(list(columns.values()))).as_py() or 0
    if not whole:
        return title, charts.nothing(title, "no call has said what it used")
    words = f"{charts.short(whole)} tokens of {_count(calls.num_rows, 'call')}"
    return title, _stacked(title, words, calls["started_at"], columns, zone, "tokens", lambda _: "~s")


def _rest(whole: Any, part: Any) -> Any:
    pc = compute()
    return pc.max_element_wise(pc.subtract(whole, part), 0)


def _stacked(
    title: str, words: str, times: Any, columns: Mapping[str, Any], zone: str, unit: str, form: Callable[[float], str]
) -> Any:  # fmt: skip
    """Draw sums of columns over time; `form` gives how a value is written, of the highest bar."""
    moments = local(times, zone)
    size, begins = _binned(moments)
    bins = _by_bin(begins, columns)
    rows = [
        {"begin": row["begin"], "end": _after(row["begin"], size), "kind": kind, "value": row[kind]}
        for row in bins
        for kind in KINDS
        if row.get(kind)
    ]
    most = max(sum(row.get(kind, 0) for kind in KINDS) for row in bins)
    kinds = [kind for kind in KINDS if any(row["kind"] == kind for row in rows)]
    return charts.stacked(title, f"{words}, {_period(moments)}", rows, kinds, f"{unit} {_A[size]}", _axis(size, zone), form(most))


def _axis(size: str, zone: str) -> str:
    return f"{size} ({safe(zone)})"


def audio(tables: Mapping[str, Any], conversation: str | None, zone: str) -> Drawn:
    """How many turns are spoken, and how earlier speech was sent."""
    del conversation
    pc, title = compute(), "Spoken turns, and how earlier speech is sent"
    turns = tables["turns"].filter(pc.invert(tables["turns"]["shared"]))
    calls = tables["exchanges"]
    spoken = pc.or_(pc.is_valid(turns["user_audio_seconds"]), pc.is_valid(turns["assistant_audio_seconds"]))
    if not pc.any(spoken).as_py():
        return title, charts.nothing(title, "nobody spoke" if turns.num_rows else "there are no turns")
    moments = arrow().chunked_array([*local(turns["started_at"], zone).chunks, *local(calls["started_at"], zone).chunks])
    size, begins = _binned(moments)
    begins = begins.combine_chunks()
    first = begins.slice(0, turns.num_rows)
    shares = _by_bin(first, {"spoken": spoken.cast("int64"), "all": pc.fill_null(spoken.cast("int64"), 0)})
    counts = {row["begin"]: row["all"] for row in _by_bin(first, {"all": first}, "count")}
    above = [
        {"begin": row["begin"], "end": _after(row["begin"], size), "share": row["spoken"] / counts[row["begin"]]}
        for row in shares
    ]
    sent = {"by its id": calls["sent_references"], "as its words": calls["sent_transcripts"]}
    columns = {name: pc.fill_null(column, 0) for name, column in sent.items()}
    below = []
    for row in _by_bin(begins.slice(turns.num_rows), columns):
        whole = sum(row[name] for name in columns)
        times = {"begin": row["begin"], "end": _after(row["begin"], size)}
        below += [{**times, "kind": name, "share": row[name] / whole} for name in columns if whole]
    known = {name: pc.sum(column).as_py() or 0 for name, column in columns.items()}
    all_sent = sum(known.values())
    words = f"{pc.mean(spoken.cast('int64')).as_py():.0%} of {_count(turns.num_rows, 'turn')} spoken"
    words += f"; {known['as its words'] / all_sent:.0%} of earlier speech fell back to words" if all_sent else ""
    return title, charts.audio(title, f"{words}, {_period(moments)}", above, below, _axis(size, zone))


def activity(tables: Mapping[str, Any], conversation: str | None, zone: str) -> Drawn:
    """When turns begin."""
    del conversation
    pc, title = compute(), "Turns by weekday and hour"
    turns = tables["turns"].filter(pc.invert(tables["turns"]["shared"]))
    if turns.num_rows == 0:
        return title, charts.nothing(title, "there are no turns")
    moments = local(turns["started_at"], zone)
    table = arrow().table({"day": pc.day_of_week(moments), "hour": pc.hour(moments)})
    found = table.group_by(["day", "hour"], use_threads=False).aggregate([([], "count_all")]).to_pylist()
    known = {(row["day"], row["hour"]): row["count_all"] for row in found}
    rows = [{"day": day, "hour": hour, "turns": known.get((day, hour), 0)} for day in range(7) for hour in range(24)]
    return title, charts.activity(title, f"{_count(turns.num_rows, 'turn')}, {_period(moments)}", rows, f"hour ({safe(zone)})")


# --- distributions ---------------------------------------------------------------------------------


def latency(tables: Mapping[str, Any], conversation: str | None, zone: str) -> Drawn:
    """How long answers take."""
    del conversation
    pc, title, calls = compute(), "How long answers take", tables["exchanges"]
    answered = calls.filter(pc.is_in(calls["status"].cast("string"), arrow().array(["done", "interrupted", "late"])))
    series = {
        "call: until the answer begins": answered["first_byte_seconds"],
        "call: until it is complete": answered["duration_seconds"],
        "turn: from question to first answer": tables["turns"]["response_seconds"],
    }
    panels = [found for name, column in series.items() if (found := _distribution(name, column)) is not None]
    if not panels:
        return title, charts.nothing(title, "no call has a known duration")
    moments = local(answered["started_at"], zone)
    words = f"{_count(answered.num_rows, 'answered call')}, {_period(moments)}" if answered.num_rows else "turns only"
    return title, charts.distributions(title, words, panels)


def _distribution(name: str, column: Any) -> dict[str, Any] | None:
    pa, pc = arrow(), compute()
    values = column.combine_chunks().drop_null()
    values = values.filter(pc.greater(values, 0))
    if not len(values):
        return None
    bars = pc.floor(pc.multiply(pc.log10(values), STEPS))
    counts = pc.value_counts(bars).to_pylist()
    zeros = pa.array([0] * len(values), "int64")
    median, tail = (one[0].as_py() for one in quantiles(zeros, values, (0.5, 0.95), 1))
    rows = [
        {"low": 10 ** (one["values"] / STEPS), "high": 10 ** ((one["values"] + 1) / STEPS), "share": one["counts"] / len(values)}
        for one in counts
    ]
    return {"name": name, "rows": rows, "median": median, "p95": tail}


def talk(tables: Mapping[str, Any], conversation: str | None, zone: str) -> Drawn:
    """How much of the speech is the assistant's."""
    del conversation, zone
    pa, pc, title = arrow(), compute(), "Who does the talking"
    turns = tables["turns"].filter(pc.invert(tables["turns"]["shared"]))
    voices = ("user_audio_seconds", "assistant_audio_seconds")
    groups = Groups(2)
    numbers = groups.of([turns["owner"], turns["conversation"]], turns.num_rows)
    table = pa.table({"g": numbers, **{voice: turns[voice] for voice in voices}})
    found = sums(table, "g", {voice: (voice, "sum") for voice in voices}, len(groups))
    users, assistant = (pc.fill_null(found[voice], 0.0) for voice in voices)
    both = pc.add(users, assistant)
    shares = pc.divide(assistant, pc.if_else(pc.greater(both, 0.0), both, None)).drop_null()
    if not len(shares):
        return title, charts.nothing(title, "no conversation has speech of known length")
    bars = pc.value_counts(pc.min_element_wise(pc.floor(pc.multiply(shares, SHARES)), SHARES - 1)).to_pylist()
    rows = [{"low": one["values"] / SHARES, "high": (one["values"] + 1) / SHARES, "count": one["counts"]} for one in bars]
    ((median,),) = (one.to_pylist() for one in quantiles(pa.array([0] * len(shares), "int64"), shares, (0.5,), 1))
    seconds = pc.sum(both).as_py()
    words = f"{_count(len(shares), 'conversation')} with {_hours(seconds)} of speech"
    return title, charts.talk(title, words, rows, median)


def _hours(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 1:
        return f"{seconds:.0f} seconds"
    return f"{minutes / 60:,.1f} hours" if minutes >= 100 else f"{minutes:,.1f} minutes"  # noqa: PLR2004 - minutes that one still counts


# --- one conversation ------------------------------------------------------------------------------


def expiry(tables: Mapping[str, Any], conversation: str | None, zone: str) -> Drawn:
    """How long ids were valid, and when calls were made."""
    pc, title = compute(), "Spoken replies: until when they could be sent by their ids"
    heard, calls = (
        table.filter(pc.equal(table["conversation"], conversation)) for table in (tables["audio"], tables["exchanges"])
    )
    replies = heard.filter(pc.and_(pc.equal(heard["source"].cast("string"), "reply"), pc.is_valid(heard["expires_at"])))
    if replies.num_rows == 0:
        return title, charts.nothing(title, "no reply of this conversation has an id that expires")
    last = replies.sort_by("position").slice(max(0, replies.num_rows - REPLIES))
    begins, ends = (local(last[name], zone).to_pylist() for name in ("created_at", "expires_at"))
    said = zip(last["position"].to_pylist(), last["transcript"].to_pylist(), begins, ends, strict=True)
    rows = [{"reply": _label(place, text), "begin": begin, "end": max(begin, end)} for place, text, begin, end in said]
    marks = [
        {"time": time, "sent": "some as its words" if words else "all by its id" if ids else "none there yet"}
        for time, ids, words in zip(
            local(calls["started_at"], zone).to_pylist(),
            calls["sent_references"].to_pylist(),
            calls["sent_transcripts"].to_pylist(),
            strict=True,
        )
        if time >= begins[0] or len(rows) == replies.num_rows
    ]
    words = f"{_count(replies.num_rows, 'spoken reply').replace('replys', 'replies')}, {_count(calls.num_rows, 'call')}"
    words += f", {_period(local(replies['created_at'], zone))}; a bar lasts while the id of a reply is valid"
    words += f"; the last {REPLIES} are shown" if replies.num_rows > REPLIES else ""
    return title, charts.expiry(title, words, rows, marks, f"time ({safe(zone)})")


def _label(position: int, text: str | None) -> str:
    said = " ".join(safe(text or "").split())
    short = said if len(said) <= _LABEL else f"{said[: _LABEL - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}"
    return f"{position}  {short}".strip()


DRAWN: Mapping[str, Callable[[Mapping[str, Any], str | None, str], Drawn]] = {
    "cost": cost, "tokens": tokens, "latency": latency, "talk": talk, "audio": audio, "expiry": expiry, "activity": activity,
}  # fmt: skip
