"""Training on several machines: the Slurm scripts and the torchrun line of a prepared run."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import files
from ..paths import home
from ..runs import Run
from .launch import MODULE, Launch
from .scales import Scale

CPUS_BESIDE_LOADERS = 2
NOTICE_S = 300  # seconds before the time limit at which Slurm gives notice: a checkpoint of ViT-L/14 takes 20


@dataclass(frozen=True)
class Evaluation:
    """What the job that follows the training evaluates: single tasks, or the suite of the run's scale."""

    tasks: Sequence[str] | None = None
    tasks_dir: Path | str | None = None


def write_scripts(
    run: Run, argv: list[str], scale: Scale, launch: Launch, evaluation: Evaluation = Evaluation()
) -> list[Path]:
    """Writes `submit.sh`, `train.sbatch`, `evaluate.sbatch` and `torchrun.sh` into `submit/` of the run's directory.

    `bash submit.sh` submits the training and, depending on it, the evaluation. Every rank runs
    `poolscope.bench.worker` with the same arguments, checkpoints go into the run's directory (which every node must
    see), and a script that is started again goes on from the last one.
    """
    texts = {
        "submit.sh": submit(run),
        "train.sbatch": training(run, argv, scale, launch),
        "evaluate.sbatch": evaluating(run, launch, evaluation),
        "torchrun.sh": torchrun(run, argv, launch),
    }
    for name, text in texts.items():
        files.write_text(run.path / "submit" / name, text)
    return [run.path / "submit" / name for name in texts]


def submit(run: Run) -> str:
    """Submits both jobs; the evaluation starts once the training has ended well, however often it was requeued."""
    directory = shlex.quote(str(run.path / "submit"))
    return f"""#!/bin/bash
set -euo pipefail
cd {directory}
training=$(sbatch --parsable "$@" train.sbatch)
evaluation=$(sbatch --parsable "$@" --dependency="afterok:${{training%%;*}}" evaluate.sbatch)
echo "training is job $training, evaluation job $evaluation"
"""


def training(run: Run, argv: list[str], scale: Scale, launch: Launch) -> str:
    """A Slurm batch script: one task per GPU; on notice of the time limit it saves, requeues itself and goes on later."""
    tasks = max(1, launch.gpus or 1)
    cpus = launch.loaders(scale) + CPUS_BESIDE_LOADERS
    return f"""{_head(run, "train", launch, nodes=launch.nodes, tasks=tasks, cpus=cpus)}
export MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))
noticed=no
trap 'noticed=yes; kill -USR1 "$ranks" || true' USR1
srun --cpu-bind=none --kill-on-bad-exit=1 {_python()} -m poolscope.bench.worker {_quoted(argv)} &
ranks=$!
code=0
wait "$ranks" || code=$?
while kill -0 "$ranks" 2> /dev/null; do  # a trapped signal ends the wait, not what it waits for
  code=0
  wait "$ranks" || code=$?
done
if [ "$noticed" = yes ] && [ "$code" != 0 ]; then
  scontrol requeue "$SLURM_JOB_ID"
  exit 0
fi
exit "$code"
"""


def evaluating(run: Run, launch: Launch, evaluation: Evaluation) -> str:
    """A Slurm batch script that keeps the weights of the finished training and evaluates them on one device."""
    words = [run.id]
    if evaluation.tasks is not None:
        words += ["--tasks", ",".join(evaluation.tasks)]
    if evaluation.tasks_dir is not None:
        words += ["--tasks-dir", str(Path(evaluation.tasks_dir).resolve())]
    return f"""{_head(run, "evaluate", launch, nodes=1, tasks=1, cpus=8)}
exec {_python()} -m poolscope evaluate {_quoted(words)}
"""


def torchrun(run: Run, argv: list[str], launch: Launch) -> str:
    """A shell script to start on every node with the first node's address: `bash torchrun.sh HOST:PORT`."""
    return f"""#!/bin/bash
# On each of the {launch.nodes} nodes: bash torchrun.sh FIRST_NODE:29500
set -euo pipefail
{_environment(launch)}
exec {_python()} -m torch.distributed.run --nnodes {launch.nodes} --nproc-per-node {max(1, launch.gpus or 1)} \\
  --rdzv-backend c10d --rdzv-id {shlex.quote(run.id)} --rdzv-endpoint "${{1:?give FIRST_NODE:PORT}}" \\
  {" ".join(MODULE)} {_quoted(argv)}
"""


def _head(run: Run, name: str, launch: Launch, *, nodes: int, tasks: int, cpus: int) -> str:
    options = {
        "job-name": f"{run.id}-{name}",
        "nodes": nodes,
        "ntasks-per-node": tasks,
        "gpus-per-node": None if launch.gpus == 0 else tasks,
        "cpus-per-task": cpus,
        "time": launch.time,
        "partition": launch.partition,
        "signal": f"B:USR1@{NOTICE_S}" if name == "train" else None,
        "output": shlex.quote(f"{run.path.resolve()}/train/slurm-{name}-%j.log"),
    }
    lines = [f"#SBATCH --{option}={value}" for option, value in options.items() if value is not None]
    lines += ["#SBATCH --open-mode=append", "#SBATCH --requeue"]
    return "\n".join(["#!/bin/bash", *lines, "set -euo pipefail", _environment(launch)])


def _environment(launch: Launch) -> str:
    blind = ["export CUDA_VISIBLE_DEVICES="] if launch.gpus == 0 else []
    own = f"export POOLSCOPE_HOME={shlex.quote(str(home().resolve()))} PYTHONUNBUFFERED=1 PYTHONSAFEPATH=1"
    return "\n".join([own, *blind])


def _python() -> str:
    """The interpreter that writes the script: batch shells know no virtual environment."""
    return shlex.quote(sys.executable)


def _quoted(argv: Sequence[str]) -> str:
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
