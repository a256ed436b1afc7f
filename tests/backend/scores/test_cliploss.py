"""CLIPLoss against its definition, its golden vectors, and other orders and shardings of the same pairs."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import log_softmax

from poolscope.engine import run
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.scores import build
from poolscope.scores.cliploss import deals, partition
from poolscope.scores.kernels import dealing
from poolscope.scores.kernels.cliploss_kernel import batch_scores
from tests.backend.scores.pairs import copy_of, unit

IMAGES = unit([[1, 0, 0], [1, 1, 0], [0, 1, 1], [1, 1, 1]])
TEXTS = unit([[2, 1, 0], [1, 2, 0], [0, 1, 2], [0, 0, 1]])
GOLDEN = {
    0.01: [-0.027150017, -0.003465736, 0.0, -0.168994529],
    0.07: [-0.042388961, -0.027433963, -0.004264901, -0.207739291],
    1.0: [-1.07640352, -1.113156705, -1.064234371, -1.359943606],
}


def definition(images: np.ndarray, texts: np.ndarray, temperature: float) -> np.ndarray:
    similarity = images.astype(np.float64) @ texts.astype(np.float64).T / temperature
    both = log_softmax(similarity, axis=1) + log_softmax(similarity, axis=0)
    return temperature * 0.5 * np.diag(both)


@pytest.mark.parametrize("temperature", GOLDEN)
def test_the_golden_vectors_hold_to_a_millionth(temperature: float) -> None:
    got = batch_scores(IMAGES, TEXTS, temperature=temperature)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, GOLDEN[temperature], atol=1e-6)


@pytest.mark.parametrize("temperature", [0.001, 0.005, 0.01, 0.07, 1.0])
def test_any_temperature_agrees_with_the_definition_over_several_tiles(temperature: float) -> None:
    rng = np.random.default_rng(0)
    images = unit(rng.normal(size=(2500, 24)))
    texts = unit(images + 0.3 * rng.normal(size=(2500, 24)))
    got = batch_scores(images, texts, temperature=temperature)
    np.testing.assert_allclose(got, definition(images, texts, temperature), atol=1e-6)


def test_opposite_pairs_do_not_overflow() -> None:
    images = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    texts = np.array([[1, 0], [-1, 0], [0, 1]], np.float32)
    got = batch_scores(images, texts, temperature=0.01)
    np.testing.assert_allclose(got, definition(images, texts, 0.01), atol=1e-6)


def test_a_batch_of_one_scores_exactly_zero() -> None:
    assert batch_scores(IMAGES[3:], TEXTS[3:], temperature=0.01).tolist() == [0.0]


def test_a_constant_added_to_all_similarities_changes_nothing() -> None:
    constant = np.full((4, 1), 0.5, np.float32)
    shifted = batch_scores(np.hstack([IMAGES, constant]), np.hstack([TEXTS, constant]), temperature=0.07)
    np.testing.assert_allclose(shifted, batch_scores(IMAGES, TEXTS, temperature=0.07), atol=1e-6)


def test_bad_embeddings_are_not_scored_and_are_nobodys_negative() -> None:
    images = np.vstack([IMAGES, [[np.nan, 0, 0]], [[0, 0, 0]], [[1, 0, 0]]]).astype(np.float32)
    texts = np.vstack([TEXTS, [[1, 0, 0]], [[1, 0, 0]], [[np.inf, 0, 0]]]).astype(np.float32)
    got = batch_scores(images, texts, temperature=0.01)
    assert np.isnan(got[4:]).all()
    np.testing.assert_array_equal(got[:4], batch_scores(IMAGES, TEXTS, temperature=0.01))


def test_blocks_differ_in_size_by_at_most_one_and_hold_every_row_once() -> None:
    keys = np.random.default_rng(0).integers(0, 2**63, 1003).astype(np.uint64)
    blocks = partition(keys, 4)
    sizes = [len(block) for block in blocks]
    assert max(sizes) - min(sizes) <= 1
    assert np.array_equal(np.sort(np.concatenate(blocks)), np.arange(1003))
    assert [len(block) for block in partition(keys, 0, rows_per_block=400)] == [400, 400, 203]


@pytest.mark.parametrize("parity", [False, True])
def test_scores_do_not_depend_on_order_or_sharding(tiny_pool: Pool, tmp_path, parity: bool) -> None:
    order = np.random.default_rng(3).permutation(len(tiny_pool))
    other = copy_of(tiny_pool, tmp_path / "other", order, 3)
    assert len(other.fragments) == 3
    method = build("cliploss", batch_size=16, partitions=3, seed=5, parity=parity, device="cpu")
    first = run(tiny_pool, method, column="ncl").array("ncl")
    second = run(other, method, column="ncl").array("ncl")
    np.testing.assert_array_equal(first[order], second)
    assert np.isfinite(first).all()
    assert (first <= 1e-6).all()


def test_a_pool_of_several_superblocks_is_the_definition_over_its_batches(tiny_pool: Pool) -> None:
    """200 pairs in batches of 20: each of 3 readings deals all of them anew into 10 batches of 20."""
    method = build("cliploss", batch_size=20, partitions=3, seed=2, temperature=0.07, device="cpu")
    units = method.units(tiny_pool)
    assert np.array_equal(np.bincount(np.concatenate([unit.rows for unit in units])), np.full(200, 3))
    images, texts = (tiny_pool.embeddings(name, range(200)) for name in ("l14_img", "l14_txt"))
    expected = np.zeros(200)
    for order in deals(tiny_pool, 2, 3):
        for start in range(0, 200, 20):
            batch = order[start : start + 20]
            expected[batch] += definition(images[batch], texts[batch], 0.07) / 3
    np.testing.assert_allclose(run(tiny_pool, method).array("cliploss"), expected, atol=1e-6)
    assert not list((tiny_pool.path / "work").glob("tmp*"))


@pytest.mark.parametrize("parameters", [{}, {"per_reading": 3}, {"parity": True}, {"batch_size": 1000}])
def test_a_pool_that_is_dealt_on_disk_has_the_same_scores(tiny_pool: Pool, tmp_path, monkeypatch, parameters) -> None:
    """In three fragments, with room for three of five superblocks: nothing stays on the disk, no row is read by its number."""
    pool = copy_of(tiny_pool, tmp_path / "other", np.random.default_rng(3).permutation(200), 3)
    method = build("cliploss", **{"batch_size": 10, "partitions": 3, "temperature": 0.07, "device": "cpu"} | parameters)
    expected = run(pool, method).array("cliploss")
    whole, several = 200 * dealing.row_bytes(pool, method._dealt(200)), method._superblocks(200) == 5
    monkeypatch.setattr(dealing, "IN_MEMORY", 0)
    monkeypatch.setattr(dealing, "_free", lambda pool: int((0.7 if several else 2) * whole))
    monkeypatch.setattr(dealing, "stored", None)
    folders = []
    real = dealing.deal
    monkeypatch.setattr(dealing, "deal", lambda *given, **more: folders.append(given[3]) or real(*given, **more))
    assert method.temporary(pool) == whole
    again = run(pool, method, column="again").array("again")
    assert again.tobytes() == expected.tobytes()
    assert len(folders) == (-(-5 * method._readings(200) // 3) if several else 1)
    assert not any(folder.exists() for folder in folders)


def test_a_dealt_pool_goes_on_where_it_was_interrupted(tiny_pool: Pool, monkeypatch) -> None:
    method = build("cliploss", batch_size=10, partitions=2, device="cpu")
    expected = run(tiny_pool, method).array("cliploss")
    monkeypatch.setattr(dealing, "IN_MEMORY", 0)

    def stops(done: int, total: int, message: str = "", **figures: float) -> None:
        if done > 250:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tiny_pool, method, column="again", progress=stops)
    left = len(list((tiny_pool.path / "work").glob("*/*.arrow")))
    assert 5 < left < 10
    assert not list((tiny_pool.path / "work").glob("spool-*"))
    again = run(tiny_pool, method, column="again")
    assert again.array("again").tobytes() == expected.tobytes()
    assert not list((tiny_pool.path / "work").glob("*/*.arrow"))


def test_a_disk_without_room_is_said_before_anything_is_done(tiny_pool: Pool, monkeypatch) -> None:
    monkeypatch.setattr(dealing, "IN_MEMORY", 0)
    monkeypatch.setattr(dealing, "_free", lambda pool: 1000)
    with pytest.raises(InputError, match=r"0\.0 GB are free"):
        run(tiny_pool, build("cliploss", batch_size=10))
    assert [path.name for path in (tiny_pool.path / "work").glob("*/*")] == ["subject.json"]


def test_the_noise_of_ten_partitions_is_that_of_one_over_the_root_of_ten(tmp_path) -> None:
    """Against the mean of 300 independent partitions by the float64 definition. Ten partitions inside one reading's
    superblocks of four batches have the noise of about three: a quarter of a pair's candidates stay its only ones."""
    n, size, temperature = 1600, 40, 0.03
    rng = np.random.default_rng(0)
    topics = rng.normal(size=(60, 16))
    images = unit(topics[rng.integers(60, size=n)] + 0.6 * rng.normal(size=(n, 16))).astype(np.float16)
    texts = unit(images + 0.15 * rng.normal(size=(n, 16))).astype(np.float16)
    pool = Pool.create(tmp_path / "pool", pa.schema([("text", pa.utf8())]), {})
    uids = {name: pa.array(rng.integers(0, 2**63, n).astype(np.uint64)) for name in ("uid_hi", "uid_lo")}
    pool.append(pa.table(uids | {"text": pa.array(["a"] * n)}).cast(pool.schema).to_batches())
    pool.add_columns({"l14_img": images, "l14_txt": texts}, kind="embedding", made_by={})
    single = np.zeros((300, n))
    for made in single:
        for batch in np.array_split(rng.permutation(n), n // size):
            made[batch] = definition(images[batch], texts[batch], temperature)
    expected, spread = single.mean(axis=0), single.std(axis=0)

    def noise(per_reading: int) -> float:
        method = build("cliploss", batch_size=size, partitions=10, per_reading=per_reading, temperature=temperature)
        score = run(pool, method, column=f"at_{per_reading}").array(f"at_{per_reading}")
        return float(np.sqrt(np.mean(((score - expected) / spread) ** 2)))

    independent = np.sqrt(1 / 10 + 1 / 300)
    assert noise(1) == pytest.approx(independent, rel=0.06)
    assert noise(10) == pytest.approx(np.sqrt(1 / 4 + 3 / 4 / 10), rel=0.1)
    assert independent < noise(4) < noise(10)


def test_the_column_is_the_mean_over_partitions_of_the_definition(tiny_pool: Pool) -> None:
    method = build("cliploss", batch_size=1000, partitions=4, device="cpu")
    got = run(tiny_pool, method).array("cliploss")
    rows = np.arange(len(tiny_pool))
    images, texts = (tiny_pool.embeddings(name, rows) for name in ("l14_img", "l14_txt"))
    np.testing.assert_allclose(got, definition(images, texts, 0.01), atol=1e-6)


def test_equal_blocks_have_no_favoured_block() -> None:
    rng = np.random.default_rng(1)
    images = unit(rng.normal(size=(1000, 32)))
    texts = unit(images + 0.5 * rng.normal(size=(1000, 32)))
    keys = rng.integers(0, 2**63, 1000).astype(np.uint64)

    def means(blocks: list[np.ndarray]) -> list[float]:
        return [float(batch_scores(images[b], texts[b], temperature=0.07).mean()) for b in blocks]

    equal, short = means(partition(keys, 3)), means(partition(keys, 0, rows_per_block=480))
    assert abs(equal[-1] - np.mean(equal[:-1])) < 0.02
    assert short[-1] - np.mean(short[:-1]) > 0.05  # the reference's cut: 40 pairs after two blocks of 480


def test_wrong_input_is_said_in_one_line(tiny_pool: Pool) -> None:
    with pytest.raises(InputError, match="temperature is 0"):
        build("cliploss", temperature=0)
    with pytest.raises(InputError, match="'b32_img'"):
        run(tiny_pool, build("cliploss", model="b32"))
    with pytest.raises(InputError, match="device"):
        build("cliploss", device="tpu")
