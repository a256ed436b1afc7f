"""Captions: words as TF-IDF, and length and form alone."""

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

import numpy as np

from ...progress import Progress, silent
from ...search.terms import words
from ..sample import Sample
from .base import Family, Features

VOCABULARY = 20_000


class _Caption(Family):
    def missing(self, sample: Sample) -> str:
        if sample.texts is None:
            return "the sets have no captions"
        return "" if any(sample.texts) else "all captions are empty"


class CaptionWords(_Caption):
    """TF-IDF of single words and pairs of neighbours that occur in at least 3 captions, at most 20,000 of them."""

    id = "caption_words"
    title = "Caption words (TF-IDF)"
    group = "caption"
    keeps = "the words of the captions"
    published = (63.8, 0.1)

    def features(self, sample: Sample, progress: Progress = silent) -> Features:
        from sklearn.feature_extraction.text import TfidfVectorizer

        assert sample.texts is not None
        vectorizer = TfidfVectorizer(
            analyzer=_terms, min_df=3 if len(sample) >= 1000 else 1, max_features=VOCABULARY,
            sublinear_tf=True, dtype=np.float32,
        )  # fmt: skip
        try:
            matrix = vectorizer.fit_transform(sample.texts).tocsr()
        except ValueError:  # no word is in enough captions
            matrix = np.zeros((len(sample), 1), dtype=np.float32)
            return Features(matrix, ("no words",))
        progress(len(sample), len(sample))
        return Features(matrix, tuple(vectorizer.get_feature_names_out()), scale=False)

    def parameters(self) -> dict[str, object]:
        return {"terms": "words and neighbouring pairs", "most": VOCABULARY}


def _terms(text: str) -> list[str]:
    terms = words(text)
    return terms + [f"{first} {second}" for first, second in pairwise(terms)]


FORM = (
    "characters", "words", "mean word length", "digits", "punctuation", "capitals", "spaces", "not ASCII",
    "distinct words", "empty", "looks like a file name", "log characters",
)  # fmt: skip
FILE_NAME = re.compile(r"\.(?:jpe?g|png|gif|webp|svg)\b|^[\w\-]{6,}$|_", re.IGNORECASE)


class CaptionForm(_Caption):
    """Length and form of the caption, no word of it."""

    id = "caption_form"
    title = "Caption length and form"
    group = "caption"
    keeps = "length, digits, capitals, punctuation"

    def features(self, sample: Sample, progress: Progress = silent) -> Features:
        assert sample.texts is not None
        progress(len(sample), len(sample))
        return Features(np.asarray([form(text) for text in sample.texts], dtype=np.float32), FORM)


@lru_cache(maxsize=4096)
def form(text: str) -> tuple[float, ...]:
    """The 12 numbers of `FORM`."""
    length = max(1, len(text))
    tokens = text.split()

    def share(test: Callable[[str], bool]) -> float:
        return sum(map(test, text)) / length

    return (
        len(text), len(tokens), sum(map(len, tokens)) / max(1, len(tokens)), share(str.isdigit),
        share(lambda c: not c.isalnum() and not c.isspace()), share(str.isupper), share(str.isspace),
        share(lambda c: not c.isascii()), len(set(tokens)) / max(1, len(tokens)), not text.strip(),
        FILE_NAME.search(text) is not None, np.log1p(len(text)),
    )  # fmt: skip
