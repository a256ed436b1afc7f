"""Terms are found as whole words, in any case and script, and not inside stop contexts."""

import random
import re

import numpy as np
import pyarrow as pa
import pytest

from poolscope.audit.lexicon import GroupWords
from poolscope.audit.matching import Matcher
from poolscope.kernels.bits import unpack


def found(groups: dict[str, dict], captions: list[str | None]) -> dict[str, list[bool]]:
    matcher = Matcher.build({name: GroupWords(title=name, **words) for name, words in groups.items()})
    bits = matcher.find(pa.array(captions, pa.utf8()))
    return {name: unpack(row, len(captions)).tolist() for name, row in zip(groups, bits)}


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("a woman walks", True), ("A WOMAN", True), ("woman", True), ("woman's shoes", True), ("(woman)", True),
        ("women", False), ("a policewoman", False), ("woman2", False), ("_woman", False), ("", False), (None, False),
        ("une “woman”", True), ("éwoman", False), ("womané", False), ("女woman", False), ("日本 woman。", True),
    ],
)  # fmt: skip
def test_whole_words_only(caption, expected):
    assert found({"w": {"terms": {"en": ("woman",)}}}, [caption])["w"] == [expected]


def test_case_and_accents_of_any_script():
    groups = {"x": {"terms": {"tr": ("ÖĞRETMEN",), "ru": ("женщина",), "el": ("γυναίκα",), "fr": ("infirmière",)}}}
    captions = ["bir öğretmen", "ЖЕНЩИНА!", "η Γυναίκα μου", "Infirmie\u0300re", "infirmierera"]
    assert found(groups, captions)["x"] == [True, True, True, True, False]


def test_scripts_without_spaces_match_inside():
    groups = {"f": {"terms": {"ja": ("女性",), "zh": ("妇女",)}}, "k": {"terms": {"ko": ("여자",)}}}
    captions = ["若い女性です", "x妇女节", "그 여자는 웃는다", "남여자"]
    assert found(groups, captions) == {"f": [True, True, False, False], "k": [False, False, True, False]}


def test_prefixes_phrases_and_runs_of_spaces():
    groups = {"p": {"terms": {"en": ("teach*", "new york", "c++")}}}
    captions = ["teachers", "unteach", "New \n York", "newyork", "New York City", "C++", "c++x", "new yorker"]
    assert found(groups, captions)["p"] == [True, False, True, False, True, True, True, False]


def test_a_stop_context_covers_its_term_and_nothing_else():
    groups = {
        "black": {
            "terms": {"en": ("black", "blacks")},
            "stop": ("black dress*", "little black dress", "black and white"),
        },
        "dress": {"terms": {"en": ("dress",)}},
    }
    captions = [
        "black dress",
        "a black woman in a black dress",
        "black  and white photo",
        "black dresses",
        "blackdress",
    ]
    assert found(groups, captions)["black"] == [False, True, False, False, False]
    assert found(groups, captions)["dress"] == [True, True, False, False, False]


def test_the_matcher_agrees_with_regular_expressions():
    rng = random.Random(0)
    terms = ["a", "ab", "a b", "ba", "c", "b c a", "é", "aé"]
    groups = {f"g{i}": {"terms": {"en": (term,)}} for i, term in enumerate(terms)}
    captions = ["".join(rng.choice("aAbcé -_.1") for _ in range(rng.randrange(14))) for _ in range(5000)]
    bits = found(groups, captions)
    for number, term in enumerate(terms):
        pattern = re.compile(rf"(?<!\w){term.replace(' ', ' +')}(?!\w)", re.IGNORECASE)
        assert bits[f"g{number}"] == [bool(pattern.search(caption)) for caption in captions], term


def test_slices_and_many_rows_land_in_their_rows():
    captions = pa.array(["x"] * 9000 + ["a woman"] + ["é"] * 8000 + ["une woman é"] + ["x"] * 3)
    matcher = Matcher.build({"w": GroupWords(title="w", terms={"en": ("woman",)})})
    np.testing.assert_array_equal(np.flatnonzero(unpack(matcher.find(captions)[0], len(captions))), [9000, 17001])
    part = captions.slice(8990, 20)
    np.testing.assert_array_equal(np.flatnonzero(unpack(matcher.find(part)[0], 20)), [10])
