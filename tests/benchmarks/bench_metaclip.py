"""metaclip's matching against pyahocorasick and the plain definition, in one process on one core.

    python tests/benchmarks/bench_metaclip.py [ENTRIES] [CAPTIONS]

A synthetic vocabulary with Zipf frequencies: half of the entries are words, a fifth pairs of words, the rest 1 to 5 words;
captions have about 80 characters and 16 words. pyahocorasick is compared with where it is installed.
"""

import sys
import time

import numpy as np
import pyarrow as pa

from poolscope.text.matching import Matcher, normalise


def words(count: int, rng: np.random.Generator) -> list[str]:
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    weights = np.arange(len(letters), 0, -1) ** 1.5
    found: dict[str, None] = {}
    while len(found) < count:
        lengths = rng.integers(2, 9, count)
        drawn = letters[rng.choice(len(letters), int(lengths.sum()), p=weights / weights.sum())]
        for piece in np.split(drawn, np.cumsum(lengths)[:-1]):
            found["".join(piece)] = None
    return list(found)[:count]


def setting(entries: int, captions: int) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(0)
    known = words(entries // 2, rng)
    frequency = 1 / np.arange(1, len(known) + 1)
    frequency /= frequency.sum()
    cumulative = np.cumsum(frequency)

    def draw(n: int) -> np.ndarray:
        return np.minimum(np.searchsorted(cumulative, rng.random(n)), len(known) - 1)

    listed = dict.fromkeys(known)
    while len(listed) < entries:
        size = 2 if rng.random() < 0.4 else int(rng.integers(1, 6))
        listed[" ".join(known[i] for i in draw(size))] = None
    texts = []
    for _ in range(captions):
        parts = [known[i] if rng.random() < 0.8 else known[i].title() for i in draw(16)]
        if rng.random() < 0.5:
            parts[7] += ","
        texts.append(" ".join(parts)[:84])
    return list(listed), texts


def main() -> None:
    entries, captions = ([int(a) for a in sys.argv[1:]] + [500_000, 200_000][len(sys.argv) - 1 :])[:2]
    listed, texts = setting(entries, captions)
    start = time.perf_counter()
    matcher = Matcher.build(listed)
    print(
        f"{entries:,} entries, build {time.perf_counter() - start:.1f} s, {np.mean([len(t) for t in texts]):.0f} characters a caption"
    )
    column, counts = pa.array(texts), np.zeros(len(listed), np.int64)
    matcher.count(column[:1000], counts.copy())
    best = np.inf
    for _ in range(3):
        counts[:] = 0
        start = time.perf_counter()
        matcher.count(column, counts)
        best = min(best, time.perf_counter() - start)
    ours = len(texts) / best
    print(
        f"metaclip        {ours:12,.0f} captions/s a core, {counts.sum() / len(texts):.1f} matches a caption  (reach: 350,000)"
    )
    offsets, ids = matcher.match(column)
    check = np.random.default_rng(1).choice(len(texts), 20, replace=False)
    spaced = [f" {entry} " for entry in listed]
    same = all(
        set(ids[offsets[row] : offsets[row + 1]].tolist())
        == {i for i, e in enumerate(spaced) if e in normalise(texts[row])}
        for row in check
    )
    print(f"as the plain definition on 20 captions: {same}")
    try:
        import ahocorasick
    except ImportError:
        print("pyahocorasick is not installed: nothing to compare with")
        return
    automaton = ahocorasick.Automaton()
    for i, entry in enumerate(spaced):
        automaton.add_word(entry, i)
    automaton.make_automaton()
    sample = texts[: min(len(texts), 50_000)]
    theirs = [0] * len(listed)
    start = time.perf_counter()
    for text in sample:
        for i in {i for _, i in automaton.iter(normalise(text))}:
            theirs[i] += 1
    rate = len(sample) / (time.perf_counter() - start)
    ours_on_sample = np.zeros(len(listed), np.int64)
    matcher.count(pa.array(sample), ours_on_sample)
    print(f"pyahocorasick   {rate:12,.0f} captions/s, identical counts: {theirs == ours_on_sample.tolist()}")
    print(f"ratio           {ours / rate:12.1f}  (reach: 6)")


if __name__ == "__main__":
    main()
