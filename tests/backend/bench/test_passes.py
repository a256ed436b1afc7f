"""Whole passes over the pairs: each once before any twice, whatever the workers and devices, and after a resume."""

import io
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poolscope.bench.passes import KINDS, InPlace, InTars, Passes, samples
from poolscope.export import export_shards, plan_in_place
from poolscope.export.writer import TarWriter
from poolscope.pool import Pool
from poolscope.recipe import load, select


def taken(passes: Passes, batches: int, start: int = 0, workers: int = 1) -> list[list[int]]:
    """The first batches of one rank, as the loader takes them from its workers in turn."""
    sources = [passes.batches(start, worker, workers) for worker in range(workers)]
    return [next(sources[k % workers])[1].tolist() for k in range(batches)]


def test_each_pair_comes_once_before_any_twice() -> None:
    numbers = np.concatenate(taken(Passes(50, 3, batch=20), 10)).tolist()
    for at in range(0, 200, 50):
        assert sorted(numbers[at : at + 50]) == list(range(50))
    assert numbers[:50] != numbers[50:100] != list(range(50))
    assert numbers != np.concatenate(taken(Passes(50, 4, batch=20), 10)).tolist()


def test_a_step_sees_the_same_pairs_on_any_number_of_workers_and_devices() -> None:
    alone = taken(Passes(50, 3, batch=24), 10)
    for workers in (2, 3):
        assert taken(Passes(50, 3, batch=24), 10, workers=workers) == alone
    ranks = [taken(Passes(50, 3, batch=8, rank=rank, world=3), 10, workers=2) for rank in range(3)]
    assert np.concatenate(ranks, axis=1).tolist() == alone
    assert taken(Passes(50, 3, batch=24), 4, start=6 * 24) == alone[6:], "a part goes on where the one before it ended"


def picture(number: int, kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8 + number, 8), (number, 0, 0)).save(out, kind)
    return out.getvalue()


def test_the_pairs_of_tars_by_number(tmp_path: Path) -> None:
    with TarWriter(tmp_path / "0.tar") as tar:
        for n, (kind, caption) in enumerate([("WEBP", "one"), ("PNG", " "), ("JPEG", "three")]):
            tar.put(f"{n}.{kind.lower()}", picture(n, kind))
            tar.put(f"{n}.txt", caption.encode())
            tar.put(f"{n}.json", b"{}")
    with tarfile.open(tmp_path / "1.tar", "w", format=tarfile.PAX_FORMAT) as general:
        for name, content in (("Ü.png", picture(7, "PNG")), ("Ü.txt", "ü".encode()), ("z.txt", b"no image")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            general.addfile(member, io.BytesIO(content))
    pairs = InTars([str(tmp_path / "0.tar"), str(tmp_path / "1.tar")])
    assert len(pairs) == 3
    read = list(pairs.read(np.array([2, 0, 1, 2])))
    assert [one and one["txt"].decode() for one in read] == ["ü", "one", "three", "ü"]
    assert [Image.open(io.BytesIO(one["jpg"])).width for one in read if one] == [15, 8, 10, 15]


@pytest.mark.parametrize("size", [3000, 2100, 40])
def test_a_tar_cut_off_gives_its_whole_pairs(tmp_path: Path, size: int) -> None:
    for form in (tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "x.tar", "w", format=form) as tar:
            for name, content in (
                ("a.png", picture(1, "PNG")),
                ("a.txt", b"a"),
                ("b.png", bytes(size)),
                ("b.txt", b"b"),
            ):
                member = tarfile.TarInfo(name)
                member.size, member.pax_headers = len(content), {"comment": "no plain header"}
                tar.addfile(member, io.BytesIO(content))
        whole = (tmp_path / "x.tar").read_bytes()
        (tmp_path / "x.tar").write_bytes(whole[: whole.index(b"b.txt\0")][:-500])
        assert len(InTars([str(tmp_path / "x.tar")])) == 1


def test_in_place_and_from_shards_the_samples_are_the_same(tiny_pool: Pool, tmp_path: Path) -> None:
    np.save(tmp_path / "some.npy", np.sort(tiny_pool.uids()[[3, 3, 7, *range(140, 190)]]))
    recipe = load({"name": "some", "keep": [{"subset": str(tmp_path / "some.npy")}]})
    selection = select(recipe, tiny_pool)
    export_shards(tiny_pool, selection, tmp_path / "shards", recipe=recipe, shard_size=20)
    plan_in_place(tiny_pool, selection, tmp_path / "plan", shard_size=20)
    given = []
    for pairs in (InTars(sorted(map(str, (tmp_path / "shards").glob("*.tar")))), InPlace(tmp_path / "plan")):
        assert len(pairs) == selection.drawn == 53
        found = islice(samples(pairs, Passes(len(pairs), 1, batch=16), 0, 0, 1), 2 * len(pairs))
        given.append([(one["txt"], next(one[kind] for kind in KINDS if kind in one)) for one in found])
    assert given[0] == given[1]
    assert sorted(Counter(given[0]).values())[-1] == 4, "a pair that is drawn twice comes twice in each pass"


def test_pairs_none_of_which_can_be_read_end_the_training() -> None:
    class Lost:
        def __len__(self) -> int:
            return 20

        def read(self, numbers: np.ndarray) -> Iterator[None]:
            return iter([None] * len(numbers))

    with pytest.raises(RuntimeError, match="none of the kept pairs can be read"):
        next(samples(Lost(), Passes(20, 0, batch=8), 0, 0, 1))


LOADED = """
import sys, torch, open_clip
from open_clip_train import data
from open_clip_train.params import parse_args
from poolscope.bench import loading, passes
from poolscope.models import register_configs

register_configs()
torch.set_num_threads(1)
args = parse_args(["--model", "poolscope-demo", "--train-data", sys.argv[1], "--dataset-type", "webdataset",
                   "--train-num-samples", "48", "--batch-size", "16"])
args.distributed, args.world_size, args.rank = False, 1, 0
_, preprocess, _ = open_clip.create_model_and_transforms("poolscope-demo")
tokenizer = open_clip.get_tokenizer("poolscope-demo")
passes.read_in_passes(); loading.formats_first(); loading.spare_repeated_work(); loading.exact_steps()

def batches(workers, parts):
    args.workers = workers
    found = data.get_wds_dataset(args, preprocess, True, tokenizer=tokenizer)
    for part in parts:
        found.set_epoch(part)
        yield from found.dataloader

once = list(batches(0, range(3)))
assert len(once) == 9
seen = [str(caption.tolist()) for _, captions in once for caption in captions]
assert len(set(seen[:24])) == 24 and sorted(seen[:24]) == sorted(seen[24:48])
for other in (list(batches(2, range(3))), [*batches(1, [0]), *batches(2, [1, 2])]):
    assert len(other) == 9
    for (image, text), (again, words) in zip(once, other):
        assert torch.equal(text, words) and torch.equal(image, again), "the crops too"
"""


def test_the_loader_gives_the_same_batches_whatever_its_workers_and_after_a_resume(tmp_path: Path) -> None:
    for number in range(2):
        with TarWriter(tmp_path / f"{number:08d}.tar") as tar:
            for n in range(12):
                tar.put(f"{n}.png", picture(12 * number + n, "PNG"))
                tar.put(f"{n}.txt", f"caption {12 * number + n}".encode())
    words = [sys.executable, "-c", LOADED, f"{tmp_path}/{{00000000..00000001}}.tar"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
