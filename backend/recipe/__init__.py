"""Recipes: ordered rules on scores and flags, as YAML data, and the selection that they give. True = KEPT."""

from backend.recipe.columns import Columns, PoolColumns
from backend.recipe.grammar import Recipe, dump, load
from backend.recipe.ready import library
from backend.recipe.selection import RuleCount, Selection, select, select_columns

__all__ = [
    "Columns",
    "PoolColumns",
    "Recipe",
    "RuleCount",
    "Selection",
    "dump",
    "library",
    "load",
    "select",
    "select_columns",
]
