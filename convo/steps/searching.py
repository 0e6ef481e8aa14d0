"""Steps that find: search, which first indexes what is new, and the making of the index anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convo.checks import check_type
from convo.errors import CorruptStore, InputError, ReadOnlyStore, SearchUnavailable, StoreFailed
from convo.steps.effects import read, write
from convo.store import search as work
from convo.store import words
from convo.store.wiping import wiped
from convo.words import parse

if TYPE_CHECKING:
    from convo.hits import Hit
    from convo.steps.effects import Steps
    from convo.steps.place import Tools

MAX_HITS = 1_000
FORBIDDEN = "42501"
"""PostgreSQL's SQLSTATE for what a user may not do."""
BROKEN = "the index is damaged"
REMEDY = "make it anew with store.reindex()"


def search(tools: Tools, owner: str | None, text: str, limit: int) -> Steps[list[Hit]]:
    """Find turns; where the store may write, what is not indexed yet is indexed first."""
    check_type(limit, int, "limit", "a number")
    if not 0 < limit <= MAX_HITS:
        reason = f"limit={limit} is not between 1 and {MAX_HITS}"
        raise InputError(reason)
    _check_readable(tools)
    terms = parse(text)
    if not terms:
        return []
    try:
        if owner is not None and tools.writable:
            yield from _catch_up_if_allowed(owner)
        return (yield from read(work.find, owner, terms, limit))
    except CorruptStore as error:
        raise SearchUnavailable(BROKEN, REMEDY) from error


def _check_readable(tools: Tools) -> None:
    """Raise `SearchUnavailable` where what was said is encrypted: an index would hold it in the clear."""
    if tools.keys.seals:
        reason = "they are encrypted, and an index would hold their words in the clear"
        raise SearchUnavailable(reason, "look through the history() of the conversations that key=, id or time lead to")


def reindex(tools: Tools, owner: str | None) -> Steps[None]:
    """Drop the index and make it anew."""
    tools.check_writable()
    _check_readable(tools)
    yield from write(work.forget, owner)
    yield from _catch_up(owner or "")


def _catch_up_if_allowed(owner: str) -> Steps[None]:
    try:
        yield from _catch_up(owner)
    except ReadOnlyStore:
        return
    except StoreFailed as error:
        if error.reason != FORBIDDEN:
            raise


def _catch_up(owner: str) -> Steps[None]:
    """Index what is new, and take out what is gone, in short transactions."""
    for branches in (yield from read(work.lacking, owner)):
        while (yield from write(work.index, owner, branches)):
            pass
    if (yield from read(words.has_gone)):
        yield from rewritten()


def rewritten() -> Steps[None]:
    """Take what is gone out of the index, and rewrite it, so that nothing of it stays; there has to be one on SQLite."""
    while (yield from write(wiped, words.remove_gone)):
        pass
    more = yield from write(wiped, words.rewrite, first=True)
    while more:
        more = yield from write(wiped, words.rewrite, first=False)
