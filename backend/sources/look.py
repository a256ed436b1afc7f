"""Looking at what is there: the plan of an import, made and shown before anything is written."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import InputError
from ..progress import Progress, silent
from .cells import HELD, Room
from .find import Found, find
from .mapping import ColumnMap
from .npz import Damaged
from .options import Options
from .report import Report

if TYPE_CHECKING:
    from .table import Opened

Kind = Literal["table", "webdataset", "datacomp", "clip-retrieval", "captions beside images"]
PREVIEW = 5
ARCHIVES = (".zip", ".7z", ".rar")
OF_IMG2DATASET = "table of img2dataset beside the images (their own texts are read)"
_OF_IMG2DATASET = re.compile(r"\d+\.parquet")  # beside the images and texts of its output format `files`


@dataclass(frozen=True)
class Part:
    """Sources of one kind. `mapping`: role → column of the source; `columns`: further column → its name in the pool;
    `left_out`: what does not come in → why; `opened`: tables as they were looked at, so that they need not be again."""

    kind: Kind
    source: str
    files: tuple[str, ...]
    mapping: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    preview: tuple[Mapping[str, Any], ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    opened: tuple["Opened", ...] = field(default=(), repr=False, compare=False)

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "source": self.source, "files": list(self.files), "mapping": dict(self.mapping),
            "columns": dict(self.columns), "preview": [dict(row) for row in self.preview],
            "left_out": dict(self.left_out), "notes": list(self.notes),
        }  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What an import would do: its parts, and `run`, which does it. Nothing is written before."""

    parts: tuple[Part, ...]
    options: Options

    @property
    def kind(self) -> str:
        """The kind of source; several are joined by `, `."""
        return ", ".join(dict.fromkeys(part.kind for part in self.parts))

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(file for part in self.parts for file in part.files)

    @property
    def mapping(self) -> dict[str, str]:
        """Role → column, of the first part that has it."""
        return {role: column for part in reversed(self.parts) for role, column in part.mapping.items()}

    @property
    def preview(self) -> tuple[Mapping[str, Any], ...]:
        """The first five pairs as they will be: `text`, `image` (and its `member` in a shard) or `url`, `id`; an image's
        `problem` if it has one."""
        return tuple(row for part in self.parts for row in part.preview)[:PREVIEW]

    @property
    def left_out(self) -> dict[str, str]:
        """File or column → why it does not come in."""
        return {what: why for part in self.parts for what, why in part.left_out.items()}

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "mapping": self.mapping, "preview": [dict(row) for row in self.preview],
            "left_out": self.left_out, "parts": [part.as_json() for part in self.parts],
        }  # fmt: skip

    def run(self, pool: str | Path, progress: Progress = silent) -> Report:
        """Makes or extends the pool; the report is that of all parts together. Raises InputError if nothing comes in."""
        reports = [_run(part, self.options, pool, progress) for part in self.parts]
        whole = reports[0]
        for report in reports[1:]:
            whole.source += f", {report.source}"
            whole.added += report.added
            whole.present += report.present
            whole.join(report.as_json())
            whole.notes += report.notes
            whole.path = report.path
        return whole


def look(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    options: Options | None = None,
    *,
    only: Kind | None = None,
    held: int = HELD,
) -> Plan:
    """Looks at files, directories, patterns and URLs, and says what an import of them would do.

    `only`: takes the sources as of that kind; `held`: bytes of rows that may be kept for the import. Raises InputError, in one line that says what is missing, for a path that
    does not exist, images without captions, a table without captions, and anything else that can't become pairs.
    """
    options = options or Options()
    given = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    parts: list[Part] = []
    tables: list[tuple[Found, str]] = []
    for source in find(given):
        if only == "table":
            tables += [(source, path) for path in source.tables or _forced(source)]
            continue
        part = _directory(source, options)
        if part is not None:
            parts.append(part)
        else:
            tables += [(source, path) for path in source.tables]
    if tables:
        try:
            parts.append(_tables(tables, options, ", ".join(os.fspath(one) for one in given), Room(held)))
        except InputError:
            beside = {id(source): source for source, _ in tables if source.sidecars}
            if not beside:
                raise
            parts += [
                _sidecars(source, options, "no table of pairs (the texts beside images are read)")
                for source in beside.values()
            ]
    if not parts:
        raise InputError(f"no table or shard in {', '.join(map(str, given))!r}; give captions with images or URLs.")
    return Plan(tuple(parts), options)


def _forced(source: Found) -> list[str]:
    if source.others or source.tars:
        name = (source.others or source.tars)[0]
        raise InputError(
            f"{name!r} is neither .parquet, .arrow, .csv, .tsv, .json nor .jsonl; convert it first, or import it by "
            "`poolscope import`."
        )
    raise InputError(f"no table in {source.given!r}; give a .parquet, .arrow, .csv, .tsv, .json or .jsonl file.")


def _directory(source: Found, options: Options) -> Part | None:
    """The part of a source that is no table: shards, DataComp's metadata, clip-retrieval's layout, captions in files."""
    from .retrieval import retrieval_parts

    if "://" not in source.root and os.path.isdir(source.given) and retrieval_parts(source.given):
        return Part("clip-retrieval", source.given, tuple(source.tables))
    if source.tars:
        return _shards(source, options)
    if source.tables and _is_datacomp(source):
        return Part("datacomp", source.given, tuple(source.tables), {"uid": "uid", "text": "text", "url": "url"})
    if source.sidecars and all(_OF_IMG2DATASET.fullmatch(os.path.basename(path)) for path in source.tables):
        return _sidecars(source, options)
    if source.tables:
        return None
    if source.images:
        raise InputError(
            f"{source.given!r} holds {source.images:,} images and no captions; add a table such as metadata.csv with the "
            "columns file_name and text, or a .txt beside each image."
        )
    archives = [name for name in source.others if name.lower().endswith(ARCHIVES)]
    if archives:
        raise InputError(f"{os.path.basename(archives[0])!r} is an archive; unpack it and give the folder.")
    what = f"only files of other kinds, such as {os.path.basename(source.others[0])}" if source.others else "no file"
    raise InputError(f"{source.given!r} holds {what}; give .csv, .tsv, .json, .jsonl, .parquet, .arrow or .tar files.")


def _shards(source: Found, options: Options) -> Part:
    from .shard_preview import preview

    mapping, rows, problems = preview(source.tars[0], options, PREVIEW)
    left_out = dict(problems)
    left_out |= dict.fromkeys(source.tables[:5], "table beside shards (their own JSON is read)")
    return Part("webdataset", source.given, tuple(source.tars), mapping, preview=tuple(rows), left_out=left_out)


def _is_datacomp(source: Found) -> bool:
    import pyarrow.parquet as pq

    from .arrow_table import UNREADABLE
    from .remote import open_binary

    listed = [path for path in source.tables if path.endswith(".parquet")]
    if len(listed) != len(source.tables):
        return False
    for path in listed[:5]:
        try:
            names = pq.read_schema(path if "://" not in path else open_binary(path)).names
        except UNREADABLE:
            continue
        return "uid" in names and any(name.endswith("_similarity_score") for name in names)
    return False


def _sidecars(source: Found, options: Options, why: str = OF_IMG2DATASET) -> Part:
    from . import sidecars

    read = list(sidecars.rows(source.sidecars[:PREVIEW], options.encoding))
    rows = [row for row in read if isinstance(row, dict)]
    suffix = os.path.splitext(source.sidecars[0])[1]
    left = {path: why for path, why in zip(source.sidecars, read) if isinstance(why, str)}
    left |= dict.fromkeys(source.tables[:5], why)
    if source.images > len(source.sidecars):
        left["images"] = f"{source.images - len(source.sidecars):,} without a caption"
    return Part(
        "captions beside images", source.given, tuple(source.sidecars), {"text": suffix, "image": "file"},
        preview=tuple(rows), left_out=left,
    )  # fmt: skip


def _tables(tables: Sequence[tuple[Found, str]], options: Options, given: str, room: Room) -> Part:
    from .table import mapped, open_table, sampled

    opened: list[Opened] = []
    left_out: dict[str, str] = {}
    notes: dict[str, None] = {}
    rows: list[Mapping[str, Any]] = []
    extra: dict[str, str] = {}
    wrong = ""
    for source, path in tables:
        try:
            table = open_table(path, options, source.root, room)
            sample = sampled(table)
            here = mapped(path, table, options, sample)
        except (Damaged, InputError) as error:
            left_out[path] = str(error)
            wrong = wrong or f"{path!r}: {error}"
            continue
        opened.append((path, table, here))
        extra |= here.extra
        left_out |= {f"column {name}": why for name, why in here.left_out.items()}
        notes |= {f"{os.path.basename(path)}: {table.note}": None} if table.note else {}
        notes |= {f"column {was!r} becomes {now!r}": None for was, now in here.renamed.items()}
        notes |= {f"{here.moved[0]} of another machine is {here.moved[1]} here": None} if here.moved[0] else {}
        if len(rows) < PREVIEW:
            rows += _preview(table, sample[:PREVIEW], here, options)[: PREVIEW - len(rows)]
    if not opened:
        raise InputError(wrong)
    for found in {id(source): source for source, _ in tables}.values():
        left_out |= _beside(found)
    first = opened[0][2]
    mapping = {**first.roles, **{name: column for column, (name, _) in first.vectors.items()}}
    files = tuple(path for path, _, _ in opened)
    return Part("table", given, files, mapping, extra, tuple(rows), left_out, tuple(notes), tuple(opened))


def _beside(source: Found) -> dict[str, str]:
    """What lies beside tables and is not read with them."""
    arrays = [path for path in source.others if path.lower().endswith((".npy", ".npz"))]
    records = [path for path in source.others if ".tfrecord" in os.path.basename(path).lower()]
    left = dict.fromkeys(arrays[:5], "array beside a table (`poolscope import columns FILE --on row` joins it)")
    left |= dict.fromkeys(records[:5], "TFRecord is not read; make webdataset or parquet of it")
    left |= {path: "lemmas, no captions" for path in source.others if path.lower().endswith(".lemma.token.txt")}
    if source.sidecars:
        left[source.sidecars[0]] = (
            f"{len(source.sidecars):,} texts beside images (a table is read; move it to read them)"
        )
    return left


def _preview(
    table: Any, sample: Sequence[Mapping[str, Any]], mapping: ColumnMap, options: Options
) -> list[Mapping[str, Any]]:
    """The first pairs as they will be, images looked at."""
    import pyarrow as pa

    from . import places, texts
    from .captions import problems

    rows: list[Mapping[str, Any]] = []
    roles = mapping.roles
    kind = table.schema.field(roles["text"]).type
    for row in sample:
        said, _ = texts.captions(pa.array([row[roles["text"]]], type=kind), options.captions)  # type: ignore[arg-type]
        about: dict[str, Any] = {role: places.only(row[roles[role]]) for role in ("url", "id", "uid") if role in roles}
        value = places.only(row.get(roles.get("image", "")))
        if isinstance(value, str):
            value = value.rpartition("#")[0] if mapping.numbered else value
            place = value if places.is_web(value) else places.resolved(value, mapping.base, mapping.moved)
            about["url" if places.is_web(value) else "image"] = place
            if "image" in about:
                seen = places.looked_at(place, None, None, check=False)
                about |= {"problem": seen.problem} if seen.problem and "image_offset" not in roles else {}
        elif value is not None:
            about["image"] = "(bytes in the table)"
        rows += [{"text": text, **about} for text in problems(said)[0].to_pylist()]
    return rows[:PREVIEW]


def _run(part: Part, options: Options, pool: str | Path, progress: Progress) -> Report:
    if part.kind == "webdataset":
        from .webdataset import import_webdataset

        return import_webdataset(
            list(part.files), pool, image_key=options.image_key, caption_key=options.caption_key,
            captions=options.captions, progress=progress,
        )  # fmt: skip
    if part.kind == "datacomp":
        from .datacomp import import_datacomp

        return import_datacomp(part.source, pool, progress=progress)
    if part.kind == "clip-retrieval":
        from .retrieval import import_retrieval

        return import_retrieval(part.source, pool, progress)
    from .table import TableImport

    if part.kind == "captions beside images":
        from . import sidecars

        with sidecars.listed(part.files, options.encoding) as (table, wrong):
            beside = TableImport([table], replace(options, encoding=None), part.source)
            beside.wrong = wrong
            return beside.run(pool, progress)
    root = os.path.commonpath([os.path.dirname(file) for file in part.files]) if "://" not in part.files[0] else ""
    importing = TableImport(part.files, options, part.source, root, part.opened)
    importing.left_out = {path: why for path, why in part.left_out.items() if not path.startswith("column ")}
    return importing.run(pool, progress)
