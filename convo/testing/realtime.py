"""A Realtime session: events of the client go in, events of the server come out, and what the user says is scripted.

It does no I/O. Whatever carries it hands `receive` the messages as they come and sends what `next` gives. A response takes
no time: it is over before the next event of the client is looked at, unless it is held.
"""

from __future__ import annotations

import base64
import json
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from convo.testing.realtime_config import first_config, updated_config
from convo.testing.realtime_entry import refusal_of_entry
from convo.testing.realtime_hearing import Ear, transcription_events
from convo.testing.realtime_items import BYTES_A_SECOND, Conversation, heard_item, item_of
from convo.testing.realtime_plan import Plan, plan_of, shown_response
from convo.testing.realtime_response import Response
from convo.testing.realtime_rules import EXPIRED, MINUTES, NO_JSON, NO_TEXT, event_refusals
from convo.testing.realtime_script import Heard
from convo.testing.realtime_stage import Close, Cut, RealtimeSession, Stage
from convo.testing.realtime_usage import NOTHING
from convo.testing.script import Break, Failure, Saying

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from convo.testing.asked import Json
    from convo.testing.hold import Hold
    from convo.testing.realtime_items import Item
    from convo.testing.refusals import ApiRefusal
    from convo.testing.usage import Tokens

_GOING_AWAY = 1001
_LIMIT = 15_000_000


class Talk:
    """A session while it lasts. Every method may be called from any thread."""

    def __init__(self, stage: Stage, query: Mapping[str, str], headers: Mapping[str, str]) -> None:
        self._stage = stage
        self._headers = dict(headers)
        self._received: list[Json] = []
        self._sent: list[Json] = []
        self._outbox: deque[Json] = deque()
        self._ending: Close | Cut | None = None
        self._ended = False
        self._breaks_in: int | None = None
        self.conversation = Conversation()
        self.config: Json = {}
        self.ear = Ear()
        self.active: Response | None = None
        self.spoke = False
        self._hold: Hold | None = None
        self._waiting = False
        self._cacheable: Tokens = NOTHING
        self._late: list[tuple[str, list[Json]]] = []
        self._handlers: Mapping[str, Callable[[Json], None]] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create,
            "conversation.item.truncate": self._truncate,
            "conversation.item.delete": self._delete,
            "conversation.item.retrieve": self._retrieve,
            "response.create": self._ask,
            "response.cancel": self._cancel,
        }
        with stage.lock:
            self._begin(query)

    # --- what carries it ---------------------------------------------------------------------------

    def receive(self, message: str | bytes) -> None:
        """Take a message of the client."""
        with self._stage.lock:
            self._expire()
            if self._ending is None:
                self._read(message)

    def next(self) -> str | Hold | Close | Cut | None:
        """Give the next message to send, or what to do: wait for a hold to go on, end; None is to wait for the client."""
        with self._stage.lock:
            self._expire()
            if not self._outbox and self._ending is None:
                self._go_on()
            if self._outbox:
                return self._sending()
            if self._ending is not None:
                return self._ending
            return self._hold if self.active is not None else None

    def end(self) -> None:
        """Know that the connection is over."""
        with self._stage.lock:
            self._ended = True

    def record(self) -> RealtimeSession:
        """Give what happened so far; the lock is held by the caller."""
        return RealtimeSession(
            id=self.config.get("id", ""),
            model=self.config.get("model", ""),
            headers=self._headers,
            received=tuple(self._received),
            sent=tuple(self._sent),
            items=tuple(item.whole() for item in self.conversation.items),
            ended=self._ended,
        )

    # --- beginning and end -------------------------------------------------------------------------

    def _begin(self, query: Mapping[str, str]) -> None:
        now = self._stage.now()
        refused = refusal_of_entry(query, self._headers, self._stage.models, now)
        if refused is not None:
            refusal, code = refused
            self._refuse(refusal, None)
            self._ending = Close(code, ".".join(filter(None, (refusal.type, refusal.code))))
            return
        self._expires = now + timedelta(minutes=MINUTES)
        self._conversation_id = self._stage.names.make("conv_", 21)
        self.config = first_config(self._stage.names.make("sess_", 21), query["model"], int(self._expires.timestamp()))
        self._say("session.created", session=self.config)

    def _expire(self) -> None:
        if self._ending is None and self._stage.now() >= self._expires:
            self._refuse(EXPIRED, None)
            self._ending = Close(_GOING_AWAY, EXPIRED.message)

    def _say(self, kind: str, **fields: Any) -> None:
        self._tell({"type": kind, **fields})

    def _tell(self, event: Json) -> None:
        self._outbox.append({"type": event["type"], "event_id": self._stage.names.make("event_", 21), **event})

    def _sending(self) -> str | Cut:
        if self._breaks_in is None and self._stage.user.breaks:
            self._breaks_in = self._stage.user.breaks.popleft()
        if self._breaks_in is not None and self._breaks_in <= 0:
            self._outbox.clear()
            self._ending = Cut()
            return self._ending
        if self._breaks_in is not None:
            self._breaks_in -= 1
        event = self._outbox.popleft()
        self._sent.append(event)
        return json.dumps(event)

    def _refuse(self, refusal: ApiRefusal, event: Json | None) -> None:
        given = event.get("event_id") if event is not None else None
        error = {
            "type": refusal.type,
            "code": refusal.code,
            "message": refusal.message,
            "param": refusal.param,
            "event_id": given if isinstance(given, str) else None,
        }
        self._say("error", error=error)

    # --- the events of the client ------------------------------------------------------------------

    def _read(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self._refuse(NO_TEXT, None)
            return
        try:
            event = json.loads(message)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            self._refuse(NO_JSON, None)
            return
        self._received.append(event)
        refusal = next(event_refusals(event, self), None)
        if refusal is not None:
            self._refuse(refusal, event)
        else:
            self._handlers[event["type"]](event)

    def _update(self, event: Json) -> None:
        before = self.config
        self.config = updated_config(before, event["session"])
        if any(self.config[key] != before[key] for key in ("instructions", "tools")):
            self._cacheable = NOTHING
        self._say("session.updated", session=self.config)

    def _create(self, event: Json) -> None:
        names, after = self._stage.names, event.get("previous_item_id")
        if after is not None and after != self.conversation.last:
            self._cacheable = NOTHING
        self._add(item_of(event["item"], names.make("item_", 21), names.make("call_", 16)), after)

    def _add(self, item: Item, after: str | None = None) -> None:
        previous = self.conversation.add(item, after)
        for kind in ("conversation.item.added", "conversation.item.done"):
            self._say(kind, previous_item_id=previous, item=item.body)

    def _delete(self, event: Json) -> None:
        self._cacheable = NOTHING
        self.conversation.remove(event["item_id"])
        self._say("conversation.item.deleted", item_id=event["item_id"])

    def _retrieve(self, event: Json) -> None:
        self._say("conversation.item.retrieved", item=self.conversation[event["item_id"]].whole())

    def _truncate(self, event: Json) -> None:
        item, index, end = self.conversation[event["item_id"]], event["content_index"], event["audio_end_ms"]
        self._cacheable = NOTHING
        item.sound[index] = item.sound[index][: end * BYTES_A_SECOND // 1_000 // 2 * 2]
        item.change_part(index, transcript="")
        self._say("conversation.item.truncated", item_id=item.id, content_index=index, audio_end_ms=end)

    # --- what the user says ------------------------------------------------------------------------

    @property
    def _turn_detection(self) -> Json | None:
        given: Json | None = self.config["audio"]["input"]["turn_detection"]
        return given

    def _append(self, event: Json) -> None:
        self._detect_start()
        if self.ear.write(base64.b64decode(event["audio"])):
            self._detect_stop()

    def _detect_start(self) -> None:
        """Begin to listen when the script says that the user speaks, or an interruption has already begun."""
        spoken_to = self._stage.user.heard or self.ear.utterance is not None
        if self._turn_detection is None or self.ear.heard is not None or not spoken_to:
            return
        if self.ear.utterance is None:
            self._speech_started(self._turn_detection)
        self.ear.listen(self._next_heard())

    def _speech_started(self, turns: Json) -> None:
        item_id = self._stage.names.make("item_", 21)
        start = self.ear.begin(item_id, turns.get("prefix_padding_ms", 0))
        self._say("input_audio_buffer.speech_started", audio_start_ms=start, item_id=item_id)
        if self.active is not None and turns["interrupt_response"]:
            self._cancel_active(self.active, "turn_detected")

    def _detect_stop(self) -> None:
        end, item_id = self.ear.milliseconds, self.ear.utterance
        self._say("input_audio_buffer.speech_stopped", audio_end_ms=end, item_id=item_id)
        self._commit({})
        if not (self._turn_detection or {}).get("create_response"):
            return
        if self.active is None:
            self._respond({})
        else:
            self._waiting = True

    def _next_heard(self) -> Heard:
        queue = self._stage.user.heard
        return queue.popleft() if queue else Heard(f"Words {len(self.conversation.items) + 1}.")

    def _commit(self, event: Json) -> None:
        """Make an item of the buffer, and have it transcribed when the session wants that."""
        del event
        heard = self.ear.heard or self._next_heard()
        item = heard_item(self.ear.utterance or self._stage.names.make("item_", 21), bytes(self.ear.sound))
        self.ear.forget()
        self._say("input_audio_buffer.committed", previous_item_id=self.conversation.last, item_id=item.id)
        self._add(item)
        model = (self.config["audio"]["input"]["transcription"] or {}).get("model")
        if model is not None:
            self._late.append((heard.arrives, transcription_events(item, heard.text, model)))
            self._deliver("at_once")

    def _clear(self, event: Json) -> None:
        del event
        self.ear.forget()
        self._say("input_audio_buffer.cleared")

    def _deliver(self, *when: str) -> None:
        """Send the transcriptions that arrive now."""
        now = [events for arrives, events in self._late if arrives in when]
        self._late = [one for one in self._late if one[0] not in when]
        for event in (event for events in now for event in events):
            if "transcript" in event and event["item_id"] in self.conversation:
                self.conversation[event["item_id"]].change_part(0, transcript=event["transcript"])
            self._tell(event)

    # --- responses ---------------------------------------------------------------------------------

    def _ask(self, event: Json) -> None:
        self._respond(event.get("response") or {})

    def _respond(self, asked: Json) -> None:
        fault = self._stage.script.next_fault()
        if isinstance(fault, Break):
            until = len(self._outbox) + fault.chunks
            self._breaks_in = until if self._breaks_in is None else min(until, self._breaks_in)
            if not (fault.after or fault.chunks):
                self._ending = Cut()
                return
        aside = asked.get("conversation") == "none"
        shown = shown_response(self._stage.names, None if aside else self._conversation_id, self.config, asked)
        if isinstance(fault, Failure):
            plan = Plan(shown, (), failure=fault.refusal)
        else:
            saying = self._stage.script.next_saying() or Saying()
            plan = plan_of(saying, shown, asked, self, self._stage.names, NOTHING if aside else self._cacheable)
        if aside:
            for event in Response(plan, None).rest():
                self._tell(event)
        else:
            self.active = Response(plan, self.conversation)
            self._hold = self._stage.holds.popleft() if self._stage.holds else None

    def _go_on(self) -> None:
        """Take the next event of the response that is in progress, unless it is held."""
        response = self.active
        if response is None or self._stands_still(response):
            return
        event = response.take()
        self._tell(event)
        self._deliver("during")
        self.spoke = self.spoke or event["type"] == "response.output_audio.delta"
        if response.done:
            self._finish(response)
        elif (turns := self._turn_detection) is not None and self._is_interrupted(response):
            self._stage.user.interruptions.popleft()
            self._speech_started(turns)

    def _stands_still(self, response: Response) -> bool:
        if self._hold is not None and self._hold.released:
            self._hold = None
        return self._hold is not None and response.taken >= self._hold.after

    def _is_interrupted(self, response: Response) -> bool:
        queue = self._stage.user.interruptions
        return bool(queue) and self.ear.utterance is None and response.chunks >= queue[0]

    def _finish(self, response: Response) -> None:
        self.active = self._hold = None
        self._cacheable = response.context
        limit = {"name": "tokens", "limit": _LIMIT, "remaining": _LIMIT - response.context.total, "reset_seconds": 0.001}
        self._say("rate_limits.updated", rate_limits=[limit])
        self._deliver("during", "after")
        if self._waiting:
            self._waiting = False
            self._respond({})

    def _cancel(self, event: Json) -> None:
        del event
        if self.active is not None:
            self._cancel_active(self.active, "client_cancelled")

    def _cancel_active(self, response: Response, reason: str) -> None:
        for event in response.cancel(reason):
            self._tell(event)
        self._finish(response)
