"""Thumbnails: made once, kept under the home with a bound, and never a reason to fail."""

import io
import multiprocessing
import pickle
import sqlite3
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from poolscope import paths
from poolscope.pool import Pool, thumbnails
from tests.conftest import image_bytes


def cache(home: Path) -> Path:
    return home / "cache" / "thumbnails" / "cache.db"


def test_a_thumbnail_is_small_and_made_once(tiny_pool, home):
    made = []

    def read() -> bytes:
        made.append(1)
        return image_bytes(3)

    first = thumbnails.thumbnail("p", "u", 32, read)
    assert (Image.open(io.BytesIO(first)).format, Image.open(io.BytesIO(first)).size) == ("WEBP", (32, 24))
    assert thumbnails.thumbnail("p", "u", 32, read) == first
    assert len(made) == 1
    assert thumbnails.thumbnail("q", "u", 32, read) == first, "another pool with that uid asks its own image"
    assert thumbnails.thumbnail("p", "u", 16, read) != first
    assert len(made) == 3
    assert tiny_pool.thumbnail(3, 32) == first
    assert not (tiny_pool.path / "thumbnails").exists(), "a pool holds no cache"


def test_what_can_not_be_decoded_is_not_kept(home):
    assert thumbnails.thumbnail("p", "u", 32, lambda: None) is None
    assert thumbnails.thumbnail("p", "u", 32, lambda: b"no image") is None
    assert thumbnails.thumbnail("p", "u", 32, lambda: image_bytes(1)), "an image that comes later is shown"


def test_the_cache_is_bounded(home, monkeypatch):
    monkeypatch.setattr(thumbnails, "CACHE_BYTES", 200_000)
    for number in range(400):
        thumbnails.thumbnail("p", str(number), 64, lambda number=number: image_bytes(number))
    assert thumbnails._cache(cache(home).parent).volume() < 600_000
    assert len(thumbnails._cache(cache(home).parent)) < 400


def test_nothing_in_it_is_pickled(home):
    thumbnails.thumbnail("p", "u", 32, lambda: image_bytes(1))
    with sqlite3.connect(cache(home)) as connection:
        rows = connection.execute("SELECT raw, mode, key FROM Cache").fetchall()
    assert [(raw, mode in (1, 2), key) for raw, mode, key in rows] == [(1, True, "p-u-32")]


def test_a_cache_in_a_pool_from_elsewhere_is_never_read(tiny_pool, tmp_path):
    import diskcache

    class Evil:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    with diskcache.Cache(str(tiny_pool.path / "thumbnails")) as planted:
        planted.set("x", b"x")
    with sqlite3.connect(tiny_pool.path / "thumbnails" / "cache.db") as connection:
        connection.execute("UPDATE Cache SET mode=4, value=?", (pickle.dumps(Evil()),))
    for row in range(5):
        assert tiny_pool.thumbnail(row, 32)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("damage", ["garbage", "directory", "locked"])
def test_a_cache_that_can_not_be_used_costs_time_only(home, damage, monkeypatch):
    monkeypatch.setattr(thumbnails, "PATIENCE", 0.1)
    place = cache(home)
    place.parent.mkdir(parents=True)
    holder = None
    if damage == "garbage":
        place.write_bytes(b"no database" * 1000)
    elif damage == "directory":
        place.mkdir()
    else:
        thumbnails.thumbnail("p", "other", 32, lambda: image_bytes(1))
        holder = sqlite3.connect(place)
        holder.execute("BEGIN EXCLUSIVE")
    assert thumbnails.thumbnail("p", "u", 32, lambda: image_bytes(1))
    assert thumbnails.thumbnail("p", "u", 32, lambda: image_bytes(1))
    if damage == "garbage":
        assert thumbnails.thumbnail("p", "u", 32, lambda: None), "it was made anew and is used"
    if holder:
        holder.close()


def test_a_home_that_may_only_be_read_costs_time_only(home, tiny_pool):
    paths.home().chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert tiny_pool.thumbnail(3, 32)
    finally:
        paths.home().chmod(0o755)


def look(path: str) -> list[int]:
    pool = Pool.open(path)
    return [len(pool.thumbnail(row, 32) or b"") for row in range(60)]


def test_several_processes_look_at_once(tiny_pool):
    with multiprocessing.get_context("spawn").Pool(3) as workers:
        first, *others = workers.map(look, [str(tiny_pool.path)] * 3)
    assert all(first)
    assert others == [first, first]


def test_few_images_are_decoded_at_once():
    now, most, lock = 0, 0, threading.Lock()

    def read() -> bytes:
        nonlocal now, most
        with lock:
            now, most = now + 1, max(most, now + 1)
        time.sleep(0.02)
        with lock:
            now -= 1
        return image_bytes(1)

    with ThreadPoolExecutor(16) as threads:
        drawn = list(threads.map(lambda number: thumbnails.thumbnail("pool", f"{number:032x}", 128, read), range(16)))
    assert all(drawn)
    assert 1 < most <= thumbnails.AT_ONCE
