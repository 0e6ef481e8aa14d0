"""The catalogue: what convo knows of models, what a caller's file adds, and whether it agrees with the SDK."""

from __future__ import annotations

import datetime as dt
import importlib
import inspect
import pickle
import re
import tomllib
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import attrs
import openai.types
import pytest

from convo.entries import Later, packaged
from convo.errors import InvalidContent
from convo.models import Catalogue, Model, Prices, undated
from convo.usage import Usage, price

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


def test_living_is_none_where_no_successor_lives() -> None:
    """A name that the catalogue does not know lives, as far as anybody knows."""
    day = dt.date(2026, 11, 1)
    assert CATALOGUE.living("gpt-4-32k", day) is None
    assert CATALOGUE.living("gpt-4-32k", dt.date(2025, 6, 5)) == CATALOGUE.lookup("gpt-4-32k")
    for name, living in (
        ("gpt-4o-mini-audio-preview-2024-12-17", "gpt-audio-mini"),
        ("gpt-4.1", "gpt-4.1"),
        ("my-own", "my-own"),
    ):
        model = CATALOGUE.living(name, day)
        assert model is not None
        assert model.name == living


def test_successors_that_go_round_in_a_circle_end() -> None:
    """A caller's file may say anything."""
    day = dt.date(2026, 1, 1)
    models = {name: Model(name=name, family=name, shutdown=day, successor=other) for name, other in ("ab", "bc", "ca", "dd")}
    for name in models:
        assert Catalogue(models, "own").living(name, day) is None


@pytest.mark.parametrize(
    ("day", "soon"),
    [("2027-03-20", True), ("2027-03-19", False), ("2027-05-18", True), ("2027-05-19", False), ("2030-01-01", False)],
)
def test_ends_within_sixty_days(day: str, soon: bool) -> None:
    """From sixty days before to the day before; not once it is shut down."""
    model = Model(name="x", family="x", shutdown=dt.date(2027, 5, 19))
    assert dt.date(2027, 5, 19) - dt.date(2027, 3, 20) == dt.timedelta(days=60)
    assert model.ends_within(dt.date.fromisoformat(day)) is soon
    assert not attrs.evolve(model, shutdown=None).ends_within(dt.date.fromisoformat(day))
    assert model.ends_within(dt.date(2027, 5, 18), days=1)
    assert not model.ends_within(dt.date(2027, 5, 17), days=1)


# --- the file that comes with convo ----------------------------------------------------------------

APIS = {"chat", "responses", "realtime", "live", "transcription", "translation", "speech"}


@pytest.mark.parametrize("kind", ["models", "servers"])
def test_entries_that_are_read_one_by_one_are_those_of_the_whole_file(kind: str) -> None:
    text = resources.files("convo").joinpath(f"{kind}.toml").read_text(encoding="utf-8")
    shape: dict[str, tuple[type, ...]] = {"name": (str,), "date": (dt.date,), kind: (dict,)}
    found = packaged(f"{kind}.toml", kind, shape)
    assert {**found, kind: dict(found[kind])} == tomllib.loads(text, parse_float=Decimal)


def test_entries_are_found_whatever_ends_the_lines_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = resources.files("convo").joinpath("servers.toml").read_text(encoding="utf-8")
    (tmp_path / "servers.toml").write_bytes(text.replace("\n", "\r\n").encode())
    ours = packaged("servers.toml", "servers", {"servers": (dict,)})
    monkeypatch.setattr(resources, "files", lambda _: tmp_path)
    assert packaged("servers.toml", "servers", {"servers": (dict,)}) == ours


def test_a_model_is_made_when_it_is_asked_for_and_nobody_sees_that() -> None:
    models = Later(["one"], str.upper)
    assert models == {"one": "ONE"}
    assert models.get("two") is None
    assert "two" not in models


@pytest.mark.parametrize("model", CATALOGUE.models.values(), ids=lambda model: model.name)
def test_an_entry_holds_together(model: Model) -> None:
    """Sources, known APIs, a base for a dated name, a successor for nobody who stays; limits and rates that make sense."""
    assert model.sources
    assert set(model.apis) <= APIS
    assert model.family == undated(model.name)
    if model.family != model.name:
        assert CATALOGUE.models[model.family].apis == model.apis
    if model.successor is not None:
        assert model.shutdown is not None
    if model.context is not None and model.max_output is not None:
        assert model.max_output < model.context
    if model.prices is not None:
        assert model.prices.source
        assert model.prices.date is not None
    assert len(set(model.voices)) == len(model.voices)
    if model.breakpoints:
        assert model.cache_minimum
        assert model.cache_write_rate
        assert model.cache_read_rate


@pytest.mark.parametrize(
    "model", [model for model in CATALOGUE.models.values() if model.successor is not None], ids=lambda model: model.name
)
def test_successors_lead_to_a_model_that_stays(model: Model) -> None:
    """Each is in the catalogue, outlives what it succeeds, hears if that did, and speaks through the same API."""
    while model.successor is not None:
        assert model.shutdown is not None
        successor = CATALOGUE.lookup(model.successor)
        assert successor.known
        assert not successor.retired(model.shutdown)
        assert successor.audio is model.audio
        assert set(successor.apis) & set(model.apis) or not model.apis
        model = successor  # noqa: PLW2901 - the next of the chain
    assert model.shutdown is None


@pytest.mark.parametrize("name", ["gpt-5.6-sol", "gpt-5.6-terra", "gpt-5.6-luna", "gpt-6-sol", "gpt-6-luna", "gpt-6-astra"])
def test_caches_since_gpt_5_6(name: str) -> None:
    """Breakpoints are taken; 1,024 tokens at least; a write costs 1.25, a read 0.1 of the input's price."""
    model = CATALOGUE.lookup(name)
    assert (model.breakpoints, model.cache_minimum) == (True, 1024)
    assert (model.cache_write_rate, model.cache_read_rate) == (Decimal("1.25"), Decimal("0.1"))


@pytest.mark.parametrize("name", [*AUDIO_FAMILIES, "gpt-audio-mini-2025-12-15", "gpt-4.1", "gpt-5.5", "gpt-4o-2024-05-13"])
def test_older_models_refuse_breakpoints(name: str) -> None:
    """So do those that hear."""
    assert CATALOGUE.lookup(name).breakpoints is False


def test_whether_an_unknown_model_takes_breakpoints_is_not_known() -> None:
    """Nor how it caches."""
    model = CATALOGUE.lookup("my-own")
    assert (model.breakpoints, model.cache_minimum, model.cache_read_rate, model.voices) == (None, None, None, ())


def listed(module: str, kind: str = "Voice") -> set[str]:
    """Give the strings of a `Literal` in the source of the SDK."""
    source = inspect.getsource(importlib.import_module(f"openai.types.{module}"))
    found = re.search(rf"^{kind}: TypeAlias = .*?Literal\[(.*?)\]", source, re.MULTILINE | re.DOTALL)
    assert found is not None
    return set(re.findall(r'"([^"]+)"', found[1]))


def described(module: str) -> set[str]:
    """Give the built-in voices that a docstring of the SDK names."""
    source = inspect.getsource(importlib.import_module(f"openai.types.{module}"))
    found = re.search(r"Supported built-in voices are (.*?)\.\s", source, re.DOTALL)
    assert found is not None
    return set(re.findall(r"`(\w+)`", found[1]))


@pytest.mark.parametrize(
    ("names", "module"),
    [
        (AUDIO_FAMILIES, "chat.chat_completion_audio_param"),
        (("tts-1", "tts-1-hd", "gpt-4o-mini-tts"), "audio.speech_create_params"),
        (("gpt-realtime-2.1", "gpt-realtime", "gpt-realtime-mini"), "realtime.realtime_audio_config_output"),
    ],
)
def test_voices_are_those_that_the_sdk_is_sure_of(names: tuple[str, ...], module: str) -> None:
    """Its lists contradict each other: a voice is in both."""
    sure = listed(module) & described(module)
    assert len(sure) >= 9
    for name in names:
        assert set(CATALOGUE.lookup(name).voices) == sure


# --- the SDK ---------------------------------------------------------------------------------------


def announced() -> list[tuple[str, dt.date]]:
    """Give the shutdown dates in the docstrings of the installed SDK, wherever they are."""
    found: set[tuple[str, dt.date]] = set()
    for path in sorted(Path(openai.types.__file__).parent.rglob("*.py")):
        for names, date in re.findall(
            r'- ((?:"[^"]+",?\s+)*"[^"]+"):\s+Announced\s+shutdown\s+date:\s+(\d{4}-\d\d-\d\d)', path.read_text(encoding="utf-8")
        ):
            found.update({(name, dt.date.fromisoformat(date)) for name in re.findall(r'"([^"]+)"', names)})
    return sorted(found)


def test_the_docstrings_of_the_sdk_are_read() -> None:
    """The test below means something."""
    assert len(announced()) > 60
    assert ("gpt-audio-mini", dt.date(2027, 1, 20)) in announced()


@pytest.mark.parametrize(("name", "date"), announced())
def test_shutdown_dates_are_those_of_the_sdk(name: str, date: dt.date) -> None:
    """Every date that the SDK announces is in the catalogue."""
    assert CATALOGUE.lookup(name).shutdown == date


@pytest.mark.parametrize(
    ("module", "kind", "least", "api"),
    [
        ("shared.chat_model", "ChatModel", 60, "chat"),
        ("audio_model", "AudioModel", 6, "transcription"),
        ("audio.speech_model", "SpeechModel", 4, "speech"),
    ],
)
def test_every_model_that_the_sdk_lists_is_known(module: str, kind: str, least: int, api: str) -> None:
    """But the one that its docstring calls unsupported; where the API of one is known, it is the one of the list."""
    names = listed(module, kind)
    assert len(names) >= least
    assert {name for name in names if not CATALOGUE.lookup(name).known} <= {"gpt-5.1-mini"}
    assert all(api in (CATALOGUE.lookup(name).apis or (api,)) for name in names)


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


def test_own_file_may_stand_alone(tmp_path: Path) -> None:
    """With `extend=False` nothing of ours is in it."""
    path = write(tmp_path, 'name = "House"\n[models."gpt-audio"]\naudio = true\nsuccessor = "house-2"\nshutdown = 2026-01-01')
    own = Catalogue.load(path, extend=False)
    assert own.table == "House"
    assert list(own.models) == ["gpt-audio"]
    model = own.lookup("gpt-audio-2025-08-28")
    assert (model.audio, model.prices, model.context, model.shutdown) == (True, None, None, dt.date(2026, 1, 1))
    assert not own.lookup("gpt-4.1").known
    assert own.current("gpt-audio", dt.date(2026, 1, 1)) == Model(name="house-2", family="house-2", known=False)
    assert Catalogue.load(write(tmp_path, ""), extend=False).models == {}


def test_own_prices_are_completed_by_the_rates_of_the_cache(tmp_path: Path) -> None:
    """What cached tokens cost follows from the price of the input, unless the file says it; audio stays as it is."""
    own = Catalogue.load(
        write(
            tmp_path,
            """
            models."gpt-5.6-sol".prices = { text_in = 4, text_out = 20 }
            models."gpt-5.6-luna".prices = { text_in = 0.000003, cached_in = 0.5 }
            models."gpt-audio-1.5".prices = { text_in = 2 }
            [models.house]
            cache_read_rate = 0.25
            cache_write_rate = 0
            prices = { text_in = 2, audio_in = 10 }
            """,
        )
    )
    expected = {
        "gpt-5.6-sol": Prices(text_in=4, text_out=20, cached_in="0.4", cache_write=5),
        "gpt-5.6-luna": Prices(text_in="0.000003", cached_in="0.5", cache_write="0.000004"),
        "gpt-audio-1.5": Prices(text_in=2),
        "house": Prices(text_in=2, audio_in=10, cached_in="0.5", cache_write=0),
    }
    assert {name: own.lookup(name).prices for name in expected} == expected


@pytest.mark.parametrize("extend", [True, False])
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
        ("[models.x]\nshutdown = 2026-01-01T00:00:00", "model 'x': shutdown is datetime"),
        ("[models.x]\nshutdown = '2026-01-01'", "write a date such as"),
        ("[models.x]\nsuccessor = ''", "model 'x': successor is ''; write a text"),
        ("[models.x]\nsuccessor = ['y']", "successor is ['y']; write a text"),
        ("[models.x]\nvoices = 'alloy'", "model 'x': voices is 'alloy'; write a list of texts"),
        ("[models.x]\nvoices = ['']", "voices is ['']"),
        ("[models.x]\nbreakpoints = 4", "breakpoints is 4; write true or false"),
        ("[models.x]\ncache_minimum = 0.5", "cache_minimum is Decimal('0.5'); write a whole number"),
        ("[models.x]\ncache_read_rate = '10%'", "cache_read_rate is '10%'; write a number"),
        ("[models.x]\ncache_read_rate = -0.1", "model 'x': -0.1 is no multiple of a price"),
        ("[models.x]\ncache_write_rate = inf", "model 'x': Infinity is no multiple of a price"),
        ("[models.x]\nprices = 1", "write a table"),
        ("[models.x.prices]\ntext = 1", "model 'x', prices: 'text' is not known"),
        ("[models.x.prices]\ntext_in = '1'", "text_in is '1'; write a number"),
        ("[models.x.prices]\ntext_in = true", "text_in is True"),
        ("[models.x.prices]\ntext_in = nan", "NaN is no price"),
        ("[models.x.prices]\ntext_in = inf", "no price"),
        ("[models.x.prices]\ntext_in = -0.1", "-0.1 is no price"),
        ("[models.x.prices]\ntext_in = 1e400", "no price"),
        ("[models.x.prices]\ntext_in = 0.0000001", "at most 6 decimals"),
        ('[models.x.prices]\ncurrency = "US\\u0000"', "is no currency; write a code such as USD"),
        ('[models.x.prices]\ncurrency = "US dollars"', "'US dollars' is no currency"),
    ],
)
def test_files_of_another_shape(tmp_path: Path, text: str, words: str, extend: bool) -> None:
    """Each is an error that names the file, the place, and what to write."""
    path = write(tmp_path, text)
    with pytest.raises(InvalidContent, match=re.escape(words)) as caught:
        Catalogue.load(path, extend=extend)
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


@pytest.mark.parametrize("currency", ["", "\0", "\ud800", "$", "x" * 17, 978, None], ids=repr)
def test_a_currency_is_a_code_that_every_database_stores(currency: Any) -> None:
    """It is written when a call has been billed: what no column takes would lose the answer."""
    with pytest.raises(InvalidContent, match="is no currency"):
        Prices(currency=currency)


def test_cached_tokens_of_audio_models_have_no_discount() -> None:
    """No cached price is listed for gpt-audio*: cached tokens cost what others of their kind do."""
    prices = CATALOGUE.lookup("gpt-audio-1.5").prices
    one, other = (
        Usage(input_tokens=2000, input_text=1500, input_audio=500, input_cached=n, output_tokens=0, output_text=0)
        for n in (0, 1024)
    )
    assert price(one, prices) == price(other, prices)
