"""How each message is sent, and why: reference, transcript, inline audio, text, repaired or omitted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import attrs

from convo.assembly.chat import chat_calls, chat_content, chat_name, function_call, plain_text, short_id
from convo.assembly.recordings import text_of_recording, why_as_text
from convo.assembly.repair import MOVED
from convo.assembly.sound import form_of, in_form, seconds_of
from convo.canonical import well_formed
from convo.errors import MissingDependency, RecordingTooLong, TranscriptMissing, UnsupportedMedia
from convo.origin import Origin
from convo.policy import MARGIN
from convo.times import from_micros

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convo.assembly.target import Target
    from convo.memory import Memory
    from convo.messages import Media, Message
    from convo.policy import Policy

How = Literal["reference", "transcript", "inline", "text", "repaired", "omitted", "reminder", "chained"]
Wire = dict[str, Any] | None
Rendered = tuple[Wire, How, str]

REASONS = {
    "": "as it is stored",
    "valid": "its id is valid at this API until {expires:%H:%M:%S}",
    "expired": "its id expired at {expires:%Y-%m-%d %H:%M:%S}",
    "expiring": "its id expires at {expires:%Y-%m-%d %H:%M:%S}, too soon to be sent",
    "margin": "its id expires at {expires:%Y-%m-%d %H:%M:%S}, and the policy wants a longer margin",
    "no expiry": "the API gave no usable expiry with its id",
    "no id": "it was said in a session, which gives its audio no id",
    "flipped": "ids of its age went as transcripts before",
    "together": "its id expires at {expires:%H:%M:%S}, soon after others that go as transcripts now",
    "refused": "the API refused its id, or one of its age, before its time",
    "origin": "its id was issued by another API ({origin})",
    "no origin": "whose API is asked is not known: pass client= or origin=",
    "family": "its id belongs to another model ({model})",
    "no ids": "its server is not known to take back the ids that it gives",
    "text model": "the model takes no audio",
    "no audio": "this API has no audio",
    "no words": "this API takes text only",
    "no part": "this API takes no such part",
    "chained": "the API has it: it stands behind the Response that is referred to",
    "no references": "this API knows no ids of past audio",
    "samples": "this API takes pcm16 only, and nothing is here to convert it (the extra audio)",
    "items": "as the items that this API gave",
    "in words": "in words: the policy asks for it, or the API did not know its items any more",
    "forgotten": "in words: the API does not keep its items any more",
    "text server": "the server takes no audio",
    "format": "the server takes no recording of its format, and nothing is here to convert it (the extra audio)",
    "too long": "it is longer than a request may hold",
    "not kept": "the store keeps its bytes no longer",
    "policy": "the policy asks for transcripts",
    "older": "it is older than the last {turns}, as the policy wants",
    "older reply": "it is older than the {replies} before, as the policy wants",
    "interrupted": "the reply was interrupted: this is what was received",
    "calls": "it also asks for tools, which no reference carries",
    "content": "it also holds text, which no reference carries",
    "inline": "the API has no other way to hear a user's recording",
    "converted": "the API has no other way to hear a user's recording, and takes its format when converted",
    "empty": "there is nothing in it",
    "cut": "the reply was interrupted before any words of it came",
    MOVED: "it came late, and stands behind its call",
    "no transcript": "it has no transcript",
    "media": "the model takes no image",
    "no images": "the server takes no image",
    "no files": "the server takes no file",
    "redacted": "it was redacted",
    "stands": "it stands for the messages up to {covers}",
    "superseded": "newer instructions are in force",
    "newer": "a newer summary is in force",
    "window": "it is older than what fits",
    "summary": "the summary stands for it",
}
_TELLING = (
    "", "media", "no images", "no files", "no part", "no transcript", "policy", "older", "text model", "text server", "no audio",
    "format", "samples", "too long", "not kept", "inline", "converted",
)  # fmt: skip
"""Reasons of the parts of a user's message, the one that is told last."""
HEARD = ("inline", "converted")
"""Reasons of a message that holds a recording as sound."""
_KINDS = {"image_url": "image", "file": "file"}
"""Parts that not every model or server takes, and for which no text stands."""
_SESSION_IMAGES = ("image/png", "image/jpeg")
_MENDABLE = ("too long", "format", "samples")
"""Reasons of which an error says more than that a transcript is missing."""
_NOTHING_BECAUSE = {"expired": "expired", "interrupted": "cut"}


@attrs.frozen
class Scene:
    """What decides about a rendering, besides the message: all that is the same for every message of a request.

    `now`, `soon` and `cutoff` are in microseconds since 1970: a reference must be valid for longer than the last, which
    is `soon` unless the policy has a longer margin. What expires by `horizon` goes as a transcript for good, a policy's
    wish is not remembered. `open_from` is the position at which the turn to answer begins, `heard_from` that from which
    recordings may be heard, `spoken_from` that from which replies may be references, and `kept` are replies that are
    whatever the policy says.
    """

    target: Target
    policy: Policy
    memory: Memory
    family_of: Callable[[str], str]
    now: int
    soon: int
    cutoff: int
    refers: bool
    open_from: int
    heard_from: int
    spoken_from: int = 0
    kept: frozenset[int] = frozenset()
    horizon: int = 0
    _strangers: dict[tuple[str | None, str | None], str] = attrs.field(factory=dict, eq=False, repr=False)

    @classmethod
    def of(
        cls, target: Target, policy: Policy, memory: Memory, now: int, open_from: int, heard_from: int,
        family_of: Callable[[str], str],
    ) -> Scene:  # fmt: skip
        """Set the scene for a request at `now` (microseconds)."""
        skewed = now + abs(memory.skew) * 1_000_000
        soon, cutoff = (skewed + margin // timedelta(microseconds=1) for margin in (min(policy.margin, MARGIN), policy.margin))
        horizon = memory.expired_through
        return cls(
            target,
            policy,
            memory,
            family_of,
            now,
            soon,
            cutoff,
            target.api == "chat" and target.takes_audio,
            open_from,
            heard_from,
            horizon=horizon,
        )

    def replies(self, messages: Sequence[Message]) -> list[Message]:
        """Give the spoken replies whose ids are good for the target, but for their age and what a policy wants."""
        if not self.refers:
            return []
        return [message for message in messages if message.audio_id and message.audio_expires and not self.strange(message)]

    def why_no_reference(self, message: Message) -> str:
        """Give the reason not to send the id of a spoken reply, "" when it may be sent."""
        if not self.refers:
            return "no references" if self.target.api == "realtime" else self.target.why_deaf
        expires = message.audio_expires
        if expires is None:
            return "no expiry"
        if expires <= self.cutoff:
            return self._why_too_old(expires)
        if why := self.strange(message):
            return why
        if (
            expires > self.horizon
            and expires > self.memory.refused_through
            and self.policy.references
            and message.position >= self.spoken_from
        ):
            return ""
        return self._why_given_up(expires) or self._why_unwanted(message)

    def strange(self, message: Message) -> str:
        """Give the reason why ids of a message are not known to the target, "" when they are."""
        source = (message.audio_origin, message.model)
        strange = self._strangers.get(source)
        if strange is None:
            strange = self._strangers[source] = self._why_strange(*source)
        return strange

    def _why_unwanted(self, message: Message) -> str:
        if message.position in self.kept:
            return ""
        if message.audio_expires is not None and message.audio_expires <= self.horizon:
            return "together"
        if message.position < self.spoken_from:
            return "older reply" if self.policy.reference_turns else "policy"
        return "" if self.policy.references else "policy"

    def _why_strange(self, origin: str | None, model: str | None) -> str:
        if not self.target.origin:
            return "no origin"
        if not self.target.server.references:
            return "no ids"
        if origin is None or not Origin.parse(origin).may_be(Origin.parse(self.target.origin)):
            return "origin"
        return "" if model is not None and self.family_of(model) == self.target.model.family else "family"

    def _why_too_old(self, expires: int) -> str:
        if expires <= self.now:
            return "expired"
        return "expiring" if expires <= self.soon else "margin"

    def _why_given_up(self, expires: int) -> str:
        if expires <= self.memory.refused_through:
            return "refused"
        return "flipped" if expires <= self.memory.expired_through else ""


def rendered(message: Message, body: dict[str, Any], repair: str, scene: Scene) -> Rendered:
    """Give a message as it is sent (None: not at all), how, and the key of the reason in `REASONS`.

    Raises `TranscriptMissing` and `UnsupportedMedia` where the policy wants an error.
    """
    if repair and repair != MOVED:
        return {**body, "tool_call_id": short_id(body["tool_call_id"])}, "repaired", repair
    facts = message.facts
    role, status = facts.role, facts.status
    if status == "redacted" and role != "tool":
        return None, "omitted", "redacted"
    if role == "user":
        return _user(message, body, scene)
    if role == "assistant":
        found = _response(message, body, scene) if facts.api == "responses" else None
        found = (
            found or (_usual_reply(message, body, scene) if status == "complete" else None) or _any_reply(message, body, scene)
        )
        return (well_formed(found[0]), *found[1:]) if message.body[0] == " " else found
    if role == "tool":
        content = chat_content(body.get("content"), "tool") or ""
        return (
            {"role": "tool", "content": content, "tool_call_id": short_id(body["tool_call_id"])},
            "text",
            (repair or ("redacted" if status == "redacted" else "")),
        )
    wire, how, reason = _plain(role, body)
    return (wire, how, "stands") if facts.kind == "summary" else (wire, how, reason)


def _user(message: Message, body: dict[str, Any], scene: Scene) -> Rendered:
    content = body.get("content")
    if content and type(content) is str and len(body) == 2:  # noqa: PLR2004 - role and content: as most are, sent as it is
        return body, "text", ""
    return _user_parts(message, body, scene) if isinstance(content, list) else _plain("user", body)


def _plain(role: str, body: dict[str, Any]) -> Rendered:
    content = chat_content(body.get("content"), role)
    if not content:
        return None, "omitted", "empty"
    if role == "function":
        return {"role": role, "content": plain_text(content), "name": chat_name(str(body.get("name")))}, "text", ""
    return _named({"role": role, "content": content}, body), "text", ""


def _named(wire: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    name = body.get("name")
    return {**wire, "name": name} if name and isinstance(name, str) else wire


def _response(message: Message, body: dict[str, Any], scene: Scene) -> Rendered | None:
    """Give a reply of the Responses API to that API: as the items that it gave, or in words and why; None to any other."""
    if scene.target.api != "responses":
        return None
    from convo.assembly.responses import in_words, replayable

    raw = message.raw
    why = "" if scene.policy.response_items else "in words"
    why = why or scene.strange(message) or ("" if replayable(message, raw, scene.now) else "forgotten")
    if not why:
        return {"role": "assistant", "output": raw["output"]}, "text", "items"
    wire, how, reason = _any_reply(message, body, scene)
    if wire is not None and message.status == "complete" and (plain := in_words(raw["output"])):
        wire = {"role": "assistant", "output": plain}
    return wire, how, reason or why


# --- replies ---------------------------------------------------------------------------------------


def _usual_reply(message: Message, body: dict[str, Any], scene: Scene) -> Rendered | None:
    """What `_any_reply` gives for a whole reply that was only written or only spoken, as most are: in half the time."""
    get = body.get
    content, audio = get("content"), get("audio")
    if get("tool_calls") or get("refusal") or get("function_call"):
        return None
    if audio is None:
        usual = content and type(content) is str and "name" not in body
        return ({"role": "assistant", "content": content}, "text", "") if usual else None
    if content or message.audio_id is None:
        return None
    why = scene.why_no_reference(message)
    if not why:
        return {"role": "assistant", "audio": {"id": message.audio_id}}, "reference", "valid"
    said = audio.get("transcript")
    usual = said and type(said) is str and "name" not in body
    return ({"role": "assistant", "content": said}, "transcript", why) if usual else None


def _any_reply(message: Message, body: dict[str, Any], scene: Scene) -> Rendered:
    content = chat_content(body.get("content"), "assistant")
    beside = _beside(body, message)
    audio = body.get("audio")
    if not isinstance(audio, dict) or not (audio.get("id") or audio.get("data") or audio.get("transcript")):
        return _reply(content, beside, body, "text", "interrupted" if message.status == "interrupted" else "")
    why = _why_spoken_as_text(message, content, beside) or scene.why_no_reference(message)
    if not why:
        return {"role": "assistant", "audio": {"id": message.audio_id}}, "reference", "valid"
    said = audio.get("transcript")
    if not isinstance(said, str):
        said = _instead_of_speech(message, audio, scene, why, has_more=bool(content or beside))
    return _reply(_joined(content, said), beside, body, "transcript", why)


def _beside(body: dict[str, Any], message: Message) -> dict[str, Any]:
    """Give what a reply holds besides what it says."""
    found: dict[str, Any] = {}
    if "tool_calls" in body and message.status == "complete" and (calls := chat_calls(body["tool_calls"])):
        found["tool_calls"] = calls
    if isinstance(refusal := body.get("refusal"), str) and refusal:
        found["refusal"] = refusal
    if "function_call" in body and (call := function_call(body["function_call"])):
        found["function_call"] = call
    return found


def _reply(content: Any, beside: dict[str, Any], body: dict[str, Any], how: How, reason: str) -> Rendered:
    if not content and not beside:
        return None, "omitted", _NOTHING_BECAUSE.get(reason, "empty")
    said = {"content": content} if content else {}
    return _named({"role": "assistant", **said, **beside}, body), how, reason


def _why_spoken_as_text(message: Message, content: object, beside: dict[str, Any]) -> str:
    if message.status == "interrupted":
        return "interrupted"
    if message.audio_id is None:
        return "no id" if message.api == "realtime" else "no expiry"
    if "tool_calls" in beside or "function_call" in beside:
        return "calls"
    return "content" if content or beside else ""


def _instead_of_speech(message: Message, audio: dict[str, Any], scene: Scene, why: str, *, has_more: bool) -> str:
    """Give what stands for speech without a transcript: nothing where nothing arrived, or where the reply says more.

    A reply that was cut off before its words came keeps no turn from being sent, whatever the policy says of recordings.
    """
    interrupted = message.status == "interrupted"
    heard = audio.get("data") or (message.audio_id is not None and not interrupted)
    if has_more or not heard or (interrupted and scene.policy.missing_transcript == "error"):
        return ""
    return _instead_of_transcript(message, scene, why)


def _instead_of_transcript(message: Message, scene: Scene, why: str) -> str:
    wanted = scene.policy.missing_transcript
    if wanted == "error" or (wanted == "transcribe" and message.role == "user"):
        raise TranscriptMissing(message.position, sentence(why, message, scene.policy))
    return "" if wanted == "omit" else scene.policy.placeholder


def _joined(content: Any, said: str) -> Any:
    if not content:
        return said
    if not said:
        return content
    return f"{content}\n{said}" if isinstance(content, str) else [*content, {"type": "text", "text": said}]


def _instead_of_recording(message: Message, piece: Media, scene: Scene, why: str) -> str:
    """Give what stands for a recording without a transcript. One that is not kept keeps no turn from being sent."""
    wanted = scene.policy.missing_transcript
    if piece.dropped is not None and wanted != "omit":
        return scene.policy.placeholder
    if wanted != "error" or why not in _MENDABLE:
        return _instead_of_transcript(message, scene, why)
    if why == "too long":
        raise RecordingTooLong(message.position, seconds_of(piece))
    raise MissingDependency("av", "audio", f"converting the recording of message {message.position}, which is {piece.format},")


# --- messages of users -----------------------------------------------------------------------------


def _user_parts(message: Message, body: dict[str, Any], scene: Scene) -> Rendered:
    pieces = {piece.part: piece for piece in message.media}
    found = [_user_part(part, pieces.get(index), message, scene) for index, part in enumerate(body["content"])]
    _, how, reason = max(found, key=lambda part: (_TELLING.index(part[2]), part[1] == "inline"))
    content = chat_content(
        [part for part, _, _ in found if part is not None], "user", breakpoints=scene.target.model.breakpoints is not False
    )
    if not content:
        return None, "omitted", reason or "empty"
    return _named({"role": "user", "content": content}, body), how, reason


def _user_part(part: dict[str, Any], piece: Media | None, message: Message, scene: Scene) -> Rendered:
    kind = _KINDS.get(part["type"])
    if kind is not None and (why := scene.target.why_not(kind) or _why_no_item(kind, piece, scene)):
        if message.position >= scene.open_from and why != "no part":
            raise UnsupportedMedia(
                scene.target.model.name, kind, message.position, None if why == "media" else scene.target.server.name
            )
        return {"type": "text", "text": f"[{kind}]"}, "text", why
    if piece is None:
        return part, "text", ""
    return _recording(part, piece, message, scene) if piece.kind == "audio" else (part, "inline", "")


def _why_no_item(kind: str, piece: Media | None, scene: Scene) -> str:
    """A session takes images with their bytes only, in two formats."""
    taken = kind != "image" or scene.target.api != "realtime" or (piece is not None and piece.format in _SESSION_IMAGES)
    return "" if taken else "no part"


def _recording(part: dict[str, Any], piece: Media, message: Message, scene: Scene) -> Rendered:
    why = why_as_text(piece, message.position, scene.policy, scene.target, scene.heard_from)
    if not why:
        form = form_of(piece, scene.target)
        return (in_form(part, piece.digest, form), "inline", "converted") if form else (part, "inline", "inline")
    said = text_of_recording(piece, scene.policy)
    if text := _instead_of_recording(message, piece, scene, why) if said is None else said:
        return {"type": "text", "text": text}, "transcript", why
    return None, "text", "no transcript"


def sentence(reason: str, message: Message, policy: Policy) -> str:
    """Give the reason of a rendering in words; a repair's reason is a sentence already."""
    if reason not in REASONS:
        return reason
    expires = from_micros(message.audio_expires) if message.audio_expires is not None else None
    facts = {
        "expires": expires,
        "origin": message.audio_origin or "unknown",
        "model": message.model or "unknown",
        "covers": message.covers,
        "turns": "turn" if policy.user_audio_turns == 1 else f"{policy.user_audio_turns} turns",
        "replies": "turn" if policy.reference_turns == 1 else f"{policy.reference_turns} turns",
    }
    return REASONS[reason].format(**facts)
