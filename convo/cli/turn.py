"""One turn of the demo: what the user said is stored, the request assembled and explained, the reply awaited and saved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from convo.cli.lines import seconds, used
from convo.errors import MissingDependency

if TYPE_CHECKING:
    from pathlib import Path

    from openai import OpenAI

    import convo

VOICE: dict[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy", "format": "wav"}


class Ahead:
    """A clock that is so many seconds ahead of the machine's, or behind: time passes in it as fast as we like."""

    def __init__(self, by: float = 0.0) -> None:
        self.seconds = by

    def __call__(self) -> datetime:
        """Give the time: aware, UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.seconds)


@attrs.frozen
class Turn:
    """What there is to show of a turn, in words that also travel between processes. `size` is the reply's audio in bytes."""

    request: dict[str, Any]
    explanation: str
    text: str
    facts: list[str]
    recovered: list[dict[str, Any]]
    audio_id: str | None
    size: int


def client_of(base_url: str | None) -> OpenAI:
    """Give a real client: of the fake at `base_url`, past any proxy; without one, of the API that the environment names.

    Raises `MissingDependency`.
    """
    try:
        import openai
    except ModuleNotFoundError as error:
        raise MissingDependency("openai", "testing", "convo demo") from error
    if base_url is None:
        return openai.OpenAI()
    direct = openai.DefaultHttpxClient(trust_env=False)
    return openai.OpenAI(base_url=base_url, api_key="none-needed", max_retries=0, http_client=direct)


def take(chat: convo.Conversation, client: OpenAI, said: object, save_as: Path) -> Turn:
    """Let the user say something, and get the reply."""
    chat.add(said)
    request = chat.request(client=client, **VOICE)
    reply = chat.send(client, **VOICE)
    audio = reply.audio
    return Turn(
        request=dict(request),
        explanation=request.explain(),
        text=reply.text,
        facts=[*_saved(audio, save_as), f"{used(reply.usage)}; cost: {reply.cost}"],
        recovered=[attrs.asdict(step) for step in reply.recovered],
        audio_id=audio.id if audio else None,
        size=(audio.size or 0) if audio else 0,
    )


def _saved(audio: convo.Audio | None, save_as: Path) -> list[str]:
    """Save speech, and say where; a model may also answer in writing."""
    if audio is None:
        return ["written: the model chose not to speak this time"]
    kept = f"the API keeps it until {audio.expires_at:%H:%M:%S} UTC" if audio.expires_at else "without an expiry"
    return [f"spoken, {seconds(audio.duration)}, {kept}", f"saved as {audio.save(save_as)}"]
