"""What a pool of one's own still lacks, as buttons: embeddings, a map, groups, a first score."""

import streamlit as st

from poolscope import jobs
from poolscope.explorer import job_view
from poolscope.explorer.audit import found_groups
from poolscope.explorer.text import plain
from poolscope.models import preferred
from poolscope.pool import Pool
from poolscope.projection import available

KIND = "prepare"


def lacking(pool: Pool) -> list[str]:
    """The steps that are still to be done, in order."""
    has = {
        "embeddings": bool(pool.models),
        "map": bool(available(pool)),
        "groups": len(found_groups.of(pool)) > 0,
        "a first score": any(column.kind == "score" for column in pool.columns.values()),
    }
    return [step for step, there in has.items() if not there]


def draw(pool: Pool) -> None:
    """The checklist, or the progress of what it started; nothing when the pool has all."""
    working = job_view.on_pool(KIND, pool)
    if working and not working[0].finished:
        with st.container(border=True, key="checklist"):
            st.markdown("**Preparing this pool**")
            job_view.watch(working[0].id, key="checklist-job")
        return
    left = lacking(pool)
    if not left or not len(pool):
        return
    with st.container(border=True, gap="xsmall", key="checklist"):
        st.markdown("**This pool is new.** It comes alive with" if len(left) > 2 else "**This pool still lacks**")
        if working and working[0].state == "failed":
            st.error(plain(working[0].message), icon=":material/error:")
        for step in left:
            _line(step, pool)
        if len(left) > 1:
            st.button("Prepare everything", type="primary", icon=":material/auto_awesome:", key="prepare-all",
                      help="Does all of these in one job, in the background", on_click=_start,
                      args=(["prepare", *_model(pool)], KIND, "Prepare", pool))  # fmt: skip


def _line(step: str, pool: Pool) -> None:
    """One step with its button; one that needs embeddings first waits for them."""
    verb, argv, kind, title = {
        "embeddings": ("Embed", ["prepare", *_model(pool)], KIND, "Prepare"),
        "map": ("Make the map", ["map", *(["--model", pool.model()] if pool.models else [])], "map", "Map of"),
        "groups": ("Find groups", ["groups"], found_groups.KIND, "Groups of"),
        "a first score": ("Compute", ["score", "clip_score" if pool.models else "caption_length"], "score", "First score of"),
    }[step]  # fmt: skip
    busy = job_view.at_work(kind, pool) is not None
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.markdown(f":material/radio_button_unchecked: {step}", width="stretch")
        if step == "embeddings" and not pool.models:
            st.text_input("Model", placeholder=preferred() or "ViT-B-32/openai, a checkpoint, or demo", key="checklist-model",
                          width=170, label_visibility="collapsed")  # fmt: skip
        needs = step == "map" and not pool.models
        st.button(verb, key=f"checklist-{step}", disabled=busy or needs, on_click=_start, args=(argv, kind, title, pool),
                  help="Needs embeddings first" if needs else "Already running" if busy else None)  # fmt: skip


def _model(pool: Pool) -> list[str]:
    typed = str(st.session_state.get("checklist-model") or "").strip()
    return [typed] if typed and not pool.models else []


def _start(argv: list[str], kind: str, title: str, pool: Pool) -> None:
    """Starts a job on the pool; the model is read here, for it may have been typed after the button was drawn."""
    words = ["prepare", *_model(pool)] if argv[0] == "prepare" else argv
    jobs.submit([*words, "--pool", str(pool.path)], kind=kind, title=f"{title} {pool.name}")
