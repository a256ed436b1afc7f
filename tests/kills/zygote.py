"""A process that has imported what commands need and forks for each: `python -m tests.kills.zygote MODULE…`.

Reads one command a line, as JSON of `argv`, `environment`, `output` (a file) and `tiny`; answers with the pid, then with
the exit status. A command that is killed is so killed at its work, not while it imports.
"""

import importlib
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

LIGHT = ("lancedb", "lance", "pyarrow.parquet", "pyarrow.compute", "pyarrow.dataset", "pyarrow.csv", "PIL.Image", "duckdb", "psutil", "filelock", "yaml",
         "pydantic", "typer", "poolscope.cli.app", "poolscope.pool", "poolscope.sources", "poolscope.export", "poolscope.recipe", "poolscope.runs")  # fmt: skip
HEAVY = (*LIGHT, "torch", "open_clip", "umap", "sklearn.linear_model", "scipy.stats", "poolscope.audit", "poolscope.bias", "poolscope.bench",
         "poolscope.engine", "poolscope.models", "poolscope.projection")  # fmt: skip


def shrink(assets: Path) -> None:
    """The demo pool of few pairs, its scale of few steps of a tiny model, and an index of however few pairs."""
    from dataclasses import replace

    from poolscope.bench import scales

    build = importlib.import_module("poolscope.demo.build")  # its room shows the function of that name
    build.SOURCE = assets  # type: ignore[attr-defined]
    small = {"model": "tiny", "samples_seen": 256, "batch": 64, "checkpoints": 2, "warmup": 2, "workers": 0}
    scales.SCALES["demo"] = replace(scales.SCALES["demo"], **small)
    importlib.import_module("poolscope.search.index").SMALLEST = 1  # type: ignore[attr-defined]


def run(asked: dict[str, Any]) -> int:
    """The command's exit code, in a session and with an output of its own."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    output = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for target in (1, 2):
        os.dup2(output, target)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(asked["environment"])
    sys.argv = ["poolscope", *asked["argv"]]
    if asked["tiny"]:
        shrink(Path(asked["tiny"]))
    from poolscope.cli import main

    return main()


def serve() -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            asked = json.loads(line)
            sys.exit(run(asked))
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        with suppress(ImportError):  # an extra that is not installed
            importlib.import_module(name)
    serve()
