"""Tasks of one's own: made of what people have, checked, averaged apart from the demo's and DataComp's."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from poolscope import deletion
from poolscope.bench import board
from poolscope.bench.tasks import choose, own, suites, tasks_list
from poolscope.bench.tasks.shards import samples
from poolscope.bench.training_part import read_part
from poolscope.errors import InputError
from poolscope.runs import Run, write_results


def image(path: Path, seed: int = 0, ending: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, ending or None)
    return path


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for number in range(6):
        image(tmp_path / "set" / ("golden_retriever", "cat")[number % 2] / f"{number}.jpg", number)
    return tmp_path / "set"


def test_a_folder_per_class_becomes_a_task(folders: Path) -> None:
    (folders / "cat" / "broken.jpg").write_bytes(b"\xff\xd8 no image")
    (folders / "cat" / "again.jpg").write_bytes((folders / "cat" / "1.jpg").read_bytes())
    made = own.add("pets", folders, templates=["a photo of a {}."])
    assert (made.examples, made.classes) == (6, 2)
    assert made.skipped == {"image can't be decoded": 1, "the same image and label again": 1}
    (task,) = choose(["own/pets"])
    assert task.suite == "own"
    assert (task.root / "classnames.txt").read_text().splitlines() == ["cat", "golden retriever"]  # type: ignore[operator]
    assert (task.root / "zeroshot_classification_templates.txt").read_text() == "a photo of a {c}.\n"  # type: ignore[operator]
    assert sorted(sample.label for sample in samples(task.root)) == [0, 0, 0, 1, 1, 1]  # type: ignore[arg-type]
    assert choose(["own"]) == [task]


def test_the_test_part_of_a_split_is_taken(tmp_path: Path) -> None:
    for split, count in (("train", 9), ("val", 2)):
        for number in range(count):
            for name in ("a", "b"):
                image(tmp_path / split / name / f"{number}.png", hash((split, name, number)) % 1000)
    assert own.add("split", tmp_path).examples == 4


def test_a_table_beside_folders_of_classes_or_captions_changes_nothing(folders: Path, tmp_path: Path) -> None:
    (folders / "class_indices.json").write_text('{"cat": 0}')
    assert own.add("classes", folders).classes == 2
    for number in range(2):
        image(tmp_path / "said" / f"{number}.png", number).with_suffix(".txt").write_text("words")
    (tmp_path / "said" / "statistics.csv").write_text("a,b\n1,2\n")
    assert own.add("captions", tmp_path / "said").examples == 2


@pytest.mark.parametrize("column", ["label", "caption"])
def test_a_csv_becomes_classification_or_retrieval(tmp_path: Path, column: str) -> None:
    with (tmp_path / "set.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file_name", column])
        for number in range(4):
            image(tmp_path / f"{number}.bmp", number)
            rows.writerow([f"{number}.bmp", f"thing {number % 2}"])
        rows.writerow(["missing.png", "thing 0"])
        rows.writerow(["", ""])
    made = own.add("set", tmp_path / "set.csv", suite="lab")
    assert made.examples == 4
    assert made.skipped == {"image file missing or unreadable": 1, "row without an image or a label": 1}
    assert made.task.kind == ("classification" if column == "label" else "retrieval")
    assert suites()["lab"] == 1


@pytest.mark.parametrize(
    "splits",
    [
        ("split", "test", "train", "val"),
        ("Partition", "Testing", "training", "dev"),
        ("is_training", "0", "1", ""),
    ],
)
def test_of_a_table_with_splits_the_test_rows_are_asked_and_the_train_rows_learnt_from(tmp_path: Path, splits) -> None:
    column, test, train, other = splits
    rows = [f"file_name,label,{column}"]
    for number in range(6):
        image(tmp_path / f"{number}.png", number)
        rows.append(f"{number}.png,thing {number % 2},{test if number < 2 else train}")
    image(tmp_path / "6.png", 6)
    rows += [f"6.png,thing 0,{other}", f"6.png,elsewhere,{train}", f"0.png,thing 0,{train}"]
    (tmp_path / "set.csv").write_text("\n".join(rows))
    made = own.add("set", tmp_path / "set.csv")
    assert (made.examples, made.classes, made.training) == (2, 2, 4)
    assert sum(made.skipped.values()) == 3  # the other split, a class that no test row has, and a test row again
    part = read_part(made.task, 10)
    assert sorted(part.labels) == [0, 0, 1, 1]


def test_splits_of_captions_without_a_training_part_and_without_a_test(tmp_path: Path) -> None:
    for number in range(4):
        image(tmp_path / f"{number}.png", number)
    lines = [f"{number}.png,words {number},{{}}" for number in range(4)]
    for name, words in (("asked", "test test train train"), ("not", "train train x x"), ("folds", "a a b b")):
        body = "\n".join(line.format(word) for line, word in zip(lines, words.split()))
        (tmp_path / f"{name}.csv").write_text(f"image,caption,split\n{body}\n")
    made = own.add("asked", tmp_path / "asked.csv")
    assert (made.examples, made.training, dict(made.skipped)) == (2, 0, {"of the split 'train'": 2})
    assert own.add("folds", tmp_path / "folds.csv").examples == 4
    with pytest.raises(InputError, match="none is test or val"):
        own.add("not", tmp_path / "not.csv")


TABLES = {
    "semicolons.csv": "File Name;Class Name\n0.png;big dog\n1.png;cat\n2.png;big dog\n",
    "no header.tsv": "0.png\tbig dog\n1.png\tcat\n2.png\tbig dog\n",
    "folder/metadata.jsonl": "".join(
        f'{{"file_name": "../{n}.png", "label": "{name}"}}\n' for n, name in enumerate(["big dog", "cat", "big dog"])
    ),
    "records.json": '[{"image": "0.png", "label": "big dog"}, {"image": "1.png", "label": "cat"}]',
    "windows.csv": "Käse,image,label\nä,0.png,big dog\nö,1.png,cat\n".encode("cp1252"),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_read_as_an_import_reads_them(tmp_path: Path, name: str) -> None:
    for number in range(3):
        image(tmp_path / f"{number}.png", number)
    path, content = tmp_path / name, TABLES[name]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    made = own.add("set", path if path.parent == tmp_path else path.parent)
    assert (made.examples, made.skipped) == (content.count(b".png" if isinstance(content, bytes) else ".png"), {})
    assert (Path(str(made.task.root)) / "classnames.txt").read_text() == "big dog\ncat\n"


def test_a_parquet_of_hugging_face_has_images_and_names_of_classes(tmp_path: Path) -> None:
    for number in range(3):
        image(tmp_path / f"{number}.png", number)
    contents = [(tmp_path / f"{number}.png").read_bytes() for number in range(3)]
    features = {"info": {"features": {"label": {"names": ["cat", "big dog"], "_type": "ClassLabel"}}}}
    held = [{"bytes": one, "path": None} for one in contents]
    table = pa.table({"image": [*held, None], "label": [1, 0, 1, 1]})
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(features)}), tmp_path / "set.parquet")
    made = own.add("set", tmp_path / "set.parquet")
    assert (made.examples, made.skipped) == (3, {"row without an image or a label": 1})
    root = Path(str(made.task.root))
    assert (root / "classnames.txt").read_text() == "big dog\ncat\n"
    assert [sample.members["cls"] for sample in samples(root)] == [b"0", b"1", b"0"]


def test_images_with_captions_beside_them_become_retrieval(tmp_path: Path) -> None:
    for number in range(3):
        image(tmp_path / f"{number}.webp", number).with_suffix(".txt").write_text(f"caption {number}\nanother\n")
    made = own.add("pairs", tmp_path)
    assert made.task.kind == "retrieval"
    assert next(samples(made.task.root)).captions == ["caption 0", "another"]  # type: ignore[arg-type]


def test_clip_benchmark_s_layout_is_copied(folders: Path, tmp_path: Path) -> None:
    first = own.add("pets", folders)
    assert isinstance(first.task.root, Path)
    copied = own.add("copy", first.task.root, suite="lab")
    assert copied.classes == 2
    assert [s.label for s in samples(copied.task.root)] == [s.label for s in samples(first.task.root)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "suite", "says"),
    [("a/b", "own", "task name 'a/b'"), ("..", "own", "task name '..'"), ("x", "demo", "suite 'demo' is averaged as it ships"),
     ("x", "a b", "suite name 'a b'")],
)  # fmt: skip
def test_names_are_checked_before_any_work(folders: Path, name: str, suite: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        own.add(name, folders, suite=suite)


def test_what_can_be_no_task_is_refused_and_leaves_nothing(folders: Path, tmp_path: Path) -> None:
    image(tmp_path / "one" / "only" / "0.png")
    image(tmp_path / "one" / "only" / "1.png", 1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "no.csv").write_text("a,b\n1,2\n")
    for source, says in (("one", "has one class, 'only'"), ("empty", "gives 0 examples"), ("no.csv", "needs a column image"),
                         ("nowhere", "nothing at")):  # fmt: skip
        with pytest.raises(InputError, match=says):
            own.add("x", tmp_path / source)
    with pytest.raises(InputError, match="names no class"):
        own.add("x", folders, templates=["a photo"])
    assert not [task for task in tasks_list() if task.suite == "own"]
    own.add("x", folders)
    with pytest.raises(InputError, match="'own/x' exists; remove it"):
        own.add("x", folders)


def test_only_own_tasks_are_removed(folders: Path) -> None:
    own.add("pets", folders)
    deletion.delete(deletion.find("task", "own/pets"))
    assert not [task for task in tasks_list() if task.suite == "own"]
    for key in ("digits", "vtab/svhn", "nothing"):
        with pytest.raises(InputError):
            own.root_of(key)


def test_an_own_task_never_disturbs_the_demo_s_average(folders: Path) -> None:
    demo = [task for task in tasks_list() if task.suite == "demo"]
    run = Run(id="demo-run", scale="demo", settings={"tasks": "demo"}, recipe="r", seed=0)
    run.step_to("done")
    results = [{"key": task.key, "dataset": task.name, "metrics": {"main_metric": 0.5}} for task in demo]
    write_results(run.path / "results.jsonl", results)
    assert board.row_of(run).average == 0.5
    made = own.add("pets", folders)
    task = made.task
    assert isinstance(task.root, Path)
    (task.root / "task.json").write_text(
        (task.root / "task.json").read_text().replace('"suite": "own"', '"suite": "demo"')
    )
    assert {found.suite for found in tasks_list() if found.key == "own/pets"} == {"own"}
    assert board.row_of(run).average == 0.5


def test_runs_on_several_suites_are_never_joined() -> None:
    row = board.Row(run="a", recipe="r", scale="demo", seed=0, average=0.2, kept=5, pool="p", suite="demo")
    joined = board.summaries([row, replace(row, run="b", seed=1, average=0.8, suite="own")])
    assert sorted(summary.mean for summary in joined) == [0.2, 0.8]


def test_words_of_any_ending_and_encoding_beside_images(tmp_path: Path) -> None:
    for number, (ending, words) in enumerate(
        [(".caption", b"a dog"), (".txt", "zwölf".encode("utf-16")), (".txt", "zwölf".encode("latin-1"))]
    ):
        image(tmp_path / "set" / f"{number}.png", number).with_suffix(ending).write_bytes(words)
    made = own.add("words", tmp_path / "set")
    assert (made.examples, made.skipped) == (2, {"caption is neither UTF-8 nor UTF-16": 1})
    (task,) = choose(["own/words"])
    assert sorted(sample.captions for sample in samples(task.root)) == [["a dog"], ["zwölf"]]  # type: ignore[arg-type]


def test_a_folder_of_nothing_usable_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "0.tar").write_bytes(b"x")
    with pytest.raises(InputError, match=r"shards lie in test/ with nshards\.txt"):
        own.add("none", tmp_path)
