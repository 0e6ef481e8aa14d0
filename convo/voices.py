"""The built-in voices: what each is like, what it is for, and which APIs have it; read from `voices.toml`. Pure.

A voice is a free text for the API, so nothing is refused here: `check_voice` gives a warning at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args

import attrs

from convo.checks import check_choice, check_type
from convo.entries import document, made, table
from convo.errors import UnknownVoice

if TYPE_CHECKING:
    from convo.entries import Shape
    from convo.models import Model

VoiceUse = Literal["general", "assistant", "support", "business", "education", "storytelling", "announcement", "calm"]
"""What a voice is chosen for, see `recommend_voice`."""
VoiceApi = Literal["chat", "realtime", "speech"]
_CUSTOM = "voice_"
"""How the id of a custom voice begins."""
_TEXT, _LIST = (str,), (list,)
_TOP: Shape = {"sources": (dict,), "voices": (dict,)}
_ENTRY: Shape = {"description": _TEXT, "style": _TEXT, "uses": _LIST, "apis": _LIST, "official": _TEXT, "sources": _LIST}


@attrs.frozen(kw_only=True)
class Voice:
    """One built-in voice."""

    name: str
    description: str
    """What it is like, in convo's words: the API describes none."""
    style: str
    """The same in a word."""
    uses: tuple[VoiceUse, ...] = attrs.field(converter=tuple)
    """What it is for, the best first."""
    apis: tuple[VoiceApi, ...] = attrs.field(converter=tuple)
    """The APIs that have it."""
    official: str | None = None
    """What the API itself says of it, None for nothing."""
    sources: tuple[str, ...] = attrs.field(default=(), converter=tuple)


def _packaged() -> Mapping[str, Voice]:
    where = "voices.toml"
    found = document(resources.files("convo").joinpath(where).read_bytes(), _TOP, where)
    named = found["sources"]
    voices = {}
    for name, entry in found["voices"].items():
        facts = table(entry, _ENTRY, f"{where}, {name!r}")
        sources = [named[source] for source in facts.pop("sources")]
        voices[name] = made(Voice, {"name": name, "sources": sources, **facts}, where)
    return MappingProxyType(voices)


VOICES: Mapping[str, Voice] = _packaged()
"""The built-in voices by name, the recommended ones first."""


def recommend_voice(use: VoiceUse = "general", *, api: VoiceApi | None = None) -> Voice:
    """Give a built-in voice for a use, of those that an API has; the first choice is one that the API recommends, if it fits.

    Raises `InputError` for a use or an API that is none of those above.
    """
    check_choice(use, get_args(VoiceUse), "use")
    if api is not None:
        check_choice(api, get_args(VoiceApi), "api")
    fitting = [voice for voice in VOICES.values() if use in voice.uses and (api is None or api in voice.apis)]
    return min(fitting, key=lambda voice: voice.uses.index(use))


def voice_argument(voice: str | Mapping[str, Any]) -> str | dict[str, Any]:
    """Give a voice as the API takes it: the text `voice_...` is the id of a custom one, `{"id": "voice_..."}`.

    Raises `InputError` for what is neither text nor a mapping.
    """
    if isinstance(voice, str):
        return {"id": voice} if voice.startswith(_CUSTOM) else voice
    check_type(voice, Mapping, "voice", "a name, or the id of a custom voice as {'id': 'voice_...'}")
    return dict(voice)


def voice_name(voice: str | Mapping[str, Any] | None) -> str | None:
    """Give what a voice is stored under: its name, or the id of a custom one."""
    if voice is None or isinstance(voice, str):
        return voice
    found = voice.get("id")
    return found if isinstance(found, str) else None


def check_voice(voice: str | Mapping[str, Any] | None, model: Model) -> UnknownVoice | None:
    """Give a warning about a voice that the model is not known to have.

    None for custom voices, for the voices of the catalogue and those of the model's APIs, and for a model of which nobody
    knows the voices.
    """
    if not isinstance(voice, str) or voice.startswith(_CUSTOM) or not model.known or not model.voices:
        return None
    known = VOICES.get(voice)
    if voice in model.voices or (known is not None and set(known.apis) & set(model.apis)):
        return None
    return UnknownVoice(voice, model.name, model.voices)
