"""The app without a browser, on the tiny pool."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from poolscope.explorer import method_cost
from poolscope.pool import Pool
from poolscope.projection import Map
from poolscope.projection.maps import save

SHELL = Path(__file__).parents[2] / "explorer" / "shell.py"


@pytest.fixture
def mapped_pool(tiny_pool: Pool) -> Pool:
    """The tiny pool with a map (positions at random: what UMAP does is tested elsewhere)."""
    rows = np.arange(len(tiny_pool), dtype=np.uint32)
    xy = np.random.default_rng(0).uniform(-0.9, 0.9, (len(rows), 2)).astype(np.float32)
    save(tiny_pool, Map("l14", rows, xy, {"model": "l14", "pairs": len(tiny_pool), "points": len(rows)}))
    return tiny_pool


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Starts the app on a pool (or a path) at a page, with parameters in its address."""

    monkeypatch.setattr(method_cost, "in_background", lambda pool: False)  # it starts a job that measures 22 methods

    def starting(pool: Pool | Path, page: str = "", /, **address: str) -> AppTest:
        monkeypatch.setenv("POOLSCOPE_POOL", str(pool.path if isinstance(pool, Pool) else pool))
        app = AppTest.from_file(str(SHELL), default_timeout=60)
        for name, value in address.items():
            app.query_params[name] = value
        app.run()
        if page:
            app.switch_page(f"app_pages/{page}.py").run()
        return app

    return starting


def texts(app: AppTest) -> str:
    """All running text of the page."""
    return "\n".join(str(element.value) for kind in (app.markdown, app.caption, app.text) for element in kind)
