"""Training on several machines: the sbatch script and the torchrun line of a prepared run."""

import shlex
from pathlib import Path

from .. import files
from ..paths import home
from ..runs import Run
from .launch import MODULE, Launch
from .scales import Scale

CPUS_BESIDE_LOADERS = 2


def write_scripts(run: Run, argv: list[str], scale: Scale, launch: Launch) -> list[Path]:
    """Writes `submit/train.sbatch` and `submit/torchrun.sh` into the run's directory, ready to submit.

    Both start `poolscope.bench.worker` with the same arguments on every rank, save checkpoints into the run's directory
    (which every node must see) and go on from the last one when started again. Afterwards `poolscope train … --as RUN
    --resume` finds the finished training, keeps its weights and evaluates it.
    """
    directory = run.path / "submit"
    written = []
    for name, text in (
        ("train.sbatch", sbatch(run, argv, scale, launch)),
        ("torchrun.sh", torchrun(run, argv, launch)),
    ):
        files.write_text(directory / name, text)
        written.append(directory / name)
    return written


def sbatch(run: Run, argv: list[str], scale: Scale, launch: Launch) -> str:
    """A Slurm batch script: one task per GPU, requeued after a node failure, resumed from the last checkpoint."""
    gpus = max(1, launch.gpus or 1)
    workers = launch.loaders(scale)
    return f"""#!/bin/bash
#SBATCH --job-name={run.id}
#SBATCH --nodes={launch.nodes}
#SBATCH --ntasks-per-node={gpus}
#SBATCH --gpus-per-node={gpus}
#SBATCH --cpus-per-task={workers + CPUS_BESIDE_LOADERS}
#SBATCH --output={run.path}/train/slurm-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
set -euo pipefail
{_environment()}
export MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))
srun --cpu-bind=none python -m poolscope.bench.worker {_quoted(argv)}
"""


def torchrun(run: Run, argv: list[str], launch: Launch) -> str:
    """A shell script to start on every node with the first node's address: `bash torchrun.sh HOST:PORT`."""
    return f"""#!/bin/bash
# On each of the {launch.nodes} nodes: bash torchrun.sh FIRST_NODE:29500
set -euo pipefail
{_environment()}
torchrun --nnodes {launch.nodes} --nproc-per-node {max(1, launch.gpus or 1)} \\
  --rdzv-backend c10d --rdzv-id {shlex.quote(run.id)} --rdzv-endpoint "${{1:?give FIRST_NODE:PORT}}" \\
  {" ".join(MODULE)} {_quoted(argv)}
"""


def _environment() -> str:
    return f"export POOLSCOPE_HOME={shlex.quote(str(home().resolve()))}"


def _quoted(argv: list[str]) -> str:
    """Arguments for a shell, one option per line."""
    words = [shlex.quote(word) for word in argv]
    lines, line = [], ""
    for word in words:
        if word.startswith("--") and line:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return " \\\n  ".join([*lines, line])
