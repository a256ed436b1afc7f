"""NormSim and VAS against their golden vectors and numpy's norms."""

from pathlib import Path

import numpy as np
import pytest

from poolscope.engine import run
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.scores import build
from poolscope.scores.kernels.targets import second_moment
from poolscope.scores.normsim import norm_similarity
from poolscope.scores.vas import load_covariance, quadratic_form
from poolscope.targets import add_target
from tests.backend.scores.pairs import unit

IMAGES = unit([[1, 0, 0], [1, 1, 0], [0, 1, 1], [1, 1, 1]])
TARGETS = unit([[1, 0, 0], [0, 1, 0], [1, 1, 0], [-1, 0, 1]])


def test_the_golden_vectors_hold_to_a_millionth() -> None:
    two = norm_similarity(IMAGES, TARGETS, 2)
    np.testing.assert_allclose(two, [1.414213562, 1.5, 1.0, 1.154700538], atol=1e-6)
    largest = norm_similarity(IMAGES, TARGETS, "inf")
    np.testing.assert_allclose(largest, [1, 1, 0.707106781, 0.816496581], atol=1e-6)
    vas = quadratic_form(IMAGES, second_moment(TARGETS))
    np.testing.assert_allclose(vas, [0.5, 0.5625, 0.25, 0.333333333], atol=1e-6)
    np.testing.assert_allclose(vas, two**2 / 4, atol=1e-6)


def test_similarities_count_by_their_size() -> None:
    got = norm_similarity(np.array([[0, 0, -1]], np.float32), TARGETS, "inf")
    np.testing.assert_allclose(got, [0.707106781], atol=1e-6)


@pytest.mark.parametrize("p", ["1", "1.5", "2", "3", "30", "1000", "inf"])
def test_any_order_agrees_with_numpy_over_several_tiles(p: str) -> None:
    rng = np.random.default_rng(0)
    vectors, targets = unit(rng.normal(size=(1500, 24))), unit(rng.normal(size=(5000, 24))).astype(np.float16)
    expected = np.linalg.norm(vectors.astype(np.float64) @ targets.astype(np.float64).T, ord=float(p), axis=1)
    np.testing.assert_allclose(norm_similarity(vectors, targets, p), expected, rtol=2e-6)


def test_more_targets_never_lower_the_largest_similarity() -> None:
    rng = np.random.default_rng(0)
    vectors, targets = unit(rng.normal(size=(300, 16))), unit(rng.normal(size=(200, 16)))
    assert (norm_similarity(vectors, targets, "inf") >= norm_similarity(vectors, targets[:50], "inf")).all()


def test_vas_is_linear_in_the_covariance() -> None:
    rng = np.random.default_rng(0)
    vectors = unit(rng.normal(size=(64, 10)))
    a, b = (second_moment(unit(rng.normal(size=(40, 10)))) for _ in range(2))
    mixed = quadratic_form(vectors, 0.25 * a + 0.75 * b)
    np.testing.assert_allclose(mixed, 0.25 * quadratic_form(vectors, a) + 0.75 * quadratic_form(vectors, b), atol=1e-6)


def test_a_vector_orthogonal_to_all_targets_scores_zero_and_no_vector_at_all_is_not_scored() -> None:
    vectors = np.array([[0, 0, 1], [0, 0, 0], [np.nan, 0, 0]], np.float32)
    flat = unit([[1, 0, 0], [0, 1, 0]])
    for got in (
        norm_similarity(vectors, flat, "inf"),
        norm_similarity(vectors, flat, 2),
        quadratic_form(vectors, second_moment(flat)),
    ):
        assert got[0] == 0
        assert np.isnan(got[1:]).all()


@pytest.mark.parametrize("p", ["inf", "2", "3"])
def test_a_score_has_the_same_bits_whoever_its_neighbours_are(p: str) -> None:
    rng = np.random.default_rng(0)
    vectors, targets = unit(rng.normal(size=(2500, 48))), unit(rng.normal(size=(3000, 48)))
    whole = norm_similarity(vectors, targets, p)
    order = rng.permutation(2500)
    np.testing.assert_array_equal(norm_similarity(vectors[order], targets, p), whole[order])
    pieces = [norm_similarity(vectors[a:b], targets, p) for a, b in ((0, 1), (1, 700), (700, 2500))]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def with_target(pool: Pool, folder: Path) -> np.ndarray:
    targets = unit(np.random.default_rng(7).normal(size=(30, 16)))
    np.save(folder / "targets.npy", targets)
    add_target(pool, "near", folder / "targets.npy", model="l14")
    return np.load(pool.path / "targets" / "near" / "l14.npy").astype(np.float64)


def test_columns_agree_with_numpy(tiny_pool: Pool, tmp_path: Path) -> None:
    targets = with_target(tiny_pool, tmp_path)
    images = tiny_pool.embeddings("l14_img", np.arange(len(tiny_pool))).astype(np.float64)
    similarity = images @ targets.T
    pool = run(tiny_pool, build("normsim", target="near"), column="near")
    np.testing.assert_allclose(pool.array("near"), np.abs(similarity).max(axis=1), atol=1e-6)
    pool = run(pool, build("normsim", target="near", p="2"), column="near2")
    np.testing.assert_allclose(pool.array("near2"), np.linalg.norm(similarity, axis=1), atol=1e-5)
    pool = run(pool, build("vas", target="near"))
    np.testing.assert_allclose(pool.array("vas"), (similarity**2).mean(axis=1), atol=1e-6)
    np.save(tmp_path / "sigma.npy", targets.T @ targets / len(targets))
    pool = run(pool, build("vas", covariance=str(tmp_path / "sigma.npy")), column="vas_file")
    np.testing.assert_allclose(pool.array("vas_file"), pool.array("vas"), atol=1e-6)


def test_wrong_input_is_said_in_one_line(tiny_pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="poolscope target"):
        run(tiny_pool, build("normsim", target="imagenet1k"))
    with pytest.raises(InputError, match=r"p is .0\.5."):
        build("normsim", p=0.5)
    folder = tiny_pool.path / "targets" / "wide"
    folder.mkdir(parents=True)
    np.save(folder / "l14.npy", np.ones((3, 8), np.float16))
    for method in ("normsim", "vas"):
        with pytest.raises(InputError, match="dimensions"):
            run(tiny_pool, build(method, target="wide"))
    np.save(tmp_path / "bad.npy", np.ones((3, 4)))
    with pytest.raises(InputError, match="allowed is a finite symmetric"):
        load_covariance(tmp_path / "bad.npy", 3)
    with pytest.raises(InputError, match="no covariance file"):
        load_covariance(tmp_path / "none.npy", 3)
