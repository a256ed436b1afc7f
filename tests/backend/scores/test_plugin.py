"""A method that another package brings by an entry point, run end to end from the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from backend.pool import Pool

METHOD = '''
from dataclasses import dataclass
import numpy as np
from backend.scores import Method, param

@dataclass(frozen=True, kw_only=True)
class Square(Method):
    """The size of a picture in megapixels, to a power."""
    id = "megapixels"; title = "Megapixels"; formula = r"(wh/10^6)^p"; paper = "none"; cost = "1 ns"
    power: float = param(1.0, "exponent", low=0, high=10)
    def needs(self): return ("width", "height")
    def score(self, batch, state):
        return ((batch["width"] * 1e-6 * batch["height"]) ** self.power).astype(np.float32)
'''


def install(folder: Path) -> None:
    about = folder / "megapixels_filter-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "megapixels_filter.py").write_text(METHOD)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: megapixels-filter\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[poolscope.methods]\nmegapixels = megapixels_filter:Square\n")


def poolscope(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "backend.cli", *arguments],
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{Path(__file__).parents[3]}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_plug_in_is_listed_run_and_selected_by(tiny_pool: Pool, tmp_path: Path) -> None:
    install(tmp_path / "site")
    listed = poolscope(tmp_path / "site", "methods", "--json")
    assert listed.returncode == 0, listed.stderr
    about = {entry["id"]: entry for entry in json.loads(listed.stdout)["methods"]}["megapixels"]
    assert about["parameters"][0]["name"] == "power"
    assert about["needs"] == ["width", "height"]
    place = str(tiny_pool.path)
    made = poolscope(tmp_path / "site", "score", "megapixels", "--set", "power=2", "--as", "mp", "--pool", place)
    assert made.returncode == 0, made.stderr
    pool = Pool.open(place)
    expected = (pool.array("width") * pool.array("height") * 1e-6) ** 2
    np.testing.assert_allclose(pool.array("mp"), expected, rtol=1e-5)
    assert pool.columns["mp"].made_by["parameters"] == {"power": 2.0}
    (tmp_path / "r.yaml").write_text("name: large\nkeep:\n  - {score: mp, top: 0.25}\n")
    chosen = poolscope(tmp_path / "site", "select", str(tmp_path / "r.yaml"), "--pool", place, "--json")
    assert json.loads(chosen.stdout)["kept"] == 50
    wrong = poolscope(tmp_path / "site", "score", "megapixels", "--set", "power=-1", "--as", "x", "--pool", place)
    assert wrong.returncode == 2
