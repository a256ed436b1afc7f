"""Preview of shards: the first pairs of a tar as an import would make them, without reading the rest."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from ..errors import InputError
from ..pool.tar import BrokenTar, ReadAt
from . import fields, members
from .members import Keys
from .options import Options
from .report import Report
from .tars import reading
from .webdataset import DAMAGED, Reader, good_samples

SHOWN = ("url", "id", "image", "image_offset", "image_bytes")
LOOKED_AT = 50  # samples, where the first ones make no pair


def preview(shard: str, options: Options, most: int) -> tuple[dict[str, str], list[Mapping[str, Any]], dict[str, str]]:
    """The roles with the extensions that fill them, at most `most` pairs as they will be, and what is left out → why: the
    first sample for each reason, and fields that hold more than one value."""
    keys, report = Keys.named(options.image_key, options.caption_key, options.captions), Report(shard)
    roles: dict[str, str] = {}
    pairs: list[Mapping[str, Any]] = []
    several: dict[str, None] = {}
    try:
        with reading(shard) as (read_at, length):
            for pair in _pairs(shard, keys, read_at, length, report, roles, several):
                pairs.append(pair)
                if len(pairs) == most:
                    break
    except (BrokenTar, InputError, OSError, EOFError) as error:
        report.skip(DAMAGED, f"{shard}: {error}")
    left_out = {examples[0]: reason for reason, examples in report.examples.items() if examples}
    return roles, pairs, left_out | {f"field {name}": "holds a list or a record" for name in several}


def _pairs(
    shard: str,
    keys: Keys,
    read_at: ReadAt,
    length: int,
    report: Report,
    roles: dict[str, str],
    several: dict[str, None],
) -> Iterator[Mapping[str, Any]]:
    reader = Reader(shard, keys, {})
    for sample, parts in islice(good_samples(shard, keys, read_at, length, report), LOOKED_AT):
        assert parts.image is not None
        rows, _ = reader.pairs(sample, parts, read_at)
        if isinstance(rows, str):
            report.skip(rows, f"{shard}: {sample.key}")
            continue
        about_it = members.about(parts, read_at)
        several |= dict.fromkeys(fields.nested(about_it) if isinstance(about_it, dict) else ())
        member = parts.text or parts.about
        roles |= {"text": f".{member.extension}"} if member else {}
        roles |= {"image": f".{parts.image.extension}"}
        for pair in rows:
            about = {name: pair[name] for name in SHOWN if pair.get(name) is not None}
            yield {"text": pair["text"], **about, "member": f"{sample.key}.{parts.image.extension}"}
