"""MetaCLIP's metadata: lists of entries from WordNet, a corpus's words and word pairs, titles, or a file."""

import gzip
import json
import math
import string
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..errors import InputError
from .matching import WRAPPED, normalise
from .wordnet import synset_names

MIN_VIEWS = 70
NUMBERS = tuple(str(number) for number in range(100))
Tally = Callable[[Callable[[Iterable[str]], Counter[Any]]], Counter[Any]]
_MARKS = frozenset(WRAPPED)
_PUNCTUATION = frozenset(string.punctuation)


def build_entries(
    *,
    corpus: Tally | None = None,
    titles: Iterable[tuple[str, int]] = (),
    min_count: int = 100,
    min_pmi: float = 30.0,
    budget: int = 500_000,
    wordnet: bool = True,
) -> list[str]:
    """The numbers 0 to 99, unless `wordnet` is False WordNet's synset names, then the corpus's frequent words, its word pairs of high pointwise
    mutual information, and the titles seen often, each source best first; the first `budget` distinct entries.

    corpus: counts with what it is given, a function from texts, one document each, to counts; called twice. Words keep their case and pairs do not span punctuation; PMI is
    `log2(n_xy N / (n_x n_y))` with N the number of words. Empty entries and single ASCII punctuation are left out.
    Unlike the released script, whose sources are unordered sets, the result is the same in every run.
    """
    listed = dict.fromkeys(_allowed([*NUMBERS, *(synset_names() if wordnet else ())]))
    if corpus is not None:
        words = corpus(words_of)
        frequent = {word: count for word, count in words.items() if count >= min_count}
        listed.update(dict.fromkeys(_allowed(sorted(frequent, key=lambda word: (-frequent[word], word)))))
        pairs = corpus(partial(pairs_of, frequent=frozenset(frequent)))
        scored = associated(pairs, frequent, sum(words.values()), min_pmi)
        listed.update(dict.fromkeys(sorted(scored, key=lambda pair: (-scored[pair], pair))))
    views = Counter[str]()
    for title, count in titles:
        views[title.replace("_", " ")] += count
    seen = [title for title, count in views.items() if count >= MIN_VIEWS and ":" not in title]
    listed.update(dict.fromkeys(_allowed(sorted(seen, key=lambda title: (-views[title], title)))))
    return list(listed)[:budget]


def runs(text: str) -> Iterator[list[str]]:
    """The words of a text between punctuation marks.

    >>> list(runs("New York, the city"))
    [['New', 'York'], ['the', 'city']]
    """
    run: list[str] = []
    for word in normalise(text).split():
        if word in _MARKS:
            yield run
            run = []
        else:
            run.append(word)
    yield run


def words_of(texts: Iterable[str]) -> Counter[str]:
    return Counter(word for text in texts for run in runs(text) for word in run)


def pairs_of(texts: Iterable[str], *, frequent: frozenset[str]) -> Counter[tuple[str, str]]:
    """How often two frequent words follow each other."""
    return Counter(
        pair
        for text in texts
        for run in runs(text)
        for pair in pairwise(run)
        if pair[0] in frequent and pair[1] in frequent
    )


def associated(
    pairs: Mapping[tuple[str, str], int], words: Mapping[str, int], total: int, min_pmi: float
) -> dict[str, float]:
    """The pairs, joined by a space, with their pointwise mutual information of at least `min_pmi`."""
    scored = {f"{x} {y}": math.log2(count * total / (words[x] * words[y])) for (x, y), count in pairs.items()}
    return {pair: pmi for pair, pmi in scored.items() if pmi >= min_pmi}


def read_entries(path: Path | str) -> list[str]:
    """A list from a file: a JSON list of strings (MetaCLIP's own `metadata.json`), or one entry a line. InputError else."""
    file = Path(path)
    if not file.is_file():
        raise InputError(f"no entry list at {str(path)!r}: give wordnet, corpus, or a .json or text file of entries.")
    text = "".join(read_lines(file))
    if file.name.removesuffix(".gz").endswith(".json"):
        try:
            listed = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"entry list {str(path)!r} is not JSON ({error}): it should be a list of strings."
            ) from None
        if not isinstance(listed, list) or not all(isinstance(entry, str) for entry in listed):
            raise InputError(f"entry list {str(path)!r} is not a JSON list of strings.")
    else:
        listed = text.split("\n")
    return list(dict.fromkeys(entry for entry in listed if entry.strip()))


def read_lines(path: Path | str) -> Iterator[str]:
    """The lines of a text file, gzip-compressed or not. InputError if it is missing or not UTF-8."""
    file = Path(path)
    if not file.is_file():
        raise InputError(f"no text file at {str(path)!r}: give an existing .txt or .gz file, one document a line.")
    try:
        with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
            yield from lines
    except UnicodeDecodeError:
        raise InputError(f"{str(path)!r} is not UTF-8 text: convert it, or give another file.") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise InputError(f"{str(path)!r} is no whole gzip file: get it again, or give another file.") from None


def read_titles(path: Path | str) -> Iterator[tuple[str, int]]:
    """Titles and their views: `title<TAB>views`, one a line."""
    for number, line in enumerate(read_lines(path), 1):
        title, _, views = line.rstrip("\n").rpartition("\t")
        if not views.isdigit():
            raise InputError(f"{str(path)!r}, line {number}: expected a title, a tab and a number of views.")
        yield title, int(views)


def _allowed(entries: Iterable[str]) -> Iterator[str]:
    return (entry for entry in entries if entry.strip() and entry not in _PUNCTUATION)
