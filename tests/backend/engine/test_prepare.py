"""`prepare`: one call makes a pool alive, skips what is there, and says what it left out and why."""

import sys

import numpy as np
import pytest

from poolscope import projection
from poolscope.audit import catalog
from poolscope.engine.prepare import prepare
from poolscope.errors import InputError
from poolscope.pool import Pool
from tests.backend.cli.conftest import poolscope
from tests.backend.engine.test_embed import tiny_model

__all__ = ["poolscope", "tiny_model"]


@pytest.fixture(autouse=True)
def quick_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """The costly groups have tests of their own."""
    original = catalog.find
    monkeypatch.setattr(catalog, "find", lambda pool, **how: original(pool, families=["language"], **how))


@pytest.fixture
def quick_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "build", lambda pool, **how: None)


def test_a_new_pool_becomes_alive_and_a_second_call_makes_nothing(
    tiny_pool: Pool, tiny_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # UMAP, which compiles for ten seconds, has its own test.
    monkeypatch.setattr(sys.modules["poolscope.projection.build"], "umap_of", lambda reduced, seed: reduced[:, :2])
    seen: list[int] = []
    made = prepare(tiny_pool, tiny_model, name="tiny", progress=lambda done, total, *a, **k: seen.append(done))
    assert made.left_out == {}
    assert made.scores == ["clip_score", "english", "basic", "caption_length", "phash"]
    assert set(made.scores) <= made.pool.columns.keys()
    assert made.pool.columns["clip_score"].made_by["parameters"] == {"model": "tiny"}
    assert made.self_test is not None
    assert not made.self_test.passed  # its weights are random
    assert "tiny" in projection.available(made.pool)
    assert len(catalog.load(made.pool).choose(["language"]).definitions)
    assert seen == sorted(seen)
    assert seen[-1] == 100
    again = prepare(made.pool, tiny_model, name="tiny")
    assert again.pool.version == made.pool.version
    assert again.scores == made.scores


def test_an_interrupted_call_goes_on(tiny_pool: Pool, tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(pool: Pool, **how: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(projection, "build", stop)
        with pytest.raises(KeyboardInterrupt):
            prepare(tiny_pool, tiny_model, name="tiny")
    before = tiny_pool.reload().version
    monkeypatch.setattr(projection, "build", lambda pool, **how: None)
    assert prepare(tiny_pool.reload(), tiny_model, name="tiny").pool.version == before


@pytest.mark.usefixtures("quick_map")
def test_without_a_model_the_rest_is_done_and_the_pools_own_is_used_where_there_is_one(tiny_pool: Pool) -> None:
    made = prepare(tiny_pool)
    assert made.model == "l14"
    assert made.self_test is not None
    assert made.self_test.passed
    pool = made.pool
    for name in ("l14_img", "l14_txt", "clip_score"):
        pool.drop_column(name)
    alone = prepare(pool.reload())
    assert alone.model is None
    assert alone.left_out.keys() == {"embeddings", "clip_score", "map"}
    assert "ViT-B-32/openai" in alone.left_out["embeddings"]
    assert "phash" in alone.scores


@pytest.mark.usefixtures("quick_map")
def test_what_a_pool_can_not_have_and_what_others_made_is_left(tiny_pool: Pool) -> None:
    for side in ("width", "height"):
        tiny_pool.drop_column(side)
    tiny_pool.add_columns({"english": np.ones(200, bool)}, kind="flag", made_by={"source": "elsewhere"})
    made = prepare(tiny_pool)
    assert made.left_out.keys() == {"basic", "english"}
    assert made.pool.array("english").all()


def test_an_unknown_model_is_wrong_input(tiny_pool: Pool) -> None:
    with pytest.raises(InputError, match="ViT-Nope"):
        prepare(tiny_pool, "ViT-Nope")


@pytest.mark.usefixtures("quick_map")
def test_the_command_says_what_was_done(poolscope, tiny_pool: Pool) -> None:
    place = str(tiny_pool.path)
    made = poolscope("prepare", "--pool", place, "--json").json
    assert made["pairs"] == 200
    assert made["self_test"]["passed"]
    assert made["left_out"] == {}
    told = poolscope("prepare", "--pool", place).out
    assert "200 pairs prepared" in told
    assert "AUC" in told
    assert "ViT-Nope" in poolscope("prepare", "ViT-Nope", "--pool", place).refused()


@pytest.mark.usefixtures("quick_map")
def test_the_demos_teacher_is_warned_of_elsewhere(poolscope, tiny_pool: Pool) -> None:
    done = poolscope("prepare", "demo", "--as", "teacher", "--pool", str(tiny_pool.path))
    assert done.code == 0
    assert "knows clip art and emoji only" in done.err
    assert "hardly knows this pool" in done.err
