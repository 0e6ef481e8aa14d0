"""Images and files that a user sends: values that hold a URL, an API's file id, or bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs

from convo.errors import EmptyContent, InvalidContent

if TYPE_CHECKING:
    import os

_IMAGE_MAGIC = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


def image_type(data: bytes) -> str:
    """Give the MIME type of an image by its first bytes. Raises `InvalidContent` for anything else."""
    for magic, mime in _IMAGE_MAGIC:
        if data.startswith(magic):
            return mime
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    raise InvalidContent("the bytes are no PNG, JPEG, GIF or WebP image", "convert the image to one of these")


@attrs.frozen
class Image:
    """An image, by URL (never fetched by convo) or by its bytes. `detail` is the API's own setting."""

    url: str | None = None
    data: bytes | None = attrs.field(default=None, repr=False)
    detail: Literal["auto", "low", "high"] | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse an image that is neither, or both."""
        if (self.url is None) == (self.data is None):
            raise InvalidContent(
                "an image is given by its URL or by its bytes, one of the two", "use Image(url=...) or Image.open(path)"
            )
        if self.data is not None and not self.data:
            raise EmptyContent("the image")

    @classmethod
    def open(cls, source: str | os.PathLike[str] | bytes, *, detail: Literal["auto", "low", "high"] | None = None) -> Image:
        """Read an image from a path, or take its bytes. Raises `InvalidContent` when it is no image."""
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
        if data:
            image_type(data)
        return cls(data=data, detail=detail)


@attrs.frozen
class File:
    """A document: the id that the API gave for an upload, or a name and bytes (PDF)."""

    id: str | None = None
    name: str | None = None
    data: bytes | None = attrs.field(default=None, repr=False)
    type: str = "application/pdf"

    def __attrs_post_init__(self) -> None:
        """Refuse a file that is neither, or both."""
        if (self.id is None) == (self.data is None):
            raise InvalidContent(
                "a file is given by its id or by its bytes, one of the two", "use File(id=...) or File.open(path)"
            )
        if self.data is not None and not self.data:
            raise EmptyContent("the file")

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, type: str = "application/pdf") -> File:  # noqa: A002 - the API's word
        """Read a file from a path; its last part becomes the name."""
        return cls(name=Path(path).name, data=Path(path).read_bytes(), type=type)
