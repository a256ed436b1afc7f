"""Frames of the map in headless Chromium while it is dragged and zoomed: what a million points cost to draw.

    python tests/benchmarks/bench_map_frames.py [--points 1000000] [--frames 40]

The points lie in 400 clusters and have twelve colours. Each frame is finished on the GPU, or on the processor that stands
for one, before the next begins. Prints one JSON line.
"""

import argparse
import base64
import json
import os
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

MAP = Path(__file__).parents[2] / "explorer" / "map"
RUN = """async ([encoded, frames]) => {
  const bytes = Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0))
  const canvas = document.querySelector('canvas'), points = new Points(canvas)
  const timed = (work) => { const began = performance.now(); work(); return performance.now() - began }
  const finish = () => points.gl.readPixels(0, 0, 1, 1, points.gl.RGBA, points.gl.UNSIGNED_BYTE, new Uint8Array(4))
  const load = timed(() => points.load(bytes.buffer))
  const colours = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#AA4466', '#8C8A1F', '#7468C4', '#B05FC0']
  points.paint(colours, new Set())
  const code = Uint8Array.from(points.rows, (row) => row % colours.length)
  const step = timed(() => { points.recolour(code); points.emphasise(null, null); points.draw({ x: 0, y: 0, unit: 300 }, 1); finish() })
  const spent = []
  for (let k = 0; k < frames; k++) {
    const zoom = 1 + 3 * k / frames
    spent.push(timed(() => { points.draw({ x: 0.002 * k, y: 0, unit: 300 * zoom }, zoom ** 0.4); finish() }))
  }
  const found = timed(() => { for (let k = 0; k < 1000; k++) points.nearest(Math.sin(k), Math.cos(k * 7), 0.03) }) / 1000
  const lasso = timed(() => points.inside(Array.from({ length: 200 }, (_, k) => [0.5 * Math.cos(k / 32), 0.5 * Math.sin(k / 32)])))
  spent.sort((a, b) => a - b)
  return { load_ms: load, recolour_and_draw_ms: step, frame_ms_median: spent[frames >> 1], frame_ms_p90: spent[Math.floor(frames * 0.9)],
    hover_ms: found, lasso_ms: lasso, renderer: points.gl.getParameter(points.gl.RENDERER) }
}"""


def geometry(points: int) -> bytes:
    """Made-up positions, as `Map.quantised` writes them."""
    rng = np.random.default_rng(0)
    centres = rng.uniform(-0.9, 0.9, (400, 2))
    xy = centres[rng.integers(0, 400, points)] + rng.normal(scale=0.03, size=(points, 2))
    steps = np.clip((xy + 1) * 32767.5, 0, 65535).astype("<u2")
    return steps[:, 0].tobytes() + steps[:, 1].tobytes() + np.arange(points, dtype="<u4").tobytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--frames", type=int, default=40)
    chosen = parser.parse_args()
    arguments = ["--no-sandbox", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        page = browser.new_page(viewport={"width": 640, "height": 800})
        page.set_content('<canvas width="600" height="760"></canvas>')
        page.add_script_tag(content=(MAP / "points.js").read_text() + "\nwindow.Points = Points")
        made = page.evaluate(RUN, [base64.b64encode(geometry(chosen.points)).decode(), chosen.frames])
        browser.close()
    figures = {name: round(value, 3) if isinstance(value, float) else value for name, value in made.items()}
    print(json.dumps({"points": chosen.points, **figures, "load": round(os.getloadavg()[0], 1)}))


if __name__ == "__main__":
    main()
