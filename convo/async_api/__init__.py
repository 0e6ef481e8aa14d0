"""The async edge: the names of `convo.sync_api`, awaited; a test holds both to the same signatures."""

from convo.async_api.conversation import AsyncConversation
from convo.async_api.exchange import AsyncExchange
from convo.async_api.store import AsyncStore
from convo.async_api.stream import AsyncStream

__all__ = ["AsyncConversation", "AsyncExchange", "AsyncStore", "AsyncStream"]
