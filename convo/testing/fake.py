"""The fake API: it judges requests, answers them, remembers what it gave out, and shows what it received."""

from __future__ import annotations

import threading
from collections import deque
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import attrs

from convo.testing.answers import answer_to
from convo.testing.asked import Asked, IssuedAudio, Origin
from convo.testing.clock import FixedClock, aware
from convo.testing.completions_kept import COMPLETIONS, KeptCompletions
from convo.testing.hold import Hold
from convo.testing.models import models_with
from convo.testing.names import Names
from convo.testing.optional import needs_testing_extra
from convo.testing.realtime import Talk
from convo.testing.realtime_script import Heard, UserScript
from convo.testing.realtime_stage import RealtimeSession, Stage
from convo.testing.refusals import ApiRefusal
from convo.testing.responses_endpoint import RESPONSES, ResponsesEndpoint
from convo.testing.script import Break, Failure, Saying, Script, usual_error
from convo.testing.shape import StreamShape
from convo.testing.speech import Voicing, refusal_of_speech, shown, spoken
from convo.testing.transcription import TRANSLATIONS, Hearing, Translating, form_body, refusal_of_recording, transcription
from convo.testing.verdict import refusal_of
from convo.testing.wire import Call, Given, Wire, key_refusal, no_such_url, parsed, refused, usual_headers, wire_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from openai import AsyncOpenAI, OpenAI
    from starlette.applications import Starlette

    from convo.testing.asked import Json
    from convo.testing.models import ModelKind
    from convo.testing.realtime_script import Arrival
    from convo.testing.script import ToolCall

_ORGANIZATION = "org-fake"
_TRANSCRIPTIONS = "/v1/audio/transcriptions"
_SPEECH = "/v1/audio/speech"


@attrs.frozen
class Received:
    """A request that the fake received, and what it gave.

    `body` is the parsed JSON, empty when there was none; of a form it holds the fields, and in the place of the file its
    `filename`, `type`, `size` and `sha256`. `status` is None when the connection broke before the request
    was looked at; `response` is the body of the answer, of a stream what its chunks add up to, of speech its `type`, `size`
    and `sha256`; `dropped` tells that the caller did not get all of it.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: Json
    status: int | None
    response: Json | None
    dropped: bool = False


class FakeAPI:
    """A stateful fake of the OpenAI API: Chat Completions, Responses, both as streams too, Realtime, and its audio endpoints.

    Those transcribe, translate and speak. It accepts what the API accepts and refuses the rest with the API's words. Audio is
    real sound whose ids it remembers and forgets, by `clock`, after `audio_lifetime`; responses are kept for thirty days, and
    chat completions that were asked for with `store=True` for ever.
    Nothing is random: the same calls get the same answers.
    Use it in-process through `client()` and `async_client()`, over HTTP through `serve()`, or mount `asgi()`. Realtime needs
    a WebSocket, and so one of the latter two.

    Without a `clock` it is the first of November 2026 for ever: give it the clock of your store, or the system's.
    `models` adds names, as in `{"gpt-audio-2": "audio", "gpt-7": "reasoning", "gpt-realtime-3": "realtime"}`. Fakes with
    different `seed`s give out different ids.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] | None = None,
        audio_lifetime: timedelta = timedelta(seconds=3600),
        models: Mapping[str, ModelKind] | None = None,
        seed: str = "",
    ) -> None:
        self._clock = clock or FixedClock()
        self._lifetime = audio_lifetime
        self._models = dict(models or {})
        self._names = Names(seed)
        self._script = Script()
        self._holds: deque[Hold] = deque()
        self._responses = ResponsesEndpoint(self._models, self._names)
        self._completions = KeptCompletions()
        self._audio: dict[str, IssuedAudio] = {}
        self._transcripts: dict[str, str] = {}
        self._translations: dict[str, str] = {}
        self._received: list[Received] = []
        self._lock = threading.Lock()
        self._answers: Mapping[str, Callable[[Call, Json, datetime], Given]] = {
            COMPLETIONS: self._completion,
            RESPONSES: self._response,
            _TRANSCRIPTIONS: self._transcription,
            TRANSLATIONS: self._translation,
            _SPEECH: self._speech,
        }
        self._user = UserScript()
        self._talks: list[Talk] = []
        self._stage = Stage(
            self._clock, self._names, self._script, self._user, self._holds, MappingProxyType(self._models), self._lock
        )

    # --- ways in -----------------------------------------------------------------------------------

    def client(self, **options: Any) -> OpenAI:
        """Give an OpenAI client that talks to this fake without a socket; `options` are the client's own.

        Unless given: the key is "test-key", the base URL "http://fake.test/v1", and nothing is retried.
        """
        with needs_testing_extra("FakeAPI.client()"):
            from convo.testing.inprocess import sync_client
        return sync_client(self.answer, options)

    def async_client(self, **options: Any) -> AsyncOpenAI:
        """Give what `client` gives, for asyncio."""
        with needs_testing_extra("FakeAPI.async_client()"):
            from convo.testing.inprocess import async_client
        return async_client(self.answer, options)

    def serve(self, host: str = "127.0.0.1", port: int = 0) -> AbstractContextManager[str]:
        """Serve the fake over HTTP until the block ends: `with fake.serve() as base_url`. Port 0 is any free one."""
        with needs_testing_extra("FakeAPI.serve()"):
            from convo.testing.serve import serving
        return serving(self.answer, self.talk, host, port)

    def asgi(self) -> Starlette:
        """Give the fake as an ASGI application, to mount or to serve elsewhere.

        A connection that is to break then raises `ConnectionResetError` in the application.
        """
        with needs_testing_extra("FakeAPI.asgi()"):
            from convo.testing.app import application
        return application(self.answer, self.talk)

    # --- what it shall do --------------------------------------------------------------------------

    def will_reply(
        self,
        text: str | None = None,
        *,
        spoken: bool | None = None,
        tool_calls: Sequence[ToolCall] = (),
        refusal: str | None = None,
        finish_reason: str | None = None,
        content: str | None = None,
        usage: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
        stream: StreamShape | None = None,
        reasoning: str | None = None,
        phase: Literal["commentary", "final_answer"] | None = None,
        output: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """Queue what the next request for a chat completion or a response is answered, once one is accepted.

        `text` is spoken when audio was asked for, unless `spoken` is False; `content` is written in any case.
        `tool_calls` are `(name, arguments)`, `(name, arguments, id)`, or the API's objects, custom tools among them.
        `usage` replaces keys of the usage that is counted; `extra` adds fields to the message that no client knows yet.
        `stream` says in which shape the answer goes when a stream is asked for.

        For responses alone: `reasoning` is thought before by a model that reasons, and told where a summary was asked for;
        `phase` is that of the message; `output` are all items, raw, in the place of everything else that is said. There a
        `finish_reason` of `"length"` or `"content_filter"` makes the response incomplete, and `"failed"` failed.
        """
        saying = Saying(
            text=text,
            spoken=spoken is not False,
            tool_calls=tuple(tool_calls),
            refusal=refusal,
            finish_reason=finish_reason,
            content=content,
            usage=dict(usage or {}),
            extra=dict(extra or {}),
            stream=stream or StreamShape(),
            reasoning=reasoning,
            phase=phase,
            output=None if output is None else tuple(output),
        )
        with self._lock:
            self._script.add(saying)

    def will_transcribe(self, text: str, *, data: bytes | None = None) -> None:
        """Queue what is heard in the next recording that is accepted, "" for silence; with `data`, whenever these bytes come.

        What was queued comes first. Without either, the text names the bytes.
        """
        with self._lock:
            if data is None:
                self._script.add(Hearing(text))
            else:
                self._transcripts[sha256(data).hexdigest()] = text

    def will_translate(self, text: str, *, data: bytes | None = None) -> None:
        """Queue what the next recording to translate says in English, "" for silence; with `data`, whenever these bytes come.

        What was queued comes first. Without either, the text names the bytes.
        """
        with self._lock:
            if data is None:
                self._script.add(Translating(text))
            else:
                self._translations[sha256(data).hexdigest()] = text

    def will_speak(self, data: bytes) -> None:
        """Queue the bytes that the next text is spoken in, whatever they are; of themselves they are sound of its length."""
        with self._lock:
            self._script.add(Voicing(data))

    def will_fail(
        self,
        status: int,
        *,
        code: str | None = None,
        type: str | None = None,  # noqa: A002 - the API's name
        message: str | None = None,
        param: str | None = None,
        times: int = 1,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Queue an error for the next `times` requests, good or bad; what is not given is as usual for the status.

        Requests are those to chat, to respond, to transcribe and to speak, whichever comes. What is queued after a reply, a
        transcript or a speech waits until that was given: `will_reply("Yes.", spoken=False)` and then this lets the speech
        of it fail.
        """
        usual = usual_error(status, code)
        error = ApiRefusal(status, message or usual.message, type or usual.type, param or usual.param, usual.code)
        with self._lock:
            self._script.add(Failure(error, {key.lower(): value for key, value in (headers or {}).items()}), times)

    def will_hear(self, text: str | None, *, appends: int = 1, arrives: Arrival = "at_once") -> None:
        """Queue what the user of a Realtime session says next; None is said so that it cannot be transcribed.

        Where the session detects turns, the next `appends` events with sound are these words, and all other sound is
        silence; where it does not, they are what is committed next. The transcription `arrives` before, during or after
        the response that follows: the API promises no order.
        """
        with self._lock:
            self._user.heard.append(Heard(text, appends, arrives))

    def will_interrupt(self, after: int = 1) -> None:
        """Queue that the user of a Realtime session, which detects turns, begins to speak in the midst of a response.

        That is once `after` chunks of its sound, or of its text, were sent; a response that has fewer is not interrupted.
        What the user then says comes with the next event with sound.
        """
        with self._lock:
            self._user.interruptions.append(after)

    def will_drop(
        self, times: int = 1, *, after: bool = False, chunks: int = 0, inside: bool = False, events: int | None = None
    ) -> None:
        """Queue a broken connection for the next `times` requests, to chat, to respond, to transcribe, to translate or to speak.

        It breaks before the request is looked at; with `after`, once it was answered, and the answer is lost; with
        `chunks`, once so many chunks of a stream have arrived; with `inside`, in the middle of the next one: of its
        base64, or of the bytes of its first character beyond ASCII.

        In a Realtime session the next response is the request, and its chunks are its events, which break whole. With
        `events`, the next session that speaks breaks after so many events of whatever kind.
        """
        with self._lock:
            if events is not None:
                self._user.breaks.extend([events] * times)
            else:
                self._script.add(Break(after=after, chunks=chunks, inside=inside), times)

    def hold(self, after: int = 0) -> Hold:
        """Hold the next chat answer or response once `after` of its chunks were taken, until the test calls `release()`.

        It needs no sleeping: `wait_until_held()` tells when the caller stands before the next chunk. It works for
        streams and other answers, in every client, and over HTTP, where it ends when the caller goes away. Of a Realtime
        response the chunks are its events, and while it is held the session hears what its client sends.
        """
        hold = Hold(after)
        with self._lock:
            self._holds.append(hold)
        return hold

    def revoke(self, audio_id: str) -> None:
        """Forget one audio id before its time; an unknown one is a `KeyError`."""
        with self._lock:
            self._audio[audio_id] = attrs.evolve(self._audio[audio_id], revoked=True)

    def revoke_all(self) -> None:
        """Forget all audio ids that were given out so far."""
        with self._lock:
            self._audio = {audio_id: attrs.evolve(audio, revoked=True) for audio_id, audio in self._audio.items()}

    def forget_response(self, response_id: str) -> None:
        """Forget a response and the ids of its items before their time; an unknown one is a `KeyError`."""
        with self._lock:
            self._responses.kept.forget(response_id)

    # --- what it saw -------------------------------------------------------------------------------

    @property
    def received(self) -> list[Received]:
        """All requests so far, oldest first."""
        with self._lock:
            return list(self._received)

    @property
    def last(self) -> Received:
        """The newest request; a `LookupError` when there was none."""
        received = self.received
        if not received:
            message = "the fake has received no request yet"
            raise LookupError(message)
        return received[-1]

    @property
    def audio_ids(self) -> Mapping[str, IssuedAudio]:
        """All audio ids that were given out, also those that expired or were revoked."""
        with self._lock:
            return MappingProxyType(dict(self._audio))

    @property
    def sessions(self) -> list[RealtimeSession]:
        """All Realtime sessions so far, oldest first, as they are now. Look once the server has answered."""
        with self._lock:
            return [talk.record() for talk in self._talks]

    @property
    def received_events(self) -> list[Json]:
        """All events that clients sent in Realtime sessions, one session after the other."""
        return [event for session in self.sessions for event in session.received]

    # --- the exchange ------------------------------------------------------------------------------

    def answer(self, call: Call) -> Wire:
        """Answer one HTTP request. The ways in all end here, and it may be called from any thread."""
        with self._lock:
            now = aware(self._clock(), "the fake's clock").astimezone(UTC)
            body = form_body(call) if call.path in (_TRANSCRIPTIONS, TRANSLATIONS) else parsed(call.raw)
            given = self._given(call, body, now)
            self._received.append(_received(call, body, given))
            return wire_of(given, usual_headers(call, self._names.make("req_", 32), now, _ORGANIZATION))

    def talk(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Talk:
        """Begin a Realtime session. The ways in all end here, and it may be called from any thread."""
        talk = Talk(self._stage, query, headers)
        with self._lock:
            self._talks.append(talk)
        return talk

    def _given(self, call: Call, body: Json | ApiRefusal, now: datetime) -> Given:
        refusal = key_refusal(call)
        if refusal is not None:
            return refused(refusal)
        if (call.method, call.path) == ("GET", "/v1/models"):
            return Given(200, self._model_list(now))
        answer = self._answers.get(call.path) if call.method == "POST" else None
        if answer is not None:
            return self._unless_fault(answer, call, body, now)
        if call.path == COMPLETIONS or call.path.startswith(f"{COMPLETIONS}/"):
            return self._completions.given(call, _origin(call))
        if call.path.startswith(f"{RESPONSES}/"):
            return self._responses.stored(call, _origin(call), now)
        return refused(no_such_url(call))

    def _unless_fault(
        self, answer: Callable[[Call, Json, datetime], Given], call: Call, body: Json | ApiRefusal, now: datetime
    ) -> Given:
        """Answer a request, unless a fault was queued that comes first."""
        fault = self._script.next_fault()
        if isinstance(fault, Failure):
            return refused(fault.refusal, fault.headers)
        if fault is not None and not (fault.after or fault.chunks or fault.inside):
            return Given(None, None, arrives=0)
        given = refused(body) if isinstance(body, ApiRefusal) else answer(call, body, now)
        return given if fault is None else attrs.evolve(given, arrives=fault.chunks, inside=fault.inside)

    def _completion(self, call: Call, body: Json, now: datetime) -> Given:
        origin = _origin(call)
        refusal = refusal_of(body, now=now, audio=self._audio, origin=origin, models=self._models)
        if refusal is not None:
            return refused(refusal)
        asked = Asked(body, models_with(self._models), self._audio, origin, now)
        saying = self._script.next_saying() or Saying()
        answer = answer_to(asked, saying, self._names, self._lifetime)
        self._audio.update(answer.issued)
        self._completions.add(body, answer.body, origin)
        include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        return Given(
            200, answer.body, stream=bool(body.get("stream")), include_usage=include_usage,
            shape=saying.stream, hold=self._holds.popleft() if self._holds else None,
        )  # fmt: skip

    def _response(self, call: Call, body: Json, now: datetime) -> Given:
        given = self._responses.create(_origin(call), body, now, self._script.next_saying)
        held = given.status == HTTPStatus.OK and self._holds
        return attrs.evolve(given, hold=self._holds.popleft()) if held else given

    def _transcription(self, call: Call, body: Json, now: datetime) -> Given:
        if (refusal := refusal_of_recording(call, now)) is not None:
            return refused(refusal)
        queued = self._script.next_of(Hearing)
        text = queued.text if queued is not None else self._transcripts.get(body["file"]["sha256"])
        return Given(200, transcription(call, text))

    def _translation(self, call: Call, body: Json, now: datetime) -> Given:
        if (refusal := refusal_of_recording(call, now)) is not None:
            return refused(refusal)
        queued = self._script.next_of(Translating)
        text = queued.text if queued is not None else self._translations.get(body["file"]["sha256"])
        return Given(200, transcription(call, text))

    def _speech(self, call: Call, body: Json, now: datetime) -> Given:
        del call
        if (refusal := refusal_of_speech(body, now)) is not None:
            return refused(refusal)
        queued = self._script.next_of(Voicing)
        data = spoken(body) if queued is None else queued.data
        answer = shown(data, body)
        return Given(200, answer, {"content-type": answer["type"]}, data=data)

    def _model_list(self, now: datetime) -> Json:
        names = (name for name, model in models_with(self._models).items() if not model.gone(now))
        data = [{"id": name, "object": "model", "created": 1_735_689_600, "owned_by": "openai"} for name in names]
        return {"object": "list", "data": data}


def _origin(call: Call) -> Origin:
    return Origin(call.headers.get("openai-organization", ""), call.headers.get("openai-project", ""))


def _received(call: Call, body: Json | ApiRefusal, given: Given) -> Received:
    return Received(
        method=call.method,
        path=call.path,
        headers=MappingProxyType(dict(call.headers)),
        body={} if isinstance(body, ApiRefusal) else body,
        status=given.status,
        response=given.body,
        dropped=given.dropped,
    )
