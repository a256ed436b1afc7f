"""How long one step of a slider takes, from the key to the redrawn map, in headless Chromium.

    python tests/benchmarks/bench_slider.py [--pool P] [--steps 30]

Prints one JSON line: median, 90 % quantile and worst of the steps in milliseconds, and the load of the machine.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from playwright.sync_api import sync_playwright

from poolscope.paths import default_pool
from tests.browser.server import serve

DONE = """([stamp, drawn]) => { const map = document.querySelector('.ps-map')
  return map.dataset.stamp !== stamp && map.dataset.drawn !== drawn }"""


def measure(url: str, steps: int) -> tuple[list[float], int]:
    """Milliseconds of each step, and the points on the map."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--enable-unsafe-swiftshader"]
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(url)
        page.wait_for_selector(".ps-map[data-stamp]", timeout=60_000)
        page.wait_for_timeout(2000)
        page.get_by_role("slider").first.focus()
        times = []
        for _ in range(steps):
            before = [page.get_attribute(".ps-map", f"data-{name}") for name in ("stamp", "drawn")]
            started = time.perf_counter()
            page.keyboard.press("ArrowRight")
            page.wait_for_function(DONE, arg=before, polling=5)
            times.append(1000 * (time.perf_counter() - started))
            page.wait_for_timeout(150)
        points = int(page.get_attribute(".ps-map", "data-points") or 0)
        browser.close()
    return times, points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", type=Path, default=default_pool())
    parser.add_argument("--steps", type=int, default=30)
    chosen = parser.parse_args()
    with serve(POOLSCOPE_POOL=str(chosen.pool)) as (url, _):
        times, points = measure(url, chosen.steps)
    print(
        json.dumps(
            {
                "points_on_map": points,
                "steps": len(times),
                "median_ms": round(statistics.median(times)),
                "p90_ms": round(statistics.quantiles(times, n=10)[-1]),
                "worst_ms": round(max(times)),
                "load": round(os.getloadavg()[0], 1),
            }
        )
    )


if __name__ == "__main__":
    main()
