"""The towers over what tasks ask: every prompt of every task in one pass, and an image that several tasks share once."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..devices import autocast
from .tasks.shards import Sample, decoded

if TYPE_CHECKING:
    import torch

    from ..models import Loaded

Group = Sequence[str]
LIMIT_BYTES = 256 << 20


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


class Seen(dict[bytes, "torch.Tensor"]):
    """Unit vectors (d,) float32 by the digest of the image's bytes, as many as fit into 256 MiB."""

    def remember(self, samples: list[Sample], vectors: "torch.Tensor") -> None:
        room = LIMIT_BYTES // (4 * vectors.shape[1]) - len(self)
        for sample, vector in zip(samples[: max(0, room)], vectors):
            self[sample.digest] = vector


def features(
    loaded: "Loaded", root: Any, seen: Seen, *, size: int, threads: int, precision: str, skipped: list[str]
) -> Iterator[tuple["torch.Tensor", list[Sample]]]:
    """Unit vectors (b, d) float32 of a task's images in order, with their samples; those that can't be read are `skipped`."""
    import torch
    from torch.nn.functional import normalize

    examples = decoded(root, loaded.transform, threads=threads, ahead=3 * size, skipped=skipped, known=seen)
    while batch := list(islice(examples, size)):
        images = [image for _, image in batch if image is not None]
        vectors: list[torch.Tensor] = []
        if images:
            pixels = torch.stack(images).to(loaded.device, non_blocking=True)
            with torch.inference_mode(), autocast(loaded.device.type, precision):
                encoded = loaded.network.encode_image(pixels)
            unit = normalize(encoded.float(), dim=-1)
            seen.remember([sample for sample, image in batch if image is not None], unit)
            vectors = list(unit)
        fresh = iter(vectors)
        both = [seen[sample.digest] if image is None else next(fresh) for sample, image in batch]
        yield torch.stack(both), [sample for sample, _ in batch]
