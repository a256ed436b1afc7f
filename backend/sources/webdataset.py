"""Import of webdataset shards: tars of image, caption and JSON; images stay where they are."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..errors import InputError
from ..pool import Pool
from ..pool.decoding import fitting, measure
from ..pool.images import LARGEST_FILE
from ..pool.tar import IMAGES, BrokenTar, ReadAt, Sample, samples
from ..progress import Progress, silent
from . import fields, members
from .appender import STANDARD, Appender, made_uid, widen
from .binding import binding
from .members import Found, Keys
from .remote import Place
from .report import Report
from .survey import Survey, survey
from .tars import reading, usable

SLICE = 256
DAMAGED = "tar is damaged or truncated"
PLACES = [pa.field("sample_offset", pa.int64()), pa.field("sample_size", pa.int64())]
Texts = tuple[Sequence[str | None], str]  # captions, and the JSON field that gave them
Columns = Mapping[str, tuple[str, pa.DataType]]  # field of the JSON → column of the pool and its type


def import_webdataset(
    source: str | Path | Sequence[str | Path],
    pool_path: str | Path,
    *,
    image_key: str | None = None,
    caption_key: str | None = None,
    captions: str = "all",
    progress: Progress = silent,
) -> Report:
    """Makes or extends a pool from webdataset shards.

    `source`: a directory of tars (nested ones count), a tar, a glob or brace pattern, an fsspec URL, or several.
    A sample needs an image and a caption: `.txt`, else a field of the `.json` (`caption`, `captions`, `text`, …); a list
    gives a pair each, joined by `image_id`, or by `captions` its first or longest. `image_key` and `caption_key` name
    other extensions, the latter also a field of the JSON. `uid`, `url`, `original_width`, `original_height`, `sha256`
    and `face_bboxes` come from the JSON when it has them, an id of another form as `id`; other scalar fields become
    columns, of text where their types differ. A sample without a uid gets a hash of its url (or image) and caption.
    A sample with a uid of DataComp's form comes in even where its caption is empty: as null, counted in the report.
    Broken samples are counted in the report and skipped, a key that stands twice too unless both are whole; an
    interrupted import resumes at the first tar that was not committed.
    Raises InputError if there is no tar, one is compressed or not sorted by sample (with the command that mends it), or
    no sample could be read at all. Memory: one commit's captions, about 100 MB.
    """
    shards = find_shards(source)
    keys = Keys.named(image_key, caption_key, captions)
    seen = survey(shards, keys, progress)
    schema, columns = _schema(seen, pool_path)
    sources = [str(one) for one in ([source] if isinstance(source, (str, Path)) else source)]
    origin = {"kind": "webdataset", "source": ", ".join(sources)}
    bound = binding(shards, {"image_key": image_key, "caption_key": caption_key, "captions": captions})
    with Appender(pool_path, _root(sources), schema, origin, bound) as appender:
        finished = set(appender.units)
        with ThreadPoolExecutor(2) as threads:
            for position, shard in enumerate(shards, start=1):
                if shard not in finished:
                    _take(shard, Reader(shard, keys, columns), threads, appender)
                    appender.done(shard, progress, position, len(shards))
        return appender.finish()


def find_shards(source: str | Path | Sequence[str | Path]) -> list[str]:
    """The tars of `source`, sorted by name: absolute paths or URLs. Raises InputError if there is none."""
    if not isinstance(source, (str, Path)):
        return list(dict.fromkeys(shard for one in source for shard in find_shards(one)))
    shards = _found(str(source))
    if not shards:
        raise InputError(f"no .tar in {str(source)!r}; give a directory of webdataset shards, or one .tar file.")
    return shards


def _found(source: str) -> list[str]:
    from braceexpand import braceexpand

    path = Path(source)
    if path.is_file():
        return [str(path.resolve())]
    if path.is_dir():
        tars = [one for one in path.resolve().rglob("*.tar") if not one.name.startswith(".") and one.is_file()]
        return [str(one) for one in sorted(tars or path.resolve().glob("*.tar.*")) if one.is_file()]
    try:
        names = list(braceexpand(source)) if "{" in source else [source]
    except ValueError:
        names = [source]
    if "://" in source:
        return [one for name in names for one in ([name] if name.endswith(".tar") else _listed(Place(name)))]
    if any(letter in source for letter in "*?[{"):
        from glob import glob

        return [str(Path(one).resolve()) for name in names for one in sorted(glob(name, recursive=True))]
    return []


def _listed(place: Place) -> list[str]:
    return [place.path(name) for name in place.sizes(".tar")]


def _root(sources: Sequence[str]) -> str:
    """What the import is called in its journal and report."""
    if len(sources) > 1 or "://" in sources[0]:
        return ", ".join(sources)
    path = Path(sources[0]).resolve()
    return str(path.parent if path.is_file() else path)


def _schema(seen: Survey, pool_path: str | Path) -> tuple[pa.Schema, Columns]:
    """The columns of the pairs, and which of them come from further fields of the JSON.

    In a pool that is there, a field goes to the column of its name, in that column's type, and a column that the pool
    lacks is made first, null for the pairs that it has.
    """
    own = [pa.field(name, pa.utf8()) for name, there in (("id", seen.ids), ("image_id", seen.images)) if there]
    fixed = [*STANDARD, *PLACES, *own]
    reserved = {*(entry.name for entry in fixed), "id", "image_id", "uid", "uid_hi", "uid_lo"}
    columns = dict(seen.kinds.columns(reserved))
    if Pool.exists(pool_path):
        pool = Pool.open(pool_path)
        columns = {name: (column, _there(pool, column, kind)) for name, (column, kind) in columns.items()}
        columns = {name: (column, kind) for name, (column, kind) in columns.items() if kind is not None}
        wanted = pa.schema([*own, *(pa.field(column, kind) for column, kind in columns.values())])
        widen(pool, pa.schema([entry for entry in wanted if entry.name not in pool.schema.names]))
    return pa.schema([*fixed, *(pa.field(column, kind) for column, kind in columns.values())]), columns


def _there(pool: Pool, name: str, kind: pa.DataType) -> Any:
    """The type that a field gets in the pool; None where a column of that name holds scores or embeddings."""
    if name not in pool.columns:
        return kind
    return pool.schema.field(name).type if pool.columns[name].kind == "metadata" else None


def _take(shard: str, reader: "Reader", threads: ThreadPoolExecutor, appender: Appender) -> None:
    """Offers the pairs of one tar. Nothing is extracted; links, devices and oversized members are never read."""
    try:
        with reading(shard) as (read_at, length):
            good = good_samples(shard, reader.keys, read_at, length, appender.report)
            while part := list(islice(good, SLICE)):
                read = threads.map(lambda one: reader.pairs(one[0], one[1], read_at), part)
                for (sample, _), (pairs, blank) in zip(part, read):
                    where = f"{shard}: {sample.key}"
                    if isinstance(pairs, str):
                        appender.report.skip(pairs, where)
                        continue
                    for pair in pairs:
                        appender.offer(pair, where, blank=blank)
    except (OSError, EOFError) as error:
        appender.report.skip(DAMAGED, f"{shard}: {error}")


def good_samples(
    shard: str, keys: Keys, read_at: ReadAt, length: int, report: Report
) -> Iterator[tuple[Sample, Found]]:
    """The samples of a tar of `length` bytes that have an image and may have a caption; the others are counted.

    Of a key that stands more than once in the tar, what is whole by itself is a pair, unless a part came before it: then
    nothing tells which image the caption belongs to.
    """
    seen: dict[int, bool] = {}
    try:
        for sample in usable(samples(read_at, length), shard, report):
            parts = members.find(sample, read_at, keys)
            before = seen.get(hash(sample.key))
            seen[hash(sample.key)] = bool(before) or (parts.whole and before is None)
            if before is not None and not (before and parts.whole):
                report.skip("key stands twice in the tar", f"{shard}: {sample.key}")
            elif not parts.whole:
                report.skip("no image" if parts.image is None else "no caption", f"{shard}: {sample.key}")
            else:
                yield sample, parts
    except BrokenTar as error:
        report.skip(DAMAGED, f"{shard}: {error}")


@dataclass(frozen=True)
class Reader:
    """Makes pairs, as the pool stores them, of the samples of one tar."""

    shard: str
    keys: Keys
    columns: Columns

    def pairs(self, sample: Sample, parts: Found, read_at: ReadAt) -> tuple[list[dict[str, Any]] | str, bool]:
        """The pairs of a sample, one for each caption, or the reason why there is none; and whether a pair is kept
        without a caption that can't be used, as those of DataComp's shards are, which a uid tells."""
        about = members.about(parts, read_at)
        if isinstance(about, str):
            return about, False
        blank = fields.identity(about).uid is not None
        captions = members.captions(parts, about, read_at, self.keys)
        if isinstance(captions, str) and not blank:
            return captions, False
        texts: Texts = ([None], "") if isinstance(captions, str) else captions
        return self._pairs(sample, parts, read_at, about, texts), blank

    def _pairs(
        self, sample: Sample, parts: Found, read_at: ReadAt, about: dict[str, Any], texts: Texts
    ) -> list[dict[str, Any]] | str:
        image = parts.image
        assert image is not None
        if image.size > LARGEST_FILE:
            return f"image file larger than {LARGEST_FILE >> 20} MiB"
        content = read_at(image.offset, image.size)
        try:
            size = measure(content)
        except ValueError:
            return "image can't be decoded"
        known = fields.lowered(about)
        common = {
            "url": fields.clean(known.get("url")),
            "width": fields.pixels(known.get("original_width")) or size[0],
            "height": fields.pixels(known.get("original_height")) or size[1],
            "sha256": fields.clean(known.get("sha256")) or hashlib.sha256(content).hexdigest(),
            "face_bboxes": fields.boxes(known.get("face_bboxes")),
            "image": self.shard, "image_offset": image.offset, "image_bytes": image.size,
        }  # fmt: skip
        plain = self.keys.usual and image.extension in IMAGES and fitting(content, image.extension) == image.extension
        if plain and len(texts[0]) == 1 and _raw(parts, read_at) in (None, texts[0][0] or ""):
            common |= {"sample_offset": sample.start, "sample_size": sample.stop - sample.start}
        return [self._pair(common, about, text, number, texts) for number, text in enumerate(texts[0])]

    def _pair(
        self, common: dict[str, Any], about: dict[str, Any], text: str | None, number: int, texts: Texts
    ) -> dict[str, Any]:
        who = fields.identity(about)
        digest, url, uid = common["sha256"], common["url"], who.uid
        if uid is None or number:
            named = who.uid or who.id
            uid = made_uid(f"{named}\0{url or digest}" if named else digest, text or "", None if named else url)
        image = who.image or ((who.id or digest) if len(texts[0]) > 1 else None)
        pair = common | {"uid": uid, "text": text, "id": who.id, "image_id": image}
        for field, value in fields.extras(about, texts[1], texts[0][0] or "").items():
            if field in self.columns:
                column, kind = self.columns[field]
                pair[column] = fields.converted(value, kind)
        return pair


def _raw(parts: Found, read_at: ReadAt) -> str | None:
    """The caption's file as a reader sees it that knows nothing of byte order marks; None if there is no file."""
    if parts.text is None:
        return None
    try:
        text = read_at(parts.text.offset, parts.text.size).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        return ""
    return text if parts.text.extension == "txt" else ""
