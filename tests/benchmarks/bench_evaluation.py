"""Evaluating the demo's tasks: one load and one text pass for all, against loading the model per task.

`python tests/benchmarks/bench_evaluation.py [MODEL]` (default: the demo's teacher). Both sides run in turns, twice, and
give the same numbers. Reach: at least 1.5 times cheaper.
"""

import os
import sys
import tempfile
import time


def main() -> None:
    from backend import bench
    from backend.bench.evaluation import record_of
    from backend.bench.tasks import choose
    from backend.models import Model

    model = sys.argv[1] if len(sys.argv) > 1 else "demo"
    with tempfile.TemporaryDirectory() as home:
        os.environ["POOLSCOPE_HOME"] = home
        tasks = [task.key for task in choose(suite="demo")]
        source = Model.parse(model)
        record = record_of(f"{source.name}/{source.weights}")
        bench.evaluate(record, tasks=tasks[:1], again=True)
        together, apart = [], []
        for _ in range(2):
            start = time.monotonic()
            whole = bench.evaluate(record, tasks=tasks, again=True)
            together.append(time.monotonic() - start)
            start = time.monotonic()
            single = [bench.evaluate(record, tasks=[key], again=True)[0] for key in tasks]
            apart.append(time.monotonic() - start)
            same = [(a.key, a.metrics) for a in whole] == [(b.key, b.metrics) for b in single]
            assert same, "the two ways disagree"
        a, b = min(together), min(apart)
        print(f"{len(tasks)} tasks: together {a:.1f} s, loading per task {b:.1f} s: {b / a:.2f} times (reach: 1.5)")


if __name__ == "__main__":
    main()
