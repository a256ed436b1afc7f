"""Gallery tiles for rows of a pool: captions read from the pool, what a rule made of them, short facts."""

from collections.abc import Sequence

import numpy as np

from poolscope.engine.reason import reason
from poolscope.explorer import pools
from poolscope.explorer.gallery import Tile
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection

LONGEST = 200


def of(
    rows: Sequence[int] | np.ndarray,
    pool: Pool,
    *,
    facts: Sequence[str] = (),
    selection: Selection | None = None,
    recipe: Recipe | None = None,
) -> list[Tile]:
    """One tile per row, in order; `facts` are the short lines under the captions."""
    rows = np.asarray(rows, dtype=np.int64)
    names = [name for name in ("text", "image") if name in pool.columns]
    known = pool.take(rows, names).to_pydict() if names else {}
    captions = [text or "" for text in known.get("text", [""] * len(rows))]
    pictured = [image is not None for image in known.get("image", [None] * len(rows))]
    columns = pools.columns(pool)
    tiles = []
    for row, caption, fact, image in zip(rows.tolist(), captions, [*facts, *[""] * len(rows)], pictured):
        state = why = ""
        if selection is not None:
            state = "dropped" if selection.dropped_at(row) else "kept"
            why = reason(row, recipe, selection, columns, deep=False) if recipe is not None else ""
        title = f"{caption[:LONGEST]}\n{why}".strip()
        tiles.append(Tile(row, caption[:LONGEST], fact=fact, title=title, state=state, image=image))
    return tiles
