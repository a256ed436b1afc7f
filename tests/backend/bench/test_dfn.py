"""DFN: a network that exists scores images and captions; without one, one is trained on a clean subset."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from poolscope.engine import embed, run
from poolscope.errors import InputError
from poolscope.models import Model, save_weights
from poolscope.pool import Pool
from poolscope.scores import build


@pytest.fixture
def network(tmp_path: Path) -> str:
    torch.manual_seed(0)
    loaded = Model("poolscope-demo").load("cpu")
    save_weights(loaded.network, tmp_path / "filter.safetensors", model="poolscope-demo", about={})
    return str(tmp_path / "filter.safetensors")


def test_the_score_is_the_cosine_of_the_network_s_embeddings(tiny_pool: Pool, network: str) -> None:
    pool = run(tiny_pool, build("dfn", network=network))
    pool = embed(pool, network, name="own")
    pool = run(pool, build("clip_score", model="own"), column="plain")
    np.testing.assert_allclose(pool.array("dfn"), pool.array("plain"), atol=1e-3)
    assert pool.array("dfn").std() > 0


def test_it_trains_on_the_clean_subset_once(tiny_pool: Pool, tmp_path: Path, network: str, monkeypatch) -> None:
    calls: list[tuple[str, int]] = []

    class Trained:
        path = Path(network)

    def train(recipe, pool, *, scale, seed, run_id, **_):
        calls.append((recipe.name, seed))
        return Trained

    monkeypatch.setattr("poolscope.bench.training.train", train)
    (tmp_path / "clean.yaml").write_text("name: clean\nkeep:\n  - {flag: sharp}\n")
    pool = run(tiny_pool, build("dfn", clean=str(tmp_path / "clean.yaml"), seed=3, folds=1), column="trained")
    plain = run(pool, build("dfn", network=network), column="plain")
    assert calls == [("clean", 3)]
    np.testing.assert_array_equal(plain.array("trained"), plain.array("plain"))


def test_order_and_sharding_change_nothing(tiny_pool: Pool, tmp_path: Path, network: str) -> None:
    order = np.random.default_rng(0).permutation(len(tiny_pool))[:20]
    columns = ["text", "image", "image_offset", "image_bytes"]
    table = tiny_pool.take(order, ["uid_hi", "uid_lo", *columns])
    other = Pool.create(tmp_path / "other", table.schema, {"root": str(tiny_pool.origin.get("root") or tiny_pool.path)})
    for part in np.array_split(np.arange(len(table)), 3):
        other.append(table.take(pa.array(part)).to_batches())
    method = build("dfn", network=network)
    first, second = run(tiny_pool, method).array("dfn")[order], run(other, method).array("dfn")
    assert np.isfinite(first).all()
    np.testing.assert_allclose(second, first, atol=1e-6)  # a product's rounding depends on the batch it is in


def test_it_wants_a_recipe_or_a_network(tiny_pool: Pool, tmp_path: Path) -> None:
    for parameters in ({}, {"clean": "a.yaml", "network": "ViT-B-32"}):
        with pytest.raises(InputError, match="either clean"):
            run(tiny_pool, build("dfn", **parameters))
    with pytest.raises(InputError, match="no model"):
        run(tiny_pool, build("dfn", network="ViT-Z-99"))
    with pytest.raises(InputError, match="recipe"):
        run(tiny_pool, build("dfn", clean=str(tmp_path / "none.yaml")))
