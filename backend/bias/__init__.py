"""The bias report: how well sets of pairs can be told apart, and by what."""

from .describing import Endpoint
from .report import build, kept_reports, save
from .sets import PairSet, by_column, kept_and_dropped, of_pools, of_recipes, of_subset, with_target
from .settings import Settings

__all__ = [
    "Endpoint",
    "PairSet",
    "Settings",
    "build",
    "by_column",
    "kept_and_dropped",
    "kept_reports",
    "of_pools",
    "of_recipes",
    "of_subset",
    "save",
    "with_target",
]
