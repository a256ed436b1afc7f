"""The text tower's one pass: every prompt of every task, encoded once."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..devices import autocast

if TYPE_CHECKING:
    import torch

    from ..models import Loaded

Group = Sequence[str]


def encode(
    model: "Loaded", groups: Sequence[Group], *, size: int = 256, precision: str = "fp32"
) -> dict[Group, "torch.Tensor"]:
    """One unit vector (d,) float32 per distinct group: the unit vectors of its prompts, their mean, unit again.

    Groups that several tasks share (ImageNet's classes and its shifts) are encoded once; within a batch prompts are
    taken as they come, so that memory stays at one batch of texts and one vector per group.
    """
    import torch
    from torch.nn.functional import normalize

    distinct = list(dict.fromkeys(tuple(group) for group in groups))
    prompts = [(owner, prompt) for owner, group in enumerate(distinct) for prompt in group]
    sums: torch.Tensor | None = None
    for start in range(0, len(prompts), size):
        part = prompts[start : start + size]
        tokens = model.tokenizer([prompt for _, prompt in part]).to(model.device)
        with torch.inference_mode(), autocast(model.device.type, precision):
            vectors = model.network.encode_text(tokens)
        vectors = normalize(vectors.float(), dim=-1)
        if sums is None:
            sums = torch.zeros(len(distinct), vectors.shape[1], device=vectors.device)
        sums.index_add_(0, torch.tensor([owner for owner, _ in part], device=vectors.device), vectors)
    if sums is None:
        return {}
    return dict(zip(distinct, normalize(sums, dim=-1)))
