"""The pairs chosen on the map, by a lasso or by entries of its legend: counts, a gallery, and what becomes of them."""

from typing import Any

import numpy as np
import streamlit as st

from poolscope.explorer import images, map, pool_map, pools
from poolscope.pool import Pool
from poolscope.projection import Map
from poolscope.projection.colouring import Colouring
from poolscope.recipe import Recipe, Selection


def rows_inside(placed: Map | None, polygon: np.ndarray | None, pool: Pool) -> np.ndarray:
    """`(k,)` int64 rows of the pairs on the map that are inside the polygon and that the legend shows."""
    if placed is None:
        return np.empty(0, dtype=np.int64)
    coloured, codes = _alone(placed, pool)
    if polygon is None and coloured is None:
        return np.empty(0, dtype=np.int64)
    inside = np.ones(len(placed), dtype=bool) if polygon is None else placed.inside(polygon)
    if coloured is not None:
        inside &= np.isin(coloured.codes, codes)
    return placed.rows[inside].astype(np.int64)


def draw(rows: np.ndarray, placed: Map | None, recipe: Recipe, pool: Pool, selection: Selection) -> int | None:
    """Returns the row of an image that was clicked."""
    if not len(rows):
        st.caption(
            "Choose Lasso on the map (or hold Shift) and draw around points, or colour the map and click an entry of its "
            "legend; the pairs appear here."
        )
        return None
    kept = int(selection.holds(rows).sum())
    st.markdown(f"**{len(rows):,}** pairs: :blue[{kept:,} kept] · :orange[{len(rows) - kept:,} dropped]")
    if placed is not None and len(placed) < len(pool):
        st.caption(f"The map shows {len(placed):,} of {len(pool):,} pairs; these are among those it shows.")
    name, rule = _meaning(placed, pool)
    rows = rows[np.argsort(pools.columns(pool).rank[rows], kind="stable")]
    return images.draw([images.Shelf("", rows)], pool, recipe, selection, key="lasso", whole=name, rule=rule)


def _alone(placed: Map, pool: Pool) -> tuple[Colouring | None, list[int]]:
    """The colours of the map and the codes that its legend shows alone; None when it shows all."""
    by, coloured = pool_map.colours(pool, placed)
    codes = map.shown_codes(map.sent("legend"), by)
    return (coloured, codes) if codes and coloured is not None else (None, [])


def _meaning(placed: Map | None, pool: Pool) -> tuple[str, dict[str, Any] | None]:
    """A name for the pairs, and the rule on columns that chooses them, if the legend alone does and there is one."""
    coloured, codes = _alone(placed, pool) if placed is not None else (None, [])
    if coloured is None:
        return "lasso", None
    entries = [coloured.entries[code] for code in codes if code < len(coloured.entries)]
    name = " ".join([coloured.by.partition(".")[2] or coloured.by, *(entry.label for entry in entries[:2])])
    rules = [entry.rule for entry in entries]
    if map.lassoed() is not None or not rules or None in rules:
        return name, None
    return name, rules[0] if len(rules) == 1 else {"any": rules}
