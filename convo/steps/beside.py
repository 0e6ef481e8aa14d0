"""Columns of calls that are no turn: transcriptions, translations, speech, summaries. Each call is one row, failed ones too."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from convo.canonical import decode, printable
from convo.errors import AnswerError, ConvoError
from convo.intake.reading import unreadable
from convo.logs import Swallowed
from convo.steps.columns import cost_of, error_columns, retries_of
from convo.steps.effects import write
from convo.store import exchanges
from convo.store.totals import usage_columns
from convo.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convo.steps.effects import Steps, Told
    from convo.steps.place import Tools

LOGGER = logging.getLogger("convo.exchange")


def begun(tools: Tools, owner: str, api: str, model: str, origin: str, asked: bytes) -> dict[str, Any]:
    """Give the columns of a call that begins now; `asked` is the SHA-256 of what is asked."""
    return {
        "owner": owner, "id": tools.new_id(), "hash": asked, "attempt": 1, "api": api, "model": model, "origin": origin,
        "asked_first": 1, "asked_last": 0, "started_at": tools.now(),
    }  # fmt: skip


def answered(told: Told) -> dict[str, Any]:
    """Give the columns of a call that was answered."""
    return {
        "status": "done", "finished_at": told.at, "first_byte_at": told.first_byte_at, "retries": told.retries,
        "request_id": printable(told.headers.get("x-request-id", ""), 200) or None,
    }  # fmt: skip


def used(tools: Tools, model: str, usage: Usage, answered_by: str | None = None, raw: str | None = None) -> dict[str, Any]:
    """Give the columns that say what a call used and cost."""
    return usage_columns(usage, cost_of(tools.catalogue, usage, model, answered_by, raw))


def failed(tools: Tools, row: Mapping[str, Any], error: BaseException, told: Told | None = None) -> dict[str, Any]:
    """Give the row of a call that failed: the API refused it, could not be reached, or (`told`) gave what cannot be read.

    The last was billed: it has its answer, and what it used as far as that says.
    """
    now = tools.now()
    found = {**row, "status": "failed", "finished_at": now, "retries": retries_of(error), **error_columns(error, now)}
    if told is None:
        return found
    raw, usage = unreadable(told.answer)
    if raw is not None and row["api"] != "summary":
        usage = Usage.from_transcription(decode(raw).get("usage"))
    found |= {**answered(told), "status": "failed", "error": AnswerError.code, "raw": raw}
    return found | used(tools, row["model"], usage, None, raw)


def kept(calls: Sequence[Mapping[str, Any]]) -> Steps[None]:
    """Keep the rows of calls when an error is about to be raised: a database that cannot be reached is no second one."""
    if calls:
        fields = {"api": calls[0]["api"], "calls": len(calls)}
        with Swallowed(LOGGER, "calls that were billed could not be stored", ConvoError, **fields):
            yield from write(exchanges.keep_calls, calls)
