"""Which images are held out of the demo pool, and as examples of which task; decided by hashes alone."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from . import classes
from .image import SourceImage, clusters, unit_hash

CLIPART_SHARE = 0.25
EMOJI_SHARE = 0.2
LARGEST_CLUSTER = 3


@dataclass
class HeldOut:
    """`barred`: digests of every image that must not be in the pool (held-out ones and their near duplicates).

    `clipart` and `emoji` are held-out images outside people and flags; `flags` pairs each held-out flag with
    its two-letter country code; `toned` maps a skin tone's emoji to (name without tone, tone).
    """

    barred: set[str] = field(default_factory=set)
    clipart: list[SourceImage] = field(default_factory=list)
    emoji: list[SourceImage] = field(default_factory=list)
    flags: list[tuple[SourceImage, str, str]] = field(default_factory=list)
    toned: list[tuple[SourceImage, str, str]] = field(default_factory=list)


def choose(clipart: Sequence[SourceImage], emoji: Sequence[SourceImage]) -> HeldOut:
    """Decides what is held out.

    Clip art: a quarter of the near-duplicate clusters (of at most three images) in folders with a category, and
    every country flag whose country also has an emoji flag. Emoji: a fifth of the clusters outside people and
    flags, and two of the five skin tones of each person or hand, so that its name stays in the pool.
    """
    held = HeldOut()
    _hold_flags(held, clipart, emoji)
    for images, share, kept, out in (
        (clipart, CLIPART_SHARE, lambda p: classes.category(p) is not None, held.clipart),
        (emoji, EMOJI_SHARE, lambda p: p.group not in ("People & Body", "Flags", "Unlisted"), held.emoji),
    ):
        cluster = clusters(images)
        sizes = Counter(cluster.tolist())
        members = defaultdict(list)
        for i, number in enumerate(cluster.tolist()):
            members[number].append(images[i])
        for number, group in members.items():
            name = min(image.url for image in group)
            eligible = sizes[number] <= LARGEST_CLUSTER and all(map(kept, group))
            if eligible and unit_hash("held out", name) < share:
                held.barred |= {image.sha256 for image in group}
                out += {image.sha256: image for image in reversed(group)}.values()
    _hold_tones(held, emoji)
    return held


def _hold_flags(held: HeldOut, clipart: Sequence[SourceImage], emoji: Sequence[SourceImage]) -> None:
    """Country flags of the clip art: the emoji flag of the same country stays in the pool."""
    names = {}
    for image in emoji:
        codes = image.url.removeprefix("noto-emoji/").removesuffix(".png").split("-")
        if image.group == "Flags" and len(codes) == 2 and codes[0].startswith("1f1"):
            code = "".join(chr(int(c, 16) - 0x1F1E6 + ord("A")) for c in codes)
            names[image.title.lower()] = (code, image.title)
    cluster = clusters(clipart)
    flags: dict[str, tuple[int, SourceImage, str]] = {}
    for i, image in enumerate(clipart):
        if not image.url.startswith("openclipart/signs_and_symbols/flags/"):
            continue
        name = " ".join(image.stem.replace("_", " ").replace("-", " ").split())
        code, title = names.get(classes.COUNTRY_NAMES.get(name, name), ("", ""))
        if code and classes.region(code) and code not in flags:
            flags[code] = (i, image, title)
    numbers = {int(cluster[i]) for i, _, _ in flags.values()}
    held.barred |= {p.sha256 for i, p in enumerate(clipart) if int(cluster[i]) in numbers}
    held.flags = [(image, code, title) for code, (_, image, title) in sorted(flags.items())]


def _hold_tones(held: HeldOut, emoji: Sequence[SourceImage]) -> None:
    """Two skin tones of each emoji that has five; an image that is shared by several tones is never held out."""
    shared = Counter(image.sha256 for image in emoji)
    by_name: dict[str, list[tuple[SourceImage, str]]] = defaultdict(list)
    for image in emoji:
        variant = classes.tone(image.title)
        if variant and shared[image.sha256] == 1:
            by_name[variant[0]].append((image, variant[1]))
    for name, variants in sorted(by_name.items()):
        if len(variants) != len(classes.TONES):
            continue
        order = np.argsort([unit_hash("tone", name, tone) for _, tone in variants])
        for i in order[:2]:
            image, tone = variants[int(i)]
            held.toned.append((image, name, tone))
            held.barred.add(image.sha256)
