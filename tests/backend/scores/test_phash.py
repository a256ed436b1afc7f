"""The perceptual hash: variants of photographs are found, others stay; groups against all pairs; units resume."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from scipy.sparse.csgraph import connected_components
from sklearn.datasets import load_sample_images

from poolscope.engine import run
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.scores import build, phash
from poolscope.scores.kernels.hamming import hash_groups
from poolscope.sources import import_webdataset
from tests.conftest import write_shard

TILE = 160


def photographs() -> list[Image.Image]:
    """Two whole photographs and twelve parts of them that show different things."""
    whole = [Image.fromarray(image) for image in load_sample_images().images]
    boxes = [(x, y, x + TILE, y + TILE) for x in range(0, 480, TILE) for y in range(0, 320, TILE)]
    return whole + [one.crop(box) for one in whole for box in boxes]


def variants(image: Image.Image) -> list[Image.Image]:
    """The image itself, brighter, darker, grey, cut by 2 % on every side, half as large, and as a poor JPEG."""
    width, height = image.size
    left, top = round(0.02 * width), round(0.02 * height)
    poor = io.BytesIO()
    image.save(poor, "JPEG", quality=40)
    return [
        image,
        ImageEnhance.Brightness(image).enhance(1.2),
        ImageEnhance.Brightness(image).enhance(0.6),
        image.convert("L").convert("RGB"),
        image.crop((left, top, width - left, height - top)),
        image.resize((width // 2, height // 2)),
        Image.open(poor),
    ]


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def pool_of(folder: Path, files: list[bytes]) -> Pool:
    samples = [
        {"__key__": f"{number:04d}", "png": file, "txt": f"caption {number}".encode()}
        for number, file in enumerate(files)
    ]
    write_shard(folder / "shards" / "0.tar", samples[::2])
    write_shard(folder / "shards" / "1.tar", samples[1::2])
    import_webdataset(str(folder / "shards"), folder / "pool")
    return Pool.open(folder / "pool")


def number_of(pool: Pool) -> np.ndarray:
    return np.array([int(text.split()[1]) for text in pool.strings("text").to_pylist()])


@pytest.fixture(scope="module")
def files() -> list[bytes]:
    return [png(variant) for image in photographs() for variant in variants(image)]


def test_variants_of_photographs_are_one_group_and_photographs_stay_apart(tmp_path: Path, files: list[bytes]) -> None:
    pool = run(pool_of(tmp_path, files), build("phash"))
    family, group, kept = number_of(pool) // 7, pool.array("duplicate_group"), pool.array("phash")
    assert all(len(set(family[group == one])) == 1 for one in group), "two photographs in one group"
    alike = np.mean([group[family == one] == group[(family == one) & (number_of(pool) % 7 == 0)] for one in range(14)])
    assert alike > 0.95
    assert kept.sum() == len(set(group.tolist())) <= 18
    rank = pool.uid_rank()
    assert all(rank[group == one].min() == one for one in group)
    assert pool.columns["phash"].made_by["findings"]["largest_group"] == 7


def test_the_best_of_a_group_stays_and_another_distance_decodes_nothing(
    tmp_path: Path, files: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = pool_of(tmp_path, files[:21])
    pool.add_columns({"quality": (number_of(pool) % 7).astype(np.float32)}, kind="score", made_by={})
    pool = run(pool, build("phash", best="quality"))
    kept, group = pool.array("phash"), pool.array("duplicate_group")
    assert all(
        pool.array("quality")[kept & (group == one)] == pool.array("quality")[group == one].max() for one in group
    )
    monkeypatch.setattr(phash, "perceptual_hash", lambda image: pytest.fail("decoded again"))
    exact = run(pool, build("phash", distance=0), column="exact").array("exact")
    assert exact.sum() >= kept.sum()


def test_what_was_hashed_before_an_interruption_is_not_hashed_again(
    tmp_path: Path, files: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = pool_of(tmp_path, files[:14])
    monkeypatch.setattr(phash, "UNIT_ROWS", 7)
    original, seen = phash.perceptual_hash, []

    def dies(image: bytes | None) -> int | None:
        seen.append(image)
        if len(seen) > 9:
            raise KeyboardInterrupt
        return original(image)

    monkeypatch.setattr(phash, "perceptual_hash", dies)
    with pytest.raises(KeyboardInterrupt):
        run(pool, build("phash"))
    seen.clear()
    monkeypatch.setattr(phash, "perceptual_hash", lambda image: seen.append(image) or original(image))
    pool = run(pool, build("phash"))
    assert len(seen) == 7  # the second fragment only
    assert pool.array("phash").any()
    assert not list((pool.path / "work" / "phash").iterdir())


def test_unreadable_images_are_never_kept_and_flat_ones_only_join_their_copies() -> None:
    assert phash.perceptual_hash(None) is phash.perceptual_hash(b"no image") is None
    red, blue = (png(Image.new("RGB", (64, 64), colour)) for colour in ("red", "blue"))
    assert phash.perceptual_hash(red) == phash.perceptual_hash(red) != phash.perceptual_hash(blue)


def test_a_pool_without_readable_images_is_told_so(tiny_pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pool, "images", lambda self, rows: [None] * len(rows))
    with pytest.raises(InputError, match="poolscope fetch"):
        run(tiny_pool, build("phash"))


@pytest.mark.parametrize("distance", [0, 3, 6, 8, 10])
def test_groups_are_the_components_of_all_near_hashes(distance: int) -> None:
    rng = np.random.default_rng(distance)
    hashes = np.repeat(rng.integers(0, 2**64, 300, dtype=np.uint64), 4)
    for place in range(len(hashes)):
        for bit in rng.choice(64, rng.integers(0, distance + 2), replace=False):
            hashes[place] ^= np.uint64(1) << np.uint64(bit)
    hashes = rng.permutation(hashes)
    labels = connected_components(np.bitwise_count(hashes[:, None] ^ hashes) <= distance)[1]
    np.testing.assert_array_equal(
        hash_groups(hashes, distance), [np.flatnonzero(labels == label)[0] for label in labels]
    )
