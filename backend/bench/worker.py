"""The child process of a training run: registers our models, seeds the shuffling, hands over to open_clip_train.

`python -m poolscope.bench.worker ARGS…` takes exactly the arguments of `open_clip_train.main`; under torchrun or
srun every rank runs it.
"""

import gc
import os
import sys
from pathlib import Path

from ..devices import cuda_devices
from ..files import write_json
from ..models import register_configs
from ..processes import end_with
from ..runs import hardware
from . import checkpoints, loading, passes
from .launch import LAUNCHER


def skip_slow_attention() -> None:
    """On the CPU the backward pass of torch's fused attention takes half of a step; the plain products are faster."""
    import torch

    if not torch.cuda.is_available():
        torch.backends.cuda.enable_flash_sdp(False)


def share_on_cpus() -> None:
    """open_clip_train names the CPU as the device of its data-parallel model, which torch refuses: no name means the CPU."""
    import torch

    parallel = torch.nn.parallel.DistributedDataParallel

    class OnCpus(parallel):  # type: ignore[misc, valid-type]
        def __init__(self, module: torch.nn.Module, device_ids: object = None, **options: object) -> None:
            super().__init__(module, **options)

    if not torch.cuda.is_available():
        torch.nn.parallel.DistributedDataParallel = OnCpus  # type: ignore[misc, assignment]


def record_hardware(argv: list[str]) -> None:
    """The first rank writes where the training runs into `hardware.json` beside its logs: scripts are often written elsewhere."""
    env = os.environ
    if "--logs" not in argv[:-1] or int(env.get("RANK", env.get("SLURM_PROCID", "0"))):
        return
    ranks = int(env.get("WORLD_SIZE", env.get("SLURM_NTASKS", "1")))
    nodes = int(env.get("GROUP_WORLD_SIZE", env.get("SLURM_JOB_NUM_NODES", "1")))
    about = hardware("cuda" if cuda_devices() else "cpu") | {"ranks": ranks, "nodes": nodes}
    write_json(Path(argv[argv.index("--logs") + 1]) / "hardware.json", about)


def main(argv: list[str]) -> int:
    # Only under our launcher: torchrun and srun look after their own ranks.
    if LAUNCHER in os.environ and "TORCHELASTIC_RUN_ID" not in os.environ:
        end_with(int(os.environ[LAUNCHER]))
    gc.disable()  # imports drop nothing: looking for garbage among what they bring takes a quarter of their time
    record_hardware(argv)
    register_configs()
    if "--dataset-resampled" not in argv:
        passes.read_in_passes()
    else:
        loading.seed_shuffling()
        if not loading.read_in_place(argv):
            loading.read_plain_tars()
    loading.formats_first()
    loading.spare_repeated_work()
    loading.exact_steps()
    checkpoints.save_within_parts()
    skip_slow_attention()
    share_on_cpus()
    from open_clip_train.main import main as train

    gc.freeze()
    gc.enable()
    return int(train(argv) or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
