"""Two scores compared: where the pairs lie by both, overlap of their tops, and the pairs they disagree on most."""

import numpy as np
import streamlit as st

from poolscope.explorer import gallery, pair, pools, theme, tiles, views
from poolscope.explorer.evaluate import scores_of
from poolscope.explorer.text import noted, plain
from poolscope.pool import Pool
from poolscope.recipe import agreement
from poolscope.recipe.agreement import Agreement

DENSITY, SCATTER = "Density", "Scatter"
TILES = 12


@noted()
def draw(pool: Pool) -> None:
    """Choice of the two scores, and what comparing them shows."""
    names = scores_of(pool)
    if len(names) < 2:
        st.info(
            f"The pool has {len(names) or 'no'} score{'' if len(names) == 1 else 's'}; comparing needs two. Add one from the catalogue.",
            icon=":material/compare_arrows:",
        )  # fmt: skip
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        a = st.selectbox("Score A", names, index=0, key="compare-a", bind="query-params")
        b = st.selectbox("Score B", names, index=1, key="compare-b", bind="query-params")
    agreement = _compared(str(pool.path), repr((pool.columns[a], pool.columns[b], len(pool))), a, b)
    with st.container(horizontal=True):
        st.metric("Rank correlation", "–" if np.isnan(agreement.spearman) else f"{agreement.spearman:.3f}", border=True,
                  help="Spearman's: 1 ranks alike, 0 not related, −1 reversed")  # fmt: skip
        for fraction in (0.1, 0.3):
            st.metric(f"Shared in the top {100 * fraction:.0f} %", f"{100 * agreement.overlap_at(fraction):.1f} %", border=True,
                      help=f"By chance it would be {100 * fraction:.0f} %")  # fmt: skip
        st.metric("Pairs with both", f"{agreement.pairs:,}", border=True,
                  help=f"{plain(a)}: {agreement.scored[0]:,} scored · {plain(b)}: {agreement.scored[1]:,} scored")  # fmt: skip
    left, right = st.columns(2, gap="medium")
    with left:
        _plane(agreement, pool, a, b)
    with right:
        _overlap(agreement, a, b)
    clicked = [
        _gallery(rows, places, pool, f"High by {high}, low by {low}", key)
        for rows, places, high, low, key in (
            (agreement.rows_a, agreement.places_a, a, b, "higher-a"), (agreement.rows_b, agreement.places_b, b, a, "higher-b"),
        )
    ]  # fmt: skip
    st.caption(f"Under each image: how far from the top it is by {plain(a)} and by {plain(b)}, in % of the pairs.")
    opened = next((row for row in clicked if row is not None), None)
    if opened is not None:
        pair.show(opened, pool, None)


@st.cache_resource(max_entries=8, show_spinner="Comparing")
def _compared(path: str, provenance: str, a: str, b: str) -> Agreement:
    columns = pools.columns(pools.opened(path))
    return agreement.compare(columns.array(a), columns.array(b), columns.rows_by_uid, most=TILES)


def _plane(agreement: Agreement, pool: Pool, a: str, b: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Pairs by both scores**", width="stretch")
        view = views.choose("View", [DENSITY, SCATTER], "compare-view")
    chart = theme.figure(380, x=a, y=b)
    if view == SCATTER:
        columns, rows = pools.columns(pool), agreement.sample
        chart.add_scattergl(
            x=columns.array(a)[rows], y=columns.array(b)[rows], mode="markers", marker={"size": 4, "opacity": 0.5, "color": theme.KEPT},
            hovertemplate=f"{a} %{{x:.4g}}<br>{b} %{{y:.4g}}<extra></extra>",
        )  # fmt: skip
    else:
        counts = agreement.density.T
        # from little to much: away from the background
        shades = ["#173A59", "#1F83D2", "#D6ECFF"] if theme.is_dark() else ["#CFE4F7", "#1F83D2", "#0A2E4D"]
        ticks = 10 ** np.arange(0, np.log10(max(1, counts.max())) + 1e-9)
        chart.add_heatmap(
            x=(agreement.edges_a[1:] + agreement.edges_a[:-1]) / 2, y=(agreement.edges_b[1:] + agreement.edges_b[:-1]) / 2,
            z=np.where(counts > 0, np.log10(np.maximum(counts, 1)), np.nan), customdata=counts, colorscale=shades,
            colorbar={"title": {"text": "pairs"}, "tickvals": np.log10(ticks).tolist(), "ticktext": [f"{t:,.0f}" for t in ticks], "thickness": 10},
            hovertemplate=f"{a} %{{x:.4g}}<br>{b} %{{y:.4g}}<br>%{{customdata:,}} pairs<extra></extra>",
        )  # fmt: skip
    theme.show(chart, key=f"plane-{view}", alt=f"{view} of the pairs by {a} and {b}")
    shown = (
        f"{len(agreement.sample):,} of {agreement.pairs:,} pairs" if view == SCATTER else f"{agreement.pairs:,} pairs"
    )
    st.caption(shown + (", the outer 0.1 % at the border" if view == DENSITY else ", drawn by uid"))


def _overlap(agreement: Agreement, a: str, b: str) -> None:
    st.markdown("**Overlap of their tops**")
    chart = theme.figure(380, x="top fraction by each score (%)", y="shared pairs (% of the fraction)")
    x = 100 * agreement.fractions
    chart.add_scatter(x=x, y=100 * agreement.overlap, name=f"{a} and {b}", mode="lines", line={"width": 2.5, "color": theme.KEPT},
                     hovertemplate="top %{x:.0f} %: %{y:.1f} % shared<extra></extra>")  # fmt: skip
    chart.add_scatter(
        x=x, y=x, name="by chance", mode="lines", line={"dash": "dash", "color": theme.NEITHER}, hoverinfo="skip"
    )
    chart.update_yaxes(range=[0, 102])
    chart.update_xaxes(range=[0, 101])
    theme.show(chart, key="overlap", alt=f"Overlap of the top fractions of {a} and {b} against the fraction")


def _gallery(rows: np.ndarray, places: np.ndarray, pool: Pool, label: str, key: str) -> int | None:
    st.markdown(f"**{plain(label)}**")
    if not len(rows):
        st.caption("No pair: the two rank alike.")
        return None
    facts = [f"{_place(one)} · {_place(two)}" for one, two in places]
    return gallery.draw(tiles.of(rows, pool, facts=facts), token=pools.token(pool), label=label, key=key, columns=TILES)


def _place(share: float) -> str:
    """How far from the top a pair is by a score, in percent; the best are in the top 0.1."""
    return f"{100 * max(share, 0.001):.1f}" if share < 0.0995 else f"{100 * share:.0f}"
