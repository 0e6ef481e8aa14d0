"""Arguments of the call in the shape that the model takes: modalities, voice and format, and limits of the API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from convo.assembly.dialect import accepted
from convo.assembly.target import AUDIO_ARGUMENTS
from convo.errors import ConflictingArguments
from convo.modality import AUDIO, TEXT, Modality, check_modality, column_of

if TYPE_CHECKING:
    from convo.assembly.target import Target
    from convo.policy import Policy

FORMATS = ("wav", "aac", "mp3", "flac", "opus", "pcm16")
STREAM_FORMAT = "pcm16"
"""The only format that the API streams."""
MAX_TOOLS = 128
MAX_METADATA = (16, 64, 512)
"""Keys, characters of a key, characters of a value."""
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_OWN = ("model", "messages")
_NEEDS = {"tool_choice": "tools", "parallel_tool_calls": "tools", "stream_options": "stream"}
"""Arguments that the API refuses without another."""


def shaped(target: Target, policy: Policy, *, has_audio: bool) -> tuple[dict[str, Any], list[str]]:
    """Give the arguments beside `model` and `messages`, and notes on what was added or taken out.

    `has_audio` says whether a message holds a recording inline. Raises `ConflictingArguments` for arguments that
    contradict each other or that the API refuses, `AudioRequired` for an audio model without audio anywhere.
    """
    given = dict(target.arguments)
    check_limits(given)
    _check_response_format(given.get("response_format"), target)
    if "prompt_cache_options" in given and target.model.breakpoints is False:
        raise ConflictingArguments(f"{target.model.name} refuses prompt_cache_options; leave it out")
    arguments, notes = _with_or_without_audio(given, target, policy, has_audio=has_audio)
    arguments, left_out = accepted(arguments, target.server)
    return arguments, [*notes_of_move(target), *_unknown(target), *notes, *left_out]


def _unknown(target: Target) -> list[str]:
    """Give the note that says what follows from nothing being known of the server."""
    if target.server.known or not target.origin:
        return []
    where = target.origin.partition(" ")[0]
    return [f"the server at {where} is not known: it gets what every server takes; see Catalogue.with_servers()"]


def notes_of_move(target: Target) -> list[str]:
    """Give the note that says why another model is asked than the one that was asked for."""
    if (asked := target.instead_of) is None:
        return []
    return [f"{asked.name} was shut down on {asked.shutdown}: its successor {target.model.name} is asked instead"]


def _with_or_without_audio(
    given: dict[str, Any], target: Target, policy: Policy, *, has_audio: bool
) -> tuple[dict[str, Any], list[str]]:
    audio = {name: given.pop(name) for name in AUDIO_ARGUMENTS if name in given}
    if not target.takes_audio:
        who = target.server.name if target.why_deaf == "text server" else target.model.name
        return given, [f"{who} takes no audio: {', '.join(audio)} not sent"] if audio else []
    return _with_audio(given, audio, target, policy, has_audio=has_audio)


def _with_audio(
    given: dict[str, Any], audio: dict[str, Any], target: Target, policy: Policy, *, has_audio: bool
) -> tuple[dict[str, Any], list[str]]:
    if "modalities" in audio:
        _check_asked(target, audio["modalities"], has_audio=has_audio)
    wanted = _wanted(audio, stream=bool(given.get("stream")), policy=policy)
    notes = []
    if wanted is None and not has_audio and target.model.audio and target.server.references:
        if "modalities" in audio:
            _check_kinds(target, (TEXT,), has_audio=False)
        wanted = _voice(policy.voice, STREAM_FORMAT if given.get("stream") else policy.format)
        notes.append(f"{target.model.name} refuses a request without audio: a spoken reply is asked for, voice {policy.voice}")
    if wanted is not None:
        return {**given, "modalities": ["text", "audio"], "audio": wanted}, notes
    return ({**given, "modalities": ["text"]} if "modalities" in audio else given), notes


def _check_asked(target: Target, modalities: Any, *, has_audio: bool) -> None:
    """Raise `UnsupportedModality` for an output that no model gives, such as audio without its words."""
    if isinstance(modalities, str) or not isinstance(modalities, Iterable):
        raise ConflictingArguments(f"modalities={modalities!r} is no list; pass ['text'] or ['text', 'audio']")
    asked = list(map(str, modalities))
    if asked != [TEXT]:
        _check_kinds(target, asked, has_audio=has_audio)


def _check_kinds(target: Target, output: Iterable[str], *, has_audio: bool) -> None:
    wanted = Modality([AUDIO if has_audio else TEXT], output)
    check_modality(column_of(target.api, target.model.audio), target.model.name, wanted)


def speech_wanted(target: Target, policy: Policy) -> dict[str, Any] | None:
    """Give the voice and the format in which the caller wants the reply, whatever the model takes; None for text.

    Raises `ConflictingArguments`.
    """
    given = target.arguments
    audio = {name: given[name] for name in AUDIO_ARGUMENTS if name in given}
    return _wanted(audio, stream=bool(given.get("stream")), policy=policy)


def _wanted(audio: Mapping[str, Any], *, stream: bool, policy: Policy) -> dict[str, Any] | None:
    """Give the `audio` argument, None when the caller wants no spoken reply."""
    spoken = audio.get("audio") or {}
    if not isinstance(spoken, Mapping):
        raise ConflictingArguments(f"audio={spoken!r} is no mapping; pass audio={{'voice': ..., 'format': ...}} or voice=")
    for name in ("voice", "format"):
        if name in audio and name in spoken and audio[name] != spoken[name]:
            raise ConflictingArguments(
                f"{name}={audio[name]!r} and audio={{{name!r}: {spoken[name]!r}}} differ; pass one of them"
            )
    modalities = audio.get("modalities")
    asks = any(name in audio for name in ("voice", "format", "audio"))
    if modalities is not None and "audio" not in modalities:
        if asks:
            raise ConflictingArguments(
                f"modalities={list(modalities)} asks for text, voice and format for speech; pass one of them"
            )
        return None
    if not asks and modalities is None:
        return None
    voice = audio.get("voice") or spoken.get("voice") or policy.voice
    format_ = audio.get("format") or spoken.get("format") or (STREAM_FORMAT if stream else policy.format)
    _check_format(format_, stream=stream)
    return {**spoken, **_voice(voice, format_)}


def _voice(voice: Any, format_: str) -> dict[str, Any]:
    from convo.voices import voice_argument

    return {"voice": voice_argument(voice), "format": format_}


def _check_format(format_: Any, *, stream: bool) -> None:
    if format_ not in FORMATS:
        raise ConflictingArguments(f"format={format_!r} is not one that the API speaks; use {', '.join(FORMATS)}")
    if stream and format_ != STREAM_FORMAT:
        raise ConflictingArguments(f"format={format_!r} cannot be streamed; with stream=True the API speaks {STREAM_FORMAT} only")


def check_limits(given: Mapping[str, Any]) -> None:
    """Raise `ConflictingArguments` for what is convo's to assemble, and for what is past the limits of the API."""
    for name in _OWN:
        if name in given:
            raise ConflictingArguments(
                f"{name}= is what convo assembles; pass the model by its own argument and messages by add()"
            )
    if given.get("n", 1) != 1:
        raise ConflictingArguments(f"n={given['n']}: a conversation goes on with one answer; leave n out")
    for name, needed in _NEEDS.items():
        if name in given and not given.get(needed):
            raise ConflictingArguments(f"{name}= needs {needed}=; pass both or neither")
    _check_tools(given.get("tools"))
    _check_metadata(given.get("metadata"))


def _check_response_format(wanted: Any, target: Target) -> None:
    if target.model.structured is False and isinstance(wanted, Mapping) and wanted.get("type") == "json_schema":
        raise ConflictingArguments(f"{target.model.name} gives no structured outputs; leave response_format out")


def _check_tools(tools: Any) -> None:
    if not isinstance(tools, Sequence):
        return
    if len(tools) > MAX_TOOLS:
        raise ConflictingArguments(f"{len(tools)} tools were passed, the API takes {MAX_TOOLS}; pass fewer")
    for tool in tools:
        inner = (tool.get("function") or tool.get("custom")) if isinstance(tool, Mapping) else None
        name = inner.get("name") if isinstance(inner, Mapping) else None
        if isinstance(name, str) and not _TOOL_NAME.fullmatch(name):
            raise ConflictingArguments(
                f"the tool name {name!r} is not one that the API takes; use 1 to 64 letters, digits, '_' or '-'"
            )


def _check_metadata(metadata: Any) -> None:
    if not isinstance(metadata, Mapping):
        return
    keys, key_size, value_size = MAX_METADATA
    long = [key for key, value in metadata.items() if len(str(key)) > key_size or len(str(value)) > value_size]
    if len(metadata) > keys or long:
        raise ConflictingArguments(
            f"the API takes metadata of {keys} keys with {key_size} characters each and {value_size} a value; "
            f"shorten {long or 'it'}"
        )
