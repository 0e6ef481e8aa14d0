"""Tokens and money before the bill, of what goes in: by what the API billed, else counted, else by documented rates.

- A spoken reply that is sent by its id costs what its audio cost when it was made; one that is sent as its whole text, what
  its text cost.
- Other text is counted by `count`, a tokenizer or `rough_tokens`.
- Recordings of users count by their length, images and files by the constants below.
"""

from __future__ import annotations

import math
from json.encoder import encode_basestring_ascii as quoted
from typing import TYPE_CHECKING, Any

import attrs

from convo.audio.rates import REPLY_AUDIO_RATE, audio_tokens
from convo.tokens import loaded, rough_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convo.assembly.plan import Plan
    from convo.assembly.render import How
    from convo.messages import Media, Message
    from convo.tokens import Counter
    from convo.usage import Cost

SPEECH_RATE = 2.5
"""Words a second of speech, to guess how long a transcript took to say."""
CHARACTERS_A_TOKEN = 4
"""Of text in ASCII, see `rough_tokens`."""
MESSAGE_TOKENS = 4
"""Text tokens that a message costs beside its text: role and separators."""
IMAGE_TOKENS = 765
"""One image of 1,024 pixels square at high detail, by the API's image guide."""
LOW_IMAGE_TOKENS = 85
"""One image of any size at low detail, by the same guide."""
PAGE_BYTES, PAGE_TOKENS = 50_000, 1_300
"""A page of a PDF, which the API reads as an image and as text: a guess, for nobody opens it here."""
_DECLARED = ("tools", "functions", "response_format")
"""Arguments that the model reads, beside the messages."""
_READ = ("content", "name", "arguments", "input")
"""Of an item of the Responses API, where the model's words are; reasoning is not counted."""
_UNREAD = ("role", "type", "id", "tool_call_id", "prompt_cache_breakpoint")


@attrs.frozen
class Estimate:
    """Estimated input of a request; images and files count as text. `cost` is unknown where the model has no price."""

    text_tokens: int
    audio_tokens: int
    cost: Cost

    @property
    def tokens(self) -> int:
        """All input tokens."""
        return self.text_tokens + self.audio_tokens


def message_tokens(message: Message, wire: Mapping[str, Any], how: How, count: Counter = rough_tokens) -> tuple[int, int]:
    """Give the estimated (text, audio) tokens of one message as it is sent; `count` gives those of a text."""
    content = wire.get("content")
    if type(content) is str and len(wire) == 2:  # noqa: PLR2004 - role and content, as most messages
        return MESSAGE_TOKENS + ((message.text_tokens and _billed(message, content)) or count(content)), 0
    if how == "reference":
        return MESSAGE_TOKENS, message.audio_tokens or _spoken_tokens(message)
    if "output" in wire:
        said = [item.get(key) for item in wire["output"] if isinstance(item, dict) for key in _READ]
        return MESSAGE_TOKENS + (message.text_tokens or sum(map(count, _texts(said)))), 0
    parts = content if isinstance(content, list) else []
    pieces = {piece.digest: piece for piece in message.media}
    text = sum(count(found) for found in _texts({**wire, "content": None} if parts else wire))
    text += sum(_part_tokens(part, pieces, count) for part in parts)
    audio = sum(_audio_tokens(part, pieces) for part in parts)
    return MESSAGE_TOKENS + text, audio


def _billed(message: Message, content: str) -> int | None:
    """Give what the text of a reply cost when it was made, None unless it is sent whole: as the body holds it."""
    return message.text_tokens if message.status == "complete" and quoted(content) in message.body else None


def _spoken_tokens(message: Message) -> int:
    seconds = sum((piece.duration or 0) for piece in message.media)
    return round((seconds or len(message.text.split()) / SPEECH_RATE) * REPLY_AUDIO_RATE)


def _part_tokens(part: Mapping[str, Any], pieces: Mapping[str, Media], count: Counter) -> int:
    """Give the text tokens of a part of a user's message, images and files among them."""
    match part:
        case {"type": "input_audio"}:
            return 0
        case {"type": "image_url", "image_url": image}:
            return LOW_IMAGE_TOKENS if image.get("detail") == "low" else IMAGE_TOKENS
        case {"type": "file", "file": {"file_data": {"$blob": digest}}}:
            return _file_tokens(pieces.get(digest))
    return sum(count(text) for text in _texts(part))


def _file_tokens(piece: Media | None) -> int:
    if piece is None:
        return 0
    if (piece.format or "").startswith("text/"):
        return math.ceil(piece.size / CHARACTERS_A_TOKEN)
    return math.ceil(piece.size / PAGE_BYTES) * PAGE_TOKENS


def _audio_tokens(part: Mapping[str, Any], pieces: Mapping[str, Media]) -> int:
    match part:
        case {"type": "input_audio", "input_audio": {"data": {"$blob": digest}}} if piece := pieces.get(digest):
            return audio_tokens(piece.duration, piece.size)
    return 0


def _texts(value: object) -> list[str]:
    """Give the texts that a model reads of a part of a request."""
    match value:
        case str():
            return [value]
        case dict():
            return [text for key, child in value.items() if key not in _UNREAD for text in _texts(child)]
        case list():
            return [text for child in value for text in _texts(child)]
    return []


def tokens_of(plan: Plan) -> list[int]:
    """Give the estimated tokens of each message of a plan as it is sent."""
    return [text + audio for text, audio in plan.tokens]


def each_message(plan: Plan) -> list[tuple[int, int]]:
    """Give the estimated (text, audio) tokens of each message of a plan as it is sent; `plan.tokens` remembers them."""
    count = loaded(plan.count)
    sent = zip(plan.messages, plan.wires, plan.hows, strict=True)
    return [message_tokens(message, wire, how, count) for message, wire, how in sent]


def declared_tokens(arguments: Mapping[str, Any], count: Counter = rough_tokens) -> int:
    """Give the estimated tokens of what the model reads beside the messages: tools, and the shape of its answer."""
    return sum(count(str(arguments[name])) for name in _DECLARED if name in arguments)


def reminder_tokens(plan: Plan) -> int:
    """Give the estimated tokens of the reminder that ends a plan, 0 for none."""
    return MESSAGE_TOKENS + plan.count(plan.reminder.text) if plan.reminder is not None else 0


def estimate(plan: Plan) -> Estimate:
    """Give the estimated input of a plan: its messages, and what else the model reads, by its text."""
    from convo.usage import Usage, price

    text = sum(text for text, _ in plan.tokens) + declared_tokens(plan.arguments, plan.count) + reminder_tokens(plan)
    audio = sum(audio for _, audio in plan.tokens)
    usage = Usage(input_tokens=text + audio, input_text=text, input_audio=audio, output_tokens=0, output_text=0, output_audio=0)
    return Estimate(text, audio, price(usage, plan.target.model.prices))
