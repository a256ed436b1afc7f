"""HYPE: how specific picture and caption are in a hyperbolic space, and how near they are to each other."""

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..errors import InputError
from ..kernels.hashing import uniform
from ..kernels.matmul import bad_rows
from ..progress import Progress, silent
from .base import MAIN, Each, Method, Unit, here, param
from .cliploss import stored

if TYPE_CHECKING:
    from ..pool import Pool

TERMS = ("hype_image_specificity", "hype_text_specificity", "hype_nearness")
_TILE = 512


def hype_terms(
    images: np.ndarray, texts: np.ndarray, reference_images: np.ndarray, reference_texts: np.ndarray, c: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """eps_i, eps_t and -d_L of n pairs, three (n,) float32, from tangent vectors (n, d) and references (r, d).

    NaN where a tangent vector is not finite; references that are not finite are left out. Cost: 4 r d FLOP and 2 r
    arc cosines a pair; the n x r matrix never exists, tiles of 512 rows do.
    """
    import torch

    from .kernels import lorentz

    with torch.inference_mode():

        def points(tangent: np.ndarray) -> torch.Tensor:
            return lorentz.exponential_map(torch.from_numpy(np.ascontiguousarray(tangent, dtype=np.float32)), c)

        anchors_i, anchors_t = (points(rows[~bad_rows(rows)]) for rows in (reference_images, reference_texts))
        parts = []
        for start in range(0, len(images), _TILE):
            tile = images[start : start + _TILE], texts[start : start + _TILE]
            missing = _TILE - len(tile[0])  # tiles of one size, so that a score does not depend on its neighbours
            x, y = (points(np.pad(rows.astype(np.float32), ((0, missing), (0, 0)))) for rows in tile)
            near = -lorentz.distance(lorentz.excess_of_pairs(x, y, c), c)
            specific = lorentz.image_specificity(x, anchors_t, c), lorentz.text_specificity(y, anchors_i, c)
            parts.append(torch.stack([*specific, near]).numpy()[:, : len(tile[0])])
    terms = np.concatenate(parts, axis=1) if parts else np.zeros((3, 0), np.float32)
    terms[:, ~np.isfinite(images).all(axis=1) | ~np.isfinite(texts).all(axis=1)] = np.nan
    return terms[0], terms[1], terms[2]


@dataclass(frozen=True)
class Space:
    """The hyperbolic space that pairs are scored in: curvature, reference tangent vectors (r, d), and the network's file."""

    c: float
    images: np.ndarray
    texts: np.ndarray
    network: str


@dataclass(frozen=True, kw_only=True)
class Hype(Method):
    """HYPE: `eps_i + eps_t - d_L(image, text) + cos + c_IN`, in a Lorentz space of curvature -c.

    eps_i (eps_t): specificity of picture (caption), the mean over reference captions (pictures) of exterior angle minus half-
    aperture of the entailment cone, captions being the apexes; not clamped, higher is more specific. d_L: Lorentzian distance.
    cos: an ordinary CLIP score (`cosine`). c_IN: 0 or 1 of the image-based flag (`cluster`; left out by default,
    as the released code computes only the first three terms). The paper keeps 10 or 20 % of the pool.

    The space comes from a hyperbolic CLIP: trained here on the pairs that the recipe `clean` keeps (MERU's losses; the paper's
    own ViT-L/14 is not published under a free licence), or a `network` trained before, or tangent vectors in the pool's
    columns `<model>_img`, `<model>_txt` with a given `curvature`. References are pairs drawn by a hash of (seed, uid).
    Formulas are kept stable near the origin and at distance zero, where the released code gives NaN.

    Gives `(n,)` float32 and three columns of terms; NaN without a readable picture. Cost: embedding the pair, and 4 r d FLOP
    with 2 r arc cosines: 6.3 MFLOP for 2,048 references at 768-d.
    """

    id = "hype"
    order = 130
    title = "HYPE"
    formula = r"\epsilon_i + \epsilon_t - d_{\mathcal{L}}(i,t) + \cos\theta + c_{IN}"
    paper = "Kim et al. 2024 (HYPE), arXiv 2404.17507; geometry: Desai et al. 2023 (MERU), arXiv 2304.09172"
    cost = "embedding the pair, and 6.3 MFLOP for 2,048 references at 768 dimensions"
    published = (
        "no table of HYPE alone could be checked; DataComp's leaderboard: HYPE or DFN (20M) ImageNet 38.2, average 37.9"
    )

    model: str = param("", "columns of tangent vectors, if the pool has them; empty: embed with a network", of="model")
    curvature: float = param(1.0, "c of those columns", low=1e-6, high=1e6)
    network: str = param("", "file of a hyperbolic network trained before; empty: train one", of="path")
    clean: str = param("", "recipe that chooses the pairs to train on; empty: the whole pool", of="path")
    architecture: str = param("poolscope-mini", "open_clip architecture to train")
    samples: int = param(36_000, "pairs seen in training", low=1)
    batch: int = param(256, "training batch", low=2, high=100_000)
    references: int = param(2048, "reference pairs of the specificities", low=1, high=1_000_000)
    cosine: str = param("clip_l14", "CLIP score that is added; empty: none", of="score")
    cluster: str = param("", "flag that adds 1, such as image_based; empty: none", of="flag")
    seed: int = param(0, "another seed, other references and another training", low=0)

    def needs(self) -> tuple[str, ...]:
        vectors = (f"{self.model}_img", f"{self.model}_txt") if self.model else ("text",)
        return (*vectors, *(name for name in (self.cosine, self.cluster) if name))

    def outputs(self, pool: "Pool") -> dict[str, pa.DataType]:
        return {name: pa.float32() for name in (MAIN, *TERMS)}

    def check(self, pool: "Pool") -> None:
        super().check(pool)
        if self.model:
            for part in ("img", "txt"):
                pool.require(f"{self.model}_{part}", "embedding")
        elif self.network:
            from .kernels.hype_network import load_network

            load_network(self.network)
        elif self.clean:
            from ..recipe import load

            load(self.clean)
        if self.cosine:
            pool.require(self.cosine, "score")
        if self.cluster:
            pool.require(self.cluster, "flag")

    def work(self, pairs: int) -> float:
        """In embedded pairs; a pair in training costs about three times as much."""
        trained = 0 if self.model or self.network else 3 * self.samples
        return float(pairs + trained)

    def trial(self, sample: int, pairs: int) -> "Hype":
        return dataclasses.replace(self, samples=min(self.samples, 2 * self.batch), clean="")

    def prepare(self, pool: "Pool", progress: Progress = silent, each: Each = here) -> Space:
        """Trains the network if there is none, and embeds the references."""
        uids = pool.uids()
        order = np.argsort(uniform(self.seed, uids["f0"], uids["f1"]), kind="stable")[: self.references]
        network = "" if self.model else self.network or self._trained(pool, progress)
        images, texts, c = self._vectors(pool, order, network)
        usable = ~bad_rows(images) & ~bad_rows(texts)
        if not usable.any():
            raise InputError("no reference pair has usable vectors: import the pictures, or name columns with model=….")
        return Space(c, images[usable], texts[usable], network)

    def compute(self, pool: "Pool", unit: Unit, state: Any, progress: Progress = silent) -> dict[str, np.ndarray]:
        rows = np.arange(unit.start, unit.stop)
        images, texts, c = self._vectors(pool, rows, state.network, progress)
        terms = hype_terms(images, texts, state.images, state.texts, c)
        total = terms[0] + terms[1] + terms[2]
        for name in (self.cosine, self.cluster):
            if name:
                total = total + pool.array(name)[rows].astype(np.float32)
        return {MAIN: total, **dict(zip(TERMS, terms, strict=True))}

    def _vectors(
        self, pool: "Pool", rows: np.ndarray, network: str, progress: Progress = silent
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Tangent vectors of `rows`, NaN without a picture, and the curvature."""
        if not network:
            return stored(pool, f"{self.model}_img", rows), stored(pool, f"{self.model}_txt", rows), self.curvature
        import torch

        from .kernels.hype_network import load_network
        from .kernels.pictures import read_pictures

        loaded = load_network(network)
        images: list[np.ndarray] = []
        texts: list[np.ndarray] = []
        with torch.inference_mode():
            for part in read_pictures(pool, rows, loaded.transform):
                texts.append(loaded.texts(loaded.tokenizer(part.captions)).numpy())
                made = np.full_like(texts[-1], np.nan)
                if part.pixels is not None:
                    made[part.there] = loaded.images(part.pixels).numpy()
                images.append(made)
                progress(sum(map(len, images)), len(rows), "embedding")
            return np.concatenate(images), np.concatenate(texts), float(loaded.curvature)

    def _trained(self, pool: "Pool", progress: Progress) -> str:
        """The file of the network trained with these parameters on this pool; trains it once."""
        from ..recipe import load, select
        from .kernels.hype_network import hype_precision, train_network

        rows = np.asarray(pool.uid_order())
        recipe = ""
        if self.clean:
            chosen = load(self.clean)
            recipe = str(chosen.as_dict())
            rows = rows[select(chosen, pool).mask[rows]]
        precision = hype_precision()
        subject = (
            self.architecture,
            self.samples,
            self.batch,
            self.seed,
            recipe,
            precision,
            pool.uids()[rows].tobytes(),
        )
        name = hashlib.sha256(repr(subject).encode()).hexdigest()[:16]
        path = pool.path / "networks" / f"hype-{name}.safetensors"
        if not path.exists():
            network = train_network(
                pool,
                rows,
                architecture=self.architecture,
                samples=self.samples,
                batch=self.batch,
                seed=self.seed,
                progress=progress,
            )
            network.save(path, {"pairs": len(rows), "samples": self.samples, "seed": self.seed, "recipe": recipe,
                                "precision": precision})  # fmt: skip
        return str(path)
