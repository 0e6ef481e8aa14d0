"""What can be typed in a chat beside words: orders that begin with a slash."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import attrs

import convo
from convo.audio.formats import FORMATS
from convo.cli import lines
from convo.cli.exports import put
from convo.cli.faults import Failure
from convo.cli.keyboard import path_of, words_of
from convo.cli.screen import columns, line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from convo.cli.keyboard import Keyboard
    from convo.cli.talk import Talk
    from convo.cli.told import Screen
    from convo.documents import Document

RECENT = 10
"""Conversations that `/resume` lists, and messages that `/history` shows."""
RECALLED = 200
"""Messages at the end of a conversation that are looked at to find what was said last."""
IMAGES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp"})
SOUNDS = frozenset(suffix for known in FORMATS.values() for suffix in (known.extension, *known.extensions))
FILES = IMAGES | SOUNDS | {".pdf"}
"""Suffixes of what can be said with a file."""
DOCUMENTS: dict[str, Document] = {".md": "md", ".html": "html", ".srt": "srt", ".vtt": "vtt", ".jsonl": "finetune"}
SESSION = ".json"
_MORE = """\
All else is said to the model; so is a file that is dropped on the terminal. A line that ends with \\ goes on in the next.
Ctrl-C stops a reply; at the prompt it ends the chat, as Ctrl-D does."""


@attrs.define
class Session:
    """What orders work on. `listed` are the conversations that `/resume` has numbered."""

    talk: Talk
    keyboard: Keyboard
    screen: Screen
    listed: list[convo.Conversation] = attrs.field(factory=list)
    over: bool = False

    def go_on(self, chat: convo.Conversation, last: int = 4) -> None:
        """Go on with a conversation, and show its end; the arrow keys bring back what was said in it."""
        self.talk.go_on(chat)
        history = chat.history(RECALLED)
        self.screen.note(f"conversation {chat.id}, {chat.title or 'without a title'}, {lines.counted(chat.head, 'message')}")
        if self.screen.interactive:
            self.show(history[-last:])
            self.keyboard.remember(message.text for message in history if message.role == "user" and "\n" not in message.text)

    def show(self, history: convo.History) -> None:
        """Show messages."""
        now = datetime.now(UTC)
        for message in history:
            self.screen.told("\n".join(lines.entry(message, now)))

    def begun(self) -> convo.Conversation:
        """Give the conversation that goes on. Raises `Failure` where nothing was said yet."""
        if self.talk.chat is None:
            raise Failure("nothing was said yet; type something, or go on with a conversation by /resume")
        return self.talk.chat


Order = tuple[str, str, "Callable[[Session, str], None]"]
"""How an order is written, what it does, and the function that does it."""


def take(session: Session, text: str) -> None:
    """Carry out an order. Raises `Failure` where there is none of that name, or it is given in a wrong way."""
    name, _, rest = text.partition(" ")
    if name not in ORDERS:
        raise Failure(f"there is no {name}; /help lists what there is, and //... says words that begin with a slash")
    ORDERS[name][2](session, rest.strip())


def spoken(path: Path) -> object:
    """Give the content that a file is. Raises what `Audio.open` and its like raise."""
    if path.suffix.lower() in IMAGES:
        return convo.Image.open(path)
    return convo.File.open(path) if path.suffix.lower() == ".pdf" else convo.Audio.open(path)


# --- saying ----------------------------------------------------------------------------------------


def _audio(session: Session, rest: str) -> None:
    first, *others = words_of(rest) or [""]
    if not first:
        raise _misused("/audio")
    path = _path(first)
    session.talk.say(spoken(path), *filter(None, [" ".join(others)]), title=path.name)


def _regenerate(session: Session, rest: str) -> None:
    del rest
    session.begun().regenerate()
    session.talk.say()


def _edit(session: Session, rest: str) -> None:
    chat = session.begun()
    number, _, text = rest.partition(" ")
    position = _number(number)
    if position is None and number.isascii() and number.isdigit():
        raise _misused("/edit")
    if position is None:
        position, text = _last_said(chat), rest
    if not text.strip() and session.keyboard.interactive:
        before = next((message.text for message in chat.history() if message.position == position), "")
        text = session.keyboard.line(f"{position}> ", before)
    if not text.strip():
        raise _misused("/edit")
    chat.edit(position, text)
    session.talk.say()


def _last_said(chat: convo.Conversation) -> int:
    for message in reversed(chat.history(RECALLED)):
        if message.role == "user":
            return message.position
    raise Failure("you said nothing yet that could be written anew")


# --- where the talk goes on ------------------------------------------------------------------------


def _resume(session: Session, rest: str) -> None:
    if not rest:
        session.listed = session.talk.store.conversations(limit=RECENT)
        rows = [
            (f"{number:>3}", lines.moment(chat.created_at), str(chat.head), line(chat.title or "-", lines.TITLE))
            for number, chat in enumerate(session.listed, 1)
        ]
        told = lines.table([("  #", "CREATED (UTC)", "HEAD", "TITLE"), *rows], columns()) if rows else "there is no conversation"
        session.screen.told(f"{told}\n/resume NUMBER goes on with one" if rows else told)
        return
    number = _number(rest)
    if number is not None and 0 < number <= len(session.listed):
        session.go_on(session.talk.store.get(session.listed[number - 1].id))
    else:
        session.go_on(session.talk.store.get(rest))


def _new(session: Session, rest: str) -> None:
    del rest
    session.talk.begin()
    session.screen.note("the next words begin a conversation")


def _fork(session: Session, rest: str) -> None:
    chat = session.begun()
    position = _number(rest)
    if rest and position is None:
        raise _misused("/fork")
    session.go_on(chat.fork(position), last=2)


def _branches(session: Session, rest: str) -> None:
    del rest
    rows = [("#", "", "HEAD", "MADE AT", "CREATED (UTC)")]
    for number, branch in enumerate(session.begun().branches(), 1):
        made = "-" if branch.forked_at is None else str(branch.forked_at)
        rows.append((str(number), "shown" if branch.shown else "", str(branch.head), made, lines.moment(branch.created_at)))
    session.screen.told(lines.table(rows))


def _switch(session: Session, rest: str) -> None:
    chat = session.begun()
    branches = chat.branches()
    number = _number(rest)
    if number is None or not 0 < number <= len(branches):
        raise _misused("/switch")
    chat.switch(branches[number - 1])
    session.go_on(chat, last=2)


# --- looking ---------------------------------------------------------------------------------------


def _why(session: Session, rest: str) -> None:
    del rest
    session.begun()
    request = session.talk.request()
    if request is not None:
        session.screen.told(request.explain())


def _cost(session: Session, rest: str) -> None:
    del rest
    session.screen.told("\n".join(lines.sums(session.begun().usage())))


def _history(session: Session, rest: str) -> None:
    number = _number(rest) if rest else RECENT
    if not number:
        raise _misused("/history")
    session.show(session.begun().history(number))


def _help(session: Session, rest: str) -> None:
    del rest
    rows = [(written, does) for written, does, _ in ORDERS.values()]
    session.screen.told(f"{lines.table(rows)}\n{_MORE}")


# --- the rest --------------------------------------------------------------------------------------


def _save(session: Session, rest: str) -> None:
    path = _path((words_of(rest) or [""])[0])
    suffix = path.suffix.lower()
    if suffix != SESSION and suffix not in DOCUMENTS:
        raise _misused("/save")
    chat = session.begun()
    put(str(path), chat.session(audio=True) if suffix == SESSION else chat.document(DOCUMENTS[suffix], audio=suffix == ".html"))
    session.screen.note(f"saved as {path}")


def _title(session: Session, rest: str) -> None:
    if not rest:
        raise _misused("/title")
    session.talk.begun(rest).update(title=rest)


def _model(session: Session, rest: str) -> None:
    if rest:
        session.talk.asking = attrs.evolve(session.talk.asking, model=rest)
    session.screen.note(session.talk.asking.model)


def _quit(session: Session, rest: str) -> None:
    del rest
    session.over = True


def _number(text: str) -> int | None:
    """Read a whole number; None for anything else. No position or number of a list has more digits than 64 bits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None  # noqa: PLR2004 - see above


def _path(word: str) -> Path:
    """Read the path of a file. Raises `Failure` for what cannot be one."""
    if "\0" in word:
        raise Failure("the name of a file has no NUL in it")
    return path_of(word)


def _misused(name: str) -> Failure:
    written, does, _ = ORDERS[name]
    return Failure(f"{written}: {does}")


ORDERS: dict[str, Order] = {
    "/audio": ("/audio FILE [WORDS]", "say a recording (an image or a PDF will do, too), and words with it", _audio),
    "/regenerate": ("/regenerate", "take the last reply back and ask again; after an error, ask again", _regenerate),
    "/edit": ("/edit [POSITION] [WORDS]", "write what you said anew, on a branch of its own, and have it answered", _edit),
    "/branches": ("/branches", "list the lines of this conversation", _branches),
    "/switch": ("/switch NUMBER", "go on with another of the lines that /branches lists", _switch),
    "/fork": ("/fork [POSITION]", "go on in a conversation of its own that shares what was said up to there", _fork),
    "/resume": ("/resume [NUMBER|ID]", "list conversations, or go on with one", _resume),
    "/new": ("/new", "begin another conversation", _new),
    "/title": ("/title WORDS", "give the conversation a title", _title),
    "/history": ("/history [NUMBER]", f"show the last messages, {RECENT} without a number", _history),
    "/why": ("/why", "show what would be sent now, each message how and why", _why),
    "/cost": ("/cost", "show what this conversation used and cost", _cost),
    "/model": ("/model [NAME]", "say who answers, or have another model answer", _model),
    "/save": ("/save FILE", f"write the conversation to a new file: {', '.join(DOCUMENTS)}, or .json for convo import", _save),
    "/help": ("/help", "show this", _help),
    "/quit": ("/quit", "end the chat", _quit),
}
