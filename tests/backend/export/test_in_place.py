"""Training in place reads the very samples that an export would write."""

import tarfile
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from poolscope.bench.loading import read_in_place
from poolscope.errors import InputError
from poolscope.export import export_shards, plan_in_place
from poolscope.export.in_place import names, read_shard
from poolscope.recipe import load, select


@pytest.fixture
def repeated(tiny_pool, tmp_path):
    """A recipe that keeps some pairs, two of them several times."""
    chosen = tiny_pool.uids()[[3, 3, 3, 7, 50, 50, 130, *range(140, 190)]]
    chosen.sort()
    np.save(tmp_path / "some.npy", chosen)
    return load({"name": "some", "keep": [{"subset": str(tmp_path / "some.npy")}]}), chosen


def test_the_samples_are_those_of_the_shards_that_would_be_written(tiny_pool, repeated, tmp_path):
    recipe, chosen = repeated
    selection = select(recipe, tiny_pool)
    shards = export_shards(tiny_pool, selection, tmp_path / "out", recipe=recipe, shard_size=20)
    assert plan_in_place(tiny_pool, selection, tmp_path / "plan", shard_size=20) == shards.shards
    total = 0
    for number in range(shards.shards):
        with tarfile.open(tmp_path / "out" / f"{number:08d}.tar") as tar:
            written = [(member.name, tar.extractfile(member).read()) for member in tar]
        read = [
            (f"{uid}-{copy}.{end}", content)
            for uid, copy, members in read_shard(tmp_path / "plan", number)
            for end, content in members
        ]
        assert read == written
        total += len({name.split(".")[0] for name, _ in read})
    assert total == len(chosen)
    assert not list((tmp_path / "plan").glob("*.tar"))


def test_the_loader_of_open_clip_sees_just_the_kept_pairs(tiny_pool, repeated, tmp_path, monkeypatch):
    from open_clip_train import data as loading

    recipe, chosen = repeated
    plan_in_place(tiny_pool, select(recipe, tiny_pool), tmp_path / "plan", shard_size=20)
    shards = names(tmp_path / "plan")
    monkeypatch.setattr(loading, "tarfile_to_samples_nothrow", loading.tarfile_to_samples_nothrow)
    read_in_place(["--train-data", shards, "--workers", "0"])
    args = SimpleNamespace(
        train_data=shards, train_num_samples=len(chosen), train_data_upsampling_factors=None, dataset_resampled=False,
        seed=0, workers=0, world_size=1, batch_size=len(chosen),
    )  # fmt: skip
    made = loading.get_wds_dataset(args, np.asarray, True, tokenizer=lambda text: [text])
    _, texts = next(iter(made.dataloader))
    kept = tiny_pool.take(tiny_pool.rows_of(chosen), ["text"])["text"].to_pylist()
    assert Counter(texts) == Counter(kept)


def test_a_pool_without_images_can_not_be_read_in_place(tiny_pool, tmp_path):
    for name in ("image", "image_offset", "image_bytes", "sample_offset", "sample_size"):
        tiny_pool.drop_column(name)
    with pytest.raises(InputError, match="none of the 200 kept pairs has an image file"):
        plan_in_place(tiny_pool, select(load({"keep": []}), tiny_pool), tmp_path / "plan")


def test_other_training_data_keep_their_reader():
    from open_clip_train import data as loading

    before = loading.tarfile_to_samples_nothrow
    read_in_place(["--train-data", "/nowhere/{00000000..00000003}.tar"])
    read_in_place(["--train-data"])
    assert loading.tarfile_to_samples_nothrow is before
