"""The reminder to speak: a message at the very end of a request, which no log holds.

Where its own replies stand as text in what it is shown, a model that is asked for speech tends to write. The reminder
is the last message, so that what the API has cached of the request before it stays good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from convo.assembly.plan import Plan
    from convo.assembly.render import How
    from convo.messages import Message

ROLE = "system"
"""As instructions go. The API takes it anywhere but between a call and its results."""
ALWAYS = "the policy always reminds the model to speak"
WRITTEN = "the last reply was written, and speech is asked for"


@attrs.frozen
class Reminder:
    """A message that reminds the model to speak, and why it is sent."""

    text: str
    reason: str

    @property
    def wire(self) -> dict[str, Any]:
        """The message as it is sent."""
        return {"role": ROLE, "content": self.text}


def reminder_of(plan: Plan) -> Reminder | None:
    """Give the reminder that ends a request, None where no speech is asked for, or nothing makes the model write."""
    policy = plan.policy
    if "audio" not in plan.arguments.get("modalities", ()):
        return None
    reason = ALWAYS if policy.reminder == "always" else _why(plan.rendered, plan.wires)
    return Reminder(policy.reminder_text, reason) if reason else None


def _why(rendered: Sequence[tuple[Message, How, str]], wires: Sequence[dict[str, Any]]) -> str:
    """Say what the model is shown of its own replies that makes it write, "" where they are all spoken."""
    replies = [(how, wire) for (message, how, _), wire in zip(rendered, wires, strict=True) if message.role == "assistant"]
    fallen = sum(how == "transcript" for how, _ in replies)
    if fallen:
        return f"{fallen} spoken {'reply goes' if fallen == 1 else 'replies go'} as text, after which models tend to write"
    said = [how for how, wire in replies if how == "reference" or wire.get("content")]
    return WRITTEN if said and said[-1] == "text" else ""
