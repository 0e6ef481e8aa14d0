"""Every exception that convo raises, in one tree.

    ConvoError
    ├── InputError (ValueError)            what the caller passed cannot be used; nothing was stored
    │   ├── EmptyContent                   a message without content
    │   ├── InvalidContent                 a content part or message that no API accepts
    │   │   └── TooDeep                    JSON nested deeper than every reader on the way takes
    │   ├── InvalidText                    text that is not valid Unicode
    │   ├── InvalidMetadata                metadata that the store does not take
    │   ├── TooLarge                       past a documented limit
    │   │   └── AudioTooLong               more seconds of sound than are decoded, or than a model takes
    │   ├── NaiveTime                      a time without a time zone
    │   ├── ConflictingArguments           two arguments that say different things
    │   ├── NotASession                    a file that is no session of convo, or not a whole one
    │   ├── NotImportable                  a source that is not of the format that it should be, or not whole
    │   ├── NotEditable                    a reply, or the result of a tool
    │   ├── NotAReply                      a message of anyone but the model
    │   ├── BadAudio                       bytes that are not the audio they should be
    │   │   ├── UnknownAudioFormat         no known format starts like this
    │   │   ├── AudioFormatMismatch        the claimed format is not the one found
    │   │   └── AudioTooShort              less sound than the API takes
    │   ├── UrlNotAllowed                  a URL that is not fetched
    │   └── UnsupportedUrl                 a database that convo does not speak
    ├── RequestError (ValueError)          no valid request can be assembled from what is stored
    │   ├── NothingToSend                  no message to send
    │   ├── ToolOutputMissing              calls at the end are still open
    │   ├── TranscriptMissing              audio must go as text, and there is no text
    │   ├── UnsupportedModality            the model does not make this of that, such as audio alone
    │   │   └── AudioRequired              an audio model, and audio nowhere
    │   ├── RecordingTooLong               a recording that no request can hold
    │   ├── BudgetExceeded                 the call would pass a limit of tokens or money
    │   ├── SpendingUnknown                a budget cannot be held: a cost is not known
    │   ├── UnsupportedApi                 an API whose requests convo does not assemble
    │   ├── UnsupportedMedia               the model, or the server, does not take this kind of media
    │   └── ModelShutDown                  the model is no longer there
    ├── AnswerError (ValueError)           an answer that cannot be recorded
    ├── FetchFailed (OSError)              a URL that gave no recording
    ├── AudioNotLoaded (LookupError)       stored audio whose bytes were not fetched
    │   └── AudioDropped                   audio whose bytes the store has let go
    ├── CodecFailed (RuntimeError)         the process that decodes audio ended without an answer
    ├── NotFound (LookupError)
    │   ├── ConversationNotFound           no such conversation for this owner
    │   ├── BranchNotFound                 no such branch in this conversation
    │   ├── MessageNotFound                no such position in the line that is shown
    │   ├── ExchangeNotFound               no such exchange in this conversation
    │   ├── ToolCallNotFound               no such call in the log
    │   ├── RecordingNotFound              no recording of a user at this position
    │   ├── PresetNotFound                 no preset of this name for this owner
    │   └── BlobNotFound                   bytes that the store should hold and does not
    ├── ConflictError (RuntimeError)       the log is not in the state that the call needs
    │   ├── TurnInProgress                 another exchange is pending
    │   ├── StaleHead                      the log moved past `expected_head`
    │   ├── KeyMismatch                    the key was used before, for other content
    │   ├── KeyTaken                       another conversation of the new owner has the key
    │   ├── ExportConflict                 a folder that holds another export
    │   ├── OnHold                         a conversation that must not be deleted
    │   ├── ExchangeLost                   another worker took the exchange over
    │   ├── ListenerClosed                 the listener of a session was closed
    │   └── CallClosed                     the exchange was already recorded, failed or left
    ├── UsageError (RuntimeError)          a call that is not allowed here
    │   ├── NoReply (LookupError)          a stream that has no reply, or not yet
    │   ├── StoreClosed                    the store was closed
    │   ├── ReadOnlyView                   `everyone()` only reads
    │   ├── HeldTransaction                a model call inside the caller's transaction
    │   ├── TransactionOver                a store inside a transaction that has ended
    │   ├── WrongEventLoop                 an async store used in a second event loop
    │   ├── UnknownBlobStore (LookupError)  bytes are in a blob store that was not given
    │   ├── BackupUnsupported              a database whose own tools make its backups
    │   └── MissingDependency (ImportError)  an optional package is not installed
    └── StoreError (OSError)               the database, or a blob store
        ├── StoreNotFound                  there is no store at this place
        ├── NotAConvoStore                 something else is at this place
        ├── StoreReplaced                  another file took the place of the database while it was open
        ├── StoreOnNetwork                 a SQLite file on the disk of another machine
        ├── SchemaMissing                  the database has no convo tables yet
        ├── SchemaTooOld                   the tables need an upgrade
        ├── SchemaTooNew                   a newer convo made the tables
        ├── CannotPartition                tables that are not, or cannot be, split by owner
        │   └── PartitionsDiffer           they are split into another number
        ├── CorruptStore                   the database file is damaged
        ├── IntegrityError                 a stored body is not what was written
        │   └── SealBroken                 an encrypted value was changed, or stands in another's place
        ├── KeyUnavailable                 an encrypted value whose key is missing, wrong or gone
        ├── BlobDamaged                    stored bytes are not those that were written
        ├── BlobStoreFailed                a folder or a bucket that does not work
        ├── BackupFailed                   a backup's file that cannot be made
        ├── ExportFailed                   a file of an export that cannot be written
        ├── StorageFull                    no space left
        ├── ReadOnlyStore                  the database, or a folder, refuses writes
        ├── NotPermitted (PermissionError)  the database does not let this role do that
        ├── SearchUnavailable              there is no full-text index to search
        ├── StoreBusy (TimeoutError)       a lock was not granted in time
        │   └── PoolExhausted              no connection was free in time
        ├── StoreUnavailable (ConnectionError)  the server cannot be reached
        └── StoreFailed                    any other failure of the database

Each has `code` (stable, for programs), `retryable` (the same call may succeed later) and `committed`
(`"yes"`, `"no"` or `"unknown"`: whether the write that failed is in the database). The message says what
happened, to which id, and what to do; it never holds the text of a message. The cause stays in `__cause__`.

The warnings: `ModelEndsSoon` (FutureWarning), the model is shut down in at most 60 days; `UnknownVoice` (UserWarning), a voice
that the model is not known to have; `AudioWarning` (UserWarning) with `SilentAudio`, `ClippedAudio` and `TruncatedAudio`, what
is wrong with a recording that can still be sent; `BudgetWarning` (UserWarning).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from convo.escapes import safe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, timedelta
    from decimal import Decimal
    from uuid import UUID

    from convo.importers.results import Imported

Committed = Literal["yes", "no", "unknown"]
_LONGEST = 200
"""Characters of an id in a message."""


class ConvoError(Exception):
    """The root: `except convo.ConvoError` catches all that convo raises on purpose."""

    code: ClassVar[str] = "convo_error"
    retryable: bool = False
    committed: Committed = "no"
    answer: Any = None
    """The answer of the API that could not be stored, where there is one: it was billed; `record()` stores it later."""

    def __init__(self, message: str = "") -> None:
        """Say what happened. Ids and names in it are what callers and models wrote: a terminal only shows them."""
        super().__init__(safe(message))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by what the error holds: its constructor takes facts, and `args` is the message."""
        return _rebuilt, (type(self), self.args, dict(vars(self)))

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Derive `code` from the class's name, `TurnInProgress` gives `turn_in_progress`."""
        super().__init_subclass__(**kwargs)
        cls.code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()


def _rebuilt(kind: type[ConvoError], arguments: tuple[Any, ...], facts: dict[str, Any]) -> ConvoError:
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    vars(error).update(facts)
    return error


# --- input -----------------------------------------------------------------------------------------


class InputError(ConvoError, ValueError):
    """What the caller passed cannot be used. Nothing was stored."""


class EmptyContent(InputError):
    """A message without content."""

    def __init__(self, what: str = "the message") -> None:
        super().__init__(f"{what} has no content; pass text, audio, an image or a file")


class InvalidContent(InputError):
    """A content part or message that no API accepts."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}; {remedy}")


class TooDeep(InvalidContent):
    """JSON that is nested more than `limit` levels deep."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"{what} is nested more than {limit} levels deep", "flatten it")
        self.limit = limit


class InvalidText(InputError):
    """Text that is not valid Unicode: `position` is the index of the first lone surrogate."""

    def __init__(self, what: str, position: int) -> None:
        super().__init__(
            f"{what} holds a lone surrogate at index {position}, which no encoding can carry; "
            "decode the source with errors='replace' first"
        )
        self.position = position


class InvalidMetadata(InputError):
    """Metadata, or a title, that the store does not take. `key` is None where it is not about the value of one key."""

    def __init__(self, key: object, reason: str) -> None:
        super().__init__(reason if key is None else f"metadata {key!r}: {reason}")
        self.key = key


class TooLarge(InputError):
    """Past a documented limit: `size` and `limit` are in `unit`."""

    def __init__(self, what: str, size: int, limit: int, unit: str) -> None:
        super().__init__(f"{what} has {size:,} {unit}, the limit is {limit:,}; split or shorten it")
        self.size = size
        self.limit = limit


class AudioTooLong(TooLarge):
    """A recording that has more seconds of sound than are decoded; `size` are those that were, rounded up."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__("the recording, as far as it was decoded,", size, limit, "seconds")


class NaiveTime(InputError):
    """A time without a time zone."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} has no time zone; pass an aware datetime, such as datetime.now(timezone.utc)")


class ConflictingArguments(InputError):
    """Two arguments that say different things, or one that is not allowed with this API."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


class NotAReply(InputError):
    """Something that is only done to replies of the model, asked for another message."""

    def __init__(self, position: int, role: str) -> None:
        super().__init__(f"message {position} is of the role {role}, and no reply of the model; pass the position of a reply")
        self.position = position
        self.role = role


class NotASession(InputError):
    """What is to be imported is no session that convo exported, or not all of it: `reason` says what is wrong with it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"this is no session of convo: {reason}; pass what chat.session() or convo export --format session gave")
        self.reason = reason


class NotImportable(InputError):
    """A source of `import_from` that is not of its format, or not all of it: `reason` says what is wrong with it.

    What was read before is imported, each conversation whole: `report` says how much; None where nothing was read.
    """

    report: Imported | None = None

    def __init__(self, format: str, reason: str, remedy: str) -> None:  # noqa: A002 - the word of the call
        super().__init__(f"this cannot be imported as {format}: {reason}; {remedy}")
        self.format = format
        self.reason = reason


class NotEditable(InputError):
    """The message at `position` is none that its author may write anew."""

    def __init__(self, position: int, role: str) -> None:
        super().__init__(
            f"message {position} is of the role {role}, and edit() is for what users and instructions say; "
            "use regenerate() for another reply"
        )
        self.position = position
        self.role = role


class BadAudio(InputError):
    """Bytes that are not the audio they should be."""

    def __init__(self, reason: str, remedy: str = "pass the bytes of a whole recording") -> None:
        super().__init__(f"{reason}; {remedy}")
        self.reason = reason


class UnknownAudioFormat(BadAudio):
    """No known format starts like this. `found` describes the first bytes."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"the bytes are not a known audio format ({found})",
            "pass wav or mp3, or name the format of raw audio: Audio.from_bytes(data, 'pcm16')",
        )
        self.found = found


class AudioFormatMismatch(BadAudio):
    """The claimed format is not the one found."""

    def __init__(self, claimed: str, found: str) -> None:
        super().__init__(f"the audio is claimed to be {claimed} but its bytes are {found}", f"pass format={found!r} or none")
        self.claimed = claimed
        self.found = found


class AudioTooShort(BadAudio):
    """Less sound than the API takes: `duration` and `shortest` are in seconds."""

    def __init__(self, duration: float, shortest: float) -> None:
        super().__init__(
            f"the audio lasts {duration:.3f} s, and the API refuses less than {shortest:g} s", "record more, or leave it out"
        )
        self.duration = duration
        self.shortest = shortest


class UrlNotAllowed(InputError):
    """A URL that is not fetched: `url` is shown without its query and credentials."""

    def __init__(self, url: str, reason: str, remedy: str) -> None:
        super().__init__(f"{url} is not fetched: {reason}; {remedy}")
        self.url = url
        self.reason = reason


class UnsupportedUrl(InputError):
    """A database that convo does not speak. The URL's password is never shown."""

    def __init__(self, url: str, remedy: str = "pass sqlite:///file.db or postgresql://host/name") -> None:
        super().__init__(f"{url!r} is no SQLite or PostgreSQL database; {remedy}")


# --- assembly --------------------------------------------------------------------------------------


class RequestError(ConvoError, ValueError):
    """No valid request can be assembled from what is stored. The log was not changed."""


class NothingToSend(RequestError):
    """The request would hold no message."""

    def __init__(self) -> None:
        super().__init__("there is no message to send; add one, or create the conversation with instructions")


class ToolOutputMissing(RequestError):
    """Tool calls at the end of the log have no result yet: `call_ids`, in the order of the calls."""

    def __init__(self, call_ids: Sequence[str]) -> None:
        listed = ", ".join(map(_brief, call_ids))
        super().__init__(f"the tool calls {listed} have no result yet; give each with tool_output(call_id, output)")
        self.call_ids = tuple(call_ids)


class TranscriptMissing(RequestError):
    """The audio of the message at `position` must go as text, and there is no text."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(
            f"the audio of message {position} must be sent as text ({reason}) and has no transcript; give it one with "
            "chat.transcribe(client), chat.set_transcript(position, text) or Audio.open(..., transcript=...), "
            "or send with Policy(missing_transcript='transcribe', 'placeholder' or 'omit')"
        )
        self.position = position


class UnsupportedModality(RequestError):
    """The model does not make this of that: `modality` says what, such as "text to audio"; `allowed` are those that it does."""

    def __init__(self, model: str, modality: str, allowed: Sequence[str]) -> None:
        super().__init__(
            f"{model} cannot do {modality}, only {', '.join(allowed)}; leave modalities out, pass voice=... for speech, "
            "or choose another model"
        )
        self.model = model
        self.modality = modality
        self.allowed = tuple(allowed)


class AudioRequired(UnsupportedModality):
    """The model refuses requests in which neither the input nor the output holds audio: text to text."""


class RecordingTooLong(RequestError):
    """The recording of the message at `position` is longer than a request may hold in any format: `seconds`."""

    def __init__(self, position: int, seconds: float) -> None:
        super().__init__(
            f"the recording of message {position} is too long to be sent as sound ({seconds:,.1f} s); send it as text: "
            "chat.transcribe(client), chat.set_transcript(position, text), or Policy(missing_transcript='transcribe')"
        )
        self.position = position
        self.seconds = seconds


class BudgetExceeded(RequestError):
    """The call would pass a budget: it was not made, and nothing was written.

    `per` is "conversation" or "owner" and `identifier` says which; `limit`, `spent` and `needed` are in `unit`: a number
    of "tokens", or Decimals of a currency. With `within` the same call may succeed later, when older ones no longer count.
    """

    def __init__(
        self, per: str, identifier: object, limit: Decimal | int, spent: Decimal | int, needed: Decimal | int, unit: str,
        within: timedelta | None = None,
    ) -> None:  # fmt: skip
        remedy = "raise the limit" if within is None else "wait until older calls no longer count, or raise the limit"
        super().__init__(
            f"{_whose(per, identifier)} has used {_amount(spent)} {unit}{_time(within)}, and this call needs about "
            f"{_amount(needed)} more: that is past the budget of {_amount(limit)}; {remedy} (Budget)"
        )
        self.per = per
        self.identifier = identifier
        self.limit = limit
        self.spent = spent
        self.needed = needed
        self.unit = unit
        self.within = within
        self.retryable = within is not None


class SpendingUnknown(RequestError):
    """A budget cannot be held, because what was used is not known: the call was not made, and nothing was written.

    `calls` have no known tokens or cost in `unit`, and neither has this one where `model` names its model.
    """

    def __init__(
        self, per: str, identifier: object, limit: Decimal | int, unit: str, calls: int, model: str | None,
        within: timedelta | None = None,
    ) -> None:  # fmt: skip
        known = "are not known" if unit == "tokens" else f"have no known cost in {unit}"
        before = [f"{calls:,} calls of {_whose(per, identifier)}{_time(within)}"] if calls else []
        now = [f"this call of {model}"] if model is not None else []
        super().__init__(
            f"{' and '.join(before + now)} {known}, so that a budget of {_amount(limit)} cannot be held; give their models "
            "prices (Catalogue.load), or count what is unknown as free: Budget(unknown='ignore')"
        )
        self.per = per
        self.identifier = identifier
        self.limit = limit
        self.unit = unit
        self.calls = calls
        self.model = model
        self.within = within


def _whose(per: str, identifier: object) -> str:
    return f"the owner {identifier!r}" if per == "owner" else f"conversation {identifier!s}"


def _amount(value: Decimal | int) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    digits, _, decimals = f"{value:,f}".partition(".")
    return f"{digits}.{decimals.rstrip('0').ljust(2, '0')}"


def _time(within: timedelta | None) -> str:
    return "" if within is None else f" in the last {str(within).removesuffix(', 0:00:00')}"


class UnsupportedApi(RequestError):
    """An API whose requests convo does not assemble."""

    def __init__(self, api: str, known: Sequence[str]) -> None:
        super().__init__(f"api={api!r} is not one that convo assembles requests for; known: {', '.join(known)}")
        self.api = api


class AnswerError(ConvoError, ValueError):
    """An answer that cannot be recorded as a reply. `api_code` is the API's own, where it answered with an error."""

    api_code: str | None = None

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"the answer cannot be recorded: {reason}; {remedy}")


class UnsupportedMedia(RequestError):
    """The turn to answer holds media that the model does not take, or the `server`, where it is that one."""

    def __init__(self, model: str, kind: str, position: int, server: str | None = None) -> None:
        who, other = (model, "a model") if server is None else (f"the server {server}", "a server")
        super().__init__(f"{who} takes no {kind}, and message {position} holds one; choose {other} that does, or remove it")
        self.model = model
        self.kind = kind
        self.position = position
        self.server = server


class ModelShutDown(RequestError):
    """`model` was shut down on `day`; `successor` is the first living model after it, None where the catalogue knows none."""

    def __init__(self, model: str, day: date, successor: str | None) -> None:
        remedy = (
            f"use {successor}; requests with Policy(shut_down='successor') move on to it by themselves"
            if successor is not None
            else "the catalogue knows no successor that lives: use another model, or name it in a file for Catalogue.load()"
        )
        super().__init__(f"{model} was shut down on {day}; {remedy}")
        self.model = model
        self.day = day
        self.successor = successor


class ModelEndsSoon(FutureWarning):
    """`model` will be shut down on `day`, in at most 60 days; `successor` lives then, None where the catalogue knows none.

    A store warns once of each model.
    """

    def __init__(self, model: str, day: date, successor: str | None) -> None:
        remedy = (
            f"change to {successor}; requests with Policy(shut_down='successor') will move on to it by themselves"
            if successor is not None
            else "the catalogue knows no successor: choose another model"
        )
        super().__init__(f"{model} will be shut down on {day}; {remedy}")
        self.model = model
        self.day = day
        self.successor = successor

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the facts."""
        return type(self), (self.model, self.day, self.successor)


class AudioNotKept(UserWarning):
    """The sound of the reply at `position` could not be stored; the reply was, and whoever asked for it has its sound."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"the sound of message {position} is not stored, its words are: {reason}")
        self.position = position
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the facts."""
        return type(self), (self.position, self.reason)


class UnknownVoice(UserWarning):
    """`voice` is none that `model` is known to have, `voices`; it is sent as it is. A store warns once of each."""

    def __init__(self, voice: str, model: str, voices: Sequence[str]) -> None:
        super().__init__(
            f"{voice!r} is no voice that {model} is known to have ({', '.join(voices)}); "
            "it is sent as it is, and the API may refuse it"
        )
        self.voice = voice
        self.model = model
        self.voices = tuple(voices)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the facts."""
        return type(self), (self.voice, self.model, self.voices)


# --- audio -----------------------------------------------------------------------------------------


class FetchFailed(ConvoError, OSError):
    """A URL that gave no recording: `url` is shown without its query and credentials, `status` is that of a whole answer.

    `retryable` where there was no whole answer (time ran out, the connection broke; not a certificate that is wrong), and for
    statuses by which a server says so (408, 429, 5xx).
    """

    def __init__(self, url: str, reason: str, remedy: str, status: int | None = None) -> None:
        answered = "" if status is None else f" (status {status})"
        super().__init__(f"{url} could not be fetched: {reason}{answered}; {remedy}")
        self.url = url
        self.reason = reason
        self.status = status
        self.retryable = status is None or status in (408, 429) or status >= 500  # noqa: PLR2004 - HTTP's server errors


class AudioWarning(UserWarning):
    """Something is wrong with a recording that can still be sent, see `Audio.problems`."""


class SilentAudio(AudioWarning):
    """Nothing is heard: less than `heard` seconds of it are louder than -50 dBFS."""

    def __init__(self, heard: float, peak: float) -> None:
        super().__init__(
            f"the audio is silent: less than {heard:g} s of it are louder than -50 dBFS, and its peak is {peak:.4f} of full "
            "scale; check the microphone"
        )
        self.heard = heard
        self.peak = peak

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the facts."""
        return type(self), (self.heard, self.peak)


class ClippedAudio(AudioWarning):
    """The recording was too loud for its format: the share `clipped` of its samples, 0 to 1, is at full scale."""

    def __init__(self, clipped: float) -> None:
        super().__init__(f"the audio is clipped: {clipped:.1%} of its samples are at full scale; lower the recording level")
        self.clipped = clipped

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the facts."""
        return type(self), (self.clipped,)


class TruncatedAudio(AudioWarning):
    """The recording ends before its header, or its last frame, says that it does: something was lost on the way."""

    def __init__(self) -> None:
        super().__init__("the audio is cut off: its file ends earlier than it says; pass the whole file")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the facts."""
        return type(self), ()


# --- look-ups --------------------------------------------------------------------------------------


class AudioNotLoaded(ConvoError, LookupError):
    """Audio of a stored history carries no bytes until they are asked for."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the bytes of {what} were not loaded; get them with chat.load(audio)")


class AudioDropped(AudioNotLoaded):
    """The bytes of audio were let go, because the store keeps them no longer (`keep_audio`). `digest` is their SHA-256 in hex."""

    def __init__(self, digest: str) -> None:
        ConvoError.__init__(
            self,
            f"the bytes {digest} were let go: this store was told by keep_audio not to keep them; what was said is in the "
            "transcript, where there is one",
        )
        self.digest = digest


class CodecFailed(ConvoError, RuntimeError):
    """The process that decodes or converts audio could not be started, or ended without an answer. The audio may be fine."""

    retryable = True

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}; try again, and look for what ends processes on this machine (out of memory, limits)")
        self.reason = reason


def _brief(identifier: object) -> str:
    """Give an id as far as anybody reads it: what was passed may be of any length."""
    text = str(identifier)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


class NotFound(ConvoError, LookupError):
    """No such thing, or it belongs to somebody else: the two look the same."""


class ConversationNotFound(NotFound):
    """No such conversation for this owner."""

    def __init__(self, identifier: object) -> None:
        super().__init__(
            f"there is no conversation {_brief(identifier)} for this owner; "
            "check the id, and the owner that the store was opened for"
        )
        self.identifier = identifier


class BranchNotFound(NotFound):
    """No such branch in this conversation."""

    def __init__(self, identifier: object) -> None:
        super().__init__(
            f"there is no branch {_brief(identifier)} in this conversation; chat.branches() lists those that there are"
        )
        self.identifier = identifier


class MessageNotFound(NotFound):
    """The line that the conversation shows has no message at `position`."""

    def __init__(self, position: int) -> None:
        super().__init__(f"the line that is shown has no message {position}; chat.history() gives those that it has")
        self.position = position


class ExchangeNotFound(NotFound):
    """No such exchange in this conversation."""

    def __init__(self, identifier: object) -> None:
        super().__init__(
            f"there is no exchange {_brief(identifier)} in this conversation; chat.pending() lists those that are open"
        )
        self.identifier = identifier


class ToolCallNotFound(NotFound):
    """No such tool call in the log of this conversation."""

    def __init__(self, call_id: str) -> None:
        super().__init__(f"no message of this conversation asks for the call {_brief(call_id)!r}; pass an id of reply.tool_calls")
        self.call_id = call_id


class RecordingNotFound(NotFound):
    """No message of a user at `position` of this conversation holds a recording, or not in this `part`."""

    def __init__(self, position: int, part: int | None = None) -> None:
        where = f"message {position}" if part is None else f"content part {part} of message {position}"
        super().__init__(f"{where} of this conversation is no recording of a user; chat.history() lists the messages")
        self.position = position
        self.part = part


class PresetNotFound(NotFound):
    """No preset of this name for this owner."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no preset {name!r} for this owner; store.presets() lists those that there are")
        self.name = name


class BlobNotFound(NotFound):
    """Bytes that the store should hold and does not. `digest` is their SHA-256 in hex."""

    def __init__(self, digest: str) -> None:
        super().__init__(f"the bytes {digest} are not in the store; restore them from a backup")
        self.digest = digest


# --- conflicts -------------------------------------------------------------------------------------


class ConflictError(ConvoError, RuntimeError):
    """The log is not in the state that the call needs. Nothing was changed."""


class TurnInProgress(ConflictError):
    """Another exchange is pending on this conversation.

    `retry_after` is in seconds: what is left of its lease, by when it has ended or may be taken over; most end sooner.
    """

    retryable = True

    def __init__(self, exchange: object, retry_after: float) -> None:
        super().__init__(
            f"exchange {exchange} is still waiting for its answer; try again in {retry_after:.0f} s, "
            "or give it up with chat.abandon(exchange)"
        )
        self.exchange = exchange
        self.retry_after = retry_after


class StaleHead(ConflictError):
    """The log moved: `expected` is what the caller had seen, `actual` is where the log is."""

    def __init__(self, expected: int, actual: int) -> None:
        moved = f"is at message {actual}, not at {expected}" if actual != expected else "shows another line of messages now"
        super().__init__(f"the conversation {moved}; read it again and decide")
        self.expected = expected
        self.actual = actual


class KeyMismatch(ConflictError):
    """The key was used before, for other content."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the key {key!r} was used before with other content; use one key for one turn")
        self.key = key


class OnHold(ConflictError):
    """Conversations are on hold: what they show is neither deleted, redacted nor erased. `conversations` are their ids."""

    def __init__(self, conversations: Sequence[UUID]) -> None:
        count, first = len(conversations), conversations[0]
        what = f"the conversation {first} is" if count == 1 else f"{count} conversations of this owner, such as {first}, are"
        super().__init__(f"{what} on hold: what it shows stays until chat.release()")
        self.conversations = tuple(conversations)


class ExportConflict(ConflictError):
    """The folder holds another export, to which this one cannot be added. Nothing was written.

    `differs` are the arguments that are not what the export was begun with: "owner", "format", "tables", "metadata", "until",
    "anonymous", "redact"; none where that is not the reason.
    """

    def __init__(self, path: str, reason: str, differs: Sequence[str] = ()) -> None:
        what = "pass what it was begun with, or name another folder" if differs else "name another folder"
        super().__init__(f"{path} holds an export {reason}; {what}")
        self.path = path
        self.reason = reason
        self.differs = tuple(differs)


class KeyTaken(ConflictError):
    """A conversation cannot move to an owner who has one with the same key, or with the same id."""

    def __init__(self, what: str, value: object) -> None:
        super().__init__(f"the new owner has a conversation with the {what} {value!s} already; delete one of the two first")
        self.value = value


class ExchangeLost(ConflictError):
    """The lease ran out and another worker took the exchange over, or it was given up.

    What this worker brought back is kept with the exchange and is not part of the log.
    """

    def __init__(self, exchange: object, status: str) -> None:
        super().__init__(
            f"exchange {exchange} is {status}: this answer came too late and is not in the log; "
            "read the conversation to see what is"
        )
        self.exchange = exchange
        self.status = status


class ListenerClosed(ConflictError):
    """The listener of a Realtime session was closed."""

    def __init__(self, session: str | None) -> None:
        super().__init__(f"the listener of session {session} was closed; feed its events to a new one: chat.listen(model)")
        self.session = session


class CallClosed(ConflictError):
    """The exchange was already recorded, failed or left."""

    def __init__(self, exchange: object) -> None:
        super().__init__(f"exchange {exchange} is not open; use it inside: with chat.exchange(request) as call")
        self.exchange = exchange


# --- use -------------------------------------------------------------------------------------------


class UsageError(ConvoError, RuntimeError):
    """A call that is not allowed here."""


class NoReply(UsageError, LookupError):
    """A stream has no reply: it has not ended yet, or nothing of one came."""

    def __init__(self, what: object) -> None:
        super().__init__(
            f"there is no reply of {what}: a stream has one when it was iterated to its end or closed, and something was received"
        )
        self.what = what


class StoreClosed(UsageError):
    """The store was closed."""

    def __init__(self) -> None:
        super().__init__("the store was closed; make a new one")


class ReadOnlyView(UsageError):
    """`everyone()` and read-only stores only read."""

    def __init__(self) -> None:
        super().__init__("this view of the store only reads; write through the store that everyone() was called on")


class HeldTransaction(UsageError):
    """A model call would hold the caller's transaction open while the model answers."""

    def __init__(self, call: str, meanwhile: str = "the model answers") -> None:
        super().__init__(
            f"{call} would hold your transaction while {meanwhile}; call it on the store itself, outside of within()"
        )


class TransactionOver(UsageError):
    """A store inside a transaction that has ended, or a conversation that came from one."""

    def __init__(self) -> None:
        super().__init__("the transaction that this was used in has ended; get the conversation again with store.get(id)")


class WrongEventLoop(UsageError):
    """An async store used in a second event loop."""

    def __init__(self) -> None:
        super().__init__("this store belongs to another event loop; make one AsyncStore per loop")


class UnknownBlobStore(UsageError, LookupError):
    """Bytes are in the blob store of the name `place`, and this store was not given it. `digest` says which, if they are few."""

    def __init__(self, place: str, digest: str | None = None) -> None:
        which = "bytes" if digest is None else f"the bytes {digest}"
        super().__init__(
            f"{which} are in the blob store {place!r}, which was not given to this store; pass it, beside others: "
            f"Store(..., blobs=[..., FolderBlobs(path, name={place!r})]), or BucketBlobs; on the command line --blobs"
        )
        self.place = place
        self.digest = digest


class BackupUnsupported(UsageError):
    """A server's database is backed up by its own tools: `command` makes a backup while it is in use, `restore` loads it.

    Neither holds a password: the tools take it from `PGPASSWORD` or a password file.
    """

    def __init__(self, command: str, restore: str) -> None:
        super().__init__(f"PostgreSQL makes its own backups, while it is in use: {command} ; into a new database: {restore}")
        self.command = command
        self.restore = restore


class MissingDependency(UsageError, ImportError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the package {package!r}; install it with: pip install 'convo[{extra}]'")
        self.package = package
        self.extra = extra


# --- database --------------------------------------------------------------------------------------


class StoreError(ConvoError, OSError):
    """The database failed, or is not what it should be."""


class StoreNotFound(StoreError):
    """There is no store at this place."""

    def __init__(self, place: str) -> None:
        super().__init__(f"there is no store at {place}; check the path, or create one with: convo --store ... upgrade")


class NotAConvoStore(StoreError):
    """Something else is at this place; it was not touched."""

    def __init__(self, place: str) -> None:
        super().__init__(f"{place} is no convo store; it was left as it is: check the path")


class StoreReplaced(StoreError):
    """Another file took the place of the database while it was open. Nothing was written.

    The next call uses the new file, unless the `-wal` of the old one is still beside it: SQLite would write it into the new one.
    """

    def __init__(self, place: str) -> None:
        super().__init__(
            f"another file was put at {place} while it was open; see that no -wal and -shm of the old one are left beside it, "
            "then the next call uses it"
        )


class StoreOnNetwork(StoreError):
    """A SQLite file on the disk of another machine, where its locks and its write-ahead log cannot be relied on."""

    def __init__(self, place: str, kind: str) -> None:
        super().__init__(
            f"{place} is on a network ({kind}), where SQLite loses data; put it on a local disk, or use PostgreSQL (an engine of "
            "your own is taken as it is)"
        )


class SchemaMissing(StoreError):
    """The database has no convo tables yet."""

    def __init__(self, place: str) -> None:
        super().__init__(f"{place} has no convo tables yet; create them with store.upgrade() or: convo --store ... upgrade")


class SchemaTooOld(StoreError):
    """The tables need an upgrade."""

    def __init__(self, found: str, wanted: str) -> None:
        super().__init__(
            f"the tables are at revision {found}, this convo needs {wanted}; run store.upgrade() or: convo --store ... upgrade"
        )
        self.found = found


class SchemaTooNew(StoreError):
    """A newer convo made the tables."""

    def __init__(self, found: str, known: str) -> None:
        super().__init__(f"the tables are at revision {found}, this convo knows up to {known}; update convo")
        self.found = found


class CannotPartition(StoreError):
    """The tables are not split into partitions. What was stored is as it was."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"the tables cannot be partitioned like that: {reason}; {remedy}")


class PartitionsDiffer(CannotPartition):
    """The tables are split into `found` partitions, and `wanted` were asked for: their number does not change."""

    def __init__(self, found: int, wanted: int) -> None:
        super().__init__(
            f"{wanted} partitions were asked for, and they have {found}",
            f"ask for {found} or leave the number out; for another one copy the rows into a new database",
        )
        self.found = found
        self.wanted = wanted


class CorruptStore(StoreError):
    """The database file is damaged."""

    def __init__(self) -> None:
        super().__init__("the database reports that it is damaged; stop writing to it and restore a backup")


class IntegrityError(StoreError):
    """The body of the message at `position` is not what was written: its hash differs."""

    def __init__(self, position: int) -> None:
        super().__init__(f"the stored body of message {position} does not match its hash; restore it from a backup")
        self.position = position


class SealBroken(IntegrityError):
    """An encrypted value is not the one that was sealed for its place: it was changed, or it is another row's.

    `column` is its table and column, `owner` whose row it is, `position` that of the message, None where it is none.
    """

    def __init__(self, column: str, owner: str, keys: tuple[object, ...]) -> None:
        where = " ".join(key.hex() if isinstance(key, bytes) else str(key) for key in keys)
        what = f"the encrypted {column} of owner {owner!r} ({where}) was changed, or was sealed for another row or owner"
        StoreError.__init__(self, f"{what}; restore it from a backup")
        self.column = column
        self.owner = owner
        self.position: int | None = next((key for key in keys if isinstance(key, int)), None)  # type: ignore[assignment]


class KeyUnavailable(StoreError):
    """What is encrypted cannot be opened or sealed: the key is missing, wrong or gone. `owner` is whose data key, or None."""

    def __init__(self, reason: str, remedy: str, owner: str | None = None) -> None:
        super().__init__(f"{reason}; {remedy}" if owner is None else f"of owner {owner!r}: {reason}; {remedy}")
        self.owner = owner


class BlobDamaged(StoreError):
    """Stored bytes are not what was written: their size or SHA-256 is not that of `digest`. `place` is their blob store."""

    def __init__(self, digest: str, place: str) -> None:
        super().__init__(f"what the blob store {place!r} holds for the bytes {digest} is not them; restore them from a backup")
        self.digest = digest
        self.place = place


class BlobStoreFailed(StoreError):
    """A folder or a bucket does not do what it should, and will not by trying again."""

    def __init__(self, place: str, reason: str, remedy: str) -> None:
        super().__init__(f"{place} does not work ({reason}); {remedy}")
        self.reason = reason


class BackupFailed(StoreError):
    """The file of a backup cannot be made: `reason` is the system's word for why. Nothing was overwritten."""

    def __init__(self, path: str, reason: str) -> None:
        remedy = (
            "it is there already: name another file"
            if reason == "EEXIST"
            else "check that its folder is there and may be written"
        )
        super().__init__(f"no backup was made at {path} ({reason}); {remedy}")
        self.path = path
        self.reason = reason


class ExportFailed(StoreError):
    """A file of an export cannot be written: `reason` is the system's word for why. Files that were written are whole."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"nothing was exported to {path} ({reason}); check that it may be written, and export again: it goes on")
        self.path = path
        self.reason = reason


class StorageFull(StoreError):
    """No space left. Reads still work, and the same store goes on when there is space again."""

    retryable = True

    def __init__(self, place: str = "the database") -> None:
        super().__init__(f"{place} has no space left; free some and try again")


class ReadOnlyStore(StoreError):
    """The database, or the folder of a blob store, refuses writes.

    A SQLite file where nothing can be written is read all the same, unless its newest turns are `unread`, in the log beside it.
    """

    def __init__(self, place: str = "the database", unread: str | None = None) -> None:
        remedy = (
            "check the file's permissions, or that the server is the primary"
            if place == "the database"
            else "check its permissions"
        )
        if unread is not None:
            remedy = f"its newest turns are in {unread}, which can be read only where SQLite may write: copy both files there"
        super().__init__(f"{place} is read-only; {remedy}")
        self.unread = unread


class NotPermitted(StoreError, PermissionError):
    """The database does not let this role do that: a right that it lacks, or a policy of row-level security."""

    def __init__(self) -> None:
        super().__init__(
            "the database does not let this role do that; grant it SELECT, INSERT, UPDATE and DELETE on the tables of convo, and "
            "USAGE on their sequences, see to policies of row-level security, upgrade with a role that may create tables "
            "(store.doctor() says what it lacks)"
        )


class SearchUnavailable(StoreError):
    """There is no full-text index to search. Everything else works."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"messages cannot be searched: {reason}; {remedy}")


class StoreBusy(StoreError, TimeoutError):
    """A lock was not granted in time."""

    retryable = True

    def __init__(self, reason: str = "another writer held the database for too long") -> None:
        super().__init__(f"{reason}; try again")


class PoolExhausted(StoreBusy):
    """No connection of the pool was free in time."""

    def __init__(self) -> None:
        super().__init__(
            "no database connection was free in time; pass Store() an engine with a larger pool_size, or a longer pool_timeout"
        )


class StoreUnavailable(StoreError, ConnectionError):
    """The server cannot be reached, or dropped the connection."""

    retryable = True

    def __init__(self, committed: Committed = "no", place: str = "the database") -> None:
        super().__init__(
            f"{place} cannot be reached, or dropped the connection; check that it runs, and try again with the same key"
        )
        self.committed = committed


class StoreFailed(StoreError):
    """Any other failure of the database; the driver's error is the cause."""

    def __init__(self, reason: str, committed: Committed = "no") -> None:
        super().__init__(f"the database failed ({reason}); the cause is attached")
        self.reason = reason
        self.committed = committed

    @property
    def is_duplicate(self) -> bool:
        """Whether a unique key was taken: SQLSTATE 23505, or SQLite's constraint error."""
        return self.reason in ("23505", "SQLITE_CONSTRAINT")
