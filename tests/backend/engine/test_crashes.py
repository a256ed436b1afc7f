"""kill -9 at random moments of import, index, score and reshard: nothing is lost or doubled, the end is the same bytes.

`POOLSCOPE_KILLS=50 pytest tests/backend/engine/test_crashes.py` kills more often than the tests do by default.
"""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from poolscope.engine import run
from poolscope.pool import Pool
from poolscope.scores import build
from poolscope.sources import import_datacomp
from tests.backend.sources.test_datacomp import write_pair
from tests.backend.sources.test_tars import shard_of

KILLS = int(os.environ.get("POOLSCOPE_KILLS", "5"))
FILES = 12
WORK = """
import os, signal, sys, threading, time
from pathlib import Path
from poolscope import sources
from poolscope.engine import run
from poolscope.export import export_shards
from poolscope.pool import Pool
from poolscope.recipe import load, select
from poolscope.scores import build
import poolscope.sources.datacomp
poolscope.sources.datacomp.COMMIT_ROWS = 100
root, out, delay = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
started = time.monotonic()
if delay > 0:
    threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
path = out / "pool"
if not (out / "imported").exists():
    sources.import_datacomp(root / "m", path, workers=2)
    (out / "imported").touch()
sources.index_shards(Pool.open(path), root / "shards")
pool = run(Pool.open(path), build("clip_score", model="l14"), column="mine")
pool = run(pool, build("random", seed=3), column="dice")
recipe = load({"name": "x", "keep": [{"score": "mine", "top": 0.5}]})
export_shards(pool, select(recipe, pool), out / "out", shard_size=40)
print(time.monotonic() - started)
os._exit(0)
"""


def work(root: Path, out: Path, delay: float = 0.0) -> float | None:
    """Seconds that the work took, or None if it was killed."""
    out.mkdir(exist_ok=True)
    argv = [sys.executable, "-c", WORK, str(root), str(out), str(delay)]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=Path(__file__).parents[3], check=False)
    if done.returncode == -signal.SIGKILL:
        return None
    assert done.returncode == 0, done.stderr[-2000:]
    return float(done.stdout)


def outcome(out: Path) -> dict[str, object]:
    pool = Pool.open(out / "pool")
    names = [name for name in pool.columns if name not in ("uid_hi", "uid_lo")]
    table = pool.take(range(len(pool)), ["uid", *names])
    tars = {path.name: path.read_bytes() for path in sorted((out / "out").glob("*")) if path.name != "meta.json"}
    return {"rows": table.to_pydict(), "schema": str(table.schema), "tars": tars}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("source")
    for number in range(FILES):
        write_pair(root / "m", number)
    import_datacomp(root / "m", root / "index-of", embeddings=())
    pool = Pool.open(root / "index-of")
    for number in range(3):
        shard_of(pool, range(number * 200, number * 200 + 200), root / "shards" / f"{number}.tar")
    return root


def test_kills_lose_and_double_nothing(root, tmp_path):
    took = work(root, tmp_path / "whole")
    assert took is not None
    expected = outcome(tmp_path / "whole")
    moments, kills = random.Random(0), 0
    while kills < KILLS:  # work that is done before the last kill is begun anew
        out, committed = tmp_path / f"after-{kills}-kills", 0
        while kills < KILLS and work(root, out, moments.uniform(0.01, 0.6) * took) is None:
            kills += 1
            if (out / "pool" / "pool.json").exists():
                pool = Pool.open(out / "pool")
                assert len(pool) >= committed
                assert len(np.unique(pool.uids())) == len(pool)
                committed = len(pool)
        assert work(root, out) is not None
        made = outcome(out)
        assert made.keys() == expected.keys()
        for name, value in made.items():
            assert repr(value) == repr(expected[name]), name


def test_replacing_a_column_is_whole_or_not_at_all(tiny_pool, monkeypatch):
    """A crash between the steps of a replacement: the next one to open the pool ends it."""
    from lancedb.table import LanceTable

    for step in ("drop_columns", "alter_columns"):
        values = np.full(len(tiny_pool), {"drop_columns": 1, "alter_columns": 2}[step], dtype=np.float32)

        def die(*_args: object, step: str = step) -> None:
            raise KeyboardInterrupt(step)

        with monkeypatch.context() as patched:
            patched.setattr(LanceTable, step, die)
            with pytest.raises(KeyboardInterrupt):
                tiny_pool.add_columns({"clip_l14": values}, kind="score", made_by={"step": step}, replace=True)
        again = Pool.open(tiny_pool.path)
        assert again.array("clip_l14").tolist() == values.tolist()
        assert again.columns["clip_l14"].made_by == {"step": step}
        assert not any(name.endswith("~") for name in again.schema.names)
        tiny_pool = again


def test_concurrent_writers_lose_nothing(root, tmp_path):
    """Two score jobs and an import on one pool, at once."""
    first, second = tmp_path / "a", tmp_path / "b"
    paths = sorted((root / "m").iterdir())
    for directory, chosen in ((first, paths[: FILES * 2 // 3 * 2 - 2]), (second, paths)):
        directory.mkdir()
        for path in chosen:
            os.link(path, directory / path.name)
    import_datacomp(first, tmp_path / "pool")
    here = Path(__file__).parents[3]
    script = "import sys; from poolscope.cli import main; sys.exit(main(sys.argv[1:]))"
    commands = [
        ["score", "clip_score", "--as", "mine", "--pool", str(tmp_path / "pool")],
        ["score", "random", "--as", "dice", "--pool", str(tmp_path / "pool")],
        ["import", "datacomp", str(second), "--pool", str(tmp_path / "pool")],
    ]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script, *argv], cwd=here, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        for argv in commands
    ]
    for process in running:
        _, errors = process.communicate()
        assert process.returncode == 0, errors.decode()
    pool = Pool.open(tmp_path / "pool")
    assert len(pool) == len(np.unique(pool.uids())) == FILES * 60
    products = np.einsum(
        "nd,nd->n", pool.embeddings("l14_img", range(len(pool))), pool.embeddings("l14_txt", range(len(pool)))
    )
    mine = pool.array("mine")
    scored = ~np.isnan(mine)
    assert scored.sum() >= pool.columns["mine"].made_by["rows"]
    assert np.allclose(mine[scored], products[scored], atol=1e-3)
    dice = pool.array("dice")
    again = run(run(pool, build("clip_score"), column="mine"), build("random"), column="dice")
    for name, before in (("mine", mine), ("dice", dice)):  # one after another, on the whole pool: the same values
        after, there = again.array(name), ~np.isnan(before)
        assert not np.isnan(after).any()
        assert (after[there] == before[there]).all()
    assert np.allclose(pool.array("clip_l14"), products, atol=1e-3)
