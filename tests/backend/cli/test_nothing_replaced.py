"""Nothing that exists is replaced without `--force`, and nothing that came with the pairs at all."""

import json

import numpy as np
import pytest

from poolscope import files
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.recipe import Recipe
from poolscope.recipe.ready import path_of

RECIPE = "name: half\nkeep:\n  - {score: clip_b32, top: 0.5}\n"
QUICK = ("--per-set", "40", "--folds", "2", "--families", "file_facts")
WRITERS = {
    "select": (("select", "RECIPE"), "kept.npy", ["kept.npy", "kept.npy.recipe.json"]),
    "ids": (("select", "RECIPE"), "kept.txt", ["kept.txt", "kept.txt.recipe.json"]),
    "subset": (("export", "subset", "-r", "RECIPE"), "kept.npy", ["kept.npy", "kept.npy.recipe.json"]),
    "table": (("export", "table", "-r", "RECIPE"), "kept.csv", ["kept.csv", "kept.csv.recipe.json"]),
    "audit": (("audit", "RECIPE", "--minimum", "20"), "package.html", ["package.html", "package.json"]),
    "bias": (("bias", "RECIPE", *QUICK), "package.html", ["package.html", "package.json"]),
}


def fill(words, tmp_path):
    (tmp_path / "half.yaml").write_text(RECIPE)
    return [str(tmp_path / "half.yaml") if word == "RECIPE" else word for word in words]


@pytest.mark.parametrize("command", WRITERS)
def test_a_command_replaces_no_file_unasked(poolscope, tiny_pool, tmp_path, command):
    words, out, written = WRITERS[command]
    argv = [*fill(words, tmp_path), "--pool", tiny_pool.path, "--out", tmp_path / out]
    for name in written:
        (tmp_path / name).write_text("mine")
        line = poolscope(*argv).refused()
        assert repr(str(tmp_path / name)) in line
        assert "--force" in line
        assert "already" in poolscope(*argv, "--detach").refused(), "before a job is started"
        assert (tmp_path / name).read_text() == "mine"
        assert [path.name for path in tmp_path.glob("*") if path.name in written] == [name], "and nothing beside it"
        (tmp_path / name).unlink()
    for name in written:
        (tmp_path / name).write_text("mine")
    assert poolscope(*argv, "--force").code == 0
    assert all((tmp_path / name).read_bytes() != b"mine" for name in written)


@pytest.mark.parametrize("command", WRITERS)
def test_no_directory_and_no_link_is_replaced(poolscope, tiny_pool, tmp_path, command):
    words, out, _ = WRITERS[command]
    argv = [*fill(words, tmp_path), "--pool", tiny_pool.path, "--out", tmp_path / out]
    (tmp_path / out).symlink_to(tmp_path / "gone")
    assert "already" in poolscope(*argv).refused()
    (tmp_path / out).unlink()
    (tmp_path / out).mkdir()
    assert "is a directory" in poolscope(*argv, "--force").refused()
    assert (tmp_path / out).is_dir()


@pytest.mark.parametrize(
    "command", [("export", "dataset"), ("export", "shards"), ("submit", "RUN"), ("fetch", "RECIPE", "--to")]
)
def test_a_directory_in_use_is_not_written_into(poolscope, tiny_pool, tmp_path, command):
    from poolscope.runs import Run, write_results

    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    words = fill(command, tmp_path)
    if "RUN" in words:
        run = Run(id="RUN", name="r", recipe="r", scale="demo")
        run.save()
        write_results(run.path / "results.jsonl", [{"key": "k", "dataset": "d", "metrics": {"main_metric": 0.5}}])
        argv = [*words, "--out", tmp_path / "out"]
    else:
        pytest.importorskip("img2dataset") if "fetch" in words else None
        argv = [*words, *([] if "--to" in words else ["--out"]), tmp_path / "out", "--pool", tiny_pool.path]
    assert "not empty" in poolscope(*argv).refused()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_what_lies_beside_a_dataset_stays(poolscope, tiny_pool, tmp_path):
    (tmp_path / "set.missing.txt").write_text("mine")
    assert "missing.txt" in poolscope("export", "dataset", "--out", tmp_path / "set", "-p", tiny_pool.path).refused()
    assert (tmp_path / "set.missing.txt").read_text() == "mine"


@pytest.mark.parametrize("column", ["text", "url", "width", "image", "l14_img", "joined"])
def test_no_score_replaces_what_was_imported(poolscope, tiny_pool, tmp_path, column):
    np.save(tmp_path / "joined.npy", np.arange(200, dtype=np.float32))
    assert poolscope("import", "columns", tmp_path / "joined.npy", "--on", "row", "-p", tiny_pool.path).code == 0
    before = Pool.open(tiny_pool.path).take(np.arange(200), [column])
    for more in ((), ("--replace",)):
        assert (
            "no score replaces it"
            in poolscope("score", "random", "--as", column, "-p", tiny_pool.path, *more).refused()
        )
    assert Pool.open(tiny_pool.path).take(np.arange(200), [column]).equals(before)


def test_an_embedding_does_not_replace_one_side_that_was_imported(poolscope, tiny_pool):
    tiny_pool.drop_column("l14_txt")
    assert "'l14_img' exists already" in poolscope("embed", "demo", "--as", "l14", "-p", tiny_pool.path).refused()


def test_a_target_set_is_replaced_only_by_force(poolscope, tiny_pool, tmp_path):
    argv = ("target", "mine", tmp_path / "t.npy", "--model", "l14", "-p", tiny_pool.path)
    np.save(tmp_path / "t.npy", np.eye(16, dtype=np.float32))
    assert poolscope(*argv).code == 0
    np.save(tmp_path / "t.npy", np.eye(16, dtype=np.float32)[:5])
    assert "'mine'" in poolscope(*argv).refused()
    assert poolscope(*argv, "--force", "--json").json["vectors"] == 5


def test_the_library_asks_too(tiny_pool, tmp_path):
    import poolscope as ps

    chosen = ps.open(tiny_pool.path).select(flag="sharp")
    for name in ("kept.npy", "kept.parquet"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(InputError, match="replace=True"):
            chosen.export(tmp_path / name)
        assert chosen.export(tmp_path / name, replace=True).read_bytes() != b"mine"


def test_recipes_have_files_of_their_own_on_any_file_system(tiny_pool):
    names = [
        "A/B",
        "A:B",
        "a?b",
        "a*b",
        "a b",
        "A b",
        "a B",
        "A_B",
        "a_b",
        "é",
        "e\u0301",
        "É",
        "a.",
        "a",
        "a ",
        "x" * 200,
        "x" * 201,
    ]
    stems = [path_of(name, tiny_pool).name for name in names]
    names.append(path_of("A", tiny_pool).stem.lower())
    stems.append(path_of(names[-1], tiny_pool).name)
    assert len({stem.casefold() for stem in stems}) == len(names)
    assert all(len(stem.encode()) < 255 for stem in stems)
    assert files.slug("basic") == "basic"
    assert path_of(Recipe(name="clip score 30 %").name, tiny_pool).stem == "clip score 30 %"


def test_an_audit_keeps_the_projects_own_package_json(poolscope, tiny_pool, tmp_path):
    (tmp_path / "package.json").write_text(json.dumps({"name": "mine"}))
    argv = [*fill(("audit", "RECIPE"), tmp_path), "-p", tiny_pool.path, "--out", tmp_path / "package.html"]
    assert "package.json" in poolscope(*argv).refused()
    assert json.loads((tmp_path / "package.json").read_text()) == {"name": "mine"}


def test_the_provenance_of_an_output_that_is_gone_does_not_stand_in_the_way(poolscope, tiny_pool, tmp_path):
    words = ("export", "table", "--pool", tiny_pool.path, "--out", tmp_path / "t.parquet")
    poolscope(*words)
    (tmp_path / "t.parquet").unlink()
    poolscope(*words)
    (tmp_path / "t.parquet").unlink()
    (tmp_path / "t.parquet.recipe.json").write_text("{}")
    assert "exists already" in poolscope(*words).refused()
