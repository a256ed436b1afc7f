"""The loader of a training run gives the batches of open_clip_train's own, bit by bit."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poolscope.bench.loading import by_lookup, members
from poolscope.export.writer import TarWriter

COMPARE = """
import sys, torch
import open_clip
from open_clip_train import data
from open_clip_train.params import parse_args
from poolscope.bench import loading
from poolscope.models import register_configs

register_configs()
torch.set_num_threads(1)
args = parse_args(["--model", "poolscope-demo", "--train-data", sys.argv[1], "--dataset-type", "webdataset",
                   "--dataset-resampled", "--train-num-samples", "48", "--batch-size", "16", "--workers", "0"])
args.distributed, args.world_size, args.rank = False, 1, 0
_, preprocess, _ = open_clip.create_model_and_transforms("poolscope-demo")
tokenizer = open_clip.get_tokenizer("poolscope-demo")

def batches():
    torch.manual_seed(1)
    loaded = iter(data.get_wds_dataset(args, preprocess, True, tokenizer=tokenizer).dataloader)
    return [next(loaded) for _ in range(3)]

loading.seed_shuffling()
theirs = batches()
loading.read_plain_tars(); loading.formats_first(); loading.spare_repeated_work()
ours = batches()
assert len({str(text.tolist()) for _, texts in ours for text in texts}) > 8
for (image, text), (other, words) in zip(theirs, ours):
    assert torch.equal(image, other) and torch.equal(text, words)
"""


EXACT = (
    COMPARE.partition("loading.seed_shuffling()")[0]
    + """
def epochs(workers, accum, world):
    args.workers, args.accum_freq, args.world_size, args.train_num_samples = workers, accum, world, 80 * accum * world
    torch.manual_seed(1)
    found = data.get_wds_dataset(args, preprocess, True, tokenizer=tokenizer)
    seen = []
    for epoch in range(2):
        found.set_epoch(epoch)
        seen.append([str(text.tolist()) for _, text in found.dataloader])
    return found.dataloader.num_batches, found.dataloader.num_samples, seen

loading.seed_shuffling()
rounded = epochs(2, 1, 1)
assert rounded[0] == 6 and [len(part) for part in rounded[2]] == [6, 6]
loading.exact_steps()
exact = epochs(2, 1, 1)
assert exact[:2] == (5, 80)
assert exact[2] == [part[:5] for part in rounded[2]], "the same pairs but for the batch too many"
for workers, accum, world in ((0, 1, 1), (3, 2, 2)):
    batches, samples, seen = epochs(workers, accum, world)
    assert (batches, samples) == (5 * accum, 80 * accum * world)
    assert [len(part) for part in seen] == [5 * accum] * 2
"""
)


def image(number: int, kind: str, mode: str = "RGB") -> bytes:
    rng = np.random.default_rng(number)
    out = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (20 + number, 40, 3), dtype=np.uint8)).convert(mode).save(out, kind)
    return out.getvalue()


def shard(path: Path, numbers: range) -> None:
    with TarWriter(path) as tar:
        for n in numbers:
            kind, extension, mode = [("WEBP", "webp", "RGB"), ("JPEG", "JPG", "RGB"), ("PNG", "png", "L")][n % 3]
            tar.put(f"{n:09d}.{extension}", image(n, kind, mode))
            tar.put(f"{n:09d}.txt", f"caption {n} Ü".encode())
            tar.put(f"{n:09d}.json", b"{}")


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT])
def test_a_pair_without_a_caption_is_not_trained_on(tmp_path: Path, form: int) -> None:
    """open_clip leaves out a sample without a caption file; an empty one counts as none."""
    with tarfile.open(tmp_path / "0.tar", "w", format=form) as tar:
        for n, caption in enumerate([b"a dog", b"", b" \n", b"a cat"]):
            for name, content in ((f"{n}.png", image(n, "PNG")), (f"{n}.txt", caption)):
                member = tarfile.TarInfo(name)
                member.size, member.pax_headers = len(content), {"comment": "a plain header isn't enough"}
                tar.addfile(member, io.BytesIO(content))
    found = [member["fname"] for member in members(str(tmp_path / "0.tar"))]
    assert found == ["0.png", "0.txt", "1.png", "2.png", "3.png", "3.txt"]


def test_the_batches_are_those_of_open_clip_train(tmp_path: Path) -> None:
    for number in range(2):
        shard(tmp_path / f"{number:08d}.tar", range(12 * number, 12 * number + 12))
    shards = f"{tmp_path}/{{00000000..00000001}}.tar"
    done = subprocess.run([sys.executable, "-c", COMPARE, shards], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_parts_have_the_steps_that_were_asked_for_whatever_the_workers_and_devices(tmp_path: Path) -> None:
    for number in range(2):
        shard(tmp_path / f"{number:08d}.tar", range(12 * number, 12 * number + 12))
    shards = f"{tmp_path}/{{00000000..00000001}}.tar"
    done = subprocess.run([sys.executable, "-c", EXACT, shards], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_any_tar_is_read(tmp_path: Path, form: int) -> None:
    """Long names, directories and links come between plain members; only images and captions are given."""
    names = ["a.txt", "a.webp", f"{'d' * 120}/b.txt", "c.json", "__meta__/d.txt", "e.txt"]
    with tarfile.open(tmp_path / "x.tar", "w", format=form) as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 700
            tar.addfile(member, io.BytesIO(name[0].encode() * 700))
        link = tarfile.TarInfo("f.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    got = {m["fname"]: m["data"] for m in members(str(tmp_path / "x.tar"))}
    assert got == {n: n[0].encode() * 700 for n in names if n not in ("c.json", "__meta__/d.txt")}


def test_a_tar_cut_off_gives_its_whole_members(tmp_path: Path) -> None:
    shard(tmp_path / "whole.tar", range(6))
    whole = list(members(str(tmp_path / "whole.tar")))
    (tmp_path / "cut.tar").write_bytes((tmp_path / "whole.tar").read_bytes()[:9000])
    cut = list(members(str(tmp_path / "cut.tar")))
    assert 0 < len(cut) < len(whole)
    assert [m["data"] for m in cut] == [m["data"] for m in whole[: len(cut)]]


@pytest.mark.parametrize("size", [b"77777777777", b"00000000009", b"\x80\0\0\0\0\0\0\0\0\0\1"])
def test_a_member_that_claims_too_much_ends_its_shard(tmp_path: Path, size: bytes) -> None:
    shard(tmp_path / "good.tar", range(3))
    content = bytearray((tmp_path / "good.tar").read_bytes())
    at = content.index(b"000000001.JPG")
    content[at + 124 : at + 135] = size
    (tmp_path / "bad.tar").write_bytes(content)
    assert [m["fname"] for m in members(str(tmp_path / "bad.tar"))] == ["000000000.webp", "000000000.txt"]


def test_other_transforms_are_left_alone() -> None:
    from torchvision.transforms import Compose, Resize

    steps = Compose([Resize(8)])
    assert by_lookup(steps) is steps
