"""The headline claims a difference only where it survives the correction for all families that were looked at."""

import numpy as np
import pytest

from poolscope.bias.headline import corrected, distinguishing, summary


def report(*families: tuple[str, float, float]) -> dict:
    return {"chance": 0.5, "families": [{"family": name, "title": name, "accuracy": accuracy, "p": p} for name, accuracy, p in families]}  # fmt: skip


def test_the_best_of_22_families_on_a_random_fifth_is_no_difference():
    """The case of a random fifth: 56.1 % with p 0.010 is what the best of 22 families reaches by chance."""
    others = [(f"family {number}", 0.5, 0.5) for number in range(21)]
    found = report(("hog", 0.561, 0.010), *others)
    assert distinguishing(found) == {}
    assert "can't be told apart by any of 22 families" in summary(found)
    assert "56.1 %" in summary(found)
    assert "p 0.22" in summary(found)


def test_random_sets_are_seldom_told_apart():
    rng = np.random.default_rng(0)
    false = sum(
        bool(distinguishing(report(*[(f"{n}", 0.5, p) for n, p in enumerate(rng.random(22))]))) for _ in range(400)
    )
    assert false / 400 < 0.08


def test_a_difference_is_named_with_the_families_that_surely_show_it():
    found = report(("original", 0.8, 0.001), ("hog", 0.6, 0.001), ("mean_rgb", 0.55, 0.2), ("file_facts", 0.7, 0.001))
    assert list(distinguishing(found)) == ["original", "hog", "file_facts"]
    text = summary(found)
    assert "told apart 80.0 % of the time by “original” (chance 50.0 %)" in text
    assert "70.0 % by file facts alone" in text
    assert "mean colour" not in text


def test_a_higher_accuracy_that_is_not_sure_is_not_the_headline():
    found = report(("small", 0.9, 0.3), ("large", 0.7, 0.001))
    assert "70.0 % of the time by “large”" in summary(found)


def test_one_family_needs_no_correction():
    assert corrected(report(("a", 0.6, 0.04))["families"]) == pytest.approx([0.04])
