"""A counter that follows a mask gives what counting each group anew gives."""

import numpy as np
import pytest

from poolscope.kernels import bits, incremental
from poolscope.kernels.incremental import Counter

PAIRS = 300_001


@pytest.mark.parametrize("groups", [1, 64, 70])
def test_a_moving_mask_is_counted_exactly(groups, monkeypatch):
    rng = np.random.default_rng(groups)
    masks = rng.random((groups, PAIRS)) < rng.random((groups, 1)) ** 4
    matrix = np.stack([bits.pack(mask) for mask in masks])
    found = Counter(matrix, PAIRS)
    found.prepare()
    changed = []
    plain = found._change
    monkeypatch.setattr(found, "_change", lambda *given: changed.append(1) or plain(*given))
    for fraction in (0.3, 0.3001, 0.3001, 0.302, 0.9, 0.9002, 0.0, 1e-5):
        kept = np.random.default_rng(1).random(PAIRS) < fraction
        assert found.count(bits.pack(kept)).tolist() == (masks & kept).sum(axis=1).tolist()
    assert len(changed) >= (3 if groups > 1 else 0)


def test_a_large_pool_keeps_the_groups_of_each_pair_in_the_background(monkeypatch):
    monkeypatch.setattr(incremental, "LARGE", 100)
    matrix = bits.pack(np.arange(PAIRS) % 3 == 0)[None]
    found = Counter(matrix, PAIRS)
    everything = bits.pack(np.ones(PAIRS, dtype=bool))
    assert found.count(everything).tolist() == [100_001]
    found.prepare()  # waits for what was begun
    assert found._members is not None
    assert found.count(everything).tolist() == [100_001]
