"""What the home keeps of the benchmark beside runs: sweeps and races, one JSON file each."""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import ClassVar, Self

from .. import files, paths
from ..errors import InputError
from ..runs import check_id


class Kept:
    """A dataclass that is `<folder>/<id>.json` in the home."""

    folder: ClassVar[str]
    id: str
    created: float

    @property
    def path(self) -> Path:
        return paths.home() / self.folder / f"{self.id}.json"

    def save(self) -> Self:
        files.write_json(self.path, asdict(self))  # type: ignore[call-overload]
        return self

    @classmethod
    def load(cls, name: str) -> Self:
        """The one of this name. Raises InputError that lists those there are, or says what is wrong with its file."""
        from pydantic import TypeAdapter

        path = paths.home() / cls.folder / f"{check_id(name)}.json"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in path.parent.glob("*.json"))) or "none"
            raise InputError(f"{cls.__name__.lower()} {name!r} does not exist; there are: {known}")
        content = files.read_json(path, dict)
        with files.reading(path):
            return TypeAdapter(cls).validate_python(content)

    @classmethod
    def every(cls) -> list[Self]:
        """All of this home, newest first; unreadable records are left out."""
        readable = []
        for path in (paths.home() / cls.folder).glob("*.json"):
            with suppress(InputError):
                readable.append(cls.load(path.stem))
        return sorted(readable, key=lambda one: one.created, reverse=True)
