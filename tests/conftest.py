"""Fixtures shared by all tests: a home of their own and a small real pool."""

import gc
import io
import json
import os
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

# Before anything reads them. No test may ask a server, or wait for one; and numba keeps to the threads that others have, or
# it raises torch's to the number of cores, where they wait for each other as long as other tests work.
os.environ["HF_HUB_OFFLINE"] = "1"
if "OMP_NUM_THREADS" in os.environ:
    os.environ.setdefault("NUMBA_NUM_THREADS", os.environ["OMP_NUM_THREADS"])

from poolscope.pool import Pool

SECOND_APP = tuple(f"tests/browser/test_{name}" for name in ("hostile_names", "journey", "reading"))
"""The browser tests that take about as long as all others together."""
LONG = (
    "tests/browser/",
    "tests/test_kills.py",
    "tests/backend/workers/",
    "second app",
    "tests/backend/bench/",
    "tests/test_shadowing.py",
)
"""What takes longest, which begins first, so that no worker is left with it at the end; the second app once the first one
has built their pool."""

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "layers": 1, "width": 32, "head_width": 16},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 1, "layers": 1},
}


def scope(nodeid: str) -> str:
    """What one of several workers runs as a whole: a file's tests, the browser tests of one app and Chromium, those of
    Ray and its cluster."""
    file = nodeid.partition("::")[0]
    if file.startswith(SECOND_APP):
        return "second app"
    return next(
        (start for start in ("tests/browser/", "tests/backend/workers/test_ray") if file.startswith(start)), file
    )


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    gc.disable()  # collecting imports everything and drops nothing: looking for garbage takes a seventh of it
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return next((n for n, start in enumerate(LONG) if scope(item.nodeid).startswith(start)), len(LONG))

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # it would begin with the files of most tests

    class ByScope(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return scope(nodeid)

    return ByScope(config, log)


@pytest.fixture(autouse=True)
def _main_stays() -> Iterator[None]:
    """Streamlit's AppTest makes its page the main module, which a process spawned later would run again."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A POOLSCOPE_HOME of the test's own."""
    directory = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("POOLSCOPE_HOME", str(directory))
    monkeypatch.delenv("POOLSCOPE_POOL", raising=False)
    return directory


@pytest.fixture
def no_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs stay queued: this process starts none."""
    monkeypatch.setattr("poolscope.jobs.queue._spawn", lambda job_id: None)


@pytest.fixture
def tiny_model(home: Path) -> str:
    """The name of an architecture of a few thousand weights besides its vocabulary, known to open_clip."""
    (home / "models").mkdir()
    (home / "models" / "tiny.json").write_text(json.dumps(TINY))
    return "tiny"


def image_bytes(number: int, size: tuple[int, int] = (64, 48)) -> bytes:
    """A PNG whose colours depend on `number`."""
    from PIL import Image

    rng = np.random.default_rng(number)
    image = Image.fromarray(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)).resize(size)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def write_shard(path: Path, samples: list[dict[str, bytes]]) -> Path:
    """A webdataset tar: each sample is {"__key__": name, extension: bytes}."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for sample in samples:
            for extension, content in sample.items():
                if extension != "__key__":
                    member = tarfile.TarInfo(f"{sample['__key__']}.{extension}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    return path


CAPTIONS = [
    "a red square on a table",
    "un chat noir dort",
    "blue sky over the sea",
    "IMG_1234",
    "ok",
    "a small dog runs fast",
]


@pytest.fixture(scope="session")
def _tiny_pool_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 pairs with images in a tar, embeddings `l14_img`/`l14_txt` (16 numbers), scores and flags."""
    import hashlib

    from poolscope.sources import import_webdataset

    root = tmp_path_factory.mktemp("tiny")
    samples = []
    for number in range(200):
        uid = hashlib.md5(str(number).encode()).hexdigest()
        about = f'{{"uid": "{uid}", "url": "http://example.org/{number}.png", "original_width": {150 + number}, "original_height": 250}}'
        caption = f"{CAPTIONS[number % len(CAPTIONS)]} {number}"
        samples.append(
            {"__key__": f"{number:06d}", "png": image_bytes(number), "txt": caption.encode(), "json": about.encode()}
        )
    write_shard(root / "shards" / "00000.tar", samples[:120])
    write_shard(root / "shards" / "00001.tar", samples[120:])
    import_webdataset(str(root / "shards"), root / "pool")
    pool = Pool.open(root / "pool")
    rng = np.random.default_rng(0)
    image = rng.normal(size=(200, 16))
    text = image + rng.normal(size=(200, 16))
    for name, matrix in (("l14_img", image), ("l14_txt", text)):
        unit = (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float16)
        pool.add_columns({name: unit}, kind="embedding", made_by={"test": True})
    score = rng.normal(size=200).astype(np.float32).round(1)
    score[:3] = np.nan
    pool.add_columns({"clip_l14": score}, kind="score", made_by={"test": True})
    pool.add_columns({"clip_b32": rng.random(200).astype(np.float32)}, kind="score", made_by={"test": True})
    pool.add_columns({"sharp": rng.random(200) < 0.5}, kind="flag", made_by={"test": True})
    return root


@pytest.fixture
def tiny_pool(_tiny_pool_source: Path, tmp_path: Path) -> Pool:
    """A copy of the tiny pool that the test may change."""
    import shutil

    shutil.copytree(_tiny_pool_source / "pool", tmp_path / "pool")
    return Pool.open(tmp_path / "pool")
