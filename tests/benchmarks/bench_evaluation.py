"""Evaluating the demo's tasks: one load and one text pass for all, against loading the model per task.

`python tests/benchmarks/bench_evaluation.py [MODEL] [ROUNDS]` (default: the demo's teacher, three rounds). Both sides run
in turns and give the same numbers; medians of the wall time and of the processor time, which a busy machine hardly distorts.
Reach: at least 1.5 times cheaper.
"""

import os
import sys
import tempfile
import time
from statistics import median


def main() -> None:
    from poolscope import bench
    from poolscope.bench.evaluation import record_of
    from poolscope.bench.tasks import choose
    from poolscope.models import Model

    model = sys.argv[1] if len(sys.argv) > 1 else "demo"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as home:
        os.environ["POOLSCOPE_HOME"] = home
        tasks = [task.key for task in choose(suite="demo")]
        source = Model.parse(model)
        record = record_of(f"{source.name}/{source.weights}")
        bench.evaluate(record, tasks=tasks[:1], again=True)
        together, apart = [], []
        for _ in range(rounds):
            start = time.monotonic(), time.process_time()
            whole = bench.evaluate(record, tasks=tasks, again=True)
            together.append((time.monotonic() - start[0], time.process_time() - start[1]))
            start = time.monotonic(), time.process_time()
            single = [bench.evaluate(record, tasks=[key], again=True)[0] for key in tasks]
            apart.append((time.monotonic() - start[0], time.process_time() - start[1]))
            same = [(a.key, a.metrics) for a in whole] == [(b.key, b.metrics) for b in single]
            assert same, "the two ways disagree"
        load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
        for number, what in enumerate(("wall time", "processor time")):
            a, b = (median(times[number] for times in side) for side in (together, apart))
            print(
                f"{len(tasks)} tasks, {what}: together {a:.1f} s, loading per task {b:.1f} s: {b / a:.2f} times (reach: 1.5)"
            )
        print(f"rounds {rounds}, load average {load}")


if __name__ == "__main__":
    main()
