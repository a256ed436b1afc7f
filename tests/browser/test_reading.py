"""Every page is read by everybody: WCAG 2 A and AA by axe-core in both themes, one format of numbers, units on all axes, and
nothing wider than its window from 1024 to 2560 px and at 150 %."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.places import PAGES, VIEWS, settle
from tests.explorer.test_leaderboard import trained

pytestmark = pytest.mark.browser

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
RULES = "(within) => axe.run(within, {runOnly: ['color-contrast', 'aria-allowed-attr', 'button-name', 'label', 'link-name', 'image-alt']})"
WINDOWS = (960, 1024, 1440, 2560)  # 960: 1440 px at 150 %
WIDE = (
    """(all) => all.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.className || one.tagName)"""
)
# What sticks out of a column that scrolls; charts and tables clip and scroll what is theirs.
STICKS_OUT = """(all) => all.flatMap((box) => { const edge = box.getBoundingClientRect().left + box.clientWidth + 1
  return [...box.querySelectorAll('*')].filter((one) => !one.closest('svg, [data-testid=stDataFrame], [data-testid=stMultiSelect], .js-plotly-plot, .ps-histogram')
    && one.getBoundingClientRect().right > edge).map((one) => one.dataset.testid || one.className) })"""
OUTSIDE = """(all) => all.filter((one) => { const box = one.getBoundingClientRect(); return box.left < 0 || box.right > innerWidth + 1 })
  .map((one) => one.innerText || one.ariaLabel)"""
# What is read as running text: not code, not what people and files wrote, not what one types.
TEXT = """() => { const kept = 'code, pre, input, textarea, style, script, .ps-caption, [data-testid=stText], .katex, svg, canvas'
  const walker = document.createTreeWalker(document.querySelector('[data-testid=stMain]'), NodeFilter.SHOW_TEXT), found = []
  while (walker.nextNode()) if (!walker.currentNode.parentElement.closest(kept)) found.push(walker.currentNode.data)
  return found.join('\\n') }"""
BARE_AXES = """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap((plot) => Object.entries(plot._fullLayout)
  .filter(([name, axis]) => /^[xy]axis\\d*$/.test(name) && axis.visible && axis.type !== 'category' && axis.tickmode !== 'array'
    && axis.showticklabels && !axis.matches && !(axis.title?.text || plot._fullLayout.annotations?.length >= 6))
  .map(([name]) => name))"""
THEMED = "(scheme) => (getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor === 'rgb(15, 23, 32)') === (scheme === 'dark')"
LEGEND_IN_PLOT = """() => [...document.querySelectorAll('.js-plotly-plot')].filter((plot) => {
  const legend = plot.querySelector('.legend .bg'), { orientation, yref } = plot._fullLayout.legend ?? {}
  return legend && orientation === 'h' && yref === 'container'
    && legend.getBoundingClientRect().bottom > plot.getBoundingClientRect().top + plot._fullLayout._size.t + 2
}).map((plot) => plot.closest('[class*=st-key]')?.className ?? 'a chart')"""
WRONG = {
    "percent without its space": re.compile(r"\d%"),
    "thousands not set apart": re.compile(r"(?<![\w.,/:#-])\d{5,}(?![\w.-])"),
    "not a number": re.compile(r"^(None|nan|NaN|undefined)\b.{0,4}$|\b(nan|None|undefined) (%|of|to|pairs)\b", re.M),
}


@pytest.fixture(scope="module")
def full(address: str, app_home: Path, pool_source: Path) -> Iterator[str]:
    """The app with runs of two recipes, groups, and a bias report: no page is empty."""
    from poolscope import bias
    from poolscope.audit import catalog
    from poolscope.pool import Pool
    from poolscope.recipe import Recipe

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POOLSCOPE_HOME", str(app_home))
        pool = Pool.open(app_home.parent / "pool")
        if not len(catalog.load(pool)):
            catalog.find(pool, families=["language", "gender", "shape of image"])
        half = Recipe.model_validate({"name": "half", "keep": [{"score": "clip_score", "top": 0.5}]})
        settings = bias.Settings(per_set=40, size=32, families=("original", "mean_rgb", "caption_words"), folds=2)
        report = bias.save(bias.build(bias.kept_and_dropped(half, pool), settings), pool)
        runs = [trained(f"reading {fraction}", seed, 0.3 + 0.3 * fraction, [{"score": "clip_score", "top": fraction}], 1000)
                for fraction in (0.25, 0.5) for seed in (0, 1)]  # fmt: skip
        yield address
        report.unlink()
        for run in runs:
            for path in sorted(run.path.rglob("*"), reverse=True):
                path.unlink() if path.is_file() else path.rmdir()
            run.path.rmdir()


@pytest.fixture
def visitor(window, full: str) -> Iterator[Any]:
    """A page for addresses of all pages: Streamlit asks for its own files beside such an address first, which is a 404."""
    opened = window.new_page()
    opened.set_default_timeout(90_000)
    yield opened
    opened.close()


def violations(page, within: str = "html") -> list[str]:
    """What axe finds wrong on the page, or within what the selector finds."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE)
    found = page.evaluate(RULES, within)["violations"]
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


def test_the_filter_page_its_palette_and_a_pair_meet_wcag_aa(page):
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.reload()
        tile = page.locator(".st-key-side .ps-gallery button").first
        tile.wait_for(timeout=60_000)
        page.wait_for_function(THEMED, arg=scheme)
        settle(page, quiet=200)
        assert violations(page) == []
        page.keyboard.press("Control+k")
        page.get_by_role("dialog", name="Commands").wait_for()
        assert violations(page) == []
        page.keyboard.press("Escape")
        tile.click()
        page.get_by_role("dialog").get_by_text("Nearest neighbours").wait_for()
        settle(page, quiet=400)
        assert violations(page, "[data-testid=stDialog]") == []


def test_the_board_compares_seeds_as_points_and_leaves_no_none(visitor, full):
    page = visitor
    page.goto(full + VIEWS["leaderboard-compare"])
    settle(page, quiet=200)
    points = """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap((plot) => plot.data)
      .filter((trace) => trace.xaxis === 'x2').map((trace) => trace.x.length)"""
    mine, other = page.evaluate(points)
    assert mine == other
    assert mine == 2 * 11  # two seeds on ten tasks and their average
    for path in (VIEWS["leaderboard-compare"], "leaderboard"):
        page.goto(full + path)
        settle(page, quiet=200)
        cells = page.locator("[role=gridcell]")
        cells.first.wait_for(state="attached")
        assert not {"None", "nan", "NaN", "null"} & set(cells.all_text_contents())


def test_every_page_is_read_by_everybody(visitor, full):
    """One visit of each page: numbers and axes, contrast in both themes, and all widths."""
    page = visitor
    page.emulate_media(color_scheme="light")
    problems: dict[str, list[str]] = {}
    for name, path in {**PAGES, **VIEWS}.items():
        page.goto(full + path)
        settle(page, quiet=400)
        text = page.evaluate(TEXT)
        wrong = [
            f"{what}: {text[max(0, hit.start() - 30) : hit.end() + 20]!r}"
            for what, shape in WRONG.items()
            for hit in shape.finditer(text)
        ]
        wrong += [f"axis without unit: {axis}" for axis in page.evaluate(BARE_AXES)]
        for width in WINDOWS:
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(100)
            wide = page.locator("html, [data-testid='stMain']").evaluate_all(WIDE)
            wide += page.locator(".st-key-rules, .st-key-side").evaluate_all(STICKS_OUT)
            beside = page.locator(
                "[data-testid='stMain'] button:visible:not([data-testid='stMultiSelect'] button)"
            ).evaluate_all(OUTSIDE)
            wrong += [f"at {width} px: {what}" for what in (*wide, *beside)]
        page.set_viewport_size({"width": 1440, "height": 900})
        settle(page, quiet=200)
        wrong += [f"legend in the plot: {what}" for what in page.evaluate(LEGEND_IN_PLOT)]
        if name != "filter":
            wrong += violations(page)
            page.emulate_media(color_scheme="dark")
            page.wait_for_function(THEMED, arg="dark")
            settle(page, quiet=200)
            wrong += [f"dark: {one}" for one in violations(page)]
            page.emulate_media(color_scheme="light")
        if wrong:
            problems[name] = wrong
    assert not problems, "\n".join(f"{name}: {what}" for name, found in problems.items() for what in found)
