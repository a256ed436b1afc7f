"""Computing a new score from the screen: a form of the method's parameters, a job, and the rule when it is done."""

import dataclasses
import typing
from typing import Any

import streamlit as st

from poolscope import devices, jobs
from poolscope.engine.catalogue import entry, loadable
from poolscope.engine.inputs import fitted, named
from poolscope.engine.made_by import describe, outdated, same_way
from poolscope.errors import InputError
from poolscope.explorer import job_view, method_card, method_cost, recipe_state
from poolscope.explorer.text import code, free, noted, plain
from poolscope.pool import Pool
from poolscope.recipe.grammar import FlagRule, Rule, ScoreRule
from poolscope.scores import METHODS, Method, build

KIND = "score"
SECONDS = 60.0  # below it a score is a short job


@st.dialog("Add a score", width="medium")
def ask(pool: Pool, chosen: str = "") -> None:
    """Choose a method (unless one is `chosen`), change its parameters, see what it costs, start."""
    titles = {method.id: method.title for method in loadable()[0]}
    id = chosen or st.pills(
        "Method",
        list(titles),
        format_func=lambda one: titles[one],
        default=next(iter(titles)),
        key="method",
        label_visibility="collapsed",
    )
    if id is None:
        return
    method = METHODS[id]
    if chosen:
        st.markdown(f"**{plain(method.title)}**")
    st.write(method_card.with_code(entry(id, pool).summary))
    if method.formula:
        st.latex(method.formula)
    st.caption(" · ".join(part for part in (method.paper, method.cost) if part))
    values = _parameters(id, method, pool)
    column = st.text_input("Column", free(id, pool.columns, "_"), key=f"{id}-column", max_chars=64)
    known = _made_already(id, values, pool)
    if known:
        _offer(known, method.kind, pool)
        return
    method_cost.line(pool, id, values, key=f"{id}-cost")
    if st.button("Start", type="primary", icon=":material/play_arrow:", key="start-score"):
        with noted():
            _start(id, method, values, column, pool)
            st.rerun()


def _parameters(id: str, method: type[Method], pool: Pool) -> dict[str, Any]:
    """A widget for each parameter of the method; what they are set to."""
    parameters = dataclasses.fields(method)
    columns = st.columns(2) if len(parameters) > 4 else [st.container()]
    hints, defaults, values = typing.get_type_hints(method), fitted(id, pool), {}
    for number, parameter in enumerate(parameters):
        with columns[number * len(columns) // len(parameters)]:
            values[parameter.name] = _field(id, parameter, hints[parameter.name], defaults[parameter.name], pool)
    return values


def _offer(known: str, kind: str, pool: Pool) -> None:
    """A score that is there need not be made again."""
    st.success(f"{code(known)} was made with these parameters.", icon=":material/check:")
    if st.button("Use it", type="primary", icon=":material/add:", key="use-score", help="Adds a rule on this column"):
        _add_rule(known, kind, pool)
        st.rerun()


def _start(id: str, method: type[Method], values: dict[str, Any], column: str, pool: Pool) -> None:
    """Submits the job. Raises InputError if the method can't run on this pool, or the column's name is taken."""
    build(id, **values).check(pool)
    if column in pool.columns:
        raise InputError(f"column {column!r} exists already; choose another name.")
    words = [word for name, value in values.items() for word in ("--set", f"{name}={'' if value is None else value}")]
    cost = method_cost.measured(pool, id, values)
    short = cost is not None and cost.seconds < SECONDS
    started = jobs.submit(
        ["score", id, "--as", column, *words, "--pool", str(pool.path)],
        kind=KIND,
        device=jobs.SHORT if short else build(id, **values).slot(),
        title=f"Score {column} ({method.title})",
    )
    st.session_state.setdefault("scoring", {})[started] = (str(pool.path), column, method.kind)


def _made_already(id: str, values: dict[str, Any], pool: Pool) -> str:
    """The column that this method made with these parameters and that is up to date; empty if there is none."""
    by_method = [name for name, column in pool.columns.items() if column.made_by.get("method") == id]
    try:
        wanted = describe(build(id, **values), pool) if by_method else {}
    except (InputError, OSError):
        return ""  # Start says what is wrong
    made_by = {name: pool.columns[name].made_by for name in by_method}
    return next((name for name, old in made_by.items() if same_way(old, wanted) and not outdated(old, wanted)), "")


def _add_rule(column: str, kind: str, pool: Pool) -> None:
    rule: Rule = FlagRule(flag=column) if kind == "flag" else ScoreRule(score=column, top=1.0)
    recipe_state.add_rule(recipe_state.current(pool), rule)


def waiting(pool: Pool) -> bool:
    """Whether scores that this session asked for are still being computed."""
    return any(path == str(pool.path) for path, _, _ in st.session_state.get("scoring", {}).values())


@st.fragment(run_every=1.0)
def watch(pool: Pool) -> None:
    """Progress of the scores asked for; a finished one becomes a rule of the recipe."""
    asked: dict[int, tuple[str, str, str]] = st.session_state.get("scoring", {})
    for job_id, (path, column, kind) in list(asked.items()):
        if path != str(pool.path):
            continue
        job = jobs.get(job_id)
        if job.state == "done":
            del asked[job_id]
            _add_rule(column, kind, pool)
            st.toast(f"{plain(column)} is ready; its rule is on the Filter page", icon=":material/check:")
            st.rerun()
        st.caption(f"Computing {code(column)}")
        job_view.bar(job)
        with st.container(horizontal=True):
            job_view.controls(job, key=f"scoring-{job_id}")
            if job.finished:
                st.button("Dismiss", key=f"scoring-{job_id}-dismiss", on_click=_dismiss, args=(job_id,))
        if job.resumable:
            job_view.log(job, lines=4)


def _dismiss(job_id: int) -> None:
    st.session_state["scoring"].pop(job_id, None)


def _field(id: str, entry: "dataclasses.Field[Any]", hint: Any, default: Any, pool: Pool) -> Any:
    """A widget that fits a parameter's type, range and meaning."""
    about = entry.metadata
    widget = {
        "label": entry.name.replace("_", " ").capitalize(),
        "help": about.get("help", ""),
        "key": f"{id}-{entry.name}",
    }
    what = about.get("of", "")
    if what in ("scores", "columns"):
        names = named(what, pool)
        taken = [name for name in str(default).split(",") if name in names]
        return ",".join(st.multiselect(options=names, default=taken, **widget))
    choices = list(devices.CHOICES if what == "device" else about.get("choices") or named(what, pool))
    if choices:
        return _choice(choices, default, own=what == "device", **widget)
    if hint is bool:
        return st.toggle(value=bool(default), **widget)
    kind = next((one for one in (int, float) if hint is one or one in typing.get_args(hint)), None)
    if kind is None:
        return st.text_input(value="" if default is None else str(default), **widget) or None
    return _number(kind, default, about.get("low"), about.get("high"), **widget)


def _choice(choices: list[Any], default: Any, *, own: bool, **options: Any) -> Any:
    """A menu; an empty default is a choice too, and `own` lets one type another word."""
    if default == "":
        choices = ["", *choices]
    index = choices.index(default) if default in choices else 0
    return st.selectbox(
        options=choices, index=index, format_func=lambda one: one or "(none)", accept_new_options=own, **options
    )


def _number(kind: type, default: Any, low: Any, high: Any, **options: Any) -> Any:
    """A field for a number, in steps of 0.01 where the range is short."""
    low, high, value = (None if one is None else kind(one) for one in (low, high, default))
    if kind is int:
        return st.number_input(min_value=low, max_value=high, value=value, step=1, **options)
    step = 0.01 if low is not None and high is not None and high - low <= 2 else None
    return st.number_input(min_value=low, max_value=high, value=value, step=step, format="%.6g", **options)
