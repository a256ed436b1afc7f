"""The Runs page: sweeps, curves laid over each other, runs that were resumed."""

import json
import os
import time
from dataclasses import replace

import pytest

from poolscope import jobs
from poolscope.bench import metrics
from poolscope.bench.sweep import Cell, Sweep
from poolscope.demo.records import CAME, SWEEP
from poolscope.explorer import job_view
from poolscope.explorer.bench import sweeps as sweeps_view
from poolscope.explorer.bench import training
from poolscope.jobs import table
from poolscope.runs import Run
from tests.explorer.conftest import texts
from tests.explorer.test_pages import finished_run


@pytest.fixture
def queued(monkeypatch):
    """Command lines that were submitted; none is started."""
    lines = []

    def submit(argv, **options):
        lines.append((list(argv), options))
        return len(lines)

    monkeypatch.setattr(jobs, "submit", submit)
    return lines


def test_a_sweep_is_started_from_the_page(start, mapped_pool, queued):
    app = start(mapped_pool, "runs")
    app.get_by_key("run-what").set_value("Sweep").run()
    app.get_by_key("sweep-scores").set_value(["clip_b32"]).run()
    metrics_shown = {metric.label: metric.value for metric in app.metric}
    assert metrics_shown["Runs"] == "15"
    assert metrics_shown["Pairs kept"] == "40 to 200"
    assert app.button(key="sweep-start").disabled, "the smallest selection is under a batch of 256"
    assert "fewer than one batch" in app.error[0].value
    app.get_by_key("sweep-scores").set_value([]).run()
    assert "the sweep has no run" in app.error[0].value


def test_a_sweep_that_can_be_trained_is_queued_with_its_name(start, mapped_pool, queued, monkeypatch):
    from poolscope import bench

    monkeypatch.setattr(bench, "preflight", lambda *given, **named: [])
    app = start(mapped_pool, "runs")
    app.get_by_key("run-what").set_value("Sweep").run()
    app.get_by_key("sweep-fractions").set_value([50, 100]).run()
    app.get_by_key("sweep-seeds").set_value([0, 1]).run()
    app.button(key="sweep-start").click().run()
    assert not app.exception
    assert len(queued) == len(Sweep.every()[0].cells) == 4
    assert all(argv[argv.index("--sweep") + 1] == Sweep.every()[0].id for argv, _ in queued)
    assert {options["device"] for _, options in queued} == {jobs.slot()}


def sweep_of(states: list[str]) -> Sweep:
    """A sweep whose jobs are in these states."""
    cells = []
    for seed, state in enumerate(states):
        job = table.insert(kind="train", title="t", argv=["jobs", "list"], device="cpu", cwd="/", environment={})
        with table.writing() as connection:
            connection.execute("UPDATE jobs SET state=? WHERE id=?", (state, job))
        cells.append(Cell("no filter", "", 1.0, seed, job))
    made = Sweep("s", "demo", "/pool", tuple(cells))
    made.save()
    return made


def test_a_sweep_shows_how_far_it_is_and_stops_by_hand(start, mapped_pool, no_runner):
    made = sweep_of(["done", "queued", "queued"])
    run = finished_run("r0", "no filter", 0, 200, 0.3)
    run.job = str(made.cells[0].job)
    run.save()
    app = start(mapped_pool, "runs")
    assert not app.exception
    assert "1 done, 2 queued" in texts(app)
    app.button(key="stop-s").click().run()
    assert not app.exception
    assert [jobs.get(cell.job).state for cell in made.cells] == ["done", "cancelled", "cancelled"]
    assert any("1 done, 2 cancelled" in box.label for box in app.expander)
    assert not any("cancelled" in box.label for box in app.expander if "s · demo" not in box.label)


def test_curves_of_several_runs_lie_over_each_other():
    columns = {
        "samples": [256, 512], "loss": [5.0, None], "samples_per_s": [500.0, 400.0], "data_s": [0.01, 0.02],
        "lr": [1e-3, 1e-4], "logit_scale": [14.0, 15.0], "seconds_left": [60.0, 30.0],
    }  # fmt: skip
    made = training.figure({"a": columns, "b": columns}, {"a": [300]})
    assert len(made.data) == 2 * len(training.PANELS) == 12
    assert [trace.name for trace in made.data if trace.showlegend] == ["a", "b"]
    assert {note.text for note in made.layout.annotations} == {title for _, title, _, _ in training.PANELS}
    assert list(made.data[2].y) == [10.0, 20.0]
    assert list(made.data[5].y) == [1.0, 0.5]
    assert [shape.x0 for shape in made.layout.shapes] == [300] * 6


def test_chosen_runs_join_the_curves_and_a_resumed_one_says_so(start, mapped_pool):
    finished_run("one", "no filter", 0, 200, 0.3)
    run = finished_run("two", "CLIP score 30 %", 1, 60, 0.4)
    run.resumed = 1
    run.settings |= {"checkpoints": 4, "workers": 1}
    run.save()
    run.log_path.parent.mkdir(parents=True)
    run.log_path.write_text("=> resuming checkpoint 'x/epoch_latest.pt' (epoch 2)\n")
    assert metrics.resumed_at("two") == [18_432]
    app = start(mapped_pool, "runs")
    app.get_by_key("overlay").set_value(["one", "two"]).run()
    assert not app.exception
    spec = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert len(spec["data"]) == 12
    assert "Resumed from a checkpoint (dotted): CLIP score 30 % · demo · seed 1 after 18,432 samples" in texts(app)


def test_time_left_follows_the_pace_of_the_last_points():
    run = Run(id="r", settings={"samples_seen": 1024, "batch": 256, "checkpoints": 1, "workers": 1})
    run.step_to("done")
    points = [{"step": n, "samples": 256 * n, "loss": 1.0, "samples_per_s": 64.0 * n} for n in (1, 2, 4)]
    metrics.write(run.path / "metrics.jsonl", points)
    assert metrics.total_samples(run) == 1024
    assert metrics.curves(run)["seconds_left"] == [768 / 64, round(512 / 96, 1), 0.0]
    assert metrics.curves(Run(id="none"))["seconds_left"] == []


def test_one_estimate_of_the_time_left_is_the_same_everywhere(home):
    number = table.insert(kind="train", title="t", argv=["jobs", "list"], device="cpu", cwd="/", environment={})
    run = Run(id="r", job=str(number), settings={"samples_seen": 1024, "batch": 256, "checkpoints": 1, "workers": 1})
    run.step_to("done")
    metrics.write(run.path / "metrics.jsonl", [{"step": 2, "samples": 512, "loss": 1.0, "samples_per_s": 64.0}])
    with table.writing() as connection:
        connection.execute("UPDATE jobs SET state='running', pid=?", (os.getpid(),))
    job = replace(jobs.get(number), state="running", started=time.time() - 100, progress=0.5)
    assert job_view.time_left(job) == "about 8 s left", "as its curve says, not as its pace since the start"
    assert job_view.time_left(replace(job, kind="score")) == "about 1 min 40 s left"
    assert job_view.time_left(replace(job, id=0, progress=0.01)) == ""


def test_a_sweep_with_one_point_waits(start, mapped_pool, no_runner):
    run = finished_run("r0", "no filter", 0, 200, 0.3)
    run.sweep, run.job = "s", str(sweep_of(["done", "queued"]).cells[0].job)
    run.save()
    app = start(mapped_pool, "runs")
    assert sweeps_view.WAITING in texts(app)
    assert not [chart for chart in app.get("plotly_chart") if "% of the pool" in chart.proto.spec]


def test_where_a_run_trains_goes_into_its_command_line(start, mapped_pool, queued, monkeypatch):
    from poolscope import bench

    asked = []
    monkeypatch.setattr(bench, "preflight", lambda *given, **named: asked.append(named["launch"]) or [])
    app = start(mapped_pool, "runs")
    app.get_by_key("run-gpus").set_value(8).run()
    app.get_by_key("run-nodes").set_value(2).run()
    app.get_by_key("run-accum").set_value(4).run()
    assert asked[-1] == bench.Launch(gpus=8, nodes=2, accum=4)
    app.button(key="run-start").click().run()
    assert " ".join(queued[0][0]).endswith("--gpus 8 --nodes 2 --accum 4")


def test_an_ended_run_tells_its_record_and_why_it_is_not_comparable(start, mapped_pool):
    run = finished_run("odd", "odd", 0, 60, 0.4)
    run.not_comparable, run.command = ["lr is 1 instead of 2"], ["python", "-m", "poolscope.bench.worker"]
    run.save()
    app = start(mapped_pool, "runs")
    app.session_state["past-run-odd"] = True
    app.run()
    assert not app.exception
    assert any("lr is 1 instead of 2" in note.value for note in app.warning)
    app.toggle(key="record-run-odd").set_value(True).run()
    assert any("poolscope.bench.worker" in code.value for code in app.code)


def test_what_came_with_the_demo_says_so(start, mapped_pool):
    run = finished_run("mine", "Sharp", 0, 60, 0.2)
    run.notes, run.sweep = [CAME], SWEEP
    run.save()
    Sweep(SWEEP, "demo", str(mapped_pool.path), (Cell("Sharp", "", 0.5, run.seed),), note=CAME).save()
    app = start(mapped_pool, "runs")
    labels = [box.label for box in app.expander]
    assert f"{SWEEP} · demo · 1 done · {CAME}" in labels
    assert any(label.startswith("Sharp · demo") and label.endswith(CAME) for label in labels)


def test_a_race_is_started_from_the_page_and_shown(start, mapped_pool, queued):
    from poolscope.bench import race as racing
    from poolscope.recipe import Recipe, dump

    entry = racing.Entry("*a*", "a.yaml", 60, dealt=3), racing.Entry("b", "b.yaml", 90, dealt=2, out=2)
    racing.Race("r", "demo", str(mapped_pool.path), entry, spent=60.0).save()
    (mapped_pool.path / "recipes").mkdir(exist_ok=True)
    for name in ("one", "two"):
        (mapped_pool.path / "recipes" / f"{name}.yaml").write_text(dump(Recipe(name=name)))
    app = start(mapped_pool, "runs")
    assert not app.exception
    assert list(app.dataframe[0].value["recipe"]) == ["*a*", "b"]
    app.get_by_key("run-what").set_value("Race").run()
    assert app.get_by_key("race-start").disabled
    app.get_by_key("race-recipes").set_value(["one", "two"]).run()
    app.get_by_key("race-budget").set_value("soon").run()
    assert app.get_by_key("race-start").disabled
    assert "no time" in app.error[0].value
    app.get_by_key("race-budget").set_value("30m").run()
    app.get_by_key("race-start").click().run()
    assert not app.exception
    line, _ = queued[-1]
    assert line[0] == "race"
    assert line[line.index("--budget") + 1] == "30m"
