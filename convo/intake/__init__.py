"""From an API's answer to messages and usage: one file per API."""

from convo.intake.chat import Answer, read_chat, unreadable
from convo.intake.stream import ChatFold, rebuilt
from convo.intake.transcription import read_transcription

__all__ = ["Answer", "ChatFold", "read_chat", "read_transcription", "rebuilt", "unreadable"]
