"""Import of webdataset shards: tars of picture, caption and JSON; pictures stay where they are."""

import hashlib
import json
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..errors import InputError
from ..pool.images import LARGEST_FILE
from ..progress import Progress, silent
from .captions import LONGEST_CAPTION
from .intake import STANDARD, Intake, check_picture, made_uid
from .report import Report

PICTURES = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff")
SMALL = 8 * LONGEST_CAPTION
SLICE = 256
SHARDED = pa.schema([*STANDARD, ("sample_offset", pa.int64()), ("sample_size", pa.int64())])


@dataclass
class Sample:
    """The members of one sample: small ones as bytes, the picture with its place in the tar."""

    key: str
    picture: bytes | None = None
    offset: int = 0
    size: int = 0
    start: int = 0
    stop: int = 0
    parts: dict[str, bytes] = field(default_factory=dict)
    problem: str | None = None


def import_webdataset(source: str | Path, pool_path: str | Path, *, progress: Progress = silent) -> Report:
    """Makes or extends a pool from webdataset shards.

    `source`: a directory of tars, or one tar. A sample needs a picture and a caption (`.txt`, else `caption`/`text` of
    the `.json`); `uid`, `url`, `original_width`, `original_height`, `sha256` and `face_bboxes` come from the JSON when
    it has them. A sample without a uid gets a hash of its url (or picture) and caption. Broken samples are counted in
    the report and skipped; an interrupted import resumes at the first tar that was not committed.
    Raises InputError if there is no tar, or no sample could be read at all. Memory: one commit's captions, about 100 MB.
    """
    shards = find_shards(source)
    root = Path(source).resolve() if Path(source).is_dir() else Path(source).resolve().parent
    with Intake(Path(pool_path), str(root), SHARDED, {"kind": "webdataset", "source": str(source)}) as intake:
        finished = set(intake.units)
        with ThreadPoolExecutor(2) as threads:
            for position, shard in enumerate(shards, start=1):
                if str(shard) not in finished:
                    for pairs in _sliced(read_samples(shard, intake.report)):
                        for pair, sample in zip(
                            threads.map(lambda sample, shard=shard: _pair(sample, shard), pairs), pairs
                        ):
                            if isinstance(pair, str):
                                intake.report.skip(pair, f"{shard}: {sample.key}")
                            else:
                                intake.offer(pair, f"{shard}: {sample.key}")
                    intake.done(str(shard), progress, position, len(shards))
        return intake.finish()


def find_shards(source: str | Path) -> list[Path]:
    """The tars of `source`, sorted by name. Raises InputError if there is none."""
    path = Path(source).resolve()
    if path.is_file():
        return [path]
    shards = sorted(path.glob("*.tar")) if path.is_dir() else []
    if not shards:
        raise InputError(f"no .tar in {str(source)!r}; give a directory of webdataset shards, or one .tar file.")
    return shards


def read_samples(shard: Path, report: Report) -> Iterator[Sample]:
    """Samples of a tar in order. Nothing is extracted; links, devices and oversized members are never read."""
    length = shard.stat().st_size
    sample: Sample | None = None
    try:
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                if not member.isfile():
                    if not member.isdir():
                        report.skip("tar member is not a regular file", f"{shard}: {member.name}")
                    continue
                folder, _, name = member.name.rpartition("/")
                stem, _, extension = name.partition(".")
                key = f"{folder}/{stem}" if folder else stem
                if sample is None or key != sample.key:
                    if sample:
                        yield sample
                    sample = Sample(key, start=member.offset)
                sample.stop = member.offset_data + -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
                _read_member(tar, member, extension.lower(), sample, length)
                vars(tar)["members"].clear()  # tarfile keeps every header otherwise
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        report.skip("tar is damaged or truncated", f"{shard}: {error}")
    if sample:
        yield sample


def _read_member(tar: tarfile.TarFile, member: tarfile.TarInfo, extension: str, sample: Sample, length: int) -> None:
    if member.offset_data + member.size > length:
        sample.problem = "tar is truncated inside this sample"
    elif extension in PICTURES:
        if member.size > LARGEST_FILE:
            sample.problem = f"picture file larger than {LARGEST_FILE >> 20} MiB"
        else:
            handle = tar.extractfile(member)
            sample.picture = handle.read() if handle else None
            sample.offset, sample.size = member.offset_data, member.size
    elif extension in ("txt", "json"):
        if member.size > SMALL:
            sample.problem = f".{extension} larger than {SMALL:,} bytes"
        else:
            handle = tar.extractfile(member)
            sample.parts[extension] = handle.read() if handle else b""


def _pair(sample: Sample, shard: Path) -> dict[str, Any] | str:
    """A pair as the pool stores it, or the reason why there is none."""
    if sample.problem:
        return sample.problem
    try:
        about = json.loads(sample.parts["json"]) if "json" in sample.parts else {}
        text = sample.parts["txt"].decode() if "txt" in sample.parts else about.get("caption") or about.get("text")
    except UnicodeDecodeError:
        return "caption is not UTF-8"
    except (ValueError, RecursionError):
        return "JSON can't be read"
    if not isinstance(about, dict):
        return "JSON is not an object"
    if not isinstance(text, str) or not text.strip():
        return "no caption"
    if not sample.picture:
        return "no picture"
    try:
        width, height = check_picture(sample.picture)
    except ValueError:
        return "picture can't be decoded"
    sha256 = hashlib.sha256(sample.picture).hexdigest()
    sample.picture = None
    url = about.get("url") if isinstance(about.get("url"), str) else None
    return {
        "uid": about.get("uid") or made_uid(sha256, text, url),
        "text": text,
        "url": url,
        "width": _pixels(about.get("original_width"), width),
        "height": _pixels(about.get("original_height"), height),
        "sha256": about["sha256"] if isinstance(about.get("sha256"), str) else sha256,
        "face_bboxes": _boxes(about.get("face_bboxes")),
        "image": str(shard),
        "image_offset": sample.offset,
        "image_bytes": sample.size,
        "sample_offset": sample.start,
        "sample_size": sample.stop - sample.start,
    }


def _pixels(given: Any, measured: int) -> int:
    return given if isinstance(given, int) and 0 < given < 2**31 else measured


def _boxes(given: Any) -> list[list[float]] | None:
    if not isinstance(given, list) or len(given) > 10_000:
        return None
    boxes = [
        box
        for box in given
        if isinstance(box, list) and len(box) == 4 and all(isinstance(x, (int, float)) for x in box)
    ]
    return [[float(x) for x in box] for box in boxes]


def _sliced(samples: Iterator[Sample]) -> Iterator[list[Sample]]:
    """Lists of up to 256 samples, so that few pictures are in memory at once."""
    kept: list[Sample] = []
    for sample in samples:
        kept.append(sample)
        if len(kept) == SLICE:
            yield kept
            kept = []
    if kept:
        yield kept
