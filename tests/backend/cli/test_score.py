"""`poolscope methods`, `score` and `embed`."""

from pathlib import Path

import numpy as np
import pytest

from poolscope.models import embedding_name
from poolscope.pool import Pool
from poolscope.scores import METHODS
from tests.backend.engine.test_inputs import renamed
from tests.backend.engine.test_selftest import blind


def test_methods_has_the_promised_shape(poolscope):
    listed = poolscope("methods", "--json").json["methods"]
    assert {entry["id"] for entry in listed} == set(METHODS)
    for entry in listed:
        assert {"id", "title", "kind", "parameters", "needs", "paper"} <= entry.keys()
    clip = next(entry for entry in listed if entry["id"] == "clip_score")
    assert clip["needs"] == ["l14_img", "l14_txt"]
    assert clip["parameters"][0]["name"] == "model"
    assert "clip_score" in poolscope("methods").out


def test_a_score_becomes_a_column_once(poolscope, tiny_pool):
    made = poolscope("score", "clip_score", "--as", "mine", "--pool", tiny_pool.path, "--json").json
    assert made["column"] == "mine"
    assert made["scored"] == 200
    column = Pool.open(tiny_pool.path).array("mine")
    assert made["mean"] == pytest.approx(float(column.mean()), abs=1e-6)
    version = Pool.open(tiny_pool.path).version
    assert poolscope("score", "clip_score", "--as", "mine", "--pool", tiny_pool.path, "--json").json == made
    assert Pool.open(tiny_pool.path).version == version


def test_parameters_reach_the_method(poolscope, tiny_pool):
    for seed in (1, 2):
        poolscope("score", "random", "--set", f"seed={seed}", "--as", f"r{seed}", "-p", tiny_pool.path)
    pool = Pool.open(tiny_pool.path)
    assert pool.columns["r2"].made_by["parameters"]["seed"] == 2
    assert not np.array_equal(pool.array("r1"), pool.array("r2"))


def test_a_flag_tells_how_many_it_keeps(poolscope, tiny_pool):
    made = poolscope("score", "english", "-p", tiny_pool.path, "--json").json
    assert made["kind"] == "flag"
    assert made["kept"] == int(Pool.open(tiny_pool.path).array("english").sum())


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["nonsense"], "'nonsense'"),
        (["random", "--set", "seed"], "'seed'"),
        (["random", "--set", "seed=abc"], "'abc'"),
        (["random", "--set", "seed=1", "--set", "seed=2"], "twice"),
        (["random", "--set", "speed=1"], "'speed'"),
        (["random", "--engine", "steam"], "'steam'"),
        (["random", "--as", "no spaces!"], "no spaces!"),
        (["random", "--as", "clip_l14"], "'clip_l14'"),
        (["clip_score", "--set", "model=b32"], "b32"),
    ],
)
def test_wrong_input(argv, said, poolscope, tiny_pool):
    version = tiny_pool.version
    assert said in poolscope("score", *argv, "--pool", tiny_pool.path).refused()
    assert Pool.open(tiny_pool.path).version == version


def test_embed_refuses_an_unknown_model(poolscope, tiny_pool):
    assert "'ViT-Nope'" in poolscope("embed", "ViT-Nope", "--as", "x", "-p", tiny_pool.path).refused()


def test_names_of_embeddings():
    assert embedding_name("ViT-L-14/openai") == "vit_l_14_openai"
    assert embedding_name("demo") == "demo"
    assert embedding_name("runs/a/model.safetensors") == "runs_a_model"


def test_detached_score_is_a_job(poolscope, tiny_pool):
    argv = ("score", "random", "--as", "later", "--pool", tiny_pool.path)
    job = poolscope(*argv, "--detach", "--json").json["job"]
    waited = poolscope("jobs", "wait", job, "--json").json
    assert waited["state"] == "done"
    assert waited["argv"] == [str(word) for word in (*argv, "--json")]
    assert "later" in Pool.open(tiny_pool.path).columns


def test_the_cost_is_told_before_anything_is_made(poolscope, tiny_pool):
    pool = str(tiny_pool.path)
    told = poolscope("score", "clip_score", "--set", "model=l14", "--estimate", "--json", "--pool", pool).json
    assert told["method"] == "clip_score"
    assert (told["pairs"], told["sample"], told["disk"]) == (200, 200, 800)
    assert 0 < told["seconds"] < 60
    words = poolscope("score", "random", "--estimate", "--pool", pool).out
    assert "for 200 pairs" in words
    assert "measured here on 200 pairs" in words
    assert "clip_score" not in tiny_pool.reload().columns
    assert "b32_img" in poolscope("score", "clip_score", "--set", "model=b32", "--estimate", "--pool", pool).refused()


def test_two_scores_are_compared(poolscope, tiny_pool):
    pool = str(tiny_pool.path)
    told = poolscope("compare", "clip_l14", "clip_b32", "--pool", pool, "--most", 3, "--json").json
    a, b = tiny_pool.array("clip_l14"), tiny_pool.array("clip_b32")
    assert told["pairs"] == 197
    assert -1 < told["spearman"] < 1
    assert told["overlap"][4]["fraction"] == 0.3
    worst = told["higher_by_a"][0]
    row = tiny_pool.take(range(200), ["uid"])["uid"].to_pylist().index(worst["uid"])
    assert (worst["a"], worst["b"]) == (a[row], b[row])
    assert worst["place_a"] < worst["place_b"]
    assert "rank correlation" in poolscope("compare", "clip_l14", "clip_b32", "--pool", pool).out
    assert "is a flag, not a score" in poolscope("compare", "clip_l14", "sharp", "--pool", pool).refused()


def test_the_command_line_needs_no_model(poolscope, tiny_pool: Pool) -> None:
    pool = renamed(tiny_pool, "mine")
    made = poolscope("score", "clip_score", "--pool", str(pool.path), "--json").json
    assert made["made_by"]["parameters"] == {"model": "mine"}


@pytest.mark.parametrize("id", ["basic", "image_size"])
def test_a_pool_without_sizes_is_told_how_to_get_them(id: str, poolscope, tiny_pool: Pool) -> None:
    for side in ("width", "height"):
        tiny_pool.drop_column(side)
        tiny_pool.add_columns({side: np.zeros(200, np.int32)}, kind="metadata", made_by={})
    said = poolscope("score", id, "--pool", str(tiny_pool.path)).refused()
    assert "'width', which is empty" in said
    assert "import columns" in said


def test_the_command_line_warns(poolscope, tiny_pool: Pool) -> None:
    blind(tiny_pool)
    place = str(tiny_pool.path)
    made = poolscope("score", "clip_score", "--set", "model=blind", "--as", "b", "--pool", place, "--json").json
    assert "hardly knows" in made["warnings"][0]
    told = poolscope("info", "--pool", place, "--json").json
    assert {one["name"] for one in told["models"]} == {"l14", "blind"}
    assert "hardly knows" in told["warnings"]["b"][0]
    assert "AUC" in poolscope("info", "--pool", place).out


def test_the_command_line_says_what_is_out_of_date(poolscope, tiny_pool: Pool, tmp_path: Path) -> None:
    place, entries = str(tiny_pool.path), tmp_path / "entries.txt"
    entries.write_text("red\nsquare\n")
    order = ("score", "metaclip", "--set", f"metadata={entries}", "--pool", place)
    assert "is up to date" not in poolscope(*order).err
    assert "is up to date" in poolscope(*order).err
    assert poolscope("info", "--pool", place, "--json").json["warnings"] == {}
    entries.write_text("chat\n")
    told = poolscope("info", "--pool", place, "--json").json["warnings"]
    assert told == {"metaclip": ["what metadata names has changed; score it again"]}
    assert "is up to date" not in poolscope(*order).err
    poolscope("score", "cliploss", "--set", "batch_size=50", "--pool", place)
    assert "device=auto: c" in poolscope("info", "--pool", place).out
