"""What only one of two compared recipes keeps."""

import numpy as np
import streamlit as st

from poolscope.explorer import images, number_format, pools
from poolscope.explorer.compare import Comparison
from poolscope.explorer.text import plain
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection

MOST = 100_000  # pairs that the gallery can page, sort and filter; of more, a regular sample


def draw(first: bool, comparison: Comparison, pool: Pool, recipe: Recipe, selection: Selection) -> int | None:
    """The pairs that only the current recipe keeps, or (`first=False`) only the other; returns a row that was clicked."""
    mine, other = selection.mask, comparison.selection.mask
    rows = np.flatnonzero(mine & ~other if first else other & ~mine)
    name, others = (recipe.name, comparison.recipe.name) if first else (comparison.recipe.name, recipe.name)
    share = number_format.share(len(rows), len(pool))
    st.markdown(f"**{len(rows):,}** pairs ({share}) are kept by {plain(name)} and not by {plain(others)}")
    rows = rows[:: max(1, -(-len(rows) // MOST))]
    rows = rows[np.argsort(pools.columns(pool).rank[rows], kind="stable")]
    return images.draw([images.Shelf("", rows)], pool, recipe, selection, key="only")
