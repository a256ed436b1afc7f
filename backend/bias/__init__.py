"""The bias report: how well sets of pairs can be told apart, and by what."""

from backend.bias.describing import Endpoint
from backend.bias.report import build, kept_reports, save
from backend.bias.sets import PairSet, by_column, kept_and_dropped, of_pools, of_recipes, of_subset, with_target
from backend.bias.settings import Settings

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
