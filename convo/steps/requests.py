"""Steps to a request: read what it is made of, plan, fetch the bytes, fill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from convo.assembly import Plan, Request, Seeds, Target, fill, fill_seeds, plan, whole
from convo.assembly.window import budget_of
from convo.audio import Audio
from convo.checks import check_type
from convo.errors import InputError
from convo.forms import as_chat
from convo.origin import Origin
from convo.policy import Policy
from convo.steps import blobs
from convo.steps.answers import ENDPOINTS, check_api
from convo.steps.effects import read
from convo.steps.log import followed, history
from convo.steps.successors import check_alive, moved_on
from convo.store import exchanges, opening

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.history import History
    from convo.memory import Memory
    from convo.messages import Draft, Media, Message
    from convo.protocol import Known
    from convo.steps.effects import Steps
    from convo.steps.place import Place

ITEM = "item"
"""The key under which the body of a message from a Realtime session says which item it was."""
CACHE_KEY = "prompt_cache_key"
"""The argument by which requests that begin alike find the same cache."""


@attrs.frozen
class Opened:
    """What a turn starts from: the log of the branch that is shown, what assembly remembers, and who has the key already."""

    history: History
    memory: Memory
    known: Known | None


def open_turn(
    connection: Connection, owner: str, conversation: UUID, target: Target, budget: int, key: str | None,
    branch: UUID | None = None,
) -> Opened:  # fmt: skip
    """Read what a request of a number of tokens is made of: from the branch that is shown, or from another one."""
    known = exchanges.by_key(connection, owner, conversation, key)  # first: who takes over must see its messages
    line = opening.line_of(connection, owner, conversation, target, branch)
    return Opened(opening.tail(connection, owner, line, budget), line.memory, known)


def target_of(place: Place, model: str, api: str, client: Any, origin: str | None, arguments: Mapping[str, Any]) -> Target:
    """Give the target of a call; a model that is known gets the conversation as the key of its prompt cache, where there is one.

    Raises `UnsupportedApi`, `InputError` for a model or an origin that is no plain text.
    """
    check_api(api)
    for name, value in (("model", model), ("origin", origin or "")):
        check_type(value, str, name, "text")
        if not value.isprintable():
            reason = f"{name}={value!r} is no plain text"
            raise InputError(reason)
    where = str(Origin.of(client)) if client is not None else origin or ""
    found = place.tools.catalogue.lookup(model)
    server = place.tools.catalogue.server_of(where if client is None else client, model)
    if found.known and server.prompt_cache and api in ENDPOINTS:
        arguments = {CACHE_KEY: str(place.found.id), **arguments}
    return Target(found, where, arguments, server=server, api=api)


def opened(
    place: Place, target: Target, policy: Policy, key: str | None = None, branch: UUID | None = None
) -> Steps[Opened]:  # fmt: skip
    """Read what a turn starts from, on the branch that is shown, or on the one where an exchange has begun."""
    start = yield from read(open_turn, place.owner, place.found.id, target, budget_of(policy, target), key, branch)
    if branch is None and start.history.branch != place.found.branch:
        yield from followed(place)
    return start


def planned(place: Place, start: Opened, drafts: Sequence[Draft], target: Target, policy: Policy, now: int) -> Plan:
    """Plan the request that answers the log and, after it, drafts that are not in it yet."""
    line = start.history
    added = tuple(draft.at(position, now) for position, draft in enumerate(drafts, line.head + 1))
    line = attrs.evolve(line, messages=(*line.messages, *added), head=line.head + len(added))
    return plan(line, start.memory, policy, target, now, place.tools.family_of, place.tools.counter())


def filled(place: Place, ready: Plan, drafts: Sequence[Draft] = ()) -> Steps[Request]:
    """Fetch the bytes that a plan needs, beside those that the drafts carry, and put them in."""
    return fill(ready, (yield from _bytes(place, ready, drafts)))


def _bytes(place: Place, ready: Plan, drafts: Sequence[Draft] = ()) -> Steps[dict[str, bytes]]:
    known = {piece.digest: piece.data for draft in drafts for piece in draft.media if piece.data is not None}
    missing = [digest for digest in ready.blobs if digest not in known]
    if missing:
        known |= yield from blobs.get_all(place.tools, place.owner, missing)
    return known


def request(
    place: Place, model: str, *, api: str, client: Any, origin: str | None, policy: Policy | None, arguments: Mapping[str, Any]
) -> Steps[Request | Seeds]:
    """Assemble a request, or what a session begins with, and write nothing."""
    check_type(policy, (Policy, type(None)), "policy", "a convo.Policy")
    policy = policy or Policy()
    target = moved_on(place.tools, target_of(place, model, api, client, origin, arguments), policy)
    check_alive(place.tools, target.model, policy)
    start = yield from opened(place, target, policy)
    ready = planned(place, start, (), target, policy, place.tools.now())
    if api in ENDPOINTS:
        return (yield from filled(place, ready))
    return fill_seeds(ready, (yield from _bytes(place, ready)))


def to_chat(place: Place, last: int | None) -> Steps[list[dict[str, Any]]]:
    """Give the messages of the log as Chat Completions writes them, with their bytes."""
    found = yield from history(place, last)
    pieces = {piece.digest: piece for message in found for piece in message.media if piece.made_by is None}
    stored: dict[str, bytes] = (yield from blobs.get_all(place.tools, place.owner, list(pieces))) if pieces else {}
    known = {digest: _told_by_its_bytes(pieces[digest], data) for digest, data in stored.items()}
    return [whole(_as_chat(message), known) for message in found if message.kind != "summary"]


def _as_chat(message: Message) -> dict[str, Any]:
    """Give the body of a message as Chat Completions writes it, without what only a Realtime session knows of it."""
    body = as_chat(message.raw)
    return {key: value for key, value in body.items() if key != ITEM} if message.api == "realtime" else body


def _told_by_its_bytes(piece: Media, data: bytes) -> bytes:
    """Raw samples name no format: give them as a wav."""
    return Audio.from_bytes(data, "pcm16").wav() if piece.format == "pcm16" else data
