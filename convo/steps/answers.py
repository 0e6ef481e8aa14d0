"""How the answer of each API is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from convo.canonical import decode, encode
from convo.intake.reading import read_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convo.assembly.plan import Plan
    from convo.intake.answer import Answer
    from convo.origin import Origin


def read_reply(answer: object, *, asked: Mapping[str, Any], origin: Origin | None, plan: Plan | None) -> Answer:
    """Read an answer of any API; a Response, to which later requests may refer, has in its body a digest of what it answered.

    `plan` is that of the request, where it is known. Raises `AnswerError`.
    """
    found = read_answer(answer, asked=asked, origin=origin)
    if plan is None or found.draft.api != "responses":
        return found
    from convo.assembly.responses import INPUT, input_digest

    body = encode({**decode(found.draft.body), INPUT: input_digest(plan.wires)})
    return attrs.evolve(found, draft=attrs.evolve(found.draft, body=body))
