"""`import poolscope as ps`: every public name has examples that run, and a notebook gets what it asks for."""

import doctest
import importlib
import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import poolscope as ps
from poolscope import api
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.scores.random import Random

NAMES = ["poolscope", "poolscope.api.pool", "poolscope.api.selection", "poolscope.api.tables"]
FOUND = [one for name in NAMES for one in doctest.DocTestFinder().find(importlib.import_module(name)) if one.examples]


@pytest.fixture
def pool(tiny_pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ps.Pool:
    monkeypatch.chdir(tmp_path)
    return ps.open("pool")


@pytest.mark.parametrize("example", FOUND, ids=lambda one: one.name)
def test_the_examples_run(example: doctest.DocTest, pool: ps.Pool) -> None:
    example.globs = {"ps": ps}
    said: list[str] = []
    flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    done = doctest.DocTestRunner(optionflags=flags).run(example, out=said.append)
    assert done.failed == 0, "".join(said)


def test_what_is_public_has_an_example() -> None:
    shown = {one.name.rpartition("poolscope.api.")[2] for one in FOUND}
    for module, owner in (("pool", ps.Pool), ("selection", ps.Selection)):
        public = {name for name, value in vars(owner).items() if inspect.isfunction(value) and name[0] != "_"}
        assert {f"{module}.{owner.__name__}.{name}" for name in public} <= shown
    assert {"pool.open", "tables.methods", "tables.leaderboard"} <= shown


def test_every_public_name_is_there_and_documented() -> None:
    for name in ps.__all__:
        assert name == "__version__" or inspect.getdoc(getattr(ps, name)), name
    assert set(ps.__all__) == {*api.__all__, "__version__"}
    with pytest.raises(AttributeError, match="no attribute 'no_such_thing'"):
        ps.no_such_thing  # noqa: B018


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    code = "import sys, poolscope; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "lance", "lancedb", "pandas", "numpy", "pyarrow", "plotly", "streamlit"} & set(loaded)


def test_ten_lines_of_a_notebook(pool: ps.Pool, tmp_path: Path) -> None:
    """The lines of the README, on a small pool: the run is only refused, for it is too small to train on."""
    text = (Path(__file__).parent.parent / "README.md").read_text()
    lines = text.split("```python\n")[1].split("```")[0].replace("ps.open()", "ps.open('pool')")
    lines = lines.replace('"clip_score", model="demo"', '"clip_score", model="l14"')
    before, _, run = lines.partition("run = ")
    names: dict[str, Any] = {}
    exec(before, names)
    assert isinstance(names["frame"], pd.DataFrame)
    assert len(names["frame"]) == len(names["kept"]) == 60
    with pytest.raises(InputError):
        exec(f"run = {run}", names)


def test_a_rule_a_file_a_name_and_plain_data_select_the_same(pool: ps.Pool, tmp_path: Path) -> None:
    rule = {"score": "clip_l14", "top": 0.25}
    (tmp_path / "r.yaml").write_text("name: r\nkeep:\n  - {score: clip_l14, top: 0.25}\n")
    (pool.path / "recipes").mkdir()
    (pool.path / "recipes" / "mine.yaml").write_text((tmp_path / "r.yaml").read_text())
    wanted = pool.select(**rule).rows
    assert len(wanted) == 50
    for given in (
        rule,
        [rule],
        {"name": "r", "keep": [rule]},
        "r.yaml",
        tmp_path / "r.yaml",
        "mine",
        pool.select(rule).recipe,
    ):
        np.testing.assert_array_equal(pool.select(given).rows, wanted)
    assert len(pool.select()) == 200
    assert pool.select().recipe.name == "no filter"


def test_a_recipe_makes_the_scores_that_it_explains(pool: ps.Pool) -> None:
    kept = pool.select({"scores": {"r": {"method": "random", "seed": 3}}, "keep": [{"score": "r", "top": 0.1}]})
    assert len(kept) == 20
    assert pool.columns["r"].made_by["parameters"] == {"seed": 3}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda p: p.select("no-such"), "no recipe 'no-such'"),
        (lambda p: p.select({"scroe": "x"}), "exactly one of score"),
        (lambda p: p.select("basic", top=0.3), "not both"),
        (lambda p: p.select(score="clip_l14", top=3), "fraction from 0 to 1"),
        (lambda p: p.select(score="absent", top=0.3), "no column 'absent'"),
        (lambda p: p.select(flag="sharp").to_pandas(["absent"]), "no column 'absent'"),
        (lambda p: p.select(flag="sharp").to_pandas("text"), r"give a list, for example \['text'\]"),
        (lambda p: p.select(flag="sharp").to_arrow(limit=-1), "0 or more"),
        (lambda p: p.select(flag="sharp").export("kept.csv"), "allowed are .npy"),
        (lambda p: p.select(flag="sharp").histogram("text"), "not numbers"),
        (lambda p: p.select(flag="sharp").histogram("l14_img"), "name a score"),
        (lambda p: p.select(flag="sharp").histogram("clip_l14", bins=0), "1 to 10,000"),
        (lambda p: p.select(flag="sharp").train("huge"), "huge"),
        (lambda p: p.score("no_such"), "no method"),
        (lambda p: p.score("random", seeds=1), "no parameter 'seeds'"),
        (lambda p: p.score(Random(), seed=1), "built"),
        (lambda p: ps.open("absent"), "no pool at"),
        (lambda p: ps.Run(7), "7"),
    ],
)  # fmt: skip
def test_wrong_input_is_one_line(wrong: Callable[[ps.Pool], Any], message: str, pool: ps.Pool) -> None:
    with pytest.raises(InputError, match=message) as caught:
        wrong(pool)
    assert "\n" not in str(caught.value)


def test_tables_hold_the_kept_pairs_in_row_order(pool: ps.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = pool.select(flag="sharp")
    frame = kept.to_pandas()
    assert "l14_img" not in frame
    assert {"uid", "text", "clip_l14"} <= set(frame)
    np.testing.assert_array_equal(
        frame["text"], np.array(pool.store.strings("text").to_pylist(), dtype=object)[kept.rows]
    )
    batches = list(kept.to_batches(["text", "uid"], batch_size=7))
    assert max(batch.num_rows for batch in batches) <= 7
    assert [uid for batch in batches for uid in batch["uid"].to_pylist()] == frame["uid"].tolist()
    monkeypatch.setattr("poolscope.api.selection.BLOCK", 16)
    assert kept.to_arrow(["uid"], limit=50).column("uid").to_pylist() == frame["uid"].tolist()[:50]
    assert kept.to_arrow(["uid", "text"]).equals(pa.Table.from_batches(list(kept.to_batches(["uid", "text"]))))
    assert kept.to_arrow(limit=0).num_rows == 0
    assert pool.select(score="clip_l14", min=99).to_pandas().empty
    monkeypatch.setattr("poolscope.api.selection.MOST", 50)
    with pytest.raises(InputError, match=r"to_batches\(\)"):
        kept.to_pandas()
    assert len(kept.to_pandas(limit=len(kept))) == len(kept)


def test_html_is_escaped(tmp_path: Path, pool: ps.Pool) -> None:
    shown = pool.select({"name": "<script>alert(1)</script>", "keep": [{"where": "text <> '<b>'"}]})._repr_html_()
    assert "<script>" not in shown
    assert shown.count("&lt;script&gt;") == 1
    assert "<td style='text-align:left'>text &lt;&gt; &#x27;&lt;b&gt;&#x27;</td>" in shown
    assert "<td style='text-align:left'>sharp</td>" in pool._repr_html_()


def test_the_histogram_counts_every_scored_pair_once(pool: ps.Pool) -> None:
    kept = pool.select(score="clip_l14", top=0.3)
    bars = {bar.name: sum(bar.y) for bar in kept.histogram("clip_l14").data}
    assert bars == {"kept": 60, "dropped": 137}
    assert "3 pairs not scored" in kept.histogram("clip_l14").layout.xaxis.title.text
    assert sum(pool.histogram("clip_l14").data[0].y) == 197


def to_size(image: Any) -> Any:
    import torch

    return torch.tensor(image.size)


@pytest.mark.filterwarnings("ignore:lance is not fork-safe")
def test_a_torch_loader_reads_the_kept_pairs(pool: ps.Pool) -> None:
    from torch.utils.data import DataLoader

    kept = pool.select(flag="sharp")
    dataset = kept.to_torch(to_size)
    wanted = kept.to_pandas(["text"])["text"].tolist()
    spawned = DataLoader(dataset, batch_size=32, num_workers=1, multiprocessing_context="spawn")
    seen = [text for sizes, texts in spawned for text in texts if tuple(sizes[0].tolist()) == (64, 48)]
    assert seen == wanted
    assert dataset[-1][1] == wanted[-1]
    with pytest.raises(IndexError):
        dataset[len(dataset)]
    forked = DataLoader(dataset, batch_size=8, num_workers=1, multiprocessing_context="fork", timeout=60)
    with pytest.raises(InputError, match="multiprocessing_context='spawn'"):
        next(iter(forked))


def test_unreadable_images_are_left_out_with_a_warning(pool: ps.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = pool.select(flag="sharp").to_torch()
    read = Pool.images
    monkeypatch.setattr(Pool, "images", lambda self, rows: [None, b"no image", *read(self, rows)[2:]])
    with pytest.warns(UserWarning, match="2 of 8 pairs have no readable image"):
        assert len(dataset.__getitems__(range(8))) == 6
    with pytest.raises(InputError, match="can't be read"):
        dataset[0]


def test_exports_say_what_made_them(pool: ps.Pool, tmp_path: Path) -> None:
    kept = pool.select(flag="sharp")
    assert len(np.load(kept.export("kept.npy"))) == len(kept)
    assert pd.read_parquet(kept.export("kept.parquet", columns=["uid"])).shape == (len(kept), 1)
    assert list(kept.export("shards").glob("*.tar"))
    with pytest.raises(InputError, match="exists already; choose another name"):
        pool.select().export("kept.npy")
    assert len(np.load(pool.select().export("kept.npy", replace=True))) == 200
    for name in ("kept.npy", "kept.parquet"):
        assert (tmp_path / f"{name}.recipe.json").is_file()


def test_a_run_is_a_job_that_can_be_followed(pool: ps.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poolscope.bench.preflight", lambda *words, **options: [])
    run = pool.select(score="clip_l14", top=0.02).train("demo", gpus=0)  # 4 pairs: the command itself refuses them
    with pytest.raises(RuntimeError, match=f"poolscope jobs log {run.job}"):
        run.wait(timeout=120)
    assert run.state == "failed"
    assert "seed 0" in repr(run)
    assert ps.Run(run.job).record is None
    assert ps.Run(run.job).results().empty
