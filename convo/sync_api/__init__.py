"""The sync edge: `Store`, `Conversation` and a caller's own exchange, thin over `convo.steps`."""

from convo.sync_api.conversation import Conversation
from convo.sync_api.exchange import Exchange
from convo.sync_api.store import Store
from convo.sync_api.stream import Stream

__all__ = ["Conversation", "Exchange", "Store", "Stream"]
