"""`convo reprice`: what it does, says and ends with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import convo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from uuid import UUID

    from click.testing import Result

    Run = Callable[..., Result]

PRICES = """
name = "ours"
date = 2026-12-01
[models."gpt-audio-1.5".prices]
text_in = 1
text_out = 1
audio_in = 1
audio_out = 1
currency = "EUR"
"""


def test_it_says_what_it_would_do_and_then_does_it(run: Run, path: Path, chat_id: UUID, tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text(PRICES)
    dry = run("reprice", "--prices", prices, "--dry-run")
    assert dry.exit_code == 0
    first, before, after = dry.stdout.splitlines()
    assert first == "would change 3 calls of 3 by OpenAI list prices 2026-11-01 + ours 2026-12-01"
    assert before.startswith("before: $0.")
    assert after.startswith("after:  0.")
    assert after.endswith(" EUR")
    done = json.loads(run("reprice", "--prices", prices, "--json").stdout)
    assert (done["calls"], done["changed"], done["dry_run"], list(done["after"])) == (3, 3, False, ["EUR"])
    assert run("reprice", "--prices", prices).stdout.splitlines()[0].startswith("changed 0 calls of 3 by ")
    with convo.Store.existing(f"sqlite:///{path}") as store:
        assert store.usage().cost.currency == "EUR"
        assert f"{store.usage().cost.amount:f}" == done["after"]["EUR"]


def test_only_calls_of_a_day_or_later(run: Run, chat_id: UUID) -> None:
    assert run("reprice", "--since", "2099-01-01").stdout.splitlines()[0].startswith("changed 0 calls of 0 by ")
    assert json.loads(run("reprice", "--since", "2025-01-01", "--everyone", "--dry-run", "--json").stdout)["calls"] == 3


def test_bad_input_ends_with_an_error(run: Run, chat_id: UUID, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("[models.x.prices]\nminutes_in = -1\n")
    for arguments, code in (
        (("reprice", "--prices", tmp_path / "none.toml"), 2),
        (("reprice", "--prices", bad), 1),
        (("reprice", "--since", "yesterday"), 2),
        (("--owner", "a", "reprice", "--everyone"), 2),
    ):
        assert run(*arguments).exit_code == code
