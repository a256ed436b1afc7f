"""What the pages ask of the pool: the recipe evaluated on it, and the columns that rules can be about."""

from dataclasses import dataclass, field

import streamlit as st

from poolscope.errors import InputError
from poolscope.explorer import pools
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection


@dataclass(frozen=True)
class Outcome:
    """What can be shown of a recipe: its selection, or, if rules of it can't be read, the last one that could be.

    `recipe` is the one that `selection` is of; `problems` say by index what is wrong with a rule.
    """

    recipe: Recipe
    selection: Selection
    problems: dict[int, str] = field(default_factory=dict)


def evaluate(recipe: Recipe, pool: Pool) -> Selection:
    """The selection of `recipe`. Raises InputError for a column that the pool lacks or that is of another kind."""
    return pools.desk(pool).step(recipe)


def outcome(recipe: Recipe, pool: Pool) -> Outcome:
    """The recipe's selection; where rules can't be read, that of the session's last readable recipe, or without them."""
    try:
        result = Outcome(recipe, evaluate(recipe, pool))
    except InputError:
        problems = _problems(recipe, pool)
        kept = st.session_state.get("valid")
        rules = tuple(
            rule.model_copy(update={"off": True}) if index in problems else rule
            for index, rule in enumerate(recipe.keep)
        )
        last = kept[1] if kept and kept[0] == str(pool.path) else recipe.model_copy(update={"keep": rules})
        return Outcome(last, evaluate(last, pool), problems)
    st.session_state["valid"] = (str(pool.path), recipe)
    return result


def _problems(recipe: Recipe, pool: Pool) -> dict[int, str]:
    """Why rules can't be read, by their index."""
    problems = {}
    for index, rule in enumerate(recipe.keep):
        try:
            evaluate(Recipe(keep=(rule,)), pool)
        except InputError as error:
            problems[index] = str(error)
    return problems


def scores_of(pool: Pool) -> list[str]:
    return [name for name, column in pool.columns.items() if column.kind == "score"]


def flags_of(pool: Pool) -> list[str]:
    return [name for name, column in pool.columns.items() if column.kind == "flag"]
