"""From a recipe to the leaderboard in a real browser: start a run, watch it finish, cancel another."""

import re

import pytest

pytestmark = pytest.mark.browser
MINUTES = 60_000


def go(page, title: str) -> None:
    """Opens a page through the rail at the left."""
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=re.compile(title)).click()
    page.get_by_role("heading", name=title, exact=True).wait_for()


def start(page) -> None:
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_text(re.compile(r"\brunning$")).first.wait_for(timeout=2 * MINUTES)


def test_a_run_is_watched_to_its_end_and_found_on_the_leaderboard(page):
    go(page, "Runs")
    page.get_by_text(re.compile(r"pairs kept of 2,000")).wait_for()
    start(page)
    page.get_by_text(re.compile(r"^loss [\d.]+ · [\d,]+ pairs per second")).wait_for(timeout=5 * MINUTES)
    page.get_by_text(re.compile(r"· done after")).wait_for(timeout=25 * MINUTES)
    page.get_by_role("link", name="Leaderboard").last.click()
    page.get_by_role("heading", name="Leaderboard", exact=True).wait_for()
    page.get_by_role("heading", name="Recipes", exact=True).wait_for()
    page.locator(".js-plotly-plot .point").first.wait_for()
    page.locator("[role='gridcell']", has_text="done").first.wait_for(state="attached")


def test_a_run_can_be_cancelled(page):
    go(page, "Runs")
    start(page)
    page.get_by_role("button", name="Cancel").first.click()
    page.get_by_text(re.compile(r"· cancelled")).first.wait_for(timeout=MINUTES)
    go(page, "Jobs")
    page.get_by_text("Nothing is running", exact=False).wait_for()
    page.get_by_text(re.compile(r"· cancelled")).first.click()
    page.get_by_role("button", name="Resume").wait_for()
