"""What one does every day: the first steps, several images at once, jobs that fail, deleting and undoing, a page that is never
blank."""

import re
import time

import pytest

from poolscope import jobs
from tests.browser.places import settle
from tests.browser.test_filter import kept, recipe, wait_for_kept
from tests.browser.test_runs import go

pytestmark = pytest.mark.browser

# From the click to the end: every frame in which the page's heading stands alone, though there is more to come.
BLANK = """async () => {
  const link = [...document.querySelectorAll('[data-testid=stSidebarNav] a')].find((one) => one.innerText.trim().endsWith('Methods'))
  const main = document.querySelector('[data-testid=stMain]'), begun = performance.now()
  let blank = 0, heading = 0
  link.click()
  while (performance.now() - begun < 60000) {
    await new Promise((frame) => requestAnimationFrame(frame))
    heading ||= [...main.querySelectorAll('h2')].some((one) => one.innerText.trim() === 'Methods') ? performance.now() : 0
    if (main.querySelectorAll('[class*=st-key-card-]').length > 10) return blank
    if (heading && performance.now() - heading > 1000 && !main.querySelector('.ps-skeleton, [data-testid=stSkeleton], [class*=st-key-card-]')) blank += 1
  }
  return -1 }"""


def test_the_first_steps_are_ticked_off_one_by_one(page, app_home):
    steps = page.locator(".st-key-first-steps")
    steps.get_by_text("A recipe decides which image–text pairs a model is trained on").wait_for()
    for number in (1, 2, 3):
        steps.get_by_text(re.compile(rf"^{number} · ")).first.wait_for()
        steps.locator("button").first.click()
        steps.get_by_text(re.compile(rf"^{number} · ")).first.wait_for(state="detached")
    steps.wait_for(state="detached")
    page.reload()
    page.wait_for_selector(".ps-map[data-stamp]")
    assert not steps.count(), "for good"
    (app_home / "first-steps.json").unlink()


def test_several_images_are_selected_and_dropped_and_the_pair_is_paged_by_arrow_keys(page):
    before = kept(page)
    tiles = page.locator(".st-key-side .ps-gallery button")
    rows = [tiles.nth(place).get_attribute("data-row") for place in (0, 1)]
    tiles.nth(0).click(modifiers=["Control"])
    tiles.nth(1).click(modifiers=["Control"])
    page.get_by_text("2 selected").wait_for()
    page.get_by_role("button", name="Drop these").click()
    assert wait_for_kept(page, before) == before - 2
    assert recipe(page)["keep"][-1] == {"not": {"tag": "selected"}}
    settle(page)
    tiles.first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Nearest neighbours").wait_for()
    image = "document.querySelector(\"[role='dialog'] [data-testid='stImage'] img\")?.getAttribute('src')"
    first = page.evaluate(image)
    settle(page)
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"(old) => {image} !== old", arg=first)
    assert len(set(rows)) == 2


def test_a_failed_job_tells_why_and_a_deleted_recipe_comes_back(page, app_home, monkeypatch):
    monkeypatch.setenv("POOLSCOPE_HOME", str(app_home))
    pool = str(app_home.parent / "pool")
    job = jobs.submit(["score", "no_such_method", "--pool", pool], kind="score", device=None, title="Wrong on purpose")
    for _ in range(600):
        if jobs.get(job).finished:
            break
        time.sleep(0.1)
    go(page, "Jobs")
    page.get_by_text("Wrong on purpose · failed", exact=False).first.wait_for()
    page.get_by_test_id("stAlert").filter(has_text="no_such_method").first.wait_for()

    from poolscope.pool import Pool
    from poolscope.recipe import Recipe
    from poolscope.recipe.ready import save

    save(Recipe(name="to be deleted", keep=()), Pool.open(pool))
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Filter").click()
    page.wait_for_selector(".ps-map[data-stamp]")
    page.get_by_test_id("stMenuButton").first.click()
    page.get_by_text("to be deleted", exact=True).click()
    settle(page)
    page.locator(".st-key-delete-recipe button").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Undo", exact=True).last.click()
    page.get_by_text(re.compile("is back")).first.wait_for()
    page.get_by_test_id("stMenuButton").first.click()
    page.get_by_text("to be deleted", exact=True).first.wait_for()


def test_the_methods_page_shows_the_shape_of_what_comes(page):
    assert page.evaluate(BLANK) == 0
