"""Feeding open_clip_train: the same samples in the same order, shuffled by the seed, at half the processor time.

On two cores every millisecond of the loader is taken from the training threads. Nothing here changes a batch by a
bit; `tests/backend/bench/test_loading.py` compares them with open_clip_train's own.
"""

import logging
import math
import os
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

BLOCK = 512
PARTS = re.compile(r"(?!__[^/]*__/).*\.(txt|jpg|jpeg|png|webp)", re.IGNORECASE)
OCTAL = re.compile(rb"[0-7]{11}")
CAPTIONS = 50_000


def seed_shuffling() -> None:
    """Makes webdataset's sample shuffling follow `--seed`.

    `open_clip_train` leaves its buffer seeded by process id and clock, so two runs with one seed would see other
    batches. Its own `detshuffle2` with a negative seed takes the seed of the loader worker, which follows `--seed`.
    """
    from open_clip_train import data as loading

    def shuffle(bufsize: int = 1000, initial: int = 100, **unused: Any) -> Any:
        return loading.detshuffle2(bufsize=bufsize, initial=initial, seed=-1)

    loading.wds.shuffle = shuffle


def read_in_place(argv: list[str]) -> bool:
    """Lets the loader read the pool's own tars when the shards are only a plan (see `poolscope.export.in_place`).

    The reader is imported in the loader's processes: Lance must not be loaded before they are forked.
    """
    given = argv[argv.index("--train-data") + 1] if "--train-data" in argv[:-1] else ""
    if not (Path(given).parent / "in_place.json").is_file():
        return False
    from open_clip_train import data as loading

    def samples(sources: Any, handler: Any = None) -> Any:
        from ..export.in_place import samples_of

        return samples_of(sources)

    loading.tarfile_to_samples_nothrow = samples
    return True


def read_plain_tars() -> None:
    """Replaces the reader of tars by one that reads plain headers itself and takes only images and captions."""
    from open_clip_train import data as loading

    general = loading.tarfile_to_samples_nothrow

    def samples(sources: Iterable[dict[str, Any]], handler: Any = None) -> Iterator[dict[str, Any]]:
        for source in sources:
            if not Path(source["url"]).is_file():  # a pipe or an URL
                yield from general([source])
                continue
            yield from loading.group_by_keys_nothrow(members(source["url"]))

    loading.tarfile_to_samples_nothrow = samples


def members(path: str) -> Iterator[dict[str, Any]]:
    """Images and captions of a local tar, as webdataset's tar iterator gives them, without empty captions; damage ends the
    shard, logged."""
    with open(path, "rb", buffering=1 << 20) as tar:
        for name, start, size in spans(tar):
            tar.seek(start)
            yield {"fname": name, "data": tar.read(size), "__url__": path}


def spans(tar: BinaryIO) -> Iterator[tuple[str, int, int]]:
    """Names, places and sizes of the images and captions of a tar, but for empty captions."""
    for name, start, size in chain(_plain_members(tar), _general_members(tar)):
        tar.seek(start)
        if not name.endswith(".txt") or tar.read(size).strip():  # open_clip leaves out a sample without a caption file
            yield name, start, size


def _plain_members(tar: BinaryIO) -> Iterator[tuple[str, int, int]]:
    """Members up to a header that is not plain, before which `tar` stands then, or to the end."""
    end, at = os.fstat(tar.fileno()).st_size, tar.tell()
    while len(header := tar.read(BLOCK)) == BLOCK and header != bytes(BLOCK):
        size = _plain_size(header)
        if size is None:
            tar.seek(at)
            return
        name = header[: header.find(b"\0", 0, 100)].decode()
        if PARTS.fullmatch(name):
            if at + BLOCK + size > end:  # before room for it is asked for
                logging.warning(f"{tar.name} ends inside {name}; the rest of this shard is left out.")
                break
            yield name, at + BLOCK, size
        at += BLOCK + size + -size % BLOCK
        tar.seek(at)
    tar.seek(end)


def _plain_size(header: bytes) -> int | None:
    """The size of a regular file whose whole name is in `header` as ASCII; None for any other kind of header."""
    digits = OCTAL.fullmatch(header, 124, 135)
    plain = header[156] == 0x30 and header[257:262] == b"ustar" and not header[345] and 0 in header[:100]
    if not plain or digits is None or not header[:100].isascii():
        return None
    return int(digits[0], 8)


def _general_members(tar: BinaryIO) -> Iterator[tuple[str, int, int]]:
    """Members of the rest of a tar whatever its headers; damage ends it, logged."""
    end = os.fstat(tar.fileno()).st_size
    if tar.tell() >= end:
        return
    try:
        with tarfile.open(fileobj=tar, mode="r:") as rest:
            for member in rest:
                whole = member.isreg() and not member.issparse() and member.offset_data + member.size <= end
                if whole and PARTS.fullmatch(member.name):
                    yield member.name, member.offset_data, member.size
    except Exception as error:  # as webdataset: whatever damage raises is logged, and the next shard is read
        logging.warning(f"{tar.name} is damaged, the rest of this shard is left out: {error}")


def formats_first() -> None:
    """Pillow tries its formats one by one; those of training shards come first, those that no pool takes not at all."""
    from PIL import Image

    from ..pool.decoding import FORMATS

    Image.init()
    Image.ID[:] = sorted(
        (name for name in Image.ID if name in FORMATS), key=lambda name: name not in ("JPEG", "WEBP", "PNG")
    )


def spare_repeated_work() -> None:
    """Wraps `get_wds_dataset`: pixels become numbers by one look-up, captions seen before keep their tokens."""
    from open_clip_train import data as loading

    build = loading.get_wds_dataset

    def get_wds_dataset(args: Any, preprocess_img: Any, *rest: Any, tokenizer: Any = None, **more: Any) -> Any:
        known = lru_cache(maxsize=CAPTIONS)(tokenizer)
        return build(args, by_lookup(preprocess_img), *rest, tokenizer=known, **more)

    loading.get_wds_dataset = get_wds_dataset


def exact_steps() -> None:
    """Ends each part after the batches that were asked for.

    `open_clip_train` rounds their number up to a multiple of the loader's workers, and with accumulation drops the
    rest of a division; batches beyond are loaded by a worker and left unused.
    """
    from open_clip_train import data as loading

    build = loading.get_wds_dataset

    def get_wds_dataset(args: Any, preprocess_img: Any, is_train: bool, *rest: Any, **more: Any) -> Any:
        dataset = build(args, preprocess_img, is_train, *rest, **more)
        if is_train:
            share = args.batch_size * args.world_size
            batches = math.ceil(args.train_num_samples / (share * args.accum_freq)) * args.accum_freq
            dataset.dataloader = dataset.dataloader.with_epoch(batches)
            dataset.dataloader.num_batches, dataset.dataloader.num_samples = batches, batches * share
        return dataset

    loading.get_wds_dataset = get_wds_dataset


def by_lookup(preprocess: Any) -> Any:
    """`preprocess` with its last two steps (to floats in 0..1, then normalised) as one table of 256 values a channel.

    The table is filled by these two steps, so it gives the same bits; unchanged if it ends in other steps.
    """
    import numpy as np
    import torch
    from PIL import Image
    from torchvision.transforms import Compose, Normalize, ToTensor

    steps = list(getattr(preprocess, "transforms", []))
    if len(steps) < 2 or not isinstance(steps[-1], Normalize) or not isinstance(steps[-2], ToTensor):
        return preprocess
    ramp = Image.fromarray(np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2))
    table = Compose(steps[-2:])(ramp)[:, :, 0].numpy()  # (3, 256) float32
    general: Callable[[Any], Any] = Compose(steps[-2:])

    def floats(image: Any) -> Any:
        if image.mode != "RGB":
            return general(image)
        pixels = np.asarray(image)  # (h, w, 3) uint8
        out = np.empty((3, *pixels.shape[:2]), dtype=np.float32)
        for channel in range(3):
            np.take(table[channel], pixels[:, :, channel], out=out[channel], mode="clip")
        return torch.from_numpy(out)

    return Compose([*steps[:-2], floats])
