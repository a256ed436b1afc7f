"""The other pages in a real browser: they tell what they know, and take wrong input calmly."""

import pytest
from PIL import Image

from tests.browser.test_runs import go

pytestmark = pytest.mark.browser


def test_every_page_opens(page):
    for title in ("Pool", "Methods", "Bias", "Runs", "Leaderboard", "Import", "Jobs"):
        go(page, title)
        assert not page.get_by_test_id("stException").count()
        current = page.get_by_test_id("stSidebarNav").locator("a[aria-current=page]")
        assert [one.inner_text().split("\n")[-1] for one in current.all()] == [title]
        assert page.get_by_test_id("stSidebar").get_by_role("combobox").is_visible()


def test_pool_page_and_its_gallery(page):
    go(page, "Pool")
    page.locator(".ps-gallery button").first.wait_for()
    rows = [button.get_attribute("data-row") for button in page.locator(".ps-gallery button").all()]
    page.get_by_role("button", name="Show others").click()
    page.wait_for_function("(old) => document.querySelector('.ps-gallery button')?.dataset.row !== old", arg=rows[0])
    page.locator(".ps-gallery button").first.click()
    page.get_by_role("dialog").get_by_text("Nearest neighbours").wait_for()


def test_a_wrong_path_of_a_pool_is_one_line(page, tmp_path):
    go(page, "Pool")
    choice = page.get_by_role("combobox").first
    choice.fill(str(tmp_path))
    choice.press("Enter")
    page.get_by_text("is not a pool").wait_for()
    assert page.get_by_test_id("stMetricValue").first.inner_text() == "2,000"


def test_a_wrong_import_is_one_line(page):
    go(page, "Import")
    source = page.get_by_role("textbox", name="Path, pattern or URL")
    source.fill("/nowhere/at/all")
    source.press("Enter")
    page.get_by_text("/nowhere/at/all", exact=False).last.wait_for()
    assert not page.get_by_test_id("stException").count()


def test_dropped_files_become_a_pool(page, tmp_path):
    for number in range(3):
        Image.new("RGB", (16, 16), (80 * number, 0, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "set.csv").write_text("file_name,caption\n" + "".join(f"{n}.png,thing {n}\n" for n in range(3)))
    go(page, "Import")
    page.get_by_role("radio", name="Files").or_(page.get_by_role("button", name="Files")).first.click()
    files = [str(path) for path in sorted(tmp_path.iterdir())]
    page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(files)
    page.get_by_text("The first pairs, as they will be").wait_for()
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_role("button", name="Prepare").wait_for(timeout=120_000)
    page.get_by_role("button", name="Open the pool").click()
    page.get_by_role("heading", name="Pool", exact=True).wait_for()
    assert page.get_by_test_id("stMetricValue").first.inner_text() == "3"
    page.get_by_text("This pool is new").wait_for()
    for button in ("Prepare everything", "Find groups"):
        page.get_by_role("button", name=button).wait_for()
