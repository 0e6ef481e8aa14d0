"""Summaries: what a model is asked to write of older messages, and the message that a summary becomes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.canonical import check_text, encode, printable
from convo.checks import check_type
from convo.content import MAX_STRING, TEXT_COLUMN
from convo.errors import EmptyContent, TooLarge
from convo.history import History
from convo.messages import COVERS, Draft
from convo.transcript import written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convo.messages import Message

PROMPT = (
    "You keep the memory of a conversation. Write a summary of it that takes the place of the messages below: who said what "
    "that matters later, facts, names, numbers, decisions, promises, wishes, and what is still open. Keep what an earlier "
    "summary says unless it is out of date. Write in the language of the conversation, in at most 400 words, without a preface."
)
"""What a model is told when it summarises."""
LEAD = "Summary of the conversation so far:"
"""What stands before a summary in a request."""


def question_of(messages: Sequence[Message], earlier: str | None, prompt: str = PROMPT) -> list[dict[str, Any]]:
    """Give the messages that ask a model for a summary of messages, and of an earlier summary."""
    told = written(History(tuple(messages)))
    before = f"Earlier summary:\n\n{earlier}\n\n" if earlier else ""
    return [{"role": "system", "content": prompt}, {"role": "user", "content": f"{before}Messages:\n\n{told}"}]


def summary_draft(text: object, covers: int) -> Draft:
    """Give the message of a summary that stands for all messages up to the position `covers`.

    Raises an `InputError` for what is no text, or empty.
    """
    check_type(text, str, "a summary", "text")
    assert isinstance(text, str)  # noqa: S101 - as was checked
    check_text(text, "the summary")
    if not text.strip():
        raise EmptyContent
    if len(text) > MAX_STRING:
        raise TooLarge("the summary", len(text), MAX_STRING, "characters")
    body = {"role": "system", "content": f"{LEAD}\n\n{text.strip()}", COVERS: covers}
    return Draft(role="system", kind="summary", body=encode(body), text=printable(text.strip(), TEXT_COLUMN))


def column_text(text: str, kind: str) -> str:
    """Give what the derived column of a message holds of its text."""
    return printable(summary_in(text) if kind == "summary" else text, TEXT_COLUMN)


def text_of_summary(message: Message) -> str:
    """Give the text of a summary as it was written."""
    return summary_in(message.text)


def summary_in(text: str) -> str:
    """Give what was written, of the text of a summary's message: what follows its lead."""
    return text.removeprefix(LEAD).strip()
