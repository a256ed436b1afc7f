"""A run is cancelled in a real browser; `test_journey` follows one to the leaderboard."""

import re

import pytest

from tests.browser.places import settle

pytestmark = pytest.mark.browser
MINUTES = 60_000


def go(page, title: str) -> None:
    """Opens a page through the rail at the left."""
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=re.compile(title)).click()
    page.get_by_role("heading", name=title, exact=True).wait_for()


def start(page) -> None:
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_text(re.compile(r"\brunning$")).first.wait_for(timeout=2 * MINUTES)


def test_a_run_can_be_cancelled(page):
    go(page, "Runs")
    start(page)
    page.get_by_role("button", name="Cancel").first.click()
    page.get_by_text(re.compile(r"· cancelled")).first.wait_for(timeout=MINUTES)
    go(page, "Jobs")
    page.get_by_text(re.compile(r"· cancelled")).first.click()
    page.get_by_role("button", name="Resume").wait_for()
    go(page, "Leaderboard")
    settle(page)
    assert not page.locator("[role=gridcell]").filter(has_text="stopped").count(), "a cancelled run is no row"
