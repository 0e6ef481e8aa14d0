"""Steps before a model is asked: one that was shut down gives way to its successor or to an error, one that ends soon is told.

What was asked before is not judged again: a request that was assembled while its model lived may still be sent.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs

from convo.errors import ModelEndsSoon, ModelShutDown
from convo.logs import note
from convo.models import name_of

if TYPE_CHECKING:
    from datetime import date

    from convo.assembly.target import Target
    from convo.models import Model
    from convo.policy import Policy
    from convo.steps.place import Tools

LOGGER = logging.getLogger("convo.calls")


def moved_on(tools: Tools, target: Target, policy: Policy) -> Target:
    """Give the target; where its model is shut down and the policy moves on, that of the first successor that lives."""
    used = _used(tools, target.model, policy)
    if used is not target.model:
        note(LOGGER, logging.INFO, "a model is shut down; its successor is asked", model=target.model.name, successor=used.name)
    return target if used is target.model else attrs.evolve(target, model=used, instead_of=target.model)


def check_alive(tools: Tools, model: Model, policy: Policy, api: str = "") -> None:
    """Raise `ModelShutDown` for a model that is shut down; warn, once for each store and model, of one that ends soon.

    A successor is named only where it has the API, if one is given.
    """
    if model.shutdown is None or policy.shut_down == "ignore":
        return
    day = tools.today()
    if model.retired(day):
        raise ModelShutDown(model.name, model.shutdown, name_of(_successor(tools, model, day, api)))
    if model.ends_within(day):
        successor = _successor(tools, model, model.shutdown, api)
        tools.warn(model.name, ModelEndsSoon(model.name, model.shutdown, name_of(successor)))


def alive_name(tools: Tools, name: str, policy: Policy, api: str = "") -> str:
    """Give the model to ask beside a turn, to transcribe or to speak, where this one is named. Raises `ModelShutDown`, warns.

    A successor that is not known to have the `api` is none.
    """
    model = _used(tools, tools.catalogue.lookup(name), policy, api)
    check_alive(tools, model, policy, api)
    return model.name


def _used(tools: Tools, model: Model, policy: Policy, api: str = "") -> Model:
    if policy.shut_down != "successor" or model.shutdown is None:
        return model
    day = tools.today()
    return (_successor(tools, model, day, api) or model) if model.retired(day) else model


def _successor(tools: Tools, model: Model, day: date, api: str) -> Model | None:
    """Give the first successor that lives on a day, None where none is known that has the API."""
    found = tools.catalogue.living(model.name, day)
    return found if found is None or not api or api in (found.apis or api) else None
