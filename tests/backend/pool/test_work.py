"""What killed work leaves in a pool, and how it goes away."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from poolscope.engine import fit, run
from poolscope.pool import Pool, work
from poolscope.scores.kernels import dealing

DIE = """
import os, signal, sys
from poolscope.pool import Pool
from poolscope.engine import fit, run
from poolscope.scores.kernels import dealing
dealing.IN_MEMORY = 0
real = dealing.deal
def dies(*given, **more):
    real(*given, **more)
    os.kill(os.getpid(), signal.SIGKILL)
dealing.deal = dies
pool = Pool.open(sys.argv[1])
run(pool, fit(sys.argv[2], pool))
"""


def spools(pool: Pool) -> list[str]:
    return [path.name for path in (pool.path / "work").glob("spool-*")]


@pytest.mark.parametrize("method", ["dedup", "vas_d"])
def test_a_killed_run_leaves_nothing_after_the_next(tiny_pool, method, monkeypatch):
    done = subprocess.run([sys.executable, "-c", DIE, str(tiny_pool.path), method], timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL
    assert [path.stat().st_size for path in (tiny_pool.path / "work").glob("spool-*/*.run")] != []
    monkeypatch.setattr(dealing, "IN_MEMORY", 0)
    assert method in run(tiny_pool, fit(method, tiny_pool)).columns
    assert spools(tiny_pool) == []


def test_compaction_removes_what_dead_processes_left(tiny_pool):
    subprocess.run([sys.executable, "-c", DIE, str(tiny_pool.path), "dedup"], timeout=120, check=False)
    assert tiny_pool.prunable().bytes > 0
    said = tiny_pool.prunable()
    assert tiny_pool.clean() == said
    assert spools(tiny_pool) == []


def test_a_living_spool_is_left_alone(tiny_pool):
    with work.spool(tiny_pool.path) as first:
        (first / "vectors").write_bytes(b"mine")
        with work.spool(tiny_pool.path) as second:
            assert second != first
            tiny_pool.clean()
            assert (first / "vectors").read_bytes() == b"mine"
    assert spools(tiny_pool) == []


def test_only_what_waited_for_a_week_to_be_resumed_goes(tiny_pool):
    fresh, stale = tiny_pool.path / "work" / "fresh", tiny_pool.path / "work" / "stale"
    torn, writing = tiny_pool.path / ".order.npy.abc.part", tiny_pool.path / ".rank.npy.abc.part"
    for folder in (fresh, stale):
        folder.mkdir(parents=True)
        (folder / "0.arrow").write_bytes(b"unit")
    for path in (torn, writing):
        path.write_bytes(b"torn")
    old = time.time() - 8 * 86_400
    for path in (stale / "0.arrow", stale, torn):
        os.utime(path, (old, old))
    tiny_pool.clean()
    assert (fresh.exists(), stale.exists(), torn.exists(), writing.exists()) == (True, False, False, True)
    assert np.isfinite(tiny_pool.array("clip_b32")).all()
