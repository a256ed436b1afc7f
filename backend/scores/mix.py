"""Mix: the weights of several scores and flags, learnt from what a step on the pairs they favour does downstream."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import devices, files
from ..errors import InputError
from ..pool import Pool, digests
from ..progress import Progress, silent
from ..targets import check_examples, load_examples
from .base import Batch, Each, Method, here, param
from .ensemble import sample_rows
from .kernels.columns import check_columns, split
from .kernels.dealing import stored
from .kernels.folds import folds_of, folds_of_uids

if TYPE_CHECKING:
    from .kernels.mixing import Lessons, Pairs, Plan

ASIDE = 0.3  # of the downstream examples, on which it is measured how much an input is missed
FEWEST = 10  # pairs in a fold
SCALED_BY = 2048  # pairs by which the reference's temperature is chosen


@dataclass(frozen=True, eq=False)
class Mixture:
    """Mean and spread of each input over the sampled pairs `(K,)`, weights `(folds, K)` per standard deviation, and what there is to say."""

    means: np.ndarray
    spreads: np.ndarray
    weights: np.ndarray
    findings: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Course:
    """Everything that training reads: sampled pairs with their folds, downstream examples, and the plan."""

    pairs: "Pairs"
    folds: np.ndarray
    given: "Lessons"
    plan: "Plan"


@dataclass(frozen=True, kw_only=True)
class Mix(Method):
    """Mixing-FLYT: `s_i = sum_k phi_k z_ik` over standardised scores and flags, with phi learnt from downstream examples.

    In a batch, pair i weighs `w_i = softmax_i(s_i)` in the contrastive loss of a reference model; the reference takes one
    step of gradient descent, `theta+ = theta - eta grad_theta L(theta; w)`; phi follows the gradient, through that step, of the
    zero-shot cross-entropy of `theta+` on labelled downstream examples. Then the reference goes on from `theta+`.

    The reference is the pool's model with its towers as they are, each followed by one matrix that begins as the identity
    and learns: embeddings are read, images are not. The paper's updates all of a ViT-B/32. The softmax of the scores is a
    distribution over pairs, from which Soft Cap Sampling can draw.

    Cross-fitted: uids are dealt into `folds`, each pair is scored with the weights that the pairs of other folds gave. With
    each of several seeds other batches are drawn and another 30 % of the downstream examples are kept aside: a column's
    `missed` is by how much the loss on these is higher, after all steps of a new reference, when the weights were learnt
    without it. Downstream examples are those of a target set with labels, which `poolscope target NAME --tasks SUITE` makes
    of training parts, and refuses where one of them is a question of an evaluation task.

    Reads scores, flags and embeddings, gives `(n,)` float32, NaN where a score is NaN. Weights are learnt on at most `pairs`
    pairs of the smallest hashes; finished seeds are kept beside the pool, so that an interrupted job goes on with the next.
    """

    id = "mix"
    order = 200
    title = "Mix"
    formula = r"s_i=\phi^\top z_i,\quad \nabla_\phi\, L_{\mathrm{down}}\big(\theta-\eta\,\nabla_\theta L_{w(\phi)}(\theta)\big)"
    paper = "Shechter and Carmon 2025 (Filter Like You Test), arXiv 2503.08805"
    cost = "0.1 µs per pair and column; and seeds × (folds + columns) trainings of 0.6 GFLOP a step at 128 dimensions"
    published = (
        "DataComp medium, with Soft Cap Sampling and inputs of its own: ImageNet 40.1, average of 38 tasks 37.7 "
        "(no filter: 17.6, 25.8)"
    )

    columns: str = param("", "scores and flags to mix, separated by commas; empty: all that stand alone", of="columns")
    downstream: str = param("training", "target set with labels that the weights are learnt from", of="target")
    model: str = param("l14", "model whose embeddings the reference begins with", of="model")
    seeds: int = param(3, "trainings whose mean counts; their spread is kept with the column", low=2, high=100)
    folds: int = param(
        2, "parts of the pool, each scored with the weights of the others; 1: one for all", low=1, high=20
    )
    steps: int = param(200, "steps of a training", low=1, high=1_000_000)
    batch: int = param(256, "pairs in a batch", low=2, high=100_000)
    rate: float = param(0.1, "learning rate of the weights (Adam), falling to 0", low=1e-6, high=10.0)
    reference_rate: float = param(0.3, "eta, the step of the reference", low=1e-6, high=1000.0)
    pairs: int = param(50_000, "pairs that the weights are learnt on, at most", low=10, high=10_000_000)
    leave_out: bool = param(True, "learn without each column in turn, too, to see how much it is missed")
    device: str = param("auto", "where it is learnt", of="device")

    def needs(self) -> tuple[str, ...]:
        return (*split(self.columns), f"{self.model}_img", f"{self.model}_txt")

    def reads(self) -> tuple[str, ...]:
        return split(self.columns)

    def check(self, pool: Pool) -> None:
        check_columns(self.id, self.columns, pool, 2)
        super().check(pool)
        check_examples(pool, self.downstream, self.model)

    def training(self, pool: Pool) -> float:
        trainings = self.seeds * (self.folds + (len(split(self.columns)) + 1 if self.leave_out else 0))
        return trainings * self.steps * self.batch * 6e-5

    def trial(self, sample: int, pairs: int) -> "Mix":
        return replace(self, steps=1, seeds=2, leave_out=False)

    def prepare(self, pool: Pool, progress: Progress = silent, each: Each = here) -> Mixture:
        names = split(self.columns)
        rows = sample_rows(pool, self.pairs)
        values = [pool.array(name)[rows] for name in names]
        means = np.array([np.nanmean(one, dtype=np.float64) for one in values])
        spreads = np.array([np.nanstd(one, dtype=np.float64) for one in values])
        inputs = _standardised(values, means, spreads)
        kept = Path(pool.path) / "networks" / f"mix-{self._subject(pool)}.json"
        results: dict[str, Any] = files.read_json(kept, dict) if kept.exists() else {}
        missing = [name for name in self._trainings(len(names)) if name not in results]
        if missing:
            course = self._course(pool, rows, inputs)
            for number, name in enumerate(missing):
                results[name] = self._trained(course, results, name, _part(progress, number, len(missing), name))
                files.write_json(kept, results)
        learnt = np.array([[results[f"seed {s}, fold {f}"] for s in range(self.seeds)] for f in range(self.folds)])
        usable = inputs[np.isfinite(inputs).all(axis=1)].astype(np.float64)
        sizes = np.array([(usable @ weights.mean(axis=0)).std() for weights in learnt])
        lines = sizes.mean() / np.where(sizes > 0, sizes, 1.0)
        return Mixture(means, spreads, learnt.mean(axis=1) * lines[:, None], self._findings(pool, results, learnt))

    def score(self, batch: Batch, state: Any) -> np.ndarray:
        values = [np.asarray(batch[name]) for name in split(self.columns)]
        inputs = _standardised(values, state.means, state.spreads)
        folds = folds_of_uids(batch.uid_hi, batch.uid_lo, len(state.weights))
        return np.einsum("nk,nk->n", inputs, state.weights[folds]).astype(np.float32)

    def learnt(self, state: Any) -> Mapping[str, Any]:
        findings: Mapping[str, Any] = state.findings
        return findings

    def _trainings(self, inputs: int) -> Iterator[str]:
        """The trainings to do, by name: each is done once and kept."""
        for seed in range(self.seeds):
            yield from (f"seed {seed}, fold {fold}" for fold in range(self.folds))
            if self.leave_out:
                yield from (f"seed {seed}, reached {what}" for what in ("with all", "unweighted"))
                yield from (f"seed {seed}, without {place}" for place in range(inputs))

    def _trained(self, course: Course, results: Mapping[str, Any], name: str, progress: Progress) -> Any:
        """The weights of a fold, or the loss that a reference reaches; of one input fewer, of all, or of equal weights."""
        from .kernels.mixing import reached

        seed, what, which = name.removeprefix("seed ").replace(",", "").split(maxsplit=2)
        number = int(seed)
        if what == "fold":
            return self._weights(course, number, int(which), None, progress).tolist()
        pairs, asked = _chosen(course, 0, self.folds), _aside(course.given, number)[1]
        weights = np.zeros(pairs[0].shape[1])
        if what == "without":
            weights = self._weights(course, number, 0, int(which), progress)
        elif which == "with all":
            weights = np.array(results[f"seed {seed}, fold 0"])
        return reached(weights, pairs, course.given, asked, course.plan, 1000 + number)

    def _weights(self, course: Course, seed: int, fold: int, left_out: int | None, progress: Progress) -> np.ndarray:
        """Weights `(K,)` learnt on the pairs of the other folds; 0 for the input left out."""
        from .kernels.mixing import learn

        pairs = _chosen(course, fold, self.folds)
        if left_out is not None:
            pairs = (pairs[0].copy(), *pairs[1:])
            pairs[0][:, left_out] = 0.0
        phi = np.zeros(pairs[0].shape[1])
        for step, loss, now in learn(pairs, course.given, _aside(course.given, seed)[0], course.plan, seed):
            phi = now
            progress(step + 1, self.steps, "", loss=loss)
            if not np.isfinite(loss):
                raise InputError(
                    f"the reference left all bounds after {step + 1} steps; lower reference_rate, which is {self.reference_rate}."
                )
        return phi

    def _course(self, pool: Pool, rows: np.ndarray, inputs: np.ndarray) -> Course:
        import torch

        from .kernels.mixing import Plan, best_scale, lessons

        images, texts = (stored(pool, f"{self.model}_{side}", rows) for side in ("img", "txt"))
        good = np.isfinite(inputs).all(axis=1)
        for side in (images, texts):
            good &= np.isfinite(side).all(axis=1) & side.any(axis=1)
        images, texts, inputs, folds = images[good], texts[good], inputs[good], folds_of(pool, self.folds, rows)[good]
        if min(np.bincount(folds, minlength=self.folds)) < FEWEST:
            raise InputError(
                f"{int(good.sum()):,} pairs have all of the columns and both embeddings, too few for {self.folds} folds; "
                "leave out a column that is mostly empty, or take fewer folds."
            )
        examples = load_examples(pool, self.downstream, self.model)
        scale = best_scale(images[:SCALED_BY].astype(np.float32), texts[:SCALED_BY].astype(np.float32))
        given = lessons(examples.images, examples.classes, examples.tasks, torch.float32, devices.choose(self.device))
        plan = Plan(self.batch, self.steps, self.rate, self.reference_rate, scale)
        return Course((inputs, images, texts), folds, given, plan)

    def _subject(self, pool: Pool) -> str:
        """What names the finished trainings: all that they depend on but where they run."""
        known = {
            name: value for name, value in self.parameters().items() if name not in ("device", "leave_out", "seeds")
        }
        held = {name: pool.digest(name) for name in self.needs()}
        return digests.of_value([known, held, self.contents(pool), len(pool)])[:16]

    def _findings(self, pool: Pool, results: Mapping[str, Any], learnt: np.ndarray) -> dict[str, Any]:
        """The weight of each input with its spread over seeds, how much it is missed, and what to be wary of."""
        names, inputs = split(self.columns), []
        by_seed = learnt.mean(axis=0)
        for place, name in enumerate(names):
            one = {"column": name, "weight": by_seed[:, place].mean(), "spread": by_seed[:, place].std(ddof=1)}
            if self.leave_out:
                missed = self._differences(results, f"without {place}")
                one |= {"missed": missed.mean(), "missed_spread": missed.std(ddof=1)}
            inputs.append({key: value if isinstance(value, str) else float(value) for key, value in one.items()})
        findings: dict[str, Any] = {"inputs": inputs, "seeds": self.seeds, "cross_fitted": self.folds}
        if self.leave_out:
            gain = self._differences(results, "reached unweighted")
            findings["gain"] = {"mean": float(gain.mean()), "spread": float(gain.std(ddof=1))}
        warnings = [text for name in names for text in _wary(pool, name, self.downstream)]
        return findings | ({"warning": "; ".join(warnings)} if warnings else {})

    def _differences(self, results: Mapping[str, Any], what: str) -> np.ndarray:
        """By how much the loss `what` reached is above that of all inputs, for each seed."""
        seeds = range(self.seeds)
        return np.array([results[f"seed {s}, {what}"] - results[f"seed {s}, reached with all"] for s in seeds])


def _standardised(values: list[np.ndarray], means: np.ndarray, spreads: np.ndarray) -> np.ndarray:
    """`(n, K)` float32: each column less its mean, by its spread; a constant one is 0."""
    columns = [
        (value.astype(np.float64) - mean) / spread
        if spread > 0
        else np.where(np.isnan(value.astype(np.float64)), np.nan, 0.0)
        for value, mean, spread in zip(values, means, spreads, strict=True)
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _chosen(course: Course, fold: int, folds: int) -> "Pairs":
    """The sampled pairs that the weights of a fold are learnt on: those of the others, all where there is one fold."""
    mask = course.folds != fold if folds > 1 else np.ones(len(course.folds), bool)
    inputs, images, texts = (part[mask] for part in course.pairs)
    return inputs, images, texts


def _aside(given: "Lessons", seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of the downstream examples to learn from with a seed, and of those kept aside."""
    order = np.random.default_rng([seed, len(given.images)]).permutation(len(given.images))
    cut = max(1, int(ASIDE * len(order)))
    return order[cut:], order[:cut]


def _wary(pool: Pool, name: str, downstream: str) -> Iterator[str]:
    """Why the input `name` may know the answers: what it compares with, or a network that scored what it was trained on."""
    made_by = pool.columns[name].made_by
    target = (made_by.get("parameters") or {}).get("target")
    if target and target != downstream:
        yield f"{name} compares with the target set {target!r}, which is not known to be disjoint from the evaluation tasks"
    findings = made_by.get("findings") or {}
    if findings.get("folds") == 1 and findings.get("warning"):
        yield f"{name}: {findings['warning']}"


def _part(progress: Progress, number: int, total: int, name: str) -> Callable[..., None]:
    """Progress of one training as progress of all that are left."""

    def report(done: int, of: int, message: str = "", **figures: float) -> None:
        progress(number * of + done, total * of, name, **figures)

    return report
