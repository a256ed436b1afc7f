"""Search on the Filter page: by meaning, by words of the captions, by an image that is dropped in, or like a pair."""

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

from poolscope import jobs
from poolscope.explorer import images, job_view, views
from poolscope.explorer.text import noted, plain
from poolscope.models import Loaded, Model
from poolscope.pool import Pool
from poolscope.pool.thumbnails import shrink
from poolscope.recipe import Recipe, Selection
from poolscope.search import Hits, by_meaning, by_word, nearest, neighbours
from poolscope.search.index import indexed

KIND = "search-index"
LARGE = 200_000
MEANING, WORD, IMAGE, LIKE = "by meaning", "by word", "by image", "like a pair"
MOST = 600  # hits that the gallery can page, sort and filter
MARKED = 60  # of them on the map
MOST_MB = 20
EXTENSIONS = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tiff", "avif"]


def draw(recipe: Recipe, pool: Pool, selection: Selection) -> int | None:
    """The search box and what it found; returns the row of an image that was clicked."""
    models = pool.models
    modes = [MEANING, WORD, IMAGE] if models else [WORD]
    mode = views.choose("How", modes, "search_mode")
    if mode == IMAGE:
        about = _by_image(pool)
    else:
        text = st.text_input("Search the pool", key="search", placeholder="a red bicycle", icon=":material/search:", type="search",
                             bind="query-params", on_change=_forget_pair)  # fmt: skip
        row = st.session_state.get("like")
        about = (mode, text.strip()) if row is None else (LIKE, str(row))
        if about[0] == LIKE:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption(f"More like {_caption(int(about[1]), pool)}", width="stretch")
                st.button("Stop", key="like-stop", on_click=_forget_pair, type="tertiary", icon=":material/close:")
    _offer_index(pool)
    if not about[1]:
        st.caption("By meaning compares words with the images; by word looks in the captions; by image takes a file.")
        return None
    hits = found(about[0], about[1], pool)
    if hits is None:
        return None
    kept = int(selection.holds(hits.rows).sum())
    how = ("; by the index, as whole words" if mode == WORD else "; by the index") if hits.by_index else ""
    cut = len(hits.rows) < hits.total
    what = f"{hits.total:,} pairs, the first {len(hits.rows):,} shown" if cut else f"{len(hits.rows):,} pairs"
    st.caption(f"{what if mode == WORD else f'the {len(hits.rows):,} nearest pairs'}; {kept:,} of these are kept{how}")
    facts = [f"{value:.3f}" for value in hits.similarity] if hits.similarity is not None else []
    shelf = images.Shelf("", hits.rows, facts)
    return images.draw([shelf], pool, recipe, selection, key="hits", whole=f"search {about[1][:40]}")


def _by_image(pool: Pool) -> tuple[str, str]:
    """An image that is dropped in; its bytes stay in the session under their digest."""
    file = st.file_uploader("Drop an image", type=EXTENSIONS, key="search-image", max_upload_size=MOST_MB)
    if file is None:
        return IMAGE, ""
    data = file.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    st.session_state["search-bytes"] = (digest, data)
    shrunk = shrink(data, 128)
    if shrunk:
        st.image(shrunk, width=96)
    return IMAGE, digest


def like(row: int) -> None:
    """Looks for pairs like that in `row`, on the Search view."""
    st.session_state.update(view="Search", like=row)
    if st.session_state.get("search_mode") == IMAGE:
        st.session_state["search_mode"] = MEANING


def _caption(row: int, pool: Pool) -> str:
    """What a pair is called in one line."""
    text = pool.take([row], ["text"])["text"][0].as_py() if "text" in pool.columns else None
    return f"“{plain(text[:60])}”" if text else f"the pair in row {row:,}"


def _forget_pair() -> None:
    st.session_state.pop("like", None)


def _offer_index(pool: Pool) -> None:
    """Offers, for a large pool, the job that makes search quick; shows how far it is."""
    if len(pool) < LARGE:
        return
    running = job_view.at_work(KIND, pool)
    if running is not None:
        job_view.watch(running.id)
    elif not indexed(pool):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{len(pool):,} pairs are read for each search.", width="stretch")
            if st.button("Make search quick", icon=":material/bolt:", help="Builds an index, once, in the background."):
                jobs.submit(["search-index", "--pool", str(pool.path)], kind=KIND, device="cpu",
                            title=f"Index of {pool.name} for search")  # fmt: skip
                st.rerun()


def hits_on_show(pool: Pool) -> np.ndarray:
    """The first rows of the search that is on screen, to mark them on the map."""
    kept = st.session_state.get("hits")
    asked = any(st.session_state.get(key) not in (None, "") for key in ("search", "like", "search-image"))
    return kept[1].rows[:MARKED] if kept and kept[0][0] == str(pool.path) and asked else np.empty(0, np.int64)


@noted(st.error, ValueError)
def found(mode: str, what: str, pool: Pool) -> Hits | None:
    """The hits, kept in the session so that a slider doesn't search again."""
    about = (str(pool.path), pool.version, mode, what)
    kept = st.session_state.get("hits")
    if kept and kept[0] == about:
        return kept[1]
    with st.spinner("Searching…"):
        hits = _search(mode, what, pool)
    st.session_state["hits"] = (about, hits)
    return hits


def _search(mode: str, what: str, pool: Pool) -> Hits:
    if mode == WORD:
        return by_word(pool, what, limit=MOST)
    model = pool.model()
    if mode == LIKE:
        return neighbours(pool, int(what), model=model, limit=MOST)
    if mode == IMAGE:
        vector = _loaded(_made_with(pool, model)).image(st.session_state["search-bytes"][1])
        return nearest(pool, vector, f"{model}_img", limit=MOST)
    return by_meaning(pool, what, encode=partial(_encode, _made_with(pool, model)), model=model, limit=MOST)


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
