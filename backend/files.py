"""Files that are either whole or absent: temporary name, fsync, rename."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yields a temporary path beside `path`; renames it to `path` once the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with part.open("rb+") as written:
            os.fsync(written.fileno())
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_bytes(path: Path | str, content: bytes) -> None:
    with replacing(path) as part:
        part.write_bytes(content)


def write_text(path: Path | str, content: str) -> None:
    write_bytes(path, content.encode())


def dump(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False)


def write_json(path: Path | str, content: Any) -> None:
    write_text(path, dump(content) + "\n")


def read_json(path: Path | str) -> Any:
    return json.loads(Path(path).read_text())
