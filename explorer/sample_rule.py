"""One rule that draws pairs with repetition: its score, how many draws, and the penalty on a pair that was drawn."""

import numpy as np
import streamlit as st

from poolscope.explorer import pools, recipe_state
from poolscope.explorer.evaluate import scores_of
from poolscope.pool import Pool
from poolscope.recipe import Recipe
from poolscope.recipe.grammar import SampleRule
from poolscope.recipe.sample_rule import MOST_TIMES

PENALTY, MOST_PENALTY = 0.15, 2.0  # the paper's, and the slider's end


def fresh(pool: Pool, recipe: Recipe) -> SampleRule:
    """A rule to start from: as many draws as the pool has pairs, by the score of the last rule that has one."""
    score = recipe_state.last_score(recipe, pool)
    return SampleRule(sample=score, pairs=max(1, len(pool)), penalty=PENALTY, temperature=_spread(pool, score))


def draw(rule: SampleRule, index: int, pool: Pool, name: str) -> None:
    """The body of the rule at `index`."""
    scores = scores_of(pool)
    if rule.sample not in scores:
        scores = [rule.sample, *scores]
    st.selectbox(
        "Score", scores, key=recipe_state.shows(f"{name}-score", rule.sample),
        on_change=_rescored, args=(name, index, pool),
    )  # fmt: skip
    draws = rule.draws(max(1, len(pool)))
    most = max(1, min(MOST_TIMES * len(pool), max(2 * len(pool), draws)))
    st.slider(
        "Draws", 1, max(2, most), key=recipe_state.shows(f"{name}-pairs", draws), step=max(1, most // 200), format="localized",
        on_change=_moved, args=(index, "pairs", f"{name}-pairs"), help="Draws in all; a pair that is drawn again counts again",
    )  # fmt: skip
    left, right = st.columns(2, gap="small", vertical_alignment="bottom")
    left.slider(
        "Penalty", 0.0, max(MOST_PENALTY, rule.penalty), key=recipe_state.shows(f"{name}-penalty", rule.penalty), step=0.01,
        on_change=_moved, args=(index, "penalty", f"{name}-penalty"),
        help="By how much a draw lowers the score of its pair: 0 draws the same pairs again and again, more spreads the draws",
    )  # fmt: skip
    right.number_input(
        "Temperature", 1e-6, 1e6, key=recipe_state.shows(f"{name}-temperature", rule.temperature), format="%.4g", step=rule.temperature / 10,
        on_change=_moved, args=(index, "temperature", f"{name}-temperature"),
        help="What the score is divided by before the softmax: its spread, or 1 for a score that is a logit",
    )  # fmt: skip


def _moved(index: int, word: str, key: str) -> None:
    if st.session_state[key] is not None:
        recipe_state.update_rule(index, {word: st.session_state[key]})


def _rescored(name: str, index: int, pool: Pool) -> None:
    score = st.session_state[f"{name}-score"]
    recipe_state.update_rule(index, {"sample": score, "temperature": _spread(pool, score)})


def _spread(pool: Pool, score: str) -> float:
    """The standard deviation of the score, to two digits: with it as temperature, scores of any scale draw alike."""
    scores = pools.desk(pool).columns.array(score)
    some = scores[:: max(1, len(scores) // 100_000)].astype(np.float64)
    spread = float(np.std(some[np.isfinite(some)])) if np.isfinite(some).any() else 1.0
    return float(f"{spread:.2g}") if 1e-6 < spread < 1e6 else 1.0
