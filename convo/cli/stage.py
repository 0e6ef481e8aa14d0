"""What the demo prints: headings, narration, code, requests and replies, at most 100 columns wide where they fit."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING

import click

from convo.escapes import safe

if TYPE_CHECKING:
    from convo.cli.turn import Turn

WIDTH = 98
_INDENT = "    "
_LONGEST_WORD = 100
"""Characters from which on text without a space is taken for bytes in base64."""
_KEPT = 8


def heading(title: str) -> None:
    """Begin an act."""
    click.secho(f"\n\n{title}\n{'-' * len(title)}", bold=True)


def tell(text: str) -> None:
    """Print a paragraph of narration."""
    click.echo(textwrap.fill(safe(text), WIDTH, break_long_words=False, break_on_hyphens=False))


def code(*rows: str) -> None:
    """Print what a program says to do the same."""
    click.echo()
    plain(*(f">>> {row}" for row in rows))


def plain(*rows: str) -> None:
    """Print lines as they are, to be copied."""
    for row in rows:
        click.echo(f"{_INDENT}{safe(row)}")


def body(label: str, sent: object) -> None:
    """Print JSON that went over the wire, long base64 shortened."""
    click.echo(f"\n{label}")
    click.echo(textwrap.indent(safe(laid_out(_shortened(sent))), _INDENT))


def explained(text: str, label: str = "request.explain() says how each message went, and why:") -> None:
    """Print a request's own explanation."""
    click.echo(f"\n{label}")
    plain(*text.split("\n"))


def reply(turn: Turn) -> None:
    """Print what came back."""
    click.echo("\nThe reply:")
    click.echo(textwrap.fill(safe(f'"{turn.text}"'), WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT))
    plain(*turn.facts)


def _shortened(value: object) -> object:
    match value:
        case dict():
            return {key: _shortened(item) for key, item in value.items()}
        case list():
            return [_shortened(item) for item in value]
        case str() if len(value) > _LONGEST_WORD and " " not in value:
            return f"{value[:_KEPT]}...({len(value):,} characters)"
    return value


# --- JSON, laid out --------------------------------------------------------------------------------


def laid_out(value: object, indent: int = 0, taken: int = 0) -> str:
    """Give JSON text in few lines: what fits in one stands in one, and what encloses one thing shares its lines.

    `indent` is that of the lines that follow, `taken` what stands on the first line already.
    """
    whole = _dumped(value)
    if not isinstance(value, dict | list) or not value or _fits(whole, indent + taken):
        return whole
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    items = _items(value)
    *before, (key, last) = items
    head = opening + "".join(f"{name}{_dumped(item)}, " for name, item in before) + key
    if isinstance(last, dict | list) and not _fits(key + _dumped(last), indent + 2) and _fits(head, indent + taken + 1):
        return f"{head}{laid_out(last, indent, taken + len(head))}{closing}"
    rows = ",\n".join(f"{' ' * (indent + 2)}{name}{laid_out(item, indent + 2, len(name))}" for name, item in items)
    return f"{opening}\n{rows}\n{' ' * indent}{closing}"


def _items(value: dict[str, object] | list[object]) -> list[tuple[str, object]]:
    if isinstance(value, dict):
        return [(f"{_dumped(key)}: ", item) for key, item in value.items()]
    return [("", item) for item in value]


def _fits(text: str, indent: int) -> bool:
    return len(text) + indent < WIDTH - len(_INDENT)


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
