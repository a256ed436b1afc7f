"""Takes the screenshots beside it: `python assets/screenshots/take.py`, with the demo pool, its runs and a report built.

Every page in light and dark at three widths, and some of their states at one. An app that runs already is named with
`--address`; else one is started on the home of the environment.
"""

import argparse
import io
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
WIDTHS = {1024: 768, 1440: 900, 1920: 1080}
SCHEMES = ("light", "dark")
QUALITY = 72
PAGES = {
    "filter": "", "pool": "pool", "methods": "methods", "audit": "audit", "bias": "bias", "runs": "runs",
    "leaderboard": "leaderboard", "import": "imports", "jobs": "jobs",
}  # fmt: skip
SETTLED = """() => {
  const app = document.querySelector('[data-testid=stApp]')
  const busy = !app || app.dataset.testScriptState !== 'notRunning' || document.querySelector('.ps-skeleton, [data-testid=stSkeleton]')
  const coming = [...document.images].some((one) => !one.complete)
  const map = document.querySelector('.ps-map'), waiting = map && !map.dataset.labels
  if (busy || coming || waiting) { window.settledAt = undefined; return false }
  window.settledAt ??= performance.now()
  return performance.now() - window.settledAt > 1200 }"""


def settle(page: Any) -> None:
    """Waits until nothing has moved on the page for a second."""
    page.wait_for_function(SETTLED, timeout=180_000, polling=150)


def _press(role: str, name: str) -> Callable[[Any], None]:
    return lambda page: page.get_by_role(role, name=name, exact=True).first.click()


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
    field.fill("a red star")
    field.press("Enter")
    page.locator(".ps-gallery button").nth(8).wait_for()


STATES: dict[str, tuple[str, Callable[[Any], None]]] = {
    "filter-lasso": ("", _lasso),
    "filter-search": ("", _search),
    "filter-colour": ("?colour=column.caption_language", lambda page: page.locator(".ps-map-legend button").nth(3).wait_for()),
    "filter-pair": ("", lambda page: page.locator(".ps-gallery button").first.click()),
    "filter-palette": ("", lambda page: page.keyboard.press("Control+k")),
    "methods-compare": ("methods?methods=Compare+two+scores", lambda page: page.locator(".js-plotly-plot").nth(1).wait_for()),
    "audit-inside": ("audit?audit-view=Inside+a+group", lambda page: page.locator(".ps-gallery button").first.wait_for()),
    "audit-shares": ("audit?audit-view=Shares", lambda page: page.locator(".js-plotly-plot").first.wait_for()),
    "audit-what-if": ("audit?audit-view=What+if", lambda page: page.locator(".js-plotly-plot").first.wait_for()),
    "runs-sweep": ("runs", _press("radio", "Sweep")),
    "leaderboard-response": ("leaderboard", _press("radio", "Response")),
    "leaderboard-compare": ("leaderboard", _press("radio", "Compare two")),
    "leaderboard-scales": ("leaderboard", _press("radio", "Over scales")),
    "leaderboard-groups": ("leaderboard", _press("radio", "By group")),
}  # fmt: skip


@contextmanager
def app(address: str | None) -> Iterator[str]:
    """The address of the app; started on a free port unless one is given."""
    if address:
        yield address.rstrip("/") + "/"
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "poolscope", "app", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "BROWSER": "true"})
    url = f"http://127.0.0.1:{port}/"
    try:
        while not _answers(url):
            if server.poll() is not None:
                sys.exit("the app did not start")
            time.sleep(0.3)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=20)


def _answers(url: str) -> bool:
    try:
        return bool(urllib.request.urlopen(f"{url}_stcore/health", timeout=1).status == 200)
    except OSError:
        return False


def take(browser: Any, url: str, path: str, out: Path, *, width: int, scheme: str, act: Callable[[Any], None] | None = None) -> None:  # fmt: skip
    """One screenshot as WebP."""
    size = {"width": width, "height": WIDTHS[width]}
    context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    page.goto(url + path)
    settle(page)
    if act is not None:
        act(page)
        page.evaluate("delete window.settledAt")
        settle(page)
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(out, quality=QUALITY, method=6)
    context.close()


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--address", help="of an app that runs; else one is started")
    asked.add_argument("--out", type=Path, default=HERE)
    asked.add_argument("--only", nargs="*", help="names of pages or states", choices=[*PAGES, *STATES])
    given = asked.parse_args()
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    with app(given.address) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--enable-unsafe-swiftshader"])
        for name, path in PAGES.items():
            for width in WIDTHS if given.only is None or name in given.only else ():
                for scheme in SCHEMES:
                    take(browser, url, path, given.out / f"{name}-{scheme}-{width}.webp", width=width, scheme=scheme)
        for name, (path, act) in STATES.items():
            for scheme in SCHEMES if given.only is None or name in given.only else ():
                take(browser, url, path, given.out / f"{name}-{scheme}-1440.webp", width=1440, scheme=scheme, act=act)
        browser.close()


if __name__ == "__main__":
    main()
