"""The page of what would be sent now, message by message, and how that changes while references expire."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import attrs

from convo.errors import InputError, RequestError, UsageError
from convo.inspector.asked import ask
from convo.inspector.conversation import state_of
from convo.models import Catalogue
from convo.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from convo.assembly.preview import Preview
    from convo.assembly.request import Rendering
    from convo.calls import Call
    from convo.inspector.asked import Asked
    from convo.messages import Message

LOOKED_AT = 50
"""Calls of which the last that gave a reply says whom the next request would be for."""
ROWS = 500
"""Messages that are listed as sent, and as left out, the newest of each: of all of a long log no browser makes a page."""
APIS = ("chat", "responses", "realtime", "live")
POLICIES = {"": "default", "economical": "Policy.economical()", "words": "Policy(references=False)"}
SPEAKS, WRITES = "gpt-audio-1.5", "gpt-5.5"
"""Models that are asked about where no call says which."""
ORDER = ("reference", "inline", "transcript", "text", "chained", "reminder", "repaired", "omitted")


@attrs.frozen
class Wanted:
    """What the page is asked for: whom the request would be for, and when."""

    model: str
    api: str
    origin: str
    voice: str
    format: str
    policy: str

    def arguments(self) -> dict[str, Any]:
        """Give what a call would name beside the model."""
        return {name: value for name, value in (("voice", self.voice), ("format", self.format)) if value}


@attrs.frozen
class Line:
    """One message as it would be sent: how, how it would go by now where that differs, and its begin."""

    rendering: Rendering
    before: str | None
    message: Message | None
    until: datetime | None


@attrs.frozen
class Step:
    """A stretch of time in which the request stays as it is."""

    preview: Preview
    seconds: float
    link: str
    chosen: bool
    changed: int
    """Messages that go in another way than in the step before."""


async def sent(asked: Asked) -> Response:
    """Give the page."""
    chat = await asked.chat()
    calls = await ask(chat.calls, LOOKED_AT)
    turns = [call for call in calls if call.api in APIS]
    last = next((call for call in reversed(turns) if call.position is not None), turns[-1] if turns else None)
    heard = last is None and any(message.media for message in await ask(chat.history, 20))
    wanted = _wanted(asked, last, SPEAKS if heard else WRITES)
    form = {"wanted": wanted, "models": sorted(Catalogue.default().models), "apis": APIS, "policies": POLICIES, "chat": chat}
    try:
        found = await _previews(asked, chat, wanted)
    except (RequestError, UsageError) as error:
        return asked.page("sent.html", **form, error=error, steps=[], lines=[], preview=None, shares=[], live=None, state="")
    at = _instant(asked.query("at")) or found[0].begins
    chosen = max((index for index, preview in enumerate(found) if preview.begins <= at), default=0)
    steps = _steps(asked, chat, found, chosen)
    preview = found[chosen]
    lines = _lines(preview, found[0])
    changes = found[chosen + 1].begins if chosen + 1 < len(found) else None
    return asked.page(
        "sent.html", **form, error=None, steps=steps, preview=preview, lines=lines, shares=_shares(preview),
        unlisted=len(preview.renderings) - len(lines), changes=changes, live=asked.link(f"c/{chat.id}/state"),
        state=state_of(chat, await ask(chat.pending), calls[-1:]),
    )  # fmt: skip


async def _previews(asked: Asked, chat: Any, wanted: Wanted) -> list[Preview]:
    policy = {"economical": Policy.economical(), "words": Policy(references=False)}.get(wanted.policy, asked.policy)
    found: list[Preview] = await ask(
        chat.preview, wanted.model, api=wanted.api, origin=wanted.origin or None, policy=policy, **wanted.arguments()
    )
    return found


def _wanted(asked: Asked, last: Call | None, model: str) -> Wanted:
    """Give what the query says, in its place what the last call did."""
    told = "model" in asked.request.query_params
    known = {"model": model, "api": "chat", "origin": "", "voice": "", "format": "", "policy": ""}
    if last is not None and not told:
        known |= {
            "model": last.model,
            "api": last.api,
            "origin": last.origin,
            "voice": last.voice or "",
            "format": last.format or "",
        }
    found = {name: asked.query(name) if told else value for name, value in known.items()}
    return Wanted(**{**found, "model": found["model"] or model, "api": found["api"] or "chat"})


def _instant(text: str) -> datetime | None:
    """Read the time of a step. Raises `InputError`."""
    try:
        return datetime.fromtimestamp(int(text) / 1_000_000, UTC) if text else None
    except (ValueError, OverflowError, OSError) as error:
        reason = "at is no time; choose one on the page"
        raise InputError(reason) from error


def _steps(asked: Asked, chat: Any, found: Sequence[Preview], chosen: int) -> list[Step]:
    hows = [{one.position: one.how for one in preview.renderings} for preview in found]
    kept = {name: asked.query(name) for name in ("model", "api", "origin", "voice", "format", "policy")}
    if "model" not in asked.request.query_params:
        kept = {}
    steps = []
    for index, preview in enumerate(found):
        changed = sum(how != hows[index - 1].get(position) for position, how in hows[index].items()) if index else 0
        at = int(preview.begins.timestamp() * 1_000_000) + 1 if index else None
        link = asked.link(f"c/{chat.id}/sent", **kept, at=at)
        steps.append(Step(preview, (preview.begins - found[0].begins).total_seconds(), link, index == chosen, changed))
    return steps


def _lines(preview: Preview, first: Preview) -> list[Line]:
    now = {one.position: one.how for one in first.renderings}
    messages = {message.position: message for message in preview.plan.history}
    lines = []
    chosen = [[one for one in preview.renderings if (one.index is None) is left_out][-ROWS:] for left_out in (False, True)]
    for one in chain.from_iterable(chosen):
        message = messages.get(one.position)
        audio = message.audio if message is not None and one.how == "reference" else None
        before = now.get(one.position)
        lines.append(Line(one, before if before != one.how else None, message, audio.expires_at if audio else None))
    return lines


def _shares(preview: Preview) -> list[tuple[str, int, int]]:
    """Give for each way how many messages go by it, and how many tokens they are."""
    found: dict[str, list[int]] = {}
    for one in preview.renderings:
        found.setdefault(one.how, []).append(one.tokens)
    return [(how, len(found[how]), sum(found[how])) for how in ORDER if how in found]
