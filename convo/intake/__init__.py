"""From an API's answer to messages and usage: one file per API."""

from convo.intake.chat import Answer, read_chat, unreadable

__all__ = ["Answer", "read_chat", "unreadable"]
