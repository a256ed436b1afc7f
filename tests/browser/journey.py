"""The way of a newcomer: find the swapped captions of the demo, make a rule of a lasso, train on the rest, see it on the
board. The test walks it, and the film at the top of the README shows it."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlparse

from tests.browser.places import settle

MINUTES = 60_000
Shown = Callable[[str], None]


def rules(page: Any) -> list[dict[str, Any]]:
    """The rules that the address carries."""
    return list(json.loads(parse_qs(urlparse(page.url).query)["recipe"][0])["keep"])


def rail(page: Any, title: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=re.compile(title)).click()
    page.get_by_role("heading", name=title, exact=True).wait_for()


def find_the_swapped(page: Any, shown: Shown) -> int:
    """Colours the map by what the demo says of its captions, and shows the swapped ones alone; returns how many they are."""
    shown("The demo pool: a rule, the map, and what the threshold separates")
    page.get_by_label("Colour of the points").select_option("column.planted")
    swapped = page.locator(".ps-map-legend button").filter(has_text="true")
    swapped.wait_for()
    settle(page)
    shown("Coloured by planted: every tenth caption was swapped on purpose")
    swapped.click()
    count = page.get_by_text(re.compile(r"^[\d,]+ pairs: [\d,]+ kept"))
    count.wait_for()
    settle(page)
    shown("The swapped captions alone, and what this rule does with them")
    return int(re.sub(r"\D.*", "", count.inner_text().replace(",", "")))


MIDDLE = (0.4, 0.4, 0.55, 0.6)  # left, top, right and bottom of a region, in parts of the map


def make_a_rule_of_a_lasso(page: Any, shown: Shown, region: tuple[float, float, float, float] = MIDDLE) -> None:
    """Draws around a region of the map and drops it."""
    page.get_by_label("Colour of the points").select_option("kept")
    settle(page)
    page.get_by_role("button", name="Lasso", exact=True).click()
    box = page.locator(".ps-map canvas").bounding_box()
    left, top, right, bottom = region
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top + 0.01)]
    for place, (x, y) in enumerate(corners):
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y, steps=5)
        if place == 0:
            page.mouse.down()
        if place == 2:
            shown("A lasso around a region of the map")
    page.mouse.up()
    drop = page.get_by_role("button", name="Drop these")
    drop.wait_for()
    settle(page)
    shown("The region's images, and what can be made of them")
    before = len(rules(page))
    drop.click()
    page.wait_for_function(
        "(old) => JSON.parse(new URLSearchParams(location.search).get('recipe')).keep.length > old", arg=before
    )
    settle(page)
    shown("The region is a rule of the funnel")


def train(page: Any, shown: Shown) -> None:
    """Starts a try-out of a run on what the recipe keeps and watches it to its end."""
    rail(page, "Runs")
    page.get_by_text(re.compile(r"pairs kept of")).wait_for()
    page.get_by_text("Only try it out").click()
    settle(page)
    shown("Train on what is kept")
    ended = page.get_by_text(re.compile(r"try-out · done after"))
    before = ended.count()
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_text(re.compile(r"^loss [\d.]+ · [\d,]+ pairs per second")).wait_for(timeout=6 * MINUTES)
    page.locator(".st-key-training-curves .scatterlayer").first.wait_for(timeout=6 * MINUTES)
    shown("Curves while it trains")
    ended.nth(before).wait_for(timeout=10 * MINUTES)


def see_the_board(page: Any, shown: Shown) -> None:
    """Opens the leaderboard, where the run is."""
    rail(page, "Leaderboard")
    page.get_by_role("heading", name="Runs", exact=True).wait_for()
    settle(page)
    runs = page.get_by_test_id("stDataFrame").last
    runs.scroll_into_view_if_needed()
    runs.hover()
    page.mouse.wheel(0, 5000)  # a try-out is among the last
    page.wait_for_timeout(500)
    shown("On the board, beside the others")


def walk(page: Any, shown: Shown = lambda words: None, region: tuple[float, float, float, float] = MIDDLE) -> int:
    """The whole way, from the Filter page; returns how many swapped captions were found."""
    swapped = find_the_swapped(page, shown)
    make_a_rule_of_a_lasso(page, shown, region)
    train(page, shown)
    see_the_board(page, shown)
    return swapped
