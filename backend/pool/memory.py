"""Memory of large buffers, kept by the process for the next ones."""

import ctypes
import sys
from functools import cache

TRIM, MMAP = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc's mallopt
LARGEST = 32 << 20  # bytes; the most that glibc takes for M_MMAP_THRESHOLD
KEPT = 512 << 20


@cache
def keep_buffers() -> None:
    """Has glibc's malloc keep freed buffers of up to 32 MiB, at most 512 MiB at its end, instead of giving each back.

    A writer of embeddings needs the same few buffers again and again; fresh pages for each cost as much as filling them.
    Does nothing with another C library.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(MMAP, LARGEST)
            mallopt(TRIM, KEPT)
