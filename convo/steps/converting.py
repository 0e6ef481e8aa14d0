"""Steps that fetch the bytes of a request, and convert recordings to what the API takes: each once, for it is remembered.

What was converted for a preview is remembered with the exchange that sends it: a preview writes nothing.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import attrs

from convo.assembly.sound import INPUT_LIMIT, PCM16, source_and_form
from convo.errors import BadAudio, BlobDamaged, BlobNotFound, RecordingTooLong
from convo.steps import blobs
from convo.steps.effects import call, read, write
from convo.store import renditions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from convo.assembly.plan import Plan
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
    return (yield from found_or_made(place, ready.blobs, ready.messages, carried))


def found_or_made(
    place: Place, keys: Iterable[str], messages: Sequence[Message], carried: Mapping[str, bytes]
) -> Steps[Fetched]:  # fmt: skip
    """Give the bytes of keys (see `Plan.blobs`) that the media of messages have; `carried` are at hand."""
    wanted = [source_and_form(key) for key in keys]
    stored = yield from _renditions(place, [key for key in wanted if key[1]])
    missing = [digest for digest, form in dict.fromkeys(wanted) if (digest, form) not in stored and digest not in carried]
    here = dict(carried)
    if missing:
        got = yield from blobs.get_all(place.tools, place.owner, dict.fromkeys(missing))
        here |= got
        got.clear()  # who performs an effect holds on to what it gave: these bytes are to go as they are written
    found = Fetched({})
    for digest, form in wanted:
        key = f"{digest}/{form}" if form else digest
        if not form:
            found.data[key] = here[digest]
        elif (digest, form) in stored:
            found.data[key] = stored[digest, form]
        else:
            found.data[key] = found.made[key] = yield from _converted(here[digest], _held(messages, digest), form)
    return found


def _renditions(place: Place, wanted: Sequence[tuple[str, str]]) -> Steps[dict[tuple[str, str], bytes]]:
    """Give what was converted before; bytes that are lost or damaged are made again."""
    known: dict[tuple[str, str], str] = (yield from read(renditions.known, place.owner, wanted)) if wanted else {}
    if not known:
        return {}
    try:
        data = yield from blobs.get_all(place.tools, place.owner, dict.fromkeys(known.values()))
    except (BlobNotFound, BlobDamaged):
        return {}
    return {key: data[digest] for key, digest in known.items()}


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
    """Convert what a plan needs and nobody has converted, so that a recording which cannot be is known before its turn begins."""
    forms = {key: source_and_form(key) for key in ready.blobs if source_and_form(key)[1]}
    if not forms:
        return
    known = yield from read(renditions.known, place.owner, list(forms.values()))
    if unknown := [key for key, form in forms.items() if form not in known]:
        carried = {piece.digest: piece.data for draft in drafts for piece in draft.media if piece.data is not None}
        messages = ready.messages
        yield from remembered(place, (yield from found_or_made(place, unknown, messages, carried)).made)


def remembered(place: Place, made: Mapping[str, bytes]) -> Steps[None]:
    """Store what was converted, so that no later request converts it again; not that of a recording which is gone by now.

    Its name comes first: bytes that it names and that are not here are made again.
    """
    now = place.tools.now() if made else 0
    for key, data in made.items():
        source, form = source_and_form(key)
        digest = sha256(data).hexdigest()
        if (yield from write(renditions.keep, place.owner, source, form, digest, now)):
            yield from blobs.put(place.tools, place.owner, digest, data, now)
