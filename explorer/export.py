"""Export of the kept pairs: subset file, table or shards, each with its recipe beside it."""

import os
from pathlib import Path

import streamlit as st

from poolscope import jobs
from poolscope.explorer import pair_set, views
from poolscope.explorer.text import noted, plain
from poolscope.export import export_subset
from poolscope.pool import Pool
from poolscope.recipe import Recipe, Selection, dump, ready

SUBSET, TABLE, SHARDS = "Subset file (.npy)", "Table (.parquet)", "Shards (.tar)"


@st.dialog("Export the kept pairs", width="medium")
def ask(recipe: Recipe, pool: Pool, selection: Selection) -> None:
    st.write(f"{selection.kept:,} of {selection.pairs:,} pairs. The recipe is written beside every export.")
    kind = views.choose("As", [SUBSET, TABLE, SHARDS], "export-kind")
    stem = "".join(letter if letter.isalnum() else "-" for letter in recipe.name.lower()).strip("-")[:40] or "kept"
    folder = pool.path / "exports"
    if kind == SUBSET:
        out = st.text_input("File", str(folder / f"{stem}.npy"), key="export-npy")
        taken, replace = _replace(out)
        with st.container(horizontal=True):
            if st.button("Write the file", type="primary", icon=":material/save:", disabled=taken and not replace):
                with noted(st.error, OSError):
                    written = export_subset(pool, selection, Path(out).expanduser(), recipe=recipe, force=replace)
                    st.success(f"Written: {plain(written)}", icon=":material/check:")
            st.download_button("Download", lambda: pair_set.subset_file(pool, selection.mask, selection.wanted), f"{stem}.npy",
                               icon=":material/download:", on_click="ignore")  # fmt: skip
            st.download_button("Download the recipe", dump(recipe), f"{stem}.yaml",
                               icon=":material/description:", on_click="ignore")  # fmt: skip
        st.caption("DataComp's format: the uids of the kept pairs, sorted, as two unsigned 64-bit numbers each.")
        return
    argv, taken, replace = ["export"], False, False
    if kind == TABLE:
        named = ["uid", *(name for name, column in pool.columns.items() if column.kind != "key" and column.dim is None)]
        chosen = st.multiselect(
            "Columns", named, default=[name for name in ("uid", "text", "url") if name in named], key="export-columns"
        )
        out = st.text_input("File", str(folder / f"{stem}.parquet"), key="export-parquet")
        taken, replace = _replace(out)
        argv += ["table", "--columns", ",".join(chosen)]
    else:
        chosen = ["all"]
        out = st.text_input("Directory", str(folder / f"{stem}-shards"), key="export-shards")
        argv += ["shards"]
    if st.button("Start", type="primary", icon=":material/play_arrow:", disabled=not chosen or (taken and not replace)):
        started = jobs.submit(
            [*argv, "--pool", str(pool.path), "--recipe", str(ready.keep(recipe)), "--out", str(Path(out).expanduser()),
             *(["--force"] if replace else [])],
            kind="export", device=None, title=f"Export {recipe.name} to {Path(out).name}",
        )  # fmt: skip
        st.success(f"Job {started} writes {plain(out)}. Watch it on the Jobs page.", icon=":material/check:")


def _replace(out: str) -> tuple[bool, bool]:
    """Whether there is a file at `out`, and whether the user wants it replaced."""
    taken = os.path.lexists(Path(out).expanduser())
    return taken, taken and st.checkbox("Replace the file that is there", key="export-replace")
