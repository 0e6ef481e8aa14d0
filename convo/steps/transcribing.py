"""Steps that turn recordings of users into text: a conversation's, all of an owner's, those that a request needs.

What the store does for them is imported when it is first needed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from convo.assembly.recordings import untranscribed
from convo.canonical import check_text, printable
from convo.checks import check_type
from convo.content import MAX_STRING, TEXT_COLUMN
from convo.errors import CodecFailed, ConflictingArguments, ConvoError, InputError, MissingDependency, RecordingNotFound, TooLarge
from convo.messages import text_of
from convo.policy import Policy
from convo.steps import blobs
from convo.steps.ears import OF_ONE, Ears, filled, is_refusal
from convo.steps.effects import read, write
from convo.steps.log import load_shown
from convo.steps.successors import alive_name
from convo.store import exchanges
from convo.store.log import END
from convo.times import to_micros

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from convo.assembly.target import Target
    from convo.history import History
    from convo.messages import Draft, Media, Message
    from convo.steps.effects import Hearing, Steps
    from convo.steps.place import Place, Tools
    from convo.steps.requests import Opened
    from convo.store.transcripts import Recording, Text

Progress = Callable[[int, int], object]
"""Called as `progress(done, total)` after each recording, also after one that failed."""

HOPELESS = (401, 403, 404, 429)
"""Statuses that any other recording would get as well: key, rights, model, quota. The client has tried again already."""
IN_A_ROW = 5
"""Failures of other kinds one after the other, such as a network that is down, after which the rest is not tried."""
_OURS = ("file", "model", "stream")


@attrs.frozen
class TranscriptionFailure:
    """A recording that got no transcript, or translation: where a conversation shows it, the error's code, and the error."""

    conversation: UUID
    position: int
    code: str
    error: Exception = attrs.field(repr=False)


@attrs.frozen
class Transcribed:
    """What a run did. `done` counts the recordings that now have a transcript; the same bytes are one recording."""

    done: int
    failures: tuple[TranscriptionFailure, ...] = ()


# --- chat.transcribe, store.transcribe -------------------------------------------------------------


def transcribe_chat(
    place: Place, client: Any, *, model: str, positions: Iterable[int] | None, progress: Progress | None,
    arguments: Mapping[str, Any],
) -> Steps[Transcribed]:  # fmt: skip
    """Fill the transcripts of a conversation's recordings."""
    place.tools.check_may_wait("transcribe()")
    ears = ears_of(place.tools, place.owner, client, model, arguments, progress)
    recordings = yield from lacking(place, ears, positions)
    return Transcribed(*(yield from all_heard(ears, recordings, progress)))


def lacking(place: Place, ears: Ears, positions: Iterable[int] | None) -> Steps[list[Recording]]:
    """Give the recordings of a conversation, or of these positions, that lack the text that the ears give."""
    from convo.store import transcripts

    wanted = None if positions is None else _positions(positions)
    if wanted is None:
        return (yield from read(transcripts.missing, place.owner, ears.text, conversation=place.found.id))
    history = yield from read(load_shown, place.owner, place.found.id, last=None, media="user")
    return _at(place, history, wanted, ears.text)


def transcribe_store(
    tools: Tools, owner: str, client: Any, *, model: str, since: datetime | None, until: datetime | None, limit: int | None,
    progress: Progress | None, arguments: Mapping[str, Any],
) -> Steps[Transcribed]:  # fmt: skip
    """Fill the transcripts of all recordings of an owner, newest first."""
    from convo.store import transcripts

    tools.check_may_wait("transcribe()")
    ears = ears_of(tools, owner, client, model, arguments, progress)
    if limit is not None:
        check_type(limit, int, "limit", "a number of recordings, or None for all")
        if limit < 1:
            reason = f"limit={limit} is less than one recording; leave it out for all"
            raise InputError(reason)
    recordings = yield from read(
        transcripts.missing, owner,
        since=None if since is None else to_micros(since, "since"),
        until=None if until is None else to_micros(until, "until"),
    )  # fmt: skip
    return Transcribed(*(yield from all_heard(ears, recordings[:limit], progress)))


def ears_of(
    tools: Tools, owner: str, client: Any, model: str, arguments: Mapping[str, Any], progress: Progress | None,
    api: Hearing = "transcriptions",
) -> Ears:  # fmt: skip
    """Give ears for arguments of a call, checked. Raises an `InputError`, and `ModelShutDown`."""
    check_type(model, str, "model", "the name of a model, such as 'gpt-transcribe'")
    if progress is not None and not callable(progress):
        reason = f"progress takes a function of (done, total), not a {type(progress).__name__}"
        raise InputError(reason)
    for name in _OURS:
        if name in arguments:
            raise ConflictingArguments(f"{name}= is what convo passes itself; leave it out")
    model = alive_name(tools, model, Policy(), api.removesuffix("s"))
    return Ears(tools, owner, client, model, {name: value for name, value in arguments.items() if value is not None}, api)


def _positions(positions: Iterable[int]) -> list[int]:
    check_type(positions, Iterable, "positions", "positions of messages, such as [1, 3]")
    wanted = list(positions)
    for position in wanted:
        check_type(position, int, "positions", "positions of messages, such as [1, 3]")
    return wanted


def _at(place: Place, history: History, positions: Collection[int], text: Text) -> list[Recording]:
    """Give the recordings at these positions that lack a text. Raises `RecordingNotFound` for any that holds none."""
    held = {message.position: [p for p in message.media if p.kind == "audio"] for message in history if message.role == "user"}
    found: dict[str, Recording] = {}
    for position in positions:
        pieces = held.get(position)
        if not pieces:
            raise RecordingNotFound(position)
        for piece in pieces:
            if getattr(piece, text) is None:
                found.setdefault(piece.digest, _recording(place, position, piece))
    return list(found.values())


def _recording(place: Place, position: int, piece: Media) -> Recording:
    from convo.store import transcripts

    return transcripts.Recording(piece.digest, piece.format, piece.duration, place.found.id, place.found.branch, position)


def all_heard(
    ears: Ears, recordings: Sequence[Recording], progress: Progress | None
) -> Steps[tuple[int, tuple[TranscriptionFailure, ...]]]:
    """Turn one recording after the other into text; what is done stays done whatever happens to the next.

    Gives how many have their text now, and the failures.
    """
    done, in_a_row = 0, 0
    failures: list[TranscriptionFailure] = []
    for number, recording in enumerate(recordings, 1):
        try:
            done += (yield from filled(ears, recording)) is not None
            in_a_row = 0
        except Exception as error:
            in_a_row = 0 if is_refusal(error) else in_a_row + 1
            if _is_hopeless(error) or in_a_row == IN_A_ROW:
                raise
            failures.append(TranscriptionFailure(recording.conversation, recording.position, _code(error), error))
        if progress is not None:
            progress(number, len(recordings))
    return done, tuple(failures)


def _is_hopeless(error: Exception) -> bool:
    if isinstance(error, ConvoError):
        return not isinstance(error, (*OF_ONE, MissingDependency, CodecFailed))
    return getattr(error, "status_code", None) in HOPELESS


def _code(error: Exception) -> str:
    return printable(str(getattr(error, "code", None) or type(error).__name__), 100)


# --- chat.set_transcript ---------------------------------------------------------------------------


def set_transcript(place: Place, position: int, text: str | None, part: int | None) -> Steps[None]:
    """Set the transcript of one recording, or take it away."""
    from convo.store import transcripts

    place.tools.check_writable()
    check_type(position, int, "position", "the position of a message")
    check_type(text, (str, type(None)), "set_transcript()", "text, or None to take the transcript away")
    if part is not None:
        check_type(part, int, "part", "the index of a content part")
    if text is not None:
        check_text(text, "the transcript")
        if len(text) > MAX_STRING:
            raise TooLarge("the transcript", len(text), MAX_STRING, "characters")
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if not 0 < position < END:
        raise RecordingNotFound(position, part)
    yield from write(transcripts.put, place.owner, place.found.id, position, part, text)


# --- send with Policy(missing_transcript="transcribe") ---------------------------------------------


@attrs.frozen
class Heard:
    """What a turn starts from, once its recordings were heard: the log, the drafts, and the policy for what was refused."""

    start: Opened
    drafts: Sequence[Draft]
    policy: Policy


def transcribed_first(
    place: Place, client: Any, start: Opened, drafts: Sequence[Draft], target: Target, policy: Policy
) -> Steps[Heard]:
    """Transcribe the recordings that a request would hold as text and that have no transcript, where the policy wants it.

    Those of the log are stored at once, those of drafts with their message. What the API refuses goes as the policy's
    placeholder; any other error of the client is raised, before the turn begins.
    """
    if policy.missing_transcript != "transcribe":
        return Heard(start, drafts, policy)
    first = start.history.head + 1
    messages = (*start.history.messages, *(draft.at(position, 0) for position, draft in enumerate(drafts, first)))
    lacking = {piece.digest: (message, piece) for message, piece in untranscribed(messages, policy, target)}
    if not lacking:
        return Heard(start, drafts, policy)
    ears = Ears(place.tools, place.owner, client, alive_name(place.tools, policy.transcription_model, policy))
    texts: dict[str, str] = {}
    for message, piece in lacking.values():
        try:
            text = yield from _heard(ears, place, message, piece)
        except Exception as error:
            if not is_refusal(error):
                raise
            continue
        texts[piece.digest] = text
    history = attrs.evolve(start.history, messages=tuple(_with_texts(m, texts) for m in start.history.messages))
    return Heard(
        start._replace(history=history),
        [_draft_with_texts(draft, texts) for draft in drafts],
        attrs.evolve(policy, missing_transcript="placeholder"),
    )


def _heard(ears: Ears, place: Place, message: Message, piece: Media) -> Steps[str]:
    """Give what is said in a recording of the log, or in one of a draft, which has its bytes with it."""
    from convo.store import transcripts

    branch, chat = place.found.branch, place.found.id
    if piece.data is None:
        text = yield from filled(ears, _recording(place, message.position, piece))
        if text is not None:
            return text
    _, known = yield from read(transcripts.known, ears.owner, piece.digest)
    if known is not None:
        return known
    data = piece.data
    if data is None:
        data = yield from blobs.get(ears.tools, ears.owner, piece.digest)
    text, calls = yield from ears.ask(data, piece.format, piece.duration, chat, branch)
    yield from write(exchanges.keep_calls, calls)
    return text


def _with_texts(message: Message, texts: Mapping[str, str]) -> Message:
    if message.role != "user" or not message.media:
        return message
    return attrs.evolve(message, media=_pieces_with_texts(message.media, texts))


def _draft_with_texts(draft: Draft, texts: Mapping[str, str]) -> Draft:
    media = _pieces_with_texts(draft.media, texts)
    body = draft.at(1, 0).raw
    return attrs.evolve(draft, media=media, text=printable(text_of(body, media), TEXT_COLUMN))


def _pieces_with_texts(media: Sequence[Media], texts: Mapping[str, str]) -> tuple[Media, ...]:
    return tuple(
        attrs.evolve(piece, transcript=texts[piece.digest])
        if piece.kind == "audio" and piece.transcript is None and piece.digest in texts
        else piece
        for piece in media
    )
