"""Import: pools from webdataset shards or a table, and embeddings for their pairs; everything runs as a job."""

import re
from pathlib import Path

import streamlit as st

from poolscope import jobs, paths
from poolscope.errors import InputError
from poolscope.explorer import live, pools
from poolscope.pool.store import check_name

ROLES = ("uid", "text", "image", "url", "width", "height")


def main() -> None:
    st.header("Import")
    with st.container(width=820):
        _forms()
        started = st.session_state.get("imports", {})
        live.polled(_progress, busy=any(not jobs.get(job).finished for job in started))


def _forms() -> None:
    shards, table, embed = st.tabs(["Webdataset shards", "Table", "Embed a pool"])
    with shards, st.form("shards", border=True):
        st.write(
            "A directory of `.tar` shards (or one tar) with pictures, captions and, where there is one, a `.json` per pair."
        )
        source = st.text_input("Shards", placeholder="/data/shards", key="shards-source")
        target = st.text_input("Pool to make or extend", str(paths.home() / "pools" / "mine"), key="shards-pool")
        model = st.text_input("Embed with (optional)", placeholder="ViT-B-32/openai", key="shards-embed")
        if st.form_submit_button("Import", type="primary", icon=":material/play_arrow:"):
            _start(["import", "webdataset"], source, target, ["--embed", model.strip()] if model.strip() else [])
    with table, st.form("table", border=True):
        st.write(
            "A `.parquet` or `.csv` file with captions and the path or URL of each picture. Paths are relative to the file."
        )
        source = st.text_input("File", placeholder="/data/pairs.parquet", key="table-source")
        target = st.text_input("Pool to make or extend", str(paths.home() / "pools" / "mine"), key="table-pool")
        st.caption("Names of its columns, where they are not the usual ones")
        with st.container(horizontal=True):
            named = {role: st.text_input(role, key=f"role-{role}", width=150) for role in ROLES}
        check = st.toggle("Open every picture to see that it is whole", True, key="table-check")
        if st.form_submit_button("Import", type="primary", icon=":material/play_arrow:"):
            words = [word for role, name in named.items() if name.strip() for word in (f"--{role}", name.strip())]
            _start(["import", "table"], source, target, [*words, *([] if check else ["--no-check"])])
    with embed, st.form("embed", border=True):
        st.write("Picture and caption embeddings by an open_clip model: the base of scores, search and the map.")
        known = [str(path) for path in pools.recent()] or [str(paths.default_pool())]
        target = st.selectbox("Pool", known, accept_new_options=True, key="embed-pool")
        model = st.text_input("Model", "ViT-B-32/openai", key="embed-model", help="MODEL/PRETRAINED, or a checkpoint")
        name = st.text_input("Columns are named", "b32", key="embed-name", help="NAME makes NAME_img and NAME_txt")
        if st.form_submit_button("Embed", type="primary", icon=":material/play_arrow:"):
            _embed(target, model.strip(), name.strip())


def _start(command: list[str], source: str, target: str, more: list[str]) -> None:
    """Submits an import, if its paths make sense."""
    try:
        where = Path(source.strip()).expanduser()
        if not source.strip() or not where.exists():
            raise InputError(f"nothing at {source.strip()!r}; give the path of the shards or file to import.")
        if not target.strip():
            raise InputError("no pool is named; give the directory of the pool to make or extend.")
        pool = Path(target.strip()).expanduser()
        if pool.exists() and not (pool / "pool.json").exists() and (not pool.is_dir() or any(pool.iterdir())):
            raise InputError(f"{str(pool)!r} exists and is not a pool; choose an empty or new directory.")
        started = jobs.submit(
            [*command, str(where), "--pool", str(pool), *more], kind="import", title=f"Import {where.name}"
        )
        st.session_state.setdefault("imports", {})[started] = str(pool)
    except InputError as error:
        st.error(str(error), icon=":material/error:")


def _embed(target: str | None, model: str, name: str) -> None:
    try:
        pool = pools.opened(Path(target or "").expanduser())
        check_name(name)
        if f"{name}_img" in pool.columns:
            raise InputError(f"the pool has {name}_img already; choose another name.")
        if not re.fullmatch(r"\S.*", model):
            raise InputError("no model is named; write for example demo or ViT-B-32/openai.")
        words = ["embed", model, "--as", name, "--pool", str(pool.path)]
        started = jobs.submit(words, kind="embed", title=f"Embed {pool.name} with {model}")
        st.session_state.setdefault("imports", {})[started] = str(pool.path)
    except InputError as error:
        st.error(str(error), icon=":material/error:")


def _progress() -> None:
    """The imports of this session, and a way to the pool when one is done."""
    ids = [job for job in st.session_state.get("imports", {}) if not jobs.get(job).finished]
    if st.session_state.get("imports-working", ids) != ids:
        st.session_state["imports-working"] = ids
        st.rerun()
    st.session_state["imports-working"] = ids
    for job_id, path in reversed(st.session_state.get("imports", {}).items()):
        job = jobs.get(job_id)
        with st.container(border=True):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{job.title}**", width="content")
                live.badge(job)
            if job.finished:
                live.log(job, lines=8)
            else:
                live.bar(job)
            with st.container(horizontal=True):
                live.controls(job, key=f"import-{job_id}")
                if job.state == "done" and st.button("Open the pool", key=f"open-{job_id}", icon=":material/database:"):
                    pools.choose(path)
                    for name in ("recipe", "hits", "compare_with"):
                        st.session_state.pop(name, None)
                    st.switch_page("app_pages/pool.py")


main()
