"""From a history to a request: `plan` decides, `fill` puts the bytes in. Both are pure."""

from convo.assembly.estimate import Estimate
from convo.assembly.fill import as_base64, fill, fill_seeds, whole
from convo.assembly.plan import Plan, plan
from convo.assembly.request import Rendering, Request, Seeds
from convo.assembly.target import Target

__all__ = ["Estimate", "Plan", "Rendering", "Request", "Seeds", "Target", "as_base64", "fill", "fill_seeds", "plan", "whole"]
