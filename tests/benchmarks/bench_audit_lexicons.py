"""All shipped lexicons over generated captions of 80 characters, and what that means for 12.8M: run as a script.

python tests/benchmarks/bench_audit_lexicons.py [captions]
"""

import random
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from poolscope.audit.lexicon import shipped
from poolscope.audit.matching import Matcher
from poolscope.audit.scan import STEP
from poolscope.kernels import bits

WHOLE = 12_800_000


def captions(count: int, seed: int = 0) -> pa.Array:
    """Captions of about 80 characters: made-up and common words, one in eight a term of a lexicon, a fifth not ASCII."""
    rng = random.Random(seed)
    terms = [
        t.rstrip("*")
        for p in shipped().values()
        for g in p.groups.values()
        for listed in g.terms.values()
        for t in listed
    ]
    common = [
        "a",
        "the",
        "of",
        "in",
        "on",
        "with",
        "and",
        "for",
        "photo",
        "picture",
        "red",
        "black",
        "white",
        "blue",
        "old",
        "new",
        "small",
        "house",
        "car",
        "dress",
        "vector",
        "3",
        "2019",
    ]
    made = ["".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(3, 10))) for _ in range(20_000)]
    accented = ["café", "größe", "señor", "картина", "фото", "写真", "女性です", "صورة", "niño", "über"]
    few = []
    for number in range(20_000):
        words: list[str] = []
        while sum(map(len, words)) + len(words) < 80:
            draw = rng.random()
            words.append(rng.choice(terms) if draw < 0.125 else rng.choice(common) if draw < 0.5 else rng.choice(made))
        if number % 5 == 0:
            words[rng.randrange(len(words))] = rng.choice(accented)
        few.append(" ".join(words)[:80])
    return pa.array(few).take(pa.array(np.random.default_rng(seed).integers(0, len(few), count)))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    texts = captions(count)
    groups = {f"{p.pack}.{name}": g for p in shipped().values() for name, g in p.groups.items()}
    patterns = [pattern for group in groups.values() for pattern in group.regex]
    started = time.perf_counter()
    matcher = Matcher.build({name: group for name, group in groups.items() if group.terms})
    matcher.find(texts.slice(0, 1000))
    print(
        f"{len(groups)} groups, {len(matcher.child):,} states, {matcher.child.nbytes / 1e6:.0f} MB; ready in {time.perf_counter() - started:.1f} s"
    )
    words = expressions = found = 0.0
    used = time.process_time()
    for start in range(0, count, STEP):
        part = texts.slice(start, STEP)
        began = time.perf_counter()
        found += int(np.bitwise_count(matcher.find(part)).sum())
        between = time.perf_counter()
        for pattern in patterns:
            bits.pack(pc.match_substring_regex(part, pattern, ignore_case=True).to_numpy(zero_copy_only=False))
        words, expressions = words + between - began, expressions + time.perf_counter() - between
    used = time.process_time() - used
    whole = (words + expressions) / count * WHOLE
    print(
        f"{count:,} captions: terms {words:.2f} s ({words / count * 1e6:.2f} µs each), {len(patterns)} regular expressions {expressions:.2f} s, {found / count:.2f} groups each"
    )
    print(
        f"12.8M captions: {whole:.0f} s on this machine's cores as busy as they are; {used / count * WHOLE:.0f} s of processor time, {used / count * WHOLE / 2:.0f} s on two free ones"
    )


if __name__ == "__main__":
    main()
