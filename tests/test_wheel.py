"""The wheel holds what Poolscope needs at run time, and nothing of the tests."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCREENSHOTS = "poolscope/assets/screenshots/"  # only the guides show them


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    out = tmp_path_factory.mktemp("dist")
    (out / "apart.cfg").write_text(f"[build]\nbuild_base = {out / 'build'}\n")  # what an earlier build left is not ours
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(out), str(ROOT)], check=True, capture_output=True,
                   env={**os.environ, "DIST_EXTRA_CONFIG": str(out / "apart.cfg")})  # fmt: skip
    (wheel,) = out.glob("poolscope-*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_every_tracked_file_of_the_packages_is_in_it(names):
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "backend", "explorer", "assets"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    tracked = {
        f"poolscope/{name.removeprefix('backend/')}" for name in listed.stdout.splitlines() if (ROOT / name).is_file()
    }
    assert len(tracked) > 50
    assert {name for name in tracked - names if not name.startswith(SCREENSHOTS)} == set()


def test_nothing_else_is_in_it(names):
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"poolscope"}
    assert not [
        name for name in names if "__pycache__" in name or name.endswith(".pyc") or name.startswith(SCREENSHOTS)
    ]
