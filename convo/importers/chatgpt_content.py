"""What a message of ChatGPT's export says, by the type of its content: text, parts, files of the export. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import pybase64

from convo.audio.checks import check_long_enough
from convo.audio.value import Audio
from convo.errors import ConvoError
from convo.extract import MAX_MEDIA
from convo.importers.foreign import Beside, Lost
from convo.importers.reading import text_of
from convo.media import File, Image, image_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from convo.importers.chatgpt_files import Found

    Find = Callable[[str], Found | None]

CARRIED = ("thoughts", "reasoning_recap", "model_editable_context")
"""Types of content that are said to nobody: they stand in the metadata of what follows."""
_INSTRUCTIONS = "user_editable_context"
_TEXTS = ("text", "result", "content", "summary")
"""Keys under which types of content other than `text` have theirs."""
_POINTERS = {
    "image_asset_pointer": "image",
    "audio_asset_pointer": "audio",
    "video_container_asset_pointer": "video",
    "video_asset_pointer": "video",
}
_PDF = "application/pdf"
_TYPES = {
    "pdf": _PDF, "txt": "text/plain", "csv": "text/csv", "md": "text/markdown", "json": "application/json", "html": "text/html",
    "mp4": "video/mp4", "zip": "application/zip",
}  # fmt: skip


@attrs.define
class Said:
    """What a message says. `text` is all of its words, `content` what a user's message holds, in its order.

    `speech` is the sound of a reply, in base64. `beside` are bytes that a message of its role has no place for, `parts` raw
    parts of no known type. `carried` says that it belongs to the message that follows, `instructs` that it is the user's own
    instructions, and `placeholder` what stands for it where it must not be empty.
    """

    text: str = ""
    content: list[object] = attrs.field(factory=list)
    speech: str | None = None
    beside: list[Beside] = attrs.field(factory=list)
    parts: list[Any] = attrs.field(factory=list)
    lost: list[Lost] = attrs.field(factory=list)
    carried: bool = False
    instructs: bool = False
    placeholder: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether it is no message: nothing is said, and there is nothing beside it."""
        return self.carried or not (self.text or self.content or self.beside)

    def say(self, text: str) -> None:
        """Add words."""
        if text:
            self.text = f"{self.text}\n{text}" if self.text else text
            self.content.append(text)


def said_by(content: Mapping[str, Any], raw: Mapping[str, Any], find: Find) -> Said:
    """Give what a message says."""
    kind = str(content.get("content_type") or "")
    author = raw.get("author")
    role = author.get("role") if isinstance(author, Mapping) else None
    if kind == _INSTRUCTIONS:
        about = [text_of(content.get(key)) for key in ("user_profile", "user_instructions")]
        return Said(text="\n\n".join(text for text in about if text), instructs=True)
    if kind in CARRIED:
        return Said(carried=True)
    said = Said()
    parts = content.get("parts")
    if isinstance(parts, list):
        _parts(said, parts, role, find)
    else:
        said.say(_words(content, kind))
    _attachments(said, raw.get("metadata"), role, find)
    if role == "system" and isinstance(metadata := raw.get("metadata"), Mapping) and metadata.get("is_user_system_message"):
        said.instructs = bool(said.text)
    elif said.is_empty and kind not in ("text", "multimodal_text", "code", "") and len(content) > 1:
        said.carried = True
    said.placeholder = f"[{kind or 'nothing'}]"
    return said


def _words(content: Mapping[str, Any], kind: str) -> str:
    """Give the words of content that has no parts."""
    found = next((text for key in _TEXTS if (text := text_of(content.get(key)))), "")
    head = [text_of(content.get(key)) for key in ("title", "url", "name")] if kind not in ("text", "code") else []
    return "\n".join([*(text for text in head if text), found]) if found else ""


# --- parts -----------------------------------------------------------------------------------------


def _parts(said: Said, parts: list[Any], role: object, find: Find) -> None:
    """Take parts in their order; what was transcribed goes with its sound, where that is in the export."""
    spoken = "\n".join(text for part in parts if (text := _transcript(part)))
    heard = any(kind == "audio" and find(pointer) for part in parts for kind, pointer in _pointers(part))
    for part in parts:
        if isinstance(part, str):
            said.say(part)
        elif _transcript(part):
            said.say("" if heard else _transcript(part))
        elif pointers := _pointers(part):
            for kind, pointer in pointers:
                spoken = _asset(said, kind, pointer, role, find, spoken)
        else:
            _other(said, part)


def _transcript(part: object) -> str:
    match part:
        case {"content_type": "audio_transcription", "text": str(text)}:
            return text
    return ""


def _other(said: Said, part: object) -> None:
    match part:
        case {"text": str(text)} if text:
            said.say(text)
        case {"content_type": "audio_transcription"} | None:
            return
        case _:
            kind = str(part.get("content_type")) if isinstance(part, Mapping) else type(part).__name__
            said.parts.append(part)
            said.lost.append(
                Lost("unknown_part", f"a part of the unknown type {kind} says nothing that could be sent; it is in the metadata")
            )


def _pointers(part: object) -> list[tuple[str, str]]:
    """Give the assets that a part points to, each with its kind."""
    match part:
        case {"content_type": "real_time_user_audio_video_asset_pointer"} if isinstance(part, Mapping):
            frames = part.get("frames_asset_pointers")
            inner = [("audio", part.get("audio_asset_pointer")), ("video", part.get("video_container_asset_pointer"))]
            inner += [("image", frame) for frame in frames] if isinstance(frames, list) else []
            return [(kind, pointer) for kind, value in inner if (pointer := _pointer(value))]
        case {"content_type": str(kind), "asset_pointer": str(pointer)} if kind in _POINTERS:
            return [(_POINTERS[kind], pointer)]
    return []


def _pointer(value: object) -> str:
    found = value.get("asset_pointer") if isinstance(value, Mapping) else value
    return found if isinstance(found, str) else ""


# --- files -----------------------------------------------------------------------------------------


def _asset(said: Said, kind: str, pointer: str, role: object, find: Find, spoken: str) -> str:
    """Take what a part points to; give the transcript that is left for the next sound."""
    found = find(pointer)
    if found is None:
        said.lost.append(Lost(f"missing_{kind}", f"the {kind} {pointer} is not in the export, or is too large"))
        if kind != "audio" and role == "user":
            said.say(f"[{kind}]")
        return spoken
    if kind == "audio":
        return _sound(said, found, role, spoken)
    _file(said, found, None, role)
    return spoken


def _sound(said: Said, found: Found, role: object, spoken: str) -> str:
    try:
        audio = Audio.from_bytes(found.data, transcript=spoken or None)
        check_long_enough(audio)
    except ConvoError as error:
        said.lost.append(Lost("damaged_audio", f"{found.name}: {error}"))
        said.say(spoken)
        return ""
    if role == "user":
        said.text = "\n".join(text for text in (said.text, spoken) if text)
        said.content.append(audio)
    elif said.speech is None and len(found.data) <= MAX_MEDIA:
        said.text = "\n".join(text for text in (said.text, spoken) if text)
        said.speech = pybase64.b64encode_as_string(found.data)
    else:
        said.beside.append(Beside("file", f"audio/{audio.format}", found.data))
        said.say(spoken)
    return ""


def _attachments(said: Said, metadata: object, role: object, find: Find) -> None:
    """Take files that a message names in its metadata, but for images, to which its parts point."""
    named = metadata.get("attachments") if isinstance(metadata, Mapping) else None
    for one in named if isinstance(named, list) else []:
        if not isinstance(one, Mapping) or not text_of(one.get("id")):
            continue
        name = text_of(one.get("name")) or one["id"]
        claimed = text_of(one.get("mime_type")) or text_of(one.get("mimeType"))
        if (claimed or "").startswith("image/") and any(isinstance(part, Image) for part in said.content):
            continue
        found = find(one["id"])
        if found is None:
            said.lost.append(Lost("missing_file", f"the file {name} is not in the export, or is too large"))
        else:
            _file(said, attrs.evolve(found, name=name), claimed, role)


def _file(said: Said, found: Found, claimed: str | None, role: object) -> None:
    """Take a file: as a part where a user sent an image or a PDF, else beside the message."""
    try:
        image = image_type(found.data)
    except ConvoError:
        image = None
    kind = image or claimed or _TYPES.get(found.name.rpartition(".")[2].lower(), "application/octet-stream")
    if not found.data or len(found.data) > MAX_MEDIA:
        said.lost.append(Lost("file_size", f"the file {found.name} is empty, or larger than {MAX_MEDIA:,} bytes"))
    elif image and role == "user":
        said.content.append(Image(data=found.data))
    elif kind == _PDF and role == "user":
        said.content.append(File(name=found.name, data=found.data, type=kind))
    else:
        said.beside.append(Beside("image" if image else "file", kind, found.data))
