"""MetaCLIP's balancing with entries and a threshold of each language's own."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import InputError
from ..kernels.hashing import draw
from ..pool import Pool, digests
from ..progress import Progress, silent
from ..text.language import languages
from .base import Batch, Each, Method, Unit, by_unit, here, param
from .metaclip import tail_threshold, write_report

if TYPE_CHECKING:
    from ..text.matching import Matcher

ENGLISH, UNKNOWN, CORPUS = "en", "", "corpus"
_READ = 65_536
Listed = dict[str, str]  # the entries of each language, one a line


def tail_share(counts: np.ndarray, t: float) -> float:
    """The share of all matches that entries held by fewer than t captions have: the inverse of `tail_threshold`.

    >>> tail_share(np.array([1, 1, 2, 96]), 3)
    0.04
    """
    total = int(counts.sum())
    return float(counts[counts < t].sum() / total) if total else 0.0


@dataclass(frozen=True)
class Balances:
    """What two passes over a pool leave: for each language its entries, how many captions hold each, and its t."""

    listed: Listed
    counts: dict[str, np.ndarray]
    t: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class MetaClipWorldwide(Method):
    """Meta CLIP 2's balancing as a score: `-key / t_l`, with key as in `metaclip`, but over the entries of the caption's
    own language l, counted in captions of l only, and t_l the threshold of l.

    t_l is the smallest t whose tail (entries held by fewer than t captions of l) has the same share of the language's
    matches in every language: `tail_share`, or the share that `t` gives in English. So the rule
    `{score: metaclip_worldwide, min: -1}` balances each language at its own threshold, and another `min` moves all of
    them by the same factor; with one t for all, languages with fewer captions would hardly be balanced at all.
    A caption without an entry of its language is not scored (NaN) and never kept.

    Entries: `corpus`, the words and word pairs of each language's captions (English also WordNet), the most frequent
    first; or the path of a JSON object `{language: [entries]}`. Entries of Chinese, Japanese, Thai and the like may touch
    their neighbours. Captions whose language is not known are one more
    language. Reads captions two or four times, gives `(n,)` float32 <= 0. Thresholds of each language go to
    `reports/metaclip_worldwide-*.json` of the pool.
    """

    id = "metaclip_worldwide"
    order = 205
    title = "MetaCLIP balancing, each language by itself"
    formula = r"-\min_{e \in \mathrm{caption}} u_{i,e}\, c_{\ell,e} / t_\ell,\quad \sum_{c_{\ell,e} < t_\ell} c_{\ell,e} \ge p \sum c_{\ell,e}"
    paper = "Chuang et al. 2025 (Meta CLIP 2), arXiv 2507.22062"
    cost = "about 6 µs per caption and core"
    published = "no result on DataComp; the paper trains on its own worldwide pool"
    scan_rows = 16384
    inputs = ("text", "{language}")

    language: str = param(
        "", "column that says the language of each caption, as english leaves it; empty: found by fastText"
    )
    metadata: str = param(
        CORPUS, "entries: corpus, or the path of a JSON object of lists by language", of="path",
        content=lambda name: "" if name == CORPUS else digests.of_path(_file(name)),
    )  # fmt: skip
    tail_share: float = param(0.06, "share of a language's matches that its rare entries hold", low=0, high=1)
    t: float = param(0.0, "matches per entry in English, whose tail share then holds for all; 0: tail_share", low=0)
    seed: int = param(0, "another seed, another draw", low=0)
    min_count: int = param(1, "with metadata=corpus: fewest occurrences of a word", low=1)
    budget: int = param(500_000, "with metadata=corpus: most entries of a language", low=1, high=100_000_000)

    def check(self, pool: Pool) -> None:
        super().check(pool)
        if self.language and pool.columns[self.language].dtype != "string":
            raise InputError(
                f"{self.id}: {self.language!r} holds no text; name a column of languages, such as en and fr."
            )
        if self.metadata != CORPUS:
            _entries(self.metadata, digests.version(_file(self.metadata)))

    def prepare(self, pool: Pool, progress: Progress = silent, each: Each = here) -> Balances:
        """Counts the entries of each language; writes the report."""
        if self.metadata == CORPUS:
            listed = self._corpus(pool, progress, each)
        else:
            listed = _entries(self.metadata, digests.version(_file(self.metadata)))
        counts = {name: np.zeros(entries.count("\n") + 1, np.int64) for name, entries in listed.items()}
        part = partial(_counted, listed=listed, language=self.language)
        for _, more in by_unit(pool, part, "counting entries", progress, each):
            for name, count in more.items():
                counts[name] += count
        english = counts.get(ENGLISH, np.zeros(0, np.int64))
        if self.t and not english.sum():
            raise InputError(
                f"{self.id}: t is of English, and no English caption has an entry; give tail_share, and t=0."
            )
        share = tail_share(english, self.t) if self.t else self.tail_share
        t = {
            name: self.t if self.t and name == ENGLISH else float(tail_threshold(c, share))
            for name, c in counts.items()
        }
        self._report(pool, counts, t, share)
        return Balances(listed, counts, t)

    def score(self, batch: Batch, state: Balances) -> np.ndarray:
        scores = np.full(batch.rows, np.nan, np.float32)
        draws = draw(self.seed, batch.uid_hi, batch.uid_lo)
        for name, rows in _by_language(batch["text"], batch[self.language] if self.language else None):
            if state.t.get(name, 0) > 0:
                texts = batch["text"].take(pa.array(rows))
                keys = _matcher(state.listed[name]).least_keys(texts, state.counts[name], draws[rows])
                scores[rows] = -keys / state.t[name]
        return scores

    def _corpus(self, pool: Pool, progress: Progress, each: Each) -> Listed:
        """The entries of each language from its own captions."""

        def tally(what: str, frequent: dict[str, frozenset[str]] | None = None) -> defaultdict[str, Counter[Any]]:
            total: defaultdict[str, Counter[Any]] = defaultdict(Counter)
            counted = partial(_tallied, language=self.language, frequent=frequent)
            for _, part in by_unit(pool, counted, what, progress, each):
                for name, more in part.items():
                    total[name].update(more)
            return total

        words = tally("counting words")
        frequent = {n: frozenset(w for w, count in c.items() if count >= self.min_count) for n, c in words.items()}
        pairs = tally("counting pairs", frequent)
        built = {name: self._built(name, iter([words[name], pairs[name]])) for name in sorted(words)}
        return {name: "\n".join(entries) for name, entries in built.items() if entries}

    def _built(self, language: str, tallies: Iterator[Counter[Any]]) -> list[str]:
        """The entries of a language from what was counted: its words, then its word pairs."""
        from ..text.entries import build_entries

        return build_entries(
            corpus=lambda _: next(tallies), min_count=self.min_count, budget=self.budget, wordnet=language == ENGLISH
        )

    def _report(self, pool: Pool, counts: dict[str, np.ndarray], t: dict[str, float], share: float) -> None:
        languages = {
            language or "unknown": {"entries": len(of_language), "matches": int(of_language.sum()), "t": t[language]}
            for language, of_language in sorted(counts.items(), key=lambda one: -one[1].sum())
        }
        write_report(pool, self.id, self.parameters(), {"tail_share": share, "languages": languages})


def _by_language(texts: pa.Array, codes: pa.Array | None) -> Iterator[tuple[str, np.ndarray]]:
    """Each language of captions with their places, `(k,)` ascending; it is identified where `codes` are not given."""
    codes = languages(texts, "")[0] if codes is None else codes
    coded = pc.fill_null(codes, UNKNOWN).dictionary_encode()
    places = coded.indices.to_numpy()
    for code, name in enumerate(coded.dictionary.to_pylist()):
        yield name, np.flatnonzero(places == code)


def _captions(pool: Pool, unit: Unit, language: str) -> Iterator[tuple[str, pa.Array]]:
    """The captions of a unit, language by language."""
    wanted = ["text", language] if language else ["text"]
    for batch in pool.scan(wanted, start=unit.start, stop=unit.stop, batch_size=_READ):
        for name, rows in _by_language(batch["text"], batch[language] if language else None):
            yield name, batch["text"].take(pa.array(rows))


def _counted(pool: Pool, unit: Unit, *, listed: Listed, language: str) -> dict[str, np.ndarray]:
    """How many captions of each language hold each of its entries."""
    counts: dict[str, np.ndarray] = {}
    for name, texts in _captions(pool, unit, language):
        if name in listed:
            matcher = _matcher(listed[name])
            matcher.count(texts, counts.setdefault(name, np.zeros(len(matcher.entries), np.int64)))
    return counts


def _tallied(
    pool: Pool, unit: Unit, *, language: str, frequent: dict[str, frozenset[str]] | None
) -> dict[str, Counter[Any]]:
    """How often each language has each word, or, where its `frequent` words are given, each pair of them."""
    from ..text.entries import pairs_of, words_of

    tallies: defaultdict[str, Counter[Any]] = defaultdict(Counter)
    for name, texts in _captions(pool, unit, language):
        lines = texts.fill_null("").to_pylist()
        tallies[name].update(words_of(lines) if frequent is None else pairs_of(lines, frequent=frequent[name]))
    return dict(tallies)


def _file(name: str) -> Path:
    if not Path(name).is_file():
        raise InputError(f"no entries at {name!r}: give corpus, or the path of a JSON object of lists by language.")
    return Path(name)


@lru_cache(maxsize=2)
def _entries(name: str, version: tuple[int, ...]) -> Listed:
    """The entries of a file, by language. InputError for one of another form."""
    try:
        content = json.loads(Path(name).read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise InputError(f"{name!r} is not JSON ({error}); it should be an object of lists by language.") from None
    if not isinstance(content, dict) or not all(isinstance(one, list) for one in content.values()):
        raise InputError(f'{name!r} is not an object of lists of entries by language, such as {{"en": ["a dog"]}}.')
    listed = {}
    for language, entries in content.items():
        if not all(isinstance(entry, str) for entry in entries):
            raise InputError(f"{name!r}: the entries of {language!r} are not all text.")
        unique = dict.fromkeys(entry for entry in entries if entry.strip() and "\n" not in entry)
        if unique:
            listed[language] = "\n".join(unique)
    if not listed:
        raise InputError(f"{name!r} holds no entries; give at least one language with one.")
    return listed


@lru_cache(maxsize=256)
def _matcher(listed: str) -> "Matcher":
    from ..text.matching import Matcher

    return Matcher.build(listed.split("\n"), mode="worldwide")
