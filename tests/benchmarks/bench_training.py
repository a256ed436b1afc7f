"""Training throughput of a Poolscope run against plain open_clip_train with the same arguments.

`python tests/benchmarks/bench_training.py [--pool P] [--samples N] [--rounds R]`. Both take the same shards, in turns;
pairs per second are the best of the log's windows, and processor time is that of the whole training, launcher included,
which a busy machine does not distort. Reach: at least 98 %.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

PLAIN = """
import sys
from backend.models import register_configs
register_configs()
from open_clip_train.main import main
main(sys.argv[1:])
"""


def rates(log: Path, batch: int) -> list[float]:
    from backend.bench.metrics import Follower

    return [point["samples_per_s"] for point in Follower(log, batch=batch).new()][1:]


def processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", default=None)
    parser.add_argument("--samples", type=int, default=7680)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    from backend import bench, paths
    from backend.bench.launch import environment
    from backend.bench.scales import SCALES
    from backend.recipe import Recipe

    pool = args.pool or paths.default_pool()
    with tempfile.TemporaryDirectory() as home:
        os.environ["POOLSCOPE_HOME"] = home
        scale = SCALES["demo"].changed(samples_seen=args.samples, checkpoints=1)
        settings = {"samples_seen": args.samples, "checkpoints": 1}
        ours, plain, ours_cpu, plain_cpu = [], [], [], []
        for number in range(args.rounds):
            start = processor_seconds()
            run = bench.train(
                Recipe(name="all"), pool, scale="demo", settings=settings, evaluate=False, keep_shards=True,
                run_id=f"ours-{number}",
            )  # fmt: skip
            ours_cpu.append(processor_seconds() - start)
            ours += rates(run.log_path, scale.batch)
            argv = run.command[run.command.index("backend.bench.worker") + 1 :]
            argv[argv.index("--logs") + 1] = f"{home}/plain-{number}"
            start = processor_seconds()
            subprocess.run(
                [sys.executable, "-c", PLAIN, *argv], check=True, capture_output=True,
                env=environment(bench.Launch(gpus=0)) | {"POOLSCOPE_HOME": home},
            )  # fmt: skip
            plain_cpu.append(processor_seconds() - start)
            plain += rates(Path(home) / f"plain-{number}" / "open_clip" / "out.log", scale.batch)
        a, b = max(ours), max(plain)
        c, d = min(ours_cpu), min(plain_cpu)
        print(f"poolscope {a:.0f} pairs/s, plain open_clip_train {b:.0f} pairs/s: {a / b:.1%} (reach: 98 %)")
        print(f"processor time with the export of shards {c:.1f} s, plain {d:.1f} s: {d / c:.1%}")


if __name__ == "__main__":
    main()
