"""Steps of a tool turn: the functions of the application answer the model's calls, each result is stored as it comes."""

from __future__ import annotations

from asyncio import CancelledError
from typing import TYPE_CHECKING, Any

from convo.canonical import well_formed
from convo.content import tool_draft
from convo.errors import ExchangeLost
from convo.functions import Outcome, arguments_of, failure_of, unknown_tool
from convo.steps.effects import Lease, call, together, write_one
from convo.store.append import Entry, Guard, append

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from convo.functions import Functions
    from convo.messages import ToolCall
    from convo.steps.effects import Steps
    from convo.steps.place import Place
    from convo.store.exchanges import Begun


def answered_calls(place: Place, begun: Begun, calls: Sequence[ToolCall], functions: Functions) -> Steps[None]:
    """Answer calls, while an exchange is pending that will tell the model the results.

    What a function raises is the result of its call. Raises an `InputError` for an output that is no JSON value,
    `ExchangeLost` when another worker has taken the turn over; a call without a stored result is called again then.
    """
    lease = Lease(place.owner, begun.branch, begun.id, begun.attempt)
    yield from together([_answered(place, begun, one, functions) for one in calls], lease)


def _answered(place: Place, begun: Begun, asked: ToolCall, functions: Functions) -> Steps[None]:
    outcome = yield from _outcome(asked, functions)
    output = well_formed(outcome.output) if isinstance(outcome.output, str) else outcome.output
    (draft,) = place.tools.limits.checked([tool_draft(asked.id, output, error=outcome.error)])
    entry = Entry(
        place.owner, begun.branch, place.tools.now(), (draft,), exchange_id=begun.id, attempt=begun.attempt,
        head=place.head_of(begun.branch),
    )  # fmt: skip
    head = yield from write_one(append, Guard.DURING, entry)
    if head is None:
        raise ExchangeLost(begun.id, "taken over")
    place.moved(head)


def _outcome(asked: ToolCall, functions: Functions) -> Steps[Outcome]:
    function = functions.get(asked.name)
    if function is None:
        return unknown_tool(asked.name)
    value: Any
    try:
        arguments, named = arguments_of(asked, function)
        value = yield from call(function, arguments, named)
    except Exception as error:  # noqa: BLE001 - whatever it is, the model is told of it
        return failure_of(error)
    return Outcome(value)


def called(function: Callable[..., Any], arguments: Sequence[Any], named: Mapping[str, Any]) -> Any:
    """Call a function. What would end a generator or a task around it, and not just the function, is a `RuntimeError`."""
    try:
        return function(*arguments, **named)
    except (StopIteration, GeneratorExit, CancelledError) as error:
        raise misplaced(error) from error


def misplaced(error: BaseException) -> RuntimeError:
    """Give the error for one that a function raised as if it were its caller."""
    return RuntimeError(f"the function raised {type(error).__name__}: {error}")
