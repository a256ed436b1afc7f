"""Does this model know this pool? The AUC of own captions against shuffled ones, on a sample of the pairs."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import files
from ..kernels.hashing import draw
from ..pool import Pool, digests
from ..progress import Progress, silent
from ..scores.clip_score import cosine

PAIRS = 5000
FEWEST = 20
LEAST = 0.65
"""Below it a model can't be trusted with this pool: 0.5 is chance, CLIP models reach 0.9 and more on what they know."""


@dataclass(frozen=True)
class SelfTest:
    """`auc` of the cosine of own against shuffled captions, with its 95 % interval, on `pairs` pairs."""

    model: str
    auc: float
    low: float
    high: float
    pairs: int

    @property
    def passed(self) -> bool:
        return self.auc >= LEAST

    def __str__(self) -> str:
        return f"AUC {self.auc:.3f} ({self.low:.3f} to {self.high:.3f}) on {self.pairs:,} pairs"

    @property
    def warning(self) -> str:
        """Why not to trust the model here; empty if there is no reason."""
        if self.passed:
            return ""
        return (
            f"{self.model} hardly knows this pool: it tells own from shuffled captions with {self}, below {LEAST}; "
            "use another model before relying on its scores"
        )

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "SelfTest":
        return cls(**{name: content[name] for name in cls.__dataclass_fields__})

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"passed": self.passed}


def check(pool: Pool, model: str, progress: Progress = silent) -> SelfTest | None:
    """The self-test of `<model>_img` and `<model>_txt`, as kept with the pool or measured and kept.

    None if the model has no text embeddings, or if fewer than 20 pairs have both.
    """
    if {f"{model}_img", f"{model}_txt"} - pool.columns.keys():
        return None
    result = known(pool, model)
    if result is None:
        progress(0, 1, f"does {model} know this pool?")
        result = measure(pool, model)
        if result is not None:
            files.write_json(_path(pool, model), result.as_json())
        progress(1, 1, f"{model}: {result}" if result else f"too few pairs to test {model}")
    return result


def known(pool: Pool, model: str) -> SelfTest | None:
    """The self-test that was made before of these very columns, if any."""
    try:
        return SelfTest.from_json(files.read_json(_path(pool, model)))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def measure(pool: Pool, model: str, *, pairs: int = PAIRS) -> SelfTest | None:
    """Cosines of `pairs` images with their own captions against those with the next pair's caption.

    The pairs are those of the smallest hash of uid, in the order of that hash, so that neither row order nor
    sharding matters; a neighbour with the same caption vector is no shuffled caption and is left out.
    """
    rows = _sample(pool, pairs)
    images, texts = (pool.embeddings(f"{model}_{side}", rows) for side in ("img", "txt"))
    good = np.isfinite(images).all(axis=1) & np.isfinite(texts).all(axis=1)
    images, texts = images[good], texts[good]
    if len(images) < FEWEST:
        return None
    others = np.roll(texts, -1, axis=0)
    different = (others != texts).any(axis=1)
    return judged(model, cosine(images, texts), cosine(images, others)[different])


def judged(model: str, own: np.ndarray, shuffled: np.ndarray) -> SelfTest | None:
    """The self-test of scores of images with their own and with shuffled captions, NaN left out; None for fewer than 20."""
    own, shuffled = own[~np.isnan(own)], shuffled[~np.isnan(shuffled)]
    if min(len(own), len(shuffled)) < FEWEST:
        return None
    return SelfTest(model, *delong(own, shuffled), len(own))


def delong(positive: np.ndarray, negative: np.ndarray) -> tuple[float, float, float]:
    """AUC of scores `(m,)` over `(n,)` and its 95 % interval (DeLong et al. 1988); ties count half.

    Where all are told apart, the variance is 0 and the lower limit is that of m successes in m trials.

    >>> delong(np.array([3.0, 4.0]), np.array([1.0, 3.0]))[0]
    0.875
    """
    from scipy.stats import norm, rankdata

    m, n = len(positive), len(negative)
    ranks = rankdata(np.concatenate([positive, negative]))
    above = (ranks[:m] - rankdata(positive)) / n
    below = 1 - (ranks[m:] - rankdata(negative)) / m
    auc = float(above.mean())
    spread = float(norm.ppf(0.975) * np.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n))
    if auc in (0.0, 1.0):
        edge = 1 - 0.025 ** (1 / min(m, n))
        return auc, max(0.0, auc - edge), min(1.0, auc + edge)
    return auc, max(0.0, auc - spread), min(1.0, auc + spread)


def _sample(pool: Pool, pairs: int) -> np.ndarray:
    """The rows of the smallest hashes, in the order of their hashes; only the best so far are held."""
    keys, rows, seen = np.empty(0, np.uint64), np.empty(0, np.int64), 0
    for batch in pool.scan(["uid"], batch_size=65_536):
        more = draw(0, batch.column("uid_hi").to_numpy(), batch.column("uid_lo").to_numpy())
        keys, rows = np.concatenate([keys, more]), np.concatenate([rows, np.arange(seen, seen + len(more))])
        best = np.argsort(keys, kind="stable")[:pairs]
        keys, rows, seen = keys[best], rows[best], seen + len(more)
    return rows


def _path(pool: Pool, model: str) -> Path:
    """Bound to what the columns hold: embeddings made anew are tested anew."""
    held = digests.of_value([pool.digest(f"{model}_{side}", most=PAIRS) for side in ("img", "txt")])
    return pool.path / "selftests" / f"{model}-{held[:12]}.json"
