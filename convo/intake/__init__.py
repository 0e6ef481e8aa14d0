"""From an API's answer to messages and usage: one file per API."""

from convo.intake.answer import Answer
from convo.intake.chat import read_chat
from convo.intake.fold import Fold
from convo.intake.reading import fold_of, read_answer, unreadable
from convo.intake.stream import ChatFold, rebuilt
from convo.intake.transcription import read_transcription

__all__ = [
    "Answer",
    "ChatFold",
    "Fold",
    "fold_of",
    "read_answer",
    "read_chat",
    "read_transcription",
    "rebuilt",
    "unreadable",
]
