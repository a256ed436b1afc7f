"""Ensemble: what several flags and scores say together, by a label model that needs no labels and no downstream data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..kernels.hashing import draw, lowest
from ..pool import Pool
from ..progress import Progress, silent
from .base import Batch, Each, Method, here, param
from .kernels.columns import check_columns, split
from .kernels.label_model import ABSTAINS, LabelModel, fit

SAMPLE = 500_000  # pairs by which accuracies are estimated: their standard errors are below 0.001
_STREAM = 0x766F7465  # apart from the numbers that other samples draw
FEWEST = 3
TWINS = 0.7  # a correlation within the classes from which two columns are said to be counted twice


@dataclass(frozen=True, eq=False)
class Voters:
    """The label model of the columns, the values at which each score is cut (empty for a flag), and warnings."""

    model: LabelModel
    cuts: tuple[np.ndarray | None, ...]
    twins: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True, kw_only=True)
class Ensemble(Method):
    """Ensemble: `P(keep | votes)` of a label model in which every flag and every cut score is a voter.

    A score is cut into `levels` of equal size and votes by its level; a flag has two; NaN abstains. Voters are independent
    given an unknown class, keep or drop (Dawid and Skene 1979; the data programming of Ratner et al. 2016): EM finds
    how often each votes how in each class, hence its accuracy, and Bayes' rule joins the votes of a pair. No voter is
    worse than chance. In the spirit of EcoDatum, which joins operators by weak supervision and finds their cuts by search.

    The assumption is what to watch: columns that measure nearly the same count twice and draw the class towards what they
    share. The column's notes name such twins, and each accuracy.

    Reads at least three scores and flags, gives `(n,)` float32 in (0, 1), NaN where all abstain. Fitted on at most 500,000
    pairs of the smallest hashes.
    """

    id = "ensemble"
    order = 190
    title = "Ensemble"
    formula = r"P(y=1 \mid v) \propto P(y=1) \prod_k P(v_k \mid y=1)"
    paper = "Xu et al. 2025 (EcoDatum), arXiv 2502.08211; Dawid and Skene 1979; Ratner et al. 2016, arXiv 1605.07723"
    cost = "0.1 µs per pair and column"
    published = (
        "EcoDatum, with operators and a search of its own: DataComp small, average of 38 tasks 18.2 (no filter: 13.2)"
    )

    columns: str = param(
        "", "scores and flags that vote, separated by commas; empty: all that stand alone", of="columns"
    )
    levels: int = param(10, "equal parts into which a score is cut; 2: above and below its median", low=2, high=100)

    def needs(self) -> tuple[str, ...]:
        return split(self.columns)

    def check(self, pool: Pool) -> None:
        check_columns(self.id, self.columns, pool, FEWEST)
        super().check(pool)

    def prepare(self, pool: Pool, progress: Progress = silent, each: Each = here) -> Voters:
        rows = sample_rows(pool)
        cuts, votes = [], np.empty((len(rows), len(self.needs())), np.int8)
        for place, name in enumerate(self.needs()):
            values = pool.array(name)[rows]
            cuts.append(None if pool.columns[name].kind == "flag" else level_cuts(values, self.levels))
            votes[:, place] = voted(values, cuts[-1])
            progress(place, len(self.needs()) + 1, "cutting the scores")
        model = fit(votes, [2 if edges is None else len(edges) + 1 for edges in cuts])
        near, names = model.dependence(votes), self.needs()
        twins = [(names[a], names[b], float(near[a, b])) for a in range(len(names)) for b in range(a)]
        return Voters(model, tuple(cuts), tuple(one for one in twins if abs(one[2]) >= TWINS))

    def score(self, batch: Batch, state: Any) -> np.ndarray:
        votes = [voted(np.asarray(batch[name]), cuts) for name, cuts in zip(self.needs(), state.cuts, strict=True)]
        posterior: np.ndarray = state.model.posterior(np.stack(votes, axis=1))
        return posterior.astype(np.float32)

    def learnt(self, state: Any) -> Mapping[str, Any]:
        """The accuracy of each column, the share to keep, and columns that are nearly the same."""
        inputs = [
            {"column": name, "accuracy": round(accuracy, 4)}
            for name, accuracy in zip(self.needs(), state.model.accuracies, strict=True)
        ]
        said: dict[str, Any] = {"inputs": inputs, "prior": round(state.model.prior, 4)}
        if state.twins:
            worst = ", ".join(f"{a} and {b} ({value:.2f})" for a, b, value in state.twins)
            said["warning"] = (
                f"these columns agree beyond what the classes explain and count twice, leave one of each out: {worst}"
            )
        return said


def sample_rows(pool: Pool, most: int = SAMPLE) -> np.ndarray:
    """The rows of the smallest hashes of their uids, in the order of these: the same pairs whatever the pool's order."""
    uids = pool.uids()
    return lowest(draw(0, uids["f0"], uids["f1"], _STREAM), most)


def level_cuts(scores: np.ndarray, levels: int) -> np.ndarray:
    """The values at which `scores` fall into so many equal parts, ascending and distinct; NaN is left out."""
    scored = scores[~np.isnan(scores)]
    if not len(scored):
        return np.empty(0, scores.dtype)
    cuts = np.unique(np.quantile(scored, np.arange(1, levels) / levels, method="higher").astype(scores.dtype))
    return cuts[cuts > scored.min()]


def voted(values: np.ndarray, cuts: np.ndarray | None) -> np.ndarray:
    """`(n,)` int8: how many cuts a score reaches, `ABSTAINS` for NaN; 0 or 1 of a flag."""
    if cuts is None:
        return values.astype(np.int8)
    return np.where(np.isnan(values), ABSTAINS, np.searchsorted(cuts, values, side="right")).astype(np.int8)
