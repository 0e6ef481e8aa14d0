"""Text that a terminal only shows: what was stored, or passed, is shown and never obeyed.

A model or a user may write escape sequences, and a terminal would carry them out.
"""

from __future__ import annotations

import re

_FORMULA = "[\t\r\n\0]|[\\s\"']*[=+\\-@\uff1d\uff0b\uff0d\uff20]"
"""How a cell begins that a spreadsheet may take for a formula (OWASP ASVS 1.2.10), in full width too and behind quotes."""
_LAYOUT = "\n\t"
_DIRECTIONS = frozenset("\N{ARABIC LETTER MARK}\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of writing, so that what follows looks like something else."""
_UNSHOWN = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, lone surrogates, and separators that some terminals take for the end of a line."""


def safe(text: str) -> str:
    r"""Give text that a terminal only shows: a control character becomes its escape, such as `\x1b`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) if _is_obeyed(character) else character for character in text)


def cell(text: str) -> str:
    """Give text that a spreadsheet only shows, too: what it may take for a formula begins with an apostrophe."""
    return f"'{safe(text)}" if re.match(_FORMULA, text) else safe(text)


def _is_obeyed(character: str) -> bool:
    import unicodedata

    return character not in _LAYOUT and (unicodedata.category(character) in _UNSHOWN or character in _DIRECTIONS)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
