"""Image-based filtering against a plain definition, with trained and with loaded centroids."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from poolscope.engine import run
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.scores import build
from poolscope.scores.image_based import fasttext_words, good_captions
from poolscope.scores.kernels.centroids import nearest_centroids, train_centroids
from poolscope.scores.kernels.targets import read_matrix
from poolscope.targets import add_target
from tests.backend.scores.pairs import copy_of, unit


def test_nearest_is_by_inner_product_not_by_distance() -> None:
    centroids = np.array([[1, 0], [3, 3], [0, 0.5]], np.float32)
    vectors = np.array([[1, 0.1], [0, 1], [0, 0], [np.nan, 0]], np.float32)
    assert nearest_centroids(vectors, centroids).tolist() == [1, 1, -1, -1]


def test_many_centroids_agree_with_numpy_and_the_first_of_equals_wins() -> None:
    rng = np.random.default_rng(0)
    centroids = rng.normal(size=(9000, 16)).astype(np.float32)
    centroids[8000] = centroids[5]
    vectors = unit(rng.normal(size=(1300, 16)))
    expected = (vectors @ centroids.T).argmax(axis=1)
    got = nearest_centroids(vectors, centroids)
    agree = got == expected
    assert agree.mean() > 0.999
    assert 8000 not in got


def test_training_finds_separate_clusters_and_repeats_itself() -> None:
    rng = np.random.default_rng(0)
    centers = unit(rng.normal(size=(12, 8)))
    points = np.repeat(centers, 50, axis=0) + 0.01 * rng.normal(size=(600, 8))
    first, second = (train_centroids(points, 12, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (12, 8)
    with pytest.raises(InputError, match="use clusters=15"):
        train_centroids(points, 601)


def test_fasttext_s_tokens() -> None:
    texts = {
        "": 0,
        "one": 1,
        "one two": 2,
        "  one\ttwo ": 2,
        "one\n": 2,
        "\n": 1,
        "a\n\nb": 4,
        "a\u00a0b": 1,
        "a\x00b": 2,
    }
    assert {text: fasttext_words(text) for text in texts} == texts


def test_the_caption_filter_is_not_the_basic_filter() -> None:
    captions = ["the dog", "a very nice image of a dog", "dogs", "un chat noir dort sur le canapé", None, "hi me"]
    assert good_captions(pa.array(captions)).tolist() == [True, True, False, False, False, False]


def with_target(pool: Pool) -> np.ndarray:
    images = pool.embeddings("l14_img", np.arange(20))
    np.save(pool.path / "t.npy", images)
    add_target(pool, "near", pool.path / "t.npy", model="l14")
    return np.load(pool.path / "targets" / "near" / "l14.npy").astype(np.float32)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_the_flag_with_loaded_centroids(tiny_pool: Pool, tmp_path: Path) -> None:
    targets = with_target(tiny_pool)
    centroids = unit(np.random.default_rng(0).normal(size=(30, 16)))
    np.save(tmp_path / "c.npy", centroids)
    torch.save(centroids, tmp_path / "c.pt", pickle_protocol=4)
    pool = run(tiny_pool, build("image_based", target="near", centroids=str(tmp_path / "c.npy")))
    images = pool.embeddings("l14_img", np.arange(200))
    labels = (images @ centroids.T).argmax(axis=1)
    wanted = set((targets @ centroids.T).argmax(axis=1).tolist())
    captions = good_captions(pa.array(pool.strings("text").to_pylist()))
    np.testing.assert_array_equal(pool.array("cluster"), labels)
    np.testing.assert_array_equal(pool.array("image_based"), np.isin(labels, list(wanted)) & captions)
    method = build("image_based", target="near", centroids=str(tmp_path / "c.pt"), captions=False)
    every = run(pool, method, column="every").array("every")
    np.testing.assert_array_equal(every, np.isin(labels, list(wanted)))
    assert 0 < captions.sum() < 200
    assert every[:20].all()


def test_trained_centroids_do_not_depend_on_row_order(tiny_pool: Pool, tmp_path: Path) -> None:
    with_target(tiny_pool)
    order = np.random.default_rng(3).permutation(200)
    other = copy_of(tiny_pool, tmp_path / "other", order, 3, ["l14_img", "l14_txt", "text"])
    add_target(other, "near", tiny_pool.path / "t.npy", model="l14")
    method = build("image_based", target="near", clusters=10, train_rows=60)
    first, second = run(tiny_pool, method), run(other, method)
    np.testing.assert_array_equal(first.array("image_based")[order], second.array("image_based"))
    assert 0 < first.array("image_based").sum() < 200


def test_wrong_input_is_said_in_one_line(tiny_pool: Pool, tmp_path: Path) -> None:
    with_target(tiny_pool)
    with pytest.raises(InputError, match="clusters is 100,000"):
        run(tiny_pool, build("image_based", target="near"))
    np.save(tmp_path / "c.npy", np.ones((4, 3)))
    with pytest.raises(InputError, match=r"must be \(k, 16\)"):
        run(tiny_pool, build("image_based", target="near", centroids=str(tmp_path / "c.npy")))
    with pytest.raises(InputError, match="no centroid file"):
        read_matrix(tmp_path / "none.npy", "centroid")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("name", ["c", "c.pth", "c.bin", "c.npy", "c.pt"])
@pytest.mark.parametrize("legacy", [False, True])
def test_a_torch_file_is_known_by_its_content(tmp_path: Path, name: str, legacy: bool) -> None:
    centroids = np.arange(12, dtype=np.float32).reshape(4, 3)
    path = tmp_path / name
    torch.save(torch.from_numpy(centroids), path, _use_new_zipfile_serialization=not legacy)
    assert (read_matrix(path, "centroid") == centroids).all()
    if not legacy:  # an array in a torch archive, as DataComp's centroids are
        torch.save(centroids, path, pickle_protocol=4)
        assert (read_matrix(path, "centroid") == centroids).all()
    torch.save({"image_features": torch.from_numpy(centroids)}, path, _use_new_zipfile_serialization=not legacy)
    assert (read_matrix(path, "centroid") == centroids).all()


def test_numpy_files_are_known_by_their_content(tmp_path: Path) -> None:
    centroids = np.arange(12, dtype=np.float32).reshape(4, 3)
    for name, save in (("a.pt", np.save), ("b.pt", np.savez), ("c", np.savez_compressed)):
        with (tmp_path / name).open("wb") as handle:
            save(handle, centroids)
        assert (read_matrix(tmp_path / name, "centroid") == centroids).all()


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("/tmp/poolscope-evil"),))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_file_is_never_unpickled_as_code(tmp_path: Path) -> None:
    import pickle

    torch.save({"a": Evil()}, tmp_path / "evil.pt")
    torch.save(Evil(), tmp_path / "evil4.pt", pickle_protocol=4)
    torch.save(Evil(), tmp_path / "evil")
    (tmp_path / "evil.npy").write_bytes(pickle.dumps(Evil()))
    for name in ("evil.pt", "evil4.pt", "evil.npy", "evil"):
        with pytest.raises(InputError, match="can't be read"):
            read_matrix(tmp_path / name, "centroid")
    assert not Path("/tmp/poolscope-evil").exists()
