"""Looking at what is there: the plan of an import, made and shown before anything is written."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import InputError
from ..progress import Progress, silent
from .cells import HELD, Room
from .find import Found, find, foreign
from .img2dataset import failures, is_shard
from .options import Options
from .report import Report

if TYPE_CHECKING:
    from .table import Opened

Kind = Literal["table", "webdataset", "datacomp", "clip-retrieval", "captions beside images", "paired lines"]
PREVIEW = 5
OF_IMG2DATASET = "table of img2dataset beside the images (their own texts are read)"


@dataclass(frozen=True)
class Part:
    """Sources of one kind. `mapping`: role → column of the source; `columns`: further column → its name in the pool;
    `left_out`: what does not come in → why; `opened`: tables as they were looked at, so that they need not be again; `beside`: tables that
    say where images are, or which were not downloaded."""

    kind: Kind
    source: str
    files: tuple[str, ...]
    mapping: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    preview: tuple[Mapping[str, Any], ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    opened: tuple["Opened", ...] = field(default=(), repr=False, compare=False)
    beside: tuple[str, ...] = ()

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
        reports = [_counted(part, _run(part, self.options, pool, progress), pool) for part in self.parts]
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
    sources = find(given)
    lines = _paired_lines(sources, options) if only is None else []
    parts += lines
    for source in sources:
        if lines and not (source.tables or source.tars or source.sidecars):
            continue
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


def _paired_lines(sources: Sequence[Found], options: Options) -> list[Part]:
    """The parts of text files that are paired line by line, which are taken out of the sources."""
    from . import paired_lines

    given = [path for source in sources for path in (*source.tables, *source.others)]
    parts, taken = [], set[str]()
    for captions, places in paired_lines.pairs(given, options):
        shown = list(islice(paired_lines.rows(captions, places, options), PREVIEW))
        mapping = {"text": os.path.basename(captions), "url" if shown[0]["url"] else "image": os.path.basename(places)}
        parts.append(Part("paired lines", captions, (captions, places), mapping, preview=tuple(shown)))
        taken |= {captions, places}
    for source in sources:
        source.tables = [path for path in source.tables if path not in taken]
        source.others = [path for path in source.others if path not in taken]
    return parts


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
    if source.sidecars and all(map(is_shard, source.tables)):
        return _sidecars(source, options)
    if source.tables:
        return None
    unreadable = next(((os.path.basename(one), why) for one in source.others if (why := foreign(one))), None)
    if source.images:
        besides = f" ({unreadable[0]!r} is {unreadable[1]})" if unreadable else ""
        raise InputError(
            f"{source.given!r} holds {source.images:,} images and no captions{besides}; add a table such as metadata.csv "
            "with the columns file_name and text, or a .txt beside each image."
        )
    if unreadable:
        raise InputError(f"{unreadable[0]!r} is {unreadable[1]}.")
    what = f"only files of other kinds, such as {os.path.basename(source.others[0])}" if source.others else "no file"
    raise InputError(f"{source.given!r} holds {what}; give .csv, .tsv, .json, .jsonl, .parquet, .arrow or .tar files.")


def _shards(source: Found, options: Options) -> Part:
    from .shard_preview import preview

    mapping, rows, problems = preview(source.tars[0], options, PREVIEW)
    left_out = dict(problems)
    left_out |= dict.fromkeys(source.tables[:5], "table beside shards (their own JSON is read)")
    return Part(
        "webdataset",
        source.given,
        tuple(source.tars),
        mapping,
        preview=tuple(rows),
        left_out=left_out,
        beside=tuple(source.tables),
    )


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

    read = list(islice(sidecars.rows(source.sidecars, source.root, options.encoding), PREVIEW))
    rows = [row for row in read if isinstance(row, dict)]
    suffix = os.path.splitext(source.sidecars[0])[1]
    left = {path: why for path, why in zip(source.sidecars, read) if isinstance(why, str)}
    left |= dict.fromkeys(source.tables[:5], why)
    if source.images > len(source.sidecars):
        left["images"] = f"{source.images - len(source.sidecars):,} without a caption"
    return Part(
        "captions beside images", source.given, tuple(source.sidecars), {"text": suffix, "image": "file"},
        preview=tuple(rows), left_out=left, beside=tuple(source.tables),
    )  # fmt: skip


def _tables(tables: Sequence[tuple[Found, str]], options: Options, given: str, room: Room) -> Part:
    from .table_looks import look_at

    seen = look_at([(source.root, path) for source, path in tables], options, room, PREVIEW)
    for found in {id(source): source for source, _ in tables}.values():
        seen.left_out |= _beside(found)
    return Part(
        "table", given, tuple(path for path, _, _ in seen.opened), seen.mapping, seen.columns, tuple(seen.rows),
        seen.left_out, tuple(seen.notes), tuple(seen.opened), tuple(seen.places),
    )  # fmt: skip


def _beside(source: Found) -> dict[str, str]:
    """What lies beside tables and is not read with them."""
    arrays = [path for path in source.others if path.lower().endswith((".npy", ".npz"))]
    others = {path: f"it is {why}" for path in source.others if (why := foreign(path))}
    left = dict.fromkeys(arrays[:5], "array beside a table (`poolscope import columns FILE --on row` joins it)")
    left |= dict(islice(others.items(), 5))
    left |= {path: "lemmas, no captions" for path in source.others if path.lower().endswith(".lemma.token.txt")}
    if source.sidecars:
        left[source.sidecars[0]] = (
            f"{len(source.sidecars):,} texts beside images (a table is read; move it to read them)"
        )
    return left


def _counted(part: Part, report: Report, pool: str | Path) -> Report:
    """The report with the images that img2dataset lists beside shards and images and could not download."""
    if part.kind != "table" and (absent := failures(part.beside)):
        for why, count in absent.items():
            report.skip_many(why, count, [])
        report.save(Path(pool))
    return report


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

        with sidecars.listed(part.files, os.path.abspath(part.source), options.encoding) as (table, wrong):
            beside = TableImport([table], replace(options, encoding=None), part.source)
            beside.wrong = wrong
            return beside.run(pool, progress)
    if part.kind == "paired lines":
        from . import paired_lines

        captions, places = part.files
        with paired_lines.listed(captions, places, options) as listed:
            return TableImport([listed], Options(captions=options.captions, check=options.check), part.source).run(
                pool, progress
            )
    root = os.path.commonpath([os.path.dirname(file) for file in part.files]) if "://" not in part.files[0] else ""
    importing = TableImport(part.files, options, part.source, root, part.opened, part.beside)
    importing.left_out = {path: why for path, why in part.left_out.items() if not path.startswith("column ")}
    return importing.run(pool, progress)
