"""The core of encryption: key files, what is sealed and to what it is bound, and what becomes of it that was changed."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convo
from convo.sealing.form import MAGIC, MARK, OVERHEAD
from convo.sealing.keyring import PLAIN, Keyring, KeysWanted
from tests.support.sealing import KeyService

if TYPE_CHECKING:
    from pathlib import Path

BRANCH, OTHER = UUID(int=1), UUID(int=2)
BODY = "convo_message.body"


def keyring(**owners: dict[int, bytes]) -> Keyring:
    made = Keyring(KeyService().cipher(), lambda: 0)
    for owner, keys in (owners or {"ann": {1: b"a" * 32}, "bob": {1: b"b" * 32}}).items():
        made.learn(owner, keys)
    return made


@given(st.text())
def test_a_text_is_given_back_as_it_was_and_stands_nowhere_in_what_is_stored(text: str) -> None:
    ring = keyring()
    stored = ring.seal_text(BODY, "ann", (BRANCH, 1), text)
    assert ring.open_text(BODY, "ann", (BRANCH, 1), stored) == text
    assert stored.isascii()
    assert len(text) < 8 or text not in stored


@given(st.binary())
def test_bytes_are_given_back_as_they_were_a_fixed_number_longer(data: bytes) -> None:
    ring = keyring()
    stored = ring.seal_bytes("convo_blob_chunk.data", "ann", ("d", 0), data)
    assert ring.open_bytes("convo_blob_chunk.data", "ann", ("d", 0), stored) == data
    assert len(stored) == len(data) + OVERHEAD


@pytest.mark.parametrize(
    ("column", "owner", "keys"),
    [
        ("convo_message.metadata", "ann", (BRANCH, 1)),
        (BODY, "bob", (BRANCH, 1)),
        (BODY, "ann", (OTHER, 1)),
        (BODY, "ann", (BRANCH, 2)),
    ],
)
def test_a_value_opens_nowhere_but_where_it_was_sealed(column: str, owner: str, keys: tuple[object, ...]) -> None:
    ring = keyring(ann={1: b"k" * 32}, bob={1: b"k" * 32})  # the same key, so that only the place tells them apart
    stored = ring.seal_text(BODY, "ann", (BRANCH, 1), "secret words")
    with pytest.raises(convo.SealBroken) as caught:
        ring.open_text(column, owner, keys, stored)
    assert caught.value.owner == owner
    assert caught.value.position == keys[1]
    assert "secret" not in f"{caught.value}{caught.value.__cause__}"


@given(st.data())
def test_a_flipped_bit_is_noticed_wherever_it_is(data: st.DataObject) -> None:
    ring = keyring()
    stored = bytearray(ring.seal_bytes("object", "ann", ("d",), b"some sound"))
    at = data.draw(st.integers(len(MAGIC) + 5, len(stored) - 1))
    stored[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(convo.SealBroken):
        ring.open_bytes("object", "ann", ("d",), bytes(stored))


@pytest.mark.parametrize("damage", ["", "1:", "1", ":", "x:AAAA", "1:!!!!", "1:AAAA", "-1:AAAA", "99999999999999:AAAA", "1:AAA"])
def test_a_seal_that_was_cut_is_broken_and_nothing_else(damage: str) -> None:
    with pytest.raises((convo.SealBroken, KeysWanted)):
        keyring().open_text(BODY, "ann", (BRANCH, 1), f"{MARK}1:{damage}")


def test_a_key_that_is_not_at_hand_is_asked_for_by_its_number() -> None:
    old = keyring(ann={3: b"a" * 32}).seal_text(BODY, "ann", (BRANCH, 1), "x")
    with pytest.raises(KeysWanted) as caught:
        keyring().open_text(BODY, "ann", (BRANCH, 1), old)
    assert (caught.value.owner, caught.value.number) == ("ann", 3)


def test_what_was_sealed_by_an_older_data_key_opens_and_the_newest_seals() -> None:
    ring = keyring(ann={1: b"a" * 32})
    old = ring.seal_text(BODY, "ann", (BRANCH, 1), "old")
    ring.learn("ann", {1: b"a" * 32, 2: b"c" * 32})
    assert ring.open_text(BODY, "ann", (BRANCH, 1), old) == "old"
    assert ring.seal_text(BODY, "ann", (BRANCH, 1), "new").startswith(f"{MARK}1:2:")


def test_the_same_text_is_never_sealed_alike_and_its_digest_is_no_sha256() -> None:
    ring = keyring()
    assert len({ring.seal_text(BODY, "ann", (BRANCH, 1), "yes") for _ in range(100)}) == 100
    assert len({ring.digests("ann", b"d")[0], ring.digests("bob", b"d")[0], b"d"}) == 3


@given(st.text(), st.binary())
def test_without_a_cipher_what_looks_sealed_is_still_what_was_said(text: str, data: bytes) -> None:
    for one in (text, MARK + text, f"{MARK}1:1:{text}", f"{MARK}0:{text}"):
        assert PLAIN.open_text(BODY, "ann", (), PLAIN.seal_text(BODY, "ann", (), one)) == one
        assert keyring().open_text(BODY, "ann", (), PLAIN.seal_text(BODY, "ann", (), one)) == one
    for raw in (data, MAGIC + data, MAGIC + b"\1" + data):
        assert PLAIN.open_bytes(BODY, "ann", (), PLAIN.seal_bytes(BODY, "ann", (), raw)) == raw


def test_without_a_cipher_what_is_sealed_says_what_to_pass() -> None:
    stored = keyring().seal_text(BODY, "ann", (BRANCH, 1), "x")
    with pytest.raises(convo.KeyUnavailable, match="pass cipher="):
        PLAIN.open_text(BODY, "ann", (BRANCH, 1), stored)


# --- key files -------------------------------------------------------------------------------------


def test_a_key_file_is_readable_by_its_owner_alone_and_made_once(tmp_path: Path) -> None:
    path = convo.Cipher.new_key_file(tmp_path / "keys")
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    with pytest.raises(convo.KeyUnavailable, match="already"):
        convo.Cipher.new_key_file(path)
    assert path.read_bytes() == before
    assert convo.Cipher.add_key(path) == "key-2"
    assert path.read_bytes().startswith(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert convo.Cipher.from_file(path).name == "key-2"


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = convo.Cipher.new_key_file(tmp_path / "keys")
    path.chmod(0o644)
    with pytest.raises(convo.KeyUnavailable, match="chmod 600"):
        convo.Cipher.from_file(path)


KEY = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no key"),
        ("# nothing\n\n", "holds no key"),
        (f"{KEY}\n", "line 1"),
        (f"one {KEY}\ntwo {KEY[:-8]}\n", "line 2"),
        (f"one {KEY}\none {KEY}\n", "line 2"),
        (f"one {KEY} more\n", "line 1"),
        (f"o/ne {KEY}\n", "line 1"),
        ("\0\xff\n", "line 1"),
    ],
)
def test_a_key_file_that_is_none_is_told_by_its_line_without_what_stands_there(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text, "latin-1")
    path.chmod(0o600)
    with pytest.raises(convo.KeyUnavailable, match=says) as caught:
        convo.Cipher.from_file(path)
    assert KEY[:8] not in f"{caught.value!r}{caught.value.__cause__!r}{caught.value.__context__!r}"


def test_a_key_file_that_is_not_there_says_how_one_is_made(tmp_path: Path) -> None:
    with pytest.raises(convo.KeyUnavailable, match="new_key_file"):
        convo.Cipher.from_file(tmp_path / "none")
    with pytest.raises(convo.KeyUnavailable):
        convo.Cipher.new_key_file(tmp_path / "no" / "folder")


@pytest.mark.parametrize("name", ["", "a b", "a\n", "ä", "-a", "a" * 65])
def test_names_of_keys_are_short_and_plain(tmp_path: Path, name: str) -> None:
    with pytest.raises(convo.InputError):
        convo.Cipher.new_key_file(tmp_path / "keys", name)
    assert not (tmp_path / "keys").exists()
    path = convo.Cipher.new_key_file(tmp_path / "keys", "one")
    with pytest.raises(convo.InputError):
        convo.Cipher.add_key(path, "one")


def test_a_cipher_shows_no_key_and_is_not_pickled(tmp_path: Path) -> None:
    cipher = convo.Cipher.from_file(convo.Cipher.new_key_file(tmp_path / "keys"))
    assert repr(cipher) == "<Cipher 'key-1'>"
    with pytest.raises(TypeError):
        pickle.dumps(cipher)
    with pytest.raises(convo.InputError):
        convo.Cipher(wrap="x", unwrap=lambda key, owner: key)  # type: ignore[arg-type]
    with pytest.raises(convo.InputError):
        convo.Store("sqlite://", cipher=b"k" * 32)  # type: ignore[arg-type]


def test_nothing_of_cryptography_is_imported_with_convo_and_its_lack_names_the_extra() -> None:
    code = """
import sys, convo
assert not [name for name in sys.modules if name.startswith("cryptography")]
sys.modules["cryptography"] = None
try:
    convo.Cipher(wrap=lambda key, owner: key, unwrap=lambda key, owner: key)
except convo.MissingDependency as error:
    assert error.extra == "crypto"
else:
    raise SystemExit(1)
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ})
