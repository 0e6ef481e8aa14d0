"""Steps on data keys: fetched, unwrapped and made, with no transaction held; wrapped anew; see `convo.sealing`."""

from __future__ import annotations

import inspect
import secrets
from typing import TYPE_CHECKING, Any

import attrs

from convo.errors import ConvoError, InputError, KeyUnavailable
from convo.sealing.cipher import SIZE
from convo.sealing.keyring import Keyring
from convo.steps.effects import call, read, write
from convo.store import keys
from convo.store.keys import Wrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from convo.steps.effects import Steps
    from convo.steps.place import Tools

MOST_NUMBERS = 1 << 31
LOST = "its data key is not there any more, so that nothing can open this: it was destroyed, or is of another database"


def provided(keyring: Keyring, owner: str, number: int | None) -> Steps[None]:
    """Have the data keys of an owner at hand; where there are none, and one is to seal with, make it.

    Raises `KeyUnavailable`, and what is raised by a function of the caller's that has to be awaited.
    """
    try:
        known = yield from read(keys.of_owner, owner)
        if not known and number is None:
            known = yield from _made(keyring, owner, 1)
        found = {}
        for one in known:
            found[one.number] = yield from _unwrapped(keyring, one)
        keyring.learn(owner, found)
        if not keyring.has(owner, number):
            raise KeyUnavailable(LOST, "restore the row of convo_owner_key from a backup", owner=owner)
    except KeyUnavailable:
        keyring.lost.add((owner, number))
        raise
    keyring.lost.discard((owner, number))


def _made(keyring: Keyring, owner: str, number: int) -> Steps[list[Wrapped]]:
    """Make a data key; where others were faster, theirs is the one. Gives all that there are."""
    wrapped, name = yield from _wrapped(keyring, owner, secrets.token_bytes(SIZE))
    return (yield from write(keys.put, Wrapped(owner, number, wrapped, name), keyring.now()))


def _wrapped(keyring: Keyring, owner: str, key: bytes) -> Steps[tuple[bytes, str]]:
    cipher = keyring.cipher
    wrapped = yield from _asked(cipher.wrapping(), key, owner, "wrap")
    return wrapped, cipher.name


def _unwrapped(keyring: Keyring, one: Wrapped) -> Steps[bytes]:
    key = yield from _asked(keyring.cipher.unwrapping(one.wrapped_by), one.wrapped, one.owner, "unwrap")
    if len(key) != SIZE:
        raise KeyUnavailable(f"unwrap() gave {len(key)} bytes for a data key and not {SIZE}", "look at unwrap", owner=one.owner)
    return key


def _asked(function: Callable[..., Any], value: bytes, owner: str, what: str) -> Steps[bytes]:
    """Ask what wraps or unwraps. What it raises is told by its kind alone: its text may hold what nobody should read."""
    try:
        found = yield from call(function, (value, owner), {})
    except ConvoError:
        raise
    except Exception as error:
        reason = f"its data key cannot be {what}ped ({type(error).__name__})"
        remedy = "is it the key that wrapped it, and does the key service answer?"
        raise KeyUnavailable(reason, remedy, owner=owner) from error
    if inspect.isawaitable(found):
        if inspect.iscoroutine(found):
            found.close()
        raise KeyUnavailable(f"{what}() has to be awaited", "use AsyncStore, or a function that blocks", owner=owner)
    if not isinstance(found, bytes | bytearray | memoryview):
        raise KeyUnavailable(f"{what}() gave a {type(found).__name__} and not bytes", f"look at {what}", owner=owner)
    return bytes(found)
