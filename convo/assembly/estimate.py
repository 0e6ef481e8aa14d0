"""Tokens and money before the bill: documented rates for audio, four characters a token for text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from convo.usage import Cost, Usage, price

if TYPE_CHECKING:
    from convo.assembly.plan import Plan
    from convo.assembly.render import How
    from convo.messages import Message

USER_AUDIO_RATE = 10
"""Tokens a second of a user's recording: one per 100 ms, by the API's documentation of audio tokens."""
REPLY_AUDIO_RATE = 20
"""Tokens a second of a spoken reply: one per 50 ms; 312 were billed for 15.6 s."""
SPEECH_RATE = 2.5
"""Words a second of speech, to guess how long a transcript took to say."""
CHARACTERS_A_TOKEN = 4
MESSAGE_TOKENS = 4
"""Text tokens that a message costs beside its text: role and separators."""
IMAGE_TOKENS = 765
"""One image of 1,024 pixels square at high detail, by the API's image guide."""


@attrs.frozen
class Estimate:
    """Estimated input of a request. `cost` is unknown where the model has no price."""

    text_tokens: int
    audio_tokens: int
    cost: Cost

    @property
    def tokens(self) -> int:
        """All input tokens."""
        return self.text_tokens + self.audio_tokens


def message_tokens(message: Message, wire: dict[str, Any], how: How) -> tuple[int, int]:
    """Give the estimated (text, audio) tokens of one message as it is sent."""
    if how == "reference":
        return MESSAGE_TOKENS, message.audio_tokens or _spoken_tokens(message)
    seconds = _seconds_heard(message, wire["content"]) if how == "inline" else 0
    return MESSAGE_TOKENS + _characters(wire) // CHARACTERS_A_TOKEN, round(seconds * USER_AUDIO_RATE)


def _seconds_heard(message: Message, parts: list[dict[str, Any]]) -> float:
    """Give the length of the recordings that are sent as they are; others of the message went as transcripts."""
    heard = {part["input_audio"]["data"]["$blob"] for part in parts if part["type"] == "input_audio"}
    return sum(piece.duration or 0 for piece in message.media if piece.digest in heard)


def _spoken_tokens(message: Message) -> int:
    seconds = sum((piece.duration or 0) for piece in message.media)
    return round((seconds or len(message.text.split()) / SPEECH_RATE) * REPLY_AUDIO_RATE)


def _characters(value: object) -> int:
    match value:
        case {"type": "image_url"}:
            return IMAGE_TOKENS * CHARACTERS_A_TOKEN
        case {"$blob": _}:
            return 0
        case str():
            return len(value)
        case dict():
            return sum(
                _characters(child) for key, child in value.items() if key not in ("role", "type", "id", "tool_call_id", "format")
            )
        case list():
            return sum(_characters(child) for child in value)
    return 0


def tokens_of(plan: Plan) -> list[int]:
    """Give the estimated tokens of each message of a plan as it is sent."""
    return [sum(message_tokens(m, wire, how)) for (m, how, _), wire in zip(plan.rendered, plan.wires, strict=True)]


def reminder_tokens(plan: Plan) -> int:
    """Give the estimated tokens of the reminder that ends a plan, 0 for none."""
    return MESSAGE_TOKENS + len(plan.reminder.text) // CHARACTERS_A_TOKEN if plan.reminder is not None else 0


def estimate(plan: Plan) -> Estimate:
    """Give the estimated input of a plan: its messages, and its tools by their text."""
    each = [message_tokens(message, wire, how) for (message, how, _), wire in zip(plan.rendered, plan.wires, strict=True)]
    tools = len(str(plan.arguments.get("tools", ""))) // CHARACTERS_A_TOKEN
    text = sum(text for text, _ in each) + tools + reminder_tokens(plan)
    audio = sum(audio for _, audio in each)
    usage = Usage(input_tokens=text + audio, input_text=text, input_audio=audio, output_tokens=0, output_text=0, output_audio=0)
    return Estimate(text, audio, price(usage, plan.target.model.prices))
