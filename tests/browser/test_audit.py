"""The Audit and Bias pages in a real browser: groups are found, drawn, blurred until clicked, and made a recipe."""

import json
import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import TimeoutError

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", autouse=True)
def groups(address: str, app_home: Path) -> None:
    """Some groups of the app's pool, found once."""
    from poolscope.audit import catalog
    from poolscope.pool import Pool

    catalog.find(Pool.open(app_home.parent / "pool"), families=["language", "gender", "shape of image"])


def open_audit(page, view: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=re.compile("Who is kept")).click()
    page.get_by_test_id("stButtonGroup").get_by_text(view, exact=True).click()


def click_until(page, button, condition: str) -> None:
    """Clicks, on a busy machine again: a click on a button that is being drawn anew is lost."""
    for _ in range(3):
        page.wait_for_selector('[data-test-script-state="notRunning"]')
        button.click()
        with suppress(TimeoutError):
            page.wait_for_function(f"() => {condition}", timeout=30_000)
            return
    page.wait_for_function(f"() => {condition}")


def test_forest_plot_of_groups(page):
    open_audit(page, "Groups")
    page.get_by_role("heading", name=re.compile("^(Largest loss|No group)")).wait_for()
    page.locator(".st-key-audit-forest .scatterlayer .trace path.point").first.wait_for()
    names = page.locator(".st-key-audit-forest .ytick").all_text_contents()
    assert "detected as English" in names
    page.get_by_test_id("stButtonGroup").get_by_text("language", exact=True).click()
    page.locator(".st-key-audit-forest").get_by_text("odds ratio of being kept").wait_for()


def test_images_are_blurred_until_clicked(page):
    open_audit(page, "Inside a group")
    first = page.locator(".ps-gallery button").first
    first.wait_for()
    blur = "(button) => getComputedStyle(button.querySelector('img')).filter"
    assert "blur" in first.evaluate(blur)
    assert all(veil == "on" for veil in page.locator(".ps-gallery button").evaluate_all("(all) => all.map((one) => one.dataset.veil)"))  # fmt: skip
    first.click()
    page.wait_for_function("() => document.querySelector('.ps-gallery button').dataset.veil === 'off'")
    assert "blur" not in first.evaluate(blur)
    assert not page.get_by_role("dialog").count()
    first.click()
    page.get_by_role("dialog").get_by_text("Nearest neighbours").wait_for()


def test_what_if_becomes_a_recipe_with_one_click(page):
    open_audit(page, "What if")
    page.locator(".st-key-audit-wi-plot .scatterlayer").wait_for()
    click_until(
        page, page.get_by_role("button", name="Make it the recipe"), "location.search.includes('own+thresholds')"
    )
    recipe = json.loads(parse_qs(urlparse(page.url).query)["recipe"][0])
    assert len(recipe["keep"][0]["any"]) > 1
    undo = page.get_by_role("button", name=re.compile("Undo|undo")).or_(page.locator(".st-key-do-undo button")).first
    click_until(page, undo, "!location.search.includes('own+thresholds')")


def test_bias_page_without_a_report_says_how_to_make_one(page):
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=re.compile("Bias")).click()
    page.get_by_text("No report yet").wait_for()
    page.get_by_role("button", name="Make the report").wait_for()
