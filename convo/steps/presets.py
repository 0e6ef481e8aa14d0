"""Steps on presets: kept, listed, and put into the arguments of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.checks import check_type
from convo.errors import InputError
from convo.presets import Preset, check_name
from convo.steps.effects import read, write
from convo.store import presets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convo.steps.effects import Steps
    from convo.steps.place import Tools


def save(tools: Tools, owner: str, preset: Preset) -> Steps[None]:
    """Keep a preset; one of the same name is replaced."""
    tools.check_writable()
    check_type(preset, Preset, "save_preset()", "a convo.Preset")
    yield from write(presets.put, owner, preset, tools.now())


def listed(owner: str | None) -> Steps[list[Preset]]:
    """Give the presets of an owner, by name."""
    return (yield from read(presets.every, _owner(owner)))


def one(owner: str | None, name: str) -> Steps[Preset]:
    """Give one preset. Raises `PresetNotFound`."""
    return (yield from read(presets.get, _owner(owner), check_name(name)))


def delete(tools: Tools, owner: str, name: str) -> Steps[None]:
    """Forget a preset. Raises `PresetNotFound`."""
    tools.check_writable()
    yield from write(presets.delete, owner, check_name(name))


def _owner(owner: str | None) -> str:
    if owner is None:
        reason = "presets belong to an owner: use store.owned_by(owner)"
        raise InputError(reason)
    return owner


def preset_of(owner: str, preset: Preset | str | None) -> Steps[Preset | None]:
    """Give the preset that a call names; a `Preset` is one already. Raises `PresetNotFound`."""
    if preset is None or isinstance(preset, Preset):
        return preset
    check_type(preset, str, "preset", "the name of a preset, or a convo.Preset")
    return (yield from read(presets.get, owner, check_name(preset)))


def with_preset(arguments: Mapping[str, Any], preset: Preset | None) -> Mapping[str, Any]:
    """Give the arguments of a call with what a preset adds. Raises `InputError` for what is no preset."""
    if preset is None:
        return arguments
    check_type(preset, Preset, "preset", "the name of a preset, or a convo.Preset")
    return preset.arguments(arguments)
