"""Cache breakpoints: where a prefix ends that many requests share, said to the models that take it. Pure.

After the instructions and the summary the prefix is marked wherever it is long enough to be cached: it outlasts windows
that move and ids that expire. The API marks the end of a request itself, unless the caller asks for
`prompt_cache_options={"mode": "explicit"}`: then each message of a user is marked, and stays so, for a mark that came and
went would change what was sent before. The API writes the latest four and looks at the latest eighty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convo.assembly.estimate import CHARACTERS_A_TOKEN
from convo.assembly.horizon import CACHE_MINIMUM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convo.assembly.target import Target

MARK = {"mode": "explicit"}


def with_breakpoints(wires: list[dict[str, Any]], lead: int, target: Target) -> list[dict[str, Any]]:
    """Give the messages of a request, of which the first `lead` come first in all, with their breakpoints."""
    if not target.model.breakpoints:
        return wires
    marked = set()
    characters = sum(len(str(wire.get("content", ""))) for wire in wires[:lead])
    if lead and characters // CHARACTERS_A_TOKEN >= (target.model.cache_minimum or CACHE_MINIMUM):
        marked.add(lead - 1)
    options = target.arguments.get("prompt_cache_options")
    if isinstance(options, dict) and options.get("mode") == "explicit":
        marked |= {index for index, wire in enumerate(wires) if wire["role"] == "user"}
    return [_marked(wire) if index in marked else wire for index, wire in enumerate(wires)]


def _marked(wire: dict[str, Any]) -> dict[str, Any]:
    content = wire["content"]
    parts: Sequence[dict[str, Any]] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return {**wire, "content": [*parts[:-1], {**parts[-1], "prompt_cache_breakpoint": MARK}]}
