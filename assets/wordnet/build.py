"""Makes `wordnet.tsv.xz` from the WordNet 3.0 files of Debian's package `wordnet-base` (`/usr/share/wordnet`).

    python assets/wordnet/build.py /usr/share/wordnet assets/wordnet

Two sections, tab-separated. Lemmas: name, the offset of its first synset as noun, verb, adjective, adverb (empty where it
has none), and `*` if it names a synset. Exceptions: name, part of speech, base forms.
"""

import lzma
import sys
from pathlib import Path

PARTS = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}


def first_offsets(folder: Path) -> dict[str, dict[str, int]]:
    """Lemma to part of speech to the offset of its first synset, from the index files."""
    offsets: dict[str, dict[str, int]] = {}
    for part, suffix in PARTS.items():
        for line in (folder / f"index.{suffix}").read_text().splitlines():
            if line.startswith(" "):
                continue
            fields = line.split()
            pointers = int(fields[3])
            offsets.setdefault(fields[0], {})[part] = int(fields[6 + pointers])
    return offsets


def synset_names(folder: Path) -> set[str]:
    """The first word of every synset, lower-case, without an adjective's position mark."""
    names = set()
    for suffix in PARTS.values():
        for line in (folder / f"data.{suffix}").read_text().splitlines():
            if not line.startswith(" "):
                names.add(line.split()[4].split("(")[0].lower())
    return names


def exceptions(folder: Path) -> list[tuple[str, str, list[str]]]:
    rows = []
    for part, suffix in PARTS.items():
        latest: dict[str, list[str]] = {}
        for line in (folder / f"{suffix}.exc").read_text().splitlines():
            word, *forms = line.split()
            latest[word] = forms
        rows += [(word, part, forms) for word, forms in latest.items()]
    return rows


def main(source: Path, destination: Path) -> None:
    offsets, names = first_offsets(source), synset_names(source)
    missing = names - offsets.keys()
    if missing:
        raise SystemExit(f"synsets without an index entry: {sorted(missing)[:5]}")
    lines = []
    for lemma in sorted(offsets):
        found = [str(offsets[lemma].get(part, "")) for part in PARTS]
        lines.append("\t".join([lemma, *found, "*" if lemma in names else ""]))
    lines.append("")
    lines += ["\t".join([word, part, " ".join(forms)]) for word, part, forms in exceptions(source)]
    text = "\n".join(lines) + "\n"
    (destination / "wordnet.tsv.xz").write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
