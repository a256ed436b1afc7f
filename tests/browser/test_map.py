"""The map in a real browser: colours, legend, labels, zoom, and what a choice on it becomes."""

import re
from urllib.parse import parse_qs, urlparse

import pytest

from poolscope.pool import Pool
from poolscope.recipe import load
from poolscope.recipe.ready import save
from tests.browser.test_filter import kept, recipe, wait_for_kept

pytestmark = pytest.mark.browser


def colour_by(page, value: str, entries: int) -> None:
    """Chooses a colour and waits for its legend."""
    drawn = page.locator(".ps-map").get_attribute("data-drawn")
    page.get_by_label("Colour of the points").select_option(value)
    page.wait_for_function(
        """([old, count]) => document.querySelector('.ps-map').dataset.drawn !== old
             && document.querySelectorAll('.ps-map-legend button').length === count""",
        arg=[drawn, entries],
    )


def boxes(page) -> list[dict]:
    return [label.bounding_box() for label in page.locator(".ps-map-labels span").all() if label.is_visible()]


def zoom(page) -> float:
    return float(page.locator(".ps-map").get_attribute("data-zoom"))


def over_the_middle(page) -> None:
    box = page.locator(".ps-map canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_colours_come_when_asked_and_the_legend_makes_a_rule(page):
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/colours/" in request.url else None)
    everything = kept(page)
    page.wait_for_selector(".ps-map[data-labels]")
    assert asked == []
    colour_by(page, "column.source", 2)
    assert len(asked) == 1
    assert parse_qs(urlparse(page.url).query)["colour"] == ["column.source"]
    first = page.locator(".ps-map-legend button").first
    value = first.locator("b").inner_text()
    first.click()
    page.get_by_role("button", name="Drop these").click()
    wait_for_kept(page, everything)
    assert recipe(page)["keep"][-1] == {"not": {"where": f"`source` = '{value}'"}}
    page.get_by_role("slider").first.focus()
    before = kept(page)
    page.keyboard.press("ArrowRight")
    wait_for_kept(page, before)
    assert len(asked) == 1  # a slider brings masks only


def test_the_legend_hides_and_shows_points(page):
    """Counted on the canvas: what is hidden is not drawn, and all of it comes back."""
    inked = """async () => { const canvas = document.querySelector('.ps-map canvas')
      const sheet = new OffscreenCanvas(canvas.width, canvas.height), pen = sheet.getContext('2d')
      const image = await new Promise((done) => { dispatchEvent(new Event('resize'))
        requestAnimationFrame(() => { document.querySelector('.ps-map-tools [data-tool=move]').click()
          requestAnimationFrame(() => done(createImageBitmap(canvas))) }) })
      pen.drawImage(image, 0, 0)
      return pen.getImageData(0, 0, sheet.width, sheet.height).data.filter((v, i) => i % 4 === 3 && v > 0).length }"""
    colour_by(page, "column.source", 2)
    everything = page.evaluate(inked)
    assert everything > 1000
    page.locator(".ps-map-legend button").first.click(modifiers=["Shift"])
    page.wait_for_timeout(600)
    some = page.evaluate(inked)
    assert 0 < some < everything
    assert page.locator(".ps-map-legend button").first.get_attribute("aria-pressed") == "false"
    page.locator(".ps-map-legend button").first.click(modifiers=["Shift"])
    page.wait_for_timeout(600)
    assert page.evaluate(inked) == everything


def test_labels_never_overlap_at_any_zoom_and_zoom_has_limits(page):
    page.wait_for_selector(".ps-map[data-labels]")
    over_the_middle(page)
    named = 0
    for _ in range(12):
        shown = boxes(page)
        named += len(shown)
        for place, one in enumerate(shown):
            for other in shown[place + 1 :]:
                apart = (
                    one["x"] + one["width"] <= other["x"] + 1 or other["x"] + other["width"] <= one["x"] + 1
                    or one["y"] + one["height"] <= other["y"] + 1 or other["y"] + other["height"] <= one["y"] + 1
                )  # fmt: skip
                assert apart, (one, other)
        page.mouse.wheel(0, -240)
        page.wait_for_timeout(60)
    assert named > 5
    for _ in range(12):
        page.mouse.wheel(0, -1000)
    page.wait_for_timeout(100)
    assert zoom(page) == 80
    for _ in range(30):
        page.mouse.wheel(0, 1000)
    page.wait_for_timeout(100)
    assert zoom(page) == 0.85
    page.get_by_role("button", name="Fit").click()
    page.wait_for_function("document.querySelector('.ps-map').dataset.zoom === '1.000'")


def test_the_map_moves_by_keyboard(page):
    page.locator(".ps-map canvas").focus()
    page.keyboard.press("+")
    page.wait_for_function("Number(document.querySelector('.ps-map').dataset.zoom) > 1.3")
    page.keyboard.press("0")
    page.wait_for_function("document.querySelector('.ps-map').dataset.zoom === '1.000'")


def test_a_lasso_becomes_a_rule_a_tag_and_a_group(page):
    before = kept(page)
    box = page.locator(".ps-map canvas").bounding_box()
    page.keyboard.down("Shift")
    for place, (x, y) in enumerate([(0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.31)]):
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y, steps=5)
        if place == 0:
            page.mouse.down()
    page.mouse.up()
    page.keyboard.up("Shift")
    page.get_by_text(re.compile(r"^[\d,]+ pairs: [\d,]+ kept")).wait_for()
    page.get_by_role("button", name="Keep only these").click()
    after = wait_for_kept(page, before)
    assert after < before
    assert recipe(page)["keep"][-1].keys() == {"tag"}
    page.get_by_role("button", name="Tag or group").click()
    name = page.get_by_label("Name", exact=True)
    name.fill("around the middle")
    name.press("Tab")
    page.get_by_role("button", name="Make a tag").click()
    page.get_by_text(re.compile("pairs have the tag around the middle")).wait_for()
    page.get_by_role("button", name="Make a group").click()
    page.get_by_text(re.compile("pairs are the group around.the.middle")).wait_for()


def test_hovering_tells_image_caption_score_and_state(page):
    box = page.locator(".ps-map canvas").bounding_box()
    tip = page.locator(".ps-map-tip")
    for step in range(60):
        x, y = 0.3 + 0.04 * (step % 10), 0.3 + 0.08 * (step // 10)
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y)
        page.wait_for_timeout(350)
        if tip.is_visible():
            break
    tip.wait_for(state="visible")
    assert tip.locator("p").inner_text().strip()
    assert tip.locator("img").get_attribute("src")
    facts = tip.inner_text()
    assert "clip_score" in facts
    assert re.search(r"\b(kept|dropped)\b", facts)


def test_two_recipes_have_four_colours_and_what_only_one_keeps_is_shown(page, address, app_home):
    pool = Pool.open(app_home.parent / "pool")
    save(load({"name": "every other", "keep": [{"where": "width >= height"}]}), pool, replace=True)
    page.goto(f"{address}?compare=every+other")
    page.wait_for_selector(".ps-map[data-stamp]")
    page.wait_for_function("document.querySelectorAll('.ps-map-legend button').length === 4")
    colours = page.locator(".ps-map-legend button i").evaluate_all("(all) => all.map((one) => one.style.background)")
    assert len(set(colours)) == 4
    for view, state in (("Only A", "kept"), ("Only B", "dropped")):
        page.get_by_role("radio", name=view).click()
        page.get_by_text(re.compile(r"^[\d,]+ pairs .* are kept by .* and not by ")).wait_for()
        tiles = page.locator(".st-key-side .ps-gallery button")
        page.wait_for_function(
            """(state) => { const all = [...document.querySelectorAll('.st-key-side .ps-gallery button')]
              return all.length && all.every((one) => one.dataset.state === state) }""",
            arg=state,
        )
        assert tiles.count() > 5
