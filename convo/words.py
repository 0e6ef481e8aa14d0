"""The words of a text, and what a search asks for. Both databases index these words, so that both find the same.

A word is a run of letters, marks and digits, without regard to case or to how its characters are composed; diacritics
count. Scripts that put no spaces between words (Chinese, Japanese, Thai, Lao, Burmese, Khmer), and emoji, give a word
for each character. So any part of what they write is found, as a phrase.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import attrs

from convo.checks import check_type
from convo.errors import TooLarge

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_QUERY = 1_000
"""Characters of a search."""
MAX_TEXT = 100_000
"""Characters of a message, after normalisation, that are looked at: at most 400 KB, and a tsvector holds 1 MB."""
MAX_WORDS = 16_000
"""Words of a message that are indexed: PostgreSQL knows 16,383 places in a text."""
MAX_WORD = 100
"""Characters of a word by which it is known; longer ones are equal when their beginnings are."""

_ALONE = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2600, 0x27BF), (0x2E80, 0x2FDF), (0x3005, 0x3007),
    (0x3040, 0x312F), (0x31A0, 0x31BF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF),
    (0x1F000, 0x1FAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
"""Blocks of which each character is a word: Thai, Lao; Burmese; Khmer; symbols; radicals to kana; ideographs; emoji."""
_TERM = re.compile(r'"([^"]*)"(\*?)|([^\s"]+)')
_QUOTES = str.maketrans("\u201c\u201d\u201e\u201f", '""""')


class _Characters(dict[int, str]):
    """What becomes of a character: itself, nothing, a space, or itself between spaces."""

    def __missing__(self, code: int) -> str:
        found = self[code] = _place(code)
        return found


def _place(code: int) -> str:
    character = chr(code)
    category = unicodedata.category(character)
    if any(first <= code <= last for first, last in _ALONE) and category[0] in "LMNS" and category != "Sk":
        return f" {character} "
    if category == "Cf" or 0xFE00 <= code <= 0xFE0F:  # noqa: PLR2004 - variation selectors; Cf are hyphens and joiners unseen
        return " " if character == "\u200b" else ""
    return character if category[0] in "LMN" else " "


_CHARACTERS = _Characters()


def _normal(text: str) -> str:
    return text.casefold() if text.isascii() else unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def words_of(text: str) -> list[str]:
    """Give the words of a text in order, at most `MAX_WORDS`, in the form in which they are indexed and compared."""
    plain = _normal(text[:MAX_TEXT])[:MAX_TEXT].translate(_CHARACTERS)
    return [word[:MAX_WORD] for word in plain.split(None, MAX_WORDS)[:MAX_WORDS]]


def placed_words(text: str) -> Iterator[tuple[str, int]]:
    """Give the words of a text, each with the index of the character of `text` where it begins."""
    pieces = [_normal(character).translate(_CHARACTERS) for character in text[:MAX_TEXT]]
    plain = "".join(pieces)
    origin = [index for index, piece in enumerate(pieces) for _ in piece]
    for found in re.finditer(r"[^ ]+", plain):
        yield found.group()[:MAX_WORD], origin[found.start()]


@attrs.frozen
class Term:
    """Words that follow one another; with `prefix` the last one may go on."""

    words: tuple[str, ...]
    prefix: bool = False


def parse(text: str) -> tuple[Term, ...]:
    """Give the terms of a search, all of which a message must hold.

    Terms are parted by spaces; in double quotes they are a phrase; a star at the end stands for any ending. What is
    written without spaces but holds several words, `gpt-4.1`, is a phrase too. Everything else is no word and is not
    looked for; there may be no term at all. Raises `InputError` for something that is no text, `TooLarge`.
    """
    check_type(text, str, "search()", "text to look for")
    if len(text) > MAX_QUERY:
        raise TooLarge("the text to search for", len(text), MAX_QUERY, "characters")
    terms = []
    for phrase, star, plain in _TERM.findall(_normal(text).translate(_QUOTES)):
        words = words_of(phrase or plain)
        if words:
            terms.append(Term(tuple(words), prefix=bool(star) or (phrase or plain).endswith("*")))
    return tuple(dict.fromkeys(terms))
