"""Fetch: downloads the images of the kept pairs only, through img2dataset with DataComp's settings."""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .. import files
from ..errors import InputError
from ..pool import Pool
from ..progress import Progress, silent
from ..recipe import Selection
from ..sources.tars import index_shards

SHARD_SIZE = 10_000
ADDRESSES = "urls.parquet"
SCHEMA = pa.schema(
    [("uid", pa.utf8()), ("url", pa.utf8()), ("text", pa.utf8()), ("face_bboxes", pa.list_(pa.list_(pa.float64())))]
)
LARGEST_IMAGE = 64_000_000
PATIENCE = 10.0
"""Seconds that what a killed download left behind may take to end."""
RUN = (
    "import json, sys; from poolscope.processes import end_with; end_with(int(sys.argv[3])); "
    "from poolscope.export.guarded import main; main(json.loads(sys.argv[1]), private=sys.argv[2] == '1')"
)


@dataclass(frozen=True)
class Fetched:
    """What a download brought: of `asked` pairs `fetched` images in `shards` tars; `reasons` counts failures."""

    directory: Path
    asked: int
    fetched: int
    shards: int
    reasons: dict[str, int]

    @property
    def rate(self) -> float:
        return self.fetched / self.asked if self.asked else 0.0


def fetch(
    pool: Pool,
    selection: Selection,
    to: str | Path,
    *,
    image_size: int = 512,
    processes: int = 4,
    threads: int = 32,
    timeout: int = 10,
    retries: int = 2,
    blur: bool = True,
    private: bool = False,
    shard_size: int = SHARD_SIZE,
    progress: Progress = silent,
) -> Fetched:
    """Downloads the kept pairs that have a web address and no image yet, and indexes the shards.

    As DataComp does: longest side at most `image_size` pixels, JPEG of quality 95, faces blurred by `face_bboxes`,
    opt-out headers honoured, 10,000 addresses a shard. Answers are bounded (64 MiB, a minute, 64 megapixels); other
    schemes than http and https, and addresses of private networks unless `private`, are refused. A download that was
    stopped goes on at the first shard that is not finished. Writes `urls.parquet`, `shards/`, `report.json`.
    Raises InputError if img2dataset is not installed, nothing is to be fetched, or `to` holds another download.
    """
    if importlib.util.find_spec("img2dataset") is None:
        raise InputError("`poolscope fetch` needs img2dataset: install it with `pip install 'poolscope[fetch]'`.")
    to = Path(to).resolve()
    asked = _list(pool, selection, to)
    shards = to / "shards"
    shards.mkdir(exist_ok=True)
    options = {
        "url_list": str(to / ADDRESSES), "input_format": "parquet", "url_col": "url", "caption_col": "text",
        "save_additional_columns": ["uid"], "bbox_col": "face_bboxes" if blur else None, "output_folder": str(shards),
        "output_format": "webdataset", "number_sample_per_shard": shard_size, "oom_shard_count": 8,
        "image_size": image_size, "resize_mode": "keep_ratio_largest", "resize_only_if_bigger": True,
        "encode_format": "jpg", "encode_quality": 95, "processes_count": processes, "thread_count": threads,
        "timeout": timeout, "retries": retries, "compute_hash": "sha256", "max_image_area": LARGEST_IMAGE,
        "incremental_mode": "incremental",
    }  # fmt: skip
    _run(options, private, to / "fetch.log", shards, asked, progress)
    report = _fetched(to, asked, _stats(shards))
    files.write_json(
        to / "report.json", {"asked": asked, "fetched": report.fetched, "rate": report.rate, "reasons": report.reasons}
    )
    if report.fetched:
        index_shards(pool, shards)
    return report


def _fetched(to: Path, asked: int, stats: list[dict[str, Any]]) -> Fetched:
    """What came of all the addresses. Raises RuntimeError if some were never tried."""
    reasons: Counter[str] = Counter()
    for entry in stats:
        reasons.update(entry["status_dict"])
    fetched = reasons.pop("success", 0)
    if sum(entry["count"] for entry in stats) < asked:
        raise RuntimeError(f"img2dataset ended early; see {to / 'fetch.log'}, and run the same command again")
    return Fetched(to, asked, fetched, len(stats), dict(reasons.most_common()))


def _stats(shards: Path) -> list[dict[str, Any]]:
    """The statistics of the finished shards; one that is just being written is left out."""
    return [read for path in sorted(shards.glob("*_stats.json")) if (read := files.known_json(path, {}))]


def _torn(shards: Path) -> list[Path]:
    """Statistics that were being written when a download was killed."""
    return [path for path in shards.glob("*_stats.json") if not files.known_json(path, {})]


def _list(pool: Pool, selection: Selection, to: Path) -> int:
    """Writes the addresses to fetch, once: a download that goes on keeps its list. Returns how many there are.

    The list says itself which selection it is of, so that it is whole or absent, whenever the command is killed.
    """
    path = to / ADDRESSES
    digest = hashlib.sha256(np.packbits(selection.mask).tobytes()).hexdigest()
    if path.exists():
        with files.reading(path):
            about = pq.read_metadata(path)
        if (about.metadata or {}).get(b"selection") != digest.encode():
            raise InputError(f"{str(to)!r} holds another download; choose an empty directory for --to.")
        return int(about.num_rows)
    if to.exists() and (not to.is_dir() or any(one.suffix != ".part" for one in to.iterdir())):
        raise InputError(f"{str(to)!r} is not empty; choose an empty directory for --to.")
    pool.require("url")
    names = [name for name in ("url", "text", "face_bboxes", "image_offset") if name in pool.columns]
    to.mkdir(parents=True, exist_ok=True)
    schema = SCHEMA.with_metadata({"selection": digest, "pool": pool.uri, "pool_version": str(pool.version)})
    with files.replacing(path) as part, pq.ParquetWriter(part, schema) as writer:
        seen = count = 0
        for batch in pool.scan(["uid", *names], batch_size=16_384):
            kept = selection.mask[seen : seen + batch.num_rows].copy()
            seen += batch.num_rows
            table = _wanted(batch, kept)
            writer.write_table(table)
            count += table.num_rows
    if not count:
        path.unlink()
        raise InputError("no kept pair has a web address and lacks its image, so there is nothing to fetch.")
    return count


def _wanted(batch: pa.RecordBatch, kept: np.ndarray) -> pa.Table:
    import pyarrow.compute as pc

    from ..pool import uid_hex

    here = pc.and_(pa.array(kept), pc.fill_null(pc.match_substring_regex(batch["url"], "^(?i)https?://"), False))
    if "image_offset" in batch.schema.names:
        here = pc.and_(here, pc.is_null(batch["image_offset"]))
    chosen = batch.filter(here)
    boxes = chosen["face_bboxes"] if "face_bboxes" in batch.schema.names else pa.nulls(chosen.num_rows, SCHEMA[3].type)
    boxes = pc.fill_null(boxes, pa.scalar([], SCHEMA[3].type))
    uids = uid_hex(chosen["uid_hi"].to_numpy(), chosen["uid_lo"].to_numpy())
    return pa.table([uids, chosen["url"], chosen["text"], boxes], schema=SCHEMA)


@contextmanager
def _alone(addresses: Path) -> Iterator[tuple[int, ...]]:
    """Shares the lock of this download's list with the processes that work on it, once those of a killed download have
    ended; yields the descriptor that they inherit. Raises InputError while another download is at work here."""
    until = time.monotonic() + PATIENCE
    with addresses.open("rb+") as handle:
        held = handle.fileno()
        while not _shared(held):
            if time.monotonic() > until:
                raise InputError(
                    f"another download into {str(addresses.parent)!r} is running; wait for it, or cancel it."
                )
            time.sleep(0.1)
        yield (held,)


def _shared(handle: int) -> bool:
    """Whether nobody else held the lock, which is shared now; where there are no locks, nobody does."""
    try:
        return files.lock(handle) and files.lock(handle, shared=True)
    except OSError:
        return True


def _run(options: dict[str, Any], private: bool, log: Path, shards: Path, asked: int, progress: Progress) -> None:
    """Runs img2dataset in a process of its own and reports its finished shards as progress."""
    environment = os.environ | {"OPENCV_IO_MAX_IMAGE_PIXELS": str(LARGEST_IMAGE), "NO_ALBUMENTATIONS_UPDATE": "1"}
    argv = [sys.executable, "-P", "-c", RUN, json.dumps(options), "1" if private else "0", str(os.getpid())]
    with _alone(Path(options["url_list"])) as held, log.open("ab") as out:
        for torn in _torn(shards):  # img2dataset would take its shard for finished
            torn.unlink()
        with subprocess.Popen(argv, stdout=out, stderr=out, env=environment, pass_fds=held) as process:
            try:
                while process.poll() is None:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(0.5)
                    stats = _stats(shards)
                    good = sum(entry["successes"] for entry in stats)
                    progress(sum(entry["count"] for entry in stats), asked, f"{good:,} images fetched")
            except BaseException:
                process.terminate()
                raise
    if process.returncode:
        last = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise RuntimeError(f"img2dataset ended with {process.returncode}: {' '.join(last)[:300]}; see {log}")
