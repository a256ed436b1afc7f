"""Inside a group: examples kept and dropped at the threshold, the words that separate them, the rate at every threshold."""

from dataclasses import replace

import numpy as np
import streamlit as st

from poolscope.audit import Groups, group_files
from poolscope.audit.contrast import contrast
from poolscope.audit.curve import Curves, curves
from poolscope.audit.examples import drawn, near_threshold
from poolscope.audit.words import separating
from poolscope.explorer import gallery, pools, recipe_state, theme, tiles
from poolscope.explorer.audit import pruning
from poolscope.explorer.number_format import apart, percents, significant
from poolscope.explorer.text import code, plain
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection
from poolscope.recipe.grammar import ScoreRule

TILES = 12


def draw(groups: Groups, pool: Pool, recipe: Recipe, selection: Selection, first: str | None) -> int | None:
    """Begins with the group `first`; returns the row of an image that was clicked."""
    titles = {one.id: f"{one.title}  ({one.family})" for one in groups.definitions}
    id = st.selectbox(
        "Group",
        list(titles),
        index=list(titles).index(first) if first in titles else 0,
        format_func=lambda one: titles[one],
        key="audit-group",
        bind="query-params",
    )
    if id is None:
        return None
    about = groups.definitions[groups.index(id)]
    st.caption(f"Found by: {plain(about.method)}. Known error: {plain(about.error.rstrip('.'))}.")
    mask = groups.mask(id)
    members = np.flatnonzero(mask)
    clicked = _examples(members, pool, recipe, selection)
    left, right = st.columns(2, gap="medium")
    with left:
        _words(members, pool, selection)
    with right:
        _curve(groups, id, pool, recipe)
    _contrast(groups, id, selection)
    pruning.draw(about, members, pool)
    return clicked


def _examples(members: np.ndarray, pool: Pool, recipe: Recipe, selection: Selection) -> int | None:
    columns = pools.columns(pool)
    index = recipe_state.focus(recipe) if recipe.keep else None
    rule = recipe.keep[index] if index is not None else None
    threshold = selection.counts[index].threshold if index is not None else None
    if isinstance(rule, ScoreRule) and threshold is not None:
        scores = columns.array(rule.score)
        kept, dropped = near_threshold(scores, members, selection.mask, threshold, limit=TILES)
        digits = apart([float(scores[row]) for row in kept[:1]], [float(scores[row]) for row in dropped[:1]])
        facts = lambda rows: [significant(float(scores[row]), digits) for row in rows]  # noqa: E731
        where = f"nearest to the threshold of {rule.score}"
    else:
        kept, dropped = drawn(members, selection.mask, columns.rank, limit=TILES)
        facts = lambda rows: []  # noqa: E731
        where = "drawn at random"
    clicked = None
    left, right = st.columns(2, gap="medium")
    for place, label, rows in ((left, "Kept", kept), (right, "Dropped", dropped)):
        with place:
            st.markdown(f"**{plain(label)}**, {plain(where)}")
            if not len(rows):
                st.caption("none")
                continue
            opened = gallery.draw(
                tiles.of(rows, pool, facts=facts(rows), selection=selection, recipe=recipe), token=pools.token(pool),
                label=f"{label} pairs of the group", key=f"audit-{label.lower()}", columns=6, veiled=True,
            )  # fmt: skip
            clicked = opened if opened is not None else clicked
    st.caption("Images are blurred: click one to see it, click again to open the pair.")
    return clicked


def _words(members: np.ndarray, pool: Pool, selection: Selection) -> None:
    kept, dropped = separating(pool, members, selection.mask)
    st.markdown("**Words that separate** kept from dropped inside the group")
    if not kept and not dropped:
        st.caption("No word stands out, or a side has fewer than 10 captions.")
        return
    for place, words, side, colour in zip(st.columns(2), (kept, dropped), ("kept", "dropped"), ("blue", "orange")):
        place.markdown(f":{colour}[**{side} captions say**]")
        lines = [f"{word.word}  {100 * word.kept:.0f} / {100 * word.dropped:.0f} %" for word in words[:10]]
        place.text("\n".join(lines) or "–")
    st.caption("Log-odds with an informative prior; the percentages are of kept and of dropped captions.")


def _curve(groups: Groups, id: str, pool: Pool, recipe: Recipe) -> None:
    scored = [rule.score for rule in recipe.active if isinstance(rule, ScoreRule)]
    if not scored:
        return
    score = scored[0]
    if len(scored) > 1:
        score = st.selectbox("Score", list(dict.fromkeys(scored)), key="audit-curve-score")
    about = str(pool.path), group_files.stamp(pool), score, repr(pool.columns[score]), groups.definitions[0].id
    counted, place = _counted(*about, len(groups), groups, pool), [groups.index(id)]
    own = replace(counted, of_groups=counted.of_groups[place], sizes=counted.sizes[place])
    fractions, rates = own.rates()
    figure = theme.figure(250, x="kept of the pool by this score alone, %", y="kept of the group, %")
    for share, name, line in ((fractions, "the pool", {"dash": "dash", "color": theme.NEITHER}),
                              (rates[0], "the group", {"color": theme.KEPT, "width": 2.5})):  # fmt: skip
        figure.add_scatter(x=100 * fractions, y=100 * share, mode="lines", name=name, line=line)
    st.markdown(f"**At every threshold** of {code(score)}")
    theme.show(figure, key="audit-curve", alt="Keep rate of the group at every threshold")
    st.caption(f"A pair of the group scores above one outside it with chance {own.auc()[0]:.2f} (0.5: no difference).")


def _contrast(groups: Groups, id: str, selection: Selection) -> None:
    same = [one.id for one in groups.definitions if one.id != id]
    titles = {one.id: one.title for one in groups.definitions}
    with st.expander(
        "Compare with another group, also within a third",
        icon=":material/compare:",
        on_change="rerun",
        key="audit-contrast",
    ) as box:
        if not box.open:
            return
        left, right = st.columns(2)
        other = left.selectbox("Against", same, format_func=lambda one: titles[one], key="audit-against")
        within = right.selectbox(
            "Within",
            [None, *same],
            format_func=lambda one: "the whole pool" if one is None else titles[one],
            key="audit-within",
        )
        against = contrast(groups, selection.mask, id, other, within=within) if other else None
        if against is None:
            st.caption("A side has fewer than 10 pairs, or keeps 1 to 9.")
        else:
            mine, theirs = percents(against.rate_a, against.rate_b)
            st.text(
                f"{titles[id]}: {mine} of {against.n_a:,};  {titles[other]}: {theirs} of {against.n_b:,};  "
                f"difference {100 * against.difference:+.1f} points ({100 * against.low:+.1f} to {100 * against.high:+.1f}, Newcombe). Pairs in both are left out."
            )


@st.cache_resource(max_entries=8, show_spinner=False)
def _counted(
    path: str, stamp: int, score: str, provenance: str, first: str, count: int, _groups: Groups, _pool: Pool
) -> Curves:
    return curves(_groups, pools.columns(_pool).array(score))
