"""The window: how many tokens a request may hold, and where it begins when it would hold more. Pure.

It moves rarely and far: when it is full it begins at the newest turns that fill half of it, so that for many turns after
that each request goes on where the one before ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convo.assembly.estimate import IMAGE_TOKENS, MESSAGE_TOKENS
from convo.audio.rates import USER_AUDIO_RATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convo.assembly.target import Target
    from convo.messages import Message
    from convo.policy import Policy

CONTEXT = 128_000
"""Tokens of context of a model that the catalogue knows no other number of: what chat models of today have at least."""
OUTPUT = 16_384
"""Tokens kept free for the answer of a model whose longest answer is not known: that of gpt-audio."""
OUTPUT_ARGUMENTS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_BODY = 30
"""Characters of a stored body beside its text: `{"content":"","role":"user"}`, and a little more for other roles."""
_SPOKEN_BODY = 130
"""The same for a spoken reply: its id, its expiry and the names of its fields."""
_ESCAPE = 5
"""Characters that the escape of one that is not ASCII takes beyond one."""


def budget_of(policy: Policy, target: Target) -> int:
    """Give the input tokens that a request may hold: by the policy, and never more than the model is known to take."""
    model = target.model
    context = model.context or CONTEXT
    asked = [target.arguments[name] for name in OUTPUT_ARGUMENTS if isinstance(target.arguments.get(name), int)]
    output = max(asked, default=model.max_output or OUTPUT)
    room = max(context - output, context // 2)
    if policy.window_tokens is None:
        return room
    return policy.window_tokens if model.context is None else min(policy.window_tokens, room)


def least_tokens(messages: Sequence[Message]) -> float:
    """Give about as few tokens as stored messages take: as text, whatever they sound like. Nothing is decoded for it.

    In eighths, so that parts add up to the whole. Two fifths of what `rough_tokens` says of Chinese and its like, which
    nothing but decoding tells from other alphabets.
    """
    bodies = [message.body for message in messages]
    escapes = sum([body.count("\\u") for body in bodies if "\\" in body])
    spoken = len([message for message in messages if message.audio_id is not None])
    characters = sum(map(len, bodies)) - _ESCAPE * escapes - _BODY * len(messages) - (_SPOKEN_BODY - _BODY) * spoken
    return MESSAGE_TOKENS * len(messages) + max(0, 2 * characters + escapes) / 8


def surely_fits(messages: Sequence[Message], budget: int) -> bool:
    """Say whether messages fit by a bound that needs no closer look: two characters a token, and all that sounds sounds."""
    replies = [message for message in messages if message.audio_id is not None]
    written = (sum([len(message.body) for message in messages]) - sum([len(message.body) for message in replies])) // 2
    spoken = sum([max(m.audio_tokens or len(m.body), len(m.body) // 2) for m in replies])
    heard = [piece for message in messages if message.media for piece in message.media]
    recorded = sum([(piece.duration or 0) * USER_AUDIO_RATE + IMAGE_TOKENS for piece in heard])
    return written + spoken + recorded <= budget


def turn_starts(messages: Sequence[Message]) -> list[int]:
    """Give the indexes at which turns begin: messages of users that do not follow another one."""
    return [
        index
        for index, message in enumerate(messages)
        if message.role == "user" and (index == 0 or messages[index - 1].role != "user")
    ]


def first_kept(messages: Sequence[Message], tokens: Sequence[int], starts: Sequence[int], others: int, room: int) -> int:
    """Give the one of `starts` from which the newest turns fit into `room` tokens beside `others`; at least the last one.

    What stays although it is older counts as well: pinned messages.
    """
    held = others + sum(count for message, count in zip(messages, tokens, strict=True) if message.pinned)
    best = starts[-1]
    end = len(messages)
    for start in reversed(starts):
        held += sum(tokens[index] for index in range(start, end) if not messages[index].pinned)
        if held > room:
            break
        best, end = start, start
    return best
