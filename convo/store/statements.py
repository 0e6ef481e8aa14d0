"""Core statements compiled once for each dialect and schema, and run on the driver's own cursor.

Building and compiling a statement on every call costs as much as the driver itself: this halves the price of an
append. Types still convert, by the processors of the columns that the statement names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from convo.sealing.keyring import PLAIN
from convo.store.direct import fetched, run, streamed
from convo.store.sealed import open_rows, opening, seal_values, writes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy.engine import Connection, Dialect
    from sqlalchemy.sql.compiler import SQLCompiler

    from convo.sealing.keyring import Plain
    from convo.store.sealed import Opening, Write


AS_BYTES = "/* bytes */"
"""What a SELECT is prefixed with whose rows hold bytes, so that psycopg takes them as the server has them."""


@attrs.frozen
class _Compiled:
    """SQL for one driver. `names` are its parameters in order; those with a constant or a type to convert are apart."""

    sql: str
    positional: bool
    names: Sequence[str]
    constants: dict[str, Any]
    conversions: Sequence[tuple[str, Callable[[Any], Any]]]
    results: Sequence[tuple[int, Callable[[Any], Any]]]
    writes: Sequence[Write]
    how: Opening

    def parameters(self, keyring: Plain, values: dict[str, Any]) -> Any:
        """Give the driver's parameters for the named values, those sealed that are to be."""
        values = {**self.constants, **values}
        if self.writes:
            seal_values(keyring, self.writes, values)
        for name, convert in self.conversions:
            value = values[name]
            if value is not None:
                values[name] = convert(value)
        return tuple(map(values.__getitem__, self.names)) if self.positional else {name: values[name] for name in self.names}


class Statement:
    """One statement with its one-line purpose. Called with a connection and the values of its parameters."""

    def __init__(self, purpose: str, build: Callable[[], sa.Executable]) -> None:
        self.purpose = purpose
        self._build = build
        self._compiled: dict[tuple[str, str, str, str | None, bool], _Compiled] = {}

    def __call__(self, connection: Connection, **values: Any) -> None:
        """Run it once."""
        compiled, keyring = self._for(connection)
        run(connection, compiled.sql, compiled.parameters(keyring, values))

    def many(self, connection: Connection, rows: Iterable[dict[str, Any]]) -> None:
        """Run it for each row of values; no rows, no call."""
        compiled, keyring = self._for(connection)
        if parameters := [compiled.parameters(keyring, row) for row in rows]:
            run(connection, compiled.sql, parameters)

    def one(self, connection: Connection, **values: Any) -> Sequence[Any] | None:
        """Run it and give its first row, or None."""
        rows = self.rows(connection, **values)
        return rows[0] if rows else None

    def rows(self, connection: Connection, **values: Any) -> Sequence[Sequence[Any]]:
        """Run it and give all rows, with their values as Python has them. Raises `CorruptStore` for text that is none."""
        compiled, keyring = self._for(connection)
        found = fetched(connection, compiled.sql, compiled.parameters(keyring, values))
        found = [_converted(row, compiled.results) for row in found] if compiled.results else found
        return open_rows(keyring, compiled.how, found) if compiled.how.reads else found

    def stream(self, connection: Connection, **values: Any) -> Iterator[Sequence[Any]]:
        """Run it where `direct.streams` and nothing is sealed, and give its rows one by one, as they come.

        Nothing else may be run meanwhile. A sealed value is refused, as `rows` does it where there is no cipher.
        """
        compiled, keyring = self._for(connection)
        for row in streamed(connection, compiled.sql, compiled.parameters(keyring, values)):
            found = [_converted(row, compiled.results) if compiled.results else row]
            yield from open_rows(keyring, compiled.how, found) if compiled.how.reads else found

    def _for(self, connection: Connection) -> tuple[_Compiled, Plain]:
        dialect, options = connection.dialect, connection.get_execution_options()
        schema, keyring = options.get("convo_schema"), options.get("convo_keys", PLAIN)
        known = (dialect.name, dialect.driver, dialect.paramstyle, schema, keyring.seals)
        compiled = self._compiled.get(known)
        if compiled is None:
            compiled = self._compiled[known] = _compile(self._build(), dialect, schema, keyring)
        return compiled, keyring


def _converted(row: Sequence[Any], processors: Sequence[tuple[int, Callable[[Any], Any]]]) -> list[Any]:
    values = list(row)
    for index, process in processors:
        values[index] = process(values[index])
    return values


def _compile(statement: Any, dialect: Dialect, schema: str | None, keyring: Plain) -> _Compiled:
    translation = {"schema_translate_map": {None: schema}, "render_schema_translate": True} if schema else {}
    how = opening(statement, keyring)
    statement = how.statement
    compiled: SQLCompiler = statement.compile(dialect=dialect, **translation)
    binds = {name: bind for bind, name in compiled.bind_names.items()}
    names = compiled.positiontup if compiled.positional else list(binds)
    processors = [(name, _processor(binds[name].type, dialect)) for name in binds]
    return _Compiled(
        sql=str(compiled),
        positional=bool(compiled.positional),
        names=names or (),
        constants={name: bind.value for name, bind in binds.items() if not bind.required},
        conversions=[(name, process) for name, process in processors if process is not None],
        results=_result_processors(how.columns[: how.width], dialect),
        writes=writes_of(statement, names or binds),
        how=how,
    )


def _result_processors(exported: Sequence[Any], dialect: Dialect) -> list[tuple[int, Callable[[Any], Any]]]:
    own = [(index, column.type) for index, column in enumerate(exported) if isinstance(column.type, sa.types.TypeDecorator)]
    processors = [(index, type_.dialect_impl(dialect).result_processor(dialect, None)) for index, type_ in own]
    return [(index, process) for index, process in processors if process is not None]


def _processor(type_: sa.types.TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    return type_.dialect_impl(dialect).bind_processor(dialect)


class micros(sa.sql.functions.FunctionElement[int]):  # noqa: N801 - named like the SQL functions beside it
    """An instant as microseconds since 1970, made by the database: Python never sees a date."""

    type = sa.BigInteger()
    inherit_cache = True


@compiles(micros, "sqlite")
def _micros_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(micros, "postgresql")
def _micros_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"CAST(EXTRACT(EPOCH FROM {compiler.process(element.clauses, **options)}) * 1000000 AS BIGINT)"


class one_of(sa.sql.functions.FunctionElement[bool]):  # noqa: N801 - named like the SQL functions beside it
    """That a column is one of the rows of a subquery, beside the join that says so too: PostgreSQL looks those up first.

    How to join tables without statistics it guesses, and would begin with all that an owner has. SQLite needs no telling.
    """

    type = sa.Boolean()
    inherit_cache = True

    def __init__(self, column: sa.ColumnElement[Any], rows: sa.Select[Any]) -> None:
        super().__init__(column, rows.scalar_subquery())


@compiles(one_of, "sqlite")
def _one_of_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    del element, compiler, options
    return "1"


@compiles(one_of, "postgresql")
def _one_of_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    column, rows = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} = ANY(ARRAY{rows})"


class _Whole(sa.types.TypeDecorator[int]):
    """A whole number of any size: `numeric`, or two halves in a text."""

    impl = sa.types.NullType
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Any) -> int | None:
        """Put the halves together."""
        del dialect
        if not isinstance(value, str):
            return None if value is None else int(value)
        high, low = value.split()
        return (int(high) << _HALF) + int(low)


_HALF = 32


class exact_sum(sa.sql.functions.FunctionElement[int]):  # noqa: N801 - named like the SQL functions beside it
    """A sum that may be larger than 64 bits, which on SQLite would be an error."""

    type = _Whole()
    inherit_cache = True


@compiles(exact_sum, "sqlite")
def _exact_sum_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    value = compiler.process(element.clauses, **options)
    return f"(sum({value} >> {_HALF}) || ' ' || sum({value} & {(1 << _HALF) - 1}))"


@compiles(exact_sum, "postgresql")
def _exact_sum_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"sum({compiler.process(element.clauses, **options)})"
