"""The Filter page in a real browser: sliders, map, galleries, recipes."""

import json
import re
from urllib.parse import parse_qs, urlencode, urlparse

import pytest

from tests.browser.places import settle

pytestmark = pytest.mark.browser


# What a card leaves is what it sees less what it drops, and the last one leaves what the line above says is kept, as the
# map's legend does.
COUNTS_AGREE = """() => {
  const number = (text) => Number(text.replaceAll(',', ''))
  const kept = [...document.querySelectorAll('p')].map((one) => one.innerText.match(/^kept ([\\d,]+) of /)).find(Boolean)
  const cards = [...document.querySelectorAll('p')].map((one) => one.innerText.match(/sees ([\\d,]+) · .* · drops ([\\d,]+) · leaves ([\\d,]+)/)).filter(Boolean)
  const legend = document.querySelector('.ps-map').innerText.match(/^kept\\s+([\\d,]+)$/m)
  return cards.length && cards.every(([, sees, drops, leaves]) => number(sees) - number(drops) === number(leaves))
    && number(cards.at(-1)[3]) === number(kept[1]) && (!legend || number(legend[1]) === number(kept[1])) }"""


def kept(page) -> int:
    """The number of kept pairs that the page shows."""
    text = page.locator("p", has_text=re.compile(r"^kept [\d,]+ of ")).first.inner_text()
    return int(re.search(r"kept ([\d,]+)", text)[1].replace(",", ""))


def wait_for_kept(page, other_than: int) -> int:
    page.wait_for_function(
        """(old) => [...document.querySelectorAll('p')].some((p) => {
             const found = p.innerText.match(/^kept ([\\d,]+) of /)
             return found && Number(found[1].replaceAll(',', '')) !== old })""",
        arg=other_than,
    )
    return kept(page)


def recipe(page) -> dict:
    return json.loads(parse_qs(urlparse(page.url).query)["recipe"][0])


def wait_for_rules(page, expected: list) -> None:
    for _ in range(100):
        if recipe(page)["keep"] == expected:
            return
        page.wait_for_timeout(200)
    assert recipe(page)["keep"] == expected


def choose(page, button: str, entry: str) -> None:
    """Opens a menu button and takes an entry."""
    page.get_by_role("button", name=button).first.click()
    page.get_by_role("menuitem", name=entry, exact=True).or_(page.get_by_role("option", name=entry, exact=True)).click()


def drag(page, target, right: float, down: float) -> None:
    """Drags the middle of what `target` finds by so many pixels."""
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right, y + down, steps=8)
    page.mouse.up()


def test_a_slider_changes_what_is_kept_and_the_map_keeps_its_view(page):
    before = kept(page)
    box = page.locator(".ps-map canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -400)
    page.evaluate("document.querySelector('.ps-map canvas').dataset.mark = 'same'")
    slider = page.get_by_role("slider").first
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    after = wait_for_kept(page, before)
    assert after < before  # a line that goes to the right keeps less
    assert page.locator(".ps-map canvas").get_attribute("data-mark") == "same"
    assert recipe(page)["keep"][0]["top"] == pytest.approx(0.295, abs=0.011)


def test_a_line_of_the_histogram_can_be_dragged(page):
    before = kept(page)
    drag(page, page.locator(".ps-line").first, -60, 0)
    assert wait_for_kept(page, before) > before
    page.wait_for_function(COUNTS_AGREE)
    assert page.locator("[data-stale='true']").evaluate_all(
        "all => all.every((one) => getComputedStyle(one).opacity === '1')"
    )


def test_a_rule_is_dragged_by_its_handle_and_switched_off_by_its_eye(page, address):
    rules = [{"score": "clip_score", "top": 0.5}, {"where": "width >= 100"}, {"where": "height >= 100"}]
    page.goto(f"{address}filter?{urlencode({'recipe': json.dumps({'name': 'three', 'keep': rules})})}")
    page.wait_for_selector(".ps-map[data-stamp]")
    cards = page.locator('[class*="st-key-rule-"][class*="-card"]')
    drag(page, page.locator(".ps-handle").nth(2), 0, -40 - cards.nth(1).bounding_box()["height"])
    wait_for_rules(page, [rules[0], rules[2], rules[1]])
    page.locator(".ps-handle").first.press("ArrowDown")
    wait_for_rules(page, [rules[2], rules[0], rules[1]])
    before = kept(page)
    cards.nth(1).locator('[class*="-eye"] button').first.click()
    assert wait_for_kept(page, before) > before
    assert recipe(page)["keep"][1] == {**rules[0], "off": True}


def test_rules_are_joined_and_turned_around_by_clicks(page, address):
    rules = [{"score": "clip_score", "top": 0.5}, {"where": "width >= 100"}]
    page.goto(f"{address}?{urlencode({'recipe': json.dumps({'name': 'two', 'keep': rules})})}")
    page.wait_for_selector(".ps-map[data-stamp]")

    def menu(card: int, entry: str) -> None:
        cards = page.locator('[class*="st-key-rule-"][class*="-card"]')
        cards.nth(card).locator('[class*="-menu"] button').first.click()
        page.get_by_text(entry, exact=True).click()

    menu(1, "Any of this and the rule above")
    wait_for_rules(page, [{"any": rules}])
    page.get_by_test_id("stButtonGroup").get_by_text("all of these", exact=True).click()
    wait_for_rules(page, [{"all": rules}])
    menu(0, "Turn around (not)")
    wait_for_rules(page, [{"not": {"all": rules}}])


def test_a_condition_that_cannot_be_read_is_marked_and_the_last_selection_stays(page, address):
    rules = [{"where": "width >= 100"}]
    page.goto(f"{address}?{urlencode({'recipe': json.dumps({'name': 'one', 'keep': rules})})}")
    page.wait_for_selector(".ps-map[data-stamp]")
    before = kept(page)
    field = page.get_by_label("Condition")
    field.fill("width >>= 100")
    field.press("Enter")
    page.locator('[class*="-card-wrong"]').get_by_text("can't be read").wait_for()
    assert kept(page) == before
    assert page.locator(".st-key-middle").evaluate("one => getComputedStyle(one).opacity") < "1"
    field.fill("width >= 200")
    field.press("Enter")
    wait_for_kept(page, before)
    page.locator('[class*="-card-wrong"]').wait_for(state="detached")


def test_the_palette_finds_pages_recipes_and_actions(page):
    page.keyboard.press("Control+k")
    page.keyboard.type("leader")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Leaderboard", exact=True).wait_for()
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keyboard shortcuts").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.wait_for_selector(".ps-map[data-stamp]")
    before = kept(page)
    page.keyboard.press("Control+k")
    page.keyboard.type("no filter")
    page.keyboard.press("Enter")
    after = wait_for_kept(page, before)
    page.keyboard.press("u")
    assert wait_for_kept(page, after) == before
    page.keyboard.press("Control+k")
    page.keyboard.type("add a score")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_text("Random", exact=True).wait_for()


def test_revert_and_save_under_the_name(page):
    before = kept(page)
    page.get_by_role("slider").first.press("ArrowRight")
    wait_for_kept(page, before)
    assert recipe(page)["name"].endswith(", edited")
    page.get_by_role("button", name="Revert").click()
    page.get_by_role("button", name="Revert").wait_for(state="detached")
    assert kept(page) == before


def test_a_lasso_selects_and_can_be_exported(page, tmp_path):
    page.get_by_role("button", name="Lasso", exact=True).click()
    box = page.locator(".ps-map canvas").bounding_box()
    corners = [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8), (0.2, 0.21)]
    for place, (x, y) in enumerate(corners):
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y, steps=6)
        if place == 0:
            page.mouse.down()
    page.mouse.up()
    page.get_by_text(re.compile(r"^[\d,]+ pairs: [\d,]+ kept")).wait_for()
    shown = int(page.get_by_text(re.compile(r"^[\d,]+ pairs: ")).inner_text().split()[0].replace(",", ""))
    with page.expect_download() as download:
        page.get_by_role("button", name="Subset file").click()
    download.value.save_as(tmp_path / "lasso.npy")
    import numpy as np

    uids = np.load(tmp_path / "lasso.npy")
    assert len(uids) == shown > 100
    before = kept(page)
    page.get_by_role("slider").first.focus()
    page.keyboard.press("ArrowRight")
    wait_for_kept(page, before)
    assert page.get_by_text(re.compile(rf"^{shown:,} pairs: ")).is_visible()


def test_a_saved_recipe_is_found_again_and_a_broken_file_is_named(page, address, app_home):
    slider = page.get_by_role("slider").first
    before = kept(page)
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    wait_for_kept(page, before)
    settle(page)
    after = kept(page)
    page.get_by_role("button", name="Save", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("mine from the browser")
    dialog.get_by_label("Name").press("Tab")
    dialog.get_by_role("button", name="Save", exact=True).click()
    dialog.wait_for(state="detached")
    shared = page.url
    broken = app_home.parent / "pool" / "recipes" / "torn.yaml"
    broken.write_text("keep: [")
    page.goto(address)
    page.wait_for_selector(".ps-map[data-stamp]")
    page.get_by_role("button", name="1 unreadable").click()
    page.get_by_text("recipes/torn.yaml: ").wait_for()
    page.keyboard.press("Escape")
    broken.unlink()
    page.get_by_test_id("stMenuButton").first.click()
    page.get_by_text("mine from the browser", exact=True).click()
    wait_for_kept(page, before)
    assert kept(page) == after
    page.goto(shared)
    page.wait_for_selector(".ps-map[data-stamp]")
    assert kept(page) == after


def test_a_new_score_becomes_a_slider_in_three_clicks(page):
    page.get_by_role("button", name="Add a score").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Random", exact=True).click()
    dialog.get_by_text(re.compile("Random")).first.wait_for()
    dialog.get_by_label("Column").wait_for()
    dialog.get_by_role("button", name="Start").click()
    dialog.wait_for(state="detached")
    page.get_by_role("slider", name=re.compile("^Keep the best of random")).wait_for(timeout=90_000)
    assert [rule.get("score") for rule in recipe(page)["keep"]][-1] == "random"


def test_nothing_is_wider_than_the_window(page):
    wide = """() => Math.max(document.documentElement.scrollWidth, document.querySelector('[data-testid="stMain"]').scrollWidth) <= innerWidth
      && (innerWidth < 1440 || document.querySelector('[data-testid="stMain"]').scrollHeight <= 900)"""  # one screen at 1440 by 900
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (1280, 1440, 1920):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_function(wide)
