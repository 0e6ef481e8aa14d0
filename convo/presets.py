"""Presets: a voice with its format and speed, under a name of the application."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs

from convo.audio.formats import OUTPUT_FORMATS
from convo.canonical import check_text
from convo.checks import check_choice, check_speed, check_type
from convo.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
MAX_VOICE = 255
"""Characters of the name of a voice, or of its id."""


def check_name(name: object) -> str:
    """Give the name of a preset back. Raises `InputError` for what is none."""
    check_type(name, str, "preset", "the name of a preset")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        reason = f"{name!r} is no name of a preset; use 1 to 64 letters, digits, '_', '.' or '-'"
        raise InputError(reason)
    return name


def check_voice(voice: object, name: str) -> None:
    """Raise `InputError` unless `voice` is the name of a voice, or `{"id": ...}` for one of your own."""
    said = voice.get("id") if isinstance(voice, Mapping) and set(voice) == {"id"} else voice
    if not isinstance(said, str) or not 0 < len(said) <= MAX_VOICE or not said.isprintable():
        reason = f"{name} takes the name of a voice such as 'coral', or {{'id': 'voice_...'}} for one of your own, not {voice!r}"
        raise InputError(reason)
    check_text(said, name)


def _checked_name(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    del instance, attribute
    check_name(value)


def _checked_voice(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    del instance, attribute
    check_voice(value, "Preset(voice=)")


def _checked_format(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    del instance, attribute
    if value is not None:
        check_choice(value, OUTPUT_FORMATS, "Preset: format")


def _checked_speed(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    del instance, attribute
    if value is not None:
        check_speed(value, "Preset(speed=)")


def _plain(voice: Any) -> Any:
    return dict(voice) if isinstance(voice, Mapping) else voice


@attrs.frozen
class Preset:
    """How something is said, under a name: kept by `store.save_preset`, used by `preset=` in `send`, `request` and `speak`.

    What a call says itself, such as `voice=` or `format=`, wins over its preset. A stream is pcm16 whatever the preset says.
    """

    name: str = attrs.field(validator=_checked_name)
    """1 to 64 letters, digits, "_", "." or "-"."""
    voice: str | dict[str, str] = attrs.field(validator=_checked_voice, converter=_plain)
    """The name of a voice, or `{"id": ...}` for one of your own."""
    format: str | None = attrs.field(default=None, validator=_checked_format)
    """One of the formats that the API speaks: wav, aac, mp3, flac, opus or pcm16. None: that of the policy."""
    speed: float | None = attrs.field(default=None, validator=_checked_speed)
    """From 0.25 to 4.0, for speech that the Speech API makes; a model that speaks itself has no speed. None: 1.0."""

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Give arguments of a call with what the preset adds to them: a call that asks for text stays as it is."""
        modalities = given.get("modalities")
        if modalities is not None and "audio" not in modalities:
            return dict(given)
        said = given.get("audio")
        own = {"voice": self.voice, "format": None if given.get("stream") else self.format}
        said = said if isinstance(said, Mapping) else {}
        free = [name for name in own if given.get(name) is None and said.get(name) is None]
        return {**given, **{name: own[name] for name in free if own[name] is not None}}
