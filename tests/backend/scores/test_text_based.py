"""Text-based against NLTK: the digests of two of its versions, and itself where WordNet's files are installed."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from poolscope.engine import run
from poolscope.errors import InputError
from poolscope.pool import Pool
from poolscope.scores import build
from poolscope.scores.text_based import entities, read_ids, sense_table
from poolscope.text.first_sense import SenseTable
from poolscope.text.wordnet import load, synset_names
from tests.backend.scores.inflections import digest, words

NLTK_3_8_1 = "b8daabd0925c69e020d049bedc5e2c96d8d57005ff22d1eb4d2623234ab7a2c5"
NLTK_3_10_4 = "9118d9e9069d68ed7eef4fed7d9509df17e8eafdbaf9a45d4bbe483413939f87"
DEBIAN = Path("/usr/share/wordnet")


@pytest.mark.parametrize(("repeat", "expected"), [(True, NLTK_3_8_1), (False, NLTK_3_10_4)])
def test_first_synsets_of_many_words_are_those_of_nltk(repeat: bool, expected: str) -> None:
    wordnet = load()
    assert len(words()) > 50_000
    assert digest(lambda word: wordnet.first_offset(word, repeat=repeat)) == expected


@pytest.mark.skipif(not (DEBIAN / "data.noun").exists(), reason="Debian's wordnet-base is not installed")
def test_first_synsets_are_those_of_the_nltk_that_is_installed(tmp_path: Path) -> None:
    import shutil

    import nltk
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    folder = tmp_path / "corpora" / "wordnet"
    shutil.copytree(DEBIAN, folder)
    (folder / "lexnames").write_text("".join(f"{i:02d}\tpart{i}\t1\n" for i in range(45)))
    (
        folder / "index.sense"
    ).touch()  # in a Debian package of its own; NLTK wants to see it, and no look-up here reads it
    nltk.data.path.insert(0, str(tmp_path))
    reader = WordNetCorpusReader(str(folder), None)
    repeat = tuple(int(part) for part in nltk.__version__.split(".")[:2]) < (3, 9)
    wordnet = load()
    for word in words():
        synsets = reader.synsets(word)
        expected = synsets[0].offset() if synsets else -1
        assert wordnet.first_offset(word, repeat=repeat) == expected, word


@pytest.mark.parametrize("repeat", [True, False])
def test_the_compiled_look_up_agrees_with_the_plain_one(repeat: bool) -> None:
    wordnet, wanted = load(), entities("imagenet21k")
    tricky = (
        ["s" * n for n in range(1, 200, 9)]
        + ["dog" + "s" * n for n in (90, 93, 100, 300)]
        + ["ses" * n for n in range(1, 40)]
    )
    chosen = words()[::5] + tricky
    got = SenseTable.build(wanted, repeat=repeat).any_entity(pa.array(chosen))
    expected = [wordnet.first_offset(word, repeat=repeat) in wanted for word in chosen]
    assert [chosen[i] for i in np.flatnonzero(got != np.array(expected))] == []
    assert 0.05 < got.mean() < 0.6


def test_every_white_space_of_python_separates_words_and_nothing_else_does() -> None:
    table = sense_table("imagenet21k", True)
    separators = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    captions = [f"zq{separator}dog" for separator in separators]
    expected = [separator.isspace() or f"zq{separator}dog".split()[-1] == "dog" for separator in separators]
    assert table.any_entity(pa.array(captions)).tolist() == expected


def test_only_the_kelvin_sign_folds_to_an_ascii_letter() -> None:
    folding = [chr(code) for code in range(128, sys.maxunicode + 1) if chr(code).lower().isascii()]
    assert folding == ["\u212a"]
    assert sense_table("imagenet21k", True).any_entity(pa.array(["a du\u212ac", "a duc", "mon\u212aey"])).tolist() == [
        False,
        False,
        True,
    ]


def test_quirks_of_the_baseline() -> None:
    table = sense_table("imagenet21k", True)
    captions = ["a Dog", "a dog,", "ice_cream", "ice cream", "", None, "two mice", "the running"]
    assert table.any_entity(pa.array(captions))[:7].tolist() == [True, False, True, True, False, False, True]


def test_lists() -> None:
    assert len(entities("imagenet21k")) == 21_843
    assert len(entities("imagenet1k")) == 1000
    assert len(entities("imagenet1k") & entities("imagenet21k")) > 980
    assert len(synset_names()) == 86_554  # with the numbers 0 to 99, MetaCLIP's 86,654
    with pytest.raises(InputError, match="no entity list"):
        entities("imagenet2k")
    with pytest.raises(InputError, match="'cat'"):
        read_ids(["n02084071", "cat"], "mine")
    with pytest.raises(InputError, match="is empty"):
        read_ids([], "mine")


def test_the_flag_needs_english_and_an_entity(tiny_pool: Pool, tmp_path: Path) -> None:
    pool = run(tiny_pool, build("text_based"))
    captions = pool.strings("text").to_pylist()
    named, language = pool.array("names_entity"), pool.strings("language").to_pylist()
    kept = pool.array("text_based")
    np.testing.assert_array_equal(kept, named & (np.array(language) == "en"))
    wordnet, wanted = load(), entities("imagenet21k")
    expected = [any(wordnet.first_offset(word) in wanted for word in caption.split()) for caption in captions]
    np.testing.assert_array_equal(named, expected)
    assert 0 < kept.sum() < len(kept)
    (tmp_path / "mine.txt").write_text("n02084071\n")
    only = run(pool, build("text_based", entities=str(tmp_path / "mine.txt")), column="dogs", replace=True).array(
        "dogs"
    )
    assert set(np.array(captions)[only]) <= {caption for caption in captions if "dog" in caption}
