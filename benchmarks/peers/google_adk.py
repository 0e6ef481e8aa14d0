"""google-adk: `DatabaseSessionService` on an engine that is given to it. A turn is two events, each its own commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.adk.events import Event
from google.adk.sessions import DatabaseSessionService
from google.genai.types import Content, Part
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.peers import COMMITTED, FULL, Chat, Opened, careful
from benchmarks.stub import QUESTION, SAID, messages

if TYPE_CHECKING:
    import asyncio

APP, USER = "app", "somebody"
_AUTHORS = {"user": "user", "assistant": "model"}


def on_sqlite(place: str, runner: asyncio.Runner) -> Opened:
    """Open it over aiosqlite."""
    return _over(careful(create_async_engine(f"sqlite+aiosqlite:///{place}")), FULL, runner)


def on_postgres(place: str, runner: asyncio.Runner) -> Opened:
    """Open it over asyncpg; engines that it makes ping, too."""
    engine = create_async_engine(place.replace("postgresql:", "postgresql+asyncpg:"), pool_pre_ping=True)
    return _over(engine, COMMITTED, runner)


def _over(engine: Any, durability: str, runner: asyncio.Runner) -> Opened:
    service = DatabaseSessionService(db_engine=engine)

    async def opened(count: int) -> Any:
        session = await service.create_session(app_name=APP, user_id=USER)
        if not count:
            return session
        stored = service._get_schema_classes().StorageEvent
        async with service.database_session_factory() as transaction:  # one by one takes minutes
            transaction.add_all([stored.from_event(session, _event(**message)) for message in messages(count)])
            await transaction.commit()
        return await service.get_session(app_name=APP, user_id=USER, session_id=session.id)

    def chat(count: int) -> Chat:
        session = runner.run(opened(count))

        async def append() -> None:
            await service.append_event(session, _event("user", QUESTION))
            await service.append_event(session, _event("assistant", SAID))

        async def load() -> object:
            found = await service.get_session(app_name=APP, user_id=USER, session_id=session.id)
            return [] if found is None else found.events

        return Chat(append, load)

    return Opened(f"{durability}, two commits a turn", chat, lambda: runner.run(engine.dispose()))


def _event(role: str, content: str) -> Any:
    who = _AUTHORS[role]
    return Event(author=who, invocation_id="i", content=Content(role=who, parts=[Part(text=content)]))
