"""Exports: partitioned files that polars, DuckDB and spreadsheets read, whole whatever happens, and none twice."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

import convo
from convo.analysis.columns import TABLES
from convo.steps import exporting
from convo.steps import tables as table_steps
from convo.store import exported
from tests.analysis.test_tables import CALLED, rows, talk

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Database

NAMES = [one.name for one in TABLES]


def files(folder: Path, ending: str = "parquet") -> list[Path]:
    return sorted(folder.glob(f"*/month=*/*.{ending}"))


def read(folder: Path, name: str) -> list[dict[str, Any]]:
    found = [pq.ParquetFile(path).read() for path in files(folder) if path.parts[-3] == name]
    return [row for table in found for row in table.to_pylist()]


def query(text: str) -> Any:
    return duckdb.sql(text)


def fill(store: Any, client: Any, clock: Any) -> None:
    """Conversations in three months."""
    for number in range(3):
        talk(store, client, title=f"Talk {number}", metadata={"n": number})
        clock.advance(timedelta(days=31))
    store.create(messages=CALLED).fork(3)


def test_parquet_holds_what_the_tables_hold(store: Any, client: Any, clock: Any, tmp_path: Path) -> None:
    fill(store, client, clock)
    done = store.export(tmp_path / "out")
    assert done.rows == {name: len(rows(getattr(store.tables(), name))) for name in NAMES}
    for name in NAMES:
        expected = rows(getattr(store.tables(), name))
        assert sorted(map(repr, read(tmp_path / "out", name))) == sorted(map(repr, expected))
    months = {path.parent.name for path in files(tmp_path / "out")}
    assert months == {"month=2026-11", "month=2026-12", "month=2027-01", "month=2027-02"}
    assert (done.files, done.format) == (len(files(tmp_path / "out")), "parquet")
    assert done.bytes == sum(path.stat().st_size for path in files(tmp_path / "out"))


def test_polars_and_duckdb_read_partitions(store: Any, client: Any, clock: Any, tmp_path: Path) -> None:
    fill(store, client, clock)
    store.export(tmp_path / "out")
    frame = pl.scan_parquet(tmp_path / "out/messages/**/*.parquet", hive_partitioning=True)
    assert frame.filter(pl.col("month") == "2026-11").select(pl.len()).collect().item() == 5
    where = f"read_parquet('{tmp_path}/out/messages/*/*.parquet', hive_partitioning = true)"
    found = query(f"SELECT month, count(*) FROM {where} GROUP BY month ORDER BY month").fetchall()
    assert found == [("2026-11", 5), ("2026-12", 5), ("2027-01", 5), ("2027-02", 8)]
    cost = query(f"SELECT sum(cost) FROM '{tmp_path}/out/exchanges/*/*.parquet'").fetchall()
    assert cost == [(store.usage().cost.amount,)]
    kinds = dict(query(f"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM {where})").fetchall())
    assert (kinds["created_at"], kinds["role"], kinds["turn"]) == ("TIMESTAMP WITH TIME ZONE", "VARCHAR", "BIGINT")


def test_parquet_keeps_the_types_and_the_descriptions(store: Any, client: Any, clock: Any, tmp_path: Path) -> None:
    fill(store, client, clock)
    store.export(tmp_path / "out", tables="exchanges")
    (first, *_) = files(tmp_path / "out")
    schema = pq.ParquetFile(first).schema_arrow
    assert schema == store.tables().exchanges.schema
    assert schema.field("cost").type == pa.decimal128(38, 12)
    assert schema.field("cost").metadata[b"comment"].startswith(b"as recorded")


def test_lines_of_json_are_exact(store: Any, client: Any, clock: Any, tmp_path: Path) -> None:
    fill(store, client, clock)
    store.create(messages=[{"role": "user", "content": '=1+1\u2028"\n\N{GRINNING FACE}'}])
    store.export(tmp_path / "out", format="jsonl", tables=["messages", "exchanges"])
    text = "".join(path.read_text("ascii") for path in files(tmp_path / "out", "jsonl") if path.parts[-3] == "messages")
    found = [json.loads(line) for line in text.splitlines()]
    expected = rows(store.tables().messages)
    assert sorted(row["text"] for row in found) == sorted(row["text"] for row in expected)
    assert sorted(row["created_at"] for row in found) == sorted(row["created_at"].isoformat() for row in expected)
    lines = [line for path in files(tmp_path / "out", "jsonl") for line in path.read_text("ascii").splitlines()]
    calls = [json.loads(line) for line in lines if '"cost"' in line]
    assert {row["cost"] for row in calls} == {f"{row['cost']:f}" for row in rows(store.tables().exchanges)}


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", '"=1', "'=1", "\uff1d1", "\uff0b1", "\uff20x", "\0=1"]


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_of_csv_is_a_formula(store: Any, tmp_path: Path, formula: str) -> None:
    store.create(messages=[{"role": "user", "content": formula}], title="=cmd|' /C calc'!A0")
    calls = [{"id": "=1", "type": "function", "function": {"name": "=1", "arguments": formula}}]
    store.create(messages=[{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": calls}])
    store.export(tmp_path / "out", format="csv", tables=["messages", "conversations"])
    texts = [path.read_bytes().decode() for path in files(tmp_path / "out", "csv")]
    cells = [cell for text in texts for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert len(cells) > 60
    assert not [cell for cell in cells if cell.lstrip(" \t\r\n\"'")[:1] in "=+-@\uff1d\uff0b\uff20" and cell[:1] not in ("'", "")]
    assert not [cell for cell in cells if "\0" in cell or "\r" in cell]


# --- killed, and exported again --------------------------------------------------------------------


class _Killed(BaseException):
    pass


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("step", ["segment", "saved"])
def test_what_was_killed_anywhere_goes_on_and_loses_and_doubles_nothing(
    store: Any, client: Any, clock: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, step: str
) -> None:
    fill(store, client, clock)
    expected = {name: sorted(map(repr, rows(getattr(store.tables(), name)))) for name in NAMES}
    for name in ("FIRST", "LEAST", "MOST"):
        monkeypatch.setattr(table_steps, name, size)
    monkeypatch.setattr(exporting, "SEGMENT", 1)
    whole, count = getattr(exported, step), 0

    def killed(*arguments: Any) -> Any:
        nonlocal count
        found = whole(*arguments)
        count += 1
        if count % 4 == 0:
            raise _Killed
        return found

    monkeypatch.setattr(exported, step, killed)
    for _ in range(500):
        try:
            store.export(tmp_path / "out")
            break
        except _Killed:
            if manifest(tmp_path / "out")["runs"][-1]["done"]:
                break
    assert {name: sorted(map(repr, read(tmp_path / "out", name))) for name in NAMES} == expected
    named = {file["path"] for run in manifest(tmp_path / "out")["runs"] for t in run["tables"].values() for file in t["files"]}
    assert {path.relative_to(tmp_path / "out").as_posix() for path in files(tmp_path / "out")} == named


def test_an_export_that_goes_on_in_a_conversation_that_is_shorter_by_then_numbers_the_next_one_from_its_begin(
    store: Any, clock: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long, short = (
        store.create(messages=[{"role": role, "content": "So."} for role in ("user", "assistant") * times]) for times in (5, 2)
    )
    for name in ("FIRST", "LEAST", "MOST"):
        monkeypatch.setattr(table_steps, name, 2)
    monkeypatch.setattr(exporting, "SEGMENT", 1)
    whole = exported.saved

    def killed(folder: str, told: dict[str, Any]) -> None:
        whole(folder, told)
        at = told["runs"][-1]["tables"].get("messages", {}).get("at")
        if at is not None and at["since"] > 6:
            raise _Killed

    with monkeypatch.context() as patch:
        patch.setattr(exported, "saved", killed)
        with pytest.raises(_Killed):
            store.export(tmp_path / "out", tables="messages")
    long.edit(1, "Once more?")
    store.export(tmp_path / "out", tables="messages")
    found = [row["turn"] for row in read(tmp_path / "out", "messages") if row["conversation"] == str(short.id)]
    assert sorted(found) == [1, 1, 2, 2]


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "_convo.json").read_text())
    return found


def test_an_export_adds_what_is_new_and_nothing_twice(store: Any, client: Any, clock: Any, tmp_path: Path) -> None:
    fill(store, client, clock)
    store.export(tmp_path / "out")
    clock.advance(1)
    store.create(messages=CALLED)
    clock.advance(1)
    done = store.export(tmp_path / "out", since="last")
    assert done.rows == {"conversations": 1, "messages": 5, "audio": 0, "exchanges": 0, "turns": 1}
    assert len(read(tmp_path / "out", "messages")) == len(rows(store.tables().messages))
    again = store.export(tmp_path / "out", since="last")
    assert (again.files, sum(again.rows.values())) == (0, 0)


def test_a_folder_of_something_else_is_left_as_it_is(store: Any, clock: Any, tmp_path: Path) -> None:
    store.create(messages=CALLED)
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    with pytest.raises(convo.ExportConflict):
        store.export(other)
    assert [path.name for path in other.iterdir()] == ["mine.txt"]
    store.export(tmp_path / "out")
    before = sorted(path.name for path in (tmp_path / "out").rglob("*"))
    for more in ({}, {"format": "csv", "since": "last"}, {"tables": ["turns"]}, {"since": clock() - timedelta(days=1)}):
        with pytest.raises(convo.ExportConflict):
            store.export(tmp_path / "out", **more)
    with pytest.raises(convo.ExportConflict):
        store.owned_by("another").export(tmp_path / "out", since="last")
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == before


def hides_digits(text: str) -> str:
    return text.translate(dict.fromkeys(range(48, 58), "#"))


def hides_all(text: str) -> str:
    return "#" * len(text)


def replaces(name: str) -> Any:
    return lambda text: text.replace(name, "#")


SECRET = "0123456789abcdef"
OTHERWISE: list[tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]] = [
    ({}, {"format": "csv"}, ("format",)),
    ({}, {"tables": ["turns", "messages"], "format": "jsonl"}, ("format", "tables")),
    ({"metadata": {"n": 1}}, {"metadata": {"n": 2}}, ("metadata",)),
    ({"metadata": {"n": 1}}, {"metadata": {"n": True}}, ("metadata",)),
    ({}, {"until": datetime(2026, 1, 1, tzinfo=UTC)}, ("until",)),
    ({}, {"anonymous": convo.Anonymous(SECRET)}, ("anonymous",)),
    ({"anonymous": convo.Anonymous(SECRET)}, {"anonymous": convo.Anonymous(SECRET[::-1], redact=hides_all)}, ("anonymous",)),
    ({"anonymous": convo.Anonymous(SECRET)}, {"anonymous": convo.Anonymous(SECRET, redact=hides_all)}, ("redact",)),
    *(
        ({"anonymous": convo.Anonymous(SECRET, redact=one)}, {"anonymous": convo.Anonymous(SECRET, redact=other)}, ("redact",))
        for one, other in (
            (hides_digits, hides_all),
            (lambda text: text.upper(), lambda text: text.lower()),
            (replaces("Ada"), replaces("Bob")),
            (partial(re.sub, "[0-9]", "#"), partial(re.sub, "[0-9]", "*")),
            (str.upper, str.lower),
        )
    ),
]


@pytest.mark.parametrize(("begun", "other", "differs"), OTHERWISE)
def test_an_export_goes_on_only_with_what_it_was_begun_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: Any, other: Any, differs: tuple[str, ...]
) -> None:
    store = convo.Store(f"sqlite:///{tmp_path}/chat.db")
    store.create(messages=CALLED, metadata={"n": 1})

    def killed(*_: Any) -> None:
        raise _Killed

    with monkeypatch.context() as patch:
        patch.setattr(exported, "segment", killed)
        with pytest.raises(_Killed):
            store.export(tmp_path / "out", **begun)
    before = manifest(tmp_path / "out")
    with pytest.raises(convo.ExportConflict, match="pass what it was begun with") as raised:
        store.export(tmp_path / "out", **other)
    assert raised.value.differs == differs
    assert manifest(tmp_path / "out") == before
    assert store.export(tmp_path / "out", **begun).rows["messages"] == len(CALLED)
    if differs != ("until",):
        with pytest.raises(convo.ExportConflict):
            store.export(tmp_path / "out", **{**other, "since": "last"})
    store.close()


def test_a_function_is_the_same_in_every_process_and_of_other_pythons_by_its_name(store: Any, tmp_path: Path) -> None:
    store.create(messages=CALLED)
    store.export(tmp_path / "out", anonymous=convo.Anonymous(SECRET, redact=replaces("Ada")))
    store.export(tmp_path / "out", anonymous=convo.Anonymous(SECRET, redact=replaces("Ada")), since="last")
    found = manifest(tmp_path / "out")
    found["what"]["redact"][1:] = ["3.8", "another"]
    (tmp_path / "out/_convo.json").write_text(json.dumps(found))
    store.export(tmp_path / "out", anonymous=convo.Anonymous(SECRET, redact=replaces("Ada")), since="last")
    with pytest.raises(convo.ExportConflict):
        store.export(tmp_path / "out", anonymous=convo.Anonymous(SECRET, redact=hides_all), since="last")


def test_the_order_of_the_tables_does_not_matter(store: Any, tmp_path: Path) -> None:
    store.export(tmp_path / "out", tables=["turns", "messages", "turns"])
    store.export(tmp_path / "out", tables=["messages", "turns"], since="last")


# --- committed late --------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", ["parquet", "csv"])
@pytest.mark.parametrize("secret", [None, SECRET])
def test_what_was_committed_after_an_export_is_in_the_next_one_once(
    database: Database, clock: Any, tmp_path: Path, format_: Any, secret: str | None
) -> None:
    """Two connections: one has written and not committed while the export is made."""
    anonymous = secret and convo.Anonymous(secret, redact=str)
    options = {**database.options, "owner": f"late-{uuid4()}"}
    asked = {"format": format_, "anonymous": anonymous}

    def told(since: Any = None) -> dict[str, int]:
        done = store.export(tmp_path / "out", **asked, since=since)
        return {name: done.rows[name] for name in ("conversations", "messages", "turns")}

    with convo.Store(database.url, clock=clock, **options) as store:
        early = store.create(messages=CALLED)
        engine = sa.create_engine(database.url)
        with engine.connect() as connection, connection.begin():
            late = store.within(connection)
            late.get(early.id).add("Late.")
            late.create(messages=CALLED[:1])
            clock.advance(timedelta(minutes=20))
            assert told() == {"conversations": 1, "messages": 5, "turns": 1}
        engine.dispose()
        assert told("last") == {"conversations": 1, "messages": 2, "turns": 2}
        assert told("last") == {"conversations": 0, "messages": 0, "turns": 0}
        clock.advance(timedelta(minutes=30))
        early.add("Later.")
        clock.advance(timedelta(minutes=20))
        assert told("last") == {"conversations": 0, "messages": 1, "turns": 0}
        assert told("last") == {"conversations": 0, "messages": 0, "turns": 0}
        for run in manifest(tmp_path / "out")["runs"][:-1]:
            assert not any(state["recent"] for state in run["tables"].values())


def test_what_is_to_come_is_for_the_next_export(store: Any, clock: Any, tmp_path: Path) -> None:
    store.create(messages=CALLED)
    store.export(tmp_path / "out", tables="messages", until=clock() + timedelta(days=1))
    clock.advance(timedelta(hours=1))
    store.create(messages=CALLED)
    assert store.export(tmp_path / "out", tables="messages", since="last").rows == {"messages": len(CALLED)}


def test_one_export_at_a_time_writes_to_a_folder(store: Any, tmp_path: Path) -> None:
    store.create(messages=CALLED)
    other = exported.claimed(str(tmp_path / "out"))
    with pytest.raises(convo.ExportConflict, match="that is being written"):
        store.export(tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [exported.LOCK]
    other.close()
    assert store.export(tmp_path / "out").rows["messages"] == len(CALLED)
    assert store.export(tmp_path / "out", since="last").rows["messages"] == 0


@pytest.mark.parametrize("text", ["", "{}", "[]", "{", '{"convo": "export", "version": 99, "what": 1, "runs": []}'])
def test_a_manifest_that_cannot_be_read_is_refused(store: Any, tmp_path: Path, text: str) -> None:
    (tmp_path / "_convo.json").write_text(text)
    with pytest.raises(convo.ExportConflict):
        store.export(tmp_path)


BAD: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"format": "xlsx"}, convo.InputError),
    ({"tables": ["nothing"]}, convo.InputError),
    ({"tables": []}, convo.InputError),
    ({"since": "yesterday"}, convo.InputError),
    ({"anonymous": "secret"}, convo.InputError),
    ({"progress": 3}, convo.InputError),
    ({"path": ""}, convo.InputError),
    ({"path": 3}, convo.InputError),
]


@pytest.mark.parametrize(("arguments", "error"), BAD)
def test_what_cannot_be_exported_is_refused(store: Any, tmp_path: Path, arguments: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        store.export(**{"path": tmp_path / "out", **arguments})
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_way_is_an_error_of_ours(store: Any, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(convo.ExportFailed) as raised:
        store.export(tmp_path / "out")
    assert raised.value.reason in ("EEXIST", "ENOTDIR")


def test_progress_goes_up_to_the_end(store: Any, client: Any, clock: Any, tmp_path: Path) -> None:
    fill(store, client, clock)
    told: list[tuple[int, int]] = []
    store.export(tmp_path / "out", progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (25, 25)


# --- anonymous -------------------------------------------------------------------------------------


def test_an_anonymous_export_names_nobody(world: Any, client: Any, clock: Any, tmp_path: Path) -> None:
    store = world.open().owned_by(f"wanda-{uuid4()}@example.org")
    chat = talk(store, client, title="Wanda's call", metadata={"name": "Wanda"})
    chat.add("I am Wanda, number 555-1234.")
    anonymous = convo.Anonymous(SECRET, redact=lambda text: text.replace("Wanda", "***"))
    store.export(tmp_path / "out", anonymous=anonymous)
    (message,) = [row for row in read(tmp_path / "out", "messages") if row["text"].startswith("I am")]
    assert message["text"] == "I am ***, number 555-1234."
    assert (message["owner"], message["conversation"]) == (anonymous.pseudonym(chat.owner), anonymous.id(str(chat.id)))
    data = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    everything = repr([read(tmp_path / "out", name) for name in NAMES])
    audio = [row["digest"] for row in rows(store.tables().audio)]
    for name in ("Wanda", "wanda", str(chat.id), *audio):
        assert name not in everything
        assert name.encode() not in data
    joined = {row["conversation"] for name in NAMES for row in read(tmp_path / "out", name)}
    assert joined == {anonymous.id(str(chat.id))}


def test_without_a_hook_no_text_is_exported(store: Any, client: Any, tmp_path: Path) -> None:
    talk(store, client, title="Mine")
    store.create(messages=CALLED)
    store.export(tmp_path / "out", anonymous=convo.Anonymous(SECRET.encode()))
    assert {row["text"] for row in read(tmp_path / "out", "messages")} == {None}
    assert {row["transcript"] for row in read(tmp_path / "out", "audio")} == {None}
    calls = [call for row in read(tmp_path / "out", "messages") for call in row["tool_calls"] or ()]
    assert [(call["name"], call["arguments"]) for call in calls] == [("weather", None), ("time", None)]


def test_a_pseudonym_depends_on_the_secret_and_on_nothing_else() -> None:
    one, other = convo.Anonymous(SECRET), convo.Anonymous(SECRET[::-1])
    assert one.pseudonym("a") == convo.Anonymous(SECRET).pseudonym("a") != other.pseudonym("a")
    assert SECRET not in repr(one)
    for secret in ("short", b"", 3):
        with pytest.raises(convo.InputError):
            convo.Anonymous(secret)  # type: ignore[arg-type]  # that is what is tested
    with pytest.raises(convo.InputError):
        convo.Anonymous(SECRET, redact="x")  # type: ignore[arg-type]  # that is what is tested


def test_a_hook_that_gives_no_text_ends_the_export(store: Any, tmp_path: Path) -> None:
    store.create(messages=CALLED)
    with pytest.raises(convo.InputError):
        store.export(tmp_path / "out", anonymous=convo.Anonymous(SECRET, redact=lambda _: None))  # type: ignore[arg-type, return-value]  # that is what is tested
