"""The pages of the app, in their sections."""

import streamlit as st


def pages() -> dict[str, list[st.Page]]:
    """Sections and their pages, as `st.navigation` takes them."""
    sections = {
        "Explore": [
            st.Page("app_pages/filter.py", title="Filter", icon=":material/tune:", default=True, url_path="filter",
                    help="Tune rules with sliders and see what is kept and dropped on the map and in the galleries."),
            st.Page("app_pages/pool.py", title="Pool", icon=":material/database:",
                    help="What is in the pool: columns and where they come from, languages, sizes, a random gallery."),
            st.Page("app_pages/methods.py", title="Methods", icon=":material/function:",
                    help="Every score and flag that can be computed: formula, source, cost on this pool; two scores compared."),
        ],
        "Audit": [
            st.Page("app_pages/audit.py", title="Who is kept", icon=":material/groups:",
                    help="Who a recipe keeps and drops."),
            st.Page("app_pages/bias.py", title="Bias", icon=":material/balance:",
                    help="How recognisable a selection is."),
        ],
        "Benchmark": [
            st.Page("app_pages/runs.py", title="Runs", icon=":material/model_training:",
                    help="Train a model on the pairs that a recipe keeps and evaluate it."),
            st.Page("app_pages/leaderboard.py", title="Leaderboard", icon=":material/leaderboard:",
                    help="Runs side by side: average and every task, against no filter."),
        ],
        "Data": [
            st.Page("app_pages/imports.py", title="Import", icon=":material/upload_file:",
                    help="Make a pool from webdataset shards or a table; embed its pairs."),
            st.Page("app_pages/jobs.py", title="Jobs", icon=":material/list_alt:",
                    help="What runs in the background: progress, log, cancel, resume."),
        ],
    }  # fmt: skip
    return sections
