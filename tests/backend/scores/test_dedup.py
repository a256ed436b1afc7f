"""Near-duplicates against all pairs and networkx-free components, on real pools in several orders."""

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from poolscope.engine import run
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.scores import build
from poolscope.scores.dedup import best_of_groups
from poolscope.scores.kernels.neighbours import duplicate_groups
from tests.backend.scores.pairs import copy_of, unit


def families(seed: int, count: int, size: int, dim: int = 32, spread: float = 0.02) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centers = unit(rng.normal(size=(count, dim)))
    rows = np.repeat(centers, size, axis=0) + spread * rng.normal(size=(count * size, dim))
    return unit(rows)[rng.permutation(count * size)]


def plain(vectors: np.ndarray, threshold: float) -> np.ndarray:
    close = vectors.astype(np.float64) @ vectors.astype(np.float64).T >= threshold
    labels = connected_components(close)[1]
    return np.array([np.flatnonzero(labels == label)[0] for label in labels])


def test_groups_are_the_components_of_all_close_pairs() -> None:
    vectors = families(0, 700, 4)
    groups = duplicate_groups(vectors, 0.95)
    np.testing.assert_array_equal(groups, plain(vectors, 0.95))
    assert len(set(groups.tolist())) == 700


def test_a_chain_is_one_group() -> None:
    angles = np.arange(40) * 0.1
    chain = np.stack([np.cos(angles), np.sin(angles)], axis=1)[np.random.default_rng(0).permutation(40)]
    assert set(duplicate_groups(chain, np.cos(0.11)).tolist()) == {0}


def test_cells_find_the_same_near_identical_groups() -> None:
    vectors = families(1, 1500, 4, spread=0.01)
    np.testing.assert_array_equal(duplicate_groups(vectors, 0.95, cells=30), plain(vectors, 0.95))


def test_bad_vectors_are_alone() -> None:
    vectors = np.vstack([np.zeros((2, 4)), np.full((2, 4), np.nan), np.eye(4)[[0, 0]]]).astype(np.float32)
    assert duplicate_groups(vectors, 0.9).tolist() == [0, 1, 2, 3, 4, 4]


def test_the_best_of_a_group_stays() -> None:
    groups = np.array([0, 0, 0, 3, 3, 5])
    assert best_of_groups(groups, None).tolist() == [True, False, False, True, False, True]
    score = np.array([1, 3, 3, np.nan, 0, np.nan], np.float32)
    assert best_of_groups(groups, score).tolist() == [False, True, False, False, True, True]


def test_the_flag_on_a_pool_in_any_order(tiny_pool: Pool, tmp_path: Path) -> None:
    vectors = families(2, 50, 4, dim=16)
    tiny_pool.add_columns({"iscd": vectors.astype(np.float16)}, kind="embedding", made_by={})
    quality = tiny_pool.array("clip_b32")
    pool = run(tiny_pool, build("dedup", embedding="iscd", threshold=0.95, best="clip_b32"))
    kept, group = pool.array("dedup"), pool.array("duplicate_group")
    assert kept.sum() == len(set(group.tolist())) == 50
    assert all(quality[row] == quality[group == group[row]].max() for row in np.flatnonzero(kept))
    assert pool.array("duplicates").tolist() == [4] * 200
    rank = pool.uid_rank()
    assert all(rank[group == label].min() == label for label in set(group.tolist()))
    order = np.random.default_rng(3).permutation(200)
    other = copy_of(tiny_pool, tmp_path / "other", order, 3, ["iscd"])
    other.add_columns({"clip_b32": quality[order]}, kind="score", made_by={})
    again = run(other, build("dedup", embedding="iscd", threshold=0.95, best="clip_b32")).array("dedup")
    np.testing.assert_array_equal(kept[order], again)


def test_what_is_near_an_evaluation_image_goes(tiny_pool: Pool) -> None:
    from poolscope.targets import add_target

    images = tiny_pool.embeddings("l14_img", np.arange(200))
    np.save(tiny_pool.path / "evaluation.npy", images[[3, 7]])
    add_target(tiny_pool, "evaluation", tiny_pool.path / "evaluation.npy", model="l14")
    pool = run(tiny_pool, build("dedup", against="evaluation", threshold=1, against_threshold=0.99))
    assert np.flatnonzero(~pool.array("dedup")).tolist() == [3, 7]
    with pytest.raises(InputError, match="no target set"):
        run(tiny_pool, build("dedup", against="none"), column="other")


def test_an_implausible_group_is_reported(tiny_pool: Pool) -> None:
    vectors = families(4, 200, 1, dim=16)
    vectors[:40] = vectors[0]
    tiny_pool.add_columns({"blurred": vectors.astype(np.float16)}, kind="embedding", made_by={})
    pool = run(tiny_pool, build("dedup", embedding="blurred"))
    found = pool.columns["dedup"].made_by["findings"]
    assert found["largest_group"] == 40
    assert "40 of 200 pairs (20.0 %)" in found["warning"]
    assert run(pool, build("dedup", threshold=1), column="few").columns["few"].made_by["findings"] == {
        "largest_group": 1
    }
