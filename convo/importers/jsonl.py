"""Chat Completions as JSON lines, `{"messages": [...]}` each: files for fine-tuning and for batches, logs of requests.

What stands beside the messages (`model`, `created`, `tools`, `metadata` ...) is kept, and an answer that a log has in `choices`
or `response` is the last message. A line with an id of its own (`id`, `custom_id`) is known by that; any other by what it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convo.errors import NotImportable
from convo.importers.foreign import ForeignConversation, ForeignMessage, Lost, Skipped
from convo.importers.reading import Unreadable, fingerprint, json_of, known_by, moment, notes, text_of, title_of, without_nothing

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "jsonl"
MOST = 500_000_000
"""Bytes that one line may have: it is in memory as a whole."""
_IDS = ("id", "custom_id", "conversation_id")
_TIMES = ("created", "created_at", "timestamp")
_REMEDY = 'pass lines of {"messages": [{"role": ..., "content": ...}, ...]}'


class Lines:
    """A file of lines, opened. `done` of `total` bytes are read."""

    def __init__(self, path: str) -> None:
        """Open it. Raises `NotImportable`."""
        self.done = 0
        try:
            self.total = Path(path).stat().st_size
            self._file = Path(path).open("rb")  # noqa: SIM115 - `close` closes it
        except OSError as error:
            raise NotImportable(
                NAME, f"{path} cannot be read ({error.strerror or error})", "name a file that is there"
            ) from error

    def close(self) -> None:
        """Let go of it."""
        self._file.close()

    def __iter__(self) -> Iterator[ForeignConversation | Skipped]:
        """Read the conversations. Raises `NotImportable` where the first line is none."""
        number, found = 0, 0
        while text := self._file.readline(MOST):
            number += 1
            self.done += len(text)
            if not text.strip():
                continue
            if len(text) == MOST and not text.endswith(b"\n"):
                raise NotImportable(NAME, f"line {number} has more than {MOST:,} bytes", "split the file, or shorten that line")
            try:
                yield conversation_of(json_of(text.removeprefix(b"\xef\xbb\xbf") if number == 1 else text))
                found += 1
            except Unreadable as error:
                if not found and number == 1:
                    raise NotImportable(NAME, f"line 1 is no conversation: {error}", _REMEDY) from error
                yield Skipped(f"line {number}", Lost("conversation", f"{error}, or is cut off"))


def conversation_of(line: object) -> ForeignConversation:
    """Give the conversation of a line. Raises `Unreadable`."""
    if not isinstance(line, Mapping):
        raise Unreadable("it is no object")
    request = line["body"] if isinstance(line.get("body"), Mapping) else line
    given = request.get("messages")
    if not isinstance(given, list) or not all(isinstance(one, Mapping) and "role" in one for one in given):
        raise Unreadable("it has no list of messages, each with a role")
    answer = _answer(line)
    bodies = [*given, *([answer] if answer else [])]
    identifier = next((known_by(line[name]) for name in _IDS if isinstance(line.get(name), str | int)), None)
    identifier = identifier or fingerprint(bodies)
    created = next((time for name in _TIMES if (time := moment(line.get(name))) is not None), None)
    own = {"messages", *(name for name in (*_IDS, *_TIMES))}
    rest = {key: value for key, value in line.items() if key not in own}
    if request is not line:
        rest["body"] = {key: value for key, value in request.items() if key != "messages"}
    metadata, dropped = notes(NAME, identifier, without_nothing(_without_answer(rest)))
    messages = messages_of(bodies, created=created, model=text_of(request.get("model")))
    return ForeignConversation(
        id=identifier,
        messages=messages,
        tip=messages[-1].id if messages else None,
        title=title_of(line.get("title")),
        created=created,
        metadata={"source": NAME, **metadata},
        lost=[Lost("metadata", f"{name} is too large to be kept") for name in dropped],
    )


def messages_of(bodies: list[Any], *, created: int | None, model: str | None) -> list[ForeignMessage]:
    """Give messages in a line, each known by what it says and what was said before it.

    A system message that comes first is the instructions.
    """
    found: list[ForeignMessage] = []
    before: str | None = None
    for place, body in enumerate(bodies):
        identifier = fingerprint(before, body)
        first = place == 0 and body["role"] in ("system", "developer")
        found.append(
            ForeignMessage(
                id=identifier,
                parent=before,
                content=[dict(body)],
                kind="instructions" if first and body.get("content") else "message",
                model=model if body["role"] == "assistant" else None,
                created=created,
            )
        )
        before = identifier
    return found


def _answer(line: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Give the answer that stands beside a request: in `choices`, or in a `response` that has them, itself or as its `body`."""
    response = line.get("response")
    body = response.get("body") if isinstance(response, Mapping) else None
    for place in (line, response, body):
        match place:
            case {"choices": [{"message": {"role": "assistant"} as message}]}:
                return dict(message)
    return None


def _without_answer(rest: dict[str, Any]) -> dict[str, Any]:
    """Give what is left of a line whose answer is a message."""
    found = dict(rest)
    match found:
        case {"choices": [{"message": {"role": "assistant"}} as choice]}:
            found["choices"] = [{key: value for key, value in choice.items() if key != "message"}]
        case {"response": {"body": dict(body)} as response} if "choices" in body:
            found["response"] = {**response, "body": _without_answer(body)}
        case {"response": dict(response)} if "choices" in response:
            found["response"] = _without_answer(response)
    return found
