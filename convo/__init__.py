"""The conversation state engine for model APIs that forget.

`Store` (or `AsyncStore`) keeps conversations in SQLite or PostgreSQL; `Conversation.send` stores what a user said,
assembles the request in the shape that the API expects now, and stores the answer.
"""

import typing

from convo.assembly import Estimate, Rendering, Request, Seeds
from convo.audio import Audio
from convo.audio.formats import FORMATS as AUDIO_FORMATS
from convo.audio.formats import AudioFormat, recommend_format
from convo.audio.levels import Levels
from convo.backups import Backup
from convo.blobs import BlobStore, BucketBlobs, FolderBlobs
from convo.edges import Event, Pending
from convo.errors import (
    AnswerError,
    AudioDropped,
    AudioFormatMismatch,
    AudioNotKept,
    AudioNotLoaded,
    AudioRequired,
    AudioTooLong,
    AudioTooShort,
    AudioWarning,
    BackupFailed,
    BackupUnsupported,
    BadAudio,
    BlobDamaged,
    BlobNotFound,
    BlobStoreFailed,
    BranchNotFound,
    BudgetExceeded,
    CallClosed,
    CannotPartition,
    ClippedAudio,
    CodecFailed,
    ConflictError,
    ConflictingArguments,
    ConversationNotFound,
    ConvoError,
    CorruptStore,
    EmptyContent,
    ExchangeLost,
    ExchangeNotFound,
    ExportConflict,
    ExportFailed,
    FetchFailed,
    HeldTransaction,
    InputError,
    IntegrityError,
    InvalidContent,
    InvalidMetadata,
    InvalidText,
    KeyMismatch,
    KeyTaken,
    KeyUnavailable,
    ListenerClosed,
    MessageNotFound,
    MissingDependency,
    ModelEndsSoon,
    ModelShutDown,
    NaiveTime,
    NoReply,
    NotAConvoStore,
    NotAReply,
    NotASession,
    NotEditable,
    NotFound,
    NothingToSend,
    NotImportable,
    NotPermitted,
    OnHold,
    PartitionsDiffer,
    PoolExhausted,
    PresetNotFound,
    ReadOnlyStore,
    ReadOnlyView,
    RecordingNotFound,
    RecordingTooLong,
    RequestError,
    SchemaMissing,
    SchemaTooNew,
    SchemaTooOld,
    SealBroken,
    SearchUnavailable,
    SilentAudio,
    SpendingUnknown,
    StaleHead,
    StorageFull,
    StoreBusy,
    StoreClosed,
    StoreError,
    StoreFailed,
    StoreNotFound,
    StoreOnNetwork,
    StoreReplaced,
    StoreUnavailable,
    TooDeep,
    TooLarge,
    ToolCallNotFound,
    ToolOutputMissing,
    TransactionOver,
    TranscriptMissing,
    TruncatedAudio,
    TurnInProgress,
    UnknownAudioFormat,
    UnknownBlobStore,
    UnknownVoice,
    UnsupportedApi,
    UnsupportedMedia,
    UnsupportedModality,
    UnsupportedUrl,
    UrlNotAllowed,
    UsageError,
    WrongEventLoop,
)
from convo.events import AudioDelta, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, TranscriptDelta
from convo.history import History
from convo.intake import ChatFold
from convo.keeping import BlobTotals, MovedBlobs, Pruned
from convo.limits import Limits
from convo.media import File, Image
from convo.memory import Memory
from convo.messages import Media, Message, ToolCall
from convo.models import Catalogue
from convo.policy import Policy
from convo.recovery import Recovery
from convo.reply import Reply
from convo.repriced import Repriced
from convo.store.branches import Branch
from convo.store.totals import Totals
from convo.sync_api import Conversation, Exchange, Store, Stream
from convo.usage import Cost, Usage

__all__ = [
    "AUDIO_FORMATS",
    "VOICES",
    "Absent",
    "Anonymous",
    "AnswerError",
    "AsyncConversation",
    "AsyncExchange",
    "AsyncListener",
    "AsyncStore",
    "AsyncStream",
    "AsyncTable",
    "AsyncTables",
    "Audio",
    "AudioDelta",
    "AudioDropped",
    "AudioFormat",
    "AudioFormatMismatch",
    "AudioNotKept",
    "AudioNotLoaded",
    "AudioRequired",
    "AudioTooLong",
    "AudioTooShort",
    "AudioWarning",
    "Backup",
    "BackupFailed",
    "BackupUnsupported",
    "BadAudio",
    "Between",
    "BlobDamaged",
    "BlobNotFound",
    "BlobStore",
    "BlobStoreFailed",
    "BlobTotals",
    "Branch",
    "BranchNotFound",
    "BucketBlobs",
    "Budget",
    "BudgetExceeded",
    "BudgetWarning",
    "Call",
    "CallClosed",
    "CannotPartition",
    "Catalogue",
    "ChatFold",
    "Cipher",
    "ClippedAudio",
    "CodecFailed",
    "ConflictError",
    "ConflictingArguments",
    "Conversation",
    "ConversationNotFound",
    "ConvoError",
    "CorruptStore",
    "Cost",
    "EmptyContent",
    "Erasure",
    "Estimate",
    "Event",
    "Exchange",
    "ExchangeLost",
    "ExchangeNotFound",
    "ExportConflict",
    "ExportFailed",
    "Exported",
    "Fetch",
    "FetchFailed",
    "File",
    "Finding",
    "FolderBlobs",
    "GrowingWav",
    "HeldTransaction",
    "History",
    "Hit",
    "Image",
    "Imported",
    "InputError",
    "IntegrityError",
    "InvalidContent",
    "InvalidMetadata",
    "InvalidText",
    "KeyMismatch",
    "KeyTaken",
    "KeyUnavailable",
    "Levels",
    "Limits",
    "Listener",
    "ListenerClosed",
    "Media",
    "Memory",
    "Message",
    "MessageNotFound",
    "MissingDependency",
    "ModelEndsSoon",
    "ModelShutDown",
    "MovedBlobs",
    "NaiveTime",
    "NoReply",
    "NotAConvoStore",
    "NotAReply",
    "NotASession",
    "NotCarried",
    "NotEditable",
    "NotFound",
    "NotImportable",
    "NotPermitted",
    "NothingToSend",
    "OnHold",
    "OneOf",
    "PartitionsDiffer",
    "Pending",
    "Policy",
    "PoolExhausted",
    "Present",
    "Preset",
    "PresetNotFound",
    "Preview",
    "Pruned",
    "ReadOnlyStore",
    "ReadOnlyView",
    "ReasoningDelta",
    "RecordingNotFound",
    "RecordingTooLong",
    "Recovery",
    "RefusalDelta",
    "Rendering",
    "Reply",
    "Report",
    "ReportRow",
    "Repriced",
    "Request",
    "RequestError",
    "ResponseFold",
    "SchemaMissing",
    "SchemaTooNew",
    "SchemaTooOld",
    "SealBroken",
    "SearchUnavailable",
    "Seeds",
    "SilentAudio",
    "SpendingUnknown",
    "StaleHead",
    "StorageFull",
    "Store",
    "StoreBusy",
    "StoreClosed",
    "StoreError",
    "StoreFailed",
    "StoreNotFound",
    "StoreOnNetwork",
    "StoreReplaced",
    "StoreUnavailable",
    "Stream",
    "Table",
    "Tables",
    "Telemetry",
    "TextDelta",
    "TooDeep",
    "TooLarge",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallNotFound",
    "ToolOutputMissing",
    "Totals",
    "TransactionOver",
    "Transcribed",
    "TranscriptDelta",
    "TranscriptMissing",
    "TranscriptionFailure",
    "Translated",
    "TruncatedAudio",
    "TurnInProgress",
    "UnknownAudioFormat",
    "UnknownBlobStore",
    "UnknownVoice",
    "UnsupportedApi",
    "UnsupportedMedia",
    "UnsupportedModality",
    "UnsupportedUrl",
    "UrlNotAllowed",
    "Usage",
    "UsageError",
    "Voice",
    "WrongEventLoop",
    "recommend_format",
    "recommend_voice",
]

_LATER = {
    "AsyncConversation": "async_api",
    "AsyncExchange": "async_api",
    "AsyncListener": "async_listening",
    "AsyncStore": "async_api",
    "AsyncStream": "async_api",
    "AsyncTable": "async_tables",
    "AsyncTables": "async_tables",
    "Anonymous": "exported",
    "Exported": "exported",
    "Budget": "budget",
    "BudgetWarning": "budget",
    "Call": "calls",
    "Cipher": "cipher",
    "Absent": "filters",
    "Between": "filters",
    "OneOf": "filters",
    "Present": "filters",
    "Erasure": "erasure",
    "Finding": "findings",
    "Hit": "hits",
    "Imported": "imported",
    "NotCarried": "imported",
    "Fetch": "fetch",
    "GrowingWav": "growing",
    "VOICES": "voices",
    "Voice": "voices",
    "recommend_voice": "voices",
    "ResponseFold": "response_stream",
    "Listener": "listening",
    "Preset": "presets",
    "Preview": "preview",
    "Report": "report",
    "ReportRow": "report",
    "Table": "tables",
    "Tables": "tables",
    "Telemetry": "telemetry",
    "Transcribed": "transcribing",
    "Translated": "translating",
    "TranscriptionFailure": "transcribing",
}
"""Where the names are that many programs do not need: a sync one should not pay for asyncio."""

if typing.TYPE_CHECKING:
    from convo.analysis.exported import Anonymous, Exported
    from convo.assembly.preview import Preview
    from convo.async_api import AsyncConversation, AsyncExchange, AsyncStore, AsyncStream
    from convo.async_api.listening import AsyncListener
    from convo.async_api.tables import AsyncTable, AsyncTables
    from convo.audio.fetch import Fetch
    from convo.audio.growing import GrowingWav
    from convo.budget import Budget, BudgetWarning
    from convo.calls import Call
    from convo.erasure import Erasure
    from convo.filters import Absent, Between, OneOf, Present
    from convo.findings import Finding
    from convo.hits import Hit
    from convo.importers.results import Imported, NotCarried
    from convo.intake.response_stream import ResponseFold
    from convo.presets import Preset
    from convo.report import Report, ReportRow
    from convo.sealing.cipher import Cipher
    from convo.steps.transcribing import Transcribed, TranscriptionFailure
    from convo.steps.translating import Translated
    from convo.sync_api.listening import Listener
    from convo.sync_api.tables import Table, Tables
    from convo.telemetry import Telemetry
    from convo.voices import VOICES, Voice, recommend_voice
else:

    def __getattr__(name: str) -> object:  # noqa: C901, PLR0912, PLR0915 - one case for each module
        """Import a name of `_LATER` when it is first asked for."""
        match _LATER.get(name):
            case "async_api":
                from convo import async_api as home
            case "async_listening":
                from convo.async_api import listening as home
            case "async_tables":
                from convo.async_api import tables as home
            case "budget":
                from convo import budget as home
            case "calls":
                from convo import calls as home
            case "cipher":
                from convo.sealing import cipher as home
            case "exported":
                from convo.analysis import exported as home
            case "erasure":
                from convo import erasure as home
            case "filters":
                from convo import filters as home
            case "findings":
                from convo import findings as home
            case "hits":
                from convo import hits as home
            case "imported":
                from convo.importers import results as home
            case "fetch":
                from convo.audio import fetch as home
            case "growing":
                from convo.audio import growing as home
            case "voices":
                from convo import voices as home
            case "response_stream":
                from convo.intake import response_stream as home
            case "listening":
                from convo.sync_api import listening as home
            case "presets":
                from convo import presets as home
            case "preview":
                from convo.assembly import preview as home
            case "report":
                from convo import report as home
            case "tables":
                from convo.sync_api import tables as home
            case "telemetry":
                from convo import telemetry as home
            case "transcribing":
                from convo.steps import transcribing as home
            case "translating":
                from convo.steps import translating as home
            case _:
                message = f"module 'convo' has no attribute {name!r}"
                raise AttributeError(message)
        return getattr(home, name)
