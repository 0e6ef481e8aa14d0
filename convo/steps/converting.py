"""Steps that fetch the bytes of a request, and convert recordings to what the API takes: each once, for it is remembered.

What was converted for a preview is remembered with the exchange that sends it: a preview writes nothing.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import attrs

from convo.assembly.sound import INPUT_LIMIT, PCM16, source_and_form
from convo.errors import BadAudio, RecordingTooLong
from convo.steps import blobs
from convo.steps.effects import call, read, write
from convo.store import renditions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from convo.assembly import Plan
    from convo.messages import Draft, Media, Message
    from convo.steps.effects import Steps
    from convo.steps.place import Place

REMEDY = "give it a transcript (chat.set_transcript) and send it as text (Policy(user_audio='transcript')), or redact it"


@attrs.define
class Fetched:
    """The bytes that a plan needs, by their keys (see `Plan.blobs`); `made` are those that were converted just now."""

    data: dict[str, bytes]
    made: dict[str, bytes] = attrs.field(factory=dict)


def fetched(place: Place, ready: Plan, drafts: Sequence[Draft] = ()) -> Steps[Fetched]:
    """Give the bytes that a plan needs: those that drafts carry, those in the store, and what is converted from them.

    Raises `BlobNotFound`; `BadAudio` for a recording that cannot be converted, `RecordingTooLong` for one that is too long then.
    """
    carried = {piece.digest: piece.data for draft in drafts for piece in draft.media if piece.data is not None}
    return (yield from found_or_made(place, ready.blobs, [message for message, _, _ in ready.rendered], carried))


def found_or_made(
    place: Place, keys: Iterable[str], messages: Sequence[Message], carried: Mapping[str, bytes]
) -> Steps[Fetched]:  # fmt: skip
    """Give the bytes of keys (see `Plan.blobs`) that the media of messages have; `carried` are at hand."""
    wanted = [source_and_form(key) for key in keys]
    forms = [key for key in wanted if key[1]]
    known: dict[tuple[str, str], str] = (yield from read(renditions.known, place.owner, forms)) if forms else {}
    needed = [known.get(key, key[0]) for key in wanted]
    missing = [digest for digest in dict.fromkeys(needed) if digest not in carried]
    here = {**carried, **((yield from blobs.get_all(place.tools, place.owner, missing)) if missing else {})}
    found = Fetched({})
    for (digest, form), stored in zip(wanted, needed, strict=True):
        key = f"{digest}/{form}" if form else digest
        if form and (digest, form) not in known:
            found.made[key] = yield from _converted(here[digest], _held(messages, digest), form)
        found.data[key] = found.made[key] if key in found.made else here[stored]
    return found


def _held(messages: Sequence[Message], digest: str) -> tuple[Message, Media]:
    """Give a message that holds these bytes, and what is known of them."""
    return next((message, piece) for message in messages for piece in message.media if piece.digest == digest)


def _converted(data: bytes, held: tuple[Message, Media], name: str) -> Steps[bytes]:
    from convo.audio.codec import Form, convert

    message, piece = held
    format_, rate, channels, *bit_rate = name.split("/")
    form = Form(format_, int(rate), int(channels), *map(int, bit_rate))
    try:
        done = yield from call(convert, (data, piece.format, form), {})
    except BadAudio as error:
        raise BadAudio(f"the recording of message {message.position} cannot be converted: {error}", REMEDY) from error
    made: bytes = done.data
    if name != PCM16 and len(made) > INPUT_LIMIT:
        raise RecordingTooLong(message.position, done.probe.duration)
    return made


def converted_first(place: Place, ready: Plan, drafts: Sequence[Draft]) -> Steps[None]:
    """Convert what a plan needs, so that a recording which cannot be is known before its turn begins."""
    if any(source_and_form(key)[1] for key in ready.blobs):
        yield from remembered(place, (yield from fetched(place, ready, drafts)).made)


def remembered(place: Place, made: Mapping[str, bytes]) -> Steps[None]:
    """Store what was converted, so that no later request converts it again."""
    now = place.tools.now() if made else 0
    for key, data in made.items():
        source, form = source_and_form(key)
        digest = sha256(data).hexdigest()
        yield from blobs.put(place.tools, place.owner, digest, data, now)
        yield from write(renditions.keep, place.owner, source, form, digest, now)
