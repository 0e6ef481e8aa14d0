"""Steps on data keys: fetched, unwrapped and made, with no transaction held; wrapped anew; see `convo.sealing`."""

from __future__ import annotations

import inspect
import secrets
from typing import TYPE_CHECKING, Any

from convo.errors import ConvoError, HeldTransaction, InputError, KeyUnavailable
from convo.sealing.cipher import SIZE
from convo.sealing.keyring import Keyring
from convo.steps.effects import call, read, write
from convo.store import keys
from convo.store.keys import Wrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from convo.steps.effects import Steps
    from convo.steps.place import Tools

FIRST = 1 << 30
"""The first number of an owner is one up to this, by chance; the column takes twice as many."""
LOST = "its data key is not there any more, so that nothing can open this: it was destroyed, or is of another database"


def provided(keyring: Keyring, owner: str, number: int | None) -> Steps[None]:
    """Have the data keys of an owner at hand; where there are none, and one is to seal with, make it.

    Raises `KeyUnavailable`, and what is raised by a function of the caller's that has to be awaited.
    """
    try:
        yield from _learned(keyring, owner, number)
    except KeyUnavailable:
        keyring.lost.add((owner, number))
        raise
    keyring.lost.discard((owner, number))


def _learned(keyring: Keyring, owner: str, number: int | None) -> Steps[None]:
    known = yield from read(keys.of_owner, owner)
    if not known and number is None:
        # A number is not used twice: others may have keys at hand that were destroyed.
        known = yield from _made(keyring, owner, 1 + secrets.randbelow(FIRST), keys.begin)
    found = {}
    for one in known:
        found[one.number] = yield from _unwrapped(keyring, one)
    keyring.learn(owner, found)
    if not keyring.has(owner, number):
        raise KeyUnavailable(LOST, "restore the row of convo_owner_key from a backup", owner=owner)


def _made(keyring: Keyring, owner: str, number: int, keep: Callable[..., list[Wrapped]]) -> Steps[list[Wrapped]]:
    """Make a data key; where others were faster, theirs is the one. Gives all that there are."""
    wrapped, name = yield from _wrapped(keyring, owner, secrets.token_bytes(SIZE))
    return (yield from write(keep, Wrapped(owner, number, wrapped, name), keyring.now()))


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


# --- rotation --------------------------------------------------------------------------------------


def rotated(tools: Tools, owner: str | None, *, all_owners: bool, data_keys: bool) -> Steps[int]:
    """Wrap data keys anew; see `Store.rotate_keys`."""
    keyring = keyring_to_write(tools, owner, "rotate_keys()")
    whose = None if all_owners else owner
    count = yield from _wrapped_anew(keyring, whose)
    if data_keys:
        count += yield from _made_anew(keyring, whose)
    return count


def keyring_to_write(tools: Tools, owner: str | None, call_: str) -> Keyring:
    """Give what seals. Raises `InputError` without a cipher, `ReadOnlyView`, and `HeldTransaction`."""
    tools.check_writable()
    if tools.held:
        raise HeldTransaction(call_, "keys are fetched")
    if not isinstance(tools.keys, Keyring) or owner is None:
        reason = f"{call_} needs a store with a cipher; pass cipher="
        raise InputError(reason)
    return tools.keys


def sealed(tools: Tools, owner: str | None) -> Steps[int]:
    """Seal what was written before there was a cipher; see `Store.seal`."""
    keyring_to_write(tools, owner, "seal()")
    from convo.store import resealing, search

    count = 0
    for table in resealing.TABLES:
        while written := (yield from write(resealing.seal, owner or "", table)):
            count += written
    yield from write(search.forget, owner)
    return count


def _wrapped_anew(keyring: Keyring, owner: str | None) -> Steps[int]:
    count, after = 0, None
    while page := (yield from read(keys.stale, owner, keyring.cipher.name, after)):
        for one in page:
            key = yield from _unwrapped(keyring, one)
            wrapped, name = yield from _wrapped(keyring, one.owner, key)
            count += yield from write(keys.rewrap, one, wrapped, name)
            after = one.owner, one.number
        if owner is not None:
            break
    return count


def _made_anew(keyring: Keyring, owner: str | None) -> Steps[int]:
    count, after = 0, None
    while page := ([owner] if owner is not None else (yield from read(keys.owners, after))):
        for one in page:
            known = yield from read(keys.of_owner, one)
            yield from _made(keyring, one, max((key.number for key in known), default=0) + 1, keys.put)
            keyring.forget(one)
            count, after = count + 1, one
        if owner is not None:
            break
    return count
