"""Bias: how well two sets of pairs can be told apart, and by what; made as a job, kept with the pool."""

import json
from pathlib import Path
from typing import Any

import streamlit as st

from poolscope import bench, bias, files, jobs
from poolscope.bias.html import render
from poolscope.errors import InputError
from poolscope.explorer import bias_view, deletion, first_start, job_view, pools, recipe_state
from poolscope.explorer.text import plain
from poolscope.pool import Pool
from poolscope.recipe import ready
from poolscope.targets import targets

KIND = "bias"
WHOLE = "the whole pool"
KEPT, RECIPES, COLUMN, POOLS, RUN, TARGET = (
    "Kept against dropped", "Two recipes", "Values of a column", "Two pools", "A run's data", "A target set",
)  # fmt: skip


def main() -> None:
    pool = first_start.pool()
    left, right = st.columns([0.26, 0.74], gap="medium")
    with left:
        st.header("Bias")
        _new(pool)
    with right:
        busy = any(job.kind == KIND and not job.finished for job in jobs.all())
        job_view.polled(_working, busy=busy, every=1.5, idle=10)
        _reports(pool)


def _new(pool: Pool) -> None:
    """The form of a new report: what to compare, how large a sample, which classifier."""
    with st.container(border=True):
        st.subheader("New report")
        ways = [KEPT, RECIPES, COLUMN, POOLS, *([RUN] if _runs(pool) else []), *([TARGET] if targets(pool) else [])]
        way = st.selectbox("Compare", ways, key="bias-way")
        words, title = _compared(way, pool)
        with st.expander("Sample and classifier", icon=":material/tune:"):
            per_set = st.number_input("Pairs per set", 20, 1_000_000, 2000, step=500, key="bias-per-set",
                                      help="10,000 takes some minutes; fewer widen the intervals")  # fmt: skip
            size = st.select_slider("Image side, pixels", [32, 64, 128, 224], 64, key="bias-size",
                                    help="224 is the size of the published values, and slow")  # fmt: skip
            classifier = st.selectbox("Classifier", ["logistic", "small", "convnext"], key="bias-classifier",
                                      help="Logistic regression on features, or a network trained from scratch: a small one, or ConvNeXt on a GPU")  # fmt: skip
            classes = st.text_input("Object classes", "everyday", key="bias-classes",
                                    help="everyday, imagenet, or the path of a file with one class per line")  # fmt: skip
            seed = st.number_input("Seed", 0, 1_000_000, 0, key="bias-seed")
        words += ["--per-set", str(per_set), "--size", str(size), "--classifier", classifier, "--seed", str(seed)]
        words += ["--classes", classes or "everyday", "--pool", str(pool.path)]
        st.button("Make the report", type="primary", icon=":material/play_arrow:", key="bias-start", disabled=not title,
                  on_click=_start, args=(words, title))  # fmt: skip
    st.caption(
        "A classifier guesses which set a pair comes from, after each transformation that leaves only one kind of information. "
        "Its accuracy above chance is the difference that this information carries."
    )


def _runs(pool: Pool) -> dict[str, str]:
    """Title and id of the runs that were trained on this pool, newest first."""
    own = [run for run in bench.runs() if run.kind == "training" and run.pool == str(pool.path)]
    return {f"{run.name or run.id} · {run.id}": run.id for run in own if (run.path / "subset.npy").is_file()}


def _compared(way: str, pool: Pool) -> tuple[list[str], str]:
    """The words of the command for the sets, and a title; an empty title when something is missing."""
    options = recipe_state.choices_with_current(pool)
    if way == KEPT:
        recipe = options[st.selectbox("Recipe", list(options), key="bias-recipe")]
        return ["bias", str(ready.keep(recipe))], f"{recipe.name}, kept against dropped"
    if way == RECIPES:
        first = options[st.selectbox("First recipe", list(options), key="bias-first")]
        second = options[st.selectbox("Second recipe", list(options), min(1, len(options) - 1), key="bias-second")]
        only = st.toggle("Only what the other one drops", key="bias-only", help="Without it, pairs that both keep are in both sets")  # fmt: skip
        words = ["bias", str(ready.keep(first)), str(ready.keep(second))] + (["--only"] if only else [])
        return words, f"{first.name} against {second.name}" if first != second else ""
    if way == COLUMN:
        named = [name for name, one in pool.columns.items() if one.dtype in ("string", "large_string", "bool")]
        column = st.selectbox(
            "Column", [name for name in named if name not in ("text", "url", "image", "sha256")], key="bias-column"
        )
        return ["bias", "--by", str(column)], f"by {column}" if column else ""
    if way == POOLS:
        others = [str(path) for path in pools.recent() if path != pool.path.resolve()]
        other = st.selectbox("Other pool", others, accept_new_options=True, index=0 if others else None, key="bias-other",
                             placeholder="the path of a pool")  # fmt: skip
        return ["bias", "--other-pool", str(other)], f"{pool.name} against {Path(str(other)).name}" if other else ""
    runs = _runs(pool)
    if way == RUN:
        run = runs[st.selectbox("Run", list(runs), key="bias-run")]
        against = st.selectbox("Against", [WHOLE, *options], key="bias-run-against")
        more = [] if against == WHOLE else [str(ready.keep(options[against]))]
        return ["bias", *more, "--run", run], f"data of run {run} against {against}"
    chosen = st.selectbox("Pairs of", [WHOLE, *options, *runs], key="bias-target-of")
    more = ["--run", runs[chosen]] if chosen in runs else [] if chosen == WHOLE else [str(ready.keep(options[chosen]))]
    name, _, model = str(st.selectbox("Target set", targets(pool), key="bias-target")).rpartition("/")
    return ["bias", *more, "--target", name, "--model", model], f"{chosen} against the target set {name}"


def _start(words: list[str], title: str) -> None:
    jobs.submit(words, kind=KIND, title=f"Bias report: {title}")
    st.toast("The report is being made", icon=":material/play_arrow:")


def _working() -> None:
    """Reports that are queued or running, and the last one if it failed."""
    reports = [job for job in jobs.all() if job.kind == KIND]
    working = [job for job in reports if not job.finished]
    if job_view.changed("bias-working", working):
        st.session_state.pop("bias-report", None)
        st.rerun()
    for job in reversed(working):
        with st.container(border=True):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{plain(job.title)}**", width="content")
                job_view.badge(job)
                st.space("stretch")
                job_view.controls(job, key=f"bias-{job.id}")
            job_view.bar(job)
    if reports and reports[0].resumable:
        st.error(f"{plain(reports[0].title)}: {reports[0].state}", icon=":material/error:")
        job_view.log(reports[0], lines=4)


def _reports(pool: Pool) -> None:
    """Choose one of the pool's reports; the newest is shown first."""
    kept = bias.kept_reports(pool)
    if not kept:
        st.info(
            "No report yet. Choose what to compare at the left and press “Make the report”: kept against dropped shows what "
            "your filter prefers besides what it was made for.",
            icon=":material/balance:",
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        path = st.selectbox("Report", kept, format_func=_label, key="bias-report")
        deletion.button("report", path.stem, key="bias-report")
        report = _read(str(path), path.stat().st_mtime_ns)
        st.download_button("HTML", lambda: render(report), f"{path.stem}.html", "text/html", icon=":material/download:",
                           key="bias-html", on_click="ignore")  # fmt: skip
        st.download_button("JSON", lambda: json.dumps(report, ensure_ascii=False), f"{path.stem}.json", "application/json",
                           icon=":material/download:", key="bias-json", on_click="ignore")  # fmt: skip
    with files.reading(path, "delete it, and make it anew"):
        bias_view.draw(report)


def _label(path: Path) -> str:
    try:
        report = _read(str(path), path.stat().st_mtime_ns)
        with files.reading(path):
            names = [part["name"] for part in report["sets"]]
            sampled = sum(part["sampled"] for part in report["sets"])
            title = " against ".join(names) if len(names) < 4 else f"{len(names)} sets"
            when = str(report["made"]).replace("T", " ")[:16]
            return " · ".join(filter(None, [title, f"{sampled:,} pairs", when, report.get("note")]))
    except InputError:
        return f"{path.stem}, damaged"


@st.cache_data(max_entries=64, show_spinner=False)
def _read(path: str, stamp: int) -> dict[str, Any]:
    return files.read_json(path, dict, remedy="delete it, and make it anew")


main()
