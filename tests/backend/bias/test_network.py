"""The small network learns what a linear model can't, and nothing where there is nothing."""

import dataclasses

import numpy as np
import pytest

from poolscope.bias.network import CONVNEXT, SMALL, _augment, network_classifier, small_network
from poolscope.bias.validation import CrossValidation

TINY = dataclasses.replace(SMALL, epochs=4, batch=32)


@pytest.fixture(autouse=True)
def one_thread():
    """Two threads on such small images spend their time waiting for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def stripes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Stripes across or down at a random place: the same mean everywhere, told apart by their direction."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    wave = 128 + 100 * np.sin(np.arange(32)[None] * 2 * np.pi / 8 + rng.uniform(0, 6.3, (count, 1)))
    across = np.broadcast_to(wave[:, None, :], (count, 32, 32))
    images = np.where(labels[:, None, None] == 0, across, across.transpose(0, 2, 1))
    return np.repeat(images.astype(np.uint8)[..., None], 3, axis=3), labels


def test_it_learns_directions():
    images, labels = stripes(240)
    validation = CrossValidation(labels=labels, groups=np.arange(240), folds=2, replicates=50)
    assert validation.accuracy_of(network_classifier(images, TINY)).accuracy > 0.9


def test_it_does_not_find_what_is_not_there():
    images, _ = stripes(240)
    labels = np.random.default_rng(1).permutation(240) % 2
    found = CrossValidation(labels=labels, groups=np.arange(240), folds=2, replicates=50).accuracy_of(
        network_classifier(images, TINY)
    )
    assert abs(found.accuracy - 0.5) < 0.13


def test_sizes_and_published_settings():
    assert 100_000 < sum(one.numel() for one in small_network(3).parameters()) < 500_000
    assert (CONVNEXT.epochs, CONVNEXT.decay, CONVNEXT.smoothing, CONVNEXT.warm_up) == (30, 0.3, 0.1, 2.0)
    assert CONVNEXT.rate / CONVNEXT.batch == 1e-3 / 4096


def test_convnext_trains_through_timm_with_every_augmentation():
    images, labels = stripes(32)
    validation = CrossValidation(labels=labels, groups=np.arange(32), folds=2, replicates=10)
    found = validation.accuracy_of(network_classifier(images, dataclasses.replace(CONVNEXT, epochs=1, batch=16)))
    assert 0 <= found.accuracy <= 1
    change = _augment(CONVNEXT)
    many = np.repeat(images, 40, axis=0)  # enough draws to meet the strongest level of each operation
    assert change(many).shape == many.shape
