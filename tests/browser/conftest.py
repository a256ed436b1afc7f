"""A real Chromium on the real app, with a pool of real pairs of the demo; both end with this folder's tests, not with the
session, beside whose other tests they would take memory and time."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from poolscope import jobs
from poolscope.paths import ASSETS
from poolscope.pool import Pool
from tests.browser.server import serve

PAIRS = 2000
REQUIRED = os.environ.get("POOLSCOPE_REQUIRE_BROWSER") == "1"
ARGUMENTS = ["--no-sandbox", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage"]


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path; without one the test is skipped, or fails where a browser is required."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        (pytest.fail if REQUIRED else pytest.skip)("no chromium on this machine; install it to run the browser tests")
    return str(found)


def build_pool(path: Path) -> None:
    """A pool of some of the demo's pairs with scores and a map, embedded by the teacher."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from poolscope import engine
    from poolscope.pool import uid_pairs
    from poolscope.scores import build

    table = pq.read_table(ASSETS / "demo" / "pairs.parquet").slice(0, PAIRS)
    uids = uid_pairs(table["uid"].combine_chunks())
    table = table.drop_columns("uid")
    for name, key in (("uid_lo", "f1"), ("uid_hi", "f0")):
        table = table.add_column(0, pa.field(name, pa.uint64(), nullable=False), pa.array(uids[key]))
    pool = Pool.create(path, pa.schema(list(table.schema)[2:]), {"source": "the demo's first pairs"})
    shutil.copyfile(ASSETS / "demo" / "thumbnails.zip", path / "thumbnails.zip")
    pool.append(table.to_batches())
    teacher = (ASSETS / "demo" / "teacher.safetensors").exists()
    pool = engine.embed(Pool.open(path), "demo" if teacher else "poolscope-demo", name="demo", device="cpu")
    for id, parameters in (("clip_score", {"model": "demo"}), ("basic", {})):
        pool = engine.run(pool, build(id, **parameters))
    place(pool)


def place(pool: Pool) -> None:
    """A map by the first two principal components: without UMAP, which takes most of the time that the pool takes."""
    from poolscope.projection import Map, layout, maps

    vectors = pool.embeddings("demo_img", np.arange(len(pool)))
    first, same = layout.distinct(vectors)
    xy = layout.fan_out(layout.scale(layout.even_out(layout.reduce(vectors[first], 2))), same)
    made_by = {"model": "demo", "pairs": len(pool), "points": len(pool)}
    maps.save(pool, Map("demo", np.arange(len(pool), dtype=np.uint32), xy.astype(np.float32), made_by))


@pytest.fixture(scope="package")
def app_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("browser") / "home"


@pytest.fixture(scope="session")
def pool_source(pytestconfig: pytest.Config) -> Path:
    """The pool as it is built, kept between test sessions as long as the demo's files stay the same."""
    demo = ASSETS / "demo"
    known = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(demo.glob("*.*"))]
    digest = hashlib.sha256(repr((known, PAIRS)).encode()).hexdigest()[:12]
    built = pytestconfig.cache.mkdir("browser") / digest
    with FileLock(f"{built}.lock"):  # two workers have an app
        if not (built / "done").exists():
            shutil.rmtree(built, ignore_errors=True)
            build_pool(built / "pool")
            (built / "done").touch()
    return built / "pool"


@pytest.fixture(scope="package")
def address(chromium: str, app_home: Path, pool_source: Path) -> Iterator[str]:
    """The address of the app, started on a free port as a user starts it."""
    pool = app_home.parent / "pool"
    shutil.copytree(pool_source, pool)
    costs_were_measured(app_home, pool)
    with serve(app_home.parent / "app.log", POOLSCOPE_HOME=str(app_home), POOLSCOPE_POOL=str(pool)) as (url, _):
        yield url
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POOLSCOPE_HOME", str(app_home))
        for job in jobs.all():  # a job outlives the app, so a test that failed may have left one
            if not job.finished:
                jobs.cancel(job.id)


def costs_were_measured(app_home: Path, pool: Path) -> None:
    """A job that measured all costs ended just now, or the first look at Methods would start it beside the tests."""
    from poolscope.jobs import table

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POOLSCOPE_HOME", str(app_home))
        argv = ["methods", "--costs", "--pool", str(pool)]
        job = table.insert(kind="costs", title="Costs", argv=argv, device=None, cwd="/", environment={})
        with table.writing() as connection:
            connection.execute(
                "UPDATE jobs SET state='done', created=created + 1e6, started=created, ended=created WHERE id=?", (job,)
            )


@pytest.fixture(scope="package")
def browser(chromium: str):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="package")
def window(browser):
    """One profile of the browser for all pages: it keeps the app's scripts, which a fresh one would compile anew."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield context
    context.close()


@pytest.fixture
def page(window, address: str):
    """A fresh page on the Filter page, drawn; afterwards the console must hold no error."""
    opened = window.new_page()
    errors: list[str] = []
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.set_default_timeout(90_000)  # a first page beside other workers takes long
    opened.goto(address)
    opened.wait_for_selector(".ps-map[data-stamp]")
    yield opened
    opened.close()
    assert errors == []
