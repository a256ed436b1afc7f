"""Trains the demo's teacher on the clean part of the pairs: `python -m poolscope.demo.train_teacher`.

The teacher is the model `poolscope-demo`. It never sees a planted pair, a held-out image, a caption that more
than ten pairs share, or one pair in twenty that is kept back to measure it.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .. import files
from ..devices import training_precision
from ..paths import ASSETS
from .image import unit_hash

MODEL = "poolscope-demo"
SHARED_BY = 10
KEPT_BACK = 0.05
BATCH = 256
SHARDS = 8


def parts(pairs: pa.Table) -> np.ndarray:
    """(n,) int8 for each pair: 0 left out, 1 trained on, 2 kept back to measure."""
    texts = pairs["text"].to_pylist()
    common = Counter(texts)
    shared = np.array([common[text] > SHARED_BY for text in texts])
    back = np.array([unit_hash("kept back", uid) < KEPT_BACK for uid in pairs["uid"].to_pylist()])
    planted = pairs["planted"].to_numpy()
    return np.where(planted | shared, 0, np.where(back, 2, 1)).astype(np.int8)


def write_shards(pairs: pa.Table, archive: bytes, directory: Path) -> str:
    """The pairs as webdataset shards; the brace pattern that names them."""
    rows = pairs.select(["text", "image_offset", "image_bytes"]).to_pylist()
    rows.sort(key=lambda row: unit_hash("shard", row["text"], str(row["image_offset"])))
    for shard in range(SHARDS):
        with tarfile.open(directory / f"{shard}.tar", "w") as tar:
            for number, row in enumerate(rows[shard::SHARDS]):
                picture = archive[row["image_offset"] : row["image_offset"] + row["image_bytes"]]
                for end, content in (("webp", picture), ("txt", row["text"].encode())):
                    member = tarfile.TarInfo(f"{number:06d}.{end}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    return str(directory / f"{{0..{SHARDS - 1}}}.tar")


def train(shards: str, directory: Path, *, pairs: int, samples: int, lr: float, threads: int) -> Path:
    """Runs open_clip_train in its own process; the path of the checkpoint."""
    epochs = max(1, round(samples / pairs))
    arguments = [
        "--model", MODEL, "--train-data", shards, "--dataset-type", "webdataset", "--dataset-resampled",
        "--train-num-samples", str(pairs), "--epochs", str(epochs), "--batch-size", str(BATCH), "--lr", str(lr),
        "--beta2", "0.98", "--wd", "0.2", "--warmup", "100", "--precision", training_precision(), "--workers", "1",
        "--seed", "0", "--log-every-n-steps", "20", "--save-frequency", "0", "--save-most-recent",
        "--resume", "latest", "--logs", str(directory), "--name", "teacher",
    ]  # fmt: skip
    env = os.environ | {"OMP_NUM_THREADS": str(threads)}
    subprocess.run([sys.executable, "-m", "poolscope.bench.worker", *arguments], env=env, check=True)
    return directory / "teacher" / "checkpoints" / "epoch_latest.pt"


def save(checkpoint: Path, path: Path, about: dict[str, Any]) -> None:
    """The checkpoint's weights as float16 safetensors that say how they were made."""
    import open_clip
    import torch

    from ..models import register_configs, save_weights

    register_configs()
    network = open_clip.create_model(MODEL)
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    network.load_state_dict({name.removeprefix("module."): value for name, value in state.items()})
    save_weights(network, path, model=MODEL, about=about, half=True)


def measure(pairs: pa.Table, archive: bytes, part: np.ndarray, weights: Path) -> dict[str, float]:
    """How well the teacher tells planted pairs from true ones it never saw (AUC), and finds emoji (R@1)."""
    import torch
    from PIL import Image
    from sklearn.metrics import roc_auc_score

    from ..models import Model

    model = Model(MODEL, str(weights)).load("cpu")

    def embed(rows: list[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
        images, texts = [], []
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            pictures = [archive[r["image_offset"] : r["image_offset"] + r["image_bytes"]] for r in batch]
            opened = [model.transform(Image.open(io.BytesIO(picture)).convert("RGB")) for picture in pictures]
            images.append(model.images(torch.stack(opened)))
            texts.append(model.texts([r["text"] for r in batch]))
        return np.concatenate(images), np.concatenate(texts)

    planted = pairs["planted"].to_numpy()
    figures = {}
    rng = np.random.default_rng(0)
    for name, true in (("unseen", np.flatnonzero(part == 2)), ("seen", np.flatnonzero(part == 1))):
        wrong = np.flatnonzero(planted)
        chosen = np.concatenate([rng.permutation(true)[:2000], rng.permutation(wrong)[:2000]])
        image, text = embed(pairs.take(chosen).to_pylist())
        figures[f"auc_planted_vs_{name}"] = float(roc_auc_score(~planted[chosen], (image * text).sum(1)))
    english = [
        row
        for row in pairs.to_pylist()
        if row["caption_language"] == "en" and not row["planted"] and row["text"] == row["title"]
    ]
    image, text = embed([english[i] for i in rng.permutation(len(english))[:1000]])
    near = (text @ image.T).argmax(1)
    figures["emoji_recall@1_of_1000_in_pool"] = float((near == np.arange(len(near))).mean())
    return {name: round(value, 4) for name, value in figures.items()}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ASSETS / "demo" / "teacher.safetensors")
    parser.add_argument("--samples", type=int, default=130_000, help="pairs seen, with repetition")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=None, help="keep shards and checkpoints here, to resume")
    options = parser.parse_args(argv)
    source = ASSETS / "demo"
    pairs, archive = pq.read_table(source / "pairs.parquet"), (source / "thumbnails.zip").read_bytes()
    part = parts(pairs)
    clean = pairs.filter(pa.array(part == 1))
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        (work / "shards").mkdir(parents=True, exist_ok=True)
        shards = write_shards(clean, archive, work / "shards")
        started = time.monotonic()
        checkpoint = train(shards, work, pairs=len(clean), samples=options.samples, lr=options.lr,
                           threads=options.threads)  # fmt: skip
        about = {
            "made_by": "python -m poolscope.demo.train_teacher", "pairs": len(clean), "samples": options.samples,
            "lr": options.lr, "batch": BATCH, "seed": 0, "seconds": round(time.monotonic() - started),
        }  # fmt: skip
        save(checkpoint, options.out, about)
        figures = measure(pairs, archive, part, options.out)
    files.write_json(options.out.with_suffix(".json"), about | figures)
    print(json.dumps(about | figures, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
