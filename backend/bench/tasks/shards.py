"""Reading a task's tars: samples in order, with their images decoded ahead of the model."""

import hashlib
import io
import tarfile
import urllib.parse
import urllib.request
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ...files import reading
from ...pool.decoding import FORMATS
from ...workers.threads import in_order

if TYPE_CHECKING:
    import torch

IMAGES = ("webp", "png", "jpg", "jpeg")


@dataclass
class Sample:
    """One example: its key, its members by extension and, once it is decoded, its image's digest."""

    key: str
    members: dict[str, bytes] = field(default_factory=dict)
    digest: bytes = b""

    @property
    def image(self) -> bytes | None:
        return next((self.members[end] for end in IMAGES if end in self.members), None)

    @property
    def label(self) -> int:
        with reading(f"{self.key}.cls"):
            return int(self.members["cls"])

    @property
    def metadata(self) -> np.ndarray:
        """The metadata vector, int64; values that are missing there (NaN) become -1."""
        with reading(f"{self.key}.npy"):
            values = np.load(io.BytesIO(self.members["npy"]), allow_pickle=False)
            return np.nan_to_num(np.asarray(values, dtype=np.float64).reshape(-1), nan=-1.0).astype(np.int64)

    @property
    def captions(self) -> list[str]:
        text = self.members.get("txt", b"").decode(errors="replace")
        return [line.strip() for line in text.splitlines() if line.strip()]


def open_file(path: str) -> IO[bytes]:
    """A file on this disk, at an http(s) URL (read as a stream), or wherever fsspec reaches."""
    if path.startswith(("http://", "https://")):
        return urllib.request.urlopen(urllib.parse.quote(path, safe=":/"), timeout=60)
    if "://" not in path:
        return Path(path).open("rb")
    import fsspec

    return fsspec.open(path, "rb").open()


def tars(root: Path | str, split: str = "test") -> list[str]:
    """Paths (or URLs) of a task's tars. Raises InputError naming what is missing."""
    base = f"{str(root).rstrip('/')}/{split}"
    try:
        with open_file(f"{base}/nshards.txt") as file:
            count = int(file.read())
    except (OSError, ValueError) as error:
        raise InputError(f"task directory {str(root)!r} has no readable {split}/nshards.txt ({error}); "
                         "fetch it with `poolscope tasks`") from error  # fmt: skip
    return [f"{base}/{index}.tar" for index in range(count)]


def lines(root: Path | str, name: str) -> list[str]:
    """Lines of a text file of a task, stripped, without blank ones: a label counts the lines that say something.

    Raises InputError if there is no such file, or it is not UTF-8.
    """
    try:
        with open_file(f"{str(root).rstrip('/')}/{name}") as file:
            stripped = [line.strip() for line in file.read().decode("utf-8-sig").split("\n")]
    except OSError as error:
        raise InputError(f"task directory {str(root)!r} has no {name}; fetch it again") from error
    except UnicodeDecodeError:
        raise InputError(f"{name} of task directory {str(root)!r} is not UTF-8; fetch it again") from None
    return [line for line in stripped if line]


def samples(root: Path | str, *, only: tuple[str, ...] | None = None, split: str = "test") -> Iterator[Sample]:
    """Samples of all tars in order; `only` reads just the members with these extensions.

    Raises InputError naming the tar if one is missing or truncated: a metric over part of a task is no metric.
    """
    for path in tars(root, split):
        try:
            yield from _tar_samples(path, only)
        except (tarfile.TarError, OSError, EOFError) as error:
            raise InputError(f"task shard {path} is not readable ({error}); fetch it again") from error


def _tar_samples(path: str, only: tuple[str, ...] | None) -> Iterator[Sample]:
    local = "://" not in path
    current: Sample | None = None
    with open_file(path) as file, tarfile.open(fileobj=file, mode="r:" if local else "r|") as tar:
        for member in tar:
            if not member.isfile():
                continue
            key, _, end = member.name.rpartition("/")[2].partition(".")
            if current is None or key != current.key:
                if current is not None:
                    yield current
                current = Sample(key)
            end = end.lower()
            if only is None or end in only:
                content = tar.extractfile(member)
                current.members[end] = content.read() if content else b""
                if len(current.members[end]) != member.size:
                    raise tarfile.ReadError(f"{member.name} is cut short")
    if current is not None:
        yield current


def decoded(
    root: Path | str, transform: Callable[[Any], "torch.Tensor"], *, threads: int, ahead: int, skipped: list[str],
    known: Container[bytes] = (),
) -> Iterator[tuple[Sample, "torch.Tensor | None"]]:  # fmt: skip
    """Samples without their files, each with its image (3, h, w) float32, decoded by `threads` up to so many `ahead`.

    Decoding and resizing release the interpreter lock, so threads overlap with the model and need no copies.
    Samples whose image can't be decoded are left out and their keys appended to `skipped`; those whose image is `known`
    by its digest come with None in its place.
    """

    def decode(sample: Sample) -> tuple[Sample, "torch.Tensor | None"]:
        return sample, None if sample.digest in known else _image(sample.image or b"", transform)

    def with_images() -> Iterator[Sample]:
        for sample in samples(root):
            if sample.image is not None:
                sample.digest = hashlib.blake2b(sample.image, digest_size=16).digest()
                yield sample
            elif "cls" in sample.members:
                skipped.append(sample.key)

    for sample, image in in_order(decode, with_images(), threads=threads, ahead=ahead):
        if image is None and sample.digest not in known:
            skipped.append(sample.key)
            continue
        for end in IMAGES:
            sample.members.pop(end, None)
        yield sample, image


def _image(content: bytes, transform: Callable[[Any], "torch.Tensor"]) -> "torch.Tensor | None":
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            return transform(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError):
        return None
