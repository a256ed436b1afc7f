"""MetaCLIP's matching against the definition, and its balancing against the probabilities of the paper."""

import gzip
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolscope.engine import run
from poolscope.errors import InputError
from poolscope.kernels.hashing import draw, uniform
from poolscope.pool import Pool
from poolscope.scores import build
from poolscope.scores.metaclip import tail_threshold
from poolscope.text.entries import build_entries, read_entries, read_titles
from poolscope.text.matching import MODES, Matcher, edged, normalise, relax
from poolscope.text.matching_kernel import uniform as compiled_uniform
from tests.backend.scores.pairs import copy_of

LISTED = [
    "photo", "a", "the", "The", "U.S.", "St. Louis", "New York", "dog", "dogs", "it's", "well-known", "#1", "2.5",
    "C++", "dog dog", "(band)", "black (band)", "100%", "café",
]  # fmt: skip
TABLE = {
    "photo,": {"photo"},
    "Photo": set(),
    "dog dog dog": {"dog", "dog dog"},
    "New York": {"New York"},
    "New\tYork": {"New York"},
    "New\nYork": {"New York"},
    "New  York": set(),
    "New, York": set(),
    "New\r\nYork": set(),
    "visit the U.S. now": {"the"},
    "St. Louis": set(),
    "2.5 km": set(),
    "it's well-known": {"it's", "well-known"},
    "dog/cat dog-cat (dog) dog_house “dog” dog\u00a0the": set(),
    "a`dog`b": {"a", "dog"},
    "café": {"café"},
    "cafe\u0301": set(),
    "dogs.": {"dogs"},
    "black (band)": {"(band)", "black (band)"},
    "": set(),
}


def found(matcher: Matcher, texts: list[str]) -> list[set[str]]:
    offsets, ids = matcher.match(pa.array(texts, pa.utf8()))
    rows = [ids[a:b] for a, b in pairwise(offsets)]
    assert all((np.diff(row) > 0).all() for row in rows)
    return [{matcher.entries[i] for i in row} for row in rows]


def test_the_table_of_consequences() -> None:
    matcher = Matcher.build(LISTED)
    assert found(matcher, list(TABLE)) == list(TABLE.values())
    assert matcher.unmatchable == 3


def definition(text: str, entries: list[str], mode: str) -> set[str]:
    if mode == "worldwide":
        return {entry for entry in entries if edged(entry) in normalise(text)}
    if mode == "relaxed":
        return {entry for entry in entries if f" {relax(entry)} " in f" {relax(text)} "}
    return {entry for entry in entries if f" {entry} " in normalise(text)}


PIECES = st.sampled_from(["a", "b", ".", ",", "'", "-", " ", "\t", "\u00a0", "é", "国", "中", "ก", "ﬁ", "``", "ab"])
STRINGS = st.lists(PIECES, max_size=12).map("".join)


@settings(max_examples=300, deadline=None)
@given(
    texts=st.lists(STRINGS, min_size=1, max_size=8),
    entries=st.lists(STRINGS.filter(str.strip), min_size=1, max_size=12, unique=True),
    mode=st.sampled_from(MODES),
)
def test_matching_is_the_definition(texts: list[str], entries: list[str], mode: str) -> None:
    if mode == "relaxed":
        entries = [entry for entry in entries if relax(entry)]
    if entries:
        assert found(Matcher.build(entries, mode=mode), texts) == [definition(text, entries, mode) for text in texts]


def test_relaxed_and_worldwide_find_what_exact_can_not() -> None:
    texts = ["the U.S.  army", "古い中国の写真"]
    assert found(Matcher.build(["U.S. army", "中国"], mode="exact"), texts) == [set(), set()]
    assert found(Matcher.build(["U.S. army", "中国"], mode="relaxed"), texts) == [{"U.S. army"}, set()]
    assert found(Matcher.build(["U.S. army", "中国"], mode="worldwide"), texts) == [set(), {"中国"}]


def test_empty_and_repeated_entries_are_refused() -> None:
    for entries in ([], ["dog", "dog"], ["dog", ""], [" "]):
        with pytest.raises(InputError, match="list of entries"):
            Matcher.build(entries)


def test_counts_are_captions_not_occurrences() -> None:
    matcher = Matcher.build(["dog", "cat", "cow"])
    counts = np.zeros(3, np.int64)
    assert matcher.count(pa.array(["dog dog", "dog cat", "horse", None, ""]), counts) == 2
    assert counts.tolist() == [2, 1, 0]


def test_the_compiled_hash_is_the_hash() -> None:
    rng = np.random.default_rng(0)
    hi, lo, entry = (rng.integers(0, 2**64, 200, dtype=np.uint64) for _ in range(3))
    got = [compiled_uniform(state, value) for state, value in zip(draw(3, hi, lo), entry, strict=True)]
    np.testing.assert_array_equal(got, uniform(3, hi, lo, entry))


def zipf_captions(n: int) -> list[str]:
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(300)]
    weights = 1 / np.arange(1, 301)
    return [" ".join(rng.choice(words, 3, p=weights / weights.sum())) for _ in range(n)]


@pytest.fixture(scope="module")
def balanced() -> tuple[Matcher, pa.Array, np.ndarray, np.ndarray]:
    matcher = Matcher.build([f"w{i}" for i in range(300)])
    captions = pa.array(zipf_captions(20_000))
    counts = np.zeros(300, np.int64)
    matcher.count(captions, counts)
    rng = np.random.default_rng(1)
    draws = draw(0, *(rng.integers(0, 2**64, 20_000, dtype=np.uint64) for _ in range(2)))
    return matcher, captions, counts, matcher.least_keys(captions, counts, draws)


def keep_probability(offsets: np.ndarray, ids: np.ndarray, counts: np.ndarray, t: float) -> np.ndarray:
    """`1 - prod (1 - t / max(count, t))` over a caption's entries: how probably balancing at t keeps it, (n,) float64.

    offsets (n+1,), ids (m,): the entries of each caption as `Matcher.match` gives them. 0 without a match.
    """
    p = t / np.maximum(counts, t) if t > 0 else np.zeros(len(counts))
    logs = np.concatenate([[0.0], np.cumsum(np.log1p(-np.minimum(p, 1 - 1e-16))[ids])])
    certain = np.concatenate([[0], np.cumsum(p[ids] >= 1)])
    probability = -np.expm1(logs[offsets[1:]] - logs[offsets[:-1]])
    return np.where(certain[offsets[1:]] > certain[offsets[:-1]], 1.0, probability)


@pytest.mark.parametrize("t", [20, 150, 600])
def test_keys_below_t_are_the_papers_probabilities(balanced, t: int) -> None:
    matcher, captions, counts, keys = balanced
    offsets, ids = matcher.match(captions)
    probability = keep_probability(offsets, ids, counts, t)
    spread = np.sqrt((probability * (1 - probability)).sum())
    assert abs((keys < t).sum() - probability.sum()) < 4 * spread
    plain = [1 - np.prod([1 - t / max(counts[i], t) for i in ids[offsets[r] : offsets[r + 1]]]) for r in range(50)]
    np.testing.assert_allclose(probability[:50], plain, atol=1e-12)
    rare = np.flatnonzero(counts <= t)
    for row in range(2000):
        if np.isin(ids[offsets[row] : offsets[row + 1]], rare).any():
            assert keys[row] < t
    realised = np.bincount(ids[np.repeat(keys < t, np.diff(offsets))], minlength=300)
    assert (realised >= np.minimum(counts, t) - 4 * np.sqrt(np.minimum(counts, t))).all()


def test_all_matched_are_kept_without_a_limit_and_none_at_zero(balanced) -> None:
    *_, keys = balanced
    assert (keys < np.inf).all()
    assert not (keys < 0).any()


@settings(deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=40), st.floats(0.001, 1))
def test_the_tail_threshold_is_the_smallest(listed: list[int], share: float) -> None:
    counts = np.array(listed)
    t = tail_threshold(counts, share)
    if not counts.any():
        assert t == 0
        return
    tail = [counts[counts < limit].sum() / counts.sum() for limit in (t - 1, t)]
    assert tail[0] < share <= tail[1] + 1e-9


def test_the_column_and_the_flag_on_a_pool(tiny_pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("a\ndog\nblue\nsky over\nchat noir\n")
    method = build("metaclip", metadata=str(tmp_path / "list.txt"), seed=4)
    pool = run(tiny_pool, method)
    score = pool.array("metaclip")
    captions = pool.strings("text").to_pylist()
    entries = (tmp_path / "list.txt").read_text().split("\n")[:-1]
    holds = np.array([[f" {entry} " in normalise(caption) for entry in entries] for caption in captions])
    assert np.isnan(score).tolist() == (~holds.any(axis=1)).tolist()
    assert (score[holds.any(axis=1)] <= 0).all()
    assert (-score[holds.any(axis=1)] < holds.sum(axis=0).max()).all()
    pool = run(pool, build("metaclip_balanced", metadata=str(tmp_path / "list.txt"), seed=4, t=20))
    np.testing.assert_array_equal(pool.array("metaclip_balanced"), -score < 20)
    report = json.loads(next((pool.path / "reports").glob("metaclip-*.json")).read_text())
    assert report["matched"] == holds.any(axis=1).sum()
    assert dict(report["most_frequent"]) == dict(zip(entries, holds.sum(axis=0).tolist(), strict=True))


def test_scores_do_not_depend_on_order_sharding_or_the_list_s_order(tiny_pool: Pool, tmp_path: Path) -> None:
    order = np.random.default_rng(3).permutation(len(tiny_pool))
    other = copy_of(tiny_pool, tmp_path / "other", order, 3, ["text"])
    (tmp_path / "one.txt").write_text("a\ndog\nblue\nsky\n")
    (tmp_path / "two.json").write_text(json.dumps(["sky", "dog", "blue", "a"]))
    first = run(tiny_pool, build("metaclip", metadata=str(tmp_path / "one.txt")), column="m").array("m")
    second = run(other, build("metaclip", metadata=str(tmp_path / "two.json")), column="m").array("m")
    np.testing.assert_array_equal(first[order], second)


def test_wordnet_is_ready_at_once(tiny_pool: Pool) -> None:
    score = run(tiny_pool, build("metaclip")).array("metaclip")
    assert len(build_entries()) == 86_654  # as the paper counts them
    assert np.isfinite(score).any()


def test_a_corpus_gives_words_pairs_and_titles_in_a_stable_order() -> None:
    texts = ["New York is big"] * 6 + ["a big dog, New dog"] * 5 + ["rare"]
    built = build_entries(
        corpus=lambda count: count(texts), min_count=5, min_pmi=1.5, titles=[("Old_Town", 70), ("A:b", 99), ("x", 3)]
    )
    extra = built[86_654:]
    assert extra[:2] == ["New", "York"]
    assert {"New York", "Old Town"} <= set(extra)
    assert not {"rare", "dog New", "A:b", "x"} & set(extra)
    assert built == build_entries(
        corpus=lambda count: count(texts[::-1]),
        min_count=5,
        min_pmi=1.5,
        titles=[("x", 3), ("A:b", 99), ("Old_Town", 70)],
    )
    assert build_entries(corpus=lambda count: count(texts), min_count=5, budget=10) == built[:10]


def test_only_single_marks_are_left_out_of_titles(tmp_path: Path) -> None:
    """Titles such as `()` and `<=>` are runs of marks that ASCII happens to list side by side."""
    titles = [(title, 100) for title in ["()", "<=>", "[\\]", "!", "&", "`", "", " ", "C++", "#1"]]
    assert build_entries(titles=titles)[86_654:] == ["#1", "()", "<=>", "C++", "[\\]"]
    (tmp_path / "list.txt").write_text("one\u2028line\n\n()\ntwo\x0cparts\n", encoding="utf-8")
    assert read_entries(tmp_path / "list.txt") == ["one\u2028line", "()", "two\x0cparts"]


def test_lists_that_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"a": 1}')
    (tmp_path / "broken.json").write_text("[")
    for name in ("bad.json", "broken.json", "none.txt"):
        with pytest.raises(InputError, match="entry list"):
            read_entries(tmp_path / name)


def test_titles_of_a_gzip_file_that_is_cut(tmp_path: Path) -> None:
    (tmp_path / "titles.gz").write_bytes(
        gzip.compress(b"".join(b"title %d\t%d\n" % (n, n * n) for n in range(999)))[:90]
    )
    with pytest.raises(InputError, match="no whole gzip file"):
        list(read_titles(tmp_path / "titles.gz"))
