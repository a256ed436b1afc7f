"""Filters that learn from the others, on the demo pool: `mix`, `ensemble`, a rank sum and a random mixture of the same scores.

    python tests/benchmarks/bench_mix.py [--train SEEDS] [--race BUDGET] [--seeds 2] [--table] [--write]

Computes every score (what is there is not computed again), keeps the training part of the demo's tasks as the target set
`training`, and writes the recipes to $POOLSCOPE_HOME/mix. `--train 0,1,2` trains each recipe with these seeds, of runs
that are there already none again; `--race 90m` deals at most `--seeds` seeds to those of `RACED`, as `poolscope race`
does, where they decide, and counts the runs that are there. Prints what each recipe keeps, how the trained ones did, how the race stands, and what `mix` and `ensemble`
learnt of each input; `--table` only prints, `--write` puts it into assets/results.md.
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).parent))
from demo_methods import CLEAN, SCORES, finished, poolscope, signed
from page import put

from poolscope.bench.race import Race, as_json, sentence
from poolscope.paths import default_pool, home
from poolscope.pool import Pool
from poolscope.recipe import load, select

PEEKING = ("normsim", "vas", "image_based", "rank_sum")  # on the demo they compare with images of the evaluation tasks
INPUTS = (
    "clip_score", "cliploss", "dfn", "hype", "normsim_d", "normsim_training", "vas_training", "english",
    "caption_length", "image_size", "text_based", "laion2b", "dedup", "metaclip_balanced",
)  # fmt: skip
BEST = {"CLIP score": "clip_score", "CLIPLoss": "cliploss", "DFN": "dfn", "HYPE": "hype"}  # named as in demo_methods
WORLDWIDE = "MetaCLIP worldwide"
SOFT_CAP = "Mix, Soft Cap Sampling"  # as many draws as a run sees samples
RECIPES: dict[str, list[dict[str, Any]]] = {
    "No filter": [], "Random 30 %": [{"score": "random", "top": 0.3}],
    WORLDWIDE: [{"score": "metaclip_worldwide", "min": -1}],
    "One caption per image": [{"caption": "clip_score", "image": "sha256"}],
    "Mix 30 %": [{"score": "mix", "top": 0.3}], SOFT_CAP: [{"sample": "mix", "pairs": 36_000, "penalty": 0.15}],
    "Ensemble 30 %": [{"score": "ensemble", "top": 0.3}],
    **{f"{name} 30 %": [{"score": column, "top": 0.3}] for name, column in BEST.items()},
    "Rank sum of four 30 %": [{"score": "rank_sum_of_four", "top": 0.3}],
    "Random mixture 30 %": [{"score": "random_mixture", "top": 0.3}],
}  # fmt: skip
RACED = list(RECIPES)[4:]
LANGUAGES = ("en", "de", "fr", "es", "it", "ja", "ru", "ar")


def scored(method: str, column: str, **settings: object) -> None:
    """Makes a column if it is not up to date; says how long that took."""
    begun = time.monotonic()
    given = (word for key, value in settings.items() for word in ("--set", f"{key}={value}"))
    poolscope("score", method, "--as", column, *given)
    print(f"{column}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)


def random_mixture(pool: Pool, seed: int = 0) -> None:
    """The same inputs, standardised, with weights drawn from a normal distribution: what mixing without learning gives."""
    if "random_mixture" in pool.columns:
        return
    columns = [pool.array(name).astype(np.float64) for name in INPUTS]
    weights = np.random.default_rng(seed).normal(size=len(columns))
    mixed = sum(weight * (column - column.mean()) / column.std() for weight, column in zip(weights, columns))
    made_by = {"source": "bench_mix.py", "weights": dict(zip(INPUTS, weights.round(3).tolist()))}
    pool.add_columns({"random_mixture": np.asarray(mixed, np.float32)}, kind="score", made_by=made_by)


def compute(folder: Path) -> None:
    """Every column, and the recipes as files."""
    poolscope("demo")
    (folder / "clean.yaml").write_text(yaml.safe_dump(CLEAN, allow_unicode=True))
    pool = Pool.open(default_pool())
    for method, settings in SCORES.items():
        if method not in (*PEEKING, *pool.columns):
            scored(method, method, **{k: folder / "clean.yaml" if v == "CLEAN" else v for k, v in settings.items()})
    if not (pool.path / "targets" / "training").exists():
        poolscope("target", "training", "--tasks", "demo", "--model", "demo")
    scored("normsim", "normsim_training", model="demo", target="training")
    scored("vas", "vas_training", model="demo", target="training")
    scored("rank_sum", "rank_sum_of_four", scores=",".join(BEST.values()))
    scored("ensemble", "ensemble", columns=",".join(INPUTS))
    scored("mix", "mix", columns=",".join(INPUTS), model="demo")
    scored("metaclip_worldwide", "metaclip_worldwide")
    random_mixture(Pool.open(default_pool()))
    for name, rules in RECIPES.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({"name": name, "keep": rules}, allow_unicode=True))


def train(folder: Path, seeds: list[int]) -> None:
    """Trains what was not trained before; about a minute a run on two idle cores."""
    board = json.loads(poolscope("leaderboard", "--scale", "demo", "--json"))
    done = {(run["recipe"], run["seed"]) for run in finished(board)}
    for seed in seeds:
        for name in RECIPES:
            if (name, seed) not in done:
                poolscope("train", str(folder / f"{name}.yaml"), "--scale", "demo", "--seed", str(seed))
                print(f"{name}, seed {seed}", file=sys.stderr, flush=True)


def race_name(seeds: int) -> str:
    return f"learnt-filters-{seeds}"


def race(folder: Path, budget: str, seeds: int) -> None:
    """Deals seeds to the recipes of `RACED` until the best is known or the budget is spent; the same race goes on."""
    files = (str(folder / f"{name}.yaml") for name in RACED)
    poolscope("race", *files, "--as", race_name(seeds), "--seeds", str(seeds), "--budget", budget, "--json")


def standing(known: Race) -> str:
    """The race, a row a recipe, and its outcome in a sentence."""
    now = as_json(known)
    lines = ["| recipe in the race | seeds | average, % | verdict |", "|---|---|---|---|"]
    for one in sorted(now["recipes"], key=lambda one: -(one["mean"] or 0.0)):
        verdict = f"behind after {one['out_after']}" if one["out_after"] else "not told from the best"
        if one["recipe"] == now["best"]:
            verdict = "**best**" if known.state == "decided" else "**leads**"
        lines.append(f"| {one['recipe']} | {one['seeds']} | {100 * (one['mean'] or 0.0):.1f} | {verdict} |")
    return "\n".join([*lines, "", f"The race says: {sentence(known)}."])


def table(pool: Pool) -> str:
    """A row a recipe: planted, English and emoji among the kept, in draws where it draws; with runs the average and its
    difference to no filter."""
    board = json.loads(poolscope("leaderboard", "--scale", "demo", "--json"))
    compared, done = {row["recipe"]: row for row in board["recipes"]}, finished(board)
    shares = {
        "planted": pool.array("planted"),
        "English": pool.array("english"),
        "emoji": pool.where("source = 'emoji'"),
    }
    trained = {name: [100 * run["average"] for run in done if run["recipe"] == name] for name in RECIPES}
    runs = any(len(averages) > 1 for averages in trained.values())
    titles = ["recipe", *shares, *(["average", "against no filter (95 %)"] if runs else [])]
    rows: list[tuple[float, str]] = []
    for name, rules in RECIPES.items():
        selection = select(load({"name": name, "keep": rules}), pool)
        often = selection.mask if selection.copies is None else selection.copies
        cells = [name, *(f"{100 * np.average(column, weights=often):.1f} %" for column in shares.values())]
        if runs:
            cells += _result(trained[name], compared.get(name) or {}) if trained[name] else ["not trained", ""]
        rows.append((-statistics.mean(trained[name]) if trained[name] else 0.0, f"| {' | '.join(cells)} |"))
    rule = "|".join(["---"] * len(titles))
    return "\n".join(
        [f"| {' | '.join(titles)} |", f"|{rule}|", *(line for _, line in sorted(rows, key=lambda row: row[0]))]
    )


def _result(averages: list[float], row: dict) -> list[str]:
    mean = f"**{statistics.mean(averages):.1f} ± {statistics.stdev(averages):.1f}**" if len(averages) > 1 else ""
    if row.get("low") is None:
        return [mean, ""]
    return [mean, f"{signed(row['difference'])} ({signed(row['low'])} to {signed(row['high'])})"]


def languages(pool: Pool) -> str:
    """How many captions of some languages MetaCLIP keeps, by English's entries and by each language's own."""
    found = np.array(pool.strings("language").to_pylist(), dtype=object)
    kept = {"MetaCLIP": pool.array("metaclip_balanced"), WORLDWIDE: pool.array("metaclip_worldwide") >= -1}
    lines = [f"| captions detected as | {' | '.join(LANGUAGES)} | all |", "|---|" + "---|" * (len(LANGUAGES) + 1)]
    for name, mask in kept.items():
        shares = [*(mask[found == language].mean() for language in LANGUAGES), mask.mean()]
        lines.append(f"| kept by {name} | {' | '.join(f'{100 * share:.0f} %' for share in shares)} |")
    return "\n".join(lines)


def learnt(pool: Pool) -> str:
    """What each column's model learnt of its inputs."""
    found = {name: pool.columns[name].made_by["findings"]["inputs"] for name in ("mix", "ensemble")}
    accuracies = {one["column"]: one["accuracy"] for one in found["ensemble"]}
    lines = [
        "| column | weight in `mix` | missed in `mix` (1/1000 of the loss) | accuracy in `ensemble` |",
        "|---|---|---|---|",
    ]
    for one in sorted(found["mix"], key=lambda one: -abs(one["weight"])):
        weight = f"{one['weight']:+.2f} ± {one['spread']:.2f}"
        missed = f"{1000 * one['missed']:+.0f} ± {1000 * one['missed_spread']:.0f}"
        lines.append(f"| `{one['column']}` | {weight} | {missed} | {accuracies[one['column']]:.2f} |".replace("-", "−"))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", metavar="SEEDS", default="", help="seeds to train each recipe with, such as 0,1,2")
    parser.add_argument(
        "--race", metavar="BUDGET", help="go on with the race, with so much time for all of it, such as 90m"
    )
    parser.add_argument("--seeds", type=int, default=2, help="at most so many seeds of each recipe in the race")
    parser.add_argument("--table", action="store_true", help="only print the table of what was run")
    parser.add_argument("--write", action="store_true", help="put the tables into assets/results.md")
    chosen = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    folder = home() / "mix"
    folder.mkdir(parents=True, exist_ok=True)
    seeds = [int(seed) for seed in chosen.train.split(",") if seed]
    if not chosen.table:
        compute(folder)
        train(folder, seeds)
        if chosen.race:
            race(folder, chosen.race, chosen.seeds)
    pool = Pool.open(default_pool())
    there = (home() / "races" / f"{race_name(chosen.seeds)}.json").is_file()
    known = [standing(Race.load(race_name(chosen.seeds)))] if there else []
    parts = table(pool), *known, learnt(pool), languages(pool)
    print(*parts, sep="\n\n")
    if chosen.write:
        put("bench_mix.py", "\n\n".join(parts))


if __name__ == "__main__":
    main()
