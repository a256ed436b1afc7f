"""A hyperbolic CLIP: an open_clip network whose outputs are tangent vectors of a Lorentz space, trained MERU-style."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...devices import autocast, choose, training_precision
from ...errors import InputError
from ...models import register_configs, save_weights, tokenizer
from ...pool import Pool
from ...progress import Progress, silent
from . import lorentz
from .images import read_images
from .mixing import batches

ENTAILMENT = 0.2  # weight of the cone loss; insensitive from 0.01 to 0.3
_CACHE = 1 << 30  # bytes of decoded images kept in memory while training


class HyperbolicClip(nn.Module):
    """Encoders that give tangent vectors `exp(alpha) * projection`, with a learnt curvature -c and logit scale.

    All three scalars are logs: c starts at 1 and stays in [0.1, 10], the scale starts at 1/0.07 and stays below 100,
    exp(alpha) starts at d^(-1/2) and stays below 1.
    """

    def __init__(self, architecture: str) -> None:
        super().__init__()
        import open_clip

        register_configs()
        if architecture not in open_clip.list_models():
            raise InputError(
                f"architecture {architecture!r} is unknown: use a model that open_clip lists, or poolscope-mini."
            )
        self.architecture = architecture
        self.clip, _, self.transform = open_clip.create_model_and_transforms(architecture)
        self.tokenizer = tokenizer(architecture)
        with torch.no_grad():
            dim = self.clip.encode_text(self.tokenizer(["a"])).shape[1]
        self.log_c = nn.Parameter(torch.zeros(()))
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        self.alpha_img = nn.Parameter(torch.tensor(-0.5 * math.log(dim)))
        self.alpha_txt = nn.Parameter(torch.tensor(-0.5 * math.log(dim)))

    @property
    def curvature(self) -> torch.Tensor:
        return self.log_c.clamp(math.log(0.1), math.log(10)).exp()

    def images(self, pixels: torch.Tensor) -> torch.Tensor:
        """Tangent vectors of images, (n, d) float32."""
        return self.alpha_img.clamp(max=0).exp() * self.clip.encode_image(pixels).float()

    def texts(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tangent vectors of captions, (n, d) float32."""
        return self.alpha_txt.clamp(max=0).exp() * self.clip.encode_text(tokens).float()

    def loss(self, images: torch.Tensor, texts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Contrastive loss on -distance, and the mean cone violation `max(0, exterior angle - half-aperture)`."""
        c = self.curvature
        x, y = lorentz.exponential_map(images, c), lorentz.exponential_map(texts, c)
        logits = -self.log_scale.clamp(max=math.log(100)).exp() * lorentz.distance(lorentz.excess(x, y, c), c)
        same = torch.arange(len(x), device=logits.device)
        contrast = (nn.functional.cross_entropy(logits, same) + nn.functional.cross_entropy(logits.T, same)) / 2
        outside = lorentz.exterior_angles_of_pairs(y, x, c) - lorentz.half_aperture(y, c)
        return contrast, outside.clamp(min=0).mean()

    def save(self, path: Path, about: dict[str, Any]) -> None:
        save_weights(self, path, model=self.architecture, about={"kind": "hyperbolic", **about})


def load_network(path: Path | str) -> HyperbolicClip:
    """A network that `HyperbolicClip.save` wrote. InputError for any other file."""
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_file

    if not Path(path).is_file():
        raise InputError(f"no hyperbolic network at {str(path)!r}: leave network empty to train one.")
    try:
        with safe_open(str(path), "np") as weights:
            known = weights.metadata() or {}
        if json.loads(known.get("about", "{}")).get("kind") != "hyperbolic":
            raise InputError(f"{str(path)!r} is not a hyperbolic network of ours: leave network empty to train one.")
        network = HyperbolicClip(known["model"])
        network.load_state_dict(load_file(str(path)))
    except (SafetensorError, RuntimeError, KeyError) as error:
        raise InputError(
            f"{str(path)!r} can't be loaded ({str(error).splitlines()[0][:100]}): train it again."
        ) from None
    return network.eval()


def hype_precision(device: str = "auto") -> str:
    """The precision that a training takes on `device`: `amp_bf16` where that is fast, else `fp32` (float16 would need
    scaled gradients)."""
    fastest = training_precision(choose(device))
    return "fp32" if fastest == "amp" else fastest


def train_network(
    pool: Pool,
    rows: np.ndarray,
    *,
    architecture: str,
    samples: int,
    batch: int,
    seed: int,
    lr: float = 5e-4,
    progress: Progress = silent,
) -> HyperbolicClip:
    """Trains on the pairs of `rows`: AdamW (betas 0.9, 0.98; weight decay 0.2 on matrices), a tenth of the steps warm up,
    then a cosine; `contrast + 0.2 * cone violation`. Deterministic on one machine for one seed and order of rows.

    Raises InputError for fewer than 2 pairs with images.
    """
    torch.manual_seed(seed)
    device = choose("auto")
    network = HyperbolicClip(architecture).to(device).train()
    feed, batch = _Feed(pool, rows, network), min(batch, len(rows))
    if batch < 2:
        raise InputError(f"{len(rows)} pairs are too few to train on: choose a larger clean subset.")
    steps = max(1, samples // batch)
    optimiser = _optimiser(network, lr)
    for step, chosen in enumerate(batches(len(rows), batch, steps, np.random.default_rng(seed))):
        pixels, tokens = feed.batch(chosen)
        if pixels is None or len(pixels) < 2:
            raise InputError(
                "the clean subset has too few readable images: choose another recipe, or import the images."
            )
        for group in optimiser.param_groups:
            group["lr"] = lr * _warm_then_cosine(step, steps)
        with autocast(device, hype_precision(device)):  # only the encoders run in less than float32
            images, texts = network.images(pixels.to(device)), network.texts(tokens.to(device))
        contrast, cone = network.loss(images, texts)
        optimiser.zero_grad(set_to_none=True)
        (contrast + ENTAILMENT * cone).backward()
        optimiser.step()
        progress(
            step + 1, steps, "training", loss=contrast.item(), cone=cone.item(), curvature=network.curvature.item()
        )
    return network.eval().cpu()


def _optimiser(network: HyperbolicClip, lr: float) -> torch.optim.Optimizer:
    """AdamW that decays matrices and leaves gains, biases and the three scalars alone."""
    matrices = [p for p in network.parameters() if p.ndim > 1]
    rest = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": 0.2}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.98))


def _warm_then_cosine(step: int, steps: int) -> float:
    """The share of the learning rate at a step."""
    warm = max(1, steps // 10)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


class _Feed:
    """Batches of images and tokens; images are kept decoded while they fit."""

    def __init__(self, pool: Pool, rows: np.ndarray, network: HyperbolicClip) -> None:
        self._pool, self._rows, self._network = pool, np.asarray(rows), network
        self._kept: dict[int, Any] = {}
        self._room = _CACHE

    def batch(self, chosen: np.ndarray) -> tuple[Any, Any]:
        missing = self._rows[[i for i in chosen.tolist() if i not in self._kept]]
        tensors: dict[int, Any] = {}
        for part in read_images(self._pool, missing, self._network.transform):
            pixels = iter(part.pixels if part.pixels is not None else ())
            for row, there, caption in zip(part.rows.tolist(), part.there.tolist(), part.captions, strict=True):
                tensors[row] = (next(pixels) if there else None, caption)
        pairs = []
        for i in chosen.tolist():
            pair = self._kept.get(i) or tensors[int(self._rows[i])]
            if i not in self._kept and self._room > 0:
                self._kept[i] = pair
                self._room -= pair[0].numel() * 4 if pair[0] is not None else 0
            if pair[0] is not None:
                pairs.append(pair)
        if not pairs:
            return None, None
        return torch.stack([pixels for pixels, _ in pairs]), self._network.tokenizer([caption for _, caption in pairs])
