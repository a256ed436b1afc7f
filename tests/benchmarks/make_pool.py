"""Makes a pool of DataComp's shape: parquet files of N pairs, feature files beside them, shards of images.

    python tests/benchmarks/make_pool.py DIR --pairs 12800000 [--features] [--shards 20000]

Values have the distributions that matter: random uids, captions of several lengths, scores on the float16 grid
(so with large ties), a few face boxes, unit-norm features whose product is the score.
"""

import argparse
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FILE_PAIRS = 505_000
DIMS = {"b32_img": 512, "b32_txt": 512, "l14_img": 768, "l14_txt": 768}
WORDS = 4096


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--file-pairs", type=int, default=FILE_PAIRS)
    parser.add_argument("--features", action="store_true", help="write an .npz beside each parquet")
    parser.add_argument("--shards", type=int, default=0, help="write tars for this many of the pairs")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    make(
        chosen.directory, chosen.pairs, file_pairs=chosen.file_pairs, features=chosen.features,
        shards=chosen.shards, seed=chosen.seed,
    )  # fmt: skip


def make(
    directory: Path,
    pairs: int,
    *,
    file_pairs: int = FILE_PAIRS,
    features: bool = False,
    dims: dict[str, int] = DIMS,
    shards: int = 0,
    seed: int = 0,
) -> Path:
    """Writes `directory/metadata/*.parquet` (and `.npz`), and `directory/shards/*.tar`; returns the metadata directory."""
    metadata = directory / "metadata"
    metadata.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, pairs, file_pairs)):
        count = min(file_pairs, pairs - start)
        stem = hashlib.md5(f"{seed}-{number}".encode()).hexdigest()
        rng = np.random.default_rng([seed, number])
        scores = np.clip(rng.normal([[0.2], [0.25]], 0.05, (2, count)), -0.1, 0.6).astype(np.float16)
        pq.write_table(_table(rng, scores, count), metadata / f"{stem}.parquet")
        if features:
            write_features(metadata / f"{stem}.npz", rng, scores, dims)
    if shards:
        write_shards(metadata, directory / "shards", shards)
    return metadata


def _table(rng: np.random.Generator, scores: np.ndarray, count: int) -> pa.Table:
    sides = rng.integers(32, 2049, (2, count))
    faces = np.where(rng.random(count) < 0.2, rng.integers(1, 4, count), 0)
    boxes = np.sort(rng.random((int(faces.sum()), 2, 2)), axis=1).reshape(-1, 4)
    box_list = pa.ListArray.from_arrays(np.arange(len(boxes) + 1, dtype=np.int32) * 4, boxes.reshape(-1))
    return pa.table(
        {
            "uid": hexadecimal(rng, count, 16),
            "url": _join("https://example.org/", hexadecimal(rng, count, 20), ".jpg"),
            "text": _captions(rng, count),
            "original_width": sides[0],
            "original_height": sides[1],
            "clip_b32_similarity_score": scores[1].astype(np.float32),
            "clip_l14_similarity_score": scores[0].astype(np.float32),
            "face_bboxes": pa.ListArray.from_arrays(np.append(0, np.cumsum(faces)).astype(np.int32), box_list),
            "sha256": hexadecimal(rng, count, 32),
        }
    )


def hexadecimal(rng: np.random.Generator, count: int, octets: int) -> pa.Array:
    """`count` random strings of `2 * octets` hex digits."""
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    raw = rng.integers(0, 256, (count, octets), dtype=np.uint8)
    text = np.stack([digits[raw >> 4], digits[raw & 15]], axis=2)
    offsets = np.arange(count + 1, dtype=np.int32) * (2 * octets)
    return pa.Array.from_buffers(pa.utf8(), count, [None, pa.py_buffer(offsets), pa.py_buffer(text)])


def _join(before: str, middle: pa.Array, after: str) -> pa.Array:
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(before, middle, after, "")


def _captions(rng: np.random.Generator, count: int) -> pa.Array:
    """Slices of one long run of made-up words: median about 50 characters, a tail up to 400."""
    letters = rng.choice(np.frombuffer(b"abcdefghijklmnopqrstuvwxyz    ", dtype=np.uint8), 1 << 22)
    letters[::9] = ord("e")
    lengths = np.clip(np.exp(rng.normal(3.9, 0.6, count)), 4, 400).astype(np.int64)
    starts = rng.integers(0, len(letters) - 400, count)
    offsets = np.append(0, np.cumsum(lengths))
    places = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
    text = letters[places]
    text[offsets[:-1]] = ord("a")
    return pa.Array.from_buffers(pa.utf8(), count, [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(text)])


def write_features(path: Path, rng: np.random.Generator, scores: np.ndarray, dims: dict[str, int]) -> None:
    """An uncompressed .npz of unit-norm float16 features; the text feature has the wanted product with the image's."""
    import zipfile

    count = scores.shape[1]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, dim in dims.items():
            wanted = scores[1 if name.startswith("b32") else 0].astype(np.float32)
            with archive.open(f"{name}.npy", "w", force_zip64=True) as handle:
                np.lib.format.write_array_header_1_0(
                    handle, {"descr": "<f2", "fortran_order": False, "shape": (count, dim)}
                )
                for block in feature_blocks(name, dim, wanted, int(rng.integers(1 << 31))):
                    handle.write(block)


def feature_blocks(name: str, dim: int, wanted: np.ndarray, seed: int, rows: int = 16_384) -> Iterator[np.ndarray]:
    """An image feature has all its weight on two coordinates that depend on the row, the rest is small noise."""
    noise = np.random.default_rng(1).normal(0, 1e-3, (rows, dim)).astype(np.float16)
    for start in range(0, len(wanted), rows):
        part = wanted[start : start + rows]
        index = np.arange(start, start + len(part))
        block = np.roll(noise, start // rows + seed, axis=1)[: len(part)].copy()
        first, second = index % (dim // 2), dim // 2 + index % (dim // 2)
        here = np.arange(len(part))
        if name.endswith("img"):
            block[here, first], block[here, second] = 1.0, 0.0
        else:
            block[here, first], block[here, second] = part, np.sqrt(1 - part * part)
        yield block


def write_shards(metadata: Path, directory: Path, limit: int, *, per_shard: int = 10_000) -> None:
    """DataComp-shaped tars for the first `limit` pairs: `<key>.jpg`, `.json`, `.txt`; every tenth download failed."""
    directory.mkdir(parents=True, exist_ok=True)
    images = [_jpeg(number) for number in range(64)]
    shard, done = 0, 0
    for path in sorted(metadata.glob("*.parquet")):
        rows = pq.ParquetFile(path).iter_batches(batch_size=per_shard)
        for batch in rows:
            if done >= limit:
                return
            successes = 0
            with tarfile.open(directory / f"{shard:08d}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
                for index, pair in enumerate(batch.slice(0, limit - done).to_pylist()):
                    if index % 10 == 9:
                        continue
                    key = f"{shard * per_shard + index:012d}"
                    about = {
                        "uid": pair["uid"], "face_bboxes": pair["face_bboxes"], "caption": pair["text"],
                        "url": pair["url"], "key": key, "status": "success", "error_message": None,
                        "width": 64, "height": 64, "original_width": pair["original_width"],
                        "original_height": pair["original_height"], "exif": "{}", "sha256": pair["sha256"],
                    }  # fmt: skip
                    _add(tar, f"{key}.jpg", images[(done + index) % len(images)])
                    _add(tar, f"{key}.json", json.dumps(about, indent=4).encode())
                    _add(tar, f"{key}.txt", pair["text"].encode())
                    successes += 1
            (directory / f"{shard:08d}_stats.json").write_text(json.dumps({"successes": successes}))
            shard, done = shard + 1, done + batch.num_rows


def _jpeg(number: int) -> bytes:
    """About 15 kB, the size of a small web image."""
    from PIL import Image

    rng = np.random.default_rng(number)
    out = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (96, 96, 3), dtype=np.uint8)).save(out, "JPEG", quality=92)
    return out.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o444
    member.uname = member.gname = "bigdata"
    tar.addfile(member, io.BytesIO(content))


if __name__ == "__main__":
    main()
