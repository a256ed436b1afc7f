"""Mix: its gradient by finite differences, planted inputs, cross-fitting, resuming, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from poolscope import deletion
from poolscope.engine import fit, run
from poolscope.engine.catalogue import cautions, notes
from poolscope.engine.cost import estimate
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.scores import build
from poolscope.scores.kernels import mixing
from poolscope.scores.kernels.folds import folds_of
from poolscope.scores.kernels.mixing import Plan, identity, learn, lessons, loss_after_step, weighted_loss
from poolscope.targets import Examples, add_examples, add_target, load_examples, targets

PLAN = Plan(batch=9, steps=1, rate=0.1, reference_rate=0.5, scale=4.0)
FAST = {"seeds": 2, "steps": 3, "batch": 32, "columns": "clip_l14,clip_b32,sharp", "device": "cpu"}


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1, in float64."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


# --- an independent definition, on arrays --------------------------------------------------------------------------


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.array([[x @ y / np.sqrt((x @ x) * (y @ y)) for y in b] for x in a])


def upstream(heads: np.ndarray, images: np.ndarray, texts: np.ndarray, weights: np.ndarray) -> float:
    logits = PLAN.scale * cosines(images @ heads[0], texts @ heads[1])
    total = 0.0
    for i, weight in enumerate(weights):
        row = sum(w * np.exp(logits[i, j]) for j, w in enumerate(weights))
        column = sum(w * np.exp(logits[j, i]) for j, w in enumerate(weights))
        total -= weight * (np.log(np.exp(logits[i, i]) / row) + np.log(np.exp(logits[i, i]) / column)) / 2
    return total


def downstream(heads: np.ndarray, examples: Examples) -> float:
    losses = []
    for task in sorted(set(examples.tasks.tolist())):
        mine = examples.tasks == task
        classes = np.unique(examples.classes[mine], axis=0)
        logits = PLAN.scale * cosines(examples.images[mine] @ heads[0], classes @ heads[1])
        labels = [int(np.flatnonzero((classes == one).all(axis=1))[0]) for one in examples.classes[mine]]
        losses.append(np.mean([np.log(np.exp(row).sum()) - row[label] for row, label in zip(logits, labels)]))
    return float(np.mean(losses))


def after_step(phi: np.ndarray, inputs: np.ndarray, images: np.ndarray, texts: np.ndarray, examples: Examples) -> float:
    """The downstream loss after a step whose gradient by the heads is a central difference as well."""
    weights = np.exp(inputs @ phi) / np.exp(inputs @ phi).sum()
    heads = np.stack([np.eye(images.shape[1])] * 2)
    gradient = np.empty_like(heads)
    for place in np.ndindex(heads.shape):
        moved = [heads.copy(), heads.copy()]
        moved[0][place] += 1e-5
        moved[1][place] -= 1e-5
        gradient[place] = (
            upstream(moved[0], images, texts, weights) - upstream(moved[1], images, texts, weights)
        ) / 2e-5
    return downstream(heads - PLAN.reference_rate * gradient, examples)


@pytest.fixture(scope="module")
def small() -> tuple[np.ndarray, np.ndarray, np.ndarray, Examples]:
    random = np.random.default_rng(0)
    images, texts = unit(random.normal(size=(9, 4))), unit(random.normal(size=(9, 4)))
    classes = unit(random.normal(size=(5, 4)))
    labels, tasks = np.array([0, 1, 2, 0, 3, 4, 3]), np.array(["a", "a", "a", "a", "b", "b", "b"])
    return random.normal(size=(9, 3)), images, texts, Examples(unit(random.normal(size=(7, 4))), classes[labels], tasks)


def test_the_gradient_is_that_of_finite_differences(small) -> None:
    inputs, images, texts, examples = small
    given = lessons(examples.images, examples.classes, examples.tasks, torch.float64, "cpu")
    at = np.array([0.4, -0.7, 0.2])
    phi = torch.tensor(at, requires_grad=True)
    batch = tuple(torch.tensor(part) for part in (inputs, images, texts))
    loss, after = loss_after_step(phi, identity(4, torch.float64, "cpu"), batch, given, PLAN)  # type: ignore[arg-type]
    (found,) = torch.autograd.grad(loss, phi)
    assert loss.item() == pytest.approx(after_step(at, inputs, images, texts, examples), rel=1e-8)
    steps = np.eye(3) * 1e-3
    expected = [
        (
            after_step(at + step, inputs, images, texts, examples)
            - after_step(at - step, inputs, images, texts, examples)
        )
        / 2e-3
        for step in steps
    ]
    assert np.abs(expected).max() > 1e-3  # the step matters
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-8)
    assert not torch.equal(after[0], torch.eye(4, dtype=torch.float64))


def test_weights_are_how_often_a_pair_stands_in_the_batch(small) -> None:
    _, images, texts, _ = small
    times = np.array([3, 0, 1, 2, 1, 1, 0, 1, 1])
    heads = tuple(torch.tensor(np.eye(4) + 0.1 * k, requires_grad=True) for k in range(2))
    rows = np.repeat(np.arange(9), times)
    found = [
        weighted_loss(heads, torch.tensor(images[where]), torch.tensor(texts[where]), torch.tensor(weights), 4.0)  # type: ignore[arg-type]
        for where, weights in ((np.arange(9), times / times.sum()), (rows, np.full(len(rows), 1 / len(rows))))
    ]
    assert found[0].item() == pytest.approx(found[1].item(), rel=1e-12)
    for one, other in zip(*(torch.autograd.grad(loss, heads) for loss in found)):
        torch.testing.assert_close(one, other)


# --- learning ------------------------------------------------------------------------------------------------------


def world(pairs: int, seed: int = 0) -> tuple[mixing.Pairs, np.ndarray, Examples]:
    """Pairs of which half have another image's caption, `good` says which, and clean labelled examples of 6 classes."""
    random = np.random.default_rng(seed)
    centres, words = unit(random.normal(size=(6, 12))), unit(random.normal(size=(6, 12)))
    label, other = random.integers(6, size=pairs), random.integers(6, size=pairs)
    good = random.random(pairs) < 0.5
    images = unit(centres[label] + 0.2 * random.normal(size=(pairs, 12)))
    texts = unit(words[np.where(good, label, other)] + 0.2 * random.normal(size=(pairs, 12)))
    asked = random.integers(6, size=80)
    examples = Examples(unit(centres[asked] + 0.2 * random.normal(size=(80, 12))), words[asked], np.array(["one"] * 80))
    inputs = np.stack([good * 2.0 - 1, random.normal(size=pairs)], axis=1)
    return (inputs, images, texts), good, examples


@pytest.mark.parametrize("seed", [0, 1])
def test_the_input_that_tells_good_pairs_gets_the_weight(seed: int) -> None:
    pairs, good, examples = world(600, seed)
    given = lessons(examples.images, examples.classes, examples.tasks, torch.float64, "cpu")
    plan = replace(PLAN, batch=64, steps=40, reference_rate=0.3)
    among, aside = np.arange(60), np.arange(60, 80)
    *_, (_, loss, phi) = learn(pairs, given, among, plan, seed)
    assert phi[0] > 0.5
    assert abs(phi[1]) < phi[0] / 2
    weighed, alike = (mixing.reached(one, pairs, given, aside, plan, 9) for one in (phi, np.zeros(2)))
    assert weighed < alike - 0.02


@pytest.fixture
def taught(tiny_pool: Pool) -> Pool:
    """The tiny pool with labelled examples."""
    random = np.random.default_rng(1)
    classes = unit(random.normal(size=(4, 16)))[random.integers(4, size=40)]
    examples = Examples(unit(random.normal(size=(40, 16))), classes, np.array(["a", "b"] * 20))
    assert add_examples(tiny_pool, "training", examples, model="l14", source="a test") == 40
    return tiny_pool


def test_labelled_examples_are_kept_as_a_target_set(taught: Pool, tmp_path) -> None:
    assert "training/l14" in targets(taught)
    found = load_examples(taught, "training", "l14")
    assert found.images.shape == found.classes.shape == (40, 16)
    assert found.tasks.tolist() == ["a", "b"] * 20
    near = run(taught, build("normsim", target="training", device="cpu"))
    assert near.array("normsim").max() > 0
    with pytest.raises(InputError, match="--force"):
        add_examples(taught, "training", found, model="l14", source="again")
    before = build("mix").contents(taught)["downstream"]
    deletion.delete(deletion.find("target", "training", taught))
    with pytest.raises(InputError, match="no target set"):
        load_examples(taught, "training", "l14")
    deletion.undo(taught)
    np.testing.assert_array_equal(load_examples(taught, "training", "l14").classes, found.classes)
    assert build("mix").contents(taught)["downstream"] == before
    other = replace(found, tasks=np.array(["a"] * 40))
    add_examples(taught, "training", other, model="l14", source="again", force=True)
    assert build("mix").contents(taught)["downstream"] != before  # other labels, another column


def test_the_column_is_the_weighted_sum_with_the_other_folds_weights(taught: Pool) -> None:
    pool = run(taught, build("mix", **FAST))
    column, values = pool.columns["mix"], pool.array("mix")
    found = column.made_by["findings"]
    assert [one["column"] for one in found["inputs"]] == ["clip_l14", "clip_b32", "sharp"]
    assert all({"weight", "spread", "missed", "missed_spread"} <= one.keys() for one in found["inputs"])
    assert found["gain"].keys() == {"mean", "spread"}
    assert "± " in notes(column)[0]
    inputs = np.stack([pool.array(one["column"]).astype(float) for one in found["inputs"]], axis=1)
    inputs = (inputs - np.nanmean(inputs, axis=0)) / np.nanstd(inputs, axis=0)
    np.testing.assert_array_equal(np.isnan(values), np.isnan(inputs).any(axis=1))
    folds, weights = folds_of(pool, 2), []
    for fold in range(2):
        mine = (folds == fold) & ~np.isnan(values)
        solved, residue, *_ = np.linalg.lstsq(inputs[mine], values[mine], rcond=None)
        assert residue.sum() < 1e-6  # one set of weights in a fold
        weights.append(solved)
    assert np.abs(weights[0] - weights[1]).max() > 1e-3  # and another in the other


def test_its_cost_is_measured_on_a_sample_of_the_pool(taught: Pool) -> None:
    cost = estimate(taught, build("mix", **FAST))
    assert 0 < cost.seconds < 600


def test_an_interrupted_job_goes_on_where_it_stopped(taught: Pool, monkeypatch) -> None:
    original, begun = mixing.learn, []

    def counted(pairs, given, among, plan, seed):
        begun.append(seed)
        if len(begun) == stop:
            raise KeyboardInterrupt
        return original(pairs, given, among, plan, seed)

    monkeypatch.setattr(mixing, "learn", counted)
    stop = 6
    with pytest.raises(KeyboardInterrupt):
        run(taught, build("mix", **FAST))
    stop = 0
    pool = run(taught, build("mix", **FAST))
    assert len(begun) == 6 + (2 * (2 + 3) - 5)  # five were done; the sixth began twice
    whole = run(pool, build("mix", **FAST | {"seeds": 3}), column="more")
    assert len(begun) == 11 + 5  # two seeds were kept
    assert whole.columns["more"].made_by["findings"]["seeds"] == 3


def test_what_may_know_the_answers_is_named(taught: Pool, tmp_path) -> None:
    np.save(tmp_path / "near.npy", unit(np.random.default_rng(5).normal(size=(12, 16))))
    add_target(taught, "near", tmp_path / "near.npy", model="l14")
    pool = run(taught, build("normsim", target="near", device="cpu"), column="peeks")
    pool = run(pool, build("normsim", target="training", device="cpu"), column="fair")
    assert "peeks" not in fit("mix", pool, downstream="training").parameters()["columns"]
    pool = run(pool, build("mix", **FAST | {"columns": "peeks,fair,sharp", "leave_out": False}))
    assert len(cautions(pool.columns["mix"])) == 1
    assert cautions(pool.columns["mix"])[0].startswith("peeks compares with the target set 'near'")


def test_what_it_can_not_learn_from_is_refused(tiny_pool: Pool, tmp_path) -> None:
    with pytest.raises(InputError, match="no target set 'training'"):
        run(tiny_pool, build("mix", **FAST))
    np.save(tmp_path / "near.npy", unit(np.random.default_rng(5).normal(size=(12, 16))))
    add_target(tiny_pool, "near", tmp_path / "near.npy", model="l14")
    with pytest.raises(
        InputError, match="has no labels; make one with `poolscope target NAME --tasks SUITE --model l14`"
    ):
        run(tiny_pool, build("mix", downstream="near", **FAST))
    with pytest.raises(InputError, match="at least 2"):
        run(tiny_pool, build("mix", **FAST | {"columns": "sharp"}))
    examples = Examples(np.eye(8), np.eye(8), np.array(["a"] * 8))
    with pytest.raises(InputError, match="8 dimensions, l14_img has 16"):
        add_examples(tiny_pool, "training", examples, model="l14", source="a test")
    examples = Examples(np.eye(16), np.eye(16), np.array(["a"] * 16))
    add_examples(tiny_pool, "training", examples, model="l14", source="a test")
    with pytest.raises(InputError, match="too few for 20 folds"):
        run(tiny_pool, build("mix", **FAST | {"folds": 20}))
    with pytest.raises(InputError, match="lower reference_rate, which is 1000"):
        run(tiny_pool, build("mix", **FAST | {"reference_rate": 1000.0, "rate": 10.0, "steps": 60, "batch": 4}))
    with pytest.raises(InputError, match="seeds is 1"):
        build("mix", seeds=1)
