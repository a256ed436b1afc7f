"""Depth: the geometry of the scene."""

from functools import cached_property
from typing import Any

import numpy as np

from .base import WithWeights, processor_and_network


class Depth(WithWeights):
    """Relative depth, stretched per image to 0…255 grey, by a depth model of transformers (Depth-Anything-V2)."""

    id = "depth"
    title = "Depth"
    group = "structure"
    keeps = "how near each part is"
    published = (73.1, 0.2)

    @cached_property
    def _model(self) -> tuple[Any, Any]:
        return processor_and_network("AutoImageProcessor", "AutoModelForDepthEstimation", self.weights, self.device)

    def changed(self, images: np.ndarray) -> np.ndarray:
        import torch
        from torch.nn import functional

        processor, network = self._model
        inputs = processor(images=list(images), return_tensors="pt").to(self.where)
        with torch.inference_mode():
            depth = network(**inputs).predicted_depth.float()
            size = images.shape[1]
            depth = functional.interpolate(depth[:, None], (size, size), mode="bicubic", align_corners=False)[:, 0]
        values = depth.cpu().numpy()
        low = values.min(axis=(1, 2), keepdims=True)
        reach = np.maximum(values.max(axis=(1, 2), keepdims=True) - low, 1e-6)
        return np.repeat(((values - low) / reach * 255).astype(np.uint8)[..., None], 3, axis=3)
