"""What `make` says when it cannot install."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def make(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "Makefile", directory)
    if not (directory / "pyproject.toml").exists():
        (directory / "pyproject.toml").touch()
    # `make test` runs this: its own level and flags must not reach the make under test.
    environment = {
        name: value for name, value in os.environ.items() if name not in ("MAKELEVEL", "MAKEFLAGS", "MFLAGS", "ARGS")
    }
    return subprocess.run(["make", *words], cwd=directory, env=environment, capture_output=True, text=True)


def fake_python(path: Path, version: str, status: int) -> Path:
    path.write_text(f"#!/bin/sh\n[ \"$1\" = --version ] && echo 'Python {version}'\nexit {status}\n")
    path.chmod(0o755)
    return path


def test_an_old_python_is_refused_with_its_version(tmp_path):
    old = fake_python(tmp_path / "old", "3.9.2", 1)
    made = make(tmp_path, "app", f"PYTHON={old}")
    assert made.returncode != 0
    assert "is Python 3.9.2: Poolscope needs Python 3.11 or newer" in made.stderr
    assert not (tmp_path / ".venv").exists()


def test_no_python_at_all(tmp_path):
    made = make(tmp_path, "app", "PYTHON=")
    assert "Poolscope needs Python 3.11 or newer, found" in made.stderr
    assert made.returncode != 0


def test_a_finished_installation_is_not_touched(tmp_path):
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    poolscope = tmp_path / ".venv" / "bin" / "poolscope"
    poolscope.write_text('#!/bin/sh\necho "started with $*"\n')
    poolscope.chmod(0o755)
    (tmp_path / ".venv" / ".installed").touch()
    made = make(tmp_path, "app", "PORT=9000", "PYTHON=/bin/false")
    assert made.stdout == "started with app --host 127.0.0.1 --port 9000\n", made.stderr


def test_help_names_every_target(tmp_path):
    shown = make(tmp_path, "help").stdout
    for target in ("app", "demo", "test", "lint", "clean"):
        assert f"make {target} " in shown
