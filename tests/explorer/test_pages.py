"""The other pages, empty, with something to show, and with wrong input."""

import json
import time

import pytest
from PIL import Image

from poolscope import bench, jobs, paths
from poolscope.explorer import pools, uploads
from poolscope.runs import Run
from tests.explorer.conftest import texts


def finished_run(name: str, recipe: str, seed: int, kept: int, average: float) -> Run:
    """A run as training leaves it, with results on two demo tasks."""
    directory = paths.runs() / name
    run = Run(
        id=name, state="done", scale="demo", seed=seed, recipe=recipe, pool="/pool", pool_pairs=200, kept=kept,
        samples_seen=36_864, created=time.time(),
        settings={"batch": 256, "samples_seen": 36_000, "tasks": "demo", "order": "passes"},
    )  # fmt: skip
    keys = [task.key for task in bench.tasks_list() if task.present and task.averaged]
    lines = [{"key": key, "dataset": key, "metrics": {"main_metric": average}} for key in keys]
    directory.mkdir(parents=True)
    (directory / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    points = [{"step": step, "samples": 256 * step, "loss": 5 / step, "samples_per_s": 500.0} for step in range(1, 9)]
    (directory / "metrics.jsonl").write_text("".join(json.dumps(point) + "\n" for point in points))
    run.save()
    return run


def test_pool_page_tells_what_is_there(start, mapped_pool):
    app = start(mapped_pool, "pool")
    assert not app.exception
    metrics = {metric.label: metric.value for metric in app.metric}
    assert metrics["Pairs"] == "200"
    assert metrics["Scores"] == "2"
    table = app.dataframe[0].value.set_index("column")
    assert table.loc["clip_l14", "missing"] == 3
    assert table.loc["l14_img", "type"] == "halffloat × 16"
    assert "pairs added" in "".join(box.label for box in app.expander)


def test_pool_page_with_a_path_that_is_no_pool(start, tmp_path):
    app = start(tmp_path, "pool")
    assert not app.exception
    assert "is not a pool" in app.error[0].value


def test_switching_to_a_broken_pool_keeps_the_pool(start, mapped_pool, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "pool.json").write_text("{}")
    pools.remember(tmp_path / "broken")
    app = start(mapped_pool, "pool")
    app.selectbox[0].set_value(str(tmp_path / "broken")).run()
    assert not app.exception
    assert "is not a pool" in app.error[0].value
    assert app.metric[0].value == "200"


def test_runs_page_tells_the_cost_and_what_stands_in_the_way(start, mapped_pool):
    app = start(mapped_pool, "runs")
    assert not app.exception
    assert "No run yet" in app.info[0].value
    labels = [metric.label for metric in app.metric]
    assert labels == ["Time here", "Samples seen", "Disk"]
    assert app.button(key="run-start").disabled == bool(app.error)


def test_runs_page_without_a_seed_starts_nothing(start, mapped_pool):
    app = start(mapped_pool, "runs")
    app.get_by_key("run-seeds").set_value([]).run()
    assert app.button(key="run-start").disabled


def test_runs_page_lists_a_run_that_the_command_line_made(start, mapped_pool):
    finished_run("by-hand", "by hand", 3, 60, 0.4)
    app = start(mapped_pool, "runs")
    assert not app.exception
    assert any("by hand · demo · seed 3 · done" in box.label for box in app.expander)
    assert not any("No run yet" in note.value for note in app.info)


def test_leaderboard_is_empty_at_first(start, mapped_pool):
    app = start(mapped_pool, "leaderboard")
    assert not app.exception
    assert "No runs yet" in app.info[0].value


def test_leaderboard_sets_runs_side_by_side(start, mapped_pool, monkeypatch):
    for seed in range(3):
        finished_run(f"base-{seed}", "no filter", seed, 200, 0.30 + 0.01 * seed)
        finished_run(f"clip-{seed}", "CLIP score 30 %", seed, 60, 0.40 + 0.01 * seed)
    app = start(mapped_pool, "leaderboard")
    assert not app.exception
    if not any(task.present and task.averaged for task in bench.tasks_list()):
        pytest.skip("the demo's tasks are not on this disk")
    recipes = app.dataframe[0].value.set_index("recipe")
    assert recipes.loc["CLIP score 30 %", "seeds"] == 3
    assert recipes.loc["CLIP score 30 %", "vs no filter"] == pytest.approx(10.0)
    assert recipes.loc["no filter", "±"] == pytest.approx(1.0)
    assert len(app.dataframe[1].value) == 6


def test_import_refuses_what_is_not_there(start, mapped_pool, tmp_path):
    app = start(mapped_pool, "imports")
    app.text_input(key="import-source").set_value(str(tmp_path / "nothing")).run()
    assert not app.exception
    assert "nothing" in app.error[0].value
    assert jobs.all() == []


def test_images_without_captions_are_refused_at_once(start, mapped_pool, tmp_path):
    (tmp_path / "plain").mkdir()
    for number in range(3):
        Image.new("RGB", (8, 8)).save(tmp_path / "plain" / f"{number}.png")
    app = start(mapped_pool, "imports")
    app.text_input(key="import-source").set_value(str(tmp_path / "plain")).run()
    assert "3 images and no captions" in app.error[0].value
    assert not [button for button in app.button if button.key == "import-start"]


@pytest.fixture
def table(tmp_path):
    for number in range(3):
        Image.new("RGB", (8, 8), (80 * number, 0, 0)).save(tmp_path / f"{number}.png")
    rows = "".join(f"{number}.png,a caption {number},words {number}\n" for number in range(3))
    (tmp_path / "set.csv").write_text("file_name,caption,other\n" + rows)
    return tmp_path / "set.csv"


def test_import_shows_the_first_pairs_and_columns_are_chosen_by_menus(start, mapped_pool, table, tmp_path):
    app = start(mapped_pool, "imports")
    app.text_input(key="import-source").set_value(str(table)).run()
    assert not app.exception
    assert app.dataframe[0].value["caption"].tolist() == ["a caption 0", "a caption 1", "a caption 2"]
    menu = next(box for box in app.selectbox if box.label == "Captions")
    menu.set_value("other").run()
    assert app.dataframe[0].value["caption"].tolist() == ["words 0", "words 1", "words 2"]
    app.button(key="import-start").click().run()
    assert not app.exception
    (job,) = jobs.all()
    assert job.kind == "import"
    assert job.argv[:2] == ("import", str(table))
    assert job.argv[job.argv.index("--text") + 1] == "other"
    jobs.cancel(job.id)


def test_import_refuses_a_directory_in_use(start, mapped_pool, table, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("mine")
    app = start(mapped_pool, "imports")
    app.text_input(key="import-source").set_value(str(table)).run()
    next(box for box in app.text_input if box.label == "Pool to make or extend").set_value(
        str(tmp_path / "taken")
    ).run()
    app.button(key="import-start").click().run()
    assert "is not a pool" in app.error[0].value.replace("\\", "")
    assert jobs.all() == []


def test_dropped_files_stay_in_their_folder(tmp_path, monkeypatch):
    class Dropped:
        def __init__(self, name: str, content: bytes) -> None:
            self.name, self.size, self._content = name, len(content), content

        def getbuffer(self) -> memoryview:
            return memoryview(self._content)

    folder = uploads.keep(
        [Dropped("set/a.csv", b"text\n"), Dropped("../../b\\c.png", b"x"), Dropped("/etc/passwd", b"y")]
    )
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == [
        "b/c.png", "etc/passwd", "set/a.csv",
    ]  # fmt: skip


def test_jobs_page_is_empty_at_first(start, mapped_pool):
    app = start(mapped_pool, "jobs")
    assert not app.exception
    assert "Nothing is running" in app.info[0].value


def test_jobs_page_shows_a_job_that_failed(start, mapped_pool, tmp_path):
    started = jobs.submit(["info", "--pool", str(tmp_path / "none")], kind="info", device=None, title="Look at nothing")
    for _ in range(200):
        if jobs.get(started).finished:
            break
        time.sleep(0.1)
    app = start(mapped_pool, "jobs")
    assert not app.exception
    assert any("Look at nothing · failed" in box.label for box in app.expander)
    assert "Nothing is running" in texts(app) + app.info[0].value
    assert "the directory does not exist" in app.error[0].value  # its reason, without a click


def test_jobs_page_moves_a_job_that_waits(start, mapped_pool, monkeypatch):
    monkeypatch.setattr(jobs.queue, "_spawn", lambda job_id: None)
    first, second = (jobs.submit(["jobs", "list"], kind="t", title=f"job {n}") for n in (1, 2))
    app = start(mapped_pool, "jobs")
    assert "waits for the long jobs before it" in texts(app)
    app.button(key=f"job-{second}-earlier").click().run()
    assert not app.exception
    assert jobs.get(second).created < jobs.get(first).created
