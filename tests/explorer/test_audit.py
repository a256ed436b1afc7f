"""The Audit page without a browser, and its line on the Filter page."""

import json

import pytest

from poolscope import jobs
from poolscope.audit import catalog
from poolscope.pool import Pool
from tests.explorer.conftest import texts

RECIPE = json.dumps({"name": "half", "keep": [{"score": "clip_b32", "top": 0.5}, {"flag": "sharp"}]})
VIEWS = ["Groups", "Shares", "Rule by rule", "Pairs of groups", "Inside a group", "Two recipes", "What if", "Report"]


@pytest.fixture
def grouped_pool(mapped_pool: Pool) -> Pool:
    """The tiny pool with its groups found."""
    families = {family for one in catalog.providers(mapped_pool) if not one.costly for family in one.families}
    for family in sorted(families):
        try:
            catalog.find(mapped_pool, families=[family])
        except ValueError:
            continue
    return mapped_pool


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_draws(start, grouped_pool, view):
    app = start(grouped_pool, recipe=RECIPE)
    app.switch_page("app_pages/audit.py").run()
    app.segmented_control(key="audit-view").set_value(view).run()
    assert not app.exception
    assert not app.error
    assert app.subheader[0].value


def test_without_groups_a_job_is_offered(start, mapped_pool):
    app = start(mapped_pool, "audit")
    assert not app.exception
    assert "not been found yet" in texts(app)
    app.button(key="find-groups").click().run()
    assert [job.argv[0] for job in jobs.all()] == ["groups"]
    for job in jobs.all():
        jobs.cancel(job.id)


def test_the_figures_are_those_of_the_audit(start, grouped_pool):
    app = start(grouped_pool, "audit", recipe=RECIPE)
    app.number_input(key="audit-minimum").set_value(20).run()
    table = app.dataframe[0].value.set_index("group")
    groups = catalog.load(grouped_pool)
    assert table.loc["detected as English", "pairs"] == groups.mask("language.en").sum()


def test_own_thresholds_become_the_recipe(start, grouped_pool):
    app = start(grouped_pool, "audit", recipe=RECIPE)
    app.segmented_control(key="audit-view").set_value("What if").run()
    app.button(key="audit-wi-take").click().run()
    assert not app.exception
    recipe = app.session_state["recipe"]
    assert recipe.name == "half, own thresholds"
    assert hasattr(recipe.keep[0], "any")
    assert list((grouped_pool.path / "subsets").glob("group-language.*.npy"))
    app.button(key="do-undo").click().run()
    assert app.session_state["recipe"].name == "half"


def test_the_filter_page_tells_who_is_affected(start, grouped_pool):
    app = start(grouped_pool, recipe=RECIPE)
    assert not app.exception
    assert "Who is affected" in texts(app)


def test_the_report_can_be_taken_along(start, grouped_pool):
    app = start(grouped_pool, "audit", recipe=RECIPE)
    app.segmented_control(key="audit-view").set_value("Report").run()
    app.button(key="audit-report-make").click().run()
    assert not app.exception
    _, page, figures = app.session_state["audit-report"]
    assert page.startswith("<!doctype html>")
    assert json.loads(figures)["pairs"] == 200
