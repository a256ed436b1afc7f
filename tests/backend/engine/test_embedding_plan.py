"""What an embedding takes is known before it starts, and a disk that can't hold it ends it with one line."""

import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from poolscope import devices, engine, rates
from poolscope.engine import embedding
from poolscope.engine.embedding_plan import plan
from poolscope.errors import InputError
from poolscope.models import Loaded, Model
from poolscope.pool import Pool, fragments
from tests.backend.engine.test_embed import tiny_model  # noqa: F401

VIT = Model("ViT-L-14", "openai")


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with eight H100 and 128 cores."""
    monkeypatch.setattr(devices, "cuda_devices", lambda: 8)
    monkeypatch.setattr(devices, "card", lambda: "H100")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(128)))


def test_the_disk_is_that_of_the_columns_and_one_fragment(tiny_pool: Pool) -> None:
    assert plan(tiny_pool, VIT, pairs=128_000_000).disk == 4 * 768 * (128_000_000 + 200)
    assert plan(tiny_pool, VIT).disk == 2 * 4 * 768 * 200
    assert plan(tiny_pool, VIT, pairs=0).disk == 4 * 768 * 200, "what is embedded already has yet to move into the pool"


def test_eight_gpus_take_an_eighth_and_say_what_feeds_them(tiny_pool: Pool, node: None) -> None:
    one, eight = (plan(tiny_pool, VIT, pairs=128_000_000, gpus=gpus, precision="fp16") for gpus in (1, 8))
    assert (one.count, one.device, one.decoders) == (1, "H100", 32)
    assert (eight.count, eight.decoders) == (8, 15)
    assert "H100, 989 TFLOP/s by its data sheet" in one.basis
    assert one.seconds == pytest.approx(128e6 * 172e9 / (0.18 * 989e12), rel=0.1)
    assert "15 CPU cores, each 117 images/s" not in eight.basis, "a large model is not starved"
    assert eight.seconds == pytest.approx(one.seconds / 8)


def test_a_small_model_waits_for_its_images_and_says_so(tiny_pool: Pool, node: None) -> None:
    made = plan(tiny_pool, Model("ViT-B-32", "openai"), pairs=1_000_000, precision="fp16")
    assert "from a table: 15 CPU cores, each 117 images/s" in made.basis
    assert "the GPU could take" in made.basis
    assert made.seconds == pytest.approx(1e6 / (8 * 15 * 117))


def test_what_was_measured_here_comes_before_the_table(tiny_pool: Pool, node: None, home) -> None:
    rates.remember("embed ViT-L-14 fp16", "H100", 6000.0, pairs=2_000_000, devices=4)
    made = plan(tiny_pool, VIT, pairs=12_000, precision="fp16")
    assert made.seconds == 1.0
    assert made.basis == "measured here on 2,000,000 pairs (4 x H100)"


def test_a_disk_that_is_too_small_is_refused_with_one_line(tiny_pool: Pool, tiny_model: str, monkeypatch) -> None:  # noqa: F811
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=20_000))
    monkeypatch.setattr(embedding, "_tools", None)  # nothing is loaded
    with pytest.raises(InputError, match=r"embedding 200 pairs as 'tiny' takes up to 0.0 GB more .* --force"):
        engine.embed(tiny_pool, tiny_model, name="tiny")
    monkeypatch.undo()


def test_with_force_it_starts_and_what_it_measures_is_kept(tiny_pool: Pool, tiny_model: str, monkeypatch, home) -> None:  # noqa: F811
    monkeypatch.setattr(embedding, "ENOUGH", 100)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=20_000))
    pool = engine.embed(tiny_pool, tiny_model, name="tiny", force=True)
    assert "tiny_img" in pool.columns
    found = rates.measured("embed poolscope-test-tiny fp32", "cpu")
    assert found is not None
    assert found.per_second > 1
    assert "on 200 pairs" in found.source


def test_no_pair_is_embedded_again_after_a_crash_at_the_commit(tiny_pool: Pool, tiny_model: str, monkeypatch) -> None:  # noqa: F811
    monkeypatch.setattr(embedding, "UNIT_ROWS", 64)

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(fragments, "commit_staged", die)
        with pytest.raises(KeyboardInterrupt):
            engine.embed(tiny_pool, tiny_model, name="tiny")
    assert not list((tiny_pool.path / "work").glob("*/*.arrow")), "the records are gone: the pool's files have them"
    monkeypatch.setattr(Loaded, "images", None)
    pool = engine.embed(tiny_pool, tiny_model, name="tiny")
    assert np.isfinite(pool.embeddings("tiny_img", range(200))).all()
    assert not list((pool.path / "work").glob("*/*.json"))
