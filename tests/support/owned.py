"""Does a statement of SQLAlchemy name the owner for each table that it reads or writes? And which statements were sent?

A table counts as held by its owner where the statement compares its owner with a value, or with the owner of another table
that is so held, in a condition that every row has to meet: of the WHERE, or of the ON of a join. What stands under an OR or a
NOT holds nothing, and a subquery holds its own tables only.
"""

from __future__ import annotations

import importlib
import pkgutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.sql import elements, operators, selectable
from sqlalchemy.sql.dml import Delete, Insert, Update

import convo.store
from convo.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Scope = dict[Any, bool]
"""What a statement reads from, and whether its owner is held."""


def unowned(statement: Any, given: Iterable[Mapping[str, Any]] = ()) -> list[str]:
    """Name the tables whose owner a statement does not hold. `given` are the rows that an INSERT without values is run with."""
    found = _Inspection(tuple(given))
    found.visit(statement, {})
    return found.problems


@attrs.define
class _Inspection:
    given: tuple[Mapping[str, Any], ...]
    problems: list[str] = attrs.field(factory=list)
    seen: set[int] = attrs.field(factory=set)

    def visit(self, element: Any, outer: Scope) -> None:
        """Look at a statement or at a part that is one. What was looked at once is not told of twice."""
        element = getattr(element, "element", element) if not isinstance(element, selectable.SelectBase) else element
        if id(element) in self.seen:
            return
        self.seen.add(id(element))
        for cte in getattr(element, "_independent_ctes", ()):
            self.visit(cte, {})
        match element:
            case selectable.CompoundSelect():
                for one in element.selects:
                    self.visit(one, outer)
            case selectable.Select():
                self._read(element, outer)
            case Insert():
                self._insert(element)
            case Update() | Delete():
                self._change(element)
            case selectable.ScalarSelect():
                self.visit(element.element, outer)
            case elements.TextClause():
                self.problems.append(f"text: {element.text}")

    # --- statements -------------------------------------------------------------------------------

    def _read(self, select: Any, outer: Scope) -> None:
        conditions: list[tuple[Any, Any]] = [(None, one) for one in select._where_criteria]
        leaves: list[Any] = []
        for source in _froms(select):
            self._flatten(source, leaves, conditions)
        correlated = [one for one in select._correlate if one in outer] if select._correlate else outer
        own = [leaf for leaf in leaves if leaf not in correlated] or leaves
        scope = self._held(own, conditions, outer)
        self._inside([select._where_criteria, *(one for _, one in conditions), *select._raw_columns], {**outer, **scope})

    def _insert(self, insert: Any) -> None:
        names: dict[str, Any] = {}
        if insert.select is not None:
            self.visit(insert.select, {})
            names = dict(zip(map(str, insert._select_names), insert.select.selected_columns, strict=True))
        elif insert._values:
            names = {column.name if hasattr(column, "name") else str(column): value for column, value in insert._values.items()}
        elif all("owner" in row for row in self.given):  # it takes every column as a parameter
            names = {"owner": sa.bindparam("owner")}
        if _has_owner(insert.table) and not _is_value(names.get("owner")):
            self.problems.append(f"insert into {insert.table.name}")
        conflict = insert._post_values_clause
        targets = [getattr(one, "name", one) for one in getattr(conflict, "inferred_target_elements", None) or ["owner"]]
        if _has_owner(insert.table) and "owner" not in targets:
            self.problems.append(f"conflict of {insert.table.name}")
        self._inside(list(names.values()), {insert.table: True})

    def _change(self, change: Any) -> None:
        conditions = [(None, one) for one in change._where_criteria]
        own = [change.table, *_tables_of(change._where_criteria)]
        scope = self._held(list(dict.fromkeys(own)), conditions, {})
        values = list(getattr(change, "_values", None) or ())
        self._inside([change._where_criteria, *((getattr(change, "_values", None) or {}).values()), *values], scope)

    # --- parts ------------------------------------------------------------------------------------

    def _flatten(self, source: Any, leaves: list[Any], conditions: list[tuple[Any, Any]]) -> None:
        if not isinstance(source, selectable.Join):
            leaves.append(source)
            return
        before = len(leaves)
        self._flatten(source.left, leaves, conditions)
        middle = len(leaves)
        self._flatten(source.right, leaves, conditions)
        conditions.append((leaves[middle:] if source.isouter else leaves[before:], source.onclause))

    def _held(self, own: list[Any], conditions: list[tuple[Any, Any]], outer: Scope) -> Scope:
        """Say of each source whether its owner is held; name those whose is not."""
        scope = dict.fromkeys(own, False)
        for source in own:
            if isinstance(source, selectable.CTE | selectable.Subquery | selectable.Lateral):
                self.visit(source.element, outer if isinstance(source, selectable.Lateral) else {})
                scope[source] = True
            elif not _has_owner(source):
                scope[source] = True
        pairs = [pair for allowed, condition in conditions for pair in _pairs(condition, allowed)]
        changed = True
        while changed:
            changed = False
            for source, other in pairs:
                if source in scope and not scope[source] and (other is None or {**outer, **scope}.get(other)):
                    scope[source] = changed = True
        self.problems += [str(getattr(source, "name", source)) for source, held in scope.items() if not held]
        return scope

    def _inside(self, parts: Iterable[Any], scope: Scope) -> None:
        """Look at the subqueries in expressions."""
        for part in parts:
            if isinstance(part, tuple | list):
                self._inside(part, scope)
            elif isinstance(part, selectable.ScalarSelect | selectable.SelectBase | elements.Grouping) and hasattr(
                part, "element"
            ):
                self._inside([part.element], scope)
            elif isinstance(part, selectable.SelectBase):
                self.visit(part, scope)
            elif hasattr(part, "get_children") and not isinstance(part, selectable.FromClause):
                self._inside(list(part.get_children()), scope)


def _froms(select: Any) -> list[Any]:
    """What `get_final_froms` gives, which knows no dialect, and so not our own functions."""
    dialect: Any = make_url("postgresql://").get_dialect()()
    compiler = dialect.statement_compiler(dialect, select)
    return list(select._compile_state_factory(select, compiler)._get_display_froms())


def _has_owner(source: Any) -> bool:
    return "owner" in getattr(source, "c", ())


def _is_value(value: Any) -> bool:
    value = getattr(value, "element", value)
    value = value.clause if isinstance(value, elements.Cast) else value
    return isinstance(value, elements.BindParameter) or getattr(value, "name", None) == "owner"


def _pairs(condition: Any, allowed: list[Any] | None) -> Iterator[tuple[Any, Any]]:
    """Give which owner a condition compares with which other one, None for a value. `allowed` are what it can hold."""
    while isinstance(condition, elements.Grouping):
        condition = condition.element
    if isinstance(condition, elements.BooleanClauseList) and condition.operator is operators.and_:
        for one in condition.clauses:
            yield from _pairs(one, allowed)
    elif isinstance(condition, elements.BinaryExpression) and condition.operator is operators.eq:
        for one, other in ((condition.left, condition.right), (condition.right, condition.left)):
            if getattr(one, "name", None) != "owner" or getattr(one, "table", None) is None:
                continue
            if allowed is not None and one.table not in allowed:
                continue
            if isinstance(other, elements.BindParameter):
                yield one.table, None
            elif getattr(other, "name", None) == "owner" and getattr(other, "table", None) is not None:
                yield one.table, other.table


def _tables_of(parts: Iterable[Any]) -> Iterator[Any]:
    for part in parts:
        if isinstance(part, selectable.SelectBase | selectable.ScalarSelect | elements.UnaryExpression):
            continue
        if getattr(part, "table", None) is not None:
            yield part.table
        elif hasattr(part, "get_children"):
            yield from _tables_of(part.get_children())


# --- which statements there are --------------------------------------------------------------------


def declared() -> list[tuple[str, Statement]]:
    """All statements that modules of `convo.store` keep, by the module."""
    names = [one.name for one in pkgutil.walk_packages(convo.store.__path__, "convo.store.")]
    modules = [importlib.import_module(name) for name in names]
    found: dict[int, tuple[str, Statement]] = {}
    for module in modules:
        for value in vars(module).values():
            kept = value.values() if isinstance(value, dict) else value if isinstance(value, tuple | list) else [value]
            for one in kept:
                if isinstance(one, Statement):
                    found.setdefault(id(one), (module.__name__, one))
    return list(found.values())


@attrs.define
class Sent:
    """What went to databases: statements by their purposes, others with the rows they were given, and bare text."""

    statements: dict[str, Any] = attrs.field(factory=dict)
    others: list[tuple[Any, tuple[Mapping[str, Any], ...]]] = attrs.field(factory=list)
    texts: set[str] = attrs.field(factory=set)

    def unowned(self) -> list[str]:
        """Name each statement that does not hold the owner of a table, with the table."""
        found = [f"{purpose}: {table}" for purpose, build in self.statements.items() for table in unowned(build)]
        return found + [f"{table} in {' '.join(str(one).split())}" for one, given in self.others for table in unowned(one, given)]


@contextmanager
def sent() -> Iterator[Sent]:
    """Note all that is sent to any database inside the block."""
    found = Sent()
    compiled: set[str] = set()
    real = Statement._for

    def noted(self: Statement, connection: Any) -> Any:
        made = real(self, connection)
        found.statements.setdefault(self.purpose, self._build())
        compiled.add(made[0].sql)
        return made

    def before_execute(connection: Any, element: Any, many: Any, one: Any, options: Any) -> None:
        del connection, options
        if isinstance(element, sa.sql.ClauseElement) and not isinstance(element, sa.schema.ExecutableDDLElement):
            found.others.append((element, tuple(many) or ((one,) if one else ())))

    def before_cursor(connection: Any, cursor: Any, text: str, parameters: Any, context: Any, many: Any) -> None:
        del connection, cursor, parameters, many
        if context is None or (context.compiled is None and text not in compiled):
            found.texts.add(" ".join(text.split()))

    sa.event.listen(sa.Engine, "before_execute", before_execute)
    sa.event.listen(sa.Engine, "before_cursor_execute", before_cursor)
    try:
        with mock.patch.object(Statement, "_for", noted):
            yield found
    finally:
        sa.event.remove(sa.Engine, "before_execute", before_execute)
        sa.event.remove(sa.Engine, "before_cursor_execute", before_cursor)
