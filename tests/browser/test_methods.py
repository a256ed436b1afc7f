"""The Methods page in a real browser: cards, the cost of one, a score from its card, two scores compared."""

import pytest

from poolscope.scores import METHODS
from tests.browser.test_runs import go

pytestmark = pytest.mark.browser


def test_a_card_tells_its_cost_adds_its_score_and_two_scores_are_compared(page):
    go(page, "Methods")
    page.get_by_text(f"{len(METHODS)} of {len(METHODS)} methods").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440
    page.get_by_placeholder("Search name, paper, recipe").fill("random subsets")
    page.get_by_placeholder("Search name, paper, recipe").press("Enter")
    page.get_by_text(f"1 of {len(METHODS)} methods").wait_for()
    page.locator("[class*=st-key-card-]").nth(1).wait_for(state="detached")
    card = page.locator(".st-key-card-random")
    card.get_by_role("button", name="Measure the cost on a sample").click()
    card.get_by_text("for 2,000 pairs here").wait_for(timeout=90_000)
    card.get_by_role("button", name="Add", exact=True).click()
    seed = page.get_by_role("dialog").get_by_role("spinbutton").first
    seed.fill("7")  # a score with the parameters of one that is there would be offered, not made
    seed.press("Enter")
    column = page.get_by_role("dialog").get_by_role("textbox", name="Column")
    column.fill("dice")
    column.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Start").click()
    page.get_by_text("is ready; its rule is on the Filter page").wait_for(timeout=90_000)

    page.get_by_role("radio", name="Compare two scores").click()
    page.get_by_text("Rank correlation").wait_for(timeout=90_000)
    page.locator(".js-plotly-plot").nth(1).wait_for()
    assert -1 <= float(page.get_by_test_id("stMetricValue").first.inner_text().replace("−", "-")) <= 1
    page.locator(".ps-gallery button").first.wait_for()
