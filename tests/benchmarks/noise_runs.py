"""Runs of the demo scale with common random numbers and averaged weights: the training side of `bench_noise.py averaged`.

A run has the demo scale's settings and steps but for two things:

- *Common order.* Whole passes, as the demo scale's own are, but each in the order of a hash of (seed, pass, uid), so pairs
  that two recipes keep come in the same relative order in both, and a pair is cropped by the same random numbers. The shards
  are held in memory. Runs in the resampled order, with open_clip's draw of shards with replacement and webdataset's
  shuffling, are there to compare with.
- *Averaged weights.* After every step, exponential averages of the weights are taken beside the training, one a decay. The
  training never reads them.

Run as a script, this file is the training process: it takes the order (`common` or `resampled`), then the arguments of
`open_clip_train.main`.
"""

import functools
import hashlib
import itertools
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from poolscope import files
from poolscope.paths import default_pool, home

if TYPE_CHECKING:
    from poolscope.bench.scales import Scale

RECIPES = ("No filter", "CLIP score 30 %", "CLIPLoss 30 %")  # as in demo_methods.py
ORDERS = COMMON, RESAMPLED = "common", "resampled"
DECAYS = (0.95, 0.98)
LAST = "last"
TIMES = "times.json"


def draw(seed: int, number: int, key: str) -> int:
    """64 bits of a hash of the seed, the number of the pass, and the pair."""
    return int.from_bytes(hashlib.blake2b(f"{seed} {number} {key}".encode(), digest_size=8).digest(), "big")


def in_order(shards: Iterable[str], seed: int) -> Iterator[dict[str, Any]]:
    """Samples of tars, pass after pass without end, each pass in the order of `draw`, which seeds what the sample's crop
    is drawn from."""
    import torch
    from webdataset.tariterators import group_by_keys

    from poolscope.bench.loading import members

    kept = {sample["__key__"]: sample for tar in shards for sample in group_by_keys(members(tar))}
    for number in itertools.count():
        for drawn, key in sorted((draw(seed, number, key), key) for key in kept):
            # The samples are pulled one by one through the loader, so the crop of this one comes next.
            torch.default_generator.manual_seed(drawn)
            random.seed(drawn)
            yield dict(kept[key])


def bias_corrected(decay: float) -> Callable[[Any, Any, Any], None]:
    """An update for torch's AveragedModel: the exponential average of the weights of all steps, which the first ones don't
    outweigh (corrected as Adam's moments are: Kingma & Ba 2015, section 3)."""
    import torch

    @torch.no_grad()
    def update(kept: list[torch.Tensor], now: list[torch.Tensor], before: torch.Tensor) -> None:
        torch._foreach_lerp_(kept, now, (1 - decay) / (1 - decay ** (int(before) + 1)))

    return update


def average_weights(loop: Callable[..., Any]) -> Callable[..., Any]:
    """`train_one_epoch` that also leaves `<decay>.pt` of each of `DECAYS` beside its checkpoints, and in `times.json` the
    processor's seconds of the whole and of one average."""

    @functools.wraps(loop)
    def train_one_epoch(
        model: Any, sources: Any, loss: Any, epoch: int, optimizer: Any, scaler: Any, scheduler: Any, teacher: Any,
        args: Any, **more: Any,
    ) -> Any:  # fmt: skip
        import torch
        from torch.optim.swa_utils import AveragedModel

        averages = {decay: AveragedModel(model, multi_avg_fn=bias_corrected(decay)) for decay in DECAYS}
        averaging, begun = 0.0, time.process_time()

        def after_step(*unused: Any) -> None:
            nonlocal averaging
            start = time.process_time()
            for average in averages.values():
                average.update_parameters(model)
            averaging += time.process_time() - start

        hook = optimizer.register_step_post_hook(after_step)
        outcome = loop(model, sources, loss, epoch, optimizer, scaler, scheduler, teacher, args, **more)
        hook.remove()
        folder = Path(args.checkpoint_path)
        for decay, average in averages.items():
            torch.save({"epoch": epoch + 1, "state_dict": average.module.state_dict()}, folder / f"{decay}.pt")
        whole = time.process_time() - begun - averaging
        files.write_json(folder / TIMES, {"training": whole, "averaging": averaging / max(1, len(DECAYS))})
        return outcome

    return train_one_epoch


def worker(order: str, *argv: str) -> int:
    """The training process of a run: Poolscope's own, with the order and the averages above."""
    from open_clip_train import data, main

    from poolscope.bench import loading
    from poolscope.bench import worker as usual

    shards, _ = data.expand_urls(argv[argv.index("--train-data") + 1])
    seed = int(argv[argv.index("--seed") + 1])

    def read_in_order() -> None:
        data.tarfile_to_samples_nothrow = lambda sources, handler=None: in_order(shards, seed)

    def shuffle_nothing() -> None:
        data.wds.shuffle = lambda *unused, **neither: iter

    if order == COMMON:
        loading.read_plain_tars, loading.seed_shuffling = read_in_order, shuffle_nothing
    main.train_one_epoch = average_weights(main.train_one_epoch)
    return usual.main(list(argv))


def one_part() -> "Scale":
    """The demo scale as one part of as many steps, so that the order goes on to the end."""
    from poolscope.bench.scales import SCALES

    demo = SCALES["demo"]
    return replace(demo, samples_seen=demo.steps() * demo.batch, checkpoints=1, order=RESAMPLED).on("cpu")


def train(shards: Path, order: str, seed: int, out: Path) -> Path:
    """Trains a run on the tars of `shards`; returns the folder of its checkpoints. Raises RuntimeError if that fails."""
    from poolscope.bench.fitting import brace
    from poolscope.bench.launch import Launch, environment, reason, training_arguments

    launch, output = Launch(gpus=0), out / "output.log"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    argv = training_arguments(one_part(), launch, shards=brace(shards), seed=seed, logs=out)
    with output.open("wb") as sink:
        words = [sys.executable, __file__, order, *argv]
        child = subprocess.run(words, stdout=sink, stderr=sink, env=environment(launch) | {"OMP_NUM_THREADS": "1"})
    if child.returncode:
        raise RuntimeError(f"training ended with exit code {child.returncode}: {reason(output)}; see {output}")
    return out / "open_clip" / "checkpoints"


def average_of(checkpoint: Path) -> float:
    """The average of a checkpoint over the demo's tasks, in points."""
    from poolscope.bench.evaluation import average, evaluate, record_of
    from poolscope.bench.tasks import choose
    from poolscope.bench.weights import keep_weights

    weights = checkpoint.with_suffix(".safetensors")
    keep_weights(checkpoint, weights, model=one_part().model)
    record = record_of(str(weights))
    try:
        results = [result.as_json() for result in evaluate(record, device="cpu")]
    finally:
        shutil.rmtree(record.path)  # the weights go too
    return 100 * float(average(results, choose(None, suite="demo")) or np.nan)


def record_path(recipe: str, order: str, seed: int) -> Path:
    return home() / "noise" / f"{re.sub(r'[^a-z0-9]+', '-', recipe.lower()).strip('-')}-{order}-s{seed}.json"


def export(names: Iterable[str]) -> dict[str, Path]:
    """The shards of what recipes of demo_methods.py keep of the demo pool, for all seeds."""
    from demo_methods import RECIPES as RULES

    from poolscope.bench.training import shard_size
    from poolscope.export import export_shards
    from poolscope.pool import Pool
    from poolscope.recipe import load, select

    pool, written = Pool.open(default_pool()), {}
    for name in names:
        recipe, written[name] = load({"name": name, "keep": RULES[name]}), home() / "noise" / f"shards-{len(written)}"
        selection = select(recipe, pool)
        shutil.rmtree(written[name], ignore_errors=True)
        export_shards(pool, selection, written[name], recipe=recipe, shard_size=shard_size(selection.drawn))
    return written


def train_all(seeds: int, lanes: int) -> None:
    """Trains and evaluates what has no record yet, seed after seed of all recipes and orders."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    runs = itertools.product(range(seeds), ORDERS, RECIPES)
    todo = [(name, order, seed) for seed, order, name in runs if not record_path(name, order, seed).is_file()]
    shards = export(dict.fromkeys(name for name, _, _ in todo))
    evaluating = Lock()

    def one(work: tuple[str, str, int]) -> None:
        name, order, seed = work
        record = record_path(*work)
        folder = train(shards[name], order, seed, record.with_suffix(""))
        files_of = {LAST: "epoch_latest.pt"} | {str(decay): f"{decay}.pt" for decay in DECAYS}
        with evaluating:
            averages = {kind: average_of(folder / file) for kind, file in files_of.items()}
        content = {"recipe": name, "order": order, "seed": seed, "averages": averages}
        files.write_json(record, content | {"seconds": files.read_json(folder / TIMES, dict)})
        shutil.rmtree(record.with_suffix(""))
        print(f"{name}, {order} order, seed {seed}", file=sys.stderr, flush=True)

    with ThreadPoolExecutor(lanes) as executor:
        list(executor.map(one, todo))
    for folder in shards.values():
        shutil.rmtree(folder)


def complete(order: str, seeds: int) -> int:
    """How many of the first `seeds` seeds have the records of all recipes."""
    there = (all(record_path(name, order, seed).is_file() for name in RECIPES) for seed in range(seeds))
    return sum(itertools.takewhile(bool, there))


def records(order: str, seeds: int) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """From the records of `train_all`, of the first seeds that are complete: averages `(recipes, seeds)` in points of each kind
    of weights, and the processor's seconds of a run's `training` and of `averaging` with one decay."""
    known = range(complete(order, seeds))
    read = [[files.read_json(record_path(name, order, seed), dict) for seed in known] for name in RECIPES]
    kinds = (LAST, *map(str, DECAYS))
    values = {kind: np.array([[one["averages"][kind] for one in row] for row in read]) for kind in kinds}
    parts = ("training", "averaging")
    return values, {part: float(np.mean([one["seconds"][part] for row in read for one in row])) for part in parts}


if __name__ == "__main__":
    sys.exit(worker(*sys.argv[1:]))
