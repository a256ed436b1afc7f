"""Dialogs of the Filter page: export, YAML, save, share, a new score."""

import json

import numpy as np
import pytest

from poolscope import engine, jobs
from poolscope.recipe import load, select
from poolscope.recipe.ready import saved
from poolscope.scores import METHODS, build
from tests.explorer.conftest import texts

TOP = load({"name": "top", "keep": [{"score": "clip_l14", "top": 0.3}]})


@pytest.fixture
def asking(start, mapped_pool):
    """The Filter page with a dialog open; AppTest closes dialogs at each run, so each step opens it again."""
    app = start(mapped_pool, recipe=json.dumps(TOP.as_dict()))

    def ask(*what, click: str = ""):
        app.session_state["ask"] = what
        if click:
            next(button for button in app.button if button.label == click).click()
        app.run()
        assert not app.exception
        return app

    return ask


def test_export_writes_the_subset_and_its_recipe(asking, mapped_pool, tmp_path):
    app = asking("export")
    assert "60 of 200 pairs" in texts(app)
    app.text_input(key="export-npy").set_value(str(tmp_path / "out" / "kept.npy"))
    app = asking("export", click="Write the file")
    uids = np.load(tmp_path / "out" / "kept.npy")
    kept = mapped_pool.uids()[select(TOP, mapped_pool).mask]
    assert uids.tolist() == np.sort(kept).tolist()
    beside = json.loads((tmp_path / "out" / "kept.npy.recipe.json").read_text())
    assert beside["recipe"]["keep"] == [{"score": "clip_l14", "top": 0.3}]


def test_export_to_a_place_that_cannot_be_written_is_one_line(asking, tmp_path):
    (tmp_path / "file").write_text("")
    asking("export").text_input(key="export-npy").set_value(str(tmp_path / "file" / "kept.npy"))
    app = asking("export", click="Write the file")
    assert "file" in app.error[0].value


def test_a_rule_as_yaml(asking):
    app = asking("rule", 0)
    assert "clip_l14" in app.text_area[0].value
    app.text_area[0].set_value("any:\n- {score: clip_l14, min: 0.5}\n- {flag: sharp}\n")
    asking("rule", 0, click="Apply")
    assert json.loads(app.query_params["recipe"])["keep"] == [
        {"any": [{"score": "clip_l14", "min": 0.5}, {"flag": "sharp"}]}
    ]


@pytest.mark.parametrize("text", ["score: [", "{score: clip_l14}", "{magic: 3}", "7", ""])
def test_a_rule_that_is_none_is_one_line(asking, text):
    app = asking("rule", 0)
    app.text_area[0].set_value(text)
    asking("rule", 0, click="Apply")
    assert len(app.error) == 1
    assert "\n" not in app.error[0].value
    assert json.loads(app.query_params["recipe"])["keep"] == [{"score": "clip_l14", "top": 0.3}]


def test_a_recipe_as_yaml(asking):
    app = asking("recipe")
    app.text_area[0].set_value("name: other\nkeep:\n- {flag: sharp}\n")
    asking("recipe", click="Apply")
    assert json.loads(app.query_params["recipe"]) == {"name": "other", "keep": [{"flag": "sharp"}]}


def test_save_keeps_the_recipe_with_the_pool(asking, mapped_pool):
    app = asking("save")
    app.text_input(key="save-name").set_value("mine")
    app.session_state["ask"] = ("save",)
    app.button(key="save-now").click().run()
    assert saved(mapped_pool)["mine"].keep == TOP.keep


def test_a_recipe_without_a_name_is_not_saved(asking, mapped_pool):
    app = asking("save")
    app.text_input(key="save-name").set_value(" . ")
    app.session_state["ask"] = ("save",)
    app.button(key="save-now").click().run()
    assert "can't be saved" in app.error[0].value
    assert saved(mapped_pool) == {}


def test_share_shows_an_address_with_the_recipe(asking):
    app = asking("share")
    assert any("clip_l14" in code.value for code in app.code)


@pytest.mark.parametrize("id", list(METHODS))
def test_every_method_has_a_form(asking, id):
    app = asking("score")
    app.get_by_key("method").set_value(id)
    app = asking("score")
    assert METHODS[id].title in str(app.get_by_key("method").options)
    assert app.text_input(key=f"{id}-column").value.startswith(id)


def test_a_score_under_a_taken_name_is_refused(asking):
    app = asking("score")
    app.text_input(key="clip_score-column").set_value("clip_l14")
    app = asking("score", click="Start")
    assert "exists already" in app.error[0].value
    assert jobs.all() == []


def test_a_score_that_was_made_is_offered_and_not_made_again(asking, mapped_pool):
    engine.run(mapped_pool, build("random", seed=7), column="mine")
    app = asking("score", "random")
    assert "start-score" in {button.key for button in app.button}  # another seed
    app.number_input(key="random-seed").set_value(7)
    app = asking("score", "random")
    assert "`mine` was made with these parameters" in app.success[0].value
    assert "start-score" not in {button.key for button in app.button}
    asking("score", "random", click="Use it")
    assert json.loads(app.query_params["recipe"])["keep"][-1]["score"] == "mine"
    assert jobs.all() == []
