"""The rail at the left: every page in one click, and the pool that they show."""

from pathlib import Path

import streamlit as st

from poolscope import paths
from poolscope.errors import InputError
from poolscope.explorer import deletion, pools
from poolscope.explorer.text import plain

WIDTH = 200
OF_THE_POOL = ("recipe", "hits", "compare_with", "focus")
"""State of a session that another pool makes meaningless."""


def pages() -> list[st.Page]:
    """The pages in the order of the work: look, ask who is kept, train, bring more."""
    return [
        st.Page("app_pages/filter.py", title="Filter", icon=":material/tune:", default=True, url_path="filter",
                help="Tune rules with sliders and see what is kept and dropped on the map and in the galleries."),
        st.Page("app_pages/pool.py", title="Pool", icon=":material/database:",
                help="What is in the pool: columns and where they come from, languages, sizes, a random gallery."),
        st.Page("app_pages/methods.py", title="Methods", icon=":material/function:",
                help="Every score and flag that can be computed: formula, source, cost on this pool; two scores compared."),
        st.Page("app_pages/audit.py", title="Who is kept", icon=":material/groups:",
                help="Which groups of pairs a recipe keeps and drops."),
        st.Page("app_pages/bias.py", title="Bias", icon=":material/balance:",
                help="By what two sets of pairs can be told apart."),
        st.Page("app_pages/runs.py", title="Runs", icon=":material/model_training:",
                help="Train a model on the pairs that a recipe keeps and evaluate it."),
        st.Page("app_pages/leaderboard.py", title="Leaderboard", icon=":material/leaderboard:",
                help="Runs side by side: average and every task, against no filter."),
        st.Page("app_pages/imports.py", title="Import", icon=":material/upload_file:",
                help="Make a pool from your own files; embed its pairs."),
        st.Page("app_pages/jobs.py", title="Jobs", icon=":material/list_alt:",
                help="What runs in the background: progress, log, cancel, resume."),
    ]  # fmt: skip


def pool_switcher() -> None:
    """The name of the current pool, always in sight, and the others that were looked at."""
    here = str(pools.current_path().resolve())
    known = [str(path) for path in pools.recent()]
    options = known if here in known else [here, *known]
    with st.sidebar:
        chosen = st.selectbox(
            "Pool", options, index=options.index(here), accept_new_options=True, key=f"pool-choice-{here}",
            format_func=lambda path: Path(path).name or path,
            help=f"{plain(here)}  \nChoose a pool that you looked at before, or type the path of another.",
        )  # fmt: skip
        if pools.current_path() != paths.demo_pool():
            deletion.button("pool", here, key="pool", label="Delete this pool")
    if chosen and chosen != here:
        _switch(chosen)


def _switch(path: str) -> None:
    try:
        pools.choose(path)
    except InputError as error:
        st.sidebar.error(plain(error), icon=":material/error:")
        return
    forget_recipe()
    st.rerun()


def forget_recipe() -> None:
    """Drops what the session chose on another pool."""
    for name in OF_THE_POOL:
        st.session_state.pop(name, None)
    st.query_params.pop("recipe", None)
