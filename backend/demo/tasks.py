"""Writes the demo's evaluation tasks: held-out images in the directory layout of DataComp's `wds_*` datasets."""

import io
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from .. import files
from . import classes
from .heldout import HeldOut
from .image import SourceImage, unit_hash, webp

SIDE = 56
CLIPART, EMOJI, GROUPS, RETRIEVAL, DIGITS = "Clip art", "Emoji", "Worst group", "Retrieval", "Digits"
# What the average counts alike: six of the nine tasks that count ask for what the emoji font shows.
CLIPART_ASKED, EMOJI_ASKED = "clip art", "emoji"
EMOJI_GROUPS = {
    "Smileys & Emotion": "face", "Animals & Nature": "animal", "Food & Drink": "food", "Travel & Places": "travel",
    "Activities": "activity", "Objects": "object", "Symbols": "symbol",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Example:
    """One example: the image file and either a label with metadata, or captions."""

    image: bytes
    label: int | None = None
    metadata: tuple[int, ...] = ()
    captions: tuple[str, ...] = ()


def small(picture: bytes, *, square: bool = False) -> bytes:
    """The thumbnail at the side of the tasks' images; `square` adds white above and below, or at both sides."""
    with Image.open(io.BytesIO(picture)) as opened:
        image = opened.convert("RGB")
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return webp(ImageOps.pad(image, (SIDE, SIDE), color="white") if square else image)


def write(
    root: Path,
    examples: Sequence[Example],
    *,
    key: str,
    about: Mapping[str, object],
    names: Sequence[str] = (),
    templates: Sequence[str] = (),
) -> None:
    """One task directory: task.json, class names and templates, test/nshards.txt and test/0.tar."""
    folder = root / key.replace("/", "-")
    folder.mkdir(parents=True, exist_ok=True)
    chance = about.get("chance")
    if chance is None:
        chance = 1 / len(names) if names else 1 / len(examples)
    files.write_json(
        folder / "task.json",
        {"key": key, **about, "suite": "demo", "size": len(examples), "classes": len(names) or None,
         "chance": round(float(str(chance)), 6)},
    )  # fmt: skip
    if names:
        files.write_text(folder / "classnames.txt", "\n".join(names) + "\n")
        files.write_text(folder / "zeroshot_classification_templates.txt", "\n".join(templates) + "\n")
    write_tar(folder / "test", examples)


def write_tar(folder: Path, examples: Sequence[Example]) -> None:
    """One part of a task: nshards.txt and 0.tar."""
    folder.mkdir(parents=True, exist_ok=True)
    files.write_text(folder / "nshards.txt", "1\n")
    with (
        files.replacing(folder / "0.tar") as part,
        tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for number, example in enumerate(examples):
            members = {"webp": example.image}
            if example.label is not None:
                members["cls"] = str(example.label).encode()
            if example.metadata:
                buffer = io.BytesIO()
                np.save(buffer, np.array(example.metadata, np.int64))
                members["npy"] = buffer.getvalue()
            if example.captions:
                members["txt"] = "\n".join(example.captions).encode()
            for end, content in members.items():
                member = tarfile.TarInfo(f"s{number:05d}.{end}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def images(path: Path) -> Iterator[bytes]:
    """The image files of a tar, in order."""
    with tarfile.open(path) as tar:
        for member in tar:
            if member.name.endswith(".webp") and (content := tar.extractfile(member)):
                yield content.read()


def labelled(
    rows: Sequence[tuple[SourceImage, str]], *, most: int | None = None, names: Sequence[str] | None = None
) -> tuple[list[Example], list[str]]:
    """Examples and class names from (image, class) rows; at most `most` examples of a class, by hash."""
    order = sorted(rows, key=lambda row: unit_hash("example", row[0].url))
    names = list(names) if names else sorted({name for _, name in rows})
    taken: Counter[str] = Counter()
    examples = []
    for picture, name in order:
        taken[name] += 1
        if most is None or taken[name] <= most:
            examples.append(Example(image=small(picture.thumbnail), label=names.index(name)))
    return examples, names


def write_all(root: Path, held: HeldOut, pool: Sequence[SourceImage]) -> None:
    """Writes every task under `root`. `pool` are the images that stay in the pool (for what is learnable)."""
    _clipart(root, held, pool)
    _emoji(root, held)
    _people(root, held)
    _flags(root, held)
    _retrieval(root, held)
    _digits(root)


def _clipart(root: Path, held: HeldOut, pool: Sequence[SourceImage]) -> None:
    rows = [(picture, classes.category(picture) or "") for picture in held.clipart]
    examples, names = labelled(rows, most=40)
    write(root, examples, key="clipart_categories", names=names,
          templates=["{c}", "{c}, clip art", "a picture of {c}", "{c}, cartoon, drawing"],
          about={"name": "Clip art categories", "kind": "classification", "metric": "mean_per_class_recall",
                 "group": CLIPART, "family": CLIPART_ASKED, "note": "Folders of Open Clip Art; images held out."})  # fmt: skip
    learnable = Counter(filter(None, (classes.noun(p) for p in pool if p.source == "openclipart")))
    rows = [(picture, classes.noun(picture) or "") for picture in held.clipart]
    rows = [row for row in rows if learnable[row[1]] >= 3]
    examples, names = labelled(rows, most=12)
    write(root, examples, key="clipart_objects", names=names,
          templates=["{c}", "a {c}", "a picture of a {c}", "{c}, clip art"],
          about={"name": "Clip art objects", "kind": "classification", "metric": "mean_per_class_recall",
                 "group": CLIPART, "family": CLIPART_ASKED, "note": "The one object that title, file name and keywords name."})  # fmt: skip


def _emoji(root: Path, held: HeldOut) -> None:
    rows = [(picture, EMOJI_GROUPS[picture.group]) for picture in held.emoji]
    examples, names = labelled(rows)
    write(root, examples, key="emoji_groups", names=names,
          templates=["{c}", "a {c}", "{c}, symbol", "a picture of a {c}"],
          about={"name": "Emoji groups", "kind": "classification", "metric": "mean_per_class_recall",
                 "group": EMOJI, "family": EMOJI_ASKED, "note": "Unicode's groups; emoji whose names are not in the pool either."})  # fmt: skip
    first = [(p, name) for i, (p, name, _) in enumerate(held.toned) if i % 2 == 0]
    examples, names = labelled(first)
    write(root, examples, key="emoji_people", names=names,
          templates=["{c}", "{c} medium skin tone", "{c} light skin tone", "{c} dark skin tone"],
          about={"name": "Emoji people and hands", "kind": "classification", "metric": "acc1", "group": EMOJI,
                 "family": EMOJI_ASKED, "note": "A skin tone that the pool lacks for this person; other tones are there."})  # fmt: skip


def _people(root: Path, held: HeldOut) -> None:
    rows = [(p, tone) for p, _, tone in held.toned]
    examples, names = labelled(rows, most=60, names=classes.TONES)
    write(root, examples, key="emoji_skin_tone", names=names,
          templates=["{c} skin tone", "person {c} skin tone", "woman {c} skin tone", "man {c} skin tone"],
          about={"name": "Skin tone of emoji", "kind": "classification", "metric": "acc1", "group": EMOJI,
                 "family": EMOJI_ASKED, "note": "Five tones: a task of colour."})  # fmt: skip
    order = sorted(held.toned, key=lambda row: unit_hash("gender", row[0].url))
    named = [(p, name.split()[0], tone) for p, name, tone in order if name.split()[0] in ("man", "woman")]
    examples = [
        Example(image=small(p.thumbnail), label=int(who == "woman"), metadata=(classes.TONES.index(tone),))
        for p, who, tone in named
    ]
    write(root, examples, key="emoji_gender", names=["man", "woman"],
          templates=["{c}", "{c} medium skin tone", "{c} light skin tone", "{c} dark skin tone", "{c} standing"],
          about={"name": "Man or woman, worst skin tone", "kind": "groups", "metric": "acc_wg", "group": GROUPS,
                 "family": EMOJI_ASKED, "fields": ["skin_tone"], "values": {"skin_tone": list(classes.TONES)}, "by": "skin_tone",
                 "note": "The accuracy of the skin tone that does worst."})  # fmt: skip


def _flags(root: Path, held: HeldOut) -> None:
    regions = list(classes.REGIONS)
    names = sorted({title for _, _, title in held.flags})
    examples = []
    for picture, code, title in held.flags:
        region = regions.index(classes.region(code) or "")
        examples.append(
            Example(
                image=small(picture.thumbnail, square=True),
                label=names.index(title),
                metadata=(region, names.index(title)),
            )
        )
    write(root, examples, key="flags", names=names, templates=["{c}", "flag for {c}", "{c} flag", "flag, {c}"],
          about={"name": "Country flags, worst region", "kind": "groups_top5", "metric": "acc_top5_wg",
                 "group": GROUPS, "family": EMOJI_ASKED, "fields": ["region", "country"], "values": {"region": regions}, "by": "region",
                 "chance": 5 / len(names),
                 "note": "Open Clip Art's flags; the pool has the emoji flag of each country."})  # fmt: skip


def _retrieval(root: Path, held: HeldOut) -> None:
    toned = sorted(held.toned, key=lambda row: unit_hash("retrieval", row[0].url))[:300]
    examples = [
        Example(image=small(p.thumbnail), captions=tuple(c.text for c in p.captions if c.language == "en"))
        for p, _, _ in toned
    ]
    write(root, examples, key="retrieval/emoji",
          about={"name": "Emoji retrieval", "kind": "retrieval", "metric": "mean_recall@1", "group": RETRIEVAL,
                 "family": EMOJI_ASKED, "note": "Skin tones that the pool lacks, by their English names."})  # fmt: skip
    titles = Counter(picture.title.lower() for picture in held.clipart)
    distinct = [p for p in held.clipart if titles[p.title.lower()] == 1 and not p.title.lower().startswith(("clipart",
            "svg", "part of")) and len(p.title) > 2]  # fmt: skip
    distinct = sorted(distinct, key=lambda p: unit_hash("retrieval", p.url))[:300]
    examples = [
        Example(
            image=small(p.thumbnail),
            captions=tuple(dict.fromkeys([p.title, f"{p.title}, {p.keywords}" if p.keywords else p.title])),
        )
        for p in distinct
    ]
    write(root, examples, key="retrieval/clipart",
          about={"name": "Clip art retrieval", "kind": "retrieval", "metric": "mean_recall@1", "group": RETRIEVAL,
                 "family": CLIPART_ASKED, "note": "Held-out images by title, and by title with keywords."})  # fmt: skip


def _digits(root: Path) -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = sorted(range(len(digits.target)), key=lambda i: unit_hash("digit", str(i)))
    taken: Counter[int] = Counter()
    examples = []
    for i in order:
        label = int(digits.target[i])
        taken[label] += 1
        if taken[label] > 40:
            continue
        grey = Image.fromarray((255 - digits.images[i] * (255 / 16)).astype(np.uint8))
        examples.append(
            Example(image=webp(grey.resize((48, 48), Image.Resampling.BICUBIC).convert("RGB")), label=label)
        )
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    write(root, examples, key="digits", names=names,
          templates=["{c}", "the number {c}", "the digit {c}", "keycap {c}"],
          about={"name": "Handwritten digits", "kind": "classification", "metric": "acc1", "group": DIGITS,
                 "averaged": False, "note": "scikit-learn's real 8 x 8 digits; nothing handwritten is in the pool."})  # fmt: skip
