"""The recipe of the session: in the URL, with undo and redo; every change of a rule goes through here."""

import json
import time
from collections.abc import Sequence
from typing import Any

import streamlit as st

from poolscope.engine.ready import EDITED, edited, library
from poolscope.errors import InputError
from poolscope.explorer import choices
from poolscope.explorer.evaluate import scores_of
from poolscope.pool import Pool
from poolscope.recipe import Recipe, load
from poolscope.recipe.grammar import Rule, ScoreRule

LONGEST_HISTORY = 100
SAME_DRAG = 1.5  # seconds: changes of one rule that follow each other faster are one step of undo


def current(pool: Pool) -> Recipe:
    """The recipe being tuned; on the first call of a session the one in the URL, else a ready one."""
    state = st.session_state
    state["recipe_pool"] = pool
    if "recipe" not in state:
        state["recipe"], state["recipe_error"] = _from_url(pool)
        state["undo"], state["redo"], state["generation"] = [], [], 0
    return state["recipe"]


def choices_with_current(pool: Pool) -> dict[str, Recipe]:
    """The recipes that can be chosen, by name, after the one being tuned."""
    recipe = current(pool)
    return {f"{recipe.name} (current)": recipe, **choices.all(pool)}


def complaint() -> str:
    """Why the recipe of the URL could not be read; empty when it could."""
    return st.session_state.get("recipe_error", "")


def change(recipe: Recipe, *, about: str, reshape: bool = True) -> None:
    """Makes `recipe` the current one. `about` names what changed, so that one drag is one step of undo;
    `reshape` says that rules came, went or moved, so that their widgets start afresh."""
    state = st.session_state
    before = state.get("recipe")
    if before == recipe:
        return
    now = time.monotonic()
    if before is not None and not (state.get("undo_about") == about and now - state.get("undo_at", 0.0) < SAME_DRAG):
        state["undo"] = [*state.get("undo", []), before][-LONGEST_HISTORY:]
    state["undo_about"], state["undo_at"], state["redo"] = about, now, []
    _put(recipe, reshape)


def load_recipe(recipe: Recipe) -> None:
    """Starts from a recipe that was chosen."""
    change(recipe, about="load")
    st.session_state["focus"] = 0


def origin(recipe: Recipe) -> Recipe | None:
    """The recipe of that name that can be chosen, which this one is, or was before it was edited; None if there is none."""
    pool = st.session_state.get("recipe_pool")
    known = {} if pool is None else choices.all(pool)
    return known.get(recipe.name) or known.get(recipe.name.removesuffix(EDITED))


def is_edited(recipe: Recipe) -> bool:
    """Whether its rules differ from those that are saved under its name."""
    base = origin(recipe)
    return base is not None and base.keep != recipe.keep


def revert() -> None:
    """Back to the recipe that was edited; undo brings the changes back."""
    base = origin(st.session_state["recipe"])
    if base is not None:
        load_recipe(base)


def undo() -> None:
    _step("undo", "redo")


def redo() -> None:
    _step("redo", "undo")


def replace_rule(recipe: Recipe, index: int, rule: Rule, *, reshape: bool = False) -> None:
    rules = list(recipe.keep)
    rules[index] = rule
    _edit(recipe, rules, about=f"rule {index}", focus=index, reshape=reshape)


def update_rule(index: int, update: dict[str, Any], *, reshape: bool = False) -> None:
    """The rule at `index` of the current recipe with other values."""
    recipe: Recipe = st.session_state["recipe"]
    replace_rule(recipe, index, recipe.keep[index].model_copy(update=update), reshape=reshape)


def shows(key: str, value: Any) -> str:
    """The key of a widget, which shows the value."""
    if st.session_state.get(key) != value:
        st.session_state[key] = value
    return key


def last_score(recipe: Recipe, pool: Pool) -> str:
    """The score of the last rule that has one, else the pool's last."""
    scores = scores_of(pool)
    named = [name for rule in recipe.leaves() for name in rule.columns() if name in scores]
    return (named or scores)[-1]


def add_rule(recipe: Recipe, rule: Rule) -> None:
    _edit(recipe, [*recipe.keep, rule], about="add", focus=len(recipe.keep))


def remove_rule(recipe: Recipe, index: int) -> None:
    rules = [*recipe.keep[:index], *recipe.keep[index + 1 :]]
    _edit(recipe, rules, about="remove", focus=max(0, min(index, len(rules) - 1)))


def move_rule(recipe: Recipe, index: int, target: int) -> None:
    """Moves the rule at `index` to the place `target`."""
    if index != target and 0 <= target < len(recipe.keep):
        rules = list(recipe.keep)
        rules.insert(target, rules.pop(index))
        _edit(recipe, rules, about="move", focus=target)


def put_rules(recipe: Recipe, *, focus: int) -> None:
    """Makes the rules of `recipe` the current ones; `focus` is the one that was touched."""
    _edit(recipe, recipe.keep, about="rules", focus=focus)


def _edit(recipe: Recipe, rules: Sequence[Rule], *, about: str, focus: int, reshape: bool = True) -> None:
    change(named(recipe.model_copy(update={"keep": tuple(rules)})), about=about, reshape=reshape)
    st.session_state["focus"] = focus


def named(recipe: Recipe) -> Recipe:
    """A changed recipe under a name that is true: "edited" as long as its rules differ from those under its name."""
    base, pool = origin(recipe), st.session_state.get("recipe_pool")
    if base is None or pool is None or base.name not in choices.own(pool):
        return edited(recipe)
    return base if base.keep == recipe.keep else recipe.model_copy(update={"name": base.name + EDITED})


def focus(recipe: Recipe) -> int:
    """The rule whose threshold the galleries show: the one touched last."""
    return max(0, min(st.session_state.get("focus", 0), len(recipe.keep) - 1))


def generation() -> int:
    """Part of the rules' widget keys; changes when rules come, go or move."""
    return st.session_state.get("generation", 0)


def rule_from(content: dict[str, Any]) -> Rule:
    """A rule from plain data. Raises InputError as the grammar does."""
    return load({"name": "rule", "keep": [content]}).keep[0]


def as_text() -> str:
    """The recipe as it stands in the URL, so that the address shows the same view."""
    return json.dumps(st.session_state["recipe"].as_dict(), ensure_ascii=False, separators=(",", ":"))


def _put(recipe: Recipe, reshape: bool) -> None:
    st.session_state["recipe"] = recipe
    st.session_state["recipe_error"] = ""
    if reshape:
        st.session_state["generation"] = generation() + 1


def _step(source: str, target: str) -> None:
    state = st.session_state
    if state.get(source):
        state[target] = [*state.get(target, []), state["recipe"]]
        *state[source], back = state[source]
        state["undo_about"] = None
        _put(back, reshape=True)


def _from_url(pool: Pool) -> tuple[Recipe, str]:
    text = st.query_params.get("recipe")
    if text:
        try:
            content = json.loads(text)
            if not isinstance(content, dict):
                raise ValueError
            return load(content), ""
        except (ValueError, RecursionError):
            return first_choice(pool), "The recipe in the address can't be read, so a ready one is shown."
        except InputError as error:
            return first_choice(pool), f"The recipe in the address can't be used: {error}"
    return first_choice(pool), ""


def first_choice(pool: Pool) -> Recipe:
    """A ready recipe that fits the pool, one with a score in it if there is one."""
    ready = library(pool)
    scored = [recipe for recipe in ready if any(isinstance(rule, ScoreRule) for rule in recipe.keep)]
    named = [recipe for recipe in scored if "random" not in recipe.columns()]
    return (named or scored or ready or [Recipe(name="no filter")])[0]
