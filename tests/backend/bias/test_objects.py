"""Objects from embeddings whose classes are known."""

import json

import numpy as np
import pytest

from poolscope.bias.html import origin
from poolscope.bias.objects import analyse, class_list, of_sample, presence
from poolscope.bias.sample import DETECTED, draw
from poolscope.bias.settings import Settings
from poolscope.bias.validation import CrossValidation
from poolscope.errors import InputError


def test_presence_is_the_softmax_share():
    texts = np.eye(3, dtype=np.float32)
    vectors = np.array([[1, 0, 0], [0.7, 0.7, 0], [0.577, 0.577, 0.577]], dtype=np.float32)
    found = presence(vectors, texts, 100.0, threshold=0.4)
    assert found.tolist() == [[True, False, False], [True, True, False], [False, False, False]]


def test_shares_coefficients_and_baseline():
    rng = np.random.default_rng(0)
    labels = np.arange(2000) % 2
    there = rng.random((2000, 5)) < 0.2
    there[:, 0] = rng.random(2000) < np.where(labels == 0, 0.6, 0.1)
    there[:, 1] = rng.random(2000) < np.where(labels == 1, 0.3, 0.1)
    there[:, 4] = False
    there[:3, 4] = True  # too rare to be shown
    found = analyse(
        there,
        ("dog", "car", "sky", "sea", "unicorn"),
        CrossValidation(labels=labels, groups=np.arange(2000), replicates=50),
    )
    assert found["frequent"] == 4
    assert found["highest_share"][0][0]["class"] == found["highest_coefficient"][0][0]["class"] == "dog"
    assert found["highest_coefficient"][1][0]["class"] == "car"
    assert found["highest_share"][0][0]["share"] == pytest.approx(0.6 / 0.7, abs=0.05)
    assert 0.6 < found["baseline"] < found["accuracy"] + 0.01
    assert "unicorn" not in json.dumps(found)
    assert found["per_picture"][0]["mean"] == pytest.approx(there[labels == 0].sum(axis=1).mean())


def test_class_lists(tmp_path):
    everyday = class_list("everyday")
    assert len(everyday.names) > 150
    assert ("sea", "ocean") in everyday.phrases
    assert len(class_list("imagenet").names) > 990
    lvis = tmp_path / "lvis.json"
    lvis.write_text(
        json.dumps({"categories": [{"id": 1, "name": "aerosol_can"}, {"id": 2, "name": "air_conditioner"}]})
    )
    assert class_list(str(lvis)).names == ("aerosol can", "air conditioner")
    one = tmp_path / "one.txt"
    one.write_text("# a comment\ndog\n")
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    for named, said in (
        (str(one), "two"),
        (str(tmp_path / "none.txt"), "no class list"),
        (str(broken), "can't be read"),
    ):
        with pytest.raises(InputError, match=said):
            class_list(named)


def test_a_report_fetches_no_weights_unasked(tiny_pool, monkeypatch):
    from poolscope import bias, models

    def fetched(*_: object, **__: object) -> None:
        raise AssertionError("asked for weights that are not on this disk")

    monkeypatch.setattr(models.Model, "load", fetched)
    half = np.arange(200) < 100
    sets = [bias.PairSet(name, tiny_pool, np.flatnonzero(part)) for name, part in (("a", half), ("b", ~half))]
    sample = draw(sets, per_set=30, size=16)
    found = of_sample(sample, CrossValidation(labels=sample.labels, groups=np.arange(60)), Settings())
    assert "ViT-L-14/openai" in found["missing"]
    assert "--tower" in found["missing"]
    with pytest.raises(AssertionError):
        of_sample(
            sample, CrossValidation(labels=sample.labels, groups=np.arange(60)), Settings(model="ViT-L-14/openai")
        )


def test_what_a_detector_found_counts_before_zero_shot_labels(make):
    labels = np.arange(60) % 2
    sample = make(np.zeros((60, 16, 16, 3), np.uint8), labels)
    things = [{"dog"} if label else {"car", "road"} for label in labels]
    sample.shared[DETECTED] = dict(enumerate(map(frozenset, things)))
    found = of_sample(sample, CrossValidation(labels=labels, groups=np.arange(60), replicates=20), Settings())
    assert (found["by"], found["of"], found["accuracy"]) == ("a detector", 3, 1.0)
    assert [rows[0]["class"] for rows in found["highest_coefficient"]][1] == "dog"
    assert found["rates"]["dog"] == [0.0, 1.0]
    assert [per["mean"] for per in found["per_picture"]] == [2.0, 1.0]
    assert "detector" in origin(found)
