"""A method that another package brings by an entry point, run end to end from the command line."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from poolscope.pool import Pool

ROOT = Path(__file__).parents[3]
METHOD = re.findall(r"```python\n(.*?)```", (ROOT / "backend/README.md").read_text(), re.DOTALL)[0]  # "Add a method"


def install(folder: Path) -> None:
    about = folder / "brevity_filter-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "brevity_filter.py").write_text(METHOD)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: brevity-filter\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[poolscope.methods]\nbrevity = brevity_filter:Brevity\n")


def poolscope(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "poolscope", *arguments],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_plug_in_is_listed_run_and_selected_by(tiny_pool: Pool, tmp_path: Path) -> None:
    install(tmp_path / "site")
    listed = poolscope(tmp_path / "site", "methods", "--json")
    assert listed.returncode == 0, listed.stderr
    about = {entry["id"]: entry for entry in json.loads(listed.stdout)["methods"]}["brevity"]
    assert about["parameters"][0]["name"] == "floor"
    assert about["needs"] == ["text"]
    place = str(tiny_pool.path)
    told = poolscope(tmp_path / "site", "score", "brevity", "--estimate", "--pool", place, "--json")
    assert json.loads(told.stdout)["pairs"] == 200, told.stderr
    made = poolscope(tmp_path / "site", "score", "brevity", "--set", "floor=4", "--as", "short", "--pool", place)
    assert made.returncode == 0, made.stderr
    pool = Pool.open(place)
    expected = [-max(len(text.split()), 4) for text in pool.strings("text").to_pylist()]
    np.testing.assert_array_equal(pool.array("short"), np.array(expected, np.float32))
    assert len(set(expected)) > 1
    assert pool.columns["short"].made_by["parameters"] == {"floor": 4}
    (tmp_path / "r.yaml").write_text("name: brief\nkeep:\n  - {score: short, top: 0.25}\n")
    chosen = poolscope(tmp_path / "site", "select", str(tmp_path / "r.yaml"), "--pool", place, "--json")
    assert json.loads(chosen.stdout)["kept"] == 50
    wrong = poolscope(tmp_path / "site", "score", "brevity", "--set", "floor=-1", "--as", "x", "--pool", place)
    assert wrong.returncode == 2


def test_a_plug_in_has_a_card(tiny_pool: Pool, tmp_path: Path, monkeypatch) -> None:
    from poolscope.engine.catalogue import entry
    from poolscope.scores import METHODS

    install(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    METHODS.forget()
    try:
        card = entry("brevity", tiny_pool)
        assert (card.method.title, card.problem, card.needs) == ("Brevity", "", {"text": True})
        assert card.summary.startswith("s_i = -max(words_i, floor)")
    finally:
        METHODS.forget()
