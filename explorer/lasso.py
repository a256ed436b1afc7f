"""What the lasso holds: counts, a gallery, and the export of exactly these pairs."""

import io

import numpy as np
import streamlit as st

from poolscope.explorer import gallery, pools, tiles
from poolscope.export.subset import kept_uids
from poolscope.pool import Pool
from poolscope.projection import Map
from poolscope.recipe import Recipe, Selection

SHOWN = 24


def rows_inside(made: Map | None, polygon: np.ndarray | None) -> np.ndarray:
    """`(k,)` int64 rows of the pairs on the map inside the polygon."""
    if made is None or polygon is None:
        return np.empty(0, dtype=np.int64)
    return made.rows[made.inside(polygon)].astype(np.int64)


def draw(rows: np.ndarray, made: Map | None, recipe: Recipe, pool: Pool, selection: Selection) -> int | None:
    """Returns the row of a picture that was clicked."""
    if not len(rows):
        st.caption("Choose Lasso on the map (or hold Shift) and draw around points; what they hold appears here.")
        return None
    kept = int(selection.holds(rows).sum())
    st.markdown(f"**{len(rows):,}** pairs: :blue[{kept:,} kept] · :orange[{len(rows) - kept:,} dropped]")
    if made is not None and len(made) < len(pool):
        st.caption(f"The map shows {len(made):,} of {len(pool):,} pairs; the lasso holds those it shows.")
    st.download_button(
        "Export what I lassoed", lambda: _subset(rows, pool), file_name="lasso.npy", icon=":material/download:", key="lasso-export",
        help="A subset file (.npy of uids) of these pairs", on_click="ignore",
    )  # fmt: skip
    first = rows[np.argsort(pools.columns(pool).rank[rows], kind="stable")[:SHOWN]]
    return gallery.draw(
        tiles.of(first, pool, selection=selection, recipe=recipe),
        token=pools.token(pool),
        label="Lassoed pairs",
        key="lassoed",
        columns=4,
    )


def _subset(rows: np.ndarray, pool: Pool) -> bytes:
    mask = np.zeros(len(pool), dtype=bool)
    mask[rows] = True
    out = io.BytesIO()
    np.save(out, kept_uids(pool, mask), allow_pickle=False)
    return out.getvalue()
