"""What the fuzzer found, a test for each kind: the command ends with 0 or 2, and says what is wrong with which file."""

import json

import numpy as np
import pytest

from tests.fuzz.conftest import Fuzz
from tests.fuzz.mutations import HUGE, bomb
from tests.fuzz.surfaces import SURFACES

BY_NAME = {surface.name: surface for surface in SURFACES}
DAMAGED = {
    "nothing": b"", "text": b"hello", "bytes": b"\xff\x00" * 50, "deep": b"[" * 20_000, "null": b"null", "list": b"[1]",
    "huge": str(HUGE).encode(), "surrogates": b'"\\ud800"', "bomb": bomb(), "header": b"\x93NUMPY\x01\x00v\x00{'descr': (",
    "pickle": b"\x80\x04\x95\x0c\x00\x00\x00", "utf-16": '{"a": 1}'.encode("utf-16"),
}  # fmt: skip
FILES = [
    ("annotations", "p.csv.gz", "import {here}/p.csv.gz --pool {new}"),
    ("annotations", "r/metadata/metadata_0.parquet", "import {here}/r --pool {new}"),
    ("annotations", "r/img_emb/img_emb_0.npy", "import {here}/r --pool {new}"),
    ("home", "home/sweeps/s.json", "sweep show s"),
    ("runs", "home/runs/one/run.json", "leaderboard"),
    ("runs", "home/runs/one/results.jsonl", "leaderboard"),
    ("runs", "home/runs/one/recipe.yaml", "submit one --out {new}"),
    ("runs", "foreign/info.pkl", "import run {here}/foreign"),
    ("jobs", "home/jobs.sqlite", "jobs list"),
    ("pool", "pool/pool.json", "info --pool {pool}"),
    ("pool", "pool/order.npy", "select {here}/one.yaml --pool {pool}"),
    ("pool", "pool/maps/l14/map.json", "info --pool {pool}"),
    ("pool", "pool/groups/language.list.json", "groups --families language --pool {pool}"),
    ("pool", "pool/targets/t/l14.json", "score normsim --set target=t --as near --pool {pool}"),
    ("tasks", "tasks/few/task.json", "tasks add mine {here}/tasks/few"),
    ("tasks", "tasks/few/zeroshot_classification_templates.txt", "evaluate tiny/{here}/w.safetensors --tasks few --tasks-dir {here}/tasks"),
    ("recipe", "kept.npy", "select {here}/subset.yaml --pool {pool}"),
    ("recipe", "r.yaml", "select {here}/r.yaml --pool {pool}"),
    ("groups", "lex.yaml", "groups add {here}/lex.yaml --pool {pool}"),
    ("groups", "reference.yaml", "audit {here}/one.yaml --families orientation --reference {here}/reference.yaml --minimum 10 --pool {pool}"),
    ("arrays", "keys.npy", "import columns {here}/values.npy --keys {here}/keys.npy --as q --pool {pool}"),
    ("lists", "covariance.npy", "score vas --set covariance={here}/covariance.npy --set target=t --as made --pool {pool}"),
    ("weights", "w.safetensors", "evaluate tiny/{here}/w.safetensors --tasks few --tasks-dir {here}/tasks"),
    ("weights", "w.pt", "evaluate tiny/{here}/w.pt --tasks few --tasks-dir {here}/tasks"),
]  # fmt: skip


@pytest.mark.parametrize(("surface", "file", "command"), FILES, ids=[file for _, file, _ in FILES])
def test_a_file_of_another_kind_is_told(fuzz: Fuzz, surface: str, file: str, command: str) -> None:
    for name, content in DAMAGED.items():
        here, pool = fuzz.prepared(BY_NAME[surface])
        assert (here / file).exists(), file
        (here / file).write_bytes(content)
        assert fuzz.ended(command, here, pool) is None, name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("settings", [1]),
        ("created", "noon"),
        ("seconds", {"training": "long"}),
        ("kept", 1e400),
        ("rules", "none"),
        ("state", None),
    ],
)
def test_a_run_of_other_types_is_left_out_of_the_board(fuzz: Fuzz, name: str, value: object) -> None:
    here, pool = fuzz.prepared(BY_NAME["runs"])
    record = here / "home" / "runs" / "one" / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {name: value}))
    assert fuzz.ended("leaderboard --json", here, pool) is None
    assert fuzz.code == 0


def test_a_damaged_order_or_map_is_made_again(fuzz: Fuzz) -> None:
    here, pool = fuzz.prepared(BY_NAME["pool"])
    rows = np.load(pool / "order.npy")
    np.save(pool / "order.npy", rows + len(rows))
    (pool / "maps" / "l14" / "xy.npy").write_bytes(b"x")
    assert fuzz.ended("compare clip_l14 clip_b32 --pool {pool}", here, pool) is None
    assert fuzz.code == 0
    assert (np.load(pool / "order.npy") == rows).all()


@pytest.mark.parametrize("name", [".", "a.b/c", "", " ", "1a", "x" * 65, "\udcff", "../x", "uid hi", "é"])
@pytest.mark.parametrize(
    "command",
    ["score random", "embed ViT-B-32/openai", "prepare ViT-B-32/openai", "import columns {here}/values.npy --on row",
     "import webdataset {here}/nothing --embed ViT-B-32/openai"],
)  # fmt: skip
def test_a_name_that_no_column_can_have_is_refused_before_any_work(
    fuzz: Fuzz, command: str, name: str, monkeypatch
) -> None:
    import poolscope.cli.options

    here, pool = fuzz.prepared(BY_NAME["arrays"])

    def open_nothing(*_: object) -> None:
        raise AssertionError("work began")

    monkeypatch.setattr(poolscope.cli.options, "open_pool", open_nothing)
    words = [*command.split(), "--as", name, "--pool", "{pool}"]
    assert fuzz.ended(words, here, pool) is None
    assert fuzz.code == 2


def test_a_task_half_added_is_no_task(fuzz: Fuzz) -> None:
    here, pool = fuzz.prepared(BY_NAME["tasks"])
    part = here / "home" / "tasks" / ".own--mine.part"
    part.mkdir(parents=True)
    (part / "task.json").write_text('{"key": "few", "kind": "classification"}')
    assert fuzz.ended("tasks add mine {here}/tasks/few", here, pool) is None
    assert fuzz.code == 0
    assert not part.exists()


@pytest.mark.parametrize("content", [b"hello", b"[1]", b'{"sets": 1, "entries": [1], "done": 3}'])
@pytest.mark.parametrize(
    ("damaged", "page"),
    [("home/*.json", "filter"), ("home/races/*", "runs"), ("pool/reports/*", "bias"), ("home/jobs.sqlite", "jobs")],
)
def test_a_damaged_file_is_one_line_in_the_app(fuzz: Fuzz, damaged: str, page: str, content: bytes) -> None:
    here, pool = fuzz.prepared(BY_NAME["home"])
    (here / "home" / "jobs.sqlite").touch()
    for path in here.glob(damaged):
        path.write_bytes(content)
    assert fuzz.ended(f"page {page}", here, pool) is None


@pytest.mark.parametrize("name", ["p.csv.gz", "p.tsv.gz"])
def test_a_file_cut_short_is_wrong_input_and_no_interruption(fuzz: Fuzz, name: str) -> None:
    here, pool = fuzz.prepared(BY_NAME["annotations"])
    whole = (here / name).read_bytes()
    for length in range(1, len(whole), len(whole) // 5):
        (here / name).write_bytes(whole[:length])
        for command in ("import {here}/%s --pool {new}", "import columns {here}/%s --pool {pool} --columns size"):
            assert fuzz.ended(command % name, here, pool) is None
            assert fuzz.code == 2
