"""The conversation state engine for model APIs that forget.

`Store` (or `AsyncStore`) keeps conversations in SQLite or PostgreSQL; `Conversation.send` stores what a user said,
assembles the request in the shape that the API expects now, and stores the answer.
"""

import typing

from convo.assembly import Estimate, Rendering, Request, Seeds
from convo.audio import Audio
from convo.blobs import BlobStore, BucketBlobs, FolderBlobs
from convo.edges import Event, Pending
from convo.errors import (
    AnswerError,
    AudioDropped,
    AudioFormatMismatch,
    AudioNotLoaded,
    AudioRequired,
    BadAudio,
    BlobDamaged,
    BlobNotFound,
    BlobStoreFailed,
    BranchNotFound,
    BudgetExceeded,
    CallClosed,
    ConflictError,
    ConflictingArguments,
    ConversationNotFound,
    ConvoError,
    CorruptStore,
    EmptyContent,
    ExchangeLost,
    ExchangeNotFound,
    HeldTransaction,
    InputError,
    IntegrityError,
    InvalidContent,
    InvalidMetadata,
    InvalidText,
    KeyMismatch,
    KeyTaken,
    ListenerClosed,
    MessageNotFound,
    MissingDependency,
    ModelEndsSoon,
    ModelShutDown,
    NaiveTime,
    NoReply,
    NotAConvoStore,
    NotAReply,
    NotEditable,
    NotFound,
    NothingToSend,
    PoolExhausted,
    ReadOnlyStore,
    ReadOnlyView,
    RecordingNotFound,
    RequestError,
    SchemaMissing,
    SchemaTooNew,
    SchemaTooOld,
    SearchUnavailable,
    SpendingUnknown,
    StaleHead,
    StorageFull,
    StoreBusy,
    StoreClosed,
    StoreError,
    StoreFailed,
    StoreNotFound,
    StoreUnavailable,
    TooLarge,
    ToolCallNotFound,
    ToolOutputMissing,
    TransactionOver,
    TranscriptMissing,
    TurnInProgress,
    UnknownAudioFormat,
    UnknownBlobStore,
    UnsupportedApi,
    UnsupportedMedia,
    UnsupportedUrl,
    UsageError,
    WrongEventLoop,
)
from convo.events import AudioDelta, ReasoningDelta, RefusalDelta, TextDelta, ToolCallDelta, TranscriptDelta
from convo.history import History
from convo.intake import ChatFold
from convo.keeping import BlobTotals, MovedBlobs, Pruned
from convo.media import File, Image
from convo.memory import Memory
from convo.messages import Media, Message, ToolCall
from convo.models import Catalogue
from convo.policy import Policy
from convo.recovery import Recovery
from convo.reply import Reply
from convo.store.branches import Branch
from convo.store.totals import Totals
from convo.sync_api import Conversation, Exchange, Store, Stream
from convo.usage import Cost, Usage

__all__ = [
    "Absent",
    "AnswerError",
    "AsyncConversation",
    "AsyncExchange",
    "AsyncListener",
    "AsyncStore",
    "AsyncStream",
    "Audio",
    "AudioDelta",
    "AudioDropped",
    "AudioFormatMismatch",
    "AudioNotLoaded",
    "AudioRequired",
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
    "CallClosed",
    "Catalogue",
    "ChatFold",
    "ConflictError",
    "ConflictingArguments",
    "Conversation",
    "ConversationNotFound",
    "ConvoError",
    "CorruptStore",
    "Cost",
    "EmptyContent",
    "Estimate",
    "Event",
    "Exchange",
    "ExchangeLost",
    "ExchangeNotFound",
    "File",
    "Finding",
    "FolderBlobs",
    "HeldTransaction",
    "History",
    "Hit",
    "Image",
    "InputError",
    "IntegrityError",
    "InvalidContent",
    "InvalidMetadata",
    "InvalidText",
    "KeyMismatch",
    "KeyTaken",
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
    "NotEditable",
    "NotFound",
    "NothingToSend",
    "OneOf",
    "Pending",
    "Policy",
    "PoolExhausted",
    "Present",
    "Pruned",
    "ReadOnlyStore",
    "ReadOnlyView",
    "ReasoningDelta",
    "RecordingNotFound",
    "Recovery",
    "RefusalDelta",
    "Rendering",
    "Reply",
    "Request",
    "RequestError",
    "ResponseFold",
    "SchemaMissing",
    "SchemaTooNew",
    "SchemaTooOld",
    "SearchUnavailable",
    "Seeds",
    "SpendingUnknown",
    "StaleHead",
    "StorageFull",
    "Store",
    "StoreBusy",
    "StoreClosed",
    "StoreError",
    "StoreFailed",
    "StoreNotFound",
    "StoreUnavailable",
    "Stream",
    "TextDelta",
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
    "TurnInProgress",
    "UnknownAudioFormat",
    "UnknownBlobStore",
    "UnsupportedApi",
    "UnsupportedMedia",
    "UnsupportedUrl",
    "Usage",
    "UsageError",
    "WrongEventLoop",
]

_LATER = {
    "AsyncConversation": "async_api",
    "AsyncExchange": "async_api",
    "AsyncListener": "async_listening",
    "AsyncStore": "async_api",
    "AsyncStream": "async_api",
    "Budget": "budget",
    "BudgetWarning": "budget",
    "Absent": "filters",
    "Between": "filters",
    "OneOf": "filters",
    "Present": "filters",
    "Finding": "findings",
    "Hit": "hits",
    "ResponseFold": "response_stream",
    "Listener": "listening",
    "Transcribed": "transcribing",
    "TranscriptionFailure": "transcribing",
}
"""Where the names are that many programs do not need: a sync one should not pay for asyncio."""

if typing.TYPE_CHECKING:
    from convo.async_api import AsyncConversation, AsyncExchange, AsyncStore, AsyncStream
    from convo.async_api.listening import AsyncListener
    from convo.budget import Budget, BudgetWarning
    from convo.filters import Absent, Between, OneOf, Present
    from convo.findings import Finding
    from convo.hits import Hit
    from convo.intake.response_stream import ResponseFold
    from convo.steps.transcribing import Transcribed, TranscriptionFailure
    from convo.sync_api.listening import Listener
else:

    def __getattr__(name: str) -> object:
        """Import a name of `_LATER` when it is first asked for."""
        match _LATER.get(name):
            case "async_api":
                from convo import async_api as home
            case "async_listening":
                from convo.async_api import listening as home
            case "budget":
                from convo import budget as home
            case "filters":
                from convo import filters as home
            case "findings":
                from convo import findings as home
            case "hits":
                from convo import hits as home
            case "response_stream":
                from convo.intake import response_stream as home
            case "listening":
                from convo.sync_api import listening as home
            case "transcribing":
                from convo.steps import transcribing as home
            case _:
                message = f"module 'convo' has no attribute {name!r}"
                raise AttributeError(message)
        return getattr(home, name)
