"""Images of a pool: bytes by one seek into a file or a tar."""

import io
import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .decoding import open_rgb

PLACES = ("image", "image_offset", "image_bytes")  # the columns that say where an image's bytes are

LARGEST_FILE = 64 * 1024 * 1024


def read_images(places: Iterable[Mapping[str, Any]], root: Path) -> list[bytes | None]:
    """The image files at `places` (the columns `PLACES`, relative to `root`), None where a pair has none or its file
    is gone; no file above 64 MiB is read."""
    with _Handles(root) as handles:
        return [handles.read(place["image"], place["image_offset"], place["image_bytes"]) for place in places]


def shrink(picture: bytes, size: int) -> bytes | None:
    """`image` as a WebP of at most `size` pixels on the longer side; None if it can't be decoded."""
    try:
        image = open_rgb(picture, size)
        image.thumbnail((size, size))
    except ValueError:
        return None
    out = io.BytesIO()
    image.save(out, "WEBP", quality=80, method=2)
    return out.getvalue()


class _Handles:
    """A few open files, so that images of one tar share its handle."""

    def __init__(self, root: Path, most: int = 16) -> None:
        self._root = root
        self._most = most
        self._open: OrderedDict[str, io.IOBase] = OrderedDict()

    def __enter__(self) -> "_Handles":
        return self

    def __exit__(self, *error: object) -> None:
        for handle in self._open.values():
            handle.close()

    def read(self, image: str | None, offset: int | None, size: int | None) -> bytes | None:
        if not image or (size or 0) > LARGEST_FILE:
            return None
        try:
            handle = self._handle(image, indexed=offset is not None)
            handle.seek(offset or 0)
            return handle.read(size if size is not None else LARGEST_FILE) or None
        except (OSError, ValueError):
            return None

    def _handle(self, image: str, *, indexed: bool) -> io.IOBase:
        if image not in self._open:
            if len(self._open) >= self._most:
                self._open.popitem(last=False)[1].close()
            self._open[image] = self._open_file(image, indexed)
        self._open.move_to_end(image)
        return self._open[image]

    def _open_file(self, image: str, indexed: bool) -> io.IOBase:
        if "://" not in image:
            return open(os.path.join(self._root, image), "rb")
        if image.startswith(("http://", "https://")) and not indexed:
            raise ValueError("web images are read only after `poolscope fetch`")
        import fsspec

        return fsspec.open(image, "rb").open()
