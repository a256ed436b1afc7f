"""Maps: stored, found again, the same each time; lassos and landmarks."""

import sys

import numpy as np
import pytest

from poolscope.errors import InputError
from poolscope.projection import Map, available, build, load
from poolscope.projection.everyone import build_large
from poolscope.projection.layout import distinct, even_out, fan_out, reduce, scale
from poolscope.projection.maps import save, steps_of
from poolscope.projection.sample import AT_LEAST, quotas, stratified


@pytest.fixture(scope="module")
def clustered(tmp_path_factory):
    """300 pairs in three clear groups."""
    import pyarrow as pa

    from poolscope.pool import Pool

    rng = np.random.default_rng(0)
    pool = Pool.create(
        tmp_path_factory.mktemp("clustered") / "pool", pa.schema([("text", pa.string())]), {"source": "test"}
    )
    group = np.arange(300) % 3
    keys = {"uid_hi": rng.integers(0, 2**63, 300, dtype=np.uint64), "uid_lo": np.arange(300, dtype=np.uint64)}
    pool.append([pa.record_batch({**keys, "text": [str(g) for g in group]}, schema=pool.schema)])
    vectors = np.eye(16)[group] * 3 + rng.normal(size=(300, 16)) * 0.2
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    pool.add_columns({"toy_img": unit}, kind="embedding", made_by={"test": True})
    return pool, group


def test_a_map_is_built_once_and_is_the_same_each_time(clustered):
    pool, group = clustered
    made = build(pool)
    assert made.xy.shape == (300, 2)
    assert made.xy.dtype == np.float32
    assert np.abs(made.xy).max() <= 1
    assert available(pool) == ["toy"]
    stored = load(pool, "toy")
    assert stored is not None
    assert np.array_equal(stored.xy, made.xy)
    again = build(pool, replace=True)
    assert np.array_equal(again.xy, made.xy)
    distance = np.linalg.norm(made.xy[:, None] - made.xy[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (group[distance.argmin(axis=1)] == group).mean() > 0.98


def test_a_large_pool_gets_as_many_points_as_asked_or_its_own_default(clustered, monkeypatch):
    from poolscope.projection import everyone

    asked = []
    monkeypatch.setattr(sys.modules[build.__module__], "LARGE", 200)
    monkeypatch.setattr(
        sys.modules[build.__module__], "build_large", lambda *given, points, **more: asked.append(points)
    )
    for sample in (None, 100):
        build(clustered[0], model="toy", sample=sample, replace=True)
    assert asked == [everyone.POINTS, 100]


def test_a_large_pool_places_everyone_between_landmarks(clustered):
    pool, group = clustered
    stages = []
    made = build_large(
        pool, "toy", points=100, landmarks=150, progress=lambda done, total, told="": stages.append(told)
    )
    assert (len(made), made.made_by["landmarks"]) == (100, 150)
    assert made.everyone is not None
    assert made.everyone.shape == (300, 2)
    assert np.array_equal(steps_of(made.xy), made.everyone[made.rows])
    xy = made.everyone / 32767.5 - 1
    centres = np.stack([xy[group == g].mean(axis=0) for g in range(3)])
    nearest = np.linalg.norm(xy[:, None] - centres[None], axis=2).argmin(axis=1)
    assert (nearest == group).all()
    assert stages[-1] == "map done"
    stored = load(pool, "toy")
    assert stored is not None
    assert np.array_equal(stored.everyone, made.everyone)


def test_a_map_of_an_older_pool_is_not_used(tiny_pool):
    rows = np.arange(10, dtype=np.uint32)
    save(tiny_pool, Map("l14", rows, np.zeros((10, 2), np.float32), {"pairs": 10}))
    assert load(tiny_pool, "l14") is None
    assert available(tiny_pool) == []


def test_a_pool_without_embeddings_says_so(tiny_pool):
    for name in ("l14_img", "l14_txt"):
        tiny_pool.drop_column(name)
    with pytest.raises(InputError, match="embeddings"):
        build(tiny_pool)


def test_inside_follows_even_odd():
    grid = (
        np.stack(np.meshgrid(np.linspace(-1, 1, 41), np.linspace(-1, 1, 41)), axis=-1).reshape(-1, 2).astype(np.float32)
    )
    made = Map("toy", np.arange(len(grid), dtype=np.uint32), grid, {})
    corners = np.array([[-0.51, -0.51], [0.51, -0.51], [0.51, 0.51], [-0.51, 0.51]])
    expected = (np.abs(grid) < 0.51).all(axis=1)
    assert np.array_equal(made.inside(corners), expected)
    assert not made.inside(corners[:2]).any()
    star = np.array([[0.0, 0.93], [0.57, -0.77], [-0.91, 0.31], [0.91, 0.31], [-0.57, -0.77]])
    assert not made.inside(star)[np.abs(grid).max(axis=1) < 0.02].any()  # the middle of a pentagram is outside


def test_the_sample_is_stratified_and_repeatable(clustered, monkeypatch):
    pool, group = clustered
    monkeypatch.setattr("poolscope.projection.sample.AT_LEAST", 1)
    rows = stratified(pool, "toy_img", np.arange(300), 90, 0)
    assert len(rows) == 90
    assert (np.diff(rows) > 0).all()
    assert np.array_equal(rows, stratified(pool, "toy_img", np.arange(300), 90, 0))
    assert np.bincount(group[rows], minlength=3).tolist() == pytest.approx([30, 30, 30], abs=3)


def test_quotas_add_up_and_spare_small_regions():
    sizes = np.array([100_000, 5_000, 60, 10, 0])
    taken = quotas(sizes, 2000)
    assert taken.sum() == 2000
    assert (taken <= sizes).all()
    assert taken[2] >= AT_LEAST
    assert taken[3] == 10
    assert taken[0] > taken[1] > taken[2]


def test_reduce_keeps_the_first_axes_and_their_signs():
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(500, 12)) * np.linspace(5, 0.1, 12)).astype(np.float32)
    found = reduce(vectors, 4)
    assert found.shape == (500, 4)
    singular = np.linalg.svd(vectors - vectors.mean(axis=0), compute_uv=False)
    assert np.linalg.norm(found, axis=0) == pytest.approx(singular[:4], rel=1e-4)
    assert np.allclose(found, reduce(vectors.copy(), 4))


def test_scale_keeps_the_shape():
    xy = np.random.default_rng(0).normal(size=(5000, 2)).astype(np.float32) * [10, 2]
    found = scale(xy)
    assert np.abs(found).max() <= 1
    assert np.corrcoef(found[:, 0], xy[:, 0])[0, 1] > 0.999
    assert found[:, 0].std() / found[:, 1].std() == pytest.approx(5, rel=0.1)


def test_pairs_of_one_image_share_a_place():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(40, 8)).astype(np.float32)
    of = rng.integers(0, 40, 300)
    first, same = distinct(images[of])
    assert len(first) == len(np.unique(of))
    assert (np.diff(first) > 0).all()
    assert np.array_equal(of[first][same], of)
    places = rng.uniform(-0.9, 0.9, (len(first), 2)).astype(np.float32)
    xy = fan_out(places, same)
    assert np.abs(xy - places[same]).max() <= 0.02
    assert np.array_equal(xy[first], places)
    assert len(np.unique(xy, axis=0)) == 300


def test_even_out_keeps_the_order_and_takes_in_empty_space():
    rng = np.random.default_rng(0)
    xy = np.concatenate([rng.normal(size=(500, 2)), rng.normal(size=(10, 2)) + 60]).astype(np.float32)
    found = even_out(xy)
    assert (np.argsort(found[:, 0]) == np.argsort(xy[:, 0])).all()
    before, after = (np.ptp(z[:500, 0]) / np.ptp(z[:, 0]) for z in (xy, found))
    assert after > 3 * before


def test_a_map_is_replaced_whole_or_not_at_all(tiny_pool, monkeypatch):
    """Its rows never stand under the description of another map, whenever the one who builds it is killed."""
    from poolscope import files

    def made(number: int) -> Map:
        rows = np.arange(number, number + 10, dtype=np.uint32)
        return Map("l14", rows, np.full((10, 2), number / 100, np.float32), {"pairs": 200, "seed": number})

    save(tiny_pool, made(1))
    steps, real = [], files.replacing
    for stop in range(3):

        def killed(path, stop=stop):
            steps.append(path)
            if len(steps) > stop:
                raise KeyboardInterrupt
            return real(path)

        steps.clear()
        monkeypatch.setattr(files, "replacing", killed)
        with pytest.raises(KeyboardInterrupt):
            save(tiny_pool, made(2))
        monkeypatch.undo()
        found = load(tiny_pool, "l14")
        assert (found.made_by["seed"], found.rows[0], round(float(found.xy[0, 0]), 2)) == (1, 1, 0.01)
    assert all(path.parent.parent.name.startswith("spool-") for path in steps), "where what is left is found"
    (tiny_pool.path / "work" / "spool-of-the-dead" / "map").mkdir(parents=True)
    save(tiny_pool, made(2))
    assert not list((tiny_pool.path / "work").glob("spool-*"))
    assert (load(tiny_pool, "l14").made_by["seed"], load(tiny_pool, "l14").rows[0]) == (2, 2)
    assert available(tiny_pool) == ["l14"]
