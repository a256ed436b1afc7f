import shlex
import subprocess
from pathlib import Path

import pytest

from backend import bench
from backend.bench.launch import Launch, command, training_arguments
from backend.bench.run import Run
from backend.bench.scales import SCALES
from backend.errors import InputError
from backend.pool import Pool
from backend.recipe import Recipe
from tests.backend.bench.conftest import SETTINGS


def test_arguments_are_datacomps(tmp_path: Path) -> None:
    argv = training_arguments(
        SCALES["xlarge"], Launch(gpus=8, nodes=64, accum=1), shards="s.tar", seed=1, logs=tmp_path
    )
    text = " ".join(argv)
    for part in (
        "--model ViT-L-14", "--train-num-samples 2560000000", "--epochs 5", "--batch-size 176", "--lr 0.001",
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
        scale = SCALES[name]
        args = parse_args(training_arguments(scale, launch, shards="s.tar", seed=0, logs=tmp_path))
        assert args.batch_size * args.accum_freq * launch.world == scale.batch
        assert (args.wd, args.beta1, args.beta2, args.eps) == (0.2, 0.9, scale.beta2, 1e-6)


def test_several_gpus_start_under_torchrun_and_several_nodes_do_not_start_here() -> None:
    assert "torch.distributed.run" in command(["--x"], Launch(gpus=4))
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
