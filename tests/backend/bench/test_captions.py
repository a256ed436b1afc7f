"""Several captions of an image, from a file of captions to a trained model: import, rule, shards, run."""

import json
import tarfile
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from poolscope import bench
from poolscope.cli import main
from poolscope.export import export_shards, plan_in_place
from poolscope.export.in_place import read_shard
from poolscope.pool import Pool
from poolscope.recipe import load, select
from tests.backend.bench.conftest import SETTINGS, png

IMAGES, SOURCES = 90, ("alt", "generated", "translated")
RULE = {"caption": "quality", "image": "sha256", "source": "source", "shares": {"alt": 1, "generated": 3}}
RECIPE = load({"name": "one caption", "keep": [RULE]})


def captions_of_tars(folder: Path) -> list[str]:
    found = []
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            found += [tar.extractfile(name).read().decode() for name in tar.getnames() if name.endswith(".txt")]
    return sorted(found)


def test_one_caption_per_image_from_import_to_training(tmp_path: Path, tiny_model: str) -> None:
    rng, rows = np.random.default_rng(0), []
    for number in range(IMAGES):
        (tmp_path / f"{number}.png").write_bytes(png(number))
        rows += [
            {"image": f"{number}.png", "caption": f"{source} words {number} {again}", "source": source}
            for source in SOURCES[: 1 + number % 3]
            for again in range(2)
        ]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert main(["import", str(tmp_path / "pairs.jsonl"), "--pool", str(tmp_path / "pool")]) == 0
    pool = Pool.open(tmp_path / "pool")
    assert len(pool) == len(rows)
    quality = rng.random(len(pool)).astype(np.float32)
    pool.add_columns({"quality": quality}, kind="score", made_by={})

    selection = select(RECIPE, pool)
    assert selection.kept == IMAGES
    best: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for text, value in zip(pool.strings("text").to_pylist(), quality.tolist()):
        best[text.split()[2]][text] = value
    kept = [pool.strings("text")[int(row)].as_py() for row in np.flatnonzero(selection.mask)]
    for text in kept:
        source, _, image, _ = text.split()
        rivals = {other: value for other, value in best[image].items() if other.startswith(source)}
        assert text == max(rivals, key=rivals.__getitem__), "the best one of its source"
    chosen = Counter(text.split()[0] for text in kept if int(text.split()[2]) % 3)
    assert "translated" not in chosen
    assert 0.6 < chosen["generated"] / chosen.total() < 0.9, "three to one where an image has both"

    export_shards(pool, selection, tmp_path / "shards", recipe=RECIPE, shard_size=40)
    shards = plan_in_place(pool, selection, tmp_path / "plan", shard_size=40)
    members = [dict(found) for n in range(shards) for *_, found in read_shard(tmp_path / "plan", n)]
    read = sorted(found["txt"].decode() for found in members)
    run = bench.train(RECIPE, pool, scale="demo", evaluate=False, keep_shards=True,
                      settings=SETTINGS | {"samples_seen": 128, "checkpoints": 1, "batch": 32})  # fmt: skip
    assert run.kept == len(np.load(run.path / "subset.npy")) == IMAGES
    assert captions_of_tars(run.path / "shards") == captions_of_tars(tmp_path / "shards") == read == sorted(kept)
