import shlex
import subprocess
from pathlib import Path

import pytest

from backend import bench
from backend.bench.launch import Launch, command, environment, training_arguments
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


def losses(log: Path) -> list[float]:
    return [
        float(line.rsplit("Loss: ", 1)[1].split()[0]) for line in log.read_text().splitlines() if "Train Epoch" in line
    ]


def test_two_ranks_share_one_global_batch(tiny_model: str, tiny_pool: Pool, tmp_path: Path) -> None:
    """torchrun starts two ranks here (on the CPU, by gloo) with the very command of a run on two GPUs.

    The loss is over the whole batch of 64 pairs: that of an untrained model there, ln 2 more than over a rank's half.
    """
    from backend.export import export_shards
    from backend.recipe import select

    shards = tmp_path / "shards"
    recipe = Recipe(name="all")
    export_shards(tiny_pool, select(recipe, tiny_pool), shards, recipe=recipe, shard_size=100)
    scale = SCALES["demo"].changed(**SETTINGS, precision="fp32").changed(samples_seen=128, checkpoints=1)
    launch = Launch(gpus=2)
    tars = ",".join(map(str, sorted(shards.glob("*.tar"))))
    argv = training_arguments(scale, launch, shards=tars.replace(",", "::"), seed=0, logs=tmp_path / "logs")
    done = subprocess.run(
        command(argv, launch), env=environment(Launch(gpus=0, threads=1)), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    log = tmp_path / "logs" / "open_clip" / "out.log"
    assert "world_size: 2" in (log.parent / "params.txt").read_text()
    assert losses(log)[0] == pytest.approx(untrained_loss(tiny_model, shards, 64), abs=0.3)


def untrained_loss(model: str, shards: Path, batch: int) -> float:
    import io

    import open_clip
    import torch
    from PIL import Image

    from backend.bench.loading import members
    from backend.models import register_configs

    register_configs()
    torch.manual_seed(0)
    network, _, transform = open_clip.create_model_and_transforms(model)
    tokenizer = open_clip.get_tokenizer(model)
    found = [m for path in sorted(shards.glob("*.tar")) for m in members(str(path))]
    pictures = [Image.open(io.BytesIO(m["data"])) for m in found if not m["fname"].endswith("txt")][:batch]
    texts = [m["data"].decode() for m in found if m["fname"].endswith("txt")][:batch]
    with torch.no_grad():
        images, words, scale = network(torch.stack([transform(p) for p in pictures]), tokenizer(texts))[:3]
        return float(open_clip.ClipLoss()(images, words, scale))
