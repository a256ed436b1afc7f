"""Every run of the demo, the tables that are made of them, and the records that ship, from an empty home.

    make results [RESULTS_HOME=DIR]

Stopped and started again, it goes on: scores, runs and reports that are there stay. The seconds of all times together are
kept in the home and printed at the end; the runs, by far the most of it, take about an hour on two idle cores.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from poolscope import files
from poolscope.paths import home

HERE = Path(__file__).parent
REPORT = "clip-30.json"


def steps(work: Path) -> list[tuple[str, list[str]]]:
    """What is done, in order: its name and the command line after `python`."""
    report = work / REPORT
    bias = ["-m", "poolscope", "bias", "demo-clip-30", "--per-set", "2000", "--out", str(report)]
    return [
        ("scores, 63 runs and their tables", [str(HERE / "demo_methods.py"), "--write"]),
        ("ranks beside DataComp's", [str(HERE / "demo_ranks.py"), "--write"]),
        ("race replayed", [str(HERE / "bench_race.py"), "--stored", "--write"]),
        *([] if report.is_file() else [("bias report", bias)]),
        ("records that come with the demo", ["-m", "poolscope.demo.records", "--report", str(report)]),
    ]


def main() -> None:
    work, before = home(), 0.0
    clock = work / "results.json"
    if clock.is_file():
        before = float(files.read_json(clock, dict)["seconds"])
    begun = time.monotonic()
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
    total = json.loads(clock.read_text())["seconds"]
    print(
        f"all results anew in {total / 60:,.0f} minutes, {'earlier times included' if before else 'from an empty home'}"
    )


if __name__ == "__main__":
    main()
