"""Every filtering method on the demo pool: computes its scores, trains three seeds on what it keeps, prints the table.

    python tests/benchmarks/demo_methods.py [--lanes 2] [--table] [--write] [--intervals]

Takes some 45 minutes on two idle cores (estimated from single runs), one thread a lane; what is done is not done again. `--table` only prints,
`--write` puts the table into assets/results.md. `--intervals` computes the column against no filter anew from the means
and deviations that the tables of assets/results.md have, for when the runs themselves are not there.
The target set of `normsim`, `vas` and `image_based` is the images of the evaluation tasks under the demo's teacher,
without labels.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from poolscope.bench.verdicts import against
from poolscope.paths import ASSETS, default_pool, home
from poolscope.pool import Pool
from poolscope.recipe import load, select

RESULTS = ASSETS / "results.md"
BEGIN, END = "<!-- written by demo_methods.py -->", "<!-- end of demo_methods.py -->"
SEEDS = (0, 1, 2)
AVERAGE, CELL = re.compile(r"\*\*(-?[\d.]+) ± ([\d.]+)\*\*"), re.compile(r"[+−][\d.]+ \([+−][\d.]+ to [+−][\d.]+\)")
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
    import torch

    from poolscope.bench import tasks as registry
    from poolscope.bench.tasks.shards import batches
    from poolscope.models import Model
    from poolscope.targets import add_target

    model, found = Model.parse("demo").load("cpu"), []
    for task in registry.choose(None, suite="demo", tasks_dir=None, stream=None):
        if task.key != "digits":
            for images, _ in batches(task.root, model.transform, size=64, threads=2, skipped=[]):
                with torch.inference_mode():
                    found.append(torch.nn.functional.normalize(model.network.encode_image(images).float(), dim=-1).numpy())  # fmt: skip
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


def table(pool: Pool) -> str:
    """The table of assets/results.md, best average first."""
    board = json.loads(poolscope("leaderboard", "--scale", "demo", "--json"))
    compared, done = {row["recipe"]: row for row in board["recipes"]}, finished(board)
    planted = pool.array("planted")
    emoji = pool.where("source = 'emoji'")
    lines = [
        "| recipe | pairs kept | planted | emoji | average of 10 tasks | against no filter (95 %) |",
        "|---|---|---|---|---|---|",
    ]
    rows = []
    for name, rules in RECIPES.items():
        found = [100 * run["average"] for run in done if run["recipe"] == name and run["seed"] in SEEDS]
        mask = select(load({"name": name, "keep": rules}), pool).mask
        against = compared[name]
        interval = (
            "" if name == "No filter"
            else f"{signed(against['difference'])} ({signed(against['low'])} to {signed(against['high'])})"
        )  # fmt: skip
        mean, spread = statistics.mean(found), statistics.stdev(found)
        share = f"{100 * planted[mask].mean():.1f} % | {100 * emoji[mask].mean():.0f} %"
        rows.append((-mean, f"| {name} | {mask.sum():,} | {share} | **{mean:.1f} ± {spread:.1f}** | {interval} |"))
    return "\n".join(lines + [line for _, line in sorted(rows)])


def signed(share: float) -> str:
    return f"{'+' if share >= 0 else '−'}{abs(100 * share):.1f}"


def with_intervals(page: str) -> str:
    """The page with Dunnett's intervals of each row that has a mean and a deviation over three seeds.

    A row outside the table of all methods is judged as one more recipe among those.
    """
    rows = {
        line.split("|")[1].strip(): line
        for line in page.partition(BEGIN)[2].partition(END)[0].splitlines()
        if "±" in line
    }
    control = _seeds(rows.pop("No filter"))
    others = [_seeds(line) for line in rows.values()]
    lines = page.splitlines()
    for place, line in enumerate(lines):
        found = CELL.search(line)
        if found and AVERAGE.search(line):
            name = line.split("|")[1].strip()
            more = [] if name in rows else [_seeds(line)]
            one = against(control, [*others, *more])[-1 if more else list(rows).index(name)]
            cell = f"{one.difference:+.1f} ({one.low or 0:+.1f} to {one.high or 0:+.1f})".replace("-", "−")
            lines[place] = line.replace(found[0], cell, 1)
    return "\n".join(lines) + "\n"


def _seeds(line: str) -> np.ndarray:
    """Three seeds with the mean and deviation of a row."""
    mean, deviation = map(float, AVERAGE.search(line).groups())  # type: ignore[union-attr]
    return mean + deviation * np.array([-1.0, 0.0, 1.0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lanes", type=int, default=2, help="runs at a time")
    parser.add_argument("--table", action="store_true", help="only print the table of what was run")
    parser.add_argument("--write", action="store_true", help="put the table into assets/results.md")
    parser.add_argument("--intervals", action="store_true", help="only compute the intervals of the tables anew")
    chosen = parser.parse_args()
    if chosen.intervals:
        RESULTS.write_text(with_intervals(RESULTS.read_text()))
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if not chosen.table:
        poolscope("demo")
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
    made = table(Pool.open(default_pool()))
    print(made)
    if chosen.write:
        before, _, rest = RESULTS.read_text().partition(BEGIN)
        RESULTS.write_text(f"{before}{BEGIN}\n{made}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
