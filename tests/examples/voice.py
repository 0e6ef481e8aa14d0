"""A voice loop over a WebSocket: the page sends what its microphone hears, and gets the answer's sound while it is made.

    export CONVO_DATABASE_URL=sqlite:///chat.db OPENAI_API_KEY=... CHAT_TOKENS='{"secret": "anna"}'
    uvicorn --factory voice:from_environment

Sound is pcm16 in both directions (24 kHz, mono, 16 bit, little endian), in binary frames; a page gets and plays it with an
AudioWorklet. Text frames are JSON. The page sends

    {"token": "secret", "conversation": "..."}      first: who speaks, and in which conversation
    {"type": "end"}                                 the user has finished; the frames since the last one are what was said
    {"type": "interrupt", "heard": 1.25}            the user speaks while the answer plays: so many seconds of it were played

and the server

    {"type": "transcript", "text": " to"}           a piece of what is being said, beside the sound
    {"type": "reply", "position": 3, "text": "..."} the answer as it is in the log: at its end, or as far as it was heard
    {"type": "error", "error": "...", "message": "..."}     what could not be done; the conversation goes on

What the log holds is what the user heard. After an interruption the answer is cut where the user stopped listening, in sound and
in words, also where all of it had arrived and was still being played; so the model does not refer to what nobody heard. When the
page goes away, what had been received is recorded.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import openai
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

import convo

SPEECH: Mapping[str, Any] = {"model": "gpt-audio-1.5", "voice": "alloy"}
LONGEST = 5 * 60 * 24_000 * 2
"""Bytes of what is said at once: five minutes."""


def voice(store: convo.AsyncStore, client: openai.AsyncOpenAI, tokens: Mapping[str, str]) -> Starlette:
    """Make the application. `tokens` says whose each token is; both others are closed when the server stops."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with store, client:
            yield

    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        chat = await opened(socket, store, tokens)
        if chat is not None:
            await Loop(socket, chat, client).run()

    return Starlette(routes=[WebSocketRoute("/voice", talk)], lifespan=lifespan)


def from_environment() -> Starlette:
    """Make the application of this machine."""
    store = convo.AsyncStore(os.environ["CONVO_DATABASE_URL"])
    return voice(store, openai.AsyncOpenAI(), json.loads(os.environ["CHAT_TOKENS"]))


async def opened(socket: WebSocket, store: convo.AsyncStore, tokens: Mapping[str, str]) -> convo.AsyncConversation | None:
    """Find the conversation that the first frame names, else close: somebody else's is not found as one that never was."""
    try:
        asked = await socket.receive_json()
        owner = tokens.get(asked["token"])
        if owner is None:
            await socket.close(4401, "unknown token")
            return None
        return await store.owned_by(owner).get(asked["conversation"])
    except convo.NotFound:
        await socket.close(4404, "no such conversation")
    except (ValueError, RecursionError, LookupError, TypeError, convo.InputError):
        await socket.close(4400, "the first frame names a token and a conversation")
    except WebSocketDisconnect:
        pass
    return None


class Loop:
    """One page that talks. It hears in one task and answers in another, so that it can be interrupted."""

    def __init__(self, socket: WebSocket, chat: convo.AsyncConversation, client: openai.AsyncOpenAI) -> None:
        self._socket = socket
        self._chat = chat
        self._client = client
        self._said = bytearray()
        self._stream: convo.AsyncStream | None = None
        self._answering: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Talk until the page goes away; an answer that is on its way then is recorded as far as it was received."""
        try:
            while len(self._said) <= LONGEST:
                await self._hear(await self._socket.receive())
        except WebSocketDisconnect:
            return
        finally:
            for task in self._answering:
                task.cancel()
            await asyncio.gather(*self._answering, return_exceptions=True)
        await self._socket.close(1009, "too long")

    async def _hear(self, frame: Mapping[str, Any]) -> None:
        if frame["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        if frame.get("bytes") is not None:
            self._said += frame["bytes"]
            return
        try:
            match json.loads(frame["text"]):
                case {"type": "end"}:
                    task = asyncio.create_task(self._answer(bytes(self._said)))
                    self._said.clear()
                    self._answering.add(task)
                    task.add_done_callback(self._answering.discard)
                case {"type": "interrupt", "heard": float() | int() as heard}:
                    await self._interrupt(heard)
                case _:
                    await self._tell("error", error="unknown", message="no such frame")
        except convo.ConvoError as error:
            await self._tell("error", error=error.code, message=str(error))
        except (ValueError, RecursionError):
            await self._tell("error", error="unknown", message="this is no JSON")

    async def _answer(self, said: bytes) -> None:
        try:
            question = convo.Audio.from_bytes(said, "pcm16")
            async with self._chat.stream(self._client, question, **SPEECH) as stream:
                self._stream = stream
                async for event in stream:
                    match event:
                        case convo.AudioDelta():
                            await self._socket.send_bytes(event.data)
                        case convo.TranscriptDelta():
                            await self._tell("transcript", text=event.text)
                        case convo.Reply():
                            await self._tell("reply", position=event.message.position, text=event.text)
        except convo.ConvoError as error:
            await self._tell("error", error=error.code, message=str(error))
        except openai.OpenAIError:
            await self._tell("error", error="failed", message="the model did not answer; say it again")
        except WebSocketDisconnect:
            pass  # the page is gone, and the block of the stream has recorded what there was

    async def _interrupt(self, heard: float) -> None:
        if self._stream is None:
            return
        await self._stream.close(heard_until=heard)
        reply = self._stream.reply
        await self._tell("reply", position=reply.message.position, text=reply.message.text)

    async def _tell(self, kind: str, **what: object) -> None:
        await self._socket.send_json({"type": kind, **what})
