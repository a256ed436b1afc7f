"""Mixing: weights of columns whose gradient is that of a downstream loss after one step of a reference model."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cross_entropy, normalize

Heads = tuple[torch.Tensor, torch.Tensor]
"""The reference model's last layers, of images and of texts, `(d, d)` each, over unit embeddings that stay as they are."""


Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Standardised inputs `(n, K)`, and unit embeddings of images and texts `(n, d)`, of any floating type."""


@dataclass(frozen=True, eq=False)
class Lessons:
    """Downstream examples as tensors: images `(M, d)`, and of each task its classes' vectors `(C, d)`, places and labels."""

    images: torch.Tensor
    tasks: tuple[tuple[torch.Tensor, torch.Tensor, torch.Tensor], ...]


@dataclass(frozen=True)
class Plan:
    """How long and how fast: pairs in a batch, steps, learning rates of the weights and of the reference, 1 / temperature."""

    batch: int
    steps: int
    rate: float
    reference_rate: float
    scale: float
    lessons: int = 256


def lessons(images: np.ndarray, classes: np.ndarray, tasks: np.ndarray, kind: torch.dtype, device: str) -> Lessons:
    """Examples `(M, d)` with their classes' vectors `(M, d)`, sorted into tasks; equal vectors of a task are one class."""
    lessons_of = []
    for key in np.unique(tasks):
        places = np.flatnonzero(tasks == key)
        vectors, labels = np.unique(classes[places], axis=0, return_inverse=True)
        lessons_of.append(
            (torch.as_tensor(vectors, dtype=kind), torch.as_tensor(places), torch.as_tensor(labels.ravel()))
        )
    moved = tuple((v.to(device), p.to(device), n.to(device)) for v, p, n in lessons_of)
    return Lessons(torch.as_tensor(images, dtype=kind, device=device), moved)


def identity(dim: int, kind: torch.dtype, device: str) -> Heads:
    """The reference as it begins: embeddings as they are."""
    return torch.eye(dim, dtype=kind, device=device), torch.eye(dim, dtype=kind, device=device)


def weighted_loss(
    heads: Heads, images: torch.Tensor, texts: torch.Tensor, weights: torch.Tensor, scale: float
) -> torch.Tensor:
    """The contrastive loss of a batch in which pair i counts `weights[i]` times, as own pair and as another's negative.

    `sum_i w_i [ (ln sum_j w_j e^{l_ij} + ln sum_j w_j e^{l_ji}) / 2 - l_ii ]`, l the scaled cosines under `heads`, the
    weights summing to 1: with weights n_i / n it is, up to a constant, the loss of the batch in which pair i stands n_i
    times, and a pair of weight 0 might as well not be there.
    """
    logits = scale * normalize(images @ heads[0], dim=1) @ normalize(texts @ heads[1], dim=1).T
    weighed = weights.log()
    to_texts = torch.logsumexp(logits + weighed[None, :], dim=1)
    to_images = torch.logsumexp(logits + weighed[:, None], dim=0)
    return (weights * ((to_texts + to_images) / 2 - logits.diagonal())).sum()


def downstream_loss(heads: Heads, given: Lessons, scale: float, chosen: torch.Tensor | None = None) -> torch.Tensor:
    """The mean over tasks of the cross-entropy of zero-shot classification; `chosen` `(M,)` bool are the examples to count."""
    losses = []
    for vectors, places, labels in given.tasks:
        counted = slice(None) if chosen is None else chosen[places]
        if len(rows := places[counted]):
            images = normalize(given.images[rows] @ heads[0], dim=1)
            losses.append(cross_entropy(scale * images @ normalize(vectors @ heads[1], dim=1).T, labels[counted]))
    return torch.stack(losses).mean()


def stepped(heads: Heads, loss: torch.Tensor, rate: float, *, differentiable: bool) -> Heads:
    """The heads after one step of gradient descent; `differentiable` keeps how the step depends on the loss's weights."""
    images, texts = torch.autograd.grad(loss, heads, create_graph=differentiable)
    return heads[0] - rate * images, heads[1] - rate * texts


def loss_after_step(
    phi: torch.Tensor, heads: Heads, batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor], given: Lessons, plan: Plan,
    chosen: torch.Tensor | None = None,
) -> tuple[torch.Tensor, Heads]:  # fmt: skip
    """The downstream loss after one step of the reference on a batch (inputs `(b, K)`, images, texts) that `phi` weighs.

    Pair i weighs `softmax_i(inputs @ phi)`. The loss can be differentiated by `phi`, through the step.
    """
    inputs, images, texts = batch
    heads = tuple(head.detach().requires_grad_() for head in heads)  # type: ignore[assignment]
    loss = weighted_loss(heads, images, texts, torch.softmax(inputs @ phi, dim=0), plan.scale)
    after = stepped(heads, loss, plan.reference_rate, differentiable=True)
    return downstream_loss(after, given, plan.scale, chosen), after


def learn(
    pairs: Pairs, given: Lessons, among: np.ndarray, plan: Plan, seed: int
) -> Iterator[tuple[int, float, np.ndarray]]:
    """Learns `phi` `(K,)` by Adam, from 0; yields the step, the downstream loss before its update, and `phi` after it.

    Each step draws a batch of pairs and a share of the downstream examples at the places `among`; the reference takes
    the step too, and the rate falls to 0 by the end.
    """
    random, like = np.random.default_rng(seed), given.images
    phi = torch.zeros(pairs[0].shape[1], dtype=like.dtype, device=like.device, requires_grad=True)
    optimiser = torch.optim.Adam([phi], lr=plan.rate)
    heads = identity(like.shape[1], like.dtype, str(like.device))
    for step, rows in enumerate(batches(len(pairs[0]), plan.batch, plan.steps, random)):
        chosen = random.permutation(among)[: plan.lessons]
        loss, after = loss_after_step(phi, heads, _batch(pairs, rows, like), given, plan, marked(chosen, given))
        optimiser.param_groups[0]["lr"] = plan.rate * (1 - step / plan.steps)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        heads = (after[0].detach(), after[1].detach())
        yield step, float(loss.detach()), phi.detach().cpu().numpy().copy()


def reached(phi: np.ndarray, pairs: Pairs, given: Lessons, asked: np.ndarray, plan: Plan, seed: int) -> float:
    """The downstream loss on the examples at the places `asked` after all steps of a new reference with fixed weights."""
    random, like = np.random.default_rng(seed), given.images
    fixed = torch.as_tensor(phi, dtype=like.dtype, device=like.device)
    heads = identity(like.shape[1], like.dtype, str(like.device))
    for rows in batches(len(pairs[0]), plan.batch, plan.steps, random):
        heads = (heads[0].detach().requires_grad_(), heads[1].detach().requires_grad_())
        inputs, images, texts = _batch(pairs, rows, like)
        loss = weighted_loss(heads, images, texts, torch.softmax(inputs @ fixed, dim=0), plan.scale)
        heads = stepped(heads, loss, plan.reference_rate, differentiable=False)
    with torch.no_grad():
        return float(downstream_loss(heads, given, plan.scale, marked(asked, given)))


def batches(pairs: int, size: int, steps: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """`steps` batches of `(size,)` places, permutation after permutation; what is left of one is not used."""
    size, order = min(size, pairs), np.empty(0, np.int64)
    for _ in range(steps):
        if len(order) < size:
            order = random.permutation(pairs)
        yield order[:size]
        order = order[size:]


def best_scale(images: np.ndarray, texts: np.ndarray) -> float:
    """The inverse temperature, of 25 between 1 and 100, with the least contrastive loss of these pairs as one batch."""
    cosines = torch.as_tensor(images @ texts.T)
    same = torch.arange(len(images))
    scales = np.geomspace(1, 100, 25)
    losses = [cross_entropy(s * cosines, same) + cross_entropy(s * cosines.T, same) for s in scales.tolist()]
    return float(scales[int(torch.stack(losses).argmin())])


def marked(places: np.ndarray, given: Lessons) -> torch.Tensor:
    """`(M,)` bool: the downstream examples at `places`."""
    chosen = torch.zeros(len(given.images), dtype=torch.bool, device=given.images.device)
    chosen[torch.as_tensor(places, device=chosen.device)] = True
    return chosen


def _batch(pairs: Pairs, rows: np.ndarray, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    inputs, images, texts = (torch.as_tensor(part[rows]).to(like.device, like.dtype) for part in pairs)
    return inputs, images, texts
