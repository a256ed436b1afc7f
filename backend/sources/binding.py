"""What a journal is bound to: the options of an import, and size, time and a sample of each of its files."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from .remote import file_system

SAMPLE = 1 << 16


def binding(files: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
    """JSON that differs as soon as an option or a file does; a file at a URL counts with its address and size."""
    return {"options": dict(options), "files": [_identity(path) for path in files]}


def _identity(path: str) -> list[Any]:
    if "://" in path:
        return [path, _remote_size(path)]
    try:
        about = os.stat(path)
        with open(path, "rb") as handle:
            digest = hashlib.blake2b(handle.read(SAMPLE), digest_size=16)
            handle.seek(max(0, about.st_size - SAMPLE))
            digest.update(handle.read(SAMPLE))
    except OSError:
        return [path, None]
    return [os.path.abspath(path), about.st_size, about.st_mtime_ns, digest.hexdigest()]


def _remote_size(url: str) -> int | None:
    try:
        system, inner = file_system(url)
        return system.info(inner).get("size")
    except (OSError, ValueError):
        return None
