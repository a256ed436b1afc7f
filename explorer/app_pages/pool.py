"""Pool: what is in it, where its columns come from."""

import numpy as np
import streamlit as st

from poolscope.explorer import (
    checklist,
    deletion,
    first_start,
    gallery,
    number_format,
    overview,
    pair,
    pools,
    table,
    theme,
    tiles,
)
from poolscope.explorer.text import code, plain
from poolscope.pool import Pool
from poolscope.projection import available
from poolscope.sources.report import reports
from poolscope.targets import targets

TILES = 24


def main() -> None:
    st.header("Pool")
    pool = first_start.pool()
    st.caption(f"{code(pool.path)}")
    kinds: list[str] = [column.kind for column in pool.columns.values()]
    with st.container(horizontal=True):
        st.metric("Pairs", f"{len(pool):,}", border=True)
        for label, kind in (("Scores", "score"), ("Flags", "flag"), ("Embeddings", "embedding")):
            st.metric(label, kinds.count(kind), border=True)
        st.metric("On disk", f"{overview.on_disk(pool) / 1e6:,.1f} MB", border=True)
        st.metric("Version", pool.version, border=True, help="Lance version of the pool; every output names it")
    checklist.draw(pool)
    _random(pool)
    st.subheader("Columns")
    table.draw(overview.columns_table(pool), key="columns")
    _delete(pool)
    left, right = st.columns(2, gap="medium")
    with left:
        _languages(pool)
    with right:
        _sizes(pool)
    _reports(pool)


def _delete(pool: Pool) -> None:
    """Choose a column, map or target set, and delete it."""
    columns = [name for name, column in pool.columns.items() if column.kind != "key" and not column.with_pairs]
    there = {"column": columns, "map": available(pool), "target": targets(pool)}
    named = {f"{kind} {name}": (kind, name) for kind, names in there.items() for name in names}
    if named:
        st.menu_button(
            "Delete", list(named), key="delete-what", format_func=plain, icon=":material/delete:",
            help="Delete a column, map or target set",
            on_click=lambda: deletion.ask(*named[st.session_state["delete-what"]]),
        )  # fmt: skip


@st.fragment
def _random(pool: Pool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("A random look", width="stretch")
        st.button("Show others", icon=":material/shuffle:", key="shuffle",
                  on_click=lambda: st.session_state.update(draw=st.session_state.get("draw", 0) + 1))  # fmt: skip
    if not len(pool):
        st.info("The pool is empty. Import pairs on the Import page.", icon=":material/upload_file:")
        return
    draws = np.random.default_rng(st.session_state.get("draw", 0))
    rows = np.sort(draws.choice(len(pool), size=min(TILES, len(pool)), replace=False))
    opened = gallery.draw(tiles.of(rows, pool), token=pools.token(pool), label="Random pairs", key="random", columns=12)
    if opened is not None:
        pair.show(opened, pool, None)


def _languages(pool: Pool) -> None:
    st.subheader("Caption languages")
    languages = overview.languages(pool)
    if languages is None:
        st.caption("No column tells the language; the `english` method on the Filter page finds it out.")
        return
    name, counts = languages
    shown = counts.head(20)[::-1]
    chart = theme.figure(max(160, 22 * len(shown) + 50), x="pairs", y="language")
    chart.add_bar(x=shown.values, y=[number_format.language(code) for code in shown.index], orientation="h",
                  marker_color=theme.KEPT, hovertemplate="%{y}: %{x:,} pairs<extra></extra>")  # fmt: skip
    theme.show(chart, key="languages", alt=f"Bar chart of pairs per caption language, from the column {name}")
    st.caption(
        f"{len(counts):,} languages in {code(name)}" + (", the 20 most frequent shown" if len(counts) > 20 else "")
    )


def _sizes(pool: Pool) -> None:
    st.subheader("Image sizes")
    sizes = overview.sizes(pool)
    if sizes is None:
        st.caption("The pool doesn't say how large its images are.")
        return
    for values, label, limit, about, key in (
        (sizes[0], "shorter side (pixels)", 200, "basic keeps 200 pixels or more", "shorter"),
        (sizes[1], "longer side / shorter side", 3, "basic keeps ratios up to 3", "ratio"),
    ):
        low, high = float(values.min()), float(np.quantile(values, 0.995))
        counts, edges = np.histogram(np.clip(values, low, max(high, low + 1e-6)), bins=60)
        chart = theme.figure(180, x=label, y="pairs")
        chart.add_bar(
            x=(edges[:-1] + edges[1:]) / 2, y=counts, width=edges[1] - edges[0], marker_color=theme.KEPT, marker_line_width=0,
            hovertemplate="%{x:.4~g}: %{y:,} pairs<extra></extra>",
        )  # fmt: skip
        if edges[0] <= limit <= edges[-1]:
            chart.add_vline(limit, line_dash="dash", annotation_text=about, annotation_position="top right")
        theme.show(chart, key=key, alt=f"Histogram of the images' {label}")


def _reports(pool: Pool) -> None:
    st.subheader("Where it came from")
    maps = available(pool)
    st.caption(f"{code(pool.path)}" + (f" · map of {plain(', '.join(maps))}" if maps else " · no map yet"))
    for report in reports(pool.path)[:10]:
        skipped = sum(report.get("skipped", {}).values())
        label = f"{plain(report.get('finished', ''))} · {report.get('added', 0):,} pairs added, {skipped:,} skipped"
        with st.expander(label, icon=":material/description:"):
            st.text(f"from {report.get('source', '')}")
            for reason, count in report.get("skipped", {}).items():
                examples = report.get("examples", {}).get(reason, [])
                st.text(f"{count:,} × {reason}" + (f", for example {examples[0]}" if examples else ""))
            for reason, count in report.get("uncaptioned", {}).items():
                st.text(f"{count:,} pairs came in without a caption: {reason}")
            if not skipped:
                st.caption("Nothing was skipped.")


main()
