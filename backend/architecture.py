"""Architectures: the multiply-adds and parameters of a pair of transformers, from open_clip's configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import InputError


@dataclass(frozen=True)
class Tower:
    """One transformer: its sequence length, width, depth, and multiply-adds besides its layers."""

    tokens: int
    width: int
    layers: int
    more_macs: float = 0.0
    more_parameters: float = 0.0
    mlp: float = 4.0

    @property
    def macs(self) -> float:
        per_layer = (4 + 2 * self.mlp) * self.width**2 * self.tokens + 2 * self.tokens**2 * self.width
        return self.layers * per_layer + self.more_macs

    @property
    def parameters(self) -> float:
        return self.layers * (4 + 2 * self.mlp) * self.width**2 + self.tokens * self.width + self.more_parameters


@dataclass(frozen=True)
class Size:
    """Multiply-adds of one pair's forward pass and the parameters of a model."""

    macs: float
    parameters: int
    image: Tower = field(repr=False)
    text: Tower = field(repr=False)


def size_of(model: str, config: Mapping[str, Any]) -> Size:
    """Of `model` with open_clip's configuration `config`. Raises InputError for what is no pair of transformers."""
    vision, text, dim = config["vision_cfg"], config["text_cfg"], int(config["embed_dim"])
    if not isinstance(vision.get("layers"), int) or "width" not in text:
        raise InputError(f"model {model!r} is not a pair of transformers, so its cost can't be computed; "
                         "benchmark scales use ViT models")  # fmt: skip
    side, patch = int(vision["image_size"]), int(vision["patch_size"])
    patches, width = (side // patch) ** 2, int(vision["width"])
    image = Tower(patches + 1, width, vision["layers"], patches * 3 * patch**2 * width + width * dim,
                  3 * patch**2 * width + width * dim, float(vision.get("mlp_ratio", 4)))  # fmt: skip
    wide, length = int(text["width"]), int(text.get("context_length", 77))
    words = Tower(length, wide, int(text.get("layers", 12)), wide * dim,
                  int(text.get("vocab_size", 49408)) * wide + wide * dim, float(text.get("mlp_ratio", 4)))  # fmt: skip
    return Size(image.macs + words.macs, round(image.parameters + words.parameters), image, words)
