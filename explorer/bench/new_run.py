"""The form of a new run: recipe, scale, seeds, what it costs, what stands in its way."""

from collections.abc import Sequence

import streamlit as st

from poolscope import bench, jobs
from poolscope.bench.tasks import suites
from poolscope.explorer import job_view, recipe_state
from poolscope.explorer.evaluate import evaluate
from poolscope.explorer.text import noted
from poolscope.pool import Pool
from poolscope.recipe import Recipe, ready

KIND = "train"
AUTO = "automatic"
TRY_OUT = 16  # the part of the samples that a try-out sees


@noted()
def form(pool: Pool) -> None:
    options = recipe_state.choices_with_current(pool)
    recipe = options[st.selectbox("Recipe", list(options), key="run-recipe")]
    scales = list(bench.SCALES)
    scale = st.selectbox("Scale", scales, key="run-scale", help="What a run holds fixed, so that only the pairs differ")
    seeds = st.pills("Seeds", list(range(5)), selection_mode="multi", default=[0], key="run-seeds",
                     help="One run for each; several seeds show the spread")  # fmt: skip
    suite = _suite(scale)
    launch = _where()
    quick = st.toggle("Only try it out", key="run-quick",
                      help=f"A {TRY_OUT}th of the samples: shows that everything works; not comparable with other runs")  # fmt: skip
    changes = _few(scale) if quick else {}
    selection = evaluate(recipe, pool)
    settings = bench.SCALES[scale].changed(**changes)
    cost = bench.estimate(selection.drawn, settings, pool=pool, device=launch.kind, count=launch.world)
    problems = bench.preflight(selection.drawn, settings, pool=pool, launch=launch)
    st.markdown(
        f"**{selection.kept:,}** pairs kept of {selection.pairs:,}, each seen about **{cost.repeats:,.1f}** times"
    )
    with st.container(horizontal=True):
        st.metric("Time here", job_view.duration(cost.total_seconds), help=f"per seed; {cost.basis}", width="content")
        st.metric("Samples seen", _count(cost.samples_seen), width="content")
        st.metric("Disk", f"{cost.total_disk / 1e9:,.2f} GB", width="content")
    if scale != "demo":
        st.caption("GPU hours: " + ", ".join(f"{gpu} {hours:,.3g}" for gpu, hours in cost.gpu_hours.items()),
                   help=cost.gpu_basis)  # fmt: skip
    blocked = stand_in_its_way(problems) or not seeds
    label = "Start" if len(seeds) <= 1 else f"Start {len(seeds)} runs"
    st.button(label, type="primary", icon=":material/play_arrow:", key="run-start", disabled=blocked,
              on_click=_start, args=(recipe, scale, tuple(seeds), pool, launch, suite, changes))  # fmt: skip


def stand_in_its_way(problems: Sequence[bench.Problem]) -> bool:
    """Says what is wrong with a run; whether it can't start."""
    for problem in problems:
        wrong = problem.level == "error"
        (st.error if wrong else st.warning)(problem.text, icon=":material/error:" if wrong else ":material/warning:")
    return any(problem.level == "error" for problem in problems)


def _few(scale: str) -> dict[str, int]:
    """The settings of a try-out: few samples, one checkpoint, a point of the curve at every step."""
    table = bench.SCALES[scale]
    samples = max(2 * table.batch, table.samples_seen // TRY_OUT)
    return {
        "samples_seen": samples,
        "checkpoints": 1,
        "warmup": min(table.warmup, samples // table.batch // 4),
        "log_every": 1,
    }


def _suite(scale: str) -> str:
    """The tasks that the run is evaluated on; asked only where there are tasks of one's own."""
    usual = bench.SCALES[scale].tasks
    own = {suite: count for suite, count in suites().items() if suite not in ("demo", "datacomp")}
    if not own:
        return usual
    options = [usual, *own]
    return str(
        st.selectbox("Evaluation tasks", options, key=f"run-suite-{scale}", help="Suites are averaged apart from each other",
                     format_func=lambda suite: f"{suite} ({own[suite]})" if suite in own else f"{suite} (the scale's)")
    )  # fmt: skip


def _where() -> bench.Launch:
    """On which devices: the global batch stays the scale's, however it is shared."""
    with st.popover("Where it trains", icon=":material/memory:"):
        gpus = st.segmented_control("GPUs per machine", [AUTO, 0, 1, 2, 4, 8], default=AUTO, required=True, key="run-gpus",
                                    help="0 trains on the CPU")  # fmt: skip
        nodes = st.number_input("Machines", 1, 1024, 1, key="run-nodes",
                                help="For more than one, an sbatch script and a torchrun line are written, ready to submit")  # fmt: skip
        accum = st.number_input("Accumulation steps", 1, 4096, 1, key="run-accum",
                                help="Splits a device's share of the batch to fit its memory; the batch stays the same")  # fmt: skip
    return bench.Launch(gpus=None if gpus in (None, AUTO) else int(str(gpus)), nodes=int(nodes), accum=int(accum))


def _start(
    recipe: Recipe, scale: str, seeds: tuple[int, ...], pool: Pool, launch: bench.Launch, suite: str, changes: dict[str, int]
) -> None:  # fmt: skip
    path = ready.keep(recipe)
    for seed in sorted(seeds):
        words = ["train", str(path), "--scale", scale, "--seed", str(seed), "--pool", str(pool.path)]
        words += ["--gpus", str(launch.gpus)] if launch.gpus is not None else []
        words += ["--nodes", str(launch.nodes)] if launch.nodes > 1 else []
        words += ["--accum", str(launch.accum)] if launch.accum > 1 else []
        words += ["--tasks", suite] if suite != bench.SCALES[scale].tasks else []
        words += [word for name, value in changes.items() for word in ("--set", f"{name}={value}")]
        jobs.submit(
            words,
            kind=KIND,
            device=jobs.slot(count=launch.gpus) if launch.nodes == 1 else "cpu",
            title=f"{recipe.name} · {scale} · seed {seed}" + (" · try-out" if changes else ""),
        )
    st.toast(f"{len(seeds)} run{'s' if len(seeds) > 1 else ''} started", icon=":material/play_arrow:")


def _count(value: float) -> str:
    for size, unit in ((1e9, " billion"), (1e6, " million"), (1e3, " thousand")):
        if value >= size:
            return f"{value / size:,.4g}{unit}"
    return f"{value:,.0f}"
