"""A folder and a bucket keep one contract: what they hold is whole, names are ours, errors are convo's, keys are secret."""

from __future__ import annotations

import logging
import os
import pickle
import stat
import subprocess
import sys
import traceback
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

import convo
from convo.blobs.protocol import digest_of, object_name, prefix_of
from convo.blobs.specs import blob_store
from tests.support.bucket import KEYS

if TYPE_CHECKING:
    from pathlib import Path

HOME = "0123456789abcdef"
DATA = bytes(range(256)) * 10_000


@pytest.fixture(params=["folder", "bucket"])
def blobs(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def named(data: bytes = DATA, owner: str = "c-1", once: int = 1) -> str:
    return object_name(HOME, owner, sha256(data).hexdigest(), UUID(int=once))


def test_what_is_put_is_read_listed_and_deleted(blobs: Any) -> None:
    assert list(blobs.objects("")) == []
    name, other = named(), named(b"", "c-2")
    blobs.put(name, DATA)
    blobs.put(other, b"")
    pieces = list(blobs.read(name))
    assert b"".join(pieces) == DATA
    assert len(pieces) > 1
    assert list(blobs.read(other)) == []
    assert (blobs.size(name), blobs.size(other)) == (len(DATA), 0)
    listed = [one for page in blobs.objects("") for one in page]
    assert {one.name: one.size for one in listed} == {name: len(DATA), other: 0}
    assert all(one.written > 1_700_000_000_000_000 for one in listed)
    assert [one.name for page in blobs.objects(prefix_of(HOME, "c-1")) for one in page] == [name]
    blobs.delete(name)
    blobs.delete(name)
    assert blobs.size(name) is None
    with pytest.raises(convo.BlobNotFound, match=sha256(DATA).hexdigest()):
        list(blobs.read(name))


def test_the_same_object_may_be_put_again_after_a_doubtful_try(blobs: Any) -> None:
    blobs.put(named(), DATA)
    blobs.put(named(), DATA)
    assert blobs.size(named()) == len(DATA)


@pytest.mark.parametrize(
    "name",
    [
        "", "a", "../../etc/passwd", "/etc/passwd", "a\0b", named() + "\n", named() + ".part", named().upper(), f"./{named()}",
        named().replace("/", "//"), f"x/{named()}", named()[:-1], "0" * 300,
        f"{'0' * 16}/../{'0' * 64}-{'0' * 16}", None, 3, b"x",
    ],
)  # fmt: skip
def test_no_name_but_ours_reaches_a_store(blobs: Any, name: Any) -> None:
    for use in (lambda: blobs.put(name, b""), lambda: list(blobs.read(name)), lambda: blobs.size(name)):
        with pytest.raises(convo.InputError):
            use()
    if name != named() + ".part":
        with pytest.raises((convo.InputError, AttributeError, TypeError)):
            blobs.delete(name)


def test_names_say_whose_bytes_they_are_and_nothing_else() -> None:
    name = named(owner="../Ünïcode owner\x7f")
    assert name.isascii()
    assert digest_of(name) == sha256(DATA).hexdigest()
    assert len({named(), named(once=2), named(owner="c-2"), named(b"other")}) == 4


# --- folder ----------------------------------------------------------------------------------------


def test_folders_and_files_are_their_users_alone(folder: convo.FolderBlobs, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder.put(named(), DATA)
    finally:
        os.umask(before)
    modes = {path.is_dir(): stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "blobs").rglob("*")}
    assert modes == {True: 0o700, False: 0o600}
    assert stat.S_IMODE((tmp_path / "blobs").stat().st_mode) == 0o700


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_no_link_inside_the_folder_is_followed(folder: convo.FolderBlobs, tmp_path: Path, level: int) -> None:
    name = named()
    outside = tmp_path / "outside"
    (outside / name).parent.mkdir(parents=True)
    (outside / name).write_bytes(DATA)
    parts = name.split("/")
    link = (tmp_path / "blobs").joinpath(*parts[: level + 1])
    link.parent.mkdir(parents=True)
    link.symlink_to(outside.joinpath(*parts[: level + 1]))
    with pytest.raises((convo.BlobStoreFailed, convo.BlobNotFound)):
        list(folder.read(name))
    if level == 3:
        assert list(folder.objects("")) == []
        return
    for use in (lambda: folder.put(named(once=2), b"x"), lambda: list(folder.objects(""))):
        with pytest.raises(convo.BlobStoreFailed, match="holds no links"):
            use()
    assert len(list(outside.rglob("*-*"))) == 1


def test_a_link_where_a_file_is_to_be_written_is_not_written_through(folder: convo.FolderBlobs, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    folder.put(named(once=2), DATA)
    link = tmp_path / "blobs" / f"{named()}.part"
    link.symlink_to(victim)
    with pytest.raises(convo.BlobStoreFailed):
        folder.put(named(), DATA)
    assert victim.read_bytes() == b"precious"


def test_the_folder_is_made_inside_one_that_is_there(tmp_path: Path) -> None:
    convo.FolderBlobs(tmp_path / "new").put(named(), DATA)
    missing = convo.FolderBlobs(tmp_path / "a" / "b")
    with pytest.raises(convo.BlobStoreFailed, match="is there, is mounted"):
        missing.put(named(), DATA)
    with pytest.raises(convo.BlobStoreFailed):
        missing.size(named())
    assert list(missing.objects("")) == []


def test_the_working_directory_may_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = convo.FolderBlobs("here")
    monkeypatch.chdir("/")
    store.put(named(), DATA)
    assert (tmp_path / "here").is_dir()


@pytest.mark.parametrize("name", ["", "database", "A", "a b", "a/b", "x" * 64, None, 3])
def test_a_name_that_no_row_may_hold_is_refused(name: Any, tmp_path: Path) -> None:
    with pytest.raises(convo.InputError):
        convo.FolderBlobs(tmp_path, name=name)
    with pytest.raises(convo.InputError):
        convo.BucketBlobs("s3://bucket", name=name)


# --- bucket ----------------------------------------------------------------------------------------


def test_no_key_is_shown_anywhere(s3_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    quick: dict[str, Any] = {"retry_config": {"max_retries": 0}, **KEYS}
    shown: list[str] = []
    for options in ({"endpoint": s3_url}, {"endpoint": "http://127.0.0.1:9"}, {"endpoint": s3_url, "wrong": "x"}):
        store = convo.BucketBlobs("s3://not-there", **quick, **options)
        shown += [repr(store), str(store)]
        for use in (lambda: store.put(named(), b""), lambda: store.size(named()), lambda: list(store.objects(""))):  # noqa: B023
            try:
                use()
            except convo.ConvoError as error:
                shown += [repr(error), "".join(traceback.format_exception(error))]
    assert len(shown) > 10
    for secret in (KEYS["secret_access_key"], KEYS["access_key_id"]):
        assert secret not in "".join(shown) + caplog.text


def test_a_bucket_that_is_not_there_is_no_missing_object(s3_url: str) -> None:
    store = convo.BucketBlobs("s3://not-there", endpoint=s3_url, **KEYS)
    for use in (lambda: store.put(named(), b""), lambda: store.size(named()), lambda: list(store.read(named()))):
        with pytest.raises(convo.BlobStoreFailed, match="there is no such bucket"):
            use()


def test_options_that_obstore_does_not_know_are_refused() -> None:
    with pytest.raises(convo.InputError, match="regoin"):
        convo.BucketBlobs("s3://bucket", regoin="eu-west-1").size(named())


@pytest.mark.parametrize(
    "url",
    [
        "",
        "bucket",
        "s3://",
        "file:///etc",
        "memory:///",
        "http://host/x",
        "s3://key:secret@bucket",
        "s3://bucket?region=x",
        3,
        None,
    ],
)
def test_what_is_no_bucket_is_refused(url: Any) -> None:
    with pytest.raises(convo.InputError) as caught:
        convo.BucketBlobs(url)
    assert "secret" not in str(caught.value)


def test_the_keys_of_the_environment_are_used(bucket: convo.BucketBlobs, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(f"AWS_{name.upper()}", value)
    bucket.put(named(), DATA)
    same = convo.BucketBlobs(bucket._url, endpoint=s3_url)
    assert same.size(named()) == len(DATA)


def test_a_bucket_travels_to_another_process_without_its_connections(bucket: convo.BucketBlobs) -> None:
    bucket.put(named(), DATA)
    assert pickle.loads(pickle.dumps(bucket)).size(named()) == len(DATA)


FORKED = """
import os, sys, convo
store = convo.BucketBlobs(sys.argv[1], endpoint=sys.argv[2], access_key_id="a", secret_access_key="b", region="us-east-1")
store.size(sys.argv[3])
child = os.fork()
if child == 0:
    try:
        store.size(sys.argv[3])
    except convo.BlobStoreFailed as error:
        os._exit(7 if "spawn" in str(error) else 8)
    os._exit(9)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_fork_is_told_what_to_do_and_does_not_hang(bucket: convo.BucketBlobs, s3_url: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKED, bucket._url, s3_url, named()]
    assert subprocess.run(command, timeout=60, check=False).returncode == 7


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(convo.MissingDependency, match=r"convo\[s3\]"):
        convo.BucketBlobs("s3://bucket").put(named(), b"")


# --- as text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("folder:/var/blobs", "FolderBlobs('/var/blobs', name='folder')"),
        ("old=folder:/mnt/a b", "FolderBlobs('/mnt/a b', name='old')"),
        ("s3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=eu", "BucketBlobs('s3://bucket/prefix', name='bucket')"),
        ("cold=s3://bucket", "BucketBlobs('s3://bucket', name='cold')"),
        ("gs://bucket/x", "BucketBlobs('gs://bucket/x', name='bucket')"),
    ],
)
def test_a_text_names_a_blob_store(text: str, shown: str) -> None:
    assert repr(blob_store(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "folder:",
        "/var/blobs",
        "database",
        "s3://",
        "ftp://host/x",
        "s3://b?secret_access_key=hush",
        "DB=folder:/x",
        "=folder:/x",
    ],
)
def test_a_text_that_names_none_is_refused(text: str) -> None:
    with pytest.raises(convo.InputError) as caught:
        blob_store(text)
    assert "hush" not in str(caught.value)
