"""HYPE: how specific image and caption are in a hyperbolic space, and how near they are to each other."""

import dataclasses
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import InputError
from ..kernels.hashing import lowest, uniform
from ..kernels.matmul import bad_rows
from ..pool import Pool, digests
from ..progress import Progress, silent
from .base import MAIN, Each, Method, Unit, here, param
from .kernels.dealing import stored
from .kernels.folds import alignments, fold_samples, folds_of, training_share
from .kernels.lorentz import TERMS, Space, Spaces, hype_terms

KEPT = 0.2  # of the pool, the larger of the paper's two fractions


@dataclass(frozen=True, kw_only=True)
class Hype(Method):
    """HYPE: `eps_i + eps_t - d_L(image, text) + cos + c_IN`, in a Lorentz space of curvature -c.

    eps_i (eps_t): specificity of image (caption), the mean over reference captions (images) of exterior angle minus half-
    aperture of the entailment cone, captions being the apexes; not clamped, higher is more specific. d_L: Lorentzian distance.
    cos: an ordinary CLIP score (`cosine`). c_IN: 0 or 1 of the image-based flag (`cluster`; left out by default,
    as the released code computes only the first three terms). The paper keeps 10 or 20 % of the pool.

    The space comes from a hyperbolic CLIP: trained here on the pairs that the recipe `clean` keeps (MERU's losses; the paper's
    own ViT-L/14 is not published under a free licence), or a `network` trained before, or tangent vectors in the pool's
    columns `<model>_img`, `<model>_txt` with a given `curvature`. References are pairs drawn by a hash of (seed, uid).
    What is trained here is cross-fitted: uids are dealt into `folds`, each pair is scored by the network of the other folds,
    for a network favours the pairs that it has seen; the folds' terms are brought to one mean and spread.
    Formulas are kept stable near the origin and at distance zero, where the released code gives NaN.

    Gives `(n,)` float32 and three columns of terms; NaN without a readable image. Cost: embedding the pair, and 4 r d FLOP
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
    inputs = ("{cosine}", "{cluster}")
    extras = dict.fromkeys(TERMS, pa.float32())

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
    folds: int = param(
        2, "networks to train, each scores the pairs that it has not seen; 1: one for all", low=1, high=20
    )
    seed: int = param(0, "another seed, other references and another training", low=0)

    def contents(self, pool: Pool) -> dict[str, str]:
        clean = self._training_rows(pool) if self.clean and self._trains else None
        named = {name: digest for name, digest in super().contents(pool).items() if name != "clean"}
        return named if clean is None else named | {"clean": hashlib.sha256(pool.uids()[clean].tobytes()).hexdigest()}

    def resolved(self) -> dict[str, str]:
        from .kernels.hype_network import hype_precision

        return super().resolved() | ({"precision": hype_precision()} if self._trains else {})

    def needs(self) -> tuple[str, ...]:
        vectors = (f"{self.model}_img", f"{self.model}_txt") if self.model else ("text",)
        return (*vectors, *super().needs())

    def check(self, pool: Pool) -> None:
        super().check(pool)
        if self.model:
            return
        if self.network:
            from .kernels.hype_network import load_network

            load_network(self.network)
        elif self.clean:
            from ..recipe import load

            load(self.clean)

    def work(self, pairs: int) -> float:
        """In embedded pairs; a pair in training costs about three times as much."""
        trained = 3 * self.samples * self.folds if self._trains else 0
        return float(pairs + trained)

    def trial(self, sample: int, pairs: int) -> "Hype":
        return dataclasses.replace(self, samples=min(self.samples, 2 * self.batch), clean="")

    def prepare(self, pool: Pool, progress: Progress = silent, each: Each = here) -> Spaces:
        """Trains the networks that there are not yet, embeds the references, and compares the folds on samples."""
        uids = pool.uids()
        order = lowest(uniform(self.seed, uids["f0"], uids["f1"]), self.references)
        networks = self._networks(pool, progress) if self._trains else ["" if self.model else self.network]
        spaces = tuple(self._space(pool, order, network) for network in networks)
        if self.model:
            return Spaces(spaces, (((1.0, 0.0),),) * len(TERMS))
        terms, own, shuffled = [], [], []
        for space, rows in zip(spaces, fold_samples(pool, len(spaces))):
            images, texts, _ = self._vectors(pool, rows, space.network)
            others = np.roll(texts, -1, axis=0)
            terms.append(hype_terms(images, texts, space.images, space.texts, space.c))
            near = hype_terms(images, others, space.images, space.texts, space.c)[2]
            own.append(terms[-1][2])
            shuffled.append(np.where((others != texts).any(axis=1), near, np.float32(np.nan)))
        lines = tuple(alignments([samples[place] for samples in terms]) for place in range(len(TERMS)))
        first = lines[2]
        own, shuffled = ([a * part + b for (a, b), part in zip(first, parts)] for parts in (own, shuffled))
        return Spaces(spaces, lines, np.concatenate(own), np.concatenate(shuffled))

    def recognised(self, state: Spaces) -> tuple[np.ndarray, np.ndarray] | None:
        return (state.own, state.shuffled) if len(state.own) else None

    def findings(self, pool: Pool, tables: Iterable[pa.Table]) -> dict[str, Any]:
        if not self._trains:
            return {}
        seen = np.zeros(len(pool), bool)
        seen[self._training_rows(pool)] = True
        return training_share(tables, seen, KEPT, self.folds, "score with folds=2 or more")

    def compute(self, pool: Pool, unit: Unit, state: Any, progress: Progress = silent) -> dict[str, np.ndarray]:
        rows = np.arange(unit.start, unit.stop)
        terms = np.full((len(TERMS), len(rows)), np.nan, np.float32)
        folds = folds_of(pool, len(state.folds), rows)
        for fold, space in enumerate(state.folds):
            mine = np.flatnonzero(folds == fold)
            images, texts, c = self._vectors(pool, rows[mine], space.network, progress)
            for place, term in enumerate(hype_terms(images, texts, space.images, space.texts, c)):
                a, b = state.lines[place][fold]
                terms[place, mine] = a * term + b
        total = terms.sum(axis=0)
        for name in (self.cosine, self.cluster):
            if name:
                total = total + pool.array(name)[rows].astype(np.float32)
        return {MAIN: total, **dict(zip(TERMS, terms, strict=True))}

    @property
    def _trains(self) -> bool:
        return not (self.model or self.network)

    def _space(self, pool: Pool, references: np.ndarray, network: str) -> Space:
        """The space of a network with its references. Raises InputError if none of them has usable vectors."""
        images, texts, c = self._vectors(pool, references, network)
        usable = ~bad_rows(images) & ~bad_rows(texts)
        if not usable.any():
            raise InputError("no reference pair has usable vectors: import the images, or name columns with model=….")
        return Space(c, images[usable], texts[usable], network)

    def _vectors(
        self, pool: Pool, rows: np.ndarray, network: str, progress: Progress = silent
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Tangent vectors of `rows`, NaN without an image, and the curvature."""
        if not network:
            return stored(pool, f"{self.model}_img", rows), stored(pool, f"{self.model}_txt", rows), self.curvature
        import torch

        from .kernels.hype_network import load_network
        from .kernels.images import read_images

        loaded = load_network(network)
        images: list[np.ndarray] = []
        texts: list[np.ndarray] = []
        with torch.inference_mode():
            for part in read_images(pool, rows, loaded.transform):
                texts.append(loaded.texts(loaded.tokenizer(part.captions)).numpy())
                vectors = np.full_like(texts[-1], np.nan)
                if part.pixels is not None:
                    vectors[part.there] = loaded.images(part.pixels).numpy()
                images.append(vectors)
                progress(sum(map(len, images)), len(rows), "embedding")
            if not images:
                return np.empty((0, 1), np.float32), np.empty((0, 1), np.float32), float(loaded.curvature)
            return np.concatenate(images), np.concatenate(texts), float(loaded.curvature)

    def _training_rows(self, pool: Pool) -> np.ndarray:
        """The rows that `clean` keeps, all without it, in uid order, so that the pool's row order doesn't matter."""
        rows = np.asarray(pool.uid_order())
        if not self.clean:
            return rows
        from ..recipe import load, select

        return rows[select(load(self.clean), pool).mask[rows]]

    def _networks(self, pool: Pool, progress: Progress) -> list[str]:
        """The file of each fold's network; what was trained before on the same pairs is not trained again."""
        rows = self._training_rows(pool)
        if self.folds == 1:
            return [self._trained(pool, rows, progress, "training")]
        folds = folds_of(pool, self.folds)[rows]
        return [
            self._trained(pool, rows[folds != fold], progress, f"training, fold {fold + 1} of {self.folds}")
            for fold in range(self.folds)
        ]

    def _trained(self, pool: Pool, rows: np.ndarray, progress: Progress, words: str) -> str:
        """The file of the network trained with these parameters on these rows; trains it once."""
        from .kernels.hype_network import hype_precision, train_network

        settings = {"samples": self.samples, "batch": self.batch, "seed": self.seed}
        about = settings | {"pairs": len(rows), "architecture": self.architecture, "precision": hype_precision()}
        subject = about | {"uids": hashlib.sha256(pool.uids()[rows].tobytes()).hexdigest()}
        path = pool.path / "networks" / f"hype-{digests.of_value(subject)[:16]}.safetensors"
        if not path.exists():

            def report(done: int, total: int, message: str = "", **figures: float) -> None:
                progress(done, total, words, **figures)

            network = train_network(pool, rows, architecture=self.architecture, **settings, progress=report)
            network.save(path, about)
        return str(path)
