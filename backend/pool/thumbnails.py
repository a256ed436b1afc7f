"""Thumbnails: small images made when they are first looked at, in one cache under the home that all pools share.

The cache is never the pool's own: a pool may come from anywhere, and what reads a cache believes it.
"""

import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import diskcache

from .. import paths
from .images import shrink

CACHE_BYTES = 512 * 1024 * 1024
PATIENCE = 2.0  # seconds to wait for another process that writes
AT_ONCE = 4
# A small file can decode to a hundred megabytes, and a page asks for dozens.
_DECODING = threading.BoundedSemaphore(AT_ONCE)
FAILURES = (sqlite3.Error, diskcache.Timeout, OSError)  # a cache that can't be used costs time, nothing else


def thumbnail(pool: str, uid: str, size: int, read: Callable[[], bytes | None]) -> bytes | None:
    """A WebP thumbnail of the image that `read` gives, from the cache when it has one; None for no readable image.

    `pool` tells the images of pools apart that share uids.
    """
    key = f"{pool}-{uid}-{size}"
    folder = paths.home() / "cache" / "thumbnails"
    with suppress(*FAILURES):
        kept = _cache(folder).get(key)
        if isinstance(kept, bytes):
            return kept
    with _DECODING:
        image = read()
        small = shrink(image, size) if image else None
    if small:
        with suppress(*FAILURES):
            _cache(folder).set(key, small)
    return small


@lru_cache(maxsize=2)
def _cache(folder: Path) -> diskcache.Cache:
    """The cache in a directory; one that is damaged is made anew. Only bytes under text are kept, so nothing is pickled."""
    try:
        return diskcache.Cache(str(folder), size_limit=CACHE_BYTES, timeout=PATIENCE)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # locked, or on a medium that may only be read
            raise
        shutil.rmtree(folder)
        return diskcache.Cache(str(folder), size_limit=CACHE_BYTES, timeout=PATIENCE)
