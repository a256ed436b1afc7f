"""What `make` says when it cannot install."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

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
    for target in ("app", "demo", "test", "lint", "docs", "clean"):
        assert f"make {target} " in shown


PRETENDS = """#!/bin/sh
# Stands for an interpreter: says what it is asked to do, and fails at what $REFUSES matches.
asked="$(basename "$(dirname "$0")")/python $*"
echo "$asked" >> "$LOG"
echo "$asked" | grep -qE "$REFUSES" && exit 1
case "$*" in
    "-m venv "*) for directory; do :; done; mkdir -p "$directory/bin"; cp "$0" "$directory/bin/python" ;;
esac
exit 0
"""
UV = """#!/bin/sh
echo "uv $*" >> "$LOG"
echo "uv $*" | grep -qE "$REFUSES" && exit 1
case "$1" in
    venv) for directory; do :; done; mkdir -p "$directory/bin"; cp "$PRETENDS" "$directory/bin/python" ;;
esac
exit 0
"""


def install(directory: Path, monkeypatch: pytest.MonkeyPatch, refuses: str) -> tuple[int, list[str], str]:
    """Runs the installation with a uv and a Python that only pretend; its code, what they were asked, its errors."""
    tools = directory / "tools"
    tools.mkdir(exist_ok=True)
    for name, text in (("uv", UV), ("python", PRETENDS)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    log = directory / "log"
    log.write_text("")
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("LOG", str(log))
    monkeypatch.setenv("PRETENDS", str(tools / "python"))
    monkeypatch.setenv("REFUSES", refuses)
    made = make(directory, ".venv/.installed", f"PYTHON={tools / 'python'}")
    return made.returncode, log.read_text().splitlines(), made.stderr


NO_UV = "^uv |-m uv|install .*uv$"


def test_uv_installs_where_there_is_one(tmp_path, monkeypatch):
    code, asked, errors = install(tmp_path, monkeypatch, "nothing is refused")
    assert code == 0, errors
    assert "uv pip install --python .venv/bin/python -e ." in asked
    assert any(line.startswith("uv venv ") and "--seed" in line for line in asked)  # it holds pip, for the wheel's test
    assert not [line for line in asked if "pip install" in line and "bin/python" in line.split(" ")[0]]


def test_pip_brings_uv_where_there_is_none(tmp_path, monkeypatch):
    refuses = "^uv |tools/python -m uv"
    code, asked, errors = install(tmp_path, monkeypatch, refuses)
    assert code == 0, errors
    assert any(line.startswith("tools/python -m venv") for line in asked)
    assert "bin/python -m uv pip install --python .venv/bin/python -e ." in asked


def test_pip_installs_where_uv_cannot_be_had(tmp_path, monkeypatch):
    code, asked, errors = install(tmp_path, monkeypatch, NO_UV)
    assert code == 0, errors
    assert asked[-1].startswith("bin/python -m pip install")
    assert asked[-1].endswith("-e .")


def test_pip_installs_where_uv_fails(tmp_path, monkeypatch):
    code, asked, errors = install(tmp_path, monkeypatch, "uv pip install")
    assert code == 0, errors
    assert asked[-1].startswith("bin/python -m pip install")
    assert asked[-1].endswith("-e .")


def test_no_ensurepip_needs_uv_or_pip(tmp_path, monkeypatch):
    code, asked, errors = install(tmp_path, monkeypatch, f"{NO_UV}|ensurepip")
    assert code == 0, errors
    assert any("-m venv --clear --without-pip" in line for line in asked)
    shutil.rmtree(tmp_path / ".venv")
    code, _, errors = install(tmp_path, monkeypatch, f"{NO_UV}|ensurepip|-m pip --version")
    assert code != 0
    assert "cannot make virtual environments: on Debian and Ubuntu, 'apt-get install python3-venv'" in errors
    assert not (tmp_path / ".venv").exists()


def test_an_interrupted_installation_is_done_again_and_a_finished_one_is_not(tmp_path, monkeypatch):
    code, _, _ = install(tmp_path, monkeypatch, "pip install")
    assert code != 0
    assert not (tmp_path / ".venv" / ".installed").exists()
    code, asked, errors = install(tmp_path, monkeypatch, "nothing is refused")
    assert code == 0, errors
    assert "uv pip install --python .venv/bin/python -e ." in asked
    assert install(tmp_path, monkeypatch, "nothing is refused")[1] == []
