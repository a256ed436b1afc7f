"""At the threshold: the pairs that the rule in focus just kept and just dropped."""

import numpy as np
import streamlit as st

from poolscope.explorer import gallery, pools, recipe_state, rule_card, tiles
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection

TILES = 10


def draw(recipe: Recipe, pool: Pool, selection: Selection) -> int | None:
    """Both galleries; returns the row of a picture that was clicked."""
    if not recipe.keep:
        st.caption("With a rule, the pairs next to its threshold appear here.")
        return None
    index = recipe_state.focus(recipe)
    edge = pools.desk(pool).edge(recipe, index, TILES)
    about = rule_card.title(recipe.keep[index])
    both = np.concatenate([edge.kept, edge.dropped])  # read together: a slider waits for each reading
    facts = [] if edge.scores is None else [f"{edge.scores[row]:.4g}" for row in both]
    made = tiles.of(both, pool, facts=facts, selection=selection, recipe=recipe)
    opened = None
    for label, found, empty in (
        ("just kept", made[: len(edge.kept)], "No pair is kept at this threshold; loosen the rule."),
        ("just dropped", made[len(edge.kept) :], "This rule drops nothing that the rules before it kept."),
    ):
        st.markdown(f"**{label.capitalize()}** by rule {index + 1}, {about}")
        if not found:
            st.caption(empty)
            continue
        clicked = gallery.draw(
            found, token=pools.token(pool), label=label.capitalize(), key=label.replace(" ", "-"), columns=5
        )
        opened = clicked if clicked is not None else opened
    return opened
