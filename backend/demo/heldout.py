"""Which pictures are held out of the demo pool, and as examples of which task; decided by hashes alone."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from . import classes
from .picture import Picture, clusters, unit_hash

CLIPART_SHARE = 0.25
EMOJI_SHARE = 0.2
LARGEST_CLUSTER = 3


@dataclass
class HeldOut:
    """`barred`: digests of every picture that must not be in the pool (held-out ones and their near duplicates).

    `clipart` and `emoji` are held-out pictures outside people and flags; `flags` pairs each held-out flag with
    its two-letter country code; `toned` maps a skin tone's emoji to (name without tone, tone).
    """

    barred: set[str] = field(default_factory=set)
    clipart: list[Picture] = field(default_factory=list)
    emoji: list[Picture] = field(default_factory=list)
    flags: list[tuple[Picture, str, str]] = field(default_factory=list)
    toned: list[tuple[Picture, str, str]] = field(default_factory=list)


def choose(clipart: Sequence[Picture], emoji: Sequence[Picture]) -> HeldOut:
    """Decides what is held out.

    Clip art: a quarter of the near-duplicate clusters (of at most three pictures) in folders with a category, and
    every country flag whose country also has an emoji flag. Emoji: a fifth of the clusters outside people and
    flags, and two of the five skin tones of each person or hand, so that its name stays in the pool.
    """
    held = HeldOut()
    _hold_flags(held, clipart, emoji)
    for pictures, share, kept, out in (
        (clipart, CLIPART_SHARE, lambda p: classes.category(p) is not None, held.clipart),
        (emoji, EMOJI_SHARE, lambda p: p.group not in ("People & Body", "Flags", "Unlisted"), held.emoji),
    ):
        cluster = clusters(pictures)
        sizes = Counter(cluster.tolist())
        members = defaultdict(list)
        for i, number in enumerate(cluster.tolist()):
            members[number].append(pictures[i])
        for number, group in members.items():
            name = min(picture.url for picture in group)
            eligible = sizes[number] <= LARGEST_CLUSTER and all(map(kept, group))
            if eligible and unit_hash("held out", name) < share:
                held.barred |= {picture.sha256 for picture in group}
                out += {picture.sha256: picture for picture in reversed(group)}.values()
    _hold_tones(held, emoji)
    return held


def _hold_flags(held: HeldOut, clipart: Sequence[Picture], emoji: Sequence[Picture]) -> None:
    """Country flags of the clip art: the emoji flag of the same country stays in the pool."""
    names = {}
    for picture in emoji:
        codes = picture.url.removeprefix("noto-emoji/").removesuffix(".png").split("-")
        if picture.group == "Flags" and len(codes) == 2 and codes[0].startswith("1f1"):
            code = "".join(chr(int(c, 16) - 0x1F1E6 + ord("A")) for c in codes)
            names[picture.title.lower()] = (code, picture.title)
    cluster = clusters(clipart)
    flags: dict[str, tuple[int, Picture, str]] = {}
    for i, picture in enumerate(clipart):
        if not picture.url.startswith("openclipart/signs_and_symbols/flags/"):
            continue
        name = " ".join(picture.stem.replace("_", " ").replace("-", " ").split())
        code, title = names.get(classes.COUNTRY_NAMES.get(name, name), ("", ""))
        if code and classes.region(code) and code not in flags:
            flags[code] = (i, picture, title)
    numbers = {int(cluster[i]) for i, _, _ in flags.values()}
    held.barred |= {p.sha256 for i, p in enumerate(clipart) if int(cluster[i]) in numbers}
    held.flags = [(picture, code, title) for code, (_, picture, title) in sorted(flags.items())]


def _hold_tones(held: HeldOut, emoji: Sequence[Picture]) -> None:
    """Two skin tones of each emoji that has five; a picture that is shared by several tones is never held out."""
    shared = Counter(picture.sha256 for picture in emoji)
    by_name: dict[str, list[tuple[Picture, str]]] = defaultdict(list)
    for picture in emoji:
        found = classes.tone(picture.title)
        if found and shared[picture.sha256] == 1:
            by_name[found[0]].append((picture, found[1]))
    for name, variants in sorted(by_name.items()):
        if len(variants) != len(classes.TONES):
            continue
        order = np.argsort([unit_hash("tone", name, tone) for _, tone in variants])
        for i in order[:2]:
            picture, tone = variants[int(i)]
            held.toned.append((picture, name, tone))
            held.barred.add(picture.sha256)
