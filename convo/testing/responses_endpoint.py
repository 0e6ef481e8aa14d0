"""The endpoints of the Responses API: one makes responses, two give and delete those that are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from convo.testing.models import models_with
from convo.testing.responses_answers import response_to
from convo.testing.responses_asked import AskedResponse
from convo.testing.responses_kept import Kept
from convo.testing.responses_stream import response_events
from convo.testing.responses_verdict import refusal_of_response
from convo.testing.responses_words import not_stored
from convo.testing.script import Saying
from convo.testing.wire import Given, no_such_url, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from convo.testing.asked import Json, Origin
    from convo.testing.models import ModelKind
    from convo.testing.names import Names
    from convo.testing.wire import Call

RESPONSES = "/v1/responses"


@attrs.frozen
class ResponsesEndpoint:
    """What the fake answers there, and what it keeps."""

    models: Mapping[str, ModelKind]
    names: Names
    kept: Kept = attrs.field(factory=Kept)

    def create(self, origin: Origin, body: Json, now: datetime, next_saying: Callable[[], Saying | None]) -> Given:
        """Answer a request for a response; a saying is taken when it is accepted."""
        refusal = refusal_of_response(body, self.kept, now=now, origin=origin, models=self.models)
        if refusal is not None:
            return refused(refusal)
        asked = AskedResponse(body, models_with(self.models), self.kept, origin, now)
        saying = next_saying() or Saying()
        response = response_to(asked, saying, self.names)
        self.kept.add(response, asked.read, origin, now)
        told = response_events(response, saying.stream) if body.get("stream") else None
        return Given(200, response, stream=told is not None, told=told, shape=saying.stream)

    def stored(self, call: Call, origin: Origin, now: datetime) -> Given:
        """Give or delete a response that is kept."""
        response_id = call.path.removeprefix(f"{RESPONSES}/")
        if call.method not in {"GET", "DELETE"} or "/" in response_id:
            return refused(no_such_url(call))
        kept = self.kept.response(response_id, origin, now)
        if kept is None:
            return refused(not_stored("Response", response_id))
        if call.method == "GET":
            return Given(200, kept.body)
        self.kept.forget(response_id)
        return Given(200, {"id": response_id, "object": "response", "deleted": True})
