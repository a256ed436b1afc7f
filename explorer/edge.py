"""At the threshold: the pairs that the rule in focus just kept and just dropped."""

import numpy as np
import streamlit as st

from poolscope.explorer import gallery, pools, recipe_state, rules, thresholds, tiles
from poolscope.explorer.evaluate import LARGE, histogram
from poolscope.explorer.score_edit import mode_of
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection
from poolscope.recipe.grammar import ScoreRule

TILES = 10


def draw(recipe: Recipe, pool: Pool, selection: Selection) -> int | None:
    """Both galleries; returns the row of a picture that was clicked."""
    if not recipe.keep:
        st.caption("With a rule, the pairs next to its threshold appear here.")
        return None
    index = recipe_state.focus(recipe)
    kept, dropped, scores = rows(recipe, index, pool, selection)
    about = rules.title(recipe.keep[index])
    both = np.concatenate([kept, dropped])  # read together: a slider waits for each reading
    facts = [] if scores is None else [f"{scores[row]:.4g}" for row in both]
    made = tiles.of(both, pool, facts=facts, selection=selection, recipe=recipe)
    opened = None
    for label, found, empty in (
        ("just kept", made[: len(kept)], "No pair is kept at this threshold; loosen the rule."),
        ("just dropped", made[len(kept) :], "This rule drops nothing that the rules before it kept."),
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


def rows(
    recipe: Recipe, index: int, pool: Pool, selection: Selection, limit: int = TILES
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Rows just kept and just dropped by the rule at `index`, and the scores that it reads, if it reads any.

    For a score: nearest to its threshold first. For other rules: the first by uid rank, which is a random order.
    """
    rule, columns = recipe.keep[index], pools.columns(pool)
    if isinstance(rule, ScoreRule) and len(pool) >= LARGE and pools.live(pool).ready(recipe):
        return *_by_place(recipe, index, pool, limit), columns.array(rule.score)
    gone = selection.dropped_by == index + 1
    if not isinstance(rule, ScoreRule):
        return _some(selection.mask, columns.rank, limit), _some(gone, columns.rank, limit), None
    scores, bars = columns.array(rule.score), histogram(pool, rule.score)
    threshold = selection.counts[index].threshold
    threshold = bars.high if threshold is None else threshold
    if mode_of(rule) == "max":
        flipped, grid = -scores, -bars.grid[::-1]
        kept = thresholds.edge_rows(flipped, selection.mask, -threshold, above=True, limit=limit, grid=grid)
        dropped = thresholds.edge_rows(flipped, gone, -threshold, above=False, limit=limit, grid=grid)
        return kept, dropped, scores
    kept = thresholds.edge_rows(scores, selection.mask, threshold, above=True, limit=limit, grid=bars.grid)
    above = float(np.nextafter(np.float32(threshold), np.float32(np.inf)))  # a tie can be dropped, by uid
    return kept, thresholds.edge_rows(scores, gone, above, above=False, limit=limit, grid=bars.grid), scores


def _by_place(recipe: Recipe, index: int, pool: Pool, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """The same for a large pool, from the places of its ranked score; of pairs with one score the first by uid."""
    live, rule = pools.live(pool), recipe.keep[index]
    assert isinstance(rule, ScoreRule)
    step, ranked = live.step(recipe), live.ranked(rule.score)
    threshold, best = step.counts[index].threshold, mode_of(rule) != "max"
    if threshold is None:  # nothing is kept
        threshold = ranked.score_at(0 if best else ranked.scored - 1) if ranked.scored else 0.0
    kept = ranked.nearest(ranked.place_below(threshold, inclusive=best), step.words, limit, better=best)
    other = ranked.place_below(threshold, inclusive=False)
    return kept, ranked.nearest(other, step.gone(index), limit, better=not best)


def _some(mask: np.ndarray, rank: np.ndarray, limit: int) -> np.ndarray:
    found = np.flatnonzero(mask)
    if len(found) <= limit:
        return found
    found = found[:: max(1, len(found) // 2000)]
    return found[np.argsort(rank[found], kind="stable")[:limit]]
