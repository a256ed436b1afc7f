"""Fetching DataComp's tasks when there is a network, and checking what is on the disk."""

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from ... import files
from ...errors import InputError
from ...pool import digests
from ...progress import Progress, silent
from . import default_dirs
from .datacomp import TASKS
from .shards import open_file, samples
from .task import Task

BASE = "https://huggingface.co/datasets/djghosh"
"""Where DataComp's own evaluation reads the `wds_*` task repositories from; `$POOLSCOPE_TASKS_URL` names a mirror."""

ELSEWHERE = {
    "retrieval/flickr_1k_test_image_text_retrieval": "nlphuji/flickr_1k_test_image_text_retrieval",
    "retrieval/mscoco_2014_5k_test_image_text_retrieval": "nlphuji/mscoco_2014_5k_test_image_text_retrieval",
    "misc/winogavil": "nlphuji/winogavil",
}
"""Tasks that are not published as tars: get that dataset's files and turn them into tars with `convert`."""

_POINTER = re.compile(r"oid sha256:([0-9a-f]{64})\s+size (\d+)")
_BLOCK = 1 << 20


def source() -> str:
    """The URL under which the task repositories are."""
    return os.environ.get("POOLSCOPE_TASKS_URL") or BASE


def fetch(
    keys: Sequence[str] | None = None,
    *,
    tasks_dir: Path | str | None = None,
    base: str | None = None,
    progress: Progress = silent,
) -> list[str]:
    """Downloads tasks (default: all that are published as tars) into `tasks_dir`; returns the keys that are there now.

    Every tar is checked against its published size and sha256; one that is whole already is kept, so a fetch that was
    stopped goes on. `nshards.txt`, which makes a task count as present, comes last.
    Raises InputError for unknown tasks, for those of `ELSEWHERE`, and when a file can't be had.
    """
    directory = Path(tasks_dir) if tasks_dir is not None else default_dirs()[0]
    wanted, base = _wanted(keys), base or source()
    for number, task in enumerate(wanted):
        progress(number, len(wanted), f"fetching {task.name}")
        _fetch_task(task, directory / task.folder, f"{base.rstrip('/')}/{task.folder}")
        progress(number + 1, len(wanted), f"{task.name} is there")
    return [task.key for task in wanted]


def _wanted(keys: Sequence[str] | None) -> list[Task]:
    known = {task.key: task for task in TASKS}
    if keys is None:
        return [task for task in TASKS if task.key not in ELSEWHERE]
    for key in keys:
        if key not in known:
            raise InputError(f"task {key!r} is not one of DataComp's; see `poolscope tasks`")
        if key in ELSEWHERE:
            raise InputError(f"task {key!r} is not published as tars; get the files of {ELSEWHERE[key]} and turn them "
                             f"into tars with `poolscope tasks --convert {key} --from FILE`")  # fmt: skip
    return [known[key] for key in keys]


def _fetch_task(task: Task, directory: Path, url: str) -> None:
    texts = {
        name: _get(f"{url}/resolve/main/{name}")
        for name in ("classnames.txt", "zeroshot_classification_templates.txt", "test/nshards.txt")
    }
    try:
        count = int(texts["test/nshards.txt"])
    except ValueError:
        raise InputError(f"{url}/resolve/main/test/nshards.txt holds no number; the repository has changed") from None
    for index in range(count):
        _fetch_tar(url, f"test/{index}.tar", directory / "test" / f"{index}.tar")
    for name, content in texts.items():
        files.write_bytes(directory / name, content)


def _fetch_tar(url: str, name: str, path: Path) -> None:
    pointer = _POINTER.search(_get(f"{url}/raw/main/{name}")[:1000].decode(errors="replace"))
    sha256, size = (pointer[1], int(pointer[2])) if pointer else (None, None)
    if path.is_file() and sha256 and path.stat().st_size == size and digests.of_path(path) == sha256:
        return
    digest, written = hashlib.sha256(), 0
    with files.replacing(path) as part, part.open("wb") as out, _open(f"{url}/resolve/main/{name}") as source:
        while block := source.read(_BLOCK):
            out.write(block)
            digest.update(block)
            written += len(block)
        if sha256 and (written != size or digest.hexdigest() != sha256):
            raise InputError(
                f"{url}/{name} came with {written} bytes and another sha256 than published; fetch it again"
            )


def _open(url: str) -> IO[bytes]:
    try:
        return open_file(url)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{url} can't be had ({error}); tasks are fetched over the network, check the connection"
        ) from error


def _get(url: str) -> bytes:
    with _open(url) as source:
        return source.read()


def check(task: Task) -> list[str]:
    """What is wrong with a task's files: unreadable tars, missing labels or vectors, another number of examples than
    DataComp lists. Reads every tar but decodes no image. Empty if all is well."""
    if task.root is None or not task.present:
        return [f"{task.key} is not on this disk"]
    wrong: list[str] = []
    count = unlabelled = bare = 0
    labelled = task.kind not in ("retrieval", "winogavil")
    try:
        for sample in samples(task.root, only=("cls", "npy", "txt")):
            count += 1
            unlabelled += labelled and not sample.members.get("cls", b"").strip().isdigit()
            bare += bool(task.fields) and "npy" not in sample.members
    except InputError as error:
        return [str(error)]
    if task.size and count != task.size:
        wrong.append(f"{task.key} has {count:,} examples, DataComp lists {task.size:,}")
    if unlabelled:
        wrong.append(f"{task.key}: {unlabelled:,} examples have no label")
    if bare:
        wrong.append(f"{task.key}: {bare:,} examples have no metadata vector")
    return wrong
