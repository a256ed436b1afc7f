"""The rail at the left: every page in one click, and the pool that they show."""

from pathlib import Path

import streamlit as st

from poolscope import paths
from poolscope.explorer import deletion, pools
from poolscope.explorer.text import noted, plain

WIDTH = 200
OF_THE_POOL = ("recipe", "recipe_pool", "hits", "compare_with", "focus", "valid")
"""State of a session that another pool makes meaningless."""


PAGES = {
    "Filter": ("filter", ":material/tune:",
        "Tune rules with sliders and see what is kept and dropped on the map and in the galleries."),
    "Pool": ("pool", ":material/database:",
        "What is in the pool: columns and where they come from, languages, sizes, a random gallery."),
    "Methods": ("methods", ":material/function:",
        "Every score and flag that can be computed: formula, source, cost on this pool; two scores compared."),
    "Who is kept": ("audit", ":material/groups:",
        "Which groups of pairs a recipe keeps and drops."),
    "Bias": ("bias", ":material/balance:",
        "By what two sets of pairs can be told apart."),
    "Runs": ("runs", ":material/model_training:",
        "Train a model on the pairs that a recipe keeps and evaluate it."),
    "Leaderboard": ("leaderboard", ":material/leaderboard:",
        "Runs side by side: average and every task, against no filter."),
    "Import": ("imports", ":material/upload_file:",
        "Make a pool from your own files; embed its pairs."),
    "Jobs": ("jobs", ":material/list_alt:",
        "What runs in the background: progress, log, cancel, resume."),
}  # fmt: skip
"""By title: file, icon, and what each is for, in the order of the work: look, ask who is kept, train, bring more."""


def pages() -> dict[str, st.Page]:
    """The pages by title, in the order of the rail."""
    return {
        title: st.Page(f"app_pages/{file}.py", title=title, icon=icon, default=title == "Filter", help=about)
        for title, (file, icon, about) in PAGES.items()
    }


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
        switch(chosen)


def switch(path: str) -> None:
    """Makes the pool at `path` the one that all pages show, or says in the rail why it can't be."""
    with noted(st.sidebar.error):
        pools.choose(path)
        forget_recipe()
        st.rerun()


def forget_recipe() -> None:
    """Drops what the session chose on another pool."""
    for name in OF_THE_POOL:
        st.session_state.pop(name, None)
    st.query_params.pop("recipe", None)
