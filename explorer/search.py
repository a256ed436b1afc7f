"""Search on the Filter page: by meaning with the text tower of the pool's model, or by word in the captions."""

from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

from poolscope import jobs
from poolscope.errors import InputError
from poolscope.explorer import gallery, live, pair_set, pools, tiles
from poolscope.explorer.text import plain
from poolscope.models import Loaded, Model
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection
from poolscope.search import Hits, by_meaning, by_word
from poolscope.search.index import indexed

KIND = "search-index"
LARGE = 200_000
MEANING, WORD = "by meaning", "by word"


def draw(recipe: Recipe, pool: Pool, selection: Selection) -> int | None:
    """The search box and what it found; returns the row of a picture that was clicked."""
    models = pool.models
    modes = [MEANING, WORD] if models else [WORD]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search the pool",
            key="search",
            placeholder="a red bicycle",
            icon=":material/search:",
            type="search",
            bind="query-params",
        )
        mode = st.segmented_control(
            "How", modes, key="search_mode", default=modes[0], required=True, label_visibility="collapsed"
        )
    _offer_index(pool)
    if not text:
        st.caption("Type what you look for. By meaning compares it with the pictures; by word looks in the captions.")
        return None
    hits = found(text, mode, models, pool)
    if hits is None:
        return None
    kept = int(selection.holds(hits.rows).sum())
    how = ("; by the index, as whole words" if mode == WORD else "; by the index") if hits.by_index else ""
    st.caption(f"{hits.total:,} pairs, the best {len(hits.rows):,} shown; {kept:,} of these are kept{how}")
    if len(hits.rows):
        pair_set.draw(hits.rows, pool, recipe, name=f"search {text}", key="hits")
    facts = [f"{value:.3f}" for value in hits.similarity] if hits.similarity is not None else []
    return gallery.draw(
        tiles.of(hits.rows[:24], pool, facts=facts, selection=selection, recipe=recipe), token=pools.token(pool), label="Search results",
        key="found", columns=4,
    )  # fmt: skip


def _offer_index(pool: Pool) -> None:
    """Offers, for a large pool, the job that makes search quick; shows how far it is."""
    if len(pool) < LARGE:
        return
    running = [job for job in jobs.all() if job.kind == KIND and str(pool.path) in job.argv and not job.finished]
    if running:
        _watch(running[0].id)
    elif not indexed(pool):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{len(pool):,} pairs are read for each search.", width="stretch")
            if st.button("Make search quick", icon=":material/bolt:", help="Builds an index, once, in the background."):
                jobs.submit(["search-index", "--pool", str(pool.path)], kind=KIND, device="cpu",
                            title=f"Index of {pool.name} for search")  # fmt: skip
                st.rerun()


@st.fragment(run_every=1.5)
def _watch(job_id: int) -> None:
    job = jobs.get(job_id)
    live.bar(job)
    if job.finished:
        st.rerun()


def hits_on_show(pool: Pool) -> np.ndarray:
    """Rows of the search that is on screen, to mark them on the map."""
    kept = st.session_state.get("hits")
    return (
        kept[1].rows
        if kept and kept[0][0] == str(pool.path) and st.session_state.get("search")
        else np.empty(0, np.int64)
    )


def found(text: str, mode: str, models: list[str], pool: Pool) -> Hits | None:
    """The hits, kept in the session so that a slider doesn't search again."""
    about = (str(pool.path), pool.version, text, mode)
    kept = st.session_state.get("hits")
    if kept and kept[0] == about:
        return kept[1]
    try:
        with st.spinner("Searching…"):
            if mode == WORD:
                hits = by_word(pool, text)
            else:
                model = pool.model()
                hits = by_meaning(pool, text, encode=partial(_encode, _made_with(pool, model)), model=model)
    except InputError as error:
        st.error(plain(error), icon=":material/error:")
        return None
    st.session_state["hits"] = (about, hits)
    return hits


def _made_with(pool: Pool, model: str) -> str:
    """What to load for an embedding: the model in its provenance, or, if its file is gone, what its name stands for."""
    known = {"demo": "demo", "l14": "ViT-L-14/openai", "b32": "ViT-B-32/openai"}
    stored = str(pool.columns[f"{model}_img"].made_by.get("model") or "")
    weights = stored.partition("/")[2]
    gone = weights.startswith("/") and not Path(weights).exists()
    return known.get(model, stored or model) if gone or not stored else stored


def _encode(model: str, text: str) -> np.ndarray:
    return _loaded(model).texts([text])[0]


@st.cache_resource(max_entries=2, show_spinner="Loading the model…")
def _loaded(model: str) -> Loaded:
    return Model.parse(model).load("cpu")
