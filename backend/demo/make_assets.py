"""Derives the demo's assets from Debian's packages: `python -m poolscope.demo.make_assets`.

Needs the packages openclipart-png, openclipart-svg, fonts-noto-color-emoji and unicode-data, and Pillow with
Raqm. Takes a few minutes; the teacher's weights are made afterwards by `poolscope.demo.train_teacher`.
"""

import argparse
import shutil
from pathlib import Path

from ..paths import ASSETS
from . import clipart, emoji_font, heldout, pairs, tasks, training_part


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ASSETS / "demo")
    out: Path = parser.parse_args(argv).out
    drawings, emoji = list(clipart.images()), list(emoji_font.images())
    held = heldout.choose(drawings, emoji)
    left = [image for image in drawings if image.sha256 not in held.barred]
    pool = [*left, *emoji_font.sized([image for image in emoji if image.sha256 not in held.barred], left)]
    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / "tasks", ignore_errors=True)
    tasks.write_all(out / "tasks", held, pool)
    table = pairs.write(pool, out)
    training_part.write_all(out, out / "tasks")
    print(f"{len(table)} pairs of {len({p.sha256 for p in pool})} images, {len(held.barred)} images held out")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
