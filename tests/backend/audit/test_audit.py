"""The audit end to end on a small pool: figures, strata, suppression, stages, headline, JSON."""

import json
import math

import numpy as np
import pytest

from poolscope.audit import audit, catalog, headline
from poolscope.audit.contrast import contrast
from poolscope.audit.curve import curves
from poolscope.audit.examples import drawn, near_threshold
from poolscope.audit.group import Definition, Group, Groups
from poolscope.audit.of_recipe import pooled_within
from poolscope.audit.stages import contributions, stages
from poolscope.audit.strata import strata
from poolscope.audit.words import separating
from poolscope.errors import InputError
from poolscope.kernels.bits import pack
from poolscope.recipe import load, select

PAIRS = 2000


def made(masks: dict[str, np.ndarray]) -> Groups:
    listed = [
        Group(Definition(id, id.split(".")[0], id, f"mentions {id}", "m", "e", "test"), pack(mask))
        for id, mask in masks.items()
    ]
    return Groups.of(listed, len(next(iter(masks.values()))))


RECIPE = "name: r\nkeep:\n- {flag: sharp}\n- {score: clip_b32, top: 0.3}\n"


def test_the_json_shape_and_its_figures(tiny_pool):
    found = audit(tiny_pool, load(RECIPE), minimum=20, strata="length", reference="uniform")
    told = found.as_json()
    json.dumps(told, allow_nan=False)
    assert told["pairs"] == 200
    kept = select(load(RECIPE), tiny_pool).mask
    assert told["kept"] == kept.sum()
    english = next(g for g in told["groups"] if g["id"] == "language.en")
    assert {"family", "group", "n", "kept", "rate", "low", "high", "lift", "odds_ratio", "q"} <= english.keys()
    groups = catalog.load(tiny_pool)
    mask = groups.mask("language.en")
    assert english["n"] == mask.sum()
    assert english["kept"] == (mask & kept).sum()
    assert english["rate"] == pytest.approx((mask & kept).sum() / mask.sum())
    assert english["lift"] == pytest.approx(english["rate"] / kept.mean())
    assert all(g["n"] >= 20 for g in told["groups"])
    assert all(g["kept"] is None or g["kept"] == 0 or g["kept"] >= 10 for g in told["groups"])
    assert told["safeguards"]


def test_small_counts_are_hidden(tiny_pool):
    rng = np.random.default_rng(0)
    kept = select(load(RECIPE), tiny_pool).mask
    few = np.zeros(200, bool)
    few[np.flatnonzero(kept)[:4]] = True
    few[np.flatnonzero(~kept)[:60]] = True
    groups = made({"a.few": few, "a.tiny": np.arange(200) < 9, "a.half": rng.random(200) < 0.5})
    found = audit(tiny_pool, load(RECIPE), groups=groups, minimum=10)
    rows = {row.definition.id: row for row in found.rows}
    assert rows.keys() == {"a.few", "a.half"}
    assert found.left_out == 1
    assert rows["a.few"].kept is None
    assert rows["a.few"].rate is None
    assert rows["a.few"].rate_below == 10 / 64
    assert rows["a.half"].kept is not None
    assert "4" not in json.dumps(
        {k: v for k, v in rows["a.few"].as_json().items() if k in ("kept", "rate", "lift", "p")}
    )
    with pytest.raises(InputError, match="fewer than 10"):
        audit(tiny_pool, load(RECIPE), groups=groups, minimum=5)


def test_the_headline_names_the_surest_loss():
    rng = np.random.default_rng(0)
    kept = rng.random(PAIRS) < 0.3
    lost = rng.random(PAIRS) < 0.2
    kept[lost] = rng.random(lost.sum()) < 0.12
    groups = made({"a.lost": lost, "a.other": rng.random(PAIRS) < 0.4, "embedding cluster.x": ~kept})
    told = headline(groups, kept)
    assert told.id == "a.lost"
    assert (
        told.text
        == f"largest loss: mentions a.lost, kept {100 * kept[lost].mean():.1f} % against {100 * kept.mean():.1f} % overall"
    )
    assert headline(made({"a.lost": lost}), kept & ~lost).text.startswith(
        f"largest loss: mentions a.lost, kept none of {lost.sum():,} against "
    )
    assert headline(groups, np.ones(PAIRS, bool)).text == "everything is kept"
    assert headline(made({"a.x": rng.random(PAIRS) < 0.5}), rng.random(PAIRS) < 0.3).id is None


def test_stages_add_up(tiny_pool):
    selection = select(load(RECIPE), tiny_pool)
    groups = made({"a.x": np.random.default_rng(1).random(200) < 0.5})
    after = stages(groups, selection)
    sharp = tiny_pool.array("sharp")
    assert after[0].kept[0] == (groups.mask("a.x") & sharp).sum()
    assert after[1].kept[0] == (groups.mask("a.x") & selection.mask).sum()
    assert contributions(after).sum() == pytest.approx(math.log(after[1].lift[0]))


def test_strata_by_length_language_and_column(tiny_pool):
    codes, _ = strata(tiny_pool, "length")
    lengths = [len(text) for text in tiny_pool.take(range(200), ["text"])["text"].to_pylist()]
    assert codes.tolist() == [sum(length >= low for low in (10, 20, 40, 80, 160)) for length in lengths]
    assert strata(tiny_pool, "language")[1][0] == "en"
    assert strata(tiny_pool, "domain")[1] == ("example.org", "other")
    with pytest.raises(InputError, match="no strata 'weather'"):
        strata(tiny_pool, "weather")


def test_pooling_counts_each_stratum():
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 4, PAIRS).astype(np.uint16)
    kept = rng.random(PAIRS) < 0.1 + 0.2 * codes
    member = rng.random(PAIRS) < 0.5 - 0.1 * codes
    crude = audit_ratio(member, kept)
    pooled = pooled_within(made({"a.x": member}), kept, codes, ("a", "b", "c", "d")).odds_ratio[0]
    assert crude < 0.8
    assert abs(math.log(pooled)) < abs(math.log(crude)) / 2


def audit_ratio(member: np.ndarray, kept: np.ndarray) -> float:
    a, b, c, d = (member & kept).sum(), (member & ~kept).sum(), (~member & kept).sum(), (~member & ~kept).sum()
    return a * d / (b * c)


def test_curves_are_the_rates_at_every_fraction():
    rng = np.random.default_rng(4)
    scores = rng.normal(size=PAIRS).astype(np.float32)
    member = rng.random(PAIRS) < 0.3
    scores[member] += 0.5
    found = curves(made({"a.x": member}), scores)
    fractions, rates = found.rates(10)
    order = np.argsort(-scores)
    for fraction, rate in zip(fractions, rates[0]):
        kept = np.zeros(PAIRS, bool)
        kept[order[: round(fraction * PAIRS)]] = True
        assert rate == pytest.approx(kept[member].mean(), abs=0.01)
    above = (scores[member][:, None] > scores[~member][None]).mean()
    assert found.auc()[0] == pytest.approx(above, abs=0.002)


def test_examples_are_the_nearest_to_the_threshold():
    scores = np.array([0.1, 0.2, 0.3, 0.4, 0.5, np.nan], dtype=np.float32)
    members = np.array([0, 1, 3, 4, 5])
    kept, dropped = near_threshold(scores, members, scores >= 0.3, 0.3, limit=1)
    assert (kept.tolist(), dropped.tolist()) == ([3], [1])
    kept, dropped = drawn(members, scores >= 0.3, np.array([5, 4, 3, 2, 1, 0], np.uint32), limit=9)
    assert (kept.tolist(), dropped.tolist()) == ([4, 3], [5, 1, 0])


def test_words_separate_kept_from_dropped(tiny_pool):
    captions = tiny_pool.take(range(200), ["text"])["text"].to_pylist()
    mask = np.array(["red" in caption or index % 5 == 0 for index, caption in enumerate(captions)])
    kept, dropped = separating(tiny_pool, np.arange(200), mask)
    assert "red" in [word.word for word in kept]
    assert all(word.z < 0 for word in dropped)
    assert separating(tiny_pool, np.arange(200), np.ones(200, bool)) == ([], [])


def test_contrasts_leave_out_pairs_of_both_groups():
    rng = np.random.default_rng(5)
    a, b, kept = (rng.random(PAIRS) < share for share in (0.3, 0.4, 0.5))
    found = contrast(made({"a.x": a, "a.y": b}), kept, "a.x", "a.y")
    assert found.n_a == (a & ~b).sum()
    assert found.difference == pytest.approx(kept[a & ~b].mean() - kept[b & ~a].mean())
    assert found.low < found.difference < found.high
    assert contrast(made({"a.x": a, "a.y": b, "a.z": np.arange(PAIRS) < 15}), kept, "a.x", "a.y", within="a.z") is None


def test_choosing_shares_the_bitmaps():
    groups = made({"a.x": np.arange(PAIRS) < 900, "b.y": np.arange(PAIRS) >= 100, "b.z": np.arange(PAIRS) < 20})
    chosen = groups.choose(["b"], minimum=100)
    assert chosen.matrix is groups.matrix
    assert chosen.sizes.tolist() == [1900]
    assert chosen.count(np.arange(PAIRS) < 150).tolist() == [50]
    np.testing.assert_array_equal(chosen.mask("b.y"), np.arange(PAIRS) >= 100)
    with pytest.raises(InputError, match="no family 'c'"):
        groups.choose(["c"])
