import numpy as np
import pytest

from poolscope.bench import evaluation
from poolscope.bench.seeds import missing_seeds
from poolscope.bench.significance import compare, resample
from poolscope.bench.tasks.datacomp import TASKS
from poolscope.errors import InputError
from poolscope.runs import Run, write_results

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


def side(name: str, accuracies: list[float], labels: int = 0, **more: object) -> list[str]:
    """Runs of one recipe with these accuracies, one a seed."""
    for seed, accuracy in enumerate(accuracies):
        run = run_with(f"{name}{seed}", accuracy, seed=100 * (1 + sum(name.encode())) + seed, labels=labels)
        run.seed, run.recipe = seed, name
        for key, value in more.items():
            setattr(run, key, value)
        run.save()
    return [f"{name}{seed}" for seed in range(len(accuracies))]


def test_a_clear_difference_is_stated_and_noise_is_not() -> None:
    good, bad, same = (side(name, [accuracy] * 3) for name, accuracy in (("g", 0.8), ("b", 0.5), ("s", 0.5)))
    clear = compare(good, bad, draws=200)
    assert [one.task for one in clear] == ["cifar10", "mnist", "average"]
    assert all(one.stated and one.p < 0.01 and one.gap.low <= one.difference <= one.gap.high for one in clear)
    assert {one.verdict for one in clear} == {"better"}
    assert {one.verdict for one in compare(bad, good, draws=200)} == {"worse"}
    assert {one.verdict for one in compare(bad, same, draws=200)} == {"not told apart"}


def test_one_run_a_side_is_never_a_verdict_however_far_apart_they_are() -> None:
    run_with("good", 0.9, seed=1)
    run_with("bad", 0.1, seed=2)
    for one in compare("good", "bad", draws=100):
        assert one.low > 0, "the examples alone would say so"
        assert (one.stated, one.verdict, one.p, one.gap.low) == (False, None, None, None)
        assert "no verdict, one seed each" in one.sentence
    seeded = side("many", [0.1, 0.12, 0.11])
    assert not any(one.stated for one in compare("good", seeded, draws=100))


def test_the_interval_over_examples_is_the_textbook_one_for_an_accuracy() -> None:
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


def test_tasks_without_predictions_are_judged_by_seeds_alone() -> None:
    from scipy import stats

    names = [*side("p", [0.5, 0.52, 0.54]), *side("q", [0.7, 0.72, 0.74])]
    for name in names:
        for file in (Run.load(name).path / "predictions").iterdir():
            file.unlink()
    one = compare(names[3:], names[:3], tasks=["mnist"])[0]
    values = [next(r["metrics"]["main_metric"] for r in Run.load(name).results() if r["key"] == "mnist") for name in names]  # fmt: skip
    assert (one.low, one.high, one.examples) == (None, None, 0)
    assert one.p == pytest.approx(stats.ttest_ind(values[3:], values[:3]).pvalue, rel=0.3)


def test_the_average_weighs_families_as_the_leaderboard_does() -> None:
    """Two emoji tasks against one of clip art, with other recipes beside them that tell the spread."""
    values = {"emoji_people": (0.2, 0.5), "flags": (0.1, 0.3), "clipart_objects": (0.3, 0.4)}
    for side_of, number in (("a", 0), ("b", 1)):
        for seed in range(2):
            run = Run(id=f"{side_of}{seed}", scale="demo", seed=seed, recipe=side_of, settings={"tasks": "demo"})
            run.step_to("done")
            write_results(run.path / "results.jsonl", [
                {"key": key, "dataset": key, "metrics": {"main_metric": both[number] + seed / 100}}
                for key, both in values.items()
            ])  # fmt: skip
    average = compare(["a0", "a1"], ["b0", "b1"])[-1]
    assert (average.task, average.a, average.b) == ("average", pytest.approx(0.23), pytest.approx(0.405))


def test_worst_groups_are_computed_again_in_each_draw() -> None:
    rng = np.random.default_rng(0)
    region, label = rng.integers(0, 3, 300), rng.integers(0, 5, 300)
    sides = []
    for weak in (0.3, 0.6):
        right = rng.random(300) < np.array([0.9, 0.8, weak])[region]
        top = np.stack([(label + ~right) % 5, (label + 2) % 5], axis=1)
        sides.append({"label": label, "top": top, "by_region": region, "by_country": region})
    values = resample(sides, BY_KEY["fairness/geode"], draws=200)
    hits = sides[0]["top"][:, 0] == label
    assert values[0, 0] == pytest.approx(min(hits[region == g].mean() for g in range(3)))
    assert np.mean(values[0, 1:] < values[1, 1:]) > 0.99
    again = resample(sides, BY_KEY["fairness/geode"], draws=200)
    assert np.array_equal(values, again)


def test_other_examples_and_no_shared_task_are_refused() -> None:
    run_with("a", 0.5)
    run_with("b", 0.5, labels=99)
    with pytest.raises(InputError, match="saw different examples of 'cifar10'"):
        compare("a", "b")
    Run(id="empty").step_to("done")
    with pytest.raises(InputError, match="share no task"):
        compare("a", "empty")


def test_the_spread_over_seeds_counts_and_seeds_are_not_paired() -> None:
    wild, base = side("wild", [0.9, 0.3, 0.8]), side("bas", [0.5, 0.5, 0.5])
    one = compare(wild, base, draws=100)[0]
    assert one.low > 0, "over examples alone the difference is clear"
    assert (one.stated, one.seeds) == (False, 3), "but the seeds disagree"
    assert one.p > 0.05
    shuffled = compare(wild, base[::-1], draws=100)[0]
    assert (shuffled.gap.low, shuffled.p) == pytest.approx((one.gap.low, one.p))


def test_examples_add_to_the_seeds_only_what_all_runs_of_a_side_share() -> None:
    """Runs that err on the same examples are no more certain for being many."""
    label = np.random.default_rng(0).integers(0, 10, 100)
    for recipe, wrong in (("x", np.arange(100) < 40), ("y", np.arange(100)[::-1] < 50)):
        for seed in range(4):
            run = Run(id=f"{recipe}{seed}", recipe=recipe, seed=seed)
            run.step_to("done")
            mistakes = wrong ^ (np.arange(100) == seed)
            top = np.stack([(label + mistakes) % 10, *((label + shift) % 10 for shift in (2, 3, 4, 5))], axis=1)
            evaluation.keep_predictions(run.path / "predictions", "cifar10", {"label": label, "top": top})
            write_results(run.path / "results.jsonl", [{"key": "cifar10", "dataset": "c", "metrics": {"main_metric": float(1 - mistakes.mean())}}])  # fmt: skip
    one = compare([f"x{n}" for n in range(4)], [f"y{n}" for n in range(4)], draws=400)[0]
    assert one.gap.error is not None
    assert one.gap.error.fixed**0.5 == pytest.approx((one.high - one.low) / 3.92, rel=0.15)
    assert one.verdict == "not told apart"
    assert one.gap.needed is None, "no seed takes the examples' noise away"


def test_other_recipes_of_the_board_tell_the_spread_and_dunnett_judges_no_filter() -> None:
    board = {"scale": "small", "settings": {"tasks": "datacomp"}, "pool": "/p", "pool_pairs": 100}
    alone = compare(side("f", [0.60, 0.62, 0.64]), side("g", [0.50, 0.52, 0.54]), tasks=["mnist"], draws=50)[0]
    filtered, none = side("f", [0.60, 0.62, 0.64], kept=30, **board), side("g", [0.50, 0.52, 0.54], kept=100, **board)
    for place in range(4):
        side(f"o{place}", [0.55, 0.57, 0.59], kept=40 + place, **board)
    helped = compare(filtered, none, tasks=["mnist"], draws=50)[0]
    assert helped.gap.error.freedom > alone.gap.error.freedom
    assert helped.gap.error.pooled


def test_the_missing_seeds_are_named_with_the_command_that_trains_them(monkeypatch: pytest.MonkeyPatch) -> None:
    more = {"scale": "demo", "pool": "/p", "settings": {"tasks": "demo"}, "pool_pairs": 9}
    a, b = side("m", [0.6, 0.7], **more), side("n", [0.5, 0.55, 0.6], **more)
    for name in (*a, *b):
        (Run.load(name).path / "recipe.yaml").write_text("name: x\nkeep: []\n")
    gap = compare(a, b, tasks=["mnist"], draws=50)[0].gap
    assert gap.needed is not None
    first, second = missing_seeds(a, b, gap)
    assert first.seeds == tuple(range(2, gap.needed))
    assert second.seeds == tuple(range(3, gap.needed))
    assert first.command.startswith("for seed in 2 3 ")
    assert "train" in first.command
    assert "--tasks" not in first.command
    first.start(device="cpu")
    assert [side.run for side in missing_seeds(a, b, gap)] == [b[0]], "what waits is not asked for again"
