"""Plots of conversations, one call each: `store.tables().plot("cost")`, or `plot("cost", tables)` of what an export left.

| | |
|---|---|
| `cost` | what calls cost over time, by kind |
| `tokens` | tokens that were billed over time, by kind; what came from the cache is apart |
| `latency` | how long calls and answers take: distributions, with median and 95th percentile |
| `talk` | how much of the speech is the assistant's: the distribution over conversations |
| `audio` | the share of spoken turns over time, and of earlier speech that was sent by its id or fell back to its words |
| `expiry` | of one conversation: how long the id of each spoken reply was valid, and when calls were made |
| `activity` | turns by weekday and hour |

Colours are those of Okabe and Ito, which colour-blind people tell apart. Where there is nothing to show, the plot says so.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import attrs

from convo.analysis.columns import AUDIO, EXCHANGES, TURNS
from convo.checks import check_choice
from convo.errors import InputError, MissingDependency

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

PlotName = Literal["cost", "tokens", "latency", "talk", "audio", "expiry", "activity"]
PLOTS: tuple[str, ...] = get_args(PlotName)
FORMATS = ("svg", "png")
SCALE = 2.0
"""Pixels of a PNG for each of the plot: sharp in print and on screens of high density."""

_CALLS = ("started_at", "status")
NEEDED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "cost": {
        "exchanges": (
            *_CALLS, "cost", "currency", "cost_text_in", "cost_text_out", "cost_audio_in", "cost_audio_out", "cost_image_in",
            "cost_cached_in", "cost_cached_audio_in", "cost_cached_image_in", "cost_cache_write", "cost_minutes_in",
            "cost_minutes_out", "cost_characters_in",
        )
    },
    "tokens": {
        "exchanges": (
            *_CALLS, "input_text", "input_audio", "input_image", "input_cached", "input_cached_audio", "input_cached_image",
            "output_text", "output_audio",
        )
    },
    "latency": {"exchanges": (*_CALLS, "first_byte_seconds", "duration_seconds"), "turns": ("started_at", "response_seconds")},
    "talk": {"turns": ("owner", "conversation", "started_at", "user_audio_seconds", "assistant_audio_seconds", "shared")},
    "audio": {
        "exchanges": (*_CALLS, "sent_references", "sent_transcripts"),
        "turns": ("started_at", "user_audio_seconds", "assistant_audio_seconds", "shared"),
    },
    "expiry": {
        "audio": ("conversation", "position", "source", "role", "created_at", "transcript", "expires_at"),
        "exchanges": ("conversation", *_CALLS, "sent_references", "sent_transcripts"),
    },
    "activity": {"turns": ("started_at", "shared")},
}  # fmt: skip
"""The tables and columns that each is made of."""
NEEDED_OF = {"audio": AUDIO, "exchanges": EXCHANGES, "turns": TURNS}


@attrs.frozen
class Plot:
    """A plot: `chart` is an `altair.Chart`, to be changed or put into another. A notebook shows it."""

    name: str
    title: str
    chart: Any = attrs.field(repr=False)

    def svg(self) -> str:
        """Give it as SVG, with no scripts and no fonts or images from elsewhere. Raises `MissingDependency`."""
        return self._written("svg").decode()

    def png(self, scale: float = SCALE) -> bytes:
        """Give it as PNG, with so many pixels for each of the plot's. Raises `MissingDependency`."""
        return self._written("png", scale_factor=scale)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file whose name ends in .svg or .png. Raises `InputError`, `MissingDependency` and `OSError`."""
        format_ = format_of(path)
        Path(path).write_bytes(self._written(format_, **({"scale_factor": SCALE} if format_ == "png" else {})))

    def _written(self, format_: str, **more: Any) -> bytes:
        try:
            import vl_convert  # noqa: F401 - what altair writes files with; it says so less clearly
        except ImportError as error:
            raise MissingDependency("vl-convert-python", "plots", "a picture of a plot") from error
        found = io.BytesIO() if format_ == "png" else io.StringIO()
        self.chart.save(found, format=format_, **more)
        whole = found.getvalue()
        return whole if isinstance(whole, bytes) else whole.encode()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Give what a notebook shows."""
        del include, exclude
        return {"image/svg+xml": self.svg()}


def format_of(path: str | os.PathLike[str]) -> str:
    """Give the format that the name of a file asks for. Raises `InputError`."""
    suffix = Path(path).suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise InputError(f"a plot is written to a file whose name ends in .svg or .png, not to {Path(path).name!r}")
    return suffix


def plot(name: PlotName, tables: Any, *, conversation: object = None, zone: str = "UTC") -> Plot:
    """Draw a plot of tables: see the module for their names, and `Tables.plot` for the other parameters.

    `tables` is `store.tables()`, or has the tables that it is made of by name, as Arrow streams: frames of an export, for one.
    Raises `InputError`, and `MissingDependency` without the extra `plots`.
    """
    from convo.analysis.arrow import arrow

    check(name, conversation, zone)
    pa, found = arrow(), {}
    for one, columns in NEEDED[name].items():
        table = tables[one] if hasattr(tables, "keys") else getattr(tables, one, None)
        if not hasattr(table, "__arrow_c_stream__"):
            reason = f"plot() needs the table {one!r} as an Arrow stream; of an async store, await tables().plot()"
            raise InputError(reason)
        batches = pa.RecordBatchReader.from_stream(table)
        if lacking := [column for column in columns if column not in batches.schema.names]:
            reason = f"the table {one!r} has no column {lacking[0]!r}; pass it as store.tables() or an export gives it"
            raise InputError(reason)
        schema = pa.schema([batches.schema.field(column) for column in columns])
        found[one] = pa.Table.from_batches([batch.select(list(columns)) for batch in batches], schema)
    return draw(name, found, None if conversation is None else str(conversation), zone)


def check(name: str, conversation: object, zone: str) -> None:
    """Raise `InputError` for another name, for a time zone that is not known, and for a lack of a conversation."""
    from zoneinfo import ZoneInfo

    check_choice(name, PLOTS, "name")
    if (name == "expiry") != (conversation is not None):
        raise InputError('the plot "expiry" is of one conversation, no other is: pass conversation= (--conversation) to it alone')
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise InputError(f'zone={zone!r} is no time zone; pass a name such as "Europe/Berlin"') from error


def draw(name: str, tables: Mapping[str, Any], conversation: str | None, zone: str) -> Plot:
    """Draw a plot of what `NEEDED` says, as Arrow tables."""
    from convo.analysis import drawing

    title, chart = drawing.DRAWN[name](tables, conversation, zone)
    return Plot(name, title, chart)
