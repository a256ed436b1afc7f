"""Takes the screenshots and the film: `python -m tests.browser.screenshots`, on a home with the demo pool, its runs, its groups
and a bias report.

Every page in light and dark at three widths, and its views and states at one. An app that runs already is named with
`--address`; else one is started on the home of the environment. `--film` walks the journey instead, which trains a model.
"""

import argparse
import io
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import sync_playwright

from poolscope import paths
from tests.browser import journey
from tests.browser.places import PAGES, VIEWS, settle
from tests.browser.server import serve

ROOT = Path(__file__).parents[2]
HERE = ROOT / "assets" / "screenshots"
WIDTHS = {1024: 768, 1440: 900, 1920: 1080}
SCHEMES = ("light", "dark")
QUALITY = 72
GRAMASTARS = (0.02, 0.42, 0.26, 0.72)  # where the demo's map has the stars that it holds a thousand times


def _lasso(page: Any) -> None:
    box = page.locator(".ps-map canvas").bounding_box()
    page.get_by_role("button", name="Lasso", exact=True).click()
    for place, (x, y) in enumerate([(0.25, 0.3), (0.6, 0.25), (0.7, 0.6), (0.4, 0.75), (0.25, 0.31)]):
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y, steps=6)
        if place == 0:
            page.mouse.down()
    page.mouse.up()
    page.get_by_role("button", name="Keep only these").wait_for()


def _search(page: Any) -> None:
    page.get_by_role("radio", name="Search").click()
    field = page.get_by_label("Search the pool")
    field.fill("a red heart")
    field.press("Enter")
    page.locator(".ps-gallery button").nth(8).wait_for()


AT_HOME = """([home, usual]) => { const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) if (walker.currentNode.data.includes(home)) walker.currentNode.data = walker.currentNode.data.replaceAll(home, usual) }"""
STATES: dict[str, tuple[str, Callable[[Any], None]]] = {
    "filter-lasso": ("", _lasso),
    "filter-search": ("", _search),
    "filter-colour": ("?colour=column.caption_language", lambda page: page.locator(".ps-map-legend button").nth(3).wait_for()),
    "filter-pair": ("", lambda page: page.locator(".ps-gallery button").first.click()),
    "filter-palette": ("", lambda page: page.keyboard.press("Control+k")),
    **{name: (path, lambda page: None) for name, path in VIEWS.items()},
    "runs-sweep": ("runs", lambda page: page.get_by_test_id("stButtonGroup").get_by_text("Sweep", exact=True).click()),
}  # fmt: skip


@contextmanager
def app(address: str | None) -> Iterator[str]:
    """The address of the app; started on a free port unless one is given."""
    if address:
        yield address.rstrip("/") + "/"
        return
    with serve() as (url, _):
        yield url


def take(context: Any, url: str, path: str, out: Path, name: str, *, widths: Iterable[int], act: Callable[[Any], None] | None = None) -> None:  # fmt: skip
    """A page at these widths as WebP, `<out>/<name>-<width>.webp`: opened once, then resized."""
    page = context.new_page()
    page.set_default_timeout(180_000)
    page.goto(url + path)
    settle(page)
    if act is not None:
        act(page)
    for width in widths:
        page.set_viewport_size({"width": width, "height": WIDTHS[width]})
        page.mouse.move(width - 3, 3)  # off the tables, which show their tools to a pointer
        settle(page)
        _as_at_home(page)
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        shot.save(out / f"{name}-{width}.webp", quality=QUALITY, method=6)
    page.close()


def _as_at_home(page: Any) -> None:
    """Paths of the home as they are without POOLSCOPE_HOME, for a picture tells nothing of the machine it was taken on."""
    page.evaluate(AT_HOME, [str(paths.home()), "~/.local/share/poolscope"])


def film(browser: Any, url: str, out: Path) -> None:
    """The journey as an animated picture: a frame for each step with its words beneath, none of the waiting between."""
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, color_scheme="light", reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(180_000)
    frames: list[Image.Image] = []

    def shown(words: str) -> None:
        frames.append(_captioned(Image.open(io.BytesIO(page.screenshot())).convert("RGB"), words))

    page.goto(url)
    settle(page)
    journey.walk(page, shown, GRAMASTARS)
    context.close()
    frames[0].save(out, save_all=True, append_images=frames[1:], duration=[*[2600] * (len(frames) - 1), 4000], loop=0,
                   quality=QUALITY, method=6)  # fmt: skip


def _captioned(image: Image.Image, words: str) -> Image.Image:
    """The screenshot with a line of words beneath it."""
    whole = Image.new("RGB", (image.width, image.height + 48), "#14202B")
    whole.paste(image)
    font = ImageFont.truetype("DejaVuSans.ttf", 21)
    ImageDraw.Draw(whole).text((image.width / 2, image.height + 24), words, "#FFFFFF", font=font, anchor="mm")
    return whole


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--address", help="of an app that runs; else one is started")
    asked.add_argument("--out", type=Path, default=HERE)
    asked.add_argument("--film", action="store_true", help="make journey.webp instead")
    asked.add_argument("--only", nargs="*", help="names of pages or states", choices=[*PAGES, *STATES])
    given = asked.parse_args()
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    with app(given.address) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--enable-unsafe-swiftshader"]
        )
        if given.film:
            film(browser, url, given.out / "journey.webp")
            return
        for scheme in SCHEMES:
            context = browser.new_context(
                viewport={"width": 1440, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
            )
            for name in [*PAGES, *STATES] if given.only is None else given.only:
                path, act = STATES.get(name) or (PAGES[name], None)
                widths = WIDTHS if name in PAGES else (1440,)
                take(context, url, path, given.out, f"{name}-{scheme}", widths=widths, act=act)
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
