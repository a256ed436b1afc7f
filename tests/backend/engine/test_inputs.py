"""Methods find their inputs: a pool with one model needs no parameter that names it."""

import numpy as np
import pytest

from poolscope.engine import fit
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.scores import METHODS, build
from poolscope.targets import add_target


def renamed(pool: Pool, *names: str) -> Pool:
    """The pool with its embeddings under other names."""
    for name in names:
        for side in ("img", "txt"):
            vectors = pool.embeddings(f"l14_{side}", range(len(pool))).astype(np.float16)
            pool.add_columns({f"{name}_{side}": vectors}, kind="embedding", made_by={})
    for side in ("img", "txt"):
        pool.drop_column(f"l14_{side}")
    return pool


@pytest.mark.parametrize("id", [id for id in METHODS if "model" in METHODS[id].__dataclass_fields__])
def test_the_only_model_is_found_by_every_method(id: str, tiny_pool: Pool) -> None:
    pool = renamed(tiny_pool, "mine")
    model = fit(id, pool).parameters()["model"]
    assert model == ("mine" if METHODS[id].__dataclass_fields__["model"].default else "")


def test_embedding_target_and_score_are_found_too(tiny_pool: Pool, tmp_path) -> None:
    pool = renamed(tiny_pool, "mine")
    np.save(tmp_path / "near.npy", np.eye(16, dtype=np.float32))
    add_target(pool, "near", tmp_path / "near.npy", model="mine")
    assert fit("normsim", pool).parameters()["target"] == "near"
    assert fit("dedup", pool).parameters()["embedding"] == "mine_img"
    pool.drop_column("clip_l14")
    pool.add_columns({"fits": np.ones(200, np.float32)}, kind="score", made_by={"method": "clip_score"})
    assert fit("vas_d", pool).parameters()["quality"] == "fits"
    assert fit("laion2b", pool).parameters()["clip"] == "clip_b32"


def test_between_several_one_must_choose(tiny_pool: Pool) -> None:
    pool = renamed(tiny_pool, "one", "two")
    with pytest.raises(InputError, match=r"one, two.*--set model="):
        fit("clip_score", pool)
    assert fit("clip_score", pool, model="two").parameters()["model"] == "two"


def test_the_demos_teacher_is_the_last_choice_elsewhere(tiny_pool: Pool) -> None:
    pool = renamed(tiny_pool, "demo", "other")
    assert pool.models == ["other", "demo"]
    assert pool.model() == "other"
    with pytest.raises(InputError, match="third_img"):
        pool.model("third")


@pytest.mark.parametrize(
    ("id", "given", "made"),
    [
        ("random", {"seed": "1e3"}, 1000),
        ("random", {"seed": "9007199254740993"}, 9007199254740993),
        ("cliploss", {"parity": "yes"}, True),
        ("cliploss", {"device": "cuda:3"}, "cuda:3"),
        ("normsim", {"p": 2}, "2"),
        ("dedup", {"threshold": "-0.5"}, -0.5),
    ],
)
def test_parameters_are_read_as_their_type(id: str, given: dict, made: object) -> None:
    assert build(id, **given).parameters()[next(iter(given))] == made


@pytest.mark.parametrize(
    ("id", "given"),
    [
        ("random", {"seed": True}),
        ("random", {"seed": None}),
        ("random", {"seed": "1.5"}),
        ("random", {"seed": "inf"}),
        ("random", {"seed": "1e999"}),
        ("random", {"seed": []}),
        ("cliploss", {"temperature": "nan"}),
        ("cliploss", {"parity": "perhaps"}),
        ("cliploss", {"device": "cuda:"}),
        ("cliploss", {"device": "tpu"}),
    ],
)
def test_what_is_no_value_of_the_type_is_named(id: str, given: dict) -> None:
    with pytest.raises(InputError):
        build(id, **given)
