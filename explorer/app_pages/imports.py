"""Import: files, a folder, a path or a URL become a pool; looked at first, then imported as a job, then prepared."""

import hashlib
from pathlib import Path

import streamlit as st

from poolscope import jobs, paths
from poolscope.errors import InputError
from poolscope.explorer import import_plan, job_view, navigation, pools, uploads, views
from poolscope.explorer.text import noted, plain
from poolscope.sources import Options, Plan, look

PATH, FILES, FOLDER = "Path or URL", "Files", "Folder"
TABLES = "csv tsv json jsonl parquet arrow feather, or webdataset .tar, with the images they name"

KINDS = (
    ("Tables", "table", "CSV, TSV, JSON, JSONL, Parquet or Arrow with captions, and image files, URLs or bytes."),
    ("Shards", "stacks", "Webdataset tars as they are in the wild; broken samples are counted and skipped."),
    ("Folders", "folder_open", "Images with a .txt beside each, or a metadata.csv as on Hugging Face."),
    ("Annotations", "closed_caption", "COCO, Karpathy and Flickr8k: a pair for each caption, joined by their image."),
    ("DataComp", "dataset", "Its metadata and features, and what clip-retrieval writes."),
    ("URLs", "cloud_download", "Files on the web or in a bucket, one or a pattern of them."),
)


def main() -> None:
    st.header("Import")
    with st.container(width=980):
        source = _source()
        if source:
            _plan(source)
        else:
            _what_can_be_imported()
        started = st.session_state.get("imports", {})
        job_view.polled(_progress, busy=any(not jobs.get(job).finished for job in started))


def _what_can_be_imported() -> None:
    """What an import understands, for who has not named a source yet."""
    st.subheader("What can be imported")
    for start in range(0, len(KINDS), 3):
        for column, (title, icon, about) in zip(st.columns(3, gap="small"), KINDS[start : start + 3]):
            with column.container(border=True, height="stretch", gap="xxsmall"):
                st.markdown(f":material/{icon}: **{title}**")
                st.caption(about)
    st.caption("What is there is looked at first: nothing is imported before you press Import.")


def _source() -> str:
    """The path, pattern or URL to import; dropped files are kept under the home first. Empty before there is one."""
    kind = views.choose("From", [PATH, FILES, FOLDER], "import-from")
    if kind == PATH:
        return st.text_input(
            "Path, pattern or URL", placeholder="/data/shards · captions.csv · s3://bucket/part-*.parquet",
            key="import-source", help="On the machine that runs Poolscope; a directory is searched through",
        ).strip()  # fmt: skip
    dropped = st.file_uploader(
        "Files to import" if kind == FILES else "Folder to import", help=TABLES, key=f"import-{kind}",
        accept_multiple_files=True if kind == FILES else "directory",
    )  # fmt: skip
    return str(uploads.keep(dropped)) if dropped else ""


@noted()
def _plan(source: str) -> None:
    """What is at `source` and what would become of it, with the button that starts it."""
    options = _options()
    plan = _looked_at(source, options)
    with st.container(border=True):
        changed = import_plan.draw(plan)
        if changed:
            st.session_state["import-roles"] = {**options.named, **changed}
            st.rerun()
        left, right = st.columns([0.75, 0.25], vertical_alignment="bottom")
        digest = hashlib.sha256(source.encode()).hexdigest()
        target = left.text_input("Pool to make or extend", str(_proposed(source)), key=f"import-pool-{digest[:8]}")
        if right.button("Import", type="primary", icon=":material/play_arrow:", width="stretch",
                        key="import-start"):  # fmt: skip
            _start(source, target.strip(), plan)


def _looked_at(source: str, options: Options) -> Plan:
    """The plan of the source; looked at again only when it or the options are others. Raises InputError."""
    kept = st.session_state.get("import-plan")
    if kept is None or kept[0] != (source, options):
        with st.spinner("Looking at the first pairs", show_time=True):
            kept = (source, options), look(source, options, held=0)
        st.session_state["import-plan"] = kept
    return kept[1]


def _options() -> Options:
    """How to read the source, where looking at it does not tell."""
    with st.expander("How to read it", icon=":material/settings:"), st.container(horizontal=True):
        images = st.text_input(
            "Folder of the images",
            key="import-images",
            width=260,
            help="Where the named files are, if not beside the table",
        )
        captions = st.selectbox("Of several captions", ["all", "first", "longest"], key="import-captions", width=140)
        delimiter = st.text_input("Delimiter", key="import-delimiter", width=100, placeholder="found", max_chars=1)
        encoding = st.text_input("Encoding", key="import-encoding", width=120, placeholder="found")
        header = st.selectbox("First row", ["found", "names", "a pair"], key="import-header", width=120)
    try:
        return Options(
            **st.session_state.get("import-roles", {}),
            images=str(Path(images).expanduser()) if images.strip() else None,
            captions=captions or "all",
            delimiter=delimiter or None,
            encoding=encoding.strip() or None,
            header={"names": True, "a pair": False}.get(header or ""),
        )
    except InputError as error:
        st.error(plain(error), icon=":material/error:")
        st.stop()


def _start(source: str, target: str, plan: Plan) -> None:
    """Submits the import, if the pool can be made there."""
    with noted():
        if not target:
            raise InputError("no pool is named; give the directory of the pool to make or extend.")
        pool = Path(target).expanduser()
        if pool.exists() and not (pool / "pool.json").exists() and (not pool.is_dir() or any(pool.iterdir())):
            raise InputError(f"{str(pool)!r} exists and is not a pool; choose an empty or new directory.")
        words = ["import", source, "--pool", str(pool), *_words(plan.options)]
        started = jobs.submit(words, kind="import", title=f"Import {Path(source).name or source}")
        st.session_state.setdefault("imports", {})[started] = str(pool)


def _words(options: Options) -> list[str]:
    """The options as words of the command line."""
    words = [word for role, name in options.named.items() for word in (f"--{role}", name)]
    for name in ("images", "delimiter", "encoding"):
        value = getattr(options, name)
        words += [f"--{name}", str(value)] if value else []
    words += ["--captions", options.captions] if options.captions != "all" else []
    return words + {True: ["--header"], False: ["--no-header"], None: []}[options.header]


def _progress() -> None:
    """The imports of this session; when one is done, the way to prepare and to open its pool."""
    started = [(jobs.get(job_id), path) for job_id, path in st.session_state.get("imports", {}).items()]
    if job_view.changed("imports-working", [job for job, _ in started if not job.finished]):
        st.rerun()
    for job, path in reversed(started):
        with st.container(border=True):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.text(job.title, width="content")
                job_view.badge(job)
            if job.finished:
                job_view.log(job, lines=8)
            else:
                job_view.bar(job)
            with st.container(horizontal=True):
                job_view.controls(job, key=f"import-{job.id}")
                if job.state == "done":
                    _next(job.id, path, prepared=job.kind == "prepare")


def _next(job_id: int, path: str, *, prepared: bool) -> None:
    if not prepared:
        model = st.text_input("Model", placeholder="ViT-B-32/openai, a checkpoint, or demo", key=f"model-{job_id}", width=280,
                              label_visibility="collapsed")  # fmt: skip
        if st.button("Prepare", type="primary", icon=":material/auto_awesome:", key=f"prepare-{job_id}",
                     help="Embed, test the model on this pool, map, find groups, compute the first scores"):  # fmt: skip
            words = ["prepare", *([model.strip()] if model.strip() else []), "--pool", path]
            started = jobs.submit(words, kind="prepare", title=f"Prepare {Path(path).name}")
            st.session_state["imports"][started] = path
            st.rerun()
    if st.button("Open the pool", key=f"open-{job_id}", icon=":material/database:"):
        pools.choose(path)
        navigation.forget_recipe()
        st.switch_page("app_pages/pool.py")


def _proposed(source: str) -> Path:
    stem = Path(source.rstrip("/")).name.split(".")[0].strip("*?[]{}") or "mine"
    return paths.home() / "pools" / (stem if not source.startswith(str(paths.home() / "uploads")) else "mine")


main()
