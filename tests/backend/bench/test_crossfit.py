"""Cross-fitting: a network favours the pairs that it has seen, and none is asked about those."""

from pathlib import Path

import numpy as np
import pytest
import torch

from poolscope import paths
from poolscope.bench.dfn import Dfn
from poolscope.bench.scales import SCALES, Scale
from poolscope.engine import run
from poolscope.engine.catalogue import cautions
from poolscope.engine.made_by import stale
from poolscope.engine.selftest import delong
from poolscope.models import Model, save_weights
from poolscope.pool import Pool
from poolscope.recipe import Recipe, load, select
from poolscope.runs import Run
from poolscope.scores import build

TOY = Scale(name="toy", model="tiny", samples_seen=400, batch=20, lr=1e-3, warmup=2, precision="fp32", checkpoints=1,
            workers=1, grad_checkpointing=False)  # fmt: skip


class Learnt:
    """What training leaves, made in this process: a network that knows its pairs by heart."""

    STEPS = 100

    def __init__(self, recipe: Recipe, pool: Pool, run_id: str) -> None:
        from poolscope.scores.kernels.images import read_images

        torch.manual_seed(0)
        torch.set_num_threads(1)  # threads that wait for each other on a busy machine take twenty times as long
        loaded = Model(TOY.model).load("cpu")
        loaded.network.train()
        rows = np.flatnonzero(select(recipe, pool).mask)
        parts = list(read_images(pool, rows, loaded.transform))
        pixels = torch.cat([part.pixels for part in parts])
        tokens = loaded.tokenizer([caption for part in parts for caption in part.captions])
        optimiser = torch.optim.Adam(loaded.network.parameters(), lr=3e-3)
        for _ in range(self.STEPS):
            images, texts, scale = loaded.network(pixels, tokens)[:3]
            logits, same = scale * images @ texts.T, torch.arange(len(rows))
            loss = torch.nn.functional.cross_entropy(logits, same) + torch.nn.functional.cross_entropy(logits.T, same)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        self.path = paths.runs() / run_id
        save_weights(loaded.network, self.path / "model.safetensors", model=TOY.model, about={})
        np.save(self.path / "subset.npy", np.sort(pool.uids()[rows]))
        Run(id=run_id, state="done").save()


@pytest.fixture
def clean(tiny_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A recipe that keeps half of the pool, whose images are noise: whoever knows them has seen them."""
    monkeypatch.setitem(SCALES, "toy", TOY)
    monkeypatch.setattr(
        "poolscope.bench.training.train", lambda recipe, pool, *, run_id, **_: Learnt(recipe, pool, run_id)
    )
    (tmp_path / "clean.yaml").write_text("name: clean\nkeep:\n  - {flag: sharp}\n")
    return str(tmp_path / "clean.yaml")


def own_against_shuffled(pool: Pool, method: Dfn, rows: np.ndarray) -> tuple[float, float, float]:
    """AUC and its interval of own against shuffled captions of these rows, each by the network that scores it."""
    from poolscope.scores.kernels.folds import folds_of

    state = method.prepare(pool)
    folds = folds_of(pool, len(state.networks))
    own, shuffled = [], []
    for fold, (network, (a, b)) in enumerate(zip(state.networks, state.lines)):
        near, far = method._recognised(pool, rows[folds[rows] == fold], network)
        own.append(a * near + b)
        shuffled.append(a * far + b)
    return delong(np.concatenate(own), np.concatenate(shuffled))


def test_no_pair_is_scored_by_a_network_that_has_seen_it(tiny_pool: Pool, clean: str) -> None:
    seen = select(load(clean), tiny_pool).mask
    once = build("dfn", clean=clean, scale="toy", folds=1)
    own, _, _ = own_against_shuffled(tiny_pool, once, np.flatnonzero(seen))
    assert own > 0.9, "what one network was trained on it knows by heart"

    pool = run(tiny_pool, build("dfn", clean=clean, scale="toy"))
    auc, low, high = own_against_shuffled(pool, build("dfn", clean=clean, scale="toy"), np.flatnonzero(seen))
    unseen, unseen_low, unseen_high = own_against_shuffled(pool, once, np.flatnonzero(~seen))
    assert low < unseen_high
    assert unseen_low < high, f"{auc:.3f} on training pairs is no more than {unseen:.3f} on unseen ones, but for noise"
    made_by = pool.columns["dfn"].made_by
    assert made_by["findings"]["folds"] == 2
    assert made_by["findings"]["trained_on"] == seen.sum()
    share, whole = made_by["findings"]["training_share_of_best"], made_by["findings"]["training_share"]
    assert abs(share - whole) < 3 * np.sqrt(0.25 / 30), "among the best are no more training pairs than chance allows"
    assert not any("favours" in caution for caution in cautions(pool.columns["dfn"]))
    test = made_by["self_test"]["dfn"]
    assert (test["pairs"], test["passed"]) == (200, False), "nothing can be known of random images"

    pool = run(pool, once, column="one")
    found = pool.columns["one"].made_by["findings"]
    assert found["training_share_of_best"] > 0.9
    assert "favours what it has seen" in cautions(pool.columns["one"])[-1]
    network = once.prepare(pool).networks[0]
    pool = run(pool, build("dfn", network=network), column="given")
    np.testing.assert_allclose(pool.array("given"), pool.array("one"), atol=1e-6)
    assert "use clean=RECIPE" in cautions(pool.columns["given"])[-1]


def test_an_interrupted_fold_is_trained_again_and_no_other(
    tiny_pool: Pool, clean: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Learnt, "STEPS", 2)
    trained: list[str] = []

    def train(recipe: Recipe, pool: Pool, *, run_id: str, resume: bool, **_: object) -> Learnt:
        trained.append(f"{recipe.name}{', resumed' if resume else ''}")
        if len(trained) == 2:
            Run(id=run_id, state="stopped").save()
            raise KeyboardInterrupt
        return Learnt(recipe, pool, run_id)

    monkeypatch.setattr("poolscope.bench.training.train", train)
    method = build("dfn", clean=clean, scale="toy")
    with pytest.raises(KeyboardInterrupt):
        run(tiny_pool, method)
    pool = run(tiny_pool, method)
    again = ["clean, fold 2 of 2, resumed"]
    assert trained == ["clean, fold 1 of 2", "clean, fold 2 of 2", *again]
    kept = [np.load(path / "clean.npy") for path in sorted(paths.runs().glob("dfn-*"))]
    assert not np.intersect1d(*kept).size
    assert np.array_equal(np.sort(np.concatenate(kept)), np.sort(pool.uids()[pool.array("sharp")]))
    assert run(pool, method).version == pool.version
    assert len(trained) == 3


def test_another_clean_subset_under_the_same_name_is_noticed(
    tiny_pool: Pool, clean: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Learnt, "STEPS", 2)
    method = build("dfn", clean=clean, scale="toy")
    pool = run(tiny_pool, method)
    Path(clean).write_text("name: another name for the same pairs\nkeep:\n  - {where: sharp}\n")
    assert stale(pool, "dfn") == ""
    Path(clean).write_text("name: clean\nkeep:\n  - {not: {flag: sharp}}\n")
    assert stale(pool, "dfn") == "what clean names has changed"
    before = pool.array("dfn")
    pool = run(pool, method)
    assert not np.array_equal(before, pool.array("dfn"))
    pool.add_columns({"sharp": ~pool.array("sharp")}, kind="flag", made_by={"test": True}, replace=True)
    assert stale(pool, "dfn") == "what clean names has changed", "a column that the recipe reads counts too"
