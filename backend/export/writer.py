"""Tar writer for shards: USTAR headers as DataComp's tools write them, the same bytes for the same samples."""

import io
import tarfile
from pathlib import Path


class TarWriter(tarfile.TarFile):
    """Writes members one after another; deterministic: no times, owner `bigdata`, mode 0444."""

    members: list[tarfile.TarInfo]

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w", format=tarfile.USTAR_FORMAT)

    def put(self, name: str, content: bytes | memoryview) -> None:
        """Adds a file. `name` is ASCII of at most 100 characters."""
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.uname, member.gname = len(content), 0o444, "bigdata", "bigdata"
        self.addfile(member, io.BytesIO(content))
        self.members.clear()  # nobody asks for what was written
