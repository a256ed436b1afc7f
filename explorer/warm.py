"""Libraries that pages need are read while the first page is looked at, so that going to another one doesn't wait for them."""

import threading
import time
from importlib import import_module

AFTER = 4.0  # seconds: the first page comes first
MODULES = (
    "plotly.subplots", "poolscope.explorer.bench.tables", "poolscope.explorer.bench.by_group", "poolscope.explorer.bench.compare",
    "poolscope.explorer.curves", "poolscope.explorer.bias_view", "poolscope.explorer.compare_scores",
    "poolscope.explorer.audit.what_if", "poolscope.explorer.import_plan", "poolscope.engine.catalogue", "scipy.stats",
)  # fmt: skip


def start() -> None:
    """Begins in a thread of its own that ends with the server."""
    threading.Thread(target=_read, name="warm", daemon=True).start()


def _read() -> None:
    time.sleep(AFTER)
    for name in MODULES:
        import_module(name)
        time.sleep(0.05)
    from poolscope.engine.ready import recipes_with

    recipes_with("clip_score")  # reads the ready recipes, once
