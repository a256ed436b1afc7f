import itertools

import numpy as np
import pytest

from poolscope import bench
from poolscope.bench import published
from poolscope.bench.board import group_means, row_of, scaling, summaries
from poolscope.bench.scales import SCALES
from poolscope.bench.tasks import tasks_list, weights
from poolscope.bench.tasks.datacomp import GROUPS, TASKS
from poolscope.errors import InputError
from poolscope.runs import Run, write_results


def finished(name: str, values: dict[str, float | None], **more: object) -> Run:
    """A finished run with these main metrics."""
    run = Run(id=name, scale="small", recipe=name, settings={"tasks": "datacomp"}, created=1.0, **more)  # type: ignore[arg-type]
    run.step_to("done")
    lines = [{"key": key, "dataset": key, "metrics": {"main_metric": value}} for key, value in values.items()]
    write_results(run.path / "results.jsonl", lines)
    return run


def full(value: float) -> dict[str, float | None]:
    return {task.key: value if task.averaged else None for task in TASKS}


def test_average_is_over_38_and_groups_are_datacomps() -> None:
    rng = np.random.default_rng(0)
    values = {task.key: float(rng.random()) if task.averaged else None for task in TASKS}
    row = row_of(finished("a", values))
    numbers = [value for value in values.values() if value is not None]
    assert len(numbers) == row.of == row.evaluated == 38
    assert row.average == pytest.approx(np.mean(numbers))
    clean = [value for task in TASKS if (value := values[task.key]) is not None and not task.near_chance]
    assert len(clean) == 33
    assert row.clean == pytest.approx(np.mean(clean))
    assert tuple(row.groups) == GROUPS
    assert row.groups["ImageNet"] == values["imagenet1k"]
    shifts = ("imagenet_sketch", "imagenetv2", "imagenet-a", "imagenet-o", "imagenet-r", "objectnet")
    assert row.groups["ImageNet dist. shifts"] == pytest.approx(np.mean([values[key] for key in shifts]))


def test_the_demos_average_counts_emoji_and_clip_art_alike_and_no_digits() -> None:
    demo = {task.key: task for task in tasks_list() if task.suite == "demo"}
    counted = [task for task in demo.values() if task.averaged]
    assert {key for key in demo if not demo[key].averaged} == {"digits"}
    emoji = {task.key for task in counted if task.family == "emoji"}
    assert emoji == {key for key in demo if "emoji" in key} | {"flags"}
    assert weights(counted).sum() == pytest.approx(1)
    values = {key: 0.9 if key in emoji else 0.3 for key in demo}
    run = finished("d", values)
    run.scale, run.settings = "demo", {"tasks": "demo"}
    run.save()
    row = row_of(run)
    assert (row.average, row.of) == (pytest.approx(0.6), 9)
    assert weights([demo["flags"], demo["emoji_groups"], demo["clipart_objects"]]).tolist() == [0.25, 0.25, 0.5]
    assert weights(TASKS[:4]).tolist() == [0.25] * 4


def test_no_average_before_every_task_is_there() -> None:
    values = full(0.5)
    del values["mnist"]
    row = row_of(finished("a", values))
    assert (row.average, row.evaluated, row.of) == (None, 37, 38)
    assert row.groups["VTAB"] == 0.5
    assert group_means({"imagenet1k": None}, TASKS)["ImageNet"] is None


def test_rows_are_sorted_filtered_and_joined_by_published_ones() -> None:
    finished("low", full(0.1))
    finished("high", full(0.2), track="byod")
    finished("none", {})
    rows = bench.leaderboard("small", published=False)
    assert [row.run for row in rows] == ["high", "low", "none"]
    assert [row.run for row in bench.leaderboard(track="byod", published=False)] == ["high"]
    assert [row.recipe for row in bench.leaderboard(track="byod") if row.published] == ["CC12M"]
    mixed = bench.leaderboard()
    assert {row.scale for row in mixed} == {"small"}
    best = next(row for row in mixed if row.published and row.track == "filtering")
    assert (best.recipe, best.average) == ("EcoDatum", 0.182)
    with pytest.raises(InputError, match="'tiny' is unknown"):
        bench.leaderboard("tiny")


def test_published_rows_have_a_source_and_the_papers_numbers() -> None:
    rows = {(row.scale, row.recipe, row.source): row for row in published.rows()}
    assert len(rows) == len(published.rows())
    assert all(row.published and row.source and row.average for row in rows.values())
    one = rows["xlarge", "Image ∩ CLIP L/14 30 % (DataComp-1B)", published.DATACOMP]
    assert (one.kept, one.average, one.groups["ImageNet"]) == (1_400_000_000, 0.663, 0.792)
    assert rows["medium", "DFN 15 %", published.DFN].groups["Retrieval"] == 0.288
    assert {row.scale for row in rows.values()} == {"small", "medium", "large", "xlarge"}


def test_the_frontier_only_rises() -> None:
    for scale in ("small", "medium", "large", "xlarge"):
        line = published.frontier(scale)
        assert [row.kept for row in line] == sorted(row.kept for row in line)
        assert all(a.average < b.average for a, b in itertools.pairwise(line))
        top = max(row.average for row in published.rows() if row.scale == scale and row.kept)
        assert line[-1].average == top


def seeds_of(recipe: str, values: list[float], kept: int) -> None:
    for seed, value in enumerate(values):
        finished(recipe, full(value), seed=seed, kept=kept, pool_pairs=100)
        Run.load(recipe).path.rename(Run.load(recipe).path.with_name(f"{recipe}-{seed}"))


def test_seeds_are_joined_and_compared_with_no_filter_by_their_spread() -> None:
    from scipy import stats

    base, better = [0.10, 0.12, 0.11], [0.15, 0.165, 0.18]
    seeds_of("none", base, 100)
    seeds_of("filter", better, 30)
    found = {summary.recipe: summary for summary in summaries(bench.leaderboard(published=False))}
    one = found["filter"]
    assert one.seeds == (0, 1, 2)
    assert one.mean == pytest.approx(0.165)
    assert one.sd == pytest.approx(np.std(better, ddof=1))
    expected = stats.ttest_ind(better, base)
    low, high = expected.confidence_interval(0.95)
    assert (one.difference, one.low, one.high) == pytest.approx((0.055, low, high))
    content = one.as_json()
    assert content["p"] == pytest.approx(expected.pvalue)
    assert content["verdict"] == "better"
    assert content["detectable"] > 0
    assert found["none"].baseline
    assert found["none"].difference is found["none"].as_json()["difference"] is None


def test_one_seed_is_no_verdict_and_says_what_seeds_do() -> None:
    seeds_of("none", [0.10, 0.12, 0.11], 100)
    seeds_of("once", [0.9], 30)
    one = next(one for one in summaries(bench.leaderboard(published=False)) if one.recipe == "once")
    content = one.as_json()
    assert one.difference == pytest.approx(0.79)
    assert (one.low, one.high, content["verdict"], content["detectable"]) == (None, None, None, None)
    assert content["reach"] == pytest.approx(0.01 * (4 / 3) ** 0.5 * 4.3027, rel=1e-3)


def test_changed_settings_are_left_out_of_the_summaries() -> None:
    finished("odd", full(0.3), seed=0, kept=5, pool_pairs=10, not_comparable=["lr is 1 instead of 2"])
    rows = bench.leaderboard(published=False)
    assert rows[0].as_json()["comparable"] is False
    assert summaries(rows) == []
    assert SCALES["small"].macs


def test_scaling_follows_a_recipe_over_the_scales() -> None:
    lines = scaling(published.rows())
    assert [scale for scale, _ in lines["No filtering (published)"]] == ["small", "medium", "large", "xlarge"]
    assert [value for _, value in lines["No filtering (published)"]] == [0.132, 0.258, 0.437, 0.621]
    assert "SDM (published)" not in lines


def test_a_run_made_before_the_table_changed_is_not_comparable_any_more() -> None:
    run = finished("old", full(0.3))
    run.settings |= {"batch": 8192, "lr": SCALES["small"].lr, "workers": 1}
    run.save()
    assert row_of(Run.load("old")).reasons == ("batch is 8,192 instead of 4,096",)
