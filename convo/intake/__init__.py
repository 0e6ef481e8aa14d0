"""From an API's answer to messages and usage: one file per API."""

from convo.intake.chat import Answer, read_chat, unreadable
from convo.intake.stream import ChatFold, rebuilt

__all__ = ["Answer", "ChatFold", "read_chat", "rebuilt", "unreadable"]
