"""Near-duplicates against all pairs and networkx-free components, on real pools in several orders."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse.csgraph import connected_components

from poolscope.engine import run
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.scores import build
from poolscope.scores.dedup import best_of_groups
from poolscope.scores.kernels import dealing, groups, neighbours
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


def pool_of(path: Path, vectors: np.ndarray, pieces: int = 1) -> Pool:
    """A pool of these embeddings, called `f`, with ascending uids, in `pieces` fragments."""
    pool = Pool.create(path, pa.schema([("text", pa.utf8())]), {})
    for part in np.array_split(np.arange(len(vectors), dtype=np.uint64), pieces):
        uids = {"uid_hi": pa.array(part), "uid_lo": pa.array(part)}
        pool.append(pa.table(uids | {"text": pa.array(["a"] * len(part))}).cast(pool.schema).to_batches())
    pool.add_columns({"f": vectors.astype(np.float16)}, kind="embedding", made_by={})
    return pool


def grouped(path: Path, vectors: np.ndarray, threshold: float, **parameters: object) -> np.ndarray:
    """The group of each vector."""
    pool = run(pool_of(path, vectors), build("dedup", embedding="f", threshold=threshold, **parameters))
    return pool.array("duplicate_group")


def test_groups_are_the_components_of_all_close_pairs(tmp_path: Path) -> None:
    vectors = families(0, 700, 4)
    found = grouped(tmp_path, vectors, 0.95)
    np.testing.assert_array_equal(found, plain(unit(vectors.astype(np.float16)), 0.95))
    assert len(set(found.tolist())) == 700


def test_a_chain_is_one_group(tmp_path: Path) -> None:
    angles = np.arange(40) * 0.1
    chain = np.stack([np.cos(angles), np.sin(angles)], axis=1)[np.random.default_rng(0).permutation(40)]
    assert set(grouped(tmp_path, chain, np.cos(0.11)).tolist()) == {0}


def test_cells_find_the_same_near_identical_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In memory, then dealt on disk by several passes and interrupted, in several fragments."""
    vectors = families(1, 1500, 4, spread=0.01)
    expected = plain(vectors, 0.95)
    pool = pool_of(tmp_path, vectors, 4)
    method = build("dedup", embedding="f", threshold=0.95, cells=30)
    assert method.temporary(pool) == 0
    monkeypatch.setattr(groups, "BLOCK", 1500)
    pool = run(pool, method, column="near")
    np.testing.assert_array_equal(pool.array("duplicate_group"), expected)
    monkeypatch.setattr(dealing, "IN_MEMORY", 0)
    monkeypatch.setattr(dealing, "_free", lambda pool: 2 * 6000 * 32 * 2)
    assert method.temporary(pool) == 6000 * 32 * 2
    real, compared = neighbours.links, []

    def counted(vectors: np.ndarray, threshold: float) -> np.ndarray:
        compared.append(len(vectors))
        if len(compared) == 17:
            raise KeyboardInterrupt
        return real(vectors, threshold)

    monkeypatch.setattr(groups, "links", counted)
    with pytest.raises(KeyboardInterrupt):
        run(pool, method, column="again")
    left = len(list((pool.path / "work").glob("*/links/*.npy")))
    again = run(pool, method, column="again")
    assert left > 0
    assert len(compared) < 17 + 30, "cells of finished units were not compared again"
    np.testing.assert_array_equal(again.array("duplicate_group"), expected)
    assert not [path for path in (pool.path / "work").glob("*") if not path.name.startswith(".")]


def test_bad_vectors_are_alone(tmp_path: Path) -> None:
    vectors = np.vstack([np.zeros((2, 4)), np.full((2, 4), np.nan), np.eye(4)[[0, 0]]]).astype(np.float32)
    for number, cells in enumerate((0, 2)):
        assert grouped(tmp_path / str(number), vectors, 0.9, cells=cells).tolist() == [0, 1, 2, 3, 4, 4]


def test_cells_are_joined_to_blocks_and_the_comparisons_counted() -> None:
    assert neighbours.blocks_of_cells(np.array([0, 4, 5, 5, 30, 31]), 6) == [(0, 3), (3, 4), (4, 5)]
    assert neighbours.comparisons(60_000) == 60_000**2 / 2
    assert neighbours.comparisons(128_000_000) / 128e6 == pytest.approx(58_000 + 8 * 64 * 45254**2 / 128e6, rel=0.01)


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
