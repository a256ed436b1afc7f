"""`poolscope tasks`, `train --estimate`, `leaderboard`: everything short of training, which has tests of its own."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "half.yaml"
    path.write_text("name: half\nkeep:\n  - {score: clip_b32, top: 0.5}\n")
    return path


def test_tasks_has_the_promised_shape(poolscope):
    listed = poolscope("tasks", "--json").json["tasks"]
    assert len(listed) >= 40
    for task in listed:
        assert {"key", "name", "kind", "metric", "group", "averaged", "present"} <= task.keys()
    assert "cifar10" in poolscope("tasks").out


def test_tasks_are_checked_and_made(poolscope, tmp_path):
    checked = poolscope("tasks", "--check", "--tasks", "flags,cifar10", "--json").json["tasks"]
    assert {task["key"]: (task["present"], task["wrong"]) for task in checked} == {
        "flags": (True, []),
        "cifar10": (False, []),
    }
    table = tmp_path / "flickr.parquet"
    image = (ROOT / "assets" / "screenshots" / "pool-light-1024.webp").read_bytes()
    pq.write_table(pa.table({"image": [{"bytes": image}], "caption": [["one", "two"]]}), table)
    key = "retrieval/flickr_1k_test_image_text_retrieval"
    here = tmp_path / "tasks"
    here.mkdir()
    made = poolscope("tasks", "--convert", key, "--from", table, "--tasks-dir", here, "--tasks", key, "--json").json
    assert made["tasks"][0]["present"] is True
    broken = poolscope("tasks", "--check", "--tasks-dir", here, "--tasks", key)
    assert "1 of 1 tasks are not whole" in broken.refused()
    assert "1 examples, DataComp lists 1,000" in broken.out
    assert "'nothing'" in poolscope("tasks", "--tasks", "nothing").refused()
    assert "'cifar10'" in poolscope("tasks", "--convert", "cifar10").refused()
    assert "is no file" in poolscope("tasks", "--convert", key, "--from", tmp_path / "x").refused()


def test_a_run_of_datacomps_own_tools_joins_the_board(poolscope, tmp_path):
    import pickle

    (tmp_path / "info.pkl").write_bytes(pickle.dumps({"scale": "small", "checkpoint": "/a/epoch_5.pt"}))
    line = {"key": "cifar10", "dataset": "CIFAR-10", "metrics": {"acc1": 0.5, "main_metric": 0.5}}
    (tmp_path / "eval_results.jsonl").write_text(json.dumps(line) + "\n")
    content = poolscope("import", "run", tmp_path, "--as", "theirs", "--json").json
    assert (content["recipe"], content["scale"]) == ("theirs", "small")
    rows = poolscope("leaderboard", "--scale", "small", "--json").json["runs"]
    assert rows[0]["tasks"] == {"cifar10": 0.5}
    assert "no file" in poolscope("import", "run", tmp_path / "nothing").refused()


def test_an_empty_leaderboard(poolscope):
    assert poolscope("leaderboard", "--json").json["runs"] == []
    assert "poolscope train" in poolscope("leaderboard").out
    reference = poolscope("leaderboard", "--scale", "small", "--published", "--json").json
    assert reference["runs"] == []
    assert reference["published"]


def test_the_estimate_of_a_run_starts_nothing(poolscope, tiny_pool, recipe, home):
    argv = ("train", recipe, "--scale", "demo", "--pool", tiny_pool.path, "--estimate")
    content = poolscope(*argv, "--json").json
    assert content["kept"] == 100
    assert content["estimate"]["total_seconds"] > 0
    assert "minutes here" in poolscope(*argv).out
    assert not list(home.glob("runs/*"))


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--scale", "huge"), "'huge'"),
        (("--scale", "demo", "--tasks", ","), "--tasks"),
        (("--scale", "demo", "--gpus", "-1"), "--gpus"),
        (("--scale", "demo", "--resume", "--as", "none"), "'none'"),
        (("--scale", "demo", "--as", "../x"), "../x"),
        (("--scale", "demo", "--precision", "fp64"), "'fp64'"),
        (("--scale", "demo", "--set", "batch=many"), "batch='many'"),
        (("--scale", "demo", "--set", "batch=0"), "1 or more"),
        (("--scale", "demo", "--set", "speed=9"), "'speed'"),
        (("--scale", "demo", "--track", "other"), "'other'"),
        (("--scale", "demo", "--nodes", "3"), "3 devices"),
    ],
)
def test_wrong_train(argv, said, poolscope, tiny_pool, recipe, home):
    assert said in poolscope("train", recipe, *argv, "--pool", tiny_pool.path).refused()
    assert not list(home.glob("runs/*"))


def test_a_recipe_that_keeps_nothing_cannot_be_trained_on(poolscope, tiny_pool, tmp_path, home):
    path = tmp_path / "none.yaml"
    path.write_text("name: none\nkeep:\n  - {score: clip_b32, min: 1000}\n")
    assert "0 pairs" in poolscope("train", path, "--scale", "demo", "--pool", tiny_pool.path).refused()
    assert not list(home.glob("runs/*"))


def test_wrong_evaluate(poolscope):
    assert "'no-such-run'" in poolscope("evaluate", "no-such-run").refused()
    assert "--tasks" in poolscope("evaluate", "no-such-run", "--tasks", "").refused()


@pytest.fixture
def run(home):
    from poolscope.bench import Run

    made = Run(
        id="r1", name="half", recipe="half", scale="demo", settings={"tasks": "demo"}, kept=100, model="poolscope-demo"
    )
    made.path.mkdir(parents=True)
    made.step_to("done")
    return made


def test_a_submission_says_which_rules_it_breaks(poolscope, run, tmp_path):
    out = tmp_path / "sub"
    assert "evaluate" in poolscope("submit", "r1", "--out", out).refused()
    line = {"key": "cifar10", "dataset": "CIFAR-10", "metrics": {"acc1": 0.5, "main_metric": 0.5}}
    (run.path / "results.jsonl").write_text(json.dumps(line) + "\n")
    content = poolscope("submit", "r1", "--out", out, "--author", "Ada", "--json").json
    assert content["valid"] is False
    assert any("demo" in error for error in content["errors"])
    assert json.loads((out / "record.json").read_text())["author"] == "Ada"
    assert str(out) in poolscope("submit", "r1", "--out", out).refused()
    assert "'none'" in poolscope("submit", "none", "--out", tmp_path / "n").refused()


def test_wrong_leaderboard(poolscope):
    assert "'huge'" in poolscope("leaderboard", "--scale", "huge").refused()
    assert "'other'" in poolscope("leaderboard", "--track", "other").refused()
    assert "'none'" in poolscope("leaderboard", "--compare", "none", "none").refused()
    assert "'none'" in poolscope("leaderboard", "--groups", "none").refused()


@pytest.fixture
def compared(home):
    """Two recipes with two seeds each, judged on the demo's flags by region."""
    import numpy as np

    from poolscope.bench import Run
    from poolscope.bench.evaluation import keep_predictions
    from poolscope.runs import write_results

    rng = np.random.default_rng(0)
    region, label = rng.integers(0, 5, 300), rng.integers(0, 40, 300)
    for recipe, right in (("good", 0.8), ("bad", 0.3)):
        for seed in (0, 1):
            made = Run(
                id=f"{recipe}-{seed}",
                scale="demo",
                recipe=recipe,
                seed=seed,
                settings={"tasks": "demo", "order": "passes"},
                kept=9,
            )
            made.step_to("done")
            guess = np.where(rng.random(300) < right, label, label + 1)
            top = np.stack([guess, *(label + shift for shift in (2, 3, 4, 5))], axis=1)
            keep_predictions(made.path / "predictions", "flags", {"label": label, "top": top, "by_region": region})
            line = {"key": "flags", "dataset": "Flags", "metrics": {"main_metric": right}}
            write_results(made.path / "results.jsonl", [line])


def test_two_recipes_are_compared_over_examples_and_seeds(poolscope, compared):
    content = poolscope("leaderboard", "--compare", "good", "bad", "--json").json
    assert (content["a"], content["b"]) == (["good-0", "good-1"], ["bad-0", "bad-1"])
    one = content["differences"][0]
    assert (one["task"], one["seeds"]) == ("flags", 2)
    assert one["difference"] == pytest.approx(0.5, abs=0.15)
    assert one["low"] > 0
    assert one["seed_low"] > 0
    assert (one["verdict"], one["stated"]) == ("better", True)
    assert one["detectable"] > 0
    assert content["more_seeds"] == []
    assert "more than noise" in poolscope("leaderboard", "--compare", "good", "bad").out


def test_two_single_runs_are_compared_without_a_verdict(poolscope, compared):
    out = poolscope("leaderboard", "--compare", "good-0", "bad-0").out
    assert "more than noise" not in out
    assert "no verdict, one seed each" in out
    one = poolscope("leaderboard", "--compare", "good-0", "bad-0", "--json").json["differences"][0]
    assert (one["verdict"], one["stated"], one["p"], one["seed_low"]) == (None, False, None, None)


def test_a_model_is_audited_by_group(poolscope, compared):
    content = poolscope("leaderboard", "--groups", "bad-1", "--json").json
    assert {group["group"] for group in content["groups"]} == {"Africa", "Americas", "Asia", "Europe", "Oceania"}
    assert content["gaps"][0]["field"] == "region"
    assert content["data"] == []
    assert "Oceania" in poolscope("leaderboard", "--groups", "bad-1").out
