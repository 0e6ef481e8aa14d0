"""`Tables`: conversations as Arrow tables, and as frames of other tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo import steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from convo.analysis.columns import Description
    from convo.analysis.plots import Plot, PlotName
    from convo.steps.effects import Steps
    from convo.store.spans import Wanted
    from convo.sync_api.driver import Driver


class Table:
    """One table of a store, which is read anew each time that it is asked for; nothing is read before.

    `polars.DataFrame(table)`, `pyarrow.table(table)`, pandas and DuckDB read it directly, as a stream of record batches of some
    16 MB. Each batch is a short read of the database: others may write meanwhile, and what they write may be in it or not.
    `print(table)` says what its columns hold; so does `convo.analysis.columns`.
    """

    def __init__(self, driver: Driver, name: str, wanted: Wanted) -> None:
        self._driver = driver
        self._wanted = wanted
        self._name = name

    def _page(self, cursor: steps.tables.Cursor) -> Steps[tuple[Any, steps.tables.Cursor] | None]:
        return steps.tables.page(self._driver.tools, self._name, self._wanted, cursor)

    @property
    def name(self) -> str:
        """Its name: conversations, messages, audio, exchanges or turns."""
        return self._name

    @property
    def description(self) -> Description:
        """What a row is, and what the columns hold."""
        return steps.tables.described(self._name)

    @property
    def schema(self) -> Any:
        """Its `pyarrow.Schema`. Raises `MissingDependency` without the extra `analysis`."""
        return steps.tables.schema_of(self._name)

    def __iter__(self) -> Iterator[Any]:
        """Give the `pyarrow.RecordBatch`es, in the order of owners, conversations, and their rows.

        Raises `MissingDependency`, `KeyUnavailable`, `SearchUnavailable` for a filter of encrypted metadata, `StoreError`.
        """
        cursor = steps.tables.Cursor()
        while (found := self._driver.do(self._page(cursor))) is not None:
            batch, cursor = found
            if batch.num_rows:
                yield batch

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give the rows as an Arrow stream, as its PyCapsule interface has it. Raises `MissingDependency`."""
        from convo.analysis.arrow import arrow

        return arrow().RecordBatchReader.from_batches(self.schema, self).__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> Any:
        """Give a `pyarrow.Table`. Raises as iterating does."""
        return self._driver.do(steps.tables.whole(self._driver.tools, self._name, self._wanted))

    def to_polars(self) -> Any:
        """Give a `polars.DataFrame`. Raises as iterating does."""
        from convo.analysis.frames import POLARS

        return self._driver.do(steps.tables.framed(self._driver.tools, self._name, self._wanted, POLARS))

    def to_pandas(self) -> Any:
        """Give a `pandas.DataFrame`, with Arrow's types: counts stay whole beside null. Raises as iterating does."""
        from convo.analysis.frames import PANDAS

        return self._driver.do(steps.tables.framed(self._driver.tools, self._name, self._wanted, PANDAS))

    def to_duckdb(self, connection: Any = None) -> Any:
        """Make a table of this name in DuckDB, in your connection or in memory, and give it as a relation.

        It is copied batch by batch. Raises as iterating does, and DuckDB's own error where there is a table of this name.
        """
        return self._driver.do(steps.tables.copied(self._driver.tools, [self._name], self._wanted, connection)).table(self._name)

    def __repr__(self) -> str:
        """Show its name."""
        return f"<Table {self._name}>"

    def __str__(self) -> str:
        """Say what a row is, and what each column holds."""
        return str(self.description)


class Tables:
    """What a store holds, as tables for analysis: see `Store.tables`, and `print(tables)` for what the columns hold."""

    def __init__(self, driver: Driver, wanted: Wanted) -> None:
        self._driver = driver
        self._wanted = wanted

    def _table(self, name: str) -> Table:
        return Table(self._driver, name, self._wanted)

    @property
    def conversations(self) -> Table:
        """One row a conversation; `since` and `until` go by when it was made."""
        return self._table("conversations")

    @property
    def messages(self) -> Table:
        """One row a message of the branch that a conversation shows; `since` and `until` go by its `created_at`.

        What a fork shares with the conversation that it comes from is a message of both, and in the fork `shared` is true:
        without those, or with each (`owner`, `branch`, `position`) once, every message counts once.
        """
        return self._table("messages")

    @property
    def audio(self) -> Table:
        """One row a recording or a spoken reply of such a message, without its bytes (`chat.load` gives them)."""
        return self._table("audio")

    @property
    def exchanges(self) -> Table:
        """One row a call of an API; `since` and `until` go by when it began. A fork has none of what it shares."""
        return self._table("exchanges")

    @property
    def turns(self) -> Table:
        """One row a turn of the branch that is shown; `since` and `until` go by its first message. See `messages` for forks.

        A turn is made of all that follows it, so a conversation is read whole, without what is said in it: some hundred bytes
        a message, whatever its length.
        """
        return self._table("turns")

    def to_duckdb(self, connection: Any = None) -> Any:
        """Make all five in DuckDB, in your connection or in memory, and give the connection.

            connection = store.tables().to_duckdb()
            connection.sql("SELECT role, count(*) FROM messages GROUP BY role")

        Raises as `Table.to_duckdb` does; tables that were made until then are taken back.
        """
        names = steps.tables.NAMES
        return self._driver.do(steps.tables.copied(self._driver.tools, names, self._wanted, connection))

    def measures(self, by: str | Sequence[str] = "conversation") -> Any:
        """Give turns, words, talk ratio, response times, silences, interruptions, fallbacks, tools, tokens and cost by group.

            store.tables(since=last_month).measures(by="model")

        A `pyarrow.Table` with a row for each "conversation", "owner", "model" or "day" (in UTC), or for each combination of
        several; by () all is one row. What a column is, with formula, unit and source, says `convo.analysis.measured`, and
        `print(convo.analysis.MEASURES)` in short. It reads the tables once, batch by batch.

        Raises `InputError` for another `by`, and as iterating over a `Table` does.
        """
        return self._driver.do(steps.measures.measured(self._driver.tools, self._wanted, by))

    def plot(self, name: PlotName, *, conversation: UUID | str | None = None, zone: str = "UTC") -> Plot:
        """Draw "cost", "tokens", "latency", "talk", "audio", "activity", or "expiry" of one conversation.

            plot = store.tables(since=last_month).plot("cost", zone="Europe/Berlin")
            plot.save("cost.svg")           # or .png; plot.chart is an altair.Chart

        A notebook shows it. What each shows says `convo.analysis.plots`; `zone` is the time zone whose clocks count. Raises
        `InputError` for another name or zone, `ConversationNotFound`, `MissingDependency` without the extra `plots`, and as
        iterating over a `Table` does.
        """
        return self._driver.do(steps.plots.plotted(self._driver.tools, self._wanted, name, conversation, zone))

    def __repr__(self) -> str:
        """Show the names."""
        return f"<Tables {', '.join(steps.tables.NAMES)}>"

    def __str__(self) -> str:
        """Say what the rows and columns of all hold."""
        return "\n\n".join(str(steps.tables.described(name)) for name in steps.tables.NAMES)
