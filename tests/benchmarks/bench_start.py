"""How long the app takes from its command to the first page, in headless Chromium.

    python tests/benchmarks/bench_start.py [--pool P] [--times 3]

Prints one JSON line: seconds from the start of `streamlit run` until the Filter page shows its kept count, and until
its map is drawn; the browser is open before, as a user's is.
"""

import argparse
import json
import os
import shutil
import time
from pathlib import Path

from bench_slider import serve
from playwright.sync_api import sync_playwright

from poolscope.paths import default_pool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", type=Path, default=None)
    parser.add_argument("--times", type=int, default=3)
    arguments = parser.parse_args()
    pool = arguments.pool or default_pool()
    shown, drawn = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--enable-unsafe-swiftshader"]
        )
        for _ in range(arguments.times):
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            began = time.perf_counter()
            server, url = serve(pool)
            try:
                page.goto(url)
                page.get_by_text("kept", exact=False).first.wait_for()
                shown.append(time.perf_counter() - began)
                page.wait_for_selector(".ps-map[data-stamp]")
                drawn.append(time.perf_counter() - began)
            finally:
                page.close()
                server.terminate()
                server.wait()
        browser.close()
    figures = {"page_s": [round(value, 2) for value in shown], "map_s": [round(value, 2) for value in drawn]}
    print(json.dumps({"pool": str(pool), **figures, "load": round(os.getloadavg()[0], 1)}))


if __name__ == "__main__":
    main()
