"""The headline of a bias report: whether its sets can be told apart at all, and by what."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..kernels.intervals import holm
from ..number_format import percent

LEVEL = 0.05


def corrected(families: Sequence[Mapping[str, Any]]) -> list[float]:
    """The permutation p of each family, corrected by Holm's method for how many families the report has."""
    return [float(p) for p in holm([one["p"] for one in families])]


def distinguishing(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """By name, the families whose accuracy is above chance at a corrected p below 0.05, highest accuracy first."""
    families = report["families"]
    return {one["family"]: one for one, p in zip(families, corrected(families)) if p < LEVEL}


def summary(report: Mapping[str, Any]) -> str:
    """One sentence: how well the sets can be told apart, and what little information still suffices."""
    families, chance = report["families"], f"chance {percent(report['chance'])}"
    telling = distinguishing(report)
    if not telling:
        count = f"any of {len(families)} families" if len(families) > 1 else f"“{families[0]['title']}”"
        return (
            f"The sets can't be told apart by {count}: the highest accuracy is {percent(families[0]['accuracy'])} ({chance}), "
            f"p {min(corrected(families)):.2f} after correction for the families."
        )
    best = next(iter(telling.values()))
    text = f"The sets are told apart {percent(best['accuracy'])} of the time by “{best['title']}” ({chance})"
    for name, by in (("mean_rgb", "their mean colour alone"), ("file_facts", "file facts alone")):
        if name in telling and telling[name] is not best:
            text += f", {percent(telling[name]['accuracy'])} by {by}"
    return text + "."
