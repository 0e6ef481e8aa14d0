"""A backend for a page with a chat: FastAPI in front of `convo.AsyncStore`.

Copy this file, and put the check of your own sessions in the place of `tokens`. Then, once for each deployment, and to serve:

    convo --store postgresql://localhost/chat upgrade
    export CONVO_DATABASE_URL=postgresql+asyncpg://localhost/chat OPENAI_API_KEY=... CHAT_TOKENS='{"secret": "anna"}'
    uvicorn --factory backend:from_environment
    gunicorn --config gunicorn_conf.py 'backend:from_environment()'     # or several processes, see there

How it is done, and why:

- **One store for a process, one view of it for a request.** `owned_by(user)` costs nothing, and whatever a handler does with it
  stays with that user: somebody else's conversation is answered as one that never was, 404 in the same words.
- **A button that is pressed twice is one turn.** The page makes a random `Idempotency-Key` for each message and sends it with
  each attempt. It is the `key` of the turn: the second press gets the recorded answer, or 409 with Retry-After while the first
  one waits, and after a crash the same request goes on.
- **A stream begins in a dependency.** It has begun before the status is sent, so that what forbids it is a status, not a stream
  that breaks; and its block ends with the response, so that what had been received is recorded when the listener goes away.
- **Errors become statuses in one place**, `STATUSES`. Only what the caller can mend is explained.
- **What is too large is refused while it comes in**, before it is on a disk or in memory.
"""

import base64
import json
import logging
import math
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

import openai
from fastapi import APIRouter, Depends, FastAPI, Form, Header, HTTPException, Query, Request, Response, UploadFile
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

import convo

LOGGER = logging.getLogger(__name__)
SPEECH: Mapping[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy"}
LARGEST = 10_000_000
"""Bytes of a request: five minutes of what a browser records, ten times over."""


def backend(store: convo.AsyncStore, client: openai.AsyncOpenAI, tokens: Mapping[str, str]) -> FastAPI:
    """Make the application. `tokens` says whose each bearer token is; both others are closed when the server stops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with store, client:
            yield

    app = FastAPI(title="Chat", lifespan=lifespan)
    app.state.store, app.state.client, app.state.tokens = store, client, tokens
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=LARGEST)
    app.add_exception_handler(convo.ConvoError, explained)
    app.add_exception_handler(openai.OpenAIError, explained)
    app.include_router(routes)
    app.include_router(one)
    return app


def from_environment() -> FastAPI:
    """Make the application of this machine. Nothing is connected before the first request: it may be made before a fork."""
    store = convo.AsyncStore(os.environ["CONVO_DATABASE_URL"])
    return backend(store, openai.AsyncOpenAI(), json.loads(os.environ["CHAT_TOKENS"]))


# --- who asks, and for what ------------------------------------------------------------------------


def user(request: Request, bearer: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> str:
    """Say who asks. What stands here decides whose conversations are seen: nothing that a client may choose."""
    found: str | None = request.app.state.tokens.get(bearer.credentials)
    if found is None:
        raise HTTPException(401, "unknown token", {"WWW-Authenticate": "Bearer"})
    return found


def store_of(request: Request, owner: Annotated[str, Depends(user)]) -> convo.AsyncStore:
    """Give the conversations of who asks."""
    store: convo.AsyncStore = request.app.state.store
    return store.owned_by(owner)


Mine = Annotated[convo.AsyncStore, Depends(store_of)]
Key = Annotated[str | None, Header(alias="Idempotency-Key")]
Page = Annotated[int, Query(ge=1, le=200)]
"""How many rows one answer has: nobody reads a whole log by one request."""


async def chat_of(id: str, store: Mine) -> convo.AsyncConversation:  # noqa: A002 - the name in the path
    """Find the conversation that the path names."""
    return await store.get(id)


Chat = Annotated[convo.AsyncConversation, Depends(chat_of)]


class New(BaseModel):
    """A conversation to be made."""

    title: str | None = None


class Said(BaseModel):
    """What a user writes."""

    text: str


# --- what can be done ------------------------------------------------------------------------------

routes = APIRouter(prefix="/conversations")
one = APIRouter(prefix="/conversations/{id}")


@routes.post("", status_code=201)
async def create(new: New, store: Mine, key: Key = None) -> dict[str, Any]:
    """Make a conversation; with a key, once."""
    return head(await store.create(title=new.title, instructions="Answer in one sentence.", key=key))


@routes.get("")
async def listed(store: Mine, limit: Page = 50, after: str | None = None) -> dict[str, Any]:
    """List conversations, newest first; `next` is the `after` of the next page."""
    chats = await store.conversations(limit=limit, after=after)
    return {"conversations": [head(chat) for chat in chats], "next": chats[-1].cursor if len(chats) == limit else None}


@one.get("")
async def resume(chat: Chat, last: Page = 50) -> dict[str, Any]:
    """Give what a page needs to go on: the last messages, and whether an answer is awaited."""
    history = await chat.history(last)
    messages = [shown(chat, message) for message in history if message.role in ("user", "assistant")]
    return {**head(chat), "messages": messages, "awaited": bool(await chat.pending())}


@one.post("/messages")
async def send(request: Request, said: Said, chat: Chat, key: Key = None) -> dict[str, Any]:
    """Answer what a user wrote."""
    return answer(chat, await chat.send(request.app.state.client, said.text, **SPEECH, key=key))


@one.post("/voice")
async def voice(
    request: Request, recording: UploadFile, chat: Chat, key: Key = None, transcript: Annotated[str | None, Form()] = None
) -> dict[str, Any]:
    """Answer a voice note. Its bytes say what it is, not its name; other than wav and mp3 it is converted (extra `audio`)."""
    audio = await convo.Audio.open_async(await recording.read(), transcript)
    return answer(chat, await chat.send(request.app.state.client, audio, **SPEECH, key=key))


async def begun(request: Request, said: Said, chat: Chat, key: Key = None) -> AsyncIterator[convo.AsyncStream]:
    """Ask for an answer that comes in pieces. However the response ends, what was received is recorded behind the `yield`."""
    async with chat.stream(request.app.state.client, said.text, **SPEECH, key=key) as stream:
        yield stream


@one.post("/stream", response_class=EventSourceResponse)
async def stream(
    request: Request, chat: Chat, incoming: Annotated[convo.AsyncStream, Depends(begun)]
) -> AsyncIterator[ServerSentEvent]:
    """Answer what a user wrote as it comes, in server-sent events, of which the last is `reply` or `error`.

    A page reads them with `fetch()`: `EventSource` can send neither a body nor a header.
    """
    try:
        async for event in incoming:
            name, data = told(chat, event)
            yield ServerSentEvent(event=name, data=data)
    except Exception as error:  # noqa: BLE001 - the status was sent: what else went wrong is said in the stream
        yield ServerSentEvent(event="error", data=problem(request, error)[1])


@one.get("/audio/{position}")
async def audio(request: Request, chat: Chat, position: int) -> Response:
    """Give the sound of a message; a part of it where a player asks for one (Chromium seeks only so)."""
    message = await chat.message(position)
    if message.audio is None:
        raise convo.MessageNotFound(position)
    sound = await chat.load(message.audio)
    if sound.format == "pcm16":  # what was streamed; no browser plays it without a header
        sound = sound.convert("wav")
    known = convo.AUDIO_FORMATS.get(sound.format)
    return ranged(request, sound.data, known.mime if known else "application/octet-stream", f'"{sound.digest}"')


# --- what is answered ------------------------------------------------------------------------------


def head(chat: convo.AsyncConversation) -> dict[str, Any]:
    """Show a conversation in a list."""
    return {"id": str(chat.id), "title": chat.title}


def shown(chat: convo.AsyncConversation, message: convo.Message) -> dict[str, Any]:
    """Show a message."""
    sound = message.audio
    return {
        "position": message.position,
        "role": message.role,
        "text": message.text,
        "at": message.created_at.isoformat(),
        "interrupted": message.status == "interrupted",
        "audio": None if sound is None else f"/conversations/{chat.id}/audio/{message.position}",
    }


def answer(chat: convo.AsyncConversation, reply: convo.Reply) -> dict[str, Any]:
    """Show a reply; `replayed` says that its key had it already."""
    return {**shown(chat, reply.message), "replayed": reply.replayed}


WORDS: Mapping[type, str] = {
    convo.TextDelta: "text",
    convo.TranscriptDelta: "transcript",
    convo.RefusalDelta: "refusal",
    convo.ReasoningDelta: "reasoning",
}


def told(chat: convo.AsyncConversation, event: convo.Event) -> tuple[str, dict[str, Any]]:
    """Name an event of a stream, and give what is in it as JSON."""
    match event:
        case convo.Reply():
            return "reply", answer(chat, event)
        case convo.AudioDelta():
            return "audio", {"pcm16": base64.b64encode(event.data).decode()}
        case convo.ToolCallDelta():
            return "tool_call", {"index": event.index, "name": event.name, "arguments": event.arguments}
    return WORDS[type(event)], {"text": event.text}


RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def ranged(request: Request, data: bytes, media_type: str, etag: str) -> Response:
    """Give bytes, or those that the header Range asks for (RFC 9110): one stretch; of several, or nonsense, the whole."""
    headers = {"Accept-Ranges": "bytes", "ETag": etag, "Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    found = RANGE.fullmatch(request.headers.get("range", ""))
    first, last = found.groups() if found else ("", "")
    size = len(data)
    start = int(first) if first else max(size - int(last or 0), 0)
    end = min(int(last), size - 1) if first and last else size - 1
    nonsense = not (first or last) or (first and last and int(last) < start)
    if nonsense or request.headers.get("if-range", etag) != etag:
        return Response(data, media_type=media_type, headers=headers)
    if start >= size:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    return Response(data[start : end + 1], 206, headers, media_type)


# --- what goes wrong -------------------------------------------------------------------------------

STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (convo.BlobNotFound, 500),
    (convo.NotFound, 404),
    (convo.AudioDropped, 410),
    (convo.TooLarge, 413),
    (convo.UnknownAudioFormat, 415),
    (convo.KeyMismatch, 422),
    (convo.ConflictError, 409),
    (convo.InputError, 422),
    (convo.BudgetExceeded, 429),
    (convo.ModelShutDown, 500),
    (convo.RequestError, 422),
    (openai.RateLimitError, 503),
    (openai.APITimeoutError, 504),
    (openai.APIError, 502),
)
"""The status of an error: that of the first kind which it is. Others are 503 where the same call may succeed later, else 500."""


async def explained(request: Request, error: Exception) -> Response:
    """Answer with what went wrong."""
    status, body = problem(request, error)
    headers = {"Retry-After": str(math.ceil(body["retry_after"]))} if "retry_after" in body else None
    return JSONResponse(body, status, headers)


def problem(request: Request, error: Exception) -> tuple[int, dict[str, Any]]:
    """Give the status of an error, and what a page is told: what convo says of a caller's mistakes, nothing of our own."""
    again = isinstance(error, convo.ConvoError) and error.retryable
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), 503 if again else 500)
    if status >= 500:
        LOGGER.error("%s %s failed", request.method, request.url.path, exc_info=error)
    if status >= 500 or not isinstance(error, convo.ConvoError):
        body: dict[str, Any] = {"error": "unavailable" if status in (503, 504) else "failed", "message": "try again later"}
    else:
        body = {"error": error.code, "message": str(error)}
    if isinstance(error, convo.TurnInProgress):
        body["retry_after"] = max(error.retry_after, 1)
    elif status == 503:
        body["retry_after"] = 1
    return status, body
