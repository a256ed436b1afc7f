"""Emoji of the demo: groups by what the characters of the image's name say, exactly and whatever the caption."""

import numpy as np
import pyarrow.compute as pc

from ...pool import Pool
from ...progress import Progress
from ..group import Group, slug
from ..provider import Provider
from .web import country_regions

NAMED = r"noto-emoji/(?P<codes>[0-9a-f]+(?:-[0-9a-f]+)*)\.png$"
TONES = {0x1F3FB: "light", 0x1F3FC: "medium-light", 0x1F3FD: "medium", 0x1F3FE: "medium-dark", 0x1F3FF: "dark"}
WOMEN = {0x1F469, 0x1F467, 0x1F475, 0x2640, 0x1F478, 0x1F9D5, 0x1F483, 0x1F46D, 0x1F936, 0x1F930, 0x1F470}
MEN = {0x1F468, 0x1F466, 0x1F474, 0x2642, 0x1F934, 0x1F385, 0x1F57A, 0x1F46C, 0x1F574}
NEUTRAL = {0x1F9D1, 0x1F9D2, 0x1F9D3}
AGES = {
    "baby": {0x1F476, 0x1F37C}, "child": {0x1F466, 0x1F467, 0x1F9D2},
    "adult": {0x1F468, 0x1F469, 0x1F9D1}, "older": {0x1F474, 0x1F475, 0x1F9D3},
}  # fmt: skip
JOBS = {
    0x2695: "health worker", 0x1F393: "student", 0x1F3EB: "teacher", 0x2696: "judge", 0x1F33E: "farmer", 0x1F373: "cook",
    0x1F527: "mechanic", 0x1F3ED: "factory worker", 0x1F4BC: "office worker", 0x1F52C: "scientist", 0x1F4BB: "technologist",
    0x1F3A4: "singer", 0x1F3A8: "artist", 0x2708: "pilot", 0x1F680: "astronaut", 0x1F692: "firefighter",
}  # fmt: skip
SINGLE_JOBS = {
    0x1F46E: "police officer", 0x1F575: "detective", 0x1F482: "guard", 0x1F477: "construction worker", 0x1F977: "ninja",
}  # fmt: skip
FIRST_FLAG, LAST_FLAG = 0x1F1E6, 0x1F1FF
JOINER = 0x200D


class Emoji(Provider):
    """Flags by UN region, skin tones, gender, age and occupation as the emoji is drawn."""

    id = "emoji"
    families = ("flag drawn", "skin tone drawn", "gender drawn", "age drawn", "occupation drawn")

    def missing(self, pool: Pool) -> str:
        return "the pool has no emoji" if {"source", "url"} - pool.columns.keys() else ""

    def find(self, pool: Pool, progress: Progress) -> list[Group]:
        from ..scan import steps, text_array

        members: dict[tuple[str, str], np.ndarray] = {}
        for start, table in steps(pool, ["url"]):
            named = pc.struct_field(pc.extract_regex(text_array(table, "url"), NAMED), "codes")
            coded = named.dictionary_encode()
            kinds = [kinds_of(codes) for codes in coded.dictionary.to_pylist()]
            places = coded.indices.fill_null(len(kinds)).to_numpy(zero_copy_only=False)
            for kind in {kind for listed in kinds for kind in listed}:
                wanted = np.array([kind in listed for listed in kinds] + [False])
                mask = members.setdefault(kind, np.zeros(len(pool), dtype=bool))
                mask[start : start + len(places)] = wanted[places]
            progress(start + len(places), len(pool), "emoji")
        return [
            Group.of(
                mask, f"emoji.{slug(family)}.{slug(name)}", family, name, _title(family, name), source=self.id,
                method="characters of the emoji sequence that the image was drawn from (Unicode)",
                error="none: the characters decide; they tell how an emoji is drawn, not who anyone is",
            )
            for (family, name), mask in sorted(members.items())
        ]  # fmt: skip


def kinds_of(codes: str) -> set[tuple[str, str]]:
    """(family, group) of an emoji sequence in hex.

    >>> sorted(kinds_of("1f469-1f3ff-200d-1f680"))
    [('age drawn', 'adult'), ('gender drawn', 'woman'), ('occupation drawn', 'astronaut'), ('skin tone drawn', 'dark')]
    """
    points = [int(code, 16) for code in codes.split("-")]
    flag, tone, gender, age, job = Emoji.families
    if len(points) == 2 and all(FIRST_FLAG <= point <= LAST_FLAG for point in points):
        country = "".join(chr(point - FIRST_FLAG + ord("a")) for point in points)
        region = country_regions().get(country)
        return {(flag, region)} if region else set()
    here = set(points)
    kinds = {(tone, TONES[point]) for point in here & TONES.keys()}
    person = bool(here & (WOMEN | MEN | NEUTRAL) or kinds)
    if person:
        kinds |= {(gender, name) for name, signs in (("woman", WOMEN), ("man", MEN)) if here & signs}
        if not here & (WOMEN | MEN):
            kinds.add((gender, "unmarked"))
        kinds |= {(age, name) for name, signs in AGES.items() if here & signs}
    if JOINER in here and here & (WOMEN | MEN | NEUTRAL):
        kinds |= {(job, JOBS[point]) for point in here & JOBS.keys()}
    kinds |= {(job, SINGLE_JOBS[point]) for point in here & SINGLE_JOBS.keys()}
    return kinds


def _title(family: str, name: str) -> str:
    what = family.removesuffix(" drawn")
    if what == "flag":
        return f"drawn as a flag of {name}"
    if what == "skin tone":
        return f"drawn with {name} skin tone"
    if name == "unmarked":
        return "drawn as a person without marked gender"
    return f"drawn as {'an' if name[0] in 'aeiou' else 'a'} {name}{' person' if name in ('older', 'adult') else ''}"
