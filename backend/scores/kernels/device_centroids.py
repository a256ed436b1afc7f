"""k-means and nearest centroids on a GPU, in plain torch; two runs on one kind of device agree to the bit."""

import numpy as np
import torch

from ...devices import Room
from ...progress import Progress, silent
from .accelerator import on, send

COLUMNS = 16_384
PIECE = 65_536
_SPLIT = 1 / 1024  # by which faiss, too, moves the halves of a cluster apart
_rows_at_once = Room(16_384)


def nearest(
    vectors: np.ndarray | torch.Tensor, centroids: torch.Tensor, shift: torch.Tensor | None = None
) -> np.ndarray:
    """The centroid of largest `<v, c_j> + shift_j`, the first of equals, (n,) int32.

    vectors (n, d) on the device or not; centroids (k, d) float32 on it. With `shift = -|c|^2 / 2` it is the nearest by
    Euclidean distance.
    """
    device = str(centroids.device)

    def part(rows: slice) -> np.ndarray:
        here = vectors[rows]
        left = (here if isinstance(here, torch.Tensor) else send(here, device)).float()
        best = torch.full((len(left),), -torch.inf, device=device)
        label = torch.full((len(left),), -1, dtype=torch.int32, device=device)
        for start in range(0, len(centroids), COLUMNS):
            similarity = left @ centroids[start : start + COLUMNS].T
            if shift is not None:
                similarity += shift[start : start + COLUMNS]
            value, place = similarity.max(dim=1)
            higher = value > best
            best = torch.where(higher, value, best)
            label = torch.where(higher, (start + place).int(), label)
        return label.cpu().numpy()

    with torch.inference_mode(), on(device):
        return np.concatenate(_rows_at_once.over(len(vectors), part)) if len(vectors) else np.empty(0, np.int32)


def train(
    vectors: np.ndarray, clusters: int, *, device: str, iterations: int = 20, seed: int = 0, progress: Progress = silent
) -> np.ndarray:
    """Lloyd's iterations from `clusters` random points, (k, d) float32 of `vectors` (n, d); an empty cluster takes half of
    the largest one, as in faiss. The points go to the device once if it has room, else for every iteration."""
    chosen = np.random.Generator(np.random.PCG64(seed)).choice(len(vectors), clusters, replace=False)
    with torch.inference_mode(), on(device):
        centroids = send(np.asarray(vectors[np.sort(chosen)], np.float32), device)
        try:
            points: np.ndarray | torch.Tensor = send(vectors, device)
        except torch.OutOfMemoryError:
            points = vectors
        for number in range(iterations):
            progress(number, iterations, f"iteration {number + 1} of {iterations}, {clusters:,} centroids")
            label = nearest(points, centroids, -0.5 * (centroids * centroids).sum(dim=1))
            centroids = _means(points, label, centroids)
        progress(iterations, iterations, f"{clusters:,} centroids")
        return centroids.cpu().numpy()


def _means(points: np.ndarray | torch.Tensor, label: np.ndarray, centroids: torch.Tensor) -> torch.Tensor:
    """The mean of each cluster's points; sums run in the order of the points, so that they repeat to the bit."""
    device, k = centroids.device, len(centroids)
    order, counts = np.argsort(label, kind="stable"), np.bincount(label, minlength=k)
    sums = torch.zeros(centroids.shape, dtype=torch.float64, device=device)
    for start in range(0, len(order), PIECE):
        rows = order[start : start + PIECE]
        labels, lengths = np.unique(label[rows], return_counts=True)
        if isinstance(points, torch.Tensor):
            part = points[torch.from_numpy(rows).to(device)]
        else:
            part = send(points[rows], str(device))
        of = torch.from_numpy(lengths).to(device)
        sums[torch.from_numpy(labels).to(device, torch.int64)] += torch.segment_reduce(part.double(), "sum", lengths=of)
    sizes = counts.copy()
    means = (sums / torch.from_numpy(np.maximum(counts, 1)).to(device)[:, None]).float()
    for empty in np.flatnonzero(counts == 0):
        largest = int(sizes.argmax())
        means[empty] = means[largest] * (1 + _SPLIT)
        means[largest] *= 1 - _SPLIT
        sizes[empty] = sizes[largest] // 2
        sizes[largest] -= sizes[empty]
    return means
