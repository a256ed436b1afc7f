"""Import of a table: a parquet or CSV file of captions with picture files or URLs."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..errors import InputError
from ..pool.images import LARGEST_FILE
from ..pool.store import check_name
from ..progress import Progress, silent
from .intake import STANDARD, Intake, check_picture, made_uid
from .report import Report

BATCH = 8192
CALLED = {
    "uid": ("uid",),
    "text": ("text", "caption", "TEXT", "alt", "title"),
    "image": ("image", "image_path", "filepath", "file", "path", "filename"),
    "url": ("url", "URL", "image_url"),
    "width": ("width", "original_width", "WIDTH"),
    "height": ("height", "original_height", "HEIGHT"),
    "sha256": ("sha256",),
}


def import_table(
    source: str | Path,
    pool_path: str | Path,
    *,
    uid: str | None = None,
    text: str | None = None,
    image: str | None = None,
    url: str | None = None,
    width: str | None = None,
    height: str | None = None,
    check_pictures: bool = True,
    progress: Progress = silent,
) -> Report:
    """Makes or extends a pool from a parquet or CSV file.

    Options name the source's columns; without them the usual names are tried (`text`, `caption`, `image_path`, …).
    `image` holds paths, relative to the table's directory; with `image_offset` and `image_bytes` columns beside it, a
    place inside a tar. Other scalar columns come along as metadata; `clip_*` score columns do too. Pairs without a
    caption, with an unreadable picture or with a uid seen before are counted and skipped. Resumes by slices of 8,192 rows.
    Raises InputError for an unreadable file, an unknown column, or a table without captions.
    """
    path = Path(source)
    schema, count, batches = _open(path)
    named = {"uid": uid, "text": text, "image": image, "url": url, "width": width, "height": height, "sha256": None}
    roles = {role: _find(role, given, schema) for role, given in named.items()}
    if roles["text"] is None:
        raise InputError(
            f"{str(path)!r} has no caption column; name it with --text. Its columns: {', '.join(schema.names)}."
        )
    extra = _extra(schema, roles)
    full = pa.schema(list(STANDARD) + [pa.field(name, kind) for name, kind in extra.items()])
    with Intake(Path(pool_path), str(path.resolve()), full, {"kind": "table", "source": str(source)}) as intake:
        finished = set(intake.units)
        seen = 0
        for number, batch in enumerate(batches):
            unit = f"{number}:{batch.num_rows}"
            seen += batch.num_rows
            if unit not in finished:
                for offset, row in enumerate(batch.to_pylist()):
                    where = f"{path.name} row {seen - batch.num_rows + offset}"
                    pair = _pair(row, roles, extra, path.resolve().parent, check_pictures)
                    if isinstance(pair, str):
                        intake.report.skip(pair, where)
                    else:
                        intake.offer(pair, where)
            intake.done(unit, progress, seen, max(count, seen))
        return intake.finish()


def _open(path: Path) -> tuple[pa.Schema, int, Iterator[pa.RecordBatch]]:
    """Schema, number of rows (0 when not known) and batches; nothing but batches is held."""
    import pyarrow.csv
    import pyarrow.parquet

    if not path.is_file():
        raise InputError(f"no file {str(path)!r}; give a .parquet or .csv file.")
    try:
        if path.suffix == ".parquet":
            parquet = pyarrow.parquet.ParquetFile(path)
            return parquet.schema_arrow, parquet.metadata.num_rows, parquet.iter_batches(batch_size=BATCH)
        if path.suffix in (".csv", ".tsv"):
            options = pyarrow.csv.ParseOptions(
                delimiter="\t" if path.suffix == ".tsv" else ",", newlines_in_values=True
            )
            reader = pyarrow.csv.open_csv(path, parse_options=options)
            return reader.schema, 0, _sliced(reader)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{str(path)!r} can't be read: {str(error).splitlines()[0]}; is it complete?") from None
    raise InputError(f"{str(path)!r} is neither .parquet nor .csv; convert it first.")


def _sliced(reader: Any) -> Iterator[pa.RecordBatch]:
    for batch in reader:
        for start in range(0, batch.num_rows, BATCH):
            yield batch.slice(start, BATCH)


def _find(role: str, given: str | None, schema: pa.Schema) -> str | None:
    if given is not None:
        if given not in schema.names:
            raise InputError(f"the table has no column {given!r} for --{role}; its columns: {', '.join(schema.names)}.")
        return given
    return next((name for name in CALLED[role] if name in schema.names), None)


def _extra(schema: pa.Schema, roles: dict[str, str | None]) -> dict[str, pa.DataType]:
    """Further scalar columns that come along, with the types they get."""
    extra: dict[str, pa.DataType] = {}
    for entry in schema:
        kind = entry.type.value_type if pa.types.is_dictionary(entry.type) else entry.type
        if entry.name in roles.values() or entry.name in STANDARD.names or pa.types.is_nested(kind):
            continue
        check_name(entry.name)
        if pa.types.is_large_string(kind):
            kind = pa.utf8()
        if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or kind == pa.utf8():
            extra[entry.name] = kind
    return extra


def _pair(
    row: dict[str, Any], roles: dict[str, str | None], extra: dict[str, pa.DataType], root: Path, check_pictures: bool
) -> dict[str, Any] | str:
    """A pair as the pool stores it, or the reason why there is none."""
    text = row[roles["text"] or ""]
    if text is None or not str(text).strip():
        return "no caption"
    text = str(text)
    url = row[roles["url"]] if roles["url"] else None
    place, size, digest = None, None, row.get(roles["sha256"] or "")
    if roles["image"] and row[roles["image"]]:
        place = str((root / str(row[roles["image"]])).resolve())
        content = _picture(place, row.get("image_offset"), row.get("image_bytes"))
        if isinstance(content, str):
            return content
        if check_pictures:
            try:
                size = check_picture(content)
            except ValueError:
                return "picture can't be decoded"
        digest = digest or hashlib.sha256(content).hexdigest()
    elif not url:
        return "no picture and no URL"
    width, height = (_pixels(row.get(roles[side] or "")) for side in ("width", "height"))
    pair = {
        "uid": row[roles["uid"]] if roles["uid"] else made_uid(digest or "", text, url if not place else digest),
        "text": text,
        "url": url,
        "width": width or (size[0] if size else None),
        "height": height or (size[1] if size else None),
        "sha256": digest,
        "image": place,
        "image_offset": row.get("image_offset"),
        "image_bytes": row.get("image_bytes"),
    }
    return pair | {name: row[name] for name in extra}


def _picture(place: str, offset: int | None, size: int | None) -> bytes | str:
    try:
        with open(place, "rb") as handle:
            handle.seek(offset or 0)
            content = handle.read(min(size or LARGEST_FILE + 1, LARGEST_FILE + 1))
    except OSError:
        return "picture file missing or unreadable"
    return content if len(content) <= LARGEST_FILE else f"picture file larger than {LARGEST_FILE >> 20} MiB"


def _pixels(given: Any) -> int | None:
    return int(given) if isinstance(given, (int, float)) and 0 < given < 2**31 else None
