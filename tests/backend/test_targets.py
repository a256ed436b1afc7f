"""Target sets are tables of the pool's database; methods map a copy; those of earlier pools are taken over."""

import shutil

import lancedb
import numpy as np
import pytest

from poolscope import deletion, files
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.targets import add_target, load_target, target_path, targets


def unit(seed: int, rows: int = 30) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, 16)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def about(pool, name, model):
    """What is written beside the copy of a target set."""
    return files.read_json(target_path(pool, name, model).with_suffix(".json"))


def test_a_target_set_is_a_table(tiny_pool, tmp_path):
    np.save(tmp_path / "t.npy", unit(0))
    assert add_target(tiny_pool, "mine", tmp_path / "t.npy", model="l14") == 30
    table = lancedb.connect(tiny_pool.uri).open_table("target.mine.l14")
    assert np.stack(table.to_pandas()["vector"]).tolist() == load_target(tiny_pool, "mine", "l14").tolist()
    assert table.search(unit(0)[7].astype(np.float16)).distance_type("dot").limit(1).to_list()[0]["_distance"] < 0.01
    assert np.abs(load_target(tiny_pool, "mine", "l14") - unit(0)).max() < 1e-3
    assert targets(tiny_pool) == ["mine/l14"]
    first = about(tiny_pool, "mine", "l14")
    assert (first["rows"], first["left_out"]) == (30, 0)
    np.save(tmp_path / "t.npy", unit(1))
    with pytest.raises(InputError, match="already"):
        add_target(tiny_pool, "mine", tmp_path / "t.npy", model="l14")
    add_target(tiny_pool, "mine", tmp_path / "t.npy", model="l14", force=True)
    assert about(tiny_pool, "mine", "l14")["sha256"] != first["sha256"]
    assert np.abs(load_target(tiny_pool, "mine", "l14") - unit(1)).max() < 1e-3


def test_a_copy_that_is_gone_or_of_another_table_is_written_anew(tiny_pool, tmp_path):
    np.save(tmp_path / "t.npy", unit(0))
    add_target(tiny_pool, "mine", tmp_path / "t.npy", model="l14")
    before = np.array(load_target(tiny_pool, "mine", "l14"))
    path = target_path(tiny_pool, "mine", "l14")
    path.unlink()
    assert (load_target(tiny_pool, "mine", "l14") == before).all()
    np.save(path, np.zeros((1, 16), np.float16))
    path.with_suffix(".json").write_text('{"sha256": "of another"}')
    assert (load_target(tiny_pool, "mine", "l14") == before).all()


@pytest.mark.parametrize("torn", ["data", "_versions"])
def test_a_table_whose_writer_was_killed_is_no_target_set(torn, tiny_pool, tmp_path):
    """It was "there already", and could be neither replaced, nor deleted, nor read."""
    np.save(tmp_path / "t.npy", unit(0))
    (tiny_pool.path / "target.mine.l14.lance" / torn).mkdir(parents=True)
    assert targets(tiny_pool) == []
    with pytest.raises(InputError, match="no target set 'mine'"):
        load_target(tiny_pool, "mine", "l14")
    assert add_target(tiny_pool, "mine", tmp_path / "t.npy", model="l14") == 30
    assert np.abs(load_target(tiny_pool, "mine", "l14") - unit(0)).max() < 1e-3
    (manifest,) = (tiny_pool.path / "target.mine.l14.lance" / "_versions").glob("*.manifest")
    manifest.write_bytes(b"damaged")
    shutil.rmtree(tiny_pool.path / "targets")
    assert targets(tiny_pool) == ["mine/l14"], "a damaged one is not taken for none"
    with pytest.raises(InputError, match="can't be read"):
        load_target(tiny_pool, "mine", "l14")


def test_names_with_dots_keep_apart(tiny_pool, tmp_path):
    names = [("a.b", "c"), ("a", "b.c"), ("a..b", "c"), ("a.", "b.c"), ("a", "b..c")]
    for seed, (name, model) in enumerate(names):
        np.save(tmp_path / "t.npy", unit(seed, rows=seed + 1))
        add_target(tiny_pool, name, tmp_path / "t.npy", model=model)
    assert targets(tiny_pool) == sorted(f"{name}/{model}" for name, model in names)
    assert [len(load_target(tiny_pool, *named)) for named in names] == [1, 2, 3, 4, 5]


def test_a_target_set_of_an_earlier_pool_becomes_a_table_at_its_first_use(tiny_pool):
    folder = tiny_pool.path / "targets" / "old"
    folder.mkdir(parents=True)
    np.save(folder / "l14.npy", unit(3).astype(np.float16))
    assert targets(tiny_pool) == ["old/l14"]
    assert (load_target(tiny_pool, "old", "l14") == unit(3).astype(np.float16)).all()
    assert "target.old.l14" in lancedb.connect(tiny_pool.uri).table_names()
    assert about(tiny_pool, "old", "l14")["rows"] == 30
    deletion.delete(deletion.find("target", "old", tiny_pool))
    assert targets(tiny_pool) == []
    with pytest.raises(InputError, match="no target set 'old' for model 'l14'; the pool has none"):
        load_target(tiny_pool, "old", "l14")
    assert "target.old.l14" not in lancedb.connect(tiny_pool.uri).table_names()
    deletion.undo(tiny_pool)
    assert (load_target(tiny_pool, "old", "l14") == unit(3).astype(np.float16)).all()
    assert "target.old.l14" in lancedb.connect(tiny_pool.uri).table_names()


@pytest.mark.parametrize("name", ["features", "features.pth", "features.npz"])
def test_a_torch_file_of_any_name_is_a_source(name, tiny_pool, tmp_path):
    import torch

    torch.save({"image_features": torch.from_numpy(unit(4)), "labels": torch.arange(3)}, tmp_path / name)
    assert add_target(tiny_pool, "mine", tmp_path / name, model="l14") == 30
    assert np.abs(load_target(tiny_pool, "mine", "l14") - unit(4)).max() < 1e-3


def test_a_pool_is_a_source(tiny_pool, tmp_path):
    other = Pool.create(tmp_path / "other", tiny_pool.schema, {})
    batches = list(tiny_pool.scan(list(tiny_pool.schema.names)))
    other.append(batches)
    assert add_target(tiny_pool, "pool", other.path, model="l14") == 200
    assert (load_target(tiny_pool, "pool", "l14") != 0).any()
