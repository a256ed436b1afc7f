"""Provenance is content: a pool that grew, a file or a column that was replaced is noticed; a move is not a change."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from poolscope.engine import embed, ensure, run
from poolscope.engine.made_by import stale
from poolscope.engine.run import Task
from poolscope.errors import InputError
from poolscope.models import Model, save_weights
from poolscope.pool import Pool
from poolscope.recipe import load
from poolscope.scores import METHODS, build
from poolscope.targets import Examples, add_examples, add_target

SMALL = {
    "cliploss": {"batch_size": 20, "partitions": 2},
    "normsim": {"target": "near"},
    "vas": {"target": "near"},
    "vas_d": {"steps": 7},
    "normsim_d": {"steps": 7, "quality": "clip_b32"},
    "image_based": {"target": "near", "clusters": 6, "captions": False},
    "laion2b": {"detector": "fasttext"},
    "rank_sum": {"scores": "clip_l14,clip_b32"},
    "within": {"score_column": "clip_b32", "quality": "clip_l14", "top": 0.3},
    "dedup": {"embedding": "l14_img", "threshold": 0.4},
    "ensemble": {"columns": "clip_l14,clip_b32,sharp"},
    "mix": {"columns": "clip_l14,clip_b32", "seeds": 2, "steps": 2, "batch": 16, "device": "cpu"},
    "hype": {"samples": 64, "batch": 32, "references": 40, "cosine": "clip_b32", "architecture": "tiny"},
}


@dataclass
class Said:
    """Progress that remembers its messages."""

    messages: list[str] = field(default_factory=list)

    def __call__(self, done: int, total: int, message: str = "", **figures: float) -> None:
        self.messages.append(message)

    @property
    def up_to_date(self) -> bool:
        return any("is up to date" in message for message in self.messages)


def pool_of(source: Pool, path: Path, pieces: list[range]) -> Pool:
    """The pairs of `source` in fragments of their own, with a target set."""
    table = source.take(range(len(source)), ["uid_hi", "uid_lo", *other_columns(source)])
    made = Pool.create(path, table.schema, {"source": "pieces", "root": str(source.root)})
    for piece in pieces:
        made.append(table.take(pa.array(piece)).to_batches())
    vectors = np.random.default_rng(5).normal(size=(30, 16)).astype(np.float32)
    np.save(path.parent / f"{path.name}-near.npy", vectors)
    add_target(made, "near", path.parent / f"{path.name}-near.npy", model="l14")
    labels = np.random.default_rng(6).normal(size=(3, 16))[np.arange(30) % 3]
    add_examples(made, "training", Examples(vectors, labels, np.array(["task"] * 30)), model="l14", source="a test")
    return made.reload()


def other_columns(source: Pool) -> list[str]:
    return [name for name in source.schema.names if name not in ("uid_hi", "uid_lo")]


def more(pool: Pool, source: Pool, rows: range) -> Pool:
    pool.append(source.take(rows, ["uid_hi", "uid_lo", *other_columns(source)]).to_batches())
    return pool.reload()


@pytest.fixture
def network(tiny_model: str, tmp_path: Path) -> str:
    import torch

    torch.manual_seed(0)
    save_weights(Model(tiny_model).load("cpu").network, tmp_path / "n.safetensors", model=tiny_model, about={})
    return str(tmp_path / "n.safetensors")


def same(made: Pool, fresh: Pool, columns: list[str]) -> None:
    for name in columns:
        here, there = made.take(range(len(made)), [name])[name], fresh.take(range(len(fresh)), [name])[name]
        if pa.types.is_floating(here.type):
            np.testing.assert_allclose(here.to_numpy(), there.to_numpy(), atol=2e-6, err_msg=name)
        else:
            assert here.to_pylist() == there.to_pylist(), name


@pytest.mark.parametrize("id", METHODS.shipped)
def test_a_pool_that_grew_is_scored_as_if_it_had_been_whole(
    id: str, tiny_pool: Pool, tmp_path: Path, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every method: pairs added after the score, and between two units of a score that was interrupted."""
    method = build(id, **(SMALL.get(id, {}) | ({"network": network} if id == "dfn" else {})))
    fresh = pool_of(tiny_pool, tmp_path / "fresh", [range(200)])
    before = set(fresh.columns)
    fresh = run(fresh, method)
    made = sorted(set(fresh.columns) - before)

    after = run(pool_of(tiny_pool, tmp_path / "after", [range(90), range(90, 150)]), method)
    after = more(after, tiny_pool, range(150, 200))
    assert "150 of 200 pairs" in stale(after, id)
    same(run(after, method), fresh, made)

    between = pool_of(tiny_pool, tmp_path / "between", [range(90), range(90, 150)])
    compute, done = Task.compute, []

    def once(self: Task, unit: Any, *rest: Any) -> None:
        if done:
            raise KeyboardInterrupt
        compute(self, unit, *rest)
        done.append(unit)

    with monkeypatch.context() as patched:
        patched.setattr(Task, "compute", once)
        try:
            run(between, method)
        except KeyboardInterrupt:
            assert id not in between.reload().columns
    said = Said()
    between = run(more(between, tiny_pool, range(150, 200)), method, progress=said)
    assert not said.up_to_date
    same(between, fresh, made)
    assert between.columns[id].made_by["rows"] == 200
    assert stale(between, id) == ""
    work = between.path / "work"
    assert not [path for path in work.glob("*") if path.name not in ("phash", ".spools")], (
        "no records of the smaller pool stay"
    )


def test_pairs_added_while_units_are_computed_are_scored_too(
    tiny_pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for id in ("rank_sum", "metaclip", "within", "vas_d", "random"):
        fresh = run(pool_of(tiny_pool, tmp_path / f"{id}-whole", [range(200)]), build(id, **SMALL.get(id, {})))
        pool = pool_of(tiny_pool, tmp_path / id, [range(90), range(90, 150)])
        compute, grown = Task.compute, []

        def growing(
            self: Task, unit: Any, *rest: Any, pool: Pool = pool, compute: Any = compute, grown: list[bool] = grown
        ) -> None:
            if not grown:
                grown.append(True)
                more(pool, tiny_pool, range(150, 200))
            compute(self, unit, *rest)

        with monkeypatch.context() as patched:
            patched.setattr(Task, "compute", growing)
            same(run(pool, build(id, **SMALL.get(id, {}))), fresh, [id])


def test_a_statistic_of_another_pool_is_computed_anew_and_other_units_are_kept(
    tiny_pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[str] = []
    compute = Task.compute

    def counted(self: Task, unit: Any, *rest: Any) -> None:
        compute(self, unit, *rest)
        computed.append(f"{unit.start}")
        if len(computed) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Task, "compute", counted)
    for id, expected in (("clip_score", ["0", "90", "150"]), ("metaclip", ["0", "0", "90", "150"])):
        computed.clear()
        pool = pool_of(tiny_pool, tmp_path / id, [range(90), range(90, 150)])
        with pytest.raises(KeyboardInterrupt):
            run(pool, build(id))
        run(more(pool, tiny_pool, range(150, 200)), build(id))
        assert computed == expected, id


def list_of_ids(path: Path, ids: list[str]) -> str:
    path.write_text("\n".join(ids))
    return str(path)


def write(path: Path, content: Any) -> str:
    if isinstance(content, np.ndarray):
        with path.open("wb") as handle:
            np.save(handle, content)
    else:
        path.write_text(content)
    return str(path)


def covariance(seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(40, 16))
    return (rows.T @ rows / 40).astype(np.float32)


FILES: dict[str, tuple[str, str, Any, Any, dict[str, Any]]] = {
    "vas": ("covariance", "c.npy", covariance(1), covariance(2), {}),
    "image_based": ("centroids", "c.npy", covariance(1), covariance(2), {"target": "near", "captions": False}),
    "metaclip": ("metadata", "entries.txt", "red\nsquare\n", "chat\ndort\n", {}),
    "metaclip_balanced": ("metadata", "entries.txt", "red\nsquare\n", "chat\ndort\n", {}),
    "metaclip_worldwide": ("metadata", "e.json", '{"en": ["red", "square"]}', '{"en": ["dog"], "fr": ["chat"]}', {}),
    "text_based": ("entities", "ids.txt", "n02084071\n", "n00001740\n", {}),
}
"""Methods that read a file of one's own: the parameter, its name, its content before and after, other parameters."""


@pytest.mark.parametrize("id", FILES)
def test_a_file_with_other_content_under_the_same_name(id: str, tiny_pool: Pool, tmp_path: Path) -> None:
    parameter, name, before, after, rest = FILES[id]
    path = tmp_path / name
    pool = pool_of(tiny_pool, tmp_path / "here", [range(200)])
    method = build(id, **rest, **{parameter: write(path, before)})
    pool = run(pool, method)
    first = pool.array(id)
    assert stale(pool, id) == ""
    write(path, after)
    assert parameter in stale(pool, id)
    said = Said()
    pool = run(pool, method, progress=said)
    assert not said.up_to_date
    assert any(f"what {parameter} names has changed" in message for message in said.messages)
    fresh = run(pool_of(tiny_pool, tmp_path / "there", [range(200)]), method)
    np.testing.assert_allclose(pool.array(id), fresh.array(id), atol=1e-6)
    assert not np.array_equal(first, pool.array(id), equal_nan=True)
    # elsewhere, but with equal content: nothing to do
    moved = tmp_path / f"moved-{name}"
    shutil.move(path, moved)
    said = Said()
    assert run(pool, build(id, **rest, **{parameter: str(moved)}), progress=said).version == pool.version
    assert said.up_to_date
    # another file with other content is another order, as ever
    with pytest.raises(InputError, match="made in another way"):
        run(pool, build(id, **rest, **{parameter: write(tmp_path / f"other-{name}", before)}))


@pytest.mark.parametrize(
    ("id", "parameters"),
    [
        ("normsim", {"target": "near"}),
        ("normsim", {"target": "near", "p": "2"}),
        ("vas", {"target": "near"}),
        ("image_based", {"target": "near", "clusters": 60, "captions": False}),
        ("dedup", {"embedding": "l14_img", "threshold": 0.9, "against": "near", "against_threshold": 0.5}),
    ],
)
def test_a_target_set_that_was_replaced(id: str, parameters: dict[str, Any], tiny_pool: Pool, tmp_path: Path) -> None:
    pool = run(pool_of(tiny_pool, tmp_path / "here", [range(200)]), build(id, **parameters))
    before = pool.array(id)
    write(tmp_path / "new.npy", np.random.default_rng(9).normal(size=(50, 16)).astype(np.float32))
    add_target(pool, "near", tmp_path / "new.npy", model="l14", force=True)
    assert "has changed" in stale(pool, id)
    pool = run(pool, build(id, **parameters))
    other = pool_of(tiny_pool, tmp_path / "there", [range(200)])
    add_target(other, "near", tmp_path / "new.npy", model="l14", force=True)
    np.testing.assert_allclose(pool.array(id), run(other, build(id, **parameters)).array(id), atol=1e-6)
    assert not np.array_equal(before, pool.array(id), equal_nan=True)
    add_target(pool, "near", tmp_path / "new.npy", model="l14", force=True)  # the same vectors again
    assert stale(pool, id) == ""


@pytest.mark.parametrize(
    ("id", "parameters", "column"),
    [
        ("rank_sum", {"scores": "clip_l14,clip_b32"}, "clip_b32"),
        ("within", {"score_column": "clip_b32", "quality": "clip_l14"}, "clip_l14"),
        ("vas_d", {"steps": 7}, "clip_l14"),
        ("dedup", {"embedding": "l14_img", "threshold": 0.4, "best": "clip_b32"}, "clip_b32"),
        ("laion2b", {"detector": "fasttext"}, "clip_b32"),
        ("clip_score", {}, "l14_txt"),
        ("cliploss", {"batch_size": 20, "partitions": 2}, "l14_img"),
    ],
)
def test_a_column_that_was_replaced(id: str, parameters: dict[str, Any], column: str, tiny_pool: Pool) -> None:
    """Even under the same provenance: its content counts."""
    method = build(id, **parameters)
    pool = run(tiny_pool, method)
    before, about = pool.array(id), pool.columns[column]
    values = pool.embeddings(column, range(200)) if about.dim else pool.array(column)
    turned = np.roll(values, 7, axis=0).astype(np.float16 if about.dim else np.float32)
    pool.add_columns({column: turned}, kind=about.kind, made_by=about.made_by, replace=True)
    assert f"the column {column} has changed" in stale(pool, id)
    pool = run(pool, method)
    assert not np.array_equal(before, pool.array(id), equal_nan=True)
    assert np.array_equal(pool.array(id), run(pool, method, column="anew").array("anew"), equal_nan=True)


def test_a_column_that_is_replaced_while_another_is_made_of_it(
    tiny_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, once = Task.compute, []

    def replacing(self: Task, unit: Any, *rest: Any) -> None:
        compute(self, unit, *rest)
        if not once:
            once.append(True)
            values = Pool.open(self.pool_path).array("clip_b32")[::-1].copy()
            Pool.open(self.pool_path).add_columns({"clip_b32": values}, kind="score", made_by={}, replace=True)

    monkeypatch.setattr(Task, "compute", replacing)
    pool = run(tiny_pool, build("rank_sum", scores="clip_l14,clip_b32"))
    assert stale(pool, "rank_sum") == ""
    anew = run(pool, build("rank_sum", scores="clip_l14,clip_b32"), column="anew")
    assert np.array_equal(pool.array("rank_sum"), anew.array("anew"), equal_nan=True)


def test_a_pool_that_was_moved_and_compacted_is_up_to_date(tiny_pool: Pool, tmp_path: Path) -> None:
    pool = pool_of(tiny_pool, tmp_path / "here", [range(90), range(90, 200)])
    orders = [build("normsim", target="near"), build("metaclip"), build("rank_sum", scores="clip_l14,clip_b32")]
    for method in orders:
        pool = run(pool, method)
    pool.clean()
    shutil.move(tmp_path / "here", tmp_path / "there")
    pool = Pool.open(tmp_path / "there")
    for method in orders:
        said = Said()
        assert run(pool, method, progress=said).version == pool.version
        assert said.up_to_date


def test_a_language_model_with_other_content(tiny_pool: Pool, tmp_path: Path) -> None:
    from poolscope.text.language import model_file

    path = tmp_path / "lid.ftz"
    shutil.copy(model_file(), path)
    pool = run(tiny_pool, build("english", language_model=str(path)))
    said = Said()
    run(pool, build("english"), progress=said)  # the one that ships is the same file
    assert said.up_to_date
    with path.open("ab") as handle:
        handle.write(b"\0")
    assert "language_model" in stale(pool, "english")
    made = run(pool, build("basic"))  # its language is the shipped model's, as is what the pool has
    assert "basic_language" not in made.columns
    for id in ("basic", "text_based", "laion2b", "image_based"):
        assert "language_model" in METHODS[id].__dataclass_fields__
        assert METHODS[id].__dataclass_fields__["language_model"].metadata["content"]


def test_embeddings_of_a_checkpoint_that_was_replaced_or_moved(tiny_pool: Pool, tmp_path: Path) -> None:
    import torch

    def weights(path: Path, seed: int) -> str:
        torch.manual_seed(seed)
        save_weights(Model("poolscope-demo").load("cpu").network, path, model="poolscope-demo", about={})
        return str(path)

    path = tmp_path / "w.safetensors"
    pool = embed(tiny_pool, weights(path, 0), name="own")
    pool = run(pool, build("clip_score", model="own"), column="cosine")
    first = pool.embeddings("own_img", range(200))
    shutil.copy(path, tmp_path / "copy.safetensors")
    said = Said()
    embed(pool, str(tmp_path / "copy.safetensors"), name="own", progress=said)
    assert said.up_to_date
    said = Said()
    pool = embed(pool, weights(path, 1), name="own", progress=said)
    assert not said.up_to_date
    assert not np.allclose(first, pool.embeddings("own_img", range(200)), atol=1e-2)
    assert "own_img" in stale(pool, "cosine")
    recipe = load({"name": "r", "scores": {"cosine": {"method": "clip_score", "model": "own"}}, "keep": []})
    assert stale(ensure(recipe, pool), "cosine") == "", "what a recipe needs is made of what the pool holds now"


def test_what_auto_became_is_recorded_and_shown(tiny_pool: Pool) -> None:
    from poolscope.engine.made_by import words

    pool = run(tiny_pool, build("cliploss", batch_size=50))
    made_by = pool.columns["cliploss"].made_by
    assert made_by["resolved"]["device"] in ("cpu", "cuda")
    assert f"device=auto: {made_by['resolved']['device']}" in words(made_by)


def test_another_detector_behind_auto_makes_another_column(tiny_pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    from poolscope.scores import laion2b

    monkeypatch.setattr(laion2b, "find_spec", lambda name: None)
    pool = run(tiny_pool, build("laion2b"))
    assert pool.columns["laion2b"].made_by["resolved"] == {"detector": "fasttext"}
    monkeypatch.setattr(laion2b, "find_spec", lambda name: object())
    assert stale(pool, "laion2b") == "detector=auto was fasttext and is cld3 now"


@pytest.mark.parametrize("value", ["x" * 5000, "a\0b"])
def test_what_can_not_be_a_path_is_said_in_one_line(value: str) -> None:
    for id in METHODS.shipped:
        for name, entry in METHODS[id].__dataclass_fields__.items():
            if entry.metadata.get("of") == "path":
                with pytest.raises(InputError, match=f"{id}: {name} is .*can.t be a path"):
                    build(id, **{name: value})


def test_a_folder_is_no_corpus(tiny_pool: Pool) -> None:
    for name in ("corpus", "titles"):
        with pytest.raises(InputError, match=f"{name} is '/', which is no file"):
            run(tiny_pool, build("metaclip", metadata="corpus", **{name: "/"}))
