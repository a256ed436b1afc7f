"""MetaCLIP: captions balanced over a list of entries, as one key per pair."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import files
from ..errors import InputError
from ..kernels.hashing import draw
from ..pool import Pool, digests
from ..progress import Progress, silent
from .base import Batch, Each, Method, Unit, by_unit, here, param

if TYPE_CHECKING:
    from ..text.matching import Matcher

_READ = 65_536


def tail_threshold(counts: np.ndarray, share: float) -> int:
    """The smallest t whose tail holds at least `share` of all matches: `sum of counts below t >= share * sum`.

    The paper's 6 % gives t = 20,000 on its 1.6B pairs, 170,000 on 10.7B, 60,000 on DataComp's 12.8B. 0 without matches.

    >>> tail_threshold(np.array([1, 1, 2, 96]), 0.04)
    3
    """
    counts = np.sort(counts[counts > 0].astype(np.int64))
    if not len(counts) or share <= 0:
        return 0
    reached = np.searchsorted(np.cumsum(counts), share * counts.sum() * (1 - 1e-12))
    return int(counts[min(reached, len(counts) - 1)]) + 1


@dataclass(frozen=True)
class Balance:
    """What one pass over a pool leaves: the list of entries, one a line, and how many captions hold each, (M,) int64."""

    listed: str
    mode: str
    counts: np.ndarray
    t: float = np.nan

    def keys(self, batch: Batch, seed: int) -> np.ndarray:
        draws = draw(seed, batch.uid_hi, batch.uid_lo)
        return _matcher(self.listed, self.mode).least_keys(batch["text"], self.counts, draws)


@dataclass(frozen=True, kw_only=True)
class MetaClip(Method):
    """MetaCLIP's balancing as a score: `-key`, with `key = min over the caption's entries of u * count`.

    count: how many captions of the pool hold an entry; u: a hash in [0, 1) of (seed, uid, entry). MetaCLIP keeps a caption
    if any entry draws `u < t / max(count, t)`, which is `u * count < t`; so the pair is kept at t exactly when
    `key < t`, as the rule `{score: metaclip, min: -20000}` says. Subsets are nested in t, and a caption with a tail entry
    (count <= t) is always kept. A caption without an entry is not scored (NaN) and never kept.

    An entry is held if it stands between spaces, after the seven marks `, . ; : ? !` and back-tick got spaces and line ends
    became spaces; case counts. `relaxed` ignores Unicode form and runs of spaces and finds entries with marks inside;
    `worldwide` lets entries of Chinese, Japanese, Thai and the like touch their neighbours.
    Lists: `wordnet` (86,654 entries with the numbers, ready at once), `corpus` (WordNet, frequent words and word pairs, titles; of
    the file `corpus`, or of the pool's captions), or a file. The released sampler draws without a seed; ours is a hash.

    Reads captions twice, gives `(n,)` float32 <= 0. About 2 µs a caption and pass. Statistics of the pool (6 % tail share,
    the most frequent entries, entries that can't match) go to `reports/metaclip-*.json` of the pool.
    """

    id = "metaclip"
    order = 190
    title = "MetaCLIP balancing"
    formula = r"-\min_{e \in \mathrm{caption}} u_{i,e}\, c_e,\quad \mathrm{kept} \Leftrightarrow \mathrm{key} < t"
    paper = "Xu et al. 2023 (Demystifying CLIP Data), arXiv 2309.16671"
    cost = "about 4 µs per caption and core"
    published = (
        "400M of Common Crawl at t = 20,000, ViT-B/32: ImageNet 65.5 (CLIP 63.4); not balanced 61.9. DataComp's 12.8B pool at "
        "t = 60,000, ViT-B/32: 65.4, average of 26 tasks 57.5"
    )
    scan_rows = 16384
    inputs = ("text",)

    metadata: str = param(
        "wordnet", "entries: wordnet, corpus, or the path of a JSON list or a text file", of="path",
        content=lambda name: "" if name == "corpus" else digests.of_value(_listed(name)),
    )  # fmt: skip
    mode: str = param("exact", "matching rule", choices=("exact", "relaxed", "worldwide"))
    seed: int = param(0, "another seed, another draw", low=0)
    corpus: str = param(
        "", "with metadata=corpus: a text file, one document a line; empty: the pool's captions", of="path"
    )
    titles: str = param("", "with metadata=corpus: a file of titles and views, tab-separated", of="path")
    min_count: int = param(100, "with metadata=corpus: fewest occurrences of a word", low=1)
    min_pmi: float = param(
        30.0, "with metadata=corpus: least mutual information of a word pair, in bits", low=-100, high=100
    )
    budget: int = param(500_000, "with metadata=corpus: most entries", low=1, high=100_000_000)

    def check(self, pool: Pool) -> None:
        super().check(pool)
        if self.metadata not in ("wordnet", "corpus"):
            _listed(self.metadata)
        for name, path in (("corpus", self.corpus), ("titles", self.titles)):
            if self.metadata == "corpus" and path and not Path(path).is_file():
                raise InputError(f"{self.id}: {name} is {path!r}, which is no file; give the path of a text file.")

    def prepare(self, pool: Pool, progress: Progress = silent, each: Each = here) -> Balance:
        """Matches every caption once and counts; writes the report."""
        listed = self._corpus_entries(pool, progress, each) if self.metadata == "corpus" else _listed(self.metadata)
        matcher = _matcher(listed, self.mode)
        counts = np.zeros(len(matcher.entries), np.int64)
        matched = 0
        part = partial(_counted, listed=listed, mode=self.mode)
        for _, (more, held) in by_unit(pool, part, "counting entries", progress, each):
            counts += more
            matched += held
        self._report(pool, matcher, counts, matched)
        return Balance(listed, self.mode, counts)

    def score(self, batch: Batch, state: Any) -> np.ndarray:
        return (-state.keys(batch, self.seed)).astype(np.float32)

    def _corpus_entries(self, pool: Pool, progress: Progress, each: Each) -> str:
        from ..text.entries import build_entries, read_lines, read_titles

        def tally(count: Callable[[Iterable[str]], Counter[Any]]) -> Counter[Any]:
            if self.corpus:
                return count(read_lines(self.corpus))
            total: Counter[Any] = Counter()
            for _, part in by_unit(pool, partial(_tallied, count=count), "counting words", progress, each):
                total.update(part)
            return total

        titles: Iterable[tuple[str, int]] = read_titles(self.titles) if self.titles else ()
        listed = build_entries(
            corpus=tally, titles=titles, min_count=self.min_count, min_pmi=self.min_pmi, budget=self.budget
        )
        return "\n".join(listed)

    def _report(self, pool: Pool, matcher: "Matcher", counts: np.ndarray, matched: int) -> None:
        most = np.argsort(-counts, kind="stable")[:20]
        about = {
            "matched": matched,
            "matches": int(counts.sum()),
            "entries": len(counts),
            "entries_without_match": int((counts == 0).sum()),
            "entries_unmatchable": matcher.unmatchable,
            "t_at_tail_share_of_6_percent": tail_threshold(counts, 0.06),
            "most_frequent": [[matcher.entries[i], int(counts[i])] for i in most if counts[i]],
        }
        write_report(pool, MetaClip.id, self.parameters(), about)


def write_report(pool: Pool, kind: str, parameters: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Leaves what was counted in `reports/KIND-*.json` of the pool, a file for each choice of parameters."""
    name = hashlib.sha256(repr(sorted(parameters.items())).encode()).hexdigest()[:8]
    content = {"parameters": parameters, "pairs": len(pool), **about}
    files.write_json(pool.path / "reports" / f"{kind}-{name}.json", content)


def _counted(pool: Pool, unit: Unit, *, listed: str, mode: str) -> tuple[np.ndarray, int]:
    """How many captions of the unit hold each entry, and how many hold any."""
    matcher = _matcher(listed, mode)
    counts, matched = np.zeros(len(matcher.entries), np.int64), 0
    for batch in pool.scan(["text"], start=unit.start, stop=unit.stop, batch_size=_READ):
        matched += matcher.count(batch.column(0), counts)
    return counts, matched


def _tallied(pool: Pool, unit: Unit, *, count: Callable[[Iterable[str]], Counter[Any]]) -> Counter[Any]:
    scan = pool.scan(["text"], start=unit.start, stop=unit.stop, batch_size=_READ)
    return count(text for batch in scan for text in batch.column(0).fill_null("").to_pylist())


def _listed(name: str) -> str:
    """The entries of `wordnet` or of a file, one a line. InputError if there are none or one holds a line end."""
    return _entries(name, () if name == "wordnet" else digests.version(name))


@lru_cache(maxsize=2)
def _entries(name: str, version: tuple[int, ...]) -> str:
    from ..text.entries import build_entries, read_entries

    entries = build_entries() if name == "wordnet" else read_entries(name)
    if not entries:
        raise InputError(f"entry list {name!r} is empty: give at least one entry.")
    return "\n".join(entry for entry in entries if "\n" not in entry)


@lru_cache(maxsize=2)
def _matcher(listed: str, mode: str) -> "Matcher":
    from ..text.matching import Matcher

    return Matcher.build(listed.split("\n"), mode=mode)
