"""The compiled classifier against fastText's own library: the same label and the same probability, to the bit."""

import struct
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from poolscope.errors import InputError
from poolscope.kernels.strings import utf8
from poolscope.text.fasttext_file import MAGIC, read
from poolscope.text.fasttext_kernel import classify
from poolscope.text.language import SPACES, classifier, identifier, languages, model_file

ODD = [
    "__label__en hello", "hello </s> bonjour le monde", "a\x00b", "x\ty\x0bz", "日本語 テスト", "é" * 300, "<s>", "__label__",
    "", "  ", "\u3000", "ẞ straße", "😀😀 smile", "one\ntwo", "</s>", "a", "\x7f", "x" * 5_000,
]  # fmt: skip


def captions() -> list[str]:
    rng = np.random.default_rng(0)
    letters = [*range(32, 127), *range(0xC0, 0x250), *range(0x400, 0x450), *range(0x3040, 0x30FF), *[32] * 60]
    return ODD + ["".join(map(chr, rng.choice(letters, rng.integers(1, 60)))) for _ in range(1500)]


def by_the_library(path: str, lines: list[str]) -> list[tuple[str, float]]:
    model = identifier(path)
    found = [model.predict(line.replace("\n", " "), k=1) for line in lines]
    return [(labels[0].removeprefix("__label__"), float(chances[0])) for labels, chances in found]


def test_labels_and_probabilities_are_the_librarys(tmp_path: Path) -> None:
    model = classifier()
    assert model is not None
    lines = captions()
    found, chances = classify(model, *utf8(pa.array(lines)))
    assert [(model.labels[i], float(c)) for i, c in zip(found, chances)] == by_the_library("", lines)
    assert len(set(found.tolist())) > 20


def dense_model(path: Path) -> Path:
    """A model as `lid.176.bin` is stored: every n-gram's vector, nothing quantised or pruned; four labels."""
    rng = np.random.default_rng(1)
    entries = [
        ("</s>", 9, 0),
        ("hello", 7, 0),
        ("monde", 5, 0),
        *((f"__label__{c}", n, 1) for c, n in zip("abcd", (9, 5, 5, 2))),
    ]
    words, labels, dim, buckets = 3, 4, 6, 50
    with path.open("wb") as file:
        file.write(struct.pack("<2i", MAGIC, 12))
        file.write(struct.pack("<12id", dim, 5, 5, 1, 5, 1, 1, 3, buckets, 2, 4, 100, 1e-4))
        file.write(struct.pack("<3i2q", len(entries), words, labels, 100, -1))
        for word, count, kind in entries:
            file.write(word.encode() + b"\0" + struct.pack("<qb", count, kind))
        for rows in (words + buckets, labels):
            file.write(struct.pack("<?2q", False, rows, dim) + rng.standard_normal((rows, dim), np.float32).tobytes())
    return path


def test_a_dense_model_gives_the_same(tmp_path: Path) -> None:
    path = dense_model(tmp_path / "tiny.bin")
    model = read(path)
    assert model is not None
    found, chances = classify(model, *utf8(pa.array(captions())))
    assert [(model.labels[i], float(c)) for i, c in zip(found, chances)] == by_the_library(str(path), captions())
    assert set(found.tolist()) == {0, 1, 2, 3}


def test_another_kind_of_model_is_left_to_the_library(tmp_path: Path) -> None:
    content = bytearray(dense_model(tmp_path / "tiny.bin").read_bytes())
    content[8 + 4 * 6 : 8 + 4 * 7] = struct.pack("<i", 3)  # softmax
    other = tmp_path / "other.bin"
    other.write_bytes(content)
    assert classifier(str(other)) is None
    codes, chances = languages(pa.array(["hello", None, "monde"]), str(other))
    lines = by_the_library(str(other), ["hello", "monde"])
    assert codes.to_pylist() == [lines[0][0], "", lines[1][0]]
    np.testing.assert_array_equal(chances, np.float32([lines[0][1], 0, lines[1][1]]))


def test_a_damaged_model_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "cut.ftz"
    for content in (model_file().read_bytes()[:5000], b"not a model", b""):
        path.write_bytes(content)
        with pytest.raises(InputError, match="is not a fastText model"):
            languages(pa.array(["hello"]), str(path))


@pytest.mark.parametrize(
    ("at", "value"), [(8 + 4 * 8, 0), (8 + 4 * 8, 2**31 - 1), (8 + 4 * 8, 51), (64, 2**30), (68, 1), (72, -1)]
)
def test_sizes_that_disagree_are_refused_before_the_kernel_reads(tmp_path: Path, at: int, value: int) -> None:
    """Buckets of none, of gigabytes, one more than vectors; entries, words and labels that are not there."""
    content = bytearray(dense_model(tmp_path / "tiny.bin").read_bytes())
    content[at : at + 4] = struct.pack("<i", value)
    bad = tmp_path / "bad.bin"
    bad.write_bytes(content)
    with pytest.raises(InputError, match="is not a fastText model"):
        classifier(str(bad))


@pytest.mark.parametrize("count", [-1, 10**15, 2**62])
def test_counts_that_make_no_tree_are_refused(tmp_path: Path, count: int) -> None:
    """A node that is its own child: the kernel would walk in circles."""
    content = dense_model(tmp_path / "tiny.bin").read_bytes()
    label = content.index(b"__label__")
    at = content.index(b"\0", label) + 1
    (tmp_path / "bad.bin").write_bytes(content[:at] + struct.pack("<q", count) + content[at + 8 :])
    with pytest.raises(InputError, match="impossible counts"):
        classifier(str(tmp_path / "bad.bin"))


def test_a_mutated_model_is_one_line_or_another_model(tmp_path: Path) -> None:
    """Integers of the head and the quantisers replaced by odd ones: refused at once, whatever memory they ask for."""
    whole = model_file().read_bytes()
    vectors = len(whole) - 700_000
    rng, path, refused = np.random.default_rng(0), tmp_path / "bad.ftz", 0
    places = [*range(0, 92, 4), *rng.integers(92, 4000, 10), *rng.integers(vectors, len(whole) - 4, 10)]
    for number, at in enumerate(places):
        odd = [-1, 0, 2**31 - 1, 12345][number % 4]
        path.write_bytes(whole[:at] + struct.pack("<i", odd) + whole[at + 4 :])
        try:
            languages(pa.array(["hello there"]), str(path))
        except InputError as error:
            refused += "is not a fastText model" in str(error)
    assert refused > 8


def test_blank_is_what_python_calls_blank() -> None:
    assert set(SPACES) == {c for c in map(chr, range(sys.maxunicode + 1)) if c.isspace()}
    codes, chances = languages(pa.array([*SPACES, None, f"{SPACES} hello there {SPACES}"]))
    assert codes.to_pylist() == [""] * (len(SPACES) + 1) + ["en"]
    assert (chances[:-1] == 0).all()
