"""Deleting from the pages, with a question before and undo after."""

import json

import numpy as np
import pytest

from poolscope import jobs, paths
from poolscope.jobs import table
from poolscope.pool import Pool
from poolscope.projection import available
from poolscope.recipe import load
from poolscope.recipe.ready import save, saved
from poolscope.runs import Run
from poolscope.targets import add_target, targets
from tests.explorer.conftest import texts


def delete(app, kind: str, name: str, *, force: bool = False):
    """Answers the question that a button asks; AppTest closes a dialog at each run, so it is asked each time."""

    def ask():
        app.session_state["deleting"] = (kind, name)
        return app

    ask().run()
    assert not app.exception
    assert "It takes" in texts(app)
    if force:
        ask().checkbox(key="delete-force").check().run()
    ask().button(key="delete-now").click().run()
    assert not app.exception
    return app


@pytest.mark.parametrize(
    ("kind", "name", "there"),
    [
        ("column", "clip_b32", lambda pool: "clip_b32" in pool.reload().columns),
        ("map", "l14", lambda pool: available(pool) == ["l14"]),
        ("target", "near/l14", lambda pool: "near/l14" in targets(pool)),
    ],
)
def test_the_pool_page_deletes_and_undoes(start, mapped_pool, tmp_path, kind, name, there):
    np.save(tmp_path / "t.npy", np.eye(16, dtype=np.float32))
    add_target(mapped_pool, "near", tmp_path / "t.npy", model="l14")
    app = start(mapped_pool, "pool")
    delete(app, kind, name)
    assert not there(mapped_pool)
    assert "Deleted" in texts(app)
    app.button(key="undo-deletion").click().run()
    assert not app.exception
    assert there(mapped_pool)
    assert "Deleted" not in texts(app)


def test_a_column_in_use_needs_a_tick(start, mapped_pool):
    save(load({"name": "reader", "keep": [{"flag": "sharp"}]}), mapped_pool)
    app = start(mapped_pool, "pool")
    app.session_state["deleting"] = ("column", "sharp")
    app.run()
    assert "recipe 'reader'" in app.warning[0].value
    assert app.button(key="delete-now").disabled
    assert "sharp" in mapped_pool.reload().columns
    delete(app, "column", "sharp", force=True)
    assert "sharp" not in mapped_pool.reload().columns


def test_the_filter_page_deletes_a_saved_recipe(start, mapped_pool):
    top = load({"name": "![x](http://evil) <b>", "keep": [{"score": "clip_l14", "top": 0.3}]})
    save(top, mapped_pool)
    app = start(mapped_pool, recipe=json.dumps(top.as_dict()))
    app.button(key="delete-recipe").click().run()
    assert "It takes" in texts(app)
    delete(app, "recipe", top.name)
    assert saved(mapped_pool) == {}
    assert not [button for button in app.button if button.key == "delete-recipe"], "what is not saved can't be deleted"
    app.button(key="undo-deletion").click().run()
    assert list(saved(mapped_pool)) == [top.name]


def test_the_jobs_and_runs_pages_delete(start, mapped_pool):
    made = table.insert(kind="info", title="t", argv=["jobs", "list"], device=None, cwd=".", environment={})
    with table.writing() as connection:
        connection.execute("UPDATE jobs SET state='done', ended=1 WHERE id=?", (made,))
    run = Run(id="r1", name="r", recipe="r", scale="demo", state="done")
    run.save()
    app = start(mapped_pool, "jobs")
    delete(app, "job", str(made))
    assert jobs.all() == []
    app.button(key="undo-deletion").click().run()
    assert [job.id for job in jobs.all()] == [made]
    app.switch_page("app_pages/runs.py").run()
    delete(app, "run", "r1")
    assert not run.path.exists()
    app.button(key="undo-deletion").click().run()
    assert (run.path / "run.json").exists()


def test_a_pool_is_left_and_brought_back(start, mapped_pool, monkeypatch):
    app = start(mapped_pool, "pool")
    app.button(key="delete-pool").click().run()
    assert "It takes" in texts(app)
    delete(app, "pool", str(mapped_pool.path.resolve()))
    assert not Pool.exists(mapped_pool.path)
    assert not paths.demo_pool().exists(), "nothing is built instead"
    app.button(key="undo-deletion").click().run()
    assert not app.exception
    assert len(Pool.open(mapped_pool.path)) == 200
    assert "200" in [metric.value for metric in app.metric]


def test_undo_says_when_it_is_too_late(start, mapped_pool):
    app = start(mapped_pool, "pool")
    delete(app, "column", "clip_b32")
    mapped_pool.reload().clean()
    app.button(key="undo-deletion").click().run()
    assert "compaction" in app.toast[0].value
    assert not app.exception
