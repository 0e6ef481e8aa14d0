"""A store of ChatKit that is a store of convo. It needs the extra `chatkit`.

    import convo
    from chatkit.server import ChatKitServer
    from chatkit.types import ThreadItemDoneEvent
    from convo.integrations.chatkit import ConvoStore


    class Server(ChatKitServer[str]):
        async def respond(self, thread, input_user_message, context):
            yield ThreadItemDoneEvent(item=answer_to(thread, input_user_message))

        async def add_feedback(self, thread_id, item_ids, feedback, context):
            await self.store.add_feedback(thread_id, item_ids, feedback, context)


    server = Server(ConvoStore(convo.AsyncStore("sqlite:///chat.db"), owner=lambda user: user))

`owner` says whose data a request is about, by the context that you pass to `server.process(request, context)`: nobody sees,
changes or deletes what others have. All that an owner has is here:

- A thread is a conversation whose key is the thread's id. A conversation that came another way, such as a call by phone, is a
  thread as well, by its own key or its id: what was said in it, in either form, are messages with ids such as "convo_12".
- An item is one message of the log, and comes back as it was given. What a user or the assistant says in it is the message's
  text: search, tables, documents, `chat.send` and `erase` know it as any other. A call of a client's tool, a form and a widget
  are there by their words, if they have any; hidden context is a developer's message.
- An attachment's record is a conversation of its own, without messages, and no thread. Its bytes are your `AttachmentStore`'s.
- Feedback is the note `feedback` of a message ("positive" or "negative"), see `chat.annotations()`.

An agent in `respond` is given the items of the thread, by ChatKit's `ThreadItemConverter`; a `ConvoSession` of the same id
would store a second time what it says. Order is that of the log, and threads are listed by when they were made here. An item
that is saved again is replaced in its place, one that is deleted is redacted: both are refused (`OnHold`) where the conversation
is on hold.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from convo.async_api.store import AsyncStore
from convo.checks import check_choice, check_type
from convo.errors import ConversationNotFound, InputError, KeyMismatch, MessageNotFound, MissingDependency
from convo.protocol import is_key
from convo.steps import replacing

try:
    from chatkit.store import NotFoundError, Store, TContext
    from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata
    from pydantic import TypeAdapter

    from convo.integrations.chatkit_items import KEY, body_of, item_of
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "chatkit":
        raise
    raise MissingDependency("openai-chatkit", "chatkit", "a store of ChatKit") from error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convo.async_api.conversation import AsyncConversation

ATTACHMENT = "chatkit_attachment"
"""Where the metadata of a conversation has the record of an attachment."""
_TAIL = 50
"""Messages at the end of a log in which an item is looked for before all the others."""
_PAGE = 200
"""Conversations that are read at once."""
_ATTACHMENT: TypeAdapter[Attachment] = TypeAdapter(Attachment)


class ConvoStore(Store[TContext]):
    """A store of ChatKit over an `AsyncStore`. `owner` gives the owner of the data that a context is about, as text.

    What is not there, or is another owner's, is `chatkit.store.NotFoundError`, but for a list of items, which is empty then.
    Illegal input is convo's `InputError`, a database that fails its `StoreError`. The store is closed by who opened it.
    """

    def __init__(self, store: AsyncStore, *, owner: Callable[[TContext], str]) -> None:
        check_type(store, AsyncStore, "store", "a convo.AsyncStore")
        if not callable(owner):
            reason = f"owner={owner!r} is no function; pass one that gives the owner of a context, such as lambda user: user.id"
            raise InputError(reason)
        self._store, self._owner = store, owner

    # --- threads ---

    async def load_thread(self, thread_id: str, context: TContext) -> ThreadMetadata:
        """Give a thread without its items."""
        return _thread_of(await self._chat(thread_id, context))

    async def save_thread(self, thread: ThreadMetadata, context: TContext) -> None:
        """Store what is to tell of a thread, new or not; other metadata of the conversation stays."""
        facts = thread.model_dump(mode="json", exclude={"id", "title", "items"})
        try:
            chat = await self._chat(thread.id, context)
        except NotFoundError:
            chat = await self._of(context).create(key=thread.id, title=thread.title, metadata={KEY: facts})
        if (chat.title, chat.metadata.get(KEY)) != (thread.title, facts):
            await chat.update(title=thread.title, metadata={**chat.metadata, KEY: facts})

    async def load_threads(self, limit: int, after: str | None, order: str, context: TContext) -> Page[ThreadMetadata]:
        """Give a page of threads: those behind the thread `after`, from the newest (`order="desc"`) or the oldest."""
        _check_page(limit, order)
        store = self._of(context)
        last = None if after is None else await self._chat(after, context)
        if order == "desc":
            found = await _threads(store, last, limit + 1)
        else:
            found = (await _threads(store, None, None))[::-1]
            if last is not None:
                found = found[next((n for n, chat in enumerate(found, 1) if chat.id == last.id), len(found)) :]
        return _page([_thread_of(chat) for chat in found[: limit + 1]], limit)

    async def delete_thread(self, thread_id: str, context: TContext) -> None:
        """Delete a thread with its items; one that is not there is no error."""
        try:
            chat = await self._chat(thread_id, context)
            await self._of(context).delete(chat.id)
        except (NotFoundError, ConversationNotFound):
            return

    # --- items ---

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: TContext
    ) -> Page[ThreadItem]:  # fmt: skip
        """Give a page of items: those behind the item `after`, from the newest (`order="desc"`) or the oldest."""
        _check_page(limit, order)
        try:
            chat = await self._chat(thread_id, context)
        except NotFoundError:
            return Page()

        def begin(items: Sequence[ThreadItem]) -> int | None:
            return 0 if after is None else next((n for n, item in enumerate(items, 1) if item.id == after), None)

        def is_enough(items: Sequence[ThreadItem]) -> bool:
            first = begin(items)
            return order == "desc" and first is not None and len(items) > first + limit

        items = [item for _, item in await _items(chat, thread_id, max(_TAIL, limit + 1), is_enough)]
        items = items if order == "desc" else items[::-1]
        first = begin(items)
        if first is None:
            raise _missing("item", after, thread_id)
        return _page(items[first : first + limit + 1], limit)

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: TContext) -> None:
        """Store an item at the end of a thread; one whose id is among the latest already is replaced."""
        chat = await self._chat(thread_id, context)
        await _put(chat, thread_id, item, await _find(chat, thread_id, item.id, latest=True))

    async def save_item(self, thread_id: str, item: ThreadItem, context: TContext) -> None:
        """Store an item: in the place of the one that has its id, else at the end of the thread."""
        chat = await self._chat(thread_id, context)
        await _put(chat, thread_id, item, await _find(chat, thread_id, item.id))

    async def load_item(self, thread_id: str, item_id: str, context: TContext) -> ThreadItem:
        """Give an item by its id."""
        found = await _find(await self._chat(thread_id, context), thread_id, item_id)
        if found is None:
            raise _missing("item", item_id, thread_id)
        return found[1]

    async def delete_thread_item(self, thread_id: str, item_id: str, context: TContext) -> None:
        """Take what an item says out of the log; one that is not there is no error."""
        try:
            chat = await self._chat(thread_id, context)
        except NotFoundError:
            return
        if (found := await _find(chat, thread_id, item_id)) is not None:
            await chat.redact(found[0])

    async def add_feedback(self, thread_id: str, item_ids: Sequence[str], feedback: str, context: TContext) -> None:
        """Write the note `feedback` beside items. Call it from your server's method of that name."""
        check_choice(feedback, ("positive", "negative"), "feedback")
        chat = await self._chat(thread_id, context)
        found = [(item_id, await _find(chat, thread_id, item_id)) for item_id in item_ids]
        for item_id, place in found:
            if place is None:
                raise _missing("item", item_id, thread_id)
        for _, place in found:
            if place is not None:
                await chat.annotate(place[0], feedback=feedback)

    # --- attachments ---

    async def save_attachment(self, attachment: Attachment, context: TContext) -> None:
        """Store the record of an attachment, new or not; its bytes are not stored here."""
        metadata = {ATTACHMENT: _ATTACHMENT.dump_python(attachment, mode="json")}
        chat = await self._of(context).create(key=_key_of(attachment.id), metadata=metadata)
        if chat.metadata != metadata:
            await chat.update(metadata=metadata)

    async def load_attachment(self, attachment_id: str, context: TContext) -> Attachment:
        """Give the record of an attachment."""
        chat = await self._record(attachment_id, context)
        return _ATTACHMENT.validate_python(chat.metadata[ATTACHMENT])

    async def delete_attachment(self, attachment_id: str, context: TContext) -> None:
        """Delete the record of an attachment; one that is not there is no error."""
        try:
            chat = await self._record(attachment_id, context)
            await self._of(context).delete(chat.id)
        except (NotFoundError, ConversationNotFound):
            return

    # --- where they are ---

    def _of(self, context: TContext) -> AsyncStore:
        """Give the store as the owner of a context sees it. Raises `InputError` for what is no owner."""
        return self._store.owned_by(self._owner(context))

    async def _chat(self, thread_id: str, context: TContext) -> AsyncConversation:
        """Give the conversation of a thread."""
        chat = await _look_up(self._of(context), thread_id)
        if chat is None or ATTACHMENT in chat.metadata:
            raise _missing("thread", thread_id)
        return chat

    async def _record(self, attachment_id: str, context: TContext) -> AsyncConversation:
        try:
            chat = await self._of(context).get(key=_key_of(attachment_id))
        except (ConversationNotFound, InputError):
            chat = None
        if chat is None or ATTACHMENT not in chat.metadata:
            raise _missing("attachment", attachment_id)
        return chat


async def _look_up(store: AsyncStore, thread_id: str) -> AsyncConversation | None:
    """Give a conversation by its key, else by its id; clients may name what is neither."""
    for where in ({"key": thread_id}, {"id": thread_id}):
        try:
            return await store.get(**where)
        except (ConversationNotFound, InputError):
            continue
    return None


async def _threads(store: AsyncStore, after: AsyncConversation | None, most: int | None) -> list[AsyncConversation]:
    """Give conversations that are threads, newest first, as many as are wanted."""
    found: list[AsyncConversation] = []
    while most is None or len(found) < most:
        size = _PAGE if most is None else min(_PAGE, most)
        page = await store.conversations(limit=size, after=after)
        found += [chat for chat in page if ATTACHMENT not in chat.metadata]
        if len(page) < size:
            break
        after = page[-1]
    return found


def _key_of(attachment_id: str) -> str:
    return f"{ATTACHMENT}:{attachment_id}"


def _thread_of(chat: AsyncConversation) -> ThreadMetadata:
    facts = chat.metadata.get(KEY)
    known = facts if isinstance(facts, dict) else {"created_at": chat.created_at}
    return ThreadMetadata.model_validate({**known, "id": chat.key or str(chat.id), "title": chat.title})


def _page(found: list[Any], limit: int) -> Page[Any]:
    """Give a page of what was found, of which one more than fits says that there is more."""
    more = len(found) > limit
    return Page(data=found[:limit], has_more=more, after=found[limit - 1].id if more else None)


def _check_page(limit: int, order: str) -> None:
    check_type(limit, int, "limit", "a number")
    check_choice(order, ("asc", "desc"), "order")
    if limit < 1:
        reason = f"limit={limit} is less than 1; pass how many a page holds"
        raise InputError(reason)


def _missing(what: str, id_: object, thread_id: str | None = None) -> NotFoundError:
    return NotFoundError(f"there is no {what} {id_!r}" + ("" if thread_id is None else f" in the thread {thread_id!r}"))


# --- items and messages ----------------------------------------------------------------------------


async def _put(chat: AsyncConversation, thread_id: str, item: ThreadItem, found: tuple[int, ThreadItem] | None) -> None:
    """Store an item in the place of the one that was found, else at the end."""
    body = body_of(item)
    found = found or await _added(chat, thread_id, item, body)
    if found is None:
        return
    place, driver = chat._place, chat._driver  # noqa: SLF001 - an edge of its own, beside the one that made it
    try:
        await driver.do(replacing.replaced(place, found[0], KEY, body))
    except MessageNotFound:  # deleted meanwhile
        await chat.add(body)


async def _added(
    chat: AsyncConversation, thread_id: str, item: ThreadItem, body: dict[str, Any]
) -> tuple[int, ThreadItem] | None:  # fmt: skip
    """Store an item at the end, once; give the one that stands there already with another content, None once it is stored."""
    key, stored = f"chatkit {item.id}", None
    with suppress(KeyMismatch):
        stored = await chat.add(body, key=key if is_key(key) else None)
    if stored is not None and stored.status != "redacted":
        return None
    found = await _find(chat, thread_id, item.id)
    if found is None:  # the one that had the key was deleted
        await chat.add(body)
    return found


async def _find(
    chat: AsyncConversation, thread_id: str, item_id: str, *, latest: bool = False
) -> tuple[int, ThreadItem] | None:  # fmt: skip
    """Give an item by its id, with the position of its message; with `latest` only one of the last messages."""

    def is_enough(items: Sequence[ThreadItem]) -> bool:
        return latest or any(item.id == item_id for item in items)

    for found in await _items(chat, thread_id, _TAIL, is_enough):
        if found[1].id == item_id:
            return found
    return None


async def _items(
    chat: AsyncConversation, thread_id: str, last: int, is_enough: Callable[[Sequence[ThreadItem]], bool]
) -> list[tuple[int, ThreadItem]]:  # fmt: skip
    """Give the items of a thread with their positions, newest first: of its last messages, else of all."""
    for count in (last, None):
        history = await chat.history(last=count)
        found = [(m.position, item) for m in reversed(history) if (item := item_of(m, thread_id)) is not None]
        if is_enough([item for _, item in found]) or not history or history[0].position == 1:
            break
    return found
