"""The image tower over a task's images; an image that several tasks share is decoded and encoded once."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..devices import autocast
from .tasks.shards import Sample, batches

if TYPE_CHECKING:
    import torch

    from ..models import Loaded

LIMIT_BYTES = 256 << 20


class Seen(dict[bytes, "torch.Tensor"]):
    """Unit vectors (d,) float32 by the digest of the image's bytes, as many as fit into 256 MiB."""

    def remember(self, samples: list[Sample], vectors: "torch.Tensor") -> None:
        room = LIMIT_BYTES // (4 * vectors.shape[1]) - len(self)
        for sample, vector in zip(samples[: max(0, room)], vectors):
            self[sample.digest] = vector


def features(
    loaded: "Loaded", root: Any, seen: Seen, *, size: int, threads: int, precision: str, skipped: list[str]
) -> Iterator[tuple["torch.Tensor", list[Sample]]]:
    """Unit vectors (b, d) float32 of a task's images in order, with their samples."""
    import torch
    from torch.nn.functional import normalize

    for images, samples in batches(root, loaded.transform, size=size, threads=threads, skipped=skipped, known=seen):
        new = [sample for sample in samples if sample.fresh]
        vectors: list[torch.Tensor] = []
        if images is not None:
            with torch.inference_mode(), autocast(loaded.device.type, precision):
                encoded = loaded.network.encode_image(images.to(loaded.device, non_blocking=True))
            unit = normalize(encoded.float(), dim=-1)
            seen.remember(new, unit)
            vectors = list(unit)
        fresh = iter(vectors)
        yield torch.stack([next(fresh) if sample.fresh else seen[sample.digest] for sample in samples]), samples
