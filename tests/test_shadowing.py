"""A project with packages of its own called as our folders neither shadows ours nor is shadowed by them."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from poolscope.bench import Launch, launch
from poolscope.paths import EXPLORER
from poolscope.pool import Pool

THEIRS = ("backend", "explorer", "assets", "tests", "audit", "bench", "jobs", "pool", "recipe", "scores", "evaluate")
COMMAND = str(Path(sys.executable).with_name("poolscope"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory whose packages fail when they are imported."""
    for name in THEIRS:
        package = tmp_path / "project" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(f'raise ImportError("the project\'s {name} was imported")\n')
    return tmp_path / "project"


def run(project: Path, *words: str, code: int = 0) -> str:
    done = subprocess.run(words, cwd=project, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == code, done.stderr
    assert "was imported" not in done.stdout + done.stderr
    return done.stdout


def test_the_installation_brings_one_package() -> None:
    code = "import importlib.util as u; print([n for n in ('backend', 'explorer', 'assets') if u.find_spec(n)])"
    assert run(Path("/"), sys.executable, "-P", "-c", code) == "[]\n"


@pytest.mark.parametrize("start", [[COMMAND], [sys.executable, "-m", "poolscope"]], ids=["command", "module"])
def test_the_command_and_its_workers(start: list[str], project: Path, tiny_pool: Pool) -> None:
    place = ["--pool", str(tiny_pool.path)]
    assert json.loads(run(project, *start, "info", "--json", *place))["pairs"] == 200
    run(project, *start, "score", "english", "--workers", "2", *place)
    assert "english" in tiny_pool.reload().columns


def test_a_notebook_in_that_directory(project: Path, tiny_pool: Pool) -> None:
    code = f"import poolscope as ps; print(len(ps.open({str(tiny_pool.path)!r}).select(flag='sharp')))"
    assert run(project, sys.executable, "-c", code) == "91\n"
    assert run(project, sys.executable, "-c", "import poolscope, sys; print('backend' in sys.modules)") == "False\n"


def test_a_job_started_there(project: Path, tiny_pool: Pool) -> None:
    job = run(project, COMMAND, "score", "random", "--detach", "--pool", str(tiny_pool.path)).strip()
    run(project, COMMAND, "jobs", "wait", job)
    assert "random" in tiny_pool.reload().columns


def test_a_training_process_started_there(project: Path) -> None:
    words = launch.command(["--help"], Launch(gpus=0))
    done = subprocess.run(
        words, cwd=project, env=launch.environment(Launch(gpus=0)), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--train-data" in done.stdout


@pytest.mark.parametrize("entry", ["app", "shell"])
def test_the_app_hides_no_package_of_the_names_of_its_own_modules(entry: str) -> None:
    code = f"import sys; sys.path.insert(0, {str(EXPLORER)!r}); import {entry}; print({str(EXPLORER)!r} in sys.path)"
    assert run(Path("/"), sys.executable, "-P", "-c", code) == "False\n"


def test_the_app_started_there(project: Path, tiny_pool: Pool, unused_port: int) -> None:
    words = [COMMAND, "app", "--no-open", "--port", str(unused_port), "--pool", str(tiny_pool.path)]
    app = subprocess.Popen(words, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        for _ in range(300):
            assert app.poll() is None, app.stdout and app.stdout.read()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{unused_port}/_stcore/health", timeout=2) as answer:
                    assert answer.status == 200
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise AssertionError("the app did not answer within a minute")
    finally:
        app.terminate()
        app.wait(30)
        with socket.socket() as probe:  # its server has ended with it
            assert probe.connect_ex(("127.0.0.1", unused_port)) != 0


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_every_python_that_is_started_ignores_the_current_directory() -> None:
    """`python -m` and `-c` put the current directory first; -P, or PYTHONSAFEPATH in the environment, keeps it out."""
    assert launch.environment(Launch())["PYTHONSAFEPATH"] == "1"
    sources = Path(__file__).resolve().parent.parent / "backend"
    bare = [
        f"{path.name}:{number}"
        for path in sources.rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if "sys.executable" in line
        and '"-P"' not in line
        and path.name not in ("launch.py", "cluster.py", "train_teacher.py")
    ]
    assert not bare
    assert os.environ.get("PYTHONSAFEPATH") is None


def test_no_module_of_the_app_has_the_name_of_one_of_pythons_own() -> None:
    """Streamlit puts the app's folder first on the path, before any of its lines runs."""
    assert {path.stem for path in EXPLORER.iterdir()} & set(sys.stdlib_module_names) == set()
