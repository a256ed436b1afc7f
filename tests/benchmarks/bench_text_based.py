"""text_based against DataComp's per-row NLTK loop, in one process on one core.

    python tests/benchmarks/bench_text_based.py [DIRECTORY WITH WORDNET 3.0, by default /usr/share/wordnet]

Captions are the glosses that timm ships. Where the WordNet files are missing, only the speed of text_based is printed.
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from poolscope.scores.text_based import entities, sense_table

SENSES = 20_000


def glosses() -> list[str]:
    import timm

    file = Path(timm.__file__).parent / "data" / "_info" / "imagenet_synset_to_definition.txt"
    return [line.split("\t", 1)[1] for line in file.read_text().splitlines()]


def nltk_reader(folder: Path):
    import nltk
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    home = tempfile.mkdtemp()
    nltk.data.path.insert(0, home)
    place = Path(home) / "corpora" / "wordnet"
    place.mkdir(parents=True)
    for file in filter(Path.is_file, folder.iterdir()):
        shutil.copy(file, place)
    if not (folder / "lexnames").exists():
        (place / "lexnames").write_text("".join(f"{i:02d}\tpart{i}\t1\n" for i in range(45)))
    (
        place / "index.sense"
    ).touch()  # in a Debian package of its own; NLTK wants to see it, and no look-up here reads it
    return WordNetCorpusReader(str(place), None)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/wordnet")
    captions = glosses()
    table = sense_table("imagenet21k", False)
    table.any_entity(pa.array(captions[:10]))
    many = pa.array(captions * 20)
    best = min(_timed(lambda: table.any_entity(many)) for _ in range(3))
    ours = len(many) / best
    print(f"text_based   {ours:12,.0f} captions/s (mean {np.mean([len(c) for c in captions]):.0f} characters)")
    if not folder.is_dir():
        print(f"no WordNet files in {folder}: nothing to compare with")
        return
    reader, wanted = nltk_reader(folder), entities("imagenet21k")  # a set; DataComp's loop has a list, which is slower

    def loop(rows: list[str]) -> list[bool]:
        kept = []
        for caption in rows:
            found = False
            for word in caption.split():
                synsets = reader.synsets(word)
                if synsets and synsets[0].offset() in wanted:
                    found = True
                    break
            kept.append(found)
        return kept

    sample = captions[:SENSES]
    loop(sample[:2000])
    start = time.perf_counter()
    expected = loop(sample[: SENSES // 4])
    theirs = len(expected) / (time.perf_counter() - start)
    same = bool((table.any_entity(pa.array(sample[: SENSES // 4])) == np.array(expected)).all())
    print(f"NLTK loop    {theirs:12,.0f} captions/s, identical: {same}")
    print(f"ratio        {ours / theirs:12,.0f}  (reach: 100)")


def _timed(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
