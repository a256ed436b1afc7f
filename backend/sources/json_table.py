"""JSON tables: a record a line, an array of records, or the annotation files of COCO and its kin."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from . import fields
from .npz import Damaged
from .options import Options
from .staged import Staged, connect, limited, literal
from .text_table import unique

SAMPLE = 1 << 20
LARGEST = 2 << 30  # an annotation file is one value, read whole
SPELLED = 256 << 20  # a larger file is streamed, its numbers as DuckDB spells them
AS_SPELLED: dict[str, Any] = {"parse_float": str, "parse_int": str}
FORMATS = {"lines": "newline_delimited", "array": "array"}


def form(sample: str) -> str:
    """`lines`, `array` or `object`, by how the JSON begins."""
    lines = [line for line in sample.splitlines()[:50] if line.strip()]
    start = lines[0].lstrip() if lines else ""
    if start.startswith("["):
        return "array"
    return "lines" if len(lines) > 1 and any(map(_is_object, lines)) else "object"


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


class JsonTable:
    """The rows of one JSON file as text: a string as it is, other values as JSON; null where there is none."""

    def __init__(self, staged: Staged, options: Options) -> None:
        self._staged = staged
        sample = staged.sample(SAMPLE)
        self.form = form(sample)
        self.rejected: list[tuple[str, str]] = []
        self._rows: pa.Table | None = None
        self._spelled = staged.small(SPELLED) and _numbers_as_captions(sample, options)
        if self.form == "object" or self._spelled:
            self._rows = self._whole()
        else:
            try:
                self._keys = self._discover()
            except Exception as error:
                if self.form != "array":
                    raise Damaged(f"the JSON can't be read: {str(error).splitlines()[0]}") from None
                self._rows = self._whole()
        names = self._rows.schema.names if self._rows is not None else self._keys
        if not names:
            raise Damaged("it holds no record")
        self.schema = pa.schema([(name, pa.utf8()) for name in names])
        self.count = self._rows.num_rows if self._rows is not None else 0
        self.typed, self.named = False, True
        self.note = staged.note

    def source(self) -> str | None:
        """The table as a DuckDB table function; None where it was read whole."""
        if self._rows is not None:
            return None
        columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in self._keys)
        return (
            f"read_json({literal(self._staged.path)}, format = '{FORMATS[self.form]}', columns = {{{columns}}}, "
            f"compression = '{self._staged.compression}'{self._lenient}, maximum_object_size = 67108864)"
        )

    @property
    def _lenient(self) -> str:
        return ", ignore_errors = true" if self.form == "lines" else ""

    def batches(self, size: int, most: int | None = None) -> Iterator[pa.RecordBatch]:
        if self._rows is not None:
            yield from self._rows.to_batches(max_chunksize=size)
            return
        with connect() as database:
            yield from database.sql(f"SELECT * FROM {self.source()}{limited(most)}").to_arrow_reader(size)

    def _discover(self) -> list[str]:
        """All keys of all records: those of the first in their order, then those that come later."""
        function = "read_ndjson_objects" if self.form == "lines" else "read_json_objects"
        kind = "" if self.form == "lines" else ", format = 'array'"
        read = (
            f"{function}({literal(self._staged.path)}{kind}, compression = '{self._staged.compression}'{self._lenient}, "
            "maximum_object_size = 67108864)"
        )
        with connect() as database:
            found = database.sql(
                f"SELECT DISTINCT json_keys(json) FROM {read} WHERE json_type(json) = 'OBJECT'"
            ).fetchall()
            first = database.sql(
                f"SELECT json_keys(json) FROM {read} WHERE json_type(json) = 'OBJECT' LIMIT 1"
            ).fetchall()
        there = sorted({key for (keys,) in found for key in keys})
        return list(dict.fromkeys([*(first[0][0] if first else []), *there]))[:1000]

    def _whole(self) -> pa.Table:
        with self._staged.open() as handle:
            content = handle.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise Damaged(f"a JSON that is one value may have {LARGEST >> 30} GiB; write a record a line (.jsonl)")
        text = content.decode(self._staged.encoding, "replace").removeprefix("\ufeff")
        try:
            if self._spelled and self.form == "lines":
                return as_table(list(self._lines(text)))
            value = json.loads(text, **AS_SPELLED) if self._spelled else fields.parse(text.encode())
        except json.JSONDecodeError as error:
            value = _one_after_another(text) if error.msg.startswith("Extra data") else None
            if value is None:
                raise Damaged(f"the JSON can't be read: {error}") from None
        except (ValueError, RecursionError) as error:
            raise Damaged(f"the JSON can't be read: {error}") from None
        return as_table(records(value))

    def _lines(self, text: str) -> Iterator[Mapping[str, Any]]:
        """The record of each line, numbers as they are spelled; a line that is none is counted."""
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                value = json.loads(line, **AS_SPELLED) if line.strip() else None
            except (ValueError, RecursionError):
                self.rejected.append((f"line {number}", "line is no JSON"))
                continue
            if isinstance(value, dict):
                yield value


def _numbers_as_captions(sample: str, options: Options) -> bool:
    """Whether captions are JSON numbers, so that `3.10` must not become 3.1: such a file is read whole."""
    names = "|".join(re.escape(name) for name in ([options.text] if options.text else fields.CAPTIONS))
    return bool(re.search(rf'"({names})"\s*:\s*-?[0-9]', sample, re.I))


def _one_after_another(text: str) -> list[Any] | None:
    """The values of a text that holds several, with or without commas between them; None if it holds anything else."""
    decoder, place, found = json.JSONDecoder(), 0, []
    while place < len(text):
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            return None
        found.append(value)
        place = re.compile(r"[\s,]*").match(text, place).end()  # type: ignore[union-attr]  # it always matches
    return found


def records(value: Any) -> list[Mapping[str, Any]]:
    """The records of an annotation file: COCO's and Karpathy's, tables by column or by key, a list under any name."""
    if isinstance(value, list):
        return [one for one in value if isinstance(one, dict)]
    if not isinstance(value, dict):
        return []
    images: Any = value.get("images")
    notes: Any = value.get("annotations")
    if _listed(images) and _listed(notes):
        return _coco(images, notes)
    if _listed(images) and "sentences" in images[0]:
        return [_karpathy(one) for one in images]
    lists: list[list[Mapping[str, Any]]] = [one for one in value.values() if _listed(one)]
    if lists:
        return max(lists, key=lambda one: len(one))
    return _by_column(value) or _by_key(value) or [value]


def _by_column(value: dict[str, Any]) -> list[Mapping[str, Any]]:
    """`{"text": ["a", "b"], "url": [...]}` and pandas' `{"text": {"0": "a"}, ...}` as records; none of another form."""
    inner = list(value.values())
    if len(inner) < 2 or not {key.lower() for key in value} & {*fields.CAPTIONS, "image", "file_name", "url"}:
        return []
    if all(isinstance(one, list) for one in inner) and len({len(one) for one in inner}) == 1:
        return [dict(zip(value, row)) for row in zip(*inner)]
    if all(isinstance(one, dict) and one.keys() == inner[0].keys() for one in inner):
        return [{name: one[key] for name, one in value.items()} for key in inner[0]]
    return []


def _by_key(value: dict[str, Any]) -> list[Mapping[str, Any]]:
    """`{"1.jpg": "a caption" or [...]}` and `{"1": {"text": ...}}` as records; none of another form."""
    inner = list(value.values())
    if inner and all(isinstance(one, dict) for one in inner):
        return [{"id": key, **one} for key, one in value.items()]
    if any(key.lower() in fields.CAPTIONS for key in value) or not all(isinstance(one, (str, list)) for one in inner):
        return []
    return [{"image": key, "captions": one} for key, one in value.items()]


def _listed(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _coco(images: list[dict[str, Any]], notes: list[dict[str, Any]]) -> list[Mapping[str, Any]]:
    """A record for each image, with all its captions."""
    said: dict[Any, list[str]] = {}
    for note in notes:
        if isinstance(note.get("caption"), str):
            said.setdefault(str(note.get("image_id")), []).append(note["caption"])
    kept = ("file_name", "coco_url", "flickr_url", "width", "height", "license")
    return [
        {"image_id": one.get("id"), "captions": said.get(str(one.get("id"))), **{k: one[k] for k in kept if k in one}}
        for one in images
    ]


def _karpathy(image: dict[str, Any]) -> Mapping[str, Any]:
    folder, name = image.get("filepath"), image.get("filename")
    extra: dict[str, Any] = {key: image[key] for key in ("split", "cocoid", "imgid") if key in image}
    path = f"{folder}/{name}" if isinstance(folder, str) and folder else name
    return {"image": path, "captions": image.get("sentences"), **extra}


def as_table(rows: list[Mapping[str, Any]]) -> pa.Table:
    """Records as columns of text."""
    keys = list(dict.fromkeys(str(key) for row in rows for key in row))
    columns = [pa.array([_text(row.get(key)) for row in rows], type=pa.utf8()) for key in keys]
    return pa.table(dict(zip(unique(keys), columns)))


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return fields.clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
