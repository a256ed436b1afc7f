"""Digests: content decides, not name, place or time; a large file is read once."""

import os
from pathlib import Path

import pytest

from poolscope.pool import digests

LARGE = digests.SMALL + 1


def test_content_decides(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"one")
    assert digests.of_path(tmp_path / "a") == digests.of_path(tmp_path / "b")
    (tmp_path / "b").write_bytes(b"two")
    assert digests.of_path(tmp_path / "a") != digests.of_path(tmp_path / "b")
    for name in ("x", "y"):
        (tmp_path / name / "in").mkdir(parents=True)
        (tmp_path / name / "in" / "file").write_bytes(b"one")
    assert digests.of_path(tmp_path / "x") == digests.of_path(tmp_path / "y")
    (tmp_path / "y" / "in" / "file").rename(tmp_path / "y" / "in" / "other")
    assert digests.of_path(tmp_path / "x") != digests.of_path(tmp_path / "y")


def test_a_large_file_is_read_once_and_again_when_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, reads = tmp_path / "large", []
    path.write_bytes(b"a" * LARGE)
    read = digests._read
    monkeypatch.setattr(digests, "_read", lambda file: (reads.append(file), read(file))[1])
    monkeypatch.setattr(digests, "SETTLED", 0)
    first = digests.of_path(path)
    assert digests.of_path(path) == first
    assert len(reads) == 1
    before = path.stat()
    path.write_bytes(b"b" * LARGE)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # the same size and time of change
    assert digests.of_path(path) != first
    assert len(reads) == 2


def test_a_file_that_was_just_written_is_not_remembered(tmp_path: Path) -> None:
    """Another write within the clock's grain would leave the same times."""
    (tmp_path / "large").write_bytes(b"a" * LARGE)
    digests.of_path(tmp_path / "large")
    from poolscope.paths import home

    assert not list((home() / "digests").glob("*"))


def test_a_file_of_the_future_is_not_remembered(tmp_path: Path, home: Path) -> None:
    """Its clock can't be trusted, so neither can the next write be told by the time."""
    path = tmp_path / "large"
    for content in (b"a", b"b"):
        path.write_bytes(content * LARGE)
        os.utime(path, (4e9, 4e9))
        assert digests.of_path(path) == digests.of_path(path)
    assert not list((home / "digests").glob("*"))


def test_a_home_that_can_not_be_written_is_no_hindrance(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "large").write_bytes(b"a" * LARGE)
    (home / "digests").write_text("a file where the folder should be")
    monkeypatch.setattr(digests, "SETTLED", 0)
    assert digests.of_path(tmp_path / "large") == digests.of_path(tmp_path / "large")
