"""Who is let into a Realtime session. The API opens the connection for everybody, and closes it with an error on some.

Messages and close codes are those of captures; the end of the sentence on a model was not published.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from convo.testing.refusals import ApiRefusal, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_KEY = 3_000
_NOT_THIS = 4_000
_ENDS = datetime(2027, 1, 20, tzinfo=UTC)
MODELS: Mapping[str, datetime | None] = {
    "gpt-realtime-2.1": None,
    "gpt-realtime-2.1-mini": None,
    "gpt-realtime-2": None,
    "gpt-realtime-1.5": None,
    "gpt-realtime": _ENDS,
    "gpt-realtime-2025-08-28": _ENDS,
    "gpt-realtime-mini": _ENDS,
    "gpt-realtime-mini-2025-12-15": _ENDS,
}
"""Models by the day of their shutdown."""


def refusal_of_entry(
    query: Mapping[str, str], headers: Mapping[str, str], added: Mapping[str, str], now: datetime
) -> tuple[ApiRefusal, int] | None:
    """Give the error on a connection, and the code with which it is closed; None lets it in."""
    model = query.get("model", "")
    if not headers.get("authorization", "").removeprefix("Bearer").strip():
        return invalid("Missing bearer or basic authentication in header", None, None), _NO_KEY
    if headers.get("openai-beta") == "realtime=v1":
        message = "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."
        return invalid(message, None, "beta_api_shape_disabled"), _NOT_THIS
    if not model:
        message = "You must provide a model parameter, for example wss://api.openai.com/v1/realtime?model=gpt-realtime-1.5"
        return invalid(message, None, "missing_model"), _NOT_THIS
    ends = MODELS.get(model)
    known = added.get(model) == "realtime" or (model in MODELS and (ends is None or now < ends))
    if not known:
        return invalid(f'Model "{model}" is not supported in realtime mode.', None, "invalid_model"), _NOT_THIS
    return None
