"""A bias report on the screen: accuracy by family, controls, images, objects, words and what the classifiers go by."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from poolscope.bias.headline import distinguishing, summary
from poolscope.bias.html import origin
from poolscope.errors import InputError
from poolscope.explorer import gallery, pair, pools, table, theme, views
from poolscope.explorer.gallery import Tile
from poolscope.explorer.number_format import percent
from poolscope.explorer.text import plain
from poolscope.pool import Pool

GROUPS = {
    "picture": ("the image", theme.KEPT), "structure": ("structure", theme.ONLY_A), "frequency": ("frequency", "#4A5FC1"),
    "shuffle": ("shuffled", "#64707D"), "colour": ("colour", "#C9A100"), "meaning": ("meaning", theme.ONLY_B),
    "caption": ("the caption", "#C4314B"), "file": ("the file, a shortcut", theme.DROPPED),
}  # fmt: skip
TILES = 16


def draw(report: dict[str, Any]) -> None:
    """The whole report, in tabs."""
    names = [part["name"] for part in report["sets"]]
    _headline(report)
    parts = {"How well": (_accuracy, _controls), "Images": (_typical, _transformed), "Objects": (_objects,),
             "Words": (_words,), "What gives them away": (_appearance, _coefficients)}  # fmt: skip
    for tab, draws in zip(st.tabs(list(parts), key="bias-tabs", on_change="rerun"), parts.values()):
        with tab:
            for one in draws if tab.open else ():
                one(report, names)


def _headline(report: dict[str, Any]) -> None:
    """The figures that matter most, and the sets in words."""
    families = {one["family"]: one for one in report["families"]}
    best = next(iter(distinguishing(report).values()), None)
    null = report["controls"]["null"]
    if best is None:
        st.info(plain(summary(report)), icon=":material/balance:")
    with st.container(horizontal=True):
        about = f"by {plain(best['title'].lower())}, the best family" if best else plain(summary(report))
        st.metric("Told apart", percent(best["accuracy"]) if best else "no", border=True, help=about)
        st.metric("Chance", percent(report["chance"]), border=True, help="what guessing reaches with as many sets")
        for name, label, about in (
            ("mean_rgb", "By mean colour", "one colour per image"),
            ("caption_words", "By caption words", "the words of the captions alone"),
            ("file_facts", "By the file", "size, bytes, format and compression: a shortcut that needs no image"),
        ):
            if name in families:
                st.metric(label, percent(families[name]["accuracy"]), border=True, help=about)
        st.metric("Null control", percent(null["accuracy"]), border=True,
                  help=f"random halves of “{plain(null['set'])}”, mean over {len(null['runs'])} seeds; 50 % is chance")  # fmt: skip
    for column, part, lines in zip(
        st.columns(len(report["sets"]), gap="medium"), report["sets"], report["descriptions"]["sets"]
    ):
        with column:
            st.markdown(f"**{plain(part['name'])}** · {part['sampled']:,} of {part['pairs']:,} pairs")
            for one in lines:
                st.markdown(f"- **{plain(one['title'])}**{': ' if one['title'] else ''}{plain(one['text'])}")
    if report["descriptions"]["by"] != "figures":
        st.caption(f"Written by {plain(report['descriptions']['by'])} from captions; check it against the figures.")


def _accuracy(report: dict[str, Any], names: Sequence[str]) -> None:
    families, chance = report["families"][::-1], report["chance"]
    figure = theme.figure(60 + 25 * len(families), x="balanced accuracy on pairs the classifier has not seen, %", y="")
    _bars(figure, families, chance)
    _published(figure, [one for one in families if one["published"]])
    line = {"dash": "dash", "color": "#C4314B", "width": 2}
    figure.add_vline(100 * chance, line=line)
    # the line's entry in the legend
    figure.add_scatter(x=[None], y=[None], mode="lines", line=line, name=f"chance: {percent(chance)}")
    low = min(100 * chance, *(100 * one["low"] for one in families)) - 3
    figure.update_layout(barmode="overlay", bargap=0.25, xaxis_range=[max(0, low), 101], margin_t=34)
    titles = [one["title"] for one in families]
    figure.update_yaxes(
        categoryorder="array", categoryarray=titles, tickvals=titles,
        ticktext=[f"{one['title']}  <b>{percent(one['accuracy'])}</b>" for one in families],
        tickfont={"size": 12, "color": theme.ink()},
    )  # fmt: skip
    theme.show(
        figure, key="bias-accuracy", alt="Bar chart of the accuracy of telling the sets apart, by kind of information"
    )
    st.caption(
        "Whiskers: 95 % interval over groups of near-duplicates. Diamonds: published accuracies on YFCC, CC and DataComp "
        "(Zeng et al. 2024: 3 sets of 1,000,000 images, ConvNeXt-Tiny, chance 33.3 %), moved to the chance here: the same share "
        "of the way from chance to 100 %. Point at one for the published number."
    )
    for one in report["left_out"]:
        st.caption(f"Left out: {plain(one['family'])}, because {plain(one['why'])}.")


def _bars(figure: go.Figure, families: Sequence[dict[str, Any]], chance: float) -> None:
    """A bar from chance to its accuracy for each family, coloured by the kind of information."""
    for group, (label, colour) in GROUPS.items():
        own = [one for one in families if one["group"] == group]
        if own:
            reached, low, high = ([100 * one[end] for one in own] for end in ("accuracy", "low", "high"))
            figure.add_bar(
                y=[one["title"] for one in own], x=[value - 100 * chance for value in reached], base=100 * chance,
                orientation="h", name=label, marker_color=colour,
                error_x=theme.interval(reached, low, high, thickness=1.2, width=3, color=theme.ink()),
                customdata=[
                    (one["keeps"], 100 * one["accuracy"], 100 * one["low"], 100 * one["high"], one["p"], 100 * one["train_accuracy"])
                    for one in own
                ],
                hovertemplate="%{y}: %{customdata[1]:.1f} % (%{customdata[2]:.1f} to %{customdata[3]:.1f}), p %{customdata[4]:.3f}"
                "<br>left: %{customdata[0]}<br>on the pairs it was trained on: %{customdata[5]:.1f} %<extra></extra>",
            )  # fmt: skip


def _published(figure: go.Figure, families: Sequence[dict[str, Any]]) -> None:
    if not families:
        return
    figure.add_scatter(
        y=[one["title"] for one in families],
        x=[100 * one["published"]["here"] for one in families],
        mode="markers",
        name="published, 3 web sets",
        marker={"symbol": "diamond-open", "size": 9, "color": "#8A94A0", "line": {"width": 1.8}},
        customdata=[100 * one["published"]["accuracy"] for one in families],
        hovertemplate="%{y}: published %{customdata:.1f} % of 3 sets (chance 33.3 %)<extra></extra>",
    )


def _controls(report: dict[str, Any], names: Sequence[str]) -> None:
    controls = report["controls"]
    null = controls["null"]
    st.subheader("Controls")
    runs = ", ".join(percent(run["accuracy"]) for run in null["runs"])
    text = f"Random halves of one set: {percent(null['accuracy'])} over {len(null['runs'])} seeds ({runs}); chance is 50 %."
    if null["within"]:
        st.success(f"{text} The classifier finds no difference where there is none.", icon=":material/check_circle:")
    else:
        st.warning(f"{text} More than two points from chance: the sample is too small to trust small differences.", icon=":material/warning:")  # fmt: skip
    if controls.get("shortcut") is not None:
        st.markdown(
            f"- **Shortcut.** File facts alone reach **{percent(controls['shortcut'])}**: as much is reached without looking at an image."
        )
    if controls.get("harmonised"):
        both = controls["harmonised"]
        st.markdown(
            f"- **Re-encoded alike.** {percent(both['original'])} as they are, **{percent(both['harmonised'])}** after the same JPEG for all: "
            f"traces of files account for {100 * both['lost']:.1f} points."
        )
    st.markdown(
        "- **Memorisation.** Pseudo-sets drawn from one set can be memorised, but their unseen pairs can't be told apart:"
    )
    table.draw(
        [
            {"pairs per pseudo-set": one["per_set"], "trained on, %": 100 * one["train_accuracy"],
             "held out, %": 100 * one["accuracy"], "chance, %": 100 * one["chance"]}
            for one in controls["memorisation"]
        ],
        formats=dict.fromkeys(("trained on, %", "held out, %", "chance, %"), "%.1f"), width="content", key="bias-memorisation",
    )  # fmt: skip


def _typical(report: dict[str, Any], names: Sequence[str]) -> None:
    kind = views.choose("Show", ["Most typical", "Taken for another set"], "bias-kind")
    st.caption(f"By the classifier on {plain(report['examples']['family'])}; of near-duplicates only one is shown.")
    key = "typical" if kind == "Most typical" else "mistaken"
    for number, (column, part, one) in enumerate(
        zip(st.columns(len(names), gap="medium"), report["sets"], report["examples"]["sets"])
    ):
        with column:
            st.markdown(f"**{plain(part['name'])}**")
            shown = one[key]
            pool = _pool_of(part)
            if not shown["pool_rows"]:
                st.caption("None.")
            elif pool is None:
                if shown["strip"]:
                    st.image(shown["strip"], width="stretch")
                st.caption(
                    "The pool of this set no longer exists." if part.get("pool") else "A target set has no images here."
                )
            else:
                tiles = [
                    Tile(row=row, caption=caption, fact=percent(probability, 0), title=caption)
                    for row, caption, probability in zip(shown["pool_rows"], shown["captions"], shown["probability"])
                    if row < len(pool)
                ][:TILES]
                label = f"{kind} of {part['name']}"
                opened = gallery.draw(
                    tiles, token=pools.token(pool), label=label, key=f"bias-{key}-{number}", columns=4
                )
                if opened is not None:
                    pair.show(opened, pool, None)


def _transformed(report: dict[str, Any], names: Sequence[str]) -> None:
    families = [one for one in report["families"] if any(one["strips"])]
    if not families:
        return
    st.subheader("The same images after each transformation")
    for family in families:
        columns = st.columns([0.22, *(0.78 / len(names) for _ in names)], gap="small", vertical_alignment="center")
        columns[0].markdown(
            f"**{plain(family['title'])}**  \n:gray[{percent(family['accuracy'])} · {plain(family['keeps'])}]"
        )
        for column, strip, name in zip(columns[1:], family["strips"], names):
            if strip:
                column.image(strip, width="stretch", alt=f"{name}: {family['title']}")


def _objects(report: dict[str, Any], names: Sequence[str]) -> None:
    objects = report["objects"]
    if "missing" in objects:
        st.info(f"Objects were not analysed: {plain(objects['missing'])}.", icon=":material/category:")
        return
    st.caption(
        plain(origin(objects))
        + f" From presence alone the sets are told apart {percent(objects['accuracy'])} of the time. "
        "Labels of a model err: read them as hints."
    )
    shown = list(dict.fromkeys(row["class"] for rows in objects["highest_share"] for row in rows[:8]))[::-1]
    figure = theme.figure(80 + 30 * len(shown), x="share of the set's images that show it, %", y="")
    for number, name in enumerate(names):
        figure.add_bar(y=shown, x=[100 * objects["rates"][label][number] for label in shown], name=name, orientation="h",
                     marker_color=theme.SERIES[number % len(theme.SERIES)], hovertemplate="%{y}: %{x:.2f} %<extra>" + name + "</extra>")  # fmt: skip
    theme.show(figure, key="bias-objects", alt="Bar chart of the share of images that show each class, by set")
    for column, name, rows, per in zip(
        st.columns(len(names), gap="medium"), names, objects["highest_coefficient"], objects["per_picture"]
    ):
        with column:
            st.markdown(f"**{plain(name)}**: {per['mean']:.2f} classes per image")
            columns = {"class": "class", "coefficient": "coefficient", "rate": "of its images, %"}
            _frame(rows, columns, key=f"objects-{name}")


def _words(report: dict[str, Any], names: Sequence[str]) -> None:
    if not report.get("words"):
        st.info("The sets have no captions in common.", icon=":material/notes:")
        return
    st.caption(
        "Log-odds with an informative Dirichlet prior (Monroe et al. 2008): words far likelier in one set. Topics by LDA."
    )
    for column, name, rows, topics in zip(
        st.columns(len(names), gap="medium"), names, report["words"], report["topics"]
    ):
        with column:
            st.markdown(f"**{plain(name)}**")
            columns = {"word": "word", "z": "z", "share": "of its captions, %", "share_elsewhere": "elsewhere, %"}
            _frame(rows[:15], columns, key=f"words-{name}")
            for topic in topics:
                st.text(f"{percent(topic['share'], 0)}  {', '.join(topic['words'])}")


def _appearance(report: dict[str, Any], names: Sequence[str]) -> None:
    rows = report.get("appearance")
    if not rows:
        return
    shown = sorted(rows, key=lambda row: abs(row["effect"][0]))
    figure = theme.figure(60 + 28 * len(shown), x=f"how far {names[0]} is from the rest, standard deviations", y="")
    figure.add_bar(
        y=[row["name"] for row in shown],
        x=[row["effect"][0] for row in shown],
        orientation="h",
        marker_color=[theme.KEPT if row["effect"][0] > 0 else theme.DROPPED for row in shown],
        customdata=[(row["mean"][0], row["elsewhere"][0]) for row in shown],
        hovertemplate="%{y}: %{customdata[0]:.3f} against %{customdata[1]:.3f}<extra></extra>",
    )
    theme.show(figure, key="bias-appearance", alt="Bar chart of differences in appearance")


def _coefficients(report: dict[str, Any], names: Sequence[str]) -> None:
    for family in report["families"]:
        if not family.get("coefficients"):
            continue
        title = f"{plain(family['title'])}: {percent(family['accuracy'])}"
        with st.expander(title, key=f"coefficients-{family['family']}"):
            for number, (column, name) in enumerate(zip(st.columns(len(names), gap="medium"), names)):
                with column:
                    st.markdown(f"**{plain(name)}**")
                    columns = {"feature": "feature", "coefficient": "coefficient"}
                    _frame(family["coefficients"][number], columns, key=f"{family['family']}-{number}")


def _frame(rows: Sequence[dict[str, Any]], columns: dict[str, str], *, key: str) -> None:
    """A small table of the named keys; shares become percentages."""
    shown = [
        {label: 100 * row[name] if label.endswith("%") else row[name] for name, label in columns.items()}
        for row in rows
    ]
    numbers = [label for label in columns.values() if label not in ("class", "word", "feature")]
    table.draw(shown, formats=dict.fromkeys(numbers, "%.2f"), most=15, key=f"bias-{key}")


def _pool_of(part: dict[str, Any]) -> Pool | None:
    if part.get("pool"):
        with suppress(InputError):
            return pools.opened(part["pool"])
    return None
