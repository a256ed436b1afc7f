"""The Bias page without a browser: the sets that it offers, the job that it starts, a report that it draws."""

import numpy as np
import pytest

from poolscope import bias, jobs
from poolscope.pool import Pool
from poolscope.recipe import load
from poolscope.runs import Run
from tests.explorer.conftest import texts

HALF = "name: half\nkeep:\n  - {score: clip_b32, top: 0.5}\n"
FAMILIES = ("appearance", "caption_words")


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The words of the jobs that would have been started."""
    words: list[list[str]] = []
    monkeypatch.setattr(jobs, "submit", lambda argv, **about: words.append(argv))
    return words


def trained(pool: Pool) -> Run:
    run = Run(id="r1", name="half", pool=str(pool.path))
    run.path.mkdir(parents=True)
    run.save()
    np.save(run.path / "subset.npy", np.sort(pool.uids()[:80]))
    return run


def test_kept_against_dropped_becomes_a_job(start, mapped_pool, submitted):
    app = start(mapped_pool, "bias")
    assert not app.exception
    assert "No report yet" in app.info[0].value
    assert "A run's data" not in app.selectbox(key="bias-way").options
    app.button(key="bias-start").click().run()
    assert submitted[0][0] == "bias"
    assert submitted[0][1].endswith(".yaml")
    assert submitted[0][-2:] == ["--pool", str(mapped_pool.path)]


def test_a_runs_data_against_the_pool_and_against_a_target(start, mapped_pool, submitted, tmp_path):
    from poolscope.targets import add_target

    run = trained(mapped_pool)
    np.save(tmp_path / "photos.npy", np.random.default_rng(0).normal(size=(40, 16)).astype(np.float32))
    add_target(mapped_pool, "photos", tmp_path / "photos.npy", model="l14")
    app = start(mapped_pool, "bias")
    app.selectbox(key="bias-way").set_value("A run's data").run()
    app.button(key="bias-start").click().run()
    app.selectbox(key="bias-way").set_value("A target set").run()
    app.selectbox(key="bias-target-of").set_value("half · r1").run()
    app.button(key="bias-start").click().run()
    assert not app.exception
    assert submitted[0][:3] == ["bias", "--run", run.id]
    assert submitted[1][:7] == ["bias", "--run", run.id, "--target", "photos", "--model", "l14"]


def test_a_report_is_drawn_whole(start, mapped_pool):
    sets = bias.kept_and_dropped(load(HALF), mapped_pool)
    report = bias.build(sets, bias.Settings(per_set=40, size=32, folds=2, families=FAMILIES))
    bias.save(report, mapped_pool)
    app = start(mapped_pool, "bias")
    assert not app.exception
    assert not app.error
    told = {one.label: one.value for one in app.metric}
    assert told["Told apart"] == "no"  # 80 pairs and two families show nothing
    assert told["Null control"] == f"{100 * report['controls']['null']['accuracy']:.1f} %"
    assert "kept by half" in texts(app)
