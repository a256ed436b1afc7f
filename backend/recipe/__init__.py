"""Recipes: ordered rules on scores and flags, as YAML data, and the selection that they give. True = KEPT."""

from .columns import PoolColumns
from .desk import Desk
from .grammar import Recipe
from .notation import dump, load
from .rule_count import RuleCount
from .selection import Selection, select, select_columns

__all__ = [
    "Desk",
    "PoolColumns",
    "Recipe",
    "RuleCount",
    "Selection",
    "dump",
    "load",
    "select",
    "select_columns",
]
