"""Sessions of the Realtime API as lists of events, as its documentation shows them, and the orders in which they may come."""

from __future__ import annotations

import base64
import itertools
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

MODEL = "gpt-realtime-2.1"
Event = dict[str, Any]
CLIENT = ("input_audio_buffer.append", "input_audio_buffer.commit", "input_audio_buffer.clear", "conversation.item.create")
USAGE = {
    "total_tokens": 253, "input_tokens": 132, "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119, "audio_tokens": 13, "image_tokens": 0, "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 60, "audio_tokens": 4, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}  # fmt: skip


def pcm(milliseconds: int, seed: int = 1) -> bytes:
    """Sound of the API: 24 samples a millisecond, unlike that of another seed."""
    return bytes((seed * 37 + n * 11) % 251 for n in range(48 * milliseconds))


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@cache
def _adapters() -> tuple[Any, Any]:
    from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent

    return TypeAdapter(RealtimeServerEvent), TypeAdapter(RealtimeClientEvent)


def check(event: Event) -> None:
    """Hold an event against the types of the SDK."""
    server, client = _adapters()
    (client if event["type"] in CLIENT else server).validate_python(event)


class Script:
    """Writes down a session, event by event, and which of them must come before which.

    `events` are in the usual order. An item is introduced after the one before it, what is said in pieces comes in
    order, and a response is done after all of it has come; everything else may come in any order.
    """

    def __init__(self, session: str = "sess_1", *, transcription: bool = True) -> None:
        self.events: list[Event] = []
        self.before: list[set[int]] = []
        self.name = session
        self._numbers = itertools.count(1)
        self._tail: str | None = None
        self._sent = 0
        self._appended: list[int] = []
        heard = {"model": "gpt-transcribe"} if transcription else None
        self._first = self._put(
            "session.created",
            session={
                "type": "realtime", "object": "realtime.session", "id": session, "model": f"{MODEL}-2026-05-01",
                "output_modalities": ["audio"],
                "audio": {
                    "input": {
                        "format": {"type": "audio/pcm", "rate": 24000}, "transcription": heard,
                        "turn_detection": {"type": "server_vad"},
                    },
                    "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"},
                },
            },
        )  # fmt: skip
        self._introduced = [self._first]

    def name_of(self, kind: str) -> str:
        return f"{kind}_{self.name}_{next(self._numbers)}"

    def _put(self, kind: str, *after: int, **fields: Any) -> int:
        event = {"type": kind, **fields}
        if kind not in CLIENT:
            event["event_id"] = self.name_of("event")
        check(event)
        self.events.append(event)
        self.before.append(set(after))
        return len(self.events) - 1

    # --- what is there to be said ---

    def send(self, item: Event) -> None:
        """What the application feeds of what it sends."""
        self._put("conversation.item.create", *self._introduced, item=item)

    def shown(self, item: Event, *, by_response: Sequence[int] = ()) -> list[int]:
        """The API adds an item, whole."""
        added = self._put("conversation.item.added", *self._introduced, *by_response, previous_item_id=self._tail, item=item)
        done = self._put("conversation.item.done", added, previous_item_id=self._tail, item=item)
        self._tail, self._introduced = item["id"], [added]
        return [added, done]

    def text(self, text: str, role: str = "user", name: str | None = None) -> str:
        item = {
            "id": name or self.name_of("item"), "object": "realtime.item", "type": "message", "status": "completed",
            "role": role, "content": [{"type": "output_text" if role == "assistant" else "input_text", "text": text}],
        }  # fmt: skip
        self.shown(item)
        return str(item["id"])

    def append(self, data: bytes) -> None:
        self._appended.append(self._put("input_audio_buffer.append", self._first, *self._appended[-1:], audio=encoded(data)))
        self._sent += len(data) // 48

    def speech(
        self, words: str | None, milliseconds: int = 100, seed: int = 1, *, feed: bool = True, failed: bool = False
    ) -> str:
        """Somebody speaks, and the API hears it; the words come whenever they come."""
        name, before = self.name_of("item"), self._sent
        if feed:
            self.append(bytes(48 * 20))
            before = self._sent
            self.append(pcm(milliseconds, seed))
        until = before + milliseconds
        started = self._put(
            "input_audio_buffer.speech_started", self._first, *self._appended[-1:], audio_start_ms=before, item_id=name
        )
        stopped = self._put("input_audio_buffer.speech_stopped", started, audio_end_ms=until, item_id=name)
        if feed:
            self.append(bytes(48 * 20))
        committed = self._put(
            "input_audio_buffer.committed", stopped, *self._introduced, *self._appended[-1:],
            item_id=name, previous_item_id=self._tail,
        )  # fmt: skip
        self._introduced = [committed]
        item = {
            "id": name, "object": "realtime.item", "type": "message", "status": "completed", "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }  # fmt: skip
        self.shown(item)
        self._introduced.append(committed)
        kind = "conversation.item.input_audio_transcription"
        if failed:
            error = {"type": "transcription_error", "code": "audio_unintelligible", "message": "no words"}
            self._put(f"{kind}.failed", committed, item_id=name, content_index=0, error=error)
        elif words is not None:
            usage = {"type": "tokens", "total_tokens": 22, "input_tokens": 13, "output_tokens": 9,
                     "input_token_details": {"text_tokens": 0, "audio_tokens": 13}}  # fmt: skip
            self._put(f"{kind}.completed", committed, item_id=name, content_index=0, transcript=words, usage=usage)
        return name

    def respond(self, *makers: Callable[[Script, str, int, str], tuple[Event, list[int]]], status: str = "completed",
                reason: str | None = None, usage: Any = USAGE, inside: bool = True, done: bool = True) -> str:  # fmt: skip
        """The model responds with what the makers say."""
        name = self.name_of("resp")
        response: Event = {
            "object": "realtime.response", "id": name, "status": "in_progress", "status_details": None, "output": [],
            "conversation_id": f"conv_{self.name}" if inside else None, "output_modalities": ["audio"], "usage": None,
        }  # fmt: skip
        created = self._put("response.created", self._first, *self._introduced, response=response)
        self._created, self._inside = created, inside
        output: list[Event] = []
        came = [created]
        for index, make in enumerate(makers):
            item, events = make(self, name, index, "completed" if status == "completed" else "incomplete")
            output.append(item)
            came += events
        if not done:
            return name
        details: Any = None if status == "completed" else {"type": status, "reason": reason}
        if status == "failed":
            details = {"type": "failed", "error": {"type": "server_error", "code": "overloaded", "message": "later"}}
        whole = {**response, "status": status, "status_details": details, "output": output, "usage": usage}
        self._put("response.done", *came, response=whole)
        return name

    def _announced(self, response: str, index: int, item: Event) -> list[int]:
        """The API says that an item begins, in its response and in the conversation."""
        begun: Event = {"content": []} if "content" in item else {"arguments": ""}
        empty = {**item, "status": "in_progress", **begun}
        put = self._put(
            "response.output_item.added", self._created, *self._introduced, response_id=response, output_index=index, item=empty
        )
        if not self._inside:
            return [put]
        added = self._put("conversation.item.added", self._created, *self._introduced, previous_item_id=self._tail, item=empty)
        self._introduced = [put, added]
        return [put, added]

    def _finished(self, response: str, index: int, item: Event, began: Iterable[int]) -> list[int]:
        came = []
        if self._inside:
            came.append(self._put("conversation.item.done", *began, previous_item_id=self._tail, item=item))
            self._tail = item["id"]
        came.append(self._put("response.output_item.done", *began, response_id=response, output_index=index, item=item))
        return came

    def truncated(self, item: str, milliseconds: int) -> None:
        self._put("conversation.item.truncated", *self._introduced, item_id=item, content_index=0, audio_end_ms=milliseconds)

    def deleted(self, item: str) -> None:
        self._put("conversation.item.deleted", *self._introduced, item_id=item)

    def output(self, call_id: str, output: str) -> str:
        item = {
            "id": self.name_of("item"), "object": "realtime.item", "type": "function_call_output", "status": "completed",
            "call_id": call_id, "output": output,
        }  # fmt: skip
        self.shown(item)
        return str(item["id"])

    # --- the orders in which it may come ---

    def ordered(self, pick: Callable[[int], int]) -> list[Event]:
        """The events in an order that the API might have: `pick(n)` chooses one of n that may come next."""
        waiting = list(range(len(self.events)))
        came: set[int] = set()
        found = []
        while waiting:
            ready = [number for number in waiting if self.before[number] <= came]
            number = ready[pick(len(ready))]
            waiting.remove(number)
            came.add(number)
            found.append(self.events[number])
        return found


def spoken(words: str, milliseconds: int = 200, seed: int = 7) -> Any:
    """What makes an item of speech."""

    def make(script: Script, response: str, index: int, status: str) -> tuple[Event, list[int]]:
        item: Event = {
            "id": script.name_of("item"), "object": "realtime.item", "type": "message", "status": status, "role": "assistant",
            "content": [{"type": "output_audio", "transcript": words}],
        }  # fmt: skip
        began = script._announced(response, index, item)
        where = {"response_id": response, "item_id": item["id"], "output_index": index, "content_index": 0}
        came, last = list(began), [*began]
        for number, piece in enumerate(words.split(" ")):
            text = f" {piece}" if number else piece
            last = [script._put("response.output_audio_transcript.delta", *last, **where, delta=text)]
            came += last
        data, last = pcm(milliseconds, seed), [*began]
        for start in range(0, len(data), 48 * 50):
            last = [script._put("response.output_audio.delta", *last, **where, delta=encoded(data[start : start + 48 * 50]))]
            came += last
        came.append(script._put("response.output_audio.done", *last, **where))
        came.append(script._put("response.output_audio_transcript.done", *began, **where, transcript=words))
        return item, [*came, *script._finished(response, index, item, began)]

    return make


def written(text: str) -> Any:
    """What makes an item of text."""

    def make(script: Script, response: str, index: int, status: str) -> tuple[Event, list[int]]:
        item: Event = {
            "id": script.name_of("item"), "object": "realtime.item", "type": "message", "status": status, "role": "assistant",
            "content": [{"type": "output_text", "text": text}],
        }  # fmt: skip
        began = script._announced(response, index, item)
        where = {"response_id": response, "item_id": item["id"], "output_index": index, "content_index": 0}
        delta = script._put("response.output_text.delta", *began, **where, delta=text)
        done = script._put("response.output_text.done", delta, **where, text=text)
        return item, [*began, delta, done, *script._finished(response, index, item, began)]

    return make


def called(name: str, arguments: str, call_id: str) -> Any:
    """What makes a call of a function."""

    def make(script: Script, response: str, index: int, status: str) -> tuple[Event, list[int]]:
        item: Event = {
            "id": script.name_of("item"), "object": "realtime.item", "type": "function_call", "status": status,
            "name": name, "call_id": call_id, "arguments": arguments,
        }  # fmt: skip
        began = script._announced(response, index, item)
        where = {"response_id": response, "item_id": item["id"], "output_index": index}
        delta = script._put("response.function_call_arguments.delta", *began, **where, call_id=call_id, delta=arguments)
        done = script._put(
            "response.function_call_arguments.done", delta, **where, call_id=call_id, name=name, arguments=arguments
        )
        return item, [*began, delta, done, *script._finished(response, index, item, began)]

    return make


def whole_session(name: str = "sess_1") -> Script:
    """A session of everything: text, speech, a call and its output, a barge-in, an instruction in between, a failure."""
    script = Script(name)
    script.text("Be brief.", role="system")
    script.speech("is a golden retriever a good dog", 120, seed=2)
    script.respond(spoken("Yes, they are loyal and patient dogs", 300, seed=3))
    script.text("And the weather in Paris?")
    script.respond(written("I will look."), called("weather", '{"city":"Paris"}', f"call_{name}"))
    script.output(f"call_{name}", '{"sky":"clear"}')
    script.respond(spoken("The sky over Paris is clear and it is warm", 400, seed=4))
    script.truncated(str(script._tail), 200)
    script.speech("stop", 80, seed=5)
    script.respond(spoken("As you", 100, seed=6), status="cancelled", reason="turn_detected")
    script.speech("what else", 60, seed=8, feed=False)
    script.respond(status="failed", usage=None)
    return script
