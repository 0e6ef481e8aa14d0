"""Steps before a model is asked: one that was shut down gives way to its successor or to an error, one that ends soon is told.

What was asked before is not judged again: a request that was assembled while its model lived may still be sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from convo.errors import ModelEndsSoon, ModelShutDown
from convo.models import name_of

if TYPE_CHECKING:
    from convo.assembly import Target
    from convo.models import Model
    from convo.policy import Policy
    from convo.steps.place import Tools


def moved_on(tools: Tools, target: Target, policy: Policy) -> Target:
    """Give the target; where its model is shut down and the policy moves on, that of the first successor that lives."""
    used = _used(tools, target.model, policy)
    return target if used is target.model else attrs.evolve(target, model=used, instead_of=target.model)


def check_alive(tools: Tools, model: Model, policy: Policy) -> None:
    """Raise `ModelShutDown` for a model that is shut down; warn, once for each store and model, of one that ends soon."""
    if model.shutdown is None or policy.shut_down == "ignore":
        return
    day = tools.today()
    if model.retired(day):
        raise ModelShutDown(model.name, model.shutdown, name_of(tools.catalogue.living(model.name, day)))
    if model.ends_within(day):
        successor = tools.catalogue.living(model.name, model.shutdown)
        tools.warn(model.name, ModelEndsSoon(model.name, model.shutdown, name_of(successor)))


def alive_name(tools: Tools, name: str, policy: Policy) -> str:
    """Give the model to ask beside a turn, to transcribe or to speak, where this one is named. Raises `ModelShutDown`, warns."""
    model = _used(tools, tools.catalogue.lookup(name), policy)
    check_alive(tools, model, policy)
    return model.name


def _used(tools: Tools, model: Model, policy: Policy) -> Model:
    if policy.shut_down != "successor" or model.shutdown is None:
        return model
    day = tools.today()
    return (tools.catalogue.living(model.name, day) or model) if model.retired(day) else model
