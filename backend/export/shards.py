"""Export of shards: webdataset tars of the kept pairs in DataComp's layout, read by the tar index, of even size."""

import shutil
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from .. import files
from ..errors import InputError
from ..pool import Pool, uid_hex
from ..pool.tar import IMAGES
from ..progress import Progress, silent
from ..recipe import Recipe, Selection
from ..recipe.grammar import SubsetRule
from ..recipe.subset_files import read_subset, subset_path
from .plan import Plan, absent, plan
from .provenance import provenance
from .reading import Members, Sources, read_samples
from .subset import kept_uids
from .values import scalars
from .writer import TarWriter

PLAN = ".plan"  # beside the tars while they are written

COLUMNS = ("uid", "text", "url", "width", "height", "sha256", "face_bboxes")
BLOCK = 256


@dataclass(frozen=True)
class Shards:
    """Shards on disk: `written` samples in `shards` tars. `missing` kept pairs are in no shard that the pool knows;
    `unreadable` ones are indexed, but their tar or file can't be read any more, which makes the export incomplete."""

    directory: Path
    shards: int
    written: int
    missing: int
    unreadable: int = 0


def export_shards(
    pool: Pool,
    selection: Selection,
    out: str | Path,
    *,
    recipe: Recipe | None = None,
    shard_size: int = 10_000,
    blur: bool = False,
    engine: str = "local",
    workers: int = 1,
    address: str | None = None,
    progress: Progress = silent,
) -> Shards:
    """Writes the kept pairs as `00000000.tar`, …, in the order in which their tars hold them; members `<uid>-<j>.<ext>`.

    Only kept samples are read, each by one seek; their members are copied as they are and in their order, the image with
    the extension of the format that its bytes are, and a caption file is added where there is none. A pair that is no
    whole sample of a tar is written anew, its JSON with the pool's metadata. A pair that is drawn m times is written m
    times, j = 0 to m - 1. `blur` blurs the faces of the pool's `face_bboxes` and turns those images into WebP. Beside the
    tars: `sample_ids.npy` (the kept uids; where the recipe is one subset file alone, a copy of that file, with the uids
    that the pool lacks), `<shard>_stats.json`, `missing.txt` (kept uids in no shard), `unreadable.txt`, and `meta.json`,
    which comes last. Bytes don't depend on workers. A finished shard is skipped when the export runs again. Raises
    InputError if nothing is kept, or `out` holds something else.
    """
    from ..workers.dispatch import finished

    out = Path(out)
    rows = np.flatnonzero(selection.mask)
    if not len(rows):
        raise InputError("the recipe keeps 0 pairs, so there is nothing to write; loosen a threshold.")
    if shard_size < 1:
        raise InputError(f"shard size is {shard_size}; it must be at least 1.")
    ids = _subset_file(recipe, pool) or kept_uids(pool, selection.mask, selection.wanted)
    _claim(out, ids, {"shard_size": shard_size, "blur": blur})
    planned, missing = _planned(pool, recipe, selection, rows, out)
    total = len(planned.entries)
    task, units = ShardTask(pool.path.resolve(), out.resolve(), blur), units_of(total, shard_size)
    files.write_array(out / PLAN / "entries.npy", planned.entries)
    files.write_json(out / PLAN / "tars.json", planned.tars)
    todo = [unit for unit in units if not task.stats(unit).exists()]
    done = total - sum(map(len, todo))
    for unit, _ in finished(task, todo, engine=engine, workers=workers, address=address):
        done += len(unit)
        progress(done, total, "pairs written")
    shutil.rmtree(out / PLAN)
    about = _about(out, [files.read_json(task.stats(unit)) for unit in units])
    about |= {"processed_count": total, "missing": missing}
    files.write_json(out / "meta.json", about | provenance(pool, recipe, selection))
    return Shards(out, len(units), about["output_count"], about["missing"], about["unreadable"])


def _planned(pool: Pool, recipe: Recipe | None, selection: Selection, rows: np.ndarray, out: Path) -> tuple[Plan, int]:
    """What is read from where, and how many kept pairs are in no shard; these are listed. Raises InputError if all are."""
    planned, unknown = plan(pool, rows, selection.copies_of(rows)), absent(recipe, pool)
    missing = pool.take(planned.missing, ["uid"])["uid"].to_pylist() + uid_hex(unknown["f0"], unknown["f1"]).to_pylist()
    files.write_text(out / "missing.txt", "".join(f"{uid}\n" for uid in sorted(missing)))
    if not len(planned.entries):
        raise InputError(
            f"none of the {len(rows):,} kept pairs has an image file; index the shards with `poolscope index` first."
        )
    return planned, len(missing)


def _about(out: Path, results: list[dict[str, Any]]) -> dict[str, Any]:
    """What the shards hold, by the statistics of each; lists the samples that could not be read."""
    unreadable = sorted({uid for result in results for uid in result["unreadable"]})
    files.write_text(out / "unreadable.txt", "".join(f"{uid}\n" for uid in unreadable))
    return {
        "output_shard_count": len(results),
        "output_shard_format": "{:08d}.tar",
        "output_count": sum(result["successes"] for result in results),
        "blur_count": sum(result["blurred"] for result in results),
        "unreadable": len(unreadable),
    }


def _subset_file(recipe: Recipe | None, pool: Pool) -> Path | None:
    """The file that DataComp's resharder would be given: that of a recipe which is one subset file and nothing else."""
    rules = recipe.active if recipe else ()
    if len(rules) != 1 or not isinstance(rules[0], SubsetRule):
        return None
    path = subset_path(rules[0].subset, pool)
    return None if path.suffix == ".txt" else path


def _claim(out: Path, uids: Path | np.ndarray, options: dict[str, Any]) -> None:
    """Makes `out` this export's own: empty, or holding the same uids from an earlier attempt with the same options.

    `uids`: an array, or a subset file to copy.
    """
    ids, chosen = out / "sample_ids.npy", out / "options.json"
    for torn in out.glob(".*.part"):  # what a killed export was writing
        torn.unlink(missing_ok=True)
    if ids.exists():
        if chosen.exists() and files.read_json(chosen) != options:
            raise InputError(
                f"{str(out)!r} was begun with {files.read_json(chosen)}; go on with those, or choose an empty directory."
            )
        if not np.array_equal(read_subset(ids), read_subset(uids) if isinstance(uids, Path) else uids):
            raise InputError(f"{str(out)!r} holds the shards of another selection; choose an empty directory.")
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{str(out)!r} is not empty and holds no shards of this selection; choose an empty directory.")
    with files.replacing(ids) as part:
        if isinstance(uids, Path):
            shutil.copyfile(uids, part)
        else:
            with part.open("wb") as handle:
                np.save(handle, uids, allow_pickle=False)
    files.write_json(chosen, options)


@dataclass(frozen=True)
class ShardUnit:
    """A work unit: one output shard, the plan's entries `start` to `stop`."""

    number: int
    start: int
    stop: int

    @property
    def id(self) -> str:
        return f"{self.number:08d}"

    def __len__(self) -> int:
        return self.stop - self.start


def units_of(total: int, shard_size: int) -> list[ShardUnit]:
    """Shards whose sizes differ by at most one sample."""
    edges = np.linspace(0, total, -(-total // shard_size) + 1).astype(np.int64).tolist()
    return [ShardUnit(number, start, end) for number, (start, end) in enumerate(pairwise(edges))]


@dataclass(frozen=True)
class ShardTask:
    """Writes output shards by the plan in `out`; small and picklable."""

    pool_path: Path
    out: Path
    blur: bool

    def stats(self, unit: ShardUnit) -> Path:
        return self.out / f"{unit.id}_stats.json"

    def compute(self, unit: ShardUnit, progress: Progress = silent) -> None:
        entries = np.load(self.out / PLAN / "entries.npy", mmap_mode="r")[unit.start : unit.stop]
        tars = files.read_json(self.out / PLAN / "tars.json")
        pool = Pool.open(self.pool_path)
        result: dict[str, Any] = {"successes": 0, "unreadable": [], "blurred": 0}
        with files.replacing(self.out / f"{unit.id}.tar") as part, TarWriter(part) as tar, Sources(tars) as sources:
            for start in range(0, len(entries), BLOCK):
                self._block(pool, entries[start : start + BLOCK], sources, tar, result)
        files.write_json(self.stats(unit), result)

    def _block(self, pool: Pool, entries: np.ndarray, sources: Sources, tar: TarWriter, result: dict[str, Any]) -> None:
        known = [name for name in COLUMNS if name == "uid" or name in pool.columns]
        known += [name for name in scalars(pool) if name not in known and pool.columns[name].kind == "metadata"]
        about = pool.take(entries["row"], known).to_pylist()
        for entry, pair, members in zip(entries, about, read_samples(pool, entries, about, sources)):
            if not members:
                result["unreadable"].append(pair["uid"])
                continue
            if self.blur and pair.get("face_bboxes"):
                members, blurred = _blurred(members, pair["face_bboxes"])
                result["blurred"] += blurred
            for extension, content in members:
                tar.put(f"{pair['uid']}-{entry['copy']}.{extension}", content)
            result["successes"] += 1


def _blurred(members: Members, boxes: list[list[float]]) -> tuple[Members, bool]:
    from .blur import blur_file

    changed: Members = []
    done = False
    for extension, content in members:
        if extension in IMAGES:
            content, extension, done = blur_file(content, boxes), "webp", True
        changed.append((extension, content))
    return changed, done
