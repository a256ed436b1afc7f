"""DFN: the cosine of a network that was trained on clean pairs only to filter."""

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..progress import Progress, silent
from ..scores.base import MAIN, Each, Method, Unit, here, param
from ..scores.clip_score import cosine

if TYPE_CHECKING:
    from ..pool import Pool


@dataclass(frozen=True, kw_only=True)
class Dfn(Method):
    """Data filtering network: the cosine of picture and caption under a CLIP trained on a clean subset.

    `clean`: a recipe whose pairs a network is trained on first (our own training at `scale`, kept as a run, done once); or
    `network`: one that exists, as `MODEL/PRETRAINED`, `hf-hub:…`, `MODEL/checkpoint`, a run's directory or our safetensors.
    What the paper found: a little unfiltered data in the clean subset ruins the filter at once, though its own ImageNet accuracy
    hardly falls, and that accuracy says little about how well it filters; so choose by the model trained on its output.
    The published filter weights of DFN were trained on data that is not public; apple/DFN-public is the public one.

    Gives `(n,)` float32, NaN without a readable picture; keep the top 15 %. Cost: embedding every pair once (14.8 GFLOP for
    ViT-B/32), and the training.
    """

    id = "dfn"
    title = "Data filtering network"
    formula = r"\cos\big(h_{\mathrm{clean}}(\mathrm{image}),\, h_{\mathrm{clean}}(\mathrm{text})\big)"
    paper = "Fang et al. 2023 (Data Filtering Networks), arXiv 2309.17425"
    cost = "14.8 GFLOP per pair for ViT-B/32, and one training on the clean subset"
    published = (
        "DataComp medium, top 15 % (19.2M): ImageNet 37.1, average of 38 tasks 37.3; with a filter trained on CC12M, CC3M and "
        "SS15M 30.7 and 34.9 (no filter: 17.6, 25.8)"
    )

    clean: str = param("", "recipe that chooses the pairs to train the network on", of="path")
    scale: str = param("demo", "scale of that training: demo, small, medium, …")
    network: str = param(
        "", "a network that exists, instead of training: MODEL/PRETRAINED, hf-hub:…, or a path", of="path"
    )
    seed: int = param(0, "seed of the training", low=0)
    device: str = param("auto", "where the network runs", of="device")

    def needs(self) -> tuple[str, ...]:
        return ("text",)

    def check(self, pool: "Pool") -> None:
        from ..models import Model

        super().check(pool)
        if bool(self.clean) == bool(self.network):
            raise InputError("dfn: give either clean=RECIPE.yaml, to train a network, or network=MODEL/PRETRAINED.")
        if self.network:
            Model.parse(self.network)
        else:
            from ..recipe import load
            from .scales import scale_named

            load(self.clean)
            scale_named(self.scale)

    def trial(self, sample: int, pairs: int) -> "Dfn":
        """With an untrained network of that scale, which embeds as fast."""
        from .scales import scale_named

        return self if self.network else dataclasses.replace(self, clean="", network=scale_named(self.scale).model)

    def training(self, pool: "Pool") -> float:
        if self.network:
            return 0.0
        from .cost import estimate

        told = estimate(len(pool), self.scale, pool=pool).seconds
        return sum(told.values()) - told["evaluation"]

    def prepare(self, pool: "Pool", progress: Progress = silent, each: Each = here) -> str:
        """The name of the network; trains it if this pool, recipe, scale and seed have not given one yet."""
        if self.network:
            return self.network
        from .. import paths
        from ..recipe import load
        from .run import Run
        from .training import train

        recipe = load(self.clean)
        subject = (str(pool.path.resolve()), len(pool), recipe.as_dict(), self.scale, self.seed)
        name = f"dfn-{hashlib.sha256(repr(subject).encode()).hexdigest()[:12]}"
        if (paths.runs() / name / "run.json").exists() and Run.load(name).finished:
            return str(paths.runs() / name)
        going_on = (paths.runs() / name / "run.json").exists()
        run = train(
            recipe,
            pool,
            scale=self.scale,
            seed=self.seed,
            run_id=name,
            resume=going_on,
            evaluate=False,
            progress=progress,
        )
        return str(run.path)

    def compute(self, pool: "Pool", unit: Unit, state: Any, progress: Progress = silent) -> dict[str, np.ndarray]:
        from ..models import Model
        from ..scores.kernels.pictures import read_pictures

        loaded = Model.parse(state).load(self.device)
        rows = np.arange(unit.start, unit.stop)
        scores = np.full(len(rows), np.nan, np.float32)
        done = 0
        for part in read_pictures(pool, rows, loaded.transform):
            if part.pixels is not None:
                captions = [caption for caption, there in zip(part.captions, part.there, strict=True) if there]
                scores[part.rows[part.there] - unit.start] = cosine(loaded.images(part.pixels), loaded.texts(captions))
            done += len(part.rows)
            progress(done, len(rows), "embedding")
        return {MAIN: scores}
