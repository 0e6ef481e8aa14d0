"""A session of the OpenAI Agents SDK that is a conversation of convo. It needs the extra `agents`.

One line changes, `SQLiteSession("call-42", "chat.db")`:

    import asyncio

    import convo
    from agents import Agent, Runner
    from convo.integrations.openai_agents import ConvoSession


    async def main(agent: Agent) -> None:
        async with convo.AsyncStore("sqlite:///chat.db") as store:
            session = ConvoSession("call-42", store)  # or ConvoSession.of(chat), a conversation that is there
            result = await Runner.run(agent, "Is a poodle clever?", session=session)
            print(result.final_output)
            chat = await store.get(key="call-42")  # the same conversation: search, fork, cost, erase ...
            print(await chat.transcript())

What was added comes back as it was, unknown fields too, in the order of the log. Users' words, words of the model, calls and
results are messages as any others, so that `chat.send` goes on where an agent stopped, and an agent where `chat.send` did:

- A spoken reply is its transcript to an agent, and so is a recording (`chat.transcribe(client)` writes what is missing; until
  then it is "[recording without a transcript]"). The log keeps the sound: `chat.send` refers to it by its id while that is valid.
- Instructions and summaries of the conversation are no items: an agent has its own instructions.
- What was redacted is no item, nor are the results of calls that were.
- Items of a Response that `chat.send` recorded go back as they came while the API keeps them, afterwards in words.

`pop_item` and `clear_session` delete nothing: the conversation shows a new branch without the item, or without any, and
`chat.branches()` has the one before. So does a compaction: `OpenAIResponsesCompactionSession(underlying_session=session, ...)`
clears and adds. `chat.redact`, `store.delete` and `store.erase` delete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, cast

from convo.async_api.conversation import AsyncConversation
from convo.async_api.store import AsyncStore
from convo.checks import check_type
from convo.errors import ConversationNotFound, InputError, MissingDependency
from convo.protocol import check_key
from convo.steps import items as item_steps

try:
    from agents.memory import SessionSettings
    from agents.memory.session_settings import coerce_session_settings
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "agents":
        raise
    raise MissingDependency("openai-agents", "agents", "a session of the OpenAI Agents SDK") from error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from agents import TResponseInputItem

    from convo.steps.effects import Steps


class ConvoSession:
    """A session of the OpenAI Agents SDK, kept in a conversation.

    `session_id` is the key of the conversation among those of the store's owner: it is made when the first items are added.
    `store` is an `AsyncStore`, or the URL of one, which is closed with the session then (`await session.close()`, or a
    block). `session_settings` are the SDK's (`SessionSettings(limit=50)`). A session may be shared by tasks, and by workers
    that have each their own of the same id. It belongs to the event loop that its store belongs to.
    """

    def __init__(
        self, session_id: str, store: AsyncStore | str, *, session_settings: SessionSettings | dict[str, Any] | None = None
    ) -> None:  # fmt: skip
        check_type(session_id, str, "session_id", "text")
        check_key(session_id)
        check_type(store, (AsyncStore, str), "store", "a convo.AsyncStore, or the URL of one")
        self.session_id = session_id
        self.session_settings: SessionSettings | None = _settings(session_settings)
        self._store: AsyncStore | None = AsyncStore(store) if isinstance(store, str) else store
        self._owned = isinstance(store, str)
        self._chat: AsyncConversation | None = None

    @classmethod
    def of(cls, chat: AsyncConversation, *, session_settings: SessionSettings | dict[str, Any] | None = None) -> Self:
        """Give the session of a conversation that is there, whatever its key; `session_id` is its key, else its id."""
        check_type(chat, AsyncConversation, "of()", "a conversation of a convo.AsyncStore")
        session = object.__new__(cls)
        session.session_id = chat.key or str(chat.id)
        session.session_settings = _settings(session_settings)
        session._store, session._owned, session._chat = None, False, chat  # noqa: SLF001 - of the same class
        return session

    def __repr__(self) -> str:
        """Show the id; what was said is not shown."""
        return f"<ConvoSession {self.session_id!r}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """Give all items, or the latest `limit`, oldest first; without a limit, that of `session_settings`.

        0 gives none, less than 0 all. A session that nobody has added to has none.
        """
        if limit is None and self.session_settings is not None:
            limit = self.session_settings.limit
        chat = await self._found()
        found = [] if chat is None else await _done(chat, item_steps.items(_place(chat), limit))
        return cast("list[TResponseInputItem]", found)

    async def add_items(self, items: Sequence[TResponseInputItem]) -> None:
        """Add items, all or none, next to each other. Raises `InvalidContent` for what is none, `TooLarge`."""
        if isinstance(items, list | tuple) and not items:
            return
        chat = await self._found() or await self._made()
        await _done(chat, item_steps.add(_place(chat), items))

    async def pop_item(self) -> TResponseInputItem | None:
        """Take the latest item back and give it, None where there is none: the conversation shows a branch without it."""
        chat = await self._found()
        found = None if chat is None else await _done(chat, item_steps.pop(_place(chat)))
        return cast("TResponseInputItem | None", found)

    async def clear_session(self) -> None:
        """Take all items back: the conversation shows a branch without any."""
        chat = await self._found()
        if chat is not None:
            await _done(chat, item_steps.clear(_place(chat)))

    async def close(self) -> None:
        """Close the store, where it was given as a URL."""
        if self._owned and self._store is not None:
            await self._store.close()

    async def _found(self) -> AsyncConversation | None:
        """Give the conversation as it is now, None where there is none (any more). Raises `ConversationNotFound` after `of`."""
        if self._store is None:
            return self._chat
        try:
            return await self._store.get(key=self.session_id)
        except ConversationNotFound:
            return None

    async def _made(self) -> AsyncConversation:
        assert self._store is not None  # noqa: S101 - one that `of` was given is there
        return await self._store.create(key=self.session_id)


def _settings(given: SessionSettings | dict[str, Any] | None) -> SessionSettings:
    """Give the settings as the SDK reads them. Raises `InputError`."""
    check_type(given, (SessionSettings, dict, type(None)), "session_settings", "the SDK's SessionSettings, or a dict of them")
    try:
        return SessionSettings() if given is None else coerce_session_settings(given)
    except (TypeError, ValueError) as error:
        reason = f"session_settings={given!r} are none that the SDK takes: {error}"
        raise InputError(reason) from error


def _place(chat: AsyncConversation) -> Any:
    return chat._place  # noqa: SLF001 - an edge of its own, beside the one that made it


async def _done(chat: AsyncConversation, steps: Steps[Any]) -> Any:
    return await chat._driver.do(steps)  # noqa: SLF001 - as above
