"""The records that come with the demo: its trained runs without their weights, a sweep of them, and a bias report.

They ship as one zip. `python -m poolscope.demo.records` packs those of a home in which the demo's methods were trained
(`make results`); building the demo pool unpacks them. In the zip a run is a folder as in the home's `runs/`, but for the
pairs that it was trained on: one bit a pair of the pool, in row order, stands for its subset file.
"""

import argparse
import io
import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from .. import files, paths
from ..errors import InputError
from ..runs import Run, runs

if TYPE_CHECKING:
    from ..pool import Pool

FILE = paths.ASSETS / "demo" / "records.zip"
CAME = "came with the demo"
LARGEST = 3_000_000  # bytes
SCALE = "demo"
SWEEP = "demo-scores-30"
_KEPT = "kept.bits"
_PLAIN = ("recipe.yaml", "results.jsonl", "metrics.jsonl")
_STAMP = (1980, 1, 1, 0, 0, 0)  # the same runs give the same bytes


def pack(pool: "Pool", out: Path = FILE, *, report: Path | None = None) -> int:
    """Packs the finished, comparable runs of the demo scale on `pool`, a sweep of those that differ in one score, and
    `report` (of `poolscope bias`); returns how many runs.

    Nothing that ships names a path, a machine or a process. Raises InputError without a run, and if the file would be
    larger than 3 MB.
    """
    where = str(pool.path.resolve())
    mine = [
        run for run in reversed(runs())
        if run.kind == "training" and run.finished and run.scale == SCALE and run.pool == where and not run.not_comparable
        and run.results()  # a network that was trained only to filter has none
    ]  # fmt: skip
    if not mine:
        raise InputError(
            f"no finished run of scale {SCALE} on {where}; train some first, for example with `make results`"
        )
    with files.replacing(out) as part:
        with zipfile.ZipFile(part, "w") as archive:
            for name, content in _members(mine, pool, report):
                archive.writestr(zipfile.ZipInfo(name, _STAMP), content, zipfile.ZIP_DEFLATED, 9)
        if part.stat().st_size > LARGEST:
            raise InputError(f"the records take {part.stat().st_size:,} bytes, more than {LARGEST:,}; pack fewer runs")
    return len(mine)


def unpack(pool: "Pool", where: Path, source: Path = FILE) -> int:
    """Puts the records of `source` into this home and the report into `pool`; returns how many runs are new.

    `where` is the path at which the pool will lie, if it is renamed later. What exists already stays as it is.
    """
    if not source.is_file():
        return 0
    home, runs_of = str(where.resolve()), dict[str, list[str]]()
    with zipfile.ZipFile(source) as archive:
        for name in archive.namelist():
            if name.startswith("/") or ".." in name.split("/"):
                raise InputError(
                    f"{str(source)!r} holds {name[:200]!r}, which leads out of it; take the file as it shipped."
                )
            kind, _, rest = name.partition("/")
            if kind == "runs":
                runs_of.setdefault(rest.partition("/")[0], []).append(name)
            elif kind == "sweeps":
                content = json.loads(archive.read(name)) | {"pool": home}
                _write_new(paths.home() / "sweeps" / rest, content)
            elif kind == "reports":
                content = json.loads(archive.read(name))
                content["sets"] = [part | {"pool": home} for part in content["sets"]]
                _write_new(pool.path / "reports" / rest, content)
        return sum(_unpack_run(archive, id, names, pool, home) for id, names in runs_of.items())


def _members(mine: Sequence[Run], pool: "Pool", report: Path | None) -> Iterator[tuple[str, bytes | str]]:
    """Name and content of every file of the zip."""
    for run in mine:
        for name, content in _of_run(run, pool):
            yield f"runs/{_shipped_id(run)}/{name}", content
    yield f"sweeps/{SWEEP}.json", files.dump(_sweep(mine))
    if report is not None:
        yield "reports/bias-demo.json", _report(report)


def _write_new(path: Path, content: dict[str, Any]) -> None:
    if not path.exists():
        files.write_json(path, content)


def _of_run(run: Run, pool: "Pool") -> Iterator[tuple[str, bytes]]:
    """The files of a run that ship: name and content."""
    yield "run.json", files.dump(_record(run)).encode()
    for name in _PLAIN:
        yield name, (run.path / name).read_bytes()
    rows = pool.rows_of(files.read_array(run.path / "subset.npy"))
    mask = np.zeros(len(pool), dtype=bool)
    mask[rows[rows >= 0]] = True
    yield _KEPT, np.packbits(mask).tobytes()
    for file in sorted((run.path / "predictions").glob("*.npz")):
        yield f"predictions/{file.name}", file.read_bytes()


def _record(run: Run) -> dict[str, Any]:
    """What the record says of the run itself, not of the machine, process and home that it ran in."""
    from dataclasses import asdict

    hardware = {key: value for key, value in run.hardware.items() if key in ("device", "cpu", "cores", "memory_gib")}
    argv = [word if "/" not in word else Path(word).name for word in run.argv]
    return asdict(run) | {
        "id": _shipped_id(run), "pool": "", "pool_version": None, "argv": ["poolscope", *argv[1:]], "command": [],
        "hardware": hardware, "machine": None, "pid": None, "pid_started": None, "job": None, "notes": [CAME],
        "sweep": SWEEP if _one_score(run) else None,
    }  # fmt: skip


def _shipped_id(run: Run) -> str:
    """The run's id without its date, so that records made anew have the names of those before."""
    return re.sub(r"-\d{8}-\d{6}(-\d+)?$", "", run.id)


def _one_score(run: Run) -> tuple[str, float] | None:
    """Score and fraction of a recipe that is one `top` of one score; ("", 1) of one without rules."""
    rules = yaml.safe_load((run.path / "recipe.yaml").read_text()).get("keep") or []
    if not rules:
        return "", 1.0
    rule = rules[0]
    return (rule["score"], float(rule["top"])) if len(rules) == 1 and {*rule} == {"score", "top"} else None


def _sweep(mine: Sequence[Run]) -> dict[str, Any]:
    """The runs whose recipes keep the best of one score, and those without a filter, as a sweep that is done."""
    cells = [
        {"recipe": run.recipe, "axis": one[0], "value": one[1], "seed": run.seed, "job": None}
        for run in mine if (one := _one_score(run)) is not None
    ]  # fmt: skip
    created = max(run.created for run in mine)
    return {"id": SWEEP, "scale": SCALE, "pool": "", "created": created, "note": CAME, "cells": cells}


def _report(path: Path) -> str:
    content = files.read_json(path, dict)
    for part in content["sets"]:
        part["pool"] = ""
    return json.dumps(_portable(content) | {"note": CAME}, ensure_ascii=False, separators=(",", ":"))


def _portable(content: Any) -> Any:
    """JSON in which the weights that a report names lie in `assets/`, wherever that was."""
    if isinstance(content, dict):
        return {key: _portable(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_portable(value) for value in content]
    return (
        re.sub(r"/[^\s\"]*/(?=assets/)", "", content) if isinstance(content, str) and len(content) < 1000 else content
    )


def _unpack_run(archive: zipfile.ZipFile, id: str, names: Sequence[str], pool: "Pool", where: str) -> bool:
    """Writes one run's folder, whole; False if the home has it already."""
    folder = paths.runs() / id
    if folder.exists():
        return False
    with files.replacing_folder(folder) as part:
        for name in names:
            content, file = archive.read(name), part / name.partition(f"{id}/")[2]
            if file.name == _KEPT:
                content, file = _subset(content, pool), part / "subset.npy"
            elif file.name == "run.json":
                content = files.dump(json.loads(content) | {"pool": where}).encode()
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content)
    return True


def _subset(bits: bytes, pool: "Pool") -> bytes:
    """DataComp's subset file of the pairs whose bit is set."""
    mask = np.unpackbits(np.frombuffer(bits, dtype=np.uint8), count=len(pool)).astype(bool)
    order = pool.uid_order()
    buffer = io.BytesIO()
    np.save(buffer, pool.uids_ascending()[mask[order]], allow_pickle=False)
    return buffer.getvalue()


def main() -> None:
    """Packs the demo's runs of this home into the assets."""
    from ..pool import Pool

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=Path, help="a bias report on the demo pool, as JSON")
    report = parser.parse_args().report
    count = pack(Pool.open(paths.demo_pool()), report=report)
    print(f"{count} runs in {FILE} ({FILE.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
