"""The child process of a training run: registers our models, seeds the shuffling, hands over to open_clip_train.

`python -m backend.bench.worker ARGS…` takes exactly the arguments of `open_clip_train.main`; under torchrun or
srun every rank runs it.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Any

from backend.models import register_configs


def die_with_parent() -> None:
    """Asks Linux to end this process when its parent goes, so that a killed launcher leaves nothing running."""
    try:
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGTERM)
    except (AttributeError, OSError):
        return
    if os.getppid() == 1:
        sys.exit(143)


def seed_shuffling() -> None:
    """Makes webdataset's sample shuffling follow `--seed`.

    `open_clip_train` leaves its buffer seeded by process id and clock, so two runs with one seed would see other
    batches. Its own `detshuffle2` with a negative seed takes the seed of the loader worker, which follows `--seed`.
    """
    from open_clip_train import data as loading

    def shuffle(bufsize: int = 1000, initial: int = 100, **unused: Any) -> Any:
        return loading.detshuffle2(bufsize=bufsize, initial=initial, seed=-1)

    loading.wds.shuffle = shuffle


def read_in_place(argv: list[str]) -> None:
    """Lets the loader read the pool's own tars when the shards are only a plan (see `backend.export.in_place`).

    The reader is imported in the loader's processes: Lance must not be loaded before they are forked.
    """
    given = argv[argv.index("--train-data") + 1] if "--train-data" in argv[:-1] else ""
    if not (Path(given).parent / "in_place.json").is_file():
        return
    from open_clip_train import data as loading

    def samples(sources: Any, handler: Any = None) -> Any:
        from backend.export.in_place import samples_of

        return samples_of(sources)

    loading.tarfile_to_samples_nothrow = samples


def skip_slow_attention() -> None:
    """On the CPU the backward pass of torch's fused attention takes half of a step; the plain products are faster."""
    import torch

    if not torch.cuda.is_available():
        torch.backends.cuda.enable_flash_sdp(False)


def main(argv: list[str]) -> int:
    # Only under our launcher: torchrun and srun look after their own ranks.
    if "TORCHELASTIC_RUN_ID" not in os.environ and "SLURM_PROCID" not in os.environ:
        die_with_parent()
    register_configs()
    seed_shuffling()
    read_in_place(argv)
    skip_slow_attention()
    from open_clip_train.main import main as train

    return int(train(argv) or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
