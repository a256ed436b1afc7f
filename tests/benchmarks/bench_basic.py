"""basic against DataComp's row-by-row filter, both on one core, language identification included.

python tests/benchmarks/bench_basic.py [CAPTIONS]
"""

import sys

import numpy as np
import pyarrow as pa
from bench_text_based import glosses
from rates import alternating

from poolscope.scores import build
from poolscope.scores.base import Batch
from poolscope.text.language import identifier

FOREIGN = [
    "un chat noir dort sur le canapé",
    "ein roter Ball liegt im Gras",
    "una casa en la playa",
    "IMG_1234",
    "ok",
    "小さな犬",
]


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 40_000
    lines = (glosses() * 3)[:count]
    lines[::7] = [FOREIGN[i % len(FOREIGN)] for i in range(len(lines[::7]))]
    rng = np.random.default_rng(0)
    width, height = rng.integers(100, 900, count), rng.integers(100, 900, count)
    batch = Batch(
        {"text": pa.array(lines), "width": width, "height": height},
        np.zeros(count, np.uint64),
        np.zeros(count, np.uint64),
    )
    model, method = identifier(), build("basic")

    def rows() -> list[bool]:
        kept = []
        for text, w, h in zip(lines, width.tolist(), height.tolist(), strict=True):
            english = model.predict(text.replace("\n", " "), k=1)[0][0].split("__label__")[1] == "en"
            small, large = min(w, h), max(w, h)
            kept.append(english and len(text.split()) > 2 and len(text) > 5 and small >= 200 and large / small <= 3.0)
        return kept

    same = bool((method.score(batch, None)[""] == np.array(rows())).all())
    reference, ours = (count / took for took in alternating(rows, lambda: method.score(batch, None)))
    print(f"row by row  {reference:12,.0f} pairs/s")
    print(f"basic       {ours:12,.0f} pairs/s, identical: {same}")
    print(f"ratio       {ours / reference:12.2f}  (reach: 2)")


if __name__ == "__main__":
    main()
