"""Writes the training parts of the demo's tasks: `python -m poolscope.demo.training_part`.

The images are the pool's own, which near-duplicates of the held-out ones never enter; labels come from folders, titles
and Unicode's groups, not from captions, so that swapped captions don't reach them. Handwritten digits and retrieval have
none: nothing like them is in the pool.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ..paths import ASSETS
from ..pool.prints import Prints, joined
from . import classes, tasks
from .image import SourceImage, unit_hash

MOST = {
    "clipart_categories": 12, "clipart_objects": 5, "emoji_groups": 25, "emoji_people": 1, "emoji_skin_tone": 30,
    "emoji_gender": 50, "flags": 1,
}  # fmt: skip


def label(key: str, image: SourceImage) -> str | None:
    """The name of the class of a pool image in a task; None if it is no example of it."""
    emoji = image.source == "emoji"
    toned = classes.tone(image.title) if emoji else None
    person = image.title.split()[0] if toned else ""
    named: Mapping[str, Callable[[], str | None]] = {
        "clipart_categories": lambda: None if emoji else classes.category(image),
        "clipart_objects": lambda: None if emoji else classes.noun(image),
        "emoji_groups": lambda: tasks.EMOJI_GROUPS.get(image.group) if emoji else None,
        "emoji_people": lambda: toned[0] if toned else None,
        "emoji_skin_tone": lambda: toned[1] if toned else None,
        "emoji_gender": lambda: person if person in ("man", "woman") else None,
        "flags": lambda: image.title if emoji and image.group == "Flags" else None,
    }
    return named[key]()


def pool_images(source: Path) -> Iterator[SourceImage]:
    """Each image of the demo's pairs once, by its digest."""
    import pyarrow.parquet as pq

    rows = {row["sha256"]: row for row in pq.read_table(source / "pairs.parquet").to_pylist()}
    with (source / "thumbnails.zip").open("rb") as archive:
        for sha256, row in sorted(rows.items()):
            archive.seek(row["image_offset"])
            yield SourceImage(
                url=row["url"], source=row["source"], title=row["title"] or "", group=row["group"] or "",
                keywords=row["keywords"] or "", captions=(), width=row["width"], height=row["height"], sha256=sha256,
                thumbnail=archive.read(row["image_bytes"]), print_=b"",
            )  # fmt: skip


def write_all(source: Path, root: Path) -> dict[str, int]:
    """Writes `train/` beside the `test/` of each task under `root`; returns how many examples each has."""
    images = list(pool_images(source))
    held = joined([Prints.of(tasks.images(folder / "test" / "0.tar")) for folder in sorted(root.iterdir())])
    counts = {}
    for key, most in MOST.items():
        names = (root / key / "classnames.txt").read_text(encoding="utf-8").splitlines()
        rows = [(image, name) for image in images if (name := label(key, image)) in names]
        taken = sorted(rows, key=lambda row: unit_hash("training", row[0].url))
        examples, _ = tasks.labelled(taken, most=most, names=names)
        seen = Prints.of(example.image for example in examples).like(held) >= 0
        examples = [example for example, peeks in zip(examples, seen, strict=True) if not peeks]
        tasks.write_tar(root / key / "train", examples)
        counts[key] = len(examples)
    return counts


if __name__ == "__main__":
    print(write_all(ASSETS / "demo", ASSETS / "demo" / "tasks"))
