"""Steps on a store: the schema, and conversations found, listed and deleted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from convo import steps
from convo.canonical import printable
from convo.checks import check_type
from convo.errors import ConversationNotFound, InputError, StoreError
from convo.ids import as_uuid, place_after
from convo.logs import Swallowed
from convo.protocol import is_key
from convo.steps.effects import call, read, write
from convo.steps.place import Place
from convo.store import conversations, schema
from convo.times import to_micros

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from convo.report import Report
    from convo.steps.effects import Steps
    from convo.steps.place import Tools
    from convo.store.conversations import Found
    from convo.store.totals import Totals

LOGGER = logging.getLogger("convo.store")
MAX_PAGE = 1_000


def ready(place: str, *, creates: bool) -> Steps[None]:
    """See that the tables are there and current; where the store may, make or upgrade them."""
    found = yield from read(schema.state, place)
    if found is not None:
        if not creates:
            raise found
        yield from steps.upgrading.upgraded()


def get(tools: Tools, owner: str | None, identifier: UUID | str | None, key: str | None) -> Steps[Found]:
    """Find a conversation by its id, or by its key. Raises `ConversationNotFound`."""
    if (identifier is None) == (key is None):
        reason = "get() takes an id or key=, one of the two"
        raise InputError(reason)
    if key is not None and owner is None:
        reason = "a key belongs to an owner: use store.owned_by(owner).get(key=...)"
        raise InputError(reason)
    if key is not None:
        check_type(key, str, "key", "text")
        if not is_key(key):
            raise ConversationNotFound(key)
    id_ = None if identifier is None else as_uuid(identifier)
    found = yield from read(conversations.get, owner, id_=id_, key=key)
    if tools.writable and not tools.held:
        # What cannot be written now, whoever comes next writes; reading goes on.
        with Swallowed(LOGGER, "what a dead worker left was not recorded", StoreError, conversation=found.id):
            if (yield from _settled_if_left(Place(tools, found))):
                found = yield from read(conversations.get, owner, id_=found.id)
    return found


def _settled_if_left(place: Place) -> Steps[bool]:
    """Look whether a dead worker has left anything on the branch that is shown, and end its exchange; False for nothing."""
    found = place.found
    if found.waits_for is None or found.lease_until is None or found.lease_until > place.tools.now():
        return False
    return (yield from steps.settling.settled_if_left(place, found.branch, found.waits_for))


def listed(
    owner: str | None, *, metadata: Mapping[str, Any] | None, title: str | None, since: datetime | None,
    until: datetime | None, limit: int, after: UUID | str | None,
) -> Steps[list[Found]]:  # fmt: skip
    """Give a page of conversations, newest first."""
    check_type(limit, int, "limit", "a number")
    from convo.filters import checked_filters, title_cases

    filters, cases = checked_filters(metadata), title_cases(title)
    if not 0 < limit <= MAX_PAGE:
        reason = f"limit={limit} is not between 1 and {MAX_PAGE}; read further pages with after="
        raise InputError(reason)
    return (
        yield from read(
            conversations.find, owner, filters=filters, title=cases, limit=limit,
            since=None if since is None else to_micros(since, "since"),
            until=None if until is None else to_micros(until, "until"),
            after=None if after is None else place_after(after),
        )
    )  # fmt: skip


def delete(tools: Tools, owner: str, identifier: UUID | str) -> Steps[None]:
    """Delete a conversation and all that belongs to it alone."""
    from convo.store import deletion
    from convo.store.wiping import checkpoint

    tools.check_writable()
    yield from write(deletion.delete, owner, as_uuid(identifier))
    if not tools.held:
        with Swallowed(LOGGER, "the write-ahead log was not emptied", StoreError):
            yield from read(checkpoint)


def usage(owner: str | None, conversation: UUID | None = None) -> Steps[Totals]:
    """Sum what was used and what it cost."""
    from convo.store import totals

    return (yield from read(totals.totals, owner, conversation))


def report(
    owner: str | None, by: object, *, since: datetime | None, until: datetime | None, model: str | None, api: str | None,
    conversation: UUID | str | None,
) -> Steps[Report]:  # fmt: skip
    """Give a report. Adding its rows up may take a while: it is done with no connection held."""
    from convo.report import checked_keys
    from convo.store import reports
    from convo.summing import report_of

    keys = checked_keys(by)
    for name, value in (("model", model), ("api", api)):
        check_type(value, (str, type(None)), name, "a text")
        if value is not None and printable(value, len(value)) != value:
            reason = f"{name}={value!r} holds what no database stores, NUL or a lone surrogate; pass the name as calls have it"
            raise InputError(reason)
    asked = reports.Asked(
        owner=owner, model=model, api=api,
        since=None if since is None else to_micros(since, "since"),
        until=None if until is None else to_micros(until, "until"),
        conversation=None if conversation is None else as_uuid(conversation),
    )  # fmt: skip
    names, records = yield from read(reports.sums, keys, asked)
    found: Report = yield from call(report_of, (keys, names, records), {})
    return found
