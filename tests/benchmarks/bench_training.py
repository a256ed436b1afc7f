"""Training throughput of a Poolscope run against plain open_clip_train with the same arguments.

`python tests/benchmarks/bench_training.py [--pool P] [--samples N] [--rounds R]`. Both take the same shards, exported once,
in turns. Pairs per second are from the median step time of all rounds; processor time is that of the whole training, the
launcher included, which a busy machine hardly distorts. Plain means its own process with nothing of ours but the model's
configuration. Reach: at least 98 %.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

PLAIN = """
import sys
from poolscope.models import register_configs
register_configs()
from open_clip_train.main import main
main(sys.argv[1:])
"""


def steps(log: Path, batch: int) -> list[float]:
    """Seconds per step of each window of the log but the first, which holds the loader's start."""
    from poolscope.bench.metrics import Follower

    return [point["batch_s"] for point in Follower(log, batch=batch).new()][1:]


def processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", default=None)
    parser.add_argument("--samples", type=int, default=7680)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    from poolscope import bench, paths
    from poolscope.bench.scales import SCALES
    from poolscope.bench.training import shard_size
    from poolscope.export import export_shards
    from poolscope.pool import Pool
    from poolscope.recipe import Recipe, select

    pool = Pool.open(args.pool or paths.default_pool())
    with tempfile.TemporaryDirectory() as home:
        os.environ["POOLSCOPE_HOME"] = home
        settings = {"samples_seen": args.samples, "checkpoints": 1}
        batch = SCALES["demo"].batch
        recipe, shards = Recipe(name="all"), Path(home) / "shards"
        selection = select(recipe, pool)
        export_shards(pool, selection, shards, recipe=recipe, shard_size=shard_size(selection.kept))
        plain_environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
        bench.train(
            recipe, pool, scale="demo", settings=settings | {"samples_seen": 2 * batch}, evaluate=False, shards=shards
        )
        ours, plain, ours_cpu, plain_cpu = [], [], [], []
        for number in range(args.rounds):
            start = processor_seconds()
            run = bench.train(recipe, pool, scale="demo", settings=settings, evaluate=False, shards=shards)
            ours_cpu.append(processor_seconds() - start)
            ours += steps(run.log_path, batch)
            argv = run.command[run.command.index("poolscope.bench.worker") + 1 :]
            argv[argv.index("--logs") + 1] = f"{home}/plain-{number}"
            start = processor_seconds()
            subprocess.run([sys.executable, "-c", PLAIN, *argv], check=True, capture_output=True, env=plain_environment)
            plain_cpu.append(processor_seconds() - start)
            plain += steps(Path(home) / f"plain-{number}" / "open_clip" / "out.log", batch)
        a, b = batch / median(ours), batch / median(plain)
        c, d = median(ours_cpu), median(plain_cpu)
        load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
        print(f"poolscope {a:.0f} pairs/s, plain open_clip_train {b:.0f} pairs/s: {a / b:.1%} (reach: 98 %)")
        print(
            f"processor time, launcher included {c:.1f} s, plain {d:.1f} s: {d / c:.1%} of the pairs per processor second"
        )
        print(f"medians of {args.rounds} rounds in turns, load average {load}")


if __name__ == "__main__":
    main()
