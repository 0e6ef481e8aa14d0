"""How each message is sent, and why: reference, transcript, inline audio, text, repaired or omitted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import attrs

from convo.assembly.chat import chat_calls, chat_content, short_id
from convo.errors import TranscriptMissing, UnsupportedMedia
from convo.origin import Origin
from convo.times import from_micros

if TYPE_CHECKING:
    from convo.assembly.repair import Step
    from convo.assembly.target import Target
    from convo.memory import Memory
    from convo.messages import Media, Message
    from convo.policy import Policy

How = Literal["reference", "transcript", "inline", "text", "repaired", "omitted"]
Wire = dict[str, Any] | None
Rendered = tuple[Wire, How, str]

REASONS = {
    "": "as it is stored",
    "valid": "its id is valid at this API until {expires:%H:%M:%S}",
    "expired": "its id expired at {expires:%Y-%m-%d %H:%M:%S}",
    "no expiry": "the API gave no usable expiry with its id",
    "flipped": "ids of its age went as transcripts before",
    "refused": "the API refused its id, or one of its age, before its time",
    "origin": "its id was issued by another API ({origin})",
    "no origin": "whose API is asked is not known: pass client= or origin=",
    "family": "its id belongs to another model ({model})",
    "text model": "the model takes no audio",
    "policy": "the policy asks for transcripts",
    "interrupted": "the reply was interrupted: this is what was received",
    "calls": "it also asks for tools, which no reference carries",
    "content": "it also holds text, which no reference carries",
    "inline": "the API has no other way to hear a user's recording",
    "empty": "there is nothing in it",
    "no transcript": "it has no transcript",
    "media": "the model takes no {kind}",
    "superseded": "newer instructions are in force",
}


@attrs.frozen
class Scene:
    """What decides about a rendering, besides the message: all that is the same for every message of a request.

    `cutoff` is in microseconds since 1970: a reference must be valid for longer. `open_from` is the position
    at which the turn to answer begins.
    """

    target: Target
    policy: Policy
    memory: Memory
    cutoff: int
    takes_audio: bool
    open_from: int
    _same_origin: dict[str, bool] = attrs.field(factory=dict, eq=False, repr=False)
    _families: dict[str, bool] = attrs.field(factory=dict, eq=False, repr=False)

    @classmethod
    def of(cls, target: Target, policy: Policy, memory: Memory, now: int, open_from: int) -> Scene:
        """Set the scene for a request at `now` (microseconds)."""
        margin = policy.margin // timedelta(microseconds=1) + abs(memory.skew) * 1_000_000
        return cls(target, policy, memory, now + margin, target.takes_audio, open_from)

    def why_no_reference(self, message: Message, family_of: Any) -> str:
        """Give the reason not to send the id of a spoken reply, "" when it may be sent."""
        if not self.takes_audio:
            return "text model"
        if message.audio_expires is None:
            return "no expiry"
        if not self._is_same_origin(message.audio_origin):
            return "origin" if self.target.origin else "no origin"
        if not self._is_same_family(message.model, family_of):
            return "family"
        return self._why_too_old(message.audio_expires) or ("" if self.policy.references else "policy")

    def _why_too_old(self, expires: int) -> str:
        if expires <= self.memory.refused_through:
            return "refused"
        if expires <= self.cutoff:
            return "expired"
        return "flipped" if expires <= self.memory.expired_through else ""

    def _is_same_origin(self, origin: str | None) -> bool:
        if origin is None or not self.target.origin:
            return False
        known = self._same_origin.get(origin)
        if known is None:
            known = self._same_origin[origin] = Origin.parse(origin).may_be(Origin.parse(self.target.origin))
        return known

    def _is_same_family(self, model: str | None, family_of: Any) -> bool:
        if model is None:
            return False
        known = self._families.get(model)
        if known is None:
            known = self._families[model] = family_of(model) == self.target.model.family
        return known


def rendered(step: Step, scene: Scene, family_of: Any) -> Rendered:
    """Give a message as it is sent (None: not at all), how, and the key of the reason in `REASONS`.

    Raises `TranscriptMissing` and `UnsupportedMedia` where the policy wants an error.
    """
    role = step.message.role
    if step.repair:
        return {**step.body, "tool_call_id": short_id(step.body["tool_call_id"])}, "repaired", step.repair
    if role == "assistant":
        return _assistant(step, scene, family_of)
    if role == "user" and step.message.pieces:
        return _user_media(step, scene)
    return _plain(role, step.body)


def _plain(role: str, body: dict[str, Any]) -> Rendered:
    if role == "user" and len(body) == 2 and isinstance(body.get("content"), str) and body["content"]:  # noqa: PLR2004 - role and content
        return body, "text", ""
    content = chat_content(body.get("content"))
    if not content and role != "tool":
        return None, "omitted", "empty"
    wire: dict[str, Any] = {"role": role, "content": "" if content is None else content}
    if "name" in body and role != "tool":
        wire["name"] = body["name"]
    if role == "tool":
        wire["tool_call_id"] = short_id(body["tool_call_id"])
    return wire, "text", ""


def _assistant(step: Step, scene: Scene, family_of: Any) -> Rendered:
    body, message = step.body, step.message
    content = chat_content(body.get("content"))
    calls = [] if message.status == "interrupted" else chat_calls(body.get("tool_calls"))
    audio = body.get("audio")
    if not isinstance(audio, dict):
        return _written(body, content, calls, message)
    why = _why_spoken_as_text(message, content, calls) or scene.why_no_reference(message, family_of)
    if not why:
        return {"role": "assistant", "audio": {"id": message.audio_id}}, "reference", "valid"
    said = audio.get("transcript")
    text = said if isinstance(said, str) else _instead_of_transcript(message, scene, why, has_more=bool(content or calls))
    wire, how, reason = _written(body, _joined(content, text), calls, message)
    return (wire, "transcript", why) if wire is not None else (wire, how, reason)


def _why_spoken_as_text(message: Message, content: object, calls: list[dict[str, Any]]) -> str:
    if message.status == "interrupted":
        return "interrupted"
    if message.audio_id is None:
        return "no expiry"
    if calls:
        return "calls"
    return "content" if content else ""


def _instead_of_transcript(message: Message, scene: Scene, why: str, *, has_more: bool) -> str:
    if has_more or scene.policy.missing_transcript == "omit":
        return ""
    if scene.policy.missing_transcript == "error":
        raise TranscriptMissing(message.position, sentence(why, message))
    return scene.policy.placeholder


def _joined(content: Any, said: str) -> Any:
    if not content:
        return said
    if not said:
        return content
    return f"{content}\n{said}" if isinstance(content, str) else [*content, {"type": "text", "text": said}]


def _written(body: dict[str, Any], content: Any, calls: list[dict[str, Any]], message: Message) -> Rendered:
    wire: dict[str, Any] = {"role": "assistant"}
    if content:
        wire["content"] = content
    if calls:
        wire["tool_calls"] = calls
    for key in ("refusal", "function_call"):
        if body.get(key):
            wire[key] = body[key]
    if len(wire) == 1:
        return None, "omitted", "empty"
    if body.get("name"):
        wire["name"] = body["name"]
    return wire, "text", "interrupted" if message.status == "interrupted" else ""


def _user_media(step: Step, scene: Scene) -> Rendered:
    pieces = {piece.part: piece for piece in step.message.media}
    how: How = "text"
    reason = ""
    parts = []
    for index, part in enumerate(step.body["content"]):
        if index not in pieces:
            parts.append((part, "text", ""))
        elif pieces[index].kind == "audio":
            parts.append(_recording(part, pieces[index], step.message, scene))
        else:
            parts.append(_picture(part, pieces[index], step.message, scene))
    for _, part_how, part_reason in parts:
        if part_how != "text":
            how, reason = part_how, part_reason  # type: ignore[assignment]
    content = chat_content([part for part, _, _ in parts if part is not None])
    if not content:
        return None, "omitted", reason or "empty"
    wire = {"role": "user", "content": content}
    if "name" in step.body:
        wire["name"] = step.body["name"]
    return wire, how, reason


def _recording(part: dict[str, Any], piece: Media, message: Message, scene: Scene) -> tuple[dict[str, Any] | None, How, str]:
    wanted = scene.policy.user_audio == "inline" or not piece.transcript
    if scene.takes_audio and wanted:
        return part, "inline", "inline"
    why = "policy" if scene.takes_audio else "text model"
    text = piece.transcript or _instead_of_transcript(message, scene, why, has_more=False)
    if not text:
        return None, "omitted", "no transcript"
    return {"type": "text", "text": text}, "transcript", why


def _picture(part: dict[str, Any], piece: Media, message: Message, scene: Scene) -> tuple[dict[str, Any] | None, How, str]:
    if piece.kind != "image" or scene.target.model.images is not False:
        return part, "inline", ""
    if message.position >= scene.open_from:
        raise UnsupportedMedia(scene.target.model.name, piece.kind, message.position)
    return {"type": "text", "text": "[image]"}, "omitted", "media"


def sentence(reason: str, message: Message) -> str:
    """Give the reason of a rendering in words; a repair's reason is a sentence already."""
    if reason not in REASONS:
        return reason
    expires = from_micros(message.audio_expires) if message.audio_expires is not None else None
    facts = {
        "expires": expires,
        "origin": message.audio_origin or "unknown",
        "model": message.model or "unknown",
        "kind": "image",
    }
    return REASONS[reason].format(**facts)
