"""Image-based: the image lies in a cluster that holds images of a target set."""

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from .. import devices, files
from ..errors import InputError
from ..kernels.hashing import lowest, uniform
from ..kernels.matmul import bad_rows
from ..pool import Pool
from ..progress import Progress, silent
from ..text.language import languages
from .base import MAIN, Batch, Each, Method, Unit, by_unit, here, param
from .english import is_english, language_param
from .kernels.centroids import nearest_centroids, train_centroids
from .kernels.dealing import stored
from .kernels.targets import fitting_target, held, read_matrix, tiles


def fasttext_words(caption: str) -> int:
    """How many tokens fastText's tokenizer makes: runs between ASCII white space or NUL, and one per newline.

    >>> fasttext_words("a dog"), fasttext_words("dog\\n"), fasttext_words("a\\u00a0dog")
    (2, 2, 1)
    """
    spaced = caption.translate({10: 32, 13: 32, 9: 32, 11: 32, 12: 32, 0: 32})
    return sum(1 for word in spaced.split(" ") if word) + caption.count("\n")


def good_captions(captions: pa.Array, language_model: str = "") -> np.ndarray:
    """The caption filter of DataComp's image-based baseline, `(n,)` bool: English, more than 1 fastText token, more than 5
    characters. It is not the basic filter's: that wants more than 2 words as `str.split` cuts them."""
    codes, _ = languages(captions, language_model)
    lines = captions.fill_null("").to_pylist()
    long = np.fromiter((len(line) > 5 and fasttext_words(line) > 1 for line in lines), bool, len(lines))
    return is_english(codes) & long


@dataclass(frozen=True)
class Clusters:
    """Where the centroids are, (k, d) float32, and which of the k are nearest to a target image, (k,) bool."""

    path: str
    wanted: np.ndarray


@dataclass(frozen=True, kw_only=True)
class ImageBased(Method):
    """Image-based filter: the nearest centroid of the image is also the nearest of an image of the target set.

    Nearest is the largest inner product with the (not normalised) k-means centroid, in float32, for pairs and targets alike.
    Captions must be English with more than one fastText token and more than 5 characters (`captions=false` leaves that out).
    Centroids: trained with faiss on the pool's images (20 iterations; DataComp: 100,000 clusters of all images of small
    and medium), or a file, such as DataComp's. Training takes at most `train_rows` images, drawn by a hash of
    (seed, uid) without repetition, where the released script draws with repetition and no seed. On a GPU torch trains them, from another start.

    Reads embeddings (n, d) and captions, gives `(n,)` bool; leaves `cluster` (-1: no usable embedding), `language` is not kept.
    Cost: 2 k d FLOP per pair (154 MFLOP for 100,000 clusters at 768-d), and 3 µs for its language.
    """

    id = "image_based"
    order = 140
    title = "Image-based (ImageNet clusters)"
    kind = "flag"
    formula = r"\arg\max_j \langle f_i, c_j\rangle \in \{\arg\max_j \langle g_m, c_j\rangle : m \le M\}"
    paper = "Gadre et al. 2023 (DataComp), arXiv 2304.14108"
    cost = "154 MFLOP per pair for 100,000 clusters at 768 dimensions; training 20 times as much per image"
    published = (
        "DataComp medium, IN-1k (29.2M): ImageNet 26.8, average of 38 tasks 31.2; with CLIP L/14 top 30 % (14.0M): 29.7 and 32.8 "
        "(no filter: 17.6, 25.8)"
    )
    scan_rows = 16384
    extras = {"cluster": pa.int32()}

    model: str = param("l14", "model whose image embeddings are clustered", of="model")
    target: str = param("imagenet1k", "target set whose clusters are kept", of="target")
    centroids: str = param("", "file of (k, d) centroids (.npy, .npz, .pt); empty: trained on the pool", of="path")
    clusters: int = param(100_000, "centroids to train", low=1, high=10_000_000)
    iterations: int = param(20, "iterations of k-means", low=1, high=1000)
    train_rows: int = param(10_000_000, "most images to train on; they are held in memory", low=1)
    captions: bool = param(True, "keep only English captions that are long enough, for training too")
    seed: int = param(0, "another seed, another sample and start", low=0)
    language_model: str = language_param()
    device: str = param("auto", "where centroids are trained and compared", of="device")

    def needs(self) -> tuple[str, ...]:
        return (f"{self.model}_img", *(("text",) if self.captions else ()))

    def check(self, pool: Pool) -> None:
        super().check(pool)
        fitting_target(pool, self.target, self.model)
        if self.centroids:
            self._loaded(pool)
        elif self.clusters > len(pool):
            raise InputError(
                f"clusters is {self.clusters:,} and the pool has {len(pool):,} pairs: use clusters={max(1, len(pool) // 100)}."
            )

    def missed(self, pair: Mapping[str, Any]) -> str:
        cluster = pair.get("cluster")
        return "it has no usable embedding" if cluster == -1 else ""

    def work(self, pairs: int) -> float:
        trained = 0 if self.centroids else self.iterations * min(pairs, self.train_rows)
        return self.clusters * float(pairs + trained)

    def flop(self, pairs: int, dim: int, targets: int = 0) -> float:
        return 2 * dim * (self.work(pairs) + self.clusters * float(targets))

    def arithmetic(self) -> str:
        return "single"

    def once(self, pairs: int) -> float:
        return 1 - self.clusters * pairs / self.work(pairs) if pairs else 0.0

    def trial(self, sample: int, pairs: int) -> "ImageBased":
        """With so many clusters that products are most of its time, as they are with all of them."""
        return self if self.centroids else dataclasses.replace(self, clusters=max(1, min(self.clusters, sample // 16)))

    def prepare(self, pool: Pool, progress: Progress = silent, each: Each = here) -> Clusters:
        """Trains or loads the centroids and finds the target's; keeps them in the pool's `work/centroids-*.npy`."""
        centers = self._loaded(pool) if self.centroids else self._trained(pool, progress, each)
        digest = hashlib.sha256(np.ascontiguousarray(centers).tobytes()).hexdigest()[:16]
        path = pool.path / "centroids" / f"{self.model}-{digest}.npy"
        if not path.exists():
            files.write_array(path, np.asarray(centers, np.float32))
        wanted = np.zeros(len(centers), bool)
        targets = fitting_target(pool, self.target, self.model)
        done = 0
        for tile in tiles(targets, 16384):
            labels = nearest_centroids(tile, centers, device=devices.choose(self.device))
            wanted[labels[labels >= 0]] = True
            done += len(tile)
            progress(done, len(targets), "clusters of the target set")
        return Clusters(str(path), wanted)

    def score(self, batch: Batch, state: Any) -> dict[str, np.ndarray]:
        device = devices.choose(self.device)
        label = nearest_centroids(batch.stored(f"{self.model}_img"), held(state.path, device), device=device)
        kept = (label >= 0) & state.wanted[label]
        if self.captions:
            kept &= good_captions(batch["text"], self.language_model)
        return {MAIN: kept, "cluster": label}

    def _loaded(self, pool: Pool) -> np.ndarray:
        centers = read_matrix(self.centroids, "centroid")
        dim = pool.columns[f"{self.model}_img"].dim
        if centers.ndim != 2 or centers.shape[1] != dim or not len(centers):
            raise InputError(
                f"centroid file {self.centroids!r} has shape {centers.shape}: it must be (k, {dim}) for {self.model}."
            )
        return centers

    def _trained(self, pool: Pool, progress: Progress, each: Each) -> np.ndarray:
        """Centroids of the sampled images in uid order, so that the pool's row order doesn't matter."""
        usable = np.ones(len(pool), bool)
        if self.captions:
            part = partial(_good, language_model=self.language_model)
            for unit, good in by_unit(pool, part, "captions", progress, each):
                usable[unit.start : unit.stop] = good
        rows = np.asarray(pool.uid_order())
        rows = rows[usable[rows]]
        if len(rows) > self.train_rows:
            uids = pool.uids()[rows]
            rows = rows[np.sort(lowest(uniform(self.seed, uids["f0"], uids["f1"]), self.train_rows))]
        vectors = stored(pool, f"{self.model}_img", rows)
        vectors = vectors[~bad_rows(vectors)]
        device = devices.choose(self.device)
        return train_centroids(
            vectors, self.clusters, iterations=self.iterations, seed=self.seed, device=device, progress=progress
        )


def _good(pool: Pool, unit: Unit, *, language_model: str) -> np.ndarray:
    """`(n,)` bool: which captions of the unit pass."""
    scan = pool.scan(["text"], start=unit.start, stop=unit.stop, batch_size=16384)
    return np.concatenate([good_captions(batch.column(0), language_model) for batch in scan])
