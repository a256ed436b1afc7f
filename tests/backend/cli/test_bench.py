"""`poolscope tasks`, `train --estimate`, `leaderboard`: everything short of training, which has tests of its own."""

import json

import pytest


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
    from backend.bench import Run

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
