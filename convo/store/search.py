"""Search: which messages the index lacks, and where the ones that it finds are shown.

Writing messages does not know of the index. A search first indexes what is new: every message has a row in
`convo_search` once it was looked at, whether it has words or not, so that a branch with fewer rows than messages lacks
some, be it at its end or because a row was deleted to have its message looked at again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import sqlalchemy as sa

from convo.hits import Hit, snippet, turn_around
from convo.store import tables, words
from convo.store.statements import Statement, micros
from convo.times import from_micros
from convo.words import words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.words import Term

_B, _C, _M, _N, _S = tables.branch.c, tables.conversation.c, tables.message.c, tables.search.c, tables.segment.c

BATCH = 500
"""Messages that are indexed in one transaction."""
CHARACTERS = 1_000_000
"""Characters of them after which a batch ends: about 0.1 s of work."""
FIRST = 1_000
"""Matches that are looked at first; ten times as many as long as too few of them are shown anywhere."""
AROUND = 16
"""Messages on either side of a match in which its turn is looked for first; ten times as many where that is too few."""

# --- what the index lacks --------------------------------------------------------------------------


def _select_lacking() -> Any:
    mine = _N.owner == sa.bindparam("owner")
    indexed = sa.select(_N.branch, sa.func.count().label("count")).where(mine).group_by(_N.branch).subquery()
    lacking = _B.head - sa.func.coalesce(_B.forked_at, 0) - sa.func.coalesce(indexed.c.count, 0)
    row = (_N.owner == _M.owner) & (_N.branch == _M.branch) & (_N.position == _M.position)
    message = sa.exists().where(_M.owner == _B.owner, _M.branch == _B.id, ~sa.exists().where(row))
    return (
        sa.select(_B.id, lacking.label("lacking"))
        .join_from(tables.branch, indexed, indexed.c.branch == _B.id, isouter=True)
        .where(_B.owner == sa.bindparam("owner"), lacking > 0, message)
        .order_by(_B.id)
    )


_lacking = Statement("branches with messages that are not indexed", _select_lacking)


def lacking(connection: Connection, owner: str) -> list[tuple[UUID, ...]]:
    """Give the branches with messages that the index lacks, in groups for `index`. Raises `SearchUnavailable`."""
    words.check(connection)
    groups: list[list[UUID]] = []
    room = 0
    for branch, count in _lacking.rows(connection, owner=owner):
        if room <= 0:
            groups.append([])
            room = BATCH
        groups[-1].append(branch)
        room -= int(count)
    return list(map(tuple, groups))


def index(connection: Connection, owner: str, branches: Sequence[UUID]) -> bool:
    """Index a batch of the messages of branches that the index lacks; give True when there may be more.

    Others may do the same at the same time: a message is indexed once.
    """
    words.check(connection)
    batch = _batch(connection, owner, branches)
    if not batch:
        return False
    texts = dict(batch)
    rows = [{"owner": owner, "branch": branch, "position": position} for branch, position in texts]
    numbered = connection.execute(_insert(), rows, execution_options=_options(connection)).all()
    found = ((number, words_of(texts[branch, position])) for number, branch, position in numbered)
    words.insert(connection, owner, ((number, said) for number, said in found if said))
    return True


def _insert() -> Any:
    from sqlalchemy.dialects import postgresql

    keys = ["owner", "branch", "position"]
    insert = postgresql.insert(tables.search).on_conflict_do_nothing(index_elements=keys)
    return insert.returning(_N.number, _N.branch, _N.position)


def _batch(connection: Connection, owner: str, branches: Sequence[UUID]) -> list[tuple[tuple[UUID, int], str]]:
    """Give the next messages with what there is to index of them, nothing of instructions and of what was redacted.

    They are locked, so that nobody deletes or redacts them meanwhile.
    """
    row = (_N.owner == _M.owner) & (_N.branch == _M.branch) & (_N.position == _M.position)
    lacks = (_M.owner == owner, _M.branch.in_(branches), ~sa.exists().where(row))
    size = sa.case((_is_said(), sa.func.length(_M.text)), else_=0)
    options = _options(connection)
    first = sa.select(_M.branch, _M.position, size).where(*lacks).order_by(_M.branch, _M.position).limit(BATCH)
    last, room = None, CHARACTERS
    for branch, position, length in connection.execute(first, execution_options=options):
        last, room = (branch, position), room - length
        if room <= 0:
            break
    if last is None:
        return []
    text = sa.case((_is_said(), _M.text), else_="")
    end = sa.tuple_(sa.literal(last[0], _M.branch.type), sa.literal(last[1], sa.BigInteger))
    chosen = sa.select(_M.branch, _M.position, text).where(*lacks, sa.tuple_(_M.branch, _M.position) <= end)
    locked = chosen.order_by(_M.branch, _M.position).with_for_update(read=True, of=tables.message)
    return [((branch, position), said) for branch, position, said in connection.execute(locked, execution_options=options)]


def _is_said() -> Any:
    return (_M.kind == "message") & (_M.status != "redacted")


def forget(connection: Connection, owner: str) -> None:
    """Drop what is indexed of an owner; on SQLite the index of the whole file, which may be broken, is made anew."""
    if connection.dialect.name == "sqlite":
        words.remake(connection)
    else:
        words.delete_rows(connection, owner)


# --- what is found ---------------------------------------------------------------------------------


@attrs.frozen
class _Match:
    """A message that matches, in one conversation that shows it, by its branch and head."""

    number: int
    conversation: UUID
    owner: str
    title: str | None
    branch: UUID
    head: int
    position: int
    role: str
    created: int


def find(connection: Connection, owner: str | None, terms: Sequence[Term], limit: int) -> list[Hit]:
    """Give the best turns that hold all terms in one message, of an owner or of anyone (None), the best first.

    Raises `SearchUnavailable`.
    """
    words.check(connection)
    count = max(FIRST, limit)
    while True:
        ranked = words.matching(connection, owner, terms, count)
        hits = _turns(connection, owner, dict(ranked), limit)
        if len(hits) == limit or len(ranked) < count:
            return _shown(connection, owner, hits, terms)
        count *= 10


_Turn = tuple[_Match, int, int]


def _turns(connection: Connection, owner: str | None, ranks: dict[int, float], limit: int) -> list[_Turn]:
    """Give the turns of matches, each with its best one."""
    numbers = list(ranks)
    turns: dict[tuple[UUID, int], _Turn] = {}
    for start in range(0, len(numbers), BATCH):
        matches = _placed(connection, owner, numbers[start : start + BATCH])
        matches.sort(key=lambda match: (-ranks[match.number], match.created, match.conversation, match.position), reverse=True)
        for some in (matches[at : at + 2 * limit] for at in range(0, len(matches), 2 * limit)):
            for match, (first, last) in _bounded(connection, owner, some):
                turns.setdefault((match.conversation, first), (match, first, last))
            if len(turns) >= limit:
                return list(turns.values())[:limit]
    return list(turns.values())


def _line(shown: Any, source: Any) -> Any:
    """The rows of messages, or of what is indexed, that a segment shows."""
    return (source.owner == shown.owner) & (source.branch == shown.source) & source.position.between(shown.first, shown.last)


def _placed(connection: Connection, owner: str | None, numbers: Sequence[int]) -> list[_Match]:
    """Give where messages are shown: perhaps nowhere, perhaps in several conversations."""
    found = _numbered(owner, numbers)
    same = (_M.owner == found.c.owner) & (_M.branch == found.c.branch) & (_M.position == found.c.position)
    statement = (
        sa.select(found.c.number, _C.id, _C.owner, _C.title, _B.id, _B.head, _M.position, _M.role, micros(_M.created_at))
        .join_from(found, tables.message, same)
        .join(tables.segment, _line(_S, found.c))
        .join(tables.branch, (_B.owner == _S.owner) & (_B.id == _S.branch))
        .join(tables.conversation, (_C.owner == _B.owner) & (_C.id == _B.conversation) & (_C.branch == _B.id))
        .where(_is_said(), *_of(owner, found))
    )
    return [_Match(*row) for row in connection.execute(statement, execution_options=_options(connection))]


def _numbered(owner: str | None, numbers: Iterable[int]) -> sa.CTE:
    """The rows of what is indexed, read before anything is joined: SQLite would begin with all that the owner has."""
    found = sa.select(_N.number, _N.owner, _N.branch, _N.position).where(_N.number.in_(sorted(set(numbers))))
    if owner is not None:
        found = found.where(_N.owner == owner)
    return found.cte("found").prefix_with("MATERIALIZED")


def _of(owner: str | None, found: sa.CTE) -> tuple[sa.ColumnElement[bool], ...]:
    """Say whose the found rows are, a second time: PostgreSQL then knows which partitions of other tables they lead to."""
    return () if owner is None else (found.c.owner == owner,)


def _bounded(connection: Connection, owner: str | None, matches: Sequence[_Match]) -> Iterable[tuple[_Match, tuple[int, int]]]:
    """Give matches with the bounds of their turns, in the same order."""
    bounds: dict[_Match, tuple[int, int]] = {}
    around = AROUND
    while left := [match for match in matches if match not in bounds]:
        roles = _roles(connection, owner, left, around)
        for match in left:
            found = turn_around(roles.get((match.number, match.branch), {}), match.position, match.head)
            if found is not None or around >= match.head:
                bounds[match] = found or (match.position, match.position)
        around *= 10
    return ((match, bounds[match]) for match in matches)


def _roles(
    connection: Connection, owner: str | None, matches: Sequence[_Match], around: int
) -> dict[tuple[int, UUID], dict[int, str]]:
    """Give the roles of the messages around matches, in the lines in which they are shown."""
    near = tables.segment.alias()
    found = _numbered(owner, (match.number for match in matches))
    statement = (
        sa.select(found.c.number, near.c.branch, _M.position, _M.role)
        .join_from(found, tables.segment, _line(_S, found.c))
        .join(near, (near.c.owner == _S.owner) & (near.c.branch == _S.branch))
        .join(tables.message, _line(near.c, _M) & _M.position.between(found.c.position - around, found.c.position + around))
        .where(_S.branch.in_(sorted({match.branch for match in matches})), *_of(owner, found))
    )
    roles: dict[tuple[int, UUID], dict[int, str]] = {}
    for number, branch, position, role in connection.execute(statement, execution_options=_options(connection)):
        roles.setdefault((number, branch), {})[position] = role
    return roles


def _shown(connection: Connection, owner: str | None, turns: Sequence[_Turn], terms: Sequence[Term]) -> list[Hit]:
    found = _numbered(owner, (match.number for match, _, _ in turns))
    same = (_M.owner == found.c.owner) & (_M.branch == found.c.branch) & (_M.position == found.c.position)
    statement = sa.select(found.c.number, _M.text).join_from(found, tables.message, same).where(*_of(owner, found))
    rows = connection.execute(statement, execution_options=_options(connection))
    pieces = {number: snippet(text, terms) for number, text in rows}
    return [_hit(match, first, last, pieces.get(match.number, "")) for match, first, last in turns]


def _hit(match: _Match, first: int, last: int, piece: str) -> Hit:
    return Hit(
        conversation=match.conversation, owner=match.owner, title=match.title, position=match.position, first=first, last=last,
        role=match.role, snippet=piece, created_at=from_micros(match.created),
    )  # fmt: skip


def _options(connection: Connection) -> dict[str, Any]:
    schema = connection.get_execution_options().get("convo_schema")
    return {"schema_translate_map": {None: schema}} if schema else {}
