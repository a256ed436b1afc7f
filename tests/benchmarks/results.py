"""Every run of the demo, the tables that are made of them, and the records that ship, from an empty home.

    make results [RESULTS_HOME=DIR]

Stopped and started again, it goes on: scores, runs and reports that are there stay. The seconds of all times together are
kept in the home and printed at the end. The runs are by far the most of it: how long those that are left take is said
first, by this machine's rates until there is a run, then by the runs' own durations.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from demo_methods import LANES, RECIPES, SEEDS

from poolscope import files
from poolscope.bench.cost import estimate
from poolscope.paths import home
from poolscope.runs import runs

HERE = Path(__file__).parent
REPORT = "clip-30.json"
PAIRS = 35_967


def steps(work: Path) -> list[tuple[str, list[str]]]:
    """What is done, in order: its name and the command line after `python`."""
    report = work / REPORT
    bias = ["-m", "poolscope", "bias", "demo-clip-30", "--per-set", "2000", "--out", str(report)]
    return [
        ("scores, runs and their tables", [str(HERE / "demo_methods.py"), "--write"]),
        ("ranks beside DataComp's", [str(HERE / "demo_ranks.py"), "--write"]),
        ("race replayed", [str(HERE / "bench_race.py"), "--stored", "--write"]),
        ("where the noise comes from", [str(HERE / "bench_noise.py"), "stored", "--write"]),
        *([] if report.is_file() else [("bias report", bias)]),
        ("records that come with the demo", ["-m", "poolscope.demo.records", "--report", str(report)]),
    ]


def durations() -> list[float]:
    """Seconds of shards, training and evaluation of each of the runs that are there."""
    done = {(run.recipe, run.seed): sum(run.seconds.values()) for run in runs() if run.state == "done"}
    return [done[key] for key in ((name, seed) for name in RECIPES for seed in SEEDS) if key in done]


def ahead() -> str:
    """How many runs are left, how long they take, and by what that is known."""
    there, wanted = durations(), len(RECIPES) * len(SEEDS)
    left = wanted - len(there)
    if not left:
        return f"all {wanted} runs are there"
    one = estimate(PAIRS, "demo")
    basis = f"as the {len(there)} before, {LANES} at a time" if there else one.basis
    seconds = left * (median(there) / LANES if there else one.total_seconds)
    return (
        f"{left} of {wanted} runs to train, about {seconds / 60:,.0f} minutes ({basis}); scores and tables come on top"
    )


def main() -> None:
    work, before = home(), 0.0
    clock = work / "results.json"
    if clock.is_file():
        before = float(files.read_json(clock, dict)["seconds"])
    begun = time.monotonic()
    print(ahead(), flush=True)
    for name, words in steps(work):
        print(f"== {name}", flush=True)
        start = time.monotonic()
        try:
            subprocess.run([sys.executable, *words], check=True, env={"OMP_NUM_THREADS": "1", **os.environ})
        except subprocess.CalledProcessError as error:
            sys.exit(f"{name} ended with exit code {error.returncode}; start again to go on from there")
        finally:
            files.write_json(clock, {"seconds": before + time.monotonic() - begun})
        print(f"== {name}: {time.monotonic() - start:,.0f} s", flush=True)
    print(f"the durations recorded by {len(durations())} runs add up to {sum(durations()) / 60:,.0f} minutes")
    total = json.loads(clock.read_text())["seconds"]
    print(
        f"all results anew in {total / 60:,.0f} minutes, {'earlier times included' if before else 'from an empty home'}"
    )


if __name__ == "__main__":
    main()
