"""img2dataset's tables: which of the images that a table lists were downloaded, by its column `status`."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .arrow_table import UNREADABLE
from .remote import open_binary

STATUS, GOOD = "status", "success"
_FAILED = ("failed_to_download", "failed_to_resize")
_SHARD = re.compile(r"\d+\.parquet")


def is_shard(path: str) -> bool:
    """Whether a file is named as img2dataset names the table of a shard."""
    return bool(_SHARD.fullmatch(path.rsplit("/", 1)[-1]))


def status_column(schema: pa.Schema, sample: Sequence[Mapping[str, Any]]) -> str:
    """The column that says whether images were downloaded; empty where there is none."""
    words = {row[STATUS] for row in sample} if STATUS in schema.names else set()
    return STATUS if words and words <= {GOOD, *_FAILED} else ""


def reason(status: Any) -> str:
    return f"image was not downloaded ({str(status)[:40]}, says img2dataset's table)"


def failures(tables: Sequence[str]) -> Counter[str]:
    """How many images the tables of shards list that were not downloaded, by the reason."""
    counts: Counter[str] = Counter()
    for path in filter(is_shard, tables):
        try:
            words = pq.read_table(path if "://" not in path else open_binary(path), columns=[STATUS])[STATUS]
        except (*UNREADABLE, KeyError):
            continue
        counts.update(reason(one) for one in words.to_pylist() if one != GOOD)
    return counts
