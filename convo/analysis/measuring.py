"""Measures of conversations, counted batch by batch from the tables; what they are stands in `convo.analysis.measured`."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from convo.analysis.arrow import arrow, schema_of, type_of
from convo.analysis.columns import AUDIO, EXCHANGES, MESSAGES, TURNS, Description
from convo.analysis.grouping import Groups, compute, encoded
from convo.analysis.measured import KEYS, MEASURES
from convo.analysis.summing import results
from convo.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROWS = 32_768
"""That are counted at once: so few that numbers of their combinations fit 64 bits."""
NEEDED: Mapping[str, tuple[Description, tuple[str, ...]]] = {
    "turns": (
        TURNS,
        (
            "owner", "conversation", "turn", "first_position", "started_at", "ended_at", "response_seconds",
            "user_audio_seconds", "assistant_audio_seconds", "model", "shared",
        ),
    ),
    "messages": (
        MESSAGES,
        (
            "owner", "conversation", "position", "role", "kind", "status", "text", "created_at", "model", "tool_calls", "shared",
        ),
    ),
    "audio": (
        AUDIO,
        ("owner", "conversation", "position", "source", "role", "created_at", "duration_seconds", "model", "shared"),
    ),
    "exchanges": (
        EXCHANGES,
        (
            "owner", "conversation", "started_at", "status", "model", "first_byte_seconds", "recoveries", "spoken",
            "input_tokens", "output_tokens", "cost", "currency", "sent_references", "sent_transcripts",
        ),
    ),
}  # fmt: skip
"""The tables in the order in which they are counted, and what is read of them: turns first, for they have the models."""
_WORD, _APOSTROPHES = r"[^\p{L}\p{M}\p{N}'’-]+", "'’-"  # noqa: RUF001 - the apostrophe of books
_SAID = ("user", "assistant")
_VOICE = 1 << 31


def measures(tables: Any, by: str | Sequence[str] = "conversation") -> Any:
    """Give the measures of `convo.analysis.measured` as a `pyarrow.Table`: a row for each conversation, owner, model or day.

        convo.analysis.measures(store.tables(), by="model")
        convo.analysis.measures({"messages": polars.read_parquet("out/messages/**/*.parquet"), "turns": ..., ...})

    `tables` has "turns", "messages", "audio" and "exchanges", as attributes or by name: each a `Table` of `store.tables()`, or
    what else gives the same columns as an Arrow stream, such as a frame of an export. `by` may name several; by () all is one
    row. `print(convo.analysis.MEASURES)` says what the columns are.

    Raises `InputError` for another `by`, or a table that lacks a column; `MissingDependency` without the extra `analysis`.
    """
    pa, counting = arrow(), Measuring(by)
    for name in NEEDED:
        table = tables[name] if hasattr(tables, "keys") else getattr(tables, name, None)
        if not hasattr(table, "__arrow_c_stream__"):
            reason = f"measures() needs the table {name!r} as an Arrow stream; of an async store, await tables().measures()"
            raise InputError(reason)
        for batch in pa.RecordBatchReader.from_stream(table):
            counting.add(name, batch)
    return counting.table()


class Measuring:
    """Counts, so far, of what was added; the tables come in the order of `NEEDED`. Raises `InputError`."""

    def __init__(self, by: str | Sequence[str] = "conversation") -> None:
        names = [by] if isinstance(by, str) and by else list(by)
        if wrong := [name for name in names if name not in KEYS]:
            reason = f"by={wrong[0]!r} is not known; use {', '.join(map(repr, KEYS))}, several of them, or () for one row"
            raise InputError(reason)
        found = {column.name: column for name in names for column in KEYS[name]}
        self._keys = [found[name] for name in ("owner", "conversation", "model", "day") if name in found]
        self._groups = Groups(len(self._keys))
        self._spans = Groups(3)
        self._words = Groups(1)
        self._models: dict[Any, tuple[list[int], list[str | None]]] = {}
        self._parts: dict[str, list[Any]] = {name: [] for name in (*NEEDED, "words", "tools")}

    def add(self, name: str, batch: Any) -> None:
        """Count the rows of a record batch of a table. Raises `InputError` where it lacks a column."""
        described, wanted = NEEDED[name]
        if lacking := [column for column in wanted if column not in batch.schema.names]:
            reason = f"the table {name!r} has no column {lacking[0]!r}; pass it as store.tables() or an export gives it"
            raise InputError(reason)
        kinds = {column.name: column.kind for column in described}
        for start in range(0, batch.num_rows, ROWS):
            some = batch.slice(start, ROWS)
            columns = {one: _plain(some.column(one), kinds[one]) for one in wanted}
            self._add(name, arrow().table(columns), described.time)

    def _add(self, name: str, rows: Any, time: str) -> None:
        pc = compute()
        if name == "turns" and self._has("model"):
            self._note_models(rows)
        if "shared" in rows.schema.names:
            rows = rows.filter(pc.invert(rows["shared"]))
        if self._has("model") and name != "exchanges":
            rows = rows.set_column(rows.schema.get_field_index("model"), "model", self._model_of(name, rows))
        keys = [pc.cast(rows[time], "date32") if key.name == "day" else rows[key.name] for key in self._keys]
        rows = rows.append_column("g", self._groups.of(keys, rows.num_rows))
        self._parts[name].append(self._counted(rows) if name == "messages" else _slim(name, rows))

    def _has(self, key: str) -> bool:
        return any(one.name == key for one in self._keys)

    # --- models ------------------------------------------------------------------------------------

    def _note_models(self, rows: Any) -> None:
        columns = (rows[name].to_pylist() for name in ("owner", "conversation", "first_position", "model"))
        for owner, conversation, position, model in zip(*columns, strict=True):
            positions, models = self._models.setdefault((owner, conversation), ([], []))
            place = bisect_right(positions, position)
            positions.insert(place, position)
            models.insert(place, model)

    def _model_of(self, name: str, rows: Any) -> Any:
        """Give the model of the turn of each row, or its own before the first turn."""
        if name == "turns":
            return rows["model"]
        found = []
        columns = (rows[column].to_pylist() for column in ("owner", "conversation", "position", "model"))
        for owner, conversation, position, own in zip(*columns, strict=True):
            positions, models = self._models.get((owner, conversation), ((), ()))
            place = bisect_right(positions, position)
            found.append(models[place - 1] if place else own)
        return arrow().array(found, "string")

    # --- messages ----------------------------------------------------------------------------------

    def _counted(self, rows: Any) -> Any:
        """Give sums of messages for each conversation of each group; note words and names of tools beside."""
        pa, pc = arrow(), compute()
        spans = self._spans.of([rows[name] for name in ("g", "owner", "conversation")], rows.num_rows)
        is_message = pc.equal(rows["kind"], "message")
        by_role = {role: pc.and_(is_message, pc.equal(rows["role"], role)) for role in (*_SAID, "tool")}
        words = self._note_words(rows, by_role)
        calls = pc.if_else(by_role["assistant"], pc.fill_null(pc.list_value_length(rows["tool_calls"]), 0), 0)
        self._note_tools(rows)
        broken = pc.and_(by_role["assistant"], pc.equal(rows["status"], "interrupted"))
        counts = {
            "user_messages": by_role["user"], "assistant_messages": by_role["assistant"], "tool_results": by_role["tool"],
            "user_words": words["user"], "assistant_words": words["assistant"], "interruptions": broken, "tool_calls": calls,
        }  # fmt: skip
        values = {name: pc.cast(pc.fill_null(column.cast("int64"), 0), "int64") for name, column in counts.items()}
        table = pa.table({"s": spans, "g": rows["g"], "created_at": rows["created_at"], **values})
        wanted = [("created_at", how) for how in ("min", "max", "count")] + [(name, "sum") for name in values]
        return table.group_by(["s", "g"], use_threads=False).aggregate(wanted)

    def _note_words(self, rows: Any, by_role: Mapping[str, Any]) -> dict[str, Any]:
        """Note the different words of each group and voice; give how many words of each voice a row has."""
        pa, pc = arrow(), compute()
        said = pc.and_(pc.or_(by_role["user"], by_role["assistant"]), pc.not_equal(rows["status"], "redacted"))
        texts = pc.if_else(said, rows["text"], None).combine_chunks()
        pieces = pc.split_pattern_regex(pc.utf8_lower(texts), _WORD)
        rows_of, found = pc.list_parent_indices(pieces), pc.utf8_trim(pc.list_flatten(pieces), _APOSTROPHES)
        there = pc.not_equal(found, "")
        rows_of, coded = rows_of.filter(there), encoded(found.filter(there))
        numbers = self._words.of([coded.dictionary], len(coded.dictionary)).take(coded.indices)
        groups, voices = (column.combine_chunks().take(rows_of) for column in (rows["g"], by_role["assistant"]))
        codes = pc.add(numbers, pc.add(pc.multiply(groups, 2 * _VOICE), pc.multiply(voices.cast("int64"), _VOICE)))
        self._parts["words"].append(pc.unique(codes))
        counts = pa.table({"row": rows_of.cast("int64")}).group_by("row", use_threads=False).aggregate([([], "count_all")])
        places = pc.index_in(pa.array(range(rows.num_rows), "int64"), counts["row"].combine_chunks())
        lengths = pc.fill_null(counts["count_all"].combine_chunks().take(places), 0)
        return {role: pc.if_else(by_role[role], lengths, 0) for role in _SAID}

    def _note_tools(self, rows: Any) -> None:
        """Note the names of tools that were called, in each group once."""
        pa, pc = arrow(), compute()
        calls = rows["tool_calls"].combine_chunks()
        names = pc.struct_field(pc.list_flatten(calls), "name")
        groups = rows["g"].combine_chunks().take(pc.list_parent_indices(calls))
        table = pa.table({"g": groups, "name": names}).group_by(["g", "name"], use_threads=False).aggregate([])
        self._parts["tools"].append(table)

    # --- the end -----------------------------------------------------------------------------------

    def table(self) -> Any:
        """Give the measures as a `pyarrow.Table`, in the order of the keys."""
        pa = arrow()
        count = len(self._groups)
        found = results(self._parts, count)
        keys = dict(zip([key.name for key in self._keys], self._groups.columns(), strict=True)) if count else {}
        described = Description(MEASURES.name, MEASURES.row, MEASURES.time, (*self._keys, *MEASURES.columns))
        schema = schema_of(described)
        arrays = [_typed(found.get(one.name, keys.get(one.name, [])), schema.field(one.name).type) for one in described]
        table = pa.Table.from_arrays(arrays, schema=schema)
        if not self._keys:
            return table
        plain = pa.table({key.name: _plain(table[key.name], key.kind) for key in self._keys})
        return table.take(compute().sort_indices(plain, [(key.name, "ascending") for key in self._keys]))


def _typed(values: Any, kind: Any) -> Any:
    pa = arrow()
    if pa.types.is_dictionary(kind):
        return _typed(values, kind.value_type).dictionary_encode().cast(kind)
    return pa.array(values, kind) if isinstance(values, list) else values.cast(kind)


def _plain(column: Any, kind: Any) -> Any:
    """Give a column without dictionaries, of the type that it has in a table of the store."""
    wanted = arrow().string() if kind == "word" else type_of(kind)
    if hasattr(column, "dictionary"):
        return column.dictionary.cast(wanted).take(column.indices)
    return column.cast(wanted)


_KEPT = {
    "turns": NEEDED["turns"][1],
    "audio": ("owner", "conversation", "position", "source", "role", "duration_seconds"),
    "exchanges": NEEDED["exchanges"][1][3:],
}


def _slim(name: str, rows: Any) -> Any:
    kept = [column for column in _KEPT[name] if column not in ("shared", "model", "started_at" if name == "audio" else "")]
    return rows.select([*kept, "g"])
