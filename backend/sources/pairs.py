"""Pairs of a table: batches of rows made into the columns of a pool, each bad row counted with its number."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..pool.columns import fixed_list
from ..pool.decoding import extension
from ..pool.uids import parse, records, spelled
from . import img2dataset, places, texts
from .appender import Appender
from .arrow_table import holds_bytes
from .captions import REASONS, as_text, plain, problems
from .cells import NOTHING, as_key
from .fields import boxes
from .mapping import ColumnMap
from .options import Options
from .packed import Packer
from .places import Image
from .staged import connect
from .vectors import unit

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class Pairs:
    """Takes the rows of one table into an appender; `file` names it in reports, whose rows count from 1."""

    def __init__(
        self,
        mapping: ColumnMap,
        appender: Appender,
        file: str,
        options: Options,
        packer: Packer,
        threads: ThreadPoolExecutor,
    ) -> None:
        self._map, self._appender, self._file, self._options = mapping, appender, file, options
        self._packer, self._threads = packer, threads
        self.undownloaded = 0  # pairs that come in by URL although img2dataset could not download them

    def take(self, batch: pa.RecordBatch, start: int) -> None:
        """Offers the pairs of the rows `start` and after. Memory: the batch, and its columns as the pool has them."""
        for role in {"image", "url"} & self._map.roles.keys():
            place = batch.schema.get_field_index(self._map.roles[role])
            batch = batch.set_column(place, batch.schema.names[place], places.alone(batch.column(place)))
        captions, rows = texts.captions(batch.column(self._map.roles["text"]), self._options.captions)  # type: ignore[arg-type]
        captions, wrong = problems(captions)
        for reason in np.unique(wrong[wrong > 0]):
            self._skip(REASONS[reason], rows[wrong == reason], start)
        keep = wrong == 0
        if self._map.status:
            keep &= self._downloaded(batch.column(self._map.status), start)[rows]
        wanted = np.unique(rows[keep]) if "image" in self._map.roles else rows
        urls, images = self._places(batch, wanted)
        if images is not None:
            keep = self._usable(images, urls, rows, keep, start)
        elif urls is not None:
            there = urls.is_valid().to_numpy(zero_copy_only=False)[rows]
            self._skip(places.NONE, rows[keep & ~there], start)
            keep &= there
        if not keep.all():
            captions, rows = captions.filter(pa.array(keep)), rows[keep]
        if not len(rows):
            return
        whole = len(rows) == batch.num_rows and bool((rows == np.arange(len(rows))).all())
        if not whole:
            taken = pa.array(rows)
            batch = batch.take(taken)
            urls = urls.take(taken) if urls is not None else None
        kept = [images[row] for row in rows] if images is not None else None
        self._offer(batch, captions, urls, kept, rows, start)

    def _downloaded(self, status: pa.Array, start: int) -> np.ndarray:
        """`(n,)` bool: the rows to keep, which of a table without images are all."""
        words = np.array(status.to_pylist(), dtype=object)
        failed = words != img2dataset.GOOD
        if "image" not in self._map.roles:
            self.undownloaded += int(np.count_nonzero(failed))
            return np.ones(len(words), dtype=bool)
        for word in sorted(set(map(str, words[failed]))):
            self._skip(img2dataset.reason(word), np.flatnonzero(words == word), start)
        return ~failed

    # --- what the rows say ----------------------------------------------------------------------------------------

    def _text(self, batch: pa.RecordBatch, role: str) -> pa.Array | None:
        column = self._map.roles.get(role)
        if column is None:
            return None
        given = batch.column(column)
        text = as_text(given)
        return plain(text if text is not None else as_key(given))

    def _places(self, batch: pa.RecordBatch, wanted: np.ndarray) -> tuple[pa.Array | None, dict[int, Image] | None]:
        """The urls, and the images of the `wanted` rows where the table has any; an address among the images is a url."""
        urls = self._text(batch, "url")
        if urls is not None:
            urls = pc.utf8_trim_whitespace(urls)
            none = pc.is_in(pc.utf8_lower(urls), pa.array(["", *NOTHING]))
            urls = pc.if_else(none, None, urls)
        column = self._map.roles.get("image")
        if column is None:
            return urls, None
        given = batch.column(column)
        if holds_bytes(given.type):
            return urls, self._packed(given, wanted)
        if (inside := places.written_out(as_text(given))) is not None:
            return urls if urls is not None else pa.nulls(len(given), pa.utf8()), self._packed(inside, wanted)
        values = self._text(batch, "image")
        assert values is not None
        web = pc.fill_null(pc.match_substring_regex(values, r"(?i)^\s*https?://"), False)
        placed = "image_offset" in self._map.roles
        if pc.any(web).as_py() and not placed:
            addresses = pc.if_else(web, pc.utf8_trim_whitespace(values), None)
            urls = addresses if urls is None else pc.coalesce(urls, addresses)
            values = pc.if_else(web, None, values)
            if values.null_count == len(values):
                return urls, None
        return urls if urls is not None else pa.nulls(len(values), pa.utf8()), self._opened(batch, values, wanted)

    def _opened(self, batch: pa.RecordBatch, values: pa.Array, wanted: np.ndarray) -> dict[int, Image]:
        offsets, sizes = (
            batch.column(self._map.roles[role]).to_pylist() if role in self._map.roles else [None] * len(values)
            for role in ("image_offset", "image_bytes")
        )
        listed = values.to_pylist()
        check = self._options.check

        def one(row: int) -> Image:
            value = listed[row]
            if not value or not value.strip():
                return Image("", problem=places.NONE)
            return places.looked_at(self._map.place(value), _whole(offsets[row]), _whole(sizes[row]), check=check)

        return dict(zip(wanted.tolist(), self._threads.map(one, wanted.tolist())))

    def _packed(self, given: pa.Array, wanted: np.ndarray) -> dict[int, Image]:
        """Images held as bytes, or named by a path where a struct has one and no bytes."""
        packed: dict[int, Image] = {}
        for row in wanted.tolist():
            value = given[row].as_py()
            content, path = _bytes_of(value)
            if content:
                packed[row] = places.opened("", content, check=True)
                if not packed[row].problem:
                    packed[row] = self._written(packed[row], content)
            elif path:
                packed[row] = places.looked_at(self._map.place(path), None, None, check=self._options.check)
            else:
                packed[row] = Image("", problem=places.NONE)
        return packed

    def _written(self, image: Image, content: bytes) -> Image:
        name = f"{image.sha256}.{extension(content) or 'bin'}"
        path, offset, size = self._packer.add(content, name)
        return replace(image, path=path, offset=offset, size=size)

    def _usable(
        self, images: dict[int, Image], urls: pa.Array | None, rows: np.ndarray, keep: np.ndarray, start: int
    ) -> np.ndarray:
        """Which pairs have an image or at least a url; the others are counted by the reason."""
        there = urls.is_valid().to_numpy(zero_copy_only=False) if urls is not None else None
        bad: dict[str, list[int]] = {}
        for row, image in images.items():
            if image.problem and (there is None or not there[row]):
                bad.setdefault(image.problem, []).append(row)
        for reason, which in bad.items():
            self._skip(reason, np.array(which), start)
        kept = [
            row for row, image in images.items() if image.problem == places.MISSING and there is not None and there[row]
        ]
        self._skip(f"{places.MISSING} (the pair is kept with its URL)", np.array(kept, np.int64), start)
        lost = [row for which in bad.values() for row in which]
        return keep & ~np.isin(rows, lost)

    # --- what the pool gets -----------------------------------------------------------------------------------------

    def _offer(
        self, batch: pa.RecordBatch, captions: pa.Array, urls: pa.Array | None, images: list[Image] | None,
        rows: np.ndarray, start: int,
    ) -> None:  # fmt: skip
        count = len(captions)
        columns: dict[str, pa.Array] = {"text": captions}
        if urls is not None:
            columns["url"] = urls
        if images is not None:
            self._place(columns, images, batch)
        for side in ("width", "height"):
            given = _pixels(batch.column(self._map.roles[side])) if side in self._map.roles else None
            if given is not None:
                columns[side] = pc.coalesce(given, columns[side]) if side in columns else given
        if "sha256" in self._map.roles:
            given = self._text(batch, "sha256")
            columns["sha256"] = pc.coalesce(given, columns["sha256"]) if "sha256" in columns else given
        if "face_bboxes" in self._map.roles:
            listed = [boxes(one) for one in batch.column(self._map.roles["face_bboxes"]).to_pylist()]
            columns["face_bboxes"] = pa.array(listed, self._appender.schema.field("face_bboxes").type)
        uids = self._identify(columns, batch, rows)
        for source, name in self._map.extra.items():
            columns[name] = self._converted(batch.column(source), name)
        for source, (name, dim) in self._map.vectors.items():
            vectors, good = unit(batch.column(source), dim)
            columns[name] = fixed_list(vectors)
            self._skip(f"{name}: no usable vector (the pair is kept without)", rows[~good], start)
        fields = self._appender.schema
        arrays = [columns[e.name].cast(e.type) if e.name in columns else pa.nulls(count, e.type) for e in fields]
        self._appender.take(
            pa.RecordBatch.from_arrays(arrays, schema=fields), uids, lambda i: self._where_is(int(rows[i]), start)
        )

    def _place(self, columns: dict[str, pa.Array], images: Sequence[Image], batch: pa.RecordBatch) -> None:
        columns["image"] = pa.array([None if one.problem else one.path for one in images], pa.utf8())
        for side in ("width", "height"):
            columns[side] = pa.array([getattr(one, side) for one in images], pa.int32())
        columns["sha256"] = pa.array([one.sha256 for one in images], pa.utf8())
        for role, own in (("image_offset", "offset"), ("image_bytes", "size")):
            given = batch.column(self._map.roles[role]).to_pylist() if role in self._map.roles else None
            places_of = [getattr(one, own) for one in images] if given is None else [_whole(one) for one in given]
            columns[role] = pa.array(places_of, pa.int64())

    def _identify(self, columns: dict[str, pa.Array], batch: pa.RecordBatch, rows: np.ndarray) -> np.ndarray:
        """The uids: those given as 32 hex digits (or a UUID) in the column `uid`, else the hash of the id, the url or
        image, and the caption. Adds `id`, and `image_id` where captions share an image."""
        count = len(rows)
        given, own = self._text(batch, "uid"), self._text(batch, "id")
        image = self._text_of_image(batch, columns)
        ids = own
        parts = [column for column in (own if own is not None else given, image) if column is not None]
        uids = np.zeros(count, dtype="u8,u8")
        valid = np.zeros(count, dtype=bool)
        if given is not None:
            hexed = spelled(given)
            uids, valid = parse(hexed)
            exact = pc.and_kleene(pc.equal(hexed, given), pa.array(valid))
            first = np.ones(count, dtype=bool)
            first[1:] = rows[1:] != rows[:-1]
            valid &= first
            if ids is None and not pc.all(exact).as_py():
                ids = pc.if_else(exact, None, given)
        if not valid.all():
            uids[~valid] = _hashed([*parts, columns["text"]], ~valid)
        if ids is not None:
            columns["id"] = ids
        if self._map.joined:
            joined = self._text(batch, "id") if "id" in self._map.roles else given
            columns["image_id"] = pc.coalesce(joined, image) if joined is not None and not self._map.by_image else image
        return uids

    def _text_of_image(self, batch: pa.RecordBatch, columns: dict[str, pa.Array]) -> pa.Array:
        """What tells one image from another: its url, else its hash and the path that the table gives."""
        nothing = pa.nulls(batch.num_rows, pa.utf8())
        url, digest = columns.get("url", nothing), columns.get("sha256", nothing)
        column = self._map.roles.get("image")
        if column is None or holds_bytes(batch.schema.field(column).type):
            return pc.coalesce(url, digest)
        name = self._text(batch, "image")
        if self._map.numbered:
            name = pc.replace_substring_regex(name, r"#\d+$", "")
            return pc.coalesce(url, name)
        return pc.coalesce(url, pc.binary_join_element_wise(digest, name, "/"), digest, name)

    def _converted(self, given: pa.Array, name: str) -> pa.Array:
        """A further column in the type that the pool has for it; null where a value has none there."""
        kind = self._appender.schema.field(name).type
        if pa.types.is_dictionary(given.type):
            given = given.dictionary_decode()
        text = as_text(given)
        if text is not None:
            text = plain(text)
            if pa.types.is_boolean(kind):
                low = pc.utf8_lower(text)
                return pc.if_else(pc.is_in(low, pa.array(["true", "false"])), pc.equal(low, "true"), None)
            return text if kind == pa.utf8() else _as_number(text, kind)
        if pa.types.is_nested(given.type):
            from .json_table import _text

            return pa.array([_text(_plain(one)) for one in given.to_pylist()], pa.utf8())
        return given if given.type == kind else given.cast(kind, safe=not pa.types.is_floating(kind))

    # --- what is counted --------------------------------------------------------------------------------------------

    def _where_is(self, row: int, start: int) -> str:
        return f"{self._file} row {start + row + 1}"

    def _skip(self, reason: str, rows: np.ndarray, start: int) -> None:
        self._appender.report.skip_many(reason, len(rows), [self._where_is(int(row), start) for row in rows[:5]])


def _hashed(parts: Sequence[pa.Array], rows: np.ndarray) -> np.ndarray:
    """`(k,)` records: the MD5 of the parts joined by NUL, for the pairs of the mask `rows`."""
    joined = pc.binary_join_element_wise(*parts, "\0", null_handling="replace", null_replacement="")
    keys = pa.table({"key": (joined if rows.all() else joined.filter(pa.array(rows))).cast(pa.binary())})
    with _database().cursor() as database:
        database.register("keys", keys)
        digests = database.sql("SELECT md5_number(key) AS uid FROM keys").to_arrow_table()["uid"].chunks
    octets = [np.frombuffer(one.storage.buffers()[1], ">u8", 2 * len(one), 16 * one.offset) for one in digests]
    halves = np.concatenate(octets).astype(np.uint64).reshape(-1, 2)
    return records(halves[:, 0], halves[:, 1])


@cache
def _database() -> "DuckDBPyConnection":
    """One database for all hashes, given as 16 bytes each: opening one takes longer than hashing a batch."""
    database = connect()
    database.execute("SET arrow_lossless_conversion = true")
    return database


def _bytes_of(value: Any) -> tuple[bytes | None, str | None]:
    """The bytes and the path of a binary cell or a `{bytes, path}` record."""
    if isinstance(value, bytes):
        return value, None
    if isinstance(value, dict):
        content = next((one for one in value.values() if isinstance(one, bytes) and one), None)
        return content, next((one for one in value.values() if isinstance(one, str) and one), None)
    return None, None


def _whole(value: Any) -> int | None:
    try:
        return int(value) if value is not None and int(value) >= 0 else None
    except (ValueError, TypeError, OverflowError):
        return None


def _pixels(given: pa.Array) -> pa.Array:
    """Widths and heights: null where they are not whole numbers from 1 to 2^31 - 1."""
    text = as_text(given)
    if text is not None:
        if pc.all(pc.ascii_is_decimal(text)).as_py() and (pc.max(pc.binary_length(text)).as_py() or 0) < 10:
            whole = text.cast(pa.int32())
            return pc.if_else(pc.greater(whole, 0), whole, None)
        whole = pc.match_substring_regex(text, r"^[0-9]{1,10}(\.0+)?$")
        given = pc.if_else(pc.fill_null(whole, False), text, None).cast(pa.float64())
    wide = given.cast(pa.float64(), safe=False)
    good = pc.and_(pc.greater_equal(wide, 1), pc.less(wide, 2**31))
    return pc.floor(pc.if_else(good, wide, None)).cast(pa.int32())


def _as_number(text: pa.Array, kind: pa.DataType) -> pa.Array:
    """Numbers written as text, of which some may be words for none, and all may have decimal commas."""
    none = pc.is_in(pc.utf8_lower(text), pa.array(NOTHING))
    return pc.replace_substring(pc.if_else(none, None, text), ",", ".").cast(kind)


def _plain(value: Any) -> Any:
    """A nested value as JSON can say it."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)[:1000]
