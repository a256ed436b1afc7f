"""The one gallery and the pair's view in a real browser: sorting, filtering, paging, search, and a pair in full."""

import re
from contextlib import suppress

import pytest
from playwright.sync_api import TimeoutError

from tests.browser.places import settle
from tests.browser.test_filter import kept, recipe, wait_for_kept

pytestmark = pytest.mark.browser
SIDE = ".st-key-side .ps-gallery"
SOURCE = "document.querySelector(\"[role='dialog'] [data-testid='stImage'] img\")?.getAttribute('src')"


def search(page, words: str) -> None:
    page.get_by_role("radio", name="Search").click()
    page.get_by_label("Search the pool").fill(words)
    page.get_by_label("Search the pool").press("Enter")
    page.get_by_text(re.compile(r"^the \d+ nearest pairs; \d+ of these are kept")).wait_for()
    page.locator(f"{SIDE} button").nth(23).wait_for()


def test_hits_are_paged_sorted_filtered_sized_and_become_a_rule(page):
    search(page, "star")
    first = page.locator(f"{SIDE} .ps-tile").count()
    page.locator(f"{SIDE} .ps-tile").last.scroll_into_view_if_needed()
    page.wait_for_function(f"(first) => document.querySelectorAll('{SIDE} .ps-tile').length > first", arg=first)

    width = page.locator(f"{SIDE} .ps-tile").first.bounding_box()["width"]
    page.get_by_role("button", name="Sort, filter").click()
    page.get_by_role("radio", name="large", exact=True).click()
    page.wait_for_function(
        f"(old) => document.querySelector('{SIDE} .ps-tile').getBoundingClientRect().width > 1.4 * old", arg=width
    )
    by = page.get_by_role("combobox", name="Sort by")
    by.fill("clip_score")
    by.press("Enter")
    sorted_up = f"""() => {{ const all = [...document.querySelectorAll('{SIDE} .ps-fact')].map((one) => Number(one.innerText))
      return all.length > 20 && all.every((one, k) => !k || one >= all[k - 1]) }}"""
    page.wait_for_function(sorted_up)
    page.get_by_role("radio", name="kept", exact=True).click()
    page.wait_for_function(
        f"""() => {{ const all = [...document.querySelectorAll('{SIDE} .ps-tile > button')]
          return all.length && all.every((one) => one.dataset.state === 'kept') }}"""
    )
    page.keyboard.press("Escape")

    page.get_by_role("radio", name="by word").click()
    page.wait_for_function(
        f"""() => {{ const all = [...document.querySelectorAll('{SIDE} .ps-tile > button')]
          return all.length && all.every((one) => one.title.toLowerCase().includes('star')) }}"""
    )
    before = kept(page)
    page.get_by_role("button", name="Drop these").click()
    assert wait_for_kept(page, before) < before
    assert recipe(page)["keep"][-1] == {"not": {"tag": "search star"}}


def test_search_by_an_image_that_is_dropped_in(page, app_home):
    from poolscope.pool import Pool

    page.get_by_role("radio", name="Search").click()
    page.get_by_role("radio", name="by image").click()
    image = Pool.open(app_home.parent / "pool").thumbnail(7, 256)
    page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(
        {"name": "seven.png", "mimeType": "image/png", "buffer": image}
    )
    page.get_by_text(re.compile(r"^the \d+ nearest pairs; \d+ of these are kept")).wait_for(timeout=90_000)
    page.locator(f"{SIDE} .ps-fact").first.wait_for()
    assert float(page.locator(f"{SIDE} .ps-fact").first.inner_text()) > 0.9


def test_a_pair_in_full_its_neighbours_and_more_like_it(page):
    first = page.locator(f"{SIDE} button").first
    caption = first.locator(".ps-caption").inner_text()
    first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Nearest neighbours").wait_for()
    assert dialog.get_by_text(caption[:20]).first.is_visible()
    dialog.get_by_text(re.compile("kept|dropped")).first.wait_for()
    cells = dialog.locator("[role=gridcell], [role=columnheader], td, th")
    page.wait_for_function(
        """() => ['distance', 'percentile'].every((word) => [...document.querySelectorAll(
          '[role=dialog] [role=columnheader], [role=dialog] th')].some((one) => one.textContent.includes(word)))"""
    )
    assert cells.filter(has_text=re.compile(r"^[\d.]+ %$")).count()
    dialog.get_by_test_id("stButtonGroup").get_by_text("by caption", exact=True).click()
    settle(page, quiet=200)
    source = page.evaluate(SOURCE)
    dialog.locator(".ps-gallery button").nth(1).click()
    page.wait_for_function(f"(old) => {SOURCE} !== old", arg=source)
    dialog.get_by_role("button", name="More like this").click()
    dialog.wait_for(state="detached")
    page.get_by_text("More like", exact=False).first.wait_for()
    page.locator(f"{SIDE} button").nth(23).wait_for()
    page.locator(f"{SIDE} button").first.click()
    dialog.get_by_text("Nearest neighbours").wait_for()
    closed = False
    for _ in range(3):  # a key that falls into a redraw is lost, and a person presses it again
        settle(page, quiet=200)
        page.keyboard.press("Escape")
        with suppress(TimeoutError):
            dialog.wait_for(state="detached", timeout=5000)
            closed = True
            break
    assert closed
