"""Steps of `speak`: a text becomes a message that is heard, or a reply of the log is given its sound.

The text is spoken first, with nothing held; then the message, its sound and the calls enter in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from convo.audio.formats import OUTPUT_FORMATS
from convo.canonical import well_formed
from convo.checks import check_choice, check_speed, check_type
from convo.content import message_draft
from convo.errors import ConflictError, ConflictingArguments, EmptyContent, InputError, KeyMismatch, NotAReply, StaleHead
from convo.policy import Policy
from convo.presets import Preset, check_voice
from convo.protocol import check_key, hash_of
from convo.speech import Wish
from convo.steps.effects import read, write
from convo.steps.ending import persisted
from convo.steps.log import AGAIN, check_head, put_media
from convo.steps.presets import preset_of
from convo.steps.speaking import Mouth, counted, kept_beside, loaded
from convo.steps.spending import checked_before, spending_beside
from convo.steps.successors import alive_name
from convo.store import branches, exchanges, log, speeches
from convo.store.append import Entry
from convo.usage import Usage

if TYPE_CHECKING:
    from uuid import UUID

    from convo.messages import Draft, Message
    from convo.steps.effects import Steps
    from convo.steps.place import Place

_OURS = ("input", "response_format", "stream_format")


@attrs.frozen(kw_only=True)
class Said:
    """How a call of `speak` wants a text to be said; None where it leaves that to its preset and its policy."""

    model: str
    voice: str | Mapping[str, str] | None
    format: str | None
    speed: float | None
    instructions: str | None
    preset: Preset | str | None
    policy: Policy
    more: Mapping[str, Any]

    def check(self) -> None:
        """Raise an `InputError` for what the Speech API does not take."""
        check_type(self.model, str, "model", "the name of a model of the Speech API")
        check_type(self.policy, Policy, "policy", "a convo.Policy")
        check_type(self.instructions, (str, type(None)), "instructions", "text")
        if self.voice is not None:
            check_voice(self.voice, "voice=")
        if self.format is not None:
            check_choice(self.format, OUTPUT_FORMATS, "format")
        if self.speed is not None:
            check_speed(self.speed, "speed=")
        for name in _OURS:
            if name in self.more:
                raise ConflictingArguments(f"{name}= is what convo passes itself; leave it out")

    def wish(self, preset: Preset | None, model: str) -> Wish:
        """Give the speech that is wished for."""
        from convo.voices import voice_argument

        found = preset or Preset("none", self.policy.voice)
        speed = found.speed if self.speed is None else self.speed
        voice = dict(self.voice) if isinstance(self.voice, Mapping) else self.voice
        return Wish(
            model, voice_argument(voice or found.voice), self.format or found.format or self.policy.format,
            self.policy.speech_speed if speed is None else speed, self.instructions or self.policy.speech_instructions,
            {name: value for name, value in self.more.items() if value is not None},
        )  # fmt: skip


def speak(
    place: Place, client: Any, text: str | None, said: Said, *, position: int | None, key: str | None, expected_head: int | None
) -> Steps[Message]:
    """Say a text, or a reply of the log."""
    place.tools.check_may_wait("speak()")
    said.check()
    if (text is None) == (position is None):
        reason = "speak() takes a text or position=, one of the two"
        raise InputError(reason)
    if text is not None:
        return (yield from _said(place, client, text, said, check_key(key), expected_head))
    if key is not None or expected_head is not None:
        raise ConflictingArguments("key= and expected_head= are of a message that is added; a reply is spoken once as it is")
    return (yield from _beside(place, client, position, said))


def _mouth(place: Place, client: Any, said: Said, branch: UUID, text: str) -> Steps[Mouth]:
    """Give what speaks, once the budgets allow it. Raises `PresetNotFound`, `ModelShutDown` and `BudgetExceeded`."""
    preset = yield from preset_of(place.owner, said.preset)
    model = alive_name(place.tools, said.model, said.policy)
    yield from checked_before(spending_beside(place, said.policy, model, Usage(input_characters=len(text))))
    return Mouth(place, client, said.wish(preset, model), place.found.id, branch)


# --- a reply of the log ----------------------------------------------------------------------------


def _beside(place: Place, client: Any, position: int | None, said: Said) -> Steps[Message]:
    check_type(position, int, "position", "the position of a reply")
    branch, source, message = yield from read(speeches.at, place.owner, place.found.id, position)
    if message.role != "assistant":
        raise NotAReply(message.position, message.role)
    if message.audio is not None:
        return (yield from loaded(place, message))
    text = well_formed(message.text)
    if message.status == "redacted" or not text.strip():
        raise EmptyContent(f"message {position}")
    if message.media:
        reason = f"message {position} has other media; pass its text to speak() to have it said as a message of its own"
        raise ConflictError(reason)
    mouth = yield from _mouth(place, client, said, branch, text)
    piece, calls = yield from mouth.piece(text)
    return (yield from kept_beside(place, source, message, piece, calls))


# --- a message of its own --------------------------------------------------------------------------


def _said(place: Place, client: Any, text: str, said: Said, key: str | None, expected: int | None) -> Steps[Message]:
    check_type(text, str, "speak()", "text")
    check_head(expected)
    if not text.strip():
        raise EmptyContent("the text to speak")
    (draft,) = place.tools.limits.checked([message_draft([text], role="assistant")])
    known = yield from _said_before(place, draft, key)
    if known is not None:
        return known
    if expected is not None:
        yield from _check_head(place, expected)
    mouth = yield from _mouth(place, client, said, place.found.branch, text)
    piece, calls = yield from mouth.piece(text)
    whole = attrs.evolve(draft, media=(piece,))
    return (yield from counted(calls, persisted(lambda: _recorded(place, whole, calls, key, expected))))


def _recorded(
    place: Place, draft: Draft, calls: list[dict[str, Any]], key: str | None, expected: int | None
) -> Steps[Message]:  # fmt: skip
    """Store the bytes, then the message with its calls; or give the one that has the key by now."""
    now = place.tools.now()
    (draft,) = yield from put_media(place, [draft], now)
    first, *others = calls
    row = {name: value for name, value in first.items() if name not in ("owner", "id", "branch")}
    entry = Entry(
        place.owner, place.found.branch, now, (draft,), exchange_id=first["id"], expected=expected,
        exchange={**row, "key": key, "hash": hash_of([draft])},
    )  # fmt: skip
    put = yield from write(speeches.say, entry, place.found.id, others)
    if put is not None:
        branch, head = put
        place.moved(head, branch)
        return draft.at(head, now)
    known = yield from _said_before(place, draft, key)
    if known is not None:
        return known
    if expected is not None:
        yield from _check_head(place, expected)
    raise ConflictError(AGAIN)


def _said_before(place: Place, draft: Draft, key: str | None) -> Steps[Message | None]:
    """Give the message that a key has, None for a key that nobody has used. Raises `KeyMismatch`."""
    known = yield from read(exchanges.by_key, place.owner, place.found.id, key)
    if known is None or key is None:
        return None
    if known.hash != hash_of([draft]) or known.status != "done" or known.position is None:
        raise KeyMismatch(key)
    message = yield from read(log.one, place.owner, known.branch, known.position)
    assert message is not None  # noqa: S101 - the log only grows
    return (yield from loaded(place, message))


def _check_head(place: Place, expected: int) -> Steps[None]:
    _, head = yield from read(branches.shown, place.owner, place.found.id)
    if head != expected:
        raise StaleHead(expected, head)
