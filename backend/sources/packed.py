"""Packed images: those that a table holds as bytes, written into tars inside the pool."""

import io
import os
import tarfile
from pathlib import Path

FOLDER = "images"


class Packer:
    """Writes images into one tar for each commit, under a name that no other has."""

    def __init__(self, pool: Path, name: str) -> None:
        self._pool, self._name = pool, name
        self._tar: tarfile.TarFile | None = None
        self._file: io.BufferedWriter | None = None
        self._part = ""
        self.bytes = 0

    def add(self, content: bytes, name: str) -> tuple[str, int, int]:
        """Its place: the tar's path below the pool, offset and size."""
        if self._tar is None:
            self._begin()
        assert self._tar is not None
        about = tarfile.TarInfo(name)
        about.size = len(content)
        start = self._tar.offset + len(about.tobuf(self._tar.format or tarfile.PAX_FORMAT))
        self._tar.addfile(about, io.BytesIO(content))
        vars(self._tar)["members"].clear()  # tarfile keeps every header otherwise
        self.bytes += len(content)
        return self._part, start, len(content)

    def close(self) -> None:
        """Ends the tar: everything in it is on the disk."""
        if self._tar is not None and self._file is not None:
            self._tar.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        self._tar, self._file, self.bytes = None, None, 0

    def _begin(self) -> None:
        folder = self._pool / FOLDER
        folder.mkdir(exist_ok=True)
        number = 0
        while (folder / f"{self._name}-{number:05d}.tar").exists():
            number += 1
        self._part = f"{FOLDER}/{self._name}-{number:05d}.tar"
        self._file = (self._pool / self._part).open("wb")
        self._tar = tarfile.open(fileobj=self._file, mode="w")  # noqa: SIM115 - it is open over several calls
