"""DFN: the cosine of a network that was trained on clean pairs only to filter."""

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from .. import files, paths
from ..errors import InputError
from ..pool import digests
from ..progress import Progress, silent
from ..scores.base import MAIN, Each, Method, Unit, here, param
from ..scores.clip_score import cosine
from ..scores.kernels.folds import alignments, fold_samples, folds_of, training_share
from .phase import titled

if TYPE_CHECKING:
    from ..models import Loaded
    from ..pool import Pool

KEPT = 0.15  # of the pool, as in the paper


@dataclass(frozen=True)
class Filter:
    """The network of each fold, and the lines `(a, b)` that bring their cosines to one mean and spread.

    `own`, `shuffled`: cosines of sampled images with their own captions and with others', by networks that know neither.
    """

    networks: tuple[str, ...]
    lines: tuple[tuple[float, float], ...]
    own: np.ndarray
    shuffled: np.ndarray


def network_digest(text: str) -> str:
    """The digest of the weights behind a network's name, where they are a file."""
    from ..models import Model

    return Model.parse(text).digest if text else ""


@dataclass(frozen=True, kw_only=True)
class Dfn(Method):
    """Data filtering network: the cosine of image and caption under a CLIP trained on a clean subset.

    `clean`: a recipe whose pairs networks are trained on first (our own training at `scale`, kept as runs, done once); or
    `network`: one that exists, as `MODEL/PRETRAINED`, `hf-hub:…`, `MODEL/checkpoint`, a run's directory or our safetensors.
    A network favours the pairs that it was trained on, and the clean set lies in the pool; so training is cross-fitted: uids
    are dealt into `folds`, each pair is scored by the network that was trained on the clean pairs of the other folds, and
    the folds' cosines are brought to one mean and spread, measured on 2,000 pairs of each.
    What the paper found: a little unfiltered data in the clean subset ruins the filter at once, though its own ImageNet accuracy
    hardly falls, and that accuracy says little about how well it filters; so choose by the model trained on its output.
    The published filter weights of DFN were trained on data that is not public; apple/DFN-public is the public one.

    Gives `(n,)` float32, NaN without a readable image; keep the top 15 %. Cost: embedding every pair once (14.8 GFLOP for
    ViT-B/32), and a training for each fold.
    """

    id = "dfn"
    title = "Data filtering network"
    formula = r"\cos\big(h_{\mathrm{clean}}(\mathrm{image}),\, h_{\mathrm{clean}}(\mathrm{text})\big)"
    paper = "Fang et al. 2023 (Data Filtering Networks), arXiv 2309.17425"
    cost = "14.8 GFLOP per pair for ViT-B/32, and a training on the clean subset for each of two folds"
    published = (
        "DataComp medium, top 15 % (19.2M): ImageNet 37.1, average of 38 tasks 37.3; with a filter trained on CC12M, CC3M and "
        "SS15M 30.7 and 34.9 (no filter: 17.6, 25.8)"
    )

    clean: str = param("", "recipe that chooses the pairs to train the networks on", of="path")
    scale: str = param("demo", "scale of that training: demo, small, medium, …")
    network: str = param(
        "",
        "a network that exists, instead of training: MODEL/PRETRAINED, hf-hub:…, or a path",
        of="path",
        content=network_digest,
    )
    folds: int = param(
        2, "networks to train, each scores the pairs that it has not seen; 1: one for all", low=1, high=20
    )
    seed: int = param(0, "seed of the training", low=0)
    device: str = param("auto", "where the network runs", of="device")

    def contents(self, pool: "Pool") -> dict[str, str]:
        by_name = {name: digest for name, digest in super().contents(pool).items() if name != "clean"}
        if self.network:
            return by_name
        return by_name | {"clean": _digest(self._training_uids(pool)), "scale": digests.of_value(asdict(self._scale))}

    def resolved(self) -> dict[str, str]:
        from ..devices import cuda_devices

        trained_on = "cuda" if cuda_devices() else "cpu"
        return super().resolved() | ({} if self.network else {"precision": self._scale.on(trained_on).precision})

    def needs(self) -> tuple[str, ...]:
        return ("text",)

    def check(self, pool: "Pool") -> None:
        from ..models import Model

        super().check(pool)
        if bool(self.clean) == bool(self.network):
            raise InputError("dfn: give either clean=RECIPE.yaml, to train networks, or network=MODEL/PRETRAINED.")
        if self.network:
            Model.parse(self.network)
        else:
            from ..recipe import load

            load(self.clean)
            _ = self._scale

    def trial(self, sample: int, pairs: int) -> "Dfn":
        """With an untrained network of that scale, which embeds as fast."""
        return self if self.network else dataclasses.replace(self, clean="", network=self._scale.model)

    def flop(self, pairs: int, dim: int, targets: int = 0) -> float:
        from .cost import size_of

        network = self.network.partition("/")[0] if self.network else self._scale.model
        try:
            return 2 * size_of(network).macs * pairs
        except InputError:  # no pair of transformers, or a file that names its own
            return 0.0

    def arithmetic(self) -> str:
        return "embedding"

    def training(self, pool: "Pool") -> float:
        if self.network:
            return 0.0
        from .cost import estimate

        seconds = estimate(len(pool), self.scale, pool=pool).seconds
        return self.folds * (sum(seconds.values()) - seconds["evaluation"])

    def prepare(self, pool: "Pool", progress: Progress = silent, each: Each = here) -> Filter:
        """Trains the networks that this clean subset, scale and seed have not given yet, and compares them on samples."""
        networks = (self.network,) if self.network else tuple(self._trained(pool, progress))
        own, shuffled = [], []
        for network, rows in zip(networks, fold_samples(pool, len(networks))):
            near, far = self._recognised(pool, rows, network)
            own.append(near)
            shuffled.append(far)
        lines = alignments(own)
        own, shuffled = ([a * part + b for (a, b), part in zip(lines, parts)] for parts in (own, shuffled))
        return Filter(networks, lines, np.concatenate(own), np.concatenate(shuffled))

    def recognised(self, state: Filter) -> tuple[np.ndarray, np.ndarray]:
        return state.own, state.shuffled

    def compute(self, pool: "Pool", unit: Unit, state: Any, progress: Progress = silent) -> dict[str, np.ndarray]:
        rows = np.arange(unit.start, unit.stop)
        scores = np.full(len(rows), np.nan, np.float32)
        folds, done = folds_of(pool, len(state.networks), rows), 0
        for fold, (network, (a, b)) in enumerate(zip(state.networks, state.lines)):
            for part, images, texts in self._embedded(pool, rows[folds == fold], network):
                scores[part - unit.start] = a * cosine(images, texts) + b
                done += len(part)
                progress(done, len(rows), "embedding")
        return {MAIN: scores}

    def findings(self, pool: "Pool", tables: Iterable[pa.Table]) -> dict[str, Any]:
        if not self.network:
            return self._share(pool, tables, self._training_uids(pool), self.folds, "score with folds=2 or more")
        subset = Path(self.network) / "subset.npy"
        if not subset.is_file():
            return {}
        from ..recipe.subset_files import read_subset

        return self._share(pool, tables, read_subset(subset), 1, "use clean=RECIPE, which trains networks for it")

    def _share(
        self, pool: "Pool", tables: Iterable[pa.Table], uids: np.ndarray, folds: int, remedy: str
    ) -> dict[str, Any]:
        rows = pool.rows_of(np.unique(uids))
        seen = np.zeros(len(pool), bool)
        seen[rows[rows >= 0]] = True
        return training_share(tables, seen, KEPT, folds, remedy)

    @property
    def _scale(self) -> Any:
        from .scales import scale_named

        return scale_named(self.scale)

    def _training_uids(self, pool: "Pool") -> np.ndarray:
        """`(k,)` records `u8,u8`, ascending: the clean pairs, each as often as it is drawn."""
        from ..export.subset import kept_uids
        from ..recipe import load, select

        clean = select(load(self.clean), pool)
        return kept_uids(pool, clean.mask, clean.wanted)

    def _trained(self, pool: "Pool", progress: Progress) -> Iterator[str]:
        """The directory of each fold's run; one that was interrupted goes on, one that is done is not trained again."""
        from ..recipe import load

        uids, name = self._training_uids(pool), load(self.clean).name
        fold_of_row = folds_of(pool, self.folds)[pool.rows_of(uids)]
        for fold in range(self.folds):
            part, words = (uids[fold_of_row != fold], f", fold {fold + 1} of {self.folds}")
            if self.folds == 1:
                part, words = uids, ""
            yield self._run(pool, part, name + words, titled(progress, words.removeprefix(", ")))

    def _run(self, pool: "Pool", uids: np.ndarray, name: str, progress: Progress) -> str:
        from ..recipe import Recipe
        from ..runs import Run
        from .training import train

        held = [pool.digest(column) for column in ("text", "image") if column in pool.columns]
        subject = {"uids": _digest(uids), "held": held, "scale": asdict(self._scale), "seed": self.seed}
        directory = paths.runs() / f"dfn-{digests.of_value(subject)[:12]}"
        begun = (directory / "run.json").exists()
        if begun and (trained := Run.load(directory.name)).finished and trained.weights_path.is_file():
            return str(directory)
        files.write_array(directory / "clean.npy", uids)
        recipe = Recipe.model_validate({"name": name, "keep": [{"subset": str(directory / "clean.npy")}]})
        run = train(recipe, pool, scale=self.scale, seed=self.seed, run_id=directory.name, resume=begun, evaluate=False,
                    progress=progress)  # fmt: skip
        return str(run.path)

    def _recognised(self, pool: "Pool", rows: np.ndarray, network: str) -> tuple[np.ndarray, np.ndarray]:
        """Cosines of the images at `rows` with their own captions, and with the next one's where it differs."""
        parts = [(images, texts) for _, images, texts in self._embedded(pool, rows, network)]
        if not parts:
            return np.empty(0, np.float32), np.empty(0, np.float32)
        images, texts = (np.concatenate(side) for side in zip(*parts))
        others = np.roll(texts, -1, axis=0)
        return cosine(images, texts), cosine(images, others)[(others != texts).any(axis=1)]

    def _embedded(
        self, pool: "Pool", rows: np.ndarray, network: str
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Batches of those `rows` that have a readable image, with unit vectors of images and captions."""
        from ..models import Model
        from ..scores.kernels.images import read_images

        loaded: Loaded = Model.parse(network).load(self.device)
        for part in read_images(pool, rows, loaded.transform):
            if part.pixels is not None:
                captions = [caption for caption, there in zip(part.captions, part.there, strict=True) if there]
                yield part.rows[part.there], loaded.images(part.pixels), loaded.texts(captions)


def _digest(uids: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(uids).tobytes()).hexdigest()
