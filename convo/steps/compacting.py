"""Steps that replace what is old by a summary in requests; the log keeps every message."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import attrs

from convo.assembly.window import budget_of, least_tokens, turn_starts
from convo.canonical import encode, printable
from convo.checks import check_type
from convo.errors import AnswerError, ConflictingArguments, InputError
from convo.history import History, last_turns
from convo.intake.chat import read_chat
from convo.policy import Policy
from convo.steps import beside
from convo.steps.effects import call, complete, read, write
from convo.steps.log import load_shown
from convo.steps.requests import target_of
from convo.steps.successors import check_alive, moved_on
from convo.steps.watched import called
from convo.store import exchanges, summaries
from convo.store.append import Entry
from convo.summary import PROMPT, question_of, summary_draft, text_of_summary

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from convo.assembly.target import Target
    from convo.intake.answer import Answer
    from convo.messages import Message
    from convo.steps.effects import Steps
    from convo.steps.place import Place
    from convo.store.summaries import Older

Summarize = Callable[[History, str | None], Any]
"""A caller's function: it gets messages, and the text of the summary of those before them, and gives a text (or awaits)."""

PAGE = 1_000
"""Messages that are read at once, and at most summarised at once."""
TAIL = 64
"""Messages at the end of a log in which the turns to keep are looked for first."""
_OURS = ("model", "messages", "stream")


@attrs.frozen
class Writer:
    """Who writes summaries: a caller's function, or a model."""

    client: Any
    target: Target | None
    function: Summarize | None
    prompt: str

    @property
    def room(self) -> int:
        """Tokens of messages to summarise at once: half of what the model takes, so that a guess may be wrong."""
        return 16_000 if self.target is None else min(budget_of(Policy(), self.target) // 2, 50_000)


def writer_of(
    place: Place, client: Any, model: str | None, summarize: Summarize | None, prompt: str | None, policy: Policy,
    arguments: Mapping[str, Any],
) -> Writer:  # fmt: skip
    """Give who writes a summary. Raises an `InputError`, and `ModelShutDown`."""
    if (model is None) is (summarize is None):
        reason = "pass client and model= for a summary that a model writes, or summarize= for one that your function writes"
        raise ConflictingArguments(reason)
    for name in _OURS:
        if name in arguments:
            raise ConflictingArguments(f"{name}= is what convo passes itself; leave it out")
    if summarize is not None and not callable(summarize):
        reason = "summarize= takes a function of (history, earlier summary or None) that gives a text"
        raise InputError(reason)
    check_type(prompt, (str, type(None)), "prompt", "text")
    if model is None:
        return Writer(None, None, summarize, prompt or PROMPT)
    if client is None:
        reason = f"a summary by {model} needs a client; pass one"
        raise ConflictingArguments(reason)
    target = moved_on(place.tools, target_of(place, model, "chat", client, None, arguments), policy)
    check_alive(place.tools, target.model, policy)
    return Writer(client, target, None, prompt or PROMPT)


def compact(place: Place, writer: Writer, keep: int) -> Steps[Message | None]:
    """Summarise all turns but the last ones; None when there is nothing to summarise."""
    place.tools.check_may_wait("compact()")
    check_type(keep, int, "keep", "a number of turns")
    if keep < 0:
        reason = f"keep={keep} is negative; pass a number of turns"
        raise InputError(reason)
    return (yield from summarised(place, writer, (yield from _end_of_older(place, keep))))


def _end_of_older(place: Place, keep: int) -> Steps[int]:
    """Give the position of the last message before the last turns."""
    size = TAIL
    while True:
        history = yield from read(load_shown, place.owner, place.found.id, last=size, media="user")
        begin = last_turns(history.messages, keep)
        if begin or not history.messages or history.messages[0].position == 1:
            return begin - 1
        size *= 4


def summarised(place: Place, writer: Writer, through: int) -> Steps[Message | None]:
    """Summarise the messages up to a position that no summary stands for yet, as many at once as the writer takes.

    Each summary is stored when it is made and takes the one before it along: what is done stays done. Gives the last.
    """
    made: Message | None = None
    while True:
        source: Older = yield from read(summaries.older, place.owner, place.found.id, PAGE)
        messages = _at_once([message for message in source.messages if message.position <= through], writer.room)
        if not [message for message in messages if message.kind == "message"]:
            return made
        chunk = attrs.evolve(source, messages=messages)
        text = yield from _written(place, writer, chunk)
        draft = summary_draft(text, messages[-1].position)
        now = place.tools.now()
        entry = Entry(place.owner, source.branch, now, (draft,))
        head = yield from write(summaries.put, entry, chunk)
        place.moved(head, source.branch)
        made = draft.at(head, now)


def _at_once(messages: Sequence[Message], room: int) -> Sequence[Message]:
    """Give as many of the first messages as fit, whole turns where one fits."""
    tokens = 0.0
    for index, message in enumerate(messages):
        tokens += least_tokens([message])
        if tokens > room and index:
            starts = [start for start in turn_starts(messages[:index]) if start]
            return messages[: starts[-1] if starts else index]
    return messages


def _written(place: Place, writer: Writer, source: Older) -> Steps[object]:
    earlier = None if source.earlier is None else text_of_summary(source.earlier)
    said = [message for message in source.messages if message.kind == "message" and message.status != "redacted"]
    if writer.function is not None:
        text = yield from call(writer.function, (History(tuple(said), source.head, source.branch), earlier), {})
        if inspect.iscoroutine(text):
            text.close()
            reason = "the function that summarises is a coroutine function; use it with AsyncStore"
            raise InputError(reason)
        return text
    assert writer.target is not None  # noqa: S101 - a writer is one or the other
    arguments = {
        **writer.target.arguments, "model": writer.target.model.name, "messages": question_of(said, earlier, writer.prompt),
    }  # fmt: skip
    steps = _asked(place, writer.client, writer.target, arguments, source.branch)
    answer, row = yield from called(
        place.tools, "summary", writer.target.model.name, writer.client, place.found.id, steps
    )  # fmt: skip
    yield from write(exchanges.keep_call, row)
    if not answer.draft.text.strip():
        raise AnswerError("it holds no text to be a summary", "try again, or with another model")
    return answer.draft.text


def _asked(
    place: Place, client: Any, target: Target, arguments: Mapping[str, Any], branch: UUID
) -> Steps[tuple[Answer, dict[str, Any]]]:
    """Ask the model; give its answer and the row of the call. That of one that failed is kept."""
    tools, model = place.tools, target.model.name
    asked = sha256(encode(arguments["messages"]).encode()).digest()
    row = {
        **beside.begun(tools, place.owner, "summary", model, target.origin, asked),
        "conversation": place.found.id, "branch": branch,
    }  # fmt: skip
    told = None
    try:
        told = yield from complete(client, arguments)
        answer = read_chat(told.answer, asked=arguments)
    except GeneratorExit:
        raise
    except BaseException as error:
        yield from beside.kept([beside.failed(tools, row, error, told)])
        raise
    return answer, {
        **row, **beside.answered(told), "answered_by": answer.model and printable(answer.model, 200), "raw": answer.raw,
        "finish_reason": answer.finish_reason and printable(answer.finish_reason, 100),
        **beside.used(tools, model, answer.usage, answer.model, answer.raw),
    }  # fmt: skip
