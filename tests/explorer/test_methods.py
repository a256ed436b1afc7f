"""The Methods page: a card per method, its cost before it starts, and two scores compared."""

import pytest
from scipy.stats import spearmanr

from poolscope import engine, jobs
from poolscope.engine.catalogue import entry, fitted
from poolscope.explorer.method_card import with_code
from poolscope.scores import METHODS, build
from tests.explorer.conftest import texts


@pytest.fixture
def page(start, tiny_pool):
    app = start(tiny_pool, "methods")
    assert not app.exception
    return app


def test_every_method_has_a_card(page):
    said = texts(page)
    for method in METHODS.values():
        assert f"##### {method.title}" in said
        assert page.button(key=f"add-{method.id}")
    assert f"{len(METHODS)} of {len(METHODS)} methods" in said
    assert {one.value for one in page.latex} >= {f"$$\n{METHODS['vas'].formula}\n$$"}
    assert "arXiv 2304.14108" in said
    assert "`temperature` 0.01 (0.0001 to 100)" in said
    assert "no target set 'imagenet1k'" in said  # what the pool lacks is on the card


def test_cards_are_found_by_words_kind_and_what_the_pool_has(page):
    page.text_input(key="methods-search").set_value("wang normsim").run()
    assert "##### NormSim\n" in texts(page) + "\n"
    assert "##### CLIP score" not in texts(page)
    page.text_input(key="methods-search").set_value("no such thing").run()
    assert "No method fits" in page.info[0].value
    page.text_input(key="methods-search").set_value("").run()
    page.toggle(key="methods-ready").set_value(True).run()
    assert "##### VAS\n" not in texts(page) + "\n"
    assert "##### CLIP score" in texts(page)
    assert not page.exception


def test_the_cost_is_measured_from_a_card(page, tiny_pool):
    page.button(key="cost-clip_score").click().run()
    assert not page.exception
    assert "for 200 pairs here" in texts(page)
    assert "clip_score" not in tiny_pool.reload().columns
    page.run()
    assert "for 200 pairs here" in texts(page)  # kept with the pool


def test_a_card_starts_the_job_of_the_filter_page(page, tiny_pool, monkeypatch):
    started = []
    monkeypatch.setattr(jobs, "submit", lambda words, **about: started.append(words) or 1)
    page.button(key="add-random").click().run()
    assert not page.exception
    assert page.text_input(key="random-column").value == "random"
    page.session_state["ask-method"] = "random"
    page.button(key="start-score").click().run()
    assert started == [["score", "random", "--as", "random", "--set", "seed=0", "--pool", str(tiny_pool.path)]]


def test_two_scores_are_compared(start, tiny_pool):
    app = start(tiny_pool, "methods")
    app.segmented_control(key="methods").set_value("Compare two scores").run()
    assert not app.exception
    metrics = {metric.label: metric.value for metric in app.metric}
    a, b = tiny_pool.array("clip_l14"), tiny_pool.array("clip_b32")
    assert metrics["Rank correlation"] == f"{spearmanr(a, b, nan_policy='omit').statistic:.3f}"
    assert metrics["Pairs with both"] == "197"
    assert "High by clip\\_l14, low by clip\\_b32" in texts(app)


def test_comparing_needs_two_scores(start, tiny_pool):
    tiny_pool.drop_column("clip_b32")
    app = start(tiny_pool, "methods")
    app.segmented_control(key="methods").set_value("Compare two scores").run()
    assert not app.exception
    assert "The pool has 1 score; comparing needs two" in app.info[0].value


def test_defaults_are_fitted_to_the_pool(tiny_pool):
    assert fitted("clip_score", tiny_pool) == {"model": "l14"}
    assert fitted("rank_sum", tiny_pool)["scores"] == "clip_l14,clip_b32"
    assert fitted("dedup", tiny_pool)["best"] == ""  # none stays none
    made = entry("random", engine.run(tiny_pool, build("random"), column="dice"))
    assert (made.columns, made.problem) == (("dice",), "")
    assert "Random 30 %" in [recipe.name for recipe in made.recipes]
    assert entry("clip_score", tiny_pool).needs == {"l14_img": True, "l14_txt": True}


def test_summaries_are_text_with_code():
    assert with_code("`a_b` is <b>_x_</b>") == "`a_b` is \\<b\\>\\_x\\_\\</b\\>"


def test_what_a_joined_column_learnt_of_each_input_is_a_chart(start, tiny_pool):
    mixed = {"column": "sharp", "weight": -0.25, "spread": 0.0625, "missed": 0.125, "missed_spread": 0.03125}
    found = {"inputs": [mixed], "seeds": 3, "gain": {"mean": 0.5, "spread": 0.1}}
    made_by = {"method": "mix", "parameters": {}, "findings": found}
    tiny_pool.add_columns({"mix": tiny_pool.array("clip_b32")}, kind="score", made_by=made_by)
    pool = engine.run(tiny_pool.reload(), build("ensemble", columns="clip_l14,clip_b32,sharp"))
    app = start(pool, "methods")
    assert not app.exception
    accuracy, weight, missed = (chart.proto.spec for chart in app.get("plotly_chart"))
    for one in pool.columns["ensemble"].made_by["findings"]["inputs"]:
        assert one["column"] in accuracy
    assert "-0.25" in weight
    assert "0.0625" in weight
    assert "0.125" in missed
    assert "0.03125" in missed
    assert "0.500 ± 0.100 lower than with equal weights, over 3 seeds" in texts(app)
    assert "sharp +0.125 ± 0.031" in texts(app), "how much it is missed is said, too"
    assert "how often the column votes higher" in texts(app)
