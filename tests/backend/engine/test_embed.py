"""Embedding with a real (tiny, random) open_clip model: unit vectors, nulls, resume."""

import json
import sys

import numpy as np
import pytest
import torch

from poolscope import engine, models
from poolscope.api.dataset import Pairs
from poolscope.engine.decoders import decode
from poolscope.errors import InputError
from poolscope.models import Loaded, Model
from poolscope.pool import Pool
from poolscope.scores import build
from poolscope.sources import import_webdataset
from tests.conftest import image_bytes, write_shard

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 16, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture
def tiny_model(tmp_path, monkeypatch):
    """A checkpoint of a tiny model, as safetensors of our own."""
    import open_clip
    import torch

    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "poolscope-test-tiny.json").write_text(json.dumps(TINY))
    monkeypatch.setattr(models, "CONFIGS", tmp_path / "configs")
    models.register_configs()
    torch.manual_seed(0)
    network = open_clip.create_model("poolscope-test-tiny")
    models.save_weights(network, tmp_path / "m.safetensors", model="poolscope-test-tiny", about={"test": True})
    return str(tmp_path / "m.safetensors")


def test_columns_are_unit_vectors_of_the_model(tiny_pool, tiny_model):
    pool = engine.embed(tiny_pool, tiny_model, name="tiny", batch_size=64)
    loaded = Model.parse(tiny_model).load()
    captions = pool.take(range(200), ["text"])["text"].to_pylist()
    assert np.abs(pool.embeddings("tiny_txt", range(200)) - loaded.texts(captions)).max() < 1e-3
    assert np.linalg.norm(pool.embeddings("tiny_img", range(200)), axis=1) == pytest.approx(np.ones(200), abs=2e-3)
    assert pool.columns["tiny_img"].made_by["model"].startswith("poolscope-test-tiny/")
    assert engine.embed(pool, tiny_model, name="tiny").version == pool.version


def test_units_may_be_computed_one_by_one_anywhere(tiny_pool, tiny_model, monkeypatch):
    """What workers get is picklable, and units of a worker that has just started give the same vectors."""
    import pickle

    from poolscope.engine import embedding

    def elsewhere(task, units, **where):
        assert where == {"engine": "local", "workers": 2, "address": None, "devices": ("cpu",)}
        for unit in reversed(units):
            embedding._tools.cache_clear()
            pickle.loads(pickle.dumps(task)).compute(unit)
            yield unit, None

    monkeypatch.setattr(embedding, "UNIT_ROWS", 64)
    pool = engine.embed(tiny_pool, tiny_model, name="one", batch_size=64)
    monkeypatch.setattr(sys.modules["poolscope.engine.run"], "finished", elsewhere)
    pool = engine.embed(pool, tiny_model, name="two", batch_size=64, workers=2)
    assert np.abs(pool.embeddings("one_img", range(200)) - pool.embeddings("two_img", range(200))).max() < 1e-3


def test_pairs_without_a_image_get_null_and_a_broken_off_job_resumes(tiny_pool, tiny_model, monkeypatch):
    monkeypatch.setattr("poolscope.engine.embedding.UNIT_ROWS", 100)
    seen = []

    def die(done, total, message="", **figures):
        seen.append(done)
        if done > 150:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.embed(tiny_pool, tiny_model, name="tiny", batch_size=50, progress=die)
    original = type(tiny_pool).images
    monkeypatch.setattr(
        type(tiny_pool),
        "images",
        lambda self, rows: [None if row == 199 else raw for row, raw in zip(rows, original(self, rows))],
    )
    seen.clear()
    pool = engine.embed(
        tiny_pool, tiny_model, name="tiny", batch_size=50, progress=lambda done, *a, **k: seen.append(done)
    )
    assert min(seen) > 100
    assert np.isnan(pool.embeddings("tiny_img", [199])).all()
    assert not np.isnan(pool.embeddings("tiny_txt", [199])).any()


def test_pairs_without_a_caption_have_no_text_vector_and_no_score(tmp_path, tiny_model):
    """Of DataComp's shards, of which the pairs 2 and 5 have none: neither a model's columns nor a network sees an empty text."""
    samples = [
        {"__key__": f"{n}", "png": image_bytes(n), "txt": b"" if n in (2, 5) else f"caption {n}".encode(),
         "json": json.dumps({"uid": f"{n:032x}"}).encode()}
        for n in range(8)
    ]  # fmt: skip
    write_shard(tmp_path / "s" / "0.tar", samples)
    import_webdataset(tmp_path / "s", tmp_path / "pool")
    pool = engine.embed(Pool.open(tmp_path / "pool"), tiny_model, name="tiny")
    missing = np.isin(np.arange(8), (2, 5))
    assert (np.isnan(pool.embeddings("tiny_txt", range(8))).all(axis=1) == missing).all()
    assert np.isfinite(pool.embeddings("tiny_img", range(8))).all()
    for method in (
        build("clip_score", model="tiny"),
        build("dfn", network=tiny_model),
        build("cliploss", model="tiny"),
    ):
        pool = engine.run(pool, method, column="made", replace=True)
        assert (np.isnan(pool.array("made")) == missing).all(), method.id
    kept = Pairs(pool, np.arange(8), None)
    with pytest.warns(UserWarning, match="2 of 4 pairs have no readable image or no caption"):
        assert [caption for _, caption in kept.__getitems__([1, 2, 4, 5])] == ["caption 1", "caption 4"]
    with pytest.raises(InputError, match="has no caption"):
        kept[2]


def test_a_image_that_comes_again_is_embedded_once(tiny_pool, tiny_model, monkeypatch):
    """Seven images under 200 captions, and a memory for five of them: the same vectors as without it."""
    from poolscope.engine import embedding

    original = type(tiny_pool).images
    monkeypatch.setattr(
        type(tiny_pool),
        "images",
        lambda self, rows: [None if row % 8 == 7 else next(iter(original(self, [row % 8]))) for row in rows],
    )
    loaded = Model.parse(tiny_model).load("cpu")
    decoded = [decode(raw, loaded.transform) for raw in original(tiny_pool, list(range(7)))]
    alone = loaded.images(torch.stack(decoded))
    embedded = []
    of_images = Loaded.images
    monkeypatch.setattr(Loaded, "images", lambda self, new: embedded.append(len(new)) or of_images(self, new))
    monkeypatch.setattr(embedding, "REMEMBERED", 5)
    pool = engine.embed(tiny_pool, tiny_model, name="tiny", batch_size=50)
    made = pool.embeddings("tiny_img", np.arange(200))
    for row in range(200):
        if row % 8 == 7:
            assert np.isnan(made[row]).all()
        else:
            np.testing.assert_allclose(made[row], alone[row % 8], atol=2e-3)
    assert embedded == [7, 2, 2, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ViT-B-23", "near it: .*ViT-B-32"),
        ("ViT-B-32/nowhere", "no pretrained weights 'nowhere'"),
    ],
)
def test_unknown_models_are_named(text, message):
    with pytest.raises(InputError, match=message):
        Model.parse(text)


def test_weights_that_do_not_fit_are_named(tmp_path, tiny_model):
    with pytest.raises(InputError, match="can't be loaded"):
        Model("ViT-B-32", tiny_model).load()


def test_a_pool_of_an_installation_that_moved_finds_the_teacher():
    from poolscope.models import TEACHER, Model

    assert Model.parse(f"poolscope-demo//gone/assets/demo/{TEACHER.name}") == Model.parse("demo")
    with pytest.raises(InputError, match="no such file"):
        Model.parse("poolscope-demo//gone/other.safetensors")
