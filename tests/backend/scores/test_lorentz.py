"""Lorentz geometry against its golden vectors, float64, and the textbook formulas."""

import math

import numpy as np
import pytest
import torch

from poolscope.scores.kernels import lorentz

IMAGES = torch.tensor([[1, 0.5, 0], [0.2, 0.1, -0.1], [0, 2, 1]], dtype=torch.float64)
TEXTS = torch.tensor([[0.6, 0.1, 0], [0.3, 0.3, 0]], dtype=torch.float64)
GOLDEN = {
    1.0: {
        "angle": [[0.7176436838, 2.8541694266, 2.0277628231], [0.5697499507, 2.6223901641, 1.2667762429]],
        "aperture": [0.3145246103, 0.475242205],
        "image": [0.2488134096, 2.3433963877, 1.2523861253],
        "text": [1.5520007009, 1.0110632475],
        "near": [[-0.5781149034, -0.7332705506], [-0.414460059, -0.2467937719], [-2.3313939516, -2.0333914811]],
    },
    0.1: {
        "angle": [[0.6298494958, 2.8477892603, 1.7391402847], [0.5133714322, 2.618427036, 1.0768040797]],
        "aperture": [math.pi / 2, math.pi / 2],
        "image": [-0.99918601, 1.16231229, -0.16282415],
        "text": [0.16813012, -0.1679287],
        "near": [[-0.5668704066, -0.7285271792], [-0.4125248751, -0.245132764], [-2.2424435512, -1.9994191254]],
    },
}  # fmt: skip


@pytest.mark.parametrize("c", GOLDEN)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_golden_vectors_hold_to_a_millionth(c: float, dtype: torch.dtype) -> None:
    images, texts = (lorentz.exponential_map(points.to(dtype), c) for points in (IMAGES, TEXTS))
    got = {
        "angle": lorentz.exterior_angles(texts, images, c),
        "aperture": lorentz.half_aperture(texts, c),
        "image": lorentz.image_specificity(images, texts, c),
        "text": lorentz.text_specificity(texts, images, c),
        "near": -lorentz.distance(lorentz.excess(images, texts, c), c),
    }
    for name, expected in GOLDEN[c].items():
        np.testing.assert_allclose(got[name].numpy(), expected, atol=1e-6, err_msg=name)


def points(norm: float, n: int, seed: int, d: int = 768) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    rows = torch.randn(n, d, generator=draw, dtype=torch.float64)
    return rows / rows.norm(dim=1, keepdim=True) * norm


@pytest.mark.parametrize("norm", [1.0, 0.3, 0.05, 0.01])
def test_float32_keeps_its_digits_near_the_origin(norm: float) -> None:
    images, texts = points(norm, 40, 0), points(0.7 * norm, 50, 1)
    exact, fast = (
        [lorentz.exponential_map(rows.to(dtype), 0.1) for rows in (images, texts)]
        for dtype in (torch.float64, torch.float32)
    )
    for measure in (lorentz.image_specificity, lambda i, t, c: lorentz.text_specificity(t, i, c)):
        np.testing.assert_allclose(measure(*fast, 0.1).numpy(), measure(*exact, 0.1).numpy(), atol=2e-6)
    near = [lorentz.distance(lorentz.excess(*rows, 0.1), 0.1) for rows in (exact, fast)]
    np.testing.assert_allclose(near[1].numpy(), near[0].numpy(), rtol=2e-6)


def test_float64_agrees_with_the_textbook_away_from_the_origin() -> None:
    c = 0.7
    x, y = (lorentz.exponential_map(points(norm, 6, seed, 5), c) for norm, seed in ((1.2, 0), (2.0, 1)))
    xt, yt = lorentz.time_part(x, c), lorentz.time_part(y, c)
    inner = c * (x @ y.T - xt[:, None] * yt[None, :])
    np.testing.assert_allclose(
        lorentz.distance(lorentz.excess(x, y, c), c).numpy(), (torch.acosh(-inner) / c**0.5).numpy(), rtol=1e-9
    )
    ratio = (yt[None, :] + xt[:, None] * inner) / (x.norm(dim=1)[:, None] * (inner**2 - 1) ** 0.5)
    np.testing.assert_allclose(lorentz.exterior_angles(x, y, c).numpy(), torch.acos(ratio).numpy(), rtol=1e-8)
    pairs = lorentz.exterior_angles_of_pairs(x, y, c)
    np.testing.assert_allclose(pairs.numpy(), torch.acos(ratio).diagonal().numpy(), rtol=1e-8)
    np.testing.assert_allclose(
        lorentz.excess_of_pairs(x, y, c).numpy(), lorentz.excess(x, y, c).diagonal().numpy(), rtol=1e-8
    )


def test_identical_points_are_at_distance_zero_not_nan() -> None:
    x = lorentz.exponential_map(points(1.0, 4, 0).float(), 1.0)
    assert lorentz.distance(lorentz.excess_of_pairs(x, x, 1.0), 1.0).abs().max() < 1e-6
    assert torch.isfinite(lorentz.exterior_angles(x, x, 1.0)).all()


def test_gradients_are_finite_even_at_the_edges() -> None:
    tangent = torch.cat([points(1e-4, 2, 0, 8), points(1.0, 2, 1, 8)]).float().requires_grad_()
    x = lorentz.exponential_map(tangent, torch.tensor(0.1))
    loss = (lorentz.exterior_angles_of_pairs(x, x.flip(0), 0.1) - lorentz.half_aperture(x, 0.1)).sum()
    (loss + lorentz.distance(lorentz.excess(x, x, 0.1), 0.1).sum()).backward()
    assert torch.isfinite(tangent.grad).all()
