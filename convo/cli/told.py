"""What a chat shows: to somebody at a terminal, into a pipe, or as a line of JSON for each reply."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import attrs
import click

from convo.cli import lines
from convo.cli.screen import line
from convo.escapes import safe

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    import convo

_RECOVERED = {
    "audio_not_found": "the API had forgotten the sound of message {0}: its words were sent",
    "context_length_exceeded": "the conversation had become too long: it was sent from message {0} on",
}
_OTHERWISE = "the API did not take message {0} as it was ({1}): it was sent otherwise"


class Screen:
    """Where a chat writes. What it says beside replies goes to stderr where replies are read by a program."""

    def __init__(self, *, interactive: bool, as_json: bool) -> None:
        self.failed = False
        self.interactive = interactive
        self._as_json = as_json
        self._begun = False

    def piece(self, text: str) -> None:
        """Show a piece of a reply as it comes."""
        if text and not self._as_json:
            click.echo(safe(text), nl=False)
            self._begun = True

    def reply(self, chat: UUID, reply: convo.Reply, saved: Path | None) -> None:
        """End a reply: what it used and cost, and where its sound is."""
        if self._as_json:
            click.echo(json.dumps(_record(chat, reply, saved)))
            return
        if not self._begun:
            self.piece(reply.text)
        self.end()
        for fact in _facts(reply, saved):
            self.note(fact)

    def end(self) -> None:
        """End the line on which a reply stands."""
        if self._begun:
            click.echo()
        self._begun = False

    def apart(self) -> None:
        """Leave a line between one turn and the next."""
        if self.interactive:
            click.echo()

    def told(self, text: str) -> None:
        """Show what was asked for with an order; the text is safe already."""
        click.echo(text, err=self._as_json)

    def note(self, text: str) -> None:
        """Say something beside the conversation."""
        click.secho(f"  ({line(text)})", dim=True, err=not self.interactive or self._as_json)

    def error(self, text: str) -> None:
        """Say what went wrong; the chat goes on."""
        self.end()
        self.failed = True
        click.secho(f"convo: {line(text)}", fg="red", err=True)


def _facts(reply: convo.Reply, saved: Path | None) -> list[str]:
    facts = []
    if reply.interrupted:
        facts.append("stopped; what came is kept")
    if saved is not None and reply.audio is not None:
        facts.append(f"spoken, {lines.seconds(reply.audio.duration)}, saved as {saved}")
    if reply.speech_error is not None:
        facts.append(f"it could not be spoken: {reply.speech_error}")
    facts += [
        f"the API no longer took message {step.position} as it was ({step.code}); sent otherwise" for step in reply.recovered
    ]
    if reply.instead_of is not None:
        facts.append(f"{reply.instead_of} is shut down: {reply.model} answered")
    if reply.finish_reason == "length":
        facts.append("the model stopped at its limit of tokens")
    if reply.usage.input_tokens is not None:
        facts.append(f"{reply.usage.input_tokens:,} tokens in, {reply.usage.output_tokens or 0:,} out, cost {reply.cost}")
    return facts


def _record(chat: UUID, reply: convo.Reply, saved: Path | None) -> dict[str, object]:
    cost = reply.cost.amount
    return {
        "conversation": str(chat),
        "position": reply.message.position,
        "status": reply.message.status,
        "model": reply.model,
        "text": reply.text,
        "audio": None if saved is None else str(saved),
        "tokens": reply.usage.to_dict(),
        "cost": {"amount": None if cost is None else f"{cost.normalize():f}", "currency": reply.cost.currency},
        "recovered": [attrs.asdict(step) for step in reply.recovered],
    }
