"""Label model: how right each of several voters is, and what they say together, without a single true label."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ABSTAINS = -1


@dataclass(frozen=True, eq=False)
class LabelModel:
    """Dawid and Skene's model of two classes: drop (0) and keep (1).

    `prior`: P(keep). `tables`: for each voter `(2, L)`, the probability of each of its L votes given the class.
    """

    prior: float
    tables: tuple[np.ndarray, ...]

    def posterior(self, votes: np.ndarray) -> np.ndarray:
        """P(keep | votes) by Bayes' rule, `(n,)` float64, of votes `(n, m)` that are levels or `ABSTAINS`; NaN where all
        abstain."""
        ratios = [np.append(np.log(table[1] / table[0]), 0.0) for table in self.tables]  # the last one is that of -1
        odds = np.full(len(votes), np.log(self.prior / (1 - self.prior)))
        for ratio, column in zip(ratios, votes.T, strict=True):
            odds += ratio[column]
        odds[(votes == ABSTAINS).all(axis=1)] = np.nan
        return 0.5 * (1 + np.tanh(odds / 2))

    @property
    def accuracies(self) -> list[float]:
        """For each voter how often it votes higher for a pair to keep than for one to drop, ties counted half.

        1 is always, 0.5 is chance; for two levels it is the mean of sensitivity and specificity.
        """
        return [_accuracy(table) for table in self.tables]

    def dependence(self, votes: np.ndarray) -> np.ndarray:
        """`(m, m)` correlations of the voters within the classes; the model takes them for 0 off the diagonal."""
        keep = np.nan_to_num(self.posterior(votes), nan=self.prior)
        total = np.zeros((votes.shape[1], votes.shape[1]))
        for row, weight in ((1, keep), (0, 1 - keep)):
            means = [(table[row] * np.arange(table.shape[1])).sum() for table in self.tables]
            off = np.where(votes == ABSTAINS, 0.0, votes - np.asarray(means))
            total += (off * weight[:, None]).T @ off
        spread = np.sqrt(np.diag(total))
        spread[spread == 0] = np.inf
        return total / spread[:, None] / spread


def fit(votes: np.ndarray, levels: Sequence[int], *, rounds: int = 500, tolerance: float = 1e-6) -> LabelModel:
    """The label model of votes `(n, m)` int8, column k in 0 to `levels[k]` - 1 or `ABSTAINS`, by EM (Dawid and Skene 1979).

    Voters are independent given the class, and abstain whatever the class. No voter is worse than chance: that is what
    weak supervision assumes of all, and what tells which of the two classes is to be kept. A voter whose estimate falls
    below takes no part until it rises again. EM begins with the mean vote; one pair is added to every count. With fewer
    than three voters, accuracies can't be told from agreement.
    """
    keep = _mean_vote(votes, levels)
    model = LabelModel(0.5, ())
    for _ in range(rounds):
        tables = [_table(votes[:, k], keep, count) for k, count in enumerate(levels)]
        prior = (keep.sum() + 1) / (len(keep) + 2)
        model = LabelModel(float(prior), tuple(tables))
        now = np.nan_to_num(model.posterior(votes), nan=prior)
        moved, keep = float(np.abs(now - keep).max(initial=0)), now
        if moved < tolerance:
            break
    return model


def _mean_vote(votes: np.ndarray, levels: Sequence[int]) -> np.ndarray:
    """A first P(keep): the logistic function of the mean standardised vote, with a spread of 1 over the pairs."""
    total = np.zeros(len(votes))
    for column, count in zip(votes.T, levels, strict=True):
        there = column != ABSTAINS
        share = column[there] / max(1, count - 1)
        total[there] += share - share.mean() if len(share) else 0.0
    spread = total.std()
    return 1 / (1 + np.exp(-total / spread)) if spread else np.full(len(votes), 0.5)


def _table(column: np.ndarray, keep: np.ndarray, levels: int) -> np.ndarray:
    """`(2, levels)`: how often each level is voted in each class; twice the same where the voter is worse than chance."""
    there = column != ABSTAINS
    both = np.bincount(column[there], minlength=levels) + 2.0
    kept = np.bincount(column[there], keep[there], minlength=levels) + 1.0
    table = np.stack([both - kept, kept])
    table /= table.sum(axis=1, keepdims=True)
    if _accuracy(table) < 0.5:
        table[:] = both / both.sum()
    return table


def _accuracy(table: np.ndarray) -> float:
    below = np.cumsum(table[0]) - table[0]
    return float((table[1] * (below + table[0] / 2)).sum())
