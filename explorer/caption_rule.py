"""One rule that keeps one caption of each image: the score that chooses, and the share of each source."""

import streamlit as st

from poolscope.explorer import pools, recipe_state
from poolscope.explorer.evaluate import scores_of
from poolscope.explorer.text import plain
from poolscope.pool import Pool
from poolscope.recipe import Recipe
from poolscope.recipe.caption_rule import IMAGES, image_column
from poolscope.recipe.grammar import CaptionRule

NO_SOURCE = "the best of all"
MOST = 8  # sources with a slider each


def fresh(pool: Pool, recipe: Recipe) -> CaptionRule:
    """A rule to start from: each image's best caption by the score of the last rule that has one."""
    return CaptionRule(caption=recipe_state.last_score(recipe, pool), image=image_column(pool) or IMAGES[0])


def draw(rule: CaptionRule, index: int, pool: Pool, name: str) -> None:
    """The body of the rule at `index`."""
    scores = scores_of(pool)
    left, right = st.columns(2, gap="small")
    left.selectbox(
        "Best by", scores if rule.caption in scores else [rule.caption, *scores], key=recipe_state.shows(f"{name}-by", rule.caption),
        on_change=lambda: recipe_state.update_rule(index, {"caption": st.session_state[f"{name}-by"]}),
    )  # fmt: skip
    texts = [name for name, one in pool.columns.items() if one.kind == "metadata" and one.dtype == "string"]
    sources = [name for name in texts if "source" in name or "caption" in name]
    options = [NO_SOURCE, *sources]
    chosen = NO_SOURCE if rule.source is None else rule.source
    right.selectbox(
        "Source", options if chosen in options else [*options, chosen], key=recipe_state.shows(f"{name}-source", chosen),
        help="The column that says where a caption comes from: each source then gets a share of the images",
        on_change=lambda: _sourced(index, st.session_state[f"{name}-source"], pool),
    )  # fmt: skip
    for number, (source, share) in enumerate(rule.shares.items()):
        key = f"{name}-share-{number}"
        st.slider(
            f"Share of {plain(source)}", 0.0, max(1.0, *rule.shares.values()), key=recipe_state.shows(key, share), step=0.01,
            on_change=_shared, args=(index, source, key), help="Against the other sources of the same image",
        )  # fmt: skip


def _sourced(index: int, source: str, pool: Pool) -> None:
    """Another column of sources: all get the same share; without one the best caption of all is kept."""
    names = [] if source == NO_SOURCE else sorted(pools.desk(pool).columns.codes(source)[1])[:MOST]
    shares = dict.fromkeys(names, 1.0)
    recipe_state.update_rule(index, {"source": source if names else None, "shares": shares}, reshape=True)


def _shared(index: int, source: str, key: str) -> None:
    rule = st.session_state["recipe"].keep[index]  # as it is now: another share may have moved in the same moment
    shares = rule.shares | {source: st.session_state[key]}
    if any(shares.values()):  # else nothing would be kept
        recipe_state.update_rule(index, {"shares": shares})
