"""`stats` says what calls used and cost, to people, programs and spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import convo
from convo.cli.stats import _cell
from tests.support.calls import PICOS, call, tokens, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from uuid import UUID

    from click.testing import Result

    Run = Callable[..., Result]

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
EVIL = "=HYPERLINK(\x1b[2J)"


@pytest.fixture
def calls(path: Path) -> None:
    """Two owners: one with calls of two models on two days, one whose model is nobody's."""
    day = timedelta(days=1)
    with convo.Store(f"sqlite:///{path}") as store:
        chat, other = store.create(), store.owned_by("+c-1").create()
        used = tokens(input_tokens=1_200, output_tokens=80, input_cached=300)
        rows = [
            call(chat, NOON, model="gpt-5.5", cost=PICOS // 80, currency="USD", **used),
            call(chat, NOON, model="gpt-5.5", status="failed", error="timeout"),
            call(chat, NOON + day, model="gpt-5.5", cost=1_234 * PICOS, currency="USD", **used),
            call(chat, NOON + day, model="gpt-audio-1.5", voice="alloy"),
            call(other, NOON, model=EVIL),
        ]
        write(store, rows)


def test_stats_is_a_table_with_its_totals_at_the_end(run: Run, calls: None) -> None:
    result = run("stats", "--by", "day,model")
    assert result.stdout.splitlines() == [
        "DAY (UTC)   MODEL          CALLS  TOKENS IN  TOKENS OUT  UNPRICED  COST (USD)",
        "2026-11-21  gpt-5.5            2      1,200          80         0      0.0125",
        "2026-11-22  gpt-5.5            1      1,200          80         0  1,234.0000",
        "2026-11-22  gpt-audio-1.5      1    unknown     unknown         1     unknown",
        "total                          4      2,400         160         1  1,234.0125",
    ]


def test_a_table_fits_into_80_columns_and_wide_has_them_all(run: Run, calls: None) -> None:
    for by in ("", "day", "conversation", "owner,model", "day,model,api"):
        lines = run("stats", "--everyone", "--by", by).stdout.splitlines()
        assert max(map(len, lines)) <= 80, by
        assert "CALLS" in lines[0]
    wide = run("stats", "--wide").stdout
    assert "alloy 1" in wide
    assert "CACHED" in wide


def test_what_is_not_known_is_said_so_and_names_are_never_obeyed(run: Run, calls: None) -> None:
    result = run("stats", "--everyone", "--by", "owner")
    rows = result.stdout.splitlines()
    assert "\x1b" not in result.stdout
    assert rows[2].startswith(r"+c-1")
    assert rows[2].split()[-1] == "unknown"
    assert rows[1].startswith("-  ")


def test_stats_is_of_one_owner_unless_of_everyone(run: Run, calls: None) -> None:
    def counted(*arguments: str) -> int:
        return sum(row["calls"] for row in json.loads(run(*arguments, "--json").stdout)["rows"])

    assert counted("stats") == 4
    assert counted("--owner", "+c-1", "stats") == 1
    assert counted("stats", "--everyone") == 5
    assert counted("stats", "--since", "2026-11-22") == 2
    assert counted("stats", "--until", "2026-11-21T13:00+01:00") == 0
    assert counted("stats", "--until", "2026-11-21T13:00") == 2
    assert counted("stats", "--model", "gpt-audio-1.5") == 1
    assert counted("stats", "--api", "speech") == 0


def test_the_last_days_are_those_before_now(run: Run, path: Path) -> None:
    now = datetime.now(UTC)
    with convo.Store(f"sqlite:///{path}") as store:
        chat = store.create()
        write(store, [call(chat, now - timedelta(hours=1)), call(chat, now - timedelta(days=8))])
    counts = [json.loads(run("stats", "--last", last, "--json").stdout)["totals"][0]["calls"] for last in ("24h", "7d", "2w")]
    assert counts == [1, 1, 2]
    assert json.loads(run("stats", "--last", "999999w", "--json").stdout)["totals"][0]["calls"] == 2


def test_json_is_the_report(run: Run, calls: None, path: Path) -> None:
    found = json.loads(run("stats", "--by", "model", "--json").stdout)
    with convo.Store.existing(f"sqlite:///{path}") as store:
        assert found == json.loads(store.report("model").to_json())
    assert found["by"] == ["model"]
    assert [row["cost"] for row in found["rows"]] == ["1234.0125", None]


def test_csv_has_a_cell_for_every_number_and_no_formulas(run: Run, calls: None) -> None:
    result = run("stats", "--everyone", "--by", "model,day", "--csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["model"] for row in rows] == [r"'=HYPERLINK(\x1b[2J)", "gpt-5.5", "gpt-5.5", "gpt-audio-1.5"]
    assert [row["cost"] for row in rows] == ["", "0.0125", "1234", ""]
    assert (rows[1]["day"], rows[1]["input_tokens"], rows[3]["voices"]) == ("2026-11-21", "1200", "alloy 1")


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "'\t=1"), ("\r=1", "'\\r=1"),
        ("\n=1", "'\n=1"), ("\0=1", "'\\x00=1"), (" =1", "' =1"), ('"=1', "'\"=1"), ("'=1", "''=1"), ("\uff1d1", "'\uff1d1"),
        ("\uff0b1", "'\uff0b1"), ("\uff0d1", "'\uff0d1"), ("\uff20a", "'\uff20a"), ("\xa0=1", "'\xa0=1"),
        ("gpt-5.5", "gpt-5.5"), ("a=1", "a=1"), ("", ""), ("c-1", "c-1"),
    ],
)  # fmt: skip
def test_a_cell_that_a_spreadsheet_would_run_is_a_text(text: str, cell: str) -> None:
    assert _cell("owner", {"owner": text}) == cell
    assert _cell("voices", {"voices": {text: 1}}) == f"{cell} 1"


def test_a_number_below_zero_is_no_formula() -> None:
    assert _cell("cost", {"cost": "-1.5"}) == "-1.5"


def test_an_arrow_file_has_the_rows(run: Run, calls: None, tmp_path: Path) -> None:
    import pyarrow.feather

    target = tmp_path / "november.arrow"
    result = run("stats", "--by", "model", "--arrow", target)
    assert (result.stdout, result.stderr) == ("", f"{target}: 2 rows\n")
    table = pyarrow.feather.read_table(target)
    assert table["model"].to_pylist() == ["gpt-5.5", "gpt-audio-1.5"]
    refused = run("stats", "--arrow", tmp_path / "no" / "folder.arrow")
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"convo: cannot write {tmp_path}/no/folder.arrow: No such file")


def test_an_arrow_file_needs_the_extra(run: Run, calls: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    target = tmp_path / "november.arrow"
    result = run("stats", "--arrow", target)
    assert (result.exit_code, target.exists()) == (1, False)
    assert "pip install 'convo[analysis]'" in result.stderr


@pytest.mark.parametrize("more", [(), ("--json",), ("--csv",), ("--by", "day"), ("--last", "7d")], ids=str)
def test_a_store_without_calls_says_so(run: Run, path: Path, more: tuple[str, ...]) -> None:
    with convo.Store(f"sqlite:///{path}") as store:
        store.create()
    result = run("stats", *more)
    assert result.exit_code == 0
    such = "such call" if "--last" in more else "call"
    assert result.stderr.endswith(f"holds no {such} of a model of the owner ''; --everyone sums those of all owners\n")
    if "--json" in more:
        assert json.loads(result.stdout)["rows"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--by", "owners"), "nothing that a report goes by; use one or several of conversation, owner"),
        (("--by", "day,"), "nothing that a report goes by"),
        (("--since", "yesterday"), "'yesterday' is no time; write 2026-11-30"),
        (("--since", "0001-01-01"), "since is in the year 1; pass one from 2 to 9998"),
        (("--last", "30"), "'30' is no span; write 24h, 30d or 8w"),
        (("--last", "0d"), "is no span"),
        (("--last", "-3d"), "is no span"),
        (("--last", "3d", "--since", "2026-11-01"), "pass one of the two"),
        (("--json", "--csv"), "pass one of them"),
        (("--conversation", "x"), "x"),
    ],
)
def test_what_cannot_be_asked_is_said_in_a_line(run: Run, calls: None, arguments: tuple[str, ...], said: Any) -> None:
    result = run("stats", *arguments)
    assert result.exit_code in {1, 2}
    assert said in result.stderr
    assert result.stdout == ""


def test_a_conversation_has_its_own_sums(run: Run, calls: None, chat_id: UUID) -> None:
    found = json.loads(run("stats", "--conversation", chat_id, "--by", "voice", "--json").stdout)
    assert [(row["voice"], row["calls"]) for row in found["rows"]] == [("alloy", 1), (None, 2)]
