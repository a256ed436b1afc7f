"""Read-only media, and pools that were moved or copied: everything that only reads works."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from poolscope.pool import Pool
from poolscope.targets import add_target

READS = """
import sys
import numpy as np
from pathlib import Path
from poolscope.cli import main
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.recipe import load, select
from poolscope.search import by_word
from poolscope.targets import load_target

pool = Pool.open(sys.argv[1])
uids = pool.uids()
assert pool.name == "pool"
assert (uids[pool.uid_order()] == np.sort(uids)).all()
assert (pool.rows_of(uids) == np.arange(len(pool))).all()
assert select(load({"name": "x", "keep": [{"score": "clip_l14", "top": 0.5}]}), pool).kept == 100
assert pool.thumbnail(3, 32) and pool.thumbnail(3, 32)
assert by_word(pool, "noir").total > 0
assert load_target(pool, "mine", "l14").shape == (4, 16)
assert load_target(pool, "old", "l14").shape == (4, 16)
assert (pool.path / "recipes" / "half.yaml").read_text() == "x"
recipe = Path(sys.argv[2]) / "r.yaml"
recipe.write_text("name: y\\nkeep: [{score: clip_l14, top: 0.3}]\\n")
for argv in (["info"], ["select", str(recipe), "--out", sys.argv[2] + "/k.npy"], ["audit", str(recipe)], ["versions"],
             ["search", "noir"]):
    assert main([*argv, "--pool", sys.argv[1]]) == 0, argv
assert main(["score", "random", "--as", "dice", "--pool", sys.argv[1]]) == 2
assert main(["versions", "--clean", "--yes", "--pool", sys.argv[1]]) == 2
print("all read")
"""


@pytest.fixture
def prepared(tiny_pool: Pool, tmp_path: Path) -> Path:
    np.save(tmp_path / "t.npy", np.eye(4, 16, dtype=np.float32))
    add_target(tiny_pool, "mine", tmp_path / "t.npy", model="l14")
    (tiny_pool.path / "targets" / "old").mkdir()
    np.save(tiny_pool.path / "targets" / "old" / "l14.npy", np.eye(4, 16, dtype=np.float16))
    (tiny_pool.path / "recipes").mkdir(exist_ok=True)
    (tiny_pool.path / "recipes" / "half.yaml").write_text("x")
    (tmp_path / "medium").mkdir()
    return Path(shutil.move(tiny_pool.path, tmp_path / "medium" / "pool"))


def mounted(medium: Path, argv: list[str]) -> list[str]:
    """The command with `medium` mounted read-only in a namespace of its own; root is not held by permissions."""
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    return ["unshare", "-m", "sh", "-c", script, str(medium), *argv]


def test_everything_that_reads_works_on_a_read_only_medium(prepared, tmp_path, home):
    medium, out = prepared.parent, tmp_path / "out"
    out.mkdir()
    argv = [sys.executable, "-c", READS, str(prepared), str(out)]
    here = Path(__file__).parents[3]
    before = sorted((path, path.stat().st_mtime_ns) for path in medium.rglob("*"))
    if os.geteuid() == 0:
        argv = mounted(medium, argv)
        if subprocess.run(mounted(medium, ["true"]), capture_output=True, check=False).returncode:
            pytest.skip("this machine lets nobody mount")
    else:
        for path in [medium, *medium.rglob("*")]:
            path.chmod(path.stat().st_mode & ~0o222)
    try:
        done = subprocess.run(argv, capture_output=True, text=True, cwd=here, check=False)
    finally:
        for path in [medium, *medium.rglob("*")]:
            path.chmod(path.stat().st_mode | 0o200)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.endswith("all read\n")
    assert done.stderr.count("may only be read; copy it") == 2
    assert sorted((path, path.stat().st_mtime_ns) for path in medium.rglob("*")) == before
    assert list(home.rglob("order.npy"))


def test_a_moved_or_copied_pool_opens_and_grows_apart(prepared, tmp_path):
    shutil.copytree(prepared, tmp_path / "copy")
    copy, moved = Pool.open(tmp_path / "copy"), Pool.open(prepared)
    copy.add_columns({"s": np.ones(200, np.float32)}, kind="score", made_by={})
    assert "s" in Pool.open(tmp_path / "copy").columns
    assert "s" not in Pool.open(prepared).columns
    assert moved.images([0])[0] == copy.images([0])[0] is not None
    assert moved.uri == str(prepared.resolve())
