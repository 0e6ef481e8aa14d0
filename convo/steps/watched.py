"""Steps that are watched: what they do is told to the store's `convo.watching.Watch`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from uuid import UUID

    from convo.steps.effects import Steps
    from convo.steps.ending import Open
    from convo.steps.place import Place, Tools

T = TypeVar("T")


def part(place: Place, name: str, steps: Steps[T]) -> Steps[T]:
    """Do steps as a part of the work that has a name."""
    with place.tools.watch.part(name, place.found.id) as seen:
        result = yield from steps
        seen.gave(result)
        return result


def recorded(place: Place, current: Open, steps: Steps[T]) -> Steps[T]:
    """Do the last steps of an exchange, whose call is over then, whatever they give or raise."""
    place.tools.watch.came(current)
    try:
        result = yield from part(place, "record", steps)
    except GeneratorExit:
        raise
    except BaseException as error:
        place.tools.watch.ended(place, current, None, error)
        raise
    place.tools.watch.ended(place, current, result)
    return result


def called(
    tools: Tools, api: str, model: str, client: Any, conversation: UUID | None, steps: Steps[tuple[T, dict[str, Any]]]
) -> Steps[tuple[T, dict[str, Any]]]:
    """Do steps that call an endpoint for what is no turn, and give what it gave with the row of the call."""
    with tools.watch.call(api, model, client, conversation) as seen:
        result = yield from steps
        seen.gave(result[1])
        return result
