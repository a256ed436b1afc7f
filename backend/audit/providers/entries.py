"""MetaCLIP entries as groups: captions that hold an entry of a list as a space-delimited string."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...pool import Pool
from ...progress import Progress
from ..group import Group, slug
from ..provider import Provider

SHORTEST = 4  # letters; shorter entries are mostly particles
MOST, LEAST = 40, 100  # entries, and captions of each
FAMILY = "MetaCLIP entry"


class Entries(Provider):
    """The `MOST` commonest entries of `<pool>/lexicons/entries.txt` (one a line), or of WordNet's synset names."""

    id = "entries"
    families = (FAMILY,)
    costly = True
    needs = ("text",)

    def key(self, pool: Pool) -> dict[str, Any]:
        own = _own(pool)
        listed = own.stat().st_mtime_ns if own else "wordnet"
        return {"list": listed, "most": MOST, "least": LEAST, "version": 1}

    def find(self, pool: Pool, progress: Progress) -> list[Group]:
        from ...text.matching import Matcher
        from ..scan import steps, text_array

        listed = entry_list(pool)
        counts = np.zeros(len(listed), dtype=np.int64)
        matcher = Matcher.build(listed)
        for start, table in steps(pool, ["text"]):
            matcher.count(text_array(table), counts)
            progress(start + table.num_rows, 2 * len(pool), "entries")
        order = [int(place) for place in np.argsort(-counts, kind="stable") if len(listed[place]) >= SHORTEST]
        chosen = [listed[place] for place in order[:MOST] if counts[place] >= LEAST]
        return entry_groups(pool, chosen, progress)


def entry_groups(pool: Pool, entries: Sequence[str], progress: Progress) -> list[Group]:
    """One group per entry, by MetaCLIP's exact rule: any entry can be a group."""
    from ...text.matching import Matcher
    from ..scan import steps, text_array

    if not entries:
        return []
    matcher = Matcher.build(entries)
    masks = np.zeros((len(entries), len(pool)), dtype=bool)
    for start, table in steps(pool, ["text"]):
        offsets, ids = matcher.match(text_array(table))
        rows = np.repeat(np.arange(start, start + table.num_rows), np.diff(offsets))
        masks[ids, rows] = True
        progress(len(pool) + start + table.num_rows, 2 * len(pool), "entries")
    return [
        Group.of(
            mask, f"entry.{slug(entry)}", FAMILY, entry, f"mentions “{entry}”", source=Entries.id,
            method="MetaCLIP's matching: the entry between spaces after seven punctuation marks are spaced, case as written",
            error="no word forms and no senses: plurals, capitals and other meanings are other entries",
        )
        for entry, mask in zip(entries, masks)
    ]  # fmt: skip


def entry_list(pool: Pool) -> list[str]:
    """The distinct entries of the list in use."""
    own = _own(pool)
    if own:
        from ...text.entries import read_entries

        return read_entries(own)
    from ...text.wordnet import synset_names

    return [name for name in dict.fromkeys(name.replace("_", " ") for name in synset_names()) if name.strip()]


def _own(pool: Pool) -> Any:
    path = pool.path / "lexicons" / "entries.txt"
    return path if path.exists() else None
