import numpy as np
import pytest

from poolscope.bench import evaluation
from poolscope.bench.run import Run, write_results
from poolscope.bench.significance import compare, paired, resample
from poolscope.bench.tasks.datacomp import TASKS
from poolscope.errors import InputError

BY_KEY = {task.key: task for task in TASKS}


def run_with(name: str, accuracy: float, *, n: int = 400, seed: int = 0, labels: int = 0) -> Run:
    """A run that gets this share of cifar10 and mnist right."""
    run = Run(id=name)
    run.step_to("done")
    lines = []
    for number, key in enumerate(("cifar10", "mnist")):
        label = np.random.default_rng(labels + number).integers(0, 10, n)
        wrong = np.random.default_rng(seed + 10 * number).random(n) > accuracy
        top = np.stack([(label + wrong * 1) % 10, *((label + shift) % 10 for shift in (2, 3, 4, 5))], axis=1)
        predictions = {"label": label, "top": top}
        evaluation.keep_predictions(run.path / "predictions", key, predictions)
        lines.append({"key": key, "dataset": key, "metrics": {"main_metric": float(1 - wrong.mean())}})
    write_results(run.path / "results.jsonl", lines)
    return run


def test_a_clear_difference_is_stated_and_noise_is_not() -> None:
    run_with("good", 0.8, seed=1)
    run_with("bad", 0.5, seed=2)
    run_with("same", 0.5, seed=3)
    clear = compare("good", "bad", draws=400)
    assert [one.task for one in clear] == ["cifar10", "mnist", "average"]
    assert all(one.stated and one.p < 0.01 and one.low <= one.difference <= one.high for one in clear)
    assert not any(one.stated for one in compare("bad", "same", draws=400))
    equal = compare("good", "good", draws=100)
    assert [(one.difference, one.low, one.high, one.p) for one in equal] == [(0, 0, 0, 1)] * 3


def test_the_interval_is_the_textbook_one_for_an_accuracy() -> None:
    """Paired accuracies: the bootstrap's spread is sqrt(var(a_i - b_i) / n)."""
    run_with("a", 0.7, n=2000, seed=1)
    run_with("b", 0.6, n=2000, seed=2)
    one = compare("a", "b", tasks=["cifar10"], draws=2000)[0]
    sides = [evaluation.predictions_of(name, "cifar10") for name in ("a", "b")]
    hits = [side["top"][:, 0] == side["label"] for side in sides if side is not None]
    gap = hits[0].astype(float) - hits[1]
    error = gap.std() / np.sqrt(len(gap))
    assert one.high - one.low == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert one.difference == pytest.approx(gap.mean())


def test_worst_groups_are_computed_again_in_each_draw() -> None:
    rng = np.random.default_rng(0)
    region, label = rng.integers(0, 3, 300), rng.integers(0, 5, 300)
    sides = []
    for weak in (0.3, 0.6):
        right = rng.random(300) < np.array([0.9, 0.8, weak])[region]
        top = np.stack([(label + ~right) % 5, (label + 2) % 5], axis=1)
        sides.append({"label": label, "top": top, "by_region": region, "by_country": region})
    values = resample(sides[0], sides[1], BY_KEY["fairness/geode"], draws=200)
    hits = sides[0]["top"][:, 0] == label
    assert values[0, 0] == pytest.approx(min(hits[region == g].mean() for g in range(3)))
    assert np.mean(values[1:, 0] < values[1:, 1]) > 0.99
    again = resample(sides[0], sides[1], BY_KEY["fairness/geode"], draws=200)
    assert np.array_equal(values, again)


def test_other_examples_and_no_shared_task_are_refused() -> None:
    run_with("a", 0.5)
    run_with("b", 0.5, labels=99)
    with pytest.raises(InputError, match="saw different examples of 'cifar10'"):
        compare("a", "b")
    Run(id="empty").step_to("done")
    with pytest.raises(InputError, match="share no task"):
        compare("a", "empty")


def test_seeds_are_paired_and_must_agree_too() -> None:
    from scipy import stats

    def side(name: str, accuracies: list[float]) -> list[str]:
        for seed, accuracy in enumerate(accuracies):
            run = run_with(f"{name}{seed}", accuracy, seed=100 + seed + 10 * len(name))
            run.seed = seed
            run.save()
        return [f"{name}{seed}" for seed in range(len(accuracies))]

    steady, wild, base = side("s", [0.7, 0.71, 0.69]), side("wi", [0.9, 0.3, 0.8]), side("bas", [0.5, 0.5, 0.5])
    better = compare(steady, base, draws=100)[0]
    assert (better.seeds, better.stated) == (3, True)
    pairs = [compare(a, b, tasks=["cifar10"], draws=1)[0].difference for a, b in zip(steady, base)]
    low, high = stats.t.interval(0.95, 2, np.mean(pairs), stats.sem(pairs))
    assert (better.difference, better.seed_low, better.seed_high) == pytest.approx((np.mean(pairs), low, high))
    assert better.p >= stats.ttest_1samp(pairs, 0).pvalue * 0.999
    noisy = compare(wild, base, draws=100)[0]
    assert noisy.low > 0, "over examples alone the difference is clear"
    assert not noisy.stated, "but the seeds disagree"
    assert noisy.p > 0.05
    assert [(a.id, b.id) for a, b in paired(["s2", "s0"], ["bas0", "bas1", "bas2"])] == [("s0", "bas0"), ("s2", "bas2")]
    assert [(a.id, b.id) for a, b in paired("s1", "bas2")] == [("s1", "bas2")]
