"""The conversation state engine for model APIs that forget.

`Store` (or `AsyncStore`) keeps conversations in SQLite or PostgreSQL; `Conversation.send` stores what a user said,
assembles the request in the shape that the API expects now, and stores the answer.
"""

import typing

if typing.TYPE_CHECKING:
    from convo.analysis.exported import Anonymous, Exported
    from convo.arriving import Event
    from convo.assembly.estimate import Estimate
    from convo.assembly.preview import Preview
    from convo.assembly.request import Rendering, Request, Seeds
    from convo.async_api.conversation import AsyncConversation
    from convo.async_api.exchange import AsyncExchange
    from convo.async_api.listening import AsyncListener
    from convo.async_api.store import AsyncStore
    from convo.async_api.stream import AsyncStream
    from convo.async_api.tables import AsyncTable, AsyncTables
    from convo.audio.fetch import Fetch
    from convo.audio.formats import FORMATS as AUDIO_FORMATS
    from convo.audio.formats import AudioFormat, recommend_format
    from convo.audio.growing import GrowingWav
    from convo.audio.levels import Levels
    from convo.audio.value import Audio
    from convo.backups import Backup
    from convo.blobs.bucket import BucketBlobs
    from convo.blobs.folder import FolderBlobs
    from convo.blobs.protocol import BlobStore
    from convo.budget import Budget, BudgetWarning
    from convo.calls import Call
    from convo.erasure import Erasure
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
    from convo.filters import Absent, Between, OneOf, Present
    from convo.findings import Finding
    from convo.history import History
    from convo.hits import Hit
    from convo.importers.results import Imported, NotCarried
    from convo.intake.response_stream import ResponseFold
    from convo.intake.stream import ChatFold
    from convo.limits import Limits
    from convo.media import File, Image
    from convo.memory import Memory
    from convo.messages import Media, Message, ToolCall
    from convo.models import Catalogue
    from convo.pending import Pending
    from convo.policy import Policy
    from convo.presets import Preset
    from convo.recovery import Recovery
    from convo.reply import Reply
    from convo.report import Report, ReportRow
    from convo.repriced import Repriced
    from convo.sealing.cipher import Cipher
    from convo.steps.transcribing import Transcribed, TranscriptionFailure
    from convo.steps.translating import Translated
    from convo.storage import BlobTotals, MovedBlobs, Pruned
    from convo.store.branches import Branch
    from convo.store.totals import Totals
    from convo.sync_api.conversation import Conversation
    from convo.sync_api.exchange import Exchange
    from convo.sync_api.listening import Listener
    from convo.sync_api.store import Store
    from convo.sync_api.stream import Stream
    from convo.sync_api.tables import Table, Tables
    from convo.telemetry import Telemetry
    from convo.usage import Cost, Usage
    from convo.voices import VOICES, Voice, recommend_voice
else:

    def __getattr__(name: str) -> object:
        """Import a name when it is first asked for: a program pays for what it uses, and `convo --help` for nothing."""
        if name not in __all__:
            message = f"module 'convo' has no attribute {name!r}"
            raise AttributeError(message)
        from importlib import import_module

        home, _, own = _HOMES.get(name, "errors").partition(":")
        found = globals()[name] = getattr(import_module(f"convo.{home}"), own or name)
        return found

    def __dir__() -> list[str]:
        """Give the names of the package, those that were not asked for yet among them."""
        return sorted({*globals(), *__all__})


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

_HOMES = {
    "Anonymous": "analysis.exported",
    "Exported": "analysis.exported",
    "Estimate": "assembly.estimate",
    "Rendering": "assembly.request",
    "Request": "assembly.request",
    "Seeds": "assembly.request",
    "Preview": "assembly.preview",
    "Event": "arriving",
    "AsyncConversation": "async_api.conversation",
    "AsyncExchange": "async_api.exchange",
    "AsyncStore": "async_api.store",
    "AsyncStream": "async_api.stream",
    "AsyncListener": "async_api.listening",
    "AsyncTable": "async_api.tables",
    "AsyncTables": "async_api.tables",
    "Audio": "audio.value",
    "Fetch": "audio.fetch",
    "AUDIO_FORMATS": "audio.formats:FORMATS",
    "AudioFormat": "audio.formats",
    "recommend_format": "audio.formats",
    "GrowingWav": "audio.growing",
    "Levels": "audio.levels",
    "Backup": "backups",
    "BlobStore": "blobs.protocol",
    "BucketBlobs": "blobs.bucket",
    "FolderBlobs": "blobs.folder",
    "Budget": "budget",
    "BudgetWarning": "budget",
    "Call": "calls",
    "Erasure": "erasure",
    "AudioDelta": "events",
    "ReasoningDelta": "events",
    "RefusalDelta": "events",
    "TextDelta": "events",
    "ToolCallDelta": "events",
    "TranscriptDelta": "events",
    "Absent": "filters",
    "Between": "filters",
    "OneOf": "filters",
    "Present": "filters",
    "Finding": "findings",
    "History": "history",
    "Hit": "hits",
    "Imported": "importers.results",
    "NotCarried": "importers.results",
    "ChatFold": "intake.stream",
    "ResponseFold": "intake.response_stream",
    "BlobTotals": "storage",
    "MovedBlobs": "storage",
    "Pruned": "storage",
    "Limits": "limits",
    "File": "media",
    "Image": "media",
    "Memory": "memory",
    "Media": "messages",
    "Message": "messages",
    "ToolCall": "messages",
    "Catalogue": "models",
    "Pending": "pending",
    "Policy": "policy",
    "Preset": "presets",
    "Recovery": "recovery",
    "Reply": "reply",
    "Report": "report",
    "ReportRow": "report",
    "Repriced": "repriced",
    "Cipher": "sealing.cipher",
    "Transcribed": "steps.transcribing",
    "TranscriptionFailure": "steps.transcribing",
    "Translated": "steps.translating",
    "Branch": "store.branches",
    "Totals": "store.totals",
    "Conversation": "sync_api.conversation",
    "Exchange": "sync_api.exchange",
    "Store": "sync_api.store",
    "Stream": "sync_api.stream",
    "Listener": "sync_api.listening",
    "Table": "sync_api.tables",
    "Tables": "sync_api.tables",
    "Telemetry": "telemetry",
    "Cost": "usage",
    "Usage": "usage",
    "VOICES": "voices",
    "Voice": "voices",
    "recommend_voice": "voices",
}
"""The modules of the names, below `convo`; errors, which are not named here, are in `errors`."""
