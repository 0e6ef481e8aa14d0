"""The full-text index: which words stand in which message, by the number of its row in `convo_search`.

It is derived and may be dropped at any time. On SQLite it is a table of FTS5 beside `convo_words_gone`, which a trigger
fills with the numbers of rows of `convo_search` that were deleted; on PostgreSQL a table of tsvectors, by owner as all others,
whose rows go with those of `convo_search`. The words come from `convo.words`, so that neither database has a say in what a
word is. The owner is indexed too: a search looks at no word of anyone else.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from convo.errors import SearchUnavailable
from convo.store import tables
from convo.store.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.engine import Connection

    from convo.words import Term

_apart = sa.MetaData()
"""These tables are not among those of `convo.store.tables`: they are another thing on each database."""
_words = sa.Table(
    "convo_words", _apart,
    sa.Column("number", sa.BigInteger, primary_key=True), sa.Column("words", sa.Text), sa.Column("owner", sa.Text),
)  # fmt: skip
_owner: Any = sa.bindparam("owner", type_=sa.Text)
_gone = sa.Table("convo_words_gone", _apart, sa.Column("number", sa.Integer, primary_key=True))

STEP = 500
"""Rows that are removed in one transaction."""
PAGES = 200
"""Pages of the index that are rewritten in one transaction."""

# --- is it there? ----------------------------------------------------------------------------------

_is_there = "SELECT count(*) FROM sqlite_master WHERE name = 'convo_words'"
_has_fts5 = "SELECT count(*) FROM pragma_module_list WHERE name = 'fts5'"


def check(connection: Connection) -> None:
    """Raise `SearchUnavailable` where the SQLite has no FTS5, or the index is not there."""
    if connection.dialect.name != "sqlite":
        return
    check_fts5(connection)
    if not connection.exec_driver_sql(_is_there).scalar_one():
        raise SearchUnavailable("the index is not there", "make it with store.reindex()")


def is_usable(connection: Connection) -> bool:
    """Say whether the index is there, and can be changed."""
    try:
        check(connection)
    except SearchUnavailable:
        return False
    return True


def can_rewrite(connection: Connection) -> bool:
    """Say whether there is an index that has to be rewritten before nothing of what was deleted stands in it."""
    return connection.dialect.name == "sqlite" and is_usable(connection)


def is_out_of_reach(connection: Connection) -> bool:
    """Say whether there is an index that this SQLite cannot change."""
    return (
        connection.dialect.name == "sqlite"
        and not connection.exec_driver_sql(_has_fts5).scalar_one()
        and bool(connection.exec_driver_sql(_is_there).scalar_one())
    )


def check_fts5(connection: Connection) -> None:
    """Raise `SearchUnavailable` where the SQLite has no FTS5."""
    if not connection.exec_driver_sql(_has_fts5).scalar_one():
        raise SearchUnavailable("this SQLite was built without FTS5", "use one that has it, as those of python.org do")


_REMAKE = (
    "DROP TABLE IF EXISTS convo_words",
    "DROP TRIGGER IF EXISTS convo_words_go",
    "DROP TABLE IF EXISTS convo_words_gone",
    "DELETE FROM convo_search",
    "CREATE VIRTUAL TABLE convo_words USING fts5(words, owner, tokenize = 'ascii')",
    "CREATE TABLE convo_words_gone (number INTEGER PRIMARY KEY)",
    (
        "CREATE TRIGGER convo_words_go AFTER DELETE ON convo_search"
        " BEGIN INSERT OR IGNORE INTO convo_words_gone VALUES (old.number); END"
    ),
)
"""As migration convo_0002 makes them. All characters but letters, digits and spaces of ASCII are letters to `ascii`."""


def remake(connection: Connection) -> None:
    """Make the index of a SQLite file anew, with nothing in it. Raises `SearchUnavailable`."""
    check_fts5(connection)
    for statement in _REMAKE:
        connection.exec_driver_sql(statement)


# --- words in --------------------------------------------------------------------------------------

_insert_sqlite = Statement(
    "index the words of a message",
    lambda: sa.text("INSERT INTO convo_words (rowid, words, owner) VALUES (:number, :words, :owner)"),
)


def _insert() -> Any:
    from sqlalchemy.dialects import postgresql

    vector = sa.cast(sa.bindparam("words", type_=sa.Text), postgresql.TSVECTOR)
    number = sa.bindparam("number", type_=sa.BigInteger)
    return postgresql.insert(_words).values(number=number, words=vector, owner=_owner)


_insert_postgresql = Statement("index the words of a message", _insert)


def insert(connection: Connection, owner: str, rows: Iterable[tuple[int, Sequence[str]]]) -> None:
    """Index the words of messages of an owner, by their numbers."""
    mark = _mark(owner)
    if connection.dialect.name == "postgresql":
        vectors = ({"number": number, "words": f"'{mark}' {_vector(words)}", "owner": owner} for number, words in rows)
        _insert_postgresql.many(connection, vectors)
        return
    _insert_sqlite.many(connection, ({"number": number, "words": " ".join(words), "owner": mark} for number, words in rows))


def _mark(owner: str) -> str:
    """A word for an owner that no text holds on PostgreSQL, where it stands among the others."""
    return f"={hashlib.sha256(owner.encode()).hexdigest()[:32]}"


def _vector(words: Sequence[str]) -> str:
    """A tsvector as PostgreSQL reads it; words are letters, marks and digits, so that there is nothing to escape."""
    places: dict[str, list[str]] = {}
    for place, word in enumerate(words, 1):
        places.setdefault(word, []).append(str(place))
    return " ".join(f"'{word}':{','.join(found)}" for word, found in places.items())


# --- words found -----------------------------------------------------------------------------------

_match_sqlite = Statement(
    "messages that hold the words, the most relevant first",
    lambda: sa.text(
        "SELECT rowid, bm25(convo_words, 1.0, 0.0) FROM convo_words WHERE convo_words MATCH :query"
        " ORDER BY 2, 1 DESC LIMIT :count"
    ),
)


def _match(*, everyone: bool) -> Any:
    from sqlalchemy.dialects import postgresql

    wanted = sa.cast(sa.bindparam("query", type_=sa.Text), postgresql.TSQUERY)
    ranked = sa.cast(sa.bindparam("ranked", type_=sa.Text), postgresql.TSQUERY)
    vector = sa.type_coerce(_words.c.words, postgresql.TSVECTOR)
    rank = (-sa.func.ts_rank(vector, ranked, 1)).label("rank")  # 1: a longer message counts less
    found = sa.select(_words.c.number, rank).where(vector.op("@@")(wanted))
    found = found if everyone else found.where(_words.c.owner == _owner)
    return found.order_by(rank, _words.c.number.desc()).limit(sa.bindparam("count", type_=sa.BigInteger))


_match_postgresql = Statement("messages that hold the words, the most relevant first", partial(_match, everyone=False))
_match_anyones = Statement("messages of anyone that hold the words, the most relevant first", partial(_match, everyone=True))


def matching(connection: Connection, owner: str | None, terms: Sequence[Term], count: int) -> list[tuple[int, float]]:
    """Give the numbers of messages that hold all terms, and their ranks: least is best, ties the newest first."""
    if connection.dialect.name == "postgresql":
        ranked = " & ".join(map(_tsquery, terms))
        if owner is None:
            rows = _match_anyones.rows(connection, query=ranked, ranked=ranked, count=count)
        else:
            query = f"'{_mark(owner)}' & {ranked}"
            rows = _match_postgresql.rows(connection, owner=owner, query=query, ranked=ranked, count=count)
    else:
        wanted = " AND ".join(map(_fts5, terms))
        query = f"words : ({wanted})" if owner is None else f'owner : "{_mark(owner)}" AND words : ({wanted})'
        rows = _match_sqlite.rows(connection, query=query, count=count)
    return [(int(number), float(rank)) for number, rank in rows]


_count_sqlite = Statement(
    "how many messages of an owner are in the index",
    lambda: sa.text("SELECT count(*) AS of_owner FROM convo_words WHERE convo_words MATCH :query"),
)


def _count() -> Any:
    from sqlalchemy.dialects import postgresql

    wanted = sa.cast(sa.bindparam("query", type_=sa.Text), postgresql.TSQUERY)
    vector = sa.type_coerce(_words.c.words, postgresql.TSVECTOR)
    counted = sa.select(sa.func.count().label("of_owner")).select_from(_words)
    return counted.where(_words.c.owner == _owner, vector.op("@@")(wanted))


_count_postgresql = Statement("how many messages of an owner are in the index", _count)


def count(connection: Connection, owner: str) -> int:
    """Count the messages of an owner that are in the index; where there is none, there are none."""
    mark = _mark(owner)
    if connection.dialect.name == "postgresql":
        return int(_count_postgresql.rows(connection, owner=owner, query=f"'{mark}'")[0][0])
    if not is_usable(connection):
        return 0
    return int(_count_sqlite.rows(connection, query=f'owner : "{mark}"')[0][0])


def _fts5(term: Term) -> str:
    return f'"{" ".join(term.words)}"{" *" if term.prefix else ""}'


def _tsquery(term: Term) -> str:
    phrase = " <-> ".join(f"'{word}'" for word in term.words)
    return f"({phrase}{':*' if term.prefix else ''})"


# --- words out -------------------------------------------------------------------------------------


def has_gone(connection: Connection) -> bool:
    """Say whether the index still holds words of messages that were deleted or changed."""
    return connection.dialect.name == "sqlite" and connection.execute(sa.select(_gone.c.number).limit(1)).first() is not None


def remove_gone(connection: Connection) -> bool:
    """Take words of deleted messages out of the index; give True when there are more."""
    numbers = [{"number": number} for number in connection.execute(sa.select(_gone.c.number).limit(STEP)).scalars()]
    if numbers:
        connection.execute(sa.text("DELETE FROM convo_words WHERE rowid = :number"), numbers)
        connection.execute(sa.delete(_gone).where(_gone.c.number == sa.bindparam("number")), numbers)
    return len(numbers) == STEP


def rewrite(connection: Connection, *, first: bool) -> bool:
    """Rewrite a part of the index, in which FTS5 marks what was deleted and keeps it; give True when there is more."""
    before = connection.exec_driver_sql("SELECT total_changes()").scalar_one()
    merge = "INSERT INTO convo_words (convo_words, rank) VALUES ('merge', ?)"
    connection.exec_driver_sql(merge, (-PAGES if first else PAGES,))
    after = connection.exec_driver_sql("SELECT total_changes()").scalar_one()
    return bool(after - before >= 2)  # noqa: PLR2004 - fewer changes: nothing was left to merge, says SQLite's documentation


def delete_rows(connection: Connection, owner: str) -> None:
    """Forget what is indexed of an owner; words go with it, on SQLite with `remove_gone`."""
    _delete_rows(connection, owner=owner)


_delete_rows = Statement(
    "forget what is indexed of an owner",
    lambda: sa.delete(tables.search).where(tables.search.c.owner == sa.bindparam("owner")),
)
