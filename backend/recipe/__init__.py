"""Recipes: ordered rules on scores and flags, as YAML data, and the selection that they give. True = KEPT."""

from .columns import Columns, PoolColumns
from .grammar import Recipe, dump, load
from .selection import RuleCount, Selection, select, select_columns

__all__ = [
    "Columns",
    "PoolColumns",
    "Recipe",
    "RuleCount",
    "Selection",
    "dump",
    "load",
    "select",
    "select_columns",
]
