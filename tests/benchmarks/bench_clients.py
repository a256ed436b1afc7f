"""300 steps of a slider in one browser, then 20 browsers at once for two minutes: no error anywhere, memory flat.

    python tests/benchmarks/bench_clients.py [--steps 300] [--browsers 20] [--seconds 120]

The app runs on the default pool of the environment's home, as `poolscope app` starts it. The browsers are contexts of one
headless Chromium, each a session of its own: half of them move sliders, half walk through all pages. An error is a line of the
app's log, of a console, an exception on a page, or a request to another host. Memory is the resident one of the server. Its
slope is the least-squares line after the warm-up (all pages open, and a third of the rest), and its growth what the line gains from there to the end,
as a share of the memory then; reach: 5 %. Ends with 1 where something is wrong.
"""

import argparse
import asyncio
import random
import re
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import psutil
from playwright.async_api import async_playwright

from tests.browser.places import SETTLED
from tests.browser.server import serve

REACH = 0.05  # share of its memory that the app may grow by after the warm-up
WARM = 1 / 3
TITLES = ["Pool", "Methods", "Who is kept", "Bias", "Runs", "Leaderboard", "Import", "Jobs", "Filter"]
WRONG = re.compile(r"Traceback|Error\b|Exception|\bERROR\b|WARNING|thread.*panicked")
ARGUMENTS = ["--no-sandbox", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage"]
KEPT = """(old) => { const count = [...document.querySelectorAll('p')].find((one) => /^kept [\\d,]+ of /.test(one.innerText))
  return count && count.innerText !== old ? count.innerText : false }"""


@dataclass
class Seen:
    """What went wrong, how long each step took, when all pages were open, and the server's resident megabytes by second."""

    server: psutil.Process
    begun: float = field(default_factory=time.monotonic)
    opened: float = 0.0
    errors: list[str] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)

    async def sample(self) -> None:
        while True:
            self.memory.append((time.monotonic() - self.begun, self.server.memory_info().rss / 1e6))
            await asyncio.sleep(0.5)

    def watch(self, page: Any, url: str) -> None:
        """Listens to a page's console, its exceptions and its requests."""
        own = urlsplit(url).netloc

        def asked(request: Any) -> None:
            host = urlsplit(request.url).netloc
            if host and host != own:
                self.errors.append(f"a request to {host}")

        page.on("console", lambda one: self.errors.append(f"console: {one.text}") if one.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(f"page: {error}"))
        page.on("request", asked)

    def report(self, name: str, *, limit: float = REACH) -> bool:
        """Prints a phase; whether it was without error and its memory flat."""
        seconds, megabytes = np.array(self.memory).T
        late = seconds >= self.opened + WARM * (seconds[-1] - self.opened)
        slope, start = np.polyfit(seconds[late], megabytes[late], 1)
        growth = slope * np.ptp(seconds[late]) / (start + slope * seconds[late][0])
        print(
            f"{name}: {len(self.waited)} steps, median {1000 * statistics.median(self.waited):.0f} ms, slowest {max(self.waited):.1f} s"
        )
        print(f"  memory {megabytes[0]:.0f} MB at first, {megabytes[late][0]:.0f} after {seconds[late][0]:.0f} s, {megabytes[-1]:.0f} at the end, "
              f"most {megabytes.max():.0f}; slope {60 * slope:+.2f} MB a minute, growth {100 * growth:+.2f} % = {growth / limit:.2f} of the limit")  # fmt: skip
        print(
            f"  all open after {self.opened:.0f} s; errors: {len(self.errors)}",
            *sorted(set(self.errors))[:20],
            sep="\n    ",
        )
        return not self.errors and growth <= limit


async def settled(page: Any, quiet: int = 200) -> None:
    await page.evaluate("delete window.settledAt")
    await page.wait_for_function(SETTLED, arg=quiet, timeout=180_000, polling=100)
    if await page.get_by_test_id("stException").count():
        raise AssertionError(f"an exception on {page.url}")


async def opened(browser: Any, url: str, seen: Seen) -> Any:
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    page = await context.new_page()
    page.set_default_timeout(180_000)
    seen.watch(page, url)
    await page.goto(url)
    await settled(page)
    return page


async def step(page: Any, seen: Seen, key: str, which: int = 0) -> None:
    """One press of an arrow key on a slider, until the counts have followed."""
    before = await page.evaluate(KEPT, "")
    await page.get_by_role("slider").nth(which).focus()
    begun = time.monotonic()
    await page.keyboard.press(key)
    await page.wait_for_function(KEPT, arg=before, polling=20, timeout=60_000)
    seen.waited.append(time.monotonic() - begun)


async def client(number: int, page: Any, seen: Seen, until: float) -> None:
    """One browser: an even one moves its slider, an odd one walks through the pages."""
    rng = random.Random(number)
    while time.monotonic() < until:
        if number % 2 == 0:
            await step(page, seen, rng.choice(("ArrowLeft", "ArrowRight")))
            await asyncio.sleep(rng.uniform(0.1, 0.6))
            continue
        link = page.get_by_test_id("stSidebarNav").get_by_role("link", name=rng.choice(TITLES))
        begun = time.monotonic()
        await link.click()
        await settled(page)
        seen.waited.append(time.monotonic() - begun)
    await settled(page)


async def alone(pages: list[Any], seen: Seen, count: int) -> None:
    """One browser; its slider goes up and down by random numbers of steps, as one looks for a threshold."""
    rng, key, left = random.Random(0), "ArrowRight", 0
    for _ in range(count):
        if not left:
            key, left = ("ArrowLeft" if key == "ArrowRight" else "ArrowRight"), rng.randrange(1, 25)
        left -= 1
        await step(pages[0], seen, key)
    await settled(pages[0])


async def together(pages: list[Any], seen: Seen, seconds: float) -> None:
    """All browsers at once."""
    until = time.monotonic() + seconds
    clients = (client(number, page, seen, until) for number, page in enumerate(pages))
    for end in await asyncio.gather(*clients, return_exceptions=True):
        if isinstance(end, Exception):
            seen.errors.append(f"{type(end).__name__}: {str(end)[:300]}")


async def phase(playwright: Any, server: psutil.Process, url: str, browsers: int, work: Any) -> Seen:
    """Opens the app in so many browsers, then `work(pages, seen)`; the server's memory is sampled all the while."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
    seen = Seen(server)
    sampling = asyncio.create_task(seen.sample())
    try:
        pages = await asyncio.gather(*(opened(browser, url, seen) for _ in range(browsers)))
        seen.opened = time.monotonic() - seen.begun
        await work(pages, seen)
    finally:
        sampling.cancel()
        await browser.close()
    return seen


async def run(asked: argparse.Namespace, url: str, server: psutil.Process) -> bool:
    async with async_playwright() as playwright:
        one = await phase(playwright, server, url, 1, lambda pages, seen: alone(pages, seen, asked.steps))
        good = one.report(f"{asked.steps} steps of a slider in one browser")
        many = await phase(
            playwright, server, url, asked.browsers, lambda pages, seen: together(pages, seen, asked.seconds)
        )
        return many.report(f"{asked.browsers} browsers at once for {asked.seconds:.0f} s") and good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--browsers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=120)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        log = Path(work) / "app.log"
        with serve(log) as (url, process):
            (server,) = psutil.Process(process.pid).children()
            good = asyncio.run(run(asked, url, server))
        wrong = [line for line in log.read_text(errors="replace").splitlines() if WRONG.search(line)]
        print(f"errors in the app's log: {len(wrong)}", *wrong[:20], sep="\n  ")
    return 0 if good and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
