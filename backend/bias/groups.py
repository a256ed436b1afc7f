"""Groups of pairs that must not be split between training and testing: near-duplicates, and pages of one domain."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..progress import Progress, silent
from ..text.domains import registered
from .descriptor import area_means, greys
from .sample import Sample

HASH_BITS = 3  # of 128; and colour must agree too
COLOUR = 12.0  # of 255, largest difference of the means in 4 × 4 cells
COSINE = 0.96
LARGEST_SHARE = 0.05
BLOCK = 2048


def find(sample: Sample, progress: Progress = silent) -> tuple[np.ndarray, dict[str, Any]]:
    """Near-duplicates by image hash and by embedding, then whole domains where no domain is too large to be held together.

    Returns the group of each pair, `(n,)` int64 from 0, dense, and how many pairs are tied by what. A group is never split
    between folds, so an image that occurs twice can't be recognised instead of understood.
    """
    links: list[np.ndarray] = [_same_uid(sample)]
    about: dict[str, Any] = {"same pair": len(links[0])}
    if sample.images is not None:
        links.append(image_links(sample.images, progress))
        about["image hash"] = len(links[-1])
    column = next((name for name in sample.embeddings if name.endswith("_img")), None)
    if column:
        links.append(embedding_links(sample.vectors(column), COSINE, progress))
        about[f"{column} cosine ≥ {COSINE}"] = len(links[-1])
    ids = components(len(sample), links)
    clusters = int(ids.max()) + 1
    about |= {"pairs": len(sample), "clusters": clusters, "largest cluster": int(np.bincount(ids).max())}
    if sample.urls is not None:
        ids, held = _by_domain(ids, sample.urls)
        about |= {"domains held together": held}
    about["groups"] = int(ids.max()) + 1
    return ids, about


def image_links(images: np.ndarray, progress: Progress = silent) -> np.ndarray:
    """`(m, 2)` pairs of images whose 128-bit difference hash (rows and columns) differs in at most 3 bits and whose
    4 × 4 mean colours differ by less than 12 of 255.

    Images without any structure (all bits equal) have no hash worth comparing, so those must have equal colours.
    """
    hashes, colours = difference_hash(images), area_means(images.astype(np.float32), 4).reshape(len(images), -1)
    signs = np.unpackbits(hashes, axis=1).astype(np.float32) * 2 - 1
    bits = signs.shape[1]
    links = [np.empty((0, 2), dtype=np.int64)]
    for near in _near(signs, bits - 2 * HASH_BITS, "looking for near-duplicates", progress):
        for part in (near[start : start + 65536] for start in range(0, len(near), 65536)):
            links.append(part[np.abs(colours[part[:, 0]] - colours[part[:, 1]]).max(axis=1) < COLOUR])
    return np.concatenate(links)


def _near(vectors: np.ndarray, least: float, message: str, progress: Progress) -> Iterator[np.ndarray]:
    """`(m, 2)` pairs of rows whose product is at least `least`, the lower one first, block by block of the first."""
    for start in range(0, len(vectors), BLOCK):
        stop = min(start + BLOCK, len(vectors))
        left, right = np.nonzero(vectors[start:stop] @ vectors[start:].T >= least)
        later = right > left
        yield np.stack([left[later] + start, right[later] + start], axis=1)
        progress(stop, len(vectors), message)


def difference_hash(images: np.ndarray) -> np.ndarray:
    """`(n, s, s, 3)` uint8 to `(n, 16)` uint8: is a cell brighter than its right (its lower) neighbour, 64 bits each."""
    grey = greys(images)[..., None].astype(np.float32)
    cells = area_means(grey, 9)[..., 0]
    across = cells[:, :8, 1:] > cells[:, :8, :-1] + 1
    down = cells[:, 1:, :8] > cells[:, :-1, :8] + 1
    return np.packbits(np.concatenate([across.reshape(-1, 64), down.reshape(-1, 64)], axis=1), axis=1)


def embedding_links(vectors: np.ndarray, least: float, progress: Progress = silent) -> np.ndarray:
    """`(m, 2)` pairs of rows whose cosine is at least `least`; rows of zeros have none."""
    near = _near(vectors, least, "looking for near-duplicates by embedding", progress)
    return np.concatenate([np.empty((0, 2), dtype=np.int64), *near])


def components(n: int, links: Sequence[np.ndarray]) -> np.ndarray:
    """`(n,)` int64: the connected component of each pair, numbered by its first member.

    When chains of alike pairs tie more than 5 % of all together, each pair of that component follows only the first
    pair that it is directly linked to, so that groups stay small enough to make folds of.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    joined = np.concatenate([link for link in links if len(link)] or [np.empty((0, 2), dtype=np.int64)])
    graph = coo_matrix((np.ones(len(joined), dtype=np.int8), (joined[:, 0], joined[:, 1])), shape=(n, n))
    _, ids = connected_components(graph, directed=False)
    sizes = np.bincount(ids)
    chained = np.isin(ids, np.flatnonzero(sizes > max(2, LARGEST_SHARE * n)))
    if chained.any():
        first = np.arange(n)
        order = np.lexsort((joined[:, 0], joined[:, 1]))
        ordered = joined[order]
        members, at = np.unique(ordered[:, 1], return_index=True)
        first[members] = ordered[at, 0]
        ids = np.where(chained, n + first, ids)
    return _dense(ids)


def _same_uid(sample: Sample) -> np.ndarray:
    """Links between a pair and itself in another set."""
    order = np.lexsort((sample.uid_lo, sample.uid_hi))
    same = (np.diff(sample.uid_hi[order]) == 0) & (np.diff(sample.uid_lo[order]) == 0)
    return np.stack([order[:-1][same], order[1:][same]], axis=1)


def _by_domain(ids: np.ndarray, urls: Sequence[str]) -> tuple[np.ndarray, int]:
    """Joins clusters whose first pair comes from the same registered domain; a domain with more than 5 % of all pairs
    is left apart, because folds could not be made of it."""
    domains = np.asarray(registered_domains(urls), dtype=object)
    _, first = np.unique(ids, return_index=True)
    names, of_cluster = np.unique(domains[first].astype(str), return_inverse=True)
    weight = np.bincount(of_cluster, np.bincount(ids), minlength=len(names))
    held = (names != "") & (weight <= LARGEST_SHARE * len(ids))
    joined = np.where(held[of_cluster], of_cluster, len(names) + np.arange(len(of_cluster)))
    return _dense(joined[ids]), int(np.count_nonzero(held))


def registered_domains(urls: Sequence[str]) -> list[str]:
    """The registered domain of each web address, empty for a path."""
    return [registered(url.partition("://")[2].partition("/")[0])[0] for url in urls]


def _dense(ids: np.ndarray) -> np.ndarray:
    return np.unique(ids, return_inverse=True)[1].astype(np.int64)
