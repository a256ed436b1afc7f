"""Words and topics on captions whose difference is known."""

import numpy as np
import pytest

from poolscope.bias.families.captions import FORM, form
from poolscope.search.terms import counts, log_odds, marking, topics, words


def captions() -> tuple[list[str], np.ndarray]:
    rng = np.random.default_rng(0)
    first = ["dog cat horse cow", "a red dog", "the cat sleeps here"]
    second = ["car bus train ship", "a red car", "the bus waits here"]
    texts = [str(rng.choice(first)) for _ in range(150)] + [str(rng.choice(second)) for _ in range(150)]
    return texts, np.repeat([0, 1], 150)


def test_words_of_many_scripts():
    assert words("A red-haired Dog's 2 toys, снег 雪だるま x") == ["red-haired", "dog's", "toys", "снег", "雪だるま"]


def test_log_odds_is_the_formula():
    table = np.array([[30.0, 5, 65], [10, 25, 65]])
    alpha = 1000 * table.sum(axis=0) / table.sum()
    inside, outside = (30 + alpha[0]), (10 + alpha[0])
    delta = np.log(inside / (1100 - inside)) - np.log(outside / (1100 - outside))
    expected = delta / np.sqrt(1 / inside + 1 / outside)
    found = log_odds(table)
    assert found[0, 0] == pytest.approx(expected)
    assert found[0] == pytest.approx(-found[1])
    assert abs(found[0, 2]) < 1e-9


def test_the_prior_holds_rare_words_back():
    table = np.array([[3.0, 500, 9497], [0, 300, 9700]])
    found = log_odds(table)
    assert found[0, 1] > found[0, 0] > 0


def test_marking_words_belong_to_their_set():
    texts, labels = captions()
    first, second = marking(texts, labels, 2)
    assert {row["word"] for row in first} >= {"dog", "cat", "sleeps"}
    assert {row["word"] for row in second} >= {"car", "bus", "waits"}
    assert not {row["word"] for row in first + second} & {"red", "here", "the"}
    dog = next(row for row in first if row["word"] == "dog")
    assert dog["share"] == pytest.approx(sum("dog" in text for text in texts) / 150)
    assert dog["share_elsewhere"] == 0


def test_topics_speak_of_their_set_and_are_repeatable():
    texts, labels = captions()
    found = topics(texts, labels, 2, seed=1)
    said = [{word for topic in one for word in topic["words"]} for one in found]
    assert said[0] >= {"dog", "cat"}
    assert "car" not in said[0]
    assert sum(topic["share"] for topic in found[0]) == pytest.approx(1)
    assert found == topics(texts, labels, 2, seed=1)


def test_captions_without_words_mark_nothing():
    labels = np.repeat([0, 1], 10)
    assert counts(["1 2 3"] * 20, labels, 2)[0] == []
    assert marking(["…"] * 20, labels, 2) == [[], []]
    assert topics(["7"] * 20, labels, 2) == [[], []]


def test_form_sees_length_and_file_names():
    found = dict(zip(FORM, form("IMG_1234.jpg")))
    assert (found["characters"], found["words"], found["looks like a file name"]) == (12, 1, True)
    assert found["digits"] == pytest.approx(4 / 12)
    plain = dict(zip(FORM, form("ein Schneemann, größer")))
    assert not plain["looks like a file name"]
    assert plain["not ASCII"] == pytest.approx(2 / 22)
    assert dict(zip(FORM, form("")))["empty"]
