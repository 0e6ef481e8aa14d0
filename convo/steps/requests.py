"""Steps to a request: read what it is made of, plan, fetch the bytes, fill."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from convo import steps
from convo.assembly import sound
from convo.assembly.fill import as_base64, fill, fill_seeds, in_words, whole
from convo.assembly.plan import Plan, plan
from convo.assembly.target import Target
from convo.assembly.window import budget_of
from convo.audio.extra import can_convert
from convo.audio.rates import INPUT_FORMATS
from convo.checks import check_type
from convo.errors import BadAudio, ConflictingArguments, InputError, MissingDependency
from convo.forms import as_chat
from convo.messages import REPLY
from convo.origin import Origin
from convo.policy import Policy
from convo.steps.apis import ENDPOINTS, check_api
from convo.steps.effects import read
from convo.steps.successors import check_alive, moved_on
from convo.steps.watched import part
from convo.store import opening

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from sqlalchemy.engine import Connection

    from convo.assembly.request import Request, Seeds
    from convo.history import History
    from convo.memory import Memory
    from convo.messages import Draft, Media, Message
    from convo.models import Model
    from convo.presets import Preset
    from convo.protocol import Known
    from convo.steps.effects import Steps
    from convo.steps.place import Place

_WRITTEN = (*INPUT_FORMATS, "pcm16")
"""Formats of recordings that need no decoding to be written as Chat Completions does."""
ITEM = "item"
"""The key under which the body of a message from a Realtime session says which item it was."""
CACHE_KEY = "prompt_cache_key"
"""The argument by which requests that begin alike find the same cache."""


class Opened(NamedTuple):
    """What a turn starts from: the log of the branch that is shown, what assembly remembers, and who has the key already."""

    history: History
    memory: Memory
    known: Known | None


def open_turn(
    connection: Connection, owner: str, conversation: UUID, target: Target, budget: int, key: str | None,
    branch: UUID | None = None, *, verify: bool = False,
) -> Opened:  # fmt: skip
    """Read what a request of a number of tokens is made of: from the branch that is shown, or from another one."""
    known = _known(connection, owner, conversation, key)  # first: who takes over must see its messages
    line = opening.line_of(connection, owner, conversation, target, branch)
    return Opened(opening.tail(connection, owner, line, budget, verify=verify), line.memory, known)


def _known(connection: Connection, owner: str, conversation: UUID, key: str | None) -> Known | None:
    if key is None:
        return None
    from convo.store import exchanges

    return exchanges.by_key(connection, owner, conversation, key)


def target_of(place: Place, model: str, api: str, client: Any, origin: str | None, arguments: Mapping[str, Any]) -> Target:
    """Give the target of a call; a model that is known gets the conversation as the key of its prompt cache, where there is one.

    Raises `UnsupportedApi`, `InputError` for a model or an origin that is no plain text.
    """
    check_api(api)
    for name, value in (("model", model), ("origin", origin or "")):
        check_type(value, str, name, "text")
        if not value.isprintable():
            reason = f"{name}={value!r} is no plain text"
            raise InputError(reason)
    where = str(Origin.of(client)) if client is not None else origin or ""
    found = place.tools.catalogue.lookup(model)
    server = place.tools.catalogue.server_of(where if client is None else client, model)
    _warn_of_voice(place, found, arguments)
    if found.known and server.prompt_cache and api in ENDPOINTS:
        arguments = {CACHE_KEY: str(place.found.id), **arguments}
    return Target(found, where, arguments, server=server, api=api, converts=can_convert())


def _warn_of_voice(place: Place, model: Model, arguments: Mapping[str, Any]) -> None:
    """Warn once of a voice that the model is not known to have: it is sent all the same."""
    spoken = arguments.get("audio")
    voice = arguments.get("voice") or (spoken.get("voice") if isinstance(spoken, Mapping) else None)
    if not model.audio or not isinstance(voice, str) or voice in model.voices:
        return
    from convo.voices import check_voice

    if (warning := check_voice(voice, model)) is not None:
        place.tools.warn(f"voice {voice} of {model.name}", warning)


def check_no_speed(arguments: Mapping[str, Any]) -> None:
    """Raise `ConflictingArguments` for a speed: no model that answers in a conversation has one."""
    if arguments.get("speed") is not None:
        raise ConflictingArguments(
            "speed= belongs to the Speech API: pass it to speak(), in a Preset, or as Policy(speech_speed=) for replies that "
            "another model speaks"
        )


def opened(
    place: Place, target: Target, policy: Policy, key: str | None = None, branch: UUID | None = None
) -> Steps[Opened]:  # fmt: skip
    """Read what a turn starts from, on the branch that is shown, or on the one where an exchange has begun."""
    budget = budget_of(policy, target)
    start = yield from read(open_turn, place.owner, place.found.id, target, budget, key, branch, verify=policy.verify)
    if branch is None and start.history.branch != place.found.branch:
        yield from steps.log.followed(place)
    return start


def planned(place: Place, start: Opened, drafts: Sequence[Draft], target: Target, policy: Policy, now: int) -> Plan:
    """Plan the request that answers the log and, after it, drafts that are not in it yet."""
    line = start.history
    if drafts:
        added = tuple(draft.at(position, now) for position, draft in enumerate(drafts, line.head + 1))
        line = attrs.evolve(line, messages=(*line.messages, *added), head=line.head + len(added))
    return plan(line, start.memory, policy, target, now, place.tools.family_of, place.tools.counter())


def filled(place: Place, ready: Plan, drafts: Sequence[Draft] = ()) -> Steps[Request]:
    """Fetch the bytes that a plan needs, beside those that the drafts carry, and put them in; what is converted is remembered."""
    data, made = yield from _fetched(place, ready, drafts)
    if made:
        yield from steps.converting.remembered(place, made)
    return fill(ready, as_base64(data))


def _fetched(place: Place, ready: Plan, drafts: Sequence[Draft] = ()) -> Steps[tuple[dict[str, bytes], dict[str, bytes]]]:
    """Give the bytes that a plan needs, and those of them that were converted just now."""
    if not ready.blobs:
        return {}, {}
    found = yield from steps.converting.fetched(place, ready, drafts)
    return found.data, found.made


def request(
    place: Place, model: str, *, api: str, client: Any, origin: str | None, policy: Policy | None, arguments: Mapping[str, Any],
    preset: Preset | str | None = None,
) -> Steps[Request | Seeds]:  # fmt: skip
    """Assemble a request, or what a session begins with, and write nothing."""
    return (yield from part(place, "assemble", _assembled(place, model, api, client, origin, policy, arguments, preset)))


def _assembled(
    place: Place, model: str, api: str, client: Any, origin: str | None, policy: Policy | None, arguments: Mapping[str, Any],
    preset: Preset | str | None,
) -> Steps[Request | Seeds]:  # fmt: skip
    ready = yield from planned_now(place, model, api, client, origin, policy, arguments, preset)
    data, made = yield from _fetched(place, ready)
    written = as_base64(data)
    return fill(ready, written, made) if api in ENDPOINTS else fill_seeds(ready, written)


def planned_now(
    place: Place, model: str, api: str, client: Any, origin: str | None, policy: Policy | None, arguments: Mapping[str, Any],
    preset: Preset | str | None,
) -> Steps[Plan]:  # fmt: skip
    """Read the log and plan the request that would be sent now."""
    check_type(policy, (Policy, type(None)), "policy", "a convo.Policy")
    policy = policy or Policy()
    check_no_speed(arguments)
    if preset is not None:
        arguments = steps.presets.with_preset(arguments, (yield from steps.presets.preset_of(place.owner, preset)))
    target = moved_on(place.tools, target_of(place, model, api, client, origin, arguments), policy)
    check_alive(place.tools, target.model, policy)
    start = yield from opened(place, target, policy)
    return planned(place, start, (), target, policy, place.tools.now())


def to_chat(place: Place, last: int | None) -> Steps[list[dict[str, Any]]]:
    """Give the messages of the log as Chat Completions writes them, with their bytes; recordings in a format that it takes.

    Of audio whose bytes were let go, cannot be converted or are no sound, it is what was said in it. What `Store.create` would
    not take back is left out: messages in which nothing is said, and content parts of other servers.
    """
    found = [message for message in (yield from steps.log.history(place, last)) if message.kind != "summary"]
    held = [piece for message in found for piece in message.media if piece.made_by is None]
    pieces = {piece.digest: piece for piece in held if piece.dropped is None}
    recorded = [piece for piece in pieces.values() if piece.kind == "audio" and piece.part != REPLY]
    forms = {piece.digest: sound.WAV for piece in recorded if piece.format not in _WRITTEN}
    stored = (
        yield from steps.converting.found_or_made(place, [digest for digest in pieces if digest not in forms], found, {})
    ).data
    told = {digest: _told_by_its_bytes(pieces[digest], data) for digest, data in stored.items()}
    known = {digest: data for digest, data in told.items() if data is not None}
    mute = told.keys() - known.keys()
    for digest, form in forms.items():
        try:
            known |= (yield from steps.converting.found_or_made(place, [f"{digest}/{form}"], found, {})).data
        except (BadAudio, MissingDependency):
            if pieces[digest].transcript is None:
                raise
            mute.add(digest)
    written = as_base64(known)
    bodies = [(_as_chat(message), message) for message in found]
    given = [in_words(body, message.media, mute) for body, message in bodies if not _says_nothing(message.role, body)]
    return [whole(sound.converted(body, forms), written) for body in given]


def _as_chat(message: Message) -> dict[str, Any]:
    """Give the body of a message as Chat Completions writes it, without what only another API or server knows of it."""
    from convo.content import PARTS

    body = as_chat(message.raw)
    if message.api == "realtime":
        body = {key: value for key, value in body.items() if key != ITEM}
    match body:
        case {"audio": {"data": data} as audio} if not isinstance(data, dict):  # nothing, or no base64
            body = {**body, "audio": {key: value for key, value in audio.items() if key != "data"}}
    if isinstance(content := body.get("content"), list):
        kinds = PARTS[message.role]
        body = {**body, "content": [part for part in content if isinstance(part, dict) and part.get("type") in kinds]}
    return body


def _says_nothing(role: str, body: Mapping[str, Any]) -> bool:
    from convo.content import is_empty

    return role not in ("assistant", "tool") and is_empty(body.get("content"))


def _told_by_its_bytes(piece: Media, data: bytes) -> bytes | None:
    """Give bytes that say what they are: raw samples, which name no format, as a wav; None for audio that is no sound."""
    if piece.kind != "audio":
        return data
    from convo.audio.measure import measure
    from convo.audio.wave import wav_of_pcm16

    told = wav_of_pcm16(data[: len(data) // 2 * 2]) if piece.format == "pcm16" else data
    try:
        measure(told, None if piece.part == REPLY or told is not data else piece.format)
    except InputError:
        return None
    return told
