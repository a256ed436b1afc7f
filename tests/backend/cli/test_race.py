"""`poolscope race`, without training."""


def test_wrong_races(poolscope, tiny_pool, tmp_path, home):
    (tmp_path / "a.yaml").write_text("name: a\nkeep:\n  - {flag: sharp}\n")
    assert "'soon'" in poolscope("race", "a", "b", "--budget", "soon", "--pool", tiny_pool.path).refused()
    assert "two or more" in poolscope("race", "no-filter", "--pool", tiny_pool.path).refused()
    assert "'nothing'" in poolscope("race", "nothing", "no-filter", "--pool", tiny_pool.path).refused()
    assert (
        "confidence"
        in poolscope("race", "no-filter", tmp_path / "a.yaml", "--confidence", "95", "--pool", tiny_pool.path).refused()
    )
    assert not list(home.glob("runs/*"))


def test_a_race_over_runs_on_the_leaderboard_trains_nothing(poolscope, tiny_pool, tmp_path, home, monkeypatch):
    from poolscope.bench import race as racing
    from poolscope.bench.tasks.datacomp import TASKS
    from poolscope.runs import Run, write_results

    monkeypatch.setattr(racing, "preflight", lambda *_, **__: [])
    for name, value, top in (("low", 0.1, 0.5), ("high", 0.3, 0.25)):
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\nkeep:\n  - {{score: clip_b32, top: {top}}}\n")
        for seed in range(3):
            run = Run(id=f"{name}-{seed}", scale="small", settings={"tasks": "datacomp"}, seed=seed, recipe=name,
                      pool=str(tiny_pool.path.resolve()), pool_pairs=200, kept=int(200 * top))  # fmt: skip
            run.step_to("done")
            figure = value + 0.001 * seed * (1 if name == "low" else -1)
            write_results(run.path / "results.jsonl", [{"key": t.key, "dataset": t.name, "metrics": {"main_metric": figure if t.averaged else None}} for t in TASKS])  # fmt: skip
    words = (
        "race",
        tmp_path / "low.yaml",
        tmp_path / "high.yaml",
        "--scale",
        "small",
        "--seeds",
        "3",
        "--pool",
        tiny_pool.path,
    )
    found = poolscope(*words, "--json").json
    assert (found["state"], found["best"], found["behind"], found["trained"]) == ("decided", "high", ["low"], 0)
    assert found["full_grid"] == 6
    assert "the best is high" in poolscope(*words).out
