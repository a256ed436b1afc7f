"""Words: those that mark a set, by log-odds with an informative prior, and the topics of each set's captions."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

PRIOR = 1000.0
SHOWN = 25
TOPICS, WORDS_PER_TOPIC = 5, 5
LEAST_CAPTIONS = 5
WORD = re.compile(r"[^\W\d_]{2,}(?:['’\-][^\W\d_]+)*")


def words(text: str) -> list[str]:
    """The words of a caption: letters only, at least two, lower-cased."""
    return WORD.findall(unicodedata.normalize("NFKC", text).lower())


def counts(texts: Sequence[str], labels: np.ndarray, classes: int) -> tuple[list[str], np.ndarray, Any]:
    """The vocabulary, `(k, v)` float64 captions per set that hold each word, and the `(n, v)` 0/1 CSR matrix."""
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer(analyzer=words, binary=True, min_df=min(LEAST_CAPTIONS, max(1, len(texts) // 50)))
    try:
        matrix = vectorizer.fit_transform(texts).tocsr()
    except ValueError:  # no word is in enough captions
        return [], np.zeros((classes, 0)), None
    table = np.stack([np.asarray(matrix[labels == one].sum(axis=0)).ravel() for one in range(classes)])
    return list(vectorizer.get_feature_names_out()), table.astype(np.float64), matrix


def log_odds(table: np.ndarray, *, prior: float = PRIOR) -> np.ndarray:
    """`(k, v)` z-scores of each word in each set against all other sets.

    Monroe, Colaresi and Quinn 2008, equations 16, 20 and 22: with α_w = prior · share of w in all sets together,
    δ = ln((y_i + α) / (n_i + α_0 - y_i - α)) - the same for the other sets, z = δ / sqrt(1/(y_i + α) + 1/(y_j + α)).
    The prior pulls rare words towards no difference.
    """
    whole = table.sum(axis=0)
    alpha = np.maximum(prior * whole / max(whole.sum(), 1), 1e-9)
    odds = np.empty_like(table)
    for one in range(len(table)):
        inside, outside = table[one], whole - table[one]
        delta = _logit(inside, alpha, prior) - _logit(outside, alpha, prior)
        odds[one] = delta / np.sqrt(1 / (inside + alpha) + 1 / (outside + alpha))
    return odds


def marking(texts: Sequence[str], labels: np.ndarray, classes: int, *, least: int = 0) -> list[list[dict[str, Any]]]:
    """Per set the words with the highest z above 1.96: `word`, `z`, captions that hold it in the set and in the others;
    only words in `least` captions or more."""
    vocabulary, table, _ = counts(texts, labels, classes)
    if not vocabulary:
        return [[] for _ in range(classes)]
    z, whole = log_odds(table), table.sum(axis=0)
    size = np.bincount(labels, minlength=classes)
    marks = []
    for one in range(classes):
        ranked = np.argsort(-np.where(whole >= least, z[one], -np.inf), kind="stable")[:SHOWN]
        best = [int(word) for word in ranked if z[one, word] > 1.96 and whole[word] >= least]
        marks.append(
            [
                {
                    "word": vocabulary[word], "z": float(z[one, word]),
                    "share": float(table[one, word] / size[one]),
                    "share_elsewhere": float((whole[word] - table[one, word]) / max(1, len(labels) - size[one])),
                }
                for word in best
            ]
        )  # fmt: skip
    return marks


def topics(texts: Sequence[str], labels: np.ndarray, classes: int, *, seed: int = 0) -> list[list[dict[str, Any]]]:
    """Latent Dirichlet allocation per set, a document per caption: 5 topics of 5 words, with the share of captions
    that belong mostly to each. English stop words are left out."""
    from sklearn.decomposition import LatentDirichletAllocation
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

    def terms(text: str) -> list[str]:
        return [word for word in words(text) if word not in ENGLISH_STOP_WORDS]

    topics: list[list[dict[str, Any]]] = []
    for one in range(classes):
        own = [text for text, label in zip(texts, labels) if label == one]
        vectorizer = CountVectorizer(analyzer=terms, min_df=min(3, max(1, len(own) // 50)), max_features=3000)
        try:
            matrix = vectorizer.fit_transform(own)
        except ValueError:  # no word is in enough captions
            topics.append([])
            continue
        matrix = matrix[np.asarray(matrix.sum(axis=1)).ravel() > 0]
        model = LatentDirichletAllocation(
            TOPICS, learning_method="online", max_iter=8, batch_size=512, random_state=seed, learning_offset=10.0
        )
        belongs = model.fit_transform(matrix).argmax(axis=1)
        names = vectorizer.get_feature_names_out()
        shares = np.bincount(belongs, minlength=TOPICS) / max(1, len(belongs))
        topics.append(
            [
                {"words": [str(names[word]) for word in np.argsort(-model.components_[topic])[:WORDS_PER_TOPIC]],
                 "share": float(shares[topic])}
                for topic in np.argsort(-shares, kind="stable")
            ]
        )  # fmt: skip
    return topics


def _logit(count: np.ndarray, alpha: np.ndarray, prior: float) -> np.ndarray:
    total = count.sum() + prior
    return np.log((count + alpha) / np.maximum(total - count - alpha, 1e-9))
