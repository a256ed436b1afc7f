import shlex
import subprocess
from pathlib import Path
from statistics import mean

import pytest

from poolscope import bench
from poolscope.bench.launch import Launch, command, environment, training_arguments
from poolscope.bench.scales import SCALES
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.recipe import Recipe
from poolscope.runs import Run
from tests.backend.bench.conftest import SETTINGS


def test_arguments_are_datacomps(tmp_path: Path) -> None:
    argv = training_arguments(
        SCALES["xlarge"], Launch(gpus=8, nodes=64, accum=1), shards="s.tar", seed=1, logs=tmp_path
    )
    text = " ".join(argv)
    for part in (
        "--model ViT-L-14", "--train-num-samples 2560262144", "--epochs 5", "--batch-size 176", "--lr 0.001",
        "--beta2 0.95", "--warmup 10000", "--precision amp_bf16", "--workers 4", "--seed 1", "--dataset-resampled",
        "--save-frequency 0", "--save-most-recent", "--resume latest", "--grad-checkpointing", "--ddp-static-graph",
        "--local-loss", "--gather-with-grad",
    ):  # fmt: skip
        assert part in text
    alone = training_arguments(SCALES["small"], Launch(accum=2), shards="s.tar", seed=0, logs=tmp_path)
    assert "--local-loss" not in alone
    assert alone[alone.index("--batch-size") + 1] == "2048"
    assert alone[alone.index("--accum-freq") + 1] == "2"


def test_open_clip_accepts_them(tmp_path: Path) -> None:
    from open_clip_train.params import parse_args

    for name, launch in (("small", Launch()), ("xlarge", Launch(gpus=8, nodes=16, accum=2)), ("demo", Launch(gpus=0))):
        scale = SCALES[name].on("cpu" if launch.gpus == 0 else "cuda")
        args = parse_args(training_arguments(scale, launch, shards="s.tar", seed=0, logs=tmp_path))
        assert args.batch_size * args.accum_freq * launch.world == scale.batch
        assert (args.wd, args.beta1, args.beta2, args.eps) == (0.2, 0.9, scale.beta2, 1e-6)


def test_several_gpus_start_under_torchrun_and_several_nodes_do_not_start_here() -> None:
    assert "torch.distributed.run" in " ".join(command(["--x"], Launch(gpus=4)))
    with pytest.raises(InputError, match="2 nodes can't be started from here"):
        command(["--x"], Launch(gpus=4, nodes=2))


def test_a_run_for_several_nodes_leaves_scripts_ready_to_submit(tiny_model: str, tiny_pool: Pool) -> None:
    launch = Launch(gpus=0, nodes=2)
    run = bench.train(Recipe(name="it's all"), tiny_pool, scale="demo", settings=SETTINGS, launch=launch)
    assert (run.state, run.resumable) == ("stopped", True)
    assert "submit" in Run.load(run.id).error
    script = run.path / "submit" / "train.sbatch"
    text = script.read_text()
    assert "#SBATCH --nodes=2" in text
    assert "#SBATCH --ntasks-per-node=1" in text
    assert "--batch-size 32" in text
    assert (run.path / "shards" / "meta.json").is_file()
    for path in (script, run.path / "submit" / "torchrun.sh"):
        subprocess.run(["bash", "-n", str(path)], check=True)
    last = text[text.index("srun") :].replace("\\\n", " ")
    words = shlex.split(last)
    assert words[words.index("--train-data") + 1].startswith(str(run.path / "shards"))


def test_scripts_for_gpus_are_written_on_a_machine_without_one(tiny_model: str, tiny_pool: Pool) -> None:
    run = bench.train(
        Recipe(name="all"), tiny_pool, scale="demo", settings=SETTINGS, launch=Launch(gpus=8, nodes=2), shards=None
    )
    text = (run.path / "submit" / "train.sbatch").read_text()
    assert "#SBATCH --gpus-per-node=8" in text
    assert "#SBATCH --ntasks-per-node=8" in text
    assert "--batch-size 4 " in text
    assert "--nnodes 2 --nproc-per-node 8" in (run.path / "submit" / "torchrun.sh").read_text()


def losses(log: Path) -> list[float]:
    return [
        float(line.rsplit("Loss: ", 1)[1].split()[0]) for line in log.read_text().splitlines() if "Train Epoch" in line
    ]


def test_two_ranks_share_one_global_batch(tiny_model: str, tiny_pool: Pool, tmp_path: Path) -> None:
    """torchrun starts two ranks (here on the CPU, by gloo) with the very command of a run on two GPUs.

    Their loss is over the whole batch of 64 pairs, as one process has it; over a rank's half it would be ln 2 less.
    The weights stay as they began, so that every step measures the same.
    """
    from poolscope.export import export_shards
    from poolscope.recipe import select

    shards = tmp_path / "shards"
    recipe = Recipe(name="all")
    export_shards(tiny_pool, select(recipe, tiny_pool), shards, recipe=recipe, shard_size=100)
    scale = SCALES["demo"].changed(
        **SETTINGS | {"samples_seen": 640, "checkpoints": 1, "lr": 1e-12, "precision": "fp32"}
    )
    tars = "::".join(map(str, sorted(shards.glob("*.tar"))))
    started = []
    for gpus in (1, 2):
        argv = training_arguments(scale, Launch(gpus=gpus), shards=tars, seed=0, logs=tmp_path / f"{gpus}")
        started.append(subprocess.Popen(
            command(argv, Launch(gpus=gpus)), env=environment(Launch(gpus=0)) | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        ))  # fmt: skip
    for process in started:
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said[-2000:]
    assert "world_size: 2" in (tmp_path / "2" / "open_clip" / "params.txt").read_text()
    alone, together = (losses(tmp_path / f"{gpus}" / "open_clip" / "out.log") for gpus in (1, 2))
    assert len(alone) == len(together) == 10
    assert mean(together) == pytest.approx(mean(alone), abs=0.25)
