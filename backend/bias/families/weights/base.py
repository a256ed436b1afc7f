"""What the families with weights share: loading through a library that is an extra, one image at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ....errors import InputError
from ....progress import Progress, silent
from ...descriptor import DESCRIPTOR, describe
from ...sample import Sample
from ..base import Features, ImageFamily, by_chunk

BATCH = 16


def imported(package: str) -> Any:
    """The package, or InputError that says how to get it."""
    import importlib

    try:
        return importlib.import_module(package)
    except ImportError:
        raise InputError(f"{package} is not installed; run `pip install poolscope[weights]`.") from None


def loaded(load: Callable[..., Any], weights: str, **options: Any) -> Any:
    """`load(weights)` of transformers or diffusers; InputError when the weights can't be had or don't fit."""
    try:
        return load(weights, **options)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"weights {weights!r} can't be loaded: {first[:200]}; give a directory or a hub name."
        ) from None


def placed(network: Any, device: str) -> Any:
    """A network on a device, ready to be asked."""
    from ....devices import choose

    return network.to(choose(device)).eval()


def processor_and_network(processor: str, network: str, weights: str, device: str) -> tuple[Any, Any]:
    """Both from `weights`, by the names of their classes in transformers."""
    transformers = imported("transformers")
    prepares, answers = (loaded(getattr(transformers, name).from_pretrained, weights) for name in (processor, network))
    return prepares, placed(answers, device)


@dataclass(frozen=True, kw_only=True)
class WithWeights(ImageFamily):
    """An image family that runs a model on batches; `weights` is a directory or a hub name."""

    weights: str
    device: str = "auto"
    photographic = False

    def parameters(self) -> dict[str, Any]:
        return {"weights": self.weights}

    @cached_property
    def where(self) -> Any:
        import torch

        from ....devices import choose

        return torch.device(choose(self.device))

    def changed(self, images: np.ndarray) -> np.ndarray:
        """`(b, s, s, 3)` uint8 to the same, by the model."""
        raise NotImplementedError

    def change(self, images: np.ndarray, sample: Sample, start: int) -> np.ndarray:
        parts = [self.changed(images[at : at + BATCH]) for at in range(0, len(images), BATCH)]
        return np.concatenate(parts)

    def features(self, sample: Sample, progress: Progress = silent) -> Features:
        """As every image family, but chunk after chunk: the model uses all cores itself."""

        def described(images: np.ndarray, start: int) -> np.ndarray:
            return describe(self.change(images, sample, start))

        return Features(by_chunk(sample, described, progress, chunk=64, at_once=1), DESCRIPTOR)


def palette(count: int) -> np.ndarray:
    """`(count, 3)` uint8: a fixed colour per class, well apart for neighbours, never white."""
    number = np.arange(count, dtype=np.uint32)
    mixed = (number * np.uint32(2654435761)) >> np.uint32(8)
    return np.stack([mixed & 0xFF, (mixed >> 8) & 0xFF, (mixed >> 16) & 0xFF], axis=1).astype(np.uint8) // 8 * 7
