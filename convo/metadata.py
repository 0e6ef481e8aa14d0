"""Metadata that callers keep with conversations and messages: checked, and as canonical text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from convo.canonical import check_text, check_value, encode
from convo.checks import check_type
from convo.errors import InvalidMetadata

MAX_KEYS = 100
MAX_CHARACTERS = 100_000
MAX_TITLE = 1_000
_KEY = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def encode_metadata(metadata: Mapping[str, Any] | None) -> str | None:
    """Give metadata as canonical text, None for none. Raises `InvalidMetadata`, which names the key."""
    if metadata is not None and not isinstance(metadata, Mapping):
        raise InvalidMetadata(None, f"metadata is of the type {type(metadata).__name__}; pass a dict")
    if not metadata:
        return None
    if len(metadata) > MAX_KEYS:
        raise InvalidMetadata(None, f"metadata has {len(metadata):,} keys; at most {MAX_KEYS} are kept")
    for key, value in metadata.items():
        check_pair(key, value)
    text = encode(dict(metadata))
    if len(text) > MAX_CHARACTERS:
        raise InvalidMetadata(None, f"metadata has {len(text):,} characters as JSON; at most {MAX_CHARACTERS:,} are kept")
    return text


def check_pair(key: object, value: object) -> None:
    """Raise `InvalidMetadata` unless the key is a plain word and the value JSON without NUL."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise InvalidMetadata(key, "a key is 1 to 64 letters, digits, '_', '.' or '-'")
    try:
        check_value(value, f"metadata {key!r}")
    except ValueError as error:
        raise InvalidMetadata(key, str(error)) from error
    if "\\u0000" in encode(value):
        raise InvalidMetadata(key, "a value holds no NUL")


def check_reason(reason: str) -> str:
    """Give the reason of a hold back, or raise `InvalidMetadata`."""
    check_type(reason, str, "hold()", "the reason as text")
    if not reason.strip() or "\0" in reason or len(reason) > MAX_TITLE:
        raise InvalidMetadata(None, f"the reason of a hold is text of 1 to {MAX_TITLE} characters without NUL")
    return check_text(reason, "the reason")


def check_title(title: str | None) -> str | None:
    """Give a title back, or raise `InvalidMetadata`."""
    if title is None:
        return None
    check_type(title, str, "title", "text")
    if "\0" in title or len(title) > MAX_TITLE:
        raise InvalidMetadata(None, f"a title is text of at most {MAX_TITLE} characters without NUL")
    return check_text(title, "the title")
