"""The histogram of a score as a Plotly figure, kept against dropped."""

from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..pool import Pool

if TYPE_CHECKING:
    import plotly.graph_objects as go

KEPT, DROPPED = "#1F83D2", "#D9730D"


def figure(
    pool: Pool, score: str, mask: np.ndarray | None, *, bins: int, copies: np.ndarray | None = None
) -> "go.Figure":
    """Bars of `score` over the pool, or over the kept and dropped pairs of `mask` `(n,)`; NaN is counted in the title.

    Kept pairs count as often as `copies` `(n,)` says.
    Raises InputError for a column that holds no numbers and for fewer than one bin.
    """
    import plotly.graph_objects as go

    if not 1 <= bins <= 10_000:
        raise InputError(f"bins is {bins}; allowed is 1 to 10,000.")
    values = pool.array(score)
    if values.dtype.kind not in "fiu":
        raise InputError(f"{score!r} holds {values.dtype}, not numbers; name a score, see pool.columns.")
    scored = np.isfinite(values)
    low, high = (float(values[scored].min()), float(values[scored].max())) if scored.any() else (0.0, 1.0)
    edges = np.histogram_bin_edges(np.empty(0), bins, (low, high))
    groups = [("pairs", scored, KEPT)]
    if mask is not None:
        groups = [("kept", scored & mask, KEPT), ("dropped", scored & ~mask, DROPPED)]
    chart = go.Figure()
    for name, chosen, colour in groups:
        often = copies[chosen] if copies is not None and name == "kept" else None
        count, _ = np.histogram(values[chosen], edges, weights=often)
        chart.add_bar(x=(edges[:-1] + edges[1:]) / 2, y=count, name=name, marker_color=colour)
    unscored = int(len(values) - np.count_nonzero(scored))
    chart.update_layout(
        barmode="stack", bargap=0, template="plotly_white", height=320,
        xaxis_title=score + (f" ({unscored:,} pairs not scored)" if unscored else ""), yaxis_title="pairs",
    )  # fmt: skip
    return chart
