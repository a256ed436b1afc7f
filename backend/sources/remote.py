"""Files of a source: a local directory or any fsspec URL, listed and opened the same way."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import InputError


@dataclass(frozen=True)
class Place:
    """A directory or file, local or at a URL."""

    url: str

    @property
    def local(self) -> bool:
        return "://" not in self.url

    @cached_property
    def _system(self) -> tuple[Any, str]:
        return file_system(self.url)

    def sizes(self, suffix: str) -> dict[str, int]:
        """The files below this place whose name ends in `suffix`: those in it, and those in its `part_*` directories.

        Maps their path relative to this place, or their name if the place is a file, to their size.
        """
        if self.local:
            return self._local_sizes(suffix)
        system, root = self._system
        by_name: dict[str, int] = {}
        for entry in self._listed(system, root):
            name = entry["name"].rstrip("/").rsplit("/", 1)[-1]
            if entry["type"] == "directory" and name.startswith("part_"):
                for inner in self._listed(system, entry["name"]):
                    below = inner["name"].rsplit("/", 1)[-1]
                    if below.endswith(suffix):
                        by_name[f"{name}/{below}"] = inner.get("size") or 0
            elif name.endswith(suffix):
                by_name[name] = entry.get("size") or 0
        return dict(sorted(by_name.items()))

    def _listed(self, system: Any, path: str) -> list[dict[str, Any]]:
        try:
            return list(system.ls(path, detail=True))
        except (OSError, ValueError) as error:
            raise InputError(f"{self.url!r} can't be listed: {error}.") from None

    def _local_sizes(self, suffix: str) -> dict[str, int]:
        root = Path(self.url)
        if root.is_file():
            return {root.name: root.stat().st_size} if root.name.endswith(suffix) else {}
        if not root.is_dir():
            raise InputError(f"no file or directory {self.url!r}; give where the files are, or a URL.")
        paths = [*root.glob(f"*{suffix}"), *root.glob(f"part_*/*{suffix}")]
        return {path.relative_to(root).as_posix(): path.stat().st_size for path in sorted(paths) if path.is_file()}

    def path(self, name: str) -> str:
        """The full path or URL of a listed file."""
        if self.local:
            return os.path.abspath(self.url if Path(self.url).is_file() else os.path.join(self.url, name))
        return self.url if self.url.rstrip("/").endswith(f"/{name}") else f"{self.url.rstrip('/')}/{name}"

    def open(self, name: str) -> BinaryIO:
        return open_binary(self.path(name))


def file_system(url: str) -> tuple[Any, str]:
    """The file system of a URL and the path there. Raises InputError for one that can't be opened."""
    import fsspec

    try:
        return fsspec.core.url_to_fs(url)
    except (ImportError, ValueError, OSError) as error:
        raise InputError(f"{url!r} can't be opened: {error}.") from None


def open_binary(path: str) -> BinaryIO:
    """A file for reading: local without a buffer, or through fsspec."""
    if "://" not in path:
        return open(path, "rb", buffering=0)
    import fsspec

    return fsspec.open(path, "rb").open()
