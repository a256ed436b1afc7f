"""HYPE: its terms against float64 geometry, its columns on a pool, and a network trained for real on a few pairs."""

from pathlib import Path

import numpy as np
import pytest
import torch

from poolscope.engine import run
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.scores import build
from poolscope.scores.hype import hype_terms
from poolscope.scores.kernels import lorentz
from poolscope.scores.kernels.hype_network import load_network, train_network


def vectors(seed: int, n: int, d: int = 12) -> np.ndarray:
    return (0.5 * np.random.default_rng(seed).normal(size=(n, d))).astype(np.float32)


def exact(images: np.ndarray, texts: np.ndarray, ri: np.ndarray, rt: np.ndarray, c: float) -> list[np.ndarray]:
    x, y, a, b = (lorentz.exponential_map(torch.from_numpy(rows).double(), c) for rows in (images, texts, ri, rt))
    return [
        lorentz.image_specificity(x, b, c).numpy(),
        lorentz.text_specificity(y, a, c).numpy(),
        -lorentz.distance(lorentz.excess(x, y, c), c).diagonal().numpy(),
    ]


def test_terms_agree_with_float64_over_several_tiles() -> None:
    images, texts, ri, rt = vectors(0, 1100), vectors(1, 1100), vectors(2, 30), vectors(3, 40)
    for got, expected in zip(hype_terms(images, texts, ri, rt, 0.8), exact(images, texts, ri, rt, 0.8), strict=True):
        np.testing.assert_allclose(got, expected, atol=2e-6)


def test_what_is_not_finite_is_not_scored_and_is_no_reference() -> None:
    images, texts = vectors(0, 6), vectors(1, 6)
    images[2] = np.nan
    references = np.vstack([vectors(2, 5), np.full((1, 12), np.nan)]).astype(np.float32)
    terms = hype_terms(images, texts, references, references, 1.0)
    assert all(np.isnan(term).tolist() == [False, False, True, False, False, False] for term in terms)


def test_columns_from_tangent_vectors_in_the_pool(tiny_pool: Pool) -> None:
    for name, seed in (("hyp_img", 0), ("hyp_txt", 1)):
        tiny_pool.add_columns({name: vectors(seed, 200).astype(np.float16)}, kind="embedding", made_by={})
    method = build("hype", model="hyp", curvature=0.5, references=200, cosine="clip_b32", cluster="sharp")
    pool = run(tiny_pool, method)
    rows = np.arange(200)
    images, texts = (pool.embeddings(name, rows) for name in ("hyp_img", "hyp_txt"))
    expected = exact(images, texts, images, texts, 0.5)
    for name, term in zip(("image_specificity", "text_specificity", "nearness"), expected, strict=True):
        np.testing.assert_allclose(pool.array(f"hype_{name}"), term, atol=5e-6)
    total = sum(expected) + pool.array("clip_b32") + pool.array("sharp")
    np.testing.assert_allclose(pool.array("hype"), total, atol=1e-5)


def test_a_network_is_trained_once_and_scores_images(tiny_pool: Pool, tiny_model: str, tmp_path: Path) -> None:
    (tmp_path / "clean.yaml").write_text("name: clean\nkeep:\n  - {flag: sharp}\n")
    settings = {
        "clean": str(tmp_path / "clean.yaml"),
        "samples": 128,
        "architecture": tiny_model,
        "batch": 32,
        "references": 50,
        "cosine": "",
        "folds": 1,
    }
    first = run(tiny_pool, build("hype", **settings), column="first")
    networks = list((tiny_pool.path / "networks").iterdir())
    assert len(networks) == 1
    assert np.isfinite(first.array("first")).all()
    again = run(first, build("hype", network=str(networks[0]), references=50, cosine=""), column="again")
    np.testing.assert_allclose(again.array("again"), first.array("first"), atol=1e-6)
    assert 0.1 <= float(load_network(networks[0]).curvature) <= 10


def test_training_lowers_the_loss(tiny_pool: Pool, tiny_model: str) -> None:
    losses: list[float] = []

    def note(done: int, total: int, message: str = "", **figures: float) -> None:
        losses.append(figures["loss"])

    train_network(
        tiny_pool, np.arange(200), architecture=tiny_model, samples=960, batch=64, seed=0, lr=1e-3, progress=note
    )
    assert np.mean(losses[-4:]) < np.mean(losses[:3]) - 0.1


def test_wrong_input_is_said_in_one_line(tiny_pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="architecture"):
        train_network(tiny_pool, np.arange(9), architecture="ViT-Z", samples=8, batch=4, seed=0)
    with pytest.raises(InputError, match="no hyperbolic network"):
        run(tiny_pool, build("hype", network=str(tmp_path / "none.safetensors")))
    with pytest.raises(InputError, match="'hyp_img'"):
        run(tiny_pool, build("hype", model="hyp"))


def test_a_pair_is_scored_by_the_network_of_the_other_folds(tiny_pool: Pool, tiny_model: str, tmp_path: Path) -> None:
    """Trained on noise it knows its own pairs, and cross-fitted nobody's."""
    (tmp_path / "clean.yaml").write_text("name: clean\nkeep:\n  - {flag: sharp}\n")
    settings = {"clean": str(tmp_path / "clean.yaml"), "samples": 1600, "batch": 40, "references": 50, "cosine": "",
                "architecture": tiny_model}  # fmt: skip
    pool = run(tiny_pool, build("hype", **settings), column="crossed")
    assert len(list((pool.path / "networks").iterdir())) == 2
    pool = run(pool, build("hype", **settings, folds=1), column="one")
    assert len(list((pool.path / "networks").iterdir())) == 3
    seen = pool.array("sharp")
    gaps = {}
    for name in ("crossed", "one"):
        near = pool.array(f"{name}_hype_nearness" if name == "one" else "hype_nearness")
        spread = near.std() * np.sqrt(1 / seen.sum() + 1 / (~seen).sum())
        gaps[name] = float((near[seen].mean() - near[~seen].mean()) / spread)
    assert gaps["one"] > 3
    assert abs(gaps["crossed"]) < 3
    found = pool.columns["one"].made_by["findings"]
    assert found["trained_on"] == seen.sum()
    assert "favours what it has seen" in found["warning"]
    assert "warning" not in pool.columns["crossed"].made_by["findings"]
    assert pool.columns["crossed"].made_by["self_test"]["hype"]["pairs"] == 200
