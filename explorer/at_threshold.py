"""At the threshold: the pairs that the rule in focus just kept and just dropped."""

import numpy as np
import streamlit as st

from poolscope.explorer import images, number_format, pools, recipe_state, rule_card
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection

TILES = 10
REACH = 500  # pairs on each side of a threshold that the gallery can page, sort and filter


def draw(recipe: Recipe, pool: Pool, selection: Selection) -> int | None:
    """Both sides; returns the row of an image that was clicked."""
    if not recipe.keep:
        st.caption("With a rule, the pairs next to its threshold appear here.")
        return None
    index = recipe_state.focus(recipe)
    edge = pools.desk(pool).edge(recipe, index, REACH)
    about = f"by rule {index + 1}, {rule_card.title(recipe.keep[index])}"
    kept, dropped = _facts(edge.scores, edge.kept, edge.dropped)
    shelves = [
        images.Shelf(f"**Just kept** {about}", edge.kept, kept, "No pair is kept at this threshold; loosen the rule.", TILES, "button"),
        images.Shelf(f"**Just dropped** {about}", edge.dropped, dropped, "This rule drops nothing that the rules before it kept.", TILES, "button"),
    ]  # fmt: skip
    return images.draw(shelves, pool, recipe, selection, key="just")


def _facts(scores: np.ndarray | None, kept: np.ndarray, dropped: np.ndarray) -> tuple[list[str], list[str]]:
    """The scores of both sides, with as many digits as tell those next to the threshold apart."""
    if scores is None:
        return [], []
    near = [[float(scores[row]) for row in side[:1]] for side in (kept, dropped)]
    digits = number_format.apart(*near)
    write = number_format.significant
    return [write(float(scores[row]), digits) for row in kept], [write(float(scores[row]), digits) for row in dropped]
