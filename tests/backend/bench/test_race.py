"""Races: replayed on simulated runs, and driven over a stand-in for training."""

import threading
from typing import Any

import numpy as np
import pytest

from poolscope import devices
from poolscope.bench import race as racing
from poolscope.bench.elimination import behind, deal, one_look
from poolscope.bench.launch import Launch, environment
from poolscope.bench.tasks.datacomp import TASKS
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.recipe import Recipe
from poolscope.runs import Run, write_results
from tests.benchmarks.bench_race import DEMO, SPREAD, replay

RECIPES = [Recipe(name="all"), Recipe(name="half", keep=[{"score": "clip_b32", "top": 0.5}]),
           Recipe(name="sharp", keep=[{"flag": "sharp"}])]  # fmt: skip
MEANS = {"all": 0.10, "half": 0.30, "sharp": 0.12}


def test_a_race_names_what_the_full_grid_names_with_two_fifths_of_its_runs() -> None:
    found = replay(DEMO, SPREAD, rounds=80)
    assert found.best_stays == 1
    assert found.same >= 0.85, "tests/benchmarks/bench_race.py makes 400 replays"
    assert found.share <= 0.40
    assert found.same > found.another, "two full grids of the same recipes agree less"


@pytest.mark.parametrize(("spreads", "kept"), [((1.0,) * 8, 0.95), ((2.0,) + (1.0,) * 7, 0.88)])
def test_the_best_of_equals_is_dropped_no_more_often_than_allowed(spreads: tuple[float, ...], kept: float) -> None:
    """However many looks: the first of equally good recipes counts as the truly best one. One that scatters twice as
    much as the others is let go more often, for its first seeds seldom show it."""
    found = replay(np.zeros(8), spreads, rounds=100)
    assert found.best_stays >= kept - 2.6 * (kept * (1 - kept) / 100) ** 0.5


def test_the_less_doubt_is_left_the_more_a_race_is_like_the_full_grid() -> None:
    loose, tight = (replay(DEMO, SPREAD, rounds=40, doubt=doubt) for doubt in (0.2, 0.0005))
    assert tight.same > loose.same
    assert tight.share > loose.share


def test_bounds_are_wider_for_more_recipes_and_more_confidence() -> None:
    usual = one_look(10, 10, 0.95)
    assert 2 < usual < one_look(30, 10, 0.95)
    assert usual < one_look(10, 10, 0.99)
    assert one_look(1, 10, 0.95) == one_look(10, 1, 0.95) == np.inf
    assert behind({"a": np.array([1.0]), "b": np.array([0.0])}, bound=0.0) == set(), "one seed decides nothing"


def test_runs_without_any_spread() -> None:
    same, less = np.array([0.5, 0.5, 0.5]), np.array([0.4, 0.4])
    assert deal({"a": same, "b": less}, (), 3, 2.0) == ({"b"}, [])
    assert deal({"a": same, "b": same[:2]}, (), 3, 2.0) == (set(), []), "the full grid would keep it"


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Stands for training: a run with its recipe's value and a little noise. Gives what was trained."""
    lines: list[tuple[str, int]] = []

    def train(
        file: str, pool: Pool, *, scale: str, seed: int, run_id: str, resume: bool, sweep: str, progress: Any
    ) -> Run:
        from poolscope.recipe import load, select

        recipe = load(file)
        lines.append((recipe.name, seed))
        run = Run(id=run_id, scale=scale, settings={"tasks": "datacomp"}, seed=seed, recipe=recipe.name, sweep=sweep,
                  pool=str(pool.path.resolve()), pool_pairs=len(pool), kept=select(recipe, pool).kept)  # fmt: skip
        run.step_to("done")
        value = MEANS[recipe.name] + 0.01 * np.random.default_rng([seed, len(recipe.name)]).normal()
        results = [
            {"key": t.key, "dataset": t.name, "metrics": {"main_metric": value if t.averaged else None}} for t in TASKS
        ]
        write_results(run.path / "results.jsonl", results)
        return run

    monkeypatch.setattr(racing, "train", train)
    monkeypatch.setattr(racing, "preflight", lambda *_, **__: [])
    monkeypatch.setattr(racing, "_expected", lambda race, entry: 1.0)
    return lines


def test_a_race_ends_with_the_best_and_goes_on_after_its_budget(
    tiny_pool: Pool, trained: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    race = racing.enter(tiny_pool, RECIPES, scale="small", budget=0.5)
    stopped = racing.go_on(race)
    assert (stopped.state, trained) == ("budget spent", [])
    assert racing.as_json(stopped)["best"] is None
    again = racing.enter(tiny_pool, RECIPES, scale="small")
    assert again.id == race.id
    done = racing.go_on(again)
    now = racing.standing(done)
    assert (done.state, now.best, now.tied, set(now.behind)) == ("decided", "half", (), {"all", "sharp"})
    assert len(trained) == len(set(trained)) < 30
    assert sum(name == "half" for name, _ in trained) == 10, "every gap is measured against the best"
    assert "the best is half, all others are behind it" in racing.sentence(done)
    before = list(trained)
    assert racing.go_on(racing.enter(tiny_pool, RECIPES, scale="small")).state == "decided"
    assert racing.go_on(racing.enter(tiny_pool, RECIPES, scale="small", name="other")).trained == 0
    assert trained == before, "runs on the leaderboard count"


def test_the_runs_of_a_round_are_trained_side_by_side_on_all_gpus(
    tiny_pool: Pool, trained: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With three GPUs that are not there: each waits until all three are at work, and its training sees its own only."""
    monkeypatch.setattr(devices, "cuda_devices", lambda: 3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    usual, together, seen = racing.train, threading.Barrier(3), []

    def train(*words: Any, **named: Any) -> Run:
        if named["seed"] == 0:
            together.wait(60)
        seen.append(environment(Launch())["CUDA_VISIBLE_DEVICES"])
        return usual(*words, **named)

    monkeypatch.setattr(racing, "train", train)
    race = racing.go_on(racing.enter(tiny_pool, RECIPES, scale="small", most=2))
    assert sorted(trained) == [("all", 0), ("half", 0), ("half", 1), ("sharp", 0), ("sharp", 1)]
    assert sorted(seen[:3]) == ["4", "5", "6"]
    assert len(set(seen[3:])) == 2
    assert (race.state, race.trained, [entry.dealt for entry in race.entries]) == ("decided", 5, [1, 2, 2])
    assert devices.held() is None


def test_a_race_that_was_killed_goes_on_where_it_was(
    tiny_pool: Pool, trained: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = racing.train

    def dies(*words: Any, **named: Any) -> Run:
        if len(trained) == 4:
            raise KeyboardInterrupt
        return usual(*words, **named)

    monkeypatch.setattr(racing, "train", dies)
    with pytest.raises(KeyboardInterrupt):
        racing.go_on(racing.enter(tiny_pool, RECIPES, scale="small", name="r"))
    assert [entry.dealt for entry in racing.Race.load("r").entries] == [1, 2, 1]
    monkeypatch.setattr(racing, "train", usual)
    assert racing.go_on(racing.enter(tiny_pool, RECIPES, scale="small", name="r")).state == "decided"
    assert len(trained) == len(set(trained))


def test_equal_recipes_are_not_told_apart(
    tiny_pool: Pool, trained: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.backend.bench.test_race.MEANS", dict.fromkeys(MEANS, 0.2))
    done = racing.go_on(racing.enter(tiny_pool, RECIPES, scale="small", most=4))
    assert done.state == "decided"
    assert len(racing.standing(done).tied) == 2
    assert 6 < len(trained) <= 12, "none that the full grid would surely keep is trained on"


def test_wrong_races_are_refused_before_anything_is_trained(tiny_pool: Pool, trained: list[tuple[str, int]]) -> None:
    for recipes, options, said in (
        (RECIPES[:1], {}, "two or more"),
        ([RECIPES[0], RECIPES[0]], {}, "'all'"),
        (RECIPES, {"confidence": 95}, "confidence is 95"),
        (RECIPES, {"most": 1}, "2 or more"),
        (RECIPES, {"scale": "huge"}, "'huge' is unknown"),
        (RECIPES, {"name": "../x"}, "not allowed"),
    ):
        with pytest.raises(InputError, match=said):
            racing.enter(tiny_pool, recipes, **({"scale": "small"} | options))  # type: ignore[arg-type]
    racing.enter(tiny_pool, RECIPES, scale="small", name="r")
    with pytest.raises(InputError, match="other recipes"):
        racing.enter(tiny_pool, RECIPES[:2], scale="small", name="r")
    assert (racing.seconds("2h"), racing.seconds("1h30m"), racing.seconds("45s")) == (7200, 5400, 45)
    for text in ("", "2", "soon", "0h", "-1h", "1h 1x"):
        with pytest.raises(InputError, match="no time"):
            racing.seconds(text)
    assert trained == []
