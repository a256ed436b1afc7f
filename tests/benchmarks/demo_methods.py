"""Every filtering method on the demo pool: computes its scores, trains five seeds on what it keeps, prints the table.

    python tests/benchmarks/demo_methods.py [--lanes 2] [--table] [--write]

Takes some hour on two idle cores, one thread a lane; what is done is not done again. `--table` only prints,
`--write` puts the tables into assets/results.md and README.md. The home must not have the runs that come with the demo:
`make results` uses one of its own.
The target set of `normsim`, `vas` and `image_based` is the images of the evaluation tasks under the demo's teacher,
without labels.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from page import README, RESULTS, put, put_table

from poolscope.bench.board import Summary, leaderboard, summaries
from poolscope.bench.row import Row
from poolscope.files import read_array
from poolscope.paths import default_pool, home
from poolscope.pool import Pool
from poolscope.runs import Run

SEEDS = (0, 1, 2, 3, 4)
LANES = 2
HEADING = "## Does a filter help?"
SHOWN = ("CLIPLoss 30 %, then NormSim 20 %", "CLIPLoss 30 %", "CLIP score 30 %", "No filter", "Basic")
TASKS = {
    "emoji_people": "emoji people", "retrieval/emoji": "emoji retrieval", "emoji_skin_tone": "skin tone",
    "flags": "flags, worst region", "clipart_objects": "clip art objects", "clipart_categories": "clip art categories",
    "retrieval/clipart": "clip art retrieval", "digits": "digits, not averaged",
}  # fmt: skip
CLEAN = {"name": "Clean English pairs", "keep": [{"flag": "english"}, {"where": "NOT planted"}]}
SCORES: dict[str, dict[str, Any]] = {
    "english": {}, "basic": {}, "caption_length": {}, "image_size": {}, "text_based": {}, "random": {"seed": 0},
    "laion2b": {"clip": "clip_score"},
    "cliploss": {"model": "demo", "temperature": 0.07, "batch_size": 4096},
    "normsim": {"model": "demo", "target": "tasks"},
    "vas": {"model": "demo", "target": "tasks"},
    "image_based": {"model": "demo", "target": "tasks", "clusters": 1000},
    "vas_d": {"model": "demo", "quality": "clip_score", "quality_top": 0.45, "final": 0.3, "steps": 168},
    "normsim_d": {"model": "demo", "quality": "cliploss", "quality_top": 0.45, "final": 0.3, "steps": 168},
    "rank_sum": {"scores": "cliploss,normsim"}, "metaclip_balanced": {},
    "dedup": {"embedding": "demo_img", "best": "clip_score"},
    "dfn": {"clean": "CLEAN", "scale": "demo"}, "hype": {"clean": "CLEAN", "cosine": "clip_score"},
}  # fmt: skip
RECIPES: dict[str, list[dict[str, Any]]] = {
    "No filter": [], "Random 30 %": [{"score": "random", "top": 0.3}], "Basic": [{"flag": "basic"}],
    "English": [{"flag": "english"}], "Caption length": [{"flag": "caption_length"}],
    "Image size": [{"flag": "image_size"}], "LAION-2B rule": [{"flag": "laion2b"}],
    "Text-based": [{"flag": "text_based"}], "Image-based": [{"flag": "image_based"}],
    "CLIP score 30 %": [{"score": "clip_score", "top": 0.3}], "CLIPLoss 30 %": [{"score": "cliploss", "top": 0.3}],
    "NormSim 30 %": [{"score": "normsim", "top": 0.3}],
    "CLIPLoss 30 %, then NormSim 20 %": [{"score": "cliploss", "top": 0.3}, {"score": "normsim", "top": 0.2}],
    "CLIP score 45 %, then VAS 30 %": [{"score": "clip_score", "top": 0.45}, {"score": "vas", "top": 0.3}],
    "VAS-D 30 %": [{"score": "vas_d", "top": 0.3}], "NormSim-D 30 %": [{"score": "normsim_d", "top": 0.3}],
    "Rank sum 30 %": [{"score": "rank_sum", "top": 0.3}], "MetaCLIP": [{"flag": "metaclip_balanced"}],
    "DFN 30 %": [{"score": "dfn", "top": 0.3}], "HYPE 30 %": [{"score": "hype", "top": 0.3}],
    "Near-duplicates": [{"flag": "dedup"}],
}  # fmt: skip


def poolscope(*words: str) -> str:
    command = [sys.executable, "-m", "poolscope", *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ).stdout


def add_task_images(pool: Pool) -> None:
    """Keeps the tasks' images, embedded by the teacher, as the target set `tasks`."""
    from poolscope.bench import tasks as registry
    from poolscope.bench.towers import Seen, features
    from poolscope.models import Model
    from poolscope.targets import add_target

    model, found = Model.parse("demo").load("cpu"), []
    for task in registry.choose(None, suite="demo", tasks_dir=None, stream=None):
        if task.key != "digits":
            parts = features(model, task.root, Seen(), size=64, threads=2, precision="fp32", skipped=[])
            found += [vectors.numpy() for vectors, _ in parts]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tasks.npy"
        np.save(file, np.unique(np.concatenate(found).round(4), axis=0).astype(np.float16))
        add_target(pool, "tasks", file, model="demo")


def finished(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [run for run in board["runs"] if run["state"] == "done" and run["average"] is not None and run["comparable"]]


def train(recipes: Path, lanes: int) -> None:
    board = json.loads(poolscope("leaderboard", "--scale", "demo", "--json"))
    done = {(run["recipe"], run["seed"]) for run in finished(board)}
    todo = [(name, seed) for seed in SEEDS for name in RECIPES if (name, seed) not in done]

    def one(work: tuple[str, int]) -> None:
        name, seed = work
        poolscope("train", str(recipes / f"{name}.yaml"), "--scale", "demo", "--seed", str(seed))
        print(f"{name}, seed {seed}", file=sys.stderr, flush=True)

    with ThreadPoolExecutor(lanes) as executor:
        list(executor.map(one, todo))


def table(pool: Pool, board: Mapping[str, Summary]) -> str:
    """Every method, best average first, with the shares of the pairs that its first run was trained on."""
    planted, emoji = pool.array("planted"), pool.where("source = 'emoji'")
    lines = [
        "| recipe | pairs kept | planted | emoji | average | against no filter (95 %) |",
        "|---|---|---|---|---|---|",
    ]
    for one in board.values():
        kept = pool.rows_of(read_array(Run.load(one.runs[0]).path / "subset.npy"))
        share = f"{100 * planted[kept].mean():.1f} % | {100 * emoji[kept].mean():.0f} %"
        lines.append(f"| {one.recipe} | {one.kept:,} | {share} | {average(one)} | {interval(one)} |")
    return "\n".join(lines)


def by_task(board: Mapping[str, Summary], rows: Sequence[Row]) -> str:
    """Some methods, task by task."""
    lines = [f"| recipe | pairs kept | average | against no filter (95 %) | {' | '.join(TASKS.values())} |",
             "|---|---|---|---|" + "---|" * len(TASKS)]  # fmt: skip
    for one in (board[name] for name in board if name in SHOWN):
        cells = []
        for key in TASKS:
            values = [100 * (row.tasks[key] or 0.0) for row in rows if row.run in one.runs]
            cells.append(f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}")
        lines.append(f"| {one.recipe} | {one.kept:,} | {average(one)} | {interval(one)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def short(board: Mapping[str, Summary]) -> str:
    """The README's table."""
    lines = ["| recipe | pairs kept | average | against no filter (95 %) |", "|---|---|---|---|"]
    for one in (board[name] for name in board if name in SHOWN):
        lines.append(f"| {one.recipe} | {one.kept:,} | {average(one).replace('*', '')} | {interval(one)} |")
    return "\n".join(lines)


def average(one: Summary) -> str:
    return f"**{100 * one.mean:.1f} ± {100 * (one.sd or 0.0):.1f}**"


def interval(one: Summary) -> str:
    if one.difference is None or one.low is None or one.high is None:
        return ""
    return f"{signed(one.difference)} ({signed(one.low)} to {signed(one.high)})"


def signed(share: float) -> str:
    return f"{'+' if share >= 0 else '−'}{abs(100 * share):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lanes", type=int, default=LANES, help="runs at a time")
    parser.add_argument("--table", action="store_true", help="only print the table of what was run")
    parser.add_argument("--write", action="store_true", help="put the tables into assets/results.md and README.md")
    chosen = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if not chosen.table:
        poolscope("demo", "--bare")
        pool = Pool.open(default_pool())
        folder = home() / "demo-methods"
        folder.mkdir(exist_ok=True)
        for name, rules in [*RECIPES.items(), ("clean", CLEAN["keep"])]:
            (folder / f"{name}.yaml").write_text(yaml.safe_dump({"name": name, "keep": rules}, allow_unicode=True))
        if not (pool.path / "targets" / "tasks").exists():
            add_task_images(pool)
        for method, settings in SCORES.items():
            values = {key: folder / "clean.yaml" if value == "CLEAN" else value for key, value in settings.items()}
            poolscope("score", method, *(word for key, value in values.items() for word in ("--set", f"{key}={value}")))
        train(folder, chosen.lanes)
    pool = Pool.open(default_pool())
    rows = leaderboard("demo", pool=str(pool.path.resolve()), published=False, unfinished=False)
    rows = [row for row in rows if row.recipe in RECIPES and row.seed in SEEDS]
    board = {one.recipe: one for one in summaries(rows)}
    methods, tasks = table(pool, board), by_task(board, rows)
    print(f"{methods}\n\n{tasks}")
    if chosen.write:
        put("demo_methods.py", methods)
        put_table(RESULTS, HEADING, tasks)
        put_table(README, HEADING, short(board))


if __name__ == "__main__":
    main()
