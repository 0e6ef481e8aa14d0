"""A synthetic store for trying analysis: a year of voice and text conversations of some customers, always the same.

What is in it that a year of traffic has: hours and weekdays, growth, models that take over from each other, replies that are cut
short (ever more often), users who come back after the ids of replies have expired, refusals that were mended, failed calls,
tools that make people wait. The bytes of recordings are not there: they count as let go.
"""

from __future__ import annotations

import hashlib
import json
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from convo.canonical import encode
from convo.ids import uuid7
from convo.models import Catalogue
from convo.steps.columns import cost_of
from convo.store.totals import usage_columns
from convo.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

BEGIN = datetime(2025, 11, 1, tzinfo=UTC)
DAYS = 365
OWNERS = (
    "harbour-hotel", "city-clinic", "north-bank", "green-energy", "blue-airline", "book-house", "old-theatre", "fresh-market",
    "lake-school", "fast-parcel", "sun-travel", "red-telecom",
)  # fmt: skip
ORIGIN = "https://api.openai.com/v1"
WHOLE = (1 << 63) - 1
HOURS = (2, 1, 1, 1, 1, 2, 4, 9, 16, 22, 24, 22, 18, 19, 22, 23, 21, 18, 14, 11, 9, 7, 5, 3)
"""How often conversations begin at each hour."""
WEEKDAYS = (11, 11, 10, 10, 10, 5, 4)
VALID = timedelta(hours=1)
"""How long the id of a spoken reply is."""
_SECOND = 1_000_000
_TOOLS = ("find_booking", "opening_hours", "open_ticket", "price_of")
_WORDS = (
    "the a your our this that one time day order room ticket price account flight book table number name letter card bill date "
    "week morning evening please thanks sorry hello yes no good open closed early late new old free full ready possible could "
    "would can will have need want find change cancel book pay send call check tell show help wait come go from to with for on "
    "in at by about and or but because when where how what which today tomorrow Monday Friday again also only still maybe"
).split()
_RARE = tuple(f"{one}{two}" for one in ("mar", "ten", "lo", "vis", "kar", "bel", "dor", "sun") for two in (
    "ton", "ley", "man", "field", "stein", "berg", "wick", "ham", "more", "dale", "gate", "port",
))  # fmt: skip


def sessions(size: int) -> Iterator[tuple[str, int, str]]:
    """Give owners, counts of messages, and sessions with `size` messages in all, or a few more, in the order of their time."""
    catalogue = Catalogue.default()
    rng = random.Random(f"convo {size}")  # noqa: S311 - the same each time is what is wanted
    owners = OWNERS[: max(3, min(len(OWNERS), size // 400))]
    weights = [1 / (place + 1) for place in range(len(owners))]
    written = 0
    while written < size:
        begun = BEGIN + timedelta(days=_day(rng, written / size), seconds=_second(rng))
        (owner,) = rng.choices(owners, weights)
        talk = _Talk(rng, catalogue, owner, begun)
        count = talk.play()
        written += count
        yield owner, count, talk.session()


def _day(rng: random.Random, share: float) -> int:
    """Give a day of the year: they are gone through in order, ever more conversations a day."""
    day = int(DAYS * share**0.7)
    week = day - (BEGIN + timedelta(days=day)).weekday()
    return max(0, min(DAYS - 1, week + rng.choices(range(7), WEEKDAYS)[0]))


def _second(rng: random.Random) -> float:
    (hour,) = rng.choices(range(24), HOURS)
    return hour * 3600 + rng.random() * 3600


class _Talk:
    """A conversation that is being made up; times are in microseconds."""

    def __init__(self, rng: random.Random, catalogue: Catalogue, owner: str, begun: datetime) -> None:
        self._rng, self._catalogue = rng, catalogue
        self._now = int(begun.timestamp()) * _SECOND + rng.randrange(_SECOND)
        self._spoken = rng.random() < 0.4 + 0.35 * (begun - BEGIN).days / DAYS
        self._model = self._model_at((begun - BEGIN).days)
        self._id, self._branch = self._new_id(), self._new_id()
        title = rng.choice(("Booking", "Question", "Complaint", "Change of date", "Price"))
        notes = {
            "channel": rng.choice(("phone", "app", "web")) if self._spoken else rng.choice(("app", "web")),
            "customer": owner,
        }
        self._head = {"id": self._id, "branch": self._branch, "title": title, "created_at": self._now, "metadata": encode(notes)}
        self._replies: list[tuple[int, int]] = []
        """When each spoken reply expires, and its tokens of audio."""
        self._context = 40
        self._turn = 0
        self._messages: list[dict[str, Any]] = []
        self._pieces: list[dict[str, Any]] = []
        self._calls: list[dict[str, Any]] = []

    def _model_at(self, day: int) -> str:
        if not self._spoken:
            return "gpt-5.4-mini" if self._rng.random() < day / DAYS else "gpt-4o-mini"
        if self._rng.random() < 0.25:
            return "gpt-audio-mini"
        return "gpt-audio-1.5" if self._rng.random() < (day - 120) / 120 else "gpt-audio"

    def _new_id(self) -> UUID:
        return uuid7(self._now // 1000, self._rng.getrandbits(74))

    def _text(self, words: int) -> str:
        rng = self._rng
        chosen = [rng.choice(_RARE).title() if rng.random() < 0.06 else rng.choice(_WORDS) for _ in range(max(1, words))]
        text = " ".join(chosen)
        return f"{text[0].upper()}{text[1:]}{rng.choice('..?')}"

    def _wait(self, seconds: float) -> None:
        self._now += int(seconds * _SECOND) + self._rng.randrange(1000)

    # --- what happens ------------------------------------------------------------------------------

    def play(self) -> int:
        """Let it happen; give how many messages it has."""
        rng = self._rng
        self._put("system", {"role": "system", "content": "You help customers. Be brief."}, kind="instructions")
        for turn in range(1 + min(24, int(rng.expovariate(0.28)))):
            self._turn = turn
            if turn:
                self._wait(rng.lognormvariate(2.2, 0.9) if rng.random() < 0.88 else rng.lognormvariate(8.6, 1.0))
            self._ask()
            if rng.random() < 0.16:
                self._call_tool()
            self._answer()
        return len(self._messages)

    def _ask(self) -> None:
        words = max(2, int(self._rng.lognormvariate(2.2, 0.6)))
        text = self._text(words)
        self._context += words * 2
        if not self._spoken:
            self._put("user", {"role": "user", "content": text})
            return
        seconds = round(words / 2.6 + self._rng.random(), 3)
        self._wait(seconds)
        digest = hashlib.sha256(f"{self._id} {len(self._messages)}".encode()).hexdigest()
        part = {"type": "input_audio", "input_audio": {"data": {"$blob": digest}, "format": "wav"}}
        self._put("user", {"role": "user", "content": [part]}, pieces=1)
        self._piece(0, "wav", digest, seconds, text)
        self._context += int(seconds * 10)

    def _call_tool(self) -> None:
        rng = self._rng
        name, call_id = rng.choice(_TOOLS), f"call_{rng.getrandbits(60):x}"
        arguments = json.dumps({"query": self._text(2)})
        call = self._begin()
        self._wait(rng.lognormvariate(-0.1, 0.4))
        called = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
        self._put("assistant", {"role": "assistant", "tool_calls": [called]}, model=self._model, exchange=call["id"])
        self._end(call, words=12, audio=0, reason="tool_calls")
        self._wait(rng.lognormvariate(0.3, 0.7))
        self._put("tool", {"role": "tool", "tool_call_id": call_id, "content": self._text(9)})
        self._context += 30

    def _answer(self) -> None:
        rng = self._rng
        if rng.random() < 0.015:
            failed = self._begin()
            self._wait(rng.lognormvariate(0.6, 0.5))
            failed |= {"status": "failed", "finished_at": self._now, "error": rng.choice(("rate_limit_exceeded", "server_error"))}
        words = max(3, int(rng.lognormvariate(3.0, 0.6)))
        seconds = round(words / 2.7 + rng.random(), 3)
        broken = self._spoken and rng.random() < min(0.4, 0.02 + 0.02 * self._turn)
        if broken:
            share = 0.3 + 0.5 * rng.random()
            words, seconds = max(1, int(words * share)), round(seconds * share, 3)
        call = self._begin()
        slow = {"gpt-audio-mini": 0.55, "gpt-audio": 1.0, "gpt-audio-1.5": 0.75}.get(self._model, 0.5)
        self._wait(slow * rng.lognormvariate(-0.2, 0.45) + 0.04 * call.get("sent_transcripts", 0))
        call["first_byte_at"] = self._now
        self._wait(words / 40 + rng.random() * 0.3)
        status = "interrupted" if broken else "complete"
        if self._spoken:
            self._speak(call, words, seconds, status)
        else:
            body = {"role": "assistant", "content": self._text(words)}
            self._put("assistant", body, model=self._model, status=status, exchange=call["id"], text_tokens=int(words * 1.3))
        self._end(call, words=words, audio=int(seconds * 20) if self._spoken else 0, reason=None if broken else "stop")

    def _speak(self, call: dict[str, Any], words: int, seconds: float, status: str) -> None:
        text, tokens = self._text(words), int(seconds * 20)
        expires = (self._now // _SECOND + int(VALID.total_seconds())) * _SECOND
        digest = hashlib.sha256(f"{self._id} {len(self._messages)}".encode()).hexdigest()
        id_ = f"audio_{self._rng.getrandbits(96):024x}"
        audio = {"id": id_, "data": {"$blob": digest}, "expires_at": expires // _SECOND, "transcript": text}
        more = {
            "audio_id": id_,
            "audio_expires_at": expires,
            "audio_origin": ORIGIN,
            "audio_tokens": tokens,
            "text_tokens": words,
        }
        body = {"role": "assistant", "content": None, "audio": audio}
        self._put("assistant", body, model=self._model, status=status, exchange=call["id"], pieces=1, **more)
        self._piece(-1, "mp3", digest, seconds, text, voice="alloy")
        self._replies.append((expires, tokens))

    # --- rows --------------------------------------------------------------------------------------

    def _put(self, role: str, body: dict[str, Any], **more: Any) -> None:
        row = {
            "branch": self._branch, "position": len(self._messages) + 1, "kind": "message", "role": role, "body": encode(body),
            "status": "complete", "api": "chat", "created_at": self._now, "pinned": False, "pieces": 0, **more,
        }  # fmt: skip
        self._messages.append(row)

    def _piece(self, part: int, format_: str, digest: str, seconds: float, text: str, **more: Any) -> None:
        rate = 24_000
        self._pieces.append(
            {
                "branch": self._branch,
                "position": len(self._messages),
                "part": part,
                "kind": "audio",
                "format": format_,
                "digest": digest,
                "size": int(seconds * (rate * 2 if format_ == "wav" else 4_000)) + 44,
                "duration": seconds,
                "sample_rate": rate,
                "channels": 1,
                "transcript": text,
                "dropped_at": self._now + 30 * 86_400 * _SECOND,
                **more,
            }
        )

    def _begin(self) -> dict[str, Any]:
        """Begin a call, which asks with the messages of a user or of a tool since the last one."""
        head = len(self._messages)
        asked = head if self._messages[-1]["role"] in ("user", "tool") and "exchange" not in self._messages[-1] else head + 1
        valid = [tokens for expires, tokens in self._replies if expires > self._now]
        call: dict[str, Any] = {
            "id": self._new_id(), "conversation": self._id, "branch": self._branch, "status": "done", "attempt": 1, "api": "chat",
            "model": self._model, "answered_by": self._model, "origin": ORIGIN, "asked_first": asked, "asked_last": head,
            "hash": hashlib.sha256(f"{self._id} {len(self._calls)}".encode()).hexdigest(), "seen": head, "started_at": self._now,
            "retries": int(self._rng.random() < 0.02), "recoveries": 0, "asked_speech": self._spoken,
            "sent_references": len(valid), "sent_transcripts": len(self._replies) - len(valid), "saved_tokens": sum(valid),
            "saved_bytes": 200 * sum(valid),
        }  # fmt: skip
        if valid and self._rng.random() < 0.01:
            call |= {"recoveries": 1, "sent_references": 0, "sent_transcripts": len(self._replies), "saved_tokens": 0}
        if asked == head:
            self._messages[-1]["exchange"] = call["id"]
        self._calls.append(call)
        return call

    def _end(self, call: dict[str, Any], *, words: int, audio: int, reason: str | None) -> None:
        heard = sum(tokens for _, tokens in self._replies[:-1]) if call["sent_references"] else 0
        said = int(self._context * 0.25) if self._spoken else 0
        cached = (self._context // 128) * 64 if self._context > 1024 else 0
        usage = Usage(
            input_tokens=self._context + heard + said, output_tokens=words + audio, total_tokens=None, input_text=self._context,
            input_audio=heard + said, input_image=0, input_cached=cached, input_cached_audio=0, output_text=words,
            output_audio=audio, output_reasoning=0,
        )  # fmt: skip
        self._context += int(words * 1.3)
        call |= usage_columns(usage, cost_of(self._catalogue, usage, self._model))
        call |= {"position": len(self._messages), "finished_at": self._now, "spoken": audio > 0, "finish_reason": reason}
        call |= {"voice": "alloy", "format": "mp3"} if audio else {}
        call.setdefault("first_byte_at", self._now - 1000)
        if reason is None:
            call["status"] = "interrupted"

    def session(self) -> str:
        """Give it as the JSON text of a session."""
        branch = {
            "id": self._branch, "conversation": self._id, "head": len(self._messages), "instructions": 1, "attempt": 1,
            "created_at": self._head["created_at"], "state": "shown",
        }  # fmt: skip
        segment = {"branch": self._branch, "first": 1, "last": WHOLE, "source": self._branch}
        calls = [{name: value for name, value in call.items() if value is not None} for call in self._calls]
        rows = {"branches": [branch], "segments": [segment], "messages": self._messages, "attachments": self._pieces}
        whole = {"convo": "session", "version": 1, "conversation": self._head, **rows, "annotations": [], "exchanges": calls}
        return json.dumps({**whole, "memories": [], "blobs": {}}, default=str)
