"""Blob stores as text, for the command line: `folder:PATH`, `s3://bucket/prefix?region=eu-west-1`, `name=...` before either."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from convo.blobs.bucket import BucketBlobs
from convo.blobs.folder import FolderBlobs
from convo.blobs.protocol import NAME
from convo.errors import InputError

if TYPE_CHECKING:
    from convo.blobs.protocol import BlobStore

OPTIONS = frozenset({"endpoint", "region", "virtual_hosted_style_request", "skip_signature", "server_side_encryption"})
"""Options of a bucket that may stand in its text. Keys may not: a command line is seen by all."""


def blob_store(text: str) -> BlobStore:
    """Give the blob store that a text says: `folder:PATH` or `s3://bucket/prefix`, with `?` options of the bucket.

    Rows name a blob store: "folder" and "bucket", or what stands before a "=": `archive=folder:/mnt/old`. The keys of a
    bucket come from the environment. Raises `InputError`.
    """
    name, equals, rest = text.partition("=")
    if not equals or NAME.fullmatch(name) is None:
        name, rest = "", text
    if rest.startswith("folder:"):
        return FolderBlobs(rest.removeprefix("folder:"), **({"name": name} if name else {}))
    url, _, query = rest.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if "://" not in url:
        reason = f"{url!r} is no blob store; there are folder:PATH and s3://bucket/prefix?endpoint=...&region=..."
        raise InputError(reason)
    if wrong := sorted(options.keys() - OPTIONS):
        reason = (
            f"a bucket's text holds only {', '.join(sorted(OPTIONS))}, not {', '.join(wrong)}; keys come from the environment"
        )
        raise InputError(reason)
    return BucketBlobs(url, **({"name": name} if name else {}), **options)
