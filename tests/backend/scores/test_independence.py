"""Every method gives the same column for the same pairs in another order, in other fragments, by several workers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poolscope.engine import run
from poolscope.pool import Pool
from poolscope.scores import METHODS, build
from poolscope.targets import Examples, add_examples, add_target
from tests.backend.scores.pairs import copy_of, unit

COLUMNS = ["l14_img", "l14_txt", "text", "width", "height", "image", "image_offset", "image_bytes"]
SCORES = ("clip_l14", "clip_b32", "third")
SETTINGS: dict[str, dict[str, Any]] = {
    "random": {"seed": 4},
    "image_size": {"min_side": 180},
    "laion2b": {"threshold": 0.4, "detector": "fasttext"},
    "cliploss": {"batch_size": 16, "partitions": 2, "device": "cpu"},
    "normsim": {"target": "near", "device": "cpu"},
    "vas": {"target": "near"},
    "vas_d": {"quality": "clip_b32", "steps": 15},
    "normsim_d": {"quality": "clip_b32", "steps": 15, "center": True},
    "metaclip_balanced": {"tail_share": 0.3},
    "metaclip_worldwide": {"tail_share": 0.3},
    "image_based": {"target": "near", "clusters": 8, "captions": False},
    "dedup": {"threshold": 0.6, "best": "clip_b32"},
    "rank_sum": {"scores": "clip_l14,clip_b32"},
    "within": {"score_column": "clip_b32", "quality": "clip_l14"},
    "hype": {"model": "l14", "references": 50},
    "phash": {"distance": 10},
    "ensemble": {"columns": "clip_l14,clip_b32,third"},
    "mix": {"columns": "clip_l14,third", "seeds": 2, "steps": 2, "batch": 16, "device": "cpu"},
}
CASES = {name: SETTINGS.get(name, {}) for name in METHODS.shipped}


def examples() -> Examples:
    """24 labelled examples of three classes."""
    random = np.random.default_rng(11)
    classes = unit(random.normal(size=(3, 16)))[np.arange(24) % 3]
    return Examples(unit(random.normal(size=(24, 16))), classes, np.array(["one"] * 24))


@pytest.fixture(scope="module")
def pools(_tiny_pool_source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Pool, Pool, np.ndarray]:
    """The tiny pool and a shuffled copy in three fragments, both with a target set, and the order of the copy."""
    import shutil

    folder = tmp_path_factory.mktemp("independence")
    shutil.copytree(_tiny_pool_source / "pool", folder / "one")
    one = Pool.open(folder / "one")
    order = np.random.default_rng(3).permutation(len(one))
    two = copy_of(one, folder / "two", order, 3, COLUMNS)
    one.add_columns(
        {"third": np.random.default_rng(7).normal(size=len(one)).astype(np.float32)}, kind="score", made_by={}
    )
    one = one.reload()
    for name in SCORES:
        two.add_columns({name: one.array(name)[order]}, kind="score", made_by={})
    np.save(folder / "near.npy", unit(np.random.default_rng(5).normal(size=(12, 16))))
    for pool in (one, two):
        add_target(pool, "near", folder / "near.npy", model="l14")
        add_examples(pool, "training", examples(), model="l14", source="a test")
    return one, two, order


@pytest.mark.parametrize("name", CASES)
def test_order_and_sharding_change_nothing(pools: tuple[Pool, Pool, np.ndarray], name: str) -> None:
    one, two, order = pools
    method = build(name, **CASES[name])
    first, second = (run(pool, method, column=f"as_{name}").array(f"as_{name}") for pool in (one, two))
    np.testing.assert_array_equal(first[order], second)
    values = first[~np.isnan(first)] if first.dtype != bool else first
    if name != "phash":  # no image of this pool is near another; phash has a test of its own
        assert len(np.unique(values)) > 1, "a constant column shows nothing"


def test_several_workers_change_nothing(pools: tuple[Pool, Pool, np.ndarray]) -> None:
    one, two, order = pools
    for name in ("cliploss", "metaclip"):
        alone = run(one, build(name, **CASES[name]), column=f"alone_{name}").array(f"alone_{name}")
        together = run(two, build(name, **CASES[name]), column=f"two_{name}", workers=2).array(f"two_{name}")
        np.testing.assert_array_equal(alone[order], together)
