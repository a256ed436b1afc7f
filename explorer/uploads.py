"""Files that were dropped into the browser, kept under the home until their import is done."""

import hashlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from poolscope import paths

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile


def keep(files: "Sequence[UploadedFile]") -> Path:
    """Writes the files as they lay to each other, and returns the folder; the same files give the same folder."""
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda one: one.name):
        digest.update(f"{file.name}\0{file.size}\0".encode())
        digest.update(hashlib.sha256(file.getbuffer()).digest())
    folder = paths.home() / "uploads" / digest.hexdigest()[:16]
    for file in files:
        path = folder / _inside(file.name)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.getbuffer())
    return folder


def _inside(name: str) -> Path:
    """The name that the browser gives, as a path that can't leave its folder."""
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", "..", ".")]
    return Path(*[part.replace("\0", "").replace(":", "_")[:200] or "_" for part in parts] or ["file"])
