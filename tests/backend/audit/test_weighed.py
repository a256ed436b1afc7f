"""The audit by weight: shares of the draws, against sums over single pairs, a bootstrap and the audit of plain masks."""

import numpy as np
import pytest

from poolscope.audit import audit, figures
from poolscope.audit.group import Definition, Group, Groups
from poolscope.audit.headline import headline
from poolscope.audit.measure import measure
from poolscope.audit.stages import contributions, stages
from poolscope.audit.weighed import lift_by_weight
from poolscope.kernels import bits
from poolscope.recipe import load, select

PAIRS = 3000


@pytest.fixture(scope="module")
def groups():
    rng = np.random.default_rng(0)
    masks = [rng.random(PAIRS) < share for share in (0.5, 0.1, 0.03)] + [np.arange(PAIRS) < 1]
    found = [
        Group(Definition(f"g{i}", "letters", f"g{i}", f"mentions g{i}", "", "", "test"), bits.pack(mask))
        for i, mask in enumerate(masks)
    ]
    return Groups.of(found, PAIRS), np.array(masks)


@pytest.fixture(scope="module")
def copies(groups):
    rng = np.random.default_rng(1)
    often = rng.poisson(0.8, PAIRS) * (1 + 2 * groups[1][0])
    return np.where(groups[1][1] & (rng.random(PAIRS) < 0.5), 0, often).astype(np.uint32)


def test_shares_and_lift_are_those_of_the_list_of_draws(groups, copies):
    found, masks = groups
    measures = measure(found, copies > 0, copies)
    draws = np.repeat(np.arange(PAIRS), copies)
    for place, mask in enumerate(masks):
        share = mask[draws].mean()
        assert measures.share_after[place] == pytest.approx(share)
        assert measures.lift[place] == pytest.approx(share / mask.mean())
        assert measures.drawn[place] == mask[draws].sum()
        assert measures.kept[place] == (copies[mask] > 0).sum(), "rates stay those of being drawn at all"
    assert (measures.rate <= 1).all()
    assert measures.p[0] < 1e-6


def test_masks_give_the_interval_of_the_audit_of_masks(groups):
    found, masks = groups
    once = np.random.default_rng(2).random(PAIRS) < 0.3
    k, n = (masks & once).sum(axis=1)[:3], masks.sum(axis=1)[:3]
    low, high, p = lift_by_weight(k, k, n, once.sum(), once.sum(), PAIRS)
    expected = figures.lift_interval(k, n, once.sum(), PAIRS)
    assert np.allclose([low, high], expected)
    assert np.allclose(p, figures.p_value(k, n, once.sum(), PAIRS), atol=0.02)


def test_the_interval_is_as_wide_as_a_bootstrap_spreads(groups, copies):
    found, masks = groups
    measures = measure(found, copies > 0, copies)
    rng = np.random.default_rng(3)
    for place in (0, 1):
        own, others = (
            copies[rng.choice(np.flatnonzero(one), (800, one.sum()))].sum(axis=1)
            for one in (masks[place], ~masks[place])
        )
        lift = own / (own + others) / masks[place].mean()
        low, high = np.quantile(lift, [0.025, 0.975])
        assert measures.lift_high[place] - measures.lift_low[place] == pytest.approx(high - low, rel=0.2)


def test_the_headline_speaks_of_draws(groups, copies):
    text = headline(groups[0], bits.pack(copies > 0), copies, minimum=50).text
    assert "of the pool and" in text
    assert text.endswith("of the draws")
    assert headline(groups[0], np.ones(PAIRS, bool), np.full(PAIRS, 2, np.uint32), minimum=50).text.startswith(
        "no group"
    )


def test_the_audit_of_a_recipe_that_draws(tiny_pool):
    masks = [np.arange(200) % 2 == 0, np.arange(200) < 60]
    found = Groups.of(
        [
            Group(Definition(f"g{i}", "letters", f"g{i}", f"mentions g{i}", "", "", "test"), bits.pack(mask))
            for i, mask in enumerate(masks)
        ],
        200,
    )
    rules = [{"flag": "sharp"}, {"sample": "clip_l14", "pairs": 700, "penalty": 0.1}, {"score": "clip_l14", "min": 0.1}]
    selection = select(load({"name": "drawn", "keep": rules}), tiny_pool)
    audited = audit(tiny_pool, selection, groups=found, minimum=10)
    copies = selection.copies
    assert audited.as_json()["drawn"] == audited.drawn == copies.sum() == selection.drawn
    for row, mask in zip(audited.rows, masks):
        assert row.drawn == copies[mask].sum()
        assert row.share_after == pytest.approx(copies[mask].sum() / copies.sum())
        assert sum(row.ln_lift_by_rule) == pytest.approx(np.log(row.lift)), "the rules' parts add up to the whole"
    after = stages(found, selection)
    assert after[0].drawn is None
    assert after[1].total_drawn == 700
    assert contributions(after).shape == (3, 2)
