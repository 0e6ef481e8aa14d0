"""The command `chat`: a talk with a model in the terminal, kept in the store; or line by line through a pipe."""

from __future__ import annotations

import os
import shlex
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click
from click.core import ParameterSource

from convo.cli.blobs import blobs_option
from convo.cli.faults import Failure
from convo.errors import ConvoError, MissingDependency

if TYPE_CHECKING:
    from collections.abc import Iterator

    import convo
    from convo.cli.orders import Session
    from convo.cli.place import Place
    from convo.cli.talk import Asking
    from convo.cli.told import Screen

MODEL, AUDIO_MODEL = "gpt-5.5", "gpt-audio-1.5"


@click.command()
@click.argument("id", metavar="[ID]", required=False)
@click.option("--last", is_flag=True, help="Go on with the newest conversation.")
@click.option("--model", metavar="NAME", help=f"Who answers: {MODEL}, with --voice {AUDIO_MODEL}; on going on, who did before.")
@click.option("--voice", metavar="NAME", help="Have replies spoken; nothing is played, it says where the sound was saved.")
@click.option("--instructions", metavar="TEXT", help="What the model shall heed.")
@click.option("--api", type=click.Choice(["chat", "responses"]), default="chat", show_default=True, help="The API that is asked.")
@click.option(
    "--keep", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
    help="Where the sound of replies is saved; without it, in a new temporary folder.",
)  # fmt: skip
@click.option(
    "--fake", is_flag=True, help="Talk to a fake of the API, without a key, in a temporary store unless --store names one."
)
@blobs_option
@click.option("--json", "as_json", is_flag=True, help="Write each reply as a line of JSON; all else goes to stderr.")
@click.pass_context
def chat(
    ctx: click.Context, id: str | None, model: str | None, voice: str | None, instructions: str | None, api: str,  # noqa: A002
    keep: Path | None, stores: tuple[Any, ...], *, last: bool, fake: bool, as_json: bool,
) -> None:  # fmt: skip
    """Talk to a model. What is said is kept in the store.

    \b
    convo chat --instructions "Answer in one sentence."
    convo chat --voice coral --keep replies
    convo chat --last                              the newest conversation goes on
    convo chat 0199d5c1-8f60-7000-8000-000000000001 --model gpt-5.5
    convo chat --fake                              without a key
    echo "Is a beagle a hound?" | convo chat --json

    The client is OpenAI's own: OPENAI_API_KEY and OPENAI_BASE_URL are its settings. /help lists orders: recordings, forks,
    branches, /why, /cost and more. Ctrl-C stops a reply, and what came is kept; at the prompt it ends the chat, as Ctrl-D does.

    Through a pipe each line is said, or is an order; the exit code is 1 when one of them failed.
    """  # noqa: D301 - the mark of click for lines to leave as they are
    if id is not None and last:
        raise click.UsageError("an ID and --last both say which conversation goes on; pass one of the two")
    place = _place(ctx, fake=fake)
    there = _there(place)
    with _client(fake=fake) as client, place.written(blobs=stores or None) as store:
        known = _known(store, id, last=last, there=there)
        session = _session(store, client, _asking(known, model, voice, api), instructions, keep, as_json=as_json)
        with _warned(session.screen):
            _talk(session, known, where=f"{session.talk.asking.model} at {client.base_url}; the store is {store.place}")
        if session.talk.chat is not None:
            session.screen.note(f"to go on: {_again(place, session.talk.chat, ctx, fake=fake)}")
    ctx.exit(1 if session.screen.failed and not session.screen.interactive else 0)


def _place(ctx: click.Context, *, fake: bool) -> Place:
    """Give the store: that of the options, but what a fake says never gets into one that was not named for it."""
    place: Place = ctx.obj
    named = ctx.parent is not None and ctx.parent.get_parameter_source("store") is ParameterSource.COMMANDLINE
    if not fake or named:
        return place
    return attrs.evolve(place, store=str(Path(tempfile.mkdtemp(prefix="convo-chat-")) / "chat.db"))


def _there(place: Place) -> bool:
    """Say whether there is something at the place of the store, which has to be one then, or a file can be made there."""
    if "://" in place.store or os.path.lexists(place.store):
        return True
    if not Path(place.store).absolute().parent.is_dir():
        raise Failure(f"no file can be made at {place.store}; its folder is not there")
    return False


@contextmanager
def _client(*, fake: bool) -> Iterator[Any]:
    """Give a client of the API that the environment names, or of a fake."""
    try:
        import openai
    except ModuleNotFoundError as error:
        raise MissingDependency("openai", "testing" if fake else "openai", "convo chat") from error
    if fake:
        from uuid import uuid4

        from convo.edges import system_clock
        from convo.testing import FakeAPI

        made = FakeAPI(clock=system_clock, seed=uuid4().hex).client()
    else:
        try:
            made = openai.OpenAI()
        except openai.OpenAIError as error:
            raise Failure("there is no key of the API; set OPENAI_API_KEY, or try it out with: convo chat --fake") from error
    with made as client:
        yield client


def _known(store: convo.Store, id: str | None, *, last: bool, there: bool) -> convo.Conversation | None:  # noqa: A002 - as everywhere
    """Give the conversation to go on with. A store that cannot be read is told now, and not after the first words."""
    if id is not None:
        return store.get(id)
    if not last:
        if there:
            store.conversations(limit=1)
        return None
    newest = store.conversations(limit=1)
    if not newest:
        raise Failure(f"{store.place} holds no conversation to go on with; leave --last out to begin one")
    return newest[0]


def _asking(known: convo.Conversation | None, model: str | None, voice: str | None, api: str) -> Asking:
    """Say how the model is asked; a conversation that goes on is answered by whoever answered last."""
    from convo.cli.talk import Asking
    from convo.models import Catalogue

    if model is None and known is not None:
        for message in reversed(known.history(20)):
            if message.role == "assistant" and message.model and api in Catalogue.default().lookup(message.model).apis:
                model = message.model
                break
    return Asking(model or (MODEL if voice is None else AUDIO_MODEL), api, voice)


def _session(
    store: convo.Store, client: Any, asking: Asking, instructions: str | None, keep: Path | None, *, as_json: bool
) -> Session:  # fmt: skip
    from convo.cli.keyboard import Keyboard
    from convo.cli.orders import ORDERS, Session
    from convo.cli.talk import Talk
    from convo.cli.told import Screen

    keyboard = Keyboard(coloured=not os.environ.get("NO_COLOR"), scripted=as_json)
    keyboard.complete(ORDERS)
    screen = Screen(interactive=keyboard.interactive, as_json=as_json)
    return Session(Talk(store, client, asking, screen, instructions=instructions, folder=keep), keyboard, screen)


@contextmanager
def _warned(screen: Screen) -> Iterator[None]:
    """Show warnings, such as that a model ends soon, as remarks."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: screen.note(str(message))
        yield


def _talk(session: Session, known: convo.Conversation | None, *, where: str) -> None:
    session.screen.note(where)
    if session.screen.interactive:
        session.screen.note("/help says what you can type, Ctrl-D ends")
    if known is not None:
        session.go_on(known)
        session.talk.instruct(known)
    while not session.over:
        try:
            text = session.keyboard.line()
        except (EOFError, KeyboardInterrupt):
            session.screen.apart()
            return
        if text.strip():
            _take(session, text)
            session.screen.apart()


def _take(session: Session, text: str) -> None:
    """Take one line; whatever goes wrong is told, and the chat goes on."""
    import openai

    try:
        _understood(session, text)
    except (KeyboardInterrupt, EOFError):  # what an order asked for was not given
        if not session.screen.interactive:
            raise
        session.screen.apart()
    except (Failure, ConvoError) as error:
        session.screen.error(error.message if isinstance(error, Failure) else str(error))
    except openai.OpenAIError as error:
        session.screen.error(f"{_refusal(error)}; {session.talk.remedy}")
    except BrokenPipeError:
        raise
    except OSError as error:
        session.screen.error(f"{error.filename or 'the file'}: {error.strerror or error}")


def _understood(session: Session, text: str) -> None:
    from convo.cli.keyboard import dropped
    from convo.cli.orders import FILES, spoken, take

    # Only at a terminal: who pipes a text into a chat does not send the files that it names.
    path = dropped(text, FILES) if session.keyboard.interactive else None
    if path is not None:
        session.talk.say(spoken(path), title=path.name)
    elif text.startswith("//"):
        session.talk.say(text[1:])
    elif text.startswith("/") and "/" not in text[1:].split(" ", 1)[0]:
        take(session, text)
    else:
        session.talk.say(text)


def _refusal(error: Exception) -> str:
    """Say in a line what the API said."""
    body = getattr(error, "body", None)
    status = getattr(error, "status_code", None)
    words = body.get("message") if isinstance(body, dict) else None
    return f"the API refused ({status}): {words}" if status and words else f"the API gave no answer: {words or error}"


def _again(place: Place, chat: convo.Conversation, ctx: click.Context, *, fake: bool) -> str:
    """Give the command by which the conversation goes on."""
    named = fake or (ctx.parent is not None and ctx.parent.get_parameter_source("store") is ParameterSource.COMMANDLINE)
    words = ["convo"]
    if named:
        words += ["--store", "..." if "://" in place.store else place.store]  # a URL may hold a password
    if place.owner:
        words += ["--owner", place.owner]
    words += ["chat", str(chat.id), *(["--fake"] if fake else [])]
    return shlex.join(words)
