"""What a call takes and what it gives, text or audio: which of their combinations each API has, as data. Pure.

Images and files go with text. What a model cannot hear goes to it as its transcript, and is text then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from convo.errors import AudioRequired, UnsupportedModality

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

TEXT, AUDIO = "text", "audio"
KINDS = (TEXT, AUDIO)
"""In the order in which they are named."""


def _named(kinds: Collection[str]) -> str:
    known = [kind for kind in KINDS if kind in kinds]
    return " and ".join([*known, *sorted(set(kinds) - set(KINDS))]) or "nothing"


def _kinds(given: Iterable[str]) -> frozenset[str]:
    return frozenset(given)


@attrs.frozen
class Modality:
    """One combination, such as text to text and audio."""

    input: frozenset[str] = attrs.field(converter=_kinds)
    output: frozenset[str] = attrs.field(converter=_kinds)

    @property
    def name(self) -> str:
        """The combination in words: "audio to text and audio"."""
        return f"{_named(self.input)} to {_named(self.output)}"


_BOTH = (TEXT, AUDIO)
WRITTEN = Modality((TEXT,), (TEXT,))
_HEARD = (
    Modality((AUDIO,), (TEXT,)),
    Modality(_BOTH, (TEXT,)),
    Modality((TEXT,), _BOTH),
    Modality((AUDIO,), _BOTH),
    Modality(_BOTH, _BOTH),
)
MATRIX: dict[str, tuple[Modality, ...]] = {
    "chat, audio model": _HEARD,
    "chat, text model": (WRITTEN,),
    "chat, unknown model": (WRITTEN, *_HEARD),
    "responses": (WRITTEN,),
}
"""What each API of turns takes and gives; in Chat Completions it depends on the model. A reply is never audio alone: with it
comes what was said (refused by the API's own words: "Supported values are: ['text'] and ['text', 'audio']"); and a model that
speaks refuses text to text ("requires that either input content or output modality contain audio").
"""


def column_of(api: str, audio: bool | None = None) -> str:  # noqa: FBT001 - what a model says of itself
    """Give the key of an API in `MATRIX`; `audio` says whether the model of Chat Completions takes audio, None: unknown."""
    if api != "chat":
        return api
    return {True: "chat, audio model", False: "chat, text model", None: "chat, unknown model"}[audio]


def check_modality(column: str, model: str, wanted: Modality) -> None:
    """Raise `UnsupportedModality` for a combination that `MATRIX` has not in this column, `AudioRequired` for text alone."""
    allowed = MATRIX[column]
    if wanted not in allowed:
        kind = AudioRequired if wanted == WRITTEN else UnsupportedModality
        raise kind(model, wanted.name, [one.name for one in allowed])
