"""A blob store in a bucket of object storage: S3, what speaks its protocol, Google Cloud Storage and Azure."""

from __future__ import annotations

import os
import re
import threading
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from convo.blobs.protocol import PIECE, Stored, check_name, digest_of
from convo.errors import BlobNotFound, BlobStoreFailed, ConvoError, InputError, MissingDependency, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SCHEMES = frozenset({"s3", "s3a", "gs", "az", "azure", "abfs", "abfss"})
CONNECT, TIMEOUT, RETRYING = timedelta(seconds=5), timedelta(seconds=120), timedelta(seconds=20)
"""How long a connection, a whole request, and all tries of one may take, where the options say nothing."""
RETRIES = 4
_STATUS = re.compile(r"status code: (\d{3})")
"""The only place where the library tells the HTTP status of an answer that it has no error for."""
_MAY_PASS = frozenset({408, 425, 429})
_SECRET = re.compile(r"(?i)((?:sig|signature|token|key|secret|credential|password)[\w-]*[\"']?\s*[=:>]\s*[\"']?)[^\s&\"'<>,)]+")
_FIRST_USE: list[int] = []
"""The process whose threads the library has started: they do not come along when it forks."""


class BucketBlobs:
    """Bytes as objects of a bucket, under a prefix: `BucketBlobs("s3://bucket/prefix")`.

    `options` are those of the store of `obstore` (the extra `s3`): `endpoint`, `region`, `access_key_id`,
    `secret_access_key` and many more; also `client_options` and `retry_config`. Without keys those of the environment are
    used, or of the machine. No key is shown anywhere. `name` stands in the database for this bucket. After a fork
    a process cannot use a bucket that its parent has used: let it start afresh (spawn).
    """

    def __init__(self, url: str, name: str = "bucket", **options: Any) -> None:
        parts = urlsplit(str(url))
        if parts.scheme not in SCHEMES or not parts.netloc or parts.query or parts.fragment:
            reason = "BucketBlobs takes s3://bucket/prefix, gs://bucket/prefix or az://account/container; options are keywords"
            raise InputError(reason)
        if parts.username is not None and parts.scheme not in {"abfs", "abfss"}:
            reason = "the URL of a bucket names no user and no key; leave them to the environment, or pass them as options"
            raise InputError(reason)
        self._url = url
        self._name = check_name(name)
        self._options = options
        self._store: Any = None
        self._making = threading.Lock()

    def __repr__(self) -> str:
        """Show where it is, without options: some are secret."""
        return f"BucketBlobs({self._url!r}, name={self._name!r})"

    def __getstate__(self) -> dict[str, Any]:
        """Leave connections behind."""
        return {**vars(self), "_store": None, "_making": None}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Begin without connections."""
        vars(self).update(state, _making=threading.Lock())

    @property
    def name(self) -> str:
        """What stands in the database for this bucket."""
        return self._name

    def put(self, name: str, data: bytes) -> None:
        """Store bytes, all in one request. Raises `StoreUnavailable`, `BlobStoreFailed`, `MissingDependency`."""
        library = _library()
        digest_of(name)
        with self._typed(), suppress(library.exceptions.AlreadyExistsError):  # our own try, whose answer was lost
            library.put(self._opened(), name, data, mode="create", use_multipart=False)

    def read(self, name: str) -> Iterator[bytes]:
        """Give the bytes as they come. Raises `BlobNotFound` and what `put` raises."""
        library = _library()
        digest = digest_of(name)
        with self._typed():
            try:
                pieces = library.get(self._opened(), name).stream(min_chunk_size=PIECE)
            except (library.exceptions.NotFoundError, FileNotFoundError) as error:
                self._check_there()
                raise BlobNotFound(digest) from error
            for piece in pieces:
                yield bytes(piece)

    def size(self, name: str) -> int | None:
        """Give the size of an object, None where there is none. Raises what `put` raises."""
        library = _library()
        digest_of(name)
        with self._typed():
            try:
                return int(library.head(self._opened(), name)["size"])
            except (library.exceptions.NotFoundError, FileNotFoundError):
                self._check_there()
                return None

    def delete(self, name: str) -> None:
        """Delete an object. Raises what `put` raises."""
        library = _library()
        digest_of(name)
        with self._typed(), suppress(library.exceptions.NotFoundError, FileNotFoundError):
            library.delete(self._opened(), name)

    def objects(self, prefix: str) -> Iterator[Sequence[Stored]]:
        """List objects, as many at once as the server gives. Raises what `put` raises."""
        library = _library()
        with self._typed():
            for page in library.list(self._opened(), prefix=prefix or None):
                yield [Stored(one["path"], one["size"], int(one["last_modified"].timestamp() * 1_000_000)) for one in page]

    # --- inside ------------------------------------------------------------------------------------

    def _check_there(self) -> None:
        """Raise an error where it is not the object that is missing, but the bucket."""
        for _ in _library().list(self._opened(), prefix="0", chunk_size=1):
            return

    def _opened(self) -> Any:
        if _FIRST_USE and _FIRST_USE[0] != os.getpid():
            remedy = "its threads are those of the process that forked this one: start workers afresh (spawn)"
            raise BlobStoreFailed(self._place, "a fork", remedy)
        with self._making:
            if self._store is None:
                self._store = self._made()
                _FIRST_USE[:] = _FIRST_USE or [os.getpid()]
        return self._store

    def _made(self) -> Any:
        library = _library()
        options = dict(self._options)
        client = {"connect_timeout": CONNECT, "timeout": TIMEOUT, **options.pop("client_options", {})}
        if str(options.get("endpoint", "")).startswith("http://"):
            client.setdefault("allow_http", True)
        retries = {"max_retries": RETRIES, "retry_timeout": RETRYING, **options.pop("retry_config", {})}
        try:
            return library.store.from_url(self._url, client_options=client, retry_config=retries, **options)
        except (library.exceptions.BaseError, TypeError, ValueError):
            reason = f"obstore does not take the options of {self._place}: one of {', '.join(sorted(self._options)) or 'none'}"
        raise InputError(reason)

    @contextmanager
    def _typed(self) -> Iterator[None]:
        """Turn errors of the library into those of convo, with what may be secret taken out of their text."""
        try:
            yield
        except ConvoError:
            raise
        except (_library().exceptions.BaseError, OSError) as error:
            told = error
        else:
            return
        raise self._error(told) from type(told)(self._scrubbed(told))

    def _error(self, error: Exception) -> ConvoError:
        known = _library().exceptions
        if isinstance(error, known.UnauthenticatedError | known.PermissionDeniedError | PermissionError):
            return BlobStoreFailed(self._place, "it refused the request", "check the key, what it may do, and the region")
        status = _STATUS.search(str(error))
        code = int(status[1]) if status else 0
        if isinstance(error, known.NotFoundError | FileNotFoundError) or code == 404:  # noqa: PLR2004 - HTTP
            return BlobStoreFailed(self._place, "there is no such bucket", "check its name, the endpoint and the region")
        if 400 <= code < 500 and code not in _MAY_PASS:  # noqa: PLR2004 - HTTP
            return BlobStoreFailed(self._place, f"HTTP {code}", "check the options: endpoint, region, key")
        if isinstance(error, known.GenericError | OSError | known.JoinError):
            return StoreUnavailable("no", self._place)
        return BlobStoreFailed(self._place, type(error).__name__, "check the options: endpoint, region, key")

    def _scrubbed(self, error: Exception) -> str:
        text = str(error)
        for key, value in self._options.items():
            if isinstance(value, str) and key not in {"endpoint", "region"} and value:
                text = text.replace(value, "...")
        return _SECRET.sub(r"\1...", text)

    @property
    def _place(self) -> str:
        return f"the bucket {self._url}"


def _library() -> Any:
    try:
        import obstore
        import obstore.exceptions
        import obstore.store
    except ImportError as error:
        raise MissingDependency("obstore", "s3", "keeping bytes in a bucket") from error
    return obstore
