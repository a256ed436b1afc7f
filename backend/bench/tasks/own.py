"""Evaluation tasks of one's own: a folder per class, a table, or shards become a task of a suite that is averaged apart."""

import hashlib
import io
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ... import files, paths
from ...errors import InputError
from ...pool.decoding import extension, measure, open_rgb
from ...pool.images import LARGEST_FILE
from ...progress import Progress, silent
from .convert import Member, write_shards
from .examples import Example, examples_of
from .shards import lines
from .task import Task, from_json

SUITE = "own"
TRAIN = "train"
TEMPLATES = ("a photo of a {c}.",)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass
class Added:
    """A task that was made: its examples and classes, the `training` examples beside them, and what was left out and why."""

    task: Task
    examples: int
    classes: int | None
    training: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        return {
            "task": self.task.as_json(), "examples": self.examples, "classes": self.classes,
            "training": self.training, "skipped": dict(self.skipped),
        }  # fmt: skip


def add(
    name: str,
    source: Path | str,
    *,
    suite: str = SUITE,
    templates: Sequence[str] = (),
    into: Path | None = None,
    progress: Progress = silent,
) -> Added:
    """Makes the task `name` of what is at `source` and keeps it under the home.

    `source`: a folder with a folder of images per class (its `test` or `val` part, if it has one), a table (CSV, JSON,
    parquet, …) with an image and a label or a caption column, alone or in a folder, a folder of images with a `.txt`
    beside each, or a directory in CLIP_benchmark's layout. Labels give zero-shot classification with the prompts
    `templates` (`{c}` or `{}` is the class), captions give retrieval. Of a table with a column such as `split` the test
    rows are asked, and labelled train rows become the training part. Unreadable images, repeated examples and other splits
    are counted and left out.
    Raises InputError for a name that is taken, and for a source without two classes or two examples.
    """
    from . import default_dirs, tasks_list

    _check_names(name, suite)
    source = Path(source).expanduser()
    if not source.exists():
        raise InputError(f"nothing at {str(source)!r}; give a folder per class, a table, or shards of a task.")
    key = f"{suite}/{name}"
    if key in {task.key for task in tasks_list()}:
        raise InputError(f"task {key!r} exists; remove it with `poolscope tasks remove {key}`, or choose another name.")
    root = (into or default_dirs()[0]) / f"{suite}--{name}"
    filled = _templates(templates)
    if (source / "test" / "nshards.txt").is_file():
        return _copied(source, root, key, name, suite, filled if templates else ())
    skipped: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="poolscope-") as room, files.replacing_folder(root) as part:
        seen: set[bytes] = set()
        asked, rest = _parts(source, list(examples_of(source, Path(room))), skipped)
        examples = list(_checked(asked, skipped, seen, progress))
        retrieval = bool(examples) and bool(examples[0].captions)
        classes = sorted({example.label for example in examples}) if not retrieval else []
        _refuse_useless(source, examples, classes, retrieval, skipped)
        write_shards(part, _members(examples, classes))
        training = list(_to_learn_from(_checked(rest, skipped, seen, progress), classes, skipped))
        if training:
            write_shards(part, _members(training, classes), TRAIN)
        if classes:
            # `golden_retriever` is "golden retriever"
            names = (" ".join(one.replace("_", " ").split()) for one in classes)
            files.write_text(part / "classnames.txt", "".join(f"{one}\n" for one in names))
            files.write_text(part / "zeroshot_classification_templates.txt", "".join(f"{one}\n" for one in filled))
        about = {
            "key": key, "name": name, "kind": "retrieval" if retrieval else "classification", "suite": suite,
            "size": len(examples), "classes": len(classes) or None, "chance": 1 / (len(classes) or len(examples)),
            "note": f"made from {source.name}",
        }  # fmt: skip
        files.write_json(part / "task.json", about)
    return Added(from_json(about, root), len(examples), len(classes) or None, len(training), skipped)


def root_of(key: str) -> Path:
    """The directory of a task of one's own. Raises InputError for one that ships, or that is not there."""
    from . import tasks_list

    known = {task.key: task for task in tasks_list()}
    task = known.get(key)
    if task is None or not isinstance(task.root, Path):
        own = ", ".join(k for k, t in known.items() if t.suite not in ("datacomp", "demo")) or "none"
        raise InputError(f"there is no task {key!r} of your own; there are: {own}.")
    if paths.ASSETS in task.root.parents or task.suite == "datacomp":
        raise InputError(f"task {key!r} came with Poolscope or DataComp; only tasks of your own are removed.")
    return task.root


def _check_names(name: str, suite: str) -> None:
    for what, given in (("task", name), ("suite", suite)):
        if not _NAME.fullmatch(given):
            raise InputError(f"{what} name {given!r} is not allowed: letters, digits, '.', '_' and '-', at most 64.")
    if suite in ("datacomp", "demo"):
        raise InputError(f"suite {suite!r} is averaged as it ships; choose another name, for example --suite {SUITE}.")


def _templates(given: Sequence[str]) -> tuple[str, ...]:
    chosen = tuple(template.replace("{}", "{c}").strip() for template in given) or TEMPLATES
    for template in chosen:
        if "{c}" not in template:
            raise InputError(f"template {template!r} names no class; write {{}} where it goes: 'a photo of a {{}}.'")
    return chosen


def _read(path: Path) -> bytes | str:
    try:
        if path.stat().st_size > LARGEST_FILE:
            return f"image file larger than {LARGEST_FILE >> 20} MiB"
        return path.read_bytes()
    except (OSError, ValueError):
        return "image file missing or unreadable"


def _parts(
    source: Path, examples: Sequence[Example | str], skipped: Counter[str]
) -> tuple[list[Example], list[Example]]:
    """The examples to ask, those of a table's test split if it has one, and those to learn from; others are counted.

    Raises InputError for a table with a train split and none for a test.
    """
    skipped.update(one for one in examples if isinstance(one, str))
    given = [one for one in examples if isinstance(one, Example)]
    splits = {one.split for one in given}
    if len(splits) < 2 or not splits & {TRAIN, "test", "val"}:
        return given, []
    asked = next((split for split in ("test", "val") if split in splits), None)
    if asked is None:
        named = ", ".join(sorted(repr(split or "none") for split in splits)[:5])
        raise InputError(
            f"{source.name} has splits {named}, and none is test or val; keep the rows to ask, or rename it."
        )
    skipped.update(f"of the split {one.split or 'none'!r}" for one in given if one.split not in (asked, TRAIN))
    return [one for one in given if one.split == asked], [one for one in given if one.split == TRAIN]


def _to_learn_from(examples: Iterator[Example], classes: Sequence[str], skipped: Counter[str]) -> Iterator[Example]:
    """Training examples of the classes that are asked; a task of captions has none."""
    for example in examples:
        if example.label and example.label in classes:
            yield example
        else:
            skipped["for training, of a class that is not asked" if classes else f"of the split {TRAIN!r}"] += 1


def _checked(
    examples: Sequence[Example], skipped: Counter[str], seen: set[bytes], progress: Progress
) -> Iterator[Example]:
    """Examples whose image decodes, each once: `seen` are the digests of those before."""
    for number, example in enumerate(examples, start=1):
        progress(number, 0, f"{number:,} examples read")
        content = _read(example.path)
        if isinstance(content, str):
            skipped[content] += 1
            continue
        subject = content + example.label.encode() + "\n".join(example.captions).encode()
        digest = hashlib.sha256(subject).digest()
        try:
            measure(content)
        except ValueError:
            skipped["image can't be decoded"] += 1
            continue
        if digest in seen:
            skipped["the same image and label again"] += 1
        elif not example.captions and not example.label:
            skipped["no caption"] += 1
        else:
            seen.add(digest)
            yield example


def _refuse_useless(
    source: Path, examples: Sequence[Example], classes: Sequence[str], retrieval: bool, skipped: Counter[str]
) -> None:
    why = ", ".join(f"{reason}: {count:,}" for reason, count in skipped.most_common(3))
    left = f" ({why})" if why else ""
    if not examples and not why and source.is_dir():
        left = (
            " (no folder of images per class, no table, no text beside an image; shards lie in test/ with nshards.txt)"
        )
    if len(examples) < 2:
        raise InputError(f"{str(source)!r} gives {len(examples)} examples{left}; a task needs two or more.")
    if not retrieval and len(classes) < 2:
        raise InputError(f"{str(source)!r} has one class, {classes[0]!r}{left}; a task needs two or more.")


def _members(examples: Sequence[Example], classes: Sequence[str]) -> Iterator[Member]:
    places = {name: place for place, name in enumerate(classes)}
    for number, example in enumerate(examples):
        about = (
            {"cls": str(places[example.label]).encode()} if classes else {"txt": "\n".join(example.captions).encode()}
        )
        ending, content = _readable(example.path.read_bytes())
        yield f"{number:08d}", {ending: content, **about}


def _readable(content: bytes) -> tuple[str, bytes]:
    """The image with an extension that tasks have; one of another format is written as PNG."""
    ending = extension(content)
    if ending in ("png", "jpg", "webp"):
        return ending, content
    out = io.BytesIO()
    open_rgb(content).save(out, "PNG")
    return "png", out.getvalue()


def _copied(source: Path, root: Path, key: str, name: str, suite: str, templates: Sequence[str]) -> Added:
    """A task in CLIP_benchmark's layout, copied; `wds_*_test` directories are that."""
    labels = source / "classnames.txt"
    described = files.read_json(source / "task.json", dict) if (source / "task.json").is_file() else {}
    classes = len(lines(source, labels.name)) if labels.is_file() else None
    if classes is None and described.get("kind") != "retrieval" and not _has_captions(source):
        raise InputError(f"{str(source)!r} has no classnames.txt, and its samples no captions; add one of them.")
    with files.replacing_folder(root) as part:
        shutil.copytree(source, part, ignore=shutil.ignore_patterns("train", ".*"), dirs_exist_ok=True)
        prompts = part / "zeroshot_classification_templates.txt"
        if templates or (labels.is_file() and not prompts.is_file()):
            files.write_text(prompts, "".join(f"{one}\n" for one in templates or TEMPLATES))
        _describe(part, described, key, name, suite, classes)
    return Added(from_json(files.read_json(root / "task.json"), root), int(described.get("size") or 0), classes)


def _describe(root: Path, described: dict[str, Any], key: str, name: str, suite: str, classes: int | None) -> None:
    """Writes the copied task's `task.json`. Raises InputError if its files are not whole."""
    from .fetch import check

    about = {**described, "key": key, "name": name, "suite": suite, "classes": classes,
             "kind": described.get("kind") or ("classification" if classes else "retrieval")}  # fmt: skip
    with files.reading(root / "task.json", "see the guide to tasks of one's own"):
        task = from_json(about, root)
    files.write_json(root / "task.json", about)
    wrong = check(task)
    if wrong:
        raise InputError(f"the task's files are not whole: {wrong[0]}")


def _has_captions(source: Path) -> bool:
    from .shards import samples

    return any(sample.captions for sample, _ in zip(samples(source), range(3), strict=False))
