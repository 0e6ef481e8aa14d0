"""The catalogue: what convo knows of models, what a caller's file adds, and whether it agrees with the SDK."""

from __future__ import annotations

import datetime as dt
import importlib
import inspect
import pickle
import re
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from convo.errors import InvalidContent
from convo.models import Catalogue, Model, Prices, undated
from convo.usage import Usage, price

if TYPE_CHECKING:
    from pathlib import Path

CATALOGUE = Catalogue.default()
AUDIO_FAMILIES = ("gpt-audio-1.5", "gpt-audio", "gpt-audio-mini", "gpt-4o-audio-preview", "gpt-4o-mini-audio-preview")


def write(folder: Path, text: str) -> Path:
    """Write a caller's file."""
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", AUDIO_FAMILIES)
def test_audio_families(name: str) -> None:
    """Each is its own family, speaks Chat Completions only, and has text and audio prices but none for cached tokens."""
    model = CATALOGUE.lookup(name)
    assert (model.family, model.audio, model.apis, model.known) == (name, True, ("chat",), True)
    assert (model.context, model.max_output) == (128_000, 16_384)
    assert model.prices is not None
    assert None not in (model.prices.text_in, model.prices.text_out, model.prices.audio_in, model.prices.audio_out)
    assert (model.prices.cached_in, model.prices.cached_audio_in) == (None, None)


@pytest.mark.parametrize(
    ("name", "rates"),
    [
        ("gpt-audio-1.5", "2.5 10 32 64"), ("gpt-audio-2025-08-28", "2.5 10 32 64"), ("gpt-audio-mini", "0.6 2.4 10 20"),
        ("gpt-4o-audio-preview-2024-12-17", "2.5 10 40 80"), ("gpt-4o-audio-preview-2024-10-01", "2.5 10 100 200"),
        ("gpt-4o-mini-audio-preview-2024-12-17", "0.15 0.6 10 20"),
    ],
)  # fmt: skip
def test_prices(name: str, rates: str) -> None:
    """Prices are exact decimals with their source and date; dated models cost what their base does, or their own price."""
    prices = CATALOGUE.lookup(name).prices
    assert prices is not None
    assert [prices.text_in, prices.text_out, prices.audio_in, prices.audio_out] == [Decimal(rate) for rate in rates.split()]
    assert prices.source
    assert prices.date is not None
    assert prices.currency == "USD"


def test_dated_names() -> None:
    """A dated name is its base, under its own name; its own entry may end earlier."""
    assert CATALOGUE.lookup("gpt-audio-mini-2025-12-15").family == "gpt-audio-mini"
    assert CATALOGUE.lookup("gpt-audio-mini-2025-12-15").name == "gpt-audio-mini-2025-12-15"
    assert CATALOGUE.lookup("gpt-4o-audio-preview-2024-10-01").shutdown == dt.date(2025, 10, 10)
    assert CATALOGUE.lookup("gpt-4o-audio-preview-2024-12-17").shutdown == dt.date(2026, 5, 7)
    assert CATALOGUE.lookup("gpt-4o-audio-preview-2024-10-01").successor == "gpt-audio-1.5"


def test_unknown_names() -> None:
    """Nothing is known of them but their family."""
    assert CATALOGUE.lookup("my-model-2026-01-31") == Model(name="my-model-2026-01-31", family="my-model", known=False)
    model = CATALOGUE.lookup("")
    assert (model.audio, model.prices, model.shutdown, model.apis) == (None, None, None, ())
    assert undated("gpt-4-0613") == "gpt-4-0613"


def test_text_models_take_no_audio() -> None:
    """They are known, and so is that."""
    for name in ("gpt-4o", "gpt-5.6-sol", "gpt-5-mini-2025-08-07", "gpt-4o-transcribe"):
        assert CATALOGUE.lookup(name).audio is False


def test_retired_and_its_successor() -> None:
    """The day of the shutdown is the first without the model; successors may be shut down too."""
    model = CATALOGUE.lookup("gpt-4o-audio-preview")
    assert not model.retired(dt.date(2026, 5, 6))
    assert model.retired(dt.date(2026, 5, 7))
    assert not CATALOGUE.lookup("gpt-audio-1.5").retired(dt.date(9999, 1, 1))
    assert CATALOGUE.current("gpt-4o-mini-audio-preview", dt.date(2026, 11, 1)).name == "gpt-audio-mini"
    assert CATALOGUE.current("gpt-4o-mini-audio-preview", dt.date(2027, 1, 20)).name == "gpt-audio-1.5"
    assert CATALOGUE.current("gpt-4o-mini-audio-preview", dt.date(2025, 1, 1)).name == "gpt-4o-mini-audio-preview"
    assert CATALOGUE.current("gpt-4-32k", dt.date(2026, 1, 1)).name == "gpt-4-32k"


def test_successors_are_known() -> None:
    """Each is in the catalogue, and outlives what it succeeds."""
    for model in CATALOGUE.models.values():
        if model.successor is not None:
            successor = CATALOGUE.lookup(model.successor)
            assert successor.known
            assert model.shutdown is not None
            assert not successor.retired(model.shutdown)


def announced() -> list[tuple[str, dt.date]]:
    """Give the shutdown dates in the docstrings of the installed SDK."""
    found = {}
    for module in ("shared.chat_model", "audio_model", "audio.speech_model", "realtime.realtime_session_create_request"):
        source = inspect.getsource(importlib.import_module(f"openai.types.{module}"))
        for names, date in re.findall(
            r'- ((?:"[^"]+",?\s+)*"[^"]+"):\s+Announced\s+shutdown\s+date:\s+(\d{4}-\d\d-\d\d)', source
        ):
            found.update(dict.fromkeys(re.findall(r'"([^"]+)"', names), dt.date.fromisoformat(date)))
    return list(found.items())


def test_the_docstrings_of_the_sdk_are_read() -> None:
    """The test below means something."""
    assert len(announced()) > 60
    assert ("gpt-audio-mini", dt.date(2027, 1, 20)) in announced()


@pytest.mark.parametrize(("name", "date"), announced())
def test_shutdown_dates_are_those_of_the_sdk(name: str, date: dt.date) -> None:
    """Every date that the SDK announces is in the catalogue."""
    assert CATALOGUE.lookup(name).shutdown == date


def test_every_chat_model_of_the_sdk_is_known() -> None:
    """But the one that its docstring calls unsupported."""
    source = inspect.getsource(importlib.import_module("openai.types.shared.chat_model"))
    listed = re.findall(r'^    "([^"]+)",$', source, re.MULTILINE)
    assert len(listed) > 60
    assert [name for name in listed if not CATALOGUE.lookup(name).known] == ["gpt-5.1-mini"]


def test_table_has_name_and_date() -> None:
    """It is stored beside every cost."""
    assert CATALOGUE.table == "OpenAI list prices 2026-11-01"


def test_default_is_read_once() -> None:
    """It is a value that nobody changes; it can be pickled."""
    assert Catalogue.default() is CATALOGUE
    assert pickle.loads(pickle.dumps(CATALOGUE)) == CATALOGUE


# --- a caller's file -------------------------------------------------------------------------------


def test_own_file_extends_and_wins(tmp_path: Path) -> None:
    """Own models are added, own keys replace ours, prices are replaced as a whole, the rest stays."""
    own = Catalogue.load(
        write(
            tmp_path,
            """
            name = "Our contract"
            date = 2026-12-01
            [models.house-model]
            audio = true
            [models."gpt-audio-1.5"]
            images = true
            prices = { text_in = 2, cached_in = 0.000001, currency = "EUR" }
            """,
        )
    )
    assert own.table == "OpenAI list prices 2026-11-01 + Our contract 2026-12-01"
    assert own.lookup("house-model-2026-01-01").audio is True
    model = own.lookup("gpt-audio-1.5")
    assert (model.images, model.audio, model.context) == (True, True, 128_000)
    assert model.prices == Prices(text_in=2, cached_in="0.000001", currency="EUR")
    assert own.lookup("gpt-audio") == CATALOGUE.lookup("gpt-audio")
    assert CATALOGUE.lookup("house-model").known is False


def test_own_file_changes_dated_models_too(tmp_path: Path) -> None:
    """What is said of a model holds for its dated names, and a dated name stands on its base."""
    own = Catalogue.load(
        write(tmp_path, '[models.gpt-audio]\nprices = {text_in = 9}\n[models."gpt-audio-2025-08-28"]\nimages = true')
    )
    model = own.lookup("gpt-audio-2025-08-28")
    assert model.prices == Prices(text_in=9)
    assert (model.images, model.audio, model.family) == (True, True, "gpt-audio")
    assert own.table == "OpenAI list prices 2026-11-01 + own"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("= 1", "is no TOML"),
        ("prizes = 1", "'prizes' is not known"),
        ("models = 1", "models is 1; write a table"),
        ('models = {x = "y"}', "model 'x' is 'y'"),
        ("models = {gpt-audio = 1}", "model 'gpt-audio' is 1"),
        ("[models.x]\naudi = true", "model 'x': 'audi' is not known"),
        ("[models.x]\naudio = 1", "audio is 1; write true or false"),
        ("[models.x]\ncontext = true", "context is True; write a whole number"),
        ("[models.x]\ncontext = -1", "context is -1"),
        ("[models.x]\napis = ['chat', 1]", "write a list of texts"),
        ("[models.x]\nshutdown = 2026-01-01T00:00:00", "write a date such as"),
        ("[models.x]\nprices = 1", "write a table"),
        ("[models.x.prices]\ntext = 1", "model 'x', prices: 'text' is not known"),
        ("[models.x.prices]\ntext_in = '1'", "text_in is '1'; write a number"),
        ("[models.x.prices]\ntext_in = true", "text_in is True"),
        ("[models.x.prices]\ntext_in = nan", "NaN is no price"),
        ("[models.x.prices]\ntext_in = inf", "no price"),
        ("[models.x.prices]\ntext_in = -0.1", "-0.1 is no price"),
        ("[models.x.prices]\ntext_in = 1e400", "no price"),
        ("[models.x.prices]\ntext_in = 0.0000001", "at most 6 decimals"),
    ],
)
def test_files_of_another_shape(tmp_path: Path, text: str, words: str) -> None:
    """Each is an error that names the file, the place, and what to write."""
    path = write(tmp_path, text)
    with pytest.raises(InvalidContent, match=re.escape(words)) as caught:
        Catalogue.load(path)
    assert str(path) in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """No file is Python's error; bytes that are no text are ours."""
    with pytest.raises(FileNotFoundError):
        Catalogue.load(tmp_path / "none.toml")
    path = tmp_path / "own.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidContent, match="is no TOML"):
        Catalogue.load(path)


def test_prices_are_exact() -> None:
    """A float is not the number that was written."""
    with pytest.raises(InvalidContent, match="pass a Decimal"):
        Prices(text_in=0.1)  # type: ignore[arg-type]
    with pytest.raises(InvalidContent, match="'a lot' is no price"):
        Prices(text_in="a lot")


def test_cached_tokens_of_audio_models_have_no_discount() -> None:
    """No cached price is listed for gpt-audio*: cached tokens cost what others of their kind do."""
    prices = CATALOGUE.lookup("gpt-audio-1.5").prices
    one, other = (
        Usage(input_tokens=2000, input_text=1500, input_audio=500, input_cached=n, output_tokens=0, output_text=0)
        for n in (0, 1024)
    )
    assert price(one, prices) == price(other, prices)
