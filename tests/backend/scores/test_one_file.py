"""A new method is one file: dropped into the package, it is on the command line, in the catalogue, recipes and docs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from poolscope.engine.catalogue import entry
from poolscope.engine.ready import ready
from poolscope.pool import Pool
from poolscope.scores import METHODS
from tests.backend.cli.conftest import poolscope

__all__ = ["poolscope"]
ROOT = Path(__file__).parents[3]
METHOD = '''"""Shortness: minus the number of words."""

from dataclasses import dataclass

import numpy as np

from .base import Method, param


@dataclass(frozen=True, kw_only=True)
class Shortness(Method):
    """s_i = -max(words_i, floor): short captions score high. `(n,)` float32.

    >>> Shortness().floor
    1
    """

    id = "shortness"
    title = "Shortness"
    formula = "-w"
    floor: int = param(1, "captions below it count alike", low=1)

    def needs(self):
        return ("text",)

    def score(self, batch, state):
        words = [len((text or "").split()) for text in batch["text"].to_pylist()]
        return -np.maximum(np.array(words, np.float32), self.floor)
'''


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with one file more, on a path of its own."""
    folder = tmp_path_factory.mktemp("package")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "backend", folder / "poolscope", ignore=ignored)
    (folder / "poolscope" / "explorer").symlink_to(ROOT / "explorer")
    (folder / "poolscope" / "assets").symlink_to(ROOT / "assets")
    (folder / "poolscope" / "scores" / "shortness.py").write_text(METHOD)
    return folder


def in_copy(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], env={**os.environ, "PYTHONPATH": str(folder)}, cwd=folder, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_line_and_the_documentation_have_it(copy: Path, tiny_pool: Pool) -> None:
    place = str(tiny_pool.path)
    listed = json.loads(in_copy(copy, "-m", "poolscope", "methods", "--json"))["methods"]
    assert {one["id"]: one for one in listed}["shortness"]["parameters"][0]["name"] == "floor"
    (copy / "docs").mkdir()
    shutil.copy(ROOT / "assets" / "docs" / "reference.py", copy / "docs")
    in_copy(copy, "docs/reference.py")
    assert "| `shortness` | score | Shortness |" in (copy / "docs" / "methods.md").read_text()
    made = json.loads(in_copy(copy, "-m", "poolscope", "select", "shortness", "--pool", place, "--json"))
    assert made["kept"] == 60  # its ready recipe, the top 30 %, made the column first
    pool = tiny_pool.reload()
    words = np.array([len(text.split()) for text in pool.strings("text").to_pylist()], np.float32)
    np.testing.assert_array_equal(pool.array("shortness"), -words)


def test_the_page_has_its_card(copy: Path, tiny_pool: Pool) -> None:
    said = in_copy(
        copy, "-c",
        "from streamlit.testing.v1 import AppTest\n"
        "import os, poolscope.explorer\n"
        "from poolscope.explorer import method_cost\n"
        "method_cost.in_background = lambda pool: False\n"  # it starts a job that measures every method
        "from pathlib import Path\n"
        f"os.environ['POOLSCOPE_POOL'] = {str(tiny_pool.path)!r}\n"
        "page = Path(poolscope.explorer.__file__).parent / 'app_pages' / 'methods.py'\n"
        "app = AppTest.from_file(str(page), default_timeout=120).run()\n"
        "assert not app.exception, app.exception\n"
        "print([one.value for one in app.markdown], [one.value for one in app.caption])",
    )  # fmt: skip
    assert "##### Shortness" in said
    assert "Shortness 30 %" in said.replace("\\", "")


def test_everything_else_follows_in_this_process_too(
    tmp_path: Path, tiny_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import poolscope.scores as scores

    (tmp_path / "shortness.py").write_text(METHOD)
    with monkeypatch.context() as patch:
        patch.setattr(scores, "__path__", [*scores.__path__, str(tmp_path)])
        METHODS.forget()
        card = entry("shortness", tiny_pool)
        assert (card.problem, card.needs, [one.name for one in card.recipes]) == (
            "",
            {"text": True},
            ["Shortness 30 %"],
        )
        assert "shortness" in ready()
    METHODS.forget()
    sys.modules.pop("poolscope.scores.shortness", None)
    assert "shortness" not in METHODS


def test_shipped_methods_keep_their_order_and_come_before_others() -> None:
    listed = list(METHODS)
    assert listed[:4] == ["clip_score", "basic", "english", "random"]
    assert listed[-1] == "dfn"
    assert set(listed[: len(METHODS.shipped)]) == set(METHODS.shipped)


def test_a_method_is_imported_when_it_is_asked_for() -> None:
    code = (
        "import sys; from poolscope.scores import METHODS; 'vas' in METHODS; METHODS['random'];"
        "print([m for m in sys.modules if m in ('torch', 'faiss', 'poolscope.scores.vas', 'poolscope.bench.dfn')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_broken_package_harms_nobody(tmp_path: Path, poolscope, tiny_pool: Pool) -> None:
    about = tmp_path / "broken-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[poolscope.methods]\nbroken = no_such_module:Nothing\n")
    sys.path.insert(0, str(tmp_path))
    METHODS.forget()
    try:
        listed = poolscope("methods", "--json")
        assert "broken" not in {one["id"] for one in listed.json["methods"]}
        assert "no_such_module" in listed.err
        assert "no_such_module" in poolscope("score", "broken", "--pool", str(tiny_pool.path)).refused()
        assert ready()
    finally:
        sys.path.remove(str(tmp_path))
        METHODS.forget()
